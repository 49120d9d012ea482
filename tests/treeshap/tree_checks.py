"""What the tests of all tree readers share: rows to try, and the comparison with the library."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from automl_explain.treeshap import Engine, Players, TreeEnsemble, read_trees

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # shap imports matplotlib, if it is there, in ways that are going away
    import shap

CODES = 40  # categories of the last column of `rows_with_categories`


def numbers(n: int = 300, width: int = 5, *, missing: float = 0.15, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows with rounded and with wide numbers, some missing, and a target of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    X[:, 1] = X[:, 1].round(1)
    X[:, 2] *= 1e6
    y = X[:, 0] + np.sin(3 * X[:, 1]) + (X[:, 2] > 0) * X[:, 3] + rng.normal(size=n) / 10
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def rows_with_categories(n: int = 400, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same with a column of few and one of many categories behind them."""
    X, y = numbers(n, seed=seed)
    rng = np.random.default_rng(seed + 1)
    codes = np.column_stack([rng.integers(0, 3, n), rng.integers(0, CODES, n)]).astype(float)
    y = y + (codes[:, 0] == 1) + np.random.default_rng(7).normal(size=CODES)[codes[:, 1].astype(int)]
    codes[rng.random(codes.shape) < 0.1] = np.nan
    return np.hstack([X, codes]), y


def classes(y: np.ndarray, n: int) -> np.ndarray:
    """Target as classes of about the same size."""
    return np.digitize(y, np.quantile(y, np.arange(1, n) / n))


def near_cuts(trees: TreeEnsemble, X: np.ndarray, *, per_feature: int = 8) -> np.ndarray:
    """The first rows of ``X`` with cells at and right beside the cuts, where rounding decides."""
    rows = [X[:50]]
    for feature in np.unique(trees.feature[trees.feature >= 0]):
        at = np.flatnonzero((trees.feature == feature) & (trees.category < 0))[:per_feature]
        for cut in trees.threshold[at]:
            if not 1e-30 < abs(cut) < 1e30:  # LightGBM takes tiny cells for zero
                continue
            single = np.float32(cut)
            for cell in (cut, np.nextafter(cut, np.inf), single, np.nextafter(single, np.float32(-np.inf))):
                row = X[len(rows) % len(X)].copy()
                row[feature] = cell
                rows.append(row[None])
    return np.vstack(rows)


def check_predictions(model: Any, X: np.ndarray, margin: Any, *, tolerance: float = 1e-6) -> TreeEnsemble:
    """Read the model and compare its predictions with the library's ``margin(rows)``; gives what was read."""
    trees = read_trees(model)
    rows = near_cuts(trees, X)
    expected = np.asarray(margin(rows), dtype=np.float64).reshape(len(rows), -1)
    assert trees.n_features == X.shape[1]
    assert trees.n_outputs == expected.shape[1]
    np.testing.assert_allclose(trees.predict(rows), expected, rtol=tolerance, atol=tolerance)
    return trees


def check_values(trees: TreeEnsemble, X: np.ndarray, expected: Any, *, tolerance: float = 1e-6) -> None:
    """Compare Shapley values with ``expected`` (n_outputs, n_rows, n_features), relative to each row's largest."""
    found = Engine(trees, Players.engineered(trees.n_features), n_jobs=1).values(X)
    expected = np.asarray(expected, dtype=np.float64).reshape(found.shape)
    scale = np.abs(expected).max(axis=2, keepdims=True)
    assert scale.max() > 0
    assert (np.abs(found - expected) / np.maximum(scale, 1e-3 * scale.max())).max() < tolerance


def shap_values(model: Any, X: np.ndarray) -> np.ndarray:
    """Path-dependent values of shap, (n_outputs, n_rows, n_features)."""
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    values = np.asarray(explainer.shap_values(X, check_additivity=False))
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def by_brute_force(trees: TreeEnsemble, X: np.ndarray) -> np.ndarray:
    """Values over all subsets of the features, by walks through the trees; (n_outputs, n_rows, n_features)."""
    return np.stack([_row_by_brute_force(trees, row) for row in X], axis=1)


def _row_by_brute_force(trees: TreeEnsemble, row: np.ndarray) -> np.ndarray:
    n = trees.n_features
    worth = np.zeros((2**n, trees.n_outputs))
    for known in range(2**n):
        np.add.at(worth[known], trees.output, [_expected(trees, root, row, known) for root in trees.offsets[:-1]])
    values = np.zeros((trees.n_outputs, n))
    for known in range(2**n):
        size = known.bit_count()
        weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n) if size < n else 0.0
        for f in range(n):
            if not known >> f & 1:
                values[:, f] += weight * (worth[known | 1 << f] - worth[known])
    return values


def _expected(trees: TreeEnsemble, node: int, row: np.ndarray, known: int) -> float:
    """Mean of a tree over the training rows, where only the features of ``known`` (bits) decide."""
    feature = trees.feature[node]
    if feature < 0:
        return float(trees.value[node])
    children = (trees.left[node], trees.right[node])
    if known >> feature & 1:
        return _expected(trees, children[0 if _goes_left(trees, node, row[feature]) else 1], row, known)
    return sum(float(trees.cover[c] / trees.cover[node]) * _expected(trees, c, row, known) for c in children)


def _goes_left(trees: TreeEnsemble, node: int, cell: float) -> bool:
    number = trees.category[node]
    if np.isnan(cell):
        return bool(trees.default_left[node])
    if number < 0:
        return bool(cell <= trees.threshold[node])
    words = trees.category_bits[trees.category_offsets[number] : trees.category_offsets[number + 1]]
    return bool(0 <= cell < 32 * len(words) and int(words[int(cell) // 32]) >> int(cell) % 32 & 1)


def rows_that_reach(trees: TreeEnsemble, X: np.ndarray) -> np.ndarray:
    """Number of rows that reach every node."""
    counts = np.zeros(len(trees.feature))
    for row in X:
        for root in trees.offsets[:-1]:
            node = root
            counts[node] += 1
            while (feature := trees.feature[node]) >= 0:
                node = (trees.left if _goes_left(trees, node, row[feature]) else trees.right)[node]
                counts[node] += 1
    return counts
