"""Excel and OpenDocument -> cells with their types."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError, InputError
from automl_explain.reading._dialects import Record, clean_name
from automl_explain.reading._formats import FileFormat, FileOptions
from automl_explain.reading._headers import find_header
from automl_explain.reading._names import column_names, numbered_names
from automl_explain.reading._notes import Note
from automl_explain.reading._text_table import TextTable
from automl_explain.reading._typed import as_text, needed, shown, table_of

_LOOKED_AT = 200  # rows


def read_excel(path: Path, place: str, options: FileOptions, wanted: Sequence[str]) -> tuple[TextTable, FileFormat]:
    """The rows of a sheet; the one that the user names, else the first with the names wanted, else the first with rows.

    Raises
    ------
    InputError
        If it cannot be read, or there is no such sheet.
    DataError
        If it has no rows.
    """
    calamine = needed("python_calamine", "Reading an Excel file")
    try:
        with calamine.CalamineWorkbook.from_path(str(path)) as book:
            sheets = {name: _rows_of(book, name) for name in book.sheet_names}
    except calamine.CalamineError as error:
        raise InputError(f"{place!r} cannot be read as Excel: {str(error).splitlines()[0]}. Save it again.") from error
    name = _sheet(sheets, options.sheet, wanted, place)
    notes = []
    if len(sheets) > 1 and options.sheet is None:
        others = ", ".join(map(repr, (s for s in sheets if s != name)))
        notes.append(Note(f"read sheet {name!r}, and not {others}", "--sheet names another"))
    rows = sheets[name]
    if not any(cell != "" for row in rows for cell in row):
        raise DataError(f"Sheet {name!r} of {place!r} is empty and has no rows. Name another with --sheet.")
    records = [Record(i, tuple(map(shown, row))) for i, row in enumerate(rows[:_LOOKED_AT], 1)]
    at = find_header(records, options.header, wanted, place)
    start = 0 if at is None else at + 1
    body = [(i, row) for i, row in enumerate(rows[start:], start + 1) if any(c != "" for c in row)]
    if not body:
        raise DataError(f"Sheet {name!r} of {place!r} has no rows below the names. Name another with --sheet.")
    width = max(len(row) for row in rows)
    columns = [[row[j] if j < len(row) else "" for _, row in body] for j in range(width)]
    if at is None:
        kept = [j for j in range(width) if any(c != "" for c in columns[j])]
        names = numbered_names(len(kept))
        notes.append(Note(f"the sheet has no names, so its columns are called {names[0]!r} and so on", "--header ROW"))
    else:
        named = [*records[at].cells, *[""] * (width - len(records[at].cells))]
        # Columns beside the table are there for the width of a title, or to look nice.
        kept = [j for j in range(width) if named[j].strip() or any(c != "" for c in columns[j])]
        names = column_names([named[j] for j in kept])
        above = sum(1 for r in records[:at] if r.filled)
        if above:
            notes.append(Note(f"left out {above} row{'s' * (above > 1)} above the names", "--header ROW"))
    cells = [_typed(columns[j]) for j in kept]
    lines = np.array([i for i, _ in body], dtype=np.int64)
    form = FileFormat("excel", header=None if at is None else records[at].line, sheet=name)
    return table_of(names, cells, lines, place, tuple(notes)), form


def _rows_of(book: Any, name: str) -> list[list[Any]]:
    return list(book.get_sheet_by_name(name).to_python(skip_empty_area=False))


def _sheet(sheets: dict[str, list[list[Any]]], said: str | None, wanted: Sequence[str], place: str) -> str:
    if said is not None:
        by_number = dict(zip(map(str, range(1, len(sheets) + 1)), sheets, strict=True))
        name = said if said in sheets else by_number.get(said)
        if name is None:
            raise InputError(
                f"{place!r} has no sheet {said!r} (--sheet). The sheets are {', '.join(map(repr, sheets))}."
            )
        return name
    names = {clean_name(w).casefold() for w in wanted}
    for name, rows in sheets.items():
        if names and any(names <= {clean_name(shown(c)).casefold() for c in row} for row in rows[:200]):
            return name
    return next((name for name, rows in sheets.items() if len(rows) > 1), next(iter(sheets)))


def _typed(cells: list[Any]) -> pd.Series:
    """Cells of a sheet: typed where all are of one type, else text."""
    kinds = {type(c) for c in cells if c != ""}
    if kinds and kinds <= {int, float}:
        return pd.Series([np.nan if c == "" else float(c) for c in cells], dtype=np.float64)
    if kinds == {bool} and "" not in cells:
        return pd.Series(cells, dtype=bool)
    if kinds and kinds <= {datetime.datetime, datetime.date}:
        return pd.to_datetime(pd.Series([None if c == "" else c for c in cells], dtype=object))
    return pd.Series([as_text(c) for c in cells], dtype=object)
