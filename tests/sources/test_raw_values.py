"""Raw values: folded as the rows are explained, or with the raw columns as players, through every public object."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from models import (
    KINDS,
    MAP,
    NAMES,
    QUICK,
    RAW_NAMES,
    TASKS,
    Formula,
    dense,
    make_wrapper,
    rows,
    shared_wrapper,
)
from raw_players import by_brute_force, raw_by_brute_force
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder

from automl_explain import (
    Explanation,
    FeatureMap,
    LGBMExplainableModel,
    MimicExplainer,
    TreeScoringExplainer,
    load,
    save,
)
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    InputError,
    MissingRawTransformationsError,
    UnmappedFeaturesWarning,
)
from automl_explain.explanation._values import fold
from automl_explain.sources._tree import RawValues
from automl_explain.treeshap import TreeModel

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

each_task = pytest.mark.parametrize("task", TASKS)
each_kind = pytest.mark.parametrize("kind", KINDS)
METHODS = ("folded", "grouped")
each_method = pytest.mark.parametrize("raw_method", METHODS)
GROUPED: dict[str, Any] = {"get_raw": True, "raw_method": "grouped"}


# By hand


@pytest.fixture(scope="module")
def one_hot_trees() -> TreeModel:
    """One tree over is_A, is_B and sold: 8 for A and 2 for B where sold is 1, else 0; two rows of each kind."""
    X = np.array([[city == "A", city == "B", sold] for city in "ABC" for sold in (0, 1)] * 2, dtype=float)
    y = X[:, 2] * (8 * X[:, 0] + 2 * X[:, 1])
    exact = {"min_data_in_leaf": 1, "min_data_in_bin": 1, "min_sum_hessian_in_leaf": 0, "learning_rate": 1.0}
    params = {**exact, "boost_from_average": False, "verbose": -1, "num_threads": 1}
    booster = lgb.train(params, lgb.Dataset(X, y), 1)
    np.testing.assert_allclose(booster.predict(X), y)
    return TreeModel([booster.model_to_string()])


def test_a_one_hot_column_as_one_player_by_hand(one_hot_trees: TreeModel) -> None:
    """Worth 5/3 without players and 10/3 with sold; with A 4, with both 8; with C 0, with both 0."""
    city = FeatureMap.from_matrix([[1, 1, 0], [0, 0, 1]])
    X = np.array([[1.0, 0, 1], [0, 0, 1]])
    grouped, _ = RawValues(one_hot_trees, city, "grouped").of(X)
    np.testing.assert_allclose(grouped, [[[7 / 2, 17 / 6], [-5 / 2, 5 / 6]]], atol=1e-12)


def test_a_one_hot_column_folded_by_hand(one_hot_trees: TreeModel) -> None:
    """Folding tells is_A and is_B apart: sold has 5/9 + 1/12 + 2/9 = 31/36 where the city is C, and not 5/6."""
    city = FeatureMap.from_matrix([[1, 1, 0], [0, 0, 1]])
    folded, _ = RawValues(one_hot_trees, city, "folded").of(np.array([[0.0, 0, 1]]))
    np.testing.assert_allclose(folded, [[[-5 / 3 - 31 / 36, 31 / 36]]], atol=1e-12)


# By brute force, through the public objects


def grouped_by_brute_force(wrapper: Any, X: Any) -> np.ndarray:
    explainer = wrapper.explainer
    encoded = dense(explainer.encoder.encode(X))
    return raw_by_brute_force(explainer.surrogate_model.trees.boosters, encoded, explainer.feature_map or MAP)


@each_task
@each_kind
def test_grouped_values_are_shapley_values_of_the_raw_columns(task: str, kind: str, tmp_path: Path) -> None:
    """a has two columns of its own, c one, b none; x2 belongs to a and b and stays a player that they share."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 12, seed=1)
    wanted = grouped_by_brute_force(wrapper, X)
    raw = wrapper.explain(["local", "global"], X, **GROUPED)
    np.testing.assert_allclose(dense(raw.values), wanted, atol=1e-9)
    streamed = wrapper.explain(["global"], X, **GROUPED)
    np.testing.assert_allclose(streamed.global_values, np.abs(wanted).mean(axis=1), atol=1e-9)
    scoring = TreeScoringExplainer(wrapper, raw_method="grouped")
    save(scoring, tmp_path / "model")
    for made in (scoring, load(tmp_path / "model")):
        np.testing.assert_array_equal(dense(made.explanation(X, get_raw=True).values), dense(raw.values))
        np.testing.assert_array_equal(dense(made.explain(X, get_raw=True)), dense(raw.local_importance_values))


