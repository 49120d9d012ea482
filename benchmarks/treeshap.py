"""Time, memory and agreement of exact Shapley values, ours and of other packages, as JSON.

``python benchmarks/treeshap.py --out results.json`` varies one size at a time around a base case (100 trees x 31
leaves, 50 columns, 10,000 rows, one output, one thread) and lets all ways explain it by turns.
``--quick`` is a smoke run on small sizes. ``--worker "fasttreeshap=PYTHON"`` runs a peer that needs an environment
of its own in that interpreter. See ``benchmarks/README.md``; ``treeshap_report.py`` makes tables and plots.
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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _limit
import _measure
import _peers
import lightgbm as lgb
import numpy as np
import scipy.sparse as sp
from _cases import FULL, QUICK, Case, Effort, cases, categories, fitted, table, train

from automl_explain.treeshap import Players, TreeModel, warm_up

_CHECKED_ROWS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file for the JSON; printed where left out")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--only", choices=list(FULL.grids), action="append", help="this grid alone (or several)")
    parser.add_argument("--worker", metavar="NAME=PYTHON", action="append", default=[], help="its interpreter")
    arguments = parser.parse_args()
    workers = dict(text.split("=", 1) for text in arguments.worker)
    effort = QUICK if arguments.quick else FULL
    if arguments.only:
        kept = {name: values for name, values in effort.grids.items() if name in arguments.only}
        effort = dataclasses.replace(effort, grids=kept)
    warnings.simplefilter("ignore")  # of other packages
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = run(effort, workers, Path(folder))
    found["minutes"] = round((time.perf_counter() - start) / 60, 1)
    text = json.dumps(found, indent=1)
    print(text) if arguments.out is None else arguments.out.write_text(text + "\n")


def run(effort: Effort, workers: dict[str, str], folder: Path) -> dict[str, Any]:
    warm_up()
    found: dict[str, Any] = {"machine": machine(), "base": dataclasses.asdict(effort.base), "grids": effort.grids}
    packages = {name: _peers.installed(name) for name in _peers.PACKAGES}
    for name in packages:
        packages[name] = "in a worker" if name.split()[0] in workers else packages[name] or "not installed"
    found["peers"] = packages
    found["cases"] = []
    for case in cases(effort):
        found["cases"].append(compare(case, effort, workers, packages, folder))
        say(f"{case}: {brief(found['cases'][-1]['ways'])}")
    found["to_raw"] = [to_raw(kind, effort, folder) for kind in ("one percent filled", "one-hot")]
    say(f"to raw columns: {[brief(part['ways']) for part in found['to_raw']]}")
    found["limit"] = limit(effort.base)
    found["memory"] = memory(effort, folder)
    found["first_call"] = _measure.first_call(save_model(effort.base, folder), cold=effort.cold)
    return found


def compare(
    case: Case, effort: Effort, workers: dict[str, str], packages: dict[str, str], folder: Path
) -> dict[str, Any]:
    """All ways on one case, by turns; ``packages`` learns what the workers have installed."""
    model, fit = fitted(case)
    text = model.model_to_string()
    X = table(case)
    prepare = []
    for _ in range(3):
        start = time.process_time()
        trees = TreeModel([text], n_jobs=case.threads)
        engine = trees.prepared()
        prepare.append(time.process_time() - start)
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
        timed = _measure.by_turns(ways, case.rows, turns=effort.turns, seconds=effort.seconds)
        n = min(case.rows, _CHECKED_ROWS)
        wanted = ways["lightgbm"].values(n)
        for name, result in timed.items():
            if "failed" not in result:
                result["difference"] = _measure.largest_difference(ways[name].values(n), wanted)
    return {
        "case": dataclasses.asdict(case),
        "sparse": case.sparse,
        "fit_s": round(fit, 3),
        "prepare_s": _measure.spread(prepare),
        "table_mb": round(engine.prepared.nbytes / 1e6, 1),
        "exact_leaves": int(np.count_nonzero(engine.prepared.branches.value)),
        "ways": timed,
        "left_out": left_out,
    }


def why_not(name: str, package: str, case: Case) -> str | None:
    """Why a peer does not take part in a case, or None."""
    if package == "not installed":
        return package
    if case.threads > 1 and name not in _peers.THREADED:
        return "takes no number of threads"
    if case.sparse and name not in ("lightgbm", "xgboost", "shap"):
        return "takes no sparse rows"
    return None


def peer(name: str, model: lgb.Booster, X: Any, case: Case, workers: dict[str, str], folder: Path) -> Any:
    if name.split()[0] in workers:
        files = save_model(case, folder), folder / "rows.npy"
        np.save(files[1], X[:10_000])
        way: Any = _peers.Worker(workers[name.split()[0]], name, (str(files[0]), str(files[1])), case.threads)
        return way
    call = _peers.make(name, model, case.columns, case.threads)
    return _peers.Local(call, X, case.outputs, _peers.WHOLE_BATCH.get(name))


def save_model(case: Case, folder: Path) -> Path:
    path = folder / "model.txt"
    fitted(case)[0].save_model(path)
    return path


def to_raw(kind: str, effort: Effort, folder: Path) -> dict[str, Any]:
    """Sparse rows to raw values; LightGBM's values are folded by a product of sparse matrices."""
    X, y, weights = categories(kind, effort)
    text, fit = train(X, y, effort.base.trees, {"num_leaves": effort.base.leaves})
    booster = lgb.Booster(model_str=text)
    start = time.process_time()
    engine = TreeModel([text], n_jobs=1).prepared(Players.folded(weights))
    prepare = time.process_time() - start

    def folded(rows: Any) -> np.ndarray:
        values = booster.predict(rows, pred_contrib=True, num_threads=1)
        result: np.ndarray = (values[:, :-1] @ weights.T).toarray()
        return result

    ways = {"ours": _peers.Local(engine.values, X), "lightgbm": _peers.Local(folded, X)}
    timed = _measure.by_turns(ways, X.shape[0], turns=effort.turns, seconds=effort.seconds)
    wanted = folded(X[:_CHECKED_ROWS])[None]
    timed["ours"]["difference"] = _measure.largest_difference(engine.values(X[:_CHECKED_ROWS]), wanted)
    files = [folder / name for name in ("sparse.txt", "sparse.npz", "weights.npz")]
    files[0].write_text(text)
    sp.save_npz(files[1], X)
    sp.save_npz(files[2], weights)
    return {
        "kind": kind,
        "rows": X.shape[0],
        "columns": X.shape[1],
        "filled": round(X.nnz / X.shape[0] / X.shape[1], 4),
        "raw_columns": weights.shape[0],
        "fit_s": round(fit, 3),
        "prepare_s": round(prepare, 3),
        "ways": timed,
        "memory": _measure.extra_memory(*files),
    }


def limit(case: Case) -> dict[str, Any]:
    """Lookups and bytes of a row in the base case, and how fast this machine does such."""
    X = table(case)
    trees = TreeModel([fitted(case)[0].model_to_string()], n_jobs=1)
    row_bytes = case.columns * (X.itemsize + 8 * case.outputs)
    return _limit.limits(trees.prepared().prepared, X, row_bytes)


def memory(effort: Effort, folder: Path) -> dict[str, Any]:
    """Of many rows in the base case, in one call and in chunks."""
    files = save_model(effort.base, folder), folder / "many.npy"
    np.save(files[1], table(dataclasses.replace(effort.base, rows=effort.many_rows)))
    return {
        "one_call": _measure.extra_memory(*files),
        "in_chunks": _measure.extra_memory(*files, chunk=max(1, effort.many_rows // 10)),
    }


def machine() -> dict[str, str]:
    names = ("automl-explain", "numpy", "scipy", "numba", "llvmlite", "lightgbm")
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), processor)
    return {
        "processor": processor,
        "processors": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def brief(ways: dict[str, Any]) -> str:
    return ", ".join(f"{name} {way['cpu_us']['median']:.4g} us" for name, way in ways.items() if "cpu_us" in way)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
