"""Whether a random split flatters a model: rows of one group, or near in time, stand on both sides of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from automl_explain.analysis._column_codes import class_codes

# Share of the target's variance that neighbours in time, or rows of one group, have in common.
_IN_COMMON = 0.2
# Groups: so many at least, and so few rows in each that new rows will belong to new groups.
_MIN_GROUPS, _MAX_MEAN_SIZE = 20, 20
_MIN_MEAN_SIZE = 1.5
_MIN_ROWS = 50
# By how many standard errors what is in common must stand out.
_ERRORS = 5.0


@dataclasses.dataclass(frozen=True)
class FlatteringSplit:
    """A column of times or groups that says more of the target than new rows will.

    Parameters
    ----------
    column : str
    kind : {"time", "group"}
    in_common : float
        Correlation of the target between neighbours in time, or within groups.
    n_groups : int
        Different values.
    """

    column: str
    kind: Literal["time", "group"]
    in_common: float
    n_groups: int


def find_flattering_splits(
    columns: pd.DataFrame, y: pd.Series, task: str, *, groups: Iterable[str] = ()
) -> tuple[FlatteringSplit, ...]:
    """Times and groups by which rows should be split, the most telling first.

    Parameters
    ----------
    columns : DataFrame of shape (n_rows, n_columns)
        All columns of the table, those that are no features among them.
    y : Series of length n_rows
        Target.
    task : {"classification", "regression"}
    groups : iterable of str
        Columns with the name of an identifier, which are groups whatever their values.
    """
    if len(y) < _MIN_ROWS:
        return ()
    target = _centred(y, task)
    named = set(groups)
    found = []
    for name in columns.columns:
        column = columns[name]
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            found.append(_by_time(column, target, str(name)))
        elif name in named or not pd.api.types.is_numeric_dtype(column.dtype):
            found.append(_by_group(column, target, str(name)))
    return tuple(sorted((f for f in found if f is not None), key=lambda f: -f.in_common))


def _centred(y: pd.Series, task: str) -> np.ndarray:
    """Target as columns of mean 0: itself, or one indicator per class."""
    if task == "regression":
        values = y.to_numpy(dtype=np.float64).reshape(-1, 1)
    else:
        codes = class_codes(y)
        values = (codes[:, None] == np.arange(min(int(codes.max()) + 1, 100))).astype(np.float64)
    return np.asarray(values - values.mean(axis=0))


def _by_time(column: pd.Series, target: np.ndarray, name: str) -> FlatteringSplit | None:
    present = column.notna().to_numpy()
    order = np.argsort(column[present].to_numpy(), kind="stable")
    values = target[present][order]
    around = float(np.sum(values**2))
    n_times = int(column.nunique())
    if len(values) < _MIN_ROWS or around <= 0 or n_times < _MIN_GROUPS:
        return None
    in_common = float(np.sum(values[1:] * values[:-1])) / around
    enough = in_common >= max(_IN_COMMON, _ERRORS / np.sqrt(len(values)))
    return FlatteringSplit(name, "time", in_common, n_times) if enough else None


def _by_group(column: pd.Series, target: np.ndarray, name: str) -> FlatteringSplit | None:
    present = column.notna().to_numpy()
    n = int(present.sum())
    codes = class_codes(column[present])
    n_groups = int(codes.max()) + 1 if n else 0
    if n_groups < _MIN_GROUPS or not _MIN_MEAN_SIZE <= n / n_groups <= _MAX_MEAN_SIZE or n < _MIN_ROWS:
        return None
    values = target[present] - target[present].mean(axis=0)
    sizes = np.bincount(codes)
    sums = np.stack([np.bincount(codes, weights=values[:, k]) for k in range(values.shape[1])], axis=1)
    between = float(np.sum(sums**2 / sizes[:, None])) / (n_groups - 1)
    within = (float(np.sum(values**2)) - between * (n_groups - 1)) / (n - n_groups)
    # Intraclass correlation, one-way analysis of variance (Shrout and Fleiss 1979, ICC(1)).
    size = (n - float(np.sum(sizes.astype(np.float64) ** 2)) / n) / (n_groups - 1)
    whole = between + (size - 1) * within
    in_common = (between - within) / whole if whole > 0 else 0.0
    pairs = float(np.sum(sizes * (sizes - 1.0))) / 2
    enough = in_common >= max(_IN_COMMON, _ERRORS / np.sqrt(pairs))
    return FlatteringSplit(name, "group", in_common, n_groups) if enough else None
