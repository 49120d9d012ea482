"""Rows on which as many engineered columns as possible are active, for probing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._rows import take
from automl_explain.lineage._compare import Output
from automl_explain.lineage._tables import n_rows, sample_rows
from automl_explain.lineage._tuples import is_pairs, read_pairs, side_by_side

# Rows spread evenly, and as many again in which an engineered column is active that is not in those.
N_EVEN = 1000
N_RARE = 1000
# And two for each raw column, up to as many.
N_ENDS = 1000
MOST_SEARCHED = 20_000
BLOCK = 2000


def probing_rows(transformer: Any, X: Any) -> Any:
    """Rows spread evenly, those at the ends of raw columns, and those where columns move that stand still else.

    At most 1,000, two for each raw column (up to 1,000), and 1,000.
    """
    total = n_rows(X)
    if total <= N_EVEN:
        return sample_rows(X, N_EVEN)
    even = np.union1d(np.linspace(0, total - 1, N_EVEN).astype(int), _rows_at_the_ends(X))
    try:
        rare = _rows_of_rare_columns(transformer, X, even)
    except Exception:  # rows that it refuses are found, and worded, by the walk
        rare = np.zeros(0, dtype=int)
    return take(X, np.union1d(even, rare))


def _rows_at_the_ends(X: Any) -> np.ndarray:
    """Rows with the least and the largest number of each raw column, or with its two rarest values.

    A threshold that few rows cross, or a case for a rare value, shows only there.
    """
    if not isinstance(X, (pd.DataFrame, np.ndarray)):
        return np.zeros(0, dtype=int)
    searched = np.linspace(0, n_rows(X) - 1, min(n_rows(X), MOST_SEARCHED)).astype(int)
    found: list[int] = []
    for j in range(min(X.shape[1], N_ENDS // 2)):
        cells = X.iloc[searched, j] if isinstance(X, pd.DataFrame) else pd.Series(X[searched, j])
        found += _ends(cells.reset_index(drop=True))
    return np.asarray(searched[np.unique(np.array(found, dtype=int))])


def _ends(cells: pd.Series) -> list[int]:
    if cells.isna().all():
        return []
    try:
        if pd.api.types.is_numeric_dtype(cells) or hasattr(cells, "dt"):
            return [int(cells.argmin()), int(cells.argmax())]
        counts = cells.value_counts()
        rarest = counts[counts > 0].index[-2:]
        return [int(np.flatnonzero((cells == value).to_numpy(dtype=bool, na_value=False))[0]) for value in rarest]
    except (TypeError, ValueError):  # values that cannot be compared or counted, such as lists
        return []


def _rows_of_rare_columns(transformer: Any, X: Any, even: np.ndarray) -> np.ndarray:
    first = _output(transformer, take(X, even))
    usual, still = _standing(first.values)
    found: list[int] = []
    searched = np.linspace(0, n_rows(X) - 1, min(n_rows(X), MOST_SEARCHED)).astype(int)
    for start in range(0, len(searched), BLOCK):
        at = searched[start : start + BLOCK]
        values = _output(transformer, take(X, at)).values
        rows, columns = _differing(values, usual, still)
        new, where = np.unique(columns, return_index=True)
        found += at[rows[where]].tolist()
        still[new] = False
        if not still.any():
            break
    # One row may serve many columns.
    return np.unique(found)[:N_RARE].astype(int)


def _output(transformer: Any, rows: Any) -> Output:
    if is_pairs(transformer):
        return Output(side_by_side([block.transform(rows) for block in read_pairs(transformer)]))
    return Output(transformer.transform(rows))


def _standing(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """The first row, and a mask of the columns that never leave it; sparse columns stand at 0."""
    if sp.issparse(values):
        return np.zeros(values.shape[1]), values.getnnz(axis=0) == 0
    first = values[0]
    return first, ((values == first) | (np.isnan(values) & np.isnan(first))).all(axis=0)


def _differing(values: Any, usual: np.ndarray, still: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of standing columns that are not as usual."""
    if sp.issparse(values):
        cells = values.tocoo()
        kept = still[cells.col] & (cells.data != 0)
        return cells.row[kept], cells.col[kept]
    if values.shape[1] == 0 or not still.any():
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    other = still & ~((values == usual) | (np.isnan(values) & np.isnan(usual)))
    rows, columns = np.nonzero(other)
    return rows, columns
