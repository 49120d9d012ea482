"""Interleaved timing, agreement, memory of a fresh process, and seconds until the first values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

_FIRST_ROWS = 50  # of the call that tells how many rows a slow peer gets
_MOST_LOOPS = 2000
_SLOW = 10  # times the wanted seconds; ways whose calls take longer get
_FEW_TURNS = 3
_SLOWEST = 40  # times the wanted seconds; ways whose calls take longer get one turn


class Interpreter(NamedTuple):
    """A Python, and the folder where it looks for packages first."""

    python: str
    folder: str


class Way(Protocol):
    """A way to compute values; see `_peers.Local` and `_peers.Worker`."""

    most_rows: int | None

    def time(self, n: int, loops: int) -> tuple[float, float]: ...

    def values(self, n: int) -> np.ndarray: ...


def by_turns(
    ways: Mapping[str, Way], n_rows: int, *, turns: int, seconds: float, whole: Collection[str] = ()
) -> dict[str, Any]:
    """CPU and wall microseconds a row of every way, the ways by turns, and how many times the first is faster.

    A way gets as many of the rows as it explains in ``seconds``, and repeats a shorter call until the time is up; a
    slow one gets fewer turns, a very slow one a single one. The first way, and those of ``whole``, get all rows and all
    turns. What a way raises at first is its result.
    """
    plans: dict[str, _Plan] = {}
    found: dict[str, Any] = {}
    first = next(iter(ways))
    for name, way in ways.items():
        try:
            plans[name] = _plan(way, n_rows, turns, seconds, whole=name in (first, *whole))
        except Exception as error:
            found[name] = {"failed": f"{type(error).__name__}: {error}"[:200]}
    for turn in range(turns):
        for name, plan in plans.items():
            if turn < plan.turns:
                plan.times.append(ways[name].time(plan.rows, plan.loops))
    for name, plan in plans.items():
        cpu, wall = (np.array(part) / plan.rows * 1e6 for part in zip(*plan.times, strict=True))
        found[name] = {
            "rows": plan.rows,
            "loops": plan.loops,
            "turns": len(plan.times),
            "cpu_us": spread(cpu),
            "wall_us": spread(wall),
        }
    for name in plans:
        for clock in ("cpu_us", "wall_us"):
            ratio = found[name][clock]["median"] / found[first][clock]["median"]
            found[name][f"{clock.removesuffix('_us')}_ratio"] = round(ratio, 3)
    return {name: found[name] for name in ways}


class _Plan(NamedTuple):
    rows: int
    loops: int
    turns: int
    times: list[tuple[float, float]]  # CPU and wall seconds of a call


def _plan(way: Way, n_rows: int, turns: int, seconds: float, *, whole: bool) -> _Plan:
    """Rows and repetitions of a call that takes about the wanted time."""
    n = min(n_rows, _FIRST_ROWS)
    first = way.time(n, 1)  # compiles, allocates
    if not whole and first[1] > _SLOWEST * seconds:
        return _Plan(n, 1, 0, [first])
    wall = way.time(n, 1)[1]
    each = wall / n
    if whole:
        n = n_rows
    elif way.most_rows:
        # What a call costs with no rows is shared by many, unless that takes too long.
        more = min(n_rows, 10 * _FIRST_ROWS)
        budget = min(max(_SLOW * seconds, _SLOW * wall), _SLOWEST * seconds)
        each = (way.time(more, 1)[1] - wall) / max(more - n, 1)
        n = min(n_rows, way.most_rows, max(more, int(budget / max(each, 1e-9))))
    else:
        n = min(n_rows, max(n, int(seconds / max(each, 1e-9))))
    if not whole and n * each > _SLOW * seconds:
        return _Plan(n, 1, min(turns, _FEW_TURNS), [])
    wall = way.time(n, 1)[1]
    return _Plan(n, min(_MOST_LOOPS, max(1, int(seconds / max(wall, 1e-9)))), turns, [])


def spread(values: Any) -> dict[str, float]:
    """Median, quartiles and extremes."""
    names = ("least", "lower_quartile", "median", "upper_quartile", "most")
    found = np.quantile(values, np.linspace(0, 1, 5))
    return {name: float(f"{value:.5g}") for name, value in zip(names, found, strict=True)}


def largest_difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference in a row over the largest value of that row, the worst row and output."""
    scale = np.abs(wanted).max(axis=2)
    gap = np.abs(found - wanted).max(axis=2)
    return float(f"{np.max(gap / np.where(scale > 0, scale, 1.0)):.2g}")


