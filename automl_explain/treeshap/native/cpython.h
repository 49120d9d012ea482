// Python's header, as all files that need it include it.
//
// From CPython 3.12 on, whose None, True and False are immortal, the macros that return them take no reference, for the limited
// API of 3.11 as well. A module compiled with such headers would take references from CPython 3.11 until it dies.
#pragma once

#include <Python.h>

#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#define Py_RETURN_NONE return Py_NewRef(Py_None)
#define Py_RETURN_TRUE return Py_NewRef(Py_True)
#define Py_RETURN_FALSE return Py_NewRef(Py_False)
