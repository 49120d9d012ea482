// The kernels of the engine: what is compiled once for each processor level.
//
// A level fills one table of function pointers, `kernels_<level>`, and code of all levels calls through the table that was
// chosen when the module was loaded. Files named kernels*.cpp are compiled for each level with AUTOML_EXPLAIN_LEVEL set to
// its name. All they define but that table must have internal linkage (an unnamed namespace, or `static`): of two copies of
// an inline function with external linkage the linker keeps any one, perhaps one that this processor cannot run.
#pragma once

#include <stddef.h>

namespace automl_explain {

struct Kernels {
    const char *level;  // as AUTOML_EXPLAIN_PROCESSOR spells it

    // sums[i] += values[i] for i below n.
    void (*add)(double *sums, const double *values, size_t n);
};

#if defined(AUTOML_EXPLAIN_X86_64)
extern const Kernels kernels_v2, kernels_v3, kernels_v4;
#elif defined(AUTOML_EXPLAIN_AARCH64)
extern const Kernels kernels_neon;
#else
extern const Kernels kernels_generic;
#endif

}  // namespace automl_explain
