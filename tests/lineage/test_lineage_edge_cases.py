"""Edge cases of featurizations that break maps made of names, widths or single rows."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from truth import dependence, frame

from automl_explain.exceptions import DataError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace

X = frame()
NUMBERS = frame(missing=False)[["a", "b", "c"]]


def test_a_transformer_fitted_on_a_frame_is_followed_though_it_refuses_other_names() -> None:
    """Asked with other input names than those of its fit, it raises; positions need no names."""
    scaler = make_pipeline(StandardScaler(), PolynomialFeatures(1, include_bias=False)).fit(NUMBERS)
    fm = trace(scaler, NUMBERS, ["x", "y", "z"])
    np.testing.assert_array_equal(np.asarray(fm), np.identity(3))
    assert fm.raw_names == ("x", "y", "z")


def test_equal_engineered_names_keep_their_own_parents() -> None:
    """Category ``b_c`` of ``a`` and category ``c`` of ``a_b`` have the same name."""
    table = pd.DataFrame({"a": ["b_c", "x"], "a_b": ["c", "y"]})
    fm = trace(OneHotEncoder().fit(table), table)
    assert fm.engineered_names == ("a_b_c", "a_x", "a_b_c#2", "a_b_y")
    np.testing.assert_array_equal(np.asarray(fm), [[1, 1, 0, 0], [0, 0, 1, 1]])


def test_tokens_that_do_not_name_their_column_belong_to_it() -> None:
    """``t__good`` says nothing of the column ``review``, and both texts hold the word."""
    table = X[["review"]].assign(title=X["review"].str.split().str[0])
    ct = ColumnTransformer([("t", TfidfVectorizer(), "title"), ("r", CountVectorizer(), "review")]).fit(table)
    fm = trace(ct, table)
    assert {"t__good", "r__good"} <= set(fm.engineered_names)
    np.testing.assert_array_equal(fm.support.toarray(), dependence(ct.transform, table))


def test_one_function_without_names_takes_the_names_of_no_other_step() -> None:
    """Scikit-learn gives no names at all then."""
    ct = ColumnTransformer(
        [("f", FunctionTransformer(lambda T: T.to_numpy()[:, ::-1]), ["a", "c"]), ("s", "passthrough", ["b"])]
    )
    ct.fit(NUMBERS)
    with pytest.raises(AttributeError):
        ct.get_feature_names_out()
    fm = trace(ct, NUMBERS)
    assert fm.engineered_names == ("f__f[0]", "f__f[1]", "s__b")
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1, 0], [0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    "coupled", [Normalizer(), KNNImputer(), IterativeImputer(max_iter=2)], ids=lambda t: type(t).__name__
)
def test_columns_that_only_look_one_to_one_depend_on_the_whole_row(coupled: Any) -> None:
    """Their names deny it; the column keeps the weight and the others are in the support."""
    rows = NUMBERS if isinstance(coupled, Normalizer) else X[["a", "b", "c"]]
    fm = trace(coupled.fit(rows), rows)
    np.testing.assert_array_equal(np.asarray(fm), np.identity(3))
    assert fm.support.toarray().all()
    assert set(fm.how) == {"dense"}


def test_columns_that_imputers_drop_because_they_are_empty_shift_no_other() -> None:
    """The output is narrower than the input."""
    table = pd.DataFrame({"empty": np.nan, "p": [1.0, np.nan, 3.0], "q": [1.0, 2.0, 3.0]})
    fm = trace(SimpleImputer().fit(table), table)
    np.testing.assert_array_equal(np.asarray(fm), [[0, 0], [1, 0], [0, 1]])
    assert fm.unused_raw == ("empty",)


def test_indicators_belong_to_the_columns_that_had_gaps() -> None:
    """There is one for each column with gaps, behind all others."""
    table = pd.DataFrame({"p": [1.0, 2.0], "q": [np.nan, 1.0], "r": [1.0, np.nan]})
    fm = trace(SimpleImputer(add_indicator=True).fit(table), table)
    np.testing.assert_array_equal(np.asarray(fm), [[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]])


@pytest.mark.parametrize(
    ("options", "widths"),
    [
        ({"drop": "first"}, (3, 2)),
        ({"drop": "if_binary"}, (4, 3)),
        ({"drop": ["Rome", "M"]}, (3, 2)),
        ({"min_frequency": 40}, (3, 3)),
        ({"max_categories": 2}, (2, 2)),
        ({"max_categories": 3, "drop": "first"}, (2, 2)),
    ],
)
def test_one_hot_blocks_are_as_wide_as_they_really_are(options: dict[str, Any], widths: tuple[int, int]) -> None:
    """Dropped and infrequent categories make a block narrower than its categories."""
    table = X[["city", "size"]]
    fm = trace(OneHotEncoder(**options).fit(table), table)
    np.testing.assert_array_equal(np.asarray(fm), np.repeat(np.identity(2), widths, axis=1))


@pytest.mark.parametrize("columns", [["b"], [1], [-2], [False, True, False], slice("b", "b"), slice(1, 2)], ids=str)
def test_the_rest_is_the_same_however_the_columns_were_given(columns: Any) -> None:
    """The remainder is kept as positions or as names, depending on how the others were given."""
    ct = ColumnTransformer([("s", StandardScaler(), columns)], remainder=MinMaxScaler()).fit(NUMBERS)
    np.testing.assert_array_equal(np.asarray(trace(ct, NUMBERS)), [[0, 1, 0], [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    "columns",
    [
        [True, False, True],
        np.array([True, False, True]),
        [-3, -1],
        [0, 2],
        ["a", "c"],
        np.array(["a", "c"]),
        pd.Index(["a", "c"]),
        make_column_selector("^[ac]$"),
        lambda T: ["a", "c"],
        lambda T: [True, False, True],
    ],
    ids=[
        "mask",
        "mask array",
        "from the end",
        "positions",
        "names",
        "name array",
        "Index",
        "selector",
        "call",
        "mask call",
    ],
)
def test_every_form_of_selector_picks_the_same_columns(columns: Any) -> None:
    """Masks, slices of labels with their end, negative positions, callables."""
    ct = ColumnTransformer([("s", StandardScaler(), columns)]).fit(NUMBERS)
    fm = trace(ct, NUMBERS)
    np.testing.assert_array_equal(np.asarray(fm), [[1, 0], [0, 0], [0, 1]])
    assert fm.engineered_names == ("s__a", "s__c")


def test_a_single_name_gives_a_series_and_a_list_of_it_a_table() -> None:
    """Text vectorizers take the one, encoders the other."""
    ct = make_column_transformer((CountVectorizer(), "review"), (OneHotEncoder(), ["city"])).fit(X)
    np.testing.assert_array_equal(trace(ct, X).support.toarray(), dependence(ct.transform, X))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_map_is_the_same_whether_the_output_is_sparse_or_dense(share: float) -> None:
    """The output flips with its density."""
    ct = ColumnTransformer([("o", OneHotEncoder(), ["city"]), ("s", StandardScaler(), ["a"])], sparse_threshold=share)
    fm = trace(ct.fit(X), X)
    expected = np.zeros((8, 5))
    expected[4, :4] = expected[0, 4] = 1
    np.testing.assert_array_equal(np.asarray(fm), expected)


def test_the_bias_goes_to_the_remainder() -> None:
    """It has no parent, and its share must not vanish."""
    fm = trace(PolynomialFeatures(1).fit(NUMBERS), NUMBERS)
    raw, rest = fm.fold([[7.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(raw, [[1, 2, 3]])
    assert rest == [7.0]


def test_a_column_used_twice_sums_up_and_one_never_used_is_listed() -> None:
    ct = make_column_transformer((StandardScaler(), ["a"]), (KBinsDiscretizer(2, strategy="kmeans"), ["a"])).fit(
        NUMBERS
    )
    fm = trace(ct, NUMBERS)
    np.testing.assert_array_equal(fm.fold([[1.0, 2.0, 4.0]])[0], [[7, 0, 0]])
    assert fm.unused_raw == ("b", "c")


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_the_container_between_steps_does_not_matter(container: str) -> None:
    if container == "polars":
        pytest.importorskip("polars")
    inner = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), (StandardScaler(), ["a", "c"]))
    model = make_pipeline(inner.set_output(transform=container), FeatureUnion([("s", MinMaxScaler())])).fit(X)
    np.testing.assert_array_equal(trace(model, X).support.toarray(), dependence(model.transform, X))


def test_an_index_that_repeats_changes_nothing() -> None:
    """Rows are taken by position, also where a step is probed."""
    step = FunctionTransformer(lambda T: T[["c", "a"]].to_numpy())
    again = NUMBERS.set_axis(np.arange(len(NUMBERS)) % 7, axis=0)
    wanted = [[0, 1], [0, 0], [1, 0]]
    np.testing.assert_array_equal(np.asarray(trace(step, again)), wanted)
    pipeline = make_pipeline(make_column_transformer((StandardScaler(), ["c", "a"])), "passthrough").fit(NUMBERS)
    np.testing.assert_array_equal(np.asarray(trace(pipeline, again)), wanted)


def test_cells_that_hold_lists_are_refused_where_the_transformer_refuses_them() -> None:
    """With the step and the error of the library."""
    table = pd.DataFrame({"tags": [["p"], ["q"]] * 20, "a": 1.0})
    ct = make_column_transformer((OneHotEncoder(), ["a"]), ("passthrough", ["tags"])).fit(table)
    assert trace(ct, table).engineered_names == ("onehotencoder__a_1.0", "passthrough__tags")
    with pytest.raises(DataError, match="OneHotEncoder .step .*cannot transform the sample"):
        trace(make_pipeline(OneHotEncoder().fit(table[["a"]].rename(columns={"a": "tags"}))), table[["tags"]])


def test_links_of_a_library_are_cut_down_to_what_moves() -> None:
    """A library links each date part to every date; probing keeps the true parents."""
    dates = frame()[["day"]].assign(until=frame(seed=1)["day"])
    parts = FunctionTransformer(lambda T: np.column_stack([T["day"].dt.month, T["until"].dt.month, T["until"].dt.year]))
    np.testing.assert_array_equal(trace(parts, dates).support.toarray(), [[1, 0, 0], [0, 1, 1]])


def test_a_large_vocabulary_stays_sparse() -> None:
    """30,000 tokens are 30,000 links, and no dense table of either."""
    texts = pd.DataFrame({"t": [" ".join(f"w{100 * i + j}" for j in range(100)) for i in range(300)], "x": 1.0})
    fm = trace(make_column_transformer((TfidfVectorizer(), "t"), ("passthrough", ["x"])).fit(texts), texts)
    assert fm.n_engineered == 30_001
    assert fm.matrix.nnz == fm.support.nnz == 30_001
    assert sp.issparse(fm.matrix)


def test_an_unknown_step_on_many_tokens_of_one_text_stays_sparse() -> None:
    """Every output has one raw parent; 20,000 x 20,000 links between the steps would take 3 GB."""
    texts = pd.Series([" ".join(f"w{200 * i + j}" for j in range(200)) for i in range(100)], name="t")
    chain = make_pipeline(TfidfVectorizer(), FunctionTransformer(lambda Z: Z * 2, accept_sparse=True)).fit(texts)
    tracemalloc.start()
    fm = trace(chain, texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fm.matrix.nnz == 20_000
    assert set(fm.how) == {"rule"}
    assert peak < 100e6


def test_components_of_one_raw_column_are_exact_and_of_several_a_convention() -> None:
    """A mix of the parts of one column is that column; ``how`` tells the two apart."""
    ct = make_column_transformer(
        (make_pipeline(OneHotEncoder(sparse_output=False), PCA(2)), ["city"]), (PCA(1), ["a", "c"])
    ).fit(X)
    fm = trace(ct, X)
    assert fm.how == ("rule", "rule", "dense")
    assert isinstance(fm, FeatureMap)
