"""Truth found without any rule: every raw column is changed by itself, and what moves depends on it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

CITIES = ["Bern", "Oslo", "Paris", "Rome"]
WORDS = ["good", "bad", "slow", "fast", "cheap", "clean", "loud", "warm"]


def frame(n_rows: int = 240, *, missing: bool = True, seed: int = 0) -> pd.DataFrame:
    """Mixed table: numbers a, b, c (b with gaps), whole number k, two categories, a text and a date."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": rng.normal(3, 2, n_rows),
            "b": rng.gamma(2, 2, n_rows),
            "c": rng.uniform(1, 9, n_rows),
            "k": rng.integers(0, 6, n_rows),
            "city": rng.choice(CITIES, n_rows, p=[0.05, 0.15, 0.3, 0.5]),
            "size": rng.choice(["L", "M", "S"], n_rows),
            "review": [" ".join(rng.choice(WORDS, 3)) for _ in range(n_rows)],
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n_rows), "D"),
        }
    )
    if missing:
        X.loc[rng.choice(n_rows, n_rows // 6, replace=False), "b"] = np.nan
    return X


def positive(n_rows: int = 240, n_columns: int = 5, seed: int = 0) -> np.ndarray:
    """Numbers > 0 on scales of their own, correlated."""
    rng = np.random.default_rng(seed)
    base = rng.gamma(2.0, 1.0, (n_rows, n_columns))
    return (base + 0.5 * base[:, :1]) * np.array([1.0, 2.0, 0.5, 3.0, 1.5, 0.8])[:n_columns]


def with_gaps(X: np.ndarray, seed: int = 0) -> np.ndarray:
    """Same table, a tenth of the cells missing in all columns but the first."""
    rng = np.random.default_rng(seed)
    result = X.copy()
    holes = rng.random(X.shape) < 0.1
    holes[:, 0] = False
    result[holes] = np.nan
    return result


def dense(out: Any) -> np.ndarray:
    """Any output as a 2-D array."""
    if sp.issparse(out):
        return out.toarray()
    array = out.to_numpy() if hasattr(out, "to_numpy") else np.asarray(out)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def dependence(
    transform: Any, X: Any, *, seed: int = 0, n_shuffles: int = 3, allow_missing: bool = False
) -> np.ndarray:
    """Which raw column moves which engineered column, bool of shape (n_raw, n_engineered)."""
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = dense(transform(X))
        found = np.zeros((X.shape[1], before.shape[1]), dtype=bool)
        for j in range(X.shape[1]):
            changed = [_shuffled(X, j, rng.permutation(X.shape[0])) for _ in range(n_shuffles)]
            for other in changed + ([_emptied(X, j)] if allow_missing else []):
                found[j] |= _moved(before, dense(transform(other)))
    return found


def _shuffled(X: Any, j: int, order: np.ndarray) -> Any:
    result = X.copy()
    if isinstance(X, pd.DataFrame):
        result.isetitem(j, X.iloc[order, j].set_axis(X.index))
        return result
    if sp.issparse(X):
        result = X.toarray()
        result[:, j] = result[order, j]
        return type(X)(result)
    result[:, j] = X[order, j]
    return result


def _emptied(X: Any, j: int) -> Any:
    """Every third cell missing; columns that cannot hold a gap are left alone."""
    result = X.copy()
    if isinstance(X, pd.DataFrame):
        if pd.api.types.is_float_dtype(X.dtypes.iloc[j]):
            result.iloc[::3, j] = np.nan
    elif not sp.issparse(X):
        result[::3, j] = np.nan
    return result


def _moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    if before.dtype == object or after.dtype == object:
        return ~((before == after) | (pd.isna(before) & pd.isna(after))).astype(bool).all(axis=0)
    scale = np.nanmax(np.abs(before), axis=0, initial=1e-300)
    # Sums in another order leave noise of about 1e-16 of the scale.
    same = np.isclose(before, after, rtol=0, atol=1e-10 * np.maximum(scale, 1e-300), equal_nan=True)
    return ~same.all(axis=0)