def test_grouped_values_with_transformations_are_those_of_the_raw_columns() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"pay": rng.normal(size=300), "city": rng.choice(list("ABC"), 300)})
    columns = ColumnTransformer([("n", "passthrough", ["pay"]), ("c", OneHotEncoder(), ["city"])], sparse_threshold=0)
    Z = columns.fit_transform(X)
    model = LinearRegression().fit(Z, Z[:, 0] * (1 + Z[:, 1]) - Z[:, 3])
    explainer = MimicExplainer(model, X, LGBMExplainableModel, transformations=columns, **QUICK)
    few = X.iloc[:10]
    trees = explainer.surrogate_model.trees
    wanted = by_brute_force(trees.boosters, columns.transform(few), [np.array([0]), np.array([1, 2, 3])])
    found = explainer.explain_local(few, raw_method="grouped")
    np.testing.assert_allclose(found.values, wanted, atol=1e-9)
    assert (found.features, found.method) == (["pay", "city"], "mimic.lightgbm.grouped")
    everything = explainer.explain_global(few, include_local=False, raw_method="grouped")
    np.testing.assert_allclose(everything.global_values, np.abs(wanted).mean(axis=1), atol=1e-9)
    scoring = TreeScoringExplainer(explainer, raw_method="grouped")
    np.testing.assert_array_equal(scoring.explain(few), found.local_importance_values)
    assert not np.allclose(explainer.explain_local(few).values, wanted, atol=1e-3)


# What holds for both


@each_task
@each_kind
@each_method
def test_raw_values_of_both_kinds_add_up_to_the_same_output(task: str, kind: str, raw_method: str) -> None:
    wrapper, X = shared_wrapper(task, kind), rows(kind, 30, seed=2)
    engineered = wrapper.explain(["local"], X)
    raw = wrapper.explain(["local"], X, get_raw=True, raw_method=raw_method)
    np.testing.assert_allclose(raw.output, engineered.output, atol=1e-9)
    np.testing.assert_allclose(dense(raw.values).sum(-1), dense(engineered.values).sum(-1), atol=1e-9)


@pytest.fixture(scope="module")
def wide_trees() -> TreeModel:
    """Two outputs over eight features, as the explainer of a classifier has them."""
    X = np.random.default_rng(0).normal(size=(400, 8))
    y = np.stack([X[:, 0] * X[:, 1] + X[:, 2], X[:, 3] + (X[:, 4] > 0) * X[:, 5]], axis=1)
    return LGBMExplainableModel(n_estimators=15, num_leaves=8, n_jobs=1).fit(X, y).trees


