"""Columns compared with those of training: given the training's type where that changes no value, else refused.

A column that is empty in a whole batch, codes that were text and come as numbers, or dates of another time zone
are read by a model without complaint, and as something else than in training. `conform` is the one place that
looks: what is exactly the same value gets its training type, everything else is named in a DataError.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain._validation import listed
from automl_explain.exceptions import DataError


class KnownColumn(Protocol):
    """What is known of a raw column; see `automl_explain._tables._schema.ColumnSchema`."""

    @property
    def name(self) -> str | int: ...
    @property
    def kind(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def categories(self) -> tuple[Any, ...]: ...
    @property
    def ordered(self) -> bool: ...
    @property
    def none(self) -> bool: ...
    @property
    def holds(self) -> tuple[str, ...]: ...
    @property
    def empty(self) -> bool: ...


_DATES = {"datetime", "datetime64", "date"}
_WORDS = {"True": True, "False": False, "true": True, "false": False}
_EXPECTED = {
    "number": "numbers",
    "boolean": "True and False",
    "text": "text",
    "category": "categories",
    "datetime": "dates",
    "date": "dates without a time",
    "object": "Python objects of other types",
}
_FIXES = {
    "number": "Convert it first, for example with pandas.to_numeric.",
    "boolean": "Pass True and False.",
    "text": "Read it as text, as in training: pandas.read_csv(..., dtype={{{name!r}: str}}) keeps codes such as '007'.",
    "category": "Pass the same values as in training: {known}.",
    "datetime": "Convert it first, for example with pandas.to_datetime.",
    "date": "Pass datetime.date values, or text such as '2024-02-29'.",
    "object": "Pass values of the type that the model was fitted on.",
}


def family(kind: type) -> str:
    """What values of a Python or NumPy type are to a model: ``"text"``, ``"number"``, ... or the type's name."""
    if issubclass(kind, str):
        return "text"
    if issubclass(kind, (bool, np.bool_)):
        return "boolean"
    if issubclass(kind, (int, float, np.integer, np.floating, decimal.Decimal)):
        return "number"
    if issubclass(kind, (datetime.datetime, np.datetime64)):
        return "datetime"
    return "date" if issubclass(kind, datetime.date) else kind.__name__


def families(column: pd.Series) -> set[str]:
    """What the values of a column are, missing ones left out."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        used = column.cat.categories[np.unique(column.cat.codes[column.cat.codes >= 0])]
        return families(pd.Series(used))
    if str(dtype) == "object":
        return {family(kind) for kind in {type(c) for c in column[column.notna()]}}
    if pd.api.types.is_bool_dtype(dtype):
        return {"boolean"}
    if pd.api.types.is_complex_dtype(dtype):
        return {"complex"}
    if pd.api.types.is_numeric_dtype(dtype):
        return {"number"}
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return {"datetime"}
    return {"text"} if pd.api.types.is_string_dtype(dtype) else {str(dtype).partition("[")[0]}


def missing_values(column: pd.Series) -> set[str]:
    """Which missing values a column of Python objects holds: ``"None"``, ``"NaN"``, ``"NA"``, ``"NaT"``."""
    gaps = column[column.isna()]
    return {"None" if c is None else "NA" if c is pd.NA else "NaT" if c is pd.NaT else "NaN" for c in gaps}


def refuse_other_kinds(unknown: pd.Series, categories: Sequence[Any], where: str) -> None:
    """Numbers among texts, or texts among numbers, are no unknown categories but another coding of the column."""
    known = {family(type(c)) for c in categories}
    for cell in unknown if known else ():
        if family(type(cell)) not in known and cell == cell:  # NaN, which pandas' Float64 may hold, is missing
            raise DataError(
                f"Column {where} holds {cell!r} ({type(cell).__name__}); in training it held other types, such as "
                f"{categories[0]!r} ({type(categories[0]).__name__}). Pass the values as they were in training."
            )


def conform(column: pd.Series, known: KnownColumn, argument: str) -> pd.Series:
    """A column with the type that it had in training; the same object where it has that already.

    Parameters
    ----------
    column : Series
    known : ColumnSchema
        The column of training.
    argument : str
        What the rows are called in errors.

    Raises
    ------
    DataError
        If its values are of another kind; names the column, the row and the value.
    """
    if has_type(column.dtype, known):
        return column
    if str(column.dtype) != known.dtype and column.isna().all():
        return _all_missing(column, known)
    made = _read(column, known)
    if made is None:
        raise DataError(_message(column, known, argument))
    return made


def has_type(dtype: Any, known: KnownColumn) -> bool:
    """Whether a column of this type is as it was in training, whatever its values are."""
    if known.empty:
        return True
    if not isinstance(dtype, pd.CategoricalDtype):
        return known.dtype != "object" and str(dtype) == known.dtype
    if (
        known.kind != "category"
        or bool(dtype.ordered) != known.ordered
        or len(dtype.categories) != len(known.categories)
    ):
        return False
    # True is no 1, though they are equal.
    pairs = zip(dtype.categories, known.categories, strict=True)
    return all(a == b and family(type(a)) == family(type(b)) for a, b in pairs)


def _read(column: pd.Series, known: KnownColumn) -> pd.Series | None:
    """The column as it was in training; None where that would change a value."""
    reader = {
        "number": _number,
        "boolean": _boolean,
        "text": _text,
        "category": _category,
        "datetime": _datetime,
        "date": _date,
        "object": _object,
    }[known.kind]
    return reader(column, known, families(column))


def _all_missing(column: pd.Series, known: KnownColumn) -> pd.Series:
    """An empty column, of the training's type where that has missing values."""
    if known.dtype == "object":
        return pd.Series([None if known.none else np.nan] * len(column), column.index, dtype=object)
    if known.kind == "category":
        dtype = pd.CategoricalDtype(list(known.categories), ordered=known.ordered)
        return pd.Series(pd.Categorical([None] * len(column), dtype=dtype), column.index)
    try:
        made = pd.Series([None] * len(column), column.index, dtype=known.dtype)
        if made.isna().all():  # of None, booleans become False
            return made
    except (TypeError, ValueError):  # whole numbers have no missing value
        pass
    return pd.Series(np.full(len(column), np.nan), column.index)


