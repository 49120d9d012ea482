"""What the first explanation of a fresh process costs: modules, seconds, memory, and megabytes installed.

``OMP_NUM_THREADS=1 python benchmarks/start.py`` saves a scoring explainer of 100 trees x 31 leaves over 50 columns with
a feature map (``--scorer`` takes a folder that holds one), then starts one process after the other, which each load it
and explain a numpy row: engineered values and raw ones, and on Linux raw ones on a read-only file system without HOME.
The first process is told apart: it is the one that may have to compile. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from _measure import spread
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, TREES, LEAVES = 50, 100, 31
CALLS = 1000  # that follow the first one

CHILD = """
import json, os, sys, time
from collections import Counter

def now():
    status = open("/proc/self/status").read() if os.path.exists("/proc/self/status") else ""
    lines = dict(line.split(":", 1) for line in status.splitlines())
    kilobytes = int(lines.get("VmRSS", "0 kB").split()[0])
    return {"wall": time.perf_counter(), "cpu": time.process_time(), "megabytes": kilobytes / 1024}

begin = now()
import numpy as np
row = np.linspace(-1, 1, COLUMNS)[None]
after_numpy = now()
from automl_explain import load
scoring = load(sys.argv[1])
loaded = now()
scoring.explain(row, get_raw=sys.argv[2] == "raw")
first = now()
modules = Counter(name.partition(".")[0] for name in sys.modules)
for _ in range(CALLS):
    scoring.explain(row, get_raw=sys.argv[2] == "raw")
steps = {"begin": begin, "numpy": after_numpy, "loaded": loaded, "first": first, "warm": now()}
for _ in range(CALLS):
    scoring.explain(row, get_raw=sys.argv[2] == "raw")
print(json.dumps({**steps, "later": now(), "modules": modules}))
""".replace("COLUMNS", str(COLUMNS)).replace("CALLS", str(CALLS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scorer", help="folder of a saved scoring explainer of 50 columns with a feature map")
    parser.add_argument("--processes", type=int, default=9, help="of each way")
    asked = parser.parse_args()
    with scorer(asked.scorer) as folder:
        ways = {"engineered": ["engineered"], "raw": ["raw"]}
        found: dict[str, Any] = {"first process": process(folder, "raw")}
        found |= {name: repeated(folder, *words, n=asked.processes) for name, words in ways.items()}
        read_only = process(folder, "raw", locked=True)
        found["read-only, no HOME"] = (
            "not possible here" if read_only is None else repeated(folder, "raw", n=asked.processes, locked=True)
        )
    sizes = megabytes()
    report = {
        "case": {"trees": TREES, "leaves": LEAVES, "columns": COLUMNS},
        "machine": {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__},
        "start": found,
        "megabytes_installed": {
            "numpy and automl_explain": round(sizes["numpy"] + sizes["automl_explain"], 1),
            "all": round(sum(sizes.values()), 1),
            "each": dict(sorted(sizes.items(), key=lambda one: -one[1])),
        },
    }
    print(json.dumps(report, indent=1))


@contextlib.contextmanager
def scorer(given: str | None) -> Iterator[str]:
    """Folder of the scoring explainer, made in a process of its own where none is given."""
    with tempfile.TemporaryDirectory() as made:
        if given is None:
            subprocess.run([sys.executable, __file__, "--make", made], check=True)
        yield given or made


def make(folder: str) -> None:
    """Save the scoring explainer of the base case."""
    from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, TreeScoringExplainer, save

    X = np.random.default_rng(0).normal(size=(10_000, COLUMNS))

    def teacher(rows: Any) -> np.ndarray:
        x = np.asarray(rows)
        return np.asarray(x[:, :10].sum(axis=1) + x[:, 0] * x[:, 1])

    args = {"n_estimators": TREES, "num_leaves": LEAVES, "n_jobs": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fidelity of this teacher is not the point
        explainer = MimicExplainer(teacher, X, LGBMExplainableModel, args, is_function=True, augment_data=False)
    parents = [[j // 2] for j in range(COLUMNS)]
    names = [f"column {j}" for j in range(COLUMNS)]
    maps = [FeatureMap.from_parents(parents, raw_names=names[: COLUMNS // 2], engineered_names=names)]
    save(TreeScoringExplainer(explainer, feature_maps=maps), directory=folder, exist_ok=True)


def process(folder: str, space: str, *, locked: bool = False) -> dict[str, Any] | None:
    """Modules, seconds and memory of one process; None where it may not be locked in."""
    command = [sys.executable, "-c", CHILD, folder, space]
    environment = dict(os.environ)
    if locked:
        environment.pop("HOME", None)
        inside = 'mount -o remount,bind,ro / 2>/dev/null || exit 99; exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", inside, "sh", *command]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=not locked)
    except FileNotFoundError:
        return None
    if locked and done.returncode:
        return None if "unshare" in done.stderr or done.returncode == 99 else {"failed": done.stderr[-500:]}
    told = json.loads(done.stdout)
    steps = ("begin", "numpy", "loaded", "first", "warm", "later")
    begin, after_numpy, loaded, first, warm, later = (told[step] for step in steps)
    modules = told["modules"]
    ours = {name: modules.get(name, 0) for name in ("automl_explain", "numpy")}
    return {
        "wall_s": round(first["wall"] - begin["wall"], 4),
        "wall_s_of_numpy": round(after_numpy["wall"] - begin["wall"], 4),
        "wall_s_to_load": round(loaded["wall"] - after_numpy["wall"], 4),
        "wall_s_of_the_first_values": round(first["wall"] - loaded["wall"], 4),
        "cpu_s": round(first["cpu"], 4),
        "cpu_s_beyond_numpy": round(first["cpu"] - after_numpy["cpu"], 4),
        "cpu_us_of_later_values": round(1e6 * (later["cpu"] - warm["cpu"]) / CALLS, 2),
        "resident_mb": round(first["megabytes"], 1),
        "resident_mb_beyond_numpy": round(first["megabytes"] - after_numpy["megabytes"], 1),
        "modules_of_numpy_and_us": sum(ours.values()),
        "modules": dict(sorted(modules.items(), key=lambda one: -one[1])[:12]),
    }


def repeated(folder: str, space: str, *, n: int, locked: bool = False) -> dict[str, Any]:
    """The same of several processes: the spread of what is measured."""
    runs = [one for _ in range(n) if (one := process(folder, space, locked=locked)) is not None]
    failed = [one for one in runs if "failed" in one]
    if failed:
        return failed[0]
    return {
        name: spread(np.array([run[name] for run in runs])) if isinstance(value, float) else value
        for name, value in runs[0].items()
    }


def megabytes() -> dict[str, float]:
    """Size of this package as it stands, and of every package that a plain installation brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [path for path in (ROOT / "automl_explain").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    found = {"automl_explain": sum(path.stat().st_size for path in own) / 1e6}
    waiting = [Requirement(text) for text in project["dependencies"]]
    while waiting:
        wanted = waiting.pop()
        name = wanted.name.lower().replace("_", "-")
        try:
            there = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name not in found:
            files = (Path(str(file.locate())) for file in there.files or ())
            found[name] = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
            extras = ("", *wanted.extras)
            needed = [Requirement(text) for text in there.requires or ()]
            waiting += [
                r for r in needed if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in extras)
            ]
    return {name: round(size, 1) for name, size in found.items()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2])
    else:
        main()
