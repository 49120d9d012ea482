"""Columns of text files that were read as numbers: what only their text can tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from automl_explain.reading._dialects import Record
from automl_explain.reading._forms import is_whole
from automl_explain.reading._numbers import EXACT

_PADDED = re.compile(r"(?:^|\n)\s*[+-]?0\d")
_GROUPED = re.compile(r"[+-]?\d{1,3}\.\d{3}")
_WHOLE = re.compile(r"[+-]?\d+")
_DAYS = 1000_01_01, 9999_12_31  # as numbers


def losing_text(cells: pd.DataFrame, first: Sequence[Record]) -> list[int]:
    """Columns that are to be read as text, as the types that were found say less or something else.

    Parameters
    ----------
    cells : DataFrame of shape (n_rows, n_columns)
        Columns labelled by position.
    first : sequence of Record
        The first rows, as text.
    """
    return [j for j in cells if _loses_text(cells[j]) or _may_be_more(cells[j], [_cell(r, j) for r in first])]


def _loses_text(column: pd.Series) -> bool:
    kind = column.dtype.kind
    if column.dtype == object or kind in "bu":  # true and false in a spelling of their own, numbers beyond int64
        return kind != "O" or pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty")
    if kind not in "if" or not len(column):
        return False
    values = column.to_numpy()
    least, most = values.min(), values.max()
    if kind == "f":
        values = values[~np.isnan(values)]
        if not values.size:
            return False
        least, most = values.min(), values.max()
    if not -EXACT < least <= most < EXACT:
        return True
    if kind == "f" and is_whole(values):  # 0.0 tells the decimal mark of the table, 0 beside a gap does not
        return True
    return bool(_DAYS[0] <= least and most <= _DAYS[1])  # 20240131


def _may_be_more(column: pd.Series, first: Sequence[str]) -> bool:
    """Whether 1.234 may be a thousand and more, or +49301234 a telephone number, as far as the first rows tell."""
    kind, held = column.dtype.kind, [c for c in first if c]
    grouped = kind == "f" and all(_GROUPED.fullmatch(c) or _WHOLE.fullmatch(c) for c in held)
    return grouped or (kind in "if" and any(c.startswith("+") for c in held))


def _cell(record: Record, j: int) -> str:
    return record.cells[j].strip() if j < len(record.cells) else ""


def were_padded(texts: pd.Series) -> bool:
    """Whether any number has zeros in front."""
    return _PADDED.search("\n".join(texts)) is not None
