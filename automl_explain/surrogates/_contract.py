"""The contract of a surrogate, as `automl_explain.testing.check_surrogate` checks it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._rows import dense
from automl_explain.exceptions import SurrogateNotFittedError
from automl_explain.explanation._units import class_probabilities
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import SurrogateModel

_N_ROWS, _N_FEATURES = 200, 5
_CODES = 4  # categories of the last column
_CASES = [
    (task, kind)
    for task in ("regression", "two classes", "three classes")
    for kind in ("dense", "sparse", "missing", "categories")
]
# Two raw columns, one with two engineered ones and half of a third; the last engineered one is unmapped.
_WEIGHTS = [[1.0, 1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 1.0, 0.0]]


def broken_clauses(surrogate: Any, tolerance: float, arguments: dict[str, Any]) -> list[str]:
    """What a surrogate class does not keep, see `automl_explain.testing.check_surrogate`."""
    broken = list(_wrong_before_fit(surrogate, arguments))
    if not broken:
        for task, kind in _CASES:
            for clause in _Case(task, kind, tolerance).broken(surrogate, arguments):
                broken.append(f"{task}, {kind}: {clause}")
    return broken


def _wrong_before_fit(surrogate: Any, arguments: dict[str, Any]) -> Iterator[str]:
    made = surrogate(**arguments)
    names = ("fit", "predict_output", "shapley_values", "raw_values")
    others = ("expected_values", "model", "method", "explainable_model_type")
    saved = ("for_scoring", "to_members", "from_members")
    lacking = [name for name in (*names, *others, *saved) if not hasattr(surrogate, name)]
    if lacking:
        yield f"it lacks {', '.join(lacking)}."
        return
    if not isinstance(made.method, str) or surrogate.explainable_model_type() not in ("tree", "linear"):
        yield "`method` must be a name and `explainable_model_type()` 'tree' or 'linear'."
    try:
        made.predict_output(np.zeros((1, _N_FEATURES)))
    except SurrogateNotFittedError:
        return
    except Exception as error:  # whatever else it raises says nothing to the user
        yield f"before `fit` it raises {type(error).__name__}; expected SurrogateNotFittedError."
    else:
        yield "it answers before `fit`; expected SurrogateNotFittedError."


class _Case:
    def __init__(self, task: str, kind: str, tolerance: float) -> None:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(_N_ROWS, _N_FEATURES)) * (rng.random((_N_ROWS, _N_FEATURES)) < 0.7)
        X[:, -1] = rng.integers(0, _CODES, _N_ROWS)
        margins = np.column_stack([X[:, 0] + X[:, 4] % 2, -X[:, 0], X[:, 1]]) * 2
        proba = class_probabilities(margins[:, :1] if task == "two classes" else margins)
        self.targets = margins[:, :1] if task == "regression" else proba[:, 1:] if task == "two classes" else proba
        if kind == "missing":
            X[rng.random(X.shape) < 0.1] = np.nan
        self.dense, self.X = X, sp.csr_matrix(X) if kind == "sparse" else X
        self.options: dict[str, Any] = {"task": "regression" if task == "regression" else "classification"}
        if kind == "categories":
            self.options["categories"] = {_N_FEATURES - 1: tuple("abcd")}
        self.tolerance = tolerance
        for array in (X, self.targets):
            array.flags.writeable = False

    def broken(self, surrogate: Any, arguments: dict[str, Any]) -> Iterator[str]:
        kept = self.X.copy()
        made = surrogate(**arguments)
        if made.fit(self.X, self.targets, **self.options) is not made:
            yield "`fit` must give the surrogate itself."
        if not isinstance(made, SurrogateModel):
            yield "it is no automl_explain.protocols.SurrogateModel."
        output = np.asarray(made.predict_output(self.X))
        if output.shape != self.targets.shape or not np.isfinite(output).all():
            yield f"`predict_output` gives shape {output.shape}; expected finite numbers, {self.targets.shape}."
            return
        self.room = self.tolerance * max(1.0, float(np.abs(output).max()))
        if np.ptp(output) == 0:
            yield "it learnt a constant from a target that varies."
        yield from self._wrong_values(made, output)
        yield from self._wrong_raw_values(made, output)
        yield from self._wrong_predictions(made, output)
        yield from self._wrong_copies(surrogate, arguments, made)
        yield from self._wrong_members(made)
        if sp.issparse(kept) and (kept != self.X).nnz:
            yield "the rows were changed."

    def _wrong_values(self, made: Any, output: np.ndarray) -> Iterator[str]:
        expected, values = np.asarray(made.expected_values), made.shapley_values(self.X)
        if expected.shape != output.shape[1:]:
            yield f"`expected_values` has shape {expected.shape}; expected {output.shape[1:]}."
            return
        if isinstance(values, tuple) and not sp.issparse(self.X):
            yield "`shapley_values` of dense rows are sparse."
        values = dense(values)
        if values.shape != (output.shape[1], *self.X.shape):
            yield f"`shapley_values` has shape {values.shape}; expected {(output.shape[1], *self.X.shape)}."
            return
        if self._apart(values.sum(-1).T + expected, output):
            yield "values and expected values do not add up to `predict_output`."
        if self._apart(dense(made.shapley_values(self.X[:1])), values[:, :1]):
            yield "a single row has other values than the same row among others."
        if sp.issparse(self.X) and self._apart(dense(made.shapley_values(self.dense)), values):
            yield "sparse rows have other values than the same rows as an array."

    def _wrong_raw_values(self, made: Any, output: np.ndarray) -> Iterator[str]:
        feature_map = FeatureMap.from_matrix(_WEIGHTS)
        engineered = dense(made.shapley_values(self.X))
        for raw_method in ("folded", "grouped"):
            values, unmapped = made.raw_values(self.X, feature_map, raw_method)
            values = dense(values)
            if values.shape != (output.shape[1], _N_ROWS, 2) or np.shape(unmapped) != (output.shape[1], _N_ROWS):
                yield f"{raw_method} raw values have shapes {values.shape} and {np.shape(unmapped)}."
            elif self._apart(values.sum(-1).T + unmapped.T + made.expected_values, output):
                yield f"{raw_method} raw values, unmapped share and expected values do not add up to the output."
            elif raw_method == "folded" and self._apart(values, engineered @ np.array(_WEIGHTS).T):
                yield "folded raw values are not the engineered ones, shared by weight."

    def _wrong_predictions(self, made: Any, output: np.ndarray) -> Iterator[str]:
        """What scikit-learn's methods give, where a surrogate has them."""
        if not hasattr(made, "predict") or not hasattr(made, "predict_proba"):
            return
        if self.options["task"] == "regression":
            if self._apart(made.predict(self.X), output[:, 0]):
                yield "`predict` of a regression is not its output."
            return
        proba = made.predict_proba(self.X)
        if proba.shape != (_N_ROWS, max(2, output.shape[1])) or self._apart(proba, class_probabilities(output)):
            yield "`predict_proba` does not follow from `predict_output`."
        elif not np.array_equal(made.predict(self.X), proba.argmax(axis=1)):
            yield "`predict` is not the position of the most probable class."

    def _wrong_copies(self, surrogate: Any, arguments: dict[str, Any], made: Any) -> Iterator[str]:
        values = dense(made.shapley_values(self.X))
        again = surrogate(**arguments).fit(self.X, self.targets, **self.options)
        copied = pickle.loads(pickle.dumps(made))  # noqa: S301 - made just here
        for told, other in (("a copy through pickle", copied), ("a second fit", again)):
            if not np.array_equal(dense(other.shapley_values(self.X)), values):
                yield f"{told} gives other bits."

    def _wrong_members(self, made: Any) -> Iterator[str]:
        values = dense(made.shapley_values(self.X))
        try:
            ready = made.for_scoring()
            fields, files = ready.to_members()
            read = type(ready).from_members(json.loads(json.dumps(fields)), {n: bytes(d) for n, d in files.items()})
        except Exception as error:  # whatever a foreign part raises
            yield f"its members cannot be written and read: {type(error).__name__}: {error}."
            return
        for told, other in (("`for_scoring()`", ready), ("what `from_members` reads", read)):
            if (other.n_features, other.n_outputs) != (self.X.shape[1], self.targets.shape[1]):
                yield f"{told} has {other.n_features} features and {other.n_outputs} outputs."
            elif not np.array_equal(dense(other.shapley_values(self.X)), values):
                yield f"{told} gives other bits."

    def _apart(self, one: Any, other: Any) -> bool:
        return not np.allclose(one, other, rtol=0.0, atol=self.room)
