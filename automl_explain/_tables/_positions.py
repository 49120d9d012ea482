"""Picking rows of an explanation."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import is_series
from automl_explain._lazy import pandas as pd
from automl_explain.exceptions import InputError


class RowIndexError(InputError, IndexError):
    """A row that the explanation does not have."""


def positions(rows: Any, n_rows: int, labels: pd.Index | None = None) -> slice | np.ndarray:
    """Positions of the rows meant by an index: a slice, or whole numbers from 0 on.

    Parameters
    ----------
    rows : int, slice, sequence of int, or bool mask of shape (n_rows,)
        Negative numbers count from the end.
    n_rows : int
        Rows there are.
    labels : Index of shape (n_rows,), optional
        Of the rows; a mask that is a Series is put in their order.

    Raises
    ------
    InputError
        If a mask has another length, missing values or another index, or the index is of another type.
    RowIndexError
        If a row does not exist; also an IndexError.
    """
    if isinstance(rows, slice):
        return rows
    if isinstance(rows, (bool, np.bool_)):
        raise InputError("Rows cannot be picked by a single bool; pass a mask with one bool per row.")
    if isinstance(rows, (int, np.integer)):
        rows = [int(rows)]
    if is_series(rows) and _is_mask(rows):
        rows = _aligned(rows, labels)
    picked = rows.to_numpy() if isinstance(rows, (pd.Series, pd.Index)) else np.asarray(rows)
    if picked.dtype == object and len(picked) and all(isinstance(p, (bool, np.bool_)) for p in picked.ravel()):
        picked = picked.astype(bool)
    if picked.dtype == bool:
        if picked.shape != (n_rows,):
            raise InputError(f"The mask has shape {picked.shape}; expected one bool for each of the {n_rows} rows.")
        return np.flatnonzero(picked)
    if picked.ndim == 1 and picked.size == 0:
        return np.zeros(0, dtype=np.intp)
    if picked.ndim != 1 or picked.dtype.kind not in "iu":
        raise InputError(
            f"Rows must be a whole number, a slice, a list of whole numbers or a bool mask; got {type(rows).__name__} "
            f"of dtype {picked.dtype}. Use `explanation.row_labels.get_indexer([...])` to find rows by label."
        )
    wrong = picked[(picked < -n_rows) | (picked >= n_rows)]
    if wrong.size:
        raise RowIndexError(f"Row {wrong[0]} does not exist; the explanation has {n_rows} rows, 0 to {n_rows - 1}.")
    return np.where(picked < 0, picked + n_rows, picked).astype(np.intp)


def _is_mask(rows: pd.Series) -> bool:
    if rows.dtype == object:
        return len(rows) > 0 and all(isinstance(cell, (bool, np.bool_)) for cell in rows)
    return pd.api.types.is_bool_dtype(rows.dtype) and not isinstance(rows.dtype, pd.CategoricalDtype)


def _aligned(mask: pd.Series, labels: pd.Index | None) -> np.ndarray:
    """The mask in the order of the rows: by their labels where it has them, by position where it has none."""
    if mask.isna().any():
        raise InputError(
            f"The mask has {int(mask.isna().sum())} missing values, which neither take a row nor leave it. "
            "Pass `mask.fillna(False)`."
        )
    wanted = np.asarray(mask.to_numpy(), dtype=bool)
    if labels is None or mask.index.equals(labels):
        return wanted
    at = mask.index.get_indexer_for(labels) if mask.index.is_unique else np.full(len(labels), -1)
    if (at >= 0).all():
        return np.asarray(wanted[at])
    unlabelled = isinstance(mask.index, pd.RangeIndex) and mask.index.equals(pd.RangeIndex(len(mask)))
    if unlabelled and (at < 0).all():
        return wanted
    raise InputError(
        f"The mask's index is not that of the rows: {int((at < 0).sum())} of {len(labels)} rows are not in it once. "
        "Make the mask from `explanation.eval_data`, or pass `mask.to_numpy()` if it is in the order of the rows."
    )


def one_position(row: Any, n_rows: int) -> int:
    """Position of one row given by its number."""
    if isinstance(row, (bool, np.bool_)) or not isinstance(row, (int, np.integer)):
        raise InputError(f"A row is chosen by its number, 0 to {n_rows - 1}; got {row!r}.")
    if not -n_rows <= row < n_rows:
        raise RowIndexError(f"Row {row} does not exist; the explanation has {n_rows} rows, 0 to {n_rows - 1}.")
    return int(row) % n_rows
