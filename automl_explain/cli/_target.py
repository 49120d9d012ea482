"""The column to predict: which task its values make, and whether it can be learned."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from automl_explain._validation import listed
from automl_explain.cli._wording import count
from automl_explain.exceptions import DataError
from automl_explain.reading import WARNING, Note

Task = Literal["classification", "regression"]

# Whole numbers with at most this many values are taken for class codes.
MAX_CLASS_CODES = 20
# Every class needs rows on both sides and a column of contributions: more is no longer an explanation.
MAX_CLASSES = 100
# Share of the rows that are left out since their classes have a single row; of more the table is refused.
MAX_LEFT_OUT = 0.01


def _is_whole(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return False
    return bool((column.dropna() % 1 == 0).all())


def _is_numeric(y: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(y.dtype) and not pd.api.types.is_bool_dtype(y.dtype)


def _is_regression(y: pd.Series) -> bool:
    """Whether values are rather numbers than codes of classes."""
    return _is_numeric(y) and not (_is_whole(y) and y.nunique() <= MAX_CLASS_CODES)


def settle_task(y: pd.Series, task: str, notes: list[Note]) -> tuple[pd.Series, Task]:
    """The target as its task needs it, and the task: the one asked for, or by the values, which is said."""
    numeric = _is_numeric(y)
    n_values = int(y.nunique())
    if n_values < 2:
        raise DataError(f"Column {y.name!r} has the value {y.iloc[0]!r} in every row; there is nothing to learn.")
    chosen = task
    if task == "auto":
        singles = numeric and y.value_counts().min() == 1  # codes of classes each stand in several rows
        chosen = "regression" if singles or _is_regression(y) else "classification"
        codes = numeric and chosen == "classification"
        kind = "numbers" if numeric else f"{n_values} values that are no numbers"
        if codes:
            kind = f"only {n_values} different whole numbers"
        notes.append(Note(f"task: {chosen}, because {y.name!r} holds {kind}", "--task chooses", str(y.name)))
    if chosen == "regression":
        return _regression_target(y, numeric), "regression"
    return _class_target(y, numeric, notes), "classification"


def _regression_target(y: pd.Series, numeric: bool) -> pd.Series:
    if not numeric:
        raise DataError(f"Column {y.name!r} holds {y.iloc[0]!r}, which is no number; use --task classification.")
    return y.astype(np.float64)


def _class_target(y: pd.Series, numeric: bool, notes: list[Note]) -> pd.Series:
    counts = y.value_counts()
    single = [c for c, n in counts.items() if n == 1]
    if 0 < len(single) <= MAX_LEFT_OUT * len(y) and len(counts) - len(single) > 1:
        what = f"{count(len(single), 'row')} of classes of {y.name!r} that have no other row: {listed(single)}"
        notes.append(Note(f"left out {what}", "merge such classes, or provide more rows", str(y.name), WARNING))
        y, counts, single = y[~y.isin(single)], counts[counts > 1], []
    if len(counts) > MAX_CLASSES:
        other = "use --task regression" if numeric else "name another target, or group its values"
        raise DataError(
            f"Column {y.name!r} has {len(counts):,} different values; up to {MAX_CLASSES} classes can be explained: "
            f"{other}."
        )
    if single:
        noun, verb = ("Class", "has a single row") if len(single) == 1 else ("Classes", "have a single row each")
        raise DataError(
            f"{noun} {listed(single)} of column {y.name!r} {verb}; two are needed, one to train on and one to "
            "test on. Remove or merge such rows."
        )
    if numeric and _is_whole(y):
        return y.astype(np.int64)
    return y if numeric or pd.api.types.is_bool_dtype(y.dtype) else y.map(str).astype(object)
