"""Two outputs of a transformer for the same rows: which columns differ, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._rows import dense
from automl_explain.lineage._tables import is_table

# Of the largest value of a column: sums in another order leave about 1e-16 of it, single precision about 1e-7.
TOLERANCE, SINGLE_TOLERANCE = 1e-9, 1e-5

Changes = tuple[np.ndarray, np.ndarray]


class Output:
    """An output in a form that can be compared.

    Parameters
    ----------
    out : table, 1-D array, Series or list
        What ``transform`` gave.
    """

    def __init__(self, out: Any) -> None:
        self.others: dict[int, np.ndarray] = {}
        self.tolerance = TOLERANCE
        self._sizes: np.ndarray | None = None
        if sp.issparse(out):
            self.values: Any = out.tocsr().astype(np.float64)
            self.tolerance = SINGLE_TOLERANCE if out.dtype == np.float32 else TOLERANCE
        elif isinstance(out, np.ndarray) and out.ndim == 2 and out.dtype == np.float64:
            self.values = out
        else:
            self.values = self._numbers(_columns(out))

    def _numbers(self, columns: list[Any]) -> np.ndarray:
        """Numbers as float64; columns of anything else are kept aside."""
        n_rows = len(columns[0]) if columns else 0
        values = np.zeros((n_rows, len(columns)), order="F")
        for j, column in enumerate(columns):
            kind = getattr(column, "dtype", None)
            if kind == np.float32:
                self.tolerance = SINGLE_TOLERANCE
            if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
                values[:, j] = pd.Series(column).to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                self.others[j] = np.asarray(column, dtype=object)
        return values

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    def rows(self, at: Any) -> Output:
        """Some of the rows."""
        part = object.__new__(Output)
        part.values, part.tolerance, part._sizes = self.values[at], self.tolerance, None
        part.others = {j: column[at] for j, column in self.others.items()}
        return part

    def against(self, other: Output, *, but_gaps: bool = False) -> Changes:
        """Whether each column differs, and the mean of its squared differences, both of shape (n_columns,).

        Differences are measured in the largest number of the column.

        With ``but_gaps``, values that are missing in ``other`` are not compared: one missing value of
        the input makes whole rows of a matrix product missing, also where its factor is 0.
        """
        if sp.issparse(self.values) != sp.issparse(other.values):
            return Output(dense(self.values)).against(Output(dense(other.values)), but_gaps=but_gaps)
        if sp.issparse(self.values):
            return self._sparse_against(other)
        before, after = self.values, other.values
        with np.errstate(invalid="ignore", over="ignore"):
            difference = (after - before) / self._unit()
            effect = np.einsum("ij,ij->j", difference, difference) / max(len(difference), 1)
        if self.others or other.others or not np.isfinite(effect).all():
            return self._general_against(other, but_gaps)
        largest = np.maximum(difference.max(axis=0, initial=0.0), -difference.min(axis=0, initial=0.0))
        return largest > self._least(), effect

    def _general_against(self, other: Output, but_gaps: bool) -> Changes:
        """With missing values, infinities, and columns of anything but numbers."""
        before, after = self.values, other.values
        same = (before == after) | (np.isnan(after) & (but_gaps | np.isnan(before)))
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.where(same, 0.0, (after - before) / self._unit())
        difference[~np.isfinite(difference)] = 1.0  # a number against NaN or infinity
        moved = np.asarray((np.abs(difference) > self._least()).any(axis=0))
        effect = (difference**2).mean(axis=0)
        for j, column in self.others.items():
            cells = other.others.get(j, other.values[:, j])
            changed = ~_equal(column, cells)
            if but_gaps:
                changed &= np.array([_is(cell) is not None for cell in cells], dtype=bool)
            moved[j], effect[j] = changed.any(), changed.mean()
        return moved, effect

    def _size(self) -> np.ndarray:
        """Largest number of every column; found once for the output that all others are compared with."""
        if self._sizes is None:
            if sp.issparse(self.values):
                self._sizes = abs(self.values).max(axis=0).toarray().ravel()
            else:
                numbers = np.isfinite(self.values)
                self._sizes = np.max(np.abs(self.values), axis=0, initial=0.0, where=numbers)
        return self._sizes

    def _unit(self) -> np.ndarray:
        """What differences are measured in, so that their squares neither overflow nor vanish."""
        return np.where(self._size() > 0, self._size(), 1.0)

    def _least(self) -> np.ndarray:
        """Smallest difference that counts, in that unit; any in columns of zeros."""
        return np.where(self._size() > 0, self.tolerance, 0.0)

    def _sparse_against(self, other: Output) -> Changes:
        difference = abs(other.values - self.values) @ sp.diags(1.0 / self._unit())
        largest = difference.max(axis=0).toarray().ravel()
        return largest > self._least(), np.asarray(difference.multiply(difference).mean(axis=0)).ravel()


def _columns(out: Any) -> list[Any]:
    if not is_table(out):
        column = np.empty(len(out), dtype=object)
        column[:] = list(out)
        return [column]
    if hasattr(out, "iloc"):
        return [out.iloc[:, j] for j in range(out.shape[1])]
    array = out.to_numpy() if hasattr(out, "to_numpy") else np.asarray(out)
    return [array[:, j] for j in range(array.shape[1])]


def _equal(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Value by value; missing values equal each other. Values may hold lists or dicts."""
    return np.array([_is(a) == _is(b) for a, b in zip(left, right, strict=True)], dtype=bool)


def _is(cell: Any) -> Any:
    missing = pd.isna(cell)
    if isinstance(missing, (bool, np.bool_)):
        return None if missing else cell
    return repr(cell)
