"""Interaction values against numbers on paper, brute force over all sets of players, and shap."""

from __future__ import annotations

import itertools
import pickle
import time
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import scipy.sparse as sp
from made_trees import exact_interactions, exact_pairs, make_rows, make_trees
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from tree_checks import classes, numbers, shap

from automl_explain import FeatureMap
from automl_explain.exceptions import InputError
from automl_explain.treeshap import Interactions, Players, TreeEnsemble, TreeModel, read_trees


def values_of(trees: TreeEnsemble, X: Any, players: Any = None) -> np.ndarray:
    return TreeModel.of(trees, n_jobs=1).interaction_values(X, players)


def check(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    """Equal within the tolerance, relative to the largest value of each row."""
    scale = np.abs(wanted).max(axis=(0, 2, 3), initial=0.0)[None, :, None, None]
    assert (np.abs(found - wanted) <= tolerance * scale).all()


# By hand


def two_features() -> TreeModel:
    """Root on a (20 rows at 0), then b (10 rows at 8, 10 rows at 12); the mean is 5."""
    X = np.array(list(itertools.product([0.0, 1.0], repeat=2)) * 10)
    params = {"learning_rate": 1.0, "num_leaves": 3, "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbose": -1}
    booster = lgb.train(params, lgb.Dataset(X, 8 * X[:, 0] + 4 * X[:, 0] * X[:, 1], params=params), 1)
    return TreeModel([booster.model_to_string()])


def test_a_tree_of_two_features_gives_the_numbers_on_paper() -> None:
    """Row (1, 1): v() = 5, v(a) = 10, v(b) = 6, v(a, b) = 12, so the index is 12 - 10 - 6 + 5 = 1; half of it is 0.5.

    The Shapley values are 5.5 and 1.5, which leaves 5 and 1 on the diagonal. Row (0, 1): v(a) = v(a, b) = 0 and
    v(b) = 6, so the index is 0 - 0 - 6 + 5 = -1; the Shapley values are -5.5 and 0.5.
    """
    found = two_features().interaction_values(np.array([[1.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(found, [[[[5.0, 0.5], [0.5, 1.0]], [[-5.0, -0.5], [-0.5, 1.0]]]], atol=1e-12)


def test_a_single_feature_has_a_main_effect_alone() -> None:
    x = np.repeat([0.0, 1.0], [30, 10])[:, None]
    params = {"learning_rate": 1.0, "num_leaves": 2, "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbose": -1}
    trees = TreeModel([lgb.train(params, lgb.Dataset(x, 4 * x[:, 0], params=params), 1).model_to_string()])
    np.testing.assert_allclose(trees.interaction_values(x[[0, -1]]), [[[[-1.0]], [[3.0]]]], atol=1e-12)


# Brute force

SHAPES: dict[str, dict[str, Any]] = {
    "small": {"n_features": 4, "depth": 3, "n_trees": 2},
    "eight players": {"n_features": 8, "depth": 8, "n_trees": 2, "distinct": True},
    "features asked again": {"n_features": 3, "depth": 7, "n_trees": 2},
    "outputs": {"n_features": 5, "depth": 4, "n_trees": 7, "n_outputs": 3},
    "categories": {"n_features": 5, "depth": 5, "n_trees": 3, "categories": (1, 3), "words": 3},
    "large and tiny leaves": {"n_features": 5, "depth": 4, "n_trees": 5, "sizes": (-6, 0, 6)},
    "rare branches": {"n_features": 6, "depth": 6, "n_trees": 3, "shares": (-4.0, -1.0), "distinct": True},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_brute_force_over_all_sets(shape: str, seed: int) -> None:
    trees = make_trees(seed, **SHAPES[shape])
    X = make_rows(seed, trees)
    wanted = exact_interactions(trees, X, np.arange(trees.n_features))
    assert np.abs(wanted).max() > 0
    check(values_of(trees, X), wanted, 1e-9)  # sums of some hundred products of doubles


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_players_of_their_own(seed: int) -> None:
    trees = make_trees(seed, n_features=8, depth=6, n_trees=3, n_outputs=2, categories=(5,))
    X = make_rows(seed, trees)
    groups = np.array([0, 1, 0, 2, 3, 1, 2, 2])
    found = values_of(trees, X, groups)
    check(found, exact_interactions(trees, X, groups), 1e-9)
    assert np.abs(found - fold(values_of(trees, X), np.eye(4)[:, groups])).max() > 1e-3  # folding is something else


@pytest.mark.parametrize(("depth", "n_features"), [(12, 12), (18, 20), (35, 40)])
def test_paths_of_many_features_are_exact(depth: int, n_features: int) -> None:
    """Up to 35 players on a path, which take 18 nodes of the quadrature."""
    trees = make_trees(1, n_features=n_features, depth=depth, n_trees=1, n_leaves=40, distinct=True)
    X = make_rows(1, trees, 6)
    found = values_of(trees, X).copy()
    check(found.sum(axis=-1)[..., None], TreeModel.of(trees).shapley_values(X)[..., None], 1e-12)
    found[..., np.arange(n_features), np.arange(n_features)] = 0.0
    check(found, exact_pairs(trees, X), 1e-9)


# shap


def models() -> dict[str, Any]:
    X, y = numbers(300, 6, missing=0.0)
    few = {"n_estimators": 12, "num_leaves": 15, "n_jobs": 1, "verbose": -1}
    forest = {"n_estimators": 5, "max_depth": 5, "random_state": 0}
    return {
        "regression": lgb.LGBMRegressor(**few).fit(X, y),
        "binary": lgb.LGBMClassifier(**few).fit(X, classes(y, 2)),
        "three classes": lgb.LGBMClassifier(**few).fit(X, classes(y, 3)),
        "forest": RandomForestRegressor(**forest).fit(X, y),
        "forest of classes": RandomForestClassifier(**forest).fit(X, classes(y, 3)),
    }


@pytest.mark.parametrize("kind", ["regression", "binary", "three classes", "forest", "forest of classes"])
def test_values_are_those_of_shap(kind: str) -> None:
    model, (X, _) = models()[kind], numbers(40, 6, missing=0.0, seed=5)
    wanted = np.asarray(shap.TreeExplainer(model).shap_interaction_values(X))
    wanted = wanted[None] if wanted.ndim == 3 else np.moveaxis(wanted, -1, 0)
    # shap holds the leaf values of forests in doubles, and covers too.
    check(values_of(read_trees(model), X), wanted, 1e-6)


def test_values_are_those_of_xgboost() -> None:
    xgboost = pytest.importorskip("xgboost")
    X, y = numbers(300, 6)
    model = xgboost.XGBRegressor(n_estimators=12, n_jobs=1).fit(X, y)
    wanted = model.get_booster().predict(xgboost.DMatrix(X[:40]), pred_interactions=True)[:, :-1, :-1]
    check(values_of(read_trees(model), X[:40]), wanted[None], 1e-5)  # it adds up in float32


# Properties


@pytest.fixture(scope="module")
def two_outputs() -> tuple[TreeModel, np.ndarray]:
    trees = make_trees(3, n_features=7, depth=6, n_trees=9, n_outputs=2, categories=(2,), digits=2)
    return TreeModel.of(trees, n_jobs=1), make_rows(3, trees, 700)


def fold(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.einsum("ai,krij,bj->krab", weights, values, weights)


def test_rows_of_a_matrix_add_up_to_shapley_values_and_all_to_the_output(
    two_outputs: tuple[TreeModel, np.ndarray],
) -> None:
    trees, X = two_outputs
    found = trees.interaction_values(X)
    assert found.shape == (2, 700, 7, 7)
    # Sums of doubles of size 1 to 10.
    np.testing.assert_allclose(found.sum(axis=-1), trees.shapley_values(X), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=(2, 3)).T + trees.expected_values, trees.predict_output(X), atol=1e-12)


def test_matrices_are_symmetric_to_the_last_bit(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    weights = np.array([[1, 0.5, 0, 0, 0, 0, 0], [0, 0.25, 1, 0, 0.1, 0, 0], [0, 0.25, 0, 1, 0.9, 1, 0]])
    for players in (None, np.array([0, 0, 1, 2, 1, 0, 2]), weights):
        found = trees.interaction_values(X, players)
        np.testing.assert_array_equal(found, found.swapaxes(2, 3))


def test_one_row_many_rows_sparse_rows_blocks_and_threads_give_the_same_bits(
    two_outputs: tuple[TreeModel, np.ndarray],
) -> None:
    trees, X = two_outputs
    found = trees.interaction_values(X)
    for i in (0, 1, 63, 64, 699):
        np.testing.assert_array_equal(trees.interaction_values(X[i : i + 1]), found[:, i : i + 1])
    np.testing.assert_array_equal(trees.interaction_values(X[3:40]), found[:, 3:40])
    np.testing.assert_array_equal(trees.interaction_values(sp.csr_matrix(X)), found)
    np.testing.assert_array_equal(trees.interaction_values(np.asfortranarray(X)), found)
    np.testing.assert_array_equal(trees.interaction_values(X, n_jobs=3), found)
    blocks = list(trees.interaction_blocks(X, max_bytes=8 * 2 * 49 * 100))
    assert [rows.stop - rows.start for rows, _ in blocks] == [100] * 7
    np.testing.assert_array_equal(np.concatenate([values for _, values in blocks], axis=1), found)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(trees)).interaction_values(X[:9]), found[:, :9])


def test_rows_of_float32_are_taken_as_they_are(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    single = X[:, :].astype(np.float32)
    np.testing.assert_array_equal(trees.interaction_values(single), trees.interaction_values(single.astype(np.float64)))


def test_a_feature_that_no_tree_asks_interacts_with_none() -> None:
    trees = make_trees(0, n_features=3, depth=4, n_trees=3)
    wide = TreeModel.of(TreeEnsemble(**trees.arrays(), n_features=5))
    found = wide.interaction_values(np.zeros((4, 5)))
    assert (found[:, :, 3:] == 0).all()
    assert (found[:, :, :, 3:] == 0).all()
    assert np.abs(found[:, :, :3, :3]).max() > 0


def test_trees_without_a_split_and_no_rows_give_zeros_and_nothing() -> None:
    leaf = make_trees(0, n_features=2, depth=0, n_trees=2)
    assert not values_of(leaf, np.zeros((3, 2))).any()
    assert TreeModel.of(leaf).mean_absolute_interactions(np.zeros((3, 2))).shape == (1, 2, 2)
    trees = TreeModel.of(make_trees(0))
    assert trees.interaction_values(np.zeros((0, 6))).shape == (1, 0, 6, 6)
    assert list(trees.interaction_blocks(np.zeros((0, 6)))) == []
    np.testing.assert_array_equal(trees.mean_absolute_interactions(np.zeros((0, 6))), np.zeros((1, 6, 6)))


# Raw columns


def test_folding_by_weights_is_the_product_from_both_sides(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    weights = np.array([[1, 0.5, 0, 0, 0, 0, 0], [0, 0.25, 1, 0, 0.1, 0, 0], [0, 0.25, 0, 1, 0.9, 1, 1]])
    found = trees.interaction_values(X, weights)
    np.testing.assert_allclose(found, fold(trees.interaction_values(X), weights), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=-1), trees.shapley_values(X, weights), atol=1e-12)


def test_what_has_no_raw_parent_is_in_the_remainder(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    """Features 4 and 6 feed no raw column."""
    trees, X = two_outputs
    weights = np.array([[1, 0.5, 0, 0, 0, 0, 0], [0, 0.5, 1, 1, 0, 1, 0]])
    values, remainder = trees.interactions(weights).values_and_remainder(X)
    whole = fold(trees.interaction_values(X), np.vstack([weights, [0, 0, 0, 0, 1, 0, 1]]))
    np.testing.assert_allclose(values, whole[:, :, :2, :2], atol=1e-12)
    np.testing.assert_allclose(remainder, whole[:, :, 2], atol=1e-12)
    shapley, rest = trees.prepared(weights).values_and_remainder(X)
    np.testing.assert_allclose(values.sum(axis=-1) + remainder[..., :2], shapley, atol=1e-12)
    np.testing.assert_allclose(remainder.sum(axis=-1), rest, atol=1e-12)
    np.testing.assert_array_equal(trees.interaction_values(X, weights), values)


def test_raw_players_are_groups_and_shared_features(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    """Features 0 and 1 are one player; 2 has two parents and stays a player, shared between them."""
    trees, X = two_outputs
    weights = np.array([[1, 1, 0.5, 0, 0, 0, 0], [0, 0, 0.5, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1]])
    groups, shares = np.array([0, 0, 3, 1, 2, 2, 2]), np.array([[1, 0, 0, 0.5], [0, 1, 0, 0.5], [0, 0, 1, 0]])
    found = trees.interaction_values(X, Players.raw(weights))
    np.testing.assert_allclose(found, fold(trees.interaction_values(X, groups), shares), atol=1e-12)
    mapped = FeatureMap.from_matrix(weights)
    np.testing.assert_array_equal(trees.interaction_values(X, mapped), trees.interaction_values(X, weights))


@pytest.mark.parametrize("players", [None, np.array([[1, 0.5, 0, 0, 0, 0, 0], [0, 0.5, 1, 1, 0, 1, 0]])])
def test_mean_magnitudes_are_those_of_the_values(
    two_outputs: tuple[TreeModel, np.ndarray], players: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees, X = two_outputs
    values, remainder = trees.interactions(players).values_and_remainder(X)
    found, rest = trees.interactions(players).mean_absolute(X)
    np.testing.assert_allclose(found, np.abs(values).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(rest, np.abs(remainder).mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(trees.mean_absolute_interactions(X, players), found)
    monkeypatch.setattr("automl_explain.treeshap._interactions.BLOCK_BYTES", 8000)
    np.testing.assert_array_equal(trees.mean_absolute_interactions(X, players), found)  # whatever the blocks


# Refusals


def test_more_numbers_than_a_gigabyte_for_a_row_are_refused() -> None:
    trees = make_trees(0, n_features=6)
    wide = TreeModel.of(TreeEnsemble(**trees.arrays(), n_features=20_000))
    with pytest.raises(InputError, match="400,000,000 numbers a row; at most 134,217,728 are supported"):
        wide.interaction_values(np.zeros((1, 20_000)))
    groups = np.minimum(np.arange(20_000), 6)
    assert wide.interaction_values(np.zeros((1, 20_000)), groups).shape == (1, 1, 7, 7)


def test_many_outputs_are_prepared_in_time_that_grows_with_their_leaves() -> None:
    """A stump for each of 150,000 outputs; comparing each leaf with every output took 16 s of CPU."""
    n = 150_000
    columns = {
        "feature": [0, -1, -1], "threshold": [0.5, 0, 0], "missing": [0] * 3, "default_left": [False] * 3,
        "cover": [2, 1, 1], "value": [0, 1, 3], "category": [-1] * 3,
    }  # fmt: skip
    child = 3 * np.arange(n)[:, None] + [1, 0, 0]
    is_split = np.tile([True, False, False], n)
    trees = TreeEnsemble(
        offsets=3 * np.arange(n + 1), output=np.arange(n)[::-1], left=np.where(is_split, child.ravel(), -1),
        right=np.where(is_split, child.ravel() + 1, -1), category_offsets=[0], category_bits=[], base=np.zeros(n),
        n_features=1, **{name: np.tile(column, n) for name, column in columns.items()},
    )  # fmt: skip
    start = time.process_time()
    made = Interactions(trees, Players.engineered(1))
    assert time.process_time() - start < 2
    np.testing.assert_array_equal(made.values(np.zeros((1, 1))), np.full((n, 1, 1, 1), -1.0))


def test_too_many_pairs_are_refused() -> None:
    """A path of 700 features has half a pair for each two of them, at every of its leaves."""
    n = 700
    at = np.arange(2 * n + 1)
    inner = (at % 2 == 0) & (at < 2 * n)
    none = np.full(2 * n + 1, -1)
    chain = TreeEnsemble(
        offsets=[0, 2 * n + 1], output=[0], feature=np.where(inner, at // 2, -1), threshold=np.zeros(2 * n + 1),
        missing=np.where(inner, 2, 0), default_left=inner, left=np.where(inner, at + 1, -1),
        right=np.where(inner, at + 2, -1), cover=np.where(inner, n - at // 2 + 1.0, 1.0),
        value=np.where(inner, 0.0, 1.0 + at), category=none, category_offsets=[0], category_bits=[], base=[0.0],
        n_features=n,
    )  # fmt: skip
    with pytest.raises(InputError, match="too many pairs of columns"):
        values_of(chain, np.zeros((1, n)))
    assert values_of(chain, np.zeros((1, n)), np.arange(n) // 100).shape == (1, 1, 7, 7)


def test_rows_of_another_width_and_blocks_of_no_size_are_refused(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    with pytest.raises(InputError, match=r"`X` has shape \(700, 6\); expected \(n_rows, 7\)"):
        trees.interaction_values(X[:, :6])
    with pytest.raises(InputError, match="`max_bytes` must be a whole number of at least 1"):
        trees.interaction_blocks(X, max_bytes=0)  # at once, not with the first block
    with pytest.raises(InputError, match="`players` is for 3 features"):
        trees.interaction_values(X, [0, 1, 2])
    with pytest.raises(InputError, match="`players` is for 3 features; the trees have 7"):
        Interactions(trees.ensemble, Players.engineered(3))
    with pytest.raises(InputError, match="`n_jobs` is '2'"):
        Interactions(trees.ensemble, Players.engineered(7), n_jobs="2")  # type: ignore[arg-type]


def test_the_object_may_be_used_alone() -> None:
    trees = make_trees(5)
    alone = Interactions(trees, Players.engineered(6), n_jobs=1)
    X = make_rows(5, trees)
    np.testing.assert_array_equal(alone.values(X), values_of(trees, X))
