"""What it costs to explain a table larger than memory: seconds by phase, and the most memory held.

``OMP_NUM_THREADS=2 python benchmarks/tables/large.py`` makes a CSV file of 2 GB of 20 mixed columns and the same rows
as parquet in a temporary folder (``--folder``), runs ``automl-explain explain`` on each in a process of its own, and
deletes them. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

BLOCK = 500_000  # rows made at a time
WORDS = {"plan": ["basic", "family", "business", "none"], "city": [f"city {i}" for i in range(60)]}
WATCH = """
import json, resource, sys
from automl_explain.cli import main
code = main(sys.argv[1:])
print(json.dumps({"code": code, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def rows(start: int, n: int) -> pa.Table:
    """Rows of a table of customers, 20 columns; the same whatever comes before them."""
    rng = np.random.default_rng(start)
    numbers = {f"use_{i}": np.round(rng.gamma(2.0, 30.0, n), 3) for i in range(6)}
    plan, city = (rng.integers(0, len(words), n) for words in WORDS.values())
    months, calls, age = rng.integers(1, 72, n), rng.poisson(2.0, n), rng.integers(18, 90, n)
    gaps = np.where(rng.random(n) < 0.1, np.nan, np.round(rng.normal(50, 12, n), 1))
    margin = 0.02 * numbers["use_0"] - 0.03 * months + 0.5 * calls + (plan == 0) - 1.5
    left = rng.random(n) < 1 / (1 + np.exp(-margin))
    day = np.datetime64("2019-01-01") + rng.integers(0, 1500, n)
    return pa.table(
        {
            "customer_id": np.arange(start, start + n),
            **numbers,
            "plan": pa.array(np.array(WORDS["plan"])[plan]),
            "city": pa.array(np.array(WORDS["city"])[city]),
            "months": months,
            "calls": calls,
            "age": age,
            "score": pa.array(gaps, from_pandas=True),
            "joined": pa.array(day),
            "seen": pa.array(day.astype("datetime64[s]") + rng.integers(0, 86400, n)),
            "paperless": pa.array(np.where(rng.random(n) < 0.5, "yes", "no")),
            "code": pa.array([f"{c:05d}" for c in rng.integers(0, 400, n)]),
            "balance": np.round(rng.normal(0, 900, n), 2),
            "visits": rng.integers(0, 12, n),
            "left": pa.array(np.where(left, "yes", "no")),
        }
    )


def make(folder: Path, size: float) -> dict[str, Path]:
    """The same rows as CSV, of about ``size`` bytes, and as parquet."""
    files = {"csv": folder / "large.csv", "parquet": folder / "large.parquet"}
    start = 0
    schema = rows(0, 1).schema
    with pc.CSVWriter(files["csv"], schema) as csv, pq.ParquetWriter(files["parquet"], schema) as parquet:
        while start == 0 or files["csv"].stat().st_size < size:
            block = rows(start, BLOCK)
            csv.write_table(block)
            parquet.write_table(block)
            start += BLOCK
    return files


def explained(path: Path, folder: Path, budget: float) -> dict[str, Any]:
    """Seconds by phase, the most memory held, and the ranking, of one run in a process of its own."""
    out = folder / f"out-{path.suffix[1:]}"
    arguments = ["explain", str(path), "--target", "left", "--time-budget", f"{budget:g}", "--out", str(out)]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", WATCH, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    watched = json.loads(done.stdout.splitlines()[-1])
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {
        "file_mb": round(path.stat().st_size / 2**20),
        "wall_s": round(time.perf_counter() - begin, 1),
        "peak_mb": round(watched["peak_mb"]),
        "seconds": {name: round(s, 1) for name, s in report["seconds"].items()},
        "all_rows": {k: v for k, v in report["explanation"]["all_rows"].items() if k.startswith("n_")},
    }


def main() -> None:
    """Make the files, explain each, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the CSV file")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds for FLAML")
    parser.add_argument("--folder", type=Path, help="where the files are made (default: a temporary folder)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder, prefix="large-"))
    try:
        files = make(folder, given.gigabytes * 2**30)
        found = {name: explained(path, folder, given.budget) for name, path in files.items()}
    finally:
        shutil.rmtree(folder)
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    versions = {name: metadata.version(name) for name in ("numpy", "pandas", "pyarrow", "flaml")}
    print(
        json.dumps(
            {"case": {"columns": 20, "budget_s": given.budget}, "machine": machine | versions, **found}, indent=1
        )
    )


if __name__ == "__main__":
    main()
