"""The compiled kernels that score rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from automl_explain.treeshap._jit import compiled, inlined
from automl_explain.treeshap._vectors import LANES, add_rows, answer, go_down, go_up

_ZERO = 1e-35  # |x| up to here is zero where zeros count as missing (LightGBM's kZeroThreshold)
_AHEAD = 64  # rows between asking memory for a table row and adding it
_MANY_CUTS = 500  # from here on a binary search is faster than comparing with every cut


@inlined
def has_category(x: float, start: int, stop: int, bits: np.ndarray) -> bool:
    """Whether a code is in a category set; negative, NaN and unseen codes are in none."""
    if not (-1.0 < x < 32.0 * (stop - start)):
        return False
    code = np.int64(x)
    return bool((bits[start + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1))


@inlined
def _add_walk(x, trees, result):
    """Add the leaves that one row falls into, tree by tree."""
    offsets, output, feature, threshold, missing, default_left, left, right, value = trees[:9]
    category, category_offsets, category_bits, base = trees[9:]
    result[:] = base
    for t in range(output.shape[0]):
        node = np.int64(offsets[t])
        while feature[node] >= 0:
            cell = np.float64(x[feature[node]])
            if category[node] >= 0:
                k = category[node]
                goes_left = default_left[node]
                if cell == cell:
                    goes_left = has_category(cell, category_offsets[k], category_offsets[k + 1], category_bits)
            else:
                if cell != cell and missing[node] == 0:
                    cell = 0.0
                goes_left = cell <= threshold[node]
                if cell != cell or (missing[node] == 1 and -_ZERO <= cell <= _ZERO):
                    goes_left = default_left[node]
            node = np.int64(left[node] if goes_left else right[node])
        result[output[t]] += value[node]


@compiled
def predict(X, trees, result):
    """Margins of the rows of ``X``; fills ``result`` (n_rows, n_outputs)."""
    for r in range(X.shape[0]):
        _add_walk(X[r], trees, result[r])


@compiled
def predict_csr(data, indices, indptr, n_features, trees, result):
    """The same for the rows of a csr matrix."""
    x = np.zeros(n_features)
    for r in range(result.shape[0]):
        for i in range(indptr[r], indptr[r + 1]):
            x[indices[i]] += data[i]
        _add_walk(x, trees, result[r])
        for i in range(indptr[r], indptr[r + 1]):
            x[indices[i]] = 0.0


class Ranking(NamedTuple):
    """What `rank_dense` and `rank_csr` need: see `Columns`; ``zero`` is the rank of an absent cell."""

    feature: np.ndarray  # of each column
    kind: np.ndarray
    cut_ptr: np.ndarray
    cuts: np.ndarray
    zero: np.ndarray
    column_ptr: np.ndarray  # columns of each feature: numbers column_ptr[f]:column_ptr[f + 1]


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


class Tables(NamedTuple):
    """Tables of merged leaves, see `automl_explain.treeshap._grouping`."""

    step_ptr: np.ndarray  # steps of each group
    step_column: np.ndarray
    step_above: np.ndarray
    step_size: np.ndarray
    chunk_ptr: np.ndarray  # chunks of each group: 8 or 4 slots wide
    start: np.ndarray  # of each chunk in `table`
    width: np.ndarray
    slot: np.ndarray  # (n_chunks, 8); the number of slots where there is none
    table: np.ndarray


@compiled
def rank(x, kind, start, stop, cuts):
    """Rank of a cell among the cuts of its column: how many lie below it (binary search)."""
    if kind == 3:
        if x != x:
            return np.int64(cuts[stop - 1])
        if not (-1.0 < x < stop - start - 2):
            return np.int64(cuts[stop - 2])
        return np.int64(cuts[start + np.int64(x)])
    if x != x:
        if kind != 0:
            return stop - start + 1
        x = 0.0
    elif kind == 1 and -_ZERO <= x <= _ZERO:
        return stop - start + 1
    low, n = start, stop - start
    while n > 0:
        half = n >> 1
        if cuts[low + half] < x:
            low += half + 1
            n -= half + 1
        else:
            n = half
    return low - start


@compiled
def rank_dense(X, first, n, columns, x, ranks):
    """Ranks (n_columns, block) of the n rows of ``X`` from ``first`` on; ``x`` (block,) is room to work in."""
    for c in range(columns.feature.shape[0]):
        f, kind, start, stop = columns.feature[c], columns.kind[c], columns.cut_ptr[c], columns.cut_ptr[c + 1]
        found = ranks[c]
        if kind == 3 or stop - start > _MANY_CUTS:
            for r in range(n):
                found[r] = rank(np.float64(X[first + r, f]), kind, start, stop, columns.cuts)
            continue
        for r in range(n):
            cell = np.float64(X[first + r, f])
            x[r] = 0.0 if cell != cell else cell
        count_below(x, columns.cuts[start:stop], found)
        if kind != 0:
            for r in range(n):
                cell = np.float64(X[first + r, f])
                if cell != cell or (kind == 1 and -_ZERO <= cell <= _ZERO):
                    found[r] = stop - start + 1


@compiled
def count_below(x, cuts, found):
    """How many cuts lie below each x: all comparisons, many rows at a time, beat a search in each row."""
    for r in range(x.shape[0]):
        found[r] = 0
    for k in range(cuts.shape[0]):
        cut = cuts[k]
        for r in range(x.shape[0]):
            found[r] += np.uint16(x[r] > cut)


@compiled
def rank_csr(data, indices, indptr, first, n, columns, ranks):
    """The same for rows of a csr matrix; touches only its stored cells."""
    for c in range(ranks.shape[0]):
        ranks[c, :] = columns.zero[c]
    for r in range(n):
        for i in range(indptr[first + r], indptr[first + r + 1]):
            f = indices[i]
            for c in range(columns.column_ptr[f], columns.column_ptr[f + 1]):
                start, stop = columns.cut_ptr[c], columns.cut_ptr[c + 1]
                ranks[c, r] = rank(np.float64(data[i]), columns.kind[c], start, stop, columns.cuts)


@inlined
def satisfies(r, c, leaves):
    """Whether rank ``r`` satisfies condition ``c`` of `Leaves`."""
    if leaves.ranks[c] >= 0:
        return leaves.satisfied[leaves.ranks[c] + r]
    return leaves.low[c] <= r <= leaves.high[c] or r == leaves.missing[c]


@compiled
def leaf_values(value, inside, share, nodes, node_weights, found):
    r"""Shapley values of the game of one leaf, for its d players.

    With o_j = 1 if the row satisfies what the path asks of player j and z_j the share of training rows
    that it lets through, the path-dependent expectation (Lundberg et al. 2020,
    doi:10.1038/s42256-019-0138-9) of the leaf alone, for the players S known, is
    v prod_{i in S} o_i prod_{i not in S} z_i. Its Shapley values are

        phi_j = v (o_j - z_j) \int_0^1 prod_{i != j} (y o_i + (1 - y) z_i) dy,

    for the weights |S|! (d - |S| - 1)! / d! are the integrals of y^|S| (1 - y)^(d - |S| - 1). The
    integrand has degree d - 1, so Gauss-Legendre with ceil(d / 2) nodes is exact (the polynomial is
    that of Linear TreeSHAP, Yu et al. 2022, arXiv:2209.08192).
    """
    d = share.shape[0]
    m = (d + 1) // 2
    for j in range(d):
        found[j] = 0.0
    for j in range(d):
        if not inside[j] and share[j] == 0.0:
            return
    for q in range(m):
        y = nodes[m, q]
        product = node_weights[m, q] * value
        for j in range(d):
            product *= (1.0 - y) * share[j] + (y if inside[j] else 0.0)
        for j in range(d):
            o = 1.0 if inside[j] else 0.0
            found[j] += product * (o - share[j]) / (y * o + (1.0 - y) * share[j])


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


@compiled
def find_cells(ranks, g, tables, cells):
    """Cell of every row in the table of group g."""
    for r in range(cells.shape[0]):
        cells[r] = 0
    for s in range(tables.step_ptr[g], tables.step_ptr[g + 1]):
        column, above, size = ranks[tables.step_column[s]], tables.step_above[s], tables.step_size[s]
        for r in range(cells.shape[0]):
            cells[r] += size if column[r] > above else np.uint16(0)


@compiled
def add_tables(ranks, tables, accumulators, cells):
    """Add the table rows of all groups to the ``accumulators`` (n_slots + 1, block) of a block of rows."""
    table, base, stride = tables.table, accumulators.ctypes.data, accumulators.strides[0]
    n = cells.shape[0]
    for g in range(tables.step_ptr.shape[0] - 1):
        find_cells(ranks, g, tables, cells)
        for k in range(tables.chunk_ptr[g], tables.chunk_ptr[g + 1]):
            at = base + tables.slot[k] * stride
            start = tables.start[k]
            if tables.width[k] == 8:
                for r in range(0, n, 8):
                    o, ahead = 8 * r, min(r + _AHEAD, n - 8)
                    low = (at[0] + o, at[1] + o, at[2] + o, at[3] + o)
                    add_rows(table, start, cells, r, ahead, (*low, at[4] + o, at[5] + o, at[6] + o, at[7] + o))
            else:
                for r in range(0, n, 4):
                    o, ahead = 8 * r, min(r + _AHEAD, n - 4)
                    add_rows(table, start, cells, r, ahead, (at[0] + o, at[1] + o, at[2] + o, at[3] + o))


@compiled
def write(accumulators, n, first, target, result):
    """Copy the slots of n rows to ``result`` (n_outputs, n_rows, n_targets)."""
    n_targets = result.shape[2]
    for s in range(target.shape[0]):
        k, t = target[s] // n_targets, target[s] % n_targets
        for r in range(n):
            result[k, first + r, t] = accumulators[s, r]


@compiled
def room_for(n):
    """Uninitialised float64 that begin with a cache line: vectors that lie in two cost twice."""
    room = np.empty(n + 8)
    first = (64 - room.ctypes.data % 64) % 64 // 8
    return room[first : first + n]


@compiled
def make_accumulators(n_slots, block):
    """Room for the sums, each row from a cache line on and not a power of two behind the one before."""
    length = (block + 7) // 8 * 8 + 24
    return room_for(n_slots * length).reshape(n_slots, length)


@compiled
def explain_dense(X, first, last, block, columns, tables, branches, places, target, result):
    """Values of the rows ``first`` to ``last`` of a dense table, ``block`` at a time; fills ``result``."""
    ranks = np.zeros((columns.feature.shape[0], block), np.uint16)
    x, cells = np.zeros(block), np.empty(block, np.uint16)
    accumulators = make_accumulators(target.shape[0] + 1, block)
    for start in range(first, last, block):
        n = min(block, last - start)
        rank_dense(X, start, n, columns, x, ranks)
        accumulators[:] = 0.0
        add_tables(ranks, tables, accumulators, cells)
        if branches.output.shape[0]:
            add_branches(ranks, n, branches, places, accumulators)
        write(accumulators, n, start, target, result)


@compiled
def explain_csr(data, indices, indptr, first, last, block, columns, tables, branches, places, target, result):
    """The same for rows of a csr matrix."""
    ranks = np.zeros((columns.feature.shape[0], block), np.uint16)
    cells = np.empty(block, np.uint16)
    accumulators = make_accumulators(target.shape[0] + 1, block)
    for start in range(first, last, block):
        n = min(block, last - start)
        rank_csr(data, indices, indptr, start, n, columns, ranks)
        accumulators[:] = 0.0
        add_tables(ranks, tables, accumulators, cells)
        if branches.output.shape[0]:
            add_branches(ranks, n, branches, places, accumulators)
        write(accumulators, n, start, target, result)


@compiled
def explain_row(X, packed, cuts, table, result):
    """Values of the only row of ``X``, in the order of sums of `explain_dense`, so with the same bits.

    ``packed`` begins with the places of the arrays that lie behind one another in it.
    """
    target = packed[packed[11] : packed[12]]
    _, sums = _look_up(X, packed, cuts, table)
    values = result.reshape(-1)
    for s in range(target.shape[0]):
        values[target[s]] = sums[s]


@compiled
def explain_row_with_branches(X, packed, cuts, table, branches, places, result):
    """The same where some leaves have no table."""
    target = packed[packed[11] : packed[12]]
    of_row, sums = _look_up(X, packed, cuts, table)
    ranks, accumulators = np.zeros((of_row.shape[0], LANES), np.uint16), make_accumulators(sums.shape[0], LANES)
    ranks[:, 0], accumulators[:] = of_row, 0.0
    accumulators[:, 0] = sums
    add_branches(ranks, 1, branches, places, accumulators)
    values = result.reshape(-1)
    for s in range(target.shape[0]):
        values[target[s]] = accumulators[s, 0]


@compiled
def _look_up(X, packed, cuts, table):
    """Ranks of the only row of ``X``, and for every slot the sum of its table rows."""
    feature, kind, cut_ptr = packed[packed[0] : packed[1]], packed[packed[1] : packed[2]], packed[packed[2] : packed[3]]
    step_ptr, step_column = packed[packed[3] : packed[4]], packed[packed[4] : packed[5]]
    step_above, step_size = packed[packed[5] : packed[6]], packed[packed[6] : packed[7]]
    group, start, width = packed[packed[7] : packed[8]], packed[packed[8] : packed[9]], packed[packed[9] : packed[10]]
    slot, n_slots = packed[packed[10] : packed[11]], packed[12] - packed[11]
    ranks = np.empty(feature.shape[0], np.uint32)
    for c in range(feature.shape[0]):
        ranks[c] = rank(np.float64(X[0, feature[c]]), kind[c], np.int64(cut_ptr[c]), np.int64(cut_ptr[c + 1]), cuts)
    cells = np.empty(step_ptr.shape[0] - 1, np.uint32)
    for g in range(cells.shape[0]):
        cell = np.uint32(0)
        for s in range(step_ptr[g], step_ptr[g + 1]):
            cell += step_size[s] if ranks[step_column[s]] > step_above[s] else np.uint32(0)
        cells[g] = cell & np.uint32(0xFFFF)
    sums = np.zeros(n_slots + 1)
    for k in range(group.shape[0]):
        at = start[k] + cells[group[k]] * width[k]
        for j in range(width[k]):
            sums[slot[np.uint32(8 * k + j)]] += table[at + np.uint32(j)]
    return ranks, sums
