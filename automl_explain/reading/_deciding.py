"""What the cells of a column are taken for."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from automl_explain._lazy import pandas as pd
from automl_explain.exceptions import InputError
from automl_explain.reading._case import SHOWN, Case, Learned
from automl_explain.reading._cells import Distinct
from automl_explain.reading._columns import SAMPLE
from automl_explain.reading._deciding_dates import as_dates, as_duration, as_time, mixed_dates
from automl_explain.reading._deciding_numbers import as_number, mixed_numbers
from automl_explain.reading._forms import ColumnForm, Kind
from automl_explain.reading._notes import DECISION, DETAIL, WARNING, Note, as_typed
from automl_explain.reading._words import ANSWER_GAPS, ANSWERS


def decide(case: Case) -> Learned:
    """The form that nearly all cells of a column agree on; text where there is none.

    Raises
    ------
    InputError
        If the user asked for a kind that no cell is of.
    """
    asked = case.options.asked(case.name)
    if asked is not None:
        learned = _TRIED[asked](dataclasses.replace(case, forced=True))
        if learned is None:
            raise InputError(_cannot(case, asked))
        return learned
    # A target's classes keep their spelling; numbers alone are an amount to predict.
    kinds = ("duration", "number", "time") if case.is_target else tuple(k for k in _TRIED if k != "text")
    for kind in kinds:
        learned = _TRIED[kind](case)
        if learned is not None:
            return learned
    return as_text(case)


def _cannot(case: Case, kind: Kind) -> str:
    value = next(iter(case.column.sample), next((str(v) for v in case.column.cells if not pd.isna(v)), ""))
    return (
        f"Column {case.name!r} was asked for as {kind} and holds {value!r}, which cannot be read so. "
        f"Leave out the option for {case.name!r}, or correct its cells."
    )


def as_boolean(case: Case) -> Learned | None:
    """Yes and no in any case, one pair of words; as texts, so that reports show the words of the file."""
    column = case.column
    words = {t.casefold() for t in column.sample}
    if column.texts is None or len(words) != 2 or frozenset(words) not in ANSWERS:
        return None
    if any(g and g.casefold() not in ANSWER_GAPS and g not in column.na for g in column.gaps):
        return None
    yes = ANSWERS[frozenset(words)]
    no = next(iter(words - {yes}))
    seen = column.texts.distinct
    counts = sorted(zip(seen.texts, seen.counts, strict=True), key=lambda p: -p[1])
    spelled = tuple(next(t for t, _ in counts if t.casefold() == w) for w in (yes, no))
    form = case.form("boolean", words=spelled)
    parsed = form.parse_texts(column.texts)
    if not case.fits(parsed) or (parsed.misfits.any() and not case.forced):
        return None
    return case.learned(form, parsed, told=len(set(map(str, column.sample))) > 2)


def as_text(case: Case) -> Learned:
    """Texts as they are, without blanks around them."""
    column, na = case.column, case.options.na
    if case.around.na_is_gap and not case.is_target and "NA" in column.gaps and not _are_codes(column.sample):
        na = (*na, "NA")
    form = ColumnForm(case.name, "text", gaps=na, strict=case.is_target)
    parsed = form.parse(column.cells)
    notes = [] if case.forced or parsed.texts is None else _notes_on_text(case, parsed.texts, parsed.gaps)
    return case.learned(form, parsed, *notes, told=False)


def _notes_on_text(case: Case, texts: Distinct, gaps: Mapping[str, int]) -> list[Note]:
    notes = [n for n in (mixed_numbers(case), mixed_dates(case)) if n is not None]
    kept = sorted(t for t in case.column.gaps if t and t not in gaps)
    if kept:
        listed = ", ".join(map(repr, kept[:SHOWN]))
        values = "a value of its own" if len(kept) == 1 else "values of their own"
        weight = DECISION if case.is_target else DETAIL
        mark = next((t for t in kept if t != "--"), "")  # argparse drops it
        remedy = f"{as_typed('--na', mark)} makes it missing" if mark else ""
        notes.append(case.note(f"kept {listed} in {case.name!r} as {values}", remedy, weight))
    if len(texts.texts) <= SAMPLE:
        folded = collections.Counter(t.casefold() for t in texts.texts)
        twice = [t for t in texts.texts if folded[t.casefold()] > 1]
        if twice:
            shown = ", ".join(map(repr, twice[:2]))
            text = f"{case.name!r} has values that differ in capital letters alone ({shown}); they stay apart"
            weight = WARNING if case.is_target else DECISION  # classes of one meaning are told apart by nothing
            notes.append(case.note(text, "write them the same way if they mean the same", weight))
    return notes


def _are_codes(sample: Sequence[str]) -> bool:
    """Whether texts are codes of two or three capital letters, "NA" one of them."""
    return bool(sample) and all(re.fullmatch("[A-Z]{2,3}", t) is not None for t in sample)


# In the order in which they are tried: "90 min" is a duration before it is a number with a unit.
_TRIED: dict[Kind, Callable[[Case], Learned | None]] = {
    "boolean": as_boolean,
    "duration": as_duration,
    "number": as_number,
    "datetime": as_dates,
    "time": as_time,
    "text": as_text,
}
