"""What the user said about the types of columns."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence

from automl_explain.exceptions import InputError
from automl_explain.reading._forms import Kind

TYPES = ("number", "text", "category", "date", "datetime", "boolean", "time", "duration")


@dataclasses.dataclass(frozen=True)
class TypeOptions:
    """What the user said about the types of columns.

    Parameters
    ----------
    decimal : {",", "."} or None, default None
        Decimal mark of all columns; None to find it out, column by column.
    day_first : bool or None, default None
        Whether 05/06/2023 is 5 June; None to find it out.
    na : tuple of str, default ()
        Further marks of a gap, in all columns.
    types : mapping of str to str, default {}
        Column -> "number", "text", "category", "date", "boolean", "time" or "duration".
    dates : tuple of str, default ()
        Columns of dates, as ``types`` with "date".
    """

    decimal: str | None = None
    day_first: bool | None = None
    na: tuple[str, ...] = ()
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dates: tuple[str, ...] = ()

    def check(self, names: Sequence[str]) -> None:
        """Refuse what no table could fulfil, or this one cannot.

        Raises
        ------
        InputError
            If a column or a type is not known, or the decimal mark is none.
        """
        if self.decimal not in (None, ",", "."):
            raise InputError(f"--decimal is {self.decimal!r}. Expected ',' or '.'.")
        for option, columns in (("--types", self.types), ("--date-column", self.dates)):
            for column in columns:
                if column not in names:
                    near = difflib.get_close_matches(column, names, n=1)
                    hint = f" Did you mean {near[0]!r}?" if near else ""
                    raise InputError(f"There is no column {column!r}, which {option} names.{hint}")
        for column, kind in self.types.items():
            if kind not in TYPES:
                raise InputError(f"--types {column}={kind}: there is no type {kind!r}. Expected {', '.join(TYPES)}.")

    def asked(self, name: str) -> Kind | None:
        """The kind that the user wants for a column."""
        if name in self.dates:
            return "datetime"
        kind = self.types.get(name)
        same: dict[str | None, Kind] = {"date": "datetime", "category": "text"}
        return same.get(kind, kind)  # type: ignore[arg-type]
