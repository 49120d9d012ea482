"""Texts -> dates; one order of day and month for a whole column."""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from automl_explain.reading._words import MONTHS, WEEKDAYS

EXCEL = "excel"  # instead of a format: days since 30 December 1899
UNIX = "unix"  # seconds, or milliseconds, since 1970
SERIALS = (20_000, 60_000)  # 1954 to 2064
_DTYPE = "datetime64[us]"
_FORMAT = re.compile(r"(?:%[YymdHIMSfp]|[-/., T:])+")

_ZONE = r"\s?(?:Z|UTC|GMT|CES?T|[ECMP][SD]T|BST|[+-]\d{2}(?::?\d{2})?)"
_TIME = re.compile(
    r"(?P<join>T|,?\s+)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2}(?P<part>[.,]\d{1,9})?)?"
    rf"(?P<half>\s?[ap]\.?m\.?)?(?P<offset>{_ZONE})?",
    re.IGNORECASE,
)
_OFFSET = re.compile(rf"(?<=[\dMm.]){_ZONE}$", re.IGNORECASE)
_HALF = re.compile(r"\s?([ap])\.?m\.?(?=$|\s|Z|[+-])", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_MARK = r"(?P<mark>[-/.]|\. )"
_ORDERS = (
    (re.compile(rf"\d{{4}}{_MARK}\d{{1,2}}(?P=mark)\d{{1,2}}"), ("Ymd",)),
    (re.compile(rf"\d{{1,2}}{_MARK}\d{{1,2}}(?P=mark)\d{{4}}"), ("dmY", "mdY")),
    (re.compile(rf"\d{{1,2}}{_MARK}\d{{1,2}}(?P=mark)\d{{2}}"), ("dmy", "mdy", "ymd")),
    (re.compile(r"(?P<mark>)(?:19|20)\d{6}"), ("Ymd",)),
    (re.compile(rf"\d{{4}}{_MARK}\d{{1,2}}"), ("Ym",)),
    (re.compile(rf"\d{{1,2}}{_MARK}\d{{4}}"), ("mY",)),
)
_STAMP = re.compile(r"(?:19|20)\d{6}T?(?P<clock>\d{4}(?:\d{2})?)Z?")


@dataclasses.dataclass(frozen=True)
class DateStyle:
    """How the dates of a column are written.

    Parameters
    ----------
    formats : tuple of str
        Formats as `datetime.strptime` has them, all of one order, tried one after the other; or one of "excel" and
        "unix", for numbers.
    offset : bool, default False
        Whether a time zone may follow; it is dropped, and the clock of the place is kept.
    last_year : int, default 2068
        Where years have two digits: the last year of the hundred that they are taken from.
    """

    formats: tuple[str, ...]
    offset: bool = False
    last_year: int = 2068

    @property
    def day_first(self) -> bool | None:
        """Whether days stand before months; None where years come first or there are no days."""
        order = "".join(c for c in re.findall("%([Yymd])", self.formats[0]))
        return {"dm": True, "md": False}.get(order[:2])

    @property
    def two_digits(self) -> bool:
        """Whether years have two digits."""
        return "%y" in self.formats[0]


def is_format(text: object) -> bool:
    """Whether a text is a format that `DateStyle` may have: directives for numbers, and marks between."""
    if text in (EXCEL, UNIX):
        return True
    return isinstance(text, str) and len(text) <= 40 and _FORMAT.fullmatch(text) is not None and "%" in text


def canonical(text: str) -> str:
    """A date in digits: no weekday, day, month and year in this order where the month has a name, "2:30 PM"."""
    return _in_digits(text)[0]


@functools.lru_cache(maxsize=65_536)
def _in_digits(text: str) -> tuple[str, bool]:
    """A date in digits, and whether its month had a name."""
    words = _WORD.findall(text)
    if not words:
        return text, False
    first, months = words[0].casefold(), [w for w in words if w.casefold() in MONTHS]
    if first in WEEKDAYS and (first not in MONTHS or len(months) > 1):
        text = re.sub(rf"^{words[0]}\.?,?\s*", "", text)
        months = [w for w in _WORD.findall(text) if w.casefold() in MONTHS]
    day = None
    if months:
        head, _, tail = text.partition(months[0])
        clock = re.search(r",?\s+(?:at )?\d{1,2}:\d{2}", tail)
        end = len(tail) if clock is None else clock.start()
        day = _day_in_digits(head, str(MONTHS[months[0].casefold()]), tail[:end])
        text = text if day is None else f"{day} {tail[end:].lstrip(', ').removeprefix('at ')}".strip()
    return _HALF.sub(lambda m: f" {m[1].upper()}M", text), day is not None


def _day_in_digits(head: str, month: str, tail: str) -> str | None:
    before, after = re.findall(r"\d+", head), re.findall(r"\d+", tail)
    rest = re.sub(r"\d+(?:st|nd|rd|th|er)?|\b(?:de|of|del)\b|[\s,./'-]", "", f"{head} {tail}", flags=re.I)
    if rest or len(before) > 1 or not 1 <= len(before) + len(after) <= 2:
        return None
    if len(before) + len(after) == 1:  # "March 2023", "2023 March", "Jan-24"
        if before:
            return f"{before[0]}-{month}" if len(before[0]) == 4 else None
        return f"{month}-{after[0]}" if len(after[0]) in (2, 4) else None
    day, year = (before[0], after[0]) if before else (after[0], after[1])
    return f"{day}-{month}-{year}"


def _date_part(text: str, *, named: bool) -> list[str]:
    """Formats of the day, month and year of a date without a time."""
    if named and re.fullmatch(r"\d{1,2}-\d{2}", text):
        return ["%m-%y"]
    for pattern, orders in _ORDERS:
        found = pattern.fullmatch(text)
        if found is not None:
            known = [o for o in orders if not (named and o in ("mdY", "mdy", "ymd"))]
            return [found["mark"].join(f"%{c}" for c in order) for order in known]
    return []


@functools.lru_cache(maxsize=65_536)
def formats_of(text: str) -> tuple[tuple[str, ...], bool]:
    """Formats that a text may be written in, and whether a time zone follows; none for what is no date."""
    plain, named = _in_digits(text)
    stamp = _STAMP.fullmatch(plain)
    if stamp is not None:
        clock = "%H%M%S" if len(stamp["clock"]) == 6 else "%H%M"
        return ("%Y%m%d" + ("T" if "T" in plain else "") + clock,), plain.endswith("Z")
    tail, offset = "", False
    found = next((m for m in _TIME.finditer(plain) if m.end() == len(plain)), None)
    if found is not None:
        tail = found["join"] + ("%I" if found["half"] else "%H") + ":%M"
        tail += (":%S" if found["second"] else "") + (".%f" if found["part"] else "")
        tail += " %p" if found["half"] else ""
        offset, plain = found["offset"] is not None, plain[: found.start()]
    elif plain.endswith("Z"):
        plain, offset = plain[:-1], True
    return tuple(f + tail for f in _date_part(plain, named=named)), offset


def parse_dates(texts: Sequence[str], style: DateStyle) -> np.ndarray:
    """Dates as datetime64[us]; NaT for what is none in this style."""
    if style.formats[0] in (EXCEL, UNIX):
        return _from_numbers(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float), style)
    plain = pd.Series([_plain(t, offset=style.offset) for t in texts], dtype=object)
    made = np.full(len(plain), np.datetime64("NaT"), dtype=_DTYPE)
    for form in style.formats:
        open_ = np.flatnonzero(np.isnat(made))
        if len(open_) == 0:
            break
        made[open_] = _strptime(plain.iloc[open_], form)
    if style.two_digits:
        years = made.astype("datetime64[Y]").astype(int) + 1970
        for over, months in ((years > style.last_year, -1200), (years <= style.last_year - 100, 1200)):
            made = np.where(over & ~np.isnat(made), _shifted(made, months), made)
    return made


