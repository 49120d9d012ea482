"""Whether a column holds dates, times of day or durations, and how they are written."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.reading._case import Case, Learned
from automl_explain.reading._cells import Cells
from automl_explain.reading._clocks import parse_each
from automl_explain.reading._columns import sure_orders
from automl_explain.reading._dates import (
    EXCEL,
    SERIALS,
    UNIX,
    Candidate,
    DateStyle,
    candidates,
    format_of_days,
    formats_of,
    from_numbers,
    orders_apart,
)
from automl_explain.reading._forms import Kind, Parsed, is_whole, wall_clock
from automl_explain.reading._notes import WARNING, Note
from automl_explain.reading._words import GAP_MARKS, is_gap, names_a_birth, names_a_date

_TYPED = DateStyle(("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"), offset=True)


def as_dates(case: Case) -> Learned | None:
    """Dates of one order."""
    column = case.column
    if pd.api.types.is_datetime64_any_dtype(column.cells.dtype):
        return _of_typed(case)
    if column.numbers is not None:
        return dates_in_numbers(case, Parsed(column.numbers, np.zeros(len(column.numbers), dtype=bool)))
    if column.texts is None:
        return None
    dated = sum(c for t, c in zip(column.sample, column.counts, strict=True) if formats_of(t)[0])
    if case.forced and not dated and column.numeric:
        return dates_in_numbers(case, case.form("number").parse_texts(column.texts))
    if not dated or (dated < 0.9 * column.total and not case.forced):
        return None
    if not case.forced and _are_seasons(column.sample):
        return None
    style, notes = _best_order(case, column.texts)
    if style is None:
        return None
    form = case.form("datetime", date=style)
    parsed = form.parse_texts(column.texts)
    if not case.fits(parsed):
        return None
    if style.offset:
        text = f"kept the clock of {case.name!r} as written and dropped its time zones"
        notes.append(case.note(text, f"{case.as_type('text')} keeps them"))
    return case.learned(form, parsed, *notes, told=True)


def _are_seasons(sample: Sequence[str]) -> bool:
    """Whether texts are pairs of years, such as "2010-11" beside "2011-12", and no months."""
    found = [re.fullmatch(r"(\d{4})[-/](\d{2})", t) for t in sample]
    return len(found) > 1 and all(m is not None and (int(m[1]) + 1) % 100 == int(m[2]) for m in found)


def mixed_dates(case: Case) -> Note | None:
    """A note where dates stay text because they are written in several ways."""
    column = case.column
    dated = [(t, c) for t, c in zip(column.sample, column.counts, strict=True) if formats_of(t)[0]]
    if not dated or sum(c for _, c in dated) < 0.9 * column.total:
        return None
    first = dated[0][0]
    other = next((t for t, _ in dated if not set(formats_of(t)[0]) & set(formats_of(first)[0])), None)
    if other is None:  # 13/06/2023 beside 06/13/2023
        sure = {first_day: t for t, _ in dated for first_day in sure_orders([t])}
        if len(sure) < 2:
            return None
        first, other = sure[True], sure[False]
    text = f"kept {case.name!r} as text: its dates are written in different ways ({first!r}, {other!r})"
    return case.note(text, "write them in one way to have them read as dates", WARNING)


def _of_typed(case: Case) -> Learned:
    cells, notes = case.column.cells, []
    if getattr(cells.dtype, "tz", None) is not None:
        notes.append(case.note(f"kept the clock of {case.name!r} as written and dropped its time zone"))
    parsed = Parsed(wall_clock(cells), np.zeros(len(cells), dtype=bool))
    return case.learned(case.form("datetime", date=_TYPED), parsed, *notes, told=True)


def _best_order(case: Case, cells: Cells) -> tuple[DateStyle | None, list[Note]]:
    """The order of day, month and year that fits most cells; a note where the column does not tell."""
    seen = cells.distinct
    held = np.array([i for i, t in enumerate(seen.texts) if not is_gap(t, GAP_MARKS, case.options.na)], dtype=np.intp)
    texts, counts = [seen.texts[i] for i in held], seen.counts[held]
    position = np.full(len(seen.texts) + 1, -1)
    position[held] = np.arange(len(held))
    found = candidates(texts, counts)
    if not found or found[0].fits == 0:
        return None, []
    asked = case.options.day_first
    if asked is not None:
        need = case.need(int(counts.sum()))
        found = [c for c in found if c.style.day_first in (None, asked) and c.fits >= need] or found
    equal = [c for c in found if c.fits == found[0].fits]
    chosen, notes = (equal[0], []) if len(equal) == 1 else _one_of(case, equal, position[seen.codes])
    style = chosen.style
    if style.two_digits and names_a_birth(case.name):
        style = dataclasses.replace(style, last_year=pd.Timestamp.now().year)
    return style, notes


def _one_of(case: Case, equal: Sequence[Candidate], codes: np.ndarray) -> tuple[Candidate, list[Note]]:
    """One of the orders that fit the same cells."""
    if case.options.day_first is None:
        equal = _by_years(equal)
    if len(equal) == 1:
        return equal[0], []
    known = case.options.day_first if case.options.day_first is not None else case.around.day_first
    told = orders_apart(equal, codes)
    mark = equal[0].style.formats[0][2]
    for day_first in (known, None if told is None else told.style.day_first, True if mark == "." else None):
        chosen = next((c for c in equal if c.style.day_first is day_first and day_first is not None), None)
        if chosen is not None:
            return chosen, []
    if told is not None:
        return told, []
    # Slashes are used for both orders, first of all where months come first; dashes nearly always with days first.
    day_first = case.around.decimal == "," or mark == "-"
    chosen = next((c for c in equal if c.style.day_first is day_first), equal[0])
    example = case.column.sample[0]
    if all(c.style.day_first is not False for c in equal):  # 23-01-05
        order = "day" if chosen.style.day_first else "year"
        text = f"cannot tell whether day or year comes first in {case.name!r} ({example!r}); took the {order}"
        return chosen, [case.note(text, "write years with four digits", WARNING)]
    order, confirm, other = "day", "--day-first", "--month-first"
    if chosen.style.day_first is not True:
        order, confirm, other = "month", other, confirm
    text = f"cannot tell whether day or month comes first in {case.name!r} ({example!r}); took the {order}"
    return chosen, [case.note(text, f"{other} reads it the other way, {confirm} confirms it", WARNING)]


def _by_years(equal: Sequence[Candidate]) -> Sequence[Candidate]:
    """Of orders with two-digit years first and last, those in which the years are far fewer: days take all numbers."""
    first = [c for c in equal if c.style.formats[0].startswith("%y")]
    last = [c for c in equal if c not in first]
    if not first or not last:
        return equal
    in_first, in_last = (len(np.unique(side[0].dates.astype("datetime64[Y]"))) for side in (first, last))
    return first if 2 * in_first <= in_last else last if 2 * in_last <= in_first else equal


def dates_in_numbers(case: Case, parsed: Parsed) -> Learned | None:
    """Dates written as numbers: 20240131, and where the user asks or the name says so, those of Excel and Unix."""
    numbers = parsed.values.astype(np.float64, copy=False)
    low, high = (f.reduce(numbers, initial=np.nan) for f in (np.fmin, np.fmax))  # without those that are missing
    if np.isnan(low):
        return None
    days = format_of_days(numbers, low, high)
    if days is not None:
        style = DateStyle((days,))
    elif SERIALS[0] <= low and high <= SERIALS[1] and (case.forced or names_a_date(case.name)):
        style = DateStyle((EXCEL,))
    elif case.forced:
        style = DateStyle((UNIX,) if low >= 1e8 else ("%Y%m%d",) if low >= 1e7 else (EXCEL,))
    else:
        return None
    dates = from_numbers(numbers, style)
    misfits = parsed.misfits | (np.isnat(dates) & ~np.isnan(numbers))
    made = dataclasses.replace(parsed, values=dates, misfits=misfits, n_read=None)
    return case.learned(case.form("datetime", date=style), made, told=True)


def as_time(case: Case) -> Learned | None:
    """Times of day, as seconds since midnight."""
    return _as_seconds(case, "time")


def as_duration(case: Case) -> Learned | None:
    """Durations, as seconds; "1:02:03" is one where some go beyond a day, or the user says so."""
    column = case.column
    if pd.api.types.is_timedelta64_dtype(column.cells.dtype):
        form = case.form("duration")
        parsed = form.parse(column.cells)
        return case.learned(dataclasses.replace(form, whole=is_whole(parsed.values)), parsed, told=True)
    clocks = column.sample and not np.isnan(parse_each(column.sample, "time")).any()
    return None if clocks and not case.forced and column.fits_all("time") else _as_seconds(case, "duration")


def _as_seconds(case: Case, kind: Kind) -> Learned | None:
    column = case.column
    if column.texts is None or not column.sample:
        return None
    fits = int(np.array(column.counts)[~np.isnan(parse_each(column.sample, kind))].sum())
    if fits < (1 if case.forced else 0.9 * column.total):
        return None
    form = case.form(kind)
    parsed = form.parse_texts(column.texts)
    if not case.fits(parsed):
        return None
    return case.learned(dataclasses.replace(form, whole=is_whole(parsed.values)), parsed, told=True)
