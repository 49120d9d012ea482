// Memory of a calculation: taken from an arena piece by piece, given back all at once.
//
// The engine uses no C++ standard library, so that it builds without one and needs none at run time. What runs out of
// memory leaves through `longjmp` to the `within` that began the calculation, whose arena is then freed; therefore
// nothing in the engine has a destructor that matters.
//
// All functions in headers are static or always inline: the kernels are compiled once for each level of the processor,
// and the linker must not replace one copy of a function by that of another level.
#pragma once

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#define INLINE inline __attribute__((always_inline))

namespace automl_explain {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;
using f32 = float;
using f64 = double;

constexpr i64 CACHE_LINE = 64;

struct Chunk {
    Chunk* before;
    size_t size, used;  // bytes behind the header
    size_t touched;     // bytes that may hold something else than zeros
};

struct Arena {
    Chunk* last = nullptr;
    size_t bytes = 0;  // of all chunks
    jmp_buf* out_of_memory = nullptr;
};

static inline void free_chunks(Arena& arena, Chunk* until) {
    while (arena.last != until) {
        Chunk* before = arena.last->before;
        arena.bytes -= arena.last->size;
        free(arena.last);
        arena.last = before;
    }
}

// Asks for large pages: tables are read at places all over them, and each page must be found first.
static inline void use_large_pages(void* chunk, size_t size) {
#ifdef MADV_HUGEPAGE
    constexpr uintptr_t PAGE = 4096, LARGE = 1 << 21;
    uintptr_t start = ((uintptr_t)chunk + PAGE - 1) / PAGE * PAGE, stop = ((uintptr_t)chunk + size) / PAGE * PAGE;
    if (size >= 2 * LARGE) madvise((void*)start, stop - start, MADV_HUGEPAGE);
#else
    (void)chunk;
    (void)size;
#endif
}

template <class T>
static INLINE T larger(T a, T b) {
    return a > b ? a : b;
}

template <class T>
static INLINE T smaller(T a, T b) {
    return a < b ? a : b;
}

// Room for n values that begins with a cache line; vectors that lie in two lines cost twice. Tells how many bytes at its
// end hold zeros already.
template <class T>
static inline T* room(Arena& arena, i64 n, size_t& untouched) {
    constexpr size_t FIRST = 1 << 16, LARGE_CHUNK = 1 << 20;
    if (n < 0 || (u64)n > (SIZE_MAX >> 2) / sizeof(T)) longjmp(*arena.out_of_memory, 1);
    size_t size = (sizeof(T) * (size_t)n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    Chunk* chunk = arena.last;
    if (chunk == nullptr || chunk->size - chunk->used < size) {
        // Chunks grow with the arena, so that there are few of them.
        size_t wanted = arena.bytes / 2 > FIRST ? arena.bytes / 2 : FIRST;
        if (wanted < size) wanted = size;
        bool large = wanted >= LARGE_CHUNK;
        void* made = large ? calloc(1, wanted + 2 * CACHE_LINE) : malloc(wanted + 2 * CACHE_LINE);
        if (made == nullptr) longjmp(*arena.out_of_memory, 1);
        use_large_pages(made, wanted);
        chunk = (Chunk*)made;
        *chunk = {arena.last, wanted, 0, large ? 0 : wanted};
        arena.last = chunk;
        arena.bytes += wanted;
    }
    uintptr_t start = ((uintptr_t)chunk + sizeof(Chunk) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    T* result = (T*)(start + chunk->used);
    chunk->used += size;
    untouched = chunk->used > chunk->touched ? chunk->used - chunk->touched : 0;
    if (untouched > size) untouched = size;
    chunk->touched += untouched;
    return result;
}

template <class T>
static inline T* room(Arena& arena, i64 n) {
    size_t untouched;
    return room<T>(arena, n, untouched);
}

template <class T>
static inline T* zeros(Arena& arena, i64 n) {
    size_t untouched, size = sizeof(T) * (size_t)n;
    T* made = room<T>(arena, n, untouched);
    // The end of a large chunk, which the system gave as zeros, need not be written.
    size_t rounded = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    memset((void*)made, 0, untouched >= rounded ? 0 : smaller(size, rounded - untouched));
    return made;
}

template <class T>
static inline T* copied(Arena& arena, const T* values, i64 n) {
    T* made = room<T>(arena, n);
    if (n > 0) memcpy((void*)made, (const void*)values, sizeof(T) * (size_t)n);
    return made;
}

// What an arena held at one time: `release` gives back what was taken since.
struct Mark {
    Chunk* chunk;
    size_t used;
};

static inline Mark mark(const Arena& arena) { return {arena.last, arena.last ? arena.last->used : 0}; }

static inline void release(Arena& arena, Mark to) {
    free_chunks(arena, to.chunk);
    if (to.chunk) to.chunk->used = to.used;
}

// Runs a calculation that takes from these arenas; false where memory ran out. What it took stays until it is released.
template <class Body, class... Arenas>
static inline bool within(Body body, Arenas&... arenas) {
    jmp_buf out_of_memory;
    if (setjmp(out_of_memory)) return false;
    ((arenas.out_of_memory = &out_of_memory), ...);
    body();
    return true;
}

static inline void release_all(Arena& arena) { free_chunks(arena, nullptr); }

// Values that are added one after the other.
template <class T>
struct List {
    Arena* arena;
    T* data = nullptr;
    i64 n = 0, most = 0;

    explicit INLINE List(Arena& of) : arena(&of) {}
    INLINE T& operator[](i64 i) { return data[i]; }
    INLINE const T& operator[](i64 i) const { return data[i]; }
    INLINE void add(T value) {
        if (n == most) grow(most ? 2 * most : 16);
        data[n++] = value;
    }
    INLINE void grow(i64 wanted) {
        T* more = room<T>(*arena, wanted);
        if (n) memcpy((void*)more, (const void*)data, sizeof(T) * (size_t)n);
        data = more;
        most = wanted;
    }
};

template <class T>
static INLINE void exchange(T& a, T& b) {
    T kept = a;
    a = b;
    b = kept;
}

// Sorts numbers by a key, equal ones in their old order (merge sort); `other` has room for n.
template <class Key>
static inline void sort_by(i64* numbers, i64 n, i64* other, Key key) {
    i64 *from = numbers, *to = other;
    for (i64 width = 1; width < n; width *= 2) {
        for (i64 start = 0; start < n; start += 2 * width) {
            i64 a = start, middle = start + width < n ? start + width : n;
            i64 b = middle, stop = start + 2 * width < n ? start + 2 * width : n;
            for (i64 at = start; at < stop; at++)
                to[at] = (b == stop || (a < middle && !(key(from[b]) < key(from[a])))) ? from[a++] : from[b++];
        }
        exchange(from, to);
    }
    if (from != numbers)
        for (i64 i = 0; i < n; i++) numbers[i] = from[i];
}

}  // namespace automl_explain
