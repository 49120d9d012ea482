"""Parquet, feather, Excel and queries."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from reading.files import read, rows, said

from automl_explain.exceptions import DataError, InputError


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(path)
    return path


CITIES = [["city", "size"], ["Ulm", 12], ["Jena", 7]]
ROWS = [("city", "size"), ("Ulm", "12.0"), ("Jena", "7.0")]


@pytest.mark.parametrize("name", ["data.xlsx", "data.csv"])
def test_excel_is_known_by_content(tmp_path: Path, name: str) -> None:
    path = workbook(tmp_path / "a.xlsx", Data=CITIES).rename(tmp_path / name)
    assert rows(read(path)) == ROWS


def test_the_sheet_is_the_one_named_or_that_of_the_wanted_names(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", Notes=[["Made in May"]], Data=CITIES, More=[["plan", "price"], ["a", 1]])
    assert rows(read(path)) == ROWS
    assert "sheet 'Data'" in said(read(path))
    assert read(path, "price").names == ("plan", "price")
    assert read(path, sheet="More").names == ("plan", "price")
    assert read(path, sheet="3").names == ("plan", "price")
    with pytest.raises(InputError, match="no sheet 'Other'.*'Notes', 'Data', 'More'"):
        read(path, sheet="Other")


def test_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        read(workbook(tmp_path / "a.xlsx", Data=[]))


def test_parquet_keeps_types(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 2, 29, 12, 30)
    table = pa.table(
        {
            "whole": pa.array([1, None, 2**60], pa.int64()),
            "real": [0.5, None, 1.0],
            "text": ["NA", "", None],
            "code": pa.array(["a", "b", "a"]).dictionary_encode(),
            "date": pa.array([when, None, when], pa.timestamp("us")),
            "flag": [True, False, True],
        }
    )
    pq.write_table(table, tmp_path / "a.csv")
    feather.write_feather(table, tmp_path / "a.feather")
    for name in ("a.csv", "a.feather"):
        cells = read(tmp_path / name).cells
        assert [str(d) for d in cells.dtypes] == ["Int64", "float64", "object", "object", "datetime64[us]", "bool"]
        assert cells[0].tolist() == [1, pd.NA, 2**60]
        assert cells[2].tolist() == ["NA", "", None]


def test_nested_columns_are_refused_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "tags": [["x", "y"]]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="'tags' holds list"):
        read(tmp_path / "a.parquet")


def test_titles_above_the_names_of_a_sheet_are_left_out(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", Data=[["Sizes of cities", None], [None, None], *CITIES, [None, None]])
    table = read(path)
    assert rows(table) == ROWS
    assert table.lines.tolist() == [4, 5]
    assert "above the names" in said(table)
