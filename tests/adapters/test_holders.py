"""Searches, thresholds, transformed targets, calibrations and ensembles with pipelines inside."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from automl_explain import MimicWrapper, automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.explainer_setup import AutoMLExplainerSetup
from automl_explain.testing import check_adapter

COLUMNS = ["age", "visits", "city", "kind"]
ENGINEERED = ["n__age", "n__visits", "c__city_Lima", "c__city_Oslo", "c__city_Rome", "c__city_None", "c__kind_p"]


@pytest.fixture(scope="module", name="X")
def raw_rows(mixed: pd.DataFrame) -> pd.DataFrame:
    return mixed[COLUMNS]


@pytest.fixture(scope="module")
def y(score: np.ndarray) -> np.ndarray:
    return np.where(score > 0, "yes", "no").astype(object)


def pipeline(end: Any) -> Pipeline:
    prepare = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "visits"]),
            ("c", OneHotEncoder(drop="if_binary"), ["city", "kind"]),
        ],
        sparse_threshold=0.0,
    )
    return Pipeline([("prepare", prepare), ("model", end)])


def classify(**options: Any) -> Pipeline:
    return pipeline(LogisticRegression(max_iter=2000, **options))


def fit(model: Any, X: Any, y: Any) -> Any:
    """Fitted model; what solvers say of small folds is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def set_up(model: Any, X: pd.DataFrame, y: Any, task: str = "classification") -> AutoMLExplainerSetup:
    return automl_setup_model_explanations(model, task, X=X, X_test=X.iloc[:50], y=y)


GRID = {"model__C": [0.1, 1.0]}
OPENED: dict[str, Callable[[], Any]] = {
    "grid": lambda: GridSearchCV(classify(), GRID, cv=2),
    "several measures": lambda: GridSearchCV(classify(), GRID, cv=2, scoring=["accuracy", "roc_auc"], refit="roc_auc"),
    "random": lambda: RandomizedSearchCV(classify(), GRID, n_iter=2, cv=2, random_state=0),
    "halving grid": lambda: HalvingGridSearchCV(classify(), GRID, cv=2, random_state=0),
    "halving random": lambda: HalvingRandomSearchCV(classify(), GRID, cv=2, random_state=0),
    "search in a pipeline": lambda: Pipeline([("search", GridSearchCV(classify(), GRID, cv=2))]),
    "search of thresholds": lambda: GridSearchCV(FixedThresholdClassifier(classify()), {"threshold": [0.2]}, cv=2),
    "tuned threshold": lambda: TunedThresholdClassifierCV(classify(), cv=2, random_state=0),
    "fixed threshold": lambda: FixedThresholdClassifier(classify(), threshold=0.8, pos_label="yes"),
}


@pytest.mark.parametrize("name", OPENED)
def test_one_pipeline_inside_is_taken_apart(X: pd.DataFrame, y: np.ndarray, check: Any, name: str) -> None:
    """Labels follow the model's own threshold, scores are explained."""
    model = fit(OPENED[name](), X, y)
    setup = set_up(model, X, y)
    assert len(setup.engineered_feature_names) == len(ENGINEERED)
    assert setup.engineered_feature_names[:2] == ENGINEERED[:2]
    assert setup.automl_featurizer is not None
    proba = model.predict_proba(X.iloc[:50])
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_test_transform), proba)
    assert setup.automl_estimator.predict(setup.X_test_transform).tolist() == model.predict(X.iloc[:50]).tolist()
    if "threshold" not in name:
        check(setup, model)
    check_adapter(model, X, y)


def test_a_moved_threshold_shows_in_the_labels_of_an_explanation(X: pd.DataFrame, y: np.ndarray) -> None:
    model = fit(FixedThresholdClassifier(classify(), threshold=0.9, pos_label="yes"), X, y)
    setup = set_up(model, X, y)
    wrapper = MimicWrapper.from_setup(setup, explainable_model_args={"n_estimators": 60, "n_jobs": 1})
    explanation = wrapper.explain(["local"], eval_dataset=setup.X_test_transform)
    assert explanation.eval_y_predicted.tolist() == model.predict(X.iloc[:50]).tolist()
    likeliest = model.classes_[model.predict_proba(X.iloc[:50]).argmax(axis=1)]
    assert explanation.eval_y_predicted.tolist() != likeliest.tolist()


