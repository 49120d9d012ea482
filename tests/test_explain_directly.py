"""explain_automl without a surrogate: where the model is a tree or linear model, exactly; else why not."""

from __future__ import annotations

import functools
import itertools
import warnings
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import shap
from flaml import AutoML
from models import QUICK, fit_flaml
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import (
    DirectWrapper,
    LinearScoringExplainer,
    MimicWrapper,
    TreeScoringExplainer,
    automl_setup_model_explanations,
    explain_automl,
    load,
    save,
)
from automl_explain.exceptions import InitDatasetMissingError, InputError, UnsupportedModelError

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")


@functools.cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(size=200), "size": rng.normal(size=200)})
    X["city"] = rng.choice(["Oslo", "Rome", "Bonn"], 200)
    X.loc[::9, "size"] = np.nan
    return X


def target(kind: str) -> Any:
    X = table()
    signal = X["age"] + (X["city"] == "Rome") * 2 + X["size"].fillna(0) / 2
    if kind == "regression":
        return signal
    if kind == "binary":
        return np.where(signal > 0.7, "yes", "no")
    return np.select([signal < 0, signal < 1], list("zm"), "a")


def pipeline(model: Any, kind: str) -> Pipeline:
    X = table().fillna({"size": 0.0})
    steps = ColumnTransformer([("n", StandardScaler(), ["age", "size"]), ("c", OneHotEncoder(), ["city"])])
    return Pipeline([("prepare", steps), ("model", model)]).fit(X, target(kind))


def new_rows() -> pd.DataFrame:
    return table()[:40].fillna({"size": 0.0})


@pytest.mark.filterwarnings("ignore:Column 'city' contains values unseen:UserWarning")  # FLAML of the row with Paris
@pytest.mark.parametrize(
    ("learner", "kind"),
    [
        *itertools.product(["lgbm", "rf", "xgboost", "histgb"], ["regression", "binary", "three"]),
        *itertools.product(["lrl1", "lrl2"], ["binary", "three"]),
        ("extra_tree", "regression"),
        ("extra_tree", "three"),
    ],
)
def test_flaml_models_are_explained_by_themselves(learner: str, kind: str) -> None:
    """With FLAML's own preprocessing, its labels in its order, gaps and a city that was not there in training."""
    if learner == "xgboost":
        pytest.importorskip("xgboost")
    task = "regression" if kind == "regression" else "classification"
    automl = fit_flaml(table(), target(kind), task, [learner], max_iter=1)
    X_test = table()[:40].copy()
    X_test.loc[3, "city"] = "Paris"
    result = explain_automl(automl, table(), X_test, method="auto")
    assert (result.method, result.raw.features) == ("direct", ["age", "size", "city"])
    assert result.raw.fidelity is None
    sums = np.asarray(result.raw.output)
    np.testing.assert_allclose(sums, result.engineered.output, atol=1e-9)
    if kind == "regression":
        np.testing.assert_allclose(sums[:, 0], automl.predict(X_test), rtol=1e-4, atol=1e-5)
        return
    assert result.raw.classes == sorted(set(target(kind)))
    assert list(result.raw.eval_y_predicted) == list(automl.predict(X_test))
    np.testing.assert_allclose(result.raw.eval_y_predicted_proba, automl.predict_proba(X_test))


def test_values_inside_of_a_pipeline_are_those_of_shap() -> None:
    model = pipeline(lgb.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1), "regression")
    result = explain_automl(model, new_rows(), new_rows(), method="auto")
    Z = model[:-1].transform(new_rows())
    np.testing.assert_allclose(result.engineered.values[0], shap.TreeExplainer(model[-1]).shap_values(Z), atol=1e-9)
    assert (result.method, result.reason) == ("direct", "LGBMRegressor is made of trees")


def test_linear_models_inside_of_a_pipeline() -> None:
    model = pipeline(LogisticRegression(), "binary")
    rows = table().fillna({"size": 0.0})
    result = explain_automl(model, rows, new_rows(), method="auto", raw_method="grouped")
    Z = model[:-1].transform(rows)
    wanted = (Z[:40] - Z.mean(axis=0)) * model[-1].coef_[0]
    np.testing.assert_allclose(result.engineered.values[0], wanted, atol=1e-9)
    np.testing.assert_allclose(result.raw.values[0][:, 2], wanted[:, 2:].sum(axis=1), atol=1e-9)
    assert (result.reason, result.raw.method) == ("LogisticRegression is a linear model", "linear.grouped")


