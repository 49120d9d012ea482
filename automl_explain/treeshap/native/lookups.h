// Looks the rows of a block up in the tables and adds what it finds to their sums (kernels).
#pragma once

#include "prepared.h"
#include "vectors.h"

namespace automl_explain {
namespace {

constexpr i64 AHEAD = 64;  // rows between asking memory for a table row and adding it

// Cells of n rows in a table; n is a multiple of 32.
INLINE void find_cells(const u16* ranks, i64 stride, const Steps& steps, i64 table, i64 n, u16* cells) {
    i64 first = steps.ptr[table], last = steps.ptr[table + 1];
    auto count = [&]<int GROUPS>(i64 r) {
        u16x32 found[GROUPS];
        for (int g = 0; g < GROUPS; g++) found[g] = u16x32{} + steps.first[table];
        for (i64 s = first; s < last; s++) {
            const u16* rank = ranks + steps.column[s] * stride + r;
            u16x32 above = u16x32{} + steps.above[s], size = u16x32{} + steps.size[s];
            for (int g = 0; g < GROUPS; g++)
                found[g] += (u16x32)(*(const u16x32_anywhere*)(rank + 32 * g) > above) & size;
        }
        for (int g = 0; g < GROUPS; g++) *(u16x32_anywhere*)(cells + r + 32 * g) = found[g];
    };
    i64 r = 0;
    for (; r + 128 <= n; r += 128) count.template operator()<4>(r);
    for (; r < n; r += 32) count.template operator()<1>(r);
}

// Cells of one row in tables `first` to `last`. A table has few steps, too few for vectors, and their answers are not
// foreseen: neither vectors nor branches.
SCALAR void cells_of_row(const u32* ranks, const Steps& steps, i64 first, i64 last, u16* cells) {
    const i32* column = steps.column;
    const u16 *above = steps.above, *size = steps.size;
    for (i64 table = first; table < last; table++) {
        u32 cell = steps.first[table];
        SCALAR_LOOP
        for (i64 s = steps.ptr[table]; s < steps.ptr[table + 1]; s++)
            cell += size[s] & (0u - (u32)(ranks[column[s]] > above[s]));
        cells[table - first] = (u16)cell;
    }
}

// Adds the table rows of all groups to the sums (n_slots + 1, length) of n rows; `cells` has room for 64 blocks.
void add_tables(const Prepared& p, const u16* ranks, i64 stride, i64 n, u16* cells, f64* sums, i64 length) {
    const Tables& tables = p.tables;
    i64 room_of_cells = stride + AHEAD;
    for (i64 b = 0; b < tables.n_bundles; b++) {
        i64 first = tables.part_ptr[b], n_parts = tables.part_ptr[b + 1] - first;
        for (i64 i = 0; i < n_parts; i++)
            find_cells(ranks, stride, tables.steps, tables.part_group[first + i], n, cells + i * room_of_cells);
        f64* of_slot[WIDTH];
        for (i64 k = 0; k < WIDTH; k++) of_slot[k] = sums + tables.slot[WIDTH * b + k] * length;
        for (i64 r = 0; r < n; r += LANES) {
            f64x8 sum[LANES] = {};
            for (i64 i = 0; i < n_parts; i++) {
                const f64* table = tables.values + tables.part_start[first + i];
                const u16* cell = cells + i * room_of_cells + r;
                for (int j = 0; j < LANES; j += 4) {
                    // Places of four rows in one load: there are more loads than a processor does at a time.
                    u64 own, later;
                    memcpy(&own, cell + j, sizeof own);
                    memcpy(&later, cell + j + AHEAD, sizeof later);
                    for (int k = 0; k < 4; k++, own >>= 16, later >>= 16) {
                        sum[j + k] += *(const f64x8*)(table + (own & 0xFFFF));
                        __builtin_prefetch(table + (later & 0xFFFF));
                    }
                }
            }
            transpose(sum);
            for (i64 k = 0; k < WIDTH; k++) {
                f64* at = of_slot[k] + r;
                store(at, load(at) + sum[k]);
            }
        }
    }
}

}  // namespace
}  // namespace automl_explain
