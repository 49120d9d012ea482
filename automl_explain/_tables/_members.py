"""Tables as JSON and plain arrays, and back: types, categories, time zones and labels as they were.

`TableWriter` collects arrays under names while it describes a table in JSON; `TableReader` puts both
together again. Nothing is ever an object array, so nothing ever needs pickle. `encode_cell` gives single values and
labels with their types: 1, "1", True and 1.0 stay four things.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_series, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain._validation import sound_sparse
from automl_explain.exceptions import InputError


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


LONGEST_RANGE = 1_000_000
MOST_COLUMNS = 2**31 - 1
# pandas' arrays with a mask, by the kind of number in them.
_MASKED = {"b": "BooleanArray", "i": "IntegerArray", "u": "IntegerArray", "f": "FloatingArray"}


class TableWriter:
    """Turns tables and arrays into JSON descriptions; the numbers go to ``arrays``.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What belongs into an ``.npz``.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def table(self, what: str, table: Any) -> dict[str, Any]:
        """Describe a DataFrame, an ndarray or a scipy sparse matrix.

        Parameters
        ----------
        what : str
            What it is called in errors.
        table : DataFrame, ndarray or scipy sparse matrix

        Raises
        ------
        InputError
            If it holds values that cannot be written; names the column.
        """
        if is_frame(table):
            columns = [
                self._vector(f"column {name!r} of `{what}`", table.iloc[:, j]) for j, name in enumerate(table.columns)
            ]
            return {
                "kind": "frame",
                "columns": columns,
                "names": self.index(f"the column labels of `{what}`", table.columns),
                "index": self.index(f"the index of `{what}`", table.index),
            }
        if is_sparse(table):
            csr = table.tocsr()
            parts = {part: self._keep(getattr(csr, part)) for part in ("data", "indices", "indptr")}
            flags = [bool(csr.has_sorted_indices), bool(csr.has_canonical_format)]
            return {"kind": "csr", **parts, "shape": [int(s) for s in csr.shape], "flags": flags}
        return self.array(what, table)

    def array(self, what: str, array: np.ndarray) -> dict[str, Any]:
        """Describe an ndarray of any type whose values can be written."""
        if array.dtype == object:
            cells = self.cells(f"`{what}`", array.ravel().tolist())
            return {"kind": "object", "cells": cells, "shape": list(array.shape)}
        if array.dtype.kind not in "biufcUSmM":
            raise InputError(f"`{what}` is an array of {array.dtype}, which cannot be saved; convert it with `astype`.")
        return {"kind": "array", "data": self._keep(array)}

    def index(self, what: str, index: pd.Index) -> dict[str, Any]:
        """Describe an index of any kind, with its names."""
        names = self.cells(f"the names of {what}", list(index.names))
        if isinstance(index, pd.MultiIndex):
            levels = [self._vector(what, index.get_level_values(i)) for i in range(index.nlevels)]
            return {"kind": "multi", "levels": levels, "names": names}
        if isinstance(index, pd.RangeIndex):
            return {"kind": "range", "range": [index.start, index.stop, index.step], "names": names}
        freq = index.freqstr if isinstance(index, pd.DatetimeIndex) else None
        return {"kind": "plain", "labels": self._vector(what, index), "freq": freq, "names": names}

    def _vector(self, what: str, cells: Any) -> dict[str, Any]:
        """Describe a Series or a flat Index."""
        dtype = cells.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            codes = cells.cat.codes if is_series(cells) else cells.codes
            categories = self.index(f"the categories of {what}", dtype.categories)
            return {
                "kind": "category",
                "codes": self._keep(np.asarray(codes)),
                "categories": categories,
                "ordered": bool(dtype.ordered),
            }
        if isinstance(dtype, pd.StringDtype):
            texts = [None if missing else str(c) for c, missing in zip(cells, cells.isna(), strict=True)]
            return {"kind": "string", "cells": texts, "dtype": str(dtype), "storage": dtype.storage}
        if isinstance(dtype, pd.DatetimeTZDtype):
            instants = (cells.dt if is_series(cells) else cells).tz_convert("UTC")
            naive = (instants.dt if is_series(cells) else instants).tz_localize(None)
            return {"kind": "zoned", "data": self._keep(naive.to_numpy()), "zone": self._zone(what, dtype)}
        if isinstance(dtype, np.dtype) and dtype.kind != "O":
            return {"kind": "numpy", "data": self._keep(cells.to_numpy())}
        if isinstance(dtype, np.dtype):
            return {"kind": "object", "cells": self.cells(what, cells.tolist())}
        if type(dtype).__name__.replace("Dtype", "") in _NULLABLE:
            data = cells.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
            return {
                "kind": "masked",
                "data": self._keep(data),
                "mask": self._keep(np.asarray(cells.isna(), dtype=bool)),
            }
        raise _unknown(what, f"values of type {dtype}")

    def cells(self, what: str, cells: list[Any]) -> list[Any]:
        """JSON forms of single values or labels, with their types."""
        try:
            return [encode_cell(c) for c in cells]
        except UnknownCellError as error:
            raise _unknown(what, str(error)) from error

    def _zone(self, what: str, dtype: pd.DatetimeTZDtype) -> str:
        try:
            return zone_text(dtype)
        except UnknownCellError as error:
            raise _unknown(what, str(error)) from error

    def _keep(self, array: np.ndarray) -> str:
        key = f"a{len(self.arrays)}"
        self.arrays[key] = array
        return key


_NULLABLE = frozenset(
    ["Boolean", "Float32", "Float64", *(f"{u}Int{bits}" for u in ("", "U") for bits in (8, 16, 32, 64))]
)


