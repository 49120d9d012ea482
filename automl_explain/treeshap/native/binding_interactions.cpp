// The type `Interactions` of the module.
#include "arguments.h"
#include "binding.h"
#include "levels.h"

namespace automl_explain {

namespace {

PyObject* interactions_type = nullptr;  // kept as long as the process

struct InteractionsObject {
    PyObject_HEAD
    Interactions* prepared;
};

Interactions& of(PyObject* self) { return *((InteractionsObject*)self)->prepared; }

void forget(Interactions* prepared) {
    if (prepared == nullptr) return;
    release_all(prepared->arena);
    free(prepared);
}

// Where the entries of n_rows rows go: to matrices (n_outputs, n_rows, n_targets, n_targets), or where `compact` side by
// side, (n_rows, n_entries).
Entries entries_of(Arena& arena, const Interactions& p, i64 n_rows, bool compact, f64* values) {
    i64 n = p.n_targets, *at = room<i64>(arena, p.second.n), *mirror = room<i64>(arena, p.second.n);
    for (i64 e = 0; e < p.second.n; e++) {
        i64 other = p.entry[e] % n, target = p.entry[e] / n % n, before = p.entry[e] / n / n * n_rows * n;
        at[e] = compact ? e : (before + target) * n + other;
        mirror[e] = compact ? e : (before + other) * n + target;
    }
    return {at, mirror, compact ? p.second.n : n * n, values};
}

// Checks where the entries go, and finds those of rows first to last without the lock of the interpreter.
template <class Interact>
PyObject* interacted(
    const Interactions& p, Buffers& buffers, PyObject* result, PyObject* const* span, i64 n_rows, Interact interact
) {
    i64 first, last;
    if (!take_span(span, n_rows, first, last)) return nullptr;
    int compact = PyObject_IsTrue(span[2]);
    if (compact < 0) return nullptr;
    i64 n = times(n_rows, compact ? p.second.n : p.n_outputs * p.n_targets * p.n_targets);
    f64* values = buffers.array<f64>(result, n, PyBUF_WRITABLE);
    if (values == nullptr) return nullptr;
    Arena arena;
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = within([&] { interact(first, last, entries_of(arena, p, n_rows, compact, values), arena); }, arena);
    Py_END_ALLOW_THREADS;
    if (!done) return out_of_memory(arena);
    release_all(arena);
    return Py_NewRef(Py_None);
}

// explain_dense(X, result, first, last, compact)
PyObject* explain_dense(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Rows rows;
    const Interactions& p = of(self);
    if (!has_arguments("explain_dense", n, 5) || !take_dense(buffers, arguments[0], p.ranking.n_features, rows)) return nullptr;
    return interacted(p, buffers, arguments[1], arguments + 2, rows.n, [&](i64 first, i64 last, Entries entries, Arena& arena) {
        kernels->interact_dense(p, rows.dense, first, last, entries, arena);
    });
}

// explain_sparse(data, indices, indptr, result, first, last, compact)
PyObject* explain_sparse(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    CsrRows rows;
    const Interactions& p = of(self);
    if (!has_arguments("explain_sparse", n, 7) || !take_sparse(buffers, arguments, rows)) return nullptr;
    return interacted(p, buffers, arguments[3], arguments + 4, rows.n, [&](i64 first, i64 last, Entries entries, Arena& arena) {
        kernels->interact_sparse(p, rows.sparse, first, last, entries, arena);
    });
}

PyObject* get_entries(PyObject* self, void*) {
    return PyBytes_FromStringAndSize((const char*)of(self).entry, of(self).second.n * (i64)sizeof(i64));
}

PyObject* get_block(PyObject* self, void*) { return PyLong_FromLongLong(of(self).block); }

PyObject* get_nbytes(PyObject* self, void*) { return PyLong_FromLongLong((i64)of(self).arena.bytes); }

PyGetSetDef figures[] = {
    {"entries", get_entries, nullptr,
     "(output * n_targets + target) * n_targets + other of each entry that may differ from 0: bytes of int64.", nullptr},
    {"block", get_block, nullptr, "Rows at a time.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all that is prepared.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef methods[] = {
    {"explain_dense", as_function(explain_dense), METH_FASTCALL, "explain_dense(X, result, first, last, compact)"},
    {"explain_sparse", as_function(explain_sparse), METH_FASTCALL,
     "explain_sparse(data, indices, indptr, result, first, last, compact)"},
    {nullptr, nullptr, 0, nullptr},
};

void free_interactions(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    forget(((InteractionsObject*)self)->prepared);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF((PyObject*)type);
}

PyType_Slot slots[] = {
    {Py_tp_dealloc, (void*)free_interactions},
    {Py_tp_methods, methods},
    {Py_tp_getset, figures},
    {Py_tp_doc, (void*)"What interaction values of an ensemble need, for one choice of players."},
    {0, nullptr},
};

PyType_Spec spec = {
    "automl_explain.treeshap._native.Interactions", sizeof(InteractionsObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots,
};

}  // namespace

// prepare_interactions(trees, columns, players): the object, or None where there are too many pairs.
PyObject* make_interactions(PyObject*, PyObject* const* arguments, Py_ssize_t n) {
    Buffers buffers;
    Trees trees;
    Columns columns;
    Players players;
    if (!has_arguments("prepare_interactions", n, 3) || !take_trees(buffers, arguments[0], trees)) return nullptr;
    if (!take_columns(buffers, arguments[1], trees.n_nodes, columns)) return nullptr;
    if (!take_players(buffers, arguments[2], trees.n_features, players)) return nullptr;
    Interactions* made = (Interactions*)calloc(1, sizeof(Interactions));
    if (made == nullptr) return PyErr_NoMemory();
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = prepare_interactions(*made, trees, columns, players);
    Py_END_ALLOW_THREADS;
    bool fits = done && made->n_pairs <= MOST_PAIRS;
    PyObject* self = !done  ? PyErr_NoMemory()
                     : fits ? PyType_GenericAlloc((PyTypeObject*)interactions_type, 0)
                            : Py_NewRef(Py_None);
    if (fits && self != nullptr)
        ((InteractionsObject*)self)->prepared = made;
    else
        forget(made);
    return self;
}

int add_interactions_type(PyObject* module) {
    interactions_type = PyType_FromModuleAndSpec(module, &spec, nullptr);
    if (interactions_type == nullptr) return -1;
    return PyModule_AddObjectRef(module, "Interactions", interactions_type);
}

}  // namespace automl_explain
