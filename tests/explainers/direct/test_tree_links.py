"""Models whose predictions are a function of the sums of their trees: exact, in the unit of the sums.

CatBoost and the newest XGBoost cannot share an environment with FLAML; `.ci/run` has one for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.ensemble import GradientBoostingClassifier

from automl_explain import TreeExplainer, TreeScoringExplainer, load, save
from automl_explain.exceptions import SelfCheckError, UnsupportedModelError
from automl_explain.treeshap import read_trees

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
SIGNAL = X[:, 0] * X[:, 1] + X[:, 2]
TWO, THREE = (SIGNAL > 0).astype(int), np.digitize(SIGNAL, [-0.5, 0.5])
SHARE, POSITIVE = expit(SIGNAL), np.exp(SIGNAL)
CENSORED = POSITIVE * np.where(RNG.random(400) < 0.3, -1, 1)
ROWS = X[:25]
LGB: dict[str, Any] = {"n_estimators": 5, "num_leaves": 7, "verbose": -1, "n_jobs": 1}
XGB: dict[str, Any] = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1}
CAT: dict[str, Any] = {"iterations": 5, "depth": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}


def by_lightgbm(model: Any, factor: float) -> np.ndarray:
    """LightGBM's own contributions (n_outputs, n_rows, n_features + 1), in log-odds."""
    return factor * model.predict(ROWS, pred_contrib=True).reshape(len(ROWS), -1, 5).transpose(1, 0, 2)


def by_xgboost(model: Any) -> np.ndarray:
    import xgboost as xgb

    found = model.get_booster().predict(xgb.DMatrix(ROWS), pred_contribs=True).astype(np.float64)
    return found.reshape(len(ROWS), -1, 5).transpose(1, 0, 2)


def check(model: Any, wanted: np.ndarray, unit: str, link: str, tolerance: float, tmp_path: Path) -> None:
    """Values, expected values and what they add up to; in probabilities as well, and after a file."""
    explainer = TreeExplainer(model)
    found = explainer.explain_local(ROWS)
    assert (found.output_unit, found.link) == (unit, link)
    np.testing.assert_allclose(found.values, wanted[:, :, :-1], atol=tolerance)
    np.testing.assert_allclose(found.base, wanted[:, 0, -1], atol=tolerance)
    sums = found.values.sum(axis=2).T + found.base
    shown = {"log": np.exp, "logit": expit, "sigmoid": expit}[link](sums)
    if unit == "log-odds":
        wanted_outputs = model.predict_proba(ROWS)[:, -wanted.shape[0] :]
        in_probabilities = TreeExplainer(model, shap_values_output="probability").explain_local(ROWS)
        np.testing.assert_allclose(
            in_probabilities.values.sum(axis=2).T + in_probabilities.base, wanted_outputs, atol=tolerance
        )
    else:
        wanted_outputs = model.predict(ROWS)[:, None]
        assert found.classes is None
    np.testing.assert_allclose(shown, wanted_outputs, rtol=max(tolerance, 1e-12))
    loaded = load(save(TreeScoringExplainer(explainer), tmp_path / "scoring"))
    values = np.asarray(loaded.explain(ROWS)).reshape(-1, *found.values.shape[1:])
    np.testing.assert_array_equal(values[-len(found.values) :], found.values)


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_one_versus_all_of_lightgbm_is_sigmoids_that_need_not_add_up_to_1(factor: float, tmp_path: Path) -> None:
    model = lgb.LGBMClassifier(objective="multiclassova", sigmoid=factor, **LGB).fit(X, THREE)
    assert np.abs(model.predict_proba(ROWS).sum(axis=1) - 1).max() > 0.02
    # Doubles hold 1e-16; values are below 10.
    check(model, by_lightgbm(model, factor), "log-odds", "sigmoid", 1e-13, tmp_path)
    explanation = TreeExplainer(model).explain_local(ROWS)
    assert list(explanation.eval_y_predicted) == list(model.predict(ROWS))
    assert np.abs(explanation.residuals).max() < 1e-12


def test_one_versus_all_of_two_classes_is_the_second(tmp_path: Path) -> None:
    model = lgb.LGBMClassifier(objective="multiclassova", num_class=2, sigmoid=2.0, **LGB).fit(X, TWO)
    check(model, by_lightgbm(model, 2.0)[1:], "log-odds", "logit", 1e-13, tmp_path)


