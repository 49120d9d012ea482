"""Rank of a value among the cuts of its column: all that the trees need to know of it.

All splits of an ensemble on one feature that treat missing values alike share a *column*. The rank of a
number is how many of the column's cuts lie below it, so ``x <= cut[t]`` is ``rank <= t``; a missing value
has the rank behind the last one. Categories that no split tells apart share a rank.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from automl_explain.treeshap._ensemble import TreeEnsemble

#: Kind of a column of categories; the kinds below are the missing types of numbers.
CATEGORICAL = 3
_CODES = 4096  # category codes that are looked at together


@dataclasses.dataclass(frozen=True, eq=False)
class Columns:
    """The columns that the trees split on, and every split in terms of ranks.

    Parameters
    ----------
    feature, kind : ndarray of shape (n_columns,)
        Feature and missing type (0, 1, 2) or `CATEGORICAL`.
    cut_ptr : ndarray of shape (n_columns + 1,), int64
    cuts : ndarray, float64
        Rising cuts of a column of numbers. For categories the rank of every code, then that of
        negative and unseen codes, then that of NaN.
    n_ranks : ndarray of shape (n_columns,), int64
    node_column, node_rank : ndarray of shape (n_nodes,), int32
        Of every split; ranks up to ``node_rank`` go left, -1 for splits on categories.
    node_ranks_left : ndarray of shape (n_nodes,), int64
        Where in ``ranks_left`` a split on categories says of each rank whether it goes left, or -1.
    ranks_left : ndarray, bool
    """

    feature: np.ndarray
    kind: np.ndarray
    cut_ptr: np.ndarray
    cuts: np.ndarray
    n_ranks: np.ndarray
    node_column: np.ndarray
    node_rank: np.ndarray
    node_ranks_left: np.ndarray
    ranks_left: np.ndarray

    @property
    def native(self) -> tuple[Any, ...]:
        """What the compiled engine takes."""
        ranks = (self.n_ranks, self.node_column, self.node_rank, self.node_ranks_left, self.ranks_left)
        return (self.feature, self.kind, self.cut_ptr, self.cuts, *ranks)

    @classmethod
    def of(cls, trees: TreeEnsemble) -> Columns:
        """Columns of an ensemble."""
        inner = np.flatnonzero(trees.feature >= 0)
        kinds = np.where(trees.category[inner] >= 0, CATEGORICAL, trees.missing[inner])
        keys, column = np.unique(trees.feature[inner].astype(np.int64) * 4 + kinds, return_inverse=True)
        kind = (keys % 4).astype(np.int64)
        node_column = np.full(len(trees.feature), -1, dtype=np.int32)
        node_rank, node_ranks_left = node_column.copy(), np.full(len(trees.feature), -1, dtype=np.int64)
        node_column[inner] = column
        cuts: list[np.ndarray] = []
        lefts: list[np.ndarray] = []
        n_ranks = np.zeros(len(keys), dtype=np.int64)
        n_lefts = 0
        by_column = np.split(inner[np.argsort(column, kind="stable")], np.cumsum(np.bincount(column))[:-1])
        for c, nodes in enumerate(by_column if len(keys) else []):
            if kind[c] == CATEGORICAL:
                ranks, left = _category_ranks(trees, nodes)
                cuts.append(ranks.astype(np.float64))
                n_ranks[c] = left.shape[1]
                node_ranks_left[nodes] = n_lefts + np.arange(len(nodes)) * left.shape[1]
                lefts.append(left.ravel())
                n_lefts += left.size
            else:
                found, node_rank[nodes] = np.unique(trees.threshold[nodes], return_inverse=True)
                cuts.append(found)
                n_ranks[c] = len(found) + 1 + (kind[c] > 0)
        return cls(
            feature=keys // 4,
            kind=kind,
            cut_ptr=np.cumsum([0, *(len(c) for c in cuts)]),
            cuts=np.concatenate([np.zeros(0), *cuts]),
            n_ranks=n_ranks,
            node_column=node_column,
            node_rank=node_rank,
            node_ranks_left=node_ranks_left,
            ranks_left=np.concatenate([np.zeros(0, dtype=bool), *lefts]),
        )


def _category_ranks(trees: TreeEnsemble, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank of every code (behind them: other, NaN), and for every node whether a rank goes left."""
    starts, stops = (trees.category_offsets[trees.category[nodes] + i] for i in (0, 1))
    sets = [trees.category_bits[start:stop] for start, stop in zip(starts, stops, strict=True)]
    # Codes in no set are like one that was never seen: numbers given as categories may be large.
    used = np.zeros(max(map(len, sets)), dtype="<u4")
    for words in sets:
        used[: len(words)] |= words
    codes = np.flatnonzero(np.unpackbits(used.view(np.uint8), bitorder="little"))
    # Bits of the nodes side by side: a byte for each pair of a node and a code could be a gigabyte.
    packed = np.empty((-(-len(nodes) // 8), len(codes) + 2), dtype=np.uint8)
    for first in range(0, len(codes), _CODES):
        some = codes[first : first + _CODES]
        packed[:, first : first + len(some)] = np.packbits(_goes_left(sets, some), axis=0)
    packed[:, -2], packed[:, -1] = 0, np.packbits(trees.default_left[nodes])
    _, first_of_rank, ranks = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    found, *others = np.split(ranks.ravel(), [-2, -1])
    of_code = np.full(32 * len(used), others[0])
    of_code[codes] = found
    left = np.unpackbits(packed[:, first_of_rank], axis=0, count=len(nodes)).astype(bool)
    return np.concatenate([of_code, *others]), left


def _goes_left(sets: list[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """Whether each of the rising codes is in each of the sets, of shape (n_sets, n_codes)."""
    inside = np.zeros((len(sets), len(codes)), dtype=bool)
    for i, words in enumerate(sets):
        known = codes[: np.searchsorted(codes, 32 * len(words))]
        inside[i, : len(known)] = words[known >> 5] >> (known & 31).astype(np.uint32) & 1
    return inside
