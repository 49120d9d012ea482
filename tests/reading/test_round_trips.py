"""Any table of text, written by Python's csv module in any usual dialect, comes back to the cell."""

import contextlib
import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from automl_explain.exceptions import AutoMLExplainError
from automl_explain.reading import FileOptions, iter_cells, read_cells

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "shift_jis", "koi8-r")
LETTERS = {
    "cp1252": "aäßé,;| \"'\n1.-",
    "shift_jis": "a東京,;| \"'\n1.-",
    "koi8-r": "aжЯ,;| \"'\n1.-",
}


@st.composite
def written_tables(draw: st.DrawFn) -> tuple[list[list[str]], str, str, str, str]:
    encoding = draw(st.sampled_from(ENCODINGS))
    cells = st.text(LETTERS.get(encoding, "aäж東\u2028\x0c,;| \"'\n1.-"), max_size=6)
    # Blanks at the start of a cell are not kept, by decision; rows without any value are left out;
    # a text all in apostrophes is taken for quoted.
    cells = cells.map(lambda c: c.lstrip(" ")).filter(lambda c: not (len(c) > 1 and c[0] == c[-1] == "'"))
    width = draw(st.integers(2, 5))
    row = st.lists(cells, min_size=width, max_size=width).filter(lambda r: any(r))
    rows = draw(st.lists(row, min_size=1, max_size=12))
    separator = draw(st.sampled_from(",;\t|"))
    return rows, separator, encoding, draw(st.sampled_from(["\n", "\r\n"])), draw(st.sampled_from(["some", "all"]))


def written(names: list[str], rows: list[list[str]], separator: str, end: str, quoting: str) -> str:
    text = io.StringIO()
    how = csv.QUOTE_ALL if quoting == "all" else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=how).writerows([names, *rows])
    return text.getvalue()


@given(table=written_tables())
@example(table=([["a", 'x "q" y'], ["'", ","]], ",", "utf-8", "\n", "some"))
@example(table=([["", "'"], ["", "'"], ["a'", "'b"]], ",", "utf-8", "\n", "some"))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_written_table_comes_back_to_the_cell(
    tmp_path: Path, table: tuple[list[list[str]], str, str, str, str]
) -> None:
    rows, separator, encoding, end, quoting = table
    names = [f"name {j}" for j in range(len(rows[0]))]
    path = tmp_path / "table.csv"
    path.write_bytes(written(names, rows, separator, end, quoting).encode(encoding))

    read, _ = read_cells(path, FileOptions(sep=separator, encoding=encoding), names)

    assert read.names == tuple(names)
    assert read.cells.to_numpy().tolist() == rows


@given(table=written_tables(), chunk_rows=st.integers(1, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_have_the_cells_and_lines_of_the_whole(
    tmp_path: Path, table: tuple[list[list[str]], str, str, str, str], chunk_rows: int
) -> None:
    rows, separator, encoding, end, quoting = table
    names = [f"name {j}" for j in range(len(rows[0]))]
    path = tmp_path / "table.csv"
    path.write_bytes(written(names, rows, separator, end, quoting).encode(encoding))
    options = FileOptions(sep=separator, encoding=encoding)

    whole, _ = read_cells(path, options, names)
    chunks = list(iter_cells(path, options, chunk_rows=chunk_rows, wanted=names))

    assert [c.n_rows for c in chunks[:-1]] == [chunk_rows] * (len(chunks) - 1)
    assert np.concatenate([c.lines for c in chunks]).tolist() == whole.lines.tolist()
    assert [r for c in chunks for r in c.cells.to_numpy().tolist()] == whole.cells.to_numpy().tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("quoting", ["some", "all"])
def test_separator_and_encoding_are_found(tmp_path: Path, separator: str, encoding: str, quoting: str) -> None:
    names = ["Straße", "Preis", "Bemerkung", "Datum"]
    notes = ["gut, sehr gut", "mit | und ; drin", 'sagt "nein"', "zwei\nZeilen", "größer", ""]
    rows = [[f"Weg {i}", f"{i},5", notes[i % 6], f"{i % 27 + 1}.03.2024"] for i in range(40)]
    path = tmp_path / "table.csv"
    path.write_bytes(written(names, rows, separator, "\r\n", quoting).encode(encoding))

    read, form = read_cells(path)

    assert (read.names, form.separator) == (tuple(names), separator)
    assert read.cells.to_numpy().tolist() == rows


@given(data=st.binary(min_size=1, max_size=400))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_table_or_an_error_of_ours(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with contextlib.suppress(AutoMLExplainError):
        assert read_cells(path)[0].n_rows
