// Leaves with many players in two smaller tables instead of one large one.
//
// Leaves below one node of a tree share the conditions of the players that only the path to the node asks about, the
// prefix A, and differ in those of the players asked below, B. For a leaf of value v the formula of `leaf_values` is a sum
// over the nodes q of the quadrature of products over players, and the product splits into
//
//     P_q = prod_{i in A} f_i(y_q)      and      S_q = w_q sum over leaves of v prod_{i in B} f_i(y_q),
//
// which depend on the row only through its answers in A and in B. With g_j = (o_j - z_j) / f_j(y_q) as in `leaf_values`,
//
//     phi_j = sum_q P_q S_q g_j,q   for j in A,      phi_j = sum_q P_q W_j,q   for j in B,
//
// where W_j,q is the sum of S_q with every leaf's product times its own g_j. So a row of |B| + 1 vectors for each cell of
// B, and one vector for each of the 2^|A| answers in A (in parts of a few conditions, whose products are multiplied), take
// the place of a table with a cell for each answer of both. Sources as in `filling.h`; sums over leaves at the nodes of a
// quadrature are those of Linear TreeSHAP (Yu et al. 2022, arXiv:2209.08192).
#pragma once

#include "grouping.h"
#include "quadrature.h"
#include "steps.h"

namespace automl_explain {

constexpr i64 NODES = 8;  // of the quadrature, a cache line of them; rules have a multiple of it
constexpr i64 MOST_PLAYERS = 64;  // of a factor: the answers of a leaf are bits of a word

// One group of leaves.
struct Factor {
    i64 n_vectors;           // of NODES nodes each
    i64 first_part, n_parts; // tables of the prefix; the table of B is the one behind them
    i64 first_player, n_a, n_b;  // of its players in `Factors`, those of A first
    i64 constant;            // in the values: g for each node, if the answer is no, then of each player of A if it is yes
    i64 stride;              // from node to node of these
};

struct FactorPlayer {
    i64 place;    // among the players of the tree
    i64 part;     // of a player of A: which part of the prefix holds its conditions,
    i16 answers;  // and their bits in the cell of that part
};

// Factors, tree by tree.
struct Factors {
    i64 n_trees, n;
    i64* ptr;         // factors of each tree
    i64* output;      // of each tree
    i64* player_ptr;  // players of each tree
    i64* tree_player;
    Factor* factor;
    FactorPlayer* player;
    Steps steps;  // of each table
    i64* start;   // of each table in the values
    f64* values;
    i64 n_values;
    i64 most_tables, most_players;  // of a tree
    Rules rules;
    i64 n_leaves;
};

// What `fill_factors` needs: leaves with the players of B alone, and their cells.
struct FactorLayout {
    Leaves below;
    Groups groups;
    Described described;
    i64* player;  // of each entry of `Factors::player`
    f64* share;   // of the players of A
};

// Finds factors for leaves that are in no table and marks those it takes as being in one.
FactorLayout find_factors(Arena& kept, Arena& work, Arena& temporary, Arena& more, const Trees& trees,
                          const Columns& columns, const Players& players, const Leaves& leaves, u8* in_tables,
                          i64 max_bytes, Factors& factors);

}  // namespace automl_explain
