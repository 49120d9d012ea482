"""Models that hold one fitted pipeline: searches, moved thresholds, transformed targets.

The pipeline inside is taken apart, and what the holder adds to its predictions is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain.adapters._choice import adapter_for
from automl_explain.adapters._kinds import soft_output
from automl_explain.adapters._sklearn import EstimatorAdapter
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import PipelineAdapter


class HolderAdapter:
    """A fitted model around another fitted model.

    Parameters
    ----------
    model : estimator
        Keeps the inner model under the attribute `inside`.

    Raises
    ------
    UnsupportedModelError
        If it is not fitted, or the inner model cannot be explained.
    """

    inside: str

    def __init__(self, model: Any) -> None:
        self.model = model
        whole = EstimatorAdapter(model)  # refuses what cannot be explained
        self.task, self.classes = whole.task, whole.classes
        inner = adapter_for(getattr(model, self.inside))
        # Where there is nothing to take apart the model stays in one piece.
        self._inner: PipelineAdapter = whole if isinstance(inner, EstimatorAdapter) else inner

    @property
    def featurizer(self) -> Any:
        """That of the inner model."""
        return self._inner.featurizer

    @property
    def estimator(self) -> Any:
        """The holder around the inner estimator, which reads engineered rows."""
        inner = self._inner.estimator
        if isinstance(self._inner, EstimatorAdapter):
            return inner
        moved = copy.copy(self.model)
        setattr(moved, self.inside, inner)
        # It reads other columns than the holder was fitted on.
        for fitted in ("feature_names_in_", "n_features_in_"):
            vars(moved).pop(fitted, None)
        return moved

    def transform(self, X: Any) -> Any:
        """Engineered rows."""
        return self._inner.transform(X)

    def predict_raw(self, X: Any) -> np.ndarray:
        """The holder's own soft output on raw rows."""
        return soft_output(self.model, self.task, X)

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """Soft output on engineered rows."""
        return soft_output(self.estimator, self.task, Z)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """That of the inner model."""
        return self._inner.feature_map(X, raw_names)


class SearchAdapter(HolderAdapter):
    """A fitted search (``GridSearchCV``, ``HalvingRandomSearchCV``, ...): its best model, refitted on all rows."""

    inside = "best_estimator_"

    def __init__(self, model: Any) -> None:
        if hasattr(model, "cv_results_") and not hasattr(model, "best_estimator_"):
            raise UnsupportedModelError(
                f"{type(model).__name__} searched with refit={model.refit!r}, so it holds scores and no model. Search "
                "with `refit=True`, or fit `clone(search.estimator).set_params(**search.best_params_)` and pass that."
            )
        super().__init__(model)

    @property
    def estimator(self) -> Any:
        """Estimator of the best model."""
        return self._inner.estimator


class ThresholdAdapter(HolderAdapter):
    """A classifier whose labels follow another threshold than the most probable class; its scores are explained."""

    inside = "estimator_"


class TransformedTargetAdapter(HolderAdapter):
    """A regressor on a transformed target; the target itself is explained."""

    inside = "regressor_"
