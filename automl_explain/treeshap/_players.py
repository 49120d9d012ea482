"""Players: who plays the game whose Shapley values are wanted, and whom the values are given to."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Players:
    """Features or groups of features as players, and the targets that their values are added to.

    Parameters
    ----------
    of_feature : ndarray of shape (n_features,), int
        Player of every feature.
    weights : csr_matrix of shape (n_targets, n_players)
        How the value of a player is shared among the targets.

    Examples
    --------
    >>> Players.grouped([0, 0, 1]).n_targets
    2
    """

    of_feature: np.ndarray
    weights: sp.csr_matrix

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return int(self.weights.shape[0])

    @property
    def unmapped(self) -> np.ndarray:
        """Which players go to no target, bool of shape (n_players,); their values are the remainder."""
        found = np.ones(self.weights.shape[1], dtype=bool)
        found[self.weights.indices] = False
        return found

    @property
    def with_remainder(self) -> sp.csr_matrix:
        """The weights, with one more target for unmapped players if there are any."""
        if not self.unmapped.any():
            return self.weights
        return sp.csr_matrix(sp.vstack([self.weights, sp.csr_matrix(self.unmapped[None].astype(np.float64))]))

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for players that are the same."""
        parts = (self.of_feature, self.weights.indptr, self.weights.indices, self.weights.data)
        return (self.weights.shape, *(part.tobytes() for part in parts))

    @classmethod
    def engineered(cls, n_features: int) -> Players:
        """Every feature for itself."""
        return cls(np.arange(n_features), sp.identity(n_features, format="csr"))

    @classmethod
    def folded(cls, weights: Any) -> Players:
        """Every feature a player, its value shared among raw columns by (n_raw, n_engineered) weights."""
        matrix = _csr(weights)
        return cls(np.arange(matrix.shape[1]), matrix)

    @classmethod
    def grouped(cls, groups: Any) -> Players:
        """Features of one group (whole numbers from 0 on, of shape (n_features,)) are one player."""
        given = np.asarray(groups)
        if given.ndim != 1 or given.dtype.kind not in "iu" or (given.size and given.min() < 0):
            raise InputError(
                f"`groups` is an array of shape {given.shape} and dtype {given.dtype}; expected the number of the "
                "group of each feature, whole numbers from 0 on."
            )
        return cls(given.astype(np.int64), sp.identity(int(given.max(initial=-1)) + 1, format="csr"))

    @classmethod
    def raw(cls, weights: Any) -> Players:
        """Every raw column a player, with all features that it alone feeds.

        Features with several raw parents, and those with none, stay players of their own; the value of
        the former is shared by the (n_raw, n_engineered) weights.
        """
        matrix = _csr(weights).tocsc()
        n_raw, n_features = matrix.shape
        parents = np.diff(matrix.indptr)
        alone = np.flatnonzero(parents != 1)
        of_feature = np.empty(n_features, dtype=np.int64)
        of_feature[alone] = n_raw + np.arange(len(alone))
        single = np.flatnonzero(parents == 1)
        of_feature[single] = matrix.indices[matrix.indptr[single]]
        own = sp.identity(n_raw, format="csr")
        return cls(of_feature, sp.csr_matrix(sp.hstack([own, matrix[:, alone]])))

    @classmethod
    def of(cls, players: Any, n_features: int) -> Players:
        """Players from any way to write them: None, groups, weights (or a `FeatureMap`), or `Players`."""
        if players is None:
            made = cls.engineered(n_features)
        elif isinstance(players, Players):
            made = players
        else:
            given = getattr(players, "matrix", players)
            made = cls.folded(given) if is_sparse(given) or np.ndim(given) == 2 else cls.grouped(given)
        if len(made.of_feature) != n_features:
            raise InputError(
                f"`players` is for {len(made.of_feature)} features; the trees have {n_features}. Pass the weights "
                "(n_raw, n_engineered) or the groups (n_engineered,) of the same columns."
            )
        return made


def _csr(weights: Any) -> sp.csr_matrix:
    matrix = sp.csr_matrix(weights, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
