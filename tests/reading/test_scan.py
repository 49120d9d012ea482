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
    assert scan(path, FileFormat("text", "utf-8", ",")).has_padded_numbers is padded
