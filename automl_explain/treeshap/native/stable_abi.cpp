// Compares stable_abi.h with the headers of the Python that this module is built for: where they differ, it does not compile.
//
// Later headers than those it was tried with are left out: the ABI stays, but they may spell it otherwise. So are free-threaded
// interpreters, which have no stable ABI, and Windows, where headers are always there.
#include "cpython.h"

#if !defined(AUTOML_EXPLAIN_OWN_HEADERS) && !defined(Py_GIL_DISABLED) && !defined(_WIN32) && PY_VERSION_HEX < 0x030E0000

#include "stable_abi.h"

namespace {

#define SAME_SIZE(type) static_assert(sizeof(Own##type) == sizeof(type) && alignof(Own##type) == alignof(type))
#define SAME_FIELD(type, field)                                                 \
    static_assert(offsetof(Own##type, field) == offsetof(type, field) &&        \
                  sizeof(Own##type::field) == sizeof(type::field))

SAME_SIZE(PyObject);  // reference counts have other names and types from 3.12 on, and are never looked at
SAME_FIELD(PyObject, ob_type);

SAME_SIZE(Py_buffer);
SAME_FIELD(Py_buffer, buf);
SAME_FIELD(Py_buffer, obj);
SAME_FIELD(Py_buffer, len);
SAME_FIELD(Py_buffer, itemsize);
SAME_FIELD(Py_buffer, readonly);
SAME_FIELD(Py_buffer, ndim);
SAME_FIELD(Py_buffer, format);
SAME_FIELD(Py_buffer, shape);
SAME_FIELD(Py_buffer, strides);
SAME_FIELD(Py_buffer, suboffsets);
SAME_FIELD(Py_buffer, internal);

SAME_SIZE(PyMethodDef);
SAME_FIELD(PyMethodDef, ml_name);
SAME_FIELD(PyMethodDef, ml_meth);
SAME_FIELD(PyMethodDef, ml_flags);
SAME_FIELD(PyMethodDef, ml_doc);

SAME_SIZE(PyGetSetDef);
SAME_FIELD(PyGetSetDef, name);
SAME_FIELD(PyGetSetDef, get);
SAME_FIELD(PyGetSetDef, set);
SAME_FIELD(PyGetSetDef, doc);
SAME_FIELD(PyGetSetDef, closure);

SAME_SIZE(PyType_Slot);
SAME_FIELD(PyType_Slot, slot);
SAME_FIELD(PyType_Slot, pfunc);

SAME_SIZE(PyType_Spec);
SAME_FIELD(PyType_Spec, name);
SAME_FIELD(PyType_Spec, basicsize);
SAME_FIELD(PyType_Spec, itemsize);
SAME_FIELD(PyType_Spec, flags);
SAME_FIELD(PyType_Spec, slots);

SAME_SIZE(PyModuleDef_Base);
SAME_FIELD(PyModuleDef_Base, m_init);
SAME_FIELD(PyModuleDef_Base, m_index);
SAME_FIELD(PyModuleDef_Base, m_copy);

SAME_SIZE(PyModuleDef_Slot);
SAME_FIELD(PyModuleDef_Slot, slot);
SAME_FIELD(PyModuleDef_Slot, value);

SAME_SIZE(PyModuleDef);
SAME_FIELD(PyModuleDef, m_base);
SAME_FIELD(PyModuleDef, m_name);
SAME_FIELD(PyModuleDef, m_doc);
SAME_FIELD(PyModuleDef, m_size);
SAME_FIELD(PyModuleDef, m_methods);
SAME_FIELD(PyModuleDef, m_slots);
SAME_FIELD(PyModuleDef, m_traverse);
SAME_FIELD(PyModuleDef, m_clear);
SAME_FIELD(PyModuleDef, m_free);

}  // namespace

#endif
