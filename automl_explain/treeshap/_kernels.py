"""The compiled kernels that score rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from automl_explain.treeshap._branch_kernels import add_branches
from automl_explain.treeshap._jit import compiled, inlined
from automl_explain.treeshap._margins import ZERO
from automl_explain.treeshap._vectors import LANES, add_rows, room_for

_AHEAD = 64  # rows between asking memory for a table row and adding it
_MANY_CUTS = 500  # from here on a binary search is faster than comparing with every cut


class Ranking(NamedTuple):
    """What `rank_dense` and `rank_csr` need: see `Columns`; ``zero`` is the rank of an absent value of a sparse row."""

    feature: np.ndarray  # of each column
    kind: np.ndarray
    cut_ptr: np.ndarray
    cuts: np.ndarray
    zero: np.ndarray
    column_ptr: np.ndarray  # columns of each feature: numbers column_ptr[f]:column_ptr[f + 1]


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
    """Rank of a value among the cuts of its column: how many lie below it (binary search)."""
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
    elif kind == 1 and -ZERO <= x <= ZERO:
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
                if cell != cell or (kind == 1 and -ZERO <= cell <= ZERO):
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

    With o_j = 1 if the row satisfies the conditions of player j on the path and z_j the share of training rows
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
