"""Which adapter a model gets, by its type, and which models no row-wise explanation can be honest about.

Adapters are named as text, so that a library is imported when one of its models arrives, and so that adapters of
models with other models inside can ask here for those.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from automl_explain._lazy import find, load
from automl_explain.adapters._black_box import BlackBox
from automl_explain.adapters._kinds import kind_of
from automl_explain.adapters._self_check import WholeModel
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.protocols import PipelineAdapter

# Classes that forecast from the history of the target or the place in the batch, not from a row's columns. Names of
# steps tell nothing: a step may be called anything.
_TIME_SERIES = {
    "arima": "ARIMA",
    "arimax": "Arimax",
    "autoarima": "AutoArima",
    "average": "Average",
    "exponentialsmoothing": "ExponentialSmoothing",
    "holtwinters": "HoltWinters",
    "naive": "Naive",
    "orbit": "Orbit",
    "prophet": "Prophet",
    "prophetmodel": "Prophet",
    "sarimax": "SARIMAX",
    "seasonalaverage": "SeasonalAverage",
    "seasonalnaive": "SeasonalNaive",
    "tcnestimator": "TCN",
    "tcnforecaster": "TCNForecaster",
    "temporalfusiontransformerestimator": "TemporalFusionTransformer",
}

# Where models keep the models inside them; the last is a method's own object.
_HOLDING = (
    "steps",
    "estimators",
    "estimators_",
    "named_estimators_",
    "best_estimator_",
    "estimator_",
    "estimator",
    "regressor_",
    "final_estimator_",
    "__self__",
)


def refusal(model: Any) -> str | None:
    """Why a model cannot be explained, or None if it can be."""
    for part in _parts(model, seen=set()):
        for kind in type(part).__mro__:
            known = _TIME_SERIES.get(_plain(kind.__name__))
            if known is not None:
                return (
                    f"{known} forecasts from the history of the target, not from the columns of a row, so a row has no "
                    "feature contributions. Explain a regression-like candidate instead."
                )
    return None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _parts(model: Any, seen: set[int]) -> Iterator[Any]:
    """The model and every model inside it."""
    if id(model) in seen:
        return
    seen.add(id(model))
    yield model
    for attribute in _HOLDING:
        inner = getattr(model, attribute, None)
        if isinstance(inner, dict):
            inner = list(inner.values())
        if isinstance(inner, (list, tuple)):
            for item in inner:
                yield from _parts(item[1] if isinstance(item, tuple) and len(item) >= 2 else item, seen)
        elif hasattr(inner, "predict"):
            yield from _parts(inner, seen)


_ADAPTERS = (
    ("flaml.automl.automl", "AutoML", "automl_explain.adapters._flaml:flaml_adapter"),
    (
        "automl_explain.adapters",
        "FlamlCandidate",
        "automl_explain.adapters._flaml_candidates:flaml_candidate_adapter",
    ),
    ("autogluon.tabular", "TabularPredictor", "automl_explain.adapters._autogluon:AutoGluonAdapter"),
    ("supervised.automl", "AutoML", "automl_explain.adapters._mljar:mljar_adapter"),
    ("mlflow.pyfunc", "PyFuncModel", "automl_explain.adapters._mlflow:pyfunc_adapter"),
    ("tpot.tpot_estimator", "*", "automl_explain.adapters._tpot:tpot_adapter"),
    ("h2o.automl", "*", "automl_explain.adapters._h2o:H2OAdapter"),
    ("h2o.model", "ModelBase", "automl_explain.adapters._h2o:H2OAdapter"),
    ("lightautoml.automl", "AutoMLPreset", "automl_explain.adapters._lightautoml:LightAutoMLAdapter"),
    ("pycaret.internal.pipeline", "Pipeline", "automl_explain.adapters._pycaret:PycaretAdapter"),
    ("evalml.automl", "AutoMLSearch", "automl_explain.adapters._evalml:EvalmlAdapter"),
    ("evalml.pipelines", "PipelineBase", "automl_explain.adapters._evalml:EvalmlAdapter"),
    ("sklearn.pipeline", "Pipeline", "automl_explain.adapters._sklearn:PipelineModelAdapter"),
    ("sklearn.model_selection", "BaseSearchCV", "automl_explain.adapters._holders:SearchAdapter"),
    ("sklearn.model_selection", "BaseThresholdClassifier", "automl_explain.adapters._holders:ThresholdAdapter"),
    ("sklearn.compose", "TransformedTargetRegressor", "automl_explain.adapters._holders:TransformedTargetAdapter"),
    ("sklearn.base", "BaseEstimator", "automl_explain.adapters._sklearn:EstimatorAdapter"),
)
_ANY_ESTIMATOR = "automl_explain.adapters._sklearn:EstimatorAdapter"
_ANY_FUNCTION = "automl_explain.adapters._sklearn:black_box_adapter"

# Adapters that tell no more of a model than the model itself does.
_GENERIC = tuple(f"automl_explain.adapters.{name}" for name in ("_sklearn", "_holders", "_mlflow"))


def adapter_for(model: Any, task: str | None = None) -> PipelineAdapter:
    """Adapter of a fitted model.

    Parameters
    ----------
    model : object
        Fitted model, `BlackBox`, or function of raw rows.
    task : {"classification", "regression"}, optional
        What the model does; goes to adapters that take a ``task``, such as those of functions, which
        cannot tell themselves.

    Raises
    ------
    UnsupportedModelError
        If the model is refused (a pure time-series model), not fitted, a class, or of an unknown type.
    """
    if isinstance(model, type):
        raise UnsupportedModelError(
            f"{model.__qualname__} is a class, not a model; pass the fitted object: {model.__qualname__}().fit(X, y)."
        )
    reason = refusal(model.model if isinstance(model, BlackBox) else model)
    if reason is not None:
        raise UnsupportedModelError(reason)
    if isinstance(model, BlackBox):
        return _closed(model, task)
    adapter = find(model, _ADAPTERS, "adapters")
    unknown = adapter is None or adapter is load(_ANY_ESTIMATOR)
    untold = unknown and hasattr(model, "predict") and kind_of(model) == "untold"
    if (untold and task == "classification") or (adapter is None and callable(model)):
        return _of_any_function(BlackBox(model), task)
    if adapter is None and not hasattr(model, "predict"):
        raise UnsupportedModelError(
            f"{type(model).__module__}.{type(model).__qualname__} is no model that can be explained: it has no "
            "`predict`. "
            "Pass a fitted FLAML AutoML, a fitted scikit-learn Pipeline or estimator, or a function of raw rows."
        )
    make: Any = adapter or load(_ANY_ESTIMATOR)
    asks = "task" in inspect.signature(make).parameters
    made: PipelineAdapter = make(model, task="regression" if task == "forecasting" else task) if asks else make(model)
    return made


def library_adapter(model: Any) -> Any:
    """Adapter of a model of an AutoML library; None for models of scikit-learn and for all that no adapter knows.

    Raises
    ------
    UnsupportedModelError
        If the library's model cannot be explained.
    """
    known = find(model, _ADAPTERS, "adapters")
    if known is None or known.__module__ in _GENERIC:
        return None
    return adapter_for(model)


def _closed(box: BlackBox, task: str | None) -> PipelineAdapter:
    """A black box, asked the way its library is asked where that is known."""
    known = None if isinstance(box.model, type) else find(box.model, _ADAPTERS, "adapters")
    if known is None or known is load(_ANY_ESTIMATOR):
        return _of_any_function(box, task)
    return WholeModel(adapter_for(box.model, box.task or task), box.model, classes=box.classes)


def _of_any_function(box: BlackBox, task: str | None) -> PipelineAdapter:
    made: PipelineAdapter = load(_ANY_FUNCTION)(box, task)
    return made
