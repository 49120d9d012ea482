"""Many pipelines, each checked against the dependence that exhaustive perturbation finds."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.cross_decomposition import CCA, PLSRegression
from sklearn.decomposition import (
    NMF,
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    MiniBatchNMF,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import AdditiveChi2Sampler, RBFSampler
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
from truth import dense, dependence, frame, positive, with_gaps

from automl_explain.lineage import trace
from automl_explain.lineage._tables import sample_rows

NUMBERS, FULL, WORDY = ["a", "b", "c"], ["a", "c", "k"], ["city", "size"]
X_FRAME, X_FULL = frame(), frame(missing=False)
X_NUMBERS, X_GAPS = positive(), with_gaps(positive())
X_SPARSE = sp.random(240, 12, density=0.3, format="csr", random_state=0)
X_EMPTY = np.column_stack([X_GAPS[:, :2], np.full(len(X_GAPS), np.nan), X_GAPS[:, 2:]])
X_WORDS = X_FRAME[WORDY].to_numpy()


@dataclasses.dataclass(frozen=True)
class Case:
    """A transformer, its rows, and whether the support must equal the truth or only hold it."""

    name: str
    make: Callable[[], Any]
    X: Any
    exact: bool = True
    missing: bool = False
    how: str = "rule"


def target(X: Any) -> np.ndarray:
    """Three classes that depend on the first column."""
    if sp.issparse(X):
        first = X[:, [0]].toarray().ravel()
    else:
        first = (X.iloc[:, 0] if isinstance(X, pd.DataFrame) else pd.Series(X[:, 0])).rank(method="first").to_numpy()
    return pd.qcut(pd.Series(first).rank(method="first"), 3, labels=False).to_numpy()


def fitted(case: Case) -> Any:
    """The transformer of a case, fitted; scikit-learn's warnings about the made-up rows are not the matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case.make().fit(case.X, target(case.X))


def days(X: pd.DataFrame) -> np.ndarray:
    """Month and weekday of a date column."""
    day = X.iloc[:, 0]
    return np.column_stack([day.dt.month, day.dt.dayofweek])


