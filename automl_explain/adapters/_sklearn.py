"""Fitted scikit-learn models: a bare estimator, and a Pipeline that ends in one (or in FLAML)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from automl_explain._tables._rows import take
from automl_explain.adapters._black_box import BlackBox, BlackBoxAdapter, soft_output
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace

# Rows on which the last step of a Pipeline is traced, where it has steps of its own.
_N_SAMPLE = 2000

# Their predictions are numbers of clusters, outlier flags or components of a mixture.
_NO_TARGET = {
    "clusterer": "a clusterer",
    "outlier_detector": "an outlier detector",
    "density_estimator": "a density estimator",
}
_ONE_MODEL_PER_TARGET = (MultiOutputClassifier, MultiOutputRegressor, ClassifierChain, RegressorChain)


class EstimatorAdapter(BlackBoxAdapter):
    """A fitted estimator that reads the raw columns; dates and texts among them get features of our own.

    Parameters
    ----------
    model : estimator
        With ``predict_proba`` or ``decision_function``, or a regressor with ``predict``.

    Raises
    ------
    UnsupportedModelError
        If the model is not fitted, learns no target, predicts several targets, or is a classifier
        that gives labels alone.
    """

    def __init__(self, model: Any) -> None:
        _refuse(model)
        super().__init__(model, task=_task(model), classes=_own_classes(model), decides=_decides(model))

    @property
    def estimator(self) -> Any:
        """The model itself where it reads the rows as they are."""
        return self.model if self.featurizer is None else super().estimator


def black_box_adapter(box: BlackBox, task: str | None = None) -> BlackBoxAdapter:
    """Adapter of a black box; its task is its own, or the model's, or as given.

    Raises
    ------
    UnsupportedModelError
        If it is not fitted, is no model, or gives labels alone; or if nothing tells the task of a function.
    """
    model = box.model
    if isinstance(model, type) or not (hasattr(model, "predict") or callable(model)):
        raise UnsupportedModelError(
            f"A black box predicts from raw rows; {model!r} has no `predict` and is no function. Pass a fitted model."
        )
    wanted = box.task or ("regression" if task == "forecasting" else task)
    speaks = hasattr(model, "predict")
    foreign = speaks and not isinstance(model, BaseEstimator)
    if foreign and wanted == "classification" and _task(model) == "regression":
        # Its `predict` may give probabilities, as networks do; labels are refused when they come.
        return BlackBoxAdapter(model.predict, task="classification", classes=box.classes)
    if speaks:
        _refuse(model)
        classes = _own_classes(model) if box.classes is None else box.classes
        return BlackBoxAdapter(model, task=box.task or _task(model), classes=classes, decides=_decides(model))
    if wanted is None:
        raise UnsupportedModelError(
            f"{getattr(model, '__name__', type(model).__name__)} is a function, which does not tell its task. Pass "
            "`task`, or wrap it: BlackBox(function, task='regression')."
        )
    return BlackBoxAdapter(model, task=wanted, classes=box.classes)


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
        self._steps = steps[:-1]
        self._before = Pipeline(self._steps) if self._steps else None
        self.task, self.classes = self._inner.task, self._inner.classes

    @property
    def estimator(self) -> Any:
        """That of the last step."""
        return self._inner.estimator

    @property
    def featurizer(self) -> Pipeline | None:
        """All steps before the estimator."""
        own = self._inner.featurizer
        parts = [*self._steps, *([] if own is None else [("featurizer", own)])]
        return Pipeline(parts) if parts else None

    def transform(self, X: Any) -> Any:
        """Engineered rows."""
        return self._inner.transform(self._first(X))

    def predict_raw(self, X: Any) -> np.ndarray:
        """The pipeline's own soft output on raw rows."""
        if not isinstance(self._inner, EstimatorAdapter):
            # scikit-learn takes a FLAML model fitted on sparse rows for unfitted; ask it directly.
            return self._inner.predict_raw(self._first(X))
        return soft_output(self.pipeline, self.task, X)

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """The estimator's soft output on engineered rows."""
        return self._inner.predict_engineered(Z)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Composed over the steps."""
        if self._before is None:
            return self._inner.feature_map(X, raw_names)
        first = trace(self._before, X, raw_names)
        # A model with a featurization of its own is traced on rows; a bare one only tells its columns.
        n_asked = 1 if isinstance(self._inner, EstimatorAdapter) else _N_SAMPLE
        at = np.unique(np.linspace(0, X.shape[0] - 1, n_asked).astype(int))
        sample = take(X, at)
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
    if _task(model) == "classification" and not hasattr(model, "predict_proba"):
        if not hasattr(model, "decision_function"):
            raise UnsupportedModelError(
                f"{name} is a classifier without `predict_proba` and `decision_function`; its labels are no numbers to "
                "explain. Fit it with probabilities (a vote with voting='soft'), or wrap it in "
                "sklearn.calibration.CalibratedClassifierCV."
            )
        _refuse_votes_of_pairs(model)


def _refuse_votes_of_pairs(model: Any) -> None:
    """Decision values of pairs of classes (SVC with decision_function_shape="ovo") belong to no class."""
    inner = model[-1] if isinstance(model, Pipeline) else model
    if getattr(inner, "decision_function_shape", "ovr") == "ovo" and len(getattr(inner, "classes_", ())) > 2:
        raise UnsupportedModelError(
            f"{type(inner).__name__} gives a decision value for every pair of classes, which belongs to no class. Set "
            "`decision_function_shape='ovr'`: the fitted model need not be fitted anew."
        )


def _task(model: Any) -> str:
    if hasattr(model, "predict_proba"):
        return "classification"
    try:
        classifies = hasattr(model, "classes_") and not is_regressor(model)
    except Exception:  # objects without scikit-learn tags
        classifies = hasattr(model, "classes_")
    return "classification" if classifies else "regression"


def _decides(model: Any) -> bool:
    return hasattr(model, "decision_function") and not hasattr(model, "predict_proba")


def _own_classes(model: Any) -> Any:
    own = getattr(model, "classes_", None)
    return own if own is not None and np.ndim(own) == 1 and len(own) else None


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
