"""Other packages that compute exact path-dependent Shapley values of trees, each as a function of rows.

Every peer gets the same trees: LightGBM's text format, for XGBoost converted node by node. A package that does
not fit into this environment runs in one of its own, as ``python _peers.py NAME THREADS MODEL ROWS``, told how
many rows to explain over a pipe; so this file runs on Python 3.9 and imports nothing else of this project when it
is loaded. An earlier version of this project is such a package as well.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

Call = Callable[[Any], Any]

#: Names of the peers, the distributions that hold them (the first installed one is taken) and their modules.
PACKAGES = {
    "lightgbm": [("lightgbm", "lightgbm")],
    "shap": [("shap", "shap")],
    "xgboost": [("xgboost", "xgboost"), ("xgboost-cpu", "xgboost")],
    "fasttreeshap v1": [("fasttreeshap", "fasttreeshap"), ("fasttreeshap-fixed", "fasttreeshap_fixed")],
    "fasttreeshap v2": [("fasttreeshap", "fasttreeshap"), ("fasttreeshap-fixed", "fasttreeshap_fixed")],
    "woodelf": [("woodelf-explainer", "woodelf")],
    "shapiq": [("shapiq", "shapiq")],
}
#: Peers whose calls cost much for any number of rows: they get many rows, up to this many.
WHOLE_BATCH = {"fasttreeshap v2": 10_000, "woodelf": 100_000}
#: The peer that is an earlier version of this project.
BEFORE = "before"
#: Peers that can be told a number of threads.
THREADED = (BEFORE, "lightgbm", "xgboost", "fasttreeshap v1", "fasttreeshap v2")


class Local:
    """A way to compute values in this process; ``n`` is a number of rows from the first on."""

    def __init__(self, call: Call, X: Any, n_outputs: int = 1, most_rows: int | None = None) -> None:
        self.call, self.X, self.n_outputs, self.most_rows = call, X, n_outputs, most_rows

    def time(self, n: int, loops: int) -> tuple[float, float]:
        """CPU and wall seconds of a call."""
        rows = self.X[:n]
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(loops):
            self.call(rows)
        return (time.process_time() - cpu) / loops, (time.perf_counter() - wall) / loops

    def values(self, n: int) -> np.ndarray:
        """Values of shape (n_outputs, n, n_columns)."""
        return outputs_first(self.call(self.X[:n]), n, self.X.shape[1], self.n_outputs)

    def close(self) -> None:
        """Nothing to end."""


class Worker:
    """A peer in another interpreter, which times itself when told to.

    ``files`` are those of the model, of the rows and, to fold values, of weights; ``folder`` is where the interpreter
    looks for packages first.
    """

    def __init__(self, python: str, name: str, files: Sequence[Path], n_threads: int, folder: str = "") -> None:
        self.most_rows = WHOLE_BATCH.get(name)
        command = [python, os.path.abspath(__file__), name, str(n_threads), *map(str, files)]
        environment = {**os.environ, "PYTHONPATH": folder}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.package = self._read()["package"]

    def prepare(self) -> float:
        """CPU seconds of making everything that does not depend on the rows once more."""
        return float(self._ask({"prepare": 1})["cpu"])

    def time(self, n: int, loops: int) -> tuple[float, float]:
        found = self._ask({"time": [n, loops]})
        return found["cpu"], found["wall"]

    def values(self, n: int) -> np.ndarray:
        return np.asarray(self._ask({"values": n})["values"])

    def close(self) -> None:
        self.process.communicate()

    def _ask(self, question: dict[str, Any]) -> Any:
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with code {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


def serve(name: str, n_threads: int, model: str, rows: str, *weights: str) -> None:
    """Answer the questions of a `Worker`; whatever the package prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        booster, X = lgb.Booster(model_file=model), np.load(rows) if rows.endswith("npy") else sp.load_npz(rows)
        fold = [sp.load_npz(path) for path in weights]

        def prepare() -> Call:
            return before(booster, n_threads, *fold) if name == BEFORE else make(name, booster, X.shape[1], n_threads)

        peer = Local(prepare(), X, booster.num_model_per_iteration())
        print(json.dumps({"package": installed(name)}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_answer(json.loads(line), peer, prepare)), file=answers, flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers, flush=True)


def _answer(question: dict[str, Any], peer: Local, prepare: Callable[[], Call]) -> dict[str, Any]:
    if "time" in question:
        cpu, wall = peer.time(*question["time"])
        return {"cpu": cpu, "wall": wall}
    if "prepare" in question:
        start = time.process_time()
        prepare()
        return {"cpu": time.process_time() - start}
    return {"values": peer.values(question["values"]).tolist()}


def installed(name: str) -> str | None:
    """Distribution and version of a peer, or None."""
    if name == BEFORE:
        import automl_explain

        return f"automl-explain {automl_explain.__version__}"
    for distribution, _ in PACKAGES[name]:
        with contextlib.suppress(PackageNotFoundError):
            return f"{distribution} {version(distribution)}"
    return None