maps = st.lists(st.lists(st.sampled_from([0.0, 0.0, 1.0, 3.0]), min_size=8, max_size=8), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(weights=maps, sparse=st.booleans())
def test_folding_while_explaining_equals_folding_afterwards(
    wide_trees: TreeModel, weights: list[list[float]], sparse: bool
) -> None:
    """Whatever the map, features without a raw parent included."""
    X: Any = np.random.default_rng(1).normal(size=(9, 8))
    feature_map = FeatureMap.from_matrix(weights)
    values, unmapped = fold(wide_trees.shapley_values(X), feature_map)
    rows = sp.csr_matrix(X) if sparse else X
    found, lost = RawValues(wide_trees, feature_map).of(rows)
    # Sums of the same eight numbers in another order.
    scale = np.abs(wide_trees.shapley_values(X)).sum(-1).max()
    np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(lost, unmapped, rtol=1e-12, atol=1e-12 * scale)
    grouped, rest = RawValues(wide_trees, feature_map, "grouped").of(rows)
    np.testing.assert_allclose(grouped.sum(-1) + rest, values.sum(-1) + unmapped, atol=1e-12 * scale)
    if (np.count_nonzero(weights, axis=1) <= 1).all() and not feature_map.unmapped:
        np.testing.assert_allclose(grouped, found, atol=1e-12 * scale)


@each_method
def test_the_share_of_features_without_a_parent_is_kept_apart(raw_method: str) -> None:
    """x1 has no raw column: it is a player of its own, and its values are the unmapped share."""
    lost = FeatureMap.from_matrix([[1, 0, 1, 0], [0, 0, 0, 1]], raw_names=["a", "c"], engineered_names=NAMES)
    wrapper, X = make_wrapper("binary", "array", feature_maps=[lost]), rows("array", 12, seed=1)
    with pytest.warns(UnmappedFeaturesWarning, match="1 engineered feature has no raw parent in the feature map: 'x1'"):
        raw = wrapper.explain(["local"], X, get_raw=True, raw_method=raw_method)
    assert raw.unmapped_features == ("x1",)
    np.testing.assert_allclose(raw.output, wrapper.explain(["local"], X).output, atol=1e-9)
    boosters = wrapper.explainer.surrogate_model.trees.boosters
    players = [[0, 2], [3], [1]] if raw_method == "grouped" else [[0], [2], [3], [1]]
    wanted = by_brute_force(boosters, X, [np.array(p) for p in players])
    np.testing.assert_allclose(raw.unmapped, wanted[:, :, -1], atol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scored = TreeScoringExplainer(wrapper, raw_method=raw_method).explanation(X, get_raw=True)
    np.testing.assert_array_equal(scored.unmapped, raw.unmapped)


def test_wide_sparse_rows_keep_the_share_without_a_parent() -> None:
    """Beyond 1,000 raw columns values are sparse; columns 0 and 3 have no raw column."""
    rng = np.random.default_rng(0)
    X = sp.random(300, 1200, density=0.05, format="csr", random_state=0)
    y = np.asarray(X[:, :6].sum(axis=1))
    surrogate = LGBMExplainableModel(n_estimators=20, num_leaves=5, n_jobs=1, min_child_samples=5)
    surrogate.fit(X, np.hstack([y, rng.normal(size=y.shape)]))
    weights = np.eye(1200)
    weights[[0, 3], [0, 3]] = 0
    feature_map = FeatureMap.from_matrix(weights)
    for raw_method in METHODS:
        found, lost = surrogate.raw_values(X, feature_map, raw_method)
        assert all(isinstance(v, sp.csr_matrix) for v in found)
        values, unmapped = fold(surrogate.shapley_values(X), feature_map)
        assert np.abs(unmapped).max() > 0
        np.testing.assert_allclose(lost, unmapped, rtol=1e-12)
        np.testing.assert_allclose(dense(found), dense(values), rtol=1e-12)
        assert dense(found).shape == (2, 300, 1200)
    complete, nothing = surrogate.raw_values(X, FeatureMap.from_matrix(sp.identity(1200)))
    np.testing.assert_array_equal(dense(complete), dense(surrogate.shapley_values(X)))
    assert not nothing.any()


@each_method
def test_engineered_values_do_not_change_with_the_way_to_raw_ones(raw_method: str) -> None:
    wrapper, X = shared_wrapper("binary", "frame"), rows("frame", 20, seed=1)
    wanted = wrapper.explain(["local"], X)
    found = wrapper.explain(["local"], X, raw_method=raw_method)
    scoring = TreeScoringExplainer(wrapper, raw_method=raw_method)
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(scoring.explain(X), wanted.local_importance_values)
    assert found.method == scoring.explanation(X).method == wanted.method == "mimic.lightgbm"


# Nothing is built that nobody asked for


def test_no_engineered_values_are_made_for_raw_ones() -> None:
    """20,000 x 400 engineered values would take 64 MB; the raw ones of 3 columns take half a MB."""
    rng = np.random.default_rng(0)
    X, groups = rng.normal(size=(20_000, 400)), np.arange(400) % 3
    weights = sp.csr_matrix((np.ones(400), (groups, np.arange(400))))
    explainer = MimicExplainer(lambda Z: Z[:, :9].sum(axis=1), X[:500], LGBMExplainableModel, is_function=True, **QUICK)
    scoring = TreeScoringExplainer(explainer, feature_maps=[weights])
    few = X[:10]
    for explain in (
        lambda rows: scoring.explain(rows, get_raw=True),
        lambda rows: scoring.explanation(rows, get_raw=True),
        lambda rows: explainer.explain_rows(rows, include_local=True, feature_map=scoring.feature_map),
        lambda rows: explainer.explain_rows(rows, include_local=False, feature_map=scoring.feature_map),
    ):
        explain(few)  # tables are prepared once
        tracemalloc.start()
        explain(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16e6


@each_method
def test_wide_sparse_rows_to_few_raw_columns_take_little_memory(raw_method: str) -> None:
    """20,000 x 2,000 cells would take 320 MB dense; 100 MB is the bound, beside 6 MB of values."""
    n_rows, width, each = 20_000, 2_000, 20
    rng = np.random.default_rng(0)
    cells = (np.repeat(np.arange(n_rows), each), rng.integers(0, width, n_rows * each))
    X = sp.csr_matrix((np.ones(n_rows * each), cells), shape=(n_rows, width))
    weights = sp.csr_matrix((np.ones(width), (np.arange(width) % 40, np.arange(width))))
    explainer = MimicExplainer(
        lambda Z: np.asarray(Z[:, :20].sum(axis=1)).ravel(), X[:2000], LGBMExplainableModel, is_function=True, **QUICK
    )
    scoring = TreeScoringExplainer(explainer, feature_maps=[weights], raw_method=raw_method)
    scoring.explain(X[:10], get_raw=True)
    tracemalloc.start()
    found = scoring.explain(X, get_raw=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (n_rows, 40)
    assert peak < 100e6
    np.testing.assert_allclose(found.sum(axis=1) + scoring.expected_values, scoring.predict_output(X)[:, 0], atol=1e-6)


# What is recorded, and what is refused


@each_task
def test_an_explanation_says_that_raw_columns_were_the_players(task: str, tmp_path: Path) -> None:
    wrapper, X = shared_wrapper(task, "frame"), rows("frame", 10, seed=1)
    raw = wrapper.explain(["local"], X, **GROUPED)
    assert raw.method == "mimic.lightgbm.grouped"
    assert raw.name == "mimic.lightgbm.grouped (raw features)"
    assert wrapper.explain(["local"], X, get_raw=True).method == "mimic.lightgbm"
    assert wrapper.explain(["global"], X, **GROUPED).method == raw.method
    raw.save(tmp_path / "raw")
    again = Explanation.load(tmp_path / "raw")
    assert again.method == raw.method
    np.testing.assert_array_equal(dense(again.values), dense(raw.values))
    scoring = TreeScoringExplainer(wrapper, raw_method="grouped")
    assert (scoring.raw_method, scoring.method) == ("grouped", "mimic.lightgbm")
    assert scoring.explanation(X, get_raw=True).method == raw.method


@pytest.mark.parametrize("wrong", ["group", "Folded", "", None, 1, ["grouped"], np.array(["grouped", "folded"])])
def test_another_way_to_raw_values_is_refused(wrong: Any) -> None:
    wrapper, X = shared_wrapper("binary", "array"), rows("array", 5)
    surrogate = wrapper.explainer.surrogate_model
    for use in (
        lambda: wrapper.explain(["local"], X, get_raw=True, raw_method=wrong),
        lambda: wrapper.explain(["local"], X, raw_method=wrong),
        lambda: wrapper.explainer.explain_rows(X, include_local=True, feature_map=MAP, raw_method=wrong),
        lambda: wrapper.explainer.explain_local(X, raw_method=wrong),
        lambda: wrapper.explainer.explain_global(X, raw_method=wrong),
        lambda: TreeScoringExplainer(wrapper, raw_method=wrong),
        lambda: surrogate.raw_values(X, MAP, wrong),
    ):
        with pytest.raises(InputError, match="`raw_method` is .*; expected 'folded' or 'grouped'. Leave it out"):
            use()


def test_raw_columns_as_players_need_a_map() -> None:
    bare, X = make_wrapper("binary", "array", feature_maps=None), rows("array", 5)
    for use in (
        lambda: bare.explain(["local"], X, raw_method="grouped"),
        lambda: bare.explainer.explain_local(X, raw_method="grouped"),
        lambda: bare.explainer.explain_global(raw_method="grouped"),
        lambda: TreeScoringExplainer(bare, raw_method="grouped"),
    ):
        with pytest.raises(MissingRawTransformationsError, match=r"`raw_method='grouped'` needs.*`feature_maps="):
            use()
    with pytest.raises(MissingRawTransformationsError, match="`get_raw=True` needs to know"):
        bare.explain(["local"], X, **GROUPED)


def test_a_map_that_does_not_fit_is_refused() -> None:
    explainer, X = shared_wrapper("binary", "array").explainer, rows("array", 5)
    other = FeatureMap.from_matrix(np.eye(5))
    with pytest.raises(InputError, match="map has 5 engineered features; the surrogate was trained on 4"):
        explainer.explain_rows(X, include_local=True, feature_map=other)
    part = MimicExplainer(
        Formula(), rows("array"), LGBMExplainableModel, features=NAMES, explain_subset=[0, 2], **QUICK
    )
    with pytest.raises(ConflictingTransformationsError, match="`explain_subset` and a feature map cannot be combined"):
        part.explain_rows(X, include_local=True, feature_map=MAP)


def test_a_stored_engineered_explanation_can_only_be_folded() -> None:
    wrapper, X = shared_wrapper("binary", "frame"), rows("frame", 20, seed=1)
    raw = wrapper.explain(["local"], X).get_raw_explanation([MAP])
    assert (raw.features, raw.method) == (RAW_NAMES, "mimic.lightgbm")
    folded, grouped = (wrapper.explain(["local"], X, get_raw=True, raw_method=m) for m in METHODS)
    np.testing.assert_allclose(raw.values, folded.values, atol=1e-12)
    assert np.abs(raw.values - grouped.values).max() > 1e-3
    with pytest.raises(InputError, match="The explanation is raw already"):
        grouped.get_raw_explanation([MAP])
