"""Merges leaves into groups that share one table (kernels).

A leaf sets one condition for each of its columns, so the conditions of a group of leaves that a row satisfies have few
patterns: ranks of a column that no leaf of the group tells apart share a *digit*. The number made of the
digits of all columns, the *cell*, decides the values of the whole group: one table row holds them. The idea
of tables over decision patterns is that of Fast TreeSHAP v2 (Yang 2021, arXiv:2109.09847); merging makes
them fewer.
"""

from __future__ import annotations

import numpy as np

from automl_explain.treeshap._jit import compiled

#: Leaves that are tried with each other: as many as bits of a word.
BLOCK = 64
_TOO_MANY = 1 << 20

# Measured nanoseconds a row: for a fetched table row of 8 and of 4, for a comparison, for a group; and what
# a table cell is worth, which keeps the tables in the cache.
_ROW8, _ROW4, _STEP, _GROUP = 1.05, 0.6, 0.034, 0.15


@compiled
def pieces(order, leaves, first, last, n_ranks, missing_rank):
    """Split the ranks of every column where a leaf of ``order[first:last]`` changes its answer.

    Gives the columns, where the pieces of each begin, the lowest rank of every piece, a word that says
    for which of the leaves the piece satisfies the condition on the column (or there is none), and a
    word that says which leaves have one.
    """
    owner, condition = [0][:0], [0][:0]
    for i in range(first, last):
        leaf = order[i]
        players = leaves.player_ptr[leaf], leaves.player_ptr[leaf + 1]
        for c in range(leaves.condition_ptr[players[0]], leaves.condition_ptr[players[1]]):
            owner.append(i - first)
            condition.append(c)
    by_column = np.argsort(leaves.column[np.array(condition)], kind="mergesort")
    columns, starts, lowest = [0][:0], [0], [0][:0]
    answers, members = [np.uint64(0)][:0], [np.uint64(0)][:0]
    a = 0
    while a < len(by_column):
        c = leaves.column[condition[by_column[a]]]
        b, asked = a, np.uint64(0)
        cuts = [0]
        while b < len(by_column) and leaves.column[condition[by_column[b]]] == c:
            at = condition[by_column[b]]
            asked |= np.uint64(1) << np.uint64(owner[by_column[b]])
            cuts.append(leaves.low[at])
            cuts.append(leaves.high[at] + 1)
            b += 1
        if missing_rank[c] >= 0:
            cuts.append(missing_rank[c])
        of_categories = leaves.ranks[condition[by_column[a]]] >= 0
        at_cuts = np.arange(n_ranks[c]) if of_categories else _distinct(np.array(cuts), n_ranks[c])
        words = np.full(at_cuts.shape[0], ~np.uint64(0))
        for i in range(a, b):
            _strike_out(np.uint64(1) << np.uint64(owner[by_column[i]]), condition[by_column[i]], leaves, at_cuts, words)
        for p in range(words.shape[0]):
            if p == 0 or words[p] != words[p - 1]:
                lowest.append(at_cuts[p])
                answers.append(words[p])
        columns.append(c)
        members.append(asked)
        starts.append(len(lowest))
        a = b
    return np.array(columns), np.array(starts), np.array(lowest), np.array(answers), np.array(members)


@compiled
def _distinct(numbers, stop):
    """The numbers below ``stop``, rising and each once."""
    numbers.sort()
    n = 0
    for number in numbers:
        if number < stop and (n == 0 or number != numbers[n - 1]):
            numbers[n] = number
            n += 1
    return numbers[:n]


@compiled
def _strike_out(bit, c, leaves, ranks, words):
    """Take a bit out of the words of those ranks that do not satisfy condition ``c``."""
    of_category, satisfied, first = leaves.ranks[c] >= 0, leaves.satisfied, leaves.ranks[c]
    low, high, missing = leaves.low[c], leaves.high[c], leaves.missing[c]
    for p in range(ranks.shape[0]):
        r = ranks[p]
        if not (satisfied[first + r] if of_category else low <= r <= high or r == missing):
            words[p] &= ~bit


@compiled
def _count_bits(word):
    n = 0
    while word != np.uint64(0):
        word &= word - np.uint64(1)
        n += 1
    return n


