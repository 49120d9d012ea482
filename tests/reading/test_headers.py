"""Which line holds the names, where others stand above it or a name is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading.files import read, said, written

from automl_explain.exceptions import InputError

ROWS = "".join(f"{i},{'abc'[i % 3]},{i * 1.5}\n" for i in range(30))


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("churn\n\n", 4),
        ("churn\n", 3),
        ("Report on churn, of 2024\nmade on: 1.2.2024\n", 4),
        ("Sales, 2024\n", 3),
        ("# made by me\n# on Monday\n", 4),
    ],
)
@pytest.mark.parametrize("wanted", [("churn",), ()])
def test_a_title_is_told_from_names(tmp_path: Path, above: str, line: int, wanted: tuple[str, ...]) -> None:
    table = read(written(tmp_path, f"{above}id,age,churn\n{ROWS}"), *wanted)
    assert table.names == ("id", "age", "churn")
    assert (table.n_rows, table.lines[0]) == (30, line)
    assert "above the names" in said(table)


@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_labels_of_rows_that_r_writes_have_no_name(tmp_path: Path, separator: str) -> None:
    lines = [['"size"', '"kind"'], *([f'"{i}"', str(i * 2), '"x"'] for i in range(1, 11))]
    table = read(written(tmp_path, "".join(separator.join(line) + "\n" for line in lines)))
    assert table.names == ("column 1", "size", "kind")
    assert table.column("size").astype(int).tolist() == list(range(2, 22, 2))


def test_a_missing_name_is_no_reason_to_move_the_others(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2 has 3 cells, but there are 2 names"):
        read(written(tmp_path, "id,age\n" + "".join(f"{i},{20 + i % 9},{i * 1.5}\n" for i in range(1, 30))))


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_the_line_of_the_separator_is_no_title(tmp_path: Path, separator: str) -> None:
    table = read(
        written(
            tmp_path,
            f"sep={separator}\na{separator}b\n1,5{separator}2\n3,5{separator}4\n".replace("1,5,2", '"1,5",2').replace(
                "3,5,4", '"3,5",4'
            ),
        )
    )
    assert table.names == ("a", "b")
    assert table.lines.tolist() == [3, 4]
    assert "above" not in said(table)


def test_the_line_of_the_names_may_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\n" * 300 + "a,b\n1,2\n\n")
    assert read(path, header=301).names == ("a", "b")
    with pytest.raises(InputError, match="no names start in line 303"):
        read(path, header=303)
