"""Tables whose true effects are known, to see whether an explanation finds them.

Every column adds its own part to a hidden signal, so the strength of each column is a number that
can be computed, not an opinion:

    signal = sum over columns of effect(column),    y drawn from the signal

Nothing is downloaded: the tables are made from a seed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import pandas as pd

from automl_explain.exceptions import InputError

__all__ = ["MixedTable", "make_mixed_table"]

Task = Literal["binary", "multiclass", "regression"]

MIN_ROWS = 20

_CONTRACTS = ("month to month", "one year", "two years")
_PAYMENTS = {"bank transfer": 0.38, "credit card": 0.33, "electronic check": 0.275, "cash": 0.015}
_REGIONS = ("north", "south", "east", "west", "islands")
_FIRST_DAY = "2022-01-01"
_DAYS = 1095

# How far each class of the multiclass table follows the signal; the rows sum to 0, because adding
# the same number to every class leaves the probabilities as they are.
_CLASS_WEIGHTS = {"leaves": 1.0, "downgrades": 0.1, "stays": -1.1}

_DESCRIPTION = {
    "binary": "Subscribers of a phone company: will they leave (`churned`, yes or no)?",
    "multiclass": "Subscribers of a phone company: what will they do next (`next_step`: stays, downgrades or leaves)?",
    "regression": "Subscribers of a phone company: what will it cost to keep them (`retention_cost`, euros)?",
}
_TARGET = {"binary": "churned", "multiclass": "next_step", "regression": "retention_cost"}
_UNIT = {"binary": "log-odds", "multiclass": "log-odds", "regression": "euros"}


@dataclasses.dataclass(frozen=True, eq=False)
class MixedTable:
    """A table of mixed column types with the effects it was made from.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, 11)
        Numbers (skewed, with missing values), whole numbers, texts (one of them rare), an ordered
        category, a bool and a date.
    y : Series of length n_rows
        Target: ``"yes"``/``"no"``, one of three texts, or euros.
    true_effects : mapping of str to float
        Raw column -> mean absolute contribution to the true signal, over rows (and classes), in
        `unit`. 0 for a column without effect. Contributions are counted from the column's mean.
    description : str
        What the table is about.
    task : {"binary", "multiclass", "regression"}
        What is to be predicted.
    unit : str
        ``"log-odds"`` for classification, ``"euros"`` for regression.
    """

    X: pd.DataFrame
    y: pd.Series
    true_effects: Mapping[str, float]
    description: str
    task: Task
    unit: str

    def __repr__(self) -> str:
        return f"MixedTable({len(self.X)} rows x {self.X.shape[1]} columns, task={self.task!r}, target={self.y.name!r})"


def make_mixed_table(n_rows: int = 5000, task: Task = "binary", random_state: int = 0) -> MixedTable:
    """Table of subscribers whose columns have known, additive effects on the target.

    Parameters
    ----------
    n_rows : int, default 5000
        Number of rows, at least 20.
    task : {"binary", "multiclass", "regression"}, default "binary"
        Kind of target. Classes have text labels.
    random_state : int, default 0
        Seed; the same seed gives the same table.

    Returns
    -------
    MixedTable

    Raises
    ------
    InputError
        If the task is unknown or there are fewer than 20 rows.

    Examples
    --------
    >>> from automl_explain.datasets import make_mixed_table
    >>> table = make_mixed_table(200, random_state=1)
    >>> table.X.shape, sorted(table.y.unique())
    ((200, 11), ['no', 'yes'])
    >>> max(table.true_effects, key=table.true_effects.get)
    'contract'
    >>> table.true_effects["region"]
    0.0
    """
    if task not in get_args(Task):
        raise InputError(f"`task` must be one of {', '.join(map(repr, get_args(Task)))}; got {task!r}.")
    if n_rows < MIN_ROWS:
        raise InputError(f"`n_rows` must be at least {MIN_ROWS}, so that every class has rows; got {n_rows}.")
    rng = np.random.default_rng(random_state)
    X = _draw_columns(n_rows, rng)
    parts = contributions(X)
    parts -= parts.mean()
    y, scale = _DRAW[task](parts.sum(axis=1).to_numpy(), rng)
    effects = {str(c): float(parts[c].abs().mean() * scale) for c in X.columns}
    series = pd.Series(y, index=X.index, name=_TARGET[task])
    return MixedTable(X, series, MappingProxyType(effects), _DESCRIPTION[task], task, _UNIT[task])


def contributions(X: pd.DataFrame) -> pd.DataFrame:
    """What each column adds to the signal that the targets are drawn from, before centring.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, 11)
        Columns as `make_mixed_table` makes them.

    Returns
    -------
    DataFrame of shape (n_rows, 11), float64
        In log-odds of the binary table.
    """
    parts = pd.DataFrame(0.0, index=X.index, columns=X.columns)
    for name, effect in _EFFECTS.items():
        parts[name] = np.asarray(effect(X[name]), dtype=np.float64)
    return parts


def _draw_columns(n_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    income = np.exp(rng.normal(10.3, 0.55, n_rows))
    # Who earns more pays a little more: columns of real tables are never quite independent.
    charge = 20 + rng.gamma(3.0, 13.0, n_rows) + 4.0 * (np.log(income) - 10.3)
    satisfaction = np.clip(rng.normal(6.5, 2.0, n_rows), 0, 10)
    days = rng.integers(0, _DAYS, n_rows)
    return pd.DataFrame(
        {
            "contract": pd.Categorical(rng.choice(_CONTRACTS, n_rows, p=[0.5, 0.3, 0.2]), _CONTRACTS, ordered=True),
            "tenure_months": rng.integers(0, 73, n_rows),
            "monthly_charge": charge.clip(15, None).round(2),
            "income": _with_gaps(income.round(-2), 0.12, rng),
            "satisfaction": _with_gaps(satisfaction.round(1), 0.06, rng),
            "support_calls": rng.poisson(1.3, n_rows),
            "payment_method": rng.choice(list(_PAYMENTS), n_rows, p=list(_PAYMENTS.values())).astype(object),
            "paperless": rng.random(n_rows) < 0.6,
            "last_contact": pd.Timestamp(_FIRST_DAY) + pd.to_timedelta(days, unit="D"),
            "region": rng.choice(_REGIONS, n_rows).astype(object),
            "account_suffix": rng.integers(0, 100, n_rows),
        }
    )


def _with_gaps(values: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(values)) < share, np.nan, values)


def _contract(column: pd.Series) -> pd.Series:
    return column.astype(object).map({"month to month": 1.3, "one year": -0.7, "two years": -1.9})


def _income(column: pd.Series) -> pd.Series:
    # A missing income is not a random gap: those who leave it out stay longer.
    return (-0.6 * (np.log(column) - 10.3)).fillna(-0.5)


def _satisfaction(column: pd.Series) -> pd.Series:
    return (-0.5 * (column - 6.5)).fillna(0.0)


def _payment_method(column: pd.Series) -> pd.Series:
    return column.astype(object).map(
        {"bank transfer": -0.35, "credit card": -0.2, "electronic check": 0.65, "cash": 1.6}
    )


def _last_contact(column: pd.Series) -> pd.Series:
    month = column.dt.month.to_numpy()
    age = (pd.Timestamp(_FIRST_DAY) + pd.Timedelta(days=_DAYS) - column).dt.days.to_numpy() / _DAYS
    return pd.Series(0.8 * np.cos(2 * np.pi * (month - 1) / 12) + 1.1 * age, index=column.index)


_EFFECTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "contract": _contract,
    "tenure_months": lambda c: 1.1 * np.exp(-c / 15.0),
    "monthly_charge": lambda c: 0.019 * (c - 60.0),
    "income": _income,
    "satisfaction": _satisfaction,
    "support_calls": lambda c: 0.6 * (c >= 3),
    "payment_method": _payment_method,
    "paperless": lambda c: 0.2 * c.astype(float),
    "last_contact": _last_contact,
}


def _draw_binary(signal: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    probability = 1 / (1 + np.exp(-(signal - 0.9)))
    return np.where(rng.random(len(signal)) < probability, "yes", "no").astype(object), 1.0


def _draw_multiclass(signal: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    weights = np.array(list(_CLASS_WEIGHTS.values()))
    logits = signal[:, None] * weights + np.array([-0.3, -0.2, 0.5])
    # Adding Gumbel noise and taking the largest draws from the softmax of the logits.
    drawn = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return np.array(list(_CLASS_WEIGHTS), dtype=object)[drawn], float(np.abs(weights).mean())


def _draw_regression(signal: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    euros = 120.0
    return (900.0 + euros * signal + rng.normal(0, 60.0, len(signal))).round(2), euros


_DRAW = {"binary": _draw_binary, "multiclass": _draw_multiclass, "regression": _draw_regression}
