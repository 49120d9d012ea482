// Arrays of Python: taken through the buffer protocol, with their type and size checked, and given back.
#pragma once

#include "cpython.h"

#include <stdint.h>
#include <string.h>

#include "memory.h"

namespace automl_explain {

// Number kinds of the struct module's format characters.
enum class NumberKind { floating, whole, unsigned_whole, boolean, other };

static inline NumberKind kind_of(const Py_buffer& view) {
    const char* format = view.format ? view.format : "B";
    if (*format == '@' || *format == '=' || *format == '<') format++;
    if (format[0] == '\0' || format[1] != '\0') return NumberKind::other;
    if (strchr("fd", *format)) return NumberKind::floating;
    if (strchr("bhilq", *format)) return NumberKind::whole;
    if (strchr("BHILQ", *format)) return NumberKind::unsigned_whole;
    return *format == '?' ? NumberKind::boolean : NumberKind::other;
}

template <class T>
inline constexpr NumberKind KIND = NumberKind::other;
template <>
inline constexpr NumberKind KIND<f64> = NumberKind::floating;
template <>
inline constexpr NumberKind KIND<f32> = NumberKind::floating;
template <>
inline constexpr NumberKind KIND<i64> = NumberKind::whole;
template <>
inline constexpr NumberKind KIND<i32> = NumberKind::whole;
template <>
inline constexpr NumberKind KIND<i8> = NumberKind::whole;
template <>
inline constexpr NumberKind KIND<u32> = NumberKind::unsigned_whole;
template <>
inline constexpr NumberKind KIND<u8> = NumberKind::boolean;  // all bytes here are truth values

// The product of numbers that are not negative; the largest number where it would be larger.
static inline i64 times(i64 a, i64 b) {
    i64 product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

// The buffers of one call. Where one is not as wanted, an exception is set and `failed` stays true.
struct Buffers {
    static constexpr int MOST = 32;
    Py_buffer views[MOST];
    int n = 0;
    bool failed = false;

    Buffers() = default;
    Buffers(const Buffers&) = delete;
    ~Buffers() {
        while (n > 0) PyBuffer_Release(&views[--n]);
    }

    // False with a ValueError where something else is wrong with the arrays.
    bool need(bool right, const char* problem) {
        if (failed || right) return !failed;
        failed = true;
        PyErr_SetString(PyExc_ValueError, problem);
        return false;
    }

    const Py_buffer* take(PyObject* object, int flags) {
        if (failed || n == MOST || PyObject_GetBuffer(object, &views[n], flags | PyBUF_FORMAT) < 0) {
            failed = true;
            return nullptr;
        }
        return &views[n++];
    }

    bool is_aligned(const Py_buffer& view) {
        return need((uintptr_t)view.buf % (uintptr_t)view.itemsize == 0, "The numbers of an array are not aligned.");
    }

    template <class T>
    bool holds(const Py_buffer& view) {
        if (view.itemsize == (Py_ssize_t)sizeof(T) && kind_of(view) == KIND<T>) return true;
        failed = true;
        PyErr_Format(PyExc_TypeError, "An array has numbers of another type (%s) than the engine expects.", view.format);
        return false;
    }

    // A contiguous array of n numbers (of any number where n is negative, which then tells it).
    template <class T>
    T* array(PyObject* object, i64& n, int flags = 0) {
        const Py_buffer* view = take(object, flags | PyBUF_C_CONTIGUOUS);
        if (view == nullptr || !holds<T>(*view)) return nullptr;
        if (!is_aligned(*view)) return nullptr;
        i64 found = view->len / (i64)sizeof(T);
        if (n >= 0 && found != n) {
            failed = true;
            PyErr_Format(PyExc_ValueError, "An array has %zd numbers instead of %zd.", (Py_ssize_t)found, (Py_ssize_t)n);
            return nullptr;
        }
        n = found;
        return (T*)view->buf;
    }
};

}  // namespace automl_explain
