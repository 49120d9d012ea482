// Ranks of values among the cuts of their column: how many cuts lie below them (kernels).
#pragma once

#include "prepared.h"
#include "rows.h"
#include "vectors.h"

namespace automl_explain {
namespace {

constexpr i64 MANY_CUTS = 500;  // from here on a binary search is faster than comparing with every cut
constexpr i64 RANK_ROWS = 32;   // rows of a block are a multiple of this

INLINE bool is_zero(f64 x) { return -ZERO <= x && x <= ZERO; }

INLINE i64 rank_of(f64 x, i64 kind, const f64* cuts, i64 n) {
    if (kind == CATEGORIES) {
        // Behind the ranks of the codes those of unseen codes and of NaN.
        if (x != x) return (i64)cuts[n - 1];
        if (!(-1.0 < x && x < (f64)(n - 2))) return (i64)cuts[n - 2];
        return (i64)cuts[(i64)x];
    }
    if (x != x) {
        if (kind != NAN_IS_ZERO) return n + 1;
        x = 0.0;
    } else if (kind == ZERO_IS_MISSING && is_zero(x)) {
        return n + 1;
    }
    const f64* low = cuts;  // no branch depends on x
    while (n > 1) {
        i64 half = n >> 1;
        low += low[half - 1] < x ? half : 0;
        n -= half;
    }
    return low - cuts + (n == 1 && *low < x);
}

// How many cuts lie below each x: all comparisons, many rows at a time, beat a search in each row.
INLINE void count_below(const f64* x, i64 n, const f64* cuts, i64 n_cuts, u16* found) {
    constexpr int GROUPS = 4;
    for (i64 r = 0; r < n; r += GROUPS * LANES) {
        f64x8 values[GROUPS];
        i64x8 below[GROUPS] = {};
        for (int g = 0; g < GROUPS; g++) values[g] = load(x + r + g * LANES);
        for (i64 k = 0; k < n_cuts; k++) {
            f64x8 cut = in_all_lanes(cuts[k]);
            for (int g = 0; g < GROUPS; g++) below[g] -= values[g] > cut;
        }
        for (int g = 0; g < GROUPS; g++)
            *(u16x8_anywhere*)(found + r + g * LANES) = __builtin_convertvector(below[g], u16x8);
    }
}

// Ranks of n rows from `first` on, (n_columns, stride); rows behind them get any rank. `x` has room for a block.
template <class T>
void rank_dense(const Ranking& columns, const DenseRows& rows, i64 first, i64 n, i64 stride, f64* x, u16* ranks) {
    i64 rounded = (n + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS;
    for (i64 c = 0; c < columns.n; c++) {
        const T* from = (const T*)rows.values + first * rows.row_stride + columns.feature[c] * rows.column_stride;
        const f64* cuts = columns.cuts + columns.cut_ptr[c];
        i64 kind = columns.kind[c], n_cuts = columns.cut_ptr[c + 1] - columns.cut_ptr[c];
        u16* found = ranks + c * stride;
        if (kind == CATEGORIES || n_cuts > MANY_CUTS) {
            for (i64 r = 0; r < n; r++) found[r] = (u16)rank_of((f64)from[r * rows.row_stride], kind, cuts, n_cuts);
            for (i64 r = n; r < rounded; r++) found[r] = 0;
            continue;
        }
        bool any_missing = false;
        for (i64 r = 0; r < n; r++) {
            f64 value = (f64)from[r * rows.row_stride];
            x[r] = value != value ? 0.0 : value;
            any_missing |= value != value || (kind == ZERO_IS_MISSING && is_zero(value));
        }
        for (i64 r = n; r < rounded; r++) x[r] = 0.0;
        count_below(x, rounded, cuts, n_cuts, found);
        if (kind == NAN_IS_ZERO || !any_missing) continue;
        for (i64 r = 0; r < n; r++) {
            f64 value = (f64)from[r * rows.row_stride];
            if (value != value || (kind == ZERO_IS_MISSING && is_zero(value))) found[r] = (u16)(n_cuts + 1);
        }
    }
}

// The same for rows of a csr matrix; touches only its stored values.
template <class T, class Index>
void rank_sparse(const Ranking& columns, const SparseRows& rows, i64 first, i64 n, i64 stride, u16* ranks) {
    const T* values = (const T*)rows.values;
    const Index *indices = (const Index*)rows.indices, *row_ptr = (const Index*)rows.row_ptr;
    i64 rounded = (n + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS;
    for (i64 c = 0; c < columns.n; c++)
        for (i64 r = 0; r < rounded; r++) ranks[c * stride + r] = (u16)columns.zero[c];
    for (i64 r = 0; r < n; r++)
        for (Index i = row_ptr[first + r]; i < row_ptr[first + r + 1]; i++)
            for (i64 c = columns.column_ptr[indices[i]]; c < columns.column_ptr[indices[i] + 1]; c++) {
                i64 start = columns.cut_ptr[c], n_cuts = columns.cut_ptr[c + 1] - start;
                ranks[c * stride + r] = (u16)rank_of((f64)values[i], columns.kind[c], columns.cuts + start, n_cuts);
            }
}

// The same for rows of either kind, whatever their numbers.
void rank(const Ranking& columns, const DenseRows& rows, i64 first, i64 n, i64 stride, f64* x, u16* ranks) {
    if (rows.is_float32)
        rank_dense<f32>(columns, rows, first, n, stride, x, ranks);
    else
        rank_dense<f64>(columns, rows, first, n, stride, x, ranks);
}

template <class T>
void rank_sparse_of(const Ranking& columns, const SparseRows& rows, i64 first, i64 n, i64 stride, u16* ranks) {
    if (rows.is_wide)
        rank_sparse<T, i64>(columns, rows, first, n, stride, ranks);
    else
        rank_sparse<T, i32>(columns, rows, first, n, stride, ranks);
}

void rank(const Ranking& columns, const SparseRows& rows, i64 first, i64 n, i64 stride, f64*, u16* ranks) {
    if (rows.is_float32)
        rank_sparse_of<f32>(columns, rows, first, n, stride, ranks);
    else
        rank_sparse_of<f64>(columns, rows, first, n, stride, ranks);
}

}  // namespace
}  // namespace automl_explain
