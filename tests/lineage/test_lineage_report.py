"""The feature map as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, PolynomialFeatures, StandardScaler
from truth import frame

from automl_explain import FeatureMap, automl_setup_model_explanations, lineage_report
from automl_explain.exceptions import InputError, UnmappedFeaturesWarning

X = frame(missing=False)[["a", "c", "k", "city"]]


def prepared() -> object:
    """Products of two columns, a category, and a step that no rule knows."""
    return make_column_transformer(
        (PolynomialFeatures(2), ["a", "c"]),
        (OneHotEncoder(), ["city"]),
        (FunctionTransformer(lambda T: T.to_numpy() @ np.ones((2, 1))), ["k", "a"]),
        verbose_feature_names_out=False,
    ).fit(X)


def test_every_link_is_a_row_and_weights_sum_to_one() -> None:
    table = lineage_report(prepared(), X).to_frame()
    assert list(table.columns) == ["engineered", "raw", "weight", "how", "note"]
    assert table.iloc[0].tolist()[2:] == [0.0, "none", "constant"]
    assert pd.isna(table["raw"].iloc[0])
    product = table[table["engineered"] == "a c"]
    assert product[["raw", "weight", "how"]].to_numpy().tolist() == [["a", 0.5, "rule"], ["c", 0.5, "rule"]]
    totals = table[table["how"] != "none"].groupby("engineered")["weight"].sum()
    np.testing.assert_allclose(totals, 1.0)


def test_the_text_says_how_many_were_found_how_and_what_probing_cost() -> None:
    report = lineage_report(prepared(), X)
    lines = repr(report).splitlines()
    assert lines[0] == "11 engineered features from 4 raw columns: 9 known, 1 seen by probing; 1 unmapped"
    assert any("0.50 a, 0.50 c" in line for line in lines)
    assert "FunctionTransformer (step 'functiontransformer')" in lines[-1]
    assert "2 columns, 1 outputs, 240 rows, 7 calls" in lines[-1]
    assert "<table" in report._repr_html_()
    assert len(report) == 11


def test_long_maps_are_cut_in_the_text_alone() -> None:
    wide = pd.DataFrame({"v": [f"v{i:03}" for i in range(90)], "unused": 1})
    report = lineage_report(make_column_transformer((OneHotEncoder(), ["v"])).fit(wide), wide)
    assert "... 70 more; `to_frame()` gives all" in repr(report)
    assert "raw columns that feed nothing: unused" in repr(report)
    assert len(report.to_frame()) == 90


def test_a_dependence_without_a_weight_is_noted() -> None:
    numbers = X[["a", "c"]]
    table = lineage_report(Normalizer().fit(numbers), numbers).to_frame()
    assert table["note"].tolist() == ["depends on c too", "depends on a too"]


def test_unknown_features_are_marked() -> None:
    rng = np.random.default_rng(0)
    noisy = FunctionTransformer(lambda T: T.to_numpy() + rng.normal(size=T.shape) * [0, 1])
    with pytest.warns(UnmappedFeaturesWarning):
        report = lineage_report(noisy, X[["a", "c"]])
    table = report.to_frame()
    assert table["how"].tolist() == ["probe", "unknown"]
    assert table["note"].tolist() == ["", "may depend on a, c"]
    assert "1 unmapped (1 unknown)" in repr(report)
    assert "1 unknown: differs between two calls on the same rows" in repr(report)


def test_products_by_exponent() -> None:
    numbers = X[["a", "c"]]
    cubes = PolynomialFeatures(3, include_bias=False).fit(numbers)
    assert lineage_report(cubes, numbers, weights="exponent")["a^2 c"] == {
        "a": pytest.approx(2 / 3),
        "c": pytest.approx(1 / 3),
    }
    assert lineage_report(cubes, numbers)["a^2 c"] == {"a": 0.5, "c": 0.5}


def test_products_of_a_model_by_exponent() -> None:
    """The choice reaches the map of a model, and its setup; the next call is as it was."""
    numbers = X[["a", "c"]]
    model = make_pipeline(PolynomialFeatures(3, include_bias=False), LinearRegression()).fit(numbers, X["k"])
    thirds = {"a": pytest.approx(2 / 3), "c": pytest.approx(1 / 3)}
    assert lineage_report(model, numbers, weights="exponent")["a^2 c"] == thirds
    setup = automl_setup_model_explanations(model, "regression", X=numbers, weights="exponent")
    assert lineage_report(setup)["a^2 c"] == thirds
    assert lineage_report(model, numbers)["a^2 c"] == {"a": 0.5, "c": 0.5}


@pytest.mark.parametrize("last", [LinearDiscriminantAnalysis(), VotingRegressor([("line", LinearRegression())])])
def test_a_model_that_can_transform_is_reported_as_the_model_that_it_is(last: Any) -> None:
    """Stacks, votes and discriminants have a `transform` too; its outputs are not what they read."""
    numbers, y = X[["a", "c"]], (X["a"] > 3).astype(int)
    task = "regression" if isinstance(last, VotingRegressor) else "classification"
    for model in (make_pipeline(StandardScaler(), clone(last)).fit(numbers, y), clone(last).fit(numbers, y)):
        wanted = automl_setup_model_explanations(model, task, X=numbers, y=y).feature_map
        assert lineage_report(model, numbers).feature_map.engineered_names == wanted.engineered_names == ("a", "c")


def test_models_setups_and_maps_are_reported_too() -> None:
    y = X["a"] > 3
    model = make_pipeline(prepared(), LogisticRegression(max_iter=5000)).fit(X, y)
    wanted = lineage_report(prepared(), X).to_frame()
    pd.testing.assert_frame_equal(lineage_report(model, X).to_frame(), wanted)
    setup = automl_setup_model_explanations(model, "classification", X=X, X_test=X[:50], y=y)
    pd.testing.assert_frame_equal(lineage_report(setup).to_frame(), wanted)
    pd.testing.assert_frame_equal(lineage_report(setup.feature_map).to_frame(), wanted)
    by_hand = lineage_report(FeatureMap.from_matrix([[3.0], [1.0]], raw_names=["p", "q"], engineered_names=["z"]))
    assert dict(by_hand) == {"z": {"p": 0.75, "q": 0.25}}


def test_wrong_arguments_are_refused() -> None:
    report = lineage_report(prepared(), X)
    with pytest.raises(InputError, match="'z' is no engineered feature"):
        report["z"]
    with pytest.raises(InputError, match="`X` is missing"):
        lineage_report(prepared())
    with pytest.raises(InputError, match="`weights` is 'loud'"):
        lineage_report(prepared(), X, weights="loud")
    model = make_pipeline(prepared(), LogisticRegression(max_iter=5000)).fit(X, X["a"] > 3)
    with pytest.raises(InputError, match="`weights` is 'loud'"):
        automl_setup_model_explanations(model, "classification", X=X, weights="loud")
    setup = automl_setup_model_explanations(model, "classification", X=X)
    with pytest.raises(InputError, match="already has its weights"):
        lineage_report(setup, weights="exponent")
