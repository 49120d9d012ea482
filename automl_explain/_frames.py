"""Tables of polars and pyarrow as pandas DataFrames with the same types; those of other libraries are refused by name.

Neither library is imported: their objects bring what is asked of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.exceptions import DataError, InputError

_EXACT = 2**53  # whole numbers up to here are exact as floats
# Calls that bring rows of other libraries into memory, by the package of their type.
_CALLS = {
    "polars": "collect()",
    "pyspark": "toPandas()",
    "dask": "compute()",
    "duckdb": "df()",
    "ibis": "to_pandas()",
    "h2o": "as_data_frame()",
    "vaex": "to_pandas_df()",
    "datasets": "to_pandas()",
}


def as_pandas(rows: Any) -> Any:
    """A polars or pyarrow table (or polars Series) as pandas; anything else as it is.

    Whole numbers with gaps become floats where these are exact, else nullable integers; booleans with gaps become
    nullable booleans; dates become datetime64; decimals become floats.

    Raises
    ------
    DataError
        If a column holds lists, records or bytes.
    """
    package, kind = type(rows).__module__.partition(".")[0], type(rows).__name__
    if package == "polars" and kind == "DataFrame":
        columns = [_of_polars(rows.to_series(j)) for j in range(rows.width)]
        return _framed(columns, rows.columns, rows.height)
    if package == "polars" and kind == "Series":
        return _of_polars(rows).rename(rows.name or None)
    if package == "pyarrow" and kind in ("Table", "RecordBatch"):
        return _of_arrow(rows)
    return rows


def name_of(rows: Any) -> str:
    """Type of rows for a message, with the package of another library."""
    package, kind = type(rows).__module__.partition(".")[0], type(rows).__name__
    return kind if package in ("builtins", "numpy", "pandas", "scipy", "__main__") else f"{package} {kind}"


def call_for(rows: Any) -> str:
    """How rows of another library become a table that can be read."""
    package = type(rows).__module__.partition(".")[0]
    known = _CALLS.get(package)
    if known is None and callable(getattr(rows, "to_pandas", None)):
        known = "to_pandas()"
    return "Wrap a list with numpy.asarray or pandas.DataFrame." if known is None else f"Pass `rows.{known}`."


def _framed(columns: list[Any], names: list[str], n_rows: int) -> pd.DataFrame:
    frame = pd.DataFrame(dict(enumerate(columns)), index=range(n_rows))
    return frame.set_axis(list(names), axis=1)


def _of_polars(column: Any) -> pd.Series:
    kind = str(column.dtype.base_type())
    if column.dtype.is_integer():
        if not column.null_count():
            return pd.Series(np.array(column.to_numpy()))
        return _whole(column.to_list(), lambda: column.cast(float).to_numpy())
    if column.dtype.is_float() or kind in ("Decimal", "Null"):
        return pd.Series(np.array(column.cast(float).to_numpy() if kind != "Float32" else column.to_numpy()))
    if kind == "Boolean":
        return pd.Series(column.to_list(), dtype="boolean" if column.null_count() else bool)
    if kind == "String":
        return _texts(column.to_list())
    if kind in ("Categorical", "Enum"):
        known = column.dtype.categories.to_list() if kind == "Enum" else None
        return pd.Series(pd.Categorical(column.to_list(), categories=known, ordered=kind == "Enum"))
    if kind == "Date":
        return pd.Series(np.array(column.to_numpy()).astype("datetime64[s]"))
    if kind == "Datetime":
        zone = column.dtype.time_zone
        instants = column if zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        dates = pd.Series(np.array(instants.to_numpy()))
        return dates if zone is None else dates.dt.tz_localize("UTC").dt.tz_convert(zone)
    if kind == "Duration":
        return pd.Series(np.array(column.to_numpy()))
    if kind == "Time":
        return pd.Series(column.to_list(), dtype=object)
    raise _nested(column.name, column.dtype)


def _of_arrow(table: Any) -> pd.DataFrame:
    stored = (table.schema.pandas_metadata or {}).get("index_columns", [])
    labels = [name for name in stored if isinstance(name, str) and name in table.schema.names]
    kept = [j for j, name in enumerate(table.schema.names) if name not in labels]
    frame = _framed(
        [_of_arrow_column(table.column(j), table.schema.names[j]) for j in kept],
        [table.schema.names[j] for j in kept],
        table.num_rows,
    )
    return frame if not labels else frame.set_axis(table.select(labels).to_pandas().index, axis=0)


def _of_arrow_column(column: Any, name: str) -> pd.Series:
    kind = str(column.type)
    if kind.startswith(("int", "uint")):
        if not column.null_count:
            return pd.Series(np.array(column.to_numpy()))
        return _whole(column.to_pylist(), lambda: column.cast("float64").to_numpy(zero_copy_only=False))
    if kind.startswith("decimal") or kind == "null":
        return pd.Series(np.array(column.cast("float64").to_pandas(), dtype=np.float64))
    if kind == "bool":
        return pd.Series(column.to_pylist(), dtype="boolean" if column.null_count else bool)
    if kind in ("string", "large_string", "string_view"):
        return _texts(column.to_pylist())
    if kind.startswith(("float", "double", "halffloat", "timestamp", "date", "duration", "time", "dictionary")):
        return pd.Series(column.to_pandas(date_as_object=False)).reset_index(drop=True)
    raise _nested(name, kind)


def _whole(values: list[Any], floats: Any) -> pd.Series:
    """Whole numbers with gaps."""
    present = [abs(v) for v in values if v is not None]
    if not present or max(present) <= _EXACT:
        return pd.Series(np.array(floats(), dtype=np.float64))
    return pd.Series(values, dtype="UInt64" if max(present) >= 2**63 else "Int64")


def _texts(values: list[Any]) -> pd.Series:
    """Text, of the type that pandas itself gives it."""
    return pd.Series(values, dtype=pd.Series(["text"]).dtype)


def _nested(name: str, dtype: Any) -> DataError:
    return DataError(
        f"Column {name!r} has the type {dtype}; expected numbers, booleans, text, categories or dates. Spread it over "
        "columns of its own, or leave it out."
    )


def refuse_other_tables(rows: Any, argument: str) -> None:
    """Refuse rows that are no table of a kind that can be read.

    Raises
    ------
    InputError
        Always; with the call that makes a table of them.
    """
    raise InputError(
        f"`{argument}` must be a pandas DataFrame, a numpy ndarray or a scipy sparse matrix, or a table of polars or "
        f"pyarrow; got {name_of(rows)}. {call_for(rows)}"
    )
