// What the module offers to Python besides the names of levels: preparing trees, explaining and predicting rows.
#pragma once

#include "cpython.h"

namespace automl_explain {

typedef PyObject* (*FastFunction)(PyObject* self, PyObject* const* arguments, Py_ssize_t n);

static inline PyCFunction as_function(FastFunction function) { return (PyCFunction)(void (*)(void))function; }

PyObject* prepare_trees(PyObject* module, PyObject* const* arguments, Py_ssize_t n);
PyObject* make_interactions(PyObject* module, PyObject* const* arguments, Py_ssize_t n);
PyObject* predict_dense(PyObject* module, PyObject* const* arguments, Py_ssize_t n);
PyObject* predict_sparse(PyObject* module, PyObject* const* arguments, Py_ssize_t n);

// Adds the types `Prepared` and `Interactions` to the module; -1 and an exception where that fails.
int add_types(PyObject* module);
int add_interactions_type(PyObject* module);

}  // namespace automl_explain
