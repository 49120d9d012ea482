"""Seconds and megabytes of feature maps: wide tables by rule, and steps that no rule knows by probing.

``OMP_NUM_THREADS=1 python benchmarks/lineage.py`` follows 200 raw columns into 20,000 engineered ones (one-hot and
text) by rule, which has to take less than 1 s and 200 MB, and probes a step of 50 columns and 500 outputs on 1,000
rows, which has to take less than 10 s. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from _measure import spread
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import collected, trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    packages = {name: version(name) for name in ("numpy", "pandas", "scipy", "scikit-learn")}
    wide, rows = by_rule()
    unknown, table = by_probing()
    found = {
        "machine": {"machine": platform.machine(), "python": platform.python_version(), **packages},
        "rule": {**measured(lambda: trace(wide, rows), turns), "wanted": {"wall_s": 1.0, "extra_mb": 200.0}},
        "probe": {**measured(lambda: trace(unknown, table), turns), "wanted": {"wall_s": 10.0}},
    }
    with collected() as steps:
        trace(unknown, table)
    found["probe"]["calls_of_transform"] = steps[0].n_calls
    print(json.dumps(found, indent=1))


def by_rule(n_rows: int = 2000) -> tuple[Any, pd.DataFrame]:
    """198 categories of 95 levels, and two texts."""
    rng = np.random.default_rng(0)
    levels, words = np.array([f"v{i:03}" for i in range(95)]), np.array([f"w{i}" for i in range(800)])
    table = pd.DataFrame({f"c{j}": rng.permutation(np.resize(levels, n_rows)) for j in range(198)})
    for name in ("t1", "t2"):
        table[name] = [" ".join(rng.choice(words, 40)) for _ in range(n_rows)]
    categories = ("cat", OneHotEncoder(), [f"c{j}" for j in range(198)])
    texts = [(name, TfidfVectorizer(), name) for name in ("t1", "t2")]
    return ColumnTransformer([categories, *texts]).fit(table), table


def by_probing(n_rows: int = 1000) -> tuple[Any, np.ndarray]:
    """50 numbers, and 500 products of three of them each."""
    rng = np.random.default_rng(0)
    three = rng.integers(0, 50, (3, 500))
    return FunctionTransformer(lambda X: np.prod([X[:, at] for at in three], axis=0)), rng.normal(size=(n_rows, 50))


def measured(make: Callable[[], FeatureMap], turns: int) -> dict[str, Any]:
    """Wall seconds of some calls after a first one, and the largest memory within one."""
    feature_map = make()
    seconds = []
    for _ in range(turns):
        start = time.perf_counter()
        make()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    make()
    extra = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    size = {"raw": feature_map.n_raw, "engineered": feature_map.n_engineered, "links": int(feature_map.support.nnz)}
    return {**size, "wall_s": spread(seconds), "extra_mb": round(extra, 1)}


if __name__ == "__main__":
    main()
