"""Models that many tests share: formulas and FLAML models, their rows, and explainers of them; small and seeded."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain import FeatureMap, LGBMExplainableModel, MimicWrapper
from automl_explain.exceptions import LowFidelityWarning

SMALL: dict[str, Any] = {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1, "learning_rate": 0.3}
#: What most tests want: no rows added, a surrogate that is fitted in milliseconds.
QUICK: dict[str, Any] = {"explainable_model_args": SMALL, "augment_data": False}

#: How `fit_flaml` searches.
FLAML: dict[str, Any] = {"max_iter": 3, "n_jobs": 1, "verbose": 0, "seed": 0}

TASKS = ("regression", "binary", "four classes")
KINDS = ("frame", "array", "sparse")
NAMES = ["x0", "x1", "x2", "x3"]
RAW_NAMES = ["a", "b", "c"]
CLASSES: dict[str, list[Any] | None] = {"regression": None, "binary": ["no", "yes"], "four classes": list("pqrs")}
COLOURS = ("red", "green", "blue")
#: x0 and x1 come from a, x2 from a and b alike, x3 from c.
MAP = FeatureMap.from_matrix(
    [[1, 1, 0.5, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]], raw_names=RAW_NAMES, engineered_names=NAMES
)

_WEIGHTS = {
    "regression": np.array([[1.0], [-2.0], [0.5], [1.0]]),
    "binary": np.array([[1.0], [-2.0], [0.5], [1.0]]),
    "four classes": np.array([[2.0, -1.0, 0.0, 0.0], [0.0, 2.0, -1.0, 0.5], [0.0, 0.0, 1.5, -1.0], [1.0, 0, 0, -1.0]]),
}


def numbers(X: Any) -> np.ndarray:
    """Rows as the formulas read them: missing is 0, red is 1, green -1, blue 0."""
    if sp.issparse(X):
        return np.asarray(X.toarray())
    if not isinstance(X, pd.DataFrame):
        return np.nan_to_num(np.asarray(X, dtype=float))
    column = X["x3"]
    if not pd.api.types.is_numeric_dtype(column.dtype):
        column = column.astype(object).map({"red": 1.0, "green": -1.0, "blue": 0.0})
    return np.nan_to_num(np.column_stack([X[["x0", "x1", "x2"]].to_numpy(dtype=float), column.to_numpy(dtype=float)]))


class Formula:
    """A regression by formula; knows how often it was asked and for which rows."""

    def __init__(self, task: str = "regression") -> None:
        self.task = task
        self.asked: list[Any] = []

    def margins(self, X: Any) -> np.ndarray:
        self.asked.append(X)
        return numbers(X) @ _WEIGHTS[self.task]

    def predict(self, X: Any) -> np.ndarray:
        return self.margins(X)[:, 0]


class FormulaClassifier(Formula):
    """Soft classes by formula."""

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.classes_ = np.array(CLASSES[task])

    def predict_proba(self, X: Any) -> np.ndarray:
        margins = self.margins(X)
        if margins.shape[1] == 1:
            margins = np.hstack([np.zeros_like(margins), margins])
        powers = np.exp(margins)
        return powers / powers.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def teacher(task: str) -> Formula:
    return Formula() if task == "regression" else FormulaClassifier(task)


def rows(kind: str, n_rows: int = 400, seed: int = 0) -> Any:
    """Rows of four columns: a frame with gaps and a category, an array with gaps, or sparse rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    if kind == "sparse":
        return sp.csr_matrix(X * (rng.random(X.shape) < 0.5))
    X[rng.random(X.shape) < 0.1] = np.nan
    if kind == "array":
        return X
    frame = pd.DataFrame(X, columns=NAMES, index=pd.Index(np.arange(n_rows) + 1000, name="customer"))
    colours = pd.Series(rng.choice(COLOURS, n_rows), index=frame.index).where(rng.random(n_rows) > 0.1)
    frame["x3"] = pd.Categorical(colours, COLOURS)
    return frame


def make_wrapper(task: str, kind: str, *, feature_maps: Any = (MAP,), **more: Any) -> MimicWrapper:
    """Wrapper of a formula; a low fidelity is not what is tested where this is used."""
    kwargs = {**QUICK, **more.pop("explainer_kwargs", {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        return MimicWrapper(
            more.pop("workspace", None),
            more.pop("model", None) or teacher(task),
            more.pop("explainable_model", LGBMExplainableModel),
            kwargs,
            init_dataset=rows(kind),
            features=more.pop("features", NAMES),
            feature_maps=list(feature_maps) if feature_maps else None,
            **more,
        )


@functools.cache
def shared_wrapper(task: str, kind: str) -> MimicWrapper:
    """One wrapper for all tests that only read it."""
    return make_wrapper(task, kind)


def fit_flaml(X: Any, y: Any, task: str = "classification", learners: Sequence[str] = ("lgbm",), **options: Any) -> Any:
    """FLAML model after a few trials of these learners."""
    from flaml import AutoML  # takes a second, which most users of this module need not wait for

    automl = AutoML()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3, and solvers stopped after few steps
        automl.fit(X, y, task=task, estimator_list=list(learners), **{**FLAML, **options})
    return automl


class SmallWrapper(MimicWrapper):
    """A wrapper with a surrogate that is fitted in milliseconds."""

    @classmethod
    def from_setup(cls, setup: Any, *args: Any, **kwargs: Any) -> MimicWrapper:
        return super().from_setup(setup, *args, **{**QUICK, **kwargs})


def dense(values: Any) -> np.ndarray:
    """Local values of any form as an ndarray."""
    if sp.issparse(values):
        return np.asarray(values.toarray())
    if isinstance(values, (list, tuple)):
        return np.stack([dense(v) for v in values])
    return np.asarray(values)


@dataclasses.dataclass
class Counter:
    """Counts calls of a method of one object, which works as before."""

    calls: int = 0

    @classmethod
    def on(cls, target: Any, method: str) -> Counter:
        counter, own = cls(), getattr(target, method)

        def counted(*args: Any, **kwargs: Any) -> Any:
            counter.calls += 1
            return own(*args, **kwargs)

        setattr(target, method, counted)
        return counter