def test_a_search_without_a_model_is_refused_with_the_mend(X: pd.DataFrame, y: np.ndarray) -> None:
    model = fit(GridSearchCV(classify(), GRID, cv=2, refit=False), X, y)
    with pytest.raises(
        UnsupportedModelError, match=r"GridSearchCV searched with refit=False.*Search with `refit=True`"
    ):
        adapter_for(model)
    with pytest.raises(UnsupportedModelError, match="GridSearchCV is not fitted"):
        adapter_for(GridSearchCV(classify(), GRID))


def test_a_transformed_target_around_a_pipeline_is_explained_in_the_unit_of_the_target(
    X: pd.DataFrame, score: np.ndarray, check: Any
) -> None:
    """The inverse-transformed output is what the surrogate learns."""
    target = np.exp(score / 20)
    for inner in (pipeline(Ridge()), GridSearchCV(pipeline(Ridge()), {"model__alpha": [1.0]}, cv=2)):
        model = fit(TransformedTargetRegressor(inner, func=np.log, inverse_func=np.exp), X, target)
        setup = set_up(model, X, target, "regression")
        check(setup, model)
        assert setup.engineered_feature_names[:2] == ENGINEERED[:2]
        assert (setup.automl_estimator.predict(setup.X_transform) > 0).all()
        check_adapter(model, X, target)
    assert model.regressor_ is not setup.automl_estimator  # the model given stays as it was
    np.testing.assert_array_equal(model.predict(X), setup.automl_estimator.predict(setup.X_transform))


CLOSED: dict[str, Callable[[], Any]] = {
    "stacking": lambda: StackingClassifier(
        [("a", classify()), ("b", pipeline(DecisionTreeClassifier(max_depth=3)))], cv=2
    ),
    "voting": lambda: VotingClassifier([("a", classify()), ("b", classify(C=0.1))], voting="soft"),
    "calibrated": lambda: CalibratedClassifierCV(classify(), cv=3),
    "calibrated scores": lambda: CalibratedClassifierCV(pipeline(LinearSVC()), cv=2),
    "calibrated as one": lambda: CalibratedClassifierCV(classify(), cv=3, ensemble=False),
}


@pytest.mark.parametrize("name", CLOSED)
def test_several_pipelines_inside_read_the_raw_columns(X: pd.DataFrame, y: np.ndarray, check: Any, name: str) -> None:
    """Engineered features are the raw columns then, and the setup says so."""
    model = fit(CLOSED[name](), X, y)
    setup = set_up(model, X, y)
    check(setup, model)
    assert setup.engineered_feature_names == setup.raw_feature_names == COLUMNS
    assert "none seen: the model reads the raw columns" in repr(setup)
    check_adapter(model, X, y)


@pytest.mark.parametrize("make", [StackingRegressor, VotingRegressor])
def test_ensembles_of_regressors_read_the_raw_columns(
    X: pd.DataFrame, score: np.ndarray, check: Any, make: Any
) -> None:
    model = fit(make([("a", pipeline(Ridge())), ("b", pipeline(Ridge(50.0)))]), X, score)
    setup = set_up(model, X, score, "regression")
    check(setup, model)
    assert setup.engineered_feature_names == COLUMNS


def test_an_ensemble_of_pipelines_is_explained_with_categories_and_gaps(X: pd.DataFrame, y: np.ndarray) -> None:
    """From the raw rows to the explanation: `visits` and `kind` decide nothing here."""
    model = fit(CLOSED["voting"](), X, y)
    setup = set_up(model, X, y)
    wrapper = MimicWrapper.from_setup(setup, explainable_model_args={"n_estimators": 100, "n_jobs": 1})
    raw = wrapper.explain(
        ["local", "global"], eval_dataset=setup.X_test_transform, get_raw=True, raw_eval_dataset=setup.X_test_raw
    )
    np.testing.assert_array_equal(raw.eval_y_predicted_proba, model.predict_proba(X.iloc[:50]))
    assert set(raw.get_ranked_global_names(top_k=2)) == {"age", "city"}
    assert raw.fidelity.r2_probability > 0.9


def test_pipelines_with_samplers_are_taken_apart(X: pd.DataFrame, y: np.ndarray, check: Any) -> None:
    """Steps that change the rows in training alone are left out."""
    imblearn = pytest.importorskip("imblearn.pipeline")
    from imblearn.over_sampling import RandomOverSampler

    steps = [*classify().steps[:1], ("sample", RandomOverSampler(random_state=0)), ("model", LogisticRegression())]
    model = fit(imblearn.Pipeline(steps), X, y)
    setup = set_up(model, X, y)
    check(setup, model)
    assert setup.automl_estimator is model[-1]
    assert len(setup.engineered_feature_names) == len(ENGINEERED)
