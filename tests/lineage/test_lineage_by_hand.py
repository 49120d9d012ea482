"""Maps small enough to be worked out by hand, and the refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from automl_explain.exceptions import DataError, InputError, UnknownTransformerError
from automl_explain.lineage import trace

X = pd.DataFrame(
    {
        "age": [20.0, np.nan, 40.0, 50.0],
        "pay": [1.0, 2.0, 3.0, 5.0],
        "city": ["Oslo", "Rome", "Oslo", "Bern"],
    }
)
NUMBERS = X[["age", "pay"]].fillna(0.0)


class Mixer(TransformerMixin, BaseEstimator):
    """Adds every column to every other: nobody can know that from outside."""

    def fit(self, X: Any, y: Any = None) -> Mixer:
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> np.ndarray:
        total = np.asarray(X).sum(axis=1, keepdims=True)
        return np.asarray(X) + total


class MixingScaler(StandardScaler):
    """Looks like a scaler and is none."""

    def transform(self, X: Any, copy: Any = None) -> np.ndarray:
        return np.asarray(super().transform(X))[:, ::-1]


class MixingImputer(SimpleImputer):
    """Changes a part of the transformation only."""

    def _validate_input(self, X: Any, in_fit: bool) -> Any:
        return super()._validate_input(X, in_fit)[:, ::-1]


def test_indicators_and_one_hot_columns_stand_at_their_real_positions() -> None:
    ct = ColumnTransformer(
        [("imp", SimpleImputer(add_indicator=True), ["age", "pay"]), ("oh", OneHotEncoder(drop="first"), ["city"])]
    ).fit(X)
    fm = trace(ct, X)
    assert fm.engineered_names == (
        "imp__age",
        "imp__pay",
        "imp__missingindicator_age",
        "oh__city_Oslo",
        "oh__city_Rome",
    )
    np.testing.assert_array_equal(np.asarray(fm), [[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 1]])
    assert fm.how == ("rule",) * 5
    assert fm.raw_names == ("age", "pay", "city")
    assert fm.raw_schema is not None
    assert fm.raw_schema.names == fm.raw_names


def test_products_are_shared_equally_and_the_bias_has_no_parent() -> None:
    fm = trace(PolynomialFeatures(2).fit(NUMBERS), NUMBERS)
    assert fm.engineered_names == ("1", "age", "pay", "age^2", "age pay", "pay^2")
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1, 0, 1, 0.5, 0], [0, 0, 1, 0, 0.5, 1]])
    assert fm.how == ("none", "rule", "rule", "rule", "rule", "rule")
    assert fm.unmapped == (0,)


def test_components_are_shared_by_variance_not_by_loading() -> None:
    rows = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    pca = PCA(1).fit(rows)
    pca.components_ = np.array([[0.6, 0.8]])
    # standard deviations 1 and 1/2: shares 0.6^2 * 1 : 0.8^2 / 4 = 0.36 : 0.16
    many = np.tile(rows, (5, 1))
    np.testing.assert_allclose(np.asarray(trace(pca, many)), [[0.36 / 0.52], [0.16 / 0.52]])


def test_components_use_the_variance_of_the_fit_when_there_are_few_rows() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 3)) * [1.0, 3.0, 0.2]
    pca = PCA(3).fit(rows)
    strength = (pca.components_.T * rows.std(axis=0, ddof=1)[:, None]) ** 2
    np.testing.assert_allclose(np.asarray(trace(pca, rows[:2])), strength / strength.sum(axis=0), rtol=1e-9)


def test_components_of_standing_columns_are_shared_equally() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    fm = trace(PCA(2).fit(rows), np.ones((20, 2)))
    np.testing.assert_array_equal(np.asarray(fm), 0.5)


def test_a_normalizer_keeps_its_column_but_depends_on_all() -> None:
    fm = trace(Normalizer().fit(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(np.asarray(fm), np.identity(2))
    assert fm.support.toarray().all()
    assert fm.how == ("dense", "dense")


def test_a_constant_divided_by_the_norm_of_its_row_has_all_columns_as_parents() -> None:
    fm = trace(make_pipeline(PolynomialFeatures(1), Normalizer()).fit(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(np.asarray(fm), [[0.5, 1, 0], [0.5, 0, 1]])
    assert fm.unmapped == ()
    assert fm.how == ("dense",) * 3


def test_mixing_parts_of_one_raw_column_is_exact() -> None:
    fm = trace(make_pipeline(CountVectorizer(), TfidfTransformer(), FunctionTransformer(abs)).fit(X["city"]), X["city"])
    np.testing.assert_array_equal(np.asarray(fm), [[1, 1, 1]])
    assert fm.how == ("rule",) * 3
    assert fm.raw_names == ("city",)


def test_bins_of_several_columns_belong_to_their_own_column() -> None:
    bins = KBinsDiscretizer(2, strategy="kmeans").fit(NUMBERS)
    np.testing.assert_array_equal(np.asarray(trace(bins, NUMBERS)), [[1, 1, 0, 0], [0, 0, 1, 1]])


def test_the_map_does_not_depend_on_the_names_of_the_steps() -> None:
    fm = trace(Pipeline([("pca", StandardScaler()), ("onehot", PolynomialFeatures(1))]).fit(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1, 0], [0, 0, 1]])


def test_columns_in_another_order_than_in_the_fit_keep_their_own_engineered_features() -> None:
    ct = make_column_transformer((OneHotEncoder(), [2]), (SimpleImputer(), [0]), (StandardScaler(), ["pay"])).fit(X)
    other = X[["pay", "city", "age"]].assign(more=1)
    fm = trace(ct, other)
    assert fm.raw_names == ("pay", "city", "age", "more")
    expected = [[0, 0, 0, 0, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(np.asarray(fm), expected)
    assert fm.unused_raw == ("more",)


def test_equal_names_are_told_apart_by_position() -> None:
    table = pd.DataFrame({"a": ["b_c", "b_d"], "a_b": ["c", "e"]})
    fm = trace(OneHotEncoder().fit(table), table)
    assert fm.engineered_names == ("a_b_c", "a_b_d", "a_b_c#2", "a_b_e")
    np.testing.assert_array_equal(np.asarray(fm), [[1, 1, 0, 0], [0, 0, 1, 1]])


def test_an_array_has_the_names_given_or_positions() -> None:
    rows = NUMBERS.to_numpy()
    scaler = StandardScaler().fit(rows)
    assert trace(scaler, rows).engineered_names == (0, 1)
    assert trace(scaler, rows, ["age", "pay"]).engineered_names == ("age", "pay")
    assert trace(scaler, rows, [7, 9]).raw_names == (7, 9)


def test_without_featurization_the_map_is_the_identity() -> None:
    for nothing in (None, "passthrough", FunctionTransformer()):
        fm = trace(nothing, X)
        np.testing.assert_array_equal(np.asarray(fm), np.identity(3))
        assert fm.engineered_names == fm.raw_names == ("age", "pay", "city")


def test_a_leaf_without_names_costs_no_other_leaf_its_names() -> None:
    ct = make_column_transformer(
        (StandardScaler(), ["pay"]), (FunctionTransformer(lambda t: t[["age", "age"]].to_numpy()), ["age"])
    )
    assert trace(ct.fit(X), X).engineered_names == (
        "standardscaler__pay",
        "functiontransformer__age_0",
        "functiontransformer__age_1",
    )


def test_every_scipy_format_gives_the_same_map() -> None:
    rows = sp.random(30, 4, density=0.5, format="csr", random_state=0)
    scaler = make_column_transformer((StandardScaler(with_mean=False), [2, 0]), remainder="passthrough").fit(rows)
    expected = np.zeros((4, 4))
    expected[[2, 0, 1, 3], [0, 1, 2, 3]] = 1
    for form in (rows, rows.tocsc(), rows.tocoo(), rows.todok(), sp.csr_array(rows)):
        np.testing.assert_array_equal(np.asarray(trace(scaler, form)), expected)


@pytest.mark.parametrize("mixer", [Mixer(), MixingScaler(), MixingImputer()], ids=lambda m: type(m).__name__)
def test_without_probing_an_unknown_transformer_of_several_columns_is_refused_by_name_and_step(mixer: Any) -> None:
    inner = Pipeline([("fill", SimpleImputer()), ("my step", mixer)])
    ct = ColumnTransformer([("num", inner, ["age", "pay"]), ("oh", OneHotEncoder(), ["city"])])
    pipeline = Pipeline([("prep", ct)]).fit(X)
    message = rf"{type(mixer).__name__} \(step 'prep -> num -> my step'\).*'age', 'pay'.*feature map by hand"
    with pytest.raises(UnknownTransformerError, match=message) as caught:
        trace(pipeline, X, probe=False)
    assert type(caught.value) is UnknownTransformerError


def test_an_unknown_transformer_of_one_column_feeds_all_its_outputs() -> None:
    fm = trace(make_column_transformer((Mixer(), ["pay"]), (Mixer(), [0])).fit(X.fillna(0)), X.fillna(0))
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1], [1, 0], [0, 0]])


def test_a_transformer_of_a_later_scikit_learn_that_transforms_in_its_own_way_has_no_rule() -> None:
    newer = type(
        "NewScaler", (StandardScaler,), {"__module__": "sklearn.preprocessing._new", "transform": Mixer.transform}
    )
    with pytest.raises(UnknownTransformerError, match="NewScaler"):
        trace(newer().fit(NUMBERS), NUMBERS, probe=False)


def test_a_subclass_that_keeps_the_transformation_keeps_the_rule() -> None:
    class Named(StandardScaler):
        def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
            return np.array(["first", "second"])

    fm = trace(Named().fit(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(np.asarray(fm), np.identity(2))
    assert fm.engineered_names == ("first", "second")


def test_a_function_that_only_claims_to_work_column_by_column_has_no_rule() -> None:
    liar = FunctionTransformer(lambda t: t.to_numpy()[:, ::-1], feature_names_out="one-to-one").fit(NUMBERS)
    with pytest.raises(UnknownTransformerError, match="does not cover these settings"):
        trace(liar, NUMBERS, probe=False)
    with pytest.raises(UnknownTransformerError, match="FunctionTransformer"):
        trace(FunctionTransformer(lambda t: t + 1).fit(NUMBERS), NUMBERS, probe=False)


def test_a_numpy_function_of_one_number_works_cell_by_cell() -> None:
    fm = trace(FunctionTransformer(np.log1p).fit(NUMBERS), NUMBERS, probe=False)
    np.testing.assert_array_equal(np.asarray(fm), np.identity(2))
    assert fm.how == ("rule", "rule")
    assert fm.engineered_names == ("age", "pay")


def test_a_rule_of_another_width_than_the_output_is_not_used() -> None:
    bins = KBinsDiscretizer(2, strategy="kmeans").fit(NUMBERS)
    bins.n_bins_ = np.array([2, 3])
    with pytest.raises(UnknownTransformerError, match="expects 5 outputs, its `transform` makes 4"):
        trace(bins, NUMBERS, probe=False)


def test_rows_that_are_no_table_between_steps_have_no_rule() -> None:
    """The rest of the chain, up to the next table, is one step."""
    chain = make_pipeline(FunctionTransformer(lambda t: (t["city"] + t["city"]).tolist()), CountVectorizer()).fit(X)
    with pytest.raises(
        UnknownTransformerError, match="FunctionTransformer -> CountVectorizer .step 'functiontransformer'"
    ):
        trace(chain, X, probe=False)


def test_a_predictor_at_the_end_is_refused_with_the_mend() -> None:
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(NUMBERS, [1, 2, 3, 4])
    with pytest.raises(UnknownTransformerError, match=re.escape("`pipeline[:-1]`")):
        trace(model, NUMBERS)
    assert trace(model[:-1], NUMBERS).shape == (2, 2)


def test_wrong_arguments_are_refused_at_the_door() -> None:
    scaler = StandardScaler().fit(NUMBERS)
    with pytest.raises(InputError, match="has 3 names for the 2 columns"):
        trace(scaler, NUMBERS, ["a", "b", "c"])
    with pytest.raises(InputError, match="has no rows"):
        trace(scaler, NUMBERS[:0])
    with pytest.raises(InputError, match="`X` is a list"):
        trace(scaler, [[1.0, 2.0]])
    with pytest.raises(InputError, match="StandardScaler is not fitted"):
        trace(StandardScaler(), NUMBERS)
    with pytest.raises(DataError, match=r"StandardScaler \(step 'standardscaler'\) cannot transform the sample"):
        trace(make_pipeline(StandardScaler()).fit(NUMBERS), NUMBERS[["age"]])


def test_the_fitted_transformer_and_the_rows_stay_as_they_were() -> None:
    before = NUMBERS.to_numpy().copy()
    pipeline = make_pipeline(StandardScaler(copy=False), PCA(2)).fit(before.copy())
    rows = before.copy()
    trace(pipeline, rows)
    np.testing.assert_array_equal(rows, before)
