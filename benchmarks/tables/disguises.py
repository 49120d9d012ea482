"""Tables in disguise: the same rows in other files must give the same columns, types, values and importances.

``python benchmarks/tables/disguises.py TABLE.csv:TARGET...`` writes each table in every disguise, reads all of them as
the command line does, and explains one model, fitted on the plain file, from the rows of each: the importances must be
those of the plain file to the last digit. Prints JSON; the exit code is 1 where one differs. ``--rows 2000`` takes the
first rows of each table only, ``--only parquet`` some of the disguises.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import gzip
import io
import json
import re
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.cli._data import ReadOptions, Table, read_table

NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$")  # not 01067, which is a code
EXPLAINED = 300  # rows that the model is explained with
LEARNT_FROM = 1500  # rows that the model and its surrogate are fitted on


@dataclasses.dataclass(frozen=True)
class Cells:
    """A table as text: names, and rows of as many cells."""

    names: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, path: Path, n_rows: int | None = None) -> Cells:
        with path.open(encoding="utf-8", newline="") as stream:
            names, *rows = csv.reader(stream)
        return cls(names, [row for row in rows if row][:n_rows])

    def text(self, separator: str = ",", *, end: str = "\n", last: str = "") -> str:
        """As a text file; ``last`` stands at the end of each line."""
        written = io.StringIO(newline="")
        writer = csv.writer(written, delimiter=separator, lineterminator=last + end)
        writer.writerows([self.names, *self.rows])
        return written.getvalue()

    def numbers(self) -> list[int]:
        """Places of the columns whose cells are all numbers, or empty."""
        columns = enumerate(zip(*self.rows, strict=True))
        return [j for j, cells in columns if any(cells) and all(not c or NUMBER.match(c) for c in cells)]

    def with_decimal_comma(self) -> Cells:
        numbers = set(self.numbers())
        rows = [[c.replace(".", ",") if j in numbers else c for j, c in enumerate(row)] for row in self.rows]
        return Cells(self.names, rows)

    def shuffled(self) -> Cells:
        order = np.random.default_rng(0).permutation(len(self.names))
        return Cells([self.names[j] for j in order], [[row[j] for j in order] for row in self.rows])

    def with_index(self) -> Cells:
        return Cells(["", *self.names], [[str(i), *row] for i, row in enumerate(self.rows)])

    def typed(self) -> pd.DataFrame:
        """As a program would have saved it: whole numbers, numbers with gaps, texts."""
        columns: dict[str, Any] = {}
        numbers = set(self.numbers())
        for j, (name, cells) in enumerate(zip(self.names, zip(*self.rows, strict=True), strict=True)):
            if j not in numbers:
                columns[name] = pd.Series([c or None for c in cells], dtype=object)
            elif all(re.fullmatch(r"[+-]?\d+", c) for c in cells):
                columns[name] = pd.Series([int(c) for c in cells], dtype=np.int64)
            else:
                columns[name] = pd.Series([float(c) if c else np.nan for c in cells], dtype=np.float64)
        return pd.DataFrame(columns)


def _written(name: str, encoded: Callable[[Cells], bytes]) -> Callable[[Cells, Path], Path]:
    def write(cells: Cells, folder: Path) -> Path:
        path = folder / name
        path.write_bytes(encoded(cells))
        return path

    return write


def _excel(cells: Cells, folder: Path) -> Path:
    cells.typed().to_excel(folder / "table.xlsx", index=False)
    return folder / "table.xlsx"


def _parquet(cells: Cells, folder: Path) -> Path:
    cells.typed().to_parquet(folder / "table.parquet", index=False)
    return folder / "table.parquet"


def _feather(cells: Cells, folder: Path) -> Path:
    cells.typed().to_feather(folder / "table.feather")
    return folder / "table.feather"


def _zip(cells: Cells, folder: Path) -> Path:
    with zipfile.ZipFile(folder / "table.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/table.csv", cells.text())
    return folder / "table.zip"


def _zst(cells: Cells) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(cells.text().encode())


_TITLE = "Export of the customer table\nprepared for the review on 1 March 2024\n\n"

DISGUISES: dict[str, Callable[[Cells, Path], Path]] = {
    "semicolon": _written("table.csv", lambda c: c.text(";").encode()),
    "tab": _written("table.tsv", lambda c: c.text("\t").encode()),
    "pipe": _written("table.txt", lambda c: c.text("|").encode()),
    "decimal comma, semicolon": _written("table.csv", lambda c: c.with_decimal_comma().text(";").encode()),
    "decimal comma in quotes": _written("table.csv", lambda c: c.with_decimal_comma().text(",").encode()),
    "cp1252": _written("table.csv", lambda c: c.text().encode("cp1252")),
    "UTF-16": _written("table.csv", lambda c: c.text("\t").encode("utf-16")),
    "UTF-8 with a byte order mark": _written("table.csv", lambda c: c.text().encode("utf-8-sig")),
    "Excel": _excel,
    "parquet": _parquet,
    "feather": _feather,
    "gz": _written("table.csv.gz", lambda c: gzip.compress(c.text().encode(), 1)),
    "gz called csv": _written("table.csv", lambda c: gzip.compress(c.text().encode(), 1)),
    "zip": _zip,
    "zst": _written("table.csv.zst", _zst),
    "title lines above": _written("table.csv", lambda c: (_TITLE + c.text()).encode()),
    "sep=;": _written("table.csv", lambda c: ("sep=;\r\n" + c.text(";", end="\r\n")).encode()),
    "shuffled columns": _written("table.csv", lambda c: c.shuffled().text().encode()),
    "index column": _written("table.csv", lambda c: c.with_index().text().encode()),
    "Windows line ends": _written("table.csv", lambda c: c.text(end="\r\n").encode()),
    "old Mac line ends": _written("table.csv", lambda c: c.text(end="\r").encode()),
    "separator at the line ends": _written("table.csv", lambda c: c.text(last=",").encode()),
    "German Excel": _written(
        "table.csv", lambda c: c.with_decimal_comma().text(";", end="\r\n", last=";").encode("cp1252")
    ),
}


def seen(table: Table, names: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
    """What each column was taken for; of ``names`` only."""
    forms = {} if table.recipe is None else {form.name: form.kind for form in table.recipe.columns}
    dtypes = {**table.X.dtypes, str(table.y.name): table.y.dtype}
    return {
        c.name: tuple(map(str, (forms.get(c.name), c.use, dtypes.get(c.name), c.n_missing, c.n_values)))
        for c in table.columns
        if names is None or c.name in names
    }


def differences(plain: Table, other: Table) -> list[str]:
    """In which columns, types and values two tables differ; columns are compared by name."""
    names = [column.name for column in plain.columns]
    expected, found = seen(plain), seen(other, names)
    differing = [f"{name}: {expected[name]} / {found.get(name)}" for name in names if expected[name] != found.get(name)]
    if other.task != plain.task or set(other.X) != set(plain.X):
        return [*differing, f"task or features: {other.task}, {sorted(set(other.X) ^ set(plain.X))}"]
    for column in [*plain.X.columns, plain.y.name]:
        a, b = (t.y if column == plain.y.name else t.X[column] for t in (plain, other))
        try:
            pd.testing.assert_series_equal(a.reset_index(drop=True), b.reset_index(drop=True), check_exact=True)
        except AssertionError as error:
            differing.append(f"{column}: {str(error).splitlines()[-1]}")
    return differing


def fitted(table: Table) -> Any:
    """A model of the features, with the same trees each time."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = [c for c in table.X if pd.api.types.is_numeric_dtype(table.X[c])]
    words = [c for c in table.X if c not in numbers and not pd.api.types.is_datetime64_any_dtype(table.X[c])]
    encoder = OneHotEncoder(handle_unknown="ignore", max_categories=12, sparse_output=False)
    featurizer = ColumnTransformer([("numbers", "passthrough", numbers), ("words", encoder, words)])
    learner = LGBMClassifier if table.task == "classification" else LGBMRegressor
    model = learner(n_estimators=30, n_jobs=1, verbose=-1, random_state=0, deterministic=True, force_row_wise=True)
    return make_pipeline(featurizer, model).fit(table.X[:LEARNT_FROM], table.y[:LEARNT_FROM])


