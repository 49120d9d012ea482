"""Transformers whose outputs are no plain sums: distances, kernels, sketches, trees, predictions.

Where the inside of an output is a sum over the inputs (a squared distance, the argument of a
cosine) every input has its share of the variance of that sum, as in the linear mixes. The others
depend on all inputs by the way they are computed; their weights are measured (`Links.measured`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain.lineage._links import Links, evenly, pick, shared
from automl_explain.lineage._mixes import MIN_ROWS, mix
from automl_explain.lineage._tables import as_blocks, n_columns, n_rows, stands_still


def _distances(transformer: Any, X: Any, out: Any) -> Links:
    """Share of input j in the distance to centre c: the variance of (x_j - c_j)^2."""
    centers = getattr(transformer, "subcluster_centers_", None)  # Birch
    centers = np.asarray(transformer.cluster_centers_ if centers is None else centers, dtype=np.float64).T
    if n_rows(X) < MIN_ROWS:
        return evenly(*centers.shape)
    mean, second, third, fourth = _central_moments(X)
    still = stands_still(np.sqrt(np.maximum(second, 0.0)), mean)
    second, third, fourth = (np.where(still, 0.0, moment) for moment in (second, third, fourth))
    far = centers - mean[:, None]
    # Var((x - c)^2) = Var(d^2) - 4 f Cov(d^2, d) + 4 f^2 Var(d), where d = x - mean and f = c - mean.
    spread = (fourth - second**2)[:, None] - 4 * far * third[:, None] + 4 * far**2 * second[:, None]
    return _or_evenly(np.maximum(spread, 0.0))


def _central_moments(X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean and second to fourth central moment of every column."""
    if not sp.issparse(X):
        array = np.asarray(as_blocks(X), dtype=np.float64)
        mean = array.mean(axis=0)
        return mean, *(((array - mean) ** k).mean(axis=0) for k in (2, 3, 4))
    powers = [np.asarray(X.power(k).mean(axis=0), dtype=np.float64).ravel() for k in (1, 2, 3, 4)]
    m, second, third, fourth = powers
    return (
        m,
        second - m**2,
        third - 3 * m * second + 2 * m**3,
        fourth - 4 * m * third + 6 * m**2 * second - 3 * m**4,
    )


def _or_evenly(strength: np.ndarray) -> Links:
    """Shares by strength; outputs without any are shared equally. All inputs can matter."""
    strength[:, strength.sum(axis=0) == 0] = 1.0
    return shared(strength, support=np.ones(strength.shape))


def _waves(transformer: Any, X: Any, out: Any) -> Links:
    return mix(transformer, X, transformer.random_weights_.T)


def _skewed_waves(transformer: Any, X: Any, out: Any) -> Links:
    """Cosines of a sum of logarithms."""
    logs = np.log(np.asarray(as_blocks(X), dtype=np.float64) + transformer.skewedness)
    return mix(transformer, logs, transformer.random_weights_.T)


def _units(transformer: Any, X: Any, out: Any) -> Links:
    return mix(transformer, X, transformer.components_)


def _coding(transformer: Any, X: Any, out: Any) -> Links:
    """Solved for all atoms at once; ``split_sign`` gives the negative parts as a second block."""
    atoms = getattr(transformer, "components_", None)
    atoms = transformer.dictionary if atoms is None else atoms
    return mix(transformer, X, np.tile(atoms, (n_columns(out) // len(atoms), 1)), everywhere=True)


def _sketch(transformer: Any, X: Any, out: Any) -> Links:
    """Buckets that each input reaches: hashed positions add up, and wrap around, over the factors of a product."""
    hashed, size = transformer.indexHash_, transformer.n_components
    n_in = n_columns(X)
    reached = np.zeros((n_in, size), dtype=bool)
    for one in range(len(hashed)):
        others = np.zeros(size, dtype=bool)
        others[0] = True
        for row in np.delete(hashed, one, axis=0):
            others = np.any([np.roll(others, shift) for shift in np.unique(row)], axis=0)
        for j in range(n_in):
            reached[j] |= np.roll(others, hashed[one, j])
    return shared(reached, loose=reached.sum(axis=0) > 1)


def _leaves(transformer: Any, X: Any, out: Any) -> Links:
    """A leaf of a tree depends on the inputs asked on the way to it, equally shared."""
    parents: list[frozenset[int]] = []
    for tree, kept in zip(transformer.estimators_, transformer.one_hot_encoder_.categories_, strict=True):
        asked = _asked_on_the_way(tree.tree_)
        parents += [asked[int(leaf)] for leaf in kept]
    rows = [j for column in parents for j in sorted(column)]
    columns = np.repeat(np.arange(len(parents)), [len(column) for column in parents])
    strength = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n_columns(X), len(parents)))
    return shared(strength, loose=False)


def _asked_on_the_way(tree: Any) -> dict[int, frozenset[int]]:
    """Inputs asked between the root and every node."""
    asked: dict[int, frozenset[int]] = {0: frozenset()}
    for node in range(tree.node_count):  # children have higher numbers than their parent
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                asked[int(child)] = asked[node] | {int(tree.feature[node])}
    return asked


def _centred_kernel(transformer: Any, X: Any, out: Any) -> Links:
    """Every value keeps its column but loses the mean of its row."""
    n = n_columns(X)
    return pick(np.arange(n), n, n_coupled=n)


def _everything(transformer: Any, X: Any, out: Any) -> Links:
    return evenly(n_columns(X), n_columns(out), measured=True)


def _stack(transformer: Any, X: Any, out: Any) -> Links:
    """Predictions from all inputs; then, with ``passthrough``, the inputs themselves."""
    n_in, n_out = n_columns(X), n_columns(out)
    if not transformer.passthrough:
        return evenly(n_in, n_out, measured=True)
    predictions = np.full((n_in, n_out - n_in), 1.0)
    loose = np.arange(n_out) < n_out - n_in
    return shared(np.hstack([predictions, np.identity(n_in)]), loose=loose, measured=True)


OPAQUE: dict[str, Callable[[Any, Any, Any], Links]] = {
    **dict.fromkeys(("Birch", "BisectingKMeans", "KMeans", "MiniBatchKMeans"), _distances),
    **dict.fromkeys(("DictionaryLearning", "MiniBatchDictionaryLearning", "SparseCoder"), _coding),
    **dict.fromkeys(("StackingClassifier", "StackingRegressor"), _stack),
    **dict.fromkeys(
        (
            "FeatureHasher",
            "Isomap",
            "KNeighborsTransformer",
            "KernelPCA",
            "LocallyLinearEmbedding",
            "Nystroem",
            "RadiusNeighborsTransformer",
            "VotingClassifier",
            "VotingRegressor",
        ),
        _everything,
    ),
    "BernoulliRBM": _units,
    "KernelCenterer": _centred_kernel,
    "LatentDirichletAllocation": _coding,
    "PolynomialCountSketch": _sketch,
    "RBFSampler": _waves,
    "RandomTreesEmbedding": _leaves,
    "SkewedChi2Sampler": _skewed_waves,
}
