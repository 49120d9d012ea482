import codecs
from pathlib import Path

import pytest
from reading.files import read, rows, written

from automl_explain.exceptions import InputError
from automl_explain.reading import FileOptions, TableRecipe, iter_cells, read_cells

WORDS = {
    "cp1252": "Größe Straße München Málaga",
    "cp1250": "Łódź Kraków Gdańsk",
    "iso8859-2": "Łódź Kraków Gdańsk",
    "mac_roman": "Größe Straße München",
    "shift_jis": "東京都新宿区の天気 大阪",
    "euc_jp": "東京都新宿区の天気 大阪",
    "gb18030": "北京市海淀区天气 上海",
    "big5": "臺北市信義區天氣 高雄",
    "euc_kr": "서울특별시 강남구 날씨",
    "koi8-r": "Москва привет мир",
    "cp1251": "Москва привет мир",
    "cp1253": "Αθήνα Θεσσαλονίκη",
    "cp1254": "İstanbul Şişli \u0131\u011fd\u0131r",
}


@pytest.mark.parametrize("encoding", WORDS)
def test_code_pages_are_told_by_their_words(tmp_path: Path, encoding: str) -> None:
    words = WORDS[encoding].split()
    content = "name;n\n" + "".join(f"{word};{i}\n" for i in range(10) for word in words)

    table = read(written(tmp_path, content, encoding=encoding))

    assert table.cells[0].tolist()[: len(words)] == words
    assert any("--encoding" in note.remedy for note in table.notes)


def test_signs_beside_letters_are_no_reason_to_look_further(tmp_path: Path) -> None:
    content = "unit;n\n5 m²;1\n20 °C;2\nl\u2019été;3\n“x”;4\n€ 5;5\n"
    assert rows(read(written(tmp_path, content, encoding="cp1252")))[3:5] == [("l\u2019été", "3"), ("“x”", "4")]


@pytest.mark.parametrize(("said", "line"), [("ascii", 3), ("utf-8", 3), ("utf-16", 1), ("utf-32", 1)])
def test_a_wrong_encoding_by_the_user_is_told_with_the_line(tmp_path: Path, said: str, line: int) -> None:
    path = written(tmp_path, "a,b\n1,2\né,4\n", encoding="cp1252")
    with pytest.raises(InputError, match=f"line {line}: the bytes are not {said}"):
        read(path, encoding=said)


def test_a_mark_before_utf_8_is_no_part_of_the_name(tmp_path: Path) -> None:
    path = written(tmp_path, codecs.BOM_UTF8 + b"a,b\n1,2\n")
    assert read(path, encoding="utf-8").names == read(path).names == ("a", "b")


def test_excel_from_standard_input_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in [("a", "b"), (1, "x"), (2, "y"), (3, "x")]:
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    with (tmp_path / "book.xlsx").open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stream}))
        assert [t.n_rows for t in iter_cells("-", chunk_rows=2)] == [2, 1]
    assert read_cells(tmp_path / "book.xlsx")[0].n_rows == 3


@pytest.mark.parametrize("before", ["a", "ä", "€"])
def test_the_line_that_is_not_utf8_is_found_in_a_long_file(before: str, tmp_path: Path) -> None:
    """Blocks of the file may end within a letter, and most hold ASCII alone."""
    lines = [f"{i},{before if i % 1000 == 7 else 'x'}" for i in range(250_000)]
    text = "\n".join(["a,b", *lines]).encode()
    at = text.index(b"\n200000,")
    path = tmp_path / "long.csv"
    path.write_bytes(text[: at + 1] + b"7,\xff\n" + text[at + 1 :])
    table, _ = read_cells(path, wanted=("b",))
    (note,) = (n for n in table.notes if "is not UTF-8" in n.text)
    assert "as line 200002 is not UTF-8" in note.text


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("said", ["utf-8", "utf8", "utf-8-sig", "utf_8_sig"])
def test_utf8_is_read_whether_it_has_a_mark_or_not_whatever_its_name(tmp_path: Path, mark: str, said: str) -> None:
    content = mark + "k,v\n" + "".join(f"{1000 + i},{i}\n" for i in range(30))
    assert rows(read(written(tmp_path, content), encoding=said))[1] == ("1000", "0")


def test_a_letter_whose_second_byte_is_the_separator_moves_no_column(tmp_path: Path) -> None:
    content = "名前|code|v\n" + "".join(f"株式会社ポール{i}|{i:03}|{i}\n" for i in range(60))
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode("cp932"))
    _, frame, _ = TableRecipe.learn(read_cells(path, FileOptions(encoding="cp932"))[0])
    assert frame["code"].tolist() == [f"{i:03}" for i in range(60)]
