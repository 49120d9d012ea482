"""The contract test of adapters: good ones pass, and every clause is seen to fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from automl_explain.adapters import BlackBox, BlackBoxAdapter, adapter_for
from automl_explain.adapters._sklearn import PipelineModelAdapter
from automl_explain.exceptions import ContractError
from automl_explain.feature_map import FeatureMap
from automl_explain.testing import check_adapter

N = 120


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, N), unit="D")
    city = rng.choice(np.array(["Oslo", "Rome"], dtype=object), N)
    return pd.DataFrame({"age": rng.normal(40, 9, N), "size": rng.normal(size=N), "city": city, "day": days})


@pytest.fixture(scope="module")
def y(X: pd.DataFrame) -> np.ndarray:
    # The label that sorts first is not the rarer one.
    return np.where((X["age"] > 38) | (X["city"] == "Rome"), "buys", "leaves").astype(object)


@pytest.fixture(scope="module")
def model(X: pd.DataFrame, y: np.ndarray) -> Pipeline:
    prepare = ColumnTransformer([("z", StandardScaler(), ["age", "size"]), ("hot", OneHotEncoder(), ["city"])])
    return make_pipeline(prepare, LogisticRegression()).fit(X, y)


def test_models_of_every_kind_keep_the_contract(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    """Pipelines, estimators, black boxes and functions; classes, decision values and targets; frames and arrays."""
    check_adapter(model, X, y, refused=[make_pipeline(StandardScaler(), LogisticRegression()), LogisticRegression])
    check_adapter(BlackBox(model), X, y)
    check_adapter(lambda rows: rows["day"].dt.month + rows["age"], X, task="regression")
    numbers = X[["age", "size"]]
    check_adapter(LinearSVC().fit(numbers, y), numbers, y)
    check_adapter(LinearRegression().fit(numbers, X["age"]), numbers, X["age"])
    check_adapter(LinearRegression().fit(numbers.to_numpy(), X["age"]), numbers.to_numpy())
    words = make_pipeline(ColumnTransformer([("t", CountVectorizer(), "city")]), LinearRegression()).fit(X, X["age"])
    check_adapter(words, X)
    rows = sp.random(60, 5, density=0.3, random_state=0, format="csr")
    check_adapter(LinearRegression().fit(rows, np.arange(60.0)), rows)


class Changed:
    """The adapter of the model with some parts replaced; a part gets the adapter and the arguments."""

    def __init__(self, inner: Any, **parts: Any) -> None:
        self._inner, self._parts = inner, parts

    def __getattr__(self, name: str) -> Any:
        if name not in self._parts:
            return getattr(self._inner, name)
        part = self._parts[name]
        return (lambda *arguments: part(self._inner, *arguments)) if callable(part) else part


def wrong_map(**changes: Any) -> Callable[..., FeatureMap]:
    return lambda a, X, names: dataclasses.replace(a.feature_map(X, names), **changes)


def swapped_parents(a: Any, X: Any, names: Any) -> FeatureMap:
    fm = a.feature_map(X, names)
    return FeatureMap.from_matrix(fm.matrix[[1, 0, 2, 3]], raw_names=names, engineered_names=fm.engineered_names)


def heavy(a: Any, X: Any, names: Any) -> FeatureMap:
    fm = a.feature_map(X, names)
    return dataclasses.replace(fm, matrix=fm.matrix * 2.0)


def narrow(a: Any, X: Any, names: Any) -> FeatureMap:
    fm = a.feature_map(X, names)
    return FeatureMap.from_matrix(fm.matrix[:, :2], raw_names=names, engineered_names=fm.engineered_names[:2])


def shrunk(a: Any, Z: Any) -> np.ndarray:
    return np.asarray(0.5 * a.predict_engineered(Z) + 0.25)


def changes_rows(a: Any, X: Any) -> Any:
    X.iloc[0, 0] = -1.0
    return a.transform(X)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "task": ({"task": "binary"}, "`task` is 'binary'; expected 'classification' or 'regression'"),
    "raw names": ({"feature_map": wrong_map(raw_names=("a", "b", "c", "d"))}, "raw names are 'a'.*'age'"),
    "width": ({"feature_map": narrow}, "2 engineered features, `transform` makes 4 columns"),
    "twice": ({"feature_map": wrong_map(engineered_names=("p", "p", "q", "r"))}, "there twice: 'p'"),
    "weights": ({"feature_map": heavy}, r"Weights of 'z__age'.* sum to 2\.0"),
    "parents": ({"feature_map": swapped_parents}, "Raw column 'age' moves 'z__age', but the map gives it no share"),
    "number of rows": ({"transform": lambda a, X: a.transform(X)[1:]}, "makes 119 rows of 120"),
    "batch": ({"transform": lambda a, X: a.transform(X) - a.transform(X).mean(axis=0)}, "every second row, backwards"),
    "one row": (
        {"transform": lambda a, X: a.transform(X) if len(X) > 1 else a.transform(X)[:, :1]},
        r"a single row gives shape \(1, 1\); expected \(1, 4\)",
    ),
    "text output": ({"predict_raw": lambda a, X: a.predict_raw(X).astype(str)}, "expected finite numbers for 120 rows"),
    "missing output": ({"predict_raw": lambda a, X: a.predict_raw(X) * np.nan}, "expected finite numbers"),
    "one column": ({"predict_raw": lambda a, X: a.predict_raw(X)[:, 1]}, "one column for each of the classes"),
    "no probabilities": ({"predict_raw": lambda a, X: a.predict_raw(X) * 3}, "lie in .0, 1. and sum to 1"),
    "parts": (
        {"predict_engineered": lambda a, Z: a.predict_engineered(Z)[:, ::-1]},
        "`predict_engineered.*is not `predict_raw.*differ by up to",
    ),
    "row by row": (
        {"predict_raw": lambda a, X: a.predict_raw(X) if len(X) > 1 else a.predict_raw(X)[:, ::-1]},
        "of a single row differs from the same row among others",
    ),
    "not the model's": (
        {"predict_raw": lambda a, X: 0.5 * a.predict_raw(X) + 0.25, "predict_engineered": shrunk},
        "is not the model's own `predict_proba`",
    ),
    "number of classes": ({"classes": ["buys"]}, "`classes` has 1 labels for 2 outputs"),
    "order of classes": ({"classes": ["leaves", "buys"]}, "classes. is in another order"),
    "estimator's classes": ({"classes": ["leaves", "buys"]}, "`estimator.classes_` is .* expected the same labels"),
    "codes": ({"classes": [0, 1]}, "`y` holds 'buys', 'leaves', `classes` is .0, 1.; expected the original labels"),
    "changed rows": ({"transform": changes_rows}, "raw rows were changed"),
}


@pytest.mark.parametrize("clause", WRONG)
def test_a_wrong_adapter_breaks_the_clause(model: Pipeline, X: pd.DataFrame, y: np.ndarray, clause: str) -> None:
    """Numbers, one column for each class, in the order of the labels."""
    parts, message = WRONG[clause]
    adapter = Changed(PipelineModelAdapter(model), **parts)
    with pytest.raises(ContractError, match=message):
        check_adapter(adapter, X.copy(), y, model=model)


def test_the_adapter_that_the_wrong_ones_are_made_of_is_right(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    check_adapter(Changed(PipelineModelAdapter(model)), X, y, model=model)


def test_a_regression_has_one_number_and_no_classes(X: pd.DataFrame) -> None:
    numbers = X[["age", "size"]]
    right = adapter_for(LinearRegression().fit(numbers, X["age"]))
    with pytest.raises(ContractError, match=r"`classes` is \['a'\] for a regression"):
        check_adapter(Changed(right, classes=["a"]), numbers)
    with pytest.raises(ContractError, match=r"shape \(120, 2\) for a regression"):
        check_adapter(Changed(right, predict_raw=lambda a, X: np.column_stack([a.predict_raw(X)] * 2)), numbers)


def test_what_lacks_a_part_is_no_adapter(X: pd.DataFrame) -> None:
    class Half:
        task, classes, featurizer = "regression", None, None

        def predict_raw(self, X: Any) -> np.ndarray:
            return np.zeros(len(X))

    with pytest.raises(ContractError, match="Half lacks 'estimator', 'transform', 'predict_engineered', 'feature_map'"):
        check_adapter(Half(), X)


def test_what_should_be_refused_and_is_not_breaks_the_contract(model: Pipeline, X: pd.DataFrame) -> None:
    with pytest.raises(ContractError, match="Pipeline is taken; expected UnsupportedModelError"):
        check_adapter(model, X, refused=[model])


def test_a_refusal_without_words_breaks_the_contract(
    model: Pipeline, X: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automl_explain import testing
    from automl_explain.exceptions import UnsupportedModelError

    real = testing.adapter_for
    for error, message in ((UnsupportedModelError("no"), "refusal of int is 'no'"), (KeyError("x"), "raises KeyError")):

        def curt(given: Any, task: str | None = None, error: Exception = error) -> Any:
            if given == 3:
                raise error
            return real(given, task)

        monkeypatch.setattr(testing, "adapter_for", curt)
        with pytest.raises(ContractError, match=message):
            check_adapter(model, X, refused=[3])


def test_every_broken_clause_is_listed(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    adapter = Changed(PipelineModelAdapter(model), feature_map=heavy, classes=[0, 1])
    with pytest.raises(ContractError) as caught:
        check_adapter(adapter, X, y, model=model)
    assert str(caught.value).startswith("Changed does not keep the contract of a PipelineAdapter:\n- ")
    assert str(caught.value).count("\n- ") >= 3


def test_an_adapter_of_a_closed_library_keeps_the_contract(X: pd.DataFrame, y: np.ndarray) -> None:
    """What the black-box base is for: answers in a container and an order of the library's own."""

    class Closed:
        def score(self, rows: pd.DataFrame) -> pd.DataFrame:
            p = 1 / (1 + np.exp(-(rows["age"].to_numpy() - 40) / 5))
            return pd.DataFrame({"p_leaves": 1 - p, "p_buys": p})

    class ClosedAdapter(BlackBoxAdapter):
        def __init__(self, model: Closed) -> None:
            super().__init__(model, task="classification", classes=["leaves", "buys"])

        def soft_output(self, X: Any) -> Any:
            return self.model.score(X)

        def labels(self, X: Any) -> Any:
            return np.where(self.model.score(X)["p_buys"] > 0.3, "buys", "leaves")

    check_adapter(ClosedAdapter(Closed()), X, y)