def to_dicts(X: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts, no table any more."""
    return X.to_dict("records")


def ravel(X: Any) -> np.ndarray:
    """The only column as 1-D."""
    return np.asarray(X).ravel()


def squared(X: Any) -> Any:
    """Works cell by cell."""
    return X**2


class AddedNoise(StandardScaler):
    """A subclass that keeps the transformation."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> AddedNoise:
        return super().fit(X, y, sample_weight)


def mixed(**options: Any) -> ColumnTransformer:
    """The usual featurization."""
    return ColumnTransformer(
        [
            ("num", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("cat", OneHotEncoder(handle_unknown="ignore"), WORDY),
        ],
        **options,
    )


LEAVES = [
    *(
        Case(type(t).__name__, lambda t=t: t, X_NUMBERS)
        for t in (
            Binarizer(threshold=1.5),
            MaxAbsScaler(),
            MinMaxScaler(),
            PowerTransformer(),
            QuantileTransformer(n_quantiles=50),
            RobustScaler(),
            StandardScaler(),
            FunctionTransformer(),
            AddedNoise(),
            VarianceThreshold(),
            SelectKBest(f_regression, k=2),
            SelectPercentile(f_regression, percentile=50),
            RFE(LinearRegression(), n_features_to_select=2),
            SequentialFeatureSelector(LinearRegression(), n_features_to_select=2, cv=2),
            SelectFromModel(RandomForestRegressor(n_estimators=5, random_state=0)),
            PolynomialFeatures(2),
            PolynomialFeatures(3, interaction_only=True, include_bias=False),
            PolynomialFeatures((2, 3)),
            AdditiveChi2Sampler(sample_steps=2),
            FeatureAgglomeration(n_clusters=3),
        )
    ),
    *(
        Case(f"SplineTransformer {o}", lambda o=o: SplineTransformer(**o), X_NUMBERS, exact=False)
        for o in ({}, {"include_bias": False}, {"extrapolation": "periodic"}, {"degree": 2, "n_knots": 7})
    ),
    Case("SplineTransformer sparse", lambda: SplineTransformer(sparse_output=True), X_NUMBERS, exact=False),
    *(
        Case(f"KBins {e}", lambda e=e: KBinsDiscretizer(4, encode=e, strategy="kmeans"), X_NUMBERS)
        for e in ("ordinal", "onehot", "onehot-dense")
    ),
    Case("KBins uneven", lambda: KBinsDiscretizer([2, 5, 3], strategy="kmeans"), X_NUMBERS[:, :3]),
    *(
        Case(f"OneHotEncoder {o}", lambda o=o: OneHotEncoder(**o), X_WORDS)
        for o in (
            {},
            {"drop": "first"},
            {"drop": "if_binary"},
            {"drop": ["Rome", "M"]},
            {"min_frequency": 30},
            {"max_categories": 3},
            {"min_frequency": 0.2, "drop": "first"},
            {"max_categories": 3, "drop": "first", "handle_unknown": "infrequent_if_exist"},
            {"sparse_output": False},
        )
    ),
    Case("OrdinalEncoder", lambda: OrdinalEncoder(), X_WORDS),
    Case("OrdinalEncoder infrequent", lambda: OrdinalEncoder(min_frequency=30), X_WORDS),
    Case("TargetEncoder multiclass", lambda: TargetEncoder(random_state=0), X_WORDS),
    Case("TargetEncoder continuous", lambda: TargetEncoder(target_type="continuous", random_state=0), X_WORDS),
    Case("VarianceThreshold sparse", lambda: VarianceThreshold(0.05), X_SPARSE),
    Case("MaxAbsScaler sparse", lambda: MaxAbsScaler(), X_SPARSE),
    Case("PolynomialFeatures sparse", lambda: PolynomialFeatures(2), X_SPARSE, exact=False),
]

IMPUTERS = [
    Case("SimpleImputer", lambda: SimpleImputer(), X_GAPS, missing=True),
    Case("SimpleImputer indicator", lambda: SimpleImputer(add_indicator=True), X_GAPS, missing=True),
    Case("SimpleImputer empty", lambda: SimpleImputer(), X_EMPTY, missing=True),
    Case(
        "SimpleImputer empty indicator", lambda: SimpleImputer(add_indicator=True), X_EMPTY, missing=True, exact=False
    ),
    Case("SimpleImputer kept", lambda: SimpleImputer(keep_empty_features=True), X_EMPTY, missing=True, exact=False),
    Case("SimpleImputer constant", lambda: SimpleImputer(strategy="constant"), X_EMPTY, missing=True, exact=False),
    Case("SimpleImputer frame", lambda: SimpleImputer(add_indicator=True), X_FRAME[NUMBERS]),
    Case("MissingIndicator", lambda: MissingIndicator(), X_GAPS),
    Case("MissingIndicator all", lambda: MissingIndicator(features="all", error_on_new=False), X_GAPS, missing=True),
    Case("claims", lambda: FunctionTransformer(squared, feature_names_out="one-to-one"), X_NUMBERS, how="probe"),
    Case("KNNImputer", lambda: KNNImputer(), X_GAPS, exact=False, missing=True, how="dense"),
    Case(
        "KNNImputer indicator", lambda: KNNImputer(add_indicator=True), X_EMPTY, exact=False, missing=True, how="dense"
    ),
    Case("KNNImputer kept", lambda: KNNImputer(keep_empty_features=True), X_EMPTY, exact=False, how="dense"),
    Case("IterativeImputer", lambda: IterativeImputer(max_iter=2), X_GAPS, exact=False, missing=True, how="dense"),
    Case(
        "IterativeImputer empty",
        lambda: IterativeImputer(max_iter=2, add_indicator=True),
        X_EMPTY,
        exact=False,
        how="dense",
    ),
    Case(
        "IterativeImputer kept",
        lambda: IterativeImputer(max_iter=2, keep_empty_features=True),
        X_EMPTY,
        exact=False,
        how="dense",
    ),
]

MIXES = [
    *(
        Case(type(t).__name__, lambda t=t: t, X_NUMBERS, how="dense")
        for t in (
            PCA(3),
            PCA(2, whiten=True),
            IncrementalPCA(3),
            TruncatedSVD(2),
            FastICA(2, random_state=0, whiten="unit-variance"),
            FactorAnalysis(2),
            LinearDiscriminantAnalysis(),
            LinearDiscriminantAnalysis(solver="eigen", n_components=1),
            PLSRegression(2),
            NeighborhoodComponentsAnalysis(2, max_iter=3, random_state=0),
            GaussianRandomProjection(3, random_state=0),
        )
    ),
    Case("SparseRandomProjection", lambda: SparseRandomProjection(4, random_state=0), X_SPARSE, how="dense"),
    Case("TruncatedSVD sparse", lambda: TruncatedSVD(3), X_SPARSE, how="dense"),
    Case("NMF", lambda: NMF(2, random_state=0), X_NUMBERS, exact=False, how="dense"),
    Case("MiniBatchNMF", lambda: MiniBatchNMF(2, random_state=0), X_NUMBERS, exact=False, how="dense"),
    Case("SparsePCA", lambda: SparsePCA(2, random_state=0), X_NUMBERS, exact=False, how="dense"),
    Case("CCA", lambda: CCA(1), X_NUMBERS, how="dense"),
    Case("Normalizer", lambda: Normalizer(), X_NUMBERS, how="dense"),
    Case("TfidfTransformer", lambda: TfidfTransformer(), X_SPARSE, exact=False, how="dense"),
    Case("TfidfTransformer without norm", lambda: TfidfTransformer(norm=None), X_SPARSE),
    Case("scaled PCA", lambda: make_pipeline(StandardScaler(), PCA(2)), X_NUMBERS, how="dense"),
    Case(
        "PCA of one-hot of one column",
        lambda: make_pipeline(OneHotEncoder(sparse_output=False), PCA(2)),
        X_FRAME[["city"]],
    ),
]

CONTAINERS = [
    Case("mixed", mixed, X_FRAME),
    Case("mixed dense", lambda: mixed(sparse_threshold=0), X_FRAME),
    Case("mixed sparse", lambda: mixed(sparse_threshold=1), X_FRAME),
    Case("short names", lambda: mixed(verbose_feature_names_out=False), X_FRAME),
    Case("names by format", lambda: mixed(verbose_feature_names_out="{feature_name}.{transformer_name}"), X_FRAME),
    Case("names by function", lambda: mixed(verbose_feature_names_out=lambda t, f: f"{t}/{f}"), X_FRAME),
    Case("passthrough rest", lambda: mixed(remainder="passthrough"), X_FRAME.drop(columns=["review", "day"])),
    Case("scaled rest", lambda: mixed(remainder=MinMaxScaler()), X_FRAME.drop(columns=["review", "day"])),
    Case(
        "rest given by positions",
        lambda: ColumnTransformer([("x", StandardScaler(), [1, -1])], remainder=MinMaxScaler()),
        X_NUMBERS,
    ),
    Case(
        "rest of a frame by positions",
        lambda: ColumnTransformer([("x", OneHotEncoder(), [4, -1])], remainder="passthrough"),
        X_FULL.drop(columns=["review", "day"]),
    ),
    Case(
        "every selector",
        lambda: ColumnTransformer(
            [
                ("slice", StandardScaler(), slice("a", "c")),
                ("mask", MinMaxScaler(), [True, False, False, True, False, False, False, False]),
                ("negative", FunctionTransformer(days), [-1]),
                ("selector", OneHotEncoder(), make_column_selector("^(city|size)$")),
                ("function", MaxAbsScaler(), lambda X: ["k", "a"]),
                ("scalar", CountVectorizer(), "review"),
                ("integer slice", "passthrough", slice(0, 2)),
                ("drop", "drop", ["c"]),
                ("nothing", StandardScaler(), []),
                ("pass", "passthrough", ["k"]),
            ]
        ),
        X_FULL,
    ),
    Case(
        "positions of an array",
        lambda: ColumnTransformer([("x", PowerTransformer(), slice(1, -1)), ("y", "passthrough", [-1])]),
        X_NUMBERS,
    ),
    Case(
        "sparse columns",
        lambda: ColumnTransformer([("x", MaxAbsScaler(), [3, 1]), ("y", "passthrough", slice(8, None))]),
        X_SPARSE,
    ),
    Case(
        "text, twice",
        lambda: make_column_transformer((TfidfVectorizer(), "review"), (HashingVectorizer(n_features=16), "review")),
        X_FRAME,
        exact=False,
    ),
    Case(
        "union", lambda: make_union(StandardScaler(), PolynomialFeatures(2), SelectKBest(f_regression, k=2)), X_NUMBERS
    ),
    Case(
        "union that skips",
        lambda: FeatureUnion(
            [("a", "passthrough"), ("b", "drop"), ("c", MinMaxScaler())], verbose_feature_names_out=False
        ),
        X_NUMBERS,
    ),
    Case(
        "nested twice",
        lambda: make_pipeline(
            make_column_transformer(
                (
                    make_pipeline(
                        make_column_transformer((SimpleImputer(add_indicator=True), NUMBERS), remainder="passthrough"),
                        FeatureUnion(
                            [
                                ("s", StandardScaler()),
                                (
                                    "k",
                                    KBinsDiscretizer(3, encode="onehot-dense", strategy="kmeans"),
                                ),
                            ]
                        ),
                    ),
                    ["k", *NUMBERS],
                ),
                (OneHotEncoder(sparse_output=False), WORDY),
            ),
            VarianceThreshold(0.05),
        ),
        X_FRAME,
        exact=False,
    ),
    Case(
        "polynomial of one-hot",
        lambda: make_pipeline(OneHotEncoder(sparse_output=False), PolynomialFeatures(2, interaction_only=True)),
        X_WORDS,
        exact=False,
    ),
    Case(
        "selection after mixing",
        lambda: make_pipeline(mixed(sparse_threshold=0), SelectKBest(f_regression, k=4)),
        X_FRAME,
    ),
    Case(
        "selected then scaled",
        lambda: Pipeline([("p", "passthrough"), ("v", VarianceThreshold()), ("n", None), ("s", StandardScaler())]),
        X_NUMBERS,
    ),
    Case(
        "text to counts to tf-idf",
        lambda: make_pipeline(FunctionTransformer(ravel), CountVectorizer(), TfidfTransformer()),
        X_FRAME[["review"]],
    ),
    Case(
        "dicts of one column", lambda: make_pipeline(FunctionTransformer(to_dicts), DictVectorizer()), X_FRAME[["city"]]
    ),
    Case(
        "hashed dicts of one column",
        lambda: make_pipeline(FunctionTransformer(to_dicts), FeatureHasher(8)),
        X_FRAME[["city"]],
        exact=False,
    ),
    Case("kernel of one column", lambda: RBFSampler(n_components=6, random_state=0), X_NUMBERS[:, :1]),
    Case(
        "kernel of parts of one column",
        lambda: make_pipeline(FunctionTransformer(days), RBFSampler(n_components=4, random_state=0)),
        X_FRAME[["day"]],
    ),
    Case(
        "search",
        lambda: GridSearchCV(make_pipeline(StandardScaler(), PCA(2)), {"pca__n_components": [2]}, cv=2),
        X_NUMBERS,
        how="dense",
    ),
    Case(
        "pandas between steps",
        lambda: make_pipeline(mixed_dense().set_output(transform="pandas"), StandardScaler()),
        X_FRAME,
    ),
    Case(
        "selection by name between steps",
        lambda: make_pipeline(
            mixed_dense().set_output(transform="pandas"),
            make_column_transformer((MinMaxScaler(), ["num__a", "cat__size_M"])),
        ),
        X_FRAME,
    ),
    Case(
        "column used by two branches",
        lambda: make_column_transformer(
            (StandardScaler(), ["a", "c"]), (KBinsDiscretizer(3, strategy="kmeans"), ["a"])
        ),
        X_FRAME,
    ),
]


def mixed_dense() -> ColumnTransformer:
    """The usual featurization with a dense encoder."""
    return ColumnTransformer([("num", SimpleImputer(), NUMBERS), ("cat", OneHotEncoder(sparse_output=False), WORDY)])


CASES = [*LEAVES, *IMPUTERS, *MIXES, *CONTAINERS]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_support_holds_every_parent_that_perturbation_finds(case: Case) -> None:
    transformer = fitted(case)
    fm = trace(transformer, case.X)
    transform = transformer.transform
    truth = dependence(transform, case.X, allow_missing=case.missing)
    support = fm.support.toarray()
    assert support.shape == truth.shape
    assert not (truth & ~support).any(), "a true parent is missing"
    if case.exact:
        assert (support == truth).all(), "a parent was made up"
    totals = np.asarray(fm.matrix.sum(axis=0)).ravel()
    unmapped = np.isin(np.arange(fm.n_engineered), fm.unmapped)
    np.testing.assert_allclose(totals, np.where(unmapped, 0.0, 1.0), atol=1e-12)  # rounding of a few sums
    assert not truth[:, unmapped].any(), "an unmapped column has a parent"
    assert ((fm.matrix.toarray() > 0) <= support).all()
    assert set(fm.how) <= {case.how, "rule", "none"}
    assert case.how in fm.how
    assert len(set(fm.engineered_names)) == fm.n_engineered


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_names_are_those_of_scikit_learn_where_it_has_any(case: Case) -> None:
    transformer = fitted(case)
    fm = trace(transformer, case.X)
    try:
        raw = None if isinstance(case.X, pd.DataFrame) else [str(i) for i in range(case.X.shape[1])]
        names = list(transformer.get_feature_names_out(raw))
    except (AttributeError, ValueError):
        pytest.skip("it has no names")
    if len(names) == len(set(names)) == fm.n_engineered:  # KNNImputer(keep_empty_features=True) names one too few
        assert [str(name) for name in fm.engineered_names] == names


LINEAR = [
    c
    for c in MIXES
    if c.name not in {"NMF", "MiniBatchNMF", "Normalizer"} and "Tfidf" not in c.name and "one-hot" not in c.name
]


@pytest.mark.parametrize("case", LINEAR, ids=lambda c: c.name)
def test_linear_mixes_are_shared_by_the_variance_each_input_brings(case: Case) -> None:
    transformer = fitted(case)
    X = dense(case.X)
    zero = np.zeros((2, X.shape[1]))  # a single row comes out of SparsePCA transposed
    slopes = dense(transformer.transform(np.identity(X.shape[1]))) - dense(transformer.transform(zero))[:1]
    deviation = dense(sample_rows(case.X)).std(axis=0)
    strength = (slopes * deviation[:, None]) ** 2
    expected = strength / strength.sum(axis=0)
    # The slopes are differences of float64 outputs.
    np.testing.assert_allclose(np.asarray(trace(transformer, case.X)), expected, atol=1e-8)
