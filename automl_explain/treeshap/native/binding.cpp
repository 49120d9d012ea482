// Checks what Python gives, and calls the engine without the interpreter's lock.
#include "binding.h"

#include "arguments.h"
#include "levels.h"

namespace automl_explain {

namespace {

PyObject* prepared_type = nullptr;  // kept as long as the process

struct PreparedObject {
    PyObject_HEAD
    Prepared* prepared;
};

Prepared& of(PyObject* self) { return *((PreparedObject*)self)->prepared; }

void forget(Prepared* prepared) {
    if (prepared == nullptr) return;
    release_all(prepared->arena);
    free(prepared);
}

// Where the values of n_rows rows go: (n_outputs, n_rows, n_targets).
bool take_result(Buffers& buffers, PyObject* object, const Prepared& p, i64 n_rows, f64*& values) {
    i64 n = times(n_rows, p.n_outputs * p.n_targets);
    values = buffers.array<f64>(object, n, PyBUF_WRITABLE);
    return values != nullptr;
}

Result result_of(Arena& arena, const Prepared& p, i64 n_rows, f64* values) {
    i64* at = room<i64>(arena, p.slots.n);
    for (i64 s = 0; s < p.slots.n; s++)
        at[s] = p.slots.target[s] / p.n_targets * n_rows * p.n_targets + p.slots.target[s] % p.n_targets;
    return {values, at, p.n_targets};
}

// Calls a kernel without the lock of the interpreter.
template <class Explain>
PyObject* explained(Explain explain) {
    Arena arena;
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = within([&] { explain(arena); }, arena);
    Py_END_ALLOW_THREADS;
    if (!done) return out_of_memory(arena);
    release_all(arena);
    return Py_NewRef(Py_None);
}

PyObject* explain_row(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Rows rows;
    f64* values;
    const Prepared& p = of(self);
    if (!has_arguments("explain_row", n, 2) || !take_dense(buffers, arguments[0], p.ranking.n_features, rows)) return nullptr;
    if (!take_result(buffers, arguments[1], p, rows.n, values)) return nullptr;
    if (rows.n != 1) return PyErr_Format(PyExc_ValueError, "expected one row");
    Arena arena;
    // Takes microseconds: not worth letting go of the lock, and waiting for it.
    if (!within([&] { kernels->explain_row(p, rows.dense, values, arena); }, arena)) return out_of_memory(arena);
    release_all(arena);
    return Py_NewRef(Py_None);
}

// explain_dense(X, result, first, last)
PyObject* explain_dense(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Rows rows;
    f64* values;
    i64 first, last;
    const Prepared& p = of(self);
    if (!has_arguments("explain_dense", n, 4) || !take_dense(buffers, arguments[0], p.ranking.n_features, rows)) return nullptr;
    if (!take_span(arguments + 2, rows.n, first, last)) return nullptr;
    if (!take_result(buffers, arguments[1], p, rows.n, values)) return nullptr;
    return explained([&](Arena& arena) {
        kernels->explain_dense(p, rows.dense, first, last, result_of(arena, p, rows.n, values), arena);
    });
}

// explain_sparse(data, indices, indptr, result, first, last)
PyObject* explain_sparse(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    CsrRows rows;
    f64* values;
    i64 first, last;
    const Prepared& p = of(self);
    if (!has_arguments("explain_sparse", n, 6) || !take_sparse(buffers, arguments, rows)) return nullptr;
    if (!take_span(arguments + 4, rows.n, first, last)) return nullptr;
    if (!take_result(buffers, arguments[3], p, rows.n, values)) return nullptr;
    return explained([&](Arena& arena) {
        kernels->explain_sparse(p, rows.sparse, first, last, result_of(arena, p, rows.n, values), arena);
    });
}

// explain_to_csr(data, indices, indptr, values, columns, row_ptr, n_kept, first, last)
PyObject* explain_to_csr(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    CsrRows rows;
    CsrResult result;
    i64 first, last;
    const Prepared& p = of(self);
    if (!has_arguments("explain_to_csr", n, 9) || !take_sparse(buffers, arguments, rows)) return nullptr;
    if (!take_span(arguments + 7, rows.n, first, last)) return nullptr;
    i64 n_values = times(last - first, p.slots.n), n_ptr = times(last - first + 1, p.n_outputs);
    result.values = buffers.array<f64>(arguments[3], n_values, PyBUF_WRITABLE);
    result.columns = buffers.failed ? nullptr : buffers.array<i32>(arguments[4], n_values, PyBUF_WRITABLE);
    result.row_ptr = buffers.failed ? nullptr : buffers.array<i64>(arguments[5], n_ptr, PyBUF_WRITABLE);
    result.n_kept = buffers.failed ? 0 : PyLong_AsLongLong(arguments[6]);
    if (buffers.failed || PyErr_Occurred()) return nullptr;
    return explained([&](Arena& arena) { kernels->explain_to_csr(p, rows.sparse, first, last, result, arena); });
}

// Read-only figures and arrays (as bytes).
template <i64 (*figure)(const Prepared&)>
PyObject* get_figure(PyObject* self, void*) {
    return PyLong_FromLongLong(figure(of(self)));
}

PyObject* get_expected(PyObject* self, void*) {
    const Prepared& p = of(self);
    return PyBytes_FromStringAndSize((const char*)p.expected, p.n_outputs * (i64)sizeof(f64));
}

PyObject* get_targets(PyObject* self, void*) {
    const Prepared& p = of(self);
    return PyBytes_FromStringAndSize((const char*)p.slots.target, p.slots.n * (i64)sizeof(i64));
}

i64 n_bytes(const Prepared& p) { return (p.tables.n_values + p.factors.n_values) * (i64)sizeof(f64); }
i64 block_rows(const Prepared& p) { return p.block; }
i64 n_leaves(const Prepared& p) { return p.n_leaves; }
i64 n_in_tables(const Prepared& p) { return p.n_in_tables; }
i64 n_in_factors(const Prepared& p) { return p.n_in_factors; }
i64 n_factors(const Prepared& p) { return p.factors.n; }
i64 n_look_ups(const Prepared& p) { return p.tables.part_ptr[p.tables.n_bundles]; }
i64 n_bundles(const Prepared& p) { return p.tables.n_bundles; }
i64 n_comparisons(const Prepared& p) { return p.tables.steps.ptr[p.tables.n_groups] + p.factors.steps.ptr[p.factors.steps.n]; }

PyGetSetDef figures[] = {
    {"expected_values", get_expected, nullptr, "Where all contributions are zero: bytes of float64.", nullptr},
    {"targets", get_targets, nullptr, "Output times n_targets plus target of each slot: bytes of int64.", nullptr},
    {"nbytes", get_figure<n_bytes>, nullptr, "Bytes of the tables.", nullptr},
    {"block", get_figure<block_rows>, nullptr, "Rows that share one pass over the tables.", nullptr},
    {"leaves", get_figure<n_leaves>, nullptr, "Leaves that add something.", nullptr},
    {"leaves_in_tables", get_figure<n_in_tables>, nullptr, "Leaves that are in tables.", nullptr},
    {"leaves_in_factors", get_figure<n_in_factors>, nullptr, "Leaves that are in factors.", nullptr},
    {"factors", get_figure<n_factors>, nullptr, "Factors, each of some leaves.", nullptr},
    {"look_ups", get_figure<n_look_ups>, nullptr, "Table rows fetched for a row.", nullptr},
    {"bundles", get_figure<n_bundles>, nullptr, "Sums of table rows that are added to those of the columns.", nullptr},
    {"comparisons", get_figure<n_comparisons>, nullptr, "Comparisons of ranks for a row.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef methods[] = {
    {"explain_row", as_function(explain_row), METH_FASTCALL, "explain_row(X, result): values of one dense row"},
    {"explain_dense", as_function(explain_dense), METH_FASTCALL, "explain_dense(X, result, first, last)"},
    {"explain_sparse", as_function(explain_sparse), METH_FASTCALL,
     "explain_sparse(data, indices, indptr, result, first, last)"},
    {"explain_to_csr", as_function(explain_to_csr), METH_FASTCALL,
     "explain_to_csr(data, indices, indptr, values, columns, row_ptr, n_kept, first, last)"},
    {nullptr, nullptr, 0, nullptr},
};

void free_prepared(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    forget(((PreparedObject*)self)->prepared);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF((PyObject*)type);
}

PyType_Slot slots[] = {
    {Py_tp_dealloc, (void*)free_prepared},
    {Py_tp_methods, methods},
    {Py_tp_getset, figures},
    {Py_tp_doc, (void*)"Tables of an ensemble for one choice of players, and all else that explaining rows needs."},
    {0, nullptr},
};

PyType_Spec spec = {
    "automl_explain.treeshap._native.Prepared", sizeof(PreparedObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots,
};

}  // namespace

PyObject* prepare_trees(PyObject*, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Trees trees;
    Columns columns;
    Players players;
    if (!has_arguments("prepare", n, 4) || !take_trees(buffers, arguments[0], trees)) return nullptr;
    if (!take_columns(buffers, arguments[1], trees.n_nodes, columns)) return nullptr;
    if (!take_players(buffers, arguments[2], trees.n_features, players)) return nullptr;
    i64 max_bytes = PyLong_AsLongLong(arguments[3]);
    if (max_bytes < 0 && PyErr_Occurred()) return nullptr;
    Prepared* made = (Prepared*)calloc(1, sizeof(Prepared));
    if (made == nullptr) return PyErr_NoMemory();
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = prepare(*made, trees, columns, players, max_bytes);
    Py_END_ALLOW_THREADS;
    PyObject* self = done ? PyType_GenericAlloc((PyTypeObject*)prepared_type, 0) : PyErr_NoMemory();
    if (self == nullptr)
        forget(made);
    else
        ((PreparedObject*)self)->prepared = made;
    return self;
}

PyObject* predict_dense(PyObject*, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Trees trees;
    if (!has_arguments("predict_dense", n, 3) || !take_trees(buffers, arguments[0], trees)) return nullptr;
    i64 n_margins = -1, n_values;
    f64* margins = buffers.array<f64>(arguments[2], n_margins, PyBUF_WRITABLE);
    if (margins == nullptr) return nullptr;
    i64 n_rows = n_margins / trees.n_outputs;
    if (!buffers.need(n_margins % trees.n_outputs == 0, "margins have no place for every output")) return nullptr;
    n_values = times(n_rows, trees.n_features);
    const f64* rows = buffers.array<f64>(arguments[1], n_values);
    if (rows == nullptr) return nullptr;
    Py_BEGIN_ALLOW_THREADS;
    kernels->predict_dense(trees, rows, n_rows, margins);
    Py_END_ALLOW_THREADS;
    return Py_NewRef(Py_None);
}

PyObject* predict_sparse(PyObject*, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Trees trees;
    CsrRows rows;
    if (!has_arguments("predict_sparse", n, 5) || !take_trees(buffers, arguments[0], trees)) return nullptr;
    if (!take_sparse(buffers, arguments + 1, rows)) return nullptr;
    i64 n_margins = times(rows.n, trees.n_outputs);
    f64* margins = buffers.array<f64>(arguments[4], n_margins, PyBUF_WRITABLE);
    if (margins == nullptr) return nullptr;
    if (rows.sparse.is_float32) return PyErr_Format(PyExc_TypeError, "sparse rows to predict are not float64");
    Arena arena;
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = within(
        [&] {
            f64* x = zeros<f64>(arena, trees.n_features);
            kernels->predict_sparse(trees, rows.sparse, rows.n, x, margins);
        },
        arena);
    Py_END_ALLOW_THREADS;
    if (!done) return out_of_memory(arena);
    release_all(arena);
    return Py_NewRef(Py_None);
}

int add_types(PyObject* module) {
    prepared_type = PyType_FromModuleAndSpec(module, &spec, nullptr);
    if (prepared_type == nullptr) return -1;
    if (PyModule_AddObjectRef(module, "Prepared", prepared_type) < 0) return -1;
    return add_interactions_type(module);
}

}  // namespace automl_explain
