"""Tables of every kind (DataFrame, ndarray, scipy sparse, polars) handled by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._rows import take
from automl_explain.exceptions import DataError, InputError

# Enough rows to estimate a standard deviation within 7 %; 128 rows x 20,000 float64 columns take 20 MB.
N_SAMPLE = 128


def is_table(value: Any) -> bool:
    """Whether a value has rows and columns; anything else is handled as one opaque column."""
    shape = getattr(value, "shape", None)
    return isinstance(shape, tuple) and len(shape) == 2


def n_columns(value: Any) -> int:
    """Number of columns; 1 for lists, Series and whatever else is no table."""
    return int(value.shape[1]) if is_table(value) else 1


def n_rows(value: Any) -> int:
    """Number of rows."""
    return int(value.shape[0]) if hasattr(value, "shape") else len(value)


def labels_of(value: Any) -> list[Any] | None:
    """Column labels of a DataFrame, None for other tables."""
    columns = getattr(value, "columns", None)
    return None if columns is None or not is_table(value) else list(columns)


def take_columns(table: Any, positions: Sequence[int], *, scalar: bool = False) -> Any:
    """Columns by position; ``scalar`` gives the single column as 1-D, as scikit-learn does for ``"name"``."""
    at = list(positions)
    if hasattr(table, "iloc"):
        return table.iloc[:, at[0]] if scalar else table.iloc[:, at]
    if sp.issparse(table):
        return table.tocsr()[:, at]
    if hasattr(table, "get_columns"):  # polars
        chosen = table.select([table.columns[i] for i in at])
        return chosen.get_columns()[0] if scalar else chosen
    return table[:, at[0]] if scalar else table[:, at]


def sample_rows(table: Any, n: int = N_SAMPLE) -> Any:
    """Copy of at most ``n`` rows spread evenly over the table; ``copy=False`` transformers write into it."""
    total = n_rows(table)
    return take(table, np.arange(total) if total <= n else np.linspace(0, total - 1, n).astype(int))


def with_shuffled(table: Any, positions: Sequence[int] | np.ndarray, order: np.ndarray) -> Any:
    """Copy of a table whose columns at ``positions`` have the rows of ``order``; types stay as they are."""
    at = np.asarray(positions, dtype=np.int64)
    if sp.issparse(table):
        moved = np.isin(np.arange(n_columns(table)), at).astype(np.float64)
        return table.tocsr() @ sp.diags(1.0 - moved) + table.tocsr()[order] @ sp.diags(moved)
    if hasattr(table, "iloc"):
        return with_columns(table, at, [table.iloc[order, j].array for j in at])
    if hasattr(table, "get_columns"):  # polars
        return with_columns(table, at, [table.get_columns()[j].gather(order) for j in at])
    return with_columns(table, at, [table[order, j] for j in at])


def with_columns(table: Any, positions: Sequence[int] | np.ndarray, values: Sequence[Any]) -> Any:
    """Copy of a DataFrame, ndarray or polars table with other columns at ``positions``."""
    if hasattr(table, "get_columns"):
        return table.with_columns([v.alias(table.columns[j]) for j, v in zip(positions, values, strict=True)])
    result = table.copy()
    for j, column in zip(positions, values, strict=True):
        if hasattr(result, "isetitem"):
            result.isetitem(int(j), column)
        else:
            result[:, j] = column
    return result


def as_blocks(value: Any) -> Any:
    """A block of columns as a 2-D ndarray or sparse matrix."""
    if sp.issparse(value):
        return value
    array = value.to_numpy() if hasattr(value, "to_numpy") else np.asarray(value)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def stands_still(deviation: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Whether deviations are no more than the rounding of a mean."""
    return np.asarray(deviation <= 1e-12 * np.abs(mean))


def scales(table: Any) -> np.ndarray:
    """Standard deviations of the columns, shape (n_columns,); NaN values are left out."""
    if sp.issparse(table):
        mean = np.asarray(table.mean(axis=0)).ravel()
        square = np.asarray(table.multiply(table).mean(axis=0)).ravel()
        # The difference of two squares is less exact than the square of a difference.
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        return np.where(stands_still(spread**2, mean**2), 0.0, spread)
    array = np.asarray(as_blocks(table), dtype=np.float64)
    seen = np.isfinite(array)
    counts = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, array, 0.0).sum(axis=0) / counts
    square = (np.where(seen, array - mean, 0.0) ** 2).sum(axis=0) / counts
    spread = np.sqrt(square)
    return np.where(stands_still(spread, mean), 0.0, spread)


def positions_of(
    columns: Any, table: Any, labels: Sequence[Any] | None, *, labels_first: bool = False
) -> tuple[list[int], bool]:
    """Positions that a column selector names, and whether it asks for a 1-D column.

    Parameters
    ----------
    columns : str, int, slice, list, mask or callable
        Selector as in `sklearn.compose.ColumnTransformer`: strings are labels (slices of labels
        include their end), integers are positions and may be negative, booleans are a mask.
    table : DataFrame, ndarray or sparse matrix
        What a callable selector is called with.
    labels : sequence or None
        Column labels; None where the table has none.
    labels_first : bool, default False
        Whether an integer that is a label is read as that label, as sklearn-pandas does.
    """
    if callable(columns):
        return positions_of(columns(table), table, labels, labels_first=labels_first)
    index = _Index(n_columns(table), labels, labels_first)
    if isinstance(columns, slice):
        return index.of_slice(columns), False
    if isinstance(columns, (str, int, np.integer)) and not isinstance(columns, bool):
        return [index.of(columns)], True
    if not hasattr(columns, "__len__"):
        raise InputError(f"A column selector is a name, a position, a slice, a list or a mask; got {columns!r}.")
    chosen = list(columns)
    if chosen and all(isinstance(c, (bool, np.bool_)) for c in chosen):
        return [i for i, wanted in enumerate(chosen) if wanted], False
    return [index.of(c) for c in chosen], False


class _Index:
    """Finds columns by label or position."""

    def __init__(self, n: int, labels: Sequence[Any] | None, labels_first: bool) -> None:
        self.n = n if labels is None else len(labels)
        self.labels = [] if labels is None else list(labels)
        self.labels_first = labels_first
        self.at: dict[Any, int] = {label: i for i, label in reversed(list(enumerate(self.labels)))}

    def of(self, column: Any) -> int:
        integer = isinstance(column, (int, np.integer))
        if column in self.at and (not integer or self.labels_first):
            if len(self.at) < len(self.labels) and self.labels.count(column) > 1:
                raise DataError(
                    f"Two columns are called {column!r}, so the name says nothing. Give every column its own name."
                )
            return self.at[column]
        if integer and -self.n <= column < self.n:
            return int(column) % self.n
        have = ", ".join(map(repr, self.labels[:5])) if self.labels else f"{self.n} columns without names"
        more = ", ..." if len(self.labels) > 5 else ""
        raise InputError(
            f"Column {column!r} is not in the table. It has {have}{more}. "
            "Pass rows with the columns that the transformer was fitted on."
        )

    def of_slice(self, columns: slice) -> list[int]:
        start, stop = columns.start, columns.stop
        if isinstance(start, str) or isinstance(stop, str):
            # A slice of labels includes its end.
            start = None if start is None else self.of(start)
            stop = None if stop is None else self.of(stop) + 1
        return list(range(self.n))[slice(start, stop, columns.step)]
