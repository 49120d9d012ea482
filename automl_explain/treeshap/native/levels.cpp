// Asks the processor what it can run.
//
// A vector unit is usable only where the operating system saves its registers, which the register XCR0 tells.
// Levels as the x86-64 psABI defines them; feature bits as in the manuals of the processors (instruction CPUID).
#include "levels.h"

#include <string.h>

#if defined(AUTOML_EXPLAIN_X86_64)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace automl_explain {
namespace {

#if defined(AUTOML_EXPLAIN_X86_64)

struct Registers {
    unsigned eax, ebx, ecx, edx;
};

Registers cpuid(unsigned leaf) {
    Registers r = {0, 0, 0, 0};
    __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);  // leaves zeros where there is no such leaf
    return r;
}

template <class... Bits>
bool has(unsigned value, Bits... bits) {
    unsigned mask = ((1u << bits) | ...);
    return (value & mask) == mask;
}

__attribute__((target("xsave"))) unsigned saved_registers() { return (unsigned)_xgetbv(0); }

// How many of the levels v2, v3, v4 can be run.
int count_levels() {
    Registers basic = cpuid(1), more = cpuid(7), extended = cpuid(0x80000001);
    // sse3, ssse3, cmpxchg16b, sse4.1, sse4.2, popcnt
    if (!has(basic.ecx, 0, 9, 13, 19, 20, 23)) return 0;
    unsigned saved = has(basic.ecx, 27) ? saved_registers() : 0;  // osxsave
    // fma, movbe, xsave, avx, f16c; bmi1, avx2, bmi2; lzcnt; registers xmm and ymm
    if (!has(basic.ecx, 12, 22, 26, 28, 29) || !has(more.ebx, 3, 5, 8) || !has(extended.ecx, 5) || !has(saved, 1, 2)) return 1;
    // avx512 f, dq, cd, bw, vl; mask registers, upper halves of zmm0 to 15, zmm16 to 31
    if (!has(more.ebx, 16, 17, 28, 30, 31) || !has(saved, 5, 6, 7)) return 2;
    return 3;
}

constexpr const Kernels* all_levels[MOST_LEVELS] = {&kernels_v2, &kernels_v3, &kernels_v4};

#elif defined(AUTOML_EXPLAIN_AARCH64)

int count_levels() { return 1; }
constexpr const Kernels* all_levels[MOST_LEVELS] = {&kernels_neon};

#else

int count_levels() { return 1; }
constexpr const Kernels* all_levels[MOST_LEVELS] = {&kernels_generic};

#endif

}  // namespace

int usable_levels(const Kernels* (&found)[MOST_LEVELS]) {
    int n = count_levels();
    for (int i = 0; i < n; i++) found[i] = all_levels[i];
    return n;
}

const Kernels* usable_level(const char* name) {
    const Kernels* found[MOST_LEVELS];
    int n = usable_levels(found);
    for (int i = 0; i < n; i++) {
        if (strcmp(found[i]->level, name) == 0) return found[i];
    }
    return nullptr;
}

const Kernels* best_level() {
    const Kernels* found[MOST_LEVELS];
    int n = usable_levels(found);
    return n == 0 ? nullptr : found[n - 1];
}

}  // namespace automl_explain
