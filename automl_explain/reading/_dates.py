"""Texts -> dates; one order of day and month for a whole column."""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Sequence

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.reading._words import MONTHS, WEEKDAYS

EXCEL = "excel"  # instead of a format: days since 30 December 1899
UNIX = "unix"  # seconds, or milliseconds, since 1970
_AS_NUMBERS = (
    ("%Y%m%d", 19_000_101, 21_001_231),
    ("%Y%m%d%H%M", 190_001_010_000, 210_012_312_359),
    ("%Y%m%d%H%M%S", 19_000_101_000_000, 21_001_231_235_959),
)
SERIALS = (20_000, 60_000)  # 1954 to 2064
_DTYPE = "datetime64[us]"
_SAMPLE = 1_000
_WIDTHS = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
_FIRST_TWO = re.compile("^(%[dm])([-/.])(%[dm])")
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

    def with_day_first(self, day_first: bool) -> DateStyle:
        """The style with days before months, or behind them; of dates in digits that begin with either."""
        if self.day_first in (None, day_first):
            return self
        swapped = (_FIRST_TWO.sub(lambda m: f"{m[3]}{m[2]}{m[1]}", form) for form in self.formats)
        return dataclasses.replace(self, formats=tuple(swapped))


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
    plain = pd.Series(_in_plain_digits(texts, style), dtype=object)
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


def _in_plain_digits(texts: Sequence[str], style: DateStyle) -> Sequence[str]:
    joined = "".join(texts)
    if not style.offset and joined.isascii() and not joined.encode().translate(None, b"0123456789-/.: T"):
        return texts
    return [_plain(t, offset=style.offset) for t in texts]


def _strptime(texts: pd.Series, form: str) -> np.ndarray:
    """Dates of one format: texts of its usual width by arithmetic, which is many times faster, others by pandas."""
    made = np.full(len(texts), np.datetime64("NaT"), dtype=_DTYPE)
    width = sum(_WIDTHS.get(p, len(p)) for p in re.findall("%.|[^%]", form))
    usual = np.fromiter(map(len, texts), dtype=np.intp, count=len(texts)) == width
    if not set(re.findall("%.", form)) <= set(_WIDTHS):
        usual[:] = False
    elif usual.any():
        made[usual] = _by_width(texts[usual], form, width)
    # pandas reads "%Y%m%d" leniently: only texts of its width are dates.
    open_ = np.flatnonzero(np.isnat(made) if not form.startswith("%Y%m%d") else np.zeros(len(made), dtype=bool))
    if len(open_):
        parsed = pd.to_datetime(texts.iloc[open_], format=form, errors="coerce")
        made[open_] = parsed.to_numpy().astype(_DTYPE)
    return made


def _by_width(texts: pd.Series, form: str, width: int) -> np.ndarray:
    """Dates of texts that all have the width of their format; NaT where a part is out of its range."""
    joined = "".join(texts)
    if not joined.isascii():
        return np.full(len(texts), np.datetime64("NaT"), dtype=_DTYPE)
    cells = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, width)
    right, at = np.ones(len(cells), dtype=bool), 0
    none = np.zeros(len(cells), dtype=np.int64)
    parts = {"%Y": none + 1970, "%m": none + 1, "%d": none + 1, "%H": none, "%M": none, "%S": none}
    for piece in re.findall("%.|[^%]", form):
        columns = cells[:, at : at + _WIDTHS.get(piece, 1)]
        at += columns.shape[1]
        if piece in _WIDTHS:
            right &= ((columns >= ord("0")) & (columns <= ord("9"))).all(axis=1)
            parts[piece] = (columns.astype(np.int64) - ord("0")) @ 10 ** np.arange(columns.shape[1])[::-1]
        else:
            right &= columns[:, 0] == ord(piece)
    if "%y" in parts:
        parts["%Y"] = parts["%y"] + np.where(parts["%y"] < 69, 2000, 1900)
    right &= (parts["%m"] >= 1) & (parts["%m"] <= 12) & (parts["%Y"] >= 1)
    right &= (parts["%H"] < 24) & (parts["%M"] < 60) & (parts["%S"] < 60)
    months = np.where(right, (parts["%Y"] - 1970) * 12 + parts["%m"] - 1, 0).astype("datetime64[M]")
    lengths = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    right &= (parts["%d"] >= 1) & (parts["%d"] <= lengths)
    seconds = (parts["%d"] - 1) * 86_400 + parts["%H"] * 3_600 + parts["%M"] * 60 + parts["%S"]
    dates = months.astype(_DTYPE) + (seconds * 1_000_000).astype("timedelta64[us]")
    return np.where(right, dates, np.datetime64("NaT"))


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


def format_of_days(numbers: np.ndarray, low: float, high: float) -> str | None:
    """The format of numbers such as 20240131 that are all days of the calendar, at least three different ones.

    Parameters
    ----------
    numbers : ndarray of float64 of shape (n_rows,)
        NaN where there is none.
    low, high : float
        The least and the largest of them.
    """
    form = next((f for f, first, last in _AS_NUMBERS if first <= low and high <= last), None)
    if form is None:
        return None
    held = np.unique(numbers[np.isfinite(numbers)])
    if len(held) < 3 or (held != np.trunc(held)).any():
        return None
    if np.isnat(from_numbers(held[:: max(1, len(held) // 100)], DateStyle((form,)))).any():
        return None
    return None if np.isnat(from_numbers(held, DateStyle((form,)))).any() else form


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One order of day, month and year that a column may be written in, and the cells that fit it."""

    style: DateStyle
    fits: int
    dates: np.ndarray


def candidates(texts: Sequence[str], counts: np.ndarray) -> list[Candidate]:
    """Orders that the different texts of a column may be written in, those that most cells fit first."""
    found = _formats_by_order(texts)
    made = []
    for order, (forms, zone) in found.items():
        style = DateStyle(tuple(forms), zone)
        dates = parse_dates(texts, style)
        rest = [texts[i] for i in map(int, np.flatnonzero(np.isnat(dates)))]
        # What the sample did not show: further formats of the same order.
        more, zones = _formats_by_order(rest).get(order, ([], False))
        if more:
            style = DateStyle((*forms, *(f for f in more if f not in forms)), zone or zones)
            dates = parse_dates(texts, style)
        made.append(Candidate(style, int(counts[~np.isnat(dates)].sum()), dates))
    return sorted(made, key=lambda c: -c.fits)


def _formats_by_order(texts: Sequence[str]) -> dict[str, tuple[list[str], bool]]:
    """Formats of a sample of texts, the most frequent first and up to eight, by their order; with time zones or not."""
    counted: dict[str, collections.Counter[str]] = {}
    zones: set[str] = set()
    for i in map(int, np.linspace(0, len(texts) - 1, min(len(texts), _SAMPLE))):
        if 5 <= len(texts[i]) <= 50:
            forms, zone = formats_of(texts[i])
            for form in forms:
                order = "".join(re.findall("%([Yymd])", form))
                counted.setdefault(order, collections.Counter())[form] += 1
                zones |= {order} if zone else set()
    return {order: ([f for f, _ in forms.most_common(8)], order in zones) for order, forms in counted.items()}


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
