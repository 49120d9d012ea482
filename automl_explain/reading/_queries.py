"""Queries of databases and of tables -> cells."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError, InputError, MissingExtraError, NotFoundError
from automl_explain.reading._names import column_names
from automl_explain.reading._numbers import EXACT
from automl_explain.reading._sources import LocalFile, without_password
from automl_explain.reading._text_table import TextTable
from automl_explain.reading._typed import as_text, needed, table_of

_PLACE = "the query"
_DATABASES = ("duckdb", "mssql", "mysql", "oracle", "postgresql", "snowflake", "sqlite")
# Numbers that lose nothing as numbers; others, such as 007, stay text for the query too.
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][-+]?\d{1,2})?")


def is_database(source: str | Path | LocalFile) -> bool:
    """Whether a source is the URL of a database, and not of a file."""
    if isinstance(source, LocalFile):
        return False
    scheme, colon, _ = str(source).partition("://")
    if not colon:
        return False
    if scheme.partition("+")[0] in _DATABASES:
        return True
    try:
        import sqlalchemy

        sqlalchemy.make_url(str(source)).get_dialect()
    except Exception:  # of dialects that others register, too
        return False
    return True


def query_chunks(source: str, query: str, chunk_rows: int | None) -> Iterator[TextTable]:
    """The rows that a query of a database gives, all at once or so many at a time.

    Parameters
    ----------
    source : str
        SQLAlchemy URL of the database. DuckDB needs no dialect of SQLAlchemy.
    query : str
    chunk_rows : int or None

    Raises
    ------
    NotFoundError
        If the file of the database is not there.
    InputError
        If the database cannot be reached or refuses the query.
    DataError
        If the query gives no rows.
    MissingExtraError
        If SQLAlchemy or the driver of the database is not installed.
    """
    sqlalchemy = needed("sqlalchemy", "A query of a database")
    try:
        url = sqlalchemy.make_url(source)
    except sqlalchemy.exc.ArgumentError as error:
        raise InputError(
            f"{without_password(source)!r} is no URL of a database. Expected one such as sqlite:///sales.db."
        ) from error
    scheme = url.get_backend_name()
    in_file = scheme in ("sqlite", "duckdb") and url.database not in (None, "", ":memory:")
    if in_file and not url.database.startswith("file:") and not Path(url.database).exists():
        raise NotFoundError(f"There is no database {url.database!r}. Check its name; four slashes start at the root.")
    pieces = _of_duckdb(url.database, query, chunk_rows) if scheme == "duckdb" else _of_sql(url, query, chunk_rows)
    start = 1
    for names, rows in pieces:
        columns = [_database_column([row[j] for row in rows]) for j in range(len(names))]
        lines = np.arange(start, start + len(rows), dtype=np.int64)
        yield table_of(column_names(names), columns, lines, _PLACE)
        start += len(rows)
    if start == 1:
        raise DataError("The query gives no rows. Expected at least one; correct --query.")


def _of_sql(url: Any, query: str, chunk_rows: int | None) -> Iterator[tuple[list[str], Sequence[Any]]]:
    sqlalchemy = needed("sqlalchemy", "A query of a database")
    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect().execution_options(stream_results=True, no_parameters=True) as connection:
            result = connection.exec_driver_sql(query)  # as it stands: colons and percents are no parameters
            if not result.returns_rows:
                raise InputError("The query gives no table. Expected SELECT ... (--query).")
            names = list(result.keys())
            rows = iter([result.fetchall()]) if chunk_rows is None else result.partitions(chunk_rows)
            for piece in rows:
                if piece:
                    yield names, piece
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise MissingExtraError(
            f"SQLAlchemy has no dialect for {url.drivername}. Install the package that brings it."
        ) from error
    except ImportError as error:
        raise MissingExtraError(f"The driver of the database is not here: {error}. Install it.") from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise InputError(_refused(getattr(error, "orig", None) or error, "Correct --query or the URL.")) from error


def _of_duckdb(path: str | None, query: str, chunk_rows: int | None) -> Iterator[tuple[list[str], Sequence[Any]]]:
    duckdb = needed("duckdb", "A query of a DuckDB database")
    in_file = path not in (None, "", ":memory:")
    try:
        with duckdb.connect(path if in_file else ":memory:", read_only=in_file) as connection:
            result = connection.execute(query)
            names = [column[0] for column in result.description or ()]
            while rows := result.fetchall() if chunk_rows is None else result.fetchmany(chunk_rows):
                yield names, rows
    except duckdb.Error as error:
        raise InputError(_refused(error, "Correct --query or the URL.")) from error


def query_of_file(table: TextTable, query: str) -> TextTable:
    """The rows that a query of a table gives, which it calls ``data``.

    Columns of text in which every cell is a plain number are numbers for the query; what it gives is decided about
    as any table.

    Raises
    ------
    InputError
        If the query is refused.
    MissingExtraError
        If DuckDB is not installed.
    """
    duckdb = needed("duckdb", "A query of a file")
    columns = {name: _for_query(table.column(name)) for name in table.names}
    try:
        with duckdb.connect() as connection:
            connection.register("data", pd.DataFrame(columns))
            result = connection.sql(query)
            if result is None:
                raise InputError("The query gives no table. Expected SELECT ... FROM data (--query).")
            found = result.df()
    except duckdb.Error as error:
        raise InputError(_refused(error, "The table is called `data`, and its columns as in the file.")) from error
    made = [found.iloc[:, j] for j in range(found.shape[1])]
    made = [
        _database_column([None if c is None or c != c else c for c in column.tolist()])
        if column.dtype.kind == "O"
        else column
        for column in made
    ]
    lines = np.arange(1, len(found) + 1, dtype=np.int64)
    return table_of(column_names(list(found.columns)), made, lines, _PLACE, table.notes)


def _for_query(cells: pd.Series) -> pd.Series:
    """Plain numbers in text as numbers; other columns as they are."""
    if cells.dtype != object:
        return cells
    texts = [c.strip() if isinstance(c, str) else c for c in cells]
    held = [c for c in texts if c not in (None, "")]
    if not held or not all(isinstance(c, str) and _NUMBER.fullmatch(c) for c in held):
        return cells
    if all(_WHOLE.fullmatch(c) for c in held):
        return pd.Series([int(c) if c else None for c in texts], dtype="Int64")
    return pd.Series([float(c) if c else np.nan for c in texts], dtype=np.float64)


def _refused(error: BaseException, remedy: str) -> str:
    cause = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".!")
    return f"The query is refused: {cause}. {remedy}"


def _database_column(cells: list[Any]) -> pd.Series:
    """Cells of a database: typed where all are of one type, else text."""
    kinds = {type(c) for c in cells if c is not None}
    if kinds == {int}:
        if all(c is None or abs(c) < 2**63 for c in cells):
            return pd.Series(cells, dtype="Int64")
        return pd.Series([None if c is None else str(c) for c in cells], dtype=object)
    if decimal.Decimal in kinds and any(c is not None and abs(c) >= EXACT for c in cells):  # ids, which stay exact
        return pd.Series([None if c is None else as_text(c) for c in cells], dtype=object)
    if kinds and kinds <= {int, float, decimal.Decimal}:
        return pd.Series([np.nan if c is None else float(c) for c in cells], dtype=np.float64)
    if kinds == {bool} and None not in cells:
        return pd.Series(cells, dtype=bool)
    if kinds and kinds <= {datetime.datetime, datetime.date}:
        return pd.to_datetime(pd.Series(cells, dtype=object))
    return pd.Series([None if c is None else as_text(c) for c in cells], dtype=object)
