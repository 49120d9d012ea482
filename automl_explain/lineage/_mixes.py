"""Linear mixes of columns: each output is shared by how much every input makes it vary.

An output ``sum_j C_kj x_j`` gives input ``j`` the share ``(C_kj sigma_j)^2``, the part of its
variance that the input brings if the inputs are independent. Loadings alone would ignore scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain.lineage._links import Links, shared
from automl_explain.lineage._tables import n_rows, scales

# Below this a standard deviation of the sample says little (a relative error of over 20 %).
MIN_ROWS = 10


def mix(transformer: Any, X: Any, coefficients: Any, *, everywhere: bool = False) -> Links:
    """Links of outputs that are linear in the inputs; ``coefficients`` has shape (n_out, n_in)."""
    loadings = sp.csr_matrix(coefficients, dtype=np.float64).T.tocsr()
    support = np.ones(loadings.shape) if everywhere else abs(loadings)
    deviation = _deviation(transformer, X)
    strength = loadings.multiply(loadings).tocsr()
    by_variance = sp.diags(deviation**2) @ strength
    # Outputs whose inputs all stand still in the sample are shared equally instead.
    still = np.asarray(by_variance.sum(axis=0)).ravel() == 0
    equal = (strength > 0).astype(np.float64) @ sp.diags(still.astype(np.float64))
    return shared(by_variance + equal, support=support)


def _deviation(transformer: Any, X: Any) -> np.ndarray:
    if n_rows(X) >= MIN_ROWS:
        return scales(X)
    variance = getattr(transformer, "explained_variance_", None)
    noise = getattr(transformer, "noise_variance_", None)
    if variance is not None and noise is not None and np.ndim(noise) == 0:
        # The diagonal of PCA.get_covariance(), without the n_in x n_in matrix.
        squared = transformer.components_**2
        return np.asarray(np.sqrt(np.maximum(squared.T @ np.maximum(variance - noise, 0.0) + noise, 0.0)))
    return np.ones(X.shape[1])


def _components(transformer: Any, X: Any, out: Any) -> Links:
    return mix(transformer, X, transformer.components_)


def _factorisation(transformer: Any, X: Any, out: Any) -> Links:
    """Solved for all components at once, so that every input reaches every output."""
    return mix(transformer, X, transformer.components_, everywhere=True)


def _sparse_pca(transformer: Any, X: Any, out: Any) -> Links:
    c = transformer.components_
    ridge = c @ c.T + transformer.ridge_alpha * np.identity(len(c))
    return mix(transformer, X, np.linalg.pinv(ridge) @ c, everywhere=True)


def _factor_analysis(transformer: Any, X: Any, out: Any) -> Links:
    scaled = transformer.components_ / transformer.noise_variance_
    posterior = np.linalg.inv(np.identity(len(scaled)) + scaled @ transformer.components_.T)
    return mix(transformer, X, posterior.T @ scaled)


def _discriminant(transformer: Any, X: Any, out: Any) -> Links:
    return mix(transformer, X, transformer.scalings_[:, : np.shape(out)[1]].T)


def _weights(transformer: Any, X: Any, out: Any) -> Links:
    return mix(transformer, X, transformer.x_weights_.T / transformer._x_std)


def _rotations(transformer: Any, X: Any, out: Any) -> Links:
    return mix(transformer, X, transformer.x_rotations_.T / transformer._x_std)


MIXES: dict[str, Callable[[Any, Any, Any], Links]] = {
    "CCA": _rotations,
    "FactorAnalysis": _factor_analysis,
    "FastICA": _components,
    "GaussianRandomProjection": _components,
    "IncrementalPCA": _components,
    "LinearDiscriminantAnalysis": _discriminant,
    "MiniBatchNMF": _factorisation,
    "MiniBatchSparsePCA": _sparse_pca,
    "NMF": _factorisation,
    "NeighborhoodComponentsAnalysis": _components,
    "PCA": _components,
    "PLSCanonical": _rotations,
    "PLSRegression": _rotations,
    "PLSSVD": _weights,
    "SparsePCA": _sparse_pca,
    "SparseRandomProjection": _components,
    "TruncatedSVD": _components,
}
