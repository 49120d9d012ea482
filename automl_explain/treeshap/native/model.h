// What the engine is given: an ensemble of trees, the ranks of its columns, and the players.
#pragma once

#include "memory.h"

namespace automl_explain {

// Arrays of `TreeEnsemble`, checked there.
struct Trees {
    i64 n_trees, n_nodes, n_outputs, n_features;
    const i64* offsets;  // nodes of tree t: offsets[t] to offsets[t + 1], the root first
    const i32* output;
    const i32* feature;  // -1 in a leaf
    const f64* threshold;
    const i8* missing;  // 0: NaN counts as zero; 1: zero and NaN are missing; 2: NaN is
    const u8* default_left;
    const i32 *left, *right;
    const f64 *cover, *value;
    const i32* category;
    const i64* category_offsets;
    const u32* category_bits;
    const f64* base;
};

// Kind of a column: how it treats missing values (see `Trees::missing`), or that it holds categories.
enum Kind : i64 { NAN_IS_ZERO = 0, ZERO_IS_MISSING = 1, NAN_IS_MISSING = 2, CATEGORIES = 3 };

constexpr f64 ZERO = 1e-35;  // |x| up to here is zero where zeros count as missing (LightGBM's kZeroThreshold)

// Arrays of `Columns`: all splits of the trees in terms of ranks.
struct Columns {
    i64 n;
    const i64 *feature, *kind;
    const i64* cut_ptr;
    const f64* cuts;
    const i64* n_ranks;
    const i32 *node_column, *node_rank;
    const i64* node_ranks_left;  // where `ranks_left` says of every rank whether it goes left, or -1
    const u8* ranks_left;

    // Rank of missing numbers, behind those of the cuts; -1 where none is missing, and for categories.
    INLINE i64 missing_rank(i64 c) const { return kind[c] > 0 && kind[c] < CATEGORIES ? n_ranks[c] - 1 : -1; }
};

// Who plays, and the targets (with weights) that the values of each player are added to.
struct Players {
    i64 n, n_targets;
    const i64* of_feature;
    const i64 *ptr, *target;
    const f64* weight;
};

}  // namespace automl_explain
