"""Which rows a model is trained on and which it is tested on: at random, by time, or by groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from automl_explain._validation import listed
from automl_explain.exceptions import DataError, InputError

# Groups are drawn so often; the draw nearest to the share of test rows is taken.
_DRAWS = 50


@dataclasses.dataclass(frozen=True)
class SplitRule:
    """How rows are split: at random, the latest by ``column`` for testing, or every group of ``column`` on one side."""

    kind: Literal["random", "time", "group"] = "random"
    column: str | None = None

    def __str__(self) -> str:
        return self.kind if self.column is None else f"{self.kind}:{self.column}"


def parse_split(text: str) -> SplitRule:
    """A rule from the text of ``--split``.

    Raises
    ------
    ValueError
        If it is none.
    """
    kind, colon, column = text.partition(":")
    if text == "random":
        return SplitRule()
    if not (colon and column.strip()):
        raise ValueError(text)
    if kind == "time":
        return SplitRule("time", column.strip())
    if kind == "group":
        return SplitRule("group", column.strip())
    raise ValueError(text)


def rows_apart(
    rule: SplitRule, values: pd.Series, y: pd.Series, task: str, *, test_size: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of training and test rows, by time or by groups; training rows by time come in the order of time.

    Parameters
    ----------
    rule : SplitRule
        By time or by group.
    values : Series of length n_rows
        Its column.
    y : Series of length n_rows
        Target.
    task : {"classification", "regression"}
    test_size : float
        Share of the rows to test on, about.
    seed : int
        Of the groups that are drawn.

    Raises
    ------
    InputError
        If the column is no time.
    DataError
        If it does not split the rows, or a class would stand on one side alone.
    """
    train, test = (
        _latest(values, test_size, str(rule)) if rule.kind == "time" else _groups(values, test_size, seed, str(rule))
    )
    if task == "classification":
        _check_classes(y.iloc[train], y.iloc[test], rule)
    return train, test


def _latest(values: pd.Series, test_size: float, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one time stay on one side; those without a time are trained on."""
    dtype = values.dtype
    if not (pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype)):
        raise InputError(
            f"--split {rule}: column {values.name!r} holds {values.dropna().iloc[0]!r}, which is no time. Read it as "
            f"dates with --date-column, or name another column."
        )
    times = values.rank(method="dense").fillna(0).to_numpy(dtype=np.int64)
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    at = len(times) - int(np.ceil(test_size * len(times)))
    cuts = [int(np.searchsorted(ordered, ordered[at])), int(np.searchsorted(ordered, ordered[at], side="right"))]
    cuts = [cut for cut in cuts if 0 < cut < len(times)]
    if not cuts or ordered[-1] == 0:
        raise DataError(f"--split {rule}: nearly all rows have the same time; name a column that orders them.")
    cut = min(cuts, key=lambda cut: abs(cut - at))
    return order[:cut], order[cut:]


def _groups(values: pd.Series, test_size: float, seed: int, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Every group on one side; rows without a group are one each."""
    codes = group_codes(values)
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        raise DataError(f"--split {rule}: all rows are of one group; name a column with more values.")
    random = np.random.RandomState(seed)
    wanted = test_size * len(codes)
    best, distance = np.zeros(len(sizes), dtype=bool), np.inf
    for _ in range(_DRAWS):
        order = random.permutation(len(sizes))
        reached = np.cumsum(sizes[order])
        n = int(np.clip(np.abs(reached - wanted).argmin() + 1, 1, len(sizes) - 1))
        if abs(reached[n - 1] - wanted) < distance:
            distance = float(abs(reached[n - 1] - wanted))
            best = np.zeros(len(sizes), dtype=bool)
            best[order[:n]] = True
    tested = best[codes]
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def group_codes(values: pd.Series) -> np.ndarray:
    """Groups as whole numbers from 0, those of missing values one each."""
    codes = np.asarray(pd.factorize(values)[0], dtype=np.int64)
    missing = codes < 0
    codes[missing] = codes.max() + 1 + np.arange(missing.sum())
    return codes


def _check_classes(y_train: pd.Series, y_test: pd.Series, rule: SplitRule) -> None:
    trained = set(y_train.unique())
    unknown = sorted({str(label) for label in set(y_test.unique()) - trained})
    where = "the latest rows" if rule.kind == "time" else "the groups to test on"
    remedy = "Choose another --test-size or --seed, or leave out --split."
    if unknown:
        raise DataError(f"--split {rule}: {_classes(unknown)} {y_train.name!r} stand in {where} alone. {remedy}")
    if y_train.nunique() < 2 or y_test.nunique() < 2:
        raise DataError(f"--split {rule}: one side has a single class of {y_train.name!r}. {remedy}")


def _classes(labels: Sequence[str]) -> str:
    return f"{'class' if len(labels) == 1 else 'classes'} {listed(labels, 5)} of"
