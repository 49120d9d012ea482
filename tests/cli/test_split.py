"""Rows split by time and by groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl_explain.cli._data import ReadOptions, read_table
from automl_explain.cli._split import SplitRule, group_codes, parse_split, rows_apart
from automl_explain.exceptions import DataError, InputError


def target(n: int, task: str = "classification") -> pd.Series:
    return pd.Series(np.arange(n) % 2 if task == "classification" else np.arange(n) / 3, name="y")


def apart(kind: str, values: pd.Series, y: pd.Series | None = None, **options: float):
    options = {"test_size": 0.25, "seed": 0} | options
    y = target(len(values)) if y is None else y
    return rows_apart(SplitRule(kind, str(values.name)), values, y, "classification", **options)


def test_rules_are_read_from_text() -> None:
    assert parse_split("time:sold on") == SplitRule("time", "sold on")
    assert parse_split("group:a:b") == SplitRule("group", "a:b")
    assert parse_split("random") == SplitRule()
    assert str(SplitRule("time", "day")) == "time:day"
    for wrong in ("time", "time:", "rows:day", ""):
        with pytest.raises(ValueError, match="^" + wrong + "$"):
            parse_split(wrong)


@pytest.mark.parametrize("kind", ["date", "number"])
def test_the_latest_rows_are_tested_on_and_the_others_come_in_order(kind: str) -> None:
    order = np.random.RandomState(0).permutation(100)
    days = pd.date_range("2024-01-01", periods=100)[order] if kind == "date" else order
    values = pd.Series(days, name="day")
    train, test = apart("time", values)
    assert len(test) == 25
    assert values.iloc[train].max() < values.iloc[test].min()
    assert values.iloc[train].is_monotonic_increasing


def test_rows_of_one_time_stay_together_and_those_without_are_trained_on() -> None:
    values = pd.Series(np.repeat([2020.0, 2021, 2022, np.nan], [30, 40, 20, 10]), name="year")
    train, test = apart("time", values)
    assert set(values.iloc[test]) == {2022.0}
    assert len(train) + len(test) == 100


def test_groups_stay_together_and_the_share_of_test_rows_is_near() -> None:
    values = pd.Series(np.random.RandomState(1).randint(0, 30, 300).astype(str), name="patient")
    train, test = apart("group", values)
    assert not set(values.iloc[train]) & set(values.iloc[test])
    assert 0.2 < len(test) / 300 < 0.3
    assert sorted([*train, *test]) == list(range(300))
    again = apart("group", values)
    assert np.array_equal(again[1], test)


def test_missing_groups_are_one_each() -> None:
    assert group_codes(pd.Series(["a", None, "b", "a", None])).tolist() == [0, 2, 1, 0, 3]


def test_columns_that_do_not_split_are_refused() -> None:
    with pytest.raises(InputError, match=r"--split time:name: column 'name' holds 'x', which is no time"):
        apart("time", pd.Series(["x"] * 60, name="name", dtype=object))
    with pytest.raises(DataError, match="nearly all rows have the same time"):
        apart("time", pd.Series([1] * 60, name="day"))
    with pytest.raises(DataError, match="all rows are of one group"):
        apart("group", pd.Series(["x"] * 60, name="name", dtype=object))


def test_classes_of_one_side_alone_are_refused() -> None:
    days = pd.Series(np.arange(60), name="day")
    with pytest.raises(DataError, match=r"class 'c' of 'y' stand in the latest rows alone"):
        apart("time", days, pd.Series(["a", "b"] * 25 + ["c"] * 10, name="y"))
    with pytest.raises(DataError, match="one side has a single class of 'y'"):
        apart("time", days, pd.Series(["a", "b"] * 20 + ["a"] * 20, name="y"))


def test_columns_set_aside_have_the_rows_of_the_target(tmp_path: Path) -> None:
    """Rows of a class that is left out are not split by either."""
    rows = [f"{i % 7},shop {i % 9},{'yes' if i % 2 else 'no'}" for i in range(300)]
    rows[10] = "3,shop 1,maybe"
    path = tmp_path / "table.csv"
    path.write_text("amount,shop,paid\n" + "\n".join(rows) + "\n", encoding="utf-8")
    table = read_table(path, ReadOptions(target="paid", split=parse_split("group:shop")))
    assert set(table.y) == {"yes", "no"}
    assert table.column("shop").index.equals(table.y.index)