def _unknown(what: str, found: str) -> InputError:
    return InputError(
        f"{what[:1].upper()}{what[1:]} holds {found}, which cannot be saved without pickle. "
        "Numbers, booleans, text, categories, dates and None can; convert with `astype(str)`, or leave the column out."
    )


class TableReader:
    """Builds what `TableWriter` described; nothing larger than what its file holds.

    An array stands for one column and is given out once, rows have as many labels as values, and what has no
    values of its own is bounded: a range of categories by `LONGEST_RANGE`, columns of a sparse table by
    `MOST_COLUMNS`.

    Parameters
    ----------
    arrays : mapping of str to ndarray

    Raises
    ------
    ValueError, LookupError, TypeError, AttributeError, OverflowError
        By its methods, where a description is none of `TableWriter`'s.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._left = dict(arrays)

    def table(self, data: Mapping[str, Any]) -> Any:
        """DataFrame, ndarray or csr_matrix that `TableWriter.table` or `TableWriter.array` described."""
        kind = data["kind"]
        if kind == "frame":
            return self._frame(data)
        if kind == "csr":
            return self._csr(data)
        if kind == "object":
            return _object_array(data["cells"]).reshape(data["shape"])
        if kind != "array":
            raise ValueError(f"a table of kind {kind!r}")
        return self._take(data["data"])

    def index(self, data: Mapping[str, Any], n_labels: int | None = None) -> pd.Index:
        """Index that `TableWriter.index` described, of ``n_labels`` labels where they are known."""
        names, kind = [decode_cell(n) for n in data["names"]], data["kind"]
        if kind == "multi":
            levels = [self._vector(level) for level in data["levels"]]
            made: pd.Index = pd.MultiIndex.from_arrays([pd.Index(v, dtype=v.dtype) for v in levels], names=names)
        elif kind == "range":
            made = pd.RangeIndex(*data["range"], name=names[0])
        else:
            made = self._plain_index(data, names[0])
        if n_labels is not None and len(made) != n_labels:
            raise ValueError(f"an index of {len(made)} labels for {n_labels} rows or columns")
        return made

    def _plain_index(self, data: Mapping[str, Any], name: Any) -> pd.Index:
        labels = self._vector(data["labels"])
        if data["freq"] is not None:
            return pd.DatetimeIndex(labels, freq=data["freq"], name=name)
        # The type is given, or pandas would read an object index of 1 and 2 as int64.
        return pd.Index(labels, dtype=labels.dtype, name=name, tupleize_cols=False)

    def _frame(self, data: Mapping[str, Any]) -> pd.DataFrame:
        columns = [self._vector(c) for c in data["columns"]]
        n_rows = len(columns[0]) if columns else None
        index = self.index(data["index"], n_rows)
        frame = pd.DataFrame({j: _typed(cells, index) for j, cells in enumerate(columns)}, index=index, copy=False)
        frame.columns = self.index(data["names"], len(columns))
        return frame

    def _csr(self, data: Mapping[str, Any]) -> sp.csr_matrix:
        parts = tuple(self._take(data[part]) for part in ("data", "indices", "indptr"))
        n_rows, n_columns = data["shape"]
        if type(n_rows) is not int or type(n_columns) is not int or not 0 <= n_columns <= MOST_COLUMNS:
            raise ValueError(f"a sparse table of shape {n_rows!r}, {n_columns!r}")
        if parts[2].shape != (n_rows + 1,):
            raise ValueError(f"a sparse table of {n_rows} rows with pointers of shape {parts[2].shape}")
        csr = sp.csr_matrix(parts, shape=(n_rows, n_columns))
        sound = sound_sparse(csr, "a sparse table")
        in_order, once = data["flags"]
        if (in_order and not csr.has_sorted_indices) or (once and sound is not csr):
            raise ValueError("a sparse table that is not in the order it claims")
        return csr

    def _vector(self, data: Mapping[str, Any]) -> Any:
        kind = data["kind"]
        if kind == "category":
            codes, categories = self._take(data["codes"]), self.index(data["categories"])
            if isinstance(categories, pd.RangeIndex) and len(categories) > LONGEST_RANGE:
                raise ValueError(f"{len(categories)} categories that are not written out")
            return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, data["ordered"]))
        if kind == "string":
            if not all(cell is None or type(cell) is str for cell in data["cells"]):
                raise ValueError("a column of text with other values")
            return pd.array(data["cells"], dtype=_string_dtype(data["dtype"], data["storage"]))
        if kind == "zoned":
            instants = pd.DatetimeIndex(self._take(data["data"])).tz_localize("UTC")
            return instants.tz_convert(data["zone"]).array
        if kind == "numpy":
            return self._take(data["data"])
        if kind == "object":
            return _object_array(data["cells"])
        if kind == "masked":
            cells = self._take(data["data"])
            return getattr(pd.arrays, _MASKED[cells.dtype.kind])(cells, self._take(data["mask"]))
        raise ValueError(f"a column of kind {kind!r}")

    def _take(self, name: Any) -> np.ndarray:
        """An array, once: a description could name the same one a million times."""
        found = self._left.pop(name, None) if isinstance(name, str) else None
        if found is None:
            raise ValueError(f"the array {name!r} is missing, or used twice")
        return found


def _typed(cells: Any, index: pd.Index) -> Any:
    """Column that keeps its type: pandas 3 would read objects that are all text as ``str``."""
    return pd.Series(cells, index=index, dtype=cells.dtype)


def _object_array(cells: list[Any]) -> np.ndarray:
    array = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        array[i] = decode_cell(cell)
    return array


def _string_dtype(text: str, storage: str) -> Any:
    """The text type, as near as this machine's pandas has it."""
    if text == "str":
        return "str" if int(pd.__version__.split(".")[0]) >= 3 else object
    try:
        return pd.StringDtype(storage)
    except ImportError:
        return pd.StringDtype("python")
