// Python's header, as all files that need it include it, or our own declarations where Python came without its headers.
//
// From CPython 3.12 on None, True and False are immortal, and the macros that return them take no reference, for the limited
// API of 3.11 as well. Such a module would use up the references of CPython 3.11, which counts them.
#pragma once

#ifdef AUTOML_EXPLAIN_OWN_HEADERS
#include "stable_abi.h"
#else
#include <Python.h>

#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#define Py_RETURN_NONE return Py_NewRef(Py_None)
#define Py_RETURN_TRUE return Py_NewRef(Py_True)
#define Py_RETURN_FALSE return Py_NewRef(Py_False)
#endif
