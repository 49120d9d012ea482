// Rows to explain and the values that are wanted of them.
#pragma once

#include "memory.h"

namespace automl_explain {

// A dense table, float64 or float32; strides in numbers, not bytes.
struct DenseRows {
    const void* values;
    bool is_float32;
    i64 row_stride, column_stride;
};

// A csr matrix in order, its indices 32 or 64 bits wide.
struct SparseRows {
    const void* values;
    const void *indices, *row_ptr;
    bool is_float32, is_wide;
};

// Where the value of a slot of a row goes: at[slot] + row * stride.
struct Result {
    f64* values;
    const i64* at;
    i64 stride;
};

// Room for the values of n rows as a csr matrix for each output, without those that are 0.
//
// Output k begins at n times its first slot in the values and columns, and at k * (n + 1) in the ends of rows.
struct CsrResult {
    f64* values;
    i32* columns;
    i64* row_ptr;
    i64 n_kept;  // targets from this one on are left out
};

}  // namespace automl_explain
