"""The records of a text file by where they end, without a look at their cells."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from automl_explain.reading._layouts import TextLayout

_BLOCK = 1 << 24  # bytes
_MOST = 1 << 26  # of a record
_NEWLINE, _RETURN, _BLANK = 10, 13, 32
# Every ASCII byte is that character, wherever it stands.
_PLAIN = ("ascii", "utf-8", "utf-8-sig", "iso8859", "latin", "cp125", "cp4", "cp8", "koi8", "mac", "gb2312", "euc")


class UntidyError(Exception):
    """Quotes or line ends stand where only a parser can tell what they mean."""


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """Some records of a text file.

    Parameters
    ----------
    texts : ndarray of object, shape (n_rows,)
        Bytes of each, without the line end.
    lines : ndarray of int64, shape (n_rows,)
        Line of the file where each starts.
    """

    texts: np.ndarray
    lines: np.ndarray

    @staticmethod
    def joined(pieces: list[Records]) -> Records:
        """Several pieces as one."""
        return Records(np.concatenate([p.texts for p in pieces]), np.concatenate([p.lines for p in pieces]))

    def take(self, at: np.ndarray) -> Records:
        """Records at positions."""
        return Records(self.texts[at], self.lines[at])


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Consecutive records, whose bytes are cut out when they are taken.

    Parameters
    ----------
    held : bytes
    starts, ends : ndarray of int64, shape (n_rows,)
        Of each record in ``held``.
    lines : ndarray of int64, shape (n_rows,)
    wide : ndarray of int64
        Positions of records with more separators than the names have.
    """

    held: bytes
    starts: np.ndarray
    ends: np.ndarray
    lines: np.ndarray
    wide: np.ndarray

    def take(self, at: np.ndarray) -> Records:
        """Records at positions."""
        texts = np.empty(len(at), dtype=object)
        texts[:] = [self.held[a:b] for a, b in zip(self.starts[at].tolist(), self.ends[at].tolist(), strict=True)]
        return Records(texts, self.lines[at])


def is_scannable(layout: TextLayout) -> bool:
    """Whether the ends of records can be told from bytes."""
    form = layout.form
    try:
        encoding = codecs.lookup(form.encoding or "utf-8").name
    except LookupError:
        return False
    one_byte = len((form.separator or "").encode()) == len(form.quote.encode()) == 1
    return one_byte and form.separator != " " and form.escape is None and encoding.startswith(_PLAIN)


def scan_records(path: Path, layout: TextLayout) -> Iterator[Block]:
    """The records below the names, block by block, but for those without a value.

    Raises
    ------
    UntidyError
        If a quote stands amid a cell, a line ends in a carriage return alone, or a record does not end.
    """
    line, rest = layout.first_line, b""
    with path.open("rb") as file:
        if layout.first_line == 1 and layout.form.encoding == "utf-8-sig":
            file.seek(len(codecs.BOM_UTF8))
        for _ in range(layout.first_line - 1):
            file.readline()
        while True:
            more = file.read(_BLOCK)
            held = rest + more if more or not rest or rest.endswith(b"\n") else rest + b"\n"
            if not held:
                return
            block, used, line = _block(held, line, layout, last=not more)
            if len(block.lines):
                yield block
            rest = held[used:]
            if not more:
                return
            if len(rest) > _MOST:
                raise UntidyError


def _block(held: bytes, line: int, layout: TextLayout, *, last: bool) -> tuple[Block, int, int]:
    """The complete records of some bytes, how many bytes they take, and the line below them."""
    data = np.frombuffer(held, dtype=np.uint8)
    separator, quote = (ord(c) for c in (layout.form.separator or ",", layout.form.quote))
    breaks = np.flatnonzero(data == _NEWLINE)
    quotes = np.flatnonzero(data == quote) if layout.form.quote.encode() in held else np.empty(0, np.int64)
    at = np.arange(len(breaks))
    if quotes.size:
        at = np.flatnonzero(np.searchsorted(quotes, breaks) % 2 == 0)  # a line break between two quotes is in a cell
    ends = breaks[at]
    used = int(ends[-1]) + 1 if ends.size else 0
    if last and used < len(held):
        raise UntidyError  # a quote does not end
    quotes = quotes[quotes < used]
    _check_quotes(data, quotes, separator, quote)
    _check_line_ends(held, data, used)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    lines = line + np.concatenate([[0], at[:-1] + 1]) if ends.size else ends
    below = line + (int(at[-1]) + 1 if at.size else 0)
    width = len(layout.names)
    kept = _with_values(held, starts, ends, layout) if width > 1 else np.ones(len(ends), dtype=bool)
    starts, ends, lines = starts[kept], ends[kept], lines[kept]
    wide = _wide(data[:used], starts, ends, quotes, separator, width)
    return Block(held, starts, ends, lines, wide), used, below


def _wide(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, quotes: np.ndarray, separator: int, width: int
) -> np.ndarray:
    """Positions of records with more separators than the names have."""
    found = np.flatnonzero(data == separator)
    counts = np.searchsorted(found, ends) - np.searchsorted(found, starts)
    if not (counts >= width).any() or not quotes.size:
        return np.flatnonzero(counts >= width)
    found = found[np.searchsorted(quotes, found) % 2 == 0]
    return np.flatnonzero(np.searchsorted(found, ends) - np.searchsorted(found, starts) >= width)


def _check_quotes(data: np.ndarray, quotes: np.ndarray, separator: int, quote: int) -> None:
    """Quotes must open and close whole cells, so that every second one closes."""
    if not quotes.size:
        return
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.where(opening > 0, data[opening - 1], _NEWLINE)
    further = np.where(opening > 1, data[opening - 2], _NEWLINE)
    after = data[np.minimum(closing + 1, len(data) - 1)]
    edge = (separator, _NEWLINE)
    opens = np.isin(before, (*edge, quote)) | ((before == _BLANK) & np.isin(further, edge))
    closes = np.isin(after, (*edge, _RETURN, quote))
    if len(opening) != len(closing) or not opens.all() or not closes.all():
        raise UntidyError


def _check_line_ends(held: bytes, data: np.ndarray, used: int) -> None:
    if b"\r" in held:
        returns = np.flatnonzero(data[:used] == _RETURN)
        if (data[returns + 1] != _NEWLINE).any():
            raise UntidyError


def _with_values(held: bytes, starts: np.ndarray, ends: np.ndarray, layout: TextLayout) -> np.ndarray:
    """Which records are more than separators and blanks."""
    quote, separator = layout.form.quote.encode(), (layout.form.separator or ",").encode()
    kept = np.ones(len(starts), dtype=bool)
    first = np.frombuffer(held, dtype=np.uint8)[starts]
    begins = np.isin(first, [*separator, *quote, _BLANK, _RETURN, _NEWLINE])
    for i in np.flatnonzero(begins & (ends - starts <= 4 * len(layout.names))):
        text = held[starts[i] : ends[i]].replace(quote + quote, b"")
        kept[i] = bool(text.strip(separator + b" \r"))
    return kept
