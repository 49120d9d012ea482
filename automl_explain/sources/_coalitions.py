"""Coalitions of players with their Kernel SHAP weights, and the values that solve their regression."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Coalitions:
    """Coalitions to evaluate, and the weighted least squares that turns their outputs into values.

    Parameters
    ----------
    members : ndarray of shape (n_coalitions, n_players), bool
        Who is in each coalition; neither the empty one nor that of all.
    weights : ndarray of shape (n_coalitions,)
        Kernel SHAP weights; they sum to 1.
    inverse : ndarray of shape (n_players, n_players)
        Pseudo-inverse of the weighted normal matrix, for values that sum to 0.
    rank : int
        How many of the ``n_players - 1`` free values the coalitions determine.
    """

    members: np.ndarray
    weights: np.ndarray
    inverse: np.ndarray
    rank: int

    @property
    def n_undetermined(self) -> int:
        """Free values that the coalitions leave open, for want of coalitions."""
        return max(int(self.members.shape[1]) - 1 - self.rank, 0)

    def values(self, gains: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Values of the players, which sum to ``total``; exact Shapley values where all coalitions are tried.

        Parameters
        ----------
        gains : ndarray of shape (n_coalitions, n_outputs)
            Output of each coalition minus that of the empty one.
        total : ndarray of shape (n_outputs,)
            Output of all players minus that of the empty coalition.

        Returns
        -------
        ndarray of shape (n_players, n_outputs)
        """
        n_players = self.members.shape[1]
        share = total / n_players
        # What equal shares do not explain: values solve for it, so that additive models lose no digits.
        left = self.weights[:, None] * (gains - self.members.sum(axis=1)[:, None] * share)
        return np.asarray(share + self.inverse @ (self.members.T @ left))


@functools.lru_cache(maxsize=16)
def coalitions(n_players: int, budget: int, seed: int) -> Coalitions:
    """All coalitions where the budget allows, else a seeded sample of so many.

    Whole sizes are taken first, from the smallest and largest inwards, for as long as the budget gives every
    coalition of a size its due; the rest is drawn by size and then at random, each with its complement, which
    cancels the error of even order (Covert & Lee 2021, doi:10.48550/arXiv.2012.01536).

    Parameters
    ----------
    n_players, budget, seed : int

    Returns
    -------
    Coalitions
    """
    if budget >= 2**n_players - 2:
        sizes = range(1, n_players)
        parts = [_of_size(n_players, size) for size in sizes]
        each = [np.full(len(p), _size_weight(n_players, s) / len(p)) for s, p in zip(sizes, parts, strict=True)]
    else:
        parts, each = _sample(n_players, budget, seed)
    members = np.concatenate([np.zeros((0, n_players), dtype=bool), *parts])
    weights = np.concatenate([np.zeros(0), *each])
    weights = weights / max(weights.sum(), np.finfo(float).tiny)
    # Values that sum to 0 are wanted, so the coalitions are projected on such.
    free = members - members.mean(axis=1, keepdims=True)
    normal = free.T @ (weights[:, None] * free)
    strengths, directions = np.linalg.eigh(normal)
    kept = strengths > 1e-10 * strengths.max(initial=0.0)  # rounding leaves 1e-16, a determined value over 1e-6
    inverse = (directions[:, kept] / strengths[kept]) @ directions[:, kept].T
    for array in (members, weights, inverse):
        array.flags.writeable = False
    return Coalitions(members, weights, inverse, int(kept.sum()))


def _size_weight(n_players: int, size: int) -> float:
    """Kernel SHAP weight of all coalitions of a size together, up to a factor."""
    return (n_players - 1) / (size * (n_players - size))


def _of_size(n_players: int, size: int) -> np.ndarray:
    """All coalitions of a size, bool of shape (n_coalitions, n_players)."""
    chosen = itertools.chain.from_iterable(itertools.combinations(range(n_players), size))
    at = np.fromiter(chosen, dtype=np.intp).reshape(-1, size)
    members = np.zeros((len(at), n_players), dtype=bool)
    np.put_along_axis(members, at, True, axis=1)
    return members


def _sample(n_players: int, budget: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Whole sizes while the budget lasts, then drawn pairs; coalitions and weights, part by part."""
    sizes = list(range(1, n_players // 2 + 1))
    weights = [_size_weight(n_players, s) * (1 if 2 * s == n_players else 2) for s in sizes]
    parts: list[np.ndarray] = []
    each: list[np.ndarray] = []
    while sizes:
        size, weight = sizes[0], weights[0]
        mirrored = 2 * size != n_players
        n_whole = math.comb(n_players, size) * (2 if mirrored else 1)
        if budget * weight / sum(weights) < n_whole:
            break
        whole = _of_size(n_players, size)
        parts.append(np.concatenate([whole, ~whole]) if mirrored else whole)
        each.append(np.full(n_whole, weight / n_whole))
        budget, sizes, weights = budget - n_whole, sizes[1:], weights[1:]
    if sizes and budget:
        drawn, counts = _drawn(n_players, np.array(sizes), np.array(weights), budget, seed)
        parts.append(drawn)
        each.append(sum(weights) * counts / counts.sum())
    return parts, each


def _drawn(
    n_players: int, sizes: np.ndarray, weights: np.ndarray, budget: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Different coalitions, each followed by its complement, and how often they were drawn."""
    rng = np.random.default_rng(seed)
    n_draws = budget  # pairs, of which half as many are kept: enough of them differ
    drawn_sizes = rng.choice(sizes, size=n_draws, p=weights / weights.sum())
    order = rng.random((n_draws, n_players)).argsort(axis=1)
    half = np.zeros((n_draws, n_players), dtype=bool)
    np.put_along_axis(half, order, np.arange(n_players) < drawn_sizes[:, None], axis=1)
    half ^= ~half[:, :1]  # of a pair the one with the first player
    _, first, counts = np.unique(np.packbits(half, axis=1), axis=0, return_index=True, return_counts=True)
    earliest = first.argsort()[: (budget + 1) // 2]
    kept = half[first[earliest]]
    pairs = np.stack([kept, ~kept], axis=1).reshape(-1, n_players)
    return pairs[:budget], np.repeat(counts[earliest], 2)[:budget]
