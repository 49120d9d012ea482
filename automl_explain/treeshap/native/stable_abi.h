// What this module uses of CPython's stable ABI, for machines that have Python without its C headers.
//
// Distributions put Python.h into a package apart (python3-dev), which `pip install .` should not need. The stable ABI of
// CPython 3.11 is fixed for all later versions with a GIL, so these declarations stay right: they hold what the
// manual lists under "Contents of the Limited API", as far as it is used here. Anything else stays opaque.
//
// Included after Python.h, the same lines are checked against it: constants must have the same values, functions and function
// types are declared a second time, which the compiler takes only if they agree, and structures get names of
// their own (OwnPyObject, ...), whose layouts stable_abi.cpp compares.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef Py_PYTHON_H
#define STABLE_STRUCT(name) struct Own##name
#define STABLE_CONSTANT(name, value) static_assert((name) == (value), "differs from Python.h")
#else
#define STABLE_STRUCT(name) struct name
#define STABLE_CONSTANT(name, value) constexpr auto name = value

struct PyObject;
struct PyTypeObject;
struct PyThreadState;
struct PyModuleDef;
struct PyModuleDef_Slot;
struct PyMethodDef;
struct PyType_Spec;
struct Py_buffer;
#endif

extern "C" {

typedef ptrdiff_t Py_ssize_t;
typedef PyObject* (*PyCFunction)(PyObject* self, PyObject* arguments);
typedef PyObject* (*getter)(PyObject* self, void* closure);
typedef int (*setter)(PyObject* self, PyObject* value, void* closure);
typedef int (*visitproc)(PyObject* object, void* argument);
typedef int (*traverseproc)(PyObject* self, visitproc visit, void* argument);
typedef int (*inquiry)(PyObject* self);
typedef void (*freefunc)(void* self);

// --- Objects ----------------------------------------------------------------------------------------------------------
// Reference counts are changed by functions only: from 3.12 on some objects are immortal, and counts are kept otherwise.
STABLE_STRUCT(PyObject) {
    Py_ssize_t ob_refcnt;
    PyTypeObject* ob_type;
};

void Py_IncRef(PyObject* object);  // these two do nothing for NULL
void Py_DecRef(PyObject* object);
PyObject* (Py_NewRef)(PyObject* object);  // in parentheses, as Python.h also has macros of this name
int PyObject_IsTrue(PyObject* object);

extern PyObject _Py_NoneStruct;

PyObject* PyBytes_FromStringAndSize(const char* bytes, Py_ssize_t n);
PyObject* PyUnicode_FromString(const char* text);
PyObject* PyUnicode_Join(PyObject* separator, PyObject* parts);
PyObject* PyLong_FromLongLong(long long number);
long long PyLong_AsLongLong(PyObject* object);
PyObject* PyTuple_New(Py_ssize_t n);
Py_ssize_t PyTuple_Size(PyObject* tuple);
PyObject* PyTuple_GetItem(PyObject* tuple, Py_ssize_t i);             // a borrowed reference
int PyTuple_SetItem(PyObject* tuple, Py_ssize_t i, PyObject* item);  // takes over the reference

// --- Exceptions and threads -------------------------------------------------------------------------------------------
extern PyObject* PyExc_ImportError;
extern PyObject* PyExc_TypeError;
extern PyObject* PyExc_ValueError;

PyObject* PyErr_Occurred(void);
PyObject* PyErr_NoMemory(void);
void PyErr_SetString(PyObject* exception, const char* message);
PyObject* PyErr_Format(PyObject* exception, const char* format, ...);

PyThreadState* PyEval_SaveThread(void);
void PyEval_RestoreThread(PyThreadState* state);

// --- Buffers (part of the stable ABI since 3.11) ----------------------------------------------------------------------
STABLE_STRUCT(Py_buffer) {
    void* buf;
    PyObject* obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char* format;
    Py_ssize_t* shape;
    Py_ssize_t* strides;
    Py_ssize_t* suboffsets;
    void* internal;
};

STABLE_CONSTANT(PyBUF_WRITABLE, 0x1);
STABLE_CONSTANT(PyBUF_FORMAT, 0x4);
STABLE_CONSTANT(PyBUF_STRIDES, 0x18);
STABLE_CONSTANT(PyBUF_C_CONTIGUOUS, 0x38);

int PyObject_GetBuffer(PyObject* object, Py_buffer* view, int flags);
void PyBuffer_Release(Py_buffer* view);

// --- Types ------------------------------------------------------------------------------------------------------------
STABLE_STRUCT(PyMethodDef) {
    const char* ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char* ml_doc;
};

STABLE_CONSTANT(METH_NOARGS, 0x4);
STABLE_CONSTANT(METH_FASTCALL, 0x80);

STABLE_STRUCT(PyGetSetDef) {
    const char* name;
    getter get;
    setter set;
    const char* doc;
    void* closure;
};

STABLE_STRUCT(PyType_Slot) {
    int slot;
    void* pfunc;
};

STABLE_STRUCT(PyType_Spec) {
    const char* name;
    int basicsize;
    int itemsize;
    unsigned int flags;
    PyType_Slot* slots;
};

STABLE_CONSTANT(Py_tp_dealloc, 52);
STABLE_CONSTANT(Py_tp_doc, 56);
STABLE_CONSTANT(Py_tp_methods, 64);
STABLE_CONSTANT(Py_tp_getset, 73);
STABLE_CONSTANT(Py_tp_free, 74);
STABLE_CONSTANT(Py_TPFLAGS_DEFAULT, 0UL);
STABLE_CONSTANT(Py_TPFLAGS_DISALLOW_INSTANTIATION, 1UL << 7);
STABLE_CONSTANT(Py_TPFLAGS_IMMUTABLETYPE, 1UL << 8);
STABLE_CONSTANT(Py_TPFLAGS_TUPLE_SUBCLASS, 1UL << 26);

PyObject* PyType_FromModuleAndSpec(PyObject* module, PyType_Spec* spec, PyObject* bases);
PyObject* PyType_GenericAlloc(PyTypeObject* type, Py_ssize_t n_items);
void* PyType_GetSlot(PyTypeObject* type, int slot);
unsigned long PyType_GetFlags(PyTypeObject* type);

// --- Modules ----------------------------------------------------------------------------------------------------------
STABLE_STRUCT(PyModuleDef_Base) {
    PyObject ob_base;
    PyObject* (*m_init)(void);
    Py_ssize_t m_index;
    PyObject* m_copy;
};

STABLE_STRUCT(PyModuleDef_Slot) {
    int slot;
    void* value;
};

STABLE_STRUCT(PyModuleDef) {
    PyModuleDef_Base m_base;
    const char* m_name;
    const char* m_doc;
    Py_ssize_t m_size;
    PyMethodDef* m_methods;
    PyModuleDef_Slot* m_slots;
    traverseproc m_traverse;
    inquiry m_clear;
    freefunc m_free;
};

STABLE_CONSTANT(Py_mod_exec, 2);

PyObject* PyModuleDef_Init(PyModuleDef* definition);
int PyModule_AddObjectRef(PyObject* module, const char* name, PyObject* value);

}  // extern "C"

