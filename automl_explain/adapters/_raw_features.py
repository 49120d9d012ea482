"""RawFeatures: our own, named featurization of raw columns, from which the raw rows can be made again.

It stands in where a model reads the raw columns and no featurization can be seen: numbers, booleans and
categories stay as they are, dates and texts get columns that a surrogate can read. Every raw value can be
found again among the engineered ones, so the model itself answers for any engineered row.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl_explain._tables._schema import ColumnSchema
from automl_explain.exceptions import DataError
from automl_explain.feature_map import FeatureMap

Kind = Literal["same", "date", "calendar", "span", "text"]

_DAY = 86_400_000_000  # microseconds
_EPOCH = pd.Timestamp("1970-01-01")
_DATE_PARTS: dict[str, Callable[[Any], Any]] = {
    "month": lambda dates: dates.month,
    "day of the month": lambda dates: dates.day,
    "weekday": lambda dates: dates.day_of_week,
    "hour": lambda dates: dates.hour,
}
_WORD = re.compile(r"\w+")
_FEWEST_TEXTS = 50  # different ones; fewer are categories
_MOST_WORDS = 100  # with a column of their own
_LEAST_SHARE = 0.02  # of the rows that must hold such a word


@dataclasses.dataclass(frozen=True)
class RawFeature:
    """One raw column and the engineered columns made from it; the first holds the raw values.

    Parameters
    ----------
    label : str or int
        Column label in the raw table.
    name : str or int
        Raw name.
    kind : {"same", "date", "calendar", "span", "text"}
        ``date`` for datetime64, ``calendar`` for ``datetime.date``, ``span`` for timedelta64.
    dtype : object
        The pandas dtype to restore.
    words : tuple of str, default ()
        Words of a text that have a column of their own.
    """

    label: Any
    name: str | int
    kind: Kind
    dtype: Any
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, label: Any, name: str | int, column: pd.Series) -> RawFeature:
        """Feature of a raw column.

        Raises
        ------
        DataError
            If its values are of a type that no surrogate reads.
        """
        kind = _kind(name, column)
        return cls(label, name, kind, column.dtype, _common_words(column) if kind == "text" else ())

    @property
    def names(self) -> list[str | int]:
        """Names of its engineered columns."""
        if self.kind in ("date", "calendar"):
            return [f"{self.name} (days since 1970)", *(f"{self.name} ({part})" for part in _DATE_PARTS)]
        if self.kind == "span":
            return [f"{self.name} (days)"]
        if self.kind == "text":
            return [self.name, f"{self.name} (characters)", *(f"{self.name}: {word}" for word in self.words)]
        return [self.name]

    def columns(self, cells: pd.Series) -> Iterator[Any]:
        """Its engineered columns."""
        if self.kind == "span":
            yield cells.dt.total_seconds().to_numpy() / 86_400.0
        elif self.kind in ("date", "calendar"):
            dates = pd.DatetimeIndex(pd.to_datetime(cells))
            local = dates.tz_localize(None) if dates.tz is not None else dates
            utc = dates.tz_convert("UTC").tz_localize(None) if dates.tz is not None else dates
            yield np.asarray((utc - _EPOCH) / pd.Timedelta(days=1), dtype=np.float64)
            for part in _DATE_PARTS.values():
                yield np.asarray(part(local), dtype=np.float64)
        else:
            yield cells
            if self.kind == "text":
                texts = ["" if pd.isna(c) else str(c) for c in cells]
                yield np.array([float(len(t)) for t in texts])
                held = [set(_WORD.findall(t.lower())) for t in texts]
                for word in self.words:
                    yield np.array([float(word in words) for words in held])

    def restore(self, first: pd.Series) -> pd.Series:
        """Raw values from the first of its engineered columns."""
        if self.kind in ("same", "text"):
            return first
        # As floats, days tell microseconds apart until the year 2255.
        micros = np.round(first.to_numpy(dtype=np.float64) * _DAY)
        whole = np.where(np.isnan(micros), np.iinfo(np.int64).min, np.nan_to_num(micros)).astype(np.int64)
        if self.kind == "span":
            return pd.Series(whole.view("timedelta64[us]"), first.index).astype(self.dtype)
        dates = pd.Series(whole.view("datetime64[us]"), first.index)
        if self.kind == "calendar":
            days = dates.dt.date.astype(object)
            return days.where(dates.notna(), None)
        zone = getattr(self.dtype, "tz", None)
        return (dates if zone is None else dates.dt.tz_localize("UTC").dt.tz_convert(zone)).astype(self.dtype)


class RawFeatures:
    """Named features of the columns of a raw table.

    Parameters
    ----------
    columns : sequence of RawFeature
        In the order of the raw columns.
    container : {"frame", "array"}
        What the model reads.
    dtype : numpy.dtype or None
        Of the array that the model reads.
    """

    def __init__(self, columns: Sequence[RawFeature], container: str, dtype: Any) -> None:
        self._columns, self._container, self._dtype = tuple(columns), container, dtype
        parents = [[i] for i, c in enumerate(self._columns) for _ in c.names]
        names = [n for c in self._columns for n in c.names]
        self._map = FeatureMap.from_parents(
            parents, raw_names=[c.name for c in self._columns], engineered_names=names, how="rule"
        )

    @classmethod
    def of(cls, X: Any, raw_names: Sequence[str | int]) -> RawFeatures | None:
        """Features of a raw table; None where its columns can be read as they are.

        Raises
        ------
        DataError
            If the values of a column are of a type that no surrogate reads.
        """
        if not isinstance(X, pd.DataFrame) and (not isinstance(X, np.ndarray) or X.dtype.kind in "biuf"):
            return None  # numbers, or a container that is read elsewhere
        frame = _framed(X)
        columns = [RawFeature.of(frame.columns[j], n, frame.iloc[:, j]) for j, n in enumerate(raw_names)]
        if all(c.kind == "same" for c in columns):
            return None
        framed = isinstance(X, pd.DataFrame)
        return cls(columns, "frame" if framed else "array", None if framed else X.dtype)

    @property
    def feature_map(self) -> FeatureMap:
        """Exact map: every engineered column belongs to one raw column."""
        return self._map

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Engineered names."""
        return np.array(self._map.engineered_names, dtype=object)

    def transform(self, X: Any) -> pd.DataFrame:
        """Engineered rows of shape (n_rows, n_engineered)."""
        frame = _framed(X)
        if self._container == "frame":
            frame = frame[[c.label for c in self._columns]]
        made: list[Any] = []
        for j, column in enumerate(self._columns):
            made += [
                pd.Series(np.asarray(c), frame.index) if isinstance(c, np.ndarray) else c
                for c in column.columns(frame.iloc[:, j])
            ]
        return pd.concat(made, axis=1).set_axis(list(self._map.engineered_names), axis=1)

    def restore(self, Z: pd.DataFrame) -> Any:
        """Raw rows from engineered ones, in the container that the model reads."""
        first = np.cumsum([0, *(len(c.names) for c in self._columns)])[:-1]
        cells = [c.restore(Z.iloc[:, j]) for c, j in zip(self._columns, first, strict=True)]
        frame = pd.concat(cells, axis=1).set_axis([c.label for c in self._columns], axis=1)
        return frame if self._container == "frame" else frame.to_numpy(dtype=object).astype(self._dtype)

    def __repr__(self) -> str:
        return f"RawFeatures({self._map.n_raw} raw -> {self._map.n_engineered} engineered)"


