// The Python module: which functions it has, and what happens when it is loaded.
//
// Only the limited API of CPython 3.11 is used, so that one binary serves it and all later versions. Free-threaded
// interpreters have no limited API; there the module is compiled for their version and says that it needs no GIL.
#include "cpython.h"

#include <stdlib.h>

#include "binding.h"
#include "levels.h"

namespace automl_explain {

const Kernels* kernels = nullptr;

namespace {

PyObject* level(PyObject*, PyObject*) { return PyUnicode_FromString(kernels->level); }

PyObject* levels(PyObject*, PyObject*) {
    const Kernels* found[MOST_LEVELS];
    int n = usable_levels(found);
    PyObject* names = PyTuple_New(n);
    for (int i = 0; names != nullptr && i < n; i++) {
        PyObject* name = PyUnicode_FromString(found[i]->level);
        if (name == nullptr || PyTuple_SetItem(names, i, name) < 0) Py_CLEAR(names);
    }
    return names;
}

// Takes the level that the environment names, else the best one.
int choose_level() {
    const char* wanted = getenv("AUTOML_EXPLAIN_PROCESSOR");
    if (wanted == nullptr || *wanted == '\0') {
        kernels = best_level();
        if (kernels != nullptr) return 0;
        PyErr_SetString(PyExc_ImportError, "This processor lacks SSE4.2 (the level x86-64-v2), which automl_explain needs.");
        return -1;
    }
    kernels = usable_level(wanted);
    if (kernels != nullptr) return 0;
    PyObject* names = levels(nullptr, nullptr);
    PyObject* separator = PyUnicode_FromString(", ");
    PyObject* choices = names != nullptr && separator != nullptr ? PyUnicode_Join(separator, names) : nullptr;
    if (choices != nullptr) {
        PyErr_Format(PyExc_ImportError,
                     "The environment variable AUTOML_EXPLAIN_PROCESSOR is '%s', which is no level that this processor can "
                     "run. Set it to one of %U, or unset it to use the last of these.",
                     wanted, choices);
    }
    Py_XDECREF(names);
    Py_XDECREF(separator);
    Py_XDECREF(choices);
    return -1;
}

int load(PyObject* module) { return choose_level() < 0 ? -1 : add_types(module); }

PyMethodDef functions[] = {
    {"level", level, METH_NOARGS, "The processor level whose kernels are in use."},
    {"levels", levels, METH_NOARGS, "The processor levels that this machine can run, the least first."},
    {"prepare", as_function(prepare_trees), METH_FASTCALL, "prepare(trees, columns, players, max_bytes)"},
    {"prepare_interactions", as_function(make_interactions), METH_FASTCALL,
     "prepare_interactions(trees, columns, players): None where there are too many pairs"},
    {"predict_dense", as_function(predict_dense), METH_FASTCALL, "predict_dense(trees, X, margins)"},
    {"predict_sparse", as_function(predict_sparse), METH_FASTCALL,
     "predict_sparse(trees, data, indices, indptr, margins)"},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void*)load},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_native", "The compiled part of the engine.", 0, functions, slots, nullptr, nullptr, nullptr,
};

}  // namespace
}  // namespace automl_explain

PyMODINIT_FUNC PyInit__native() { return PyModuleDef_Init(&automl_explain::module); }
