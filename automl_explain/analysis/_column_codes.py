"""One column as numbers, and the best that can be said of the target by it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


def class_codes(*parts: pd.Series) -> np.ndarray:
    """Values of several columns as whole numbers, the same for the same value; missing ones are a value as well."""
    joined = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    return np.asarray(pd.factorize(joined, use_na_sentinel=False)[0], dtype=np.int64)


def codes_on_both_sides(train: pd.Series, test: pd.Series) -> tuple[np.ndarray, np.ndarray, bool]:
    """A column of training and test rows as numbers, and whether their order means something."""
    dtype = train.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        a, b = _numbers(train), _numbers(test)
        seen = np.concatenate([a, b])
        seen = seen[np.isfinite(seen)]
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
        below = low - max(1.0, high - low)
        above = high + max(1.0, high - low)
        a, b = (np.nan_to_num(side, nan=below, posinf=above, neginf=below) for side in (a, b))
        return a, b, True
    codes = class_codes(train, test)
    return codes[: len(train)], codes[len(train) :], False


def _numbers(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        whole = column.to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(whole), np.nan, whole.astype(np.int64).astype(np.float64))
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def predictor_of(
    column: np.ndarray, target: np.ndarray, task: str, *, numeric: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """The target as told by one column: by a tree for numbers, by the value itself for categories."""
    if numeric:
        return _tree(column, target, task)
    counts = np.bincount(column)
    if task == "regression":
        means = np.bincount(column, weights=target) / np.maximum(counts, 1)
        means[counts == 0] = target.mean()
        return lambda new: _looked_up(means, new, float(target.mean()))
    table = np.zeros((len(counts), int(target.max()) + 1), dtype=np.int64)
    np.add.at(table, (column, target), 1)
    most = np.where(counts > 0, table.argmax(axis=1), int(np.bincount(target).argmax()))
    return lambda new: _looked_up(most, new, int(np.bincount(target).argmax()))


def _looked_up(values: np.ndarray, codes: np.ndarray, otherwise: Any) -> np.ndarray:
    known = codes < len(values)
    return np.where(known, values[np.where(known, codes, 0)], otherwise)


def _tree(column: np.ndarray, target: np.ndarray, task: str) -> Callable[[np.ndarray], np.ndarray]:
    """A tree of one column; for numbers also a straight line, where that is nearer."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    x = _ranks(column, column)
    if task == "classification":
        tree = DecisionTreeClassifier(max_leaf_nodes=max(8, 2 * (int(target.max()) + 1)), random_state=0)
        tree.fit(x, target)
        return lambda new: np.asarray(tree.predict(_ranks(column, new)))
    tree = DecisionTreeRegressor(min_samples_leaf=2, random_state=0).fit(x, target)
    deviation = column.std()
    slope = float(np.mean((column - column.mean()) * (target - target.mean()))) / deviation**2 if deviation else 0.0
    line = target.mean() - slope * column.mean()
    by_line = float(np.sum((target - line - slope * column) ** 2))
    around = float(np.sum((target - target.mean()) ** 2))
    if by_line <= 0.01 * around:
        return lambda new: line + slope * new
    return lambda new: np.asarray(tree.predict(_ranks(column, new)))


def _ranks(known: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Places among known values, since trees of scikit-learn read float32; values in between are between."""
    different = np.unique(known)
    left, right = np.searchsorted(different, column), np.searchsorted(different, column, side="right")
    return ((left + right) / 2.0 - 0.5).reshape(-1, 1)
