"""Text files (CSV, TSV and the like) -> cells."""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError, InputError
from automl_explain.reading._dialects import Dialect, find_dialect, find_header, records_of
from automl_explain.reading._encodings import find_encoding
from automl_explain.reading._formats import FileFormat, FileOptions
from automl_explain.reading._names import column_names
from automl_explain.reading._notes import WARNING, Note
from automl_explain.reading._text_table import TextTable

_HEAD = 1 << 18  # characters
# Columns beyond the names, by which lines with too many cells are found.
_BEYOND = 8
_SHOWN = 5
_LINE = re.compile(r"line (\d+), saw (\d+)")
_ROW = re.compile(r"row (\d+)")


@dataclasses.dataclass(frozen=True)
class TextLayout:
    """How a text file is written, and its names.

    Parameters
    ----------
    form : FileFormat
    names : tuple of str
    first_line : int
        Line where the first row starts.
    notes : tuple of Note
    """

    form: FileFormat
    names: tuple[str, ...]
    first_line: int
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
    records = [dataclasses.replace(r, line=r.line + dialect.first_line - 1) for r in records_of(body, dialect)]
    at = find_header(records, options.header, wanted, place)
    found = list(notes)
    if dialect.separator != "," and options.sep is None:
        found.append(Note(f"columns are separated by {dialect.separator!r}", "--sep names another character"))
    if at is None:
        width = max((len(r.cells) for r in records), default=0)
        names, first = tuple(f"column {j + 1}" for j in range(width)), dialect.first_line
        found.append(Note(f"the file has no names, so its columns are called {names[0]!r} and so on", "--header LINE"))
    else:
        if not records:
            raise DataError(f"{place!r} is empty. Expected a line of column names and rows below it.")
        cells = records[at].cells
        while len(cells) > 1 and not cells[-1].strip():  # a separator too many at the end of the names
            cells = cells[:-1]
        names = column_names(cells)
        first = records[at + 1].line if at + 1 < len(records) else _lines(text) + 2
        above = [r for r in records[:at] if r.filled]
        if above:
            found.append(Note(f"left out {len(above)} line{'s' * (len(above) > 1)} above the names", "--header LINE"))
        if at + 1 >= len(records):
            raise DataError(f"{place!r} has column names but no rows. Expected a row on each line below the names.")
    form = FileFormat(
        "text",
        encoding,
        dialect.separator,
        dialect.quote,
        dialect.escape,
        None if at is None else records[at].line,
    )
    return TextLayout(form, names, first, tuple(found))


def read_chunks(path: Path, place: str, layout: TextLayout, chunk_rows: int | None) -> Iterator[TextTable]:
    """The rows of a text file, all at once or so many at a time; names may still be there twice.

    Raises
    ------
    InputError
        If a line has more cells than there are names, or a quote does not end.
    """
    form, width = layout.form, len(layout.names)
    separator = form.separator if form.separator != " " else r"\s+"
    options: dict[str, Any] = {
        "sep": separator,
        "header": None,
        "names": range(width + _BEYOND),
        "index_col": False,
        "dtype": object,
        "keep_default_na": False,
        "na_filter": False,
        "skip_blank_lines": False,
        "skipinitialspace": True,
        "quotechar": form.quote,
        "escapechar": form.escape,
        "encoding": form.encoding,
        "engine": "c",
        "low_memory": False,
        "chunksize": chunk_rows,
    }
    line = layout.first_line
    breaks = _has_breaks(path, form)
    with path.open("rb") as file, codecs.getreader(form.encoding or "utf-8")(file) as text:
        _skip(text, layout.first_line - 1)
        try:
            read = pd.read_csv(text, **options)
            for cells in [read] if chunk_rows is None else read:
                table, line = _table(cells, line, layout, place, breaks)
                if table.n_rows:
                    yield table
        except pd.errors.EmptyDataError:
            return
        except pd.errors.ParserError as error:
            raise InputError(_told(error, layout, place)) from error


