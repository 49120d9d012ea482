"""MLflow models loaded as ``pyfunc``: the scikit-learn model inside where there is one, else a black box."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from automl_explain.adapters._black_box import BlackBoxAdapter
from automl_explain.adapters._choice import adapter_for
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.protocols import PipelineAdapter


class PyFuncAdapter(BlackBoxAdapter):
    """A pyfunc model, which has ``predict`` alone: probabilities for classification, or target values.

    Parameters
    ----------
    model : mlflow.pyfunc.PyFuncModel
        Loaded.
    task : {"classification", "regression"}
        What it does.
    """

    def soft_output(self, X: Any) -> Any:
        """What its ``predict`` answers."""
        return self.model.predict(X)

    def labels(self, X: Any) -> None:
        """None: the most probable classes."""


def pyfunc_adapter(model: Any, task: str | None = None) -> PipelineAdapter:
    """Adapter of a pyfunc model.

    Raises
    ------
    UnsupportedModelError
        If it is a black box and the task is not given.
    """
    inner = _inside(model)
    if isinstance(inner, BaseEstimator):
        return adapter_for(inner, task)
    if task is None:
        raise UnsupportedModelError(
            "This pyfunc model holds no scikit-learn model, so it does not tell its task. Pass `task`, or wrap it: "
            "BlackBox(model, task='regression')."
        )
    return PyFuncAdapter(model, task=task)


def _inside(model: Any) -> Any:
    """The library's own model; None where the flavour keeps none, or MLflow is too old to tell."""
    try:
        return model.get_raw_model()
    except (AttributeError, NotImplementedError):
        return getattr(getattr(model, "_model_impl", None), "sklearn_model", None)
