"""Rows as JSON carries them, in every common layout, as one DataFrame; what is missing or there twice is named."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automl_explain._frames import as_pandas, name_of
from automl_explain._lazy import is_frame
from automl_explain._lazy import pandas as pd
from automl_explain._validation import listed
from automl_explain.exceptions import InputError

_FORMS = "a list of records (one dict per row), one record, {'columns': [...], 'data': [[...]]} or a DataFrame"


def frame_of(rows: Any, names: Sequence[str | int]) -> pd.DataFrame:
    """DataFrame with a column for every name, in that order, labelled by position.

    Parameters
    ----------
    rows : DataFrame, list, dict, str or bytes
        A table; records; lists of values in the order of ``names``; one record;
        ``{"data": [...]}`` with or without ``"columns"``; pandas' ``{column: {index: value}}``; or JSON text of these.
    names : sequence of str or int
        Columns of training. Others are left out.

    Raises
    ------
    InputError
        If the rows are something else, a column is missing or there twice; names the row and the column.
    """
    rows = as_pandas(rows)
    if isinstance(rows, (str, bytes, bytearray)):
        rows = _parsed(rows)
    if isinstance(rows, Mapping):
        rows = _of_mapping(rows, names)
    if is_frame(rows):
        return _picked(rows, names)
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise InputError(f"Rows must be {_FORMS}; got {name_of(rows)}.")
    values = [_values(i, row, names) for i, row in enumerate(rows)]
    return pd.DataFrame.from_records(values, columns=range(len(names)))


def _parsed(text: str | bytes | bytearray) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The rows are text that is not JSON: {error}. Expected {_FORMS}, as JSON.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a key that is there twice, `json` would keep the last value without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse_twice([key for key, _ in pairs], "a JSON object")
    return found


def _of_mapping(rows: Mapping[Any, Any], names: Sequence[str | int]) -> Any:
    """Records, lists or a DataFrame from what came as one dict."""
    keys = {str(key) for key in rows}
    known = {str(name) for name in names}
    if keys >= known or "data" not in keys:
        if keys and all(isinstance(column, Mapping) for column in rows.values()):
            return _of_columns(rows)
        return [rows]
    data = rows["data"]
    if "columns" not in keys:
        return [data] if isinstance(data, Mapping) else data
    columns = rows["columns"]
    if not isinstance(columns, Sequence) or isinstance(columns, str) or not isinstance(data, Sequence):
        raise InputError("`columns` and `data` must be lists: the names, and the values of every row in their order.")
    _refuse_twice(list(columns), "`columns`")
    for i, row in enumerate(data):
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != len(columns):
            raise InputError(
                f"Row {i} of `data` is {_shown(row)}; expected a list of {len(columns)} values, as `columns`."
            )
    return [dict(zip(map(str, columns), row, strict=True)) for row in data]


def _of_columns(rows: Mapping[Any, Any]) -> pd.DataFrame:
    """What `DataFrame.to_json` writes by default: a dict of index -> value for every column."""
    first, index = next((name, list(column)) for name, column in rows.items())
    for name, column in rows.items():
        apart = sorted(map(str, set(column) ^ set(index)))
        if apart:
            raise InputError(f"Column {name!r} and column {first!r} do not have the same rows: {listed(apart)}.")
    columns = {name: [column[i] for i in index] for name, column in rows.items()}
    _refuse_twice(list(columns), "the rows")
    return pd.DataFrame({name: pd.Series(values, dtype=object).infer_objects() for name, values in columns.items()})


def _picked(frame: pd.DataFrame, names: Sequence[str | int]) -> pd.DataFrame:
    """The columns of training from a DataFrame, labelled by position."""
    given = list(frame.columns)
    _refuse_twice(given, "the rows")
    place = {str(c): i for i, c in enumerate(given)}
    _refuse_missing(None, place, names)
    return frame.iloc[:, [place[str(n)] for n in names]].set_axis(range(len(names)), axis=1)


def _values(i: int, row: Any, names: Sequence[str | int]) -> list[Any]:
    """Values of one row in the order of the names."""
    if isinstance(row, Mapping):
        _refuse_twice(list(row), f"row {i}")
        given = row if all(type(n) is str for n in names) else {str(key): value for key, value in row.items()}
        try:
            return [given[str(n)] for n in names]
        except KeyError:
            _refuse_missing(i, {str(key): key for key in row}, names)
    if not isinstance(row, Sequence) or isinstance(row, (str, bytes)):
        raise InputError(
            f"Row {i} is {_shown(row)}; every row must be a record (a dict of column names and values) or a list of "
            f"{len(names)} values in the order {listed(list(map(str, names)))}."
        )
    if len(row) != len(names):
        raise InputError(
            f"Row {i} has {len(row)} values; expected {len(names)}, in the order {listed(list(map(str, names)))}. "
            "Pass records (dicts) to have the columns found by name."
        )
    return list(row)


def _refuse_missing(i: int | None, given: Mapping[str, Any], names: Sequence[str | int]) -> None:
    missing = [str(n) for n in names if str(n) not in given]
    if not missing:
        return
    close = {m: difflib.get_close_matches(m, given, n=1) for m in missing}
    hints = "; ".join(f"did you mean {c[0]!r} for {m!r}?" for m, c in close.items() if c)
    plural = "s" if len(missing) > 1 else ""
    start = f"Missing column{plural}" if i is None else f"Row {i}: missing column{plural}"
    raise InputError(f"{start} {listed(missing)}; expected {listed(list(map(str, names)))}. {hints}".rstrip())


def _refuse_twice(keys: Sequence[Any], where: str) -> None:
    texts = [str(key) for key in keys]
    if len(set(texts)) < len(texts):
        twice = sorted({t for t in texts if texts.count(t) > 1})
        raise InputError(f"Several columns of {where} are named {listed(twice)}; give every column its own name.")


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
