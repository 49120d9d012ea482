"""Time, memory and agreement of exact Shapley values, ours and of other packages, as JSON.

``python benchmarks/treeshap.py --out results.json`` varies one size at a time around a base case (100 trees x 31
leaves, 50 columns, 10,000 rows, one output, one thread) and lets all ways explain it by turns.
``--quick`` is a smoke run on small sizes. ``--worker "fasttreeshap=PYTHON"`` runs a peer that needs an environment
of its own in that interpreter, ``--before FOLDER`` the version of this project in that folder, with the interpreter of
``--worker "before=PYTHON"`` or this one. See ``benchmarks/README.md``; ``treeshap_report.py`` makes tables and plots.
"""

from __future__ import annotations

import os

# Before any of them is loaded: one thread for every library, but where a case says otherwise.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import contextlib
import dataclasses
import json
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _interactions
import _limit
import _measure
import _peers
import lightgbm as lgb
import numpy as np
import scipy.sparse as sp
from _cases import FULL, QUICK, Case, Effort, cases, categories, fitted, table, train
from _measure import Interpreter

import automl_explain
from automl_explain.treeshap import Players, TreeModel, _native

_CHECKED_ROWS = 100
_PREPARED = 3  # times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file for the JSON; printed where left out")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--only", choices=list(FULL.grids), action="append", help="this grid alone (or several)")
    parser.add_argument("--worker", metavar="NAME=PYTHON", action="append", default=[], help="its interpreter")
    parser.add_argument("--turns", type=int, help="of every way but the slowest (7; 3 with --quick)")
    parser.add_argument("--before", metavar="FOLDER", help="an earlier version of this project, to be compared with")
    arguments = parser.parse_args()
    workers = {name: Interpreter(python, "") for name, python in (text.split("=", 1) for text in arguments.worker)}
    if arguments.before:
        python = workers.get(_peers.BEFORE, Interpreter(sys.executable, "")).python
        workers[_peers.BEFORE] = Interpreter(python, str(Path(arguments.before).resolve()))
    effort = QUICK if arguments.quick else FULL
    if arguments.turns:
        effort = dataclasses.replace(effort, turns=arguments.turns)
    if arguments.only:
        kept = {name: values for name, values in effort.grids.items() if name in arguments.only}
        effort = dataclasses.replace(effort, grids=kept)
    warnings.simplefilter("ignore")  # of other packages
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = run(effort, workers, Path(folder))
    found["turns"] = effort.turns
    found["minutes"] = round((time.perf_counter() - start) / 60, 1)
    text = json.dumps(found, indent=1)
    print(text) if arguments.out is None else arguments.out.write_text(text + "\n")


def run(effort: Effort, workers: dict[str, Interpreter], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine(), "base": dataclasses.asdict(effort.base), "grids": effort.grids}
    packages = {name: _peers.installed(name) or "not installed" for name in _peers.PACKAGES}
    packages |= {name: "in a worker" for name in packages if name.split()[0] in workers}
    if _peers.BEFORE in workers:
        packages = {_peers.BEFORE: "in a worker", **packages}
    found["peers"] = packages
    found["cases"] = []
    for case in cases(effort):
        found["cases"].append(compare(case, effort, workers, packages, folder))
        say(f"{case}: {brief(found['cases'][-1]['ways'])}")
    found["to_raw"] = [to_raw(kind, effort, workers, folder) for kind in ("one percent filled", "one-hot")]
    say(f"to raw columns: {[brief(part['ways']) for part in found['to_raw']]}")
    found["interactions"] = _interactions.interactions(effort)
    say(f"interactions: {brief(found['interactions']['ways'])}")
    found["limit"] = limit(found["cases"])
    found["memory"] = memory(effort, folder)
    found["first_values"] = _measure.first_values(save_model(effort.base, folder), workers.get(_peers.BEFORE))
    return found


