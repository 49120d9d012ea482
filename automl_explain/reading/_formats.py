"""How a file is written: what the user said, and what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from automl_explain.exceptions import CorruptFileError, InputError

FileKind = Literal["text", "parquet", "feather", "excel", "query"]
_KINDS = ("text", "parquet", "feather", "excel", "query")


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """What the user said about how a file is written; what is None is found out.

    Parameters
    ----------
    sep : str, optional
        The character that separates the columns of a text file.
    encoding : str, optional
        Encoding of a text file.
    header : int or "none", optional
        Line of the column names, from 1 (of Excel: row of the sheet); "none" where there are none.
    sheet : str, optional
        Sheet of an Excel file, by name or by number from 1.
    query : str, optional
        SQL: of the database that the source names, or of a file, which it calls ``data``.
    """

    sep: str | None = None
    encoding: str | None = None
    header: int | Literal["none"] | None = None
    sheet: str | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        if self.sep is not None and len(self.sep) != 1:
            raise InputError(f"--sep is {self.sep!r}. Expected one character, such as ';', or tab.")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise InputError(
                    f"--encoding is {self.encoding!r}, which Python does not know. Use a name such as utf-8 or cp1252."
                ) from None


@dataclasses.dataclass(frozen=True)
class FileFormat:
    """How a file is written, as it was found.

    Parameters
    ----------
    kind : {"text", "parquet", "feather", "excel", "query"}
    encoding, separator, quote, escape : str, optional
        Of a text file.
    header : int, optional
        Line of the column names, from 1; None where there are none or the file keeps them apart.
    sheet : str, optional
        Of an Excel file.
    """

    kind: FileKind
    encoding: str | None = None
    separator: str | None = None
    quote: str = '"'
    escape: str | None = None
    header: int | None = None
    sheet: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FileFormat:
        """Read back what `to_json` wrote.

        Raises
        ------
        CorruptFileError
            If it is anything else.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        texts = [data.get(name) for name in ("encoding", "separator", "escape", "sheet")]
        sound = (
            set(data) <= names
            and data.get("kind") in _KINDS
            and all(text is None or isinstance(text, str) for text in texts)
            and isinstance(data.get("quote", '"'), str)
            and type(data.get("header")) in (int, type(None))
        )
        if not sound:
            raise CorruptFileError(f"The form of a file cannot be read: {dict(data)!r}. Write it again with `to_json`.")
        return cls(**data)
