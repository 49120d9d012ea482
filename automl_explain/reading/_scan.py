"""What the bytes of a text file tell before it is parsed."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from automl_explain.reading._formats import FileFormat

_BLOCK = 1 << 20
_WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
_ZERO, _POINT, _NEWLINE, _RETURN, _PLUS, _MINUS = b"0.\n\r+-"
_LONGEST = 64  # characters of a code


@dataclasses.dataclass(frozen=True)
class Scan:
    """What stands somewhere in a text file; true as well where it is not known.

    Parameters
    ----------
    has_quotes : bool
        Only then may cells hold line breaks.
    has_padded_numbers : bool
        Numbers with zeros in front, such as "007", which may be codes.
    """

    has_quotes: bool
    has_padded_numbers: bool


def scan(path: Path, form: FileFormat) -> Scan:
    """Look through a text file once."""
    if codecs.lookup(form.encoding or "utf-8").name in _WIDE:
        return Scan(True, True)
    quote = form.quote.encode()
    starts, ends = _members(form, b"\"' +-"), _members(form, b"\"' ")
    quotes = padded = False
    for block in _whole_lines(path):
        quotes = quotes or quote in block
        padded = padded or _has_padded_numbers(block, starts, ends)
        if quotes and padded:
            break
    return Scan(quotes, padded)


def _members(form: FileFormat, others: bytes) -> np.ndarray:
    """For each byte, whether it may stand beside a number."""
    table = np.zeros(256, dtype=bool)
    table[list(others + b"\n\r" + (form.separator or ",").encode())] = True
    return table


_DIGIT = np.zeros(256, dtype=bool)
_DIGIT[list(b"0123456789")] = True


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Blocks of a file, each from a line break to a line break."""
    rest = b"\n"
    with path.open("rb") as file:
        while piece := file.read(_BLOCK):
            cut = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
            if not cut:
                rest += piece
                continue
            yield rest + piece[:cut]
            rest = piece[cut - 1 :]
    yield rest + b"\n"


def _has_padded_numbers(block: bytes, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Whether a cell is digits, the first of them a zero before another, with one decimal point at most."""
    text = np.frombuffer(block, dtype=np.uint8)
    zeros = np.flatnonzero((text[1:-1] == _ZERO) & _DIGIT[text[2:]] & starts[text[:-2]]) + 1
    before = text[zeros - 1]
    signed = (before == _PLUS) | (before == _MINUS)
    outer = text[np.maximum(zeros - 2, 0)]  # of a sign: it starts a cell, and does not stand within a date
    inside = signed & (~starts[outer] | (outer == _PLUS) | (outer == _MINUS))
    at = zeros[~inside] + 1
    points = np.zeros(len(at), dtype=np.int64)
    for _ in range(_LONGEST):
        here = text[at]
        is_point = here == _POINT
        goes_on = _DIGIT[here] | is_point
        points += is_point
        if not goes_on.any():
            break
        at = at + goes_on
        at, points = at[points < 2], points[points < 2]
    return bool(ends[text[at]].any())
