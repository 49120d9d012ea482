"""CPU microseconds a row of exact Shapley values, ours and of others, interleaved in one process; prints JSON.

``python benchmarks/treeshap.py`` measures the usual size (100 trees x 31 leaves, 50 columns) in batch, one
row, four classes and wide sparse rows. Other packages are measured if they are installed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

from automl_explain.treeshap import Players, TreeModel, warm_up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--leaves", type=int, default=31)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    size = parser.parse_args()
    start = time.perf_counter()
    warm_up()
    found: dict[str, Any] = {"size": vars(size), "machine": machine(), "warm_up_s": time.perf_counter() - start}
    found["dense"] = dense(size, n_classes=1)
    found["dense_4_classes"] = dense(size, n_classes=4)
    found["sparse_to_raw"] = sparse(size)
    print(json.dumps(found, indent=1))


def machine() -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "numba", "lightgbm", "shap")}
    return {"machine": platform.machine(), "python": platform.python_version(), **packages}


def train(X: Any, size: argparse.Namespace, n_classes: int) -> lgb.Booster:
    rng = np.random.default_rng(1)
    informative = X[:, :10].toarray() if sp.issparse(X) else X[:, :10]
    y = informative.sum(1) + informative[:, 0] * informative[:, 1] + rng.normal(size=X.shape[0])
    params: dict[str, Any] = {"num_leaves": size.leaves, "verbose": -1, "num_threads": 1}
    if n_classes > 1:
        params |= {"objective": "multiclass", "num_class": n_classes}
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    return lgb.train(params, lgb.Dataset(X, y), size.trees)


def dense(size: argparse.Namespace, n_classes: int) -> dict[str, Any]:
    X = np.random.default_rng(0).normal(size=(size.rows, size.columns))
    start = time.process_time()
    booster = train(X, size, n_classes)
    fit = time.process_time() - start
    text = booster.model_to_string()
    booster = lgb.Booster(model_str=text)  # a fresh one has no training data to care for
    start = time.process_time()
    trees = TreeModel([text], n_jobs=1)
    engine = trees.prepared()
    prepared = time.process_time() - start
    few = X[: min(size.rows, 2000 // n_classes)]
    ways: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
        "ours": (trees.shapley_values, X),
        "lightgbm": (lambda rows: booster.predict(rows, pred_contrib=True, num_threads=1), few),
        **others(booster, few, n_classes),
    }
    batch = measure(ways, size.repeats)
    one = {name: (way, X[:1]) for name, (way, _) in ways.items()}
    row = measure(one, 10 * size.repeats)
    wanted = booster.predict(few, pred_contrib=True).reshape(len(few), n_classes, -1)[:, :, :-1].swapaxes(0, 1)
    return {
        "fit_s": fit,
        "prepare_s": prepared,
        "table_mb": engine.prepared.nbytes / 1e6,
        "largest_difference": float(np.abs(trees.shapley_values(few) - wanted).max()),
        "batch": batch,
        "one_row": row,
    }


def others(booster: lgb.Booster, X: np.ndarray, n_classes: int) -> dict[str, Any]:
    """Other packages that are installed."""
    found: dict[str, Any] = {}
    try:
        import shap

        explainer = shap.TreeExplainer(booster)
        found["shap"] = (explainer.shap_values, X)
    except ImportError:
        pass
    try:
        import fasttreeshap

        fast = fasttreeshap.TreeExplainer(booster, algorithm="v2", n_jobs=1)
        found["fasttreeshap"] = (lambda rows: fast.shap_values(rows, check_additivity=False), X)
    except ImportError:
        pass
    return found


def sparse(size: argparse.Namespace, n_rows: int = 20_000, n_columns: int = 2000, n_raw: int = 40) -> dict[str, Any]:
    """Rows of 1 % filled cells to raw values."""
    X = sp.random(n_rows, n_columns, density=0.01, format="csr", random_state=0)
    X.data += 0.5
    booster = lgb.Booster(model_str=train(X, size, 1).model_to_string())
    trees = TreeModel([booster.model_to_string()], n_jobs=1)
    weights = sp.csr_matrix((np.ones(n_columns), (np.arange(n_columns) % n_raw, np.arange(n_columns))))
    engine = trees.prepared(Players.folded(weights))
    few = X[:200]
    ways = {
        "ours": (engine.values, X),
        "lightgbm": (lambda rows: booster.predict(rows, pred_contrib=True, num_threads=1), few),
    }
    wanted = (booster.predict(few, pred_contrib=True)[:, :-1] @ weights.T).toarray()
    return {
        "batch": measure(ways, size.repeats),
        "largest_difference": float(np.abs(engine.values(few) - wanted).max()),
    }


def measure(ways: dict[str, tuple[Callable[[Any], Any], Any]], repeats: int) -> dict[str, Any]:
    """Median and spread of CPU microseconds a row, the ways by turns; and how many times ours is faster."""
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, (way, rows) in ways.items():
            start = time.process_time()
            way(rows)
            if turn:
                cpu[name].append((time.process_time() - start) / rows.shape[0] * 1e6)
    result: dict[str, Any] = {
        name: {"us": statistics.median(t), "least": min(t), "most": max(t), "rows": int(ways[name][1].shape[0])}
        for name, t in cpu.items()
    }
    for name in ways:
        if name != "ours":
            result[name]["ratio"] = result[name]["us"] / result["ours"]["us"]
    return result


if __name__ == "__main__":
    main()
