"""A sample of a source: uniform, seeded, the same in any form of the table, and without a look at other rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reading.files import written

from automl_explain.exceptions import DataError, InputError
from automl_explain.reading import FileOptions, _record_scan, estimate_size, local_file, read_cells, sample_cells
from automl_explain.reading import _reading as reading

LINES = [f"{i},{i / 7:.3f},word {i % 5}" for i in range(3000)]
PLAIN = "id,value,word\n" + "\n".join(LINES) + "\n"
TEXTS = {
    "plain": PLAIN,
    "no end": PLAIN[:-1],
    "Windows": PLAIN.replace("\n", "\r\n"),
    "blank lines": PLAIN.replace("\n70,", "\n\n , ,\n70,").replace("\n900,", '\n"","",""\n900,') + "\n\n",
    "quoted": "id,value,word\n" + "\n".join(f'{i},"{i / 7:.3f}", "a ""{i}"", or\nb"' for i in range(3000)) + "\n",
    "quote amid a cell": PLAIN.replace("word 3", '3" pipe'),
    "title and semicolons": "Customers\n\n" + PLAIN.replace(",", ";"),
    "short lines": PLAIN.replace(",word 2", ""),
    "empty first cells": PLAIN.replace("\n5,", "\n,").replace("\n60,", "\n ,"),
    "one column": "id\n" + "\n".join(map(str, range(3000))) + "\n\n",
}


@pytest.mark.parametrize("block", [200, 1 << 24])
@pytest.mark.parametrize("name", TEXTS)
def test_a_sample_of_all_rows_is_the_table_with_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: int
) -> None:
    monkeypatch.setattr(_record_scan, "_BLOCK", block)
    path = written(tmp_path, TEXTS[name])
    whole, form = read_cells(path, as_text=True)
    drawn, seen, n_all = sample_cells(path, None, 10_000, 0)
    assert (drawn.names, seen, n_all) == (whole.names, form, whole.n_rows)
    pd.testing.assert_frame_equal(drawn.cells, whole.cells)
    assert drawn.lines.tolist() == whole.lines.tolist()


def test_files_are_drawn_from_without_reading_their_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other quotes than those around cells are left to the parser, which reads all."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("all cells were read")

    monkeypatch.setattr("automl_explain.reading._sampling.iter_cells", refuse)
    for name in set(TEXTS) - {"quote amid a cell"}:
        assert sample_cells(written(tmp_path, TEXTS[name]), None, 100, 0)[0].n_rows == 100
    with pytest.raises(AssertionError, match="all cells"):
        sample_cells(written(tmp_path, TEXTS["quote amid a cell"]), None, 100, 0)


def test_the_same_rows_are_drawn_in_any_form_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.read_csv(written(tmp_path, PLAIN))
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=700)
    frame.to_feather(tmp_path / "a.feather")
    frame.to_csv(tmp_path / "wide.csv", index=False, encoding="utf-16")
    frame.to_csv(tmp_path / "a.csv.gz", index=False, sep=";")
    expected = sample_cells(tmp_path / "data.csv", None, 200, 3)[0].column("id").astype(int).tolist()
    for name in ("a.parquet", "a.feather", "wide.csv", "a.csv.gz"):
        drawn, _, n_all = sample_cells(tmp_path / name, None, 200, 3)
        assert (drawn.column("id").astype(int).tolist(), n_all) == (expected, 3000)
    drawn, _, _ = sample_cells(tmp_path / "a.parquet", None, 200, 3)
    assert (drawn.lines - 1).tolist() == expected
    assert sample_cells(tmp_path / "data.csv", None, 200, 4)[0].column("id").astype(int).tolist() != expected


def test_every_row_is_as_likely_as_any_other() -> None:
    """Of 60 rows in pieces, 20 are drawn 2,000 times: each about 667 times, with a standard deviation of 21."""
    from automl_explain.reading._sampling import Reservoir

    counts = np.zeros(60)
    for seed in range(2000):
        drawn = Reservoir(20, seed, np.concatenate, lambda rows, at: rows[at])
        for piece in np.split(np.arange(60), [5, 5, 31, 58]):
            drawn.add(len(piece), piece.__getitem__)
        found = drawn.sample()
        assert found is not None
        assert len(set(found.tolist())) == 20
        assert (np.diff(found) > 0).all()
        counts[found] += 1
    assert np.abs(counts - 2000 / 3).max() < 5 * np.sqrt(2000 * 2 / 9)


def test_a_line_with_too_many_cells_is_told_even_where_it_is_not_drawn(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN.replace("word 4\n1505,", "word 4\n1505,1,2,"))
    with pytest.raises(InputError, match="line 1507 has 5 cells, but there are 3 names"):
        sample_cells(path, None, 10, 0)
    with pytest.raises(InputError, match="does not end"):
        sample_cells(written(tmp_path, PLAIN + '3000,"1,a\n'), None, 10, 0)
    with pytest.raises(DataError, match="no rows"):
        sample_cells(written(tmp_path, "a,b\n"), None, 10, 0)


def test_the_size_is_told_without_reading_all(tmp_path: Path) -> None:
    frame = pd.read_csv(written(tmp_path, PLAIN))
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_feather(tmp_path / "a.feather")
    for name in ("a.parquet", "a.feather"):
        with local_file(tmp_path / name) as file:
            assert estimate_size(file, FileOptions(), least=10) == (9000, 3)
    with local_file(tmp_path / "data.csv") as file:
        assert estimate_size(file, FileOptions(), least=10**6) == (0, 0)
        cells, columns = estimate_size(file, FileOptions(), least=10)
    assert columns == 3
    assert 8500 < cells < 9500


def test_cells_come_in_chunks_from_a_file_that_is_open(tmp_path: Path) -> None:
    with local_file(written(tmp_path, PLAIN)) as file:
        chunks = list(reading.iter_cells(file, chunk_rows=1000))
    assert [c.n_rows for c in chunks] == [1000, 1000, 1000]
    assert {c.place for c in chunks} == {str(tmp_path / "data.csv")}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (PLAIN, None),
        ("sep=;\n" + PLAIN.replace(",", ";"), None),
        ("\n".join(LINES) + "\n", FileOptions(header="none")),
        ("id,value,word\n" + "\n".join(f'"a{i}",1.5,b' for i in range(3000)) + "\n", None),
    ],
)
@pytest.mark.parametrize("n_rows", [40, 10_000])
def test_a_mark_at_the_start_of_the_file_is_no_part_of_a_row(
    tmp_path: Path, text: str, options: FileOptions | None, n_rows: int
) -> None:
    path = written(tmp_path, "\ufeff" + text)
    whole, _ = read_cells(path, options, as_text=True)
    drawn, _, n_all = sample_cells(path, options, n_rows, 0)
    assert (n_all, drawn.n_rows) == (3000, min(n_rows, 3000))
    same = whole.take(np.flatnonzero(np.isin(whole.lines, drawn.lines)))
    pd.testing.assert_frame_equal(drawn.cells, same.cells)
