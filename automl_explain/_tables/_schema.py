"""TableSchema: the names and types of a raw table, kept so that rows arriving as JSON get them back."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain._tables._records import frame_of
from automl_explain._tables._types import conform, families, family, has_type, missing_values
from automl_explain._validation import in_order
from automl_explain.exceptions import DataError, InputError

Kind = Literal["number", "boolean", "category", "datetime", "text", "date", "object"]


@dataclasses.dataclass(frozen=True)
class ColumnSchema:
    """Name and type of one raw column.

    Parameters
    ----------
    name : str or int
        Column label.
    kind : {"number", "boolean", "category", "datetime", "text", "date", "object"}
        What the values are: ``date`` for ``datetime.date``, ``object`` for what JSON cannot carry.
    dtype : str
        The pandas dtype to restore.
    categories : tuple, default ()
        The categories of a ``category`` column, in order.
    ordered : bool, default False
        Whether those categories are ordered.
    none : bool, default False
        Whether missing values of a column of Python objects are None, not NaN; encoders tell them apart.
    holds : tuple of str, default ()
        What a column of Python objects holds, missing values included: ``"text"``, ``"number"``, ``"None"``, ...;
        empty for other types, and where it is not known.
    empty : bool, default False
        Whether every value was missing, so that nothing is known of its type.
    """

    name: str | int
    kind: Kind
    dtype: str
    categories: tuple[Any, ...] = ()
    ordered: bool = False
    none: bool = False
    holds: tuple[str, ...] = ()
    empty: bool = False

    @classmethod
    def of(cls, name: str | int, column: pd.Series) -> ColumnSchema:
        """Schema of a pandas column."""
        empty = len(column) > 0 and bool(column.isna().all())
        return dataclasses.replace(cls._of(name, column), empty=True) if empty else cls._of(name, column)

    @classmethod
    def _of(cls, name: str | int, column: pd.Series) -> ColumnSchema:
        dtype = column.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            plain = tuple(c.item() if isinstance(c, np.generic) else c for c in dtype.categories)
            if all(isinstance(c, (str, bool, int, float)) for c in plain):
                return cls(name, "category", "category", plain, bool(dtype.ordered))
            return cls(name, "object", "category")
        if pd.api.types.is_datetime64_any_dtype(dtype):
            return cls(name, "datetime", str(dtype))
        if pd.api.types.is_bool_dtype(dtype):
            return cls(name, "boolean", str(dtype))
        if pd.api.types.is_numeric_dtype(dtype):
            return cls(name, "number", str(dtype))
        if str(dtype) == "object":
            gaps = missing_values(column)
            holds = (*sorted(families(column)), *sorted(gaps))
            return cls(name, _object_kind(column), "object", none="None" in gaps, holds=holds)
        return cls(name, "text", str(dtype))

    def read(self, column: pd.Series) -> pd.Series:
        """Values as this column's type.

        Raises
        ------
        DataError
            If a value cannot be read as this type; names the column, the row and the value.
        """
        if len(column) == 0:
            return self._no_rows()
        reader = {
            "number": self._read_number,
            "boolean": self._read_boolean,
            "category": self._read_category,
            "datetime": self._read_datetime,
            "text": self._read_text,
            "date": self._read_date,
            "object": self._read_object,
        }[self.kind]
        return reader(column)

    def _no_rows(self) -> pd.Series:
        if self.kind == "category":
            return pd.Series(pd.Categorical([], categories=list(self.categories), ordered=self.ordered))
        return pd.Series([], dtype="object" if self.dtype.startswith(("<U", "|S")) else self.dtype)

    def _read_number(self, column: pd.Series) -> pd.Series:
        try:
            cells = column if pd.api.types.is_numeric_dtype(column.dtype) else pd.to_numeric(column, errors="coerce")
        except OverflowError as error:
            raise DataError(f"Column {self.name!r} holds a whole number too large for any number type.") from error
        self._refuse(column, cells.isna() & ~column.isna(), "a number")
        if str(cells.dtype) == self.dtype:
            return cells
        wanted = pd.api.types.pandas_dtype(self.dtype)
        return cells.astype(wanted if _has_room(wanted, cells) else "float64")

    def _read_boolean(self, column: pd.Series) -> pd.Series:
        known = {True: True, False: False, "true": True, "false": False, "True": True, "False": False}
        cells = column.astype(object).map(
            lambda c: known.get(c) if isinstance(c, (bool, np.bool_, int, float, str)) else None
        )
        self._refuse(column, cells.isna() & ~column.isna(), "true or false")
        if cells.isna().any():
            return cells.astype("boolean") if self.dtype == "boolean" else cells.astype(object)
        return cells.astype(self.dtype)

    def _read_category(self, column: pd.Series) -> pd.Series:
        self._refuse(column, _nested(column), "a category (text, a number, true or false)")
        present = pd.Series(column.astype(object)).dropna()
        # An unseen value stays a value: the pipeline decides what it does with it, not this reader.
        extra = [c for c in pd.unique(present) if c not in set(self.categories)]
        dtype = pd.CategoricalDtype([*self.categories, *extra], ordered=self.ordered)
        return column.astype(object).astype(dtype)

    def _read_date(self, column: pd.Series) -> pd.Series:
        cells = column.map(_as_date)
        self._refuse(column, cells.isna() & ~column.isna(), "a date (ISO 8601 text)")
        return cells.astype(object).where(cells.notna(), None if self.none else np.nan)

    def _read_object(self, column: pd.Series) -> pd.Series:
        # As text they would equal no value that the pipeline knows, and be scored as unknown without a word.
        bare = column.map(lambda c: isinstance(c, (str, bool, int, float)) and not pd.isna(c))
        self._refuse(column, bare, "of the type it had in training, which JSON cannot carry; pass a DataFrame")
        return column

    def _read_datetime(self, column: pd.Series) -> pd.Series:
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            cells = column
        elif pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
            cells = _since_1970(column)
        else:
            cells = _read_dates(column)
        self._refuse(column, cells.isna() & ~column.isna(), "a date (ISO 8601 text or milliseconds since 1970)")
        wanted = pd.api.types.pandas_dtype(self.dtype)
        zone = getattr(wanted, "tz", None)
        if zone is not None and cells.dt.tz is None:
            cells = cells.dt.tz_localize("UTC").dt.tz_convert(zone)
        elif zone is None and cells.dt.tz is not None:
            cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
        return cells.astype(wanted)

    def _read_text(self, column: pd.Series) -> pd.Series:
        self._refuse(column, _nested(column), "text")
        kinds = set(self.holds) if self.dtype == "object" else {"text"}
        if kinds & {"text", "number", "boolean"}:
            # A code such as "007" that comes as the number 7 would be another category, or none.
            others = column.map(lambda c: family(type(c)) not in kinds, na_action="ignore").eq(True)
            self._refuse(column, others & ~column.isna(), "text" if "text" in kinds else "of the training's type")
        if self.dtype == "object":
            return column.astype(object).where(column.notna(), None if self.none else np.nan)
        if str(column.dtype) == self.dtype or self.dtype.startswith(("<U", "|S")):
            return column
        return column.astype(object).where(column.notna(), None).astype(self.dtype)

    def _refuse(self, column: pd.Series, bad: pd.Series, expected: str) -> None:
        wrong = np.flatnonzero(bad.to_numpy(dtype=bool))
        if wrong.size:
            cell = column.astype(object).iloc[wrong[0]]
            raise DataError(
                f"Column {self.name!r}, row {wrong[0]}: {cell!r} is not {expected}"
                + (f" ({wrong.size} such rows)." if wrong.size > 1 else ".")
            )


def _has_room(wanted: Any, cells: pd.Series) -> bool:
    """Whether a numeric type holds these values; casting to one that does not wraps around without a word."""
    limits = getattr(wanted, "numpy_dtype", wanted)
    present = cells.dropna()
    if pd.api.types.is_integer_dtype(wanted):
        if len(present) < len(cells) and isinstance(wanted, np.dtype):
            return False
        if present.empty:
            return True
        known = np.iinfo(limits)
        return bool((present % 1 == 0).all()) and known.min <= int(present.min()) and int(present.max()) <= known.max
    if pd.api.types.is_float_dtype(wanted):
        sizes = np.abs(present.to_numpy(dtype=np.float64))
        return not (sizes[np.isfinite(sizes)] > np.finfo(limits).max).any()
    return True


def _read_dates(column: pd.Series) -> pd.Series:
    """Dates from ISO 8601 text, with or without an offset, and from milliseconds; NaT for what is neither."""
    cells = column.astype(object)
    number = cells.map(lambda c: isinstance(c, (int, float)) and not isinstance(c, bool))
    text = pd.to_datetime(cells.mask(number), errors="coerce", format="ISO8601", utc=True)
    if not number.any():
        return text
    return text.where(~number, _since_1970(pd.to_numeric(cells.where(number), errors="coerce")))


def _since_1970(milliseconds: pd.Series) -> pd.Series:
    """Dates from milliseconds, which `DataFrame.to_json` and JavaScript write; NaT beyond JavaScript's range."""
    # Some versions of pandas raise for larger numbers in spite of "coerce".
    known = milliseconds.where(milliseconds.abs() <= 8.64e15)
    return pd.to_datetime(known, unit="ms", errors="coerce", utc=True)