def importances(model: Any, table: Table, columns: Sequence[str]) -> dict[str, float]:
    """Raw importances of a model, from the rows of a table."""
    from automl_explain import explain_automl

    X = table.X[list(columns)]
    found = explain_automl(model, X[:LEARNT_FROM], X[-EXPLAINED:], table.y[:LEARNT_FROM])
    return {str(name): float(v) for name, v in found.raw.get_feature_importance_dict().items()}


def check(path: Path, target: str, *, n_rows: int | None = None, only: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """What differs of one table in each disguise."""
    cells = Cells.of(path, n_rows)
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        plain = _written("plain.csv", lambda c: c.text().encode())(cells, Path(folder))
        table = read_table(plain, ReadOptions(target))
        model = fitted(table)
        expected = importances(model, table, list(table.X))
        for name, write in DISGUISES.items():
            if only and name not in only:
                continue
            written = write(cells, Path(folder))
            begin = time.perf_counter()
            try:
                other = read_table(written, ReadOptions(target))
            except Exception as error:  # told with the others
                results[name] = {"error": f"{type(error).__name__}: {error}"}
                continue
            seconds = time.perf_counter() - begin
            differing = differences(table, other)
            same = not differing and importances(model, other, list(table.X)) == expected
            results[name] = {"differences": differing, "same importances": same, "seconds": round(seconds, 2)}
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", metavar="TABLE.csv:TARGET", help="UTF-8, separated by commas")
    parser.add_argument("--rows", type=int, help="the first rows of each table only")
    parser.add_argument("--only", action="append", default=[], choices=list(DISGUISES))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {}
    for given in options.tables:
        path, _, target = given.rpartition(":")
        results[Path(path).name] = check(Path(path), target, n_rows=options.rows, only=options.only)
        wrong = {name: r for name, r in results[Path(path).name].items() if not r.get("same importances")}
        print(f"{Path(path).name}: {len(wrong)} of {len(results[Path(path).name])} disguises differ", file=sys.stderr)
    text = json.dumps(results, indent=1)
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    return int(any(not r.get("same importances") for table in results.values() for r in table.values()))


if __name__ == "__main__":
    sys.exit(main())
