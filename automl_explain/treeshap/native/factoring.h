// Fills the tables of factors, and adds the values of their leaves to the sums of rows (kernels). See `factors.h`.
#pragma once

#include "filling.h"
#include "lookups.h"

namespace automl_explain {
namespace {

// f_i(y) of a player.
INLINE f64 factor_of(bool inside, f64 share, f64 y) { return (1.0 - y) * share + (inside ? y : 0.0); }

// g_i(y) of a player.
INLINE f64 gain_of(bool inside, f64 share, f64 y) {
    return inside ? (1.0 - share) / (y + (1.0 - y) * share) : -1.0 / (1.0 - y);
}

// Products of the players of A for every answer, and the gains where they answer yes.
void fill_prefix(const FactorLayout& layout, const Factors& all, const Factor& factor) {
    i64 m = factor.n_vectors * NODES, padded = (factor.n_a + NODES - 1) / NODES * NODES;
    Quadrature rule = all.rules.of(m);
    f64* constant = all.values + factor.constant;
    for (i64 part = 0; part < factor.n_parts; part++) {
        i64 bits = 0;
        for (i64 j = factor.first_player; j < factor.first_player + factor.n_a; j++)
            if (all.part[j] == part) bits |= all.answers[j];
        for (i64 cell = 0; cell <= bits; cell++) {
            f64* row = all.values + all.start[factor.first_part + part] + cell * m;
            for (i64 q = 0; q < m; q++) row[q] = 1.0;
            for (i64 j = factor.first_player; j < factor.first_player + factor.n_a; j++) {
                if (all.part[j] != part) continue;
                bool inside = (cell & all.answers[j]) == all.answers[j];
                for (i64 q = 0; q < m; q++) row[q] *= factor_of(inside, layout.share[j], rule.node[q]);
            }
        }
    }
    for (i64 j = 0; j < factor.n_a; j++)
        for (i64 q = 0; q < m; q++)
            constant[q * padded + j] = gain_of(true, layout.share[factor.first_player + j], rule.node[q]);
}

// Sums of the leaves for every cell of B: S, then W of every player of B.
void fill_below(const FactorLayout& layout, const Factors& all, i64 number) {
    const Factor& factor = all.factor[number];
    const Leaves& leaves = layout.below;
    const Described& described = layout.described;
    i64 m = factor.n_vectors * NODES, width = (factor.n_b + 1) * m, n_cells = described.cells[number];
    Quadrature rule = all.rules.of(m);
    f64* table = all.values + all.start[factor.first_part + factor.n_parts];
    const i64* own = all.player + factor.first_player + factor.n_a;
    for (i64 i = layout.groups.ptr[number]; i < layout.groups.ptr[number + 1]; i++) {
        i64 leaf = layout.groups.order[i], first = leaves.player_ptr[leaf], d = leaves.n_players(leaf);
        i64 place[64];
        for (i64 j = 0; j < d; j++)
            for (place[j] = 0; own[place[j]] != leaves.player[first + j];) place[j]++;
        for (i64 cell = 0; cell < n_cells; cell++) {
            u64 answers = 0;
            for (i64 j = 0; j < d; j++)
                answers |= (u64)answers_yes(leaves, first + j, described, number, cell) << j;
            f64* row = table + cell * width;
            for (i64 q = 0; q < m; q++) {
                f64 y = rule.node[q], product = rule.weight[q] * leaves.value[leaf];
                for (i64 j = 0; j < d; j++) product *= factor_of(answers >> j & 1, leaves.share[first + j], y);
                row[q] += product;
                for (i64 j = 0; j < d; j++)
                    row[(1 + place[j]) * m + q] += product * gain_of(answers >> j & 1, leaves.share[first + j], y);
            }
        }
    }
}

void fill_factors(const FactorLayout& layout, Factors& factors) {
    for (i64 i = 0; i < factors.n; i++) {
        fill_prefix(layout, factors, factors.factor[i]);
        fill_below(layout, factors, i);
    }
}

// Sums over the lanes of 8 vectors, side by side; the order of additions is the same for each.
INLINE f64x8 sums_of(const f64x8 (&v)[8]) {
    f64x8 a[4], b[2];
    for (int i = 0; i < 4; i++)
        a[i] = SHUFFLE(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) + SHUFFLE(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    for (int i = 0; i < 2; i++)
        b[i] = SHUFFLE(a[i], a[i + 2], 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLE(a[i], a[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    return SHUFFLE(b[0], b[1], 0, 8, 2, 10, 4, 12, 6, 14) + SHUFFLE(b[0], b[1], 1, 9, 3, 11, 5, 13, 7, 15);
}

// Room to work in: cells of each table for a block of rows, and values of the players of a factor.
struct Multiplying {
    u16* cells;
    i64 stride;
    f64x8* values;
};

INLINE Multiplying room_to_multiply(Arena& arena, const Factors& factors, i64 stride) {
    return {zeros<u16>(arena, factors.most_tables * (stride + AHEAD)), stride + AHEAD,
            room<f64x8>(arena, factors.most_players + NODES)};
}

// Values of the players of a factor for LANES rows from r on.
INLINE void multiply(const Factors& all, const Factor& factor, i64 r, const Multiplying& at) {
    i64 m = factor.n_vectors * NODES, padded = (factor.n_a + NODES - 1) / NODES * NODES;
    const u16* below = at.cells + factor.n_parts * at.stride + r;
    const f64* table = all.values + all.start[factor.first_part + factor.n_parts];
    i64 width = (factor.n_b + 1) * m;
    Quadrature rule = all.rules.of(m);
    f64x8 outside = {};
    for (i64 j = 0; j < factor.n_a + factor.n_b; j++) at.values[j] = f64x8{};
    for (i64 q = 0; q < m; q += NODES) {
        f64x8 product[LANES], sum[LANES];
        for (i64 i = 0; i < LANES; i++) product[i] = in_all_lanes(1.0);
        for (i64 part = 0; part < factor.n_parts; part++) {
            const u16* cell = at.cells + part * at.stride + r;
            const f64* prefix = all.values + all.start[factor.first_part + part] + q;
            for (i64 i = 0; i < LANES; i++) product[i] *= *(const f64x8*)(prefix + cell[i] * m);
        }
        for (i64 j = 0; j < factor.n_b; j++) {
            f64x8 gains[LANES];
            for (i64 i = 0; i < LANES; i++)
                gains[i] = product[i] * *(const f64x8*)(table + below[i] * width + (1 + j) * m + q);
            at.values[factor.n_a + j] += sums_of(gains);
        }
        for (i64 i = 0; i < LANES; i++) sum[i] = product[i] * *(const f64x8*)(table + below[i] * width + q);
        transpose(sum);
        const f64* constant = all.values + factor.constant + q * padded;
        for (i64 k = 0; k < NODES; k++) outside += sum[k] * (-1.0 / (1.0 - rule.node[q + k]));
        for (i64 j = 0; j < factor.n_a; j++) {
            f64x8 inside = at.values[j];
            for (i64 k = 0; k < NODES; k++) inside += sum[k] * constant[k * padded + j];
            at.values[j] = inside;
        }
    }
    for (i64 j = 0; j < factor.n_a; j++) {
        const u16* cell = at.cells + all.part[factor.first_player + j] * at.stride + r;
        i64x8 answers = __builtin_convertvector(*(const u16x8_anywhere*)cell, i64x8), mask = {};
        mask += all.answers[factor.first_player + j];
        i64x8 yes = (answers & mask) == mask;
        at.values[j] = (f64x8)(((i64x8)at.values[j] & yes) | ((i64x8)outside & ~yes));
    }
}

// Adds the values of all factors to the sums (n_slots + 1, length) of n rows.
void add_factors(const Prepared& p, const u16* ranks, i64 stride, i64 n, f64* sums, i64 length, const Multiplying& at) {
    const Factors& all = p.factors;
    for (i64 i = 0; i < all.n; i++) {
        const Factor& factor = all.factor[i];
        for (i64 k = 0; k <= factor.n_parts; k++)
            find_cells(ranks, stride, all.steps, factor.first_part + k, n, at.cells + k * at.stride);
        for (i64 r = 0; r < n; r += LANES) {
            multiply(all, factor, r, at);
            for (i64 j = 0; j < factor.n_a + factor.n_b; j++) {
                i64 place = p.slots.place(factor.output, all.player[factor.first_player + j]);
                for (i64 s = p.slots.ptr[place]; s < p.slots.ptr[place + 1]; s++) {
                    f64* to = sums + p.slots.slot[s] * length + r;
                    store(to, load(to) + p.slots.weight[s] * at.values[j]);
                }
            }
        }
    }
}

// The same for one row.
void add_factors_of_row(const Prepared& p, const u32* ranks, f64* sums, i64 length, const Multiplying& at) {
    const Factors& all = p.factors;
    for (i64 i = 0; i < all.n; i++) {
        const Factor& factor = all.factor[i];
        for (i64 k = 0; k <= factor.n_parts; k++)
            at.cells[k * at.stride] = cell_of(ranks, all.steps, factor.first_part + k);
        multiply(all, factor, 0, at);
        for (i64 j = 0; j < factor.n_a + factor.n_b; j++) {
            i64 place = p.slots.place(factor.output, all.player[factor.first_player + j]);
            for (i64 s = p.slots.ptr[place]; s < p.slots.ptr[place + 1]; s++)
                sums[p.slots.slot[s] * length] += p.slots.weight[s] * at.values[j][0];
        }
    }
}

}  // namespace
}  // namespace automl_explain
