// Everything that can be computed before the first row.
#pragma once

#include "branches.h"
#include "factors.h"
#include "tables.h"

namespace automl_explain {

// How the values of features become ranks; see `Columns`.
struct Ranking {
    i64 n, n_features;  // columns, features
    i64 *feature, *kind, *cut_ptr;
    f64* cuts;
    i64* zero;        // rank of an absent value of a sparse row
    i64* column_ptr;  // columns of each feature: numbers column_ptr[f] to column_ptr[f + 1]
};

Ranking find_ranking(Arena& kept, const Columns& columns, i64 n_features);

struct Prepared {
    Arena arena;  // all below lies here
    i64 n_outputs, n_targets;
    Ranking ranking;
    Slots slots;
    Tables tables;
    Factors factors;
    Branches branches;
    f64* expected;
    i64 block;       // rows that share one pass over the tables
    i64 most_parts;  // of a bundle
    i64 n_leaves, n_in_tables, n_in_factors;
};

// False where memory ran out; the caller frees the arena in either case.
bool prepare(Prepared& made, const Trees& trees, const Columns& columns, const Players& players, i64 max_bytes);

}  // namespace automl_explain
