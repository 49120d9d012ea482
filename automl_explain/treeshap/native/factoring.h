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
    i64 m = factor.n_vectors * NODES;
    Quadrature rule = all.rules.of(m);
    const FactorPlayer* player = all.player + factor.first_player;
    const f64* share = layout.share + factor.first_player;
    for (i64 part = 0; part < factor.n_parts; part++) {
        i64 bits = 0;
        for (i64 j = 0; j < factor.n_a; j++)
            if (player[j].part == part) bits |= player[j].answers;
        for (i64 cell = 0; cell <= bits; cell++) {
            f64* row = all.values + all.start[factor.first_part + part] + cell * m;
            for (i64 q = 0; q < m; q++) row[q] = 1.0;
            for (i64 j = 0; j < factor.n_a; j++) {
                if (player[j].part != part) continue;
                bool inside = (cell & player[j].answers) == player[j].answers;
                for (i64 q = 0; q < m; q++) row[q] *= factor_of(inside, share[j], rule.node[q]);
            }
        }
    }
    for (i64 q = 0; q < m; q++) {
        f64* constant = all.values + factor.constant + q * factor.stride;
        constant[0] = gain_of(false, 0.0, rule.node[q]);
        for (i64 j = 0; j < factor.n_a; j++) constant[1 + j] = gain_of(true, share[j], rule.node[q]);
    }
}

// Sums of the leaves for every cell of B: S, then W of every player of B.
void fill_below(const FactorLayout& layout, const Factors& all, i64 number, Arena& work) {
    const Factor& factor = all.factor[number];
    const Leaves& leaves = layout.below;
    const Described& described = layout.described;
    i64 m = factor.n_vectors * NODES, width = (factor.n_b + 1) * m, n_cells = described.cells[number];
    Quadrature rule = all.rules.of(m);
    f64* table = all.values + all.start[factor.first_part + factor.n_parts];
    u64* answers = room<u64>(work, n_cells);
    f64 *product = room<f64>(work, m), *factor_at = room<f64>(work, 2 * factor.n_b * m);
    f64* gain_at = room<f64>(work, 2 * factor.n_b * m);
    const i64* own = layout.player + factor.first_player + factor.n_a;
    for (i64 i = layout.groups.ptr[number]; i < layout.groups.ptr[number + 1]; i++) {
        i64 leaf = layout.groups.order[i], first = leaves.player_ptr[leaf], d = leaves.n_players(leaf);
        i64 place[MOST_PLAYERS];
        for (i64 j = 0; j < d; j++)
            for (place[j] = 0; own[place[j]] != leaves.player[first + j];) place[j]++;
        leaf_answers(leaves, leaf, described, number, answers);
        for (i64 q = 0; q < m; q++)
            for (i64 j = 0; j < d; j++)
                for (i64 inside = 0; inside < 2; inside++) {
                    factor_at[(2 * j + inside) * m + q] = factor_of(inside, leaves.share[first + j], rule.node[q]);
                    gain_at[(2 * j + inside) * m + q] = gain_of(inside, leaves.share[first + j], rule.node[q]);
                }
        for (i64 cell = 0; cell < n_cells; cell++) {
            f64* row = table + cell * width;
            auto side = [&](i64 j) { return (2 * j + (i64)(answers[cell] >> j & 1)) * m; };
            for (i64 q = 0; q < m; q++) product[q] = rule.weight[q] * leaves.value[leaf];
            for (i64 j = 0; j < d; j++)
                for (i64 q = 0; q < m; q++) product[q] *= factor_at[side(j) + q];
            for (i64 q = 0; q < m; q++) row[q] += product[q];
            for (i64 j = 0; j < d; j++)
                for (i64 q = 0; q < m; q++) row[(1 + place[j]) * m + q] += product[q] * gain_at[side(j) + q];
        }
    }
}

