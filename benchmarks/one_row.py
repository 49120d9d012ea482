"""CPU microseconds to explain a single row, through the public call with all its checks, in a warm process.

``OMP_NUM_THREADS=1 python benchmarks/one_row.py`` makes a regression surrogate of 100 trees x 31 leaves over 50
engineered columns, two for each raw one, and explains one row: a numpy row (engineered, raw, raw as lists for JSON)
and a row of a DataFrame (numbers alone; and numbers, whole numbers, flags and categories, as FLAML makes them).
Beside it, on the same trees and the same row: LightGBM's ``pred_contrib`` and ``shap.TreeExplainer``. The ways take
turns. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import shap
from _measure import spread

from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, TreeScoringExplainer
from automl_explain.exceptions import LowFidelityWarning

Way = tuple[Callable[[Any], Any], Sequence[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--leaves", type=int, default=31)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200, help="calls of a turn; slow ways make a tenth")
    size = parser.parse_args()
    packages = {name: version(name) for name in ("numpy", "pandas", "lightgbm", "shap")}
    found: dict[str, Any] = {
        "size": vars(size),
        "machine": {"machine": platform.machine(), "python": platform.python_version(), **packages},
        "numbers": measure(numbers(size.columns), size, array=True),
        "mixed": measure(mixed(size.columns), size, array=False),
    }
    print(json.dumps(found, indent=1))


def numbers(n_columns: int, n_rows: int = 10_000) -> pd.DataFrame:
    X = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    return pd.DataFrame(X, columns=[f"column {j}" for j in range(n_columns)])


def mixed(n_columns: int, n_rows: int = 10_000) -> pd.DataFrame:
    """Columns by turns of numbers, whole numbers, categories with gaps, numbers and flags."""
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for j in range(n_columns):
        kind, x = j % 5, rng.normal(size=n_rows)
        words = np.array([f"{j} {word}" for word in ("red", "green", "blue", "white", "black")])[: 2 + j % 4]
        categories = pd.Categorical.from_codes(rng.integers(-1, len(words), n_rows), words)
        made[f"column {j}"] = (x, (10 * x).astype(int), categories, x, x > 0)[kind]
    return pd.DataFrame(made)


def measure(X: pd.DataFrame, size: argparse.Namespace, *, array: bool) -> dict[str, Any]:
    """Our ways and those of others on one row; frames of every call are new, as they are in a service."""
    scoring, booster = surrogate(X, size)
    row = as_numbers(X)
    frames = [X.iloc[i : i + 1] for i in range(size.calls)]
    rows = [row] * size.calls
    few = rows[: max(1, size.calls // 10)]
    tree_explainer = shap.TreeExplainer(booster)
    ways: dict[str, Way] = {"frame, raw": (lambda r: scoring.explain(r, get_raw=True), frames)}
    if array:
        ways |= {
            "row, engineered": (scoring.explain, rows),
            "row, raw": (lambda r: scoring.explain(r, get_raw=True), rows),
            "row, raw as list": (lambda r: scoring.explain(r, get_raw=True, as_list=True), rows),
        }
    ways |= {
        "pred_contrib": (lambda r: booster.predict(r, pred_contrib=True, num_threads=1), few),
        "shap": (lambda r: tree_explainer.shap_values(r, check_additivity=False), few),
    }
    wanted = booster.predict(row, pred_contrib=True)[:, :-1]
    gap = np.abs(scoring.explain(X.iloc[:1]) - wanted).max() / np.abs(wanted).max()
    return {"largest_difference": float(f"{gap:.2g}"), **by_turns(ways, size.turns)}


def surrogate(X: pd.DataFrame, size: argparse.Namespace) -> tuple[TreeScoringExplainer, Any]:
    """Scoring explainer of a formula, and its trees for others."""

    def teacher(rows: pd.DataFrame) -> np.ndarray:
        columns = [c.cat.codes if isinstance(c.dtype, pd.CategoricalDtype) else c for _, c in rows.items()]
        x = np.column_stack([np.asarray(c, dtype=float) for c in columns])
        result: np.ndarray = x[:, :10].sum(axis=1) + x[:, 0] * x[:, 1]
        return result

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        explainer = MimicExplainer(
            teacher,
            X,
            LGBMExplainableModel,
            {"n_estimators": size.trees, "num_leaves": size.leaves, "n_jobs": 1},
            is_function=True,
            augment_data=False,
        )
    parents = [[j // 2] for j in range(X.shape[1])]
    raw = range(1 + (X.shape[1] - 1) // 2)
    feature_map = FeatureMap.from_parents(parents, raw_names=raw, engineered_names=list(X.columns))
    return TreeScoringExplainer(explainer, feature_maps=[feature_map]), explainer.surrogate_model.model


def as_numbers(X: pd.DataFrame) -> np.ndarray:
    """The first row as the trees read it, shape (1, n_columns)."""
    codes = [c.cat.codes.replace(-1, np.nan) if isinstance(c.dtype, pd.CategoricalDtype) else c for _, c in X.items()]
    return np.array([[float(c.iloc[0]) for c in codes]])


def by_turns(ways: dict[str, Way], turns: int) -> dict[str, Any]:
    """CPU microseconds of a call, and how many times ours are faster than others."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, (call, given) in ways.items():
            start = time.process_time_ns()
            for rows in given:
                call(rows)
            if turn:  # the first one prepares tables and loads libraries
                times[name].append((time.process_time_ns() - start) / len(given) / 1000)
    found: dict[str, Any] = {name: {"cpu_us": spread(values)} for name, values in times.items()}
    for other in ("pred_contrib", "shap"):
        for name in set(ways) - {"pred_contrib", "shap"}:
            ratio = found[other]["cpu_us"]["median"] / found[name]["cpu_us"]["median"]
            found[name][f"times_faster_than_{other}"] = round(ratio, 1)
    return found


if __name__ == "__main__":
    main()
