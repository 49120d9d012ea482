"""Tables written piece by piece: CSV, JSON lines and parquet."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pandas as pd

from automl_explain.exceptions import InputError, MissingExtraError


class TableWriter(Protocol):
    """Writes pieces of a table one after the other."""

    def write(self, table: pd.DataFrame) -> None:
        """Add rows; their columns are those of the first ones."""

    def close(self) -> None:
        """Write what belongs at the end."""


class CsvWriter:
    """Comma-separated values in UTF-8; numbers are read back to the bit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._header = file, True

    def write(self, table: pd.DataFrame) -> None:
        """Add rows."""
        text = table.to_csv(index=False, header=self._header, lineterminator="\n")
        self._file.write(text.encode("utf-8"))
        self._header = False

    def close(self) -> None:
        """Nothing belongs at the end."""


class JsonLinesWriter:
    """A JSON object on every line, in UTF-8; a missing value is null."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, table: pd.DataFrame) -> None:
        """Add rows."""
        for row in table.to_dict("records"):
            plain = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
            self._file.write(json.dumps(plain, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")

    def close(self) -> None:
        """Nothing belongs at the end."""


class ParquetWriter:
    """Parquet, by pyarrow."""

    def __init__(self, file: BinaryIO) -> None:
        self._arrow = _pyarrow()
        self._file = file
        self._schema: Any = None
        self._writer: Any = None

    def write(self, table: pd.DataFrame) -> None:
        """Add rows."""
        if self._writer is None:
            self._schema = self._arrow.schema([(str(n), self._type(t)) for n, t in table.dtypes.items()])
            self._writer = self._arrow.parquet.ParquetWriter(self._file, self._schema)
        made = self._arrow.Table.from_pandas(table, schema=self._schema, preserve_index=False)
        self._writer.write_table(made.replace_schema_metadata(None))

    def _type(self, dtype: Any) -> Any:
        return self._arrow.string() if dtype.kind == "O" else self._arrow.from_numpy_dtype(dtype)

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


_WRITERS: dict[str, type[CsvWriter] | type[JsonLinesWriter] | type[ParquetWriter]] = {
    ".csv": CsvWriter,
    ".jsonl": JsonLinesWriter,
    ".parquet": ParquetWriter,
}


def writer_for(path: Path) -> type[CsvWriter] | type[JsonLinesWriter] | type[ParquetWriter]:
    """The writer of a file, by its suffix.

    Raises
    ------
    InputError
        If there is none.
    MissingExtraError
        If its package is not installed.
    """
    made = _WRITERS.get(path.suffix.lower())
    if made is None:
        raise InputError(f"--out is {str(path)!r}. Expected a name that ends in {', '.join(_WRITERS)}.")
    if made is ParquetWriter:
        _pyarrow()
    return made


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "Writing parquet needs the pyarrow package, which is not here: pip install automl-explain[tables]. Or name "
            "a .csv or .jsonl file with --out."
        ) from error
    return pyarrow