def _number(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    if "complex" in known.dtype:
        return column if found <= {"number", "boolean", "complex"} else None
    if not found <= {"number", "boolean"}:
        return None
    if column.dtype == object:
        column = pd.to_numeric(column.map(float_of, na_action="ignore").where(column.notna(), np.nan))
    elif isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.to_numeric(column.astype(object).where(column.notna(), np.nan))
    return exactly(column, known.dtype)


def float_of(cell: Any) -> Any:
    """A decimal as the float that a model reads; other numbers as they are."""
    return float(cell) if isinstance(cell, decimal.Decimal) else cell


def _boolean(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    values = column.astype(object)
    present = values[column.notna()]
    if found == {"text"} and all(c in _WORDS for c in present):
        values = values.map(lambda c: _WORDS.get(c, c), na_action="ignore")
    elif not (found <= {"boolean", "number"} and all(c in (0, 1) for c in present)):
        return None
    elif column.isna().any() and known.dtype != "boolean" and found == {"number"}:
        return column  # 0, 1 and NaN are what a model makes of booleans with gaps
    if column.isna().any() and known.dtype != "boolean":
        return values.map(bool, na_action="ignore").astype(object).where(column.notna(), None)
    return values.map(bool, na_action="ignore").astype(known.dtype)


def _text(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    wanted = pd.api.types.pandas_dtype(known.dtype)
    if known.dtype != "object" and not pd.api.types.is_string_dtype(wanted):  # timedelta, period, interval
        return exactly(column, known.dtype) if str(column.dtype).partition("[")[0] in known.dtype else None
    if known.dtype != "object":
        return column.astype(object).where(column.notna(), None).astype(known.dtype) if found <= {"text"} else None
    kinds = {k for k in known.holds if k not in ("None", "NaN", "NA", "NaT")}
    if kinds and not found <= kinds:
        return None
    return with_gaps(column, known)


def with_gaps(column: pd.Series, known: KnownColumn) -> pd.Series:
    """A column of Python objects whose missing values are those of training: encoders tell None from NaN."""
    values = column.astype(object)
    theirs = {k for k in known.holds if k in ("None", "NaN", "NA", "NaT")}
    if not known.holds or missing_values(values) <= theirs:
        return column if column.dtype == object else values
    return values.where(values.notna(), None if theirs == {"None"} else np.nan)


def _category(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    kinds = {family(type(c)) for c in known.categories}
    if kinds and not found <= kinds:
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        given = column.cat.categories
        if list(given) == list(known.categories) and bool(column.cat.ordered) == known.ordered:
            return column
    values = column.astype(object)
    # An unseen value stays a value: the pipeline decides what it does with it.
    extra = [c for c in pd.unique(values.dropna()) if c not in set(known.categories)]
    return values.astype(pd.CategoricalDtype([*known.categories, *extra], ordered=known.ordered))


def _datetime(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    if not found <= {"datetime", "date", "text"}:
        return None
    zone = getattr(pd.api.types.pandas_dtype(known.dtype), "tz", None)
    dates = column
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        try:
            values = column.astype(object)
            dates = pd.to_datetime(values, format="ISO8601", errors="coerce")
        except (TypeError, ValueError):  # offsets of several zones
            dates = pd.to_datetime(column.astype(object), format="ISO8601", errors="coerce", utc=True)
        if (dates.isna() & column.notna()).any():
            return None
    if not pd.api.types.is_datetime64_any_dtype(dates.dtype) or (zone is None) != (dates.dt.tz is None):
        return None
    return exactly(dates if zone is None else dates.dt.tz_convert(zone), known.dtype)


def _date(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    if column.dtype == object and found <= {"date"}:
        return with_gaps(column, known)
    if not found <= {"date", "datetime", "text"}:
        return None
    dates = pd.to_datetime(column.astype(object), format="ISO8601", errors="coerce")
    if not pd.api.types.is_datetime64_any_dtype(dates.dtype) or dates.dt.tz is not None:
        return None
    if (dates.isna() & column.notna()).any() or (dates.dropna() != dates.dropna().dt.normalize()).any():
        return None
    return with_gaps(dates.dt.date.astype(object).where(dates.notna(), None), known)


def _object(column: pd.Series, known: KnownColumn, found: set[str]) -> pd.Series | None:
    if known.dtype == "category":
        return column if isinstance(column.dtype, pd.CategoricalDtype) and not found <= {"text", "number"} else None
    kinds = {k for k in known.holds if k not in ("None", "NaN", "NA", "NaT")}
    return column if column.dtype == object and (not kinds or found <= kinds) else None


def exactly(column: pd.Series, dtype: str) -> pd.Series:
    """Numbers, dates or spans as a type, if that changes none of them; else as they are."""
    wanted = pd.api.types.pandas_dtype(dtype)
    if column.dtype == wanted:
        return column
    try:
        with np.errstate(all="ignore"):
            made = column.astype(wanted)
            back = made.astype(column.dtype)
    except (TypeError, ValueError, OverflowError):
        return column
    large = pd.api.types.is_integer_dtype(column.dtype) and (column.dropna().abs() > 2**53).any()
    if large and not pd.api.types.is_integer_dtype(wanted):
        return column
    same = (back == column).fillna(False).astype(bool) | (back.isna() & column.isna())
    return made if same.all() and (made.isna() == column.isna()).all() else column


def _message(column: pd.Series, known: KnownColumn, argument: str) -> str:
    """Which value is of another kind than in training, and the way on."""
    at = _first_refused(column, known)
    value = column.astype(object).iloc[at]
    fix = _FIXES[known.kind].format(name=known.name, known=listed(known.categories))
    if known.kind == "datetime" and family(type(value)) in ("datetime", "text"):
        known_zone = getattr(pd.api.types.pandas_dtype(known.dtype), "tz", None)
        zone = "no time zone" if known_zone is None else f"the time zone {known_zone}"
        fix = f"In training they had {zone}; use pandas.to_datetime or `.dt.tz_convert`, or pass ISO text."
    if isinstance(value, (list, tuple, dict, set)):
        fix = f"Spread the {type(value).__name__} over columns of its own, or fit the model on text."
    return (
        f"Column {known.name!r} of `{argument}`, row {at}: {value!r} ({column.dtype}) is not of the training's type; "
        f"the training rows have {_EXPECTED[known.kind]} there ({known.dtype}). {fix}"
    )


def _first_refused(column: pd.Series, known: KnownColumn) -> int:
    """Position of the first value that cannot be read, found by halving."""
    present = np.flatnonzero(column.notna())
    low, high = 0, len(present)
    while high - low > 1:
        middle = (low + high) // 2
        readable = _read(column.iloc[present[:middle]], known) is not None
        low, high = (middle, high) if readable else (low, middle)
    return int(present[low])


def is_text(column: pd.Series) -> bool:
    """Whether values of this column are text that stands for no numbers."""
    if not pd.api.types.is_object_dtype(column.dtype) and not isinstance(column.dtype, pd.StringDtype):
        return False
    cells = column.dropna()
    if not any(isinstance(cell, str) for cell in cells):
        return False
    try:
        cells.astype(object).astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return True
    return False


def is_date(column: pd.Series) -> bool:
    """Whether values of this column are points in time."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    return pd.api.types.is_object_dtype(column.dtype) and pd.api.types.infer_dtype(column, skipna=True) in _DATES
