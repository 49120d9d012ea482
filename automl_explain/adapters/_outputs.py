"""What models answer, as plain arrays, and whether these are probabilities of classes.

Libraries give frames, tables of their own, columns and booleans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import InputError, UnsupportedModelError

_MANY_ROWS = 20  # that all have a probability of 0 or 1 are taken for labels
_ROUNDED, _ROUNDED_EACH = 0.05, 0.006  # what probabilities of a row may lack of 1 where they are rounded
_LAST_BITS = 1e-6  # beyond 0 and 1, of sums of rounded probabilities
_FEW_NUMBERS = 64  # that Python looks at in less time than numpy


def as_array(output: Any) -> np.ndarray:
    """Predictions as an ndarray; a single column becomes flat, booleans of a soft output stay what they are.

    Parameters
    ----------
    output : object
        ndarray, list, Series, DataFrame (pandas, polars), H2OFrame, or an object that keeps its numbers
        under ``data``, of shape (n_rows,), (n_rows, 1) or (n_rows, n_classes).

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes)
    """
    if hasattr(output, "as_data_frame"):
        output = output.as_data_frame()
    if hasattr(output, "to_numpy"):
        output = output.to_numpy()
    elif not isinstance(output, np.ndarray) and isinstance(getattr(output, "data", None), np.ndarray):
        output = output.data
    array = np.asarray(output)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def as_numbers(output: Any) -> np.ndarray:
    """Soft output as float64, see `as_array`.

    Raises
    ------
    TypeError
        If it is no array of real numbers.
    """
    array = as_array(output)
    if array.ndim == 0 or array.dtype.kind == "c":
        told = "complex numbers" if array.ndim else repr(output)
        raise TypeError(f"it answers {told}; expected an array of shape (n_rows,) or (n_rows, n_classes)")
    return np.asarray(array, dtype=np.float64)


def column_names(output: Any) -> list[Any] | None:
    """What a table of predictions calls its columns; None where it is none, or they are numbered."""
    names = None if np.ndim(output) != 2 else getattr(output, "columns", None)
    return None if names is None or list(names) == list(range(len(names))) else list(names)


def plain_labels(classes: Any) -> list[Any]:
    """Labels with the types Python has for them."""
    return [c.item() if isinstance(c, np.generic) else c for c in classes]


def classes_given(classes: Any) -> list[Any]:
    """Labels given as `classes`, checked.

    Raises
    ------
    InputError
        If they are no list, or a label is there twice.
    """
    if isinstance(classes, (str, bytes)) or np.ndim(classes) != 1:
        raise InputError(f"`classes` must be a list of labels, one for each class; got {classes!r}.")
    labels = plain_labels(classes)
    if len({(type(label), label) for label in labels}) < len(labels):
        raise InputError(f"`classes` is {labels!r}, with a label twice. Pass a different label for each class.")
    return labels


def label_array(classes: Sequence[Any]) -> np.ndarray:
    """Labels as an array that keeps their types, shape (n_classes,)."""
    if len({type(c) for c in classes}) == 1:
        return np.asarray(classes)
    array = np.empty(len(classes), dtype=object)
    array[:] = classes
    return array


# Functions of the module, so that an explainer can be pickled wherever its model can.


def floats(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """What a model answers for rows, as float64.

    Raises
    ------
    UnsupportedModelError
        If it is no numbers.
    """
    output = call(rows)
    try:
        if np.asarray(output).dtype.kind in "cmM":
            raise TypeError("complex numbers, dates and spans of time are no real numbers")
        return np.asarray(output, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnsupportedModelError(
            f"The model gives {np.asarray(output).ravel()[:1].tolist()[0]!r} for a row, where a number was expected. "
            "Pass a function that gives numbers, such as the probabilities of a classifier, with `is_function=True`."
        ) from error


def one_number(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """One number for each row, shape (n_rows,)."""
    return floats(call, rows).reshape(-1)


def columns(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """Decision values with one column per output."""
    values = floats(call, rows)
    return values.reshape(-1, 1) if values.ndim == 1 else values


def two_columns(call: Callable[[Any], Any], rows: Any) -> np.ndarray:
    """Probabilities of both classes from that of the second."""
    second = one_number(call, rows)
    return np.column_stack([1.0 - second, second])


def array_of_answers(output: Any, name: str, n_rows: int | None = None) -> np.ndarray:
    """What a model answers as an array of one or two dimensions.

    Raises
    ------
    UnsupportedModelError
        If it is a list of tables, or a table of three dimensions: one answer for each of several labels; or not one
        answer for each of ``n_rows`` rows.
    """
    tables = isinstance(output, (list, tuple)) and len(output) > 0 and all(np.ndim(part) == 2 for part in output)
    shown = None if tables else np.asarray(output)
    if shown is None or shown.ndim > 2:
        raise several_targets(name)
    if n_rows is not None and (shown.shape[:1] != (n_rows,) or not shown.size):
        told = f"an array of shape {shown.shape}" if shown.ndim else repr(output)
        raise UnsupportedModelError(f"{name} answers {told} for {n_rows} rows; expected one prediction per row.")
    return shown


def are_probabilities(output: np.ndarray) -> bool:
    """Whether every row holds numbers from 0 to 1 that add up to 1."""
    return output.dtype.kind in "biuf" and _in_range(output) and not _other_sums(output).any()


def check_probabilities(output: np.ndarray, name: str = "The model", *, sums: bool = True) -> None:
    """Refuse a table of outputs that are no probabilities of classes; gaps are for others to refuse.

    Parameters
    ----------
    output : ndarray of shape (n_rows, n_classes)
    name : str, default "The model"
        Who gives them.
    sums : bool, default True
        Whether those of a row must add up to 1.

    Raises
    ------
    UnsupportedModelError
        If numbers lie outside of 0 to 1, or those of a row do not add up to 1: log-odds of them would be those
        of other numbers than the model's.
    """
    if sums and output.size <= _FEW_NUMBERS and _few_add_up(output):
        return
    if output.dtype.kind not in "biuf" or not output.size or not np.isfinite(output).all():
        return
    if not _in_range(output):
        raise no_probabilities(output, name)
    wrong = _other_sums(output)
    if sums and wrong.any():
        found = output[wrong].sum(axis=1)
        raise UnsupportedModelError(
            f"{name} gives outputs of a row that add up to {found.min():.3g} to {found.max():.3g}; probabilities of "
            "classes add up to 1, so these are several labels at once, or scores. Explain one label at a time through "
            "a function of its probability (`is_function=True`, `model_task='classification'`), or divide scores by "
            "their sum."
        )


def no_probabilities(output: np.ndarray, name: str) -> UnsupportedModelError:
    """The refusal of numbers outside of 0 to 1, such as margins."""
    return UnsupportedModelError(
        f"{name} gives outputs that are not probabilities: they reach from {output.min():.3g} to {output.max():.3g}, "
        "expected numbers between 0 and 1. Pass `predict_proba`, or `model_task='regression'` for one number."
    )


def are_labels(output: np.ndarray) -> bool:
    """Whether a single column holds labels; a few rows may have probabilities of exactly 0 and 1."""
    if output.dtype.kind != "f" or ((output == np.rint(output)).all() and not _in_range(output)):
        return True
    return len(output) >= _MANY_ROWS and bool(np.isin(output, (0, 1)).all())


def refuse_codes(output: np.ndarray, name: str) -> None:
    """Refuse a single column of a model of unknown task that holds text, truth values, or codes 0 (or -1) and 1.

    Raises
    ------
    UnsupportedModelError
    """
    kind = pd.api.types.infer_dtype(output.reshape(-1), skipna=True)
    codes = kind == "integer" and set(output.reshape(-1).tolist()) in ({0, 1}, {-1, 1})
    if codes or kind in ("boolean", "string", "bytes"):
        raise _labels_for_numbers(output, name)


def refuse_labels(output: np.ndarray, name: str) -> None:
    """Refuse a single column that is no probability: labels are no numbers to explain.

    Raises
    ------
    UnsupportedModelError
    """
    if are_labels(output):
        raise _labels_for_numbers(output, name)
    if np.isfinite(output).all() and not _in_range(output):
        raise no_probabilities(output, name)


def _labels_for_numbers(output: np.ndarray, name: str) -> UnsupportedModelError:
    """The refusal of answers that are labels."""
    shown = ", ".join(map(repr, pd.unique(pd.Series(output.reshape(-1)))[:3].tolist()))
    return UnsupportedModelError(
        f"{name} answers {shown}, which are labels; probabilities are explained, and labels are never explained as "
        "numbers. Give a function of probabilities, such as `model.predict_proba`: one column for each class, or that "
        "of the second class (to an explainer with `is_function=True`, to the setup as a BlackBox; an MLflow model "
        "is logged with pyfunc_predict_fn='predict_proba'). For codes that are numbers indeed pass "
        "`model_task='regression'`."
    )


def _in_range(output: np.ndarray) -> bool:
    return bool(-_LAST_BITS <= output.min() <= output.max() <= 1 + _LAST_BITS)


def _other_sums(output: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(output.sum(axis=1) - 1.0) > _allowed(output.shape[1]))


def _allowed(n_classes: int) -> float:
    """What the probabilities of a row may lack of 1."""
    return max(_ROUNDED, _ROUNDED_EACH * n_classes)


def _few_add_up(output: np.ndarray) -> bool:
    """Whether all numbers, a few, are probabilities that add up to 1 in their row; of NaN no sum does."""
    if output.dtype.kind != "f" or output.ndim != 2 or not output.size:
        return False
    allowed = _allowed(output.shape[1])
    return all(
        min(row) >= -_LAST_BITS and max(row) <= 1 + _LAST_BITS and abs(sum(row) - 1.0) <= allowed
        for row in output.tolist()
    )


def several_targets(name: str, *, numbers: bool = False) -> UnsupportedModelError:
    """The refusal of models with several targets or labels at once, or with several numbers of a regression."""
    way_on = (
        "target at a time through a function: KernelExplainer(lambda rows: model.predict(rows)[:, 0], X, "
        "is_function=True, model_task='regression')."
        if numbers
        else "label at a time through a function of its probability: KernelExplainer(lambda rows: ..., X, "
        "is_function=True, model_task='classification')."
    )
    return UnsupportedModelError(
        f"{name} predicts several targets at once; an explanation is of one. Fit one model per target, or explain one "
        + way_on
    )
