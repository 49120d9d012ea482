// The table of kernels of one processor level.
#include "kernels.h"

#include "explaining.h"
#include "filling.h"
#include "interacting.h"
#include "margins.h"

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
const Kernels AUTOML_EXPLAIN_JOIN(kernels_, AUTOML_EXPLAIN_LEVEL) = {
    AUTOML_EXPLAIN_LEVEL_NAME,
    fill,
    fill_factors,
    explain_dense,
    explain_sparse,
    explain_to_csr,
    explain_row,
    interact_dense,
    interact_sparse,
    predict_dense,
    predict_sparse_of,
};

}  // namespace automl_explain
