"""What the bytes of a text file tell before it is parsed."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from automl_explain.reading._formats import FileFormat

_BLOCK = 1 << 17  # fits a cache
# Encodings in which the byte of an ASCII character may be a part of another one.
_WIDE = (
    "utf-16",
    "utf-32",
    "utf-7",
    "shift_jis",
    "cp932",
    "gbk",
    "gb18030",
    "big5",
    "cp949",
    "cp950",
    "johab",
    "hz",
    "iso2022",
)
_ZERO, _POINT, _NEWLINE, _RETURN, _BLANK = b"0.\n\r "
_LONGEST = 64  # characters of a code


@dataclasses.dataclass(frozen=True)
class Scan:
    """What stands somewhere in a text file.

    Parameters
    ----------
    has_quotes : bool
        Only then may cells hold line breaks.
    has_blanks : bool
        Whether cells start with blanks, which cost half of the parser's time to skip.
    padded : frozenset of int, optional
        Positions of columns with numbers that have zeros in front, such as "007", which may be codes; None where it is
        not known.
    """

    has_quotes: bool
    has_blanks: bool
    padded: frozenset[int] | None


def scan(path: Path, form: FileFormat) -> Scan:
    """Look through a text file once."""
    if codecs.lookup(form.encoding or "utf-8").name.startswith(_WIDE):
        return Scan(True, True, None)
    quote = form.quote.encode()
    edge = _members(form, b"")
    around = edge, _members(form, b"\"' "), _members(form, b"\"' +-")
    separator = (form.separator or ",").encode()
    quotes = blanks = form.separator == " "  # then columns cannot be counted either
    padded = set[int]()
    for block in _whole_lines(path):
        quotes = quotes or quote in block
        at = _padded_numbers(block, separator, *around)
        blanks = blanks or _starts_with_blank(block, edge)
        if at.size and quotes:  # separators may stand in them
            return Scan(True, True, None)
        if at.size:
            padded |= _columns_at(block, at, separator)
    return Scan(quotes, blanks, frozenset(padded))


def _members(form: FileFormat, others: bytes) -> np.ndarray:
    """For each byte, whether it is one of these or the end of a cell."""
    table = np.zeros(256, dtype=bool)
    table[list(others + b"\n\r" + (form.separator or ",").encode())] = True
    return table


_DIGIT = np.zeros(256, dtype=bool)
_DIGIT[list(b"0123456789")] = True


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Blocks of a file, each from two line breaks to one."""
    rest = b"\n\n"
    with path.open("rb") as file:
        while piece := file.read(_BLOCK):
            cut = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
            if not cut:
                rest += piece
                continue
            yield rest + piece[:cut]
            rest = b"\n" + piece[cut - 1 :]
    yield rest + b"\n"


def _starts_with_blank(block: bytes, edge: np.ndarray) -> bool:
    text = np.frombuffer(block, dtype=np.uint8)
    return b" " in block and bool(edge[text[np.flatnonzero(text[1:] == _BLANK)]].any())


def _padded_numbers(
    block: bytes, separator: bytes, edge: np.ndarray, blank: np.ndarray, sign: np.ndarray
) -> np.ndarray:
    """Where numbers start whose first digit is a zero before another, with one decimal point at most."""
    text = np.frombuffer(block, dtype=np.uint8)
    # Comparisons of bytes are many times faster than tables; "." is above all that may stand before a number.
    low, ends = text < ord("."), text == separator[0]
    before = text[1:-2]
    may_start = ends[1:-2] | (low[1:-2] & (low[:-3] | ends[:-3] | (before <= _RETURN)))
    first = np.flatnonzero((text[2:-1] == _ZERO) & may_start & (text[3:] - _ZERO < 10)) + 2
    before = text[first - 1]
    first = first[edge[before] | (sign[before] & blank[text[first - 2]])]
    at = first + 1
    points = np.zeros(len(at), dtype=np.int64)
    for _ in range(_LONGEST):
        here = text[at]
        is_point = here == _POINT
        goes_on = _DIGIT[here] | is_point
        points += is_point
        if not goes_on.any():
            break
        at = at + goes_on
        kept = points < 2
        at, points, first = at[kept], points[kept], first[kept]
    return np.asarray(first[blank[text[at]]])


def _columns_at(block: bytes, at: np.ndarray, separator: bytes) -> set[int]:
    """Which columns stand at some places of whole lines, by the separators before them."""
    text = np.frombuffer(block, dtype=np.uint8)
    separators = np.flatnonzero(text == separator[0])
    lines = np.flatnonzero((text == _NEWLINE) | (text == _RETURN))  # the first byte is one
    begins = lines[np.searchsorted(lines, at) - 1]
    found = np.searchsorted(separators, at) - np.searchsorted(separators, begins)
    return set(found.tolist())
