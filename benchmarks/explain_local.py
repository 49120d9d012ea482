"""What ``explain_local`` adds to one row's own cost: that of the engine and of one prediction of the teacher.

``OMP_NUM_THREADS=1 python benchmarks/explain_local.py`` explains one row with everything an `Explanation` holds, the
teacher's prediction and the fidelity among it, for teachers of two kinds (a model that FLAML fits in a few seconds; a
scikit-learn pipeline and a forest) and rows of two (an ndarray, a DataFrame). The ways take turns, so that all of them
see the same machine. Prints JSON: CPU microseconds, and the ratio of ``explain_local`` to engine plus teacher (bound:
1.2).
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from _measure import spread
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import LGBMExplainableModel, MimicExplainer, TreeScoringExplainer
from automl_explain.exceptions import LowFidelityWarning


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20, help="calls of a turn")
    parser.add_argument("--budget", type=float, default=3.0, help="seconds that FLAML may search")
    parser.add_argument("--only", choices=TEACHERS, action="append", help="this teacher alone; may be repeated")
    size = parser.parse_args()
    X, y = table(size)
    packages = {name: version(name) for name in ("numpy", "pandas", "lightgbm", "scikit-learn", "flaml")}
    found: dict[str, Any] = {
        "size": vars(size),
        "machine": {"machine": platform.machine(), "python": platform.python_version(), **packages},
    }
    for name in size.only or TEACHERS:
        fit = TEACHERS[name]
        for kind, rows in (("ndarray", X.to_numpy()), ("DataFrame", X)):
            found[f"{name}, {kind}"] = measure(fit(rows, y, size), rows, size)
    print(json.dumps(found, indent=1))


def table(size: argparse.Namespace) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(size.rows, size.columns))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=size.rows) > 0).astype(int)
    return pd.DataFrame(X, columns=[f"column {j}" for j in range(size.columns)]), y


def flaml(X: Any, y: np.ndarray, size: argparse.Namespace) -> Any:
    from flaml import AutoML

    logging.getLogger("flaml.automl.logger").setLevel(logging.CRITICAL)
    automl = AutoML()
    automl.fit(
        X,
        y,
        task="classification",
        metric="log_loss",
        time_budget=size.budget,
        estimator_list=["lgbm"],
        seed=0,
        verbose=0,
    )
    return automl


def pipeline(X: Any, y: np.ndarray, _: argparse.Namespace) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)


def forest(X: Any, y: np.ndarray, _: argparse.Namespace) -> Any:
    return RandomForestClassifier(100, min_samples_leaf=5, random_state=0).fit(X, y)


TEACHERS: dict[str, Callable[..., Any]] = {
    "FLAML": flaml,
    "scikit-learn pipeline": pipeline,
    "scikit-learn forest": forest,
}


def measure(teacher: Any, rows: Any, size: argparse.Namespace) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        explainer = MimicExplainer(teacher, rows, LGBMExplainableModel, augment_data=False)
    scoring = TreeScoringExplainer(explainer)
    # Rows of their own, as a service gets them: nothing that pandas keeps with a frame is warm.
    given = [rows[i : i + 1] if isinstance(rows, np.ndarray) else rows.iloc[i : i + 1] for i in range(size.calls)]
    ways = {
        "explain_local": explainer.explain_local,
        "explain_local, probability": lambda row: explainer.explain_local(row, output_unit="probability"),
        "engine": scoring.explain,
        "teacher": teacher.predict_proba,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(size.turns + 1):
        for name, call in ways.items():
            start = time.process_time_ns()
            for row in given:
                call(row)
            if turn:  # the first one prepares tables and loads libraries
                times[name].append((time.process_time_ns() - start) / len(given) / 1000)
    least = np.add(times["engine"], times["teacher"])
    ratios = {
        f"ratio of {name}": spread((np.array(times[name]) / least).tolist()) for name in ways if name.startswith("expl")
    }
    return {**{f"{name}, cpu_us": spread(each) for name, each in times.items()}, **ratios}


if __name__ == "__main__":
    main()
