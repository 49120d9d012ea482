"""How the cells of one column are read, decided once and kept with the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.reading._cells import Cells, Distinct
from automl_explain.reading._clocks import parse_each
from automl_explain.reading._dates import EXCEL, UNIX, DateStyle, from_numbers, is_format, parse_dates
from automl_explain.reading._json import checked, corrupt, texts_of
from automl_explain.reading._numbers import EXACT, PLAIN, NumberStyle, parse_distinct, parse_joined
from automl_explain.reading._words import (
    ANSWER_GAPS,
    ANSWERS,
    GAP_MARKS,
    PROGRAM_GAPS,
    is_gap,
)

Kind = Literal["number", "boolean", "datetime", "time", "duration", "text"]
Misfits = list[tuple[int, str]]
_MANY = 1_000
_NOTHING: frozenset[str] = frozenset()
_EXPECTED = {
    "number": "a number",
    "datetime": "a date",
    "time": "a time of day",
    "duration": "a duration",
    "text": "text",
}
_MARKS = {"boolean": ANSWER_GAPS, "text": PROGRAM_GAPS}


@dataclasses.dataclass(frozen=True, eq=False)
class Parsed:
    """What the cells of a column are in one form.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        float64, int64, datetime64[us] or object; NaN or NaT where nothing is.
    misfits : ndarray of bool of shape (n_rows,)
        Cells that are neither missing nor of this form.
    texts : Distinct or None
        None where all cells were read at once, so that nothing is amiss.
    gaps : dict of str to int
        Marks that were read as missing, with their counts; empty cells left out.
    n_read : int, optional
        Cells with a value, where they have been counted.
    """

    values: np.ndarray
    misfits: np.ndarray
    texts: Distinct | None = None
    gaps: Mapping[str, int] = dataclasses.field(default_factory=dict)
    n_read: int | None = None


@dataclasses.dataclass(frozen=True)
class ColumnForm:
    """How the cells of one column are read.

    Parameters
    ----------
    name : str
    kind : {"number", "boolean", "datetime", "time", "duration", "text"}
        Times of day and durations become seconds; yes and no become two texts.
    number : NumberStyle, default plain
    date : DateStyle or None, default None
    words : tuple of two str, default ()
        Yes and no as the column spells them most often.
    gaps : tuple of str, default ()
        Texts that are read as missing, besides empty cells and the marks that always are in columns of this kind.
    strict : bool, default False
        Whether no mark is missing but those in ``gaps``, as in the classes of a target.
    whole : bool, default False
        Whether numbers become int64 where all of them are whole and none is missing.
    """

    name: str
    kind: Kind
    number: NumberStyle = PLAIN
    date: DateStyle | None = None
    words: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    strict: bool = False
    whole: bool = False

    @property
    def marks(self) -> frozenset[str]:
        """Marks of a gap in any case, besides ``gaps``."""
        return _NOTHING if self.strict else _MARKS.get(self.kind, GAP_MARKS)

    def written(self, decimal: str | None, day_first: bool | None, na: tuple[str, ...]) -> ColumnForm:
        """The form in a file whose values are written in another way; see `TableRecipe.written`."""
        number = self.number if decimal is None else self.number.with_decimal(decimal)
        date = self.date if self.date is None or day_first is None else self.date.with_day_first(day_first)
        gaps = tuple(dict.fromkeys((*self.gaps, *na)))
        return dataclasses.replace(self, number=number, date=date, gaps=gaps)

    def read(self, cells: pd.Series, lines: np.ndarray) -> tuple[pd.Series, Misfits]:
        """The values of a column, and the cells that do not fit its form.

        Parameters
        ----------
        cells : Series of length n_rows
            Texts, or typed values.
        lines : ndarray of int of shape (n_rows,)
            Where the rows stand in the file.

        Returns
        -------
        values : Series of length n_rows
            int64, float64, datetime64[us] or object (texts, NaN where missing). Misfits are missing.
        misfits : list of (int, str)
            Line and text.
        """
        parsed = self.parse(cells)
        where = np.flatnonzero(parsed.misfits)
        texts = cells.iloc[where].astype(object)
        misfits = [(int(lines[i]), str(t)) for i, t in zip(where, texts, strict=True)]
        return self.as_series(parsed, cells.index), misfits

    def as_series(self, parsed: Parsed, index: pd.Index) -> pd.Series:
        """Values of a column with the type of this form."""
        values = parsed.values
        if values.dtype == np.float64 and self.whole and is_whole(values):
            values = values.astype(np.int64)
        elif values.dtype == np.int64 and not self.whole:
            values = values.astype(np.float64)
        return pd.Series(values, index=index, name=self.name, dtype=values.dtype, copy=False)

    def parse(self, cells: pd.Series) -> Parsed:
        """The cells of a column in this form."""
        typed = self._parse_typed(cells)
        return self.parse_texts(Cells(cells)) if typed is None else typed

    def _parse_typed(self, cells: pd.Series) -> Parsed | None:
        """Of typed cells whose type is that of the form; None for others, which are read as the texts of a file."""
        dtype = cells.dtype
        nothing = np.zeros(len(cells), dtype=bool)
        if pd.api.types.is_datetime64_any_dtype(dtype) and self.kind == "datetime":
            return Parsed(wall_clock(cells), nothing)
        if pd.api.types.is_timedelta64_dtype(dtype) and self.kind == "duration":
            return Parsed(cells.dt.total_seconds().to_numpy(np.float64), nothing)
        numbers = typed_numbers(cells)
        if numbers is None or self.gaps:
            return None
        if self.kind == "number":
            return Parsed(numbers, nothing)
        if (
            self.kind == "datetime"
            and self.date is not None
            and self.date.formats[0].startswith((EXCEL, UNIX, "%Y%m%d"))
        ):
            dates = from_numbers(numbers.astype(np.float64), self.date)
            return Parsed(dates, np.isnat(dates) & ~np.isnan(numbers))
        return None

    def parse_texts(self, cells: Cells) -> Parsed:
        """Of texts."""
        at_once = self._at_once(cells)
        if at_once is not None:
            return at_once
        texts, marks, own = cells.distinct, self.marks, frozenset(self.gaps)
        gaps = np.fromiter((is_gap(t, marks, own) for t in texts.texts), dtype=bool, count=len(texts.texts))
        values, missing = self._values(texts.texts, gaps)
        if values.dtype == np.int64 and (texts.codes < 0).any():  # with gaps there is float64 alone
            exact = (values > -EXACT) & (values < EXACT)
            values = np.where(exact, values.astype(np.float64), np.nan)
        unread = np.isnat(values) if values.dtype.kind == "M" else pd.isna(values)
        misfits = texts.spread(unread & ~gaps, missing=False)
        seen = {texts.texts[i]: int(texts.counts[i]) for i in np.flatnonzero(gaps) if texts.texts[i]}
        return Parsed(texts.spread(values, missing), misfits, texts, seen, int(texts.counts[~unread].sum()))

    def _at_once(self, cells: Cells) -> Parsed | None:
        """Without a look at the different texts, where these are many."""
        if self.kind == "number":
            return self._numbers_at_once(cells)
        many = len(cells) > _MANY and len(set(cells.sample(_MANY))) > _MANY // 2
        if self.kind == "text" and many and not self.gaps and cells.is_clean(self.marks):
            return Parsed(cells.values.copy(), np.zeros(len(cells), dtype=bool))
        return None

    def parse_each(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Values of a few cleaned texts, and which of them stand for a gap; what is missing besides does not fit."""
        own = frozenset(self.gaps)
        gaps = np.fromiter((is_gap(t, self.marks, own) for t in texts), dtype=bool, count=len(texts))
        return self._values(texts, gaps)[0], gaps

    def _values(self, texts: list[str], gaps: np.ndarray) -> tuple[np.ndarray, Any]:
        if self.kind == "number":
            return parse_distinct(texts, self.number, gaps), np.nan
        held = np.flatnonzero(~gaps)
        if self.kind == "datetime":
            assert self.date is not None  # by `__post_init__` of what is read, by the one who decides
            dates = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[us]")
            dates[held] = parse_dates([texts[i] for i in held], self.date)
            return dates, np.datetime64("NaT")
        if self.kind in ("time", "duration"):
            seconds = np.full(len(texts), np.nan)
            seconds[held] = parse_each((texts[i] for i in held), self.kind)
            return seconds, np.nan
        values = np.full(len(texts), np.nan, dtype=object)
        known = {w.casefold(): w for w in self.words}
        for i in held:
            values[i] = known.get(texts[i].casefold(), np.nan) if self.kind == "boolean" else texts[i]
        return values, np.nan

    def _numbers_at_once(self, cells: Cells) -> Parsed | None:
        nothing = np.zeros(len(cells), dtype=bool)
        marks, own = self.marks, frozenset(self.gaps)
        sample = {t for t in cells.sample(_MANY) if isinstance(t, str)}
        others = [t for t in {*own, *(t for t in sample if is_gap(t.strip(), marks, own))} if t]
        if not others and self.number.is_plain and "" not in sample:
            numbers = parse_joined(cells.values, self.number)
            if numbers is not None:
                return Parsed(numbers, nothing)
        gaps, seen = cells.empty, {}
        if others:
            marked = pd.Series(cells.values, dtype=object).isin(others).to_numpy()
            counts = pd.Series(cells.values[marked], dtype=object).str.strip().value_counts()
            seen, gaps = {str(t): int(n) for t, n in counts.items() if t}, gaps | marked
        numbers = parse_joined(cells.values[~gaps] if gaps.any() else cells.values, self.number)
        if numbers is None or (numbers.dtype == np.int64 and gaps.any()):
            return None
        if gaps.any():
            held, numbers = numbers, np.full(len(cells), np.nan)
            numbers[~gaps] = held
        return Parsed(numbers, nothing, None, seen)

    def describe(self) -> str:
        """What the column is read as, for people."""
        if self.kind == "number":
            return self._describe_numbers()
        if self.kind == "boolean":
            return f"{self.words[0]!r} or {self.words[1]!r}"
        if self.kind == "datetime":
            return self._describe_dates()
        names = {"time": "times of day, in seconds since midnight", "duration": "durations, in seconds", "text": "text"}
        return names[self.kind]

    def expected(self) -> str:
        """What a value of the column must be, for errors."""
        if self.kind == "boolean":
            return self.describe()
        example = "" if self.date is None else f" such as {self.date.formats[0]}"
        return _EXPECTED[self.kind] + example

    def _describe_numbers(self) -> str:
        style, parts = self.number, []
        if style.decimal == "," and not self.whole:
            parts.append("a decimal comma")
        if style.thousands:
            parts.append(f"{style.thousands!r} between thousands")
        if style.accounting:
            parts.append("brackets or a trailing minus for negative ones")
        if style.units:
            parts.append(f"the unit {style.units[0]!r}")
        what = "whole numbers" if self.whole else "numbers"
        return what + (" with " + " and ".join(parts) if parts else "")

    def _describe_dates(self) -> str:
        if self.date is None:
            return "dates"
        first = self.date.formats[0]
        if first in (EXCEL, UNIX):
            return "dates, from the numbers of Excel" if first == EXCEL else "dates, from seconds since 1970"
        order = {True: ", day before month", False: ", month before day", None: ""}[self.date.day_first]
        years = f", two-digit years up to {self.date.last_year}" if self.date.two_digits else ""
        return f"dates{order}{years}"

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back."""
        made: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.number != PLAIN:
            made["number"] = {**dataclasses.asdict(self.number), "units": list(self.number.units)}
        if self.date is not None:
            made["date"] = {**dataclasses.asdict(self.date), "formats": list(self.date.formats)}
        made.update({k: list(v) for k, v in (("words", self.words), ("gaps", self.gaps)) if v})
        made.update({k: True for k, v in (("strict", self.strict), ("whole", self.whole)) if v})
        return made

    @classmethod
    def from_json(cls, data: Any) -> ColumnForm:
        """Read back what `to_json` wrote.

        Raises
        ------
        CorruptFileError
            If it is anything else.
        """
        fields = checked(
            data, "a column", name=str, kind=str, number=dict, date=dict, words=list, gaps=list, strict=bool, whole=bool
        )
        if "name" not in fields or fields.get("kind") not in get_args(Kind):
            raise corrupt("a column", data)
        number = _number_from(fields.pop("number", {}))
        date = _date_from(fields.pop("date")) if "date" in fields else None
        words, gaps = texts_of(fields.pop("words", [])), texts_of(fields.pop("gaps", []))
        pair = frozenset(w.casefold() for w in words)
        if (fields["kind"] == "datetime") != (date is not None) or (fields["kind"] == "boolean") != (pair in ANSWERS):
            raise corrupt("a column", data)
        return cls(number=number, date=date, words=words, gaps=gaps, **fields)


def is_whole(numbers: np.ndarray) -> bool:
    """Whether all numbers are there, whole, and exact in float64."""
    with np.errstate(invalid="ignore"):
        parts = (numbers[:1000], numbers[1000:])  # most columns that are not whole show it soon
        return all(bool((part == np.trunc(part)).all() and (np.abs(part) < EXACT).all()) for part in parts)


def wall_clock(cells: pd.Series) -> np.ndarray:
    """Typed dates as datetime64[us]: what the clock of the place showed."""
    plain = cells.dt.tz_localize(None) if getattr(cells.dtype, "tz", None) is not None else cells
    return np.asarray(plain.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT")))


def typed_numbers(cells: pd.Series) -> np.ndarray | None:
    """Typed numbers as float64 without infinite ones, or int64 where that is exact alone; None for other types."""
    dtype = cells.dtype
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype) or dtype.kind == "c":
        return None
    if dtype.kind in "iu" and not cells.isna().any():
        whole = cells.to_numpy(dtype=np.int64 if dtype.kind == "i" else np.uint64)
        if len(whole) and max(abs(int(whole.min())), abs(int(whole.max()))) >= EXACT:
            return np.asarray(whole.astype(np.int64)) if int(whole.max()) < 2**63 else None
        return np.asarray(whole.astype(np.float64))
    if dtype.kind in "iu" and (cells.abs() >= EXACT).any():
        return None
    if str(dtype).lower().startswith(("float32", "float16", "halffloat", "float[")):
        # As its shortest text says, and not with the digits that only the width adds.
        return np.asarray(cells.to_numpy(dtype=np.float32, na_value=np.nan).astype(str).astype(np.float64))
    numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _number_from(data: dict[str, Any]) -> NumberStyle:
    fields = checked(data, "a style of numbers", decimal=str, thousands=str, units=list, bare=bool, accounting=bool)
    units = texts_of(fields.pop("units", []))
    style = NumberStyle(units=units, **fields)
    known = style.decimal in (".", ",") and style.thousands in ("", ".", ",", " ", "'")
    known = known and style.decimal != style.thousands and bool(style.bare or units)
    if not known or not all(0 < len(u) <= 40 for u in units) or len(units) > 100:
        raise corrupt("a style of numbers", data)
    return style


def _date_from(data: dict[str, Any]) -> DateStyle:
    fields = checked(data, "a style of dates", formats=list, offset=bool, last_year=int)
    formats = texts_of(fields.pop("formats", []))
    if not formats or len(formats) > 100 or not all(map(is_format, formats)):
        raise corrupt("a style of dates", data)
    if not 1900 <= fields.get("last_year", 2068) <= 3000:
        raise corrupt("a style of dates", data)
    return DateStyle(formats, **fields)
