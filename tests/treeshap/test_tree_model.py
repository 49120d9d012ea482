"""The tree engine against numbers on paper, then against brute force over all subsets of features."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import pickle
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import scipy.sparse as sp

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import Engine, TreeModel


def grow(
    X: np.ndarray, y: np.ndarray, *, trees: int = 1, leaves: int = 2, categorical: tuple[int, ...] = (), **more: Any
) -> lgb.Booster:
    """An ensemble without shrinkage, so that its numbers can be worked out on paper."""
    params = {"learning_rate": 1.0, "num_leaves": leaves, "min_data_in_leaf": 1, "verbose": -1, "num_threads": 1}
    params |= {"objective": "regression", "min_data_in_bin": 1, "deterministic": True, **more}
    return lgb.train(params, lgb.Dataset(X, y, categorical_feature=list(categorical), params=params), trees)


def model(*boosters: lgb.Booster) -> TreeModel:
    return TreeModel([b.model_to_string() for b in boosters], n_jobs=1)


# By hand


def test_a_stump_gives_the_numbers_on_paper() -> None:
    """30 rows at 0 and 10 rows at 4: the mean is 1, so a row on the right gets 4 - 1 and one on the left 0 - 1."""
    x = np.repeat([0.0, 1.0], [30, 10])
    trees = model(grow(x[:, None], 4 * x))
    np.testing.assert_allclose(trees.expected_values, [1.0], atol=1e-12)
    values = trees.shapley_values(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(values, [[[-1.0], [3.0]]], atol=1e-12)
    np.testing.assert_allclose(trees.predict_output(np.array([[0.0], [1.0]])), [[0.0], [4.0]], atol=1e-12)


def test_a_tree_of_two_features_gives_the_numbers_on_paper() -> None:
    """Root on a (20 rows at 0), then b (10 rows at 8, 10 rows at 12); the mean is 5.

    Row (1, 1): v() = 5, v(a) = 10, v(b) = (0 + 12) / 2 = 6, v(a, b) = 12, so
    a gets ((10 - 5) + (12 - 6)) / 2 = 5.5 and b gets ((6 - 5) + (12 - 10)) / 2 = 1.5.
    Row (0, 1): v(a) = v(a, b) = 0, so a gets (-5 - 6) / 2 = -5.5 and b (1 + 0) / 2 = 0.5.
    """
    X = np.array(list(itertools.product([0.0, 1.0], repeat=2)) * 10)
    trees = model(grow(X, 8 * X[:, 0] + 4 * X[:, 0] * X[:, 1], leaves=3))
    np.testing.assert_allclose(trees.expected_values, [5.0], atol=1e-12)
    values = trees.shapley_values(np.array([[1.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(values, [[[5.5, 1.5], [-5.5, 0.5]]], atol=1e-12)


def test_a_feature_no_tree_uses_gets_exactly_zero() -> None:
    X = np.column_stack([np.repeat([0.0, 1.0], [30, 10]), np.ones(40)])
    values = model(grow(X, 4 * X[:, 0])).shapley_values(X)
    assert (values[0, :, 1] == 0).all()


def test_a_constant_target_gives_zero_contributions_and_the_constant() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    trees = model(grow(X, np.full(40, 7.0), trees=3))
    np.testing.assert_allclose(trees.expected_values, [7.0], atol=1e-12)
    assert (trees.shapley_values(X) == 0).all()
    np.testing.assert_allclose(trees.predict_output(X), 7.0, atol=1e-12)


# Brute force


def goes_left(node: dict[str, Any], cell: float) -> bool:
    if node["decision_type"] == "==":
        return not math.isnan(cell) and str(int(cell)) in node["threshold"].split("||")
    if math.isnan(cell) and node["missing_type"] != "NaN":
        cell = 0.0
    if math.isnan(cell) or (node["missing_type"] == "Zero" and abs(cell) < 1e-35):
        return bool(node["default_left"])
    return bool(cell <= node["threshold"])


def count(node: dict[str, Any]) -> int:
    return int(node["internal_count"] if "split_index" in node else node.get("leaf_count", 1))


def expectation(node: dict[str, Any], row: np.ndarray, known: frozenset[int]) -> float:
    """Output of a tree for the known features; the others follow both branches by their share of training rows."""
    if "split_index" not in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expectation(left if goes_left(node, row[node["split_feature"]]) else right, row, known)
    parts = [(count(child), expectation(child, row, known)) for child in (left, right)]
    return sum(n * value for n, value in parts) / sum(n for n, _ in parts)


def brute_force(booster: lgb.Booster, row: np.ndarray) -> tuple[np.ndarray, float]:
    """Shapley values by their definition: a weighted mean over all subsets."""
    roots = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    n = len(row)
    subsets = [frozenset(s) for k in range(n + 1) for s in itertools.combinations(range(n), k)]
    worth = {s: sum(expectation(root, row, s) for root in roots) for s in subsets}
    values = np.zeros(n)
    for s, j in itertools.product(subsets, range(n)):
        if j not in s:
            weight = math.factorial(len(s)) * math.factorial(n - len(s) - 1) / math.factorial(n)
            values[j] += weight * (worth[s | {j}] - worth[s])
    return values, worth[frozenset()]


def table(kind: str, n_rows: int = 300) -> tuple[np.ndarray, tuple[int, ...]]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_rows, 4))
    if kind == "categorical":
        X[:, 1] = rng.integers(0, 6, n_rows)
    if kind in ("missing", "categorical"):
        X[rng.random(X.shape) < 0.15] = np.nan
    return X, (1,) if kind == "categorical" else ()


@pytest.mark.parametrize("kind", ["numbers", "missing", "categorical"])
@pytest.mark.parametrize("objective", ["regression", "cross_entropy"])
def test_values_are_those_of_brute_force_over_all_subsets(kind: str, objective: str) -> None:
    X, categorical = table(kind)
    filled = np.nan_to_num(X)
    y = 1 / (1 + np.exp(-(filled[:, 0] * filled[:, 2] + (filled[:, 1] % 3) + np.isnan(X[:, 0]))))
    booster = grow(X, y, trees=4, leaves=9, categorical=categorical, objective=objective, cat_smooth=1.0)
    decisions = str(booster.dump_model())
    assert ("'=='" in decisions) == (kind == "categorical")
    trees = model(booster)
    for row, found in zip(X[:12], trees.shapley_values(X[:12])[0], strict=True):
        wanted, base = brute_force(booster, row)
        # Sums of at most a few hundred products of doubles.
        np.testing.assert_allclose(found, wanted, atol=1e-9)
        np.testing.assert_allclose(trees.expected_values[0], base, atol=1e-9)


# Properties


@pytest.fixture(scope="module")
def two_outputs() -> tuple[TreeModel, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 5)) * (rng.random((200, 5)) < 0.5)
    return model(grow(X, X[:, 0] + X[:, 1] ** 2, trees=8, leaves=7), grow(X, X[:, 2] * X[:, 3], trees=8, leaves=7)), X


def test_values_and_expected_values_add_up_to_the_output(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    values = trees.shapley_values(X)
    assert values.shape == (2, 200, 5)
    np.testing.assert_allclose(values.sum(-1).T + trees.expected_values, trees.predict_output(X), atol=1e-6)


def test_sparse_rows_give_sparse_values_equal_to_the_dense_ones(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    found = trees.shapley_values(sp.csr_matrix(X))
    assert isinstance(found, tuple)
    assert [type(m) for m in found] == [sp.csr_matrix, sp.csr_matrix]
    np.testing.assert_array_equal(np.stack([m.toarray() for m in found]), trees.shapley_values(X))
    np.testing.assert_array_equal(trees.predict_output(sp.csr_matrix(X)), trees.predict_output(X))


def test_every_row_is_explained_by_itself(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    together = trees.shapley_values(X[:20])
    alone = np.concatenate([trees.shapley_values(X[i : i + 1]) for i in range(20)], axis=1)
    np.testing.assert_array_equal(alone, together)


def test_a_model_made_from_its_texts_or_its_pickle_gives_the_same_bits(
    two_outputs: tuple[TreeModel, np.ndarray],
) -> None:
    trees, X = two_outputs
    for copy in (TreeModel(trees.texts), pickle.loads(pickle.dumps(trees))):
        np.testing.assert_array_equal(copy.shapley_values(X), trees.shapley_values(X))
        np.testing.assert_array_equal(copy.expected_values, trees.expected_values)
        assert (copy.n_outputs, copy.n_features) == (2, 5)


def test_expected_values_cannot_be_changed(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        two_outputs[0].expected_values[0] = 1.0


def test_rows_are_not_changed(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    before = X.copy()
    trees.shapley_values(X)
    trees.predict_output(X)
    np.testing.assert_array_equal(X, before)


def test_threads_share_one_model_from_its_first_row_on(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    """More choices of players than are kept, asked for by eight threads at once."""
    trees, X = two_outputs
    groupings = [np.arange(X.shape[1]) % k for k in range(1, X.shape[1] + 1)] * 8
    wanted = [TreeModel(trees.texts, n_jobs=1).shapley_values(X, groups) for groups in groupings[: X.shape[1]]] * 8
    fresh = TreeModel(trees.texts, n_jobs=1)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda groups: fresh.shapley_values(X, groups), groupings))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", ["values", "raw values", "predictions"])
@pytest.mark.parametrize("index", [-1, 60, 10**6])
def test_sparse_cells_in_no_column_are_refused(index: int, way: str) -> None:
    """SciPy takes such a matrix, and a kernel would read foreign memory."""
    X = np.random.default_rng(0).normal(size=(300, 60))
    trees = model(grow(X, X[:, 0]))
    rows = sp.csr_matrix((np.ones(2), np.array([3, 4]), np.array([0, 2, 2])), shape=(2, 60))
    rows.indices[0] = index
    players = {"raw values": np.ones((1, 60))}.get(way)
    with pytest.raises(InputError, match="`X` is a damaged sparse matrix: an index is"):
        trees.predict_output(rows) if way == "predictions" else trees.shapley_values(rows, players)


def test_sparse_rows_of_64_bit_indices_give_the_same_bits(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = two_outputs
    rows = sp.csr_matrix(np.nan_to_num(X))
    wide = sp.csr_matrix((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    engine = trees.prepared()
    wanted = engine.values(rows)
    np.testing.assert_array_equal(engine.values(wide), wanted)
    np.testing.assert_array_equal(trees.predict_output(wide), trees.predict_output(rows))


def test_threads_that_come_at_the_same_time_prepare_once(
    two_outputs: tuple[TreeModel, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def slow(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.05)
        made.append(Engine(*arguments, **options))
        return made[-1]

    monkeypatch.setattr("automl_explain.treeshap._engine.Engine", slow)
    trees, X = TreeModel(two_outputs[0].texts, n_jobs=1), two_outputs[1]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trees.shapley_values, [X] * 8))
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_child_forked_while_a_model_is_prepared_explains_with_it(two_outputs: tuple[TreeModel, np.ndarray]) -> None:
    trees, X = TreeModel(two_outputs[0].texts, n_jobs=1), two_outputs[1]
    with trees._lock:  # as another thread holds it that prepares
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(0 if trees.shapley_values(X).shape[0] == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0


# Made from arrays


def test_a_model_of_an_ensemble_gives_the_bits_of_the_one_from_text() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    text = model(grow(X, X[:, 0] * X[:, 1], trees=5, leaves=6))
    arrays = TreeModel.of(text.ensemble, n_jobs=1)
    assert (arrays.texts, arrays.boosters, arrays.n_features, arrays.n_outputs) == ((), (), 3, 1)
    for made in (arrays, pickle.loads(pickle.dumps(arrays))):
        np.testing.assert_array_equal(made.shapley_values(X), text.shapley_values(X))
        np.testing.assert_array_equal(made.predict_output(X), text.predict_output(X))
        np.testing.assert_array_equal(made.expected_values, text.expected_values)


def test_arrays_that_hold_no_trees_are_refused() -> None:
    whole = model(grow(np.array([[0.0], [1.0]] * 4), np.array([0.0, 1.0] * 4))).ensemble
    with pytest.raises(UnsupportedModelError, match="do not hold trees"):
        dataclasses.replace(whole, left=np.full_like(whole.left, -1))
