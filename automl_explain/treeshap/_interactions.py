"""Interactions: exact pairwise interaction values of one tree ensemble for one choice of players."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from automl_explain._tables._rows import chunks
from automl_explain._threads import check_n_jobs
from automl_explain._validation import check_count
from automl_explain.exceptions import InputError
from automl_explain.treeshap import _native
from automl_explain.treeshap._ensemble import TreeEnsemble, checked_rows
from automl_explain.treeshap._players import Players
from automl_explain.treeshap._row_engine import RowEngine, native_arguments
from automl_explain.treeshap._validity import MAX_VALUES

#: Bytes of a block of values where the caller does not say.
BLOCK_BYTES = 2**26


class Interactions(RowEngine):
    r"""Exact Shapley interaction values of one tree ensemble for one choice of players.

    Parameters
    ----------
    trees : TreeEnsemble
    players : Players
    n_jobs : int or None, default None
        Threads of a call; None for as many as `available_threads` says then. Values do not depend on it.

    Raises
    ------
    InputError
        If the values of one row would take more than 1 GiB, or the paths of the trees have too many pairs of players.

    Notes
    -----
    Values add up over leaves. For a leaf of value v with d players on its path, o_i = 1 if the row satisfies the
    conditions of player i, and z_i the share of training rows that it lets through, the Shapley interaction index is

        I_ij = v (o_i - z_i) (o_j - z_j) \int_0^1 prod_{k != i, j} (y o_k + (1 - y) z_k) dy,

    for its weights |S|! (d - |S| - 2)! / (d - 1)! are the integrals of y^|S| (1 - y)^(d - |S| - 2). Gauss-Legendre with
    ceil(d / 2) nodes is exact. An entry off the diagonal is I_ij / 2, and the diagonal is what these leave of the
    Shapley value, so a row of the matrix adds up to it. Entries are those of
    `shap.TreeExplainer.shap_interaction_values`.

    References
    ----------
    Grabisch, Roubens (1999), An axiomatic approach to the concept of interaction among players in cooperative games,
    doi:10.1007/s001820050125.
    Fujimoto, Kojadinovic, Marichal (2006), Axiomatic characterizations of probabilistic and cardinal-probabilistic
    interaction indices, doi:10.1016/j.geb.2005.03.002.
    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees,
    doi:10.1038/s42256-019-0138-9.
    """

    _thread_rows = 128  # a row takes twenty times as long as its Shapley values
    prepared: _native.Interactions

    def __init__(self, trees: TreeEnsemble, players: Players, *, n_jobs: int | None = None) -> None:
        check_n_jobs(n_jobs)
        everyone = players.with_remainder
        numbers = trees.n_outputs * everyone.n_targets**2
        if numbers > MAX_VALUES:
            raise InputError(
                f"Interaction values of {everyone.n_targets:,} targets for each of {trees.n_outputs:,} outputs are "
                f"{numbers:,} numbers a row; at most {MAX_VALUES:,} are supported, 1 GiB. Pass `players` of fewer "
                "groups or raw columns."
            )
        prepared = _native.prepare_interactions(*native_arguments(trees, everyone))
        if prepared is None:
            raise InputError(
                "The paths of the trees have too many pairs of columns for interaction values (more than 33 million). "
                "Ask for those of fewer groups or raw columns, or explain fewer or shallower trees."
            )
        self.prepared = prepared
        self.n_features, self.n_outputs = trees.n_features, trees.n_outputs
        self.n_targets, self._width = players.n_targets, everyone.n_targets
        self.n_jobs = n_jobs

    def values(self, X: Any, *, n_jobs: int | None = None) -> np.ndarray:
        """Values of shape (n_outputs, n_rows, n_targets, n_targets), without the remainder."""
        return self.values_and_remainder(X, n_jobs=n_jobs)[0]

    def values_and_remainder(self, X: Any, *, n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Values, and what has no target.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features)
            Sparse rows are never made dense: only their stored values are looked at.
        n_jobs : int or None, default None
            Threads of this call; those of the object where left out.

        Returns
        -------
        values : ndarray of shape (n_outputs, n_rows, n_targets, n_targets)
            Symmetric.
        remainder : ndarray of shape (n_outputs, n_rows, n_targets + 1)
            Interaction of every target with the players that go to no target, then the main effect of these. A row of
            values and its number here add up to the Shapley value of the target.
        """
        X = checked_rows(X, self.n_features)
        found = np.zeros((self.n_outputs, X.shape[0], self._width, self._width))
        self._fill(X, found, False, n_jobs=n_jobs)
        return self._parted(found)

    def blocks(
        self, X: Any, *, max_bytes: int = BLOCK_BYTES, n_jobs: int | None = None
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Rows, values and remainder of one block of rows after the other, of up to ``max_bytes`` (at least a row)."""
        check_count(max_bytes, "max_bytes")
        X = checked_rows(X, self.n_features)
        some = chunks(X.shape[0], max(1, max_bytes // (8 * self.n_outputs * self._width**2)))
        return ((rows, *self.values_and_remainder(X[rows], n_jobs=n_jobs)) for rows in some)

    def mean_absolute(self, X: Any, *, n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean magnitudes over the rows, of values (n_outputs, n_targets, n_targets) and remainder; 0 without rows.

        Works in blocks of rows, and with the pairs that the trees use alone.
        """
        X = checked_rows(X, self.n_features)
        entries = np.frombuffer(self.prepared.entries, dtype=np.int64)
        total = np.zeros(len(entries))
        for rows in chunks(X.shape[0], max(1, BLOCK_BYTES // max(8 * len(entries), 1))):
            found = np.zeros((rows.stop - rows.start, len(entries)))
            self._fill(X[rows], found, True, n_jobs=n_jobs)
            for values in np.abs(found, out=found):  # row after row: the sum does not depend on the blocks
                total += values
        result = np.zeros((self.n_outputs, self._width, self._width))
        place, other = np.divmod(entries, self._width)
        output, target = np.divmod(place, self._width)
        result[output, target, other] = result[output, other, target] = total / max(X.shape[0], 1)
        values, remainder = self._parted(result[:, None])
        return values[:, 0], remainder[:, 0]

    def _parted(self, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What goes to targets, and what does not."""
        n = self.n_targets
        if self._width == n:
            return found, np.zeros((*found.shape[:2], n + 1))
        return found[..., :n, :n], found[..., n, :]
