"""Columns whose values a model must get back exactly: text, dates and categories, each value behind a number."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain._tables._members import decode_cell, encode_cell
from automl_explain._tables._schema import ColumnSchema
from automl_explain.exceptions import DataError

_MOST_UNSEEN = 100_000  # values that came after training and are kept, for one column


class VerbatimColumn:
    """Numbers for the values of one column, and back.

    Equal values of one type share a number; 1, 1.0, True and "1" do not, nor do None, NaN and NA. Values that
    come later get numbers of their own, so that a model gets those back too. Many of them are forgotten again,
    as a service that sees ever new texts would need ever more memory.

    Parameters
    ----------
    cells : sequence
        The values of training, each once.
    dtype : str
        Pandas type of the column; ``"object"`` for arrays.

    Examples
    --------
    >>> import pandas as pd
    >>> column = VerbatimColumn.of(pd.Series(["red", None, "blue", "red"], dtype=object))
    >>> column.numbers(pd.Series(["blue", "green", None], dtype=object)).tolist()
    [2.0, 3.0, 1.0]
    >>> list(column.cells(np.array([2.0, 3.0, 1.0])))
    ['blue', 'green', None]
    """

    def __init__(self, cells: Sequence[Any], dtype: Any) -> None:
        self.known, self.dtype = tuple(cells), dtype
        self._lock = threading.Lock()
        self._unseen: list[Any] = []
        self._n_forgotten = 0
        self._number_of = {_key(cell): number for number, cell in enumerate(self.known)}
        self._known_keys = frozenset(self._number_of)
        self._array = self._made(self.known)

    @classmethod
    def of(cls, column: pd.Series) -> VerbatimColumn:
        """The values of a column of training."""
        return cls(tuple(dict(_keyed(column)).values()), column.dtype)

    @property
    def levels(self) -> tuple[Any, ...]:
        """The values of training that are not missing."""
        return tuple(cell for cell in self.known if not _is_missing(cell))

    def schema(self, name: str | int) -> ColumnSchema:
        """What is known of the column of training, by its cells."""
        return dataclasses.replace(self._schema, name=name)

    @functools.cached_property
    def _schema(self) -> ColumnSchema:
        dtype = object if pd.api.types.is_object_dtype(self._array.dtype) else self._array.dtype
        return ColumnSchema.of(0, pd.Series(self._array, dtype=dtype))

    def numbers(self, column: pd.Series) -> np.ndarray:
        """Numbers of the values, float64 of shape (n_rows,)."""
        keys = _keyed(column)
        with self._lock:
            if len(self._unseen) > _MOST_UNSEEN:
                self._forget()
            for key, cell in keys:
                if key not in self._number_of:
                    self._number_of[key] = len(self.known) + self._n_forgotten + len(self._unseen)
                    self._unseen.append(cell)
            return np.array([self._number_of[key] for key, _ in keys], dtype=np.float64)

    def cells(self, numbers: np.ndarray) -> Any:
        """The values behind numbers, as an array of the column's type where it can hold them all."""
        at, n_known = numbers.astype(np.int64), len(self.known)
        if (at < n_known).all():
            return self._array.take(at)
        used, place = np.unique(at[at >= n_known], return_inverse=True)
        with self._lock:
            unseen = [self._unseen[k] for k in used - n_known - self._n_forgotten if k >= 0]
        if len(unseen) < len(used):
            raise DataError(
                f"More than {_MOST_UNSEEN:,} new texts came in while these rows were explained, and theirs are no "
                "longer kept. Explain the rows again, fewer at a time."
            )
        at[at >= n_known] = n_known + place
        return self._made([*self.known, *unseen]).take(at)

    def _forget(self) -> None:
        self._n_forgotten += len(self._unseen)
        self._unseen = []
        self._number_of = {key: number for key, number in self._number_of.items() if key in self._known_keys}

    def _made(self, cells: Sequence[Any]) -> Any:
        dtype = self.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            unseen = [c for c in cells[len(self.known) :] if not _is_missing(c) and c not in dtype.categories]
            if unseen:
                dtype = pd.CategoricalDtype(dtype.categories.append(pd.Index(unseen)), ordered=dtype.ordered)
        objects = np.empty(len(cells), dtype=object)
        objects[:] = cells
        try:
            made = pd.Series(objects, dtype=object).astype(dtype).array
            kept = list(made.astype(object))
        except (TypeError, ValueError, OverflowError):  # a value of another kind among those that came later
            return pd.Series(objects, dtype=object).array
        same = all(_is_missing(a) if _is_missing(b) else a == b for a, b in zip(kept, cells, strict=True))
        return made if same else pd.Series(objects, dtype=object).array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VerbatimColumn):
            return NotImplemented
        return (list(map(_key, self.known)), self.dtype) == (list(map(_key, other.known)), other.dtype)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return VerbatimColumn, (self.known, self.dtype)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back. Values that came after training are left out."""
        described: dict[str, Any] = {"cells": [encode_cell(cell) for cell in self.known]}
        if isinstance(self.dtype, pd.CategoricalDtype):
            described["categories"] = [encode_cell(c) for c in self.dtype.categories.astype(object)]
            described["ordered"] = bool(self.dtype.ordered)
        else:
            described["dtype"] = str(self.dtype)
        return described

    @classmethod
    def from_json(cls, data: Any) -> VerbatimColumn:
        """Read back what `to_json` wrote."""
        cells = tuple(decode_cell(cell) for cell in data["cells"])
        if "categories" in data:
            categories = pd.Index([decode_cell(c) for c in data["categories"]])
            return cls(cells, pd.CategoricalDtype(categories, ordered=bool(data["ordered"])))
        return cls(cells, pd.api.types.pandas_dtype(str(data["dtype"])))


def is_verbatim(column: pd.Series) -> bool:
    """Whether values of this column are no numbers that a model gets back from a float as they were."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return all(type(c) in (str, bool, int, float) for c in dtype.categories.astype(object))
    if pd.api.types.is_object_dtype(dtype):
        return not all(_is_number(cell) or cell is None or _is_nan(cell) for cell in column)
    return not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def seconds(column: pd.Series, name: str | int) -> np.ndarray:
    """Points in time as seconds since 1970 in UTC, NaN where they are missing.

    Raises
    ------
    DataError
        If a value is no point in time.
    """
    if pd.api.types.is_numeric_dtype(column.dtype) and column.notna().any():
        raise DataError(
            f"Column {name!r} held dates in training and holds numbers now, whose unit and start are not known. "
            "Convert it with `pandas.to_datetime` first."
        )
    try:
        stamps = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(
            f"Column {name!r} held dates in training and holds something else now: {error}. Convert it with "
            "`pandas.to_datetime` first."
        ) from error
    cells = stamps.to_numpy().astype("datetime64[us]")
    return np.asarray(np.where(np.isnat(cells), np.nan, cells.astype(np.int64) / 1e6))


def _keyed(column: pd.Series) -> list[tuple[Hashable, Any]]:
    """Every value behind what tells it from others."""
    cells = list(column.astype(object))
    try:
        return [(_key(cell), cell) for cell in cells]
    except TypeError as error:
        raise DataError(
            f"Column {column.name!r} holds a value that is neither text, number, date nor missing ({error}). Turn such "
            "values into columns of their own first."
        ) from error


def _key(cell: Any) -> Hashable:
    if _is_nan(cell):
        return "NaN"
    if isinstance(cell, np.generic):
        cell = cell.item()
    zone = str(cell.tzinfo) if isinstance(cell, pd.Timestamp) else None
    hash(cell)  # lists and the like have none
    return type(cell), cell, zone


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, (float, np.floating)) and bool(cell != cell)


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or _is_nan(cell)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float, np.integer, np.floating)) and not isinstance(cell, bool)