void fill_factors(const FactorLayout& layout, Factors& factors, Arena& work) {
    for (i64 i = 0; i < factors.n; i++) {
        Mark before = mark(work);
        fill_prefix(layout, factors, factors.factor[i]);
        fill_below(layout, factors, i, work);
        release(work, before);
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

constexpr i64 FACTOR_ROWS = 256;  // that walk through the factors of a tree together

// Room to work in: cells of the tables of a tree, and values of its players.
struct Multiplying {
    u16* cells;  // (tables, FACTOR_ROWS), or one for each table
    f64x8* found;
};

INLINE Multiplying room_to_multiply(Arena& arena, const Factors& factors) {
    return {room<u16>(arena, factors.most_tables * FACTOR_ROWS), room<f64x8>(arena, factors.most_players + NODES)};
}

// Products P of the prefix for LANES rows at NODES nodes from q on: the parts' products are multiplied.
INLINE void multiply_parts(const Factors& all, const Factor& factor, const u16* cells, i64 q, f64x8 (&product)[LANES]) {
    i64 m = factor.n_vectors * NODES;
    const f64* prefix = all.values + all.start[factor.first_part] + q;
    for (i64 i = 0; i < LANES; i++)
        product[i] = factor.n_parts ? *(const f64x8*)(prefix + cells[i] * m) : in_all_lanes(1.0);
    for (i64 part = 1; part < factor.n_parts; part++) {
        const u16* cell = cells + part * FACTOR_ROWS;
        prefix = all.values + all.start[factor.first_part + part] + q;
        for (i64 i = 0; i < LANES; i++) product[i] *= *(const f64x8*)(prefix + cell[i] * m);
    }
}

// Adds the values of a factor's players for LANES rows; `cells` are theirs in its tables, FACTOR_ROWS apart.
INLINE void multiply(const Factors& all, const Factor& factor, const u16* cells, f64x8* found) {
    i64 m = factor.n_vectors * NODES, width = (factor.n_b + 1) * m;
    const FactorPlayer* player = all.player + factor.first_player;
    const f64* table = all.values + all.start[factor.first_part + factor.n_parts];
    i64 below[LANES];
    for (i64 i = 0; i < LANES; i++) below[i] = cells[factor.n_parts * FACTOR_ROWS + i] * width;
    for (i64 q = 0; q < m; q += NODES) {
        f64x8 product[LANES], sum[LANES];
        multiply_parts(all, factor, cells, q, product);
        for (i64 j = 0; j < factor.n_b; j++) {
            const f64* of_player = table + (1 + j) * m + q;
            f64x8 gains[LANES];
            for (i64 i = 0; i < LANES; i++) gains[i] = product[i] * *(const f64x8*)(of_player + below[i]);
            found[player[factor.n_a + j].place] += sums_of(gains);
        }
        for (i64 i = 0; i < LANES; i++) sum[i] = product[i] * *(const f64x8*)(table + q + below[i]);
        transpose(sum);
        const f64* constant = all.values + factor.constant + q * factor.stride;
        auto sum_with = [&](i64 j) {
            f64x8 total = sum[0] * constant[j];
            for (i64 k = 1; k < NODES; k++) total += sum[k] * constant[k * factor.stride + j];
            return total;
        };
        f64x8 outside = sum_with(0);
        i64 part = -1;
        i64x8 answers = {};
        for (i64 j = 0; j < factor.n_a; j++) {
            if (player[j].part != part) {
                part = player[j].part;
                answers = widened(*(const i16x8_anywhere*)(cells + part * FACTOR_ROWS));
            }
            f64x8 inside = sum_with(1 + j);
            i64x8 mask = i64x8{} + (i64)player[j].answers, yes = (answers & mask) == mask;
            found[player[j].place] += (f64x8)(((i64x8)inside & yes) | ((i64x8)outside & ~yes));
        }
    }
}

// Adds the values of all factors to the sums (n_slots + 1, length) of n rows.
void add_factors(const Prepared& p, const u16* ranks, i64 stride, i64 n, f64* sums, i64 length, const Multiplying& at) {
    const Factors& all = p.factors;
    for (i64 t = 0; t < all.n_trees; t++) {
        const Factor *first = all.factor + all.ptr[t], *last = all.factor + all.ptr[t + 1];
        const i64 *player = all.tree_player + all.player_ptr[t], n_players = all.player_ptr[t + 1] - all.player_ptr[t];
        i64 first_table = first->first_part, n_tables = last[-1].first_part + last[-1].n_parts + 1 - first_table;
        for (i64 start = 0; start < n; start += FACTOR_ROWS) {
            i64 rows = smaller(FACTOR_ROWS, n - start);
            for (i64 k = 0; k < n_tables; k++)
                find_cells(ranks + start, stride, all.steps, first_table + k, rows, at.cells + k * FACTOR_ROWS);
            for (i64 r = 0; r < rows; r += LANES) {
                for (i64 j = 0; j < n_players; j++) at.found[j] = f64x8{};
                for (const Factor* factor = first; factor < last; factor++)
                    multiply(all, *factor, at.cells + (factor->first_part - first_table) * FACTOR_ROWS + r, at.found);
                for (i64 j = 0; j < n_players; j++) {
                    i64 place = p.slots.place(all.output[t], player[j]);
                    for (i64 s = p.slots.ptr[place]; s < p.slots.ptr[place + 1]; s++) {
                        f64* to = sums + p.slots.slot[s] * length + start + r;
                        store(to, load(to) + p.slots.weight[s] * at.found[j]);
                    }
                }
            }
        }
    }
}

// Adds the values of a factor's players for one row, with players in the lanes; sums in the same order.
INLINE void multiply_row(const Factors& all, const Factor& factor, const u16* cells, f64* found) {
    i64 m = factor.n_vectors * NODES;
    const FactorPlayer* player = all.player + factor.first_player;
    const f64* table = all.values + all.start[factor.first_part + factor.n_parts] +
                       cells[factor.n_parts] * (factor.n_b + 1) * m;
    for (i64 q = 0; q < m; q += NODES) {
        f64x8 product = in_all_lanes(1.0);
        for (i64 part = 0; part < factor.n_parts; part++) {
            f64x8 own = *(const f64x8*)(all.values + all.start[factor.first_part + part] + cells[part] * m + q);
            product = part == 0 ? own : product * own;
        }
        for (i64 j = 0; j < factor.n_b; j += LANES) {
            i64 n = smaller(LANES, factor.n_b - j);
            f64x8 gains[LANES] = {};
            for (i64 i = 0; i < n; i++) gains[i] = product * *(const f64x8*)(table + (1 + j + i) * m + q);
            f64x8 totals = sums_of(gains);
            for (i64 i = 0; i < n; i++) found[player[factor.n_a + j + i].place] += totals[i];
        }
        f64x8 sum = product * *(const f64x8*)(table + q);
        const f64* constant = all.values + factor.constant + q * factor.stride;
        f64 outside = 0.0;
        for (i64 j = 0; j < factor.stride; j += LANES) {
            f64x8 totals = sum[0] * *(const f64x8*)(constant + j);
            for (i64 k = 1; k < NODES; k++) totals += sum[k] * *(const f64x8*)(constant + k * factor.stride + j);
            if (j == 0) outside = totals[0];
            for (i64 i = j == 0; i < smaller(LANES, factor.n_a + 1 - j); i++) {
                const FactorPlayer& own = player[j + i - 1];
                found[own.place] += (cells[own.part] & own.answers) == own.answers ? totals[i] : outside;
            }
        }
    }
}

// The same as `add_factors` for one row.
void add_factors_of_row(const Prepared& p, const u32* ranks, f64* sums, i64 length, const Multiplying& at) {
    const Factors& all = p.factors;
    f64* found = (f64*)at.found;
    for (i64 t = 0; t < all.n_trees; t++) {
        const i64 *player = all.tree_player + all.player_ptr[t], n_players = all.player_ptr[t + 1] - all.player_ptr[t];
        for (i64 j = 0; j < n_players; j++) found[j] = 0.0;
        for (i64 i = all.ptr[t]; i < all.ptr[t + 1]; i++) {
            const Factor& factor = all.factor[i];
            cells_of_row(ranks, all.steps, factor.first_part, factor.first_part + factor.n_parts + 1, at.cells);
            multiply_row(all, factor, at.cells, found);
        }
        for (i64 j = 0; j < n_players; j++) {
            i64 place = p.slots.place(all.output[t], player[j]);
            for (i64 s = p.slots.ptr[place]; s < p.slots.ptr[place + 1]; s++)
                sums[p.slots.slot[s] * length] += p.slots.weight[s] * found[j];
        }
    }
}

}  // namespace
}  // namespace automl_explain
