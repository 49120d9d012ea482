#include "grouping.h"

namespace automl_explain {

namespace {

constexpr i64 TOO_MANY = 1 << 20;

// Nanoseconds a row, measured: for a fetched table row, for a comparison, for a group; and what a table cell is worth,
// which keeps the tables in the cache.
constexpr f64 ROW = 0.5, STEP = 0.015, GROUP = 0.15, CELL = 5e-4;
constexpr f64 INFINITE = __builtin_inf();

// The ranks of every column that some leaves ask about, split where a leaf changes its answer.
struct Pieces {
    i64 n;  // columns
    i64* column;
    i64* start;    // pieces of each column
    i64* lowest;   // rank of each piece
    u64* answers;  // bit i: the piece satisfies the condition of leaf i, or there is none
    u64* members;  // of each column: bit i: leaf i has a condition
};

u64 bit(i64 i) { return (u64)1 << i; }

Pieces pieces(Arena& arena, const i64* leaf, i64 n, const Leaves& leaves, const Columns& columns) {
    i64 n_conditions = 0;
    for (i64 i = 0; i < n; i++) n_conditions += leaves.last_condition(leaf[i]) - leaves.first_condition(leaf[i]);
    i64 *owner = room<i64>(arena, n_conditions), *condition = room<i64>(arena, n_conditions);
    i64 *by_column = room<i64>(arena, n_conditions), *other = room<i64>(arena, n_conditions);
    i64 k = 0;
    for (i64 i = 0; i < n; i++)
        for (i64 c = leaves.first_condition(leaf[i]); c < leaves.last_condition(leaf[i]); c++, k++) {
            owner[k] = i;
            condition[k] = c;
            by_column[k] = k;
        }
    sort_by(by_column, k, other, [&](i64 i) { return leaves.column[condition[i]]; });

    Pieces found = {0, room<i64>(arena, k), room<i64>(arena, k + 1), nullptr, nullptr, room<u64>(arena, k)};
    List<i64> lowest(arena);
    List<u64> answers(arena);
    found.start[0] = 0;
    for (i64 a = 0, b = 0; a < k; a = b) {
        i64 c = leaves.column[condition[by_column[a]]];
        u64 asked = 0;
        while (b < k && leaves.column[condition[by_column[b]]] == c) asked |= bit(owner[by_column[b++]]);
        i64 *cuts, n_cuts = 0;
        if (columns.kind[c] == CATEGORIES) {
            cuts = room<i64>(arena, columns.n_ranks[c]);
            for (; n_cuts < columns.n_ranks[c]; n_cuts++) cuts[n_cuts] = n_cuts;
        } else {
            cuts = room<i64>(arena, 2 * (b - a) + 2);
            i64* room_to_sort = room<i64>(arena, 2 * (b - a) + 2);
            i64 given = 0;
            cuts[given++] = 0;
            for (i64 i = a; i < b; i++) {
                cuts[given++] = leaves.low[condition[by_column[i]]];
                cuts[given++] = leaves.high[condition[by_column[i]]] + 1;
            }
            if (columns.missing_rank(c) >= 0) cuts[given++] = columns.missing_rank(c);
            sort_by(cuts, given, room_to_sort, [](i64 rank) { return rank; });
            for (i64 i = 0; i < given; i++)  // rising, each once
                if (cuts[i] < columns.n_ranks[c] && (n_cuts == 0 || cuts[i] != cuts[n_cuts - 1]))
                    cuts[n_cuts++] = cuts[i];
        }
        for (i64 p = 0; p < n_cuts; p++) {
            u64 word = ~(u64)0;
            for (i64 i = a; i < b; i++)
                if (!leaves.satisfies(cuts[p], condition[by_column[i]])) word &= ~bit(owner[by_column[i]]);
            if (p == 0 || word != answers[answers.n - 1]) {
                lowest.add(cuts[p]);
                answers.add(word);
            }
        }
        found.column[found.n] = c;
        found.members[found.n++] = asked;
        found.start[found.n] = answers.n;
    }
    found.lowest = lowest.data;
    found.answers = answers.data;
    return found;
}

// What decides the cost of merging leaves of one block, given as words of the leaves.
struct Block {
    i64 n;
    Pieces pieces;
    u64* slots;  // of each column: bits of the slots that its player adds to, folded to a word
    i64 most_cells;

