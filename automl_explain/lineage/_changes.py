"""Other values for the columns of a table, of the same types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain.lineage._tables import with_columns


def emptied(table: Any, positions: np.ndarray, gaps: np.ndarray) -> Any | None:
    """Copy with missing cells in the rows of the mask ``gaps``; None where a column has no place for them."""
    if not (hasattr(table, "iloc") or isinstance(table, np.ndarray)):
        return None
    columns = [_column(table, j) for j in positions]
    if any(pd.api.types.is_integer_dtype(c.dtype) or c.dtype == bool for c in columns if isinstance(c.dtype, np.dtype)):
        return None
    return with_columns(table, positions, [_own(table, c.mask(gaps)) for c in columns])


def replaced(table: Any, positions: np.ndarray, where: np.ndarray) -> Any | None:
    """Copy with another value in some rows if the columns are the same in all rows, else None."""
    if sp.issparse(table):
        part = table.tocsc()[:, positions]
        if not all(np.ptp(part[:, [k]].toarray()) == 0 for k in range(part.shape[1])):
            return None
        rows, cells = np.repeat(np.flatnonzero(where), len(positions)), np.tile(positions, int(where.sum()))
        return table.tocsr() + sp.csr_matrix((np.ones(len(rows)), (rows, cells)), shape=table.shape)
    if not (hasattr(table, "iloc") or isinstance(table, np.ndarray)):
        return None
    columns = [_column(table, j) for j in positions]
    if not all(_stands(c) for c in columns):
        return None
    return with_columns(table, positions, [_own(table, _other(c, where)) for c in columns])


def _column(table: Any, j: int) -> pd.Series:
    if hasattr(table, "iloc"):
        return table.iloc[:, j].reset_index(drop=True)
    return pd.Series(table[:, j])


def _own(table: Any, column: pd.Series) -> Any:
    return column.array if hasattr(table, "iloc") else column.to_numpy()


def _stands(column: pd.Series) -> bool:
    first = column.iloc[0]
    if pd.api.types.is_scalar(first) and pd.isna(first):
        return bool(column.isna().all())
    return all(cell is first or bool(np.all(cell == first)) for cell in column)


def _other(column: pd.Series, where: np.ndarray) -> pd.Series:
    """Half of a standing column with a value that it might have held."""
    value, result = column.iloc[0], column.copy()
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        value = next((c for c in kind.categories if c != value), value)
    elif pd.api.types.is_bool_dtype(kind):
        value = not value
    elif pd.api.types.is_datetime64_any_dtype(kind):
        value = (pd.Timestamp("2001-02-03") if pd.isna(value) else value) + pd.Timedelta(days=403, hours=7)
    elif isinstance(value, str):
        value = f"{value} x"
    elif pd.api.types.is_numeric_dtype(kind) or isinstance(value, (int, float)):
        value = 1 if pd.isna(value) else value + 1
    result[where] = value
    return result


def stacked(tables: Sequence[Any]) -> Any:
    """Tables of the same columns below each other."""
    first = tables[0]
    if len(tables) == 1:
        return first
    if hasattr(first, "iloc"):
        return pd.concat(tables, ignore_index=True)
    if sp.issparse(first):
        return sp.vstack(tables, format="csr")
    if hasattr(first, "get_columns"):
        result = first
        for table in tables[1:]:
            result = result.vstack(table)
        return result
    return np.vstack(tables)
