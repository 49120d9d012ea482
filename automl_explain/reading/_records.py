"""Rows that arrive one by one, as JSON has them, read by the recipe of a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain._tables._records import frame_of
from automl_explain._tables._schema import TableSchema
from automl_explain.exceptions import DataError, InputError
from automl_explain.reading._cells import clean
from automl_explain.reading._forms import ColumnForm

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?")


def read_records(forms: Sequence[ColumnForm], schema: TableSchema, rows: Any) -> Any:
    """As `TableRecipe.read_records`, with the forms of the columns of the schema."""
    frame = _frame(rows, [form.name for form in forms], schema)
    for j, form in enumerate(forms):
        column = frame.iloc[:, j]
        if column.dtype in (object, bool) or isinstance(column.dtype, pd.StringDtype):
            frame.isetitem(j, _column(column, form))
    return schema.read_frame(frame)


def _frame(rows: Any, names: Sequence[str], schema: TableSchema) -> pd.DataFrame:
    if tuple(names) == schema.names:
        return frame_of(rows, names).copy(deep=False)
    try:
        return frame_of(rows, names).copy(deep=False)
    except InputError as error:
        try:
            return frame_of(rows, schema.names).copy(deep=False)
        except InputError:
            raise error from None


def _column(column: pd.Series, form: ColumnForm) -> pd.Series:
    values = column.tolist()
    known: dict[str, list[int]] = {}
    changed = False
    for i, value in enumerate(values):
        if isinstance(value, str):
            known.setdefault(clean(value), []).append(i)
        elif form.kind == "boolean" and isinstance(value, (bool, np.bool_)):
            values[i], changed = form.words[0 if value else 1], True
    if not known:
        return pd.Series(values, index=column.index, dtype=object) if changed else column
    texts = list(known)
    parsed, gaps = form.parse_each(texts)
    missing = np.isnat(parsed) if parsed.dtype.kind == "M" else pd.isna(parsed)
    for k, places in enumerate(known.values()):
        value = None if gaps[k] else parsed[k]
        if missing[k] and not gaps[k]:
            value = texts[k]
            if form.kind != "datetime" or not _ISO_DATE.fullmatch(value):
                raise DataError(
                    f"Column {form.name!r}, row {places[0]}: {value!r} is not {form.expected()}"
                    + (f" ({len(places)} such rows)." if len(places) > 1 else ".")
                )
        elif parsed.dtype.kind == "M" and value is not None:
            value = pd.Timestamp(value)
        elif isinstance(value, np.generic):
            value = value.item()
        for i in places:
            values[i] = value
    kinds = {type(value) for value in values}
    if kinds <= {int, float, type(None)} or kinds <= {pd.Timestamp, type(None)}:  # as from a list of typed values
        return pd.Series(values, index=column.index)
    return pd.Series(values, index=column.index, dtype=object)