    // Nanoseconds a row for one group; infinite above the most cells.
    f64 cost(u64 group) const {
        i64 cells = 1, steps = 0;
        u64 used = 0;
        for (i64 c = 0; c < pieces.n; c++) {
            if (!(pieces.members[c] & group)) continue;
            const u64 *words = pieces.answers + pieces.start[c], *end = pieces.answers + pieces.start[c + 1];
            i64 digits = 1;
            u64 before = words[0] & group;
            for (const u64* p = words + 1; p < end; p++) {
                u64 word = *p & group;
                if (word == before) continue;
                before = word;
                steps++;
                const u64* q = words;
                while ((*q & group) != word) q++;
                digits += q == p;
            }
            cells *= digits;
            used |= slots[c];
            if (cells > most_cells) return INFINITE;
        }
        i64 n_rows = (__builtin_popcountll(used) + 7) / 8;
        return GROUP + ROW * (f64)n_rows + STEP * (f64)steps + CELL * (f64)(cells * n_rows);
    }
};

// Merges the leaves of a block while that saves time; `group_of` is the number of each leaf's group. Gives how many.
i64 merge_block(Arena& scratch, const Block& block, i64* group_of) {
    i64 n = block.n;
    u64* group = room<u64>(scratch, n);
    f64 *cost = room<f64>(scratch, n), *gain = room<f64>(scratch, n * n);
    i64* best = room<i64>(scratch, n);  // of each group: the one below it that merging gains most with
    auto gain_of = [&](i64 i, i64 j) {
        if (cost[i] == INFINITE || cost[j] == INFINITE) return -INFINITE;  // too large for a table: stays alone
        return cost[i] + cost[j] - block.cost(group[i] | group[j]);
    };
    auto find_best = [&](i64 i) {
        best[i] = 0;
        for (i64 j = 1; j < i; j++)
            if (gain[i * n + j] > gain[i * n + best[i]]) best[i] = j;
    };
    for (i64 i = 0; i < n; i++) {
        group[i] = bit(i);
        cost[i] = block.cost(group[i]);
        for (i64 j = 0; j < i; j++) gain[i * n + j] = gain_of(i, j);
        find_best(i);
    }
    for (;;) {
        i64 i = 0;
        for (i64 k = 1; k < n; k++)
            if (group[k] && (i == 0 || gain[k * n + best[k]] > gain[i * n + best[i]])) i = k;
        if (i == 0 || !(gain[i * n + best[i]] > 0.0)) break;
        i64 j = best[i];
        group[j] |= group[i];
        group[i] = 0;
        cost[j] = block.cost(group[j]);
        for (i64 k = 0; k < n; k++) {
            if (k < i) gain[i * n + k] = -INFINITE;
            if (k > i) gain[k * n + i] = -INFINITE;
            if (k != j && group[k]) gain[larger(j, k) * n + smaller(j, k)] = gain_of(j, k);
        }
        for (i64 k = 1; k < n; k++)
            if (group[k]) find_best(k);
    }
    i64 n_groups = 0;
    for (i64 i = 0; i < n; i++) {
        if (!group[i]) continue;
        for (i64 k = 0; k < n; k++)
            if (group[i] & bit(k)) group_of[k] = n_groups;
        n_groups++;
    }
    return n_groups;
}

}  // namespace

Groups merge(Arena& kept, Arena& scratch, i64* order, const List<i64>& block_ptr, const Leaves& leaves,
             const Columns& columns, const Slots& slots, const i64* player_of_column, i64 most_cells) {
    i64 n = block_ptr[block_ptr.n - 1], n_groups = 0;
    i64 *label = room<i64>(kept, n), *numbers = room<i64>(kept, n), *other = room<i64>(kept, n);
    for (i64 b = 0; b + 1 < block_ptr.n; b++) {
        i64 first = block_ptr[b], size = block_ptr[b + 1] - block_ptr[b];
        Mark before = mark(scratch);
        Block block = {size, pieces(scratch, order + first, size, leaves, columns), nullptr, most_cells};
        block.slots = zeros<u64>(scratch, block.pieces.n);
        for (i64 c = 0; c < block.pieces.n; c++) {
            i64 place = slots.place(leaves.output[order[first]], player_of_column[block.pieces.column[c]]);
            for (i64 s = slots.ptr[place]; s < slots.ptr[place + 1]; s++) block.slots[c] |= bit(slots.slot[s] % 64);
        }
        i64 more = merge_block(scratch, block, label + first);
        for (i64 i = first; i < first + size; i++) label[i] += n_groups;
        n_groups += more;
        release(scratch, before);
    }
    for (i64 i = 0; i < n; i++) numbers[i] = i;
    sort_by(numbers, n, other, [&](i64 i) { return label[i]; });
    Groups found = {n_groups, room<i64>(kept, n), zeros<i64>(kept, n_groups + 1)};
    for (i64 i = 0; i < n; i++) {
        found.order[i] = order[numbers[i]];
        found.ptr[label[i] + 1]++;
    }
    for (i64 g = 0; g < n_groups; g++) found.ptr[g + 1] += found.ptr[g];
    return found;
}

Described describe(Arena& kept, Arena& scratch, const Groups& groups, const Leaves& leaves, const Columns& columns) {
    List<i64> axis_ptr(kept), axis_column(kept), digit_ptr(kept), digit_rank(kept), step_ptr(kept), step_column(kept);
    List<u16> step_above(kept), step_size(kept);
    i64* cells = room<i64>(kept, groups.n);
    axis_ptr.add(0);
    digit_ptr.add(0);
    step_ptr.add(0);
    for (i64 g = 0; g < groups.n; g++) {
        Mark before = mark(scratch);
        const i64* leaf = groups.order + groups.ptr[g];
        Pieces split = pieces(scratch, leaf, groups.ptr[g + 1] - groups.ptr[g], leaves, columns);
        cells[g] = 1;
        for (i64 c = 0; c < split.n; c++) {
            i64 first_digit = digit_rank.n, digit_before = 0;
            List<u64> words(scratch);
            for (i64 p = split.start[c]; p < split.start[c + 1]; p++) {
                i64 digit = 0;
                while (digit < words.n && words[digit] != split.answers[p]) digit++;
                if (digit == words.n) {
                    words.add(split.answers[p]);
                    digit_rank.add(split.lowest[p]);
                }
                if (digit != digit_before) {
                    step_column.add(split.column[c]);
                    step_above.add((u16)(split.lowest[p] - 1));
                    step_size.add((u16)((u64)(digit - digit_before) * (u64)cells[g]));
                }
                digit_before = digit;
            }
            axis_column.add(split.column[c]);
            digit_ptr.add(digit_rank.n);
            cells[g] = smaller<i64>(cells[g] * (digit_rank.n - first_digit), TOO_MANY);
        }
        axis_ptr.add(axis_column.n);
        step_ptr.add(step_column.n);
        release(scratch, before);
    }
    return {cells,           axis_ptr.data, axis_column.data, digit_ptr.data, digit_rank.data,
            step_ptr.data,   step_column.data, step_above.data, step_size.data};
}

}  // namespace automl_explain
