// Vectors of the compiler, which lowers them to what the processor has (AVX-512, AVX2, SSE, NEON).
//
// The width is the same on every processor, and so are the order of additions and the bits.
#pragma once

#include "memory.h"

namespace automl_explain {
namespace {

typedef f64 f64x8 __attribute__((vector_size(64)));
typedef i64 i64x8 __attribute__((vector_size(64)));
typedef u16 u16x32 __attribute__((vector_size(64)));
typedef u16 u16x8 __attribute__((vector_size(16)));
typedef i16 i16x8 __attribute__((vector_size(16)));
typedef i32 i32x8 __attribute__((vector_size(32)));

// The same where values begin anywhere.
typedef f64 f64x8_anywhere __attribute__((vector_size(64), aligned(8), may_alias));
typedef u16 u16x32_anywhere __attribute__((vector_size(64), aligned(2), may_alias));
typedef i16 i16x8_anywhere __attribute__((vector_size(16), aligned(2), may_alias));
typedef u16 u16x8_anywhere __attribute__((vector_size(16), aligned(2), may_alias));

constexpr i64 LANES = 8;  // rows that are summed up side by side

INLINE f64x8 load(const f64* from) { return *(const f64x8_anywhere*)from; }
INLINE void store(f64* to, f64x8 values) { *(f64x8_anywhere*)to = values; }
INLINE f64x8 in_all_lanes(f64 x) { return f64x8{} + x; }

// A function whose loops, marked as well, are not made of vectors.
#if defined(__clang__)
#define SCALAR
#define SCALAR_LOOP _Pragma("clang loop vectorize(disable) interleave(disable)")
#else
#define SCALAR __attribute__((noinline, optimize("no-tree-vectorize")))
#define SCALAR_LOOP
#endif

// In two steps, for which compilers know instructions.
INLINE i64x8 widened(i16x8 values) { return __builtin_convertvector(__builtin_convertvector(values, i32x8), i64x8); }

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (i64x8){__VA_ARGS__})
#endif

// Columns of an 8 x 8 matrix from its rows: three rounds that exchange ever smaller blocks.
INLINE void transpose(f64x8 (&v)[8]) {
    f64x8 t[8];
    for (int i = 0; i < 4; i++) {
        t[i] = SHUFFLE(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        t[i + 4] = SHUFFLE(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = i; k < i + 2; k++) {
            v[k] = SHUFFLE(t[k], t[k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            v[k + 2] = SHUFFLE(t[k], t[k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 8; i += 2) {
        t[i] = SHUFFLE(v[i], v[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        t[i + 1] = SHUFFLE(v[i], v[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i++) v[i] = t[i];
}

}  // namespace
}  // namespace automl_explain
