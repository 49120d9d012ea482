"""Parquet, feather and Excel -> cells, typed where the source has types."""

from __future__ import annotations

import contextlib
import datetime
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import InputError, MissingExtraError
from automl_explain.reading._names import column_names
from automl_explain.reading._notes import Note
from automl_explain.reading._text_table import TextTable

# What pandas calls an index without a name, which has none in a CSV file either.
_SAVED_INDEX = re.compile(r"__index_level_\d+__")


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

            with warnings.catch_warnings():  # that its first form will no longer be read, some day
                warnings.simplefilter("ignore", DeprecationWarning)
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
        names = column_names(["" if _SAVED_INDEX.fullmatch(name) else name for name in table.schema.names])
        yield table_of(names, columns, np.arange(start, start + len(table), dtype=np.int64), place)
        start += len(table)


def _from_arrow(column: Any, field: Any, place: str) -> pd.Series:
    """A column as pandas has it: whole numbers with gaps stay whole, texts are Python objects."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):  # some programs write texts so
        with contextlib.suppress(pa.ArrowInvalid):
            column = column.cast(pa.large_string())
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


def shown(cell: Any) -> str:
    """A cell as text, whole numbers without a decimal point."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)


def as_text(cell: Any) -> str:
    """A cell that has a type, as a text file would have it."""
    if isinstance(cell, datetime.timedelta):
        seconds = round(cell.total_seconds())
        return f"{'-' * (seconds < 0)}{abs(seconds) // 3600}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, (datetime.datetime, datetime.date, datetime.time)):
        return cell.isoformat(" ") if isinstance(cell, datetime.datetime) else cell.isoformat()
    return shown(cell)


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
