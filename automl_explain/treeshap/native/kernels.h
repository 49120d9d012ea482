// The kernels of the engine: what is compiled once for each processor level.
//
// A level fills one table of function pointers, `kernels_<level>`, and code of all levels calls through the table that was
// chosen when the module was loaded. Files named kernels*.cpp are compiled for each level with AUTOML_EXPLAIN_LEVEL set to
// its name. All they define but that table must have internal linkage (an unnamed namespace, or `static`): of two copies of
// an inline function with external linkage the linker keeps any one, perhaps one that this processor cannot run.
#pragma once

#include "interactions.h"
#include "prepared.h"
#include "rows.h"

namespace automl_explain {

struct Kernels {
    const char* level;  // as AUTOML_EXPLAIN_PROCESSOR spells it

    void (*fill)(const Layout& layout, const Leaves& leaves, const Slots& slots, Tables& tables, Arena& work);
    void (*fill_factors)(const FactorLayout& layout, Factors& factors, Arena& work);
    void (*explain_dense)(const Prepared& p, const DenseRows& rows, i64 first, i64 last, const Result& result,
                          Arena& arena);
    void (*explain_sparse)(const Prepared& p, const SparseRows& rows, i64 first, i64 last, const Result& result,
                           Arena& arena);
    void (*explain_to_csr)(const Prepared& p, const SparseRows& rows, i64 first, i64 last, const CsrResult& result,
                           Arena& arena);
    void (*explain_row)(const Prepared& p, const DenseRows& row, f64* result, Arena& arena);
    void (*interact_dense)(const Interactions& prepared, const DenseRows& rows, i64 first, i64 last,
                           const Entries& entries, Arena& arena);
    void (*interact_sparse)(const Interactions& prepared, const SparseRows& rows, i64 first, i64 last,
                            const Entries& entries, Arena& arena);
    void (*predict_dense)(const Trees& trees, const f64* rows, i64 n, f64* margins);
    void (*predict_sparse)(const Trees& trees, const SparseRows& rows, i64 n, f64* x, f64* margins);
};

#if defined(AUTOML_EXPLAIN_X86_64)
extern const Kernels kernels_v2, kernels_v3, kernels_v4;
#elif defined(AUTOML_EXPLAIN_AARCH64)
extern const Kernels kernels_neon;
#else
extern const Kernels kernels_generic;
#endif

}  // namespace automl_explain
