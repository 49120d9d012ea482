"""CPU seconds and memory to read a text file of mixed columns: cells, and cells with types, beside plain pandas.

``OMP_NUM_THREADS=1 python benchmarks/tables/reading.py`` writes 1,000,000 rows of 20 columns (whole numbers, decimals
with gaps, short texts, dates, yes and no) and reads them with ``pandas.read_csv(engine="c")``, with ``read_cells``,
with ``read_cells`` and ``TableRecipe``, and in chunks. Each way runs in a process of its own, and they take turns.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WAYS = ("pandas", "cells", "typed", "chunks")
BOUND = 3.0  # times plain pandas, for cells with types


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="read the file once, in this process")
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(read(given.way, given.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.csv"
        mixed(given.rows).to_csv(path, index=False)
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(given.turns):
            for way in WAYS:
                command = [sys.executable, __file__, "--way", way, "--file", str(path)]
                found[way].append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        size = path.stat().st_size
    seconds = {way: statistics.median(run["seconds"] for run in runs) for way, runs in found.items()}
    ratio = seconds["typed"] / seconds["pandas"]
    report = {
        "rows": given.rows,
        "columns": 20,
        "megabytes": round(size / 1e6, 1),
        "python": platform.python_version(),
        "pandas": version("pandas"),
        "seconds": {way: round(value, 2) for way, value in seconds.items()},
        "peak_megabytes": {way: max(run["megabytes"] for run in runs) for way, runs in found.items()},
        "times_pandas": round(ratio, 2),
        "within_bound": ratio <= BOUND,
    }
    print(json.dumps(report, indent=1))


def mixed(n_rows: int) -> pd.DataFrame:
    """Four columns of each of five kinds."""
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for j in range(4):
        made[f"count {j}"] = rng.integers(0, 10_000, n_rows)
        made[f"amount {j}"] = np.where(rng.random(n_rows) < 0.05, np.nan, rng.normal(100, 20, n_rows).round(2))
        made[f"city {j}"] = rng.choice(["Ulm", "Jena", "Bonn", "Köln", "Mainz"], n_rows)
        day = np.datetime64("2020-01-01") + rng.integers(0, 1_500, n_rows)
        made[f"date {j}"] = day.astype(str)
        made[f"paid {j}"] = rng.choice(["yes", "no"], n_rows)
    return pd.DataFrame(made)


def read(way: str, path: Path) -> dict[str, float]:
    from automl_explain.reading import TableRecipe, TypeOptions, iter_cells, read_cells

    start = time.process_time()
    if way == "pandas":
        pd.read_csv(path, engine="c")
    elif way == "chunks":
        for _ in iter_cells(path):
            pass
    else:
        table, form = read_cells(path)
        if way == "typed":
            TableRecipe.learn(table, TypeOptions(), None, form)
    seconds = time.process_time() - start
    return {"seconds": seconds, "megabytes": peak_megabytes()}


def peak_megabytes() -> int:
    """Of this process; `resource` would give that of the process that started it, if larger."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024


if __name__ == "__main__":
    main()
