"""The real DataFrameMapper, where it can be imported (scikit-learn < 1.7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelBinarizer,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from truth import dependence, frame

from automl_explain import automl_setup_model_explanations
from automl_explain.exceptions import InputError
from automl_explain.lineage import TransformationsFeaturizer, trace

sklearn_pandas = pytest.importorskip("sklearn_pandas", exc_type=ImportError)

# Its last release builds every chain with a function that scikit-learn 1.7 removed.
pytestmark = pytest.mark.filterwarnings("ignore:Function tosequence is deprecated:FutureWarning")

X = frame().drop(columns="day")
NUMBERS = frame()[["a", "c", "k"]]


def blocks() -> list[Any]:
    return [
        ("city", LabelBinarizer()),
        (["a", "b"], [SimpleImputer(add_indicator=True), StandardScaler()]),
        (["city", "size"], OneHotEncoder(), {"alias": "place"}),
        ("review", CountVectorizer()),
        (["c"], None),
        (["a"], [PolynomialFeatures(2)], {"input_df": True}),
    ]


@pytest.mark.parametrize("options", [{}, {"sparse": True}, {"df_out": True}, {"input_df": True}])
def test_the_map_of_a_mapper_is_true(options: dict[str, Any]) -> None:
    mapper = sklearn_pandas.DataFrameMapper(blocks(), **options).fit(X)
    before = mapper.transformed_names_ if hasattr(mapper, "transformed_names_") else None
    fm = trace(mapper, X)
    assert getattr(mapper, "transformed_names_", None) == before
    np.testing.assert_array_equal(fm.support.toarray(), dependence(mapper.transform, X))
    if options.get("df_out"):
        names = [str(name) for name in mapper.transform(X).columns]
        assert [str(name).split("#")[0] for name in fm.engineered_names] == names


@pytest.mark.parametrize("default", [False, None, MinMaxScaler()])
def test_the_rest_is_dropped_passed_or_transformed(default: Any) -> None:
    mapper = sklearn_pandas.DataFrameMapper([(["c"], StandardScaler())], default=default).fit(NUMBERS)
    fm = TransformationsFeaturizer(mapper).feature_map(NUMBERS)
    np.testing.assert_array_equal(fm.support.toarray(), dependence(mapper.transform, NUMBERS))


def test_the_same_featurization_as_a_mapper_a_column_transformer_and_pairs_has_the_same_map() -> None:
    table = X[["a", "b", "city"]]
    mapper = sklearn_pandas.DataFrameMapper(
        [
            (["a", "b"], [SimpleImputer(add_indicator=True), StandardScaler()]),
            (["city"], OneHotEncoder(sparse_output=False)),
        ]
    ).fit(table)
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    ct = make_column_transformer((numbers, ["a", "b"]), (OneHotEncoder(sparse_output=False), ["city"])).fit(table)
    pairs = [(["a", "b"], numbers.fit(table[["a", "b"]])), (["city"], OneHotEncoder().fit(table[["city"]]))]
    maps = [TransformationsFeaturizer(form).feature_map(table) for form in (mapper, ct, pairs)]
    values = np.random.default_rng(0).normal(size=(4, maps[0].n_engineered))
    for fm in maps[1:]:
        np.testing.assert_array_equal(np.asarray(fm), np.asarray(maps[0]))
        np.testing.assert_array_equal(fm.fold(values)[0], maps[0].fold(values)[0])


def test_a_function_in_a_mapper_is_probed() -> None:
    mapper = sklearn_pandas.DataFrameMapper([(["c", "a", "k"], FunctionTransformer(lambda T: T[:, :2] * T[:, [2]]))])
    fm = trace(mapper.fit(NUMBERS), NUMBERS)
    np.testing.assert_array_equal(fm.support.toarray(), [[0, 1], [1, 0], [1, 1]])


def test_a_mapper_may_be_the_first_step_of_a_pipeline() -> None:
    mapper = sklearn_pandas.DataFrameMapper([(["c", "a"], None), ("k", None)])
    pipeline = make_pipeline(mapper, StandardScaler()).fit(NUMBERS)
    fm = trace(pipeline, NUMBERS)
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1, 0], [1, 0, 0], [0, 0, 1]])


def test_the_width_of_a_mapper_that_passes_the_rest_follows_no_new_column() -> None:
    """With ``default=None`` its width follows the table; the setup takes the columns of the training."""
    model = make_pipeline(sklearn_pandas.DataFrameMapper([(["c"], StandardScaler())], default=None), LinearRegression())
    model.fit(NUMBERS, NUMBERS["a"])
    later = NUMBERS[:50]
    with pytest.raises(InputError, match="surplus: 'new'"):
        automl_setup_model_explanations(model, "regression", X=NUMBERS, X_test=later.assign(new=1.0), y=NUMBERS["a"])
    setup = automl_setup_model_explanations(
        model, "regression", X=NUMBERS, X_test=later[["k", "c", "a"]], y=NUMBERS["a"]
    )
    assert setup.engineered_feature_names == ["c", "a", "k"]
    np.testing.assert_array_equal(setup.X_test_transform[:, 1:], later[["a", "k"]])
