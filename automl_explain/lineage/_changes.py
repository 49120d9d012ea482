"""Other values for the columns of a table, of the same types."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain.lineage._tables import with_columns


def emptied(table: Any, positions: np.ndarray, gaps: np.ndarray) -> Any | None:
    """Copy with missing values in the rows of the mask ``gaps``; None where a column has no place for them."""
    if not (hasattr(table, "iloc") or isinstance(table, np.ndarray)):
        return None
    columns = [_column(table, j) for j in positions]
    if any(pd.api.types.is_integer_dtype(c.dtype) or c.dtype == bool for c in columns if isinstance(c.dtype, np.dtype)):
        return None
    return with_columns(table, positions, [_own(table, c.mask(gaps)) for c in columns])


def stands(table: Any, positions: np.ndarray) -> bool:
    """Whether the columns are the same in all rows."""
    if sp.issparse(table):
        part = table.tocsc()[:, positions]
        return all(np.ptp(part[:, [k]].toarray()) == 0 for k in range(part.shape[1]))
    return all(_stands(_column(table, j)) for j in positions)


def replaced(table: Any, positions: np.ndarray, where: np.ndarray) -> Any:
    """Copy with another value in some rows of columns that stand still.

    Raises
    ------
    ValueError
        If no other value of their type is known.
    """
    if sp.issparse(table):
        rows, cells = np.repeat(np.flatnonzero(where), len(positions)), np.tile(positions, int(where.sum()))
        return table.tocsr() + sp.csr_matrix((np.ones(len(rows)), (rows, cells)), shape=table.shape)
    if hasattr(table, "get_columns"):
        raise ValueError("columns of polars")
    return with_columns(table, positions, [_own(table, _other(_column(table, j), where)) for j in positions])


def _column(table: Any, j: int) -> pd.Series:
    if hasattr(table, "iloc"):
        return table.iloc[:, j].reset_index(drop=True)
    if hasattr(table, "get_columns"):  # polars
        return pd.Series(table.get_columns()[j].to_list(), dtype=object)
    return pd.Series(table[:, j])


def _own(table: Any, column: pd.Series) -> Any:
    return column.array if hasattr(table, "iloc") else column.to_numpy()


def _stands(column: pd.Series) -> bool:
    missing = column.isna().to_numpy()
    if missing.any():
        return bool(missing.all())
    first = column.iloc[0]
    return all(cell is first or bool(np.all(cell == first)) for cell in column)


def _other(column: pd.Series, where: np.ndarray) -> pd.Series:
    """Half of a standing column with a value that it might have held."""
    result = column.copy()
    result[where] = _another(None if column.isna().all() else column.iloc[0], column.dtype)
    return result


def _another(value: Any, kind: Any) -> Any:
    """Another value of the same type; ``value`` is None where all values are missing."""
    gap = value is None
    if isinstance(kind, pd.CategoricalDtype):
        others = [c for c in kind.categories if gap or c != value]
        if not others:
            raise ValueError("no other category")
        return others[0]
    if pd.api.types.is_datetime64_any_dtype(kind):
        start = pd.Timestamp("2001-02-03", tz=getattr(kind, "tz", None)) if gap else value
        return start + pd.Timedelta(days=403, hours=7)
    if pd.api.types.is_timedelta64_dtype(kind):
        return (pd.Timedelta(0) if gap else value) + pd.Timedelta(days=1, hours=7)
    if pd.api.types.is_bool_dtype(kind) or isinstance(value, bool):
        return gap or not value
    if pd.api.types.is_numeric_dtype(kind) or isinstance(value, (int, float)):
        return 1 if gap else value + 1
    if gap or isinstance(value, str):
        return "x" if gap else f"{value} x"
    if isinstance(value, date):
        return value + timedelta(days=403)
    raise ValueError(f"no other value of type {type(value).__name__}")
