"""Cells before anything has been decided about them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl_explain.reading._text_table import TextTable


def table() -> TextTable:
    cells = pd.DataFrame({0: pd.Series(["a", "", None], dtype=object), 1: [1.5, 2.0, 3.0]})
    return TextTable(("plan", "age"), cells, np.array([2, 3, 5]), "plans.csv")


def test_columns_are_found_by_name() -> None:
    assert table().column("plan").tolist() == ["a", "", None]
    assert table().column("age").name == "age"
    assert (table().n_rows, table().n_columns) == (3, 2)


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True])])
def test_rows_keep_their_lines(rows: np.ndarray) -> None:
    taken = table().take(rows)
    expected = {5: None, 2: "a"}
    assert dict(zip(taken.lines.tolist(), taken.column("plan"), strict=True)) == expected
    assert taken.column("age").index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("names", "lines"), [(("plan",), [2, 3, 5]), (("plan", "age"), [2, 3]), (("plan", "plan"), [2, 3, 5])]
)
def test_parts_that_do_not_fit_are_refused(names: tuple[str, ...], lines: list[int]) -> None:
    with pytest.raises(ValueError, match=r"names"):
        TextTable(names, table().cells, np.array(lines), "plans.csv")
