"""Rows of a DataFrame, an ndarray, a sparse matrix or a polars table: taking, stacking and mixing them alike.

The one place where rows are taken at positions, stacked, cut into chunks or made dense.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_series, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import InputError


def take(rows: Any, positions: Any) -> Any:
    """Rows at these positions (a slice, whole numbers or a mask), in this order; None where there are no rows."""
    if rows is None:
        return None
    if is_sparse(rows) and not hasattr(rows, "indptr"):
        rows = rows.tocsr()
    return rows.iloc[positions] if hasattr(rows, "iloc") else rows[positions]


def spread(n_rows: int, most: int) -> np.ndarray:
    """Positions of up to ``most`` rows, evenly spread: tables are often sorted, and the first rows all alike."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, most)).astype(int))


def stack(*tables: Any) -> Any:
    """Rows of tables with the same columns below each other; a single table is given back as it is."""
    first = tables[0]
    if len(tables) == 1:
        return first
    if isinstance(first, (pd.DataFrame, pd.Series)):
        return pd.concat(tables, ignore_index=True)
    if is_sparse(first):
        return sp.vstack(tables, format="csr")
    if hasattr(first, "get_columns"):  # polars
        return functools.reduce(lambda above, below: above.vstack(below), tables)
    return np.concatenate(tables)


def dense(rows: Any, dtype: Any = None) -> np.ndarray:
    """Rows as an ndarray; a tuple or list of matrices, one per output, as one array of three dimensions."""
    if isinstance(rows, (tuple, list)):
        return np.stack([dense(each, dtype) for each in rows])
    return np.asarray(rows.toarray() if is_sparse(rows) else rows, dtype=dtype)


def chunks(n_rows: int, rows_each: int) -> Iterator[slice]:
    """Slices that cover ``n_rows`` rows."""
    for start in range(0, n_rows, rows_each):
        yield slice(start, min(start + rows_each, n_rows))


def mix(rows: Any, groups: np.ndarray, n_new: int, rng: np.random.Generator, *, most: float = 0.6) -> Any:
    """New rows, each a row in which some columns come from one other row.

    Columns of one group come together, so that the one-hot columns of a raw feature stay one-hot
    and every value of a new row is a value of its column that exists.

    Parameters
    ----------
    rows : DataFrame, ndarray or csr_matrix of shape (n_rows, n_features)
    groups : ndarray of shape (n_features,), int
        Group number of each column.
    n_new : int
        Number of rows to make.
    rng : numpy.random.Generator
    most : float, default 0.6
        Share of the groups that change at most; it differs from row to row, from none on.

    Returns
    -------
    Same type as ``rows``, of shape (n_new, n_features)
    """
    n_rows = rows.shape[0]
    base, other = rng.integers(0, n_rows, n_new), rng.integers(0, n_rows, n_new)
    # Rows near the data, and rows further away.
    swapped = rng.random((n_new, int(groups.max()) + 1)) < rng.random((n_new, 1)) * most
    if is_frame(rows):
        picked = {j: np.where(swapped[:, g], other, base) for j, g in enumerate(groups)}
        columns = [pd.Series(rows.iloc[:, j].array.take(at)) for j, at in picked.items()]
        result = pd.concat(columns, axis=1)
        result.columns = rows.columns
        return result
    if not is_sparse(rows):
        return np.where(swapped[:, groups], rows[other], rows[base])
    return _keep(rows[base], ~swapped, groups) + _keep(rows[other], swapped, groups)


def _keep(rows: sp.csr_matrix, wanted: np.ndarray, groups: np.ndarray) -> sp.csr_matrix:
    coo = rows.tocoo()
    kept = wanted[coo.row, groups[coo.col]]
    return sp.csr_matrix((coo.data[kept], (coo.row[kept], coo.col[kept])), shape=rows.shape)


def check_same_rows(rows: Any, others: Any, argument: str) -> None:
    """Refuse tables of other rows, or of the same rows in another order."""
    if rows is None or others is None:
        return
    n_rows, n_others = getattr(rows, "shape", (0,))[0], others.shape[0] if hasattr(others, "shape") else len(others)
    if n_rows != n_others:
        raise InputError(f"`{argument}` has {n_others} rows, `eval_dataset` has {n_rows}; they must be the same rows.")
    if is_frame(rows) and (is_frame(others) or is_series(others)):
        first, second = rows.index, others.index
        if not first.equals(second) and Counter(first) == Counter(second):
            raise InputError(
                f"`{argument}` has the rows of `eval_dataset` in another order. Pass "
                f"`{argument}.loc[eval_dataset.index]`, or the rows as they were before they were sorted or shuffled."
            )
    if n_rows > 2 and _shuffled(rows, others):
        raise InputError(
            f"`{argument}` has the rows of `eval_dataset` in another order: the same numbers stand in other rows. Pass "
            "both in one order."
        )


def _shuffled(rows: Any, others: Any) -> bool:
    """Whether a column that both tables have holds the same numbers, nearly all different, in another order."""
    for one, other in _shared_columns(rows, others):
        if np.array_equal(one, other, equal_nan=True):
            return False
        telling = len(np.unique(one)) > max(2, len(one) / 2)
        if telling and np.array_equal(np.sort(one), np.sort(other), equal_nan=True):
            return True
    return False


def _shared_columns(rows: Any, others: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Columns of numbers of one name, or in one place of two arrays of one width."""
    if is_frame(rows) and is_frame(others):
        for name in rows.columns.intersection(others.columns):
            both = rows[name], others[name]
            if all(is_series(c) and isinstance(c.dtype, np.dtype) and c.dtype.kind in "iuf" for c in both):
                yield tuple(c.to_numpy(dtype=np.float64) for c in both)
        return
    arrays = all(isinstance(t, np.ndarray) and t.ndim == 2 and t.dtype.kind in "iuf" for t in (rows, others))
    if arrays and rows.shape == others.shape:
        yield from zip(rows.T.astype(np.float64), others.T.astype(np.float64), strict=True)
