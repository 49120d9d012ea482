"""Small tables as text, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.reading._options import TypeOptions
from automl_explain.reading._recipe import TableRecipe
from automl_explain.reading._text_table import TextTable


def table(**columns: Any) -> TextTable:
    """A table whose first row stands in line 2; Series keep their type."""
    series = [c if isinstance(c, pd.Series) else pd.Series(list(c), dtype=object) for c in columns.values()]
    lines = np.arange(2, len(series[0]) + 2)
    return TextTable(tuple(columns), pd.DataFrame(dict(enumerate(series))), lines, "data.csv")


def learned(cells: Any, target: bool = False, name: str = "x", **options: Any) -> tuple[Any, pd.Series, list[str]]:
    """Form, values and notes of one column."""
    recipe, frame, notes = TableRecipe.learn(
        table(**{name: cells}), TypeOptions(**options), target=name if target else None
    )
    return recipe.columns[0], frame[name], [f"{n.text}. {n.remedy}" for n in notes]


def values(cells: Sequence[Any], **more: Any) -> list[Any]:
    """Values of one column."""
    return list(learned(cells, **more)[1])
