"""What is wrong with a table before a model is: leaks, rows on both sides of the split, drift, classes, a weak model.

Each check gives findings, which are numbers; `_data_notes` says them in sentences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from automl_explain.analysis._column_codes import class_codes, codes_on_both_sides, predictor_of

Task = Literal["classification", "regression"]

# A column that alone reaches this on rows held out gives the target away (balanced accuracy, R2).
LEAK_SCORE = 0.985
# Of fewer test rows a perfect score is no surprise.
_MIN_TEST = 10
# Rows of the training side that one column is tried with.
_MAX_ROWS = 20_000
# Share of test rows that stand in training, and how rarely two rows agree in a column that tells rows apart.
_SHARED, _RICH = 0.01, 0.1
# Fewer rows of a class than these are few to learn from, and more classes than these too many to look at.
RARE, MANY_CLASSES = 10, 20
_DRIFT, _DRIFT_CHANCE = 0.1, 1e-6
# Rows of a category that can drift.
_COMMON = 10
_KNOWN = 0.65


@dataclasses.dataclass(frozen=True)
class Leak:
    """A column that alone predicts the target.

    Parameters
    ----------
    column : str
    score : float
        On the test rows: balanced accuracy, or R2.
    copy : bool
        Whether its values and those of the target belong together one to one.
    measure : {"balanced accuracy", "R2"}
    n_rows : int
        Test rows.
    """

    column: str
    score: float
    copy: bool
    measure: str
    n_rows: int


@dataclasses.dataclass(frozen=True)
class SharedRows:
    """Test rows that stand in the training rows as well, target and all."""

    n_shared: int
    n_rows: int


@dataclasses.dataclass(frozen=True)
class RareClasses:
    """Classes with few training rows, the rarest first."""

    counts: tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class ManyClasses:
    """More classes than one can look at; ``numbers`` if they are numbers."""

    n_classes: int
    numbers: bool


@dataclasses.dataclass(frozen=True)
class Drift:
    """A column whose values differ between training and test rows.

    Parameters
    ----------
    column : str
    distance : float
        0 to 1: Kolmogorov-Smirnov distance of numbers, total variation of categories.
    unseen : float
        Share of the test rows with a value that lies outside those of the training rows.
    kind : {"numbers", "categories", "gaps"}
    """

    column: str
    distance: float
    unseen: float
    kind: str


@dataclasses.dataclass(frozen=True)
class WeakModel:
    """A model that is no better than a guess without any column."""

    measure: str
    score: float
    guess: float


Finding: TypeAlias = Leak | SharedRows | RareClasses | ManyClasses | Drift | WeakModel


def find_leaks(
    X_train: pd.DataFrame, y_train: pd.Series, X_test: pd.DataFrame, y_test: pd.Series, task: Task
) -> tuple[Leak, ...]:
    """Columns that alone predict the target (nearly) perfectly on the test rows, the worst first.

    Missing values count as a value of their own, since a column may be filled in for one class alone.
    """
    if len(y_test) < _MIN_TEST:
        return ()
    X_train, y_train, X_test, y_test = _at_most(X_train, y_train, X_test, y_test)
    train_target, test_target = _targets(y_train, y_test, task)
    found = []
    for name in X_train.columns:
        train, test, numeric = codes_on_both_sides(X_train[name], X_test[name])
        if len(np.unique(train)) < 2:
            continue
        predicted = predictor_of(train, train_target, task, numeric=numeric)(test)
        score = _score(test_target, predicted, task)
        both = np.concatenate([train, test]), np.concatenate([train_target, test_target])
        copy = _one_to_one(*both) and (task == "classification" or _recur(both[1]) or (numeric and _monotone(*both)))
        # A logarithm of a skewed target is a copy whose extremes a tree misses.
        if score >= LEAK_SCORE or (copy and task == "regression"):
            measure = "R2" if task == "regression" else "balanced accuracy"
            found.append(Leak(str(name), score, copy, measure, len(test)))
    return tuple(sorted(found, key=lambda leak: (not leak.copy, -leak.score)))


def _at_most(
    X_train: pd.DataFrame, y_train: pd.Series, X_test: pd.DataFrame, y_test: pd.Series
) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, pd.Series]:
    """No more rows than are needed, from all over both sides."""
    train, test = _spread(len(y_train)), _spread(len(y_test))
    return X_train.iloc[train], y_train.iloc[train], X_test.iloc[test], y_test.iloc[test]


def _spread(n: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, _MAX_ROWS)).astype(np.int64))


def _targets(y_train: pd.Series, y_test: pd.Series, task: Task) -> tuple[np.ndarray, np.ndarray]:
    if task == "regression":
        return y_train.to_numpy(dtype=np.float64), y_test.to_numpy(dtype=np.float64)
    codes = class_codes(y_train, y_test)
    return codes[: len(y_train)], codes[len(y_train) :]


def _score(true: np.ndarray, predicted: np.ndarray, task: Task) -> float:
    if task == "regression":
        around = float(np.sum((true - true.mean()) ** 2))
        return 1 - float(np.sum((true - predicted) ** 2)) / around if around > 0 else 0.0
    classes = np.unique(true)
    if len(classes) < 2:
        return 0.0
    return float(np.mean([(predicted[true == k] == k).mean() for k in classes]))


def _one_to_one(column: np.ndarray, target: np.ndarray) -> bool:
    pairs = len(np.unique(np.column_stack([column, target]), axis=0))
    return pairs == len(np.unique(column)) == len(np.unique(target))


def _recur(values: np.ndarray) -> bool:
    """Whether most values stand in several rows; where they do not, any two columns belong together one to one."""
    return len(np.unique(values)) <= 0.5 * len(values)


def _monotone(column: np.ndarray, target: np.ndarray) -> bool:
    """Whether one rises, or falls, with the other throughout."""
    steps = np.diff(target[np.argsort(column, kind="stable")])
    return bool((steps >= 0).all() or (steps <= 0).all())


def find_shared_rows(
    X_train: pd.DataFrame, y_train: pd.Series, X_test: pd.DataFrame, y_test: pd.Series
) -> tuple[SharedRows, ...]:
    """Test rows that equal a training row in every column and the target, where that is no chance.

    By chance, rows that agree in all columns but one agree in that one as well as often as any two rows do.
    """
    train = _hashed(X_train, y_train)
    test = _hashed(X_test, y_test)
    n_shared = int(np.isin(test.sum(axis=1), train.sum(axis=1)).sum())
    if n_shared < max(3, _SHARED * len(test)):
        return ()
    by_chance = [
        agreeing * _pairs(train[:, others].sum(axis=1), test[:, others].sum(axis=1))
        for j in range(train.shape[1])
        if (agreeing := _agreement(train[:, j])) <= _RICH
        for others in [np.arange(train.shape[1]) != j]
    ]
    if not by_chance or n_shared <= 3 * max(by_chance) + 3:
        return ()
    return (SharedRows(n_shared, len(test)),)


def _hashed(X: pd.DataFrame, y: pd.Series) -> np.ndarray:
    """Hashes of the values, shape (n_rows, n_columns + 1), to be added up: equal sums are equal rows."""
    columns = [X.iloc[:, j] for j in range(X.shape[1])] + [y]
    hashed = [pd.util.hash_pandas_object(column, index=False).to_numpy() for column in columns]
    # An odd factor for each column, so that the same value in another column is another hash.
    factors = np.random.RandomState(0).randint(1, 2**62, len(hashed), dtype=np.int64).astype(np.uint64) * 2 + 1
    with np.errstate(over="ignore"):
        return np.stack([h * f for h, f in zip(hashed, factors, strict=True)], axis=1)


def _agreement(values: np.ndarray) -> float:
    """Chance that two rows have the same value."""
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float(np.sum(counts * (counts - 1))) / max(len(values) * (len(values) - 1.0), 1.0)


def _pairs(train: np.ndarray, test: np.ndarray) -> float:
    """Pairs of a training and a test row that are equal."""
    known, counts = np.unique(train, return_counts=True)
    at = np.minimum(np.searchsorted(known, test), len(known) - 1)
    return float(np.where(known[at] == test, counts[at], 0).sum())


def find_class_problems(y_train: pd.Series, task: Task) -> tuple[RareClasses | ManyClasses, ...]:
    """Classes too rare to learn, and too many of them."""
    if task != "classification":
        return ()
    found: list[RareClasses | ManyClasses] = []
    counts = y_train.value_counts()
    if len(counts) > MANY_CLASSES:
        found.append(ManyClasses(len(counts), bool(pd.api.types.is_numeric_dtype(y_train.dtype))))
    rare = counts[counts < RARE].sort_values(kind="stable")
    if len(rare):
        found.append(RareClasses(tuple((str(label), int(n)) for label, n in rare.items())))
    return tuple(found)


def find_drift(X_train: pd.DataFrame, X_test: pd.DataFrame) -> tuple[Drift, ...]:
    """Columns whose values differ between training and test rows by more than chance, the most first."""
    found = []
    for name in X_train.columns:
        train, test = X_train[name], X_test[name]
        gaps = _gap_drift(train, test, str(name))
        values = _value_drift(train.dropna(), test.dropna(), str(name))
        found += [drift for drift in (gaps, values) if drift is not None]
    return tuple(sorted(found, key=lambda drift: -drift.distance))


def _gap_drift(train: pd.Series, test: pd.Series, name: str) -> Drift | None:
    distance = abs(float(train.isna().mean()) - float(test.isna().mean()))
    unlikely = _by_chance(distance, len(train), len(test)) < _DRIFT_CHANCE
    return Drift(name, distance, 0.0, "gaps") if distance >= _DRIFT and unlikely else None


def _value_drift(train: pd.Series, test: pd.Series, name: str) -> Drift | None:
    if min(len(train), len(test)) < _MIN_TEST:
        return None
    numeric = pd.api.types.is_numeric_dtype(train.dtype) or pd.api.types.is_datetime64_any_dtype(train.dtype)
    a, b, _ = codes_on_both_sides(train, test)
    if numeric:
        a, b = np.sort(a), np.sort(b)
        at = np.concatenate([a, b])
        gap = np.searchsorted(a, at, side="right") / len(a) - np.searchsorted(b, at, side="right") / len(b)
        distance, unseen = float(np.abs(gap).max()), float(((b < a[0]) | (b > a[-1])).mean())
        expected = 0.0
    else:
        counts = np.bincount(np.concatenate([a, b]))
        common = np.where(counts >= _COMMON, np.arange(len(counts)), len(counts))  # the others are one category
        a, b, n = common[a], common[b], len(counts) + 1
        p, q = np.bincount(a, minlength=n) / len(a), np.bincount(b, minlength=n) / len(b)
        distance, unseen = float(np.abs(p - q).sum() / 2), float(q[p == 0].sum())
        # By how much samples of one distribution differ: categories with few rows each differ a lot.
        pooled = (np.bincount(a, minlength=n) + np.bincount(b, minlength=n)) / (len(a) + len(b))
        expected = float(np.sqrt(pooled * (1 / len(a) + 1 / len(b)) * 2 / np.pi).sum() / 2)
    excess = distance - expected
    if excess < _DRIFT or _by_chance(excess, len(a), len(b)) >= _DRIFT_CHANCE:
        return None
    return Drift(name, distance, unseen, "numbers" if numeric else "categories")


def _by_chance(distance: float, n: int, m: int) -> float:
    """Chance of such a distance between two samples of one distribution (bound of Dvoretzky, Kiefer and Wolfowitz)."""
    return 2 * float(np.exp(-2 * distance**2 * n * m / (n + m)))


def find_weak_model(scores: Mapping[str, float], n_test: int) -> tuple[WeakModel, ...]:
    """Whether a model is no better on the test rows than always the majority class, or always the mean.

    Parameters
    ----------
    scores : mapping
        "accuracy", "accuracy of the majority class" and, of two classes, "AUC"; or "R2".
    n_test : int
        Test rows.
    """
    if "R2" in scores:
        return (WeakModel("R2", scores["R2"], 0.0),) if scores["R2"] <= 0 else ()
    score, guess = scores["accuracy"], scores["accuracy of the majority class"]
    auc = scores.get("AUC")
    chance = np.sqrt(guess * (1 - guess) / max(n_test, 1))
    if auc is not None and auc >= _KNOWN and score >= guess - 2 * chance:
        return ()  # of rare classes no row may be predicted, and the ranking of the rows is good all the same
    by_chance = auc is not None and auc < 0.5 + (_KNOWN - 0.5) / 3 and score <= guess + chance
    return (WeakModel("accuracy", score, guess),) if score <= guess or by_chance else ()