def _shifted(dates: np.ndarray, months: int) -> np.ndarray:
    month = dates.astype("datetime64[M]")
    return np.asarray((month + months).astype(_DTYPE) + (dates - month.astype(_DTYPE)))


def _strptime(texts: pd.Series, form: str) -> np.ndarray:
    # pandas reads a lone "%Y%m%d" and ISO forms leniently: lengths are checked here.
    if form.startswith("%Y%m%d"):
        wanted = {"%Y%m%d": 8}.get(form)
        texts = texts if wanted is None else texts.where(texts.str.len() == wanted)
    parsed = pd.to_datetime(texts, format=form, errors="coerce")
    if parsed.dt.tz is not None:
        parsed = parsed.dt.tz_localize(None)
    return np.asarray(parsed.to_numpy().astype(_DTYPE))


def _plain(text: str, *, offset: bool) -> str:
    plain = canonical(text)
    if offset and (":" in plain or plain.endswith("Z")):
        plain = _OFFSET.sub("", plain)
    return plain.replace(",", ".") if "," in plain and re.search(r":\d{2},\d", plain) else plain


def from_numbers(numbers: np.ndarray, style: DateStyle) -> np.ndarray:
    """Dates from numbers, for the styles "excel", "unix" and "%Y%m%d"."""
    if style.formats[0] in (EXCEL, UNIX):
        return _from_numbers(numbers, style)
    held = np.isfinite(numbers) & (numbers == np.trunc(numbers))
    texts = np.full(len(numbers), "", dtype=object)
    texts[held] = [str(int(n)) for n in numbers[held]]
    return parse_dates(list(texts), style)


