"""Answers: a model's labels, probabilities or target values, beside the true ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier

from automl_explain._validation import listed
from automl_explain.adapters import adapter_for
from automl_explain.exceptions import AutoMLExplainError, DataError, InputError, UnsupportedModelError

_TASKS = ("unknown", "classification", "regression")


@dataclasses.dataclass(frozen=True)
class Answers:
    """A model, or a function, asked for what a metric reads.

    Parameters
    ----------
    model : object or callable
    is_function : bool
    names : list or None
        Labels in the order of the probability columns, as the user gave them.
    task : {"unknown", "classification", "regression"}
    classes : list or None, default None
        Labels as the model predicts them; set by `settled`.
    """

    model: Any
    is_function: bool
    names: list[Any] | None
    task: str
    classes: list[Any] | None = None

    def __post_init__(self) -> None:
        if self.task not in _TASKS:
            raise InputError(f"`model_task` must be one of {', '.join(map(repr, _TASKS))}; got {self.task!r}.")
        if self.is_function and not callable(self.model):
            raise InputError(f"`is_function=True` needs a function; got {type(self.model).__name__}.")
        if not self.is_function and not hasattr(self.model, "predict"):
            raise UnsupportedModelError(
                f"{type(self.model).__name__} has no `predict`. Pass a fitted model, or a function with "
                "`is_function=True`."
            )

    def settled(self, sample: Any, truth: np.ndarray) -> Answers:
        """Answers that know the task and the classes, from one row and the true labels."""
        shown: Any = np.asarray(self.model(sample)) if self.is_function else np.empty(0)
        task = self.task
        if task == "unknown":
            several = shown.ndim == 2 and shown.shape[1] > 1
            speaks = several or shown.dtype.kind not in "biuf" if self.is_function else self._classifies()
            task = "classification" if speaks else "regression"
        if task == "regression":
            return dataclasses.replace(self, task=task)
        own = None if self.is_function else getattr(self.model, "classes_", None)
        if own is not None and np.ndim(own) == 1:
            classes = _plain(own)
        elif self.names is not None:
            classes = list(self.names)
        elif shown.ndim == 2:
            classes = list(range(shown.shape[1]))
        else:
            classes = sorted(set(_plain(truth[~np.asarray(pd.isna(truth))])), key=lambda c: (str(type(c)), c))
        if self.names is not None and len(self.names) != len(classes):
            raise InputError(f"`classes` has {len(self.names)} labels; the model knows {len(classes)}: {classes}.")
        texts, given = [str(c) for c in classes], [str(c) for c in self.names or classes]
        if texts != given and sorted(texts) == sorted(given):
            raise InputError(
                f"`classes` is {self.names}, but the model's are {classes}. Pass them in the model's order."
            )
        return dataclasses.replace(self, task=task, classes=classes)

    def _classifies(self) -> bool:
        try:  # FLAML's AutoML has `predict_proba`, and may have `classes_`, for regressions too
            return adapter_for(self.model).task == "classification"
        except AutoMLExplainError:
            pass
        try:
            return bool(is_classifier(self.model)) or hasattr(self.model, "predict_proba")
        except Exception:  # objects without scikit-learn tags
            return hasattr(self.model, "classes_") or hasattr(self.model, "predict_proba")

    def coded(self, truth: np.ndarray) -> np.ndarray:
        """True labels as positions of classes, -1 for missing and unknown ones; target values as they are, or NaN.

        Raises
        ------
        DataError
            If the model knows none of the labels, or targets are no numbers.
        """
        if self.classes is None:
            try:
                return np.asarray(pd.to_numeric(pd.Series(truth)), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"`true_labels` of a regression must be numbers: {error}. Pass target values, or "
                    "`model_task='classification'`."
                ) from error
        for known in (self.classes, self.names or []):
            positions = {label: k for k, label in enumerate(known)}
            codes = np.array([positions.get(label, -1) for label in _plain(truth)])
            if (codes >= 0).any():
                return codes
        there = [label for label in dict.fromkeys(_plain(truth)) if not pd.isna(label)]
        raise DataError(
            f"`true_labels` holds {listed(there) or 'no label at all'}, and the model knows {listed(self.classes)}. "
            "Pass the labels that the model was fitted on, coded in the same way."
        )

    def targets(self, rows: Any) -> np.ndarray:
        """Target values of shape (n_rows,)."""
        output = np.asarray(self.model(rows) if self.is_function else self.model.predict(rows), dtype=np.float64)
        return self._checked(output.reshape(-1), rows)

    def probabilities(self, rows: Any) -> np.ndarray:
        """Probabilities of shape (n_rows, n_classes)."""
        assert self.classes is not None
        if not self.is_function and not hasattr(self.model, "predict_proba"):
            raise UnsupportedModelError(
                f"The metric reads probabilities and {type(self.model).__name__} has no `predict_proba`. Pass a metric "
                "of labels, such as 'accuracy'."
            )
        output = np.asarray(self.model(rows) if self.is_function else self.model.predict_proba(rows))
        if output.dtype.kind not in "biuf":
            raise UnsupportedModelError("The metric reads probabilities and the function gives labels.")
        if output.ndim == 1 or output.shape[1] == 1:
            output = np.column_stack([1.0 - output.reshape(-1), output.reshape(-1)])
        if output.shape[1] != len(self.classes):
            raise UnsupportedModelError(
                f"The model gives probabilities of {output.shape[1]} classes; expected those of {self.classes}."
            )
        return self._checked(np.asarray(output, dtype=np.float64), rows)

    def labels(self, rows: Any) -> np.ndarray:
        """Positions of the predicted classes, shape (n_rows,)."""
        assert self.classes is not None
        if self.is_function:
            output = np.asarray(self.model(rows))
            if output.ndim == 2 or output.dtype.kind == "f":  # probabilities, of the second class alone for a vector
                return np.asarray(self.probabilities(rows).argmax(axis=1))
        else:
            output = np.asarray(self.model.predict(rows))
        return self._checked(self.coded(output.reshape(-1)), rows)

    def named(self, codes: np.ndarray) -> np.ndarray:
        """Labels at these positions, as the model predicts them."""
        assert self.classes is not None
        if len({type(c) for c in self.classes}) == 1:
            return np.asarray(np.asarray(self.classes)[codes])
        made = np.empty(len(codes), dtype=object)
        made[:] = [self.classes[k] for k in codes]
        return made

    def estimator(self, *, coded: bool) -> Any:
        """The model as scikit-learn's scorers want it, with labels in sorted order."""
        if self.classes is None:
            return _Regressor(self)
        order = np.arange(len(self.classes)) if coded else np.argsort(self.named(np.arange(len(self.classes))))
        return _Classifier(self, order, coded)

    def _checked(self, output: np.ndarray, rows: Any) -> np.ndarray:
        if len(output) != rows.shape[0] or not np.isfinite(output).all():
            raise UnsupportedModelError(
                f"The model gives {len(output)} predictions for {rows.shape[0]} rows, "
                f"{int((~np.isfinite(output)).sum())} of them NaN or infinite; expected one number per row."
            )
        return output


class _Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(self, answers: Any, order: Any, coded: bool) -> None:
        self.answers, self.order, self.coded = answers, order, coded
        self.classes_ = order if coded else answers.named(order)

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        codes = self.answers.labels(X)
        return codes if self.coded else self.answers.named(codes)

    def predict_proba(self, X: Any) -> Any:
        return self.answers.probabilities(X)[:, self.order]


class _Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        return self.answers.targets(X)


def _plain(labels: Any) -> list[Any]:
    return [v.item() if isinstance(v, np.generic) else v for v in np.asarray(labels).tolist()]
