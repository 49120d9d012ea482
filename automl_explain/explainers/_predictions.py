"""Predictions: what a model says of rows, as explainers need it: its soft output, its labels, their unit."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.surrogates import least_distance, log_odds, soft_targets

TASKS = ("classification", "regression", "unknown")


@dataclasses.dataclass(frozen=True)
class Predictions:
    """A model's soft output on engineered rows.

    Parameters
    ----------
    call : callable
        Rows -> probabilities of shape (n_rows, n_classes), or target values of shape (n_rows,).
    task : {"classification", "regression"}
    classes : list or None
        Labels in the order of the probability columns.
    model_type : str
        Type of the model, for the reader.
    least : float or None, default None
        How near to 0 and 1 soft targets may come; settled by the training rows.
    own_labels : callable or None, default None
        Rows -> labels, for a model that predicts another class than the likeliest one.
    decides : bool, default False
        Whether a classifier's soft output is decision values, for want of probabilities: one column
        for two classes (positive for the second), else one per class.
    """

    call: Callable[[Any], np.ndarray]
    task: str
    classes: list[Any] | None
    model_type: str
    least: float | None = None
    own_labels: Callable[[Any], Any] | None = None
    decides: bool = False

    @classmethod
    def of(cls, model: Any, sample: Any, *, task: str, classes: Sequence[Any] | None, is_function: bool) -> Predictions:
        """Predictions of a model (or function) and one row for a first call.

        Raises
        ------
        InputError
            If the classes given differ from the model's in number or order, or the task is unknown.
        UnsupportedModelError
            If the model cannot give a soft output.
        """
        if task not in TASKS:
            raise InputError(f"`model_task` must be one of {', '.join(map(repr, TASKS))}; got {task!r}.")
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        if isinstance(model, str):
            raise InputError(f"`model` must be a fitted model, not the id {model!r}. Load the model first and pass it.")
        if not is_function and _decides(model, task):
            return cls._of_decisions(model, sample, classes, kind)
        call, classifies = _soft_call(model, task, is_function)
        shown = np.asarray(call(sample))
        if classifies is None:
            classifies = shown.ndim == 2 and shown.shape[1] > 1
            if task == "classification" and not classifies:
                call = functools.partial(_two_columns, call)
                classifies, shown = True, call(sample)
        if not classifies:
            if shown.size != 1:
                raise UnsupportedModelError(
                    f"{type(model).__name__} gives {shown.size} numbers for one row; a regression is explained for one "
                    "target. Wrap one of them in a function and pass it with `is_function=True`."
                )
            return cls(functools.partial(_one_number, call), "regression", None, kind)
        if shown.ndim != 2 or shown.shape[1] < 2:
            raise UnsupportedModelError(
                f"{type(model).__name__} gives probabilities of shape {shown.shape} for one row; expected one "
                "column for "
                "each of at least two classes. A model that knows a single class has nothing to explain."
            )
        labels = _labels(model, classes, shown.shape[1])
        return cls(functools.partial(_floats, call), "classification", labels, kind)

    @classmethod
    def _of_decisions(cls, model: Any, sample: Any, classes: Sequence[Any] | None, kind: str) -> Predictions:
        call = functools.partial(_columns, model.decision_function)
        n_outputs = call(sample).shape[1]
        if n_outputs > 1 and getattr(model, "decision_function_shape", "ovr") == "ovo":
            raise UnsupportedModelError(
                f"{type(model).__name__} gives a decision value for every pair of classes, which belongs to no class. "
                "Set its `decision_function_shape` to 'ovr'; it need not be fitted anew."
            )
        labels = _labels(model, classes, 2 if n_outputs == 1 else n_outputs)
        return cls(call, "classification", labels, kind, decides=True)

    @property
    def unit(self) -> str:
        """Output unit: ``"target"``, ``"log-odds"``, or ``"decision value"``."""
        return "target" if self.classes is None else "decision value" if self.decides else "log-odds"

    @property
    def n_outputs(self) -> int:
        """One for regression and two classes, else one per class."""
        return 1 if self.classes is None or len(self.classes) == 2 else len(self.classes)

    def soft_output(self, rows: Any) -> np.ndarray:
        """Probabilities (n_rows, n_classes), decision values (n_rows, n_outputs) or target values (n_rows,).

        Raises
        ------
        UnsupportedModelError
            If the model gives NaN or infinite outputs, or a classifier's are no probabilities.
        """
        output = self.call(rows)
        if len(output) != rows.shape[0]:
            raise UnsupportedModelError(
                f"The model gives {len(output)} predictions for {rows.shape[0]} rows; expected one per row."
            )
        if not np.isfinite(output).all():
            n = int((~np.isfinite(output)).reshape(len(output), -1).any(axis=1).sum())
            raise UnsupportedModelError(
                f"The model gives NaN or infinite predictions on {n} of {len(output)} rows, which nothing can learn "
                "from. Look at `model.predict` on these rows."
            )
        # A little room for sums of rounded probabilities.
        if self.classes is not None and not self.decides and not -1e-6 <= output.min() <= output.max() <= 1 + 1e-6:
            raise UnsupportedModelError(
                f"The model's outputs are not probabilities: they reach from {output.min():.3g} to {output.max():.3g}, "
                "expected numbers between 0 and 1. Pass `predict_proba`, or `model_task='regression'` for one number."
            )
        return output

    def targets(self, output: np.ndarray) -> np.ndarray:
        """What the surrogate learns: (n_rows, n_outputs) soft labels, decision or target values."""
        if self.decides:
            return output
        return output.reshape(-1, 1) if self.task == "regression" else soft_targets(output, self.least)

    def in_unit(self, targets: np.ndarray) -> np.ndarray:
        """Targets in the output unit: log-odds, or the decision value or target itself."""
        return log_odds(targets) if self.unit == "log-odds" else targets

    def chosen(self, output: np.ndarray) -> np.ndarray:
        """Positions of the classes that a classifier's soft output speaks for, shape (n_rows,)."""
        if self.decides and output.shape[1] == 1:
            return (output[:, 0] > 0).astype(int)
        return np.asarray(output.argmax(axis=1))

    def settled(self, model: Any, rows: Any, outputs: np.ndarray) -> Predictions:
        """Predictions with a bound for its soft targets, and its own labels where they are not the likeliest classes.

        Parameters
        ----------
        model : object
            The model behind it.
        rows : DataFrame, ndarray or csr_matrix
            A few rows to compare labels on.
        outputs : ndarray of shape (n_rows, n_classes) or (n_rows,)
            All outputs the surrogate learns from, those of ``rows`` first.
        """
        if self.classes is None:
            return self
        own = getattr(model, "predict", None)
        if own is not None:
            theirs = [str(c) for c in np.asarray(own(rows)).reshape(-1)]
            likeliest = [str(c) for c in self.predictions(rows, outputs[: rows.shape[0]])]
            if theirs == likeliest or not set(theirs) <= set(map(str, self.classes)):
                own = None
        return dataclasses.replace(self, least=None if self.decides else least_distance(outputs), own_labels=own)

    def predictions(self, rows: Any, output: np.ndarray) -> np.ndarray:
        """Labels that the model predicts, or target values, of shape (n_rows,)."""
        if self.classes is None:
            return output.copy()
        if self.own_labels is not None:
            return np.asarray(self.own_labels(rows)).reshape(-1)
        labels = np.empty(len(self.classes), dtype=object)
        labels[:] = self.classes
        chosen = labels[self.chosen(output)]
        return np.asarray(chosen.tolist()) if len({type(c) for c in self.classes}) == 1 else chosen


