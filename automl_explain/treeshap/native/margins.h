// Walks rows through trees to their margins, which contributions add up to (kernels).
#pragma once

#include "model.h"
#include "rows.h"

namespace automl_explain {
namespace {

// Whether a code is in a category set; negative, NaN and unseen codes are in none.
INLINE bool has_category(f64 x, i64 start, i64 stop, const u32* bits) {
    if (!(-1.0 < x && x < 32.0 * (f64)(stop - start))) return false;
    i64 code = (i64)x;
    return bits[start + (code >> 5)] >> (code & 31) & 1;
}

INLINE bool goes_left(const Trees& trees, i64 node, f64 x) {
    if (trees.category[node] >= 0) {
        const i64* set = trees.category_offsets + trees.category[node];
        return x != x ? (bool)trees.default_left[node] : has_category(x, set[0], set[1], trees.category_bits);
    }
    if (x != x && trees.missing[node] == NAN_IS_ZERO) x = 0.0;
    bool missing = x != x || (trees.missing[node] == ZERO_IS_MISSING && -ZERO <= x && x <= ZERO);
    return missing ? (bool)trees.default_left[node] : x <= trees.threshold[node];
}

// Adds the leaves that one row falls into, tree by tree.
template <class Value>
INLINE void add_leaves(const Trees& trees, f64* margin, Value value) {
    for (i64 k = 0; k < trees.n_outputs; k++) margin[k] = trees.base[k];
    for (i64 t = 0; t < trees.n_trees; t++) {
        i64 node = trees.offsets[t];
        while (trees.feature[node] >= 0)
            node = goes_left(trees, node, value(trees.feature[node])) ? trees.left[node] : trees.right[node];
        margin[trees.output[t]] += trees.value[node];
    }
}

void predict_dense(const Trees& trees, const f64* rows, i64 n, f64* margins) {
    for (i64 r = 0; r < n; r++)
        add_leaves(trees, margins + r * trees.n_outputs, [&](i64 f) { return rows[r * trees.n_features + f]; });
}

// The same for rows of a csr matrix of float64; `x` has room for a row and holds zeros.
template <class Index>
void predict_sparse(const Trees& trees, const f64* values, const Index* indices, const Index* row_ptr, i64 n, f64* x,
                    f64* margins) {
    for (i64 r = 0; r < n; r++) {
        for (Index i = row_ptr[r]; i < row_ptr[r + 1]; i++) x[indices[i]] += values[i];
        add_leaves(trees, margins + r * trees.n_outputs, [&](i64 f) { return x[f]; });
        for (Index i = row_ptr[r]; i < row_ptr[r + 1]; i++) x[indices[i]] = 0.0;
    }
}

void predict_sparse_of(const Trees& trees, const SparseRows& rows, i64 n, f64* x, f64* margins) {
    const f64* values = (const f64*)rows.values;
    if (rows.is_wide)
        predict_sparse(trees, values, (const i64*)rows.indices, (const i64*)rows.row_ptr, n, x, margins);
    else
        predict_sparse(trees, values, (const i32*)rows.indices, (const i32*)rows.row_ptr, n, x, margins);
}

}  // namespace
}  // namespace automl_explain
