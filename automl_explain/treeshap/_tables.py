"""Fills the tables of the groups of leaves (kernels)."""

from __future__ import annotations

import numpy as np

from automl_explain.treeshap._jit import compiled
from automl_explain.treeshap._kernels import leaf_values, satisfies


@compiled
def group_slots(order, leaves, group_ptr, slot_ptr, slot, n_players, n_slots):
    """The slots that the leaves of every group add to, rising: where those of a group begin, and all."""
    seen = np.full(n_slots, -1, np.int64)
    starts, found = [0], [0][:0]
    for g in range(group_ptr.shape[0] - 1):
        mine = [0][:0]
        for i in range(group_ptr[g], group_ptr[g + 1]):
            leaf = order[i]
            for j in range(leaves.player_ptr[leaf], leaves.player_ptr[leaf + 1]):
                k = leaves.output[leaf] * n_players + leaves.player[j]
                for s in range(slot_ptr[k], slot_ptr[k + 1]):
                    if seen[slot[s]] != g:
                        seen[slot[s]] = g
                        mine.append(slot[s])
        mine.sort()
        found.extend(mine)
        starts.append(len(found))
    return np.array(starts), np.array(found)


@compiled
def _patterns(value, share, nodes, node_weights):
    """Values of a leaf for each of the 2^d answers of its d players, (2^d, d)."""
    d = share.shape[0]
    inside, result = np.empty(d, np.bool_), np.empty((1 << d, d))
    for pattern in range(1 << d):
        for j in range(d):
            inside[j] = (pattern >> j) & 1
        leaf_values(value, inside, share, nodes, node_weights, result[pattern])
    return result


@compiled
def _leaf_answers(leaf, leaves, axis_column, digit_ptr, digit_rank, radix):
    """For every cell of a group the pattern of the leaf's answers: bit j for its player j."""
    result = np.zeros(np.prod(radix), np.int64)
    first = leaves.player_ptr[leaf]
    result[:] = (1 << (leaves.player_ptr[leaf + 1] - first)) - 1
    for j in range(first, leaves.player_ptr[leaf + 1]):
        bit = 1 << (j - first)
        for c in range(leaves.condition_ptr[j], leaves.condition_ptr[j + 1]):
            axis = np.searchsorted(axis_column, leaves.column[c])
            inner = np.prod(radix[:axis])
            for digit in range(radix[axis]):
                if satisfies(digit_rank[digit_ptr[axis] + digit], c, leaves):
                    continue
                for outer in range(digit * inner, result.shape[0], inner * radix[axis]):
                    for cell in range(outer, outer + inner):
                        result[cell] &= ~bit
    return result


@compiled
def fill(order, leaves, group_ptr, axes, slots, slot_starts, group_slot, where, table):
    """Add the values of each leaf to every cell of its group's table.

    ``where`` is, for every slot of every group, the place of its first cell in ``table`` and the step
    from cell to cell.
    """
    axis_ptr, axis_column, digit_ptr, digit_rank = axes
    slot_ptr, slot, weight, n_players, nodes, node_weights = slots
    for g in range(group_ptr.shape[0] - 1):
        a, b = axis_ptr[g], axis_ptr[g + 1]
        radix = digit_ptr[a + 1 : b + 1] - digit_ptr[a:b]
        mine = group_slot[slot_starts[g] : slot_starts[g + 1]]
        n_cells = np.prod(radix)
        values = np.zeros((mine.shape[0], n_cells))
        for i in range(group_ptr[g], group_ptr[g + 1]):
            leaf = order[i]
            first, last = leaves.player_ptr[leaf], leaves.player_ptr[leaf + 1]
            answers = _leaf_answers(leaf, leaves, axis_column[a:b], digit_ptr[a:b], digit_rank, radix)
            found = _patterns(leaves.value[leaf], leaves.share[first:last], nodes, node_weights)
            for j in range(first, last):
                k = leaves.output[leaf] * n_players + leaves.player[j]
                for s in range(slot_ptr[k], slot_ptr[k + 1]):
                    row = values[np.searchsorted(mine, slot[s])]
                    for cell in range(n_cells):
                        row[cell] += weight[s] * found[answers[cell], j - first]
        for s in range(mine.shape[0]):
            start, step = where[slot_starts[g] + s, 0], where[slot_starts[g] + s, 1]
            for cell in range(n_cells):
                table[start + cell * step] = values[s, cell]
