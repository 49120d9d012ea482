// Exact interaction values of pairs of players: what is prepared once for an ensemble.
//
// Values add up over leaves. For a leaf of value v, with o_i = 1 where a row satisfies the conditions of player i on the
// path and z_i the share of training rows that these let through, the Shapley value and the Shapley interaction index are
//
//     phi_i = v (o_i - z_i)             \int_0^1 prod_{k != i}    (y o_k + (1 - y) z_k) dy,
//     I_ij  = v (o_i - z_i) (o_j - z_j) \int_0^1 prod_{k != i, j} (y o_k + (1 - y) z_k) dy,
//
// for the weights |S|! (d - |S| - 2)! / (d - 1)! of the index (Grabisch and Roubens 1999, doi:10.1007/s001820050125) are
// the integrals of y^|S| (1 - y)^(d - |S| - 2). Gauss-Legendre with ceil(d / 2) nodes is exact for both. The matrix of a
// row has I_ij / 2 off the diagonal, and on it what these leave of phi_i (Lundberg et al. 2020,
// doi:10.1038/s42256-019-0138-9).
//
// The leaves of a *part*, most of them of one tree, ask the same few players, so their pairs share few sums, which stay in
// the first cache. Every pair of players of an output has a *slot*, where the sums of all parts come together. Slots become
// the entries of a row's matrix in two steps, as the matrix M of the players becomes W M W^T with the weights W of the
// targets: first M W^T, whose numbers belong to a player and a target, then W times that.
#pragma once

#include "prepared.h"
#include "quadrature.h"
#include "rows.h"

namespace automl_explain {

// Row i of a sparse matrix: `from` and `weight` from ptr[i] to ptr[i + 1].
struct SparseMap {
    i64 n;
    const i64* ptr;
    const u32* from;
    const f64* weight;
};

struct Interactions {
    Arena arena;  // all below lies here
    i64 n_outputs, n_targets;
    Ranking ranking;
    Leaves leaves;
    Rules rules;
    i64 n_pairs;  // of the players of each leaf, with themselves too; the rest is there where there are not too many
    i64 n_parts, n_slots;
    const i64* order;      // leaves, part by part
    const i64* leaf_ptr;   // leaves of each part in `order`
    const i64* place_ptr;  // places of each leaf in `order`: of its pairs (0, 0), (0, 1), ..., (1, 1), ...
    const u32* place;      // among the slots of the part
    const i64* slot_ptr;   // slots of each part
    const u32* slot;
    SparseMap first, second;  // from slots to numbers of a player and a target, from those to entries
    const i64* entry;         // (output * n_targets + target) * n_targets + other of each entry, target <= other

    // Most of one part, and players of one leaf: what the kernel needs room for.
    i64 block;  // rows at a time
    i64 most_slots, most_asked, most_nodes, most_terms, most_players;
};

// Pairs, and weights to fold them by: each kind takes a gigabyte while it is prepared.
constexpr i64 MOST_PAIRS = 1 << 25;

// False where memory ran out; the caller frees the arena in either case. Where there are more than MOST_PAIRS, `n_pairs`
// tells it and the rest is not there.
bool prepare_interactions(Interactions& made, const Trees& trees, const Columns& columns, const Players& players);

// Where entries go: entry e of row r to at[e] + r * stride and mirror[e] + r * stride.
struct Entries {
    const i64 *at, *mirror;
    i64 stride;
    f64* result;
};

}  // namespace automl_explain
