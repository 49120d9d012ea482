"""Whether a column holds numbers, and how they are written."""

from __future__ import annotations

import dataclasses

import numpy as np

from automl_explain.reading._case import Case, Learned
from automl_explain.reading._cells import Cells
from automl_explain.reading._columns import SAMPLE
from automl_explain.reading._deciding_dates import dates_in_numbers
from automl_explain.reading._evidence import Evidence
from automl_explain.reading._forms import ColumnForm, Parsed, is_whole
from automl_explain.reading._notes import WARNING, Note
from automl_explain.reading._numbers import PLAIN, NumberStyle, has_leading_zeros
from automl_explain.reading._words import GAP_MARKS, PROGRAM_GAPS

_MOST_CLASSES = 20
_HALVES = frozenset({"am", "pm", "a.m.", "p.m."})
_PUNCTUATION = frozenset(m for m in GAP_MARKS if not any(c.isalnum() for c in m))


def as_number(case: Case) -> Learned | None:
    """Numbers, unless they are codes or days of the calendar."""
    column = case.column
    if column.texts is None:
        return _of_typed(case)
    if not (column.numeric or (case.forced and column.evidence.numbers)):
        return None
    if column.evidence.units.keys() & _HALVES and not case.forced:  # "7 pm"
        return None
    found = _best_style(case, column.texts)
    if found is None:
        return None
    form, parsed, sure = found
    if not case.fits(parsed) or (not case.forced and _is_code(case, parsed, form)):
        return None
    is_plain = dataclasses.replace(form.number, decimal=".") == PLAIN
    dates = dates_in_numbers(case, parsed) if is_plain and not (case.forced or case.is_target) else None
    if dates is not None:
        return dates
    form = dataclasses.replace(form, whole=_whole(parsed.values))
    notes = [] if sure else [_unsure_mark(case, form)]
    return case.learned(form, parsed, *notes, told=form.number != PLAIN)


def _of_typed(case: Case) -> Learned | None:
    numbers = case.column.numbers
    if numbers is None:
        return None
    parsed = Parsed(numbers, np.zeros(len(numbers), dtype=bool))
    dates = None if case.is_target or case.forced else dates_in_numbers(case, parsed)
    whole = _whole(numbers)
    # Whole numbers say nothing of the decimal mark, which other files may need.
    mark = case.options.decimal or Evidence().decimal_mark(case.around.decimal, case.around.semicolons)[0]
    style = NumberStyle(decimal=mark) if whole else PLAIN
    return dates or case.learned(case.form("number", number=style, whole=whole), parsed, told=style != PLAIN)


def _whole(numbers: np.ndarray) -> bool:
    return len(numbers) > 0 and (numbers.dtype == np.int64 or is_whole(numbers))


def _best_style(case: Case, texts: Cells) -> tuple[ColumnForm, Parsed, bool] | None:
    """The form that most cells fit, its values, and whether its decimal mark is sure."""
    column = case.column
    evidence, best = column.evidence, None
    for _ in range(2):
        decimal, sure = evidence.decimal_mark(case.around.decimal, case.around.semicolons)
        if case.options.decimal is not None:
            decimal, sure = case.options.decimal, True
        style = evidence.style(decimal)
        if style is None:
            return best
        form = case.form("number", number=style)
        parsed = form.parse_texts(texts)
        if best is None or parsed.misfits.sum() < best[1].misfits.sum():
            best = form, parsed, sure
        if not parsed.misfits.any() or parsed.texts is None:
            break
        # What the sample did not show: look at the cells that did not fit as well.
        odd = np.unique(parsed.texts.codes[parsed.misfits])[:SAMPLE]
        more = [parsed.texts.texts[i] for i in odd], [int(parsed.texts.counts[i]) for i in odd]
        evidence = Evidence.of([*column.sample, *more[0]], [*column.counts, *more[1]])
    return best


def _is_code(case: Case, parsed: Parsed, form: ColumnForm) -> bool:
    """Whether whole numbers are codes: zeros in front, telephone numbers, or the labels of a target."""
    held = parsed.values[~np.isnan(parsed.values)]
    if case.is_target and len(np.unique(held)) <= _MOST_CLASSES:
        if form.number.units or form.number.thousands or form.number.accounting:
            return True
        # A word among few numbers is a class, unless programs write it for a gap.
        never = PROGRAM_GAPS | _PUNCTUATION
        if any(m.casefold() not in never and m not in case.options.na for m in parsed.gaps):
            return True
    if (held != np.trunc(held)).any():
        return False
    texts = case.column.texts
    if texts is not None and has_leading_zeros(texts):
        return True
    sample = case.column.sample
    return sum(t.startswith("+") and len(t) >= 10 for t in sample) > 0.5 * len(sample)


def mixed_numbers(case: Case) -> Note | None:
    """A note where numbers stay text because they are written in several ways."""
    evidence = case.column.evidence
    if not case.column.numeric or evidence.units.keys() & _HALVES:
        return None
    units = [u for u, _ in evidence.units.most_common(4) if u][:3]
    enough = case.column.total - case.need(case.column.total)
    remedy = "write them in one unit to have them read as numbers"
    if evidence.style(".") is None:
        reason = f"its numbers have different units ({', '.join(map(repr, units))})"
    elif units and min(evidence.units[""], evidence.units[units[0]]) > enough:
        reason = f"some of its numbers have the unit {units[0]!r}, and others have none"
    elif len(evidence.decimals) == 2 and min(evidence.decimals.values()) > enough:
        reason = "some of its numbers have a decimal comma, and others a decimal point"
        remedy = "write them in one way to have them read as numbers"
    else:
        return None
    return case.note(f"kept {case.name!r} as text: {reason}", remedy, WARNING)


def _unsure_mark(case: Case, form: ColumnForm) -> Note:
    mark = case.column.evidence.unsure.most_common(1)[0][0]
    taken = "the decimal mark" if form.number.decimal == mark else "the mark between thousands"
    other = "." if form.number.decimal == "," else ","
    example = next((t for t in case.column.sample if mark in t), "")
    return case.note(
        f"cannot tell whether {example!r} in {case.name!r} has decimals or thousands; took {mark!r} for {taken}",
        f"--decimal '{other}' reads it the other way, --decimal '{form.number.decimal}' confirms it",
        WARNING,
    )
