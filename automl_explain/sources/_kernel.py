"""KernelSource: values of any model from its predictions on mixtures of a row and background rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._rows import chunks
from automl_explain._validation import check_raw_method, warn
from automl_explain.exceptions import ExplanationWarning
from automl_explain.explanation._values import fold
from automl_explain.feature_map import FeatureMap
from automl_explain.sources._coalitions import coalitions
from automl_explain.treeshap import Players

_CALL_BYTES = 64 * 2**20  # of the rows that the model predicts in one call


class KernelSource:
    """Kernel SHAP (Lundberg & Lee 2017, doi:10.48550/arXiv.1705.07874).

    A feature that is left out takes its values from the background rows, and the output is their weighted
    mean. Only features that differ from the background take part. Values add up to the model's output;
    each is exact where all coalitions are tried, else within the error of the sample of coalitions.

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

    def for_scoring(self) -> KernelSource:
        """Itself: it asks the model in production too."""
        return self

    def evaluations_per_row(self, n_features: int | None = None) -> int:
        """Rows that the model predicts to explain one, at most: coalitions times background rows.

        The row itself, which every explainer asks for, comes on top.

        Parameters
        ----------
        n_features : int, optional
            Features that differ from the background; all where left out.
        """
        n = self.background.shape[1] if n_features is None else n_features
        return min(self._budget(n), max(2**n - 2, 1)) * len(self.background)

    def _budget(self, n_players: int) -> int:
        return 2 * n_players + 2048 if self.n_samples == "auto" else int(self.n_samples)

    def predict_output(self, X: Any) -> np.ndarray:
        """The model's own output, shape (n_rows, n_outputs); stored zeros count as values that are not stored."""
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
        players = Players.raw(feature_map)
        values = self._values(X.toarray() if sp.issparse(X) else X, players.of_feature)
        n_players, weights = players.n_players, players.weights.to_scipy()
        padded = np.zeros((*values.shape[:2], n_players))
        padded[..., : values.shape[2]] = values
        shared = np.stack([np.asarray(each @ weights.T) for each in padded])
        return shared, padded[..., players.unmapped].sum(axis=-1)

    def _values(self, X: np.ndarray, player: np.ndarray) -> np.ndarray:
        """Values of players, each with its features; (n_outputs, n_rows, largest player + 1)."""
        found = np.zeros((len(self.expected_values), len(X), int(player.max(initial=-1)) + 1))
        undetermined = 0
        for i in range(len(X)):
            found[:, i], lacking = self._row_values(self.call, X[i : i + 1], self.background, player)
            undetermined = max(undetermined, lacking)
        self._warn_undetermined(undetermined)
        return found

    def _row_values(
        self, call: Callable[[Any], np.ndarray], row: np.ndarray, background: np.ndarray, player: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """Values of the players of one row, (n_outputs, largest player + 1), and how many are not determined."""
        values = np.zeros((len(self.expected_values), int(player.max(initial=-1)) + 1))
        playing = np.unique(player[~_unchanged(row, background)])
        if not len(playing):
            return values, 0
        tried = coalitions(len(playing), self._budget(len(playing)), self.seed)
        position = np.full(values.shape[1], len(playing))
        position[playing] = np.arange(len(playing))
        outputs = self._outputs(call, row, background, tried.members, position[player])
        gains = outputs - self.expected_values
        values[:, playing] = tried.values(gains[:-1], gains[-1]).T
        return values, tried.n_undetermined

    def _outputs(
        self,
        call: Callable[[Any], np.ndarray],
        row: np.ndarray,
        background: np.ndarray,
        members: np.ndarray,
        position: np.ndarray,
    ) -> np.ndarray:
        """Mean outputs of coalitions and, last, of the row itself; (n_coalitions + 1, n_outputs).

        ``position`` is that of every feature's player in ``members``, past the end for those left out.
        """
        n_background, n_features = background.shape
        taken = np.column_stack([members, np.zeros(len(members), dtype=bool)])
        found = []
        for some in chunks(len(members), max(1, _CALL_BYTES // (8 * n_background * n_features))):
            mixed = np.where(taken[some][:, position][:, None], row, background).reshape(-1, n_features)
            last = some.stop >= len(members)
            outputs = call(np.concatenate([mixed, row]) if last else mixed)
            found.append(
                np.tensordot(outputs[: len(mixed)].reshape(-1, n_background, self.n_outputs), self.weights, (1, 0))
            )
        whole = outputs[-1:] if len(members) else call(row)
        return np.concatenate([*found, whole])

    @staticmethod
    def _warn_undetermined(n_values: int) -> None:
        if n_values:
            warn(
                f"The coalitions tried are too few: {n_values} of the contributions of a row are not determined, and "
                "are shared evenly. Make the KernelExplainer with `n_samples` at least twice the number of features.",
                ExplanationWarning,
            )

    def _sparse_values(self, X: sp.csr_matrix) -> tuple[sp.csr_matrix, ...]:
        """Row by row in the columns that differ from the one background row."""
        stored = np.flatnonzero(self.background[0])
        parts: list[list[sp.csr_matrix]] = [[] for _ in self.expected_values]
        undetermined = 0
        for i in range(X.shape[0]):
            at = np.union1d(stored, X.indices[X.indptr[i] : X.indptr[i + 1]]).astype(np.int64)
            row = X[[i]][:, at].toarray()

            def call(mixed: np.ndarray, at: np.ndarray = at) -> np.ndarray:
                indices, starts = np.tile(at, len(mixed)), len(at) * np.arange(len(mixed) + 1)
                rows = sp.csr_matrix((mixed.ravel(), indices, starts), shape=(len(mixed), X.shape[1]))
                return self.call(_without_zeros(rows))

            found, lacking = self._row_values(call, row, self.background[:, at], np.arange(len(at)))
            undetermined = max(undetermined, lacking)
            for k, values in enumerate(found):
                made = sp.csr_matrix((values, at, np.array([0, len(at)])), shape=(1, X.shape[1]))
                parts[k].append(made)
        self._warn_undetermined(undetermined)
        empty = sp.csr_matrix((0, X.shape[1]))
        return tuple(sp.csr_matrix(sp.vstack([empty, *rows])) for rows in parts)


def _without_zeros(X: Any) -> sp.csr_matrix:
    """A copy without stored zeros: models such as XGBoost read them otherwise than values that are not stored."""
    rows = sp.csr_matrix(X, copy=True)
    rows.eliminate_zeros()
    return rows


def _unchanged(X: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Which values of a row equal those of every background row, bool of shape (n_features,).

    Equal is the same number to the last bit, or missing in both: close numbers may differ in effect.
    """
    equal = (background == X) & (np.signbit(X) == np.signbit(background))
    return np.asarray((equal | (np.isnan(X) & np.isnan(background))).all(axis=0))
