"""KernelSource: values of any model from its predictions on mixtures of a row and background rows."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._validation import check_raw_method
from automl_explain.explanation._folding import fold
from automl_explain.feature_map import FeatureMap
from automl_explain.treeshap import Players

_SHARED = threading.Lock()  # of numpy's global generator, which shap draws coalitions from


class KernelSource:
    """Kernel SHAP (Lundberg & Lee 2017, doi:10.48550/arXiv.1705.07874) through the shap package.

    A feature that is left out takes its cells from the background rows, and the output is their weighted
    mean. Values add up to the model's output exactly; each is exact where all coalitions are tried, else
    within the error of the sample of coalitions.

    Parameters
    ----------
    call : callable
        Encoded rows -> outputs of shape (n_rows, n_outputs).
    background : ndarray of shape (n_background, n_features)
    weights : ndarray of shape (n_background,)
        They sum to 1.
    n_samples : int or "auto", default "auto"
        Coalitions tried for a row; ``auto`` is all of them, but at most 2,048 and two for each feature.
    seed : int, default 0
        Of the coalitions; the same for every row, so that values do not depend on other rows.
    model : object, optional
    method : str, default "kernel"
        Name shown in explanations.
    """

    def __init__(
        self,
        call: Callable[[Any], np.ndarray],
        background: np.ndarray,
        weights: np.ndarray,
        *,
        n_samples: int | str = "auto",
        seed: int = 0,
        model: Any = None,
        method: str = "kernel",
    ) -> None:
        self.call, self.background, self.weights = call, background, weights
        self.n_samples, self.seed, self.model, self.method = n_samples, seed, model, method
        self.n_features = background.shape[1]
        self.background_outputs = call(background)
        self.expected_values = weights @ self.background_outputs
        self.expected_values.flags.writeable = False
        self.n_outputs = len(self.expected_values)

    @staticmethod
    def explainable_model_type() -> str:
        """``"kernel"``: the kind of scoring explainer that fits."""
        return "kernel"

    def evaluations_per_row(self, n_features: int | None = None) -> int:
        """Rows that the model predicts to explain one: coalitions times background rows.

        Parameters
        ----------
        n_features : int, optional
            Features that differ from the background; all where left out.
        """
        n = self.background.shape[1] if n_features is None else n_features
        coalitions = 2 * n + 2048 if self.n_samples == "auto" else int(self.n_samples)
        if n < 30:
            coalitions = min(coalitions, max(2**n - 2, 1))
        return coalitions * len(self.background)

    def predict_output(self, X: Any) -> np.ndarray:
        """The model's own output, shape (n_rows, n_outputs); stored zeros count as absent cells."""
        return self.call(_without_zeros(X) if sp.issparse(X) else X)

    def shapley_values(self, X: Any) -> Any:
        """Contributions: ndarray of shape (n_outputs, n_rows, n_features), csr_matrix for sparse rows."""
        if sp.issparse(X):
            return self._sparse_values(_without_zeros(X))
        return self._values(X, np.arange(X.shape[1]))

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent.

        With ``raw_method="grouped"`` the raw columns are the players, so fewer coalitions do.
        """
        if check_raw_method(raw_method) == "folded":
            return fold(self.shapley_values(X), feature_map)
        players = Players.raw(feature_map.matrix)
        values = self._values(X.toarray() if sp.issparse(X) else X, players.of_feature)
        n_players = players.weights.shape[1]
        padded = np.zeros((*values.shape[:2], n_players))
        padded[..., : values.shape[2]] = values
        shared = np.stack([np.asarray(each @ players.weights.T) for each in padded])
        return shared, padded[..., players.unmapped].sum(axis=-1)

    def _values(self, X: np.ndarray, player: np.ndarray) -> np.ndarray:
        """Values of players, each with its features; (n_outputs, n_rows, largest player + 1)."""
        present = np.unique(player)
        groups = [np.flatnonzero(player == p) for p in present]
        found = _shap_values(self, self.call, X, self.background, groups)
        result = np.zeros((len(self.expected_values), len(X), int(present.max(initial=-1)) + 1))
        result[..., present] = found
        return result

    def _sparse_values(self, X: sp.csr_matrix) -> tuple[sp.csr_matrix, ...]:
        """Row by row in the columns that differ from the one background row."""
        stored = np.flatnonzero(self.background[0])
        parts: list[list[sp.csr_matrix]] = [[] for _ in self.expected_values]
        for i in range(X.shape[0]):
            at = np.union1d(stored, X.indices[X.indptr[i] : X.indptr[i + 1]]).astype(np.int64)
            row = X[[i]][:, at].toarray()

            def call(mixed: np.ndarray, at: np.ndarray = at) -> np.ndarray:
                indices, starts = np.tile(at, len(mixed)), len(at) * np.arange(len(mixed) + 1)
                rows = sp.csr_matrix((mixed.ravel(), indices, starts), shape=(len(mixed), X.shape[1]))
                return self.call(_without_zeros(rows))

            groups = [np.array([j]) for j in range(len(at))]
            found = _shap_values(self, call, row, self.background[:, at], groups)
            for k, values in enumerate(found):
                made = sp.csr_matrix((values[0], at, np.array([0, len(at)])), shape=(1, X.shape[1]))
                parts[k].append(made)
        empty = sp.csr_matrix((0, X.shape[1]))
        return tuple(sp.csr_matrix(sp.vstack([empty, *rows])) for rows in parts)


def _without_zeros(X: Any) -> sp.csr_matrix:
    """A copy without stored zeros: models such as XGBoost read them otherwise than absent cells."""
    rows = sp.csr_matrix(X, copy=True)
    rows.eliminate_zeros()
    return rows


def _shap_values(
    source: KernelSource, call: Callable[[Any], np.ndarray], X: np.ndarray, background: np.ndarray, groups: list[Any]
) -> np.ndarray:
    """Values of groups of columns, (n_outputs, n_rows, n_groups)."""
    n_outputs = len(source.expected_values)
    if not len(X) or not groups:
        return np.zeros((n_outputs, len(X), len(groups)))
    from shap import KernelExplainer
    from shap.utils._legacy import DenseData

    names = [str(g) for g in range(len(groups))]
    explainer = KernelExplainer(
        call, DenseData(background, names, groups, source.weights.copy())
    )  # it divides them in place
    found = np.empty((n_outputs, len(X), len(groups)))
    for i in range(len(X)):
        with _seeded(source.seed):
            values = explainer.shap_values(X[i : i + 1], nsamples=source.n_samples, l1_reg=False, silent=True)
        found[:, i] = np.asarray(values).reshape(len(groups), n_outputs).T
    return found


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Numpy's global generator seeded for a while, and left as it was found."""
    with _SHARED:
        kept = np.random.get_state()
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(kept)
