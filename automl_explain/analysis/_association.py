"""How much two columns say the same, beyond what chance would give."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betaincinv, gammaincc, gammaln

_LEVEL = 0.05  # of all pairs of columns together
_MOST_LEVELS = 100  # of a column of categories; with more it is taken for names


def association(frame: pd.DataFrame) -> np.ndarray:
    """How much two columns say the same, shape (n_columns, n_columns), from 0 to 1.

    Two numbers: |Spearman correlation|. A number and a category: the correlation ratio of the number's ranks,
    corrected for the number of categories. Two categories: Cramer's V, corrected likewise. A pair that chance
    would bring about with more than 5 %, divided by the number of pairs, has 0.
    """
    n_rows, n_columns = frame.shape
    result = np.zeros((n_columns, n_columns))
    if n_rows < 3:
        return result
    unit, codes = _ranks_and_codes(frame)
    floor = np.array([_least_chance(codes.get(j, unit[:, j])) for j in range(n_columns)])
    level = _LEVEL / max(1, n_columns * (n_columns - 1) // 2)
    numbers = [j for j in range(n_columns) if j not in codes]
    known = {j: c for j, c in codes.items() if c.max() < _MOST_LEVELS}
    share = np.minimum((unit[:, numbers].T @ unit[:, numbers]) ** 2, 1.0)
    # Either direction counts for two numbers, hence twice the chance of the one order.
    certain = (share >= _least_share(level, n_rows, 2)) & (_pairs(2 * floor[numbers]) <= level)
    result[np.ix_(numbers, numbers)] = np.where(certain, np.sqrt(share), 0.0)
    for i, code in known.items():
        counts = np.bincount(code)
        sums = np.stack([np.bincount(code, unit[:, j]) for j in numbers]) if numbers else np.zeros((0, len(counts)))
        share = np.minimum((sums**2 / counts).sum(axis=1), 1.0)
        certain = (share >= _least_share(level, n_rows, len(counts))) & (np.maximum(floor[numbers], floor[i]) <= level)
        result[i, numbers] = result[numbers, i] = np.where(certain, _ratio(share, n_rows, len(counts)), 0.0)
        for k, other in known.items():
            if k > i:
                value, chance = _cramer(code, other)
                result[i, k] = result[k, i] = value if max(chance, floor[i], floor[k]) <= level else 0.0
    return result


def _ranks_and_codes(frame: pd.DataFrame) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Centred ranks of numbers, dates and spans of time, each column of length 1, and codes of all other columns."""
    ranks = np.zeros(frame.shape)
    codes: dict[int, np.ndarray] = {}
    for j in range(frame.shape[1]):
        column = frame.iloc[:, j]
        if _is_ordered(column.dtype):
            rank = column.rank().to_numpy(dtype=np.float64, na_value=np.nan)
            rank = np.where(np.isnan(rank), np.nanmean(rank) if not np.isnan(rank).all() else 0.0, rank)
            ranks[:, j] = rank - rank.mean()
        else:
            codes[j] = _codes(column.astype(object))
    spread = np.sqrt((ranks**2).sum(axis=0))
    return ranks / np.where(spread > 0, spread, 1.0), codes


def _is_ordered(dtype: object) -> bool:
    time = pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype)
    return (time or pd.api.types.is_numeric_dtype(dtype)) and not isinstance(dtype, pd.CategoricalDtype)


def _codes(column: pd.Series) -> np.ndarray:
    try:
        return np.asarray(pd.factorize(column, use_na_sentinel=False)[0])
    except TypeError:  # cells that cannot be hashed, such as lists
        return np.asarray(pd.factorize(column.map(repr))[0])


def _least_chance(cells: np.ndarray) -> float:
    """Chance that a shuffled column comes out as it is: of few rows no association is less likely."""
    counts = np.unique(cells, return_counts=True)[1]
    return float(np.exp(gammaln(counts + 1.0).sum() - gammaln(len(cells) + 1.0)))


def _pairs(floor: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.maximum(floor[:, None], floor[None, :])
    return result


def _least_share(level: float, n_rows: int, n_groups: int) -> float:
    """Share of variance between groups that chance exceeds at this level (F test); with two groups also of a rank."""
    if not 1 < n_groups < n_rows:
        return np.inf
    return float(1.0 - betaincinv((n_rows - n_groups) / 2, (n_groups - 1) / 2, level))


def _ratio(share: np.ndarray, n_rows: int, n_groups: int) -> np.ndarray:
    """Correlation ratio without the share of variance that so many groups take by chance (Kelley's epsilon)."""
    if n_groups >= n_rows:
        return np.zeros_like(share)
    return np.sqrt(np.maximum(0.0, 1.0 - (1.0 - share) * (n_rows - 1) / (n_rows - n_groups)))


def _cramer(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Cramer's V with Bergsma's correction, and the chance of so large a chi-square."""
    n = len(one)
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi2 = float(((table - expected) ** 2 / expected).sum() / n)
    freedom = np.array(table.shape) - 1.0
    if freedom.min() == 0:
        return 0.0, 1.0
    by_chance = freedom.prod() / (n - 1)
    left = float((freedom - freedom**2 / (n - 1)).min())
    value = np.sqrt(max(0.0, phi2 - by_chance) / left) if left > 0 else 0.0
    return min(1.0, float(value)), float(gammaincc(freedom.prod() / 2, n * phi2 / 2))
