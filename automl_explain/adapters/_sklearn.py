"""Fitted scikit-learn models: a bare estimator, and a Pipeline that ends in one (or in FLAML)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace

# Their predictions are numbers of clusters, outlier flags or components of a mixture.
_NO_TARGET = {
    "clusterer": "a clusterer",
    "outlier_detector": "an outlier detector",
    "density_estimator": "a density estimator",
}
_ONE_MODEL_PER_TARGET = (MultiOutputClassifier, MultiOutputRegressor, ClassifierChain, RegressorChain)


class EstimatorAdapter:
    """A fitted estimator that reads the raw columns.

    Parameters
    ----------
    model : estimator
        With ``predict_proba``, or a regressor with ``predict``.

    Raises
    ------
    UnsupportedModelError
        If the model is not fitted, learns no target, predicts several targets, or is a classifier
        without ``predict_proba``.
    """

    featurizer = None

    def __init__(self, model: Any) -> None:
        _refuse(model)
        self.estimator = model
        self.task = "classification" if hasattr(model, "predict_proba") else "regression"
        own = getattr(model, "classes_", None)
        known = self.task == "classification" and own is not None and np.ndim(own) == 1
        self.classes = [c.item() if isinstance(c, np.generic) else c for c in np.asarray(own)] if known else None

    def transform(self, X: Any) -> Any:
        """The rows as they are."""
        return X

    def predict_raw(self, X: Any) -> np.ndarray:
        """Soft output."""
        return self.predict_engineered(X)

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """Soft output."""
        output = self.estimator.predict_proba(Z) if self.task == "classification" else self.estimator.predict(Z)
        return np.asarray(output)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Identity."""
        return FeatureMap.identity(raw_names)


class PipelineModelAdapter:
    """A fitted Pipeline: every step but the last is featurization.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Its last step is an estimator, a FLAML ``AutoML``, or another Pipeline that ends so.

    Raises
    ------
    UnsupportedModelError
        If it does not end in a fitted model.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        from automl_explain.adapters import adapter_for

        steps = _flat_steps(pipeline)
        if not steps or not hasattr(steps[-1][1], "predict"):
            raise UnsupportedModelError(
                "The Pipeline ends in a transformer; pass one whose last step is a fitted model."
            )
        self.pipeline = pipeline
        self._inner = adapter_for(steps[-1][1])
        self._before = Pipeline(steps[:-1]) if steps[:-1] else None
        self.task, self.classes, self.estimator = self._inner.task, self._inner.classes, self._inner.estimator
        parts = [*steps[:-1], *([("featurizer", self._inner.featurizer)] if self._inner.featurizer is not None else [])]
        self.featurizer = Pipeline(parts) if parts else None

    def transform(self, X: Any) -> Any:
        """Engineered rows."""
        return self._inner.transform(self._first(X))

    def predict_raw(self, X: Any) -> np.ndarray:
        """The pipeline's own soft output on raw rows."""
        if not isinstance(self._inner, EstimatorAdapter):
            # scikit-learn takes a FLAML model fitted on sparse rows for unfitted; ask it directly.
            return self._inner.predict_raw(self._first(X))
        output = self.pipeline.predict_proba(X) if self.task == "classification" else self.pipeline.predict(X)
        return np.asarray(output)

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """The estimator's soft output on engineered rows."""
        return self._inner.predict_engineered(Z)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Composed over the steps."""
        if self._before is None:
            return self._inner.feature_map(X, raw_names)
        first = trace(self._before, X, raw_names)
        sample = X.iloc[:1] if isinstance(X, pd.DataFrame) else X[:1]
        then = self._inner.feature_map(self._first(sample), first.engineered_names)
        return first.compose(then)

    def _first(self, X: Any) -> Any:
        return X if self._before is None else self._before.transform(X)


def _flat_steps(pipeline: Pipeline) -> list[tuple[str, Any]]:
    """Steps with pipelines at the end opened up, ``passthrough`` and training-only steps left out."""
    steps = [
        (n, s) for n, s in pipeline.steps if s is not None and s != "passthrough" and not hasattr(s, "fit_resample")
    ]
    if steps and isinstance(steps[-1][1], Pipeline):
        inner = _flat_steps(steps[-1][1])
        taken = {name for name, _ in steps[:-1]}
        return steps[:-1] + [(f"{steps[-1][0]}_{n}" if n in taken else n, s) for n, s in inner]
    return steps


def _refuse(model: Any) -> None:
    name = type(model).__name__
    if type(model).__module__.startswith("flaml."):
        raise UnsupportedModelError(
            f"{name} is a learner from inside FLAML, which may be unfitted or fitted on a part of the rows. Pass "
            "the fitted "
            "AutoML object itself."
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise UnsupportedModelError(f"{name} is not fitted; call `fit` first.") from error
    except TypeError:
        pass  # no scikit-learn estimator: nothing says whether it is fitted
    kind = _kind(model)
    if kind in _NO_TARGET:
        raise UnsupportedModelError(
            f"{name} is {_NO_TARGET[kind]}; it predicts no target that could be explained. Pass a regressor, or a "
            "classifier with `predict_proba`."
        )
    if _has_several_targets(model):
        raise UnsupportedModelError(
            f"{name} predicts several targets at once; an explanation is of one. Fit one model per target and explain "
            "each."
        )
    if hasattr(model, "predict_proba"):
        return
    try:
        regresses = is_regressor(model)
    except Exception:  # objects without scikit-learn tags
        regresses = not hasattr(model, "classes_")
    if not regresses and hasattr(model, "classes_"):
        raise UnsupportedModelError(
            f"{name} is a classifier without `predict_proba`; its labels are no numbers to explain. Fit it with "
            "probabilities, "
            "or wrap it in sklearn.calibration.CalibratedClassifierCV."
        )


def _kind(model: Any) -> Any:
    """Type of estimator that scikit-learn's tags tell, or None."""
    try:
        return model.__sklearn_tags__().estimator_type
    except Exception:  # scikit-learn before 1.6, or an object without its tags
        return getattr(model, "_estimator_type", None)


def _has_several_targets(model: Any) -> bool:
    """Whether the fitted attributes tell of several targets; the setup's self-check sees the rest."""
    if hasattr(model, "best_estimator_"):
        return _has_several_targets(model.best_estimator_)
    if isinstance(model, Pipeline):
        return _has_several_targets(model[-1])
    if isinstance(model, _ONE_MODEL_PER_TARGET) or getattr(model, "multilabel_", False):
        return True
    own = getattr(model, "classes_", None)
    if own is not None:
        return isinstance(own, (list, tuple)) and any(np.ndim(c) > 0 for c in own)
    # Elsewhere the attributes may mean something else.
    if not type(model).__module__.startswith("sklearn.") or hasattr(model, "predict_proba"):
        return False
    weights: Any = getattr(model, "coef_", None)
    return getattr(model, "n_outputs_", 1) > 1 or (np.ndim(weights) == 2 and np.shape(weights)[0] > 1)
