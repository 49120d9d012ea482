"""Which line of a text file is wrong, and in what way."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from automl_explain.reading._dialects import Record
from automl_explain.reading._layouts import TextLayout
from automl_explain.reading._notes import WARNING, Note
from automl_explain.reading._text_table import TextTable

_SHOWN = 5
_LOOKED_AT = 1_000  # lines that may be short


def too_many_cells(place: str, line: int, n_names: int, n_cells: int) -> str:
    """The message for a line with more cells than there are names."""
    return (
        f"{place!r}, line {line} has {n_cells} cells, but there are {n_names} names. Quote cells that hold the "
        "separator, or name the separator with --sep and the line of the names with --header."
    )


def parsing_error(path: Path, place: str, layout: TextLayout, error: Exception) -> str:
    """The message for a file that pandas refuses, with the line where it starts to be wrong."""
    most, last = len(layout.names) + layout.beyond, None
    if "EOF inside string" not in str(error):
        for record in _records(path, layout):
            if len(record.cells) > most:
                return too_many_cells(place, record.line, len(layout.names), len(record.cells))
    else:
        for record in _records(path, layout):
            last = record
        if last is not None:
            return f"{place!r}: a quote in the row of line {last.line} does not end. Close it, or write it twice."
    return f"{place!r} cannot be read as a table: {str(error).splitlines()[0].rstrip('.')}. Say --sep and --encoding."


def short_lines(path: Path, table: TextTable, layout: TextLayout) -> tuple[Note, ...]:
    """A note of lines that end before their last cell; told from lines with an empty last cell."""
    if len(layout.names) < 2:
        return ()
    last = table.cells.iloc[:, -1]
    empty = np.flatnonzero((last.isna() | (last == "")).to_numpy(dtype=bool, na_value=True))[:_LOOKED_AT]
    wanted = set(table.lines[empty].tolist())
    if not wanted:
        return ()
    upto = itertools.takewhile(lambda r: r.line <= max(wanted), _records(path, layout))
    short = [r.line for r in upto if r.line in wanted and 0 < len(r.cells) < len(layout.names)]
    if not short:
        return ()
    shown = ", ".join(f"line {n}" for n in short[:_SHOWN]) + (" ..." if len(short) > _SHOWN else "")
    text = f"{len(short)} line{'s have' if len(short) > 1 else ' has'} fewer cells than names; the others are missing"
    return (Note(text, "look whether the file was cut off", weight=WARNING, details=(shown,)),)


def _records(path: Path, layout: TextLayout) -> Iterator[Record]:
    """All records below the names, with their lines."""
    form = layout.form
    before = csv.field_size_limit(1 << 30)
    try:
        with path.open("rb") as file, io.TextIOWrapper(file, encoding=form.encoding or "utf-8", newline="") as text:
            for _ in range(layout.first_line - 1):
                text.readline()
            reader = csv.reader(
                text,
                delimiter=form.separator or ",",
                quotechar=form.quote,
                escapechar=form.escape,
                skipinitialspace=True,
            )
            line = layout.first_line
            for cells in reader:
                yield Record(line, tuple(cells))
                line = layout.first_line + reader.line_num
    except csv.Error:
        return
    finally:
        csv.field_size_limit(before)
