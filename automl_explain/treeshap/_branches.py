"""The branches of trees that lead to leaves without a table, which `_branch_kernels.add_branches` walks."""

from __future__ import annotations

import numpy as np

from automl_explain.treeshap._branch_kernels import Branches
from automl_explain.treeshap._columns import Columns
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._jit import compiled

_NO_RANK = np.iinfo(np.uint16).max


def find_branches(
    trees: TreeEnsemble, columns: Columns, player_of_feature: np.ndarray, leaf_nodes: np.ndarray
) -> Branches:
    """Branches of an ensemble down to some of its leaves, which are given as node numbers."""
    value = np.zeros(len(trees.feature))
    value[leaf_nodes] = trees.value[leaf_nodes]
    tree, ptr, node, parent = _walk(trees.offsets, trees.left, trees.right, value)
    split = node[parent]
    column = columns.node_column[split].astype(np.int64)
    ratio = np.divide(trees.cover[node], trees.cover[split], out=np.zeros(len(node)), where=trees.cover[split] > 0)
    found = _find_players(ptr, parent, player_of_feature[columns.feature][column], ratio)
    player_ptr, player, place, depth, same, share, before, most = found
    x, w = np.polynomial.legendre.leggauss(max(1, (most + 1) // 2))
    is_left, missing = trees.left[split] == node, columns.missing_rank[column]
    numbers = columns.n_ranks - (columns.missing_rank >= 0)
    below = depth > 0  # all but the roots
    kept = {
        "depth": depth,
        "same": same,
        "place": place,
        "column": column,
        "low": np.where(is_left, 0, columns.node_rank[split] + 1),
        "high": np.where(is_left, columns.node_rank[split], numbers[column] - 1),
        "missing": np.where((trees.default_left[split] == is_left) & (missing >= 0), missing, _NO_RANK),
        "category": columns.node_ranks_left[split],
        "is_left": is_left,
        "share": share,
        "before": before,
        "value": value[node],
    }
    return Branches(
        output=trees.output[tree].astype(np.int64),
        ptr=ptr - np.arange(len(ptr)),
        player_ptr=player_ptr,
        player=player,
        ranks_left=columns.ranks_left,
        nodes=(x + 1) / 2,
        node_weights=w / 2,
        **{name: array[below] for name, array in kept.items()},
    )


@compiled
def _walk(offsets, left, right, value):
    """Nodes of the trees on the way to a leaf with a value, depth first: trees, where each begins, nodes, parents."""
    tree, ptr, nodes, parents = [0][:0], [0], [0][:0], [0][:0]
    needed = value != 0.0
    for t in range(offsets.shape[0] - 1):
        order, above = [offsets[t]], [offsets[t]]
        at = 0
        while at < len(order):
            node = order[at]
            if left[node] >= 0:
                for child in (left[node], right[node]):
                    order.append(np.int64(child))
                    above.append(node)
            at += 1
        for i in range(len(order) - 1, 0, -1):
            needed[above[i]] |= needed[order[i]]
        if len(order) == 1 or not needed[order[0]]:
            continue
        waiting = [(offsets[t], len(nodes))]
        while len(waiting) > 0:
            node, parent = waiting.pop()
            at = len(nodes)
            nodes.append(node)
            parents.append(parent)
            if left[node] >= 0:
                for child in (right[node], left[node]):
                    if needed[child]:
                        waiting.append((np.int64(child), at))
        tree.append(t)
        ptr.append(len(nodes))
    return np.array(tree), np.array(ptr), np.array(nodes), np.array(parents)


@compiled
def _find_players(ptr, parent, player, ratio):
    """The player of every branch.

    Gives the players of every tree; for each branch the place of its player among them, its depth, the depth of
    the last branch of the same player above, the share of training rows that all branches of the player let through,
    down to this one and down to the one above; and the most players on one path.
    """
    n = parent.shape[0]
    player_ptr, players = [0], [0][:0]
    place, depth, same, asked = np.zeros((4, n), np.int64)
    share, before = np.ones(n), np.ones(n)
    for t in range(ptr.shape[0] - 1):
        for i in range(ptr[t] + 1, ptr[t + 1]):
            depth[i] = depth[parent[i]] + 1
            above = parent[i]
            while depth[above] > 0 and player[above] != player[i]:
                above = parent[above]
            same[i], before[i] = depth[above], share[above]
            share[i] = share[above] * ratio[i]
            asked[i] = asked[parent[i]] + (depth[above] == 0)
            at = player_ptr[-1]
            while at < len(players) and players[at] != player[i]:
                at += 1
            if at == len(players):
                players.append(player[i])
            place[i] = at - player_ptr[-1]
        player_ptr.append(len(players))
    most = asked.max() if n > 0 else 0
    return np.array(player_ptr), np.array(players), place, depth, same, share, before, most
