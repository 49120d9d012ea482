// Checks what Python gives, and calls the engine without the interpreter's lock.
#include "binding.h"

#include "buffers.h"
#include "levels.h"

namespace automl_explain {

namespace {

PyObject* prepared_type = nullptr;  // kept as long as the process

struct PreparedObject {
    PyObject_HEAD
    Prepared* prepared;
};

Prepared& of(PyObject* self) { return *((PreparedObject*)self)->prepared; }

bool has_arguments(const char* name, Py_ssize_t n, Py_ssize_t wanted) {
    if (n == wanted) return true;
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments; got %zd.", name, wanted, n);
    return false;
}

bool is_tuple_of(PyObject* object, Py_ssize_t n) {
    if (PyTuple_Check(object) && PyTuple_Size(object) == n) return true;
    PyErr_Format(PyExc_TypeError, "expected a tuple of %zd arrays and numbers", n);
    return false;
}

// The fields of a tuple, one after the other.
struct Fields {
    Buffers& buffers;
    PyObject* tuple;
    Py_ssize_t at = 0;

    PyObject* next() { return PyTuple_GetItem(tuple, at++); }
    template <class T>
    const T* array(i64& n) {
        return buffers.failed ? nullptr : buffers.array<T>(next(), n);
    }
    i64 number() {
        i64 found = buffers.failed ? -1 : PyLong_AsLongLong(next());
        if (found < 0 && !buffers.failed) {
            buffers.failed = true;
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "expected a number that is not negative");
        }
        return found;
    }
};

// Takes the arrays of a `TreeEnsemble`, which has checked what they hold; false with an exception set.
bool take_trees(Buffers& buffers, PyObject* tuple, Trees& trees) {
    if (!is_tuple_of(tuple, 15)) return false;
    Fields fields = {buffers, tuple};
    i64 n_offsets = -1, n_sets = -1, n_words = -1;
    trees.n_trees = trees.n_nodes = trees.n_outputs = -1;
    trees.n_features = fields.number();
    trees.offsets = fields.array<i64>(n_offsets);
    trees.output = fields.array<i32>(trees.n_trees);
    trees.feature = fields.array<i32>(trees.n_nodes);
    trees.threshold = fields.array<f64>(trees.n_nodes);
    trees.missing = fields.array<i8>(trees.n_nodes);
    trees.default_left = fields.array<u8>(trees.n_nodes);
    trees.left = fields.array<i32>(trees.n_nodes);
    trees.right = fields.array<i32>(trees.n_nodes);
    trees.cover = fields.array<f64>(trees.n_nodes);
    trees.value = fields.array<f64>(trees.n_nodes);
    trees.category = fields.array<i32>(trees.n_nodes);
    trees.category_offsets = fields.array<i64>(n_sets);
    trees.category_bits = fields.array<u32>(n_words);
    trees.base = fields.array<f64>(trees.n_outputs);
    return !buffers.failed;
}

bool take_columns(Buffers& buffers, PyObject* tuple, i64 n_nodes, Columns& columns) {
    if (!is_tuple_of(tuple, 9)) return false;
    Fields fields = {buffers, tuple};
    i64 n_cuts = -1, n_lefts = -1, n_ptr = -1;
    columns.n = -1;
    columns.feature = fields.array<i64>(columns.n);
    columns.kind = fields.array<i64>(columns.n);
    columns.cut_ptr = fields.array<i64>(n_ptr);
    columns.cuts = fields.array<f64>(n_cuts);
    columns.n_ranks = fields.array<i64>(columns.n);
    columns.node_column = fields.array<i32>(n_nodes);
    columns.node_rank = fields.array<i32>(n_nodes);
    columns.node_ranks_left = fields.array<i64>(n_nodes);
    columns.ranks_left = fields.array<u8>(n_lefts);
    return !buffers.failed;
}

bool take_players(Buffers& buffers, PyObject* tuple, i64 n_features, Players& players) {
    if (!is_tuple_of(tuple, 5)) return false;
    Fields fields = {buffers, tuple};
    i64 n_ptr = -1, n_shares = -1;
    players.n_targets = fields.number();
    players.of_feature = fields.array<i64>(n_features);
    players.ptr = fields.array<i64>(n_ptr);
    players.target = fields.array<i64>(n_shares);
    players.weight = fields.array<f64>(n_shares);
    players.n = n_ptr - 1;
    return !buffers.failed;
}

void forget(Prepared* prepared) {
    if (prepared == nullptr) return;
    release_all(prepared->arena);
    free(prepared);
}

PyObject* out_of_memory(Arena& arena) {
    release_all(arena);
    return PyErr_NoMemory();
}

struct Rows {
    DenseRows dense;
    i64 n;
};

bool take_dense(Buffers& buffers, PyObject* object, i64 n_features, Rows& rows) {
    const Py_buffer* view = buffers.take(object, PyBUF_STRIDES);
    if (view == nullptr) return false;
    bool is_float = kind_of(*view) == NumberKind::floating && (view->itemsize == 8 || view->itemsize == 4);
    if (!is_float || view->ndim != 2 || view->shape[1] != n_features || view->strides[0] % view->itemsize ||
        view->strides[1] % view->itemsize) {
        PyErr_SetString(PyExc_ValueError, "rows are not a table of floats with a column for every feature");
        return false;
    }
    rows.dense = {view->buf, view->itemsize == 4, view->strides[0] / view->itemsize, view->strides[1] / view->itemsize};
    rows.n = view->shape[0];
    return true;
}

bool take_index(Buffers& buffers, PyObject* object, bool& is_wide, i64& n, const void*& data) {
    const Py_buffer* view = buffers.take(object, PyBUF_C_CONTIGUOUS);
    if (view == nullptr) return false;
    if (kind_of(*view) != NumberKind::whole || (view->itemsize != 4 && view->itemsize != 8)) {
        PyErr_SetString(PyExc_TypeError, "indices of sparse rows are not 32 or 64 bits wide");
        return false;
    }
    is_wide = view->itemsize == 8;
    n = view->len / view->itemsize;
    data = view->buf;
    return true;
}

struct CsrRows {
    SparseRows sparse;
    i64 n;
};

// A csr matrix whose order and columns the caller has checked.
bool take_sparse(Buffers& buffers, PyObject* const* parts, CsrRows& rows) {
    const Py_buffer* view = buffers.take(parts[0], PyBUF_C_CONTIGUOUS);
    if (view == nullptr) return false;
    bool wide_indices, wide_ptr;
    i64 n_indices, n_ptr;
    if (!take_index(buffers, parts[1], wide_indices, n_indices, rows.sparse.indices)) return false;
    if (!take_index(buffers, parts[2], wide_ptr, n_ptr, rows.sparse.row_ptr)) return false;
    if (kind_of(*view) != NumberKind::floating || wide_indices != wide_ptr || n_ptr < 1 ||
        n_indices != view->len / view->itemsize) {
        PyErr_SetString(PyExc_ValueError, "the parts of the sparse rows do not belong together");
        return false;
    }
    rows.sparse.values = view->buf;
    rows.sparse.is_float32 = view->itemsize == 4;
    rows.sparse.is_wide = wide_ptr;
    rows.n = n_ptr - 1;
    return true;
}

// Where the values of n_rows rows go: (n_outputs, n_rows, n_targets), or where `compact` (n_rows, n_slots).
bool take_result(Buffers& buffers, PyObject* object, const Prepared& p, i64 n_rows, bool compact, f64*& values) {
    i64 n = compact ? n_rows * p.slots.n : p.n_outputs * n_rows * p.n_targets;
    values = buffers.array<f64>(object, n, PyBUF_WRITABLE);
    return values != nullptr;
}

Result result_of(Arena& arena, const Prepared& p, i64 n_rows, bool compact, f64* values) {
    i64* at = room<i64>(arena, p.slots.n);
    for (i64 s = 0; s < p.slots.n; s++) {
        i64 output = p.slots.target[s] / p.n_targets, target = p.slots.target[s] % p.n_targets;
        at[s] = compact ? s : output * n_rows * p.n_targets + target;
    }
    return {values, at, compact ? p.slots.n : p.n_targets};
}

bool take_span(PyObject* const* arguments, i64 n_rows, i64& first, i64& last, bool& compact) {
    first = PyLong_AsLongLong(arguments[0]);
    last = PyLong_AsLongLong(arguments[1]);
    compact = PyObject_IsTrue(arguments[2]) > 0;
    if (PyErr_Occurred()) return false;
    if (0 <= first && first <= last && last <= n_rows) return true;
    PyErr_SetString(PyExc_ValueError, "there are no such rows");
    return false;
}

// Explains rows first to last without the lock of the interpreter.
template <class Explain>
PyObject* explained(const Prepared& p, i64 n_rows, bool compact, f64* values, Explain explain) {
    Arena arena;
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = within([&] { explain(result_of(arena, p, n_rows, compact, values), arena); }, arena);
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
    if (!take_result(buffers, arguments[1], p, rows.n, false, values)) return nullptr;
    if (rows.n != 1) return PyErr_Format(PyExc_ValueError, "expected one row");
    Arena arena;
    // Takes microseconds: not worth letting go of the lock, and waiting for it.
    if (!within([&] { kernels->explain_row(p, rows.dense, values, arena); }, arena)) return out_of_memory(arena);
    release_all(arena);
    return Py_NewRef(Py_None);
}

// explain_dense(X, result, first, last, compact)
PyObject* explain_dense(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Rows rows;
    f64* values;
    i64 first, last;
    bool compact;
    const Prepared& p = of(self);
    if (!has_arguments("explain_dense", n, 5) || !take_dense(buffers, arguments[0], p.ranking.n_features, rows)) return nullptr;
    if (!take_span(arguments + 2, rows.n, first, last, compact)) return nullptr;
    if (!take_result(buffers, arguments[1], p, rows.n, compact, values)) return nullptr;
    return explained(p, rows.n, compact, values, [&](const Result& result, Arena& arena) {
        kernels->explain_dense(p, rows.dense, first, last, result, arena);
    });
}

// explain_sparse(data, indices, indptr, result, first, last, compact)
PyObject* explain_sparse(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    CsrRows rows;
    f64* values;
    i64 first, last;
    bool compact;
    const Prepared& p = of(self);
    if (!has_arguments("explain_sparse", n, 7) || !take_sparse(buffers, arguments, rows)) return nullptr;
    if (!take_span(arguments + 4, rows.n, first, last, compact)) return nullptr;
    if (!take_result(buffers, arguments[3], p, rows.n, compact, values)) return nullptr;
    return explained(p, rows.n, compact, values, [&](const Result& result, Arena& arena) {
        kernels->explain_sparse(p, rows.sparse, first, last, result, arena);
    });
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
    {"explain_dense", as_function(explain_dense), METH_FASTCALL, "explain_dense(X, result, first, last, compact)"},
    {"explain_sparse", as_function(explain_sparse), METH_FASTCALL,
     "explain_sparse(data, indices, indptr, result, first, last, compact)"},
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
    n_values = n_rows * trees.n_features;
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
    i64 n_margins = rows.n * trees.n_outputs;
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
    return PyModule_AddObjectRef(module, "Prepared", prepared_type);
}

}  // namespace automl_explain
