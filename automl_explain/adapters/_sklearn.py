"""Fitted scikit-learn models: a bare estimator, and a Pipeline that ends in one (or in FLAML)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from automl_explain._tables._rows import take
from automl_explain.adapters._black_box import BlackBox, BlackBoxAdapter
from automl_explain.adapters._choice import adapter_for
from automl_explain.adapters._kinds import (
    kind_of,
    labels_alone,
    own_classes,
    refuse_unexplainable,
    soft_output,
)
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.feature_map import FeatureMap

# Rows on which the last step of a Pipeline is traced, where it has steps of its own.
_N_SAMPLE = 2000


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
        super().__init__(model, task=_task(model), classes=own_classes(model), decides=kind_of(model) == "decisions")

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
    if hasattr(model, "predict"):
        classes = own_classes(model) if box.classes is None else box.classes
        kind = kind_of(model)
        if kind == "untold" and wanted == "classification":
            # Its `predict` may give probabilities, as networks do; labels are refused when they come.
            _refuse_unfitted(model)
            refuse_unexplainable(model)
            return BlackBoxAdapter(model.predict, task="classification", classes=classes)
        _refuse(model)
        return BlackBoxAdapter(model, task=box.task or _task(model), classes=classes, decides=kind == "decisions")
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
        steps = _flat_steps(pipeline)
        if not steps or not hasattr(steps[-1][1], "predict"):
            if steps and not hasattr(steps[-1][1], "transform"):
                refuse_unexplainable(steps[-1][1])
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
        from automl_explain.lineage import trace  # the rules of all transformers, for those who have some

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
    _refuse_unfitted(model)
    refuse_unexplainable(model)
    kind = kind_of(model)
    if kind == "labels" or (kind == "untold" and own_classes(model) is not None):
        raise labels_alone(type(model).__name__)


def _refuse_unfitted(model: Any) -> None:
    name = type(model).__name__
    if type(model).__module__.startswith("flaml."):
        raise UnsupportedModelError(
            f"{name} is a learner from inside FLAML, which may be unfitted or fitted on a part of the rows. Pass "
            "the fitted AutoML object itself."
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise UnsupportedModelError(f"{name} is not fitted; call `fit` first.") from error
    except TypeError:
        pass  # no scikit-learn estimator: nothing says whether it is fitted


def _task(model: Any) -> str:
    return "regression" if kind_of(model) in ("target", "score", "untold") else "classification"
