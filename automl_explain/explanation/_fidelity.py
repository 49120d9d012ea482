"""Fidelity: how well a surrogate reproduces its teacher, on named rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np

from automl_explain.exceptions import InputError
from automl_explain.explanation._closeness import (
    CLOSE_PROBABILITY,
    Interval,
    r2_interval,
    r2_of_columns,
    share_interval,
)

Rows = Literal["held-out", "eval", "past"]
_ROW_WORDS = {"held-out": "held-out", "eval": "evaluation", "past": "held-out past"}
_LEAST_SHOWN = -10
#: Below this R2 the contributions of a surrogate are to be read with care.
LOW_R2 = 0.95
_INTERVALS = ("r2_interval", "r2_probability_interval", "agreement_interval")


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """How well the surrogate reproduces the teacher on named rows.

    Made by `Fidelity.measure`. What does not apply is None.

    Parameters
    ----------
    r2 : float or None
        R2 in the output unit (log-odds, target or decision value), the mean over the outputs. 1 is perfect, 0 is as
        good as a constant. None for a single row, which has no spread to compare with.
    r2_probability : float or None
        R2 of the probabilities, the mean over the classes.
    r2_probability_per_class : tuple of float or None
        The same for each class, in the order of the classes.
    agreement : float or None
        Share of the rows, from 0 to 1, for which both predict the same class.
    mean_absolute_error, max_absolute_error : float
        Difference in the output unit, over rows and outputs.
    n_rows : int
        Number of rows measured on.
    rows : {"held-out", "eval", "past"}
        Which rows: kept out of the surrogate's training, or those explained. Of a forecast the former lie in the
        past, before the steps explained.
    r2_interval, r2_probability_interval : (float, float) or None, default None
        Where ``r2`` and ``r2_probability`` lie with 95 % confidence for rows like these: the low and the
        high end, by bootstrap over the rows (1,000 seeded resamples, percentiles).
    agreement_interval : (float, float) or None, default None
        The same for ``agreement``, by Wilson's formula, which leaves room for doubt even where all of a
        few rows agree.

    Notes
    -----
    Intervals are None for a single row, and in explanations saved by versions that knew none. They cover
    the choice of the rows alone, not that of the rows the surrogate learnt from.

    Examples
    --------
    >>> from automl_explain import Fidelity
    >>> Fidelity.measure([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], rows="held-out")
    Fidelity(R2 1.000 (1.000 to 1.000) of target on 4 held-out rows)
    """

    r2: float | None
    r2_probability: float | None
    r2_probability_per_class: tuple[float, ...] | None
    agreement: float | None
    mean_absolute_error: float
    max_absolute_error: float
    n_rows: int
    rows: Rows
    r2_interval: Interval | None = None
    r2_probability_interval: Interval | None = None
    agreement_interval: Interval | None = None

    @classmethod
    def measure(
        cls,
        teacher_output: Any,
        surrogate_output: Any,
        *,
        teacher_proba: Any = None,
        surrogate_proba: Any = None,
        agreement: float | None = None,
        rows: str,
    ) -> Fidelity:
        """Compare two outputs.

        Parameters
        ----------
        teacher_output, surrogate_output : array-like of shape (n_rows, n_outputs) or (n_rows,)
            In the output unit: log-odds or target.
        teacher_proba, surrogate_proba : array-like of shape (n_rows, n_classes), optional
            Probabilities; both for classification, neither for regression.
        agreement : float, optional
            Share of equal classes of a classifier without probabilities.
        rows : {"held-out", "eval", "past"}
            Which rows these are.

        Returns
        -------
        Fidelity

        Raises
        ------
        InputError
            If the shapes differ, there are no rows, or only one of the probabilities is given.

        Notes
        -----
        R2 is that of `sklearn.metrics.r2_score`: a constant column gives 1 if it is reproduced, to
        within rounding, and 0 if it is not. A class whose probability is constant is reproduced to within 0.01,
        for log-odds never reach a probability of 0.
        """
        if rows not in _ROW_WORDS:
            raise InputError(f"`rows` must be 'held-out', 'eval' or 'past'; got {rows!r}.")
        wanted, got = _pair(teacher_output, surrogate_output, "output")
        error = np.abs(wanted - got)
        if (teacher_proba is None) != (surrogate_proba is None):
            raise InputError("Only one of `teacher_proba` and `surrogate_proba` was given; pass both or neither.")
        per_class, proba_interval = None, None
        if teacher_proba is not None:
            per_class, proba_interval, agreement = _of_probabilities(teacher_proba, surrogate_proba, len(wanted))
        return cls(
            r2=None if len(wanted) == 1 else float(r2_of_columns(wanted, got).mean()),
            r2_probability=None if per_class is None else float(np.mean(per_class)),
            r2_probability_per_class=per_class,
            agreement=agreement,
            mean_absolute_error=float(error.mean()),
            max_absolute_error=float(error.max()),
            n_rows=len(wanted),
            rows=cast(Rows, rows),
            r2_interval=r2_interval(wanted, got),
            r2_probability_interval=proba_interval,
            agreement_interval=None if agreement is None else share_interval(agreement, len(wanted)),
        )

    @property
    def score(self) -> float | None:
        """R2 of the probabilities where there are any, else of the output; None for a single row."""
        return self.r2 if self.r2_probability is None else self.r2_probability

    @property
    def is_low(self) -> bool:
        """Whether the score is below 0.95."""
        return self.score is not None and self.score < LOW_R2

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form, numbers that are not finite as text; `Fidelity.from_json` reads it back."""
        per_class = self.r2_probability_per_class
        return {
            "r2": _to_json(self.r2),
            "r2_probability": _to_json(self.r2_probability),
            "r2_probability_per_class": None if per_class is None else [_to_json(r) for r in per_class],
            "agreement": _to_json(self.agreement),
            "mean_absolute_error": _to_json(self.mean_absolute_error),
            "max_absolute_error": _to_json(self.max_absolute_error),
            "n_rows": self.n_rows,
            "rows": self.rows,
            **{name: (ends := getattr(self, name)) and [_to_json(end) for end in ends] for name in _INTERVALS},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fidelity:
        """Read back what `to_json` wrote."""
        per_class = data["r2_probability_per_class"]
        if data["rows"] not in _ROW_WORDS:
            raise InputError(f"`rows` must be 'held-out', 'eval' or 'past'; got {data['rows']!r}.")
        return cls(
            r2=_from_json(data["r2"]),
            r2_probability=_from_json(data["r2_probability"]),
            r2_probability_per_class=None if per_class is None else tuple(float(r) for r in per_class),
            agreement=_from_json(data["agreement"]),
            mean_absolute_error=float(data["mean_absolute_error"]),
            max_absolute_error=float(data["max_absolute_error"]),
            n_rows=int(data["n_rows"]),
            rows=data["rows"],
            # What older versions wrote has none.
            **{name: _pair_from_json(data.get(name)) for name in _INTERVALS},
        )

    def __str__(self) -> str:
        # Classifiers are read in probabilities; the log-odds of a sure teacher may differ wildly and change nothing.
        regression = self.agreement is None
        decides = not regression and self.r2_probability is None and self.r2 is not None
        score = self.r2 if regression or decides else self.r2_probability
        where = f"on {self.n_rows:,} {_ROW_WORDS[self.rows]} row{'' if self.n_rows == 1 else 's'}"
        of = "target" if regression else "decision value" if decides else "probability"
        interval = self.r2_interval if regression or decides else self.r2_probability_interval
        sure = "" if interval is None else f" ({_shown(interval[0])} to {_shown(interval[1])})"
        text = f"R2 of {of} unknown {where}" if score is None else f"R2 {score:.3f}{sure} of {of} {where}"
        return text if self.agreement is None else f"{text}, agreement {100 * self.agreement:.1f} %"

    def __repr__(self) -> str:
        return f"Fidelity({self})"


def told_fidelities(fidelity: Fidelity | None, eval_fidelity: Fidelity | None) -> list[Fidelity]:
    """Those to tell a reader, the one that says most first: of a forecast the one at the steps explained."""
    if fidelity is None:
        return []
    return [eval_fidelity, fidelity] if fidelity.rows == "past" and eval_fidelity is not None else [fidelity]


def _of_probabilities(
    teacher: Any, surrogate: Any, n_rows: int
) -> tuple[tuple[float, ...] | None, Interval | None, float]:
    """R2 of each class, the interval of their mean, and the share of equal classes."""
    p, q = _pair(teacher, surrogate, "proba")
    if len(p) != n_rows:
        raise InputError(f"The outputs have {n_rows} rows, the probabilities {len(p)}; they must agree.")
    per_class = None if n_rows == 1 else tuple(r2_of_columns(p, q, CLOSE_PROBABILITY).tolist())
    agreement = float(np.mean(p.argmax(axis=1) == q.argmax(axis=1)))
    return per_class, r2_interval(p, q, close=CLOSE_PROBABILITY), agreement


def _pair(teacher: Any, surrogate: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.asarray(a, dtype=np.float64) for a in (teacher, surrogate))
    first, second = (a[:, None] if a.ndim == 1 else a for a in (first, second))
    if first.ndim != 2 or first.shape != second.shape or first.size == 0:
        raise InputError(
            f"`teacher_{what}` has shape {np.shape(teacher)} and `surrogate_{what}` {np.shape(surrogate)}; "
            "both must have the same shape, with at least one row. Pass the outputs for the same rows."
        )
    if np.isnan(first).any() or np.isnan(second).any():
        raise InputError(f"`teacher_{what}` or `surrogate_{what}` holds NaN; expected numbers. Leave such rows out.")
    return first, second


def _to_json(number: float | None) -> float | str | None:
    return number if number is None or np.isfinite(number) else repr(float(number))


def _from_json(number: Any) -> float | None:
    return None if number is None else float(number)


def _shown(r2: float) -> str:
    """An end of an interval; of a handful of rows it may be any number below 0."""
    return f"{r2:.3f}" if r2 > _LEAST_SHOWN else f"below {_LEAST_SHOWN}"


def _pair_from_json(pair: Any) -> Interval | None:
    if pair is None:
        return None
    low, high = pair
    return float(low), float(high)
