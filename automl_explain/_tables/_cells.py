"""Single values and labels as JSON, with their types: 1, "1", True and 1.0 stay four things."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np

from automl_explain._lazy import pandas as pd


class UnknownCellError(TypeError):
    """A value that has no JSON form."""


def encode_cell(cell: Any) -> Any:
    """JSON form of a value; what JSON has no word for becomes a dict of one tag.

    Raises
    ------
    UnknownCellError
        If the value is of another type.
    """
    if cell is None or type(cell) in (str, bool, int):
        return cell
    if type(cell) is float:
        return cell if math.isfinite(cell) else {"float": repr(cell)}
    if cell is pd.NA:
        return {"missing": "NA"}
    if cell is pd.NaT:
        return {"missing": "NaT"}
    if isinstance(cell, np.generic) and cell.dtype.kind in "biuf" and cell.dtype.itemsize <= 8:
        return {"numpy": cell.dtype.str, "value": encode_cell(cell.item())}
    if isinstance(cell, np.str_):
        return {"numpy": "str", "value": str(cell)}
    if type(cell) is tuple:
        return {"tuple": [encode_cell(c) for c in cell]}
    if type(cell) is pd.Timestamp:
        zone = None if cell.tz is None else _zone(cell)
        naive = cell if cell.tz is None else cell.tz_convert("UTC").tz_localize(None)
        return {"timestamp": int(naive.asm8.astype(np.int64)), "unit": cell.unit, "zone": zone}
    if type(cell) is datetime.datetime and cell.tzinfo is None:
        return {"datetime": cell.isoformat()}
    if type(cell) is datetime.date:
        return {"date": cell.isoformat()}
    raise UnknownCellError(f"a value of type {type(cell).__name__}")


def decode_cell(data: Any) -> Any:
    """Read back what `encode_cell` wrote."""
    if not isinstance(data, dict):
        if isinstance(data, list):
            raise ValueError("a list where a value was expected")
        return data
    if "float" in data:
        return float(data["float"])
    if "missing" in data:
        return {"NA": pd.NA, "NaT": pd.NaT}[data["missing"]]
    if "numpy" in data:
        value = decode_cell(data["value"])
        return np.str_(value) if data["numpy"] == "str" else np.dtype(data["numpy"]).type(value)
    if "tuple" in data:
        return tuple(decode_cell(c) for c in data["tuple"])
    if "timestamp" in data:
        stamp = pd.Timestamp(np.datetime64(data["timestamp"], data["unit"]))
        return stamp if data["zone"] is None else stamp.tz_localize("UTC").tz_convert(data["zone"])
    if "datetime" in data:
        return datetime.datetime.fromisoformat(data["datetime"])
    return datetime.date.fromisoformat(data["date"])


def _zone(stamp: pd.Timestamp) -> str:
    return zone_text(pd.DatetimeTZDtype(stamp.unit, stamp.tz))


def zone_text(dtype: pd.DatetimeTZDtype) -> str:
    """Name of the time zone, if it alone brings the zone back.

    Raises
    ------
    UnknownCellError
        If it does not.
    """
    text = str(dtype.tz)
    try:
        if pd.DatetimeTZDtype(dtype.unit, text) == dtype:
            return text
    except Exception as error:
        # Each time zone library has errors of its own for a name it does not know.
        raise UnknownCellError(f"the time zone {dtype.tz!r}, which has no name") from error
    raise UnknownCellError(f"the time zone {dtype.tz!r}, which has no name")
