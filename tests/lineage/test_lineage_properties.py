"""Properties of random nested pipelines, tables of other libraries, and the cost of wide tables."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from truth import dense, dependence, frame, positive

from automl_explain.exceptions import UnmappedFeaturesWarning
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace

LEAVES = [
    StandardScaler(),
    MinMaxScaler(),
    PolynomialFeatures(2, interaction_only=True),
    Normalizer(),
    PCA(1),
    SimpleImputer(),
    KMeans(2, n_init=1, random_state=0),
    RBFSampler(gamma=0.01, n_components=3, random_state=0),
    RandomTreesEmbedding(2, max_depth=2, random_state=0, sparse_output=False),
    FunctionTransformer(np.cbrt),
    "passthrough",
]


def reversed_columns(X: Any) -> Any:
    """Works on all columns, and no rule knows how."""
    return np.asarray(X)[:, ::-1]


def first_plus_last(X: Any) -> Any:
    """One output of two columns."""
    return np.asarray(X)[:, [0]] + np.asarray(X)[:, [-1]]


def noise(X: Any) -> Any:
    """Random in its first output."""
    Z = np.array(X, dtype=float)
    Z[:, 0] += np.random.default_rng().normal(size=len(Z))
    return Z


UNKNOWN = [FunctionTransformer(function) for function in (reversed_columns, first_plus_last, noise)]


def transformers(leaves: list[Any], depth: int = 2) -> st.SearchStrategy[Any]:
    """Pipelines and unions of any transformer of numbers."""
    leaf = st.sampled_from(leaves)
    if depth == 0:
        return leaf
    inner = transformers(leaves, depth - 1)
    chain = st.lists(inner, min_size=1, max_size=2).map(lambda ts: make_pipeline(*map(_copy, ts)))
    union = st.lists(inner, min_size=1, max_size=2).map(
        lambda ts: FeatureUnion([(f"u{i}", _copy(t)) for i, t in enumerate(ts)])
    )
    return st.one_of(leaf, chain, union)


def _copy(transformer: Any) -> Any:
    return transformer if isinstance(transformer, str) else clone(transformer)


@st.composite
def featurizations(draw: st.DrawFn, leaves: list[Any] = LEAVES) -> ColumnTransformer:
    """ColumnTransformers of up to three branches over overlapping columns."""
    parts = []
    for i in range(draw(st.integers(1, 3))):
        columns = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True))
        parts.append((f"p{i}", _copy(draw(transformers(leaves))), columns))
    return ColumnTransformer(parts, remainder=draw(st.sampled_from(["drop", "passthrough"])))


ROWS = positive(60)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def check(ct: ColumnTransformer) -> FeatureMap:
    """What holds for every map: names, columns that sum to 1, and values that nothing is lost of."""
    fm = trace(ct, ROWS, list("abcde"))
    assert len(set(fm.engineered_names)) == fm.n_engineered
    totals = np.asarray(fm.matrix.sum(axis=0)).ravel()
    wanted = np.where(np.isin(np.arange(fm.n_engineered), fm.unmapped), 0.0, 1.0)
    np.testing.assert_allclose(totals, wanted, atol=1e-12)  # sums of a few numbers
    values = np.random.default_rng(0).normal(size=(3, fm.n_engineered))
    raw, rest = fm.fold(values)
    # Sums of some hundred numbers of size 1.
    np.testing.assert_allclose(raw.sum(axis=-1) + rest, values.sum(axis=-1), atol=1e-10)
    unused = [fm.raw_names.index(name) for name in fm.unused_raw]
    assert (raw[:, unused] == 0).all()
    again = FeatureMap.from_json(fm.to_json())
    assert (again.matrix != fm.matrix).nnz == 0
    return fm


def fitted(ct: ColumnTransformer, X: Any) -> ColumnTransformer:
    """Fitted on few random rows, which some clusters find too few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ct.fit(X)


@QUIET
@given(featurizations())
def test_every_map_holds_the_truth_and_keeps_sums(ct: ColumnTransformer) -> None:
    fm = check(fitted(ct, ROWS))
    assert not (dependence(ct.transform, ROWS, n_shuffles=1) & ~fm.support.toarray()).any()


