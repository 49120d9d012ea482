"""What separates and quotes the cells of a text, and its first records."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import unicodedata
from collections.abc import Sequence

SEPARATORS = (",", ";", "\t", "|", " ", "^", "~", ":")
LOOKED_AT = 200  # records
_DETECTED_ON = 20_000  # characters
_SEP_LINE = re.compile(r"""["']?sep=(.)["']?\s*""", re.IGNORECASE)

# A quote behind a backslash that neither ends its cell nor is written twice.
_ESCAPED = re.compile(r'\\"[^",;\t|\n ]')


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of a text: its cells, and the line where it starts, from 1."""

    line: int
    cells: tuple[str, ...]

    @property
    def filled(self) -> int:
        """Number of cells up to the last that is not empty."""
        return next((j + 1 for j in reversed(range(len(self.cells))) if self.cells[j].strip(" ")), 0)


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How the cells of a text are written."""

    separator: str
    quote: str = '"'
    escape: str | None = None
    first_line: int = 1  # 2 below a line `sep=;`


def clean_name(text: str) -> str:
    """A name without the accidents of its file: composed letters, single blanks, no line breaks."""
    return " ".join(unicodedata.normalize("NFC", text).replace("\ufeff", "").split())


def find_dialect(text: str, said: str | None, wanted: Sequence[str]) -> Dialect:
    """How the cells of a text are written.

    Parameters
    ----------
    text : str
        The first lines of the file.
    said : str, optional
        The separator, by the user.
    wanted : sequence of str
        Names of columns that must be there.
    """
    stated = _SEP_LINE.fullmatch(text.partition("\n")[0].strip(" \r\ufeff"))
    first = 2 if stated else 1
    if stated:
        text = text.partition("\n")[2]
    quote, escape = _quoting(text)
    if said is not None or stated:
        return Dialect(said or stated[1], quote, escape, first)  # type: ignore[index]
    found = _detected(text)
    order = ([found] if found else []) + [s for s in SEPARATORS if s != found]
    names = {clean_name(name).casefold() for name in wanted}
    if names:
        for separator in order:
            records = records_of(text, Dialect(separator, quote, escape))
            if any(names <= {clean_name(c).casefold() for c in r.cells} for r in records):
                wide = separator == found or max(len(r.cells) for r in records) > 1
                if wide:
                    return Dialect(separator, quote, escape, first)
    return Dialect(found or ",", quote, escape, first)


def _detected(text: str) -> str:
    """The separator that makes the text most like a table; empty where there is but one column."""
    import clevercsv

    sample = text[:_DETECTED_ON]
    if len(text) > len(sample):
        sample = sample.rpartition("\n")[0] or sample
    try:
        found = clevercsv.Sniffer().sniff(sample, delimiters=list(SEPARATORS))
    except clevercsv.Error:
        return ""
    separator: str = (found.delimiter or "") if found is not None else ""
    if separator in (" ", ":"):  # of text and of times, unless every record has it as often
        records = records_of(sample, Dialect(separator))
        widths = [len(r.cells) for r in records if r.filled]
        return separator if widths and widths[0] > 1 and _regular(widths) else ""
    return separator


def _regular(widths: Sequence[int]) -> bool:
    """Whether all records are as wide, or all but the names, which may lack the label of the rows."""
    return len(set(widths[1:])) < 2 and widths[0] in (widths[-1], widths[-1] - 1)


def _quoting(text: str) -> tuple[str, str | None]:
    """The quote character, and what escapes it where that is not itself."""
    starts = [len(re.findall(rf"(?:^|[,;\t|]) ?{q}", text, re.MULTILINE)) for q in ('"', "'")]
    whole = len(re.findall(r"(?:^|[,;\t|]) ?'(?:[^'\n]|'')*' ?(?=[,;\t|]|$)", text, re.MULTILINE))
    single = starts[1] > 2 and starts[0] == 0 and starts[1] - whole <= 0.02 * starts[1]
    return ("'", None) if single else ('"', "\\" if _ESCAPED.search(text) else None)


def records_of(text: str, dialect: Dialect, most: int = LOOKED_AT) -> list[Record]:
    """The first records of a text."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.separator,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        skipinitialspace=True,
    )
    found: list[Record] = []
    before = 0
    try:
        for cells in reader:
            found.append(Record(before + 1, tuple(cells)))
            before = reader.line_num
            if len(found) >= most:
                break
    except csv.Error:  # what cannot be read is told when all of the file is read
        pass
    return found
