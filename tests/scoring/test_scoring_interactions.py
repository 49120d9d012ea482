"""Interactions of scoring explainers and explainers: they add up to what `explain` says, and to the output."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import scipy.sparse as sp
from models import CLASSES, KINDS, MAP, NAMES, QUICK, RAW_NAMES, TASKS, make_wrapper, rows, shared_wrapper, teacher
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from automl_explain import (
    FeatureMap,
    LGBMExplainableModel,
    LinearExplainer,
    MimicExplainer,
    TreeExplainer,
    TreeScoringExplainer,
    load,
    save,
)
from automl_explain.exceptions import InputError, MissingRawTransformationsError, UnsupportedModelError

pytestmark = [
    pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore::automl_explain.exceptions.UnmappedFeaturesWarning"),
]

CLOSE = {"rtol": 0, "atol": 1e-12}  # sums of twenty doubles of size 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("raw_method", ["folded", "grouped"])
def test_rows_of_a_matrix_add_up_to_what_explain_says(task: str, kind: str, raw_method: str) -> None:
    scoring = TreeScoringExplainer(shared_wrapper(task, kind), feature_maps=[MAP], raw_method=raw_method)
    X = rows(kind, 50)
    for raw in (False, True):
        found = scoring.explain_interactions(X, get_raw=raw)
        np.testing.assert_allclose(np.asarray(found.shapley_values), scoring.explain(X, get_raw=raw), **CLOSE)
        np.testing.assert_allclose(found.output, scoring.predict_output(X), **CLOSE)
        np.testing.assert_array_equal(found.expected_values, scoring.expected_values)
        assert found.features == (RAW_NAMES if raw else NAMES)
        assert (found.space, found.classes) == ("raw" if raw else "engineered", CLASSES[task])
        assert found.output_unit == ("target" if task == "regression" else "log-odds")
        assert found.method == scoring.explanation(X, get_raw=raw).method


def test_what_has_no_raw_parent_is_unattributed() -> None:
    weights = MAP.matrix.toarray()
    weights[:, 3] = 0.0
    unmapped = FeatureMap.from_matrix(weights, raw_names=RAW_NAMES, engineered_names=NAMES)
    scoring = TreeScoringExplainer(shared_wrapper("binary", "array"), feature_maps=[unmapped])
    X = rows("array", 40)
    found = scoring.explain_interactions(X, get_raw=True)
    assert found.unmapped_features == ("x3",)
    np.testing.assert_allclose(np.asarray(found.shapley_values), scoring.explain(X, get_raw=True), **CLOSE)
    np.testing.assert_allclose(found.output, scoring.predict_output(X), **CLOSE)
    assert np.abs(found.unmapped).max() > 0
    assert "unattributed" in [note.category for note in found.notes]


def test_mean_magnitudes_are_those_of_the_rows() -> None:
    scoring = TreeScoringExplainer(shared_wrapper("four classes", "frame"), feature_maps=[MAP])
    X = rows("frame", 60)
    for raw in (False, True):
        every, means = (scoring.explain_interactions(X, raw, include_local=local) for local in (True, False))
        assert means.values is None
        assert means.num_examples == 60
        np.testing.assert_allclose(means.global_values, every.global_values, rtol=1e-12)
        assert [pair[:2] for pair in means.top_interactions()] == [pair[:2] for pair in every.top_interactions()]


def test_a_file_and_other_threads_give_the_same_bits(tmp_path: Any) -> None:
    scoring = TreeScoringExplainer(shared_wrapper("binary", "frame"), feature_maps=[MAP])
    read = load(save(scoring, tmp_path, exist_ok=True))
    X = rows("frame", 300)
    found = scoring.explain_interactions(X, get_raw=True).values
    np.testing.assert_array_equal(read.explain_interactions(X, get_raw=True).values, found)
    np.testing.assert_array_equal(scoring.explain_interactions(X, get_raw=True, n_jobs=2).values, found)
    np.testing.assert_array_equal(scoring.explain_interactions(X[:1], get_raw=True).values, found[:, :1])


def test_the_pair_that_a_formula_multiplies_is_found() -> None:
    X = np.random.default_rng(0).normal(size=(600, 5))
    y = X[:, 1] * X[:, 3] + 3 * X[:, 0]
    model = lgb.LGBMRegressor(n_estimators=40, num_leaves=15, n_jobs=1, verbose=-1).fit(X, y)
    scoring = TreeScoringExplainer(TreeExplainer(model, features=list("abcde")))
    strongest, second = scoring.explain_interactions(X[:200]).top_interactions(2)
    assert strongest[:2] == ("b", "d")
    assert strongest.importance > 2 * second.importance


def test_no_rows_give_no_matrices() -> None:
    scoring = TreeScoringExplainer(shared_wrapper("binary", "array"), feature_maps=[MAP])
    for X in (rows("array", 5)[:0], sp.csr_matrix((0, 4))):
        for raw, n in ((False, 4), (True, 3)):
            assert scoring.explain_interactions(X, raw).values.shape == (1, 0, n, n)
            assert scoring.explain_interactions(X, raw, include_local=False).num_examples == 0


# Units


def test_probabilities_of_log_odds_are_refused_and_log_odds_are_named() -> None:
    X = rows("array", 5)
    scoring = TreeScoringExplainer(shared_wrapper("binary", "array"))
    wanted = r"exact only in log-odds, in which the trees add up. Pass `output_unit='log-odds'`"
    with pytest.raises(InputError, match="`output_unit` is 'probability', but interaction values are " + wanted):
        scoring.explain_interactions(X, output_unit="probability")
    own = TreeScoringExplainer(shared_wrapper("binary", "array"), output_unit="probability")
    with pytest.raises(InputError, match="This explainer gives values in probability, but .* " + wanted):
        own.explain_interactions(X)
    found = own.explain_interactions(X, output_unit="log-odds")
    np.testing.assert_array_equal(found.values, scoring.explain_interactions(X).values)
    with pytest.raises(InputError, match="`output_unit` is 'probability', but a regression has a target"):
        TreeScoringExplainer(shared_wrapper("regression", "array")).explain_interactions(X, output_unit="probability")


def test_forests_add_up_in_probabilities() -> None:
    X = rows("array", 200)
    X = np.nan_to_num(X)
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, y)
    found = TreeScoringExplainer(TreeExplainer(forest)).explain_interactions(X[:30])
    assert found.output_unit == "probability"
    np.testing.assert_allclose(found.output, forest.predict_proba(X[:30]), atol=1e-9)


# Explainers themselves


@pytest.mark.parametrize("make", ["mimic", "tree", "wrapper"])
def test_explainers_of_trees_give_them_too(make: str) -> None:
    X = rows("array", 200)
    if make == "wrapper":
        explainer: Any = make_wrapper("regression", "array")
    elif make == "mimic":
        explainer = MimicExplainer(teacher("binary"), X, LGBMExplainableModel, **QUICK)
    else:
        model = lgb.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(X, X[:, 0] > 0)
        explainer = TreeExplainer(model)
    found = explainer.explain_interactions(X[:20])
    wanted = explainer.create_scoring_explainer().explain_interactions(X[:20])
    np.testing.assert_array_equal(found.values, wanted.values)


def test_raw_rows_come_with_transformations() -> None:
    X = np.random.default_rng(1).normal(size=(100, 3))
    scaler = ColumnTransformer([("scale", StandardScaler(), [0, 1, 2])]).fit(X)
    model = lgb.LGBMRegressor(n_estimators=5, n_jobs=1, verbose=-1).fit(scaler.transform(X), X[:, 0] * X[:, 1])
    explainer = TreeExplainer(model, transformations=scaler, initialization_examples=X)
    found = explainer.explain_interactions(X[:10])
    assert found.space == "raw"
    np.testing.assert_allclose(found.output[:, 0], model.predict(scaler.transform(X[:10])), atol=1e-9)


def test_explainers_without_trees_say_so() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    linear = LinearExplainer(LinearRegression().fit(X, X[:, 0]), X)
    with pytest.raises(UnsupportedModelError, match="no exact interaction values; trees have. Use `TreeExplainer`"):
        linear.explain_interactions(X)
    assert not hasattr(linear.create_scoring_explainer(), "explain_interactions")


# Refusals


def test_matrices_of_more_than_a_gigabyte_for_one_row_are_refused() -> None:
    n = 12_000
    X = sp.random(60, n, density=0.01, format="csr", random_state=0)
    model = lgb.LGBMRegressor(n_estimators=2, n_jobs=1, verbose=-1, min_child_samples=2).fit(X, np.arange(60.0))
    few = FeatureMap.from_matrix(np.eye(3)[:, np.arange(n) % 3])
    scoring = TreeScoringExplainer(TreeExplainer(model, initialization_examples=X), feature_maps=[few])
    for local in (True, False):
        with pytest.raises(InputError, match=r"12,000 features take 1\.1 GiB for one row; .* pass `get_raw=True`"):
            scoring.explain_interactions(X, include_local=local)
    assert scoring.explain_interactions(X, get_raw=True).values.shape == (1, 60, 3, 3)


def test_raw_columns_without_a_map_and_more_than_four_gigabytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    scoring = TreeScoringExplainer(shared_wrapper("regression", "array").explainer)
    with pytest.raises(MissingRawTransformationsError, match="needs a feature map"):
        scoring.explain_interactions(rows("array", 3), get_raw=True)
    tall = np.broadcast_to(np.zeros(4), (40_000_000, 4))
    monkeypatch.setattr(scoring, "_encode", lambda X: X)  # no table of a gigabyte for a test
    with pytest.raises(InputError, match=r"would take 4\.8 GiB; at most 4 are made. .*`include_local=False`"):
        scoring.explain_interactions(tall)