@pytest.mark.usefixtures("small")
def test_auto_falls_back_to_a_surrogate_and_says_why() -> None:
    other = explain_automl(pipeline(KNeighborsClassifier(), "binary"), new_rows(), new_rows(), method="auto")
    assert (other.method, type(other.explainer)) == ("mimic", MimicWrapper)
    assert "KNeighborsClassifier is no tree model" in other.reason
    squared = pipeline(lgb.LGBMRegressor(reg_sqrt=True, n_estimators=3, verbose=-1, n_jobs=1), "regression")
    result = explain_automl(squared, new_rows(), new_rows(), method="auto")
    assert result.method == "mimic"
    assert "made of trees, but: tree: it adds up to" in result.reason
    assert "mimic: LGBMRegressor is made of trees, but" in repr(result)
    forest = pipeline(RandomForestClassifier(3, random_state=0), "binary")
    asked = explain_automl(forest, new_rows(), new_rows(), method="auto", output_unit="log-odds")
    assert (asked.method, asked.raw.output_unit) == ("mimic", "log-odds")


@pytest.mark.usefixtures("small")
def test_catboost_on_categories_falls_back_to_a_surrogate() -> None:
    """Its models keep hashes of categories, which no one can turn back."""
    pytest.importorskip("catboost")
    automl = AutoML()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        given = {"estimator_list": ["catboost"], "max_iter": 1, "verbose": 0, "n_jobs": 1}
        automl.fit(table(), target("binary"), task="classification", **given)
    result = explain_automl(automl, table(), table()[:20], method="auto")
    assert (result.method, type(result.explainer)) == ("mimic", MimicWrapper)
    assert result.reason.startswith("CatBoostClassifier keeps its splits on categories as hashes")
    with pytest.raises(UnsupportedModelError, match="as hashes, which only it can follow, so it cannot be explained"):
        explain_automl(automl, table(), table()[:20], method="direct")
    with pytest.raises(UnsupportedModelError, match="as hashes, which only it can follow.*MimicWrapper"):
        DirectWrapper.from_setup(result.setup)


@pytest.mark.usefixtures("small")
def test_the_user_is_told_that_no_surrogate_is_needed() -> None:
    model = pipeline(Ridge(), "regression")
    setup = automl_setup_model_explanations(model, "regression", X=new_rows(), X_test=new_rows())
    assert setup.direct_explainer == "linear"
    assert "possible: it is a linear model; method='auto'" in repr(setup)
    assert MimicWrapper.from_setup(setup).explainable_directly == "linear"
    assert "method='auto' would explain the linear model" in explain_automl(model, new_rows(), new_rows()).reason
    nearest = pipeline(KNeighborsClassifier(), "binary")
    setup = automl_setup_model_explanations(nearest, "classification", X=new_rows(), X_test=new_rows())
    assert setup.direct_explainer is None
    assert "direct explanation" not in repr(setup)


def test_direct_is_refused_where_there_are_no_values() -> None:
    nearest = pipeline(KNeighborsClassifier(), "binary")
    with pytest.raises(UnsupportedModelError, match="KNeighborsClassifier is no tree model.*'auto' or 'mimic'"):
        explain_automl(nearest, new_rows(), new_rows(), method="direct")
    with pytest.raises(UnsupportedModelError, match="KNeighborsClassifier is no tree model.*MimicWrapper"):
        DirectWrapper(None, nearest[-1], nearest[:-1].transform(new_rows()))
    with pytest.raises(InputError, match="`method` must be one of 'mimic', 'direct', 'auto'; got 'tree'"):
        explain_automl(nearest, new_rows(), new_rows(), method="tree")
    setup = automl_setup_model_explanations(pipeline(Ridge(), "regression"), "regression", X_test=new_rows())
    with pytest.raises(InitDatasetMissingError, match="made without `X`"):
        DirectWrapper.from_setup(setup)


def test_direct_explainers_are_scored_from_a_file(tmp_path: Any) -> None:
    for model, scoring in (
        (RandomForestClassifier(3, random_state=0), TreeScoringExplainer),
        (LogisticRegression(), LinearScoringExplainer),
    ):
        result = explain_automl(pipeline(model, "binary"), new_rows(), new_rows(), method="direct")
        save(scoring(result.explainer), tmp_path / scoring.__name__)
        values = load(tmp_path / scoring.__name__).explain(result.setup.X_test_transform, get_raw=True)
        np.testing.assert_allclose(values, np.asarray(result.raw.local_importance_values), atol=1e-12)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Surrogates that are fitted in milliseconds."""
    made = MimicWrapper.from_setup.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        MimicWrapper, "from_setup", classmethod(lambda cls, *given, **more: made(cls, *given, **{**QUICK, **more}))
    )
