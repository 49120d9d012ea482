"""The same rows in every kind of file give the same typed table."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zstandard

from automl_explain.reading import FileOptions, TableRecipe, read_cells

N = 60


def mixed() -> pd.DataFrame:
    """Columns of every kind, as programs hold them."""
    rng = np.random.default_rng(0)
    day = datetime.datetime(2023, 1, 5)
    gaps = np.arange(N) % 7 == 3
    words = np.array(["NA", "red", "None", "dark blue", "Grün", "a,b", 'say "so"'], dtype=object)[np.arange(N) % 7]
    return pd.DataFrame(
        {
            "whole": rng.integers(-1000, 1000, N),
            "whole with gaps": pd.Series(rng.integers(0, 5, N)).astype("Int64").mask(gaps),
            "real": rng.normal(size=N),
            "real with gaps": np.where(gaps, np.nan, rng.normal(size=N).round(3)),
            "small": rng.normal(size=N) * 1e-12,
            "whole reals": rng.integers(0, 9, N).astype(float),
            "date": [day + datetime.timedelta(days=i) for i in range(N)],
            "time": [day + datetime.timedelta(seconds=i * 54321) for i in range(N)],
            "date with gaps": pd.Series([day + datetime.timedelta(days=i) for i in range(N)]).mask(gaps),
            "flag": np.arange(N) % 3 == 0,
            "word": words,
            "word with gaps": np.where(gaps, None, words),
            "code": [f"{i * 37 % 1000:04}" for i in range(N)],
            "id": [2**53 + 2 * i + 1 for i in range(N)],
            "letter": list("abc" * (N // 3)),
        }
    )


def as_csv(frame: pd.DataFrame, **more: Any) -> bytes:
    return frame.to_csv(index=False, **more).encode()


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", content)
    return made.getvalue()


def to_sqlite(frame: pd.DataFrame, path: Path) -> None:
    with sqlite3.connect(path) as database:
        frame.assign(flag=frame["flag"].map(str)).to_sql("data", database, index=False)  # it has no booleans


def to_excel(frame: pd.DataFrame, path: Path) -> None:
    # Excel holds 15 digits; longer ids are text in it, as people have to write them.
    frame.assign(id=frame["id"].map(str)).to_excel(path, index=False)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "tsv": lambda f, p: p.write_bytes(as_csv(f, sep="\t")),
    "semicolons": lambda f, p: p.write_bytes(as_csv(f, sep=";", lineterminator="\r\n")),
    "quoted": lambda f, p: p.write_bytes(as_csv(f, quoting=1)),
    "utf-16": lambda f, p: p.write_bytes(as_csv(f).decode().encode("utf-16")),
    "gzip": lambda f, p: p.write_bytes(gzip.compress(as_csv(f))),
    "bzip2": lambda f, p: p.write_bytes(bz2.compress(as_csv(f))),
    "zstd": lambda f, p: p.write_bytes(zstandard.compress(as_csv(f))),
    "zip": lambda f, p: p.write_bytes(zipped(as_csv(f))),
    "parquet": lambda f, p: f.to_parquet(p),
    "parquet with an index": lambda f, p: f.set_index("letter").to_parquet(p),
    "parquet of categories": lambda f, p: f.astype({"word": "category", "letter": "category"}).to_parquet(p),
    "feather": lambda f, p: f.to_feather(p),
    "feather, packed": lambda f, p: f.to_feather(p, compression="zstd"),
    "excel": to_excel,
    "sqlite": to_sqlite,
}


def learned(path: Path, source: str | None = None, **options: Any) -> pd.DataFrame:
    table, form = read_cells(source or path, FileOptions(**options))
    return TableRecipe.learn(table, target="letter", format=form)[1]


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_file_gives_the_table_of_the_csv(tmp_path: Path, kind: str) -> None:
    frame = mixed()
    path, csv = tmp_path / ("table.xlsx" if kind == "excel" else "table"), tmp_path / "table.csv"
    WRITERS[kind](frame, path)
    csv.write_bytes(as_csv(frame))
    query = {"source": f"sqlite:///{path}", "query": "select * from data"} if kind == "sqlite" else {}
    found = learned(path, **query)
    expected = learned(csv)
    # openpyxl writes 16 digits, so the last bits are not in the file.
    exact = {"check_exact": True} if kind != "excel" else {"rtol": 1e-15, "atol": 0}
    pd.testing.assert_frame_equal(found[list(expected)], expected, **exact)  # type: ignore[arg-type]


def test_a_query_of_a_file_gives_the_table_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv(mixed()))
    pd.testing.assert_frame_equal(learned(path, query="from data"), learned(path), check_exact=True)


def test_the_types_are_those_that_were_meant(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv(mixed()))
    found = learned(path)
    assert found["code"][:2].tolist() == ["0000", "0037"]
    assert found["id"].tolist() == [2**53 + 2 * i + 1 for i in range(N)]
    assert found["whole with gaps"].isna().sum() == 9
    assert found["date"][1] == pd.Timestamp(2023, 1, 6)
    assert set(found["word"].dropna()) == {"NA", "red", "None", "dark blue", "Grün", "a,b", 'say "so"'}
