"""Fitted models taken apart: featurization, estimator, names, classes and feature map.

`adapter_for` chooses by type. To add a library: one file with a class that meets
`automl_explain.protocols.PipelineAdapter`, and one line in the table.
"""

from __future__ import annotations

from typing import Any

from automl_explain._registry import find
from automl_explain.adapters._refusals import refusal
from automl_explain.adapters._sklearn import EstimatorAdapter
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.protocols import PipelineAdapter

__all__ = ["adapter_for", "refusal"]

_ADAPTERS = (
    ("flaml.automl.automl", "AutoML", "automl_explain.adapters._flaml:FlamlAdapter"),
    ("sklearn.pipeline", "Pipeline", "automl_explain.adapters._sklearn:PipelineModelAdapter"),
    ("sklearn.base", "BaseEstimator", "automl_explain.adapters._sklearn:EstimatorAdapter"),
)


def adapter_for(model: Any) -> PipelineAdapter:
    """Adapter of a fitted model.

    Raises
    ------
    UnsupportedModelError
        If the model is refused (a pure time-series model), not fitted, a class, or of an unknown type.
    """
    if isinstance(model, type):
        raise UnsupportedModelError(
            f"{model.__qualname__} is a class, not a model; pass the fitted object: {model.__qualname__}().fit(X, y)."
        )
    reason = refusal(model)
    if reason is not None:
        raise UnsupportedModelError(reason)
    adapter = find(model, _ADAPTERS, "adapters")
    if adapter is None and not hasattr(model, "predict"):
        raise UnsupportedModelError(
            f"{type(model).__module__}.{type(model).__qualname__} is no model that can be explained: it has no "
            "`predict`. "
            "Pass a fitted FLAML AutoML, a fitted scikit-learn Pipeline or estimator."
        )
    made: PipelineAdapter = (adapter or EstimatorAdapter)(model)
    return made