def _framed(X: Any) -> pd.DataFrame:
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(X.astype(object)).infer_objects()


def _kind(name: str | int, column: pd.Series) -> Kind:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "same"
    if pd.api.types.is_timedelta64_dtype(dtype):
        return "span"
    schema = ColumnSchema.of(name, column)
    if schema.kind == "datetime":
        return "date"
    if schema.kind == "date":
        return "calendar"
    if schema.kind in ("number", "boolean") and not pd.api.types.is_complex_dtype(dtype):
        return "same"
    if schema.kind == "text" and not isinstance(dtype, (pd.PeriodDtype, pd.IntervalDtype)):
        return "text" if _is_prose(column) else "same"
    present = column.dropna()
    shown = repr(present.iloc[0]) if len(present) else str(dtype)
    raise DataError(
        f"Column {name!r} holds {shown} ({dtype}), which is neither number, category, date nor text. Turn it into "
        "one of them, or spread it over columns of its own."
    )


def _is_prose(column: pd.Series) -> bool:
    """Whether the values are many different texts of several words."""
    texts = [c for c in pd.unique(column.dropna()) if isinstance(c, str)]
    return len(texts) > _FEWEST_TEXTS and sum(len(_WORD.findall(t)) for t in texts) > 2 * len(texts)


def _common_words(column: pd.Series) -> tuple[str, ...]:
    counts = collections.Counter(word for c in column.dropna() for word in set(_WORD.findall(str(c).lower())))
    fewest = max(2, _LEAST_SHARE * len(column))
    common = sorted((w for w, n in counts.items() if n >= fewest), key=lambda w: (-counts[w], w))
    return tuple(common[:_MOST_WORDS])
