"""Texts -> numbers, written in one way throughout a column: decimal mark, thousands, currency, unit, minus."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence

import numpy as np

from automl_explain.reading._cells import SEPARATOR, Cells

EXACT = 2**53  # whole numbers beyond it are no longer all exact in float64
CURRENCY = "$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ba\u20aa\u20ab\u0e3f\u20a6\u20b1\u20b4"
_SPACES = {
    **dict.fromkeys(map(ord, "\u00a0\u202f\u2009\u2007\u2008"), " "),
    ord("\N{MINUS SIGN}"): "-",
    ord("\N{RIGHT SINGLE QUOTATION MARK}"): "'",
    **{ord("\N{FULLWIDTH DIGIT ZERO}") + i: str(i) for i in range(10)},
    ord("\N{FULLWIDTH COMMA}"): ",",
    ord("\N{FULLWIDTH FULL STOP}"): ".",
}
_LEADING_ZERO = re.compile(rf"(?:^|{SEPARATOR})\s*[+-]?0\d+\s*(?:{SEPARATOR}|$)")


@dataclasses.dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : {".", ","}, default "."
    thousands : {"", ",", ".", " ", "'"}, default ""
        Blanks of any width, and both apostrophes, are taken for one another.
    units : tuple of str, default ()
        What may stand before or after a number: one currency, one unit, "%"; variants of the same ("day", "days").
    bare : bool, default True
        Whether numbers without the unit are read as well.
    accounting : bool, default False
        Whether brackets or a minus behind the number are read as minus.
    """

    decimal: str = "."
    thousands: str = ""
    units: tuple[str, ...] = ()
    bare: bool = True
    accounting: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether `float` reads them."""
        return self == NumberStyle()

    def with_decimal(self, mark: str) -> NumberStyle:
        """The style with another decimal mark, and what was that mark between thousands."""
        between = self.thousands if self.thousands not in (".", ",") else {",": ".", ".": ","}[mark]
        return dataclasses.replace(self, decimal=mark, thousands=between)


PLAIN = NumberStyle()


def plain_marks(text: str) -> str:
    """A text with blanks, minus signs, apostrophes and digits of other widths as the plain ones."""
    return text if text.isascii() else text.translate(_SPACES)


def _core(style: NumberStyle) -> str:
    point, mark = re.escape(style.decimal), re.escape(style.thousands)
    groups = r"\d{1,3}(?:,\d{2,3})*,\d{3}" if style.thousands == "," else rf"\d{{1,3}}(?:{mark}\d{{3}})+"
    whole = rf"(?:{groups}(?!\d)|\d+)" if mark else r"\d+"
    return rf"(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d{{1,3}})?"


def _unit(style: NumberStyle) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(style.units, key=len, reverse=True))) + ")"


@functools.lru_cache(maxsize=256)
def _pattern(style: NumberStyle) -> re.Pattern[str]:
    front = rf"(?:(?P<front>{_unit(style)})\s*)?" if style.units else ""
    back = rf"(?:\s*(?P<back>{_unit(style)}))?" if style.units else ""
    number = rf"(?P<sign>[+-])?\s*{front}(?P<second>[+-])?(?P<core>{_core(style)}){back}"
    if style.accounting:
        number = rf"(?P<open>\()?\s*{number}\s*(?P<after>-)?\s*(?P<close>\))?"
    return re.compile(number, re.IGNORECASE)


@functools.lru_cache(maxsize=256)
def _joined_pattern(style: NumberStyle) -> re.Pattern[str]:
    core = _core(style)
    if style.units:
        unit = _unit(style)
        either = rf"{unit} ?[+-]?{core}|{core} ?{unit}"
        core = rf"(?:{either}|{core})" if style.bare else rf"(?:{either})"
    cell = rf"(?:\([ ]?{core}\)|[+-]?{core})" if style.accounting else rf"[+-]?{core}"
    return re.compile(rf"(?:{cell})?(?:{SEPARATOR}(?:{cell})?)*+", re.IGNORECASE)


def parse_number(text: str, style: NumberStyle) -> float | int | None:
    """The number that a text is in this style, exact if it is written as a whole one; None if it is none."""
    found = _pattern(style).fullmatch(plain_marks(text))
    if found is None:
        return None
    parts = found.groupdict()
    if (parts.get("open") is None) != (parts.get("close") is None):
        return None
    signs = [s for s in (parts["sign"], parts["second"], parts.get("after"), parts.get("open")) if s]
    if len(signs) > 1 or (parts.get("front") and parts.get("back")):
        return None
    core = parts["core"].replace(style.thousands, "") if style.thousands else parts["core"]
    core = core.replace(style.decimal, ".")
    number = int(core) if core.isdecimal() and len(core) < 300 else float(core)
    if not (style.bare or parts.get("front") or parts.get("back") or number == 0):
        return None
    if abs(number) > 1e308:
        return None
    return -number if signs and signs[0] != "+" else number


def parse_joined(cells: np.ndarray, style: NumberStyle) -> np.ndarray | None:
    """All numbers of a column at once; None where a cell is not in this style, or only looking closer can tell.

    Parameters
    ----------
    cells : ndarray of object of shape (n_rows,)
        Texts, none of them missing.
    style : NumberStyle

    Returns
    -------
    ndarray of float64 or int64 of shape (n_rows,), or None
        int64 where every cell is written as a whole number and some are beyond 2**53.
    """
    if len(cells) == 0:
        return np.empty(0)
    ready = cells
    if not style.is_plain:
        joined = plain_marks(SEPARATOR.join(cells.tolist()))
        if joined.count(SEPARATOR) != len(cells) - 1:
            return None
        bare = _without_units(joined, style) if style.bare and not style.accounting else None
        if bare is None or not _are_grouped(bare, style):
            if not _joined_pattern(style).fullmatch(joined):
                return None
            bare = _rewritten(joined, style)
        ready = np.array(_with_points(bare, style).split(SEPARATOR), dtype=object)
    try:
        numbers = ready.astype(np.float64)  # in a fifth of the time of `pandas.to_numeric`
    except (ValueError, TypeError):
        return None
    if not np.isfinite(numbers).all():  # "nan" and "inf" are words here
        return None
    return _exact(ready, numbers) if np.abs(numbers).max() >= EXACT else numbers


def _without_units(joined: str, style: NumberStyle) -> str | None:
    """Joined cells without their units; None where one does not stand at the edge of its cell."""
    for unit in style.units:
        around = f"{SEPARATOR}{joined}{SEPARATOR}"
        front = sum(map(around.count, (SEPARATOR + unit, f"{SEPARATOR}-{unit}", f"{SEPARATOR}+{unit}")))
        if joined.count(unit) not in (front, around.count(unit + SEPARATOR)):
            return None
        joined = joined.replace(unit, "")
    return joined.replace(" " + SEPARATOR, SEPARATOR).rstrip(" ") if style.units else joined


def _are_grouped(joined: str, style: NumberStyle) -> bool:
    """Whether joined cells hold nothing but parts of numbers, and three digits behind every mark between thousands.

    What else is amiss (two decimal marks, no digits) `float` finds.
    """
    known = f"0123456789+-eE{style.decimal}{style.thousands}{SEPARATOR}".encode()
    if not joined.isascii() or joined.encode().translate(None, known):
        return False
    if not style.thousands:
        return True
    pad = SEPARATOR * 5
    text = np.frombuffer(f"{pad}{joined}{pad}".encode(), dtype=np.uint8)
    at = np.flatnonzero(text == ord(style.thousands))
    digit = (text >= ord("0")) & (text <= ord("9"))
    behind = digit[at + 1] & digit[at + 2] & digit[at + 3] & ~digit[at + 4]
    before = digit[at - 1] & ~(digit[at - 2] & digit[at - 3] & digit[at - 4])
    # The group in front must not follow the decimal mark.
    front = np.where(digit[at - 2], np.where(digit[at - 3], text[at - 4], text[at - 3]), text[at - 2])
    return bool((behind & before & (front != ord(style.decimal))).all())


def _rewritten(joined: str, style: NumberStyle) -> str:
    for unit in style.units:
        joined = joined.replace(unit, "") if unit in joined else re.sub(re.escape(unit), "", joined, flags=re.I)
    if style.accounting:
        joined = joined.replace("(", "-").replace(")", "")
    return joined.replace(" ", "")


def _with_points(joined: str, style: NumberStyle) -> str:
    return (
        joined.replace(style.thousands, "").replace(style.decimal, ".")
        if style.thousands
        else joined.replace(style.decimal, ".")
    )


def _exact(ready: np.ndarray, numbers: np.ndarray) -> np.ndarray | None:
    try:
        return np.array([int(t) for t in ready], dtype=np.int64)
    except ValueError:  # written with a decimal point or an exponent somewhere
        return numbers if all(not t.strip("+-").isdecimal() or abs(float(t)) < EXACT for t in ready) else None
    except OverflowError:
        return None


def parse_distinct(texts: Sequence[str], style: NumberStyle, gaps: np.ndarray) -> np.ndarray:
    """Numbers of different texts; NaN for gaps and for what is none. int64 as in `parse_joined`."""
    numbers = np.full(len(texts), np.nan)
    pattern = _joined_pattern(style)
    usual = np.fromiter((pattern.fullmatch(t) is not None for t in texts), dtype=bool, count=len(texts)) & ~gaps
    held = np.array(texts, dtype=object)[usual]
    at_once = parse_joined(held, style)
    if at_once is not None:
        numbers[usual] = at_once
    if at_once is None or at_once.dtype == np.int64:
        usual = np.zeros(len(texts), dtype=bool)
    single = {i: parse_number(texts[i], style) for i in map(int, np.flatnonzero(~usual & ~gaps))}
    exact = [n for n in single.values() if isinstance(n, int)]
    if exact and max(map(abs, exact)) >= EXACT:
        if len(exact) == len(texts) and max(exact) < 2**63 and min(exact) >= -(2**63):
            return np.array(list(single.values()), dtype=np.int64)
        single = {i: None if isinstance(n, int) and abs(n) >= EXACT else n for i, n in single.items()}
    for i, number in single.items():
        numbers[i] = np.nan if number is None else float(number)
    return numbers


def has_leading_zeros(cells: Cells) -> bool:
    """Whether a cell is a whole number with a zero in front, as codes are."""
    joined = cells.joined
    if joined[:1] not in "0+- " and not any(f"{SEPARATOR}{c}" in joined for c in "0+- "):
        return False
    return _LEADING_ZERO.search(joined) is not None
