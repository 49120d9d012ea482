"""The cells of a column as texts: one by one, the different ones, and all in one."""

from __future__ import annotations

import datetime
import decimal
import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np

from automl_explain._lazy import pandas as pd

SEPARATOR = "\x1f"  # between cells that are joined
_BLANKS = " \t\n\r\x0b\x0c"
_BLANK_AT_EDGE = re.compile(rf"(?:^|{SEPARATOR})\s|\s(?:{SEPARATOR}|$)")


def clean(text: str) -> str:
    """A cell without blanks around it, its letters composed (NFC)."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def as_text(value: Any) -> str | None:
    """A typed value as a CSV file would have it; None for a missing one."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (float, np.floating)):
        value = float(value) if isinstance(value, float) else float(str(value))
        if np.isnan(value):
            return None
        return str(int(value)) if abs(value) < 2**53 and value.is_integer() else str(value)
    if isinstance(value, (datetime.datetime, np.datetime64)):
        stamp = pd.Timestamp(value)
        return None if stamp is pd.NaT else str(stamp).replace(" 00:00:00", "")
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else format(value, "f")
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def has_blank_at_edge(joined: str) -> bool:
    """Whether one of the cells of a joined text has blanks around it."""
    if not joined.isascii():
        return _BLANK_AT_EDGE.search(joined) is not None
    blanks = [b for b in _BLANKS if b in joined]  # a search for fixed texts is many times faster
    return bool(blanks) and (
        joined[0] in _BLANKS
        or joined[-1] in _BLANKS
        or any(SEPARATOR + b in joined or b + SEPARATOR in joined for b in blanks)
    )


class Distinct:
    """The different texts of a column, cleaned, with the rows that hold them.

    Attributes
    ----------
    texts : list of str
        In order of appearance.
    codes : ndarray of int of shape (n_rows,)
        Position in ``texts``; -1 where there is no cell.
    counts : ndarray of int of shape (n_texts,)
    """

    def __init__(self, cells: Any) -> None:
        codes, raw = pd.factorize(cells)
        raw = np.asarray(raw, dtype=object)
        joined = SEPARATOR.join(raw.tolist())
        cleaned = list(raw)
        if not joined.isascii() or has_blank_at_edge(joined):
            cleaned = [clean(t) for t in raw]
            again, merged = pd.factorize(np.array(cleaned, dtype=object))
            if len(merged) < len(raw):
                codes, cleaned = np.where(codes < 0, -1, again[codes]), list(merged)
        self.texts: list[str] = cleaned
        self.codes: np.ndarray = codes
        self.counts: np.ndarray = np.bincount(codes + 1, minlength=len(cleaned) + 1)[1:]

    def spread(self, values: np.ndarray, missing: Any) -> np.ndarray:
        """A value of every different text -> one of every row."""
        if len(self.codes) and len(values) and self.codes.min() >= 0:
            return np.asarray(values[self.codes])
        extended: np.ndarray = np.append(values, np.array([missing], dtype=values.dtype))
        return np.asarray(extended[self.codes])


class Cells:
    """The cells of a column as texts; what is found out about them is found out once."""

    def __init__(self, column: pd.Series | np.ndarray) -> None:
        self._array: Any = column  # of texts; pandas' own types of text hold them more tightly than objects
        if isinstance(column, pd.Series) and isinstance(column.dtype, pd.StringDtype):
            self._array = column.array
            return
        values = column if isinstance(column, np.ndarray) else column.astype(object).to_numpy(dtype=object, copy=False)
        if pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
            typed = (v if type(v) is str else as_text(v) for v in values)
            values = np.fromiter(typed, dtype=object, count=len(values))
        self._array = values

    @functools.cached_property
    def _complete(self) -> bool:
        return not pd.isna(self._array).any()

    @functools.cached_property
    def values(self) -> np.ndarray:
        """Object array of texts, not stripped; None or NaN where there is no cell."""
        return self._array if isinstance(self._array, np.ndarray) else np.asarray(self._array.astype(object))

    def __len__(self) -> int:
        return len(self._array)

    @functools.cached_property
    def distinct(self) -> Distinct:
        """The different texts, cleaned."""
        return Distinct(self._array)

    @functools.cached_property
    def empty(self) -> np.ndarray:
        """Where there is no cell, or nothing in it."""
        blank = np.asarray(self._array == "", dtype=bool)
        return blank if self._complete else np.asarray(pd.isna(self._array)) | blank

    @functools.cached_property
    def joined(self) -> str:
        """All cells in one text, `SEPARATOR` between them; those that are not there are empty."""
        values = self.values if self._complete else np.where(self.empty, "", self.values)
        return SEPARATOR.join(values.tolist())

    def is_clean(self, marks: Iterable[str]) -> bool:
        """Whether no cell is missing, has blanks around it, is not composed, or is a mark in any case."""
        joined = self.joined
        if not unicodedata.is_normalized("NFC", joined) or has_blank_at_edge(joined):
            return False
        if joined.count(SEPARATOR) != len(self) - 1:
            return False
        around = f"{SEPARATOR}{joined.lower()}{SEPARATOR}"
        return not any(f"{SEPARATOR}{mark}{SEPARATOR}" in around for mark in ("", *marks))

    def sample(self, most: int) -> np.ndarray:
        """At most so many cells, evenly spread, the same ones each time."""
        if len(self) <= most:
            return self.values
        return np.asarray(self._array[np.linspace(0, len(self) - 1, most).astype(np.intp)], dtype=object)
