"""Seconds, fidelity and top features of the whole flow: setup, surrogate, both explanations, scoring.

``python benchmarks/main_path.py`` works on a made table; ``python benchmarks/main_path.py DATA.csv TARGET``
on a file. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from flaml import AutoML
from sklearn.model_selection import train_test_split

from automl_explain import MimicWrapper, TreeScoringExplainer, automl_setup_model_explanations
from automl_explain.datasets import make_mixed_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", nargs="?")
    parser.add_argument("target", nargs="?")
    parser.add_argument("--time-budget", type=float, default=30)
    parser.add_argument("--test-rows", type=int, default=5000)
    arguments = parser.parse_args()
    X, y = table(arguments.csv, arguments.target)
    print(json.dumps(measure(X, y, arguments.time_budget, arguments.test_rows), indent=1))


def table(csv: str | None, target: str | None) -> tuple[pd.DataFrame, pd.Series]:
    if csv is None:
        made = make_mixed_table(n_rows=20_000)
        return made.X, made.y
    frame = pd.read_csv(csv)
    return frame.drop(columns=target), frame[target]


def measure(X: pd.DataFrame, y: pd.Series, time_budget: float, test_rows: int) -> dict[str, Any]:
    numeric = pd.api.types.is_float_dtype(y) or (pd.api.types.is_integer_dtype(y) and y.nunique() > 20)
    task = "regression" if numeric else "classification"
    split = train_test_split(X, y, test_size=min(test_rows, len(X) // 3), random_state=0)
    X_train, X_test, y_train, _ = split
    seconds: dict[str, float] = {}
    automl = AutoML()
    with warnings.catch_warnings(), timed(seconds, "automl fit"):
        warnings.simplefilter("ignore")  # FLAML's own
        automl.fit(X_train, y_train, task=task, time_budget=time_budget, seed=0, verbose=0)
    with timed(seconds, "setup"):
        setup = automl_setup_model_explanations(automl, task, X=X_train, X_test=X_test, y=y_train)
    with timed(seconds, "surrogate"):
        explainer = MimicWrapper.from_setup(setup)
    both = ["local", "global"]
    with timed(seconds, "engineered"):
        engineered = explainer.explain(both, eval_dataset=setup.X_test_transform)
    with timed(seconds, "raw"):
        raw = explainer.explain(
            both, eval_dataset=setup.X_test_transform, get_raw=True, raw_eval_dataset=setup.X_test_raw
        )
    scoring = explainer.create_scoring_explainer()
    encoded = explainer.explainer.encoder.encode(setup.X_test_transform)
    gap = engineered.values.sum(-1).T + engineered.base - explainer.explainer.surrogate_model.predict_output(encoded)
    return {
        "rows": len(X),
        "columns": X.shape[1],
        "task": task,
        "learner": automl.best_estimator,
        "explained rows": len(raw),
        "seconds": {k: round(v, 2) for k, v in seconds.items()},
        "fidelity held-out": raw.fidelity.to_json(),
        "fidelity on explained rows": raw.eval_fidelity.to_json(),
        "surrogate": explainer.explainer.surrogate_model.size_,
        "largest additivity error": float(np.abs(gap).max()),
        "largest fold error": float(np.abs(raw.values.sum(-1) - engineered.values.sum(-1)).max()),
        "top raw features": raw.get_feature_importance_dict(top_k=5),
        "one row, engineered frame to raw values, microseconds": one_row(scoring, setup.X_test_transform.iloc[:1]),
        "versions": {p: version(p) for p in ("automl-explain", "flaml", "lightgbm", "numpy", "pandas", "scikit-learn")},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }


def one_row(scoring: TreeScoringExplainer, row: pd.DataFrame, repeats: int = 50) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        scoring.explain(row, get_raw=True)
        times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1e6, 1)


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - start


if __name__ == "__main__":
    main()
