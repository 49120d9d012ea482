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

// Explains rows `first` to `last`; `rank` finds the ranks of a block, and `write_block` takes its sums.
template <class Rank, class Write>
void explain_blocks(const Prepared& p, i64 first, i64 last, Arena& arena, Rank rank, Write write_block) {
    i64 block = smaller(p.block, (last - first + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS), n_slots = p.slots.n;
    i64 stride = block + RANK_ROWS, length = block + 24;  // no power of two, which would share places in the cache
    u16* ranks = zeros<u16>(arena, p.ranking.n * stride);
    u16* cells = zeros<u16>(arena, p.most_parts * (stride + AHEAD));
    f64* sums = room<f64>(arena, (n_slots + 1) * length);
    Multiplying multiplying = room_to_multiply(arena, p.factors);
    Walking walking = p.branches.n ? room_to_walk(arena, p.branches) : Walking{};
    for (i64 start = first; start < last; start += block) {
        i64 n = smaller(block, last - start), rounded = (n + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS;
        rank(start, n, stride, ranks, sums);
        for (i64 s = 0; s <= n_slots; s++) memset(sums + s * length, 0, sizeof(f64) * (size_t)rounded);
        add_tables(p, ranks, stride, rounded, cells, sums, length);
        if (p.factors.n) add_factors(p, ranks, stride, rounded, sums, length, multiplying);
        if (p.branches.n) add_branches(p, ranks, stride, n, sums, length, walking);
        write_block(sums, length, n, start);
    }
}

void explain_dense(const Prepared& p, const DenseRows& rows, i64 first, i64 last, const Result& result, Arena& arena) {
    explain_blocks(
        p, first, last, arena,
        [&](i64 start, i64 n, i64 stride, u16* ranks, f64* x) { rank(p.ranking, rows, start, n, stride, x, ranks); },
        [&](const f64* sums, i64 length, i64 n, i64 start) { write(sums, length, n, start, p.slots.n, result); });
}

void explain_sparse(const Prepared& p, const SparseRows& rows, i64 first, i64 last, const Result& result, Arena& arena) {
    explain_blocks(
        p, first, last, arena,
        [&](i64 start, i64 n, i64 stride, u16* ranks, f64* x) { rank(p.ranking, rows, start, n, stride, x, ranks); },
        [&](const f64* sums, i64 length, i64 n, i64 start) { write(sums, length, n, start, p.slots.n, result); });
}

// Writes the values of n rows of one output that are not 0; `row_ptr` begins with where the first row begins.
void write_csr(const f64* sums, i64 length, i64 n, const i32* column, i64 n_slots, i64* row_ptr, f64* values,
               i32* columns) {
    for (i64 r = 0; r < n; r += LANES) {
        i64x8 found = {};
        for (i64 s = 0; s < n_slots; s++) found -= load(sums + s * length + r) != f64x8{};
        for (i64 i = 0; i < smaller(LANES, n - r); i++) row_ptr[r + i + 1] = row_ptr[r + i] + found[i];
    }
    for (i64 r = 0; r < n; r += LANES) {
        i64 at[LANES], n_rows = smaller(LANES, n - r);
        for (i64 i = 0; i < n_rows; i++) at[i] = row_ptr[r + i];
        for (i64 s = 0; s < n_slots; s += LANES) {
            i64 n_tile = smaller(LANES, n_slots - s);
            f64x8 tile[LANES];
            for (i64 k = 0; k < LANES; k++) tile[k] = k < n_tile ? load(sums + (s + k) * length + r) : f64x8{};
            transpose(tile);
            for (i64 i = 0; i < n_rows; i++)
                for (i64 k = 0; k < n_tile; k++) {
                    if (tile[i][k] == 0.0) continue;
                    values[at[i]] = tile[i][k];
                    columns[at[i]++] = column[s + k];
                }
        }
    }
}

void explain_to_csr(const Prepared& p, const SparseRows& rows, i64 first, i64 last, const CsrResult& result,
                    Arena& arena) {
    i32* column = room<i32>(arena, p.slots.n);
    i64 *ends = zeros<i64>(arena, p.n_outputs + 1), *kept = zeros<i64>(arena, p.n_outputs), n_rows = last - first;
    for (i64 s = 0; s < p.slots.n; s++) {
        i64 output = p.slots.target[s] / p.n_targets;
        column[s] = (i32)(p.slots.target[s] % p.n_targets);
        ends[output + 1] = s + 1;
        kept[output] += column[s] < result.n_kept;
    }
    for (i64 k = 0; k < p.n_outputs; k++) {
        ends[k + 1] = larger(ends[k], ends[k + 1]);  // an output without slots ends where it begins
        result.row_ptr[k * (n_rows + 1)] = 0;
    }
    explain_blocks(
        p, first, last, arena,
        [&](i64 start, i64 n, i64 stride, u16* ranks, f64* x) { rank(p.ranking, rows, start, n, stride, x, ranks); },
        [&](const f64* sums, i64 length, i64 n, i64 start) {
            for (i64 k = 0; k < p.n_outputs; k++)
                write_csr(sums + ends[k] * length, length, n, column + ends[k], kept[k],
                          result.row_ptr + k * (n_rows + 1) + start - first, result.values + ends[k] * n_rows,
                          result.columns + ends[k] * n_rows);
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
    cells_of_row(ranks, tables.steps, 0, tables.n_groups, cells);
    f64* sums = zeros<f64>(arena, (p.slots.n + 1) * LANES);
    for (i64 b = 0; b < tables.n_bundles; b++) {
        f64x8 sum = {};
        for (i64 i = tables.part_ptr[b]; i < tables.part_ptr[b + 1]; i++)
            sum += *(const f64x8*)(tables.values + tables.part_start[i] + cells[tables.part_group[i]]);
        for (i64 k = 0; k < WIDTH; k++) sums[tables.slot[WIDTH * b + k] * LANES] += sum[k];
    }
    if (p.factors.n) add_factors_of_row(p, ranks, sums, LANES, room_to_multiply(arena, p.factors));
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
