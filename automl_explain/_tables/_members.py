"""Tables as JSON and plain arrays, and back: types, categories, time zones and labels as they were.

`TableWriter` collects arrays under names while it describes a table in JSON; `read_table` puts both
together again. Nothing is ever an object array, so nothing ever needs pickle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._cells import UnknownCellError, decode_cell, encode_cell, zone_text
from automl_explain.exceptions import InputError

_MASKED = {
    "b": pd.arrays.BooleanArray,
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
}


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
            If it holds cells that cannot be written; names the column.
        """
        if isinstance(table, pd.DataFrame):
            columns = [
                self._vector(f"column {name!r} of `{what}`", table.iloc[:, j]) for j, name in enumerate(table.columns)
            ]
            return {
                "kind": "frame",
                "columns": columns,
                "names": self.index(f"the column labels of `{what}`", table.columns),
                "index": self.index(f"the index of `{what}`", table.index),
            }
        if sp.issparse(table):
            csr = table.tocsr()
            parts = {part: self._keep(getattr(csr, part)) for part in ("data", "indices", "indptr")}
            flags = [bool(csr.has_sorted_indices), bool(csr.has_canonical_format)]
            return {"kind": "csr", **parts, "shape": [int(s) for s in csr.shape], "flags": flags}
        return self.array(what, table)

    def array(self, what: str, array: np.ndarray) -> dict[str, Any]:
        """Describe an ndarray of any type whose cells can be written."""
        if array.dtype == object:
            cells = self._cells(f"`{what}`", array.ravel().tolist())
            return {"kind": "object", "cells": cells, "shape": list(array.shape)}
        if array.dtype.kind not in "biufcUSmM":
            raise InputError(f"`{what}` is an array of {array.dtype}, which cannot be saved; convert it with `astype`.")
        return {"kind": "array", "data": self._keep(array)}

    def index(self, what: str, index: pd.Index) -> dict[str, Any]:
        """Describe an index of any kind, with its names."""
        names = self._cells(f"the names of {what}", list(index.names))
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
            codes = cells.cat.codes if isinstance(cells, pd.Series) else cells.codes
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
            instants = (cells.dt if isinstance(cells, pd.Series) else cells).tz_convert("UTC")
            naive = (instants.dt if isinstance(cells, pd.Series) else instants).tz_localize(None)
            return {"kind": "zoned", "data": self._keep(naive.to_numpy()), "zone": self._zone(what, dtype)}
        if isinstance(dtype, np.dtype) and dtype.kind != "O":
            return {"kind": "numpy", "data": self._keep(cells.to_numpy())}
        if isinstance(dtype, np.dtype):
            return {"kind": "object", "cells": self._cells(what, cells.tolist())}
        if type(dtype).__name__.replace("Dtype", "") in _NULLABLE:
            data = cells.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
            return {
                "kind": "masked",
                "data": self._keep(data),
                "mask": self._keep(np.asarray(cells.isna(), dtype=bool)),
            }
        raise _unknown(what, f"cells of type {dtype}")

    def _cells(self, what: str, cells: list[Any]) -> list[Any]:
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


def read_table(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    """DataFrame, ndarray or csr_matrix that `TableWriter.table` or `TableWriter.array` described."""
    kind = data["kind"]
    if kind == "frame":
        index = read_index(data["index"], arrays)
        columns = {j: _typed(_read_vector(c, arrays), index) for j, c in enumerate(data["columns"])}
        frame = pd.DataFrame(columns, index=index, copy=False)
        frame.columns = read_index(data["names"], arrays)
        return frame
    if kind == "csr":
        parts = tuple(arrays[data[part]] for part in ("data", "indices", "indptr"))
        csr = sp.csr_matrix(parts, shape=tuple(data["shape"]))
        csr.check_format(full_check=True)
        csr.has_sorted_indices, csr.has_canonical_format = data["flags"]
        return csr
    if kind == "object":
        return _object_array(data["cells"]).reshape(data["shape"])
    return arrays[data["data"]]


def read_index(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> pd.Index:
    """Index that `TableWriter.index` described."""
    names = [decode_cell(n) for n in data["names"]]
    if data["kind"] == "multi":
        levels = [_read_vector(level, arrays) for level in data["levels"]]
        return pd.MultiIndex.from_arrays([pd.Index(v, dtype=v.dtype) for v in levels], names=names)
    if data["kind"] == "range":
        return pd.RangeIndex(*data["range"], name=names[0])
    labels = _read_vector(data["labels"], arrays)
    if data["freq"] is not None:
        return pd.DatetimeIndex(labels, freq=data["freq"], name=names[0])
    # The type is given, or pandas would read an object index of 1 and 2 as int64.
    return pd.Index(labels, dtype=labels.dtype, name=names[0], tupleize_cols=False)


def _read_vector(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    readers: dict[str, Callable[[], Any]] = {
        "category": lambda: pd.Categorical.from_codes(
            arrays[data["codes"]], dtype=pd.CategoricalDtype(read_index(data["categories"], arrays), data["ordered"])
        ),
        "string": lambda: pd.array(data["cells"], dtype=_string_dtype(data["dtype"], data["storage"])),
        "zoned": lambda: pd.DatetimeIndex(arrays[data["data"]]).tz_localize("UTC").tz_convert(data["zone"]).array,
        "numpy": lambda: arrays[data["data"]],
        "object": lambda: _object_array(data["cells"]),
        "masked": lambda: _masked(arrays[data["data"]], arrays[data["mask"]]),
    }
    return readers[data["kind"]]()


def _typed(cells: Any, index: pd.Index) -> Any:
    """Column that keeps its type: pandas 3 would read objects that are all text as ``str``."""
    return pd.Series(cells, index=index, dtype=cells.dtype)


def _object_array(cells: list[Any]) -> np.ndarray:
    array = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        array[i] = decode_cell(cell)
    return array


def _masked(data: np.ndarray, mask: np.ndarray) -> Any:
    return _MASKED[data.dtype.kind](data, mask)


def _string_dtype(text: str, storage: str) -> Any:
    """The text type, as near as this machine's pandas has it."""
    if text == "str":
        return "str" if int(pd.__version__.split(".")[0]) >= 3 else object
    try:
        return pd.StringDtype(storage)
    except ImportError:
        return pd.StringDtype("python")
