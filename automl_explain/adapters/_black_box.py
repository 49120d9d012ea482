"""Black boxes: models and functions that predict from raw rows, and show nothing of how.

They are explained on our own, named features of the raw columns (`RawFeatures`); the raw feature map is
exact. Adapters of libraries whose featurization cannot be taken apart derive from `BlackBoxAdapter`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain.adapters._kinds import output_unit_of, soft_output
from automl_explain.adapters._outputs import (
    array_of_answers,
    as_array,
    as_numbers,
    column_names,
    label_array,
    plain_labels,
    refuse_labels,
)
from automl_explain.adapters._raw_features import RawFeatures
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap

_TASKS = ("classification", "regression")


@dataclasses.dataclass(frozen=True, eq=False)
class BlackBox:
    """A model to be explained by what it predicts from raw rows alone.

    Parameters
    ----------
    model : object or callable
        With ``predict``, and ``predict_proba`` for classification; or a function of raw rows that gives
        probabilities of shape (n_rows, n_classes), those of the second class of shape (n_rows,), or
        target values of shape (n_rows,).
    task : {"classification", "regression"}, optional
        What it does; told by the model where left out, a function does not tell.
    classes : sequence, optional
        Labels in the order of the probabilities. Where left out: the model's ``classes_``; else the columns
        of a DataFrame that it answers with, where they are named after the labels; else the labels of ``y``,
        sorted. An order that fits the labels far worse than another one is refused.

    Examples
    --------
    >>> import pandas as pd
    >>> from automl_explain import BlackBox, automl_setup_model_explanations
    >>> X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-02-01"])})
    >>> box = BlackBox(lambda rows: rows["a"] + rows["day"].dt.month, task="regression")
    >>> setup = automl_setup_model_explanations(box, "regression", X=X)
    >>> setup.raw_feature_names, len(setup.engineered_feature_names)
    (['a', 'day'], 6)
    """

    model: Any
    task: str | None = None
    classes: Sequence[Any] | None = None


class BlackBoxAdapter:
    """A model that predicts from raw rows; engineered features are our own, see `RawFeatures`.

    For a library of one's own: derive, call ``super().__init__`` with what the model tells, and override
    `soft_output` and, for classifiers whose labels are not the most probable classes, `labels`.

    Parameters
    ----------
    model : object or callable
        As in `BlackBox`.
    task : {"classification", "regression"}
        What it does.
    classes : sequence, optional
        Labels in the order of the probabilities.
    decides : bool, default False
        Whether the soft output of a classifier is decision values, for want of probabilities.

    Raises
    ------
    InputError
        If the task is another one, or the classes are no labels that are there once each.
    """

    is_black_box = True

    def __init__(self, model: Any, *, task: str, classes: Sequence[Any] | None = None, decides: bool = False) -> None:
        if task not in _TASKS:
            raise InputError(
                f"`task` is {task!r}; a black box does 'classification' or 'regression'. Pass one of them, as in "
                "BlackBox(model, task='regression')."
            )
        _check_classes(classes)
        self.model, self.task = model, task
        self.decides = decides and task == "classification"
        self.classes = None if classes is None or task == "regression" else plain_labels(classes)
        self.featurizer: RawFeatures | None = None
        self.named: list[Any] | None = None  # the columns of what it answers, where they have names
        self._seen = False

    def soft_output(self, X: Any) -> Any:
        """What the model answers on raw rows: probabilities or target values, in any container."""
        return soft_output(self.model, self.task, X) if hasattr(self.model, "predict") else self.model(X)

    def labels(self, X: Any) -> Any | None:
        """Labels that a classifier predicts on raw rows; None for the most probable classes."""
        return self.model.predict(X) if hasattr(self.model, "predict") else None

    def predict_raw(self, X: Any) -> np.ndarray:
        """Soft output on raw rows, (n_rows, n_classes) or (n_rows,)."""
        answer = self.soft_output(X)
        if isinstance(answer, (list, tuple)):
            answer = array_of_answers(answer, "The model")
        output, self.named = as_array(answer), column_names(answer)
        if self.classes is not None and self.named is not None:
            _refuse_other_order(self.named, self.classes)
        if self.task == "classification" and output.ndim == 1 and not self.decides:
            refuse_labels(output, "The model")
            second = output.astype(np.float64)
            return np.column_stack([1.0 - second, second])
        return as_numbers(output)

    @property
    def estimator(self) -> Any:
        """Reads engineered rows, and asks the model about the raw rows that they stand for."""
        if self.task == "regression":
            return BlackBoxRegressor(self)
        return BlackBoxDecider(self) if self.decides else BlackBoxClassifier(self)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Exact; the features are settled by these rows."""
        self.featurizer, self._seen = RawFeatures.of(X, raw_names), True
        return FeatureMap.identity(raw_names) if self.featurizer is None else self.featurizer.feature_map

    def transform(self, X: Any) -> Any:
        """Engineered rows; the raw rows themselves where their columns can be read as they are."""
        if not self._seen:
            self.feature_map(X, list(getattr(X, "columns", range(X.shape[1]))))
        return X if self.featurizer is None else self.featurizer.transform(X)

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """Soft output of the raw rows that engineered rows stand for."""
        return self.predict_raw(self.restore(Z))

    def restore(self, Z: Any) -> Any:
        """Raw rows that engineered rows stand for."""
        return Z if self.featurizer is None else self.featurizer.restore(Z)