def test_one_versus_all_of_two_classes_that_are_no_mirror_images_is_refused() -> None:
    model = lgb.LGBMClassifier(objective="multiclassova", num_class=2, **LGB).fit(X, TWO)
    model.booster_.set_leaf_output(0, 0, 0.5)
    with pytest.raises(SelfCheckError, match="it adds up to"):
        TreeExplainer(model, initialization_examples=X)
    with pytest.raises(UnsupportedModelError, match="add up to"):
        TreeExplainer(model).explain_local(X)


def test_softmax_of_two_classes_is_the_difference(tmp_path: Path) -> None:
    model = lgb.LGBMClassifier(objective="multiclass", num_class=2, **LGB).fit(X, TWO)
    both = by_lightgbm(model, 1.0)
    check(model, (both[1] - both[0])[None], "log-odds", "logit", 1e-13, tmp_path)


@pytest.mark.parametrize(("objective", "y"), [("binary", TWO), ("cross_entropy", SHARE)])
def test_regressions_of_shares_of_lightgbm(objective: str, y: Any, tmp_path: Path) -> None:
    model = lgb.LGBMRegressor(objective=objective, **LGB).fit(X, y)
    check(model, by_lightgbm(model, 1.0), "logit of target", "logit", 1e-13, tmp_path)


def test_the_sigmoid_of_lightgbm_is_in_the_log_odds(tmp_path: Path) -> None:
    model = lgb.LGBMClassifier(sigmoid=0.5, **LGB).fit(X, TWO)
    check(model, by_lightgbm(model, 0.5), "log-odds", "logit", 1e-13, tmp_path)
    assert np.allclose(read_trees(model).predict(ROWS)[:, 0], 2 * logit(model.predict_proba(ROWS)[:, 1]))


def test_the_exponential_loss_of_scikit_learn_counts_twice() -> None:
    model = GradientBoostingClassifier(loss="exponential", n_estimators=5).fit(X, TWO)
    found = TreeExplainer(model).explain_local(ROWS)
    np.testing.assert_allclose(found.output[:, 0], logit(model.predict_proba(ROWS)[:, 1]), atol=1e-12)


OBJECTIVES = [
    ("reg:logistic", SHARE, "logit of target", "logit"),
    ("binary:logistic", TWO, "logit of target", "logit"),
    ("survival:cox", CENSORED, "log of target", "log"),
    ("count:poisson", POSITIVE, "log of target", "log"),
]


@pytest.mark.parametrize(("objective", "y", "unit", "link"), OBJECTIVES)
def test_regressions_of_xgboost_with_a_link(objective: str, y: Any, unit: str, link: str, tmp_path: Path) -> None:
    xgb = pytest.importorskip("xgboost")
    model = xgb.XGBRegressor(objective=objective, **XGB).fit(X, y)
    check(model, by_xgboost(model), unit, link, 1e-5, tmp_path)  # XGBoost adds up in float32


def test_two_classes_of_a_softmax_of_xgboost(tmp_path: Path) -> None:
    xgb = pytest.importorskip("xgboost")
    model = xgb.XGBClassifier(objective="multi:softprob", num_class=2, **XGB).fit(X, TWO)
    both = by_xgboost(model)
    check(model, (both[1] - both[0])[None], "log-odds", "logit", 1e-5, tmp_path)
    booster = TreeExplainer(model.get_booster()).explain_local(ROWS)
    np.testing.assert_allclose(booster.values, TreeExplainer(model).explain_local(ROWS).values)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_versus_all_of_catboost(n_classes: int, tmp_path: Path) -> None:
    cat = pytest.importorskip("catboost")
    y = TWO if n_classes == 2 else THREE
    model = cat.CatBoostClassifier(loss_function="MultiClassOneVsAll", **CAT).fit(X, y)
    wanted = model.get_feature_importance(cat.Pool(ROWS), type="ShapValues").transpose(1, 0, 2)
    link, wanted = ("logit", wanted[1:]) if n_classes == 2 else ("sigmoid", wanted)
    check(model, wanted, "log-odds", link, 1e-8, tmp_path)


def test_two_classes_of_a_softmax_of_catboost(tmp_path: Path) -> None:
    cat = pytest.importorskip("catboost")
    model = cat.CatBoostClassifier(loss_function="MultiClass", **CAT).fit(X, TWO)
    both = model.get_feature_importance(cat.Pool(ROWS), type="ShapValues").transpose(1, 0, 2)
    check(model, (both[1] - both[0])[None], "log-odds", "logit", 1e-8, tmp_path)
