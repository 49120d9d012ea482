"""Any source of rows -> cells: which reader, for all rows or some at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError
from automl_explain.reading import _excel, _layouts, _line_errors, _queries, _text_files, _typed
from automl_explain.reading._formats import FileFormat, FileKind, FileOptions
from automl_explain.reading._names import without_copies
from automl_explain.reading._sources import LocalFile, local_file
from automl_explain.reading._text_table import TextTable

ARROW_KINDS: dict[str, FileKind] = {"parquet": "parquet", "feather": "feather"}


def read_cells(
    source: str | Path | LocalFile,
    options: FileOptions | None = None,
    wanted: Sequence[str] = (),
    *,
    as_text: bool = False,
) -> tuple[TextTable, FileFormat]:
    """All rows of a source, as cells of which nothing has been decided.

    Parameters
    ----------
    source : str or Path
        A file, packed or not, ``"-"`` for standard input, a URL, or with ``options.query`` the SQLAlchemy URL of a
        database.
    options : FileOptions, optional
        What the user said.
    wanted : sequence of str
        Names of columns that must be there: the line that holds them is that of the names. They come as text.
    as_text : bool, default False
        Whether all columns of a text file come as text; else those of plain numbers, whose text has nothing to add,
        come as numbers, which is several times faster.

    Returns
    -------
    table : TextTable
    form : FileFormat
        How the source is written.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If the source cannot be read as a table; names the line.
    DataError
        If it has no rows.
    MissingExtraError
        If a package that its form needs is not installed.
    """
    options = options or FileOptions()
    if options.query is not None and _queries.is_database(source):
        table = joined(list(_queries.query_chunks(str(source), options.query, None)), str(source))
        return without_copies(table), FileFormat("query")
    with local_file(source) as file:
        return _read_all(file, options, wanted, as_text)


def _read_all(
    file: LocalFile, options: FileOptions, wanted: Sequence[str], as_text: bool
) -> tuple[TextTable, FileFormat]:
    table, form = _read(file, options, wanted if options.query is None else (), as_text)
    table = without_copies(table)
    if options.query is not None:
        table, form = _queries.query_of_file(table, options.query), FileFormat("query")
    if not table.n_rows:
        raise DataError(f"{table.place!r} has no rows. Expected at least one below the column names.")
    return table, form


def _read(file: LocalFile, options: FileOptions, wanted: Sequence[str], as_text: bool) -> tuple[TextTable, FileFormat]:
    if file.content == "excel":
        return _excel.read_excel(file.path, file.place, options, wanted)
    if file.content != "text":
        chunks = _typed.arrow_chunks(file.path, file.place, file.content, None)
        return joined(list(chunks), file.place), FileFormat(ARROW_KINDS[file.content])
    layout = _layouts.find_layout(file.path, file.place, options, wanted)
    table = _text_files.read_rows(file.path, file.place, layout, None if as_text else wanted)
    short = _line_errors.short_lines(file.path, table, layout)
    return dataclasses.replace(table, notes=(*layout.notes, *short)), layout.form


def iter_cells(
    source: str | Path | LocalFile,
    options: FileOptions | None = None,
    *,
    chunk_rows: int = 100_000,
    wanted: Sequence[str] = (),
) -> Iterator[TextTable]:
    """The rows of a source as `read_cells` gives them with ``as_text``, so many at a time.

    Parameters
    ----------
    source, options, wanted
        As for `read_cells`. Excel files and queries of files are read whole.
    chunk_rows : int, default 100000
        Rows of a table.

    Raises
    ------
    NotFoundError, InputError, DataError, MissingExtraError
        As `read_cells`, on the way.
    """
    options = options or FileOptions()
    for i, piece in enumerate(_pieces(source, options, chunk_rows, wanted)):
        table = without_copies(piece)
        yield table if i == 0 else dataclasses.replace(table, notes=())  # they are the same


def _pieces(
    source: str | Path | LocalFile, options: FileOptions, chunk_rows: int, wanted: Sequence[str]
) -> Iterator[TextTable]:
    if options.query is not None and _queries.is_database(source):
        yield from _queries.query_chunks(str(source), options.query, chunk_rows)
        return
    with local_file(source) as file:
        if file.content == "excel" or options.query is not None:
            table, _ = _read_all(file, options, wanted, as_text=False)
            for start in range(0, table.n_rows, chunk_rows):
                yield table.take(np.arange(start, min(start + chunk_rows, table.n_rows)))
        elif file.content == "text":
            layout = _layouts.find_layout(file.path, file.place, options, wanted)
            for table in _text_files.read_chunks(file.path, file.place, layout, chunk_rows):
                yield dataclasses.replace(table, notes=layout.notes)
        else:
            yield from _typed.arrow_chunks(file.path, file.place, file.content, chunk_rows)


def joined(tables: Sequence[TextTable], place: str = "") -> TextTable:
    """Several tables of one source as one.

    Raises
    ------
    DataError
        If there is none.
    """
    if not tables:
        raise DataError(f"{place!r} has no rows. Expected at least one below the column names.")
    if len(tables) == 1:
        return tables[0]
    cells = pd.concat([t.cells for t in tables], ignore_index=True)
    return dataclasses.replace(tables[0], cells=cells, lines=np.concatenate([t.lines for t in tables]))