def _soft_call(model: Any, task: str, is_function: bool) -> tuple[Callable[[Any], Any], bool | None]:
    """How to ask the model, and whether the answer is probabilities (None: the answer shows it)."""
    name = type(model).__name__
    if is_function:
        if not callable(model):
            raise InputError(f"`is_function=True` needs a function; got {name}.")
        return model, None if task != "regression" else False
    if not hasattr(model, "predict"):
        raise UnsupportedModelError(
            f"{name} has no `predict`. Pass a fitted model, or a function with `is_function=True`."
        )
    if task == "regression":
        return model.predict, False
    if hasattr(model, "predict_proba"):
        return model.predict_proba, True
    if task == "classification" or _is_classifier(model):
        raise UnsupportedModelError(
            f"{name} is a classifier without `predict_proba` and `decision_function`; its labels are no numbers to "
            "explain. Fit it with probabilities, or wrap it in sklearn.calibration.CalibratedClassifierCV."
        )
    return model.predict, False


def _decides(model: Any, task: str) -> bool:
    """Whether a classifier has decision values and no probabilities."""
    if task == "regression" or hasattr(model, "predict_proba"):
        return False
    return hasattr(model, "decision_function") and (task == "classification" or _is_classifier(model))


def _is_classifier(model: Any) -> bool:
    from sklearn.base import is_classifier

    try:
        return bool(is_classifier(model))
    except Exception:  # objects without scikit-learn tags
        return hasattr(model, "classes_") and getattr(model, "_estimator_type", None) != "regressor"


def _labels(model: Any, classes: Sequence[Any] | None, n_classes: int) -> list[Any]:
    """Labels in the order of the probability columns, checked against the model's own where it has some."""
    own = getattr(model, "classes_", None)
    known = [_plain(c) for c in own] if own is not None and np.ndim(own) == 1 and len(own) == n_classes else None
    if classes is None:
        return known or list(range(n_classes))
    given = [_plain(c) for c in classes]
    if len(given) != n_classes:
        raise InputError(f"`classes` has {len(given)} labels; the model gives probabilities of {n_classes} classes.")
    # A model fitted on codes may be given the labels behind them; the same labels in another order are a mistake.
    texts, known_texts = [str(c) for c in given], [str(c) for c in known or given]
    if texts != known_texts and sorted(texts) == sorted(known_texts):
        raise InputError(f"`classes` is {given}, but the model's columns are {known}. Pass them in the model's order.")
    return given


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


# Functions of the module, so that a teacher can be pickled wherever its model can.


def _floats(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    output = call(rows)
    try:
        return np.asarray(output, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnsupportedModelError(
            f"The model gives {np.asarray(output).ravel()[:1].tolist()[0]!r} for a row, where a number was expected. "
            "Pass `model_task='classification'` for a classifier, or a function that gives numbers."
        ) from error


def _one_number(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    return _floats(call, rows).reshape(-1)


def _columns(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """Decision values with one column per output."""
    values = _floats(call, rows)
    return values.reshape(-1, 1) if values.ndim == 1 else values


def _two_columns(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """Probabilities of both classes from that of the second."""
    second = _one_number(call, rows)
    return np.column_stack([1.0 - second, second])
