// Every leaf as the conditions that its path sets for each player.
//
// A player of the game whose Shapley values are wanted is a feature or a group of features. Along the path to a leaf,
// all splits on one column become one condition, and all conditions on the columns of one player become one: does the
// row satisfy them all?
#pragma once

#include "model.h"

namespace automl_explain {

// Leaves that add something, in the order of the trees.
struct Leaves {
    i64 n;
    i64* node;
    f64* value;
    i64* output;
    i64* player_ptr;  // players of leaf i: player_ptr[i] to player_ptr[i + 1], rising
    i64* player;
    f64* share;          // of training rows that the player's splits on the path let through
    i64* condition_ptr;  // conditions of each of these players
    i64* column;
    i64 *low, *high;  // ranks from low to high satisfy the condition,
    i64* missing;     // and this one, or -1
    i64* ranks;       // for categories: where `satisfied` says it of every rank; else -1
    u8* satisfied;
    f64* expected;  // of each output: where all contributions are zero

    INLINE i64 n_players(i64 leaf) const { return player_ptr[leaf + 1] - player_ptr[leaf]; }
    INLINE i64 first_condition(i64 leaf) const { return condition_ptr[player_ptr[leaf]]; }
    INLINE i64 last_condition(i64 leaf) const { return condition_ptr[player_ptr[leaf + 1]]; }
    INLINE bool satisfies(i64 rank, i64 condition) const {
        if (ranks[condition] >= 0) return satisfied[ranks[condition] + rank];
        return (low[condition] <= rank && rank <= high[condition]) || rank == missing[condition];
    }
};

// Node above each node; -1 for a root.
i64* parents_of(Arena& arena, const Trees& trees);

Leaves find_leaves(Arena& arena, const Trees& trees, const Columns& columns, const Players& players);

}  // namespace automl_explain
