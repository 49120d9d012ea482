"""Players: who plays the game whose Shapley values are wanted, and whom the values are given to."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._tables._csr import Csr
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap


@dataclasses.dataclass(frozen=True, eq=False)
class Players:
    """Features or groups of features as players, and the targets that their values are added to.

    Parameters
    ----------
    of_feature : ndarray of shape (n_features,), int
        Player of every feature.
    weights : Csr of shape (n_targets, n_players)
        How the value of a player is shared among the targets; plain arrays, for which SciPy is not imported.

    Raises
    ------
    InputError
        If a feature belongs to no player, or the weights are not those of the players.

    Examples
    --------
    >>> Players.grouped([0, 0, 1]).n_targets
    2
    """

    of_feature: np.ndarray
    weights: Csr

    def __post_init__(self) -> None:
        of_feature, weights = np.asarray(self.of_feature), Csr.of(self.weights)
        n_players = weights.shape[1]
        if of_feature.ndim != 1 or of_feature.dtype.kind not in "iu" or not _are_below(of_feature, n_players):
            raise InputError(
                f"`of_feature` is an array of shape {of_feature.shape} and dtype {of_feature.dtype}; expected the "
                f"player of each feature, whole numbers from 0 to {n_players - 1}."
            )
        if len(weights.indptr) != weights.shape[0] + 1 or not _are_below(weights.indices, n_players):
            raise InputError(f"`weights` has entries outside of its shape {weights.shape}, (n_targets, n_players).")
        if not np.isfinite(weights.data).all():
            raise InputError("`weights` has entries that are not finite; expected the share of each player's value.")
        object.__setattr__(self, "of_feature", of_feature.astype(np.int64))
        if weights.data.dtype != np.float64 or not weights.data.all():
            weights = _without_zeros(weights)  # a player whose weights are all zero goes to no target
        object.__setattr__(self, "weights", weights)

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return self.weights.shape[0]

    @property
    def n_players(self) -> int:
        """Number of players."""
        return self.weights.shape[1]

    @property
    def unmapped(self) -> np.ndarray:
        """Which players go to no target, bool of shape (n_players,); their values are the remainder."""
        found = np.ones(self.n_players, dtype=bool)
        found[self.weights.indices] = False
        return found

    @property
    def with_remainder(self) -> Players:
        """The same players, with one more target for those that go to none if there are any."""
        lost = np.flatnonzero(self.unmapped)
        if not len(lost):
            return self
        rows = np.append(self.weights.rows(), np.full(len(lost), self.n_targets))
        columns = np.append(self.weights.indices, lost)
        data = np.append(self.weights.data, np.ones(len(lost)))
        return Players(self.of_feature, Csr.from_entries(rows, columns, data, (self.n_targets + 1, self.n_players)))

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the targets of each player begin, of shape (n_players + 1,), and all targets and weights."""
        order = np.argsort(self.weights.indices, kind="stable")
        counts = np.bincount(self.weights.indices, minlength=self.n_players)
        return np.append(0, np.cumsum(counts)), self.weights.rows()[order], self.weights.data[order]

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for players that are the same."""
        parts = (self.of_feature, *self.weights[:3])
        return (self.weights.shape, *(part.tobytes() for part in parts))

    @classmethod
    def engineered(cls, n_features: int) -> Players:
        """Every feature for itself."""
        return cls(np.arange(n_features), _identity(n_features))

    @classmethod
    def folded(cls, weights: Any) -> Players:
        """Every feature a player, its value shared among raw columns by (n_raw, n_engineered) weights."""
        shares = _csr(weights)
        return cls(np.arange(shares.shape[1]), shares)

    @classmethod
    def grouped(cls, groups: Any) -> Players:
        """Features of one group (whole numbers from 0 on, of shape (n_features,)) are one player."""
        given = np.asarray(groups)
        if given.ndim != 1 or given.dtype.kind not in "iu" or (given.size and given.min() < 0):
            raise InputError(
                f"`groups` is an array of shape {given.shape} and dtype {given.dtype}; expected the number of the "
                "group of each feature, whole numbers from 0 on."
            )
        return cls(given.astype(np.int64), _identity(int(given.max(initial=-1)) + 1))

    @classmethod
    def raw(cls, weights: Any) -> Players:
        """Every raw column a player, with all features that it alone feeds.

        Features with several raw parents, and those with none, stay players of their own; the value of
        the former is shared by the (n_raw, n_engineered) weights.
        """
        shares = _csr(weights)
        n_raw, n_features = shares.shape
        parents = np.bincount(shares.indices, minlength=n_features)
        others = np.flatnonzero(parents != 1)
        of_feature = np.empty(n_features, dtype=np.int64)
        of_feature[others] = n_raw + np.arange(len(others))
        single = parents[shares.indices] == 1
        of_feature[shares.indices[single]] = shares.rows()[single]
        rows = np.append(np.arange(n_raw), shares.rows()[~single])
        columns = np.append(np.arange(n_raw), of_feature[shares.indices[~single]])
        data = np.append(np.ones(n_raw), shares.data[~single])
        return cls(of_feature, Csr.from_entries(rows, columns, data, (n_raw, n_raw + len(others))))

    @classmethod
    def of(cls, players: Any, n_features: int) -> Players:
        """Players from any way to write them: None, groups, weights (or a `FeatureMap`), or `Players`."""
        if players is None:
            made = cls.engineered(n_features)
        elif isinstance(players, Players):
            made = players
        else:
            is_map = isinstance(players, FeatureMap) or is_sparse(players) or np.ndim(players) == 2
            made = cls.folded(players) if is_map else cls.grouped(players)
        if len(made.of_feature) != n_features:
            raise InputError(
                f"`players` is for {len(made.of_feature)} features; the trees have {n_features}. Pass the weights "
                "(n_raw, n_engineered) or the groups (n_engineered,) of the same columns."
            )
        return made


def _are_below(numbers: np.ndarray, end: int) -> bool:
    return not numbers.size or bool(numbers.min() >= 0 and numbers.max() < end)


def _identity(n: int) -> Csr:
    return Csr(np.arange(n + 1), np.arange(n), np.ones(n), (n, n))


def _csr(weights: Any) -> Csr:
    """Weights of a feature map, a sparse matrix or an array, as `_without_zeros` gives them."""
    if isinstance(weights, FeatureMap):
        given = Csr(*weights.arrays, weights.shape)
    elif is_sparse(weights):
        given = Csr.of(sp.csr_matrix(weights, dtype=np.float64))
    else:
        dense = np.asarray(weights, dtype=np.float64)
        rows, columns = np.nonzero(dense)
        return Csr.from_entries(rows, columns, dense[rows, columns], dense.shape)
    return _without_zeros(given)


def _without_zeros(given: Csr) -> Csr:
    """The same weights in float64, each place once and without zeros."""
    kept = given.data != 0
    rows, columns = given.rows()[kept], given.indices[kept]
    return Csr.from_entries(rows, columns, np.asarray(given.data[kept], dtype=np.float64), given.shape)