@QUIET
@given(featurizations([*LEAVES, *UNKNOWN, *UNKNOWN]))
def test_with_steps_that_no_rule_knows_what_is_mapped_is_true_and_the_rest_is_unmapped(ct: ColumnTransformer) -> None:
    fitted(ct, ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmappedFeaturesWarning)
        fm = check(ct)
    random = (dense(ct.transform(ROWS)) != dense(ct.transform(ROWS))).any(axis=0)
    steady = ~random
    truth = dependence(ct.transform, ROWS, n_shuffles=1)
    assert not (truth & ~fm.support.toarray())[:, steady].any()
    several = np.diff(fm.support.tocsc().indptr) > 1
    assert set(np.flatnonzero(random & several)) <= set(fm.unknown)


@QUIET
@given(featurizations(), st.permutations(range(5)))
def test_permuting_the_raw_columns_of_a_frame_permutes_the_map(ct: ColumnTransformer, order: list[int]) -> None:
    table = pd.DataFrame(ROWS, columns=list("abcde"))
    fitted(ct, table)
    fm, other = trace(ct, table), trace(ct, table.iloc[:, order])
    np.testing.assert_allclose(np.asarray(other), np.asarray(fm)[order], atol=1e-12)
    assert (other.support.toarray() == fm.support.toarray()[order]).all()
    assert other.engineered_names == fm.engineered_names


def test_wide_one_hot_and_text_take_under_a_second_and_stay_sparse() -> None:
    rng = np.random.default_rng(0)
    letters = np.array([f"v{i:03}" for i in range(95)])
    table = pd.DataFrame({f"c{j}": rng.permutation(np.resize(letters, 400)) for j in range(198)})
    words = np.array([f"w{i}" for i in range(800)])
    for name in ("t1", "t2"):
        table[name] = [" ".join(rng.choice(words, 40)) for _ in range(400)]
    ct = ColumnTransformer(
        [
            ("cat", OneHotEncoder(), [f"c{j}" for j in range(198)]),
            ("t1", TfidfVectorizer(), "t1"),
            ("t2", TfidfVectorizer(), "t2"),
        ]
    ).fit(table)
    trace(ct, table[:2])  # the first call loads parts of scikit-learn
    start = time.process_time()
    fm = trace(ct, table)
    seconds = time.process_time() - start
    tracemalloc.start()
    trace(ct, table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fm.shape[0] == 200
    assert fm.n_engineered > 20_000
    assert fm.matrix.nnz == fm.n_engineered
    assert seconds < 1.0
    assert peak < 200e6


def test_wide_text_through_a_coupled_step_stays_sparse() -> None:
    rows = sp.random(50, 3000, density=0.01, format="csr", random_state=0)
    fm = trace(
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), Normalizer()).fit(np.arange(2000).reshape(-1, 1)),
        np.arange(50).reshape(-1, 1),
    )
    assert fm.shape == (1, 2000)
    assert set(fm.how) == {"rule"}
    assert trace(Normalizer().fit(rows), rows).support.nnz == 3000**2


def test_polars_between_the_steps() -> None:
    pytest.importorskip("polars")
    table = frame(missing=False)[["a", "c", "city"]]
    ct = make_column_transformer((StandardScaler(), ["c", "a"]), (OneHotEncoder(sparse_output=False), ["city"]))
    pipeline = make_pipeline(
        ct.set_output(transform="polars"),
        make_column_transformer(
            (MinMaxScaler(), ["standardscaler__a", "onehotencoder__city_Oslo"]), remainder="passthrough"
        ),
    ).fit(table)
    np.testing.assert_array_equal(trace(pipeline, table).support.toarray(), dependence(pipeline.transform, table))


def test_samplers_of_imbalanced_learn_are_skipped() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may lag behind scikit-learn's deprecations
        imblearn = pytest.importorskip("imblearn.pipeline")
        from imblearn.under_sampling import RandomUnderSampler

        steps = [("poly", PolynomialFeatures(2)), ("sample", RandomUnderSampler()), ("scale", StandardScaler())]
        labels = (np.arange(len(ROWS)) % 3 == 0).astype(int)
        pipeline = imblearn.Pipeline(steps).fit(ROWS, labels)
        fm = trace(pipeline, ROWS)
    np.testing.assert_array_equal(np.asarray(fm), np.asarray(trace(steps[0][1], ROWS)))


def test_a_pipeline_that_ends_with_a_sampler_has_the_map_of_its_transformers() -> None:
    class Sampler:
        def fit_resample(self, X: Any, y: Any) -> Any:
            return X, y

    pipeline = make_pipeline(StandardScaler().fit(ROWS), "passthrough")
    pipeline.steps.append(("sample", Sampler()))
    assert trace(pipeline, ROWS).shape == (5, 5)
