import sqlite3
from pathlib import Path

import duckdb
import pytest
from reading.files import read, rows, written

from automl_explain.exceptions import DataError, InputError, MissingExtraError, NotFoundError
from automl_explain.reading import FileOptions, iter_cells

CITIES = [("Ulm", 12, None), ("Jena", 7, 0.5), ("Bonn", None, 2.0)]
FOUND = [("city", "size"), ("Jena", "7"), ("Ulm", "12")]
QUERY = "select city, size from cities where size > 3 order by city"


@pytest.fixture(params=["sqlite", "duckdb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of one table."""
    path = tmp_path / f"towns.{request.param}"
    database = sqlite3.connect(path) if request.param == "sqlite" else duckdb.connect(str(path))
    database.execute("create table cities (city text, size integer, share double)")
    database.executemany("insert into cities values (?, ?, ?)", CITIES)
    database.commit()
    database.close()
    return f"{request.param}:///{path}"


def test_a_query_of_a_database_gives_typed_columns(url: str) -> None:
    assert rows(read(url, query=QUERY)) == FOUND
    table = read(url, query="select * from cities")
    assert [str(dtype) for dtype in table.cells.dtypes] == ["object", "Int64", "float64"]
    assert table.lines.tolist() == [1, 2, 3]


def test_a_query_is_read_in_chunks(url: str) -> None:
    chunks = list(iter_cells(url, FileOptions(query="select * from cities"), chunk_rows=2))
    assert [c.lines.tolist() for c in chunks] == [[1, 2], [3]]


def test_signs_in_a_query_are_no_parameters(url: str) -> None:
    table = read(url, query="select city, ':x' as \"50 %\" from cities where city like 'U%' or city = ':y'")
    assert rows(table) == [("city", "50 %"), ("Ulm", ":x")]


def test_a_query_changes_nothing(url: str) -> None:
    if url.startswith("sqlite"):
        with pytest.raises(InputError, match="gives no table"):
            read(url, query="delete from cities")
    else:
        with pytest.raises(InputError, match="read-only"):
            read(url, query="delete from cities")
    assert read(url, query="select * from cities").n_rows == 3


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        ("select * from towns", InputError, "refused: .*towns"),
        ("selec * from cities", InputError, "refused: .*syntax"),
        ("select * from cities where size > 99", DataError, "no rows"),
    ],
)
def test_queries_that_give_no_rows_are_told(url: str, query: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read(url, query=query)


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(NotFoundError, match="no database"):
        read(f"{scheme}:///{tmp_path / 'new.db'}", query=QUERY)
    assert not list(tmp_path.iterdir())


def test_a_database_without_a_query_asks_for_one(url: str) -> None:
    with pytest.raises(InputError, match="--query"):
        read(url)


def test_the_file_of_a_database_is_told_how_to_be_read(url: str) -> None:
    scheme, _, path = url.partition("///")
    with pytest.raises(InputError, match=f"database; pass its URL .{scheme}///FILE. with --query"):
        read(path)


@pytest.mark.parametrize("query", [QUERY, None])
def test_passwords_are_not_shown(query: str | None) -> None:
    with pytest.raises((InputError, MissingExtraError)) as caught:
        read("postgresql+nodriver://me:secret@localhost/towns", query=query)
    assert "secret" not in str(caught.value)


def test_a_query_of_a_text_file_counts_with_its_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "city,size,zip\nUlm,12,01\nJena,7,02\nBonn,,03\n")
    assert rows(read(path, query="select city, size from data where size > 3 order by city")) == FOUND
    assert rows(read(path, query="select avg(size) as mean from data")) == [("mean",), ("9.5",)]
    assert read(path, query="select zip from data").cells[0].tolist() == ["01", "02", "03"]


def test_gaps_in_text_stay_gaps_in_a_query_of_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "city,size\nUlm,big\nJena,\n")
    table = read(path, query="select city, nullif(size, '') as size from data")
    assert table.cells[1].tolist() == ["big", None]


def test_a_query_of_a_file_that_is_refused_names_the_table(tmp_path: Path) -> None:
    path = written(tmp_path, "city,size\nUlm,12\n")
    with pytest.raises(InputError, match="refused: .*town.*`data`"):
        read(path, query="select town from data")


def test_decimal_ids_of_a_database_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table t as select (9007199254740992 + i)::decimal(20, 0) id, i v from range(60) r(i)"
        )
    table = read(f"duckdb:///{path}", query="select * from t order by v")
    assert [row[0] for row in rows(table)[1:]] == [str(2**53 + i) for i in range(60)]
