"""Text files as people write them: names, cells, lines, notes and errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reading.files import read, rows, said, written

from automl_explain.exceptions import DataError, InputError

PLAIN = [("city", "size"), ("Ulm", "12"), ("Jena", "7"), ("Bonn", "3")]


@pytest.mark.parametrize(
    "content",
    [
        "city,size\nUlm,12\nJena,7\nBonn,3\n",
        "city;size\nUlm;12\nJena;7\nBonn;3",
        "city\tsize\r\nUlm\t12\r\nJena\t7\r\nBonn\t3\r\n",
        "city|size\nUlm|12\nJena|7\nBonn|3\n",
        "city,size\rUlm,12\rJena,7\rBonn,3\r",
        "sep=;\ncity;size\nUlm;12\nJena;7\nBonn;3\n",
        '"sep=,"\r\ncity,size\r\nUlm,12\r\nJena,7\r\nBonn,3\r\n',
        '"city","size"\n"Ulm","12"\n"Jena","7"\n"Bonn","3"\n',
        "'city','size'\n'Ulm','12'\n'Jena','7'\n'Bonn','3'\n",
        "city, size\nUlm, 12\nJena, 7\nBonn, 3\n",
        "city,size,\nUlm,12,\nJena,7,\nBonn,3,\n",
        "city,size\nUlm,12,\nJena,7,\nBonn,3,\n",
        "city;size;;;\nUlm;12;;;\nJena;7;;;\nBonn;3;;;\n",
        "\ufeffcity,size\nUlm,12\nJena,7\nBonn,3\n",
        "\n\ncity,size\n\nUlm,12\n\nJena,7\nBonn,3\n\n\n",
        "Sizes of cities\n\ncity,size\nUlm,12\nJena,7\nBonn,3\n",
    ],
)
def test_forms_of_one_table_give_the_same_cells(tmp_path: Path, content: str) -> None:
    assert rows(read(written(tmp_path, content))) == PLAIN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "Straße;Größe\n" + "Äußere Gasse;12\nÖlberg;7\n" * 3, encoding=encoding)
    assert rows(read(path))[:2] == [("Straße", "Größe"), ("Äußere Gasse", "12")]


def test_names_are_cleaned(tmp_path: Path) -> None:
    path = written(tmp_path, '"size\nin m",  a  b ,Gro\u0308ße,\n1,2,3,4\n5,6,7,8\n')
    assert read(path).names == ("size in m", "a b", "Größe", "column 4")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("a,b\n1,x\n2,y\n", [2, 3]),
        ('a,b\n1,"x\nx"\n2,y\n', [2, 4]),
        ('a,b\r\n1,"x\r\nx"\r\n2,y\r\n', [2, 4]),
        ('a,b\r1,"x\rx"\r2,y\r', [2, 4]),
        ('"a\nA",b\n1,x\n2,y\n', [3, 4]),
        ("a,b\n\n1,x\n\n2,y\n", [3, 5]),
        ("sep=,\na,b\n1,x\n2,y\n", [3, 4]),
        ("Title\na,b\n1,x\n2,y\n", [3, 4]),
        ('"Title\nof two"\n\na,b\n1,x\n2,y\n', [5, 6]),
        ('a,b\n1,"x\u2028x"\n2,"y\x0cy"\n3,z\n', [2, 3, 4]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_rows_know_their_lines(tmp_path: Path, content: str, lines: list[int], encoding: str) -> None:
    assert read(written(tmp_path, content, encoding=encoding)).lines.tolist() == lines


def test_what_was_decided_is_told(tmp_path: Path) -> None:
    table = read(written(tmp_path, "Sizes\n\nUlm;12\nJena;7\nBonn\n"), header="none")
    assert "';'" in said(table)
    assert "no names" in said(table)
    table = read(written(tmp_path, "Sizes of cities\n\ncity;size\nUlm;12\nJena\nBonn;3\n"))
    assert "above the names" in said(table)
    assert "line 5" in said(table)


def test_a_name_that_stands_twice_is_refused_unless_the_cells_are_the_same(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns 1 and 3 are both called 'a'"):
        read(written(tmp_path, "a,b,a\n1,2,3\n4,5,4\n"))
    table = read(written(tmp_path, "a,b,a\n1,2,1\n4,5,4\n"))
    assert rows(table) == [("a", "b"), ("1", "2"), ("4", "5")]
    assert "left out column 3" in said(table)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("", DataError, "is empty"),
        ("\n\n \n", DataError, "no rows"),
        ("a,b\n", DataError, "no rows"),
        ("a,b\n\n\n", DataError, "no rows"),
        ("a,b\n1,2\n3,4,5\n", InputError, "line 3 has 3 cells, but there are 2 names"),
        ('a,b\n1,"x\nx"\n3,4,5,6,7\n', InputError, "line 4 has 5 cells, but there are 2 names"),
        ("a,b\n" + "1,2\n" * 300 + "3,4,5,6,7\n", InputError, "line 302 has 5 cells, but there are 2 names"),
        ("a,b\n" + "1,2\n" * 300 + "3,4,5\n", InputError, "line 302 has 3 cells, but there are 2 names"),
        ('a,b\n1,x\n2,"y\n3,z\n', InputError, "line 3"),
        (b"a,b\n1,\x00\x01\x02\n", InputError, "binary"),
        (b"%PDF-1.4\n", InputError, "PDF"),
        (b"<!DOCTYPE html><html>", InputError, "web page"),
        (b"SQLite format 3\0....", InputError, "SQLite"),
    ],
)
def test_files_without_a_table_are_refused(tmp_path: Path, content: str, error: type, words: str) -> None:
    with pytest.raises(error, match=re.escape(words)) as caught:
        read(written(tmp_path, content))
    assert "data.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