def _from_numbers(numbers: np.ndarray, style: DateStyle) -> np.ndarray:
    held = np.isfinite(numbers) & (np.abs(numbers) < 1e14)
    made = np.full(len(numbers), np.datetime64("NaT"), dtype=_DTYPE)
    if style.formats[0] == EXCEL:
        held &= (numbers > -1e6) & (numbers < 3e6)
        seconds = np.round(numbers[held] * 86_400_000) * 1000  # Excel keeps milliseconds
        made[held] = np.datetime64("1899-12-30", "us") + seconds.astype("timedelta64[us]")
    else:
        scale = np.where(np.abs(numbers[held]) >= 1e11, 1_000, 1_000_000)
        made[held] = np.datetime64(0, "us") + np.round(numbers[held] * scale).astype("timedelta64[us]")
    return made


def are_days(numbers: np.ndarray) -> bool:
    """Whether numbers such as 20240131 are all days of the calendar, at least three different ones."""
    held = numbers[np.isfinite(numbers)]
    if len(held) < 3 or held.min() < 19_000_101 or held.max() > 21_001_231:
        return False
    whole = np.unique(held)
    if len(whole) < 3 or (whole != np.trunc(whole)).any():
        return False
    month, day = whole // 100 % 100, whole % 100
    if not ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():
        return False
    return not np.isnat(from_numbers(whole, DateStyle(("%Y%m%d",)))).any()


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One order of day, month and year that a column may be written in, and the cells that fit it."""

    style: DateStyle
    fits: int
    dates: np.ndarray


def candidates(texts: Sequence[str], counts: np.ndarray) -> list[Candidate]:
    """Orders that the different texts of a column may be written in, those that most cells fit first."""
    groups: dict[str, collections.Counter[str]] = {}
    zones: collections.Counter[str] = collections.Counter()
    for text, count in zip(texts, counts, strict=True):
        if not 5 <= len(text) <= 50:
            continue
        forms, zone = formats_of(text)
        for form in forms:
            order = "".join(re.findall("%([Yymd])", form))
            groups.setdefault(order, collections.Counter())[form] += int(count)
            zones[order] += int(count) * zone
    made = []
    for order, found in groups.items():
        # Of two formats that fit the same texts ("%H:%M", "%H:%M:%S") each is needed; rare ones beyond eight are typos.
        style = DateStyle(tuple(f for f, _ in found.most_common(8)), zones[order] > 0)
        dates = parse_dates(texts, style)
        made.append(Candidate(style, int(counts[~np.isnat(dates)].sum()), dates))
    return sorted(made, key=lambda c: -c.fits)


def orders_apart(candidates_: Sequence[Candidate], codes: np.ndarray) -> Candidate | None:
    """Of several orders that all fit: the one in which the dates make more sense; None if none does.

    Days that are all the first of a month (a table by months), and rows in order of time, tell.
    """
    for sense in (_first_days, functools.partial(_in_order, codes=codes)):
        told = [c for c in candidates_ if sense(c.dates)]
        if len(told) == 1:
            return told[0]
    return None


def _first_days(dates: np.ndarray) -> bool:
    held = np.unique(dates[~np.isnat(dates)])
    days = held.astype("datetime64[D]") - held.astype("datetime64[M]").astype("datetime64[D]")
    return len(held) >= 3 and not days.astype(int).any()


def _in_order(dates: np.ndarray, codes: np.ndarray) -> bool:
    rows = dates[codes[codes >= 0]]
    rows = rows[~np.isnat(rows)]
    steps = np.diff(rows).astype(np.int64)
    return len(np.unique(rows)) >= 5 and (bool((steps >= 0).all()) or bool((steps <= 0).all()))
