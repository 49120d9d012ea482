"""Rows by pieces, drawn at random, and typed on the way: the same cells as read whole."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reading.files import read, rows, written

from automl_explain.exceptions import InputError
from automl_explain.reading import FileOptions, TableRecipe, iter_cells, read_cells, sample_cells

CELLS = st.text(st.sampled_from("ab1 ,;\"'\n\r\t.-0Ü\u2028\\"), max_size=6).map(str.strip)
TABLES = st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=12))


def as_csv(table: list[list[str]], **style: object) -> str:
    made = io.StringIO()
    csv.writer(made, **style).writerows(table)  # type: ignore[arg-type]
    return made.getvalue()


@example(table=[["", "", ""], ["", "", "0\r0"], ["", "", "0\n0"], ["", "0\n0", "0\n0"]], end="\n", sep=",", size=1)
@given(table=TABLES, end=st.sampled_from(["\n", "\r\n", "\r"]), sep=st.sampled_from(",;\t"), size=st.integers(1, 5))
def test_pieces_have_the_cells_and_lines_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], end: str, sep: str, size: int
) -> None:
    """Any cells, quoted by the csv module; the options say what is not to be tested here."""
    names = [f"name {j}" for j in range(len(table[0]))]
    content = as_csv([names, *table], delimiter=sep, lineterminator=end, quoting=csv.QUOTE_ALL)
    path = written(tmp_path_factory.mktemp("chunks"), content)
    expected = [r for r in table if any(r)]
    options = FileOptions(sep=sep, header=1)
    if not expected:
        return
    whole = read_cells(path, options, as_text=True)[0]
    assert rows(whole) == [tuple(names), *map(tuple, expected)]
    pieces = list(iter_cells(path, options, chunk_rows=size))
    assert [r for p in pieces for r in rows(p)[1:]] == rows(whole)[1:]
    assert np.concatenate([p.lines for p in pieces]).tolist() == whole.lines.tolist()
    # Lines by the way people count them.
    text = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line, cells in zip(whole.lines, expected, strict=True):
        first = cells[0].replace("\r\n", "\n").replace("\r", "\n").split("\n")[0].replace('"', '""')
        assert text[line - 1].startswith('"' + first)


NUMBERS = st.one_of(
    st.integers(-50, 50).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1000, 1000).map(lambda x: f"{x:.3f}"),
    st.integers(0, 999).map(lambda i: f"{i:03}"),
    st.integers(1, 12).map(lambda i: f"202401{i:02}"),
    st.integers(1_500_000_000, 1_700_000_000).map(str),
    st.sampled_from(["1e5", "+5", "-07", "1.", ".5", "-0", "inf", "NaN", "True", "false", "0", "00.5", " 1", "1e400"]),
)
COLUMNS = st.sampled_from(
    [
        NUMBERS,
        st.one_of(st.just(""), NUMBERS),
        st.integers(-50, 50).map(str),
        st.integers(0, 1).map(str),
        st.sampled_from(["0", "1", ""]),
        st.one_of(st.just(""), st.integers(2**53 - 2, 2**53 + 2).map(str)),
        st.integers(2**63 - 2, 2**63 + 2).map(str),
        st.sampled_from(["True", "False", ""]),
        st.integers(0, 999).map(lambda i: f"{i:03}"),
        st.integers(1, 28).map(lambda i: f"202401{i:02}"),
        st.one_of(st.just(""), st.integers(1, 28).map(lambda i: f"202401{i:02}")),
        st.integers(1_500_000_000, 1_700_000_000).map(str),
        st.integers(40_000, 45_000).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.floats(0, 1000).map(lambda x: f"{x:.3f}"),
        st.floats(0, 1000).map(lambda x: f"{x:.2f}".replace(".", ",")),
        st.sampled_from(["1.000", "2.500", "900", ""]),
    ]
).flatmap(lambda cells: st.lists(cells, min_size=8, max_size=8))
NAMES = st.sampled_from(["x", "date", "created at", "id", "price", "code"])


@example(columns={"date": ["40000"] * 8, "x": ["0", "12", "1", "-18", "3", "-39", "5", "-45"]}, sep=",")
@example(columns={"x": ["1.000"] * 8, "date": [""] * 7 + ["0.0"]}, sep=";")
@given(columns=st.dictionaries(NAMES, COLUMNS, min_size=2, max_size=4), sep=st.sampled_from(",;"))
def test_columns_that_come_typed_are_learned_as_from_their_text(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[str]], sep: str
) -> None:
    table = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    path = written(tmp_path_factory.mktemp("typed"), as_csv(table, delimiter=sep))
    options = FileOptions(sep=sep, header=1)
    if not any(map(any, table[1:])):
        return
    typed, form = read_cells(path, options)
    text, _ = read_cells(path, options, as_text=True)
    assert typed.lines.tolist() == text.lines.tolist()
    recipe, expected, notes = TableRecipe.learn(text, format=form)
    same, found, same_notes = TableRecipe.learn(typed, format=form)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert same == recipe
    assert same_notes == notes


def big(folder: Path, n_rows: int) -> Path:
    return written(folder, "id,text\n" + "".join(f"{i},t{i % 7}\n" for i in range(n_rows)))


def test_a_sample_is_in_order_the_same_for_a_seed_and_all_where_there_are_fewer(tmp_path: Path) -> None:
    path = big(tmp_path, 1000)
    one, _, n_all = sample_cells(path, None, 100, seed=3)
    assert n_all == 1000
    assert one.n_rows == 100
    assert (np.diff(one.lines) > 0).all()
    assert one.lines.tolist() == sample_cells(path, None, 100, seed=3)[0].lines.tolist()
    assert one.lines.tolist() != sample_cells(path, None, 100, seed=4)[0].lines.tolist()
    assert [int(i) + 2 for i in one.column("id")] == one.lines.tolist()
    assert sample_cells(path, None, 5000, seed=3)[0].n_rows == 1000


def test_every_row_is_drawn_as_often_as_any_other(tmp_path: Path) -> None:
    path = big(tmp_path, 20)
    drawn = np.zeros(20)
    for seed in range(200):
        table, *_ = sample_cells(path, None, 5, seed=seed)
        drawn[table.lines - 2] += 1
    # 50 expected, standard deviation 6.1: the largest of 20 deviations is below 3.5 in 99 of 100 trials.
    assert abs(drawn - 50).max() < 3.5 * 6.1


def test_a_column_that_is_the_copy_of_another_in_one_piece_and_not_in_the_next_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b,a\n1,2,1\n1,2,1\n1,2,3\n")
    with pytest.raises(InputError, match="both called 'a'"):
        list(iter_cells(path, chunk_rows=1))
    path = written(tmp_path, "a,b,a\n1,2,1\n1,2,1\n")
    assert [p.names for p in iter_cells(path, chunk_rows=1)] == [("a", "b"), ("a", "b")]
    assert [len(p.notes) for p in iter_cells(path, chunk_rows=1)] == [1, 0]


def test_notes_stand_in_the_first_piece(tmp_path: Path) -> None:
    path = written(tmp_path, "a;b\n1;x\n2;y\n")
    first, second = iter_cells(path, chunk_rows=1)
    assert "';'" in first.notes[0].text
    assert not second.notes
    assert read(path).notes == first.notes
