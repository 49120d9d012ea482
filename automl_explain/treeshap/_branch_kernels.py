"""The compiled kernels that walk rows through the branches to leaves without a table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from automl_explain.treeshap._jit import compiled
from automl_explain.treeshap._vectors import LANES, answer, go_down, go_up, room_for


class Branches(NamedTuple):
    """Branches that are walked for every row: depth first, tree by tree, from behind its root.

    A branch is the edge to a node from the one above; its ``depth`` is 1 below the root.
    """

    output: np.ndarray  # of each tree
    ptr: np.ndarray  # branches of each tree
    player_ptr: np.ndarray  # players of each tree, in `player`
    player: np.ndarray
    depth: np.ndarray
    same: np.ndarray  # depth of the last branch above of the same player, 0 where there is none
    place: np.ndarray  # of the player among those of the tree
    column: np.ndarray
    low: np.ndarray  # ranks from low to high take the branch,
    high: np.ndarray
    missing: np.ndarray  # and this one; more than any rank where there is none
    category: np.ndarray  # where `ranks_left` says which ranks go left, or -1
    is_left: np.ndarray
    share: np.ndarray  # of training rows that the player's branches down to this one let through
    before: np.ndarray  # the same down to the branch `same`
    value: np.ndarray  # of a leaf, else 0
    ranks_left: np.ndarray
    nodes: np.ndarray  # Gauss-Legendre nodes on (0, 1): enough for the most players on a path
    node_weights: np.ndarray


class Places(NamedTuple):
    """Which slots the value of a player is added to: see `Slots`."""

    n_players: int
    ptr: np.ndarray
    slot: np.ndarray
    weight: np.ndarray


@compiled
def add_branches(ranks, n, branches, places, accumulators):
    r"""Add the values of all leaves at the end of the ``branches`` to ``accumulators`` (n_slots, block) of n rows.

    The leaves of a tree share the products of `leaf_values` along their paths, and their sums on the way back, as in
    Linear TreeSHAP (Yu et al. 2022, arXiv:2209.08192); here a polynomial is its values at the nodes of the quadrature.
    Going down, the product P of a branch is that of the factors (1 - y) z + y o of its players. Going up, S is the
    sum of v P over the leaves below. A player's integral is sum w S (o - z) / ((1 - y) z + y o) at the last of its
    branches; where it has one further down, that one takes back what this one is worth to the leaves below it.
    """
    m, longest, deepest = branches.nodes.shape[0], np.diff(branches.ptr).max(), branches.depth.max()
    terms = room_for(longest * m * 5).reshape(longest, m, 5)
    stack = room_for(2 * (deepest + 1) * m * LANES).reshape(2, deepest + 1, m, LANES)
    own, path = room_for((deepest + 1) * LANES).reshape(-1, LANES), np.zeros(deepest + 1, np.int64)
    inverse = np.ones((deepest + 1, m))  # 1 / ((1 - y) z + y) along the path
    own[0], stack[0, 0] = 1.0, 1.0
    most = np.diff(branches.player_ptr).max()
    found = room_for(most * LANES).reshape(most, LANES)
    for t in range(branches.output.shape[0]):
        first, last = branches.ptr[t], branches.ptr[t + 1]
        _find_terms(first, last, branches, inverse, terms)
        players = branches.player[branches.player_ptr[t] : branches.player_ptr[t + 1]]
        for r in range(0, n, LANES):
            found[: players.shape[0]] = 0.0
            _walk(ranks[:, r : r + LANES], first, last, branches, terms, stack, own, path, found)
            _add_found(found, players, branches.output[t], places, accumulators[:, r : r + LANES])


@compiled
def _add_found(found, players, output, places, accumulators):
    """Add what the players of a tree were found to be worth to their slots."""
    ptr, slot, weight = places.ptr, places.slot, places.weight
    for j in range(players.shape[0]):
        k = output * places.n_players + players[j]
        for s in range(ptr[k], ptr[k + 1]):
            for i in range(LANES):
                accumulators[slot[s], i] += weight[s] * found[j, i]


@compiled
def _find_terms(first, last, branches, inverse, terms):
    """Fill the terms of `go_down` and `go_up` for every branch of a tree.

    With o and z of the player down to this branch, and p and x of those down to its branch before, the product changes
    by ((1 - y) z + y o) / ((1 - y) x + y p): z / x if neither holds, and so on. A leaf's value is in it as well.
    The gain is w times the difference of (o - z) / ((1 - y) z + y o) and the same of p and x: -1 / (1 - y) where a row
    does not take the branch. Where no training row went all is 0.
    """
    nodes, weights, depth, same = branches.nodes, branches.node_weights, branches.depth, branches.same
    share, before, value = branches.share, branches.before, branches.value
    for e in range(first, last):
        z, x = share[e], before[e]
        scale = value[e] if value[e] != 0.0 else 1.0
        none = scale * (z / x) if x > 0.0 else 0.0
        for q in range(nodes.shape[0]):
            y = nodes[q]
            inside, held = 1.0 / ((1.0 - y) * z + y), inverse[same[e], q]
            inverse[depth[e], q] = inside
            worth = (1.0 - x) * held
            lost = -1.0 / (1.0 - y) - worth
            terms[e - first, q, 0] = none
            terms[e - first, q, 1] = scale * (1.0 - y) * z * held - none
            terms[e - first, q, 2] = scale * y * held
            terms[e - first, q, 3] = weights[q] * lost
            terms[e - first, q, 4] = weights[q] * ((1.0 - z) * inside - worth - lost)


@compiled
def _walk(ranks, first, last, branches, terms, stack, own, path, found):
    """Walk one tree for LANES rows, down and up, and add the values of its players to ``found``."""
    depth, same, place, value = branches.depth, branches.same, branches.place, branches.value
    column, low, high, missing = branches.column, branches.low, branches.high, branches.missing
    category, is_left, ranks_left = branches.category, branches.is_left, branches.ranks_left
    m, row, block = stack.shape[2], 8 * LANES, 8 * LANES * stack.shape[2]
    product, below = stack.ctypes.data, stack.ctypes.data + stack.shape[1] * block
    owns, founds, term = own.ctypes.data, found.ctypes.data, terms.ctypes.data
    top = 0
    for e in range(first, last + 1):
        d = depth[e] if e < last else 1
        while top >= d:  # all below is summed up
            b = path[top]
            place_of, same_of, at = founds + place[b] * row, owns + same[b] * row, term + (b - first) * m * 40
            go_up(place_of, below + (top - 1) * block, below + top * block, same_of, owns + top * row, at, m)
            top -= 1
        if e == last:
            break
        place_of, same_of, at = founds + place[e] * row, owns + same[e] * row, term + (e - first) * m * 40
        if category[e] < 0:
            cells = ranks.ctypes.data + column[e] * ranks.strides[0]
            answer(owns + d * row, same_of, cells, low[e], high[e], missing[e])
        else:
            for i in range(LANES):
                left = ranks_left[category[e] + ranks[column[e], i]]
                own[d, i] = own[same[e], i] if left == is_left[e] else 0.0
        go_down(product + d * block, product + (d - 1) * block, same_of, owns + d * row, at, m)
        if value[e] != 0.0:
            go_up(place_of, below + (d - 1) * block, product + d * block, same_of, owns + d * row, at, m)
        else:
            stack[1, d] = 0.0
            path[d], top = e, d