def make(name: str, booster: lgb.Booster, n_columns: int, n_threads: int = 1) -> Call:
    """Function from rows to the values that the package gives, with everything prepared that it can prepare."""
    if name == "lightgbm":
        return lambda rows: booster.predict(rows, pred_contrib=True, num_threads=n_threads)
    if name == "xgboost":
        return _xgboost(booster, n_threads)
    distribution = installed(name).rsplit(" ", 1)[0]
    module = importlib.import_module(dict(PACKAGES[name])[distribution])
    n_outputs = booster.num_model_per_iteration()
    if name == "shap":
        return module.TreeExplainer(booster).shap_values
    if n_outputs > 1 and name != "shapiq":
        raise NotImplementedError("gives one output only for a LightGBM model with several")
    if name.startswith("fasttreeshap"):
        explainer = module.TreeExplainer(booster, algorithm=name[-2:], n_jobs=n_threads)
        return lambda rows: explainer.shap_values(rows, check_additivity=False)
    if name == "woodelf":
        return _woodelf(module, booster)
    several = n_outputs > 1
    explainers = [
        module.TreeExplainer(booster, index="SV", max_order=1, min_order=1, class_index=k if several else None)
        for k in range(n_outputs)
    ]
    return lambda rows: [_by_column(explainer.explain_X(rows), n_columns) for explainer in explainers]


def before(booster: lgb.Booster, n_threads: int, weights: Any = None) -> Call:
    """Values of this project, with its tables made; ``weights`` fold them to other columns."""
    from automl_explain.treeshap import Players, TreeModel

    players = None if weights is None else Players.folded(weights)
    trees = TreeModel([booster.model_to_string()], n_jobs=n_threads)
    engine = trees.prepared(players)
    return trees.shapley_values if weights is None else engine.values


def _woodelf(module: Any, booster: lgb.Booster) -> Call:
    import pandas as pd

    explainer, names = module.WoodelfExplainer(booster), booster.feature_name()
    return lambda rows: explainer.shap_values(pd.DataFrame(rows, columns=names), verbose=False)


def _by_column(batch: Any, n_columns: int) -> np.ndarray:
    """Columns of shapiq's values; columns that occur in no tree have none."""
    nothing = np.zeros(batch.n_instances)
    return np.column_stack([batch.values.get((k,), nothing) for k in range(n_columns)])


def _xgboost(booster: lgb.Booster, n_threads: int) -> Call:
    import xgboost as xgb

    model = xgb.Booster({"nthread": n_threads}, model_file=bytearray(xgboost_model(booster)))

    def call(rows: Any) -> np.ndarray:
        found: np.ndarray = model.predict(xgb.DMatrix(rows, nthread=n_threads), pred_contribs=True)
        return found

    return call


def xgboost_model(booster: lgb.Booster) -> bytes:
    """The trees of a LightGBM model in XGBoost's JSON; rows must be held by float32, and absent cells be zeros."""
    import xgboost as xgb

    from automl_explain.treeshap import read_lightgbm

    trees = read_lightgbm(booster.model_to_string())
    n_outputs, n_columns = booster.num_model_per_iteration(), trees.n_features
    kind = {"objective": "multi:softprob", "num_class": n_outputs} if n_outputs > 1 else {}
    frame = xgb.DMatrix(np.zeros((n_outputs, n_columns)), label=np.arange(n_outputs))
    model = json.loads(xgb.train({**kind, "max_depth": 1}, frame, 1).save_raw("json"))
    inner = model["learner"]["gradient_booster"]["model"]
    empty, made = inner["trees"][0], []
    for t, root in enumerate(trees.offsets[:-1]):
        order = [int(root)]  # XGBoost expects the right child behind the left one
        for node in order:
            if trees.feature[node] >= 0:
                order += [int(trees.left[node]), int(trees.right[node])]
        inside = np.flatnonzero(trees.feature[order] >= 0)
        n = len(order)
        left, right, parents = np.full((3, n), -1)
        left[inside] = 1 + 2 * np.arange(len(inside))
        right[inside] = left[inside] + 1
        parents[left[inside]] = parents[right[inside]] = inside
        parents[0] = 2**31 - 1
        # LightGBM asks x <= t, XGBoost x < c in float32: c is the next float32 above the last one up to t.
        threshold = trees.threshold[order]
        cut = threshold.astype(np.float32)
        cut = np.where(cut > threshold, cut, np.nextafter(cut, np.float32(np.inf)))
        made.append({
            **empty, "id": t, "base_weights": [0.0] * n, "loss_changes": [0.0] * n, "split_type": [0] * n,
            "default_left": (threshold >= 0).astype(int).tolist(), "left_children": left.tolist(),
            "right_children": right.tolist(), "parents": parents.tolist(),
            "split_conditions": np.where(left < 0, trees.value[order], cut).tolist(),
            "split_indices": np.where(left < 0, 0, trees.feature[order]).tolist(),
            "sum_hessian": trees.cover[order].tolist(),
            "tree_param": {**empty["tree_param"], "num_nodes": str(n)},
        })  # fmt: skip
    inner["trees"], inner["tree_info"] = made, trees.output.tolist()
    inner["gbtree_model_param"]["num_trees"] = str(len(made))
    inner["iteration_indptr"] = list(range(0, len(made) + 1, n_outputs))
    return json.dumps(model).encode()


def outputs_first(values: Any, n_rows: int, n_columns: int, n_outputs: int) -> np.ndarray:
    """Any package's layout as (n_outputs, n_rows, n_columns), without the column of the expected value."""
    parts = list(values) if isinstance(values, (list, tuple)) else [values]
    parts = [part.toarray() if hasattr(part, "toarray") else np.asarray(part) for part in parts]
    if len(parts) == 1 and parts[0].ndim == 3 and parts[0].shape[:2] == (n_outputs, n_rows):  # ours
        return parts[0]
    if len(parts) == 1 and n_outputs > 1:
        found = parts[0]
        if found.shape == (n_rows, n_columns, n_outputs):  # shap
            return found.transpose(2, 0, 1)
        parts = list(found.reshape(n_rows, n_outputs, n_columns + 1).swapaxes(0, 1))
    return np.stack([part.reshape(n_rows, -1)[:, :n_columns] for part in parts])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
