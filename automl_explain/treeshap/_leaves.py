"""Every leaf as the conditions that its path sets for each player.

A *player* of the game whose Shapley values are wanted is a feature or a group of features. Along the
path to a leaf, all splits on one column become one condition, and all conditions on the columns of one
player become one: does the row satisfy them all?
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from automl_explain.treeshap._columns import Columns
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._jit import compiled


class Leaves(NamedTuple):
    """Leaves that add something, in the order of the trees.

    Parameters
    ----------
    node, value, output : ndarray of shape (n_leaves,)
        Number of the leaf among the nodes of all trees, what it adds, and to which output.
    player_ptr : ndarray of shape (n_leaves + 1,), int64
        Players of each leaf in the two arrays below.
    player, share : ndarray
        Player, and the share of training rows that its splits on the path let through.
    condition_ptr : ndarray, int64
        Conditions of each of these players in the arrays below.
    column, low, high, missing : ndarray of int64
        A rank of the column satisfies the condition from low to high; ``missing`` is a further rank
        that does, or -1.
    ranks : ndarray of int64
        For categories: where ``satisfied`` says it of every rank; else -1.
    satisfied : ndarray of bool
    """

    node: np.ndarray
    value: np.ndarray
    output: np.ndarray
    player_ptr: np.ndarray
    player: np.ndarray
    share: np.ndarray
    condition_ptr: np.ndarray
    column: np.ndarray
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    ranks: np.ndarray
    satisfied: np.ndarray

    @property
    def n_players(self) -> np.ndarray:
        """Players of every leaf."""
        return np.diff(self.player_ptr)


def find_leaves(trees: TreeEnsemble, columns: Columns, player_of_feature: np.ndarray) -> tuple[Leaves, np.ndarray]:
    """The leaves of an ensemble, and its expected value of shape (n_outputs,)."""
    n_nodes = len(trees.feature)
    inner = np.flatnonzero(trees.feature >= 0)
    parent = np.full(n_nodes, -1, dtype=np.int64)
    parent[trees.left[inner]] = parent[trees.right[inner]] = inner
    player_of_column = player_of_feature[columns.feature]
    arrays = _walk(
        trees.output, trees.offsets, trees.left, trees.default_left, trees.cover, trees.value, parent,
        columns.node_column, columns.node_rank, columns.node_ranks_left, columns.ranks_left, columns.n_ranks,
        columns.missing_rank, player_of_column, trees.base,
    )  # fmt: skip
    return Leaves(*arrays[:-1]), arrays[-1]


@compiled
def _walk(
    tree_output, offsets, left, default_left, cover, leaf_value, parent, node_column, node_rank, node_ranks_left,
    ranks_left, n_ranks, missing_rank, player_of_column, base,
):  # fmt: skip
    """Climb from every leaf to its root, narrowing one condition per column, then sort them by player."""
    nodes, value, output, players, shares = [0][:0], [0.0][:0], [0][:0], [0][:0], [0.0][:0]
    player_ptr, condition_ptr, expected = [0], [0], base.copy()
    column, low, high, missing, ranks, satisfied = [0][:0], [0][:0], [0][:0], [0][:0], [0][:0], [False][:0]
    for t in range(tree_output.shape[0]):
        for leaf in range(offsets[t], offsets[t + 1]):
            if left[leaf] >= 0 or leaf_value[leaf] == 0.0:
                continue
            first, reached, node = len(column), 1.0, leaf
            part = [0.0][:0]
            while parent[node] >= 0:
                above = parent[node]
                c, is_left = node_column[above], left[above] == node
                ratio = cover[node] / cover[above] if cover[above] > 0.0 else 0.0
                reached *= ratio
                at = first
                while at < len(column) and column[at] != c:
                    at += 1
                if at == len(column):
                    column.append(c)
                    part.append(1.0)
                    of_categories = node_ranks_left[above] >= 0
                    _add_condition(n_ranks[c], missing_rank[c], of_categories, low, high, missing, ranks, satisfied)
                part[at - first] *= ratio
                if node_ranks_left[above] >= 0:
                    for r in range(n_ranks[c]):
                        if ranks_left[node_ranks_left[above] + r] != is_left:
                            satisfied[ranks[at] + r] = False
                else:
                    if is_left:
                        high[at] = min(high[at], node_rank[above])
                    else:
                        low[at] = max(low[at], node_rank[above] + 1)
                    if default_left[above] != is_left:
                        missing[at] = -1
                node = above
            expected[tree_output[t]] += leaf_value[leaf] * reached
            if len(column) == first:
                continue
            _sort_by_player(player_of_column, first, part, column, low, high, missing, ranks)
            for i in range(first, len(column)):
                if i == first or player_of_column[column[i]] != player_of_column[column[i - 1]]:
                    players.append(player_of_column[column[i]])
                    shares.append(1.0)
                    condition_ptr.append(i)
                shares[-1] *= part[i - first]
                condition_ptr[-1] = i + 1
            nodes.append(leaf)
            value.append(leaf_value[leaf])
            output.append(tree_output[t])
            player_ptr.append(len(players))
    return (
        np.array(nodes), np.array(value), np.array(output), np.array(player_ptr), np.array(players),
        np.array(shares), np.array(condition_ptr), np.array(column), np.array(low), np.array(high),
        np.array(missing), np.array(ranks), np.array(satisfied), expected,
    )  # fmt: skip


@compiled
def _add_condition(n_ranks, missing_rank, of_categories, low, high, missing, ranks, satisfied):
    """Append a condition that every rank of its column satisfies."""
    low.append(0)
    high.append(n_ranks - 1 if missing_rank < 0 else n_ranks - 2)
    missing.append(missing_rank)
    ranks.append(len(satisfied) if of_categories else -1)
    if of_categories:
        for _ in range(n_ranks):
            satisfied.append(True)


@compiled
def _sort_by_player(player_of_column, first, part, column, low, high, missing, ranks):
    """Bring the conditions from ``first`` on into the order of their players, then columns (insertion sort)."""
    for i in range(first + 1, len(column)):
        j = i
        while j > first and (
            player_of_column[column[j]] < player_of_column[column[j - 1]]
            or (player_of_column[column[j]] == player_of_column[column[j - 1]] and column[j] < column[j - 1])
        ):
            for array in (column, low, high, missing, ranks):
                array[j], array[j - 1] = array[j - 1], array[j]
            part[j - first], part[j - 1 - first] = part[j - 1 - first], part[j - first]
            j -= 1
