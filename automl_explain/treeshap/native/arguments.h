// Arguments of the functions of the module: tuples of arrays, and rows, with their types and sizes checked.
//
// What the arrays of trees and columns hold is checked in Python, where they are made.
#pragma once

#include "buffers.h"
#include "model.h"
#include "rows.h"

namespace automl_explain {

static inline bool has_arguments(const char* name, Py_ssize_t n, Py_ssize_t wanted) {
    if (n == wanted) return true;
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments; got %zd.", name, wanted, n);
    return false;
}

constexpr i64 MOST_FEATURES = (i64)1 << 31;

static inline bool is_tuple_of(PyObject* object, Py_ssize_t n) {
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

// Whether n numbers lie between 0 and `end`, the end excluded.
template <class T>
static inline bool are_in(const T* number, i64 n, i64 end) {
    for (i64 i = 0; i < n; i++)
        if (number[i] < 0 || number[i] >= end) return false;
    return true;
}

// Takes the arrays of a `TreeEnsemble`, which has checked what they hold; false with an exception set.
static inline bool take_trees(Buffers& buffers, PyObject* tuple, Trees& trees) {
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
    if (buffers.failed) return false;
    return buffers.need(n_offsets == trees.n_trees + 1 && n_sets > 0 && trees.n_outputs > 0 &&
                            trees.offsets[trees.n_trees] == trees.n_nodes && trees.n_features <= MOST_FEATURES &&
                            are_in(trees.output, trees.n_trees, trees.n_outputs),
                        "the arrays of the trees do not belong together");
}

static inline bool take_columns(Buffers& buffers, PyObject* tuple, i64 n_nodes, Columns& columns) {
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
    if (buffers.failed) return false;
    return buffers.need(n_ptr == columns.n + 1 && columns.cut_ptr[columns.n] == n_cuts,
                        "the arrays of the columns do not belong together");
}

static inline bool rise(const i64* number, i64 n) {
    for (i64 i = 1; i < n; i++)
        if (number[i] < number[i - 1]) return false;
    return true;
}

static inline bool take_players(Buffers& buffers, PyObject* tuple, i64 n_features, Players& players) {
    if (!is_tuple_of(tuple, 5)) return false;
    Fields fields = {buffers, tuple};
    i64 n_ptr = -1, n_shares = -1;
    players.n_targets = fields.number();
    players.of_feature = fields.array<i64>(n_features);
    players.ptr = fields.array<i64>(n_ptr);
    players.target = fields.array<i64>(n_shares);
    players.weight = fields.array<f64>(n_shares);
    players.n = n_ptr - 1;
    if (buffers.failed) return false;
    return buffers.need(are_in(players.ptr, n_ptr, n_shares + 1) && are_in(players.of_feature, n_features, players.n) &&
                            are_in(players.target, n_shares, players.n_targets) && n_ptr > 0 && players.ptr[0] == 0 &&
                            players.ptr[players.n] == n_shares && rise(players.ptr, n_ptr),
                        "the arrays of the players do not belong together");
}

struct Rows {
    DenseRows dense;
    i64 n;
};

static inline bool take_dense(Buffers& buffers, PyObject* object, i64 n_features, Rows& rows) {
    const Py_buffer* view = buffers.take(object, PyBUF_STRIDES);
    if (view == nullptr) return false;
    bool is_float = kind_of(*view) == NumberKind::floating && (view->itemsize == 8 || view->itemsize == 4);
    auto is_odd = [&](int axis) {  // the stride of one row, or of one column, may be any: it is never gone
        return view->shape[axis] > 1 && view->strides[axis] % view->itemsize != 0;
    };
    if (!is_float || view->ndim != 2 || view->shape[1] != n_features || is_odd(0) || is_odd(1)) {
        PyErr_SetString(PyExc_ValueError, "rows are not a table of floats with a column for every feature");
        return false;
    }
    if (!buffers.is_aligned(*view)) return false;
    rows.dense = {view->buf, view->itemsize == 4, view->strides[0] / view->itemsize, view->strides[1] / view->itemsize};
    rows.n = view->shape[0];
    return true;
}

static inline bool take_index(Buffers& buffers, PyObject* object, bool& is_wide, i64& n, const void*& data) {
    const Py_buffer* view = buffers.take(object, PyBUF_C_CONTIGUOUS);
    if (view == nullptr) return false;
    if (kind_of(*view) != NumberKind::whole || (view->itemsize != 4 && view->itemsize != 8)) {
        PyErr_SetString(PyExc_TypeError, "indices of sparse rows are not 32 or 64 bits wide");
        return false;
    }
    if (!buffers.is_aligned(*view)) return false;
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
static inline bool take_sparse(Buffers& buffers, PyObject* const* parts, CsrRows& rows) {
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
    if (!buffers.is_aligned(*view)) return false;
    rows.sparse.values = view->buf;
    rows.sparse.is_float32 = view->itemsize == 4;
    rows.sparse.is_wide = wide_ptr;
    rows.n = n_ptr - 1;
    return true;
}

// Which rows to explain.
static inline bool take_span(PyObject* const* arguments, i64 n_rows, i64& first, i64& last) {
    first = PyLong_AsLongLong(arguments[0]);
    last = PyLong_AsLongLong(arguments[1]);
    if (PyErr_Occurred()) return false;
    if (0 <= first && first <= last && last <= n_rows) return true;
    PyErr_SetString(PyExc_ValueError, "there are no such rows");
    return false;
}

static inline PyObject* out_of_memory(Arena& arena) {
    release_all(arena);
    return PyErr_NoMemory();
}

}  // namespace automl_explain
