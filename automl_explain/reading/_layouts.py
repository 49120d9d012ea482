"""How a text file is written, and its names: what is found before its rows are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from automl_explain.exceptions import DataError
from automl_explain.reading._dialects import LOOKED_AT, Record, find_dialect, records_of
from automl_explain.reading._encodings import find_encoding
from automl_explain.reading._formats import FileFormat, FileOptions
from automl_explain.reading._headers import find_header
from automl_explain.reading._names import column_names, numbered_names
from automl_explain.reading._notes import Note

_HEAD = 1 << 18  # characters
_AND_LINES = 20  # of a table with very long ones
_SHOWN_AS = {"\t": "tab", " ": "blank"}


@dataclasses.dataclass(frozen=True)
class TextLayout:
    """How a text file is written, and its names.

    Parameters
    ----------
    form : FileFormat
    names : tuple of str
    first_line : int
        Line where the first row starts.
    beyond : int
        Columns without a name that are read as well, to see that no line has a value there.
    first : tuple of Record
        The first rows.
    notes : tuple of Note
    """

    form: FileFormat
    names: tuple[str, ...]
    first_line: int
    beyond: int
    first: tuple[Record, ...]
    notes: tuple[Note, ...] = ()


def find_layout(path: Path, place: str, options: FileOptions, wanted: Sequence[str]) -> TextLayout:
    """How a text file is written.

    Raises
    ------
    InputError
        If it is no text, or not as the user said.
    DataError
        If it has no rows.
    """
    encoding, notes = find_encoding(path, place, options.encoding)
    text = _head(path, encoding)
    dialect = find_dialect(text, options.sep, wanted)
    body = text.partition("\n")[2] if dialect.first_line == 2 else text
    most = LOOKED_AT + (options.header if isinstance(options.header, int) else 0)
    records = [dataclasses.replace(r, line=r.line + dialect.first_line - 1) for r in records_of(body, dialect, most)]
    if not any(r.filled for r in records):
        raise DataError(f"{place!r} has no rows: it is blank. Expected a line of column names and rows below it.")
    at = find_header(records, options.header, wanted, place)
    found = list(notes)
    if dialect.separator != "," and options.sep is None:
        shown = _SHOWN_AS.get(dialect.separator, repr(dialect.separator))
        found.append(Note(f"columns are separated by {shown}", "--sep names another character"))
    below = [r for r in records[0 if at is None else at + 1 :] if r.filled]
    if not below:
        raise DataError(f"{place!r} has column names but no rows. Expected a row on each line below the names.")
    if at is None:
        names = numbered_names(max(r.filled for r in records))
        found.append(
            Note(
                f"the file has no names, so its columns are called {names[0]!r} and so on",
                "--header LINE says where they stand",
            )
        )
    else:
        names, more = _names(records[at], below, text)
        above = [r for r in records[:at] if r.filled]
        if above:
            found.append(
                Note(
                    f"left out {len(above)} line{'s' * (len(above) > 1)} above the names", "--header LINE names another"
                )
            )
        found += more
    widest = max(len(r.cells) for r in below)
    line = None if at is None else records[at].line
    form = FileFormat("text", encoding, dialect.separator, dialect.quote, dialect.escape, line)
    beyond = max(1, min(widest, 2 * len(names) + 8) - len(names))
    return TextLayout(form, names, below[0].line, beyond, tuple(below), tuple(found))


def _names(record: Record, below: Sequence[Record], text: str) -> tuple[tuple[str, ...], list[Note]]:
    """Names of the columns that hold something: what is empty behind the last of them is separators too many."""
    cells = list(record.cells)
    width = max(record.filled, *(r.filled for r in below))
    spare = len(cells) - max(record.filled, min(width, len(cells)))
    if spare > 0:
        del cells[len(cells) - spare :]
        text = f"left out {spare} column{'s' * (spare > 1)} without a name or a value at the end of the lines"
        return column_names(cells), [Note(text, "remove the separators at the end of the lines")]
    if record.filled == len(cells) and all(r.filled == len(cells) + 1 for r in below) and _are_labels(below, text):
        text = "the lines start with the number of the row, which has no name and is called 'column 1'"
        return column_names(["", *cells]), [Note(text, "write the names with one for it")]
    return column_names(cells), []


def _are_labels(rows: Sequence[Record], text: str) -> bool:
    """Whether rows start with their number in quotes, as R writes tables; without quotes it may have lost its name."""
    lines = text.split("\n")
    first = [r.cells[0].strip() for r in rows]
    quoted = all(lines[r.line - 1].lstrip().startswith(('"', "'")) for r in rows if r.line <= len(lines))
    return quoted and first[0] in ("0", "1") and first == [str(i + int(first[0])) for i in range(len(first))]


def _head(path: Path, encoding: str) -> str:
    with path.open("r", encoding=encoding, errors="replace", newline=None) as file:
        text = file.read(_HEAD)
        return text if len(text) < _HEAD else text + "".join(file.readline() for _ in range(_AND_LINES))
