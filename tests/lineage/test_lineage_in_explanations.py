"""What the lineage means for raw importances: nothing is lost, nothing made up."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder
from truth import frame

from automl_explain import MimicWrapper, automl_setup_model_explanations
from automl_explain.exceptions import LowFidelityWarning, UnmappedFeaturesWarning

X = frame(400, missing=False)[["a", "b", "c", "k", "city"]].assign(end=lambda T: T["a"] + T["b"])
Y = 2 * X["b"] + X["c"] * X["k"] + (X["city"] == "Rome")


def span(T: pd.DataFrame) -> np.ndarray:
    """Refuses rows that end before they start, so that neither column can be changed by itself."""
    if (T["end"] < T["a"]).any():
        raise ValueError("ends before it starts")
    return (T["end"] - T["a"]).to_numpy().reshape(-1, 1)


def product(T: pd.DataFrame) -> np.ndarray:
    """No rule knows it."""
    return (T["c"] * T["k"]).to_numpy().reshape(-1, 1)


def prepared(table: pd.DataFrame) -> Any:
    """Setup of a model with a step that cannot be followed and one that can be probed."""
    parts = [
        ("span", FunctionTransformer(span), ["a", "end"]),
        ("product", FunctionTransformer(product), ["c", "k"]),
        ("city", OneHotEncoder(sparse_output=False), ["city"]),
    ]
    model = Pipeline([("prepare", ColumnTransformer(parts)), ("model", LinearRegression())]).fit(table, Y)
    with pytest.warns(UnmappedFeaturesWarning, match="fails when they are changed: 'a', 'end'|: 'end', 'a'"):
        return automl_setup_model_explanations(model, "regression", X=table, X_test=table[:100], y=Y)


def test_the_share_of_what_stays_unknown_is_a_remainder_and_unused_columns_have_none() -> None:
    setup = prepared(X)
    small = {"n_estimators": 60, "num_leaves": 15}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmappedFeaturesWarning)
        warnings.simplefilter("ignore", LowFidelityWarning)  # a small surrogate, for speed
        explainer = MimicWrapper.from_setup(setup, explainable_model_args=small)
        engineered = explainer.explain(["local", "global"], eval_dataset=setup.X_test_transform)
        raw = explainer.explain(["local", "global"], eval_dataset=setup.X_test_transform, get_raw=True)
    values = np.asarray(raw.local_importance_values)
    unmapped = np.asarray(raw.unmapped_values).reshape(len(values))
    np.testing.assert_allclose(
        values.sum(axis=1) + unmapped, np.asarray(engineered.local_importance_values).sum(axis=1)
    )
    importance = raw.get_feature_importance_dict()
    assert importance["a"] == importance["b"] == importance["end"] == 0.0
    assert np.abs(unmapped).mean() > 1.0
    assert min(importance["c"], importance["k"], importance["city"]) > 0.0


def test_permuting_the_raw_columns_permutes_the_raw_values() -> None:
    """For the same engineered values, since another surrogate would have others."""
    first, other = prepared(X).feature_map, prepared(X[X.columns[::-1]]).feature_map
    values = np.random.default_rng(0).normal(size=(5, first.n_engineered))
    np.testing.assert_allclose(other.fold(values)[0], first.fold(values)[0][:, ::-1], atol=1e-12)  # sums of a few
    np.testing.assert_array_equal(other.fold(values)[1], first.fold(values)[1])


@pytest.mark.parametrize(
    "step", [FunctionTransformer(lambda Z: Z[:, ::-1] * 2), TruncatedSVD(2)], ids=["probed", "mix"]
)
def test_a_search_inside_a_pipeline_has_the_map_of_the_pipeline_inside(step: Any) -> None:
    """It is traced on many rows, not on one that shows neither links nor spreads."""
    X = frame(missing=False)[["a", "b", "c"]].to_numpy() * [1.0, 10.0, 100.0]
    inner = make_pipeline(step, LinearRegression())
    search = GridSearchCV(inner, {"linearregression__fit_intercept": [True]}, cv=2)
    maps = []
    for last in (inner, search):
        model = make_pipeline(MaxAbsScaler(), last).fit(X, X[:, 0] + X[:, 1])
        setup = automl_setup_model_explanations(model, "regression", X=X, features=["a", "b", "c"])
        maps.append(np.asarray(setup.feature_map))
    np.testing.assert_allclose(maps[1], maps[0], rtol=0.1)  # measured on other rows