def compare(
    case: Case, effort: Effort, workers: dict[str, Interpreter], packages: dict[str, str], folder: Path
) -> dict[str, Any]:
    """All ways on one case, by turns; ``packages`` learns what the workers have installed."""
    model, fit = fitted(case)
    text = model.model_to_string()
    X = table(case)
    trees = TreeModel([text], n_jobs=case.threads)
    ways: dict[str, Any] = {"ours": _peers.Local(trees.shapley_values, X, case.outputs)}
    left_out: dict[str, str] = {}
    for name, package in packages.items():
        reason = why_not(name, package, case)
        if reason is None:
            try:
                ways[name] = peer(name, model, X, case, workers, folder)
                packages[name] = getattr(ways[name], "package", package)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"[:200]
        if reason is not None:
            left_out[name] = reason
    with contextlib.ExitStack() as ending:
        for way in ways.values():
            ending.callback(way.close)
        prepare = preparation(lambda: TreeModel([text], n_jobs=case.threads).prepared(), ways)
        timed = _measure.by_turns(ways, case.rows, turns=effort.turns, seconds=effort.seconds, whole=[_peers.BEFORE])
        n = min(case.rows, _CHECKED_ROWS)
        wanted = ways["lightgbm"].values(n)
        for name, result in timed.items():
            if "failed" not in result:
                result["difference"] = _measure.largest_difference(ways[name].values(n), wanted)
    return {
        "case": dataclasses.asdict(case),
        "sparse": case.sparse,
        "row_bytes": row_bytes(X[:n], trees.shapley_values(X[:n])),
        "fit_s": round(fit, 3),
        "prepare_s": prepare,
        **figures(trees.prepared().prepared),
        "ways": timed,
        "left_out": left_out,
    }


def preparation(make: Callable[[], Any], ways: dict[str, Any]) -> dict[str, Any]:
    """CPU seconds of reading a model and making its tables, ours and before, by turns."""
    found: dict[str, list[float]] = {"ours": []}
    for _ in range(_PREPARED):
        start = time.process_time()
        make()
        found["ours"].append(time.process_time() - start)
        if _peers.BEFORE in ways:
            found.setdefault(_peers.BEFORE, []).append(ways[_peers.BEFORE].prepare())
    return {name: _measure.spread(seconds) for name, seconds in found.items()}


def figures(prepared: Any) -> dict[str, Any]:
    """What a row costs, and how many leaves are explained in which way."""
    walked = prepared.leaves - prepared.leaves_in_tables - prepared.leaves_in_factors
    return {
        "table_mb": round(prepared.nbytes / 1e6, 1),
        "leaves": {
            "in_tables": prepared.leaves_in_tables,
            "in_factors": prepared.leaves_in_factors,
            "walked": walked,
        },
        "look_ups": prepared.look_ups,
        "comparisons": prepared.comparisons,
    }


def row_bytes(X: Any, values: Any) -> int:
    """Bytes that are read and written for a row."""
    parts = [X, *(values if isinstance(values, tuple) else [values])]
    arrays = [a for part in parts for a in ((part.data, part.indices, part.indptr) if sp.issparse(part) else (part,))]
    return sum(a.nbytes for a in arrays) // X.shape[0]


def why_not(name: str, package: str, case: Case) -> str | None:
    """Why a peer does not take part in a case, or None."""
    if package == "not installed":
        return package
    if case.threads > 1 and name not in _peers.THREADED:
        return "takes no number of threads"
    if case.sparse and name not in (_peers.BEFORE, "lightgbm", "xgboost", "shap"):
        return "takes no sparse rows"
    return None


def peer(
    name: str, model: lgb.Booster, X: Any, case: Case, workers: dict[str, Interpreter], folder: Path
) -> _peers.Local | _peers.Worker:
    if name.split()[0] in workers:
        rows = X if name == _peers.BEFORE else X[:10_000]
        files = [save_model(case, folder), save_rows(rows, folder)]
        interpreter = workers[name.split()[0]]
        return _peers.Worker(interpreter.python, name, files, case.threads, interpreter.folder)
    call = _peers.make(name, model, case.columns, case.threads)
    return _peers.Local(call, X, case.outputs, _peers.WHOLE_BATCH.get(name))