def _table(cells: pd.DataFrame, line: int, layout: TextLayout, place: str, breaks: bool) -> tuple[TextTable, int]:
    """Cells with the lines where they start; the line below them."""
    width = len(layout.names)
    cells = cells.reset_index(drop=True)
    lines, after = _starts(cells, line, breaks)
    beyond = cells.iloc[:, width:]
    for j in beyond.columns:
        wrong = np.flatnonzero(beyond[j].to_numpy() != "")
        if wrong.size:
            at = int(wrong[0])
            n_cells = width + 1 + max(k for k in range(_BEYOND) if beyond.iat[at, k] != "")
            raise InputError(_too_many(place, int(lines[at]), width, n_cells))
    cells = cells.iloc[:, :width]
    first = cells.iloc[:, 0].to_numpy()
    candidates = np.flatnonzero(first == "")
    if candidates.size and width > 1:
        blank = (cells.iloc[candidates].to_numpy() == "").all(axis=1)
        if blank.any():
            kept = np.ones(len(cells), dtype=bool)
            kept[candidates[blank]] = False
            cells, lines = cells[kept].reset_index(drop=True), lines[kept]
    return TextTable(layout.names, cells.set_axis(range(width), axis=1), lines, place), after


def _starts(cells: pd.DataFrame, line: int, breaks: bool) -> tuple[np.ndarray, int]:
    """Line where each record starts; records hold line breaks in their quotes."""
    if not breaks:
        return np.arange(line, line + len(cells), dtype=np.int64), line + len(cells)
    taken = np.ones(len(cells), dtype=np.int64)
    for j in cells.columns:
        column = cells[j].to_numpy()
        taken += np.fromiter((c.count("\n") for c in column), np.int64, len(column))
    ends = line + np.cumsum(taken)
    return ends - taken, int(ends[-1]) if len(ends) else line


def find_short_lines(path: Path, table: TextTable, layout: TextLayout) -> tuple[Note, ...]:
    """A note of lines that end before their last cell; told from lines with an empty last cell."""
    last = table.cells.iloc[:, -1].to_numpy()
    candidates = table.lines[last == ""][:1000]
    if not len(candidates) or len(layout.names) < 2:
        return ()
    dialect = Dialect(layout.form.separator or ",", layout.form.quote, layout.form.escape)
    wanted, short = set(candidates.tolist()), []
    with path.open("r", encoding=layout.form.encoding, newline=None) as file:
        for number, text in enumerate(file, 1):
            if number in wanted:
                record = next(iter(records_of(text, dialect, 1)), None)
                if record is not None and 0 < len(record.cells) < len(layout.names):
                    short.append(number)
            if number > candidates[-1]:
                break
    if not short:
        return ()
    shown = ", ".join(f"line {n}" for n in short[:_SHOWN]) + (" ..." if len(short) > _SHOWN else "")
    text = f"{len(short)} line{'s have' if len(short) > 1 else ' has'} fewer cells than names; the others are missing"
    return (Note(text, "look whether the file was cut off", weight=WARNING, details=(shown,)),)


def _head(path: Path, encoding: str) -> str:
    with path.open("r", encoding=encoding, errors="replace", newline=None) as file:
        text = file.read(_HEAD)
        return text if len(text) < _HEAD else text + file.readline()


def _lines(text: str) -> int:
    return text.count("\n")


def _has_breaks(path: Path, form: FileFormat) -> bool:
    """Whether cells may hold line breaks: not if no quote stands in the file."""
    quote = form.quote.encode()
    with path.open("rb") as file:
        return any(quote in block for block in iter(lambda: file.read(1 << 20), b""))


def _skip(text: Any, lines: int) -> None:
    for _ in range(lines):
        text.readline()


def _too_many(place: str, line: int, n_names: int, n_cells: int) -> str:
    return (
        f"{place!r}, line {line} has {n_cells} cells, but there are {n_names} names. Quote cells that hold the "
        "separator, or name the separator with --sep and the line of the names with --header."
    )


def _told(error: Exception, layout: TextLayout, place: str) -> str:
    text = str(error)
    if found := _LINE.search(text):
        line = int(found[1]) + layout.first_line - 1
        return _too_many(place, line, len(layout.names), int(found[2]))
    if "EOF inside string" in text and (found := _ROW.search(text)):
        line = int(found[1]) + layout.first_line
        return f"{place!r}: a quote that starts in line {line} or before does not end. Close it, or write it twice."
    return f"{place!r} cannot be read as a table: {text.splitlines()[0].rstrip('.')}. Say --sep and --encoding."