// --- What Python.h has as macros --------------------------------------------------------------------------------------
#ifndef Py_PYTHON_H
#define PyMODINIT_FUNC extern "C" __attribute__((visibility("default"))) PyObject*
#define PyModuleDef_HEAD_INIT {{1, nullptr}, nullptr, 0, nullptr}
#define PyObject_HEAD PyObject ob_base;
#define Py_BEGIN_ALLOW_THREADS { PyThreadState* saved_thread = PyEval_SaveThread();
#define Py_END_ALLOW_THREADS PyEval_RestoreThread(saved_thread); }
#define Py_None (&_Py_NoneStruct)

static inline PyTypeObject* Py_TYPE(PyObject* object) { return object->ob_type; }
static inline int PyTuple_Check(PyObject* object) {
    return (PyType_GetFlags(Py_TYPE(object)) & Py_TPFLAGS_TUPLE_SUBCLASS) != 0;
}
static inline void Py_DECREF(PyObject* object) { Py_DecRef(object); }
static inline void Py_XDECREF(PyObject* object) { Py_DecRef(object); }
static inline void Py_CLEAR(PyObject*& object) {
    PyObject* old = object;
    object = nullptr;
    Py_DecRef(old);
}
#endif

#undef STABLE_STRUCT
#undef STABLE_CONSTANT
