"""Where tables come from: packed files, wrong suffixes, standard input, URLs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from pathlib import Path

import fsspec
import pandas as pd
import pytest
import zstandard
from reading.files import read, rows, said, written

from automl_explain.exceptions import InputError, NotFoundError

TEXT = b"city,size\nUlm,12\nJena,7\n"
ROWS = [("city", "size"), ("Ulm", "12"), ("Jena", "7")]


def zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return made.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT),
        bz2.compress(TEXT),
        lzma.compress(TEXT),
        zstandard.compress(TEXT),
        zipped("data.csv"),
        zipped("data.csv", "__MACOSX/._data.csv"),
        gzip.compress(gzip.compress(TEXT)),
    ],
    ids=["gzip", "bzip2", "xz", "zstd", "zip", "zip of a Mac", "gzip twice"],
)
@pytest.mark.parametrize("name", ["data.csv", "data"])
def test_packed_files_are_known_by_content(tmp_path: Path, content: bytes, name: str) -> None:
    assert rows(read(written(tmp_path, content, name))) == ROWS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped("a.csv", "b.csv"), "2 files ('a.csv', 'b.csv')"),
        (zipped(), "0 files"),
        (gzip.compress(TEXT * 1000)[:-20], "cannot be unpacked"),
        (zstandard.compress(TEXT * 1000)[:-5], "cannot be unpacked"),
        (lzma.compress(TEXT * 1000)[:-20], "cannot be unpacked"),
        (bz2.compress(TEXT * 1000)[:-20], "cannot be unpacked"),
        (zipped("a.csv")[:-20], "cannot be unpacked"),
    ],
)
def test_archives_that_hold_no_one_file_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, content))
    assert words in str(caught.value)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(gzip.compress(TEXT))

    monkeypatch.setattr(sys, "stdin", Stdin)
    table = read("-")
    assert rows(table) == ROWS
    assert table.place == "standard input"


def test_urls_are_read_by_fsspec() -> None:
    with fsspec.open("memory://tables/data.csv", "wb") as file:
        file.write(TEXT)
    assert rows(read("memory://tables/data.csv")) == ROWS
    with pytest.raises(NotFoundError, match="memory://tables/other.csv"):
        read("memory://tables/other.csv")


def test_a_file_that_is_not_there_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    written(tmp_path, TEXT, "sales.csv")
    with pytest.raises(NotFoundError, match="did you mean .*sales.csv"):
        read(tmp_path / "sale.csv")
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)


@pytest.mark.parametrize("content", ['[{"a": 1}, {"a": 2}]', '{"a": 1}\n{"a": 2}\n', '\ufeff[ {"a": 1} ]'])
def test_json_is_told_from_text(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match="is JSON"):
        read(written(tmp_path, content))


def test_what_file_managers_add_to_archives_is_not_counted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("towns/a.csv", "a,b\n1,2\n")
        archive.writestr("towns/.DS_Store", "x")
        archive.writestr("__MACOSX/towns/._a.csv", "x")
    assert rows(read(tmp_path / "a.zip")) == [("a", "b"), ("1", "2")]


def test_a_carriage_return_alone_in_a_cell_ends_no_row(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [f"note {i}" for i in range(30)], "n": range(30)})
    frame.loc[7, "text"] = "one\rtwo"
    frame.to_csv(tmp_path / "a.csv", index=False)  # without quotes
    table = read(tmp_path / "a.csv")
    assert table.n_rows == 30
    assert rows(table)[8] == ("one two", "7")
    assert said(table) == ""


def test_lines_of_an_old_mac_end_with_a_carriage_return(tmp_path: Path) -> None:
    assert rows(read(written(tmp_path, "a,b\r1,2\r3,4\r"))) == [("a", "b"), ("1", "2"), ("3", "4")]


def test_a_carriage_return_in_quotes_is_kept_where_one_outside_is_none(tmp_path: Path) -> None:
    lines = [b"a,b", b'1,"x\ry"', b"2,x\ry", *[b"3,z"] * 500]
    cells = read(written(tmp_path, b"\n".join(lines))).cells
    assert cells[1].tolist()[:3] == ["x\ry", "x y", "z"]