def run_fresh(script: str, *arguments: Any, interpreter: Interpreter | None = None, **variables: str) -> dict[str, Any]:
    """Standard output, JSON, of code run in a new interpreter with one thread for every library.

    It is this one, with these benchmarks, where ``interpreter`` does not name another. ``variables`` are of its
    environment.
    """
    benchmarks = Path(__file__).resolve().parent
    here = Interpreter(sys.executable, os.pathsep.join([str(benchmarks), *sys.path]))
    python, folder = interpreter or here
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": folder, **variables}
    command = [python, "-c", script, *map(str, arguments)]
    # Python looks for packages in the current folder first, which may hold another version of this one.
    done = subprocess.run(command, env=environment, cwd=benchmarks, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a fresh interpreter failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


_FIRST_VALUES = """
import json, sys, time
clocks = {"cpu": time.process_time, "wall": time.perf_counter}
laps = {name: [clock()] for name, clock in clocks.items()}
def lap():
    for name, clock in clocks.items():
        laps[name].append(clock())
import numpy as np
from automl_explain.treeshap import TreeModel
lap()
trees = TreeModel([open(sys.argv[1]).read()], n_jobs=1)
row = np.zeros((1, trees.n_features))
trees.shapley_values(row)
lap()
trees.shapley_values(row)
lap()
steps = ("import", "first_values", "next_values")
print(json.dumps({
    f"{step}_{name}_s": round(b - a, 5) for name, at in laps.items() for step, a, b in zip(steps, at, at[1:])
}))
"""


def first_values(model: Path, before: Interpreter | None) -> dict[str, Any]:
    """Seconds from a new interpreter to the first values; of an earlier version with no compiled code and with it."""
    found = {"now": run_fresh(_FIRST_VALUES, model)}
    if before is not None:
        with tempfile.TemporaryDirectory() as cache:
            for name in ("before, nothing compiled", "before, compiled"):
                found[name] = run_fresh(_FIRST_VALUES, model, interpreter=before, NUMBA_CACHE_DIR=cache)
    return found


_MEMORY = """
import json, sys
import numpy as np, scipy.sparse as sp
from automl_explain.treeshap import Players, TreeModel
from _measure import Peak
model, rows, weights, chunk = sys.argv[1:]
load = np.load if rows.endswith("npy") else sp.load_npz
trees = TreeModel([open(model).read()], n_jobs=1)
X = load(rows)
players = Players.folded(sp.load_npz(weights)) if weights else None
with Peak() as preparing:
    engine = trees.prepared(players)
engine.values(X[:64])
chunk = int(chunk)
with Peak() as computing:
    if chunk:
        for start in range(0, X.shape[0], chunk):
            engine.values(X[start : start + chunk])
        output = 8 * min(chunk, X.shape[0]) * trees.n_outputs * engine.n_targets
    else:
        output = engine.values(X).nbytes
parts = (X,) if isinstance(X, np.ndarray) else (X.data, X.indices, X.indptr)
print(json.dumps({
    "rows": X.shape[0], "rows_at_a_time": chunk or X.shape[0], "input_mb": sum(p.nbytes for p in parts) / 1e6,
    "output_mb": output / 1e6, "tables_mb": engine.prepared.nbytes / 1e6,
    "extra_mb_preparing": preparing.extra / 1e6, "extra_mb": max(0, computing.extra - output) / 1e6,
}))
"""


class Peak:
    """Bytes that the memory of this process grew by, at its largest, within a ``with`` block (Linux)."""

    extra: int

    def __enter__(self) -> Peak:
        Path("/proc/self/clear_refs").write_text("5")  # the largest so far is forgotten
        self._before = self._status("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.extra = self._status("VmHWM") - self._before

    @staticmethod
    def _status(name: str) -> int:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return 1024 * int(line.split()[1])


def extra_memory(model: Path, rows: Path, weights: Path | str = "", *, chunk: int = 0) -> dict[str, Any]:
    """Megabytes beyond input and output, all rows in one call or ``chunk`` at a time, in a new interpreter."""
    if not Path("/proc/self/clear_refs").exists():
        return {"failed": "the largest memory of a block can only be measured on Linux"}
    found = run_fresh(_MEMORY, model, rows, weights, chunk)
    return {name: round(value, 1) for name, value in found.items()}