@compiled
def _cost(group, starts, answers, members, slots, cap, cell_cost):
    """Nanoseconds a row for one group of leaves, given as a word; infinite above ``cap`` cells."""
    cells, steps, used = 1, 0, np.uint64(0)
    for c in range(members.shape[0]):
        if members[c] & group == np.uint64(0):
            continue
        digits, before = 1, answers[starts[c]] & group
        for p in range(starts[c] + 1, starts[c + 1]):
            word = answers[p] & group
            if word == before:
                continue
            before = word
            steps += 1
            q = starts[c]
            while answers[q] & group != word:
                q += 1
            digits += q == p
        cells *= digits
        used |= slots[c]
        if cells > cap:
            return np.inf
    n = _count_bits(used)
    rest = 0.0 if n % 8 == 0 else (_ROW4 if n % 8 <= 4 else _ROW8)
    return _GROUP + _ROW8 * (n // 8) + rest + _STEP * steps + cell_cost * cells * n


@compiled
def merge(order, leaves, block_ptr, n_ranks, missing_rank, slot_ptr, slot, n_players, player_of_column, cap, cell_cost):
    """Number of the group of every leaf in ``order``: greedy, best pair of groups first, within blocks."""
    label = np.empty(block_ptr[-1], np.int64)
    n_groups = 0
    for block in range(block_ptr.shape[0] - 1):
        first, last = block_ptr[block], block_ptr[block + 1]
        columns, starts, _, answers, members = pieces(order, leaves, first, last, n_ranks, missing_rank)
        slots = np.zeros(columns.shape[0], np.uint64)
        for c in range(columns.shape[0]):
            k = leaves.output[order[first]] * n_players + player_of_column[columns[c]]
            for s in range(slot_ptr[k], slot_ptr[k + 1]):
                slots[c] |= np.uint64(1) << np.uint64(slot[s] % 64)
        groups = _merge_block(last - first, starts, answers, members, slots, cap, cell_cost)
        for i in range(last - first):
            label[first + i] = n_groups + groups[i]
        n_groups += groups.max() + 1
    return label


@compiled
def _merge_block(n, starts, answers, members, slots, cap, cell_cost):
    group = np.empty(n, np.uint64)
    cost, gain = np.empty(n), np.full((n, n), -np.inf)
    for i in range(n):
        group[i] = np.uint64(1) << np.uint64(i)
        # A leaf too large for a table stays alone.
        cost[i] = _cost(group[i], starts, answers, members, slots, cap, cell_cost)
    for i in range(n):
        for j in range(i):
            if np.isfinite(cost[i]) and np.isfinite(cost[j]):
                gain[i, j] = (
                    cost[i] + cost[j] - _cost(group[i] | group[j], starts, answers, members, slots, cap, cell_cost)
                )
    while True:
        best = np.argmax(gain)
        i, j = best // n, best % n
        if not gain[i, j] > 0.0:
            break
        group[j] |= group[i]
        group[i] = np.uint64(0)
        cost[j] = _cost(group[j], starts, answers, members, slots, cap, cell_cost)
        gain[i, :] = -np.inf
        gain[:, i] = -np.inf
        for k in range(n):
            if k != j and group[k] != np.uint64(0) and np.isfinite(cost[k]):
                both = _cost(group[j] | group[k], starts, answers, members, slots, cap, cell_cost)
                gain[max(j, k), min(j, k)] = cost[j] + cost[k] - both
    result, n_groups = np.empty(n, np.int64), 0
    for i in range(n):
        if group[i] != np.uint64(0):
            for k in range(n):
                if (group[i] >> np.uint64(k)) & np.uint64(1):
                    result[k] = n_groups
            n_groups += 1
    return result


@compiled
def describe(order, leaves, group_ptr, n_ranks, missing_rank):
    """Columns, digits, steps and number of cells of every group.

    The cell of a row is the sum of the ``size`` of those steps whose column's rank is above ``above``,
    in 16 bits (so a step back is a step around).
    """
    axis_ptr, axis_column, digit_ptr, digit_rank = [0], [0][:0], [0], [0][:0]
    step_ptr, step_column, step_above, step_size = [0], [0][:0], [0][:0], [np.uint16(0)][:0]
    cells = np.ones(group_ptr.shape[0] - 1, np.int64)
    for g in range(group_ptr.shape[0] - 1):
        columns, starts, lowest, answers, _ = pieces(
            order, leaves, group_ptr[g], group_ptr[g + 1], n_ranks, missing_rank
        )
        for c in range(columns.shape[0]):
            words = [answers[starts[c]]]
            digit_rank.append(lowest[starts[c]])
            before = 0
            for p in range(starts[c] + 1, starts[c + 1]):
                digit = 0
                while digit < len(words) and words[digit] != answers[p]:
                    digit += 1
                if digit == len(words):
                    words.append(answers[p])
                    digit_rank.append(lowest[p])
                if digit != before:
                    step_column.append(columns[c])
                    step_above.append(lowest[p] - 1)
                    step_size.append(np.uint16((digit - before) * cells[g] & 0xFFFF))
                before = digit
            axis_column.append(columns[c])
            digit_ptr.append(len(digit_rank))
            cells[g] = min(cells[g] * len(words), _TOO_MANY)
        axis_ptr.append(len(axis_column))
        step_ptr.append(len(step_column))
    return (
        cells, np.array(axis_ptr), np.array(axis_column), np.array(digit_ptr), np.array(digit_rank),
        np.array(step_ptr), np.array(step_column), np.array(step_above), np.array(step_size),
    )  # fmt: skip
