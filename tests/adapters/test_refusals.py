"""What is refused, and in which words: forecasts from history, unfitted models, no models."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import BlackBox, automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import adapter_for, refusal
from automl_explain.exceptions import UnsupportedModelError

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 4.0], "b": [1.0, 0.0, 1.0, 0.0]})
Y = np.array([0.0, 1.0, 2.0, 3.0])
#: Gives labels alone.
VOTE = VotingClassifier([("linear", LogisticRegression()), ("same", LogisticRegression())])

# Listed in the public how-to of Azure, with the spellings seen in pipelines.
TIME_SERIES = [
    ("AutoArima", "AutoArima"),
    ("auto_arima", "AutoArima"),
    ("Prophet", "Prophet"),
    ("ProphetModel", "Prophet"),
    ("ExponentialSmoothing", "ExponentialSmoothing"),
    ("exponential smoothing", "ExponentialSmoothing"),
    ("TCNForecaster", "TCNForecaster"),
    ("Average", "Average"),
    ("Naive", "Naive"),
    ("SeasonalAverage", "SeasonalAverage"),
    ("Seasonal Naive", "SeasonalNaive"),
    ("SARIMAX", "SARIMAX"),
    ("Holt-Winters", "HoltWinters"),
    ("Arimax", "Arimax"),
]


class _Forecaster(RegressorMixin, BaseEstimator):
    """Stands for a model of any name; nothing of the library it comes from is needed."""

    def fit(self, X: Any, y: Any) -> Any:
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.full(len(X), self.mean_)


class Prophet(_Forecaster):
    """Stands for the forecaster, inside of regressors."""


class ProphetModel(LogisticRegression):
    """Stands for the forecaster, inside of classifiers."""


def called(name: str) -> Any:
    return type(name, (_Forecaster,), {})().fit(X, Y)


@pytest.mark.parametrize(("name", "shown"), TIME_SERIES)
def test_time_series_models_are_refused_by_their_class(name: str, shown: str) -> None:
    """A typed refusal that names the model, alone and at the end of a pipeline; never random data."""
    for model in (called(name), Pipeline([("model", called(name))]).fit(X, Y)):
        with pytest.raises(UnsupportedModelError, match=rf"^{shown} forecasts from the history of the target"):
            automl_setup_model_explanations(model, "forecasting", X=X, X_test=X, y=Y)
        assert not automl_check_model_if_explainable(model)


def test_the_refusal_does_not_depend_on_the_data_given() -> None:
    """Passing only rows to explain does not get round the refusal."""
    with pytest.raises(UnsupportedModelError, match="AutoArima forecasts"):
        automl_setup_model_explanations(called("AutoArima"), "regression", X_test=X)


def test_any_time_series_member_refuses_the_whole_ensemble() -> None:
    """TCNForecaster among others is not explainable, LightGBM and others are."""
    mixed = VotingRegressor([("linear", LinearRegression()), ("other", called("TCNForecaster"))]).fit(X, Y)
    assert refusal(mixed) is not None
    assert not automl_check_model_if_explainable(mixed)
    fine = VotingRegressor([("lightgbm", LinearRegression()), ("other", DummyRegressor())]).fit(X, Y)
    assert refusal(fine) is None
    assert automl_check_model_if_explainable(fine)


def test_a_time_series_model_deep_inside_is_found() -> None:
    inner = VotingRegressor([("other", make_pipeline(StandardScaler(), called("Naive")))]).fit(X, Y)
    with pytest.raises(UnsupportedModelError, match="Naive forecasts"):
        adapter_for(make_pipeline(StandardScaler(), inner).fit(X, Y))


@pytest.mark.parametrize("name", ["stacking", "calibrated", "threshold", "target", "method", "black box"])
def test_forecasters_inside_models_of_scikit_learn_are_found(name: str) -> None:
    """Refused by name inside ensembles, searches, calibrations and transformed targets, with a pipeline around."""
    rows = np.arange(20.0).reshape(10, 2)
    y, flags = rows[:, 0], np.arange(10) % 2
    regression = Pipeline([("model", Prophet())])
    classification = Pipeline([("model", ProphetModel())])
    model: Any = {
        "stacking": lambda: StackingRegressor([("a", DummyRegressor())], regression, cv=2).fit(rows, y),
        "calibrated": lambda: CalibratedClassifierCV(classification, cv=2).fit(rows, flags),
        "threshold": lambda: FixedThresholdClassifier(classification).fit(rows, flags),
        "target": lambda: TransformedTargetRegressor(regression, func=np.log1p, inverse_func=np.expm1).fit(rows, y),
        "method": lambda: BlackBox(regression.fit(rows, y).predict),
        "black box": lambda: BlackBox(regression.fit(rows, y)),
    }[name]()
    with pytest.raises(UnsupportedModelError, match="^Prophet forecasts from the history"):
        adapter_for(model, "regression")
    assert not automl_check_model_if_explainable(model)
    if name not in ("method", "black box"):
        assert refusal(make_pipeline(StandardScaler(), model)) is not None


@pytest.mark.parametrize(
    "holder",
    [
        BaggingRegressor(called("Naive"), n_estimators=2).fit(X, Y),
        types.SimpleNamespace(estimators=[("first", called("AutoArima"))], predict=len),
        types.SimpleNamespace(estimators_=[called("Average")], predict=len),
        types.SimpleNamespace(named_estimators_={"first": called("Prophet")}, predict=len),
        types.SimpleNamespace(best_estimator_=called("TCNForecaster"), predict=len),
    ],
    ids=["bagging", "estimators", "estimators_", "named_estimators_", "best_estimator_"],
)
def test_members_are_found_wherever_ensembles_keep_them(holder: Any) -> None:
    """Members are found in lists, in pairs with names, in dicts, and in the best model of a search."""
    assert refusal(holder) is not None
    assert not automl_check_model_if_explainable(holder)


@pytest.mark.parametrize("name", ["naive", "average", "Prophet", "auto_arima", "orbit", "Seasonal Naive"])
def test_names_of_steps_and_members_refuse_nothing(name: str) -> None:
    """A naive Bayes model may well be called ``naive``, and a mean of two models ``average``."""
    mean = VotingRegressor([(name, LinearRegression()), ("other", LinearRegression())])
    for model in (
        Pipeline([(name, StandardScaler()), ("model", LinearRegression())]),
        Pipeline([("scaler", StandardScaler()), (name, LinearRegression())]),
        Pipeline([("scaler", StandardScaler()), (name, mean)]),
        types.SimpleNamespace(named_estimators_={name: LinearRegression()}, predict=len),
    ):
        assert refusal(model.fit(X, Y) if hasattr(model, "fit") else model) is None
    setup = automl_setup_model_explanations(mean.fit(X, Y), "regression", X=X, X_test=X, y=Y)
    assert setup.task == "regression"


def test_models_that_hold_themselves_are_searched_once() -> None:
    model = LinearRegression().fit(X, Y)
    model.estimators_ = [model]
    assert refusal(model) is None


@pytest.mark.parametrize(
    ("properties", "expected"),
    [({"model_exp_support": "True"}, True), ({"model_exp_support": "False"}, False), ({}, False)],
)
def test_a_run_is_explainable_only_if_its_property_says_so(properties: dict[str, str], expected: bool) -> None:
    """A run is explainable only if its property says so."""
    run = types.SimpleNamespace(properties=properties)
    assert automl_check_model_if_explainable(run) is expected
    stale = types.SimpleNamespace(properties={}, get_properties=lambda: properties)
    assert automl_check_model_if_explainable(stale) is expected
    assert automl_check_model_if_explainable(stale, need_refresh_run=False) is False


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LinearRegression(), "LinearRegression is not fitted; call `fit` first"),
        (Pipeline([("z", StandardScaler()), ("m", LinearRegression())]), "is not fitted"),
        (make_pipeline(StandardScaler()).fit(X), "ends in a transformer; pass one whose last step is a fitted model"),
        (VOTE.fit(X, Y > 1), "VotingClassifier is a classifier without `predict_proba` and `decision_function`"),
        (make_pipeline(StandardScaler(), VOTE).fit(X, Y > 1), "labels are no numbers to explain.*voting='soft'"),
        (object(), "builtins.object is no model that can be explained: it has no `predict`"),
        ("model.pkl", "builtins.str is no model"),
        (None, "NoneType is no model"),
    ],
    ids=[
        "unfitted",
        "unfitted pipeline",
        "transformers",
        "labels alone",
        "labels alone in pipeline",
        "object",
        "text",
        "none",
    ],
)
def test_what_is_no_fitted_model_is_refused_with_the_reason(model: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        adapter_for(model)
    assert automl_check_model_if_explainable(model) is False


def test_a_model_of_another_library_needs_only_predict() -> None:
    """An object that is no scikit-learn estimator: nothing can say whether it is fitted."""

    class Other:
        def predict(self, X: Any) -> np.ndarray:
            return np.asarray(X)[:, 0]

    class OtherClassifier(Other):
        classes_ = ("a", "b")

        def predict_proba(self, X: Any) -> np.ndarray:
            return np.full((len(X), 2), 0.5)

    assert adapter_for(Other()).task == "regression"
    adapter = adapter_for(OtherClassifier())
    assert (adapter.task, adapter.classes) == ("classification", ["a", "b"])


def test_a_fitted_classifier_with_probabilities_passes() -> None:
    assert automl_check_model_if_explainable(LogisticRegression().fit(X, Y > 1))
