"""Parquet, feather, Excel and queries."""

from __future__ import annotations

import datetime
import warnings
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from reading.files import read, rows, said, written

from automl_explain.exceptions import DataError, InputError
from automl_explain.reading import TableRecipe, read_cells


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


def test_a_table_beside_the_corner_of_a_sheet_is_read(tmp_path: Path) -> None:
    lines = [[None, None, "Cities of the south", None], [], [None, None, "city", "size", None, None]]
    path = workbook(tmp_path / "a.xlsx", Data=[*lines, [None, None, "Ulm", 12, None], [None, None, "Jena", 7]])
    assert rows(read(path)) == ROWS
    assert read(path).lines.tolist() == [4, 5]


def test_years_are_names_of_a_sheet(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx", Data=[["city", 2019, 2020, 2021], ["Ulm", 1.5, 2.5, 3.5], ["Jena", 1.0, 5.0, 2.0]]
    )
    assert read(path).names == ("city", "2019", "2020", "2021")


def test_dates_times_and_durations_of_a_sheet_keep_their_meaning(tmp_path: Path) -> None:
    when, long = datetime.datetime(2024, 2, 29, 12, 30), datetime.timedelta(hours=26, minutes=3)
    lines = [["date", "time", "duration", "mixed", "flag"]]
    lines += [[when, datetime.time(14, 5), long, "x", True], [None, None, None, 12, None]]
    path = workbook(tmp_path / "a.xlsx", Data=lines)
    cells = read(path).cells
    assert cells[0].tolist() == [pd.Timestamp(when), pd.NaT]
    assert cells[1].tolist() == ["14:05:00", ""]
    assert cells[2].tolist() == ["26:03:00", ""]
    assert cells[3].tolist() == ["x", "12"]
    assert cells[4].tolist() == ["True", ""]


def test_a_wrong_row_of_names_is_told(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", Data=CITIES)
    with pytest.raises(InputError, match="line 9 "):
        read(path, header=9)
    assert read(path, header="none").names == ("column 1", "column 2")


def test_opendocument_is_read(tmp_path: Path) -> None:
    names = {n: f"urn:oasis:names:tc:opendocument:xmlns:{n}:1.0" for n in ("office", "table", "text")}
    spaces = " ".join(f'xmlns:{n}="{uri}"' for n, uri in names.items())

    def cell(value: Any) -> str:
        kind = (
            f'office:value-type="float" office:value="{value}"'
            if isinstance(value, int)
            else 'office:value-type="string"'
        )
        return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"

    lines = "".join(f"<table:table-row>{''.join(map(cell, line))}</table:table-row>" for line in CITIES)
    table = f'<office:spreadsheet><table:table table:name="Data">{lines}</table:table></office:spreadsheet>'
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body>{table}</office:body></office:document-content>",
        )
    assert rows(read(tmp_path / "a.ods")) == ROWS


@pytest.mark.parametrize(
    "content", [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), b"PAR1" + bytes(50), b"ARROW1\0\0"]
)
def test_damaged_files_are_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read as"):
        read(written(tmp_path, content))


def test_an_index_that_pandas_saved_has_the_name_of_a_column_without_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"size": [12, 7]}, index=["Ulm", "Jena"])
    frame.to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").names == ("size", "column 2")
    frame.to_csv(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv").names == ("column 1", "size")
    frame.rename_axis("city").to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").names == ("size", "city")


def test_types_that_pandas_lacks_are_learned_as_from_text(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 1, 5, 23, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    days = [day + datetime.timedelta(hours=7 * i) for i in range(30)]
    table = pa.table(
        {
            "price": pa.array([Decimal(i) / 4 for i in range(30)], pa.decimal128(10, 2)),
            # By the numbers: releases of pyarrow differ in what they make of a datetime with an offset.
            "zone": pa.array([int(d.timestamp() * 1e6) for d in days], pa.timestamp("us", "Europe/Berlin")),
            "time": pa.array([d.time() for d in days], pa.time64("us")),
            "day": pa.array([d.date() for d in days], pa.date32()),
            "small": pa.array(range(30), pa.int8()),
            "unsigned": pa.array([None, *range(29)], pa.uint16()),
            "word": pa.array([b"red", b"blue"] * 15, pa.binary()),
            "short": pa.array([0.1 * i for i in range(30)], pa.float32()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    found, form = read_cells(tmp_path / "a.parquet")
    frame = TableRecipe.learn(found, format=form)[1]
    assert frame["price"].tolist() == [i / 4 for i in range(30)]
    # Berlin has one hour less than the clock of these days; its own is kept.
    assert frame["zone"].tolist() == [pd.Timestamp(d.replace(tzinfo=None)) - pd.Timedelta(hours=1) for d in days]
    assert frame["time"].tolist()[:2] == [84600.0, 23400.0]
    assert frame["day"].tolist() == [pd.Timestamp(d.date()) for d in days]
    assert frame["small"].tolist() == list(range(30))
    assert frame["unsigned"].tolist()[1:] == list(range(29))
    assert frame["word"].tolist() == ["red", "blue"] * 15
    assert frame["short"].tolist()[:3] == [0.0, 0.1, 0.2]


def test_feather_as_it_was_before_2020_is_read(tmp_path: Path) -> None:
    table = pa.table({"city": ["Ulm", "Jena"], "size": [12, 7]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        feather.write_feather(table, tmp_path / "a.feather", version=1)
    assert rows(read(tmp_path / "a.feather")) == [("city", "size"), ("Ulm", "12"), ("Jena", "7")]


def test_ids_beyond_float64_with_a_gap_stay_apart_in_any_form(tmp_path: Path) -> None:
    ids = [None, *(2**60 + i for i in range(1, 60))]
    pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "v": range(60)}), tmp_path / "a.parquet")
    content = "id,v\n" + "".join(f"{'' if i is None else i},{v}\n" for v, i in enumerate(ids))
    frames = []
    for path in (tmp_path / "a.parquet", written(tmp_path, content)):
        found, form = read_cells(path)
        frames.append(TableRecipe.learn(found, format=form)[1])
    pd.testing.assert_frame_equal(frames[0], frames[1], check_exact=True)
    assert frames[0]["id"].iloc[1:].tolist() == [str(i) for i in ids[1:]]