def _nested(column: pd.Series) -> pd.Series:
    """Which values are lists or records, that neither compare nor hash."""
    return column.astype(object).map(lambda c: isinstance(c, (list, dict, set)))


def _object_kind(column: pd.Series) -> Kind:
    """Whether the values of a column of Python objects are text, dates, or something JSON cannot carry."""
    present = column.dropna()
    if len(present) and all(type(c) is datetime.date for c in present):
        return "date"
    plain = all(isinstance(c, (str, bool, int, float, np.generic, decimal.Decimal)) for c in present)
    return "text" if plain else "object"


def _as_date(cell: Any) -> Any:
    if isinstance(cell, datetime.datetime):
        return cell.date()
    if not isinstance(cell, str):
        return cell if isinstance(cell, datetime.date) else None
    try:
        return datetime.datetime.fromisoformat(cell).date()
    except ValueError:
        return None


@dataclasses.dataclass(frozen=True)
class TableSchema:
    """Names and types of the columns of a raw table, in order.

    Parameters
    ----------
    columns : tuple of ColumnSchema
        The columns.
    container : {"frame", "array", "sparse"}
        What the pipeline was given: a DataFrame, an ndarray or a scipy sparse matrix.
    """

    columns: tuple[ColumnSchema, ...]
    container: Literal["frame", "array", "sparse"] = "frame"

    @property
    def names(self) -> tuple[str | int, ...]:
        """Column names."""
        return tuple(c.name for c in self.columns)

    @classmethod
    def of(cls, table: Any, names: Iterable[str | int] | None = None) -> TableSchema:
        """Schema of a DataFrame, an ndarray or a scipy sparse matrix of shape (n_rows, n_raw)."""
        if is_frame(table):
            labels = list(table.columns) if names is None else list(names)
            return cls(tuple(ColumnSchema.of(n, table.iloc[:, i]) for i, n in enumerate(labels)))
        labels = list(range(table.shape[1])) if names is None else list(names)
        if is_sparse(table) or table.dtype != object:
            kind: Kind = "text" if table.dtype.kind in "US" else "number"
            columns = tuple(ColumnSchema(n, kind, str(table.dtype)) for n in labels)
        else:
            columns = tuple(ColumnSchema.of(n, pd.Series(table[:, j], dtype=object)) for j, n in enumerate(labels))
        return cls(columns, "sparse" if is_sparse(table) else "array")

    def read(self, rows: Any) -> Any:
        """Rows as the table that the pipeline was trained on: same columns, order and types.

        Parameters
        ----------
        rows : list, dict, DataFrame, str or bytes
            Records as JSON gives them, one per row, or another layout: lists of values in the order of the
            columns, one record, ``{"data": [...]}`` with or without ``"columns"``, pandas'
            ``{column: {index: value}}``, a table, or JSON text of these. Columns in excess are left out; missing
            values are ``None`` or NaN. No rows give an empty table of the same types.

        Returns
        -------
        DataFrame, ndarray or csr_matrix of shape (n_rows, n_raw)

        Raises
        ------
        InputError
            If the rows are something else, or a column is missing or there twice.
        DataError
            If a value cannot be read as its column's type.
        """
        return self.read_frame(frame_of(rows, self.names))

    def read_frame(self, frame: pd.DataFrame) -> Any:
        """As `read`, of values whose columns are in order already."""
        columns = [c.read(frame.iloc[:, i]) for i, c in enumerate(self.columns)]
        result = pd.concat(columns, axis=1).set_axis(list(self.names), axis=1) if columns else frame
        if self.container == "frame":
            return result
        if self.container == "sparse":
            return sp.csr_matrix(result.to_numpy(dtype=np.float64))
        return result.to_numpy()

    def conform(self, rows: Any, argument: str = "X_test", *, types: tuple[Any, ...] | None = None) -> Any:
        """Rows of a table with the columns' order and types of training; the same object where they have them already.

        Parameters
        ----------
        rows : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        argument : str, default "X_test"
            What the rows are called in errors.
        types : tuple of dtype, optional
            Of the columns of a DataFrame that are in order, where they have been looked at already.

        Raises
        ------
        InputError
            If columns are missing or surplus.
        DataError
            If the values of a column are of another kind than in training; names the column, the row and the value.
        """
        if is_frame(rows) and self.container == "frame":
            ordered = in_order(rows, self.names, argument)
            rows, types = ordered, types if ordered is rows else None
        elif rows.shape[1] != len(self.columns):
            raise InputError(
                f"`{argument}` has {rows.shape[1]} columns; the model was trained on {len(self.columns)}. Pass the "
                "same raw columns."
            )
        if is_frame(rows):
            return self._conform_columns(rows, self.columns, argument, types)
        return self._conform_array(rows, argument)

    def named(self, names: Sequence[str | int]) -> TableSchema:
        """The same columns under other names."""
        columns = (dataclasses.replace(c, name=n) for c, n in zip(self.columns, names, strict=True))
        return dataclasses.replace(self, columns=tuple(columns))

    @staticmethod
    def _conform_columns(
        rows: pd.DataFrame, known: Sequence[ColumnSchema], argument: str, types: tuple[Any, ...] | None = None
    ) -> pd.DataFrame:
        changed = {}
        for j, (dtype, schema) in enumerate(zip(rows.dtypes if types is None else types, known, strict=True)):
            if has_type(dtype, schema):  # known without the column, which costs more to take than to look at
                continue
            column = rows.iloc[:, j]
            made = conform(column, schema, argument)
            if made is not column:
                changed[j] = made
        if not changed:
            return rows
        rows = rows.copy(deep=False)
        for j, made in changed.items():
            rows.isetitem(j, made)
        return rows

    def _conform_array(self, rows: Any, argument: str) -> Any:
        numeric = all(c.kind in ("number", "boolean") for c in self.columns)
        if is_sparse(rows) or (rows.dtype.kind in "biuf" and numeric):
            return rows
        frame = pd.DataFrame(rows).astype(object)
        made = self._conform_columns(frame, self.columns, argument)
        if self.container != "array":
            return rows  # positions of a DataFrame's columns: compared, and left in their container
        if numeric and rows.dtype.kind not in "c":
            return made.to_numpy(dtype=np.float64)
        return made.to_numpy(dtype=object) if self.columns[0].dtype == "object" else rows

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back."""
        return {"container": self.container, "columns": [dataclasses.asdict(c) for c in self.columns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TableSchema:
        """Read back what `to_json` wrote."""
        columns = (
            ColumnSchema(**{**c, "categories": tuple(c["categories"]), "holds": tuple(c.get("holds", ()))})
            for c in data["columns"]
        )
        return cls(tuple(columns), data["container"])
