// The table of kernels of one processor level.
#include "kernels.h"

#define AUTOML_EXPLAIN_JOIN_(a, b) a##b
#define AUTOML_EXPLAIN_JOIN(a, b) AUTOML_EXPLAIN_JOIN_(a, b)
#define AUTOML_EXPLAIN_TEXT_(a) #a
#define AUTOML_EXPLAIN_TEXT(a) AUTOML_EXPLAIN_TEXT_(a)

#if defined(AUTOML_EXPLAIN_X86_64)
#define AUTOML_EXPLAIN_LEVEL_NAME "x86-64-" AUTOML_EXPLAIN_TEXT(AUTOML_EXPLAIN_LEVEL)
#else
#define AUTOML_EXPLAIN_LEVEL_NAME AUTOML_EXPLAIN_TEXT(AUTOML_EXPLAIN_LEVEL)
#endif

namespace automl_explain {
namespace {

void add(double *sums, const double *values, size_t n) {
    for (size_t i = 0; i < n; i++) sums[i] += values[i];
}

}  // namespace

const Kernels AUTOML_EXPLAIN_JOIN(kernels_, AUTOML_EXPLAIN_LEVEL) = {
    AUTOML_EXPLAIN_LEVEL_NAME,
    add,
};

}  // namespace automl_explain
