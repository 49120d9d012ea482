"""One column that is being decided about: what is known, what is said, and when cells agree."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.reading._columns import Column, Surroundings
from automl_explain.reading._forms import ColumnForm, Kind, Parsed
from automl_explain.reading._notes import DECISION, DETAIL, WARNING, Note, as_typed
from automl_explain.reading._options import TypeOptions

ENOUGH = 0.95  # share of the cells with a value that have to agree
FEW = 20  # fewer cells with a value than this have to agree all
SHOWN = 8
_MOST_MISFITS = 1_000  # different ones; a form with more would be a list of them
_ONE = {"number": "number", "datetime": "date", "time": "time of day", "duration": "duration", "boolean": "yes or no"}
_MANY = {**{k: f"{v}s" for k, v in _ONE.items()}, "time": "times of day", "boolean": "yes or no"}


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """A form, the values of the column in it, and what to tell the user."""

    form: ColumnForm
    parsed: Parsed
    notes: tuple[Note, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A column, and what is known besides its cells.

    Parameters
    ----------
    column : Column
    options : TypeOptions
    around : Surroundings
    is_target : bool
        Whether classes may be in it, which keep their spelling.
    forced : bool, default False
        Whether the user asked for the kind that is tried.
    """

    column: Column
    options: TypeOptions
    around: Surroundings
    is_target: bool
    forced: bool = False

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.column.name

    def form(self, kind: Kind, **more: Any) -> ColumnForm:
        """A form of this column."""
        return ColumnForm(self.name, kind, gaps=self.options.na, **more)

    def note(self, text: str, remedy: str = "", weight: int = DECISION, details: tuple[str, ...] = ()) -> Note:
        """A note on this column."""
        return Note(text, remedy, self.name, weight, details)

    def as_type(self, kind: str) -> str:
        """The option that settles the kind of this column."""
        return as_typed("--types", f"{self.name}={kind}")

    def need(self, total: int) -> float:
        """How many of so many cells with a value have to agree."""
        return 1 if self.forced else total if total < FEW else ENOUGH * total

    def fits(self, parsed: Parsed) -> bool:
        """Whether enough cells are of the form, and the others few enough to be named."""
        fitting = int((~pd.isna(parsed.values)).sum()) if parsed.n_read is None else parsed.n_read
        misfits = int(parsed.misfits.sum())
        if fitting == 0:
            return False
        too_many = parsed.texts is not None and len(np.unique(parsed.texts.codes[parsed.misfits])) > _MOST_MISFITS
        if too_many and not self.forced:
            return False
        return fitting >= self.need(fitting + misfits)

    def learned(self, form: ColumnForm, parsed: Parsed, *notes: Note, told: bool) -> Learned:
        """The decision; texts that do not fit become gaps of the form, and are named."""
        said = list(notes)
        marks = {m: n for m, n in parsed.gaps.items() if m}
        if told or marks:
            text = f"read {self.name!r} as {form.describe()}"
            if marks:
                shown = ", ".join(map(repr, list(marks)[:SHOWN]))
                text += f"; {shown} {'is' if len(marks) == 1 else 'are'} missing ({_cells(sum(marks.values()))})"
            is_text = form.kind == "text"
            remedy = "" if is_text else f"{self.as_type('text')} keeps it as text"
            digits = self.column.numbers is not None or all(
                t.replace(".", "", 1).isdecimal() for t in self.column.sample
            )
            if form.date is not None and digits:
                remedy = f"{self.as_type('number')} keeps its numbers"
            said.append(self.note(text, remedy, DETAIL if is_text else DECISION))
        if parsed.misfits.any():
            said.append(self._name_misfits(form, parsed))
            if parsed.texts is not None:
                odd = [parsed.texts.texts[i] for i in pd.unique(parsed.texts.codes[parsed.misfits])]
                form = dataclasses.replace(form, gaps=(*form.gaps, *(t for t in odd if t not in form.gaps)))
        return Learned(form, parsed, tuple(said))

    def _name_misfits(self, form: ColumnForm, parsed: Parsed) -> Note:
        column, count = self.column, int(parsed.misfits.sum())
        rows = np.flatnonzero(parsed.misfits)[:SHOWN]
        details = tuple(f"line {column.lines[i]}: {str(column.cells.iloc[i])!r}" for i in rows)
        what = f"is no {_ONE[form.kind]}" if count == 1 else f"are no {_MANY[form.kind]}"
        text = f"{_cells(count)} of {self.name!r} {what} and taken as missing"
        return self.note(text, f"correct them, or {self.as_type('text')} keeps all as text", WARNING, details)


def _cells(n: int) -> str:
    return f"{n:,} cell{'' if n == 1 else 's'}"
