"""Columns that are being looked at, and what those of a table say about one another."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.reading._cells import Cells, Distinct
from automl_explain.reading._clocks import parse_each
from automl_explain.reading._dates import formats_of
from automl_explain.reading._evidence import Evidence
from automl_explain.reading._forms import typed_numbers
from automl_explain.reading._options import TypeOptions
from automl_explain.reading._words import GAP_MARKS, is_gap

SAMPLE = 500  # cells of a column that are looked at before all are read


class Column:
    """A column that is being looked at: its cells, and a sample of its different texts."""

    def __init__(self, name: str, cells: pd.Series, lines: np.ndarray, na: tuple[str, ...] = ()) -> None:
        self.name, self.cells, self.lines, self.na = name, cells, lines, na
        self.numbers = typed_numbers(cells) if not na else None
        self.is_text = (self.numbers is None and not isinstance(cells.dtype, np.dtype)) or cells.dtype == object
        self.is_text |= pd.api.types.is_bool_dtype(cells.dtype)
        self.texts = Cells(cells) if self.is_text else None
        self.sample: list[str] = []
        self.counts: list[int] = []
        self.gaps: set[str] = set()
        self.evidence = Evidence()
        if self.texts is not None:
            self._look(self.texts)

    def _look(self, texts: Cells) -> None:
        seen = Distinct(texts.sample(SAMPLE))
        if all(is_gap(t, GAP_MARKS, self.na) for t in seen.texts):  # a value may stand anywhere
            seen = texts.distinct
        for text, count in zip(seen.texts, seen.counts, strict=True):
            if is_gap(text, GAP_MARKS, self.na):
                self.gaps.add(text)
            elif len(self.sample) < SAMPLE:
                self.sample.append(text)
                self.counts.append(int(count))
        self.evidence = Evidence.of(self.sample, self.counts)

    def fits_all(self, kind: str) -> bool:
        """Whether all texts, not those of the sample alone, are times of day or durations."""
        texts = [] if self.texts is None else self.texts.distinct.texts
        return not np.isnan(parse_each((t for t in texts if not is_gap(t, GAP_MARKS, self.na)), kind)).any()

    @property
    def total(self) -> int:
        """Cells of the sample that hold a value."""
        return sum(self.counts)

    @property
    def numeric(self) -> bool:
        """Whether most of the sample can be numbers."""
        return bool(self.sample) and self.evidence.numbers >= 0.9 * self.total


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What the other columns of a table say.

    Parameters
    ----------
    decimal : str or None
        The decimal mark that is sure in some column.
    day_first : bool or None
        The order of day and month that is sure in some column.
    semicolons : bool
        Whether the cells of the file are not separated by commas.
    na_is_gap : bool
        Whether "NA" stands for gaps among numbers.
    """

    decimal: str | None = None
    day_first: bool | None = None
    semicolons: bool = False
    na_is_gap: bool = False

    @classmethod
    def of(cls, columns: Iterable[Column], options: TypeOptions, separator: str | None) -> Surroundings:
        """Of all columns of a table."""
        marks: collections.Counter[str] = collections.Counter()
        orders: collections.Counter[bool] = collections.Counter()
        na_is_gap = False
        for column in columns:
            if column.numeric:
                marks.update(set(column.evidence.decimals))
                na_is_gap |= "NA" in column.gaps
            elif column.numbers is not None:
                marks.update("." * _has_fractions(column.numbers))
            elif column.sample:
                orders.update(sure_orders(column.sample))
        decimal = options.decimal or (marks.most_common(1)[0][0] if marks else None)
        day_first = options.day_first
        if day_first is None and len(orders) == 1:
            day_first = next(iter(orders))
        return cls(decimal, day_first, separator not in (None, ","), na_is_gap)


def _has_fractions(numbers: np.ndarray) -> bool:
    parts = (numbers[:1000], numbers[1000:])  # most columns with fractions show them soon
    return any(bool(((part != np.trunc(part)) & ~np.isnan(part)).any()) for part in parts)


def sure_orders(sample: Sequence[str]) -> set[bool]:
    """The orders of day and month that single dates allow alone: True for day first."""
    sure = set()
    for text in sample:
        found = re.match(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})\b", text)
        if found is not None and formats_of(text)[0]:
            first, second = int(found[1]), int(found[3])
            # 23-01-05 is 5 January 2023 or 23 January 2005.
            year_first = len(found[4]) == 2 and int(found[4]) <= 31 and first > 12
            if not year_first and (first <= 12 < second <= 31 or second <= 12 < first <= 31):
                sure.add(first > 12)
    return sure
