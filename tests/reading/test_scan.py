from pathlib import Path

import pytest
from reading.files import written

from automl_explain.reading._formats import FileFormat
from automl_explain.reading._scan import scan


@pytest.mark.parametrize(
    ("cell", "padded"),
    [
        ("007", True),
        ("-007", True),
        ("+07", True),
        (" 07", True),
        ("00.5", True),
        ("0.5", False),
        ("100", False),
        ("2020-01-05", False),
        ("2020-01-05 03:04:05", False),
        ("05.03.2020", False),
        ("-0.07", False),
        ("a-07", False),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_numbers_with_zeros_in_front_are_told_from_dates(tmp_path: Path, cell: str, padded: bool, first: bool) -> None:
    row = f"{cell},x" if first else f"x,{cell}"
    path = written(tmp_path, f"a,b\n1,2\n{row}\n")
    assert scan(path, FileFormat("text", "utf-8", ",")).padded == ({0 if first else 1} if padded else set())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_columns_of_padded_numbers_are_told_by_position(tmp_path: Path, end: str) -> None:
    rows = ["1,2,3,4"] * 5000 + ["1,2,3,04", "1,02,3,4", ",,3,4"] + ["1,2,3,4"] * 200_000
    path = written(tmp_path, end.join(["a,b,c,d", *rows]))
    assert scan(path, FileFormat("text", "utf-8", ",")).padded == {1, 3}


def test_columns_are_not_told_where_separators_may_stand_in_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n"x,y",07\n')
    assert scan(path, FileFormat("text", "utf-8", ",")).padded is None


@pytest.mark.parametrize(
    ("content", "blanks"), [("a,b\n1, 2\n", True), ("a,b\n 1,2\n", True), ("a,b\n1 ,x y\n", False)]
)
def test_blanks_at_the_start_of_cells_are_found(tmp_path: Path, content: str, blanks: bool) -> None:
    assert scan(written(tmp_path, content), FileFormat("text", "utf-8", ",")).has_blanks is blanks
