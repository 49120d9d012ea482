"""Where a walk through a pipeline is, what it was asked for, and what it could not know."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from automl_explain._validation import check_weights
from automl_explain.exceptions import UnknownTransformerError


def kind_of(transformer: Any) -> str:
    """Class of a transformer; a chain of several says all of theirs."""
    return str(getattr(transformer, "classes_in_order", type(transformer).__name__))


@dataclasses.dataclass(frozen=True)
class ProbedStep:
    """What probing one step took, and how far it can be trusted.

    Parameters
    ----------
    step : str
        Path of the step, such as ``"prep -> encode"``.
    transformer : str
        Its class.
    reason : str
        Why no rule could be used.
    n_columns, n_outputs : int
        Width of its input and output.
    n_rows, n_calls : int
        Rows that were changed, and calls of ``transform``.
    seconds : float
        Time spent in it.
    rarest : float
        A link that shows in this share of the rows, or more, was seen with a chance of 99 %.
    unknown : tuple of (str, int)
        Reasons why outputs have no parents, and how many outputs each.
    standing : tuple
        Names of columns that were the same in all rows and could not be changed; they may matter.
    """

    step: str
    transformer: str
    reason: str
    n_columns: int
    n_outputs: int
    n_rows: int
    n_calls: int
    seconds: float
    rarest: float
    unknown: tuple[tuple[str, int], ...]
    standing: tuple[str | int, ...]

    def __str__(self) -> str:
        lines = f"{self.transformer} (step {self.step!r}): {self.reason}, so it was probed: {self.n_columns} columns, "
        lines += f"{self.n_outputs} outputs, {self.n_rows} rows, {self.n_calls} calls, {self.seconds:.2g} s; a link in "
        lines += f"{self.rarest:.2g} of the rows or more was seen with a chance of 99 %"
        if self.standing:
            lines += f"; the same in all rows and not changed: {', '.join(map(repr, self.standing))}"
        return lines + "".join(f"; {n} unknown: {why}" for why, n in self.unknown)


_collector: ContextVar[list[ProbedStep] | None] = ContextVar("probed_steps", default=None)


@contextmanager
def collected() -> Iterator[list[ProbedStep]]:
    """List that fills with the steps probed inside the ``with`` block."""
    steps: list[ProbedStep] = []
    token = _collector.set(steps)
    try:
        yield steps
    finally:
        _collector.reset(token)


_weights: ContextVar[str] = ContextVar("weights", default="equal")


@contextmanager
def weighted(weights: str) -> Iterator[None]:
    """Have products shared in this way by every `trace` inside the ``with`` block that is not told otherwise."""
    token = _weights.set(check_weights(weights))
    try:
        yield
    finally:
        _weights.reset(token)


def chosen_weights() -> str:
    """How products are shared here."""
    return _weights.get()


class NoRuleError(UnknownTransformerError):
    """A step has no rule, and the walk may not probe (or has too few rows to)."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A step, named by the way to it, and the choices that hold for the whole walk.

    Parameters
    ----------
    steps : tuple of str
        Names of the steps that lead here.
    weights : {"equal", "exponent"}
        How products are shared.
    random_state : int or None
        Seed of the probing; None where the walk may not probe.
    probed : list of ProbedStep
        Steps probed so far.
    """

    steps: tuple[str, ...] = ()
    weights: str = "equal"
    random_state: int | None = None
    probed: list[ProbedStep] = dataclasses.field(default_factory=list)

    def into(self, *names: str) -> Place:
        """The place inside a step."""
        return dataclasses.replace(self, steps=(*self.steps, *names))

    def note(self, step: ProbedStep) -> None:
        """Remember that a step was probed."""
        self.probed.append(step)
        if (outer := _collector.get()) is not None:
            outer.append(step)

    def path(self, transformer: Any) -> str:
        """The steps as text."""
        return " -> ".join(self.steps) or kind_of(transformer).lower()

    def of(self, transformer: Any) -> str:
        """The transformer and its step, for messages."""
        name = kind_of(transformer)
        return f"{name} (step {' -> '.join(self.steps)!r})" if self.steps else name

    def refuse(self, transformer: Any, columns: Any, reason: str, *, kind: type[UnknownTransformerError]) -> NoReturn:
        """Raise for a step whose lineage cannot be told."""
        shown = ", ".join(repr(name) for name in columns.names[:5])
        more = f", ... ({columns.n} in all)" if columns.n > 5 else ""
        raise kind(
            f"{self.of(transformer)}: which of its columns {shown}{more} feed which of its outputs is unknown: "
            f"{reason}. Expected a scikit-learn transformer with known lineage, or one that takes a single column. "
            "Apply it to each column by itself (one entry per column in a ColumnTransformer), or pass a feature map "
            "by hand: `FeatureMap.from_matrix(weights, raw_names=..., engineered_names=...)`."
        )