def _check_classes(classes: Any) -> None:
    if isinstance(classes, str) or (classes is not None and len({*map(_hashable, classes)}) < len(classes)):
        raise InputError(
            f"`classes` is {classes!r}; expected every label once. Pass a list in the order of the probabilities, such "
            "as ['no', 'yes']."
        )


def _refuse_other_order(named: Sequence[Any], classes: Sequence[Any]) -> None:
    told, known = [str(n) for n in named], [str(c) for c in classes]
    if told != known and sorted(told) == sorted(known):
        raise InputError(
            f"The model answers with the columns {list(named)!r}, and its classes are {list(classes)!r}. Give the "
            "classes in the order of the columns."
        )


def _hashable(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


class BlackBoxRegressor:
    """A black box that reads engineered rows.

    Parameters
    ----------
    adapter : BlackBoxAdapter
    """

    _estimator_type = "regressor"  # by which scikit-learn knows it

    def __init__(self, adapter: BlackBoxAdapter) -> None:
        self._adapter = adapter

    def predict(self, Z: Any) -> np.ndarray:
        """Target values of shape (n_rows,)."""
        return self._adapter.predict_engineered(Z)

    @property
    def output_unit(self) -> str:
        """What ``predict`` gives: ``"target"``, or the score of an outlier detector."""
        return output_unit_of(self._adapter.model)

    def __repr__(self) -> str:
        model = self._adapter.model
        return f"{type(self).__name__}({getattr(model, '__name__', type(model).__name__)})"


class BlackBoxDecider(BlackBoxRegressor):
    """A black box that reads engineered rows and gives labels and decision values."""

    _estimator_type = "classifier"

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the outputs."""
        if self._adapter.classes is None:
            raise AttributeError("the model does not tell its classes")
        return label_array(self._adapter.classes)

    def decision_function(self, Z: Any) -> np.ndarray:
        """Decision values of shape (n_rows,) for two classes, else (n_rows, n_classes)."""
        return self._adapter.predict_engineered(Z)

    def predict(self, Z: Any) -> np.ndarray:
        """Labels of shape (n_rows,)."""
        return as_array(self._adapter.labels(self._adapter.restore(Z)))


class BlackBoxClassifier(BlackBoxRegressor):
    """A black box that reads engineered rows and gives labels and probabilities."""

    _estimator_type = "classifier"

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the probabilities."""
        if self._adapter.classes is None:
            raise AttributeError("the model does not tell its classes")
        return label_array(self._adapter.classes)

    def predict_proba(self, Z: Any) -> np.ndarray:
        """Probabilities of shape (n_rows, n_classes)."""
        return self._adapter.predict_engineered(Z)

    def predict(self, Z: Any) -> np.ndarray:
        """Labels of shape (n_rows,); positions of the most probable classes where none are known."""
        own = self._adapter.labels(self._adapter.restore(Z))
        if own is not None:
            return as_array(own)
        likeliest = self.predict_proba(Z).argmax(axis=1)
        return np.asarray(likeliest if self._adapter.classes is None else self.classes_[likeliest])
