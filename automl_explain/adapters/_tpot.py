"""TPOT's estimators: its preprocessing is taken apart, the pipeline that it evolved is the estimator.

Evolved pipelines stack models and mix columns inside; the columns that enter them have names and one parent each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.adapters._black_box import BlackBoxAdapter
from automl_explain.adapters._kinds import soft_output
from automl_explain.adapters._parts import PartsAdapter
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace
from automl_explain.protocols import PipelineAdapter

_IN_PLACE = "ColumnSimpleImputer"
_ONE_HOT = "ColumnOneHotEncoder"


def tpot_adapter(model: Any) -> PipelineAdapter:
    """Adapter of a fitted TPOT estimator.

    Raises
    ------
    UnsupportedModelError
        If no pipeline was fitted, or it gives labels alone.
    """
    pipeline = getattr(model, "fitted_pipeline_", None)
    if pipeline is None:
        raise UnsupportedModelError(
            f"This {type(model).__name__} holds no fitted pipeline; call `fit` first, with time enough for one."
        )
    if model.classification and not hasattr(pipeline, "predict_proba") and not hasattr(pipeline, "decision_function"):
        raise UnsupportedModelError(
            f"The pipeline that {type(model).__name__} chose gives labels alone, which are no numbers to explain. Fit "
            "with a scorer of probabilities, such as scorers=['neg_log_loss']."
        )
    return TpotBlackBox(model) if model._preprocessing_pipeline is None else TpotAdapter(model)


class TpotBlackBox(BlackBoxAdapter):
    """A TPOT estimator without preprocessing, which reads the raw columns.

    Parameters
    ----------
    model : TPOTClassifier, TPOTRegressor or TPOTEstimator
        Fitted.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model.fitted_pipeline_, task=_task(model), classes=_classes(model))
        self._encoder = model.label_encoder_

    def labels(self, X: Any) -> np.ndarray:
        """Original labels; TPOT's classifiers give codes."""
        return _decoded(self._encoder, self.model.predict(X))


class TpotAdapter(PartsAdapter):
    """A TPOT estimator with preprocessing: imputed and one-hot columns enter the evolved pipeline.

    Parameters
    ----------
    model : TPOTClassifier, TPOTRegressor or TPOTEstimator
        Fitted with ``preprocessing``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model, task=_task(model), classes=_classes(model))
        (_, self._before), (_, self._evolved) = model.fitted_pipeline_.steps

    @property
    def decides(self) -> bool:
        """Whether the evolved pipeline has decision values and no probabilities."""
        return self.task == "classification" and not hasattr(self._evolved, "predict_proba")

    def soft_output(self, X: Any) -> np.ndarray:
        """TPOT's own answer."""
        return soft_output(self.model.fitted_pipeline_, self.task, X)

    def engineered_output(self, Z: Any) -> np.ndarray:
        """What the evolved pipeline answers."""
        return soft_output(self._evolved, self.task, Z)

    def engineered_labels(self, Z: Any) -> np.ndarray:
        """Original labels; the evolved pipeline gives codes."""
        return _decoded(self.model.label_encoder_, self._evolved.predict(Z))

    def transform(self, X: Any) -> Any:
        """What TPOT's preprocessing makes."""
        made = self._before.transform(X)
        framed = isinstance(X, pd.DataFrame) and isinstance(made, pd.DataFrame)
        return made.set_axis(X.index, axis=0) if framed else made

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Exact for TPOT's own preprocessing; traced where another one was given to it."""
        steps = [step for _, step in getattr(self._before, "steps", [])]
        if not steps or not all(type(step).__name__ in (_IN_PLACE, _ONE_HOT) for step in steps):
            return trace(self._before, X, raw_names)
        names, parents = list(raw_names), list(range(len(raw_names)))
        labels = list(X.columns) if isinstance(X, pd.DataFrame) else list(range(X.shape[1]))
        for step in steps:
            if type(step).__name__ == _ONE_HOT and len(step.columns_):
                names, parents = _after_one_hot(step, labels, names)
        return FeatureMap.from_parents([[p] for p in parents], raw_names=raw_names, engineered_names=names)


def _after_one_hot(step: Any, labels: list[Any], names: list[str | int]) -> tuple[list[str | int], list[int]]:
    """Names and parents after TPOT's one-hot step: the untouched columns first."""
    chosen = list(step.columns_)
    place = [labels.index(c) for c in chosen]
    untouched = [i for i in range(len(labels)) if i not in place]
    parents = [*untouched, *np.repeat(place, step.enc._n_features_outs).tolist()]
    return [*(names[i] for i in untouched), *map(str, step.enc.get_feature_names_out())], parents


def _task(model: Any) -> str:
    return "classification" if model.classification else "regression"


def _classes(model: Any) -> Any:
    return model.classes_ if model.classification else None


def _decoded(encoder: Any, codes: Any) -> np.ndarray:
    return np.asarray(codes if encoder is None else encoder.inverse_transform(np.asarray(codes)))
