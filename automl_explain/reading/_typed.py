"""Parquet, feather and Excel -> cells, typed where the source has types."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError, InputError, MissingExtraError
from automl_explain.reading._dialects import Record, clean_name
from automl_explain.reading._formats import FileFormat, FileOptions
from automl_explain.reading._headers import find_header
from automl_explain.reading._names import column_names, numbered_names
from automl_explain.reading._notes import Note
from automl_explain.reading._text_table import TextTable


def arrow_chunks(path: Path, place: str, content: str, chunk_rows: int | None) -> Iterator[TextTable]:
    """The rows of a parquet or feather file, all at once or so many at a time.

    Raises
    ------
    InputError
        If it cannot be read, or a column holds lists or records.
    MissingExtraError
        If pyarrow is not installed.
    """
    return cells_of_arrow(arrow_tables(path, place, content, chunk_rows), place)


def arrow_tables(path: Path, place: str, content: str, chunk_rows: int | None) -> Iterator[Any]:
    """The same rows as tables of pyarrow."""
    pa = needed("pyarrow", f"Reading a {content} file")
    with _refused(pa, place, content):
        if content == "parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path, pre_buffer=chunk_rows is None) as file:
                if chunk_rows is None:
                    yield file.read()
                else:
                    yield from (pa.Table.from_batches([b]) for b in file.iter_batches(chunk_rows))
        elif chunk_rows is None or _is_first_feather(path):
            import pyarrow.feather as feather

            table = feather.read_table(path)
            step = chunk_rows or max(1, len(table))
            yield from (table.slice(i, step) for i in range(0, max(1, len(table)), step))
        else:
            with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as file:
                for i in range(file.num_record_batches):
                    table = pa.Table.from_batches([file.get_batch(i)])
                    yield from (table.slice(j, chunk_rows) for j in range(0, len(table), chunk_rows))


def arrow_shape(path: Path, place: str, content: str) -> tuple[int, int]:
    """Rows and columns of a parquet or feather file, from what it says of itself."""
    pa = needed("pyarrow", f"Reading a {content} file")
    with _refused(pa, place, content):
        import pyarrow.dataset as ds

        if content == "feather" and _is_first_feather(path):
            table = next(arrow_tables(path, place, content, None))
            return len(table), table.num_columns
        held = ds.dataset(path, format=content)
        return held.count_rows(), len(held.schema)


def _is_first_feather(path: Path) -> bool:
    """Whether a file is feather as it was before 2020, which is read at once."""
    with path.open("rb") as file:
        return file.read(4) == b"FEA1"


@contextlib.contextmanager
def _refused(pa: Any, place: str, content: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(
            f"{place!r} cannot be read as {content}: {str(error).splitlines()[0]}. Write it again."
        ) from error


def cells_of_arrow(tables: Iterator[Any], place: str) -> Iterator[TextTable]:
    """Tables of pyarrow as cells."""
    start = 1
    for table in tables:
        columns = [_from_arrow(table.column(j), table.schema.field(j), place) for j in range(table.num_columns)]
        names = column_names(table.schema.names)
        yield table_of(names, columns, np.arange(start, start + len(table), dtype=np.int64), place)
        start += len(table)


def _from_arrow(column: Any, field: Any, place: str) -> pd.Series:
    """A column as pandas has it: whole numbers with gaps stay whole, texts are Python objects."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise InputError(
            f"{place!r}: column {field.name!r} holds {kind}. Expected numbers, text, dates or booleans; spread it over "
            "columns of its own, or leave it out."
        )
    if pa.types.is_integer(kind) and column.null_count:
        return pd.Series(
            column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get, integer_object_nulls=True)
        ).astype("UInt64" if pa.types.is_unsigned_integer(kind) else "Int64")
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view() or pa.types.is_null(kind):
        return pd.Series(column.to_pylist(), dtype=object)
    made = column.to_pandas()
    return made if isinstance(made, pd.Series) else pd.Series(made)


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
    rows = sheets[name]
    if not any(cell != "" for row in rows for cell in row):
        raise DataError(f"Sheet {name!r} of {place!r} is empty and has no rows. Name another with --sheet.")
    records = [Record(i, tuple(map(_shown, row))) for i, row in enumerate(rows[:200], 1)]
    at = find_header(records, options.header, wanted, place)
    notes = []
    if len(sheets) > 1 and options.sheet is None:
        others = ", ".join(map(repr, (s for s in sheets if s != name)))
        notes.append(Note(f"read sheet {name!r}, and not {others}", "--sheet names another"))
    width = max(map(len, rows), default=0)
    if at is None:
        names = numbered_names(width)
        notes.append(Note(f"the sheet has no names, so its columns are called {names[0]!r} and so on", "--header ROW"))
    else:
        named = list(rows[at]) + [""] * (width - len(rows[at]))
        names = column_names([_shown(c) for c in named])
        above = sum(1 for r in records[:at] if r.filled)
        if above:
            notes.append(Note(f"left out {above} row{'s' * (above > 1)} above the names", "--header ROW"))
    start = 0 if at is None else at + 1
    body = [(i + 1, row) for i, row in enumerate(rows) if i >= start and any(c != "" for c in row)]
    if not body:
        raise DataError(f"Sheet {name!r} of {place!r} has no rows below the names. Name another with --sheet.")
    columns = [[row[j] if j < len(row) else "" for _, row in body] for j in range(width)]
    unnamed = [j for j in range(width) if at is not None and not _shown(named[j]).strip()]
    kept = [j for j in range(width) if j not in unnamed or any(c != "" for c in columns[j])]
    table = table_of(
        tuple(names[j] for j in kept),
        [_excel_column(columns[j]) for j in kept],
        np.array([i for i, _ in body], dtype=np.int64),
        place,
        tuple(notes),
    )
    return table, FileFormat("excel", header=None if at is None else records[at].line, sheet=name)


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
        if names and any(names <= {clean_name(_shown(c)).casefold() for c in row} for row in rows[:200]):
            return name
    return next((name for name, rows in sheets.items() if len(rows) > 1), next(iter(sheets)))


def _shown(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)


def _excel_column(cells: list[Any]) -> pd.Series:
    """Cells of a sheet: typed where all are of one type, else text."""
    kinds = {type(c) for c in cells if c != ""}
    if kinds and kinds <= {int, float}:
        return pd.Series([np.nan if c == "" else float(c) for c in cells], dtype=np.float64)
    if kinds == {bool} and "" not in cells:
        return pd.Series(cells, dtype=bool)
    if kinds and kinds <= {datetime.datetime, datetime.date}:
        return pd.to_datetime(pd.Series([None if c == "" else c for c in cells], dtype=object))
    return pd.Series([as_text(c) for c in cells], dtype=object)


def as_text(cell: Any) -> str:
    """A cell that has a type, as a text file would have it."""
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, (datetime.datetime, datetime.date, datetime.time)):
        return cell.isoformat(" ") if isinstance(cell, datetime.datetime) else cell.isoformat()
    return _shown(cell)


def table_of(
    names: tuple[str, ...], columns: list[pd.Series], lines: np.ndarray, place: str, notes: tuple[Note, ...] = ()
) -> TextTable:
    """Columns of any index as a table."""
    index = pd.RangeIndex(len(lines))
    cells = pd.DataFrame({j: column.set_axis(index) for j, column in enumerate(columns)}, index=index)
    return TextTable(names, cells, lines, place, notes)


def needed(package: str, what: str) -> Any:
    """A package of the extra ``tables``."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"{what} needs the {package} package, which is not here: pip install automl-explain[tables]."
        ) from error
