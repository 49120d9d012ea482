"""What models answer, as plain arrays: libraries give frames, tables of their own, columns and booleans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from automl_explain.exceptions import UnsupportedModelError


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
        return np.asarray(output, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnsupportedModelError(
            f"The model gives {np.asarray(output).ravel()[:1].tolist()[0]!r} for a row, where a number was expected. "
            "Pass `model_task='classification'` for a classifier, or a function that gives numbers."
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
