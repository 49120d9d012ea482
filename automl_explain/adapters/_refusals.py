"""Models that no row-wise explanation can be honest about, and how they are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
