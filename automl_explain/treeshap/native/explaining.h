// Values of many rows, a block at a time, and of one row (kernels).
#pragma once

#include "factoring.h"
#include "lookups.h"
#include "ranking.h"
#include "rows.h"
#include "walking.h"

namespace automl_explain {
namespace {

// Copies the sums of n rows to the result. Neighbouring slots that go to neighbouring places go together.
void write(const f64* sums, i64 length, i64 n, i64 first, i64 n_slots, const Result& result) {
    for (i64 s = 0; s < n_slots;) {
        bool together = s + LANES <= n_slots && result.at[s + LANES - 1] == result.at[s] + LANES - 1;
        f64* to = result.values + result.at[s] + first * result.stride;
        const f64* from = sums + s * length;
        if (!together) {
            for (i64 r = 0; r < n; r++) to[r * result.stride] = from[r];
            s++;
            continue;
        }
        for (i64 r = 0; r < n; r += LANES) {
            f64x8 block[LANES];
            for (i64 k = 0; k < LANES; k++) block[k] = load(from + k * length + r);
            transpose(block);
            for (i64 k = 0; k < smaller(LANES, n - r); k++) store(to + (r + k) * result.stride, block[k]);
        }
        s += LANES;
    }
}

// Explains rows `first` to `last`; `rank` finds the ranks of a block.
template <class Rank>
void explain_blocks(const Prepared& p, i64 first, i64 last, const Result& result, Arena& arena, Rank rank) {
    i64 block = smaller(p.block, (last - first + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS), n_slots = p.slots.n;
    i64 stride = block + RANK_ROWS, length = block + 24;  // no power of two, which would share places in the cache
    u16* ranks = zeros<u16>(arena, p.ranking.n * stride);
    u16* cells = zeros<u16>(arena, p.most_parts * (stride + AHEAD));
    f64* sums = room<f64>(arena, (n_slots + 1) * length);
    Multiplying multiplying = room_to_multiply(arena, p.factors, stride);
    Walking walking = p.branches.n ? room_to_walk(arena, p.branches) : Walking{};
    for (i64 start = first; start < last; start += block) {
        i64 n = smaller(block, last - start), rounded = (n + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS;
        rank(start, n, stride, ranks, sums);
        for (i64 s = 0; s <= n_slots; s++) memset(sums + s * length, 0, sizeof(f64) * (size_t)rounded);
        add_tables(p, ranks, stride, rounded, cells, sums, length);
        if (p.factors.n) add_factors(p, ranks, stride, rounded, sums, length, multiplying);
        if (p.branches.n) add_branches(p, ranks, stride, n, sums, length, walking);
        write(sums, length, n, start, n_slots, result);
    }
}

void explain_dense(const Prepared& p, const DenseRows& rows, i64 first, i64 last, const Result& result, Arena& arena) {
    explain_blocks(p, first, last, result, arena, [&](i64 start, i64 n, i64 stride, u16* ranks, f64* x) {
        rank(p.ranking, rows, start, n, stride, x, ranks);
    });
}

void explain_sparse(const Prepared& p, const SparseRows& rows, i64 first, i64 last, const Result& result, Arena& arena) {
    explain_blocks(p, first, last, result, arena, [&](i64 start, i64 n, i64 stride, u16* ranks, f64* x) {
        rank(p.ranking, rows, start, n, stride, x, ranks);
    });
}

// Values of one dense row, in the order of sums of a block, so with the same bits.
void explain_row(const Prepared& p, const DenseRows& row, f64* result, Arena& arena) {
    const Tables& tables = p.tables;
    const Ranking& columns = p.ranking;
    u32* ranks = room<u32>(arena, columns.n);
    for (i64 c = 0; c < columns.n; c++) {
        i64 at = columns.feature[c] * row.column_stride, start = columns.cut_ptr[c];
        f64 x = row.is_float32 ? (f64)((const f32*)row.values)[at] : ((const f64*)row.values)[at];
        ranks[c] = (u32)rank_of(x, columns.kind[c], columns.cuts + start, columns.cut_ptr[c + 1] - start);
    }
    u16* cells = room<u16>(arena, tables.n_groups);
    for (i64 g = 0; g < tables.n_groups; g++) cells[g] = cell_of(ranks, tables.steps, g);
    f64* sums = zeros<f64>(arena, (p.slots.n + 1) * LANES);
    for (i64 b = 0; b < tables.n_bundles; b++) {
        f64x8 sum = {};
        for (i64 i = tables.part_ptr[b]; i < tables.part_ptr[b + 1]; i++)
            sum += *(const f64x8*)(tables.values + tables.part_start[i] + WIDTH * (i64)cells[tables.part_group[i]]);
        for (i64 k = 0; k < WIDTH; k++) sums[tables.slot[WIDTH * b + k] * LANES] += sum[k];
    }
    if (p.factors.n) add_factors_of_row(p, ranks, sums, LANES, room_to_multiply(arena, p.factors, 0));
    if (p.branches.n) {
        Walking walking = room_to_walk(arena, p.branches);
        u16* of_lanes = zeros<u16>(arena, columns.n * LANES);
        for (i64 c = 0; c < columns.n; c++) of_lanes[c * LANES] = (u16)ranks[c];
        add_branches(p, of_lanes, LANES, 1, sums, LANES, walking);
    }
    for (i64 s = 0; s < p.slots.n; s++) result[p.slots.target[s]] = sums[s * LANES];
}

}  // namespace
}  // namespace automl_explain
