// The branches of trees that lead to leaves without a table; they are walked for every row.
#pragma once

#include "leaves.h"
#include "quadrature.h"

namespace automl_explain {

// The edge to a node from the one above.
struct Branch {
    i64 depth;   // 1 below the root
    i64 same;    // depth of the last branch above of the same player, 0 where there is none
    i64 place;   // of the player among those of the tree
    i64 column;
    u16 low, high;  // ranks from low to high take the branch,
    u16 missing;    // and this one; more than any rank where there is none
    u8 is_left;
    i64 category;  // where `ranks_left` says which ranks go left, or -1
    f64 share;     // of training rows that the player's branches down to this one let through
    f64 before;    // the same down to the branch `same`
    f64 value;     // of a leaf, else 0
};

// Depth first, tree by tree, from behind its root.
struct Branches {
    i64 n_trees, n;
    i64* output;  // of each tree
    i64* ptr;     // branches of each tree
    i64* player_ptr;
    i64* player;   // players of each tree
    i64* n_nodes;  // of the quadrature: enough for the most players on a path of the tree
    Branch* branch;
    const u8* ranks_left;
    Rules rules;
    i64 most_branches, most_players, deepest;  // of a tree
};

// Branches down to those leaves that are in no table.
Branches find_branches(Arena& kept, Arena& work, const Trees& trees, const Columns& columns, const Players& players,
                       const Leaves& leaves, const u8* in_tables);

}  // namespace automl_explain
