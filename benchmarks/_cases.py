"""The cases of ``treeshap.py``: models, rows and how long to measure them."""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import Any

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

_TRAINED_ROWS = 10_000


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and the rows to explain."""

    rows: int = 10_000
    trees: int = 100
    leaves: int = 31
    depth: int | None = None
    columns: int = 50
    outputs: int = 1
    threads: int = 1
    dtype: str = "float64"

    @property
    def sparse(self) -> bool:
        """Wide rows are csr matrices, 1 % of their cells filled."""
        return self.columns >= 1000


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long things may take."""

    turns: int
    seconds: float  # of one way in one turn
    base: Case
    grids: dict[str, tuple[Any, ...]]
    many_rows: int  # of the memory measurement
    sparse_rows: int
    sparse_columns: int


FULL = Effort(
    turns=7,
    seconds=0.2,
    base=Case(),
    grids={
        "rows": (1, 100, 10_000, 1_000_000),
        "trees": (30, 100, 300, 600),
        "leaves": (7, 15, 31, 63, 127, 255),
        "depth": (3, 6, None),
        "columns": (50, 200, 2000),
        "outputs": (1, 4, 10),
        "threads": (1, 2),
        "dtype": ("float64", "float32"),
    },
    many_rows=1_000_000,
    sparse_rows=20_000,
    sparse_columns=2000,
)
QUICK = Effort(
    turns=3,
    seconds=0.02,
    base=Case(rows=2000, trees=30, leaves=15, columns=20),
    grids={"rows": (1, 2000), "outputs": (1, 3), "columns": (20, 1000), "threads": (1, 2), "dtype": ("float32",)},
    many_rows=50_000,
    sparse_rows=2000,
    sparse_columns=1000,
)


def cases(effort: Effort) -> list[Case]:
    """The base case and those that differ from it in one size."""
    varied = [dataclasses.replace(effort.base, **{name: v}) for name, values in effort.grids.items() for v in values]
    return list(dict.fromkeys([effort.base, *varied]))


@functools.lru_cache(maxsize=4)
def _fitted(model: Case) -> tuple[str, float]:
    X = table(model)
    informative = X[:, :10].toarray() if model.sparse else X[:, :10]
    rng = np.random.default_rng(1)
    y = informative.sum(1) + informative[:, 0] * informative[:, 1] + rng.normal(size=X.shape[0])
    params: dict[str, Any] = {"num_leaves": model.leaves, "max_depth": model.depth or -1}
    if model.outputs > 1:
        params |= {"objective": "multiclass", "num_class": model.outputs}
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, model.outputs + 1)[1:-1]))
    return train(X, y, model.trees, params)


def train(X: Any, y: np.ndarray, n_trees: int, params: dict[str, Any]) -> tuple[str, float]:
    """Model as text, and CPU seconds of its fit."""
    start = time.process_time()
    booster = lgb.train({**params, "verbose": -1, "num_threads": 1}, lgb.Dataset(X, y), n_trees)
    return booster.model_to_string(), time.process_time() - start


def fitted(case: Case) -> tuple[lgb.Booster, float]:
    """The model of a case, and CPU seconds of its fit; the rows to explain change nothing about it."""
    text, seconds = _fitted(dataclasses.replace(case, rows=_TRAINED_ROWS, threads=1, dtype="float64"))
    return lgb.Booster(model_str=text), seconds  # a fresh one has no training data to care for


def table(case: Case) -> Any:
    """Rows of values that float32 holds, for some packages keep rows in it."""
    if case.sparse:
        X = sp.random(case.rows, case.columns, density=0.01, format="csr", random_state=0, dtype=np.float32)
        X.data += np.float32(0.5)
        return X.astype(case.dtype)
    return np.random.default_rng(0).normal(size=(case.rows, case.columns)).astype(np.float32).astype(case.dtype)


def categories(kind: str, effort: Effort, n_raw: int = 40) -> tuple[Any, np.ndarray, sp.csr_matrix]:
    """Sparse rows, a target and the weights (n_raw, n_columns) that fold columns to raw ones."""
    rng = np.random.default_rng(0)
    n_rows, n_columns = effort.sparse_rows, effort.sparse_columns
    if kind == "one-hot":
        each = n_columns // n_raw
        codes = rng.integers(0, each, (n_rows, n_raw))
        places = (np.arange(n_raw) * each + codes).ravel()
        X = sp.csr_matrix((np.ones(places.size), places, np.arange(0, places.size + 1, n_raw)), (n_rows, n_columns))
        effects = rng.normal(size=n_columns)
        y = effects[places].reshape(n_rows, n_raw)[:, :10].sum(1) + rng.normal(size=n_rows)
        return X, y, sp.csr_matrix((np.ones(n_columns), (np.arange(n_columns) // each, np.arange(n_columns))))
    X = table(Case(rows=n_rows, columns=n_columns))
    first = X[:, :10].toarray()
    y = first.sum(1) + first[:, 0] * first[:, 1] + rng.normal(size=n_rows)
    return X, y, sp.csr_matrix((np.ones(n_columns), (np.arange(n_columns) % n_raw, np.arange(n_columns))))