def save_rows(X: Any, folder: Path) -> Path:
    path = folder / ("rows.npy" if isinstance(X, np.ndarray) else "rows.npz")
    np.save(path, X) if isinstance(X, np.ndarray) else sp.save_npz(path, X)
    return path


def save_model(case: Case, folder: Path) -> Path:
    path = folder / "model.txt"
    fitted(case)[0].save_model(path)
    return path


def to_raw(kind: str, effort: Effort, workers: dict[str, Interpreter], folder: Path) -> dict[str, Any]:
    """Sparse rows to raw values; LightGBM's values are folded by a product of sparse matrices."""
    X, y, weights = categories(kind, effort)
    text, fit = train(X, y, effort.base.trees, {"num_leaves": effort.base.leaves})
    booster = lgb.Booster(model_str=text)
    players = Players.folded(weights)
    files = [folder / "sparse.txt", save_rows(X, folder), folder / "weights.npz"]
    files[0].write_text(text)
    sp.save_npz(files[2], weights)

    def folded(rows: Any) -> np.ndarray:
        values = booster.predict(rows, pred_contrib=True, num_threads=1)
        result: np.ndarray = (values[:, :-1] @ weights.T).toarray()
        return result

    engine = TreeModel([text], n_jobs=1).prepared(players)
    ways: dict[str, Any] = {"ours": _peers.Local(engine.values, X), "lightgbm": _peers.Local(folded, X)}
    with contextlib.ExitStack() as ending:
        if _peers.BEFORE in workers:
            interpreter = workers[_peers.BEFORE]
            ways[_peers.BEFORE] = _peers.Worker(interpreter.python, _peers.BEFORE, files, 1, interpreter.folder)
            ending.callback(ways[_peers.BEFORE].close)
        prepare = preparation(lambda: TreeModel([text], n_jobs=1).prepared(players), ways)
        timed = _measure.by_turns(ways, X.shape[0], turns=effort.turns, seconds=effort.seconds, whole=[_peers.BEFORE])
        wanted = folded(X[:_CHECKED_ROWS])[None]
        for name in set(ways) - {"lightgbm"}:
            timed[name]["difference"] = _measure.largest_difference(ways[name].values(_CHECKED_ROWS), wanted)
    return {
        "kind": kind,
        "rows": X.shape[0],
        "columns": X.shape[1],
        "filled": round(X.nnz / X.shape[0] / X.shape[1], 4),
        "raw_columns": weights.shape[0],
        "fit_s": round(fit, 3),
        "prepare_s": prepare,
        **figures(engine.prepared),
        "ways": timed,
        "memory": _measure.extra_memory(*files),
    }


def limit(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """What this machine needs at least for the work of a row, in the base case and where we are slowest."""
    works = {}
    for part in measured:
        changed = {k: v for k, v in part["case"].items() if v != measured[0]["case"][k]}
        name = ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in changed.items()) or "base case"
        if changed.keys() <= {"rows", "trees", "leaves", "columns", "outputs"} and part["case"]["rows"] > 1:
            work = {key: part[key] for key in ("look_ups", "comparisons", "row_bytes", "leaves")}
            works[name] = {**work, "us_ours": part["ways"]["ours"]["cpu_us"]["median"]}
    return _limit.limits(works)


def memory(effort: Effort, folder: Path) -> dict[str, Any]:
    """Of many rows in the base case, in one call and in chunks."""
    files = save_model(effort.base, folder), folder / "many.npy"
    np.save(files[1], table(dataclasses.replace(effort.base, rows=effort.many_rows)))
    return {
        "one_call": _measure.extra_memory(*files),
        "in_chunks": _measure.extra_memory(*files, chunk=max(1, effort.many_rows // 10)),
    }


def machine() -> dict[str, str]:
    names = ("numpy", "scipy", "lightgbm")
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), processor)
    return {
        "processor": processor,
        "processors": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "kernels": _native.level(),
        "python": platform.python_version(),
        "automl-explain": automl_explain.__version__,
        **{name: version(name) for name in names},
    }


def brief(ways: dict[str, Any]) -> str:
    return ", ".join(f"{name} {way['cpu_us']['median']:.4g} us" for name, way in ways.items() if "cpu_us" in way)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
