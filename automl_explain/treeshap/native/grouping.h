// Merges leaves into groups that share one table.
//
// A leaf sets one condition for each of its columns, so the conditions of a group of leaves that a row satisfies have
// few patterns: ranks of a column that no leaf of the group tells apart share a digit. The number made of the digits of
// all columns, the cell, decides the values of the whole group: one table row holds them. The idea of tables over
// decision patterns is that of Fast TreeSHAP v2 (Yang 2021, arXiv:2109.09847); merging makes them fewer.
#pragma once

#include "slots.h"

namespace automl_explain {

// Leaves that are tried with each other: as many as bits of a word.
constexpr i64 BLOCK_LEAVES = 64;

// Groups of leaves: group g holds order[ptr[g]] to order[ptr[g + 1]].
struct Groups {
    i64 n;
    i64 *order, *ptr;
};

// Columns, digits, steps and number of cells of every group.
//
// The cell of a row is the sum of the sizes of those steps whose column's rank is above a limit, in 16 bits (so a step
// back is a step around).
struct Described {
    i64* cells;
    i64 *axis_ptr, *axis_column;  // columns of each group, rising
    i64 *digit_ptr, *digit_rank;  // digits of each of these columns, and a rank of each digit
    i64* step_ptr;                // steps of each group
    i64* step_column;
    u16 *step_above, *step_size;
};

// Groups of the leaves in `order`, which the blocks cut into parts: greedy, best pair of groups first. Sorts `order`.
Groups merge(Arena& kept, Arena& scratch, i64* order, const List<i64>& block_ptr, const Leaves& leaves,
             const Columns& columns, const Slots& slots, const i64* player_of_column, i64 most_cells);

Described describe(Arena& kept, Arena& scratch, const Groups& groups, const Leaves& leaves, const Columns& columns);

}  // namespace automl_explain
