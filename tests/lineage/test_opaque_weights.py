"""Weights of outputs that are no plain sums, against their definitions written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.cluster import Birch, KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomTreesEmbedding, StackingRegressor
from sklearn.kernel_approximation import Nystroem, PolynomialCountSketch, RBFSampler, SkewedChi2Sampler
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from truth import frame, positive

from automl_explain.lineage import trace
from automl_explain.lineage._tables import sample_rows

X = positive(100, 4)


def shares(strength: np.ndarray) -> np.ndarray:
    return strength / strength.sum(axis=0)


def squared_distances(rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Variance of (x_j - c_j)^2 for every input j and centre c."""
    return np.array([((rows - c) ** 2).var(axis=0) for c in centers]).T


def test_a_distance_is_shared_by_the_variance_of_its_squared_parts() -> None:
    clusters = KMeans(3, n_init=1, random_state=0).fit(X)
    expected = shares(squared_distances(X, clusters.cluster_centers_))
    # Differences of fourth moments.
    np.testing.assert_allclose(np.asarray(trace(clusters, X)), expected, rtol=1e-9)
    birch = Birch(n_clusters=None, threshold=0.9).fit(X)
    expected = shares(squared_distances(X, birch.subcluster_centers_))
    np.testing.assert_allclose(np.asarray(trace(birch, X)), expected, rtol=1e-9)


def test_distances_of_sparse_rows_have_the_weights_of_dense_ones() -> None:
    rows = sp.random(100, 6, density=0.4, format="csr", random_state=0)
    clusters = KMeans(3, n_init=1, random_state=0).fit(rows)
    # Moments about zero lose some digits to those about the mean.
    np.testing.assert_allclose(
        np.asarray(trace(clusters, rows)), np.asarray(trace(clusters, rows.toarray())), rtol=1e-6
    )


def test_few_or_standing_rows_share_a_distance_equally() -> None:
    clusters = KMeans(3, n_init=1, random_state=0).fit(X)
    np.testing.assert_array_equal(np.asarray(trace(clusters, X[:3])), 0.25)
    np.testing.assert_allclose(np.asarray(trace(clusters, np.tile(X[:1], (20, 1)))), 0.25)


def test_a_random_wave_is_shared_by_the_variance_of_its_argument() -> None:
    waves = RBFSampler(gamma=0.1, n_components=5, random_state=0).fit(X)
    expected = shares((waves.random_weights_ * X.std(axis=0)[:, None]) ** 2)
    np.testing.assert_allclose(np.asarray(trace(waves, X)), expected, rtol=1e-9)
    skewed = SkewedChi2Sampler(skewedness=0.5, n_components=5, random_state=0).fit(X)
    expected = shares((skewed.random_weights_ * np.log(X + 0.5).std(axis=0)[:, None]) ** 2)
    np.testing.assert_allclose(np.asarray(trace(skewed, X)), expected, rtol=1e-9)


@pytest.mark.parametrize(("degree", "coef0"), [(1, 0), (2, 0), (3, 0), (2, 1.0)])
def test_a_sketch_reaches_the_buckets_where_hashed_positions_add_up(degree: int, coef0: float) -> None:
    """What moves when one input is changed, apart from the noise of the Fourier transform."""
    sketch = PolynomialCountSketch(degree=degree, coef0=coef0, n_components=40, random_state=1).fit(X)
    before = sketch.transform(X)
    moved = []
    for j in range(4):
        other = X.copy()
        other[:, j] = np.roll(X[:, j], 1)
        moved.append((np.abs(sketch.transform(other) - before) > 1e-9 * np.abs(before).max()).any(axis=0))
    support = trace(sketch, X).support.toarray()
    assert not (np.array(moved) & ~support).any()
    assert not support.all()
    if degree < 3:  # terms of opposite signs may cancel beyond
        np.testing.assert_array_equal(support, moved)


def test_a_leaf_of_random_trees_is_shared_among_the_inputs_asked_on_the_way() -> None:
    trees = RandomTreesEmbedding(1, max_depth=2, random_state=3).fit(X)
    tree = trees.estimators_[0].tree_
    root = tree.feature[0]
    expected = []
    for leaf in trees.one_hot_encoder_.categories_[0]:
        parent = next(n for n in range(tree.node_count) if leaf in (tree.children_left[n], tree.children_right[n]))
        asked = sorted({root, tree.feature[parent]})
        expected.append([1 / len(asked) if j in asked else 0.0 for j in range(4)])
    np.testing.assert_array_equal(np.asarray(trace(trees, X)), np.array(expected).T)


def test_measured_weights_leave_out_an_input_without_effect() -> None:
    """A kernel of one column in a hundred thousand times the scale of the others sees that column alone."""
    rows = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 1e-5, 1e-5]
    fm = trace(Nystroem(n_components=4, random_state=0).fit(rows), rows)
    assert fm.support.toarray().all()
    assert (np.asarray(fm)[0] > 0.999).all()
    assert set(fm.how) == {"dense"}


def test_measured_weights_of_few_rows_are_equal() -> None:
    fm = trace(Nystroem(n_components=4, random_state=0).fit(X), X[:5])
    np.testing.assert_allclose(np.asarray(fm), 0.25)


def test_a_stack_that_passes_its_inputs_on_knows_them() -> None:
    stack = StackingRegressor([("l", LinearRegression())], passthrough=True, cv=2).fit(X, X[:, 0] + X[:, 1])
    fm = trace(stack, X)
    np.testing.assert_array_equal(np.asarray(fm)[:, 1:], np.identity(4))
    assert fm.how == ("dense", "rule", "rule", "rule", "rule")
    assert np.asarray(fm)[:2, 0].sum() == pytest.approx(1.0)


def test_blocks_of_one_raw_column_are_measured_as_one() -> None:
    """Parts of a one-hot block are changed together, so that every row stays one that can occur."""
    table: pd.DataFrame = frame()[["city", "a"]]
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), ("passthrough", ["a"]))
    model: Any = make_pipeline(encode, Nystroem(n_components=3, random_state=0)).fit(table)
    fm = trace(model, table)
    rows, rng = sample_rows(table), np.random.default_rng(5)
    before, effects = model.transform(rows), []
    for name in ("city", "a"):
        changed = [rows.assign(**{name: rng.permutation(rows[name])}) for _ in range(50)]
        effects.append(np.mean([((model.transform(c) - before) ** 2).mean(axis=0) for c in changed], axis=0))
    # One shuffle of 128 rows against the mean of fifty.
    np.testing.assert_allclose(np.asarray(fm), shares(np.array(effects)), atol=0.08)
