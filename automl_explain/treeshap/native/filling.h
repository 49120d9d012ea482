// Fills the tables of the groups of leaves (kernels).
#pragma once

#include "tables.h"
#include "vectors.h"

namespace automl_explain {
namespace {

// Values of one leaf for all 2^d answers of its d players: (d, 2^d), bit j of an answer for player j.
//
// With o_j = 1 if the row satisfies the conditions of player j on the path and z_j the share of training rows that it
// lets through, the path-dependent expectation (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9) of the leaf alone,
// for the players S known, is v prod_{i in S} o_i prod_{i not in S} z_i. Its Shapley values are
//
//     phi_j = v (o_j - z_j) \int_0^1 prod_{i != j} f_i(y) dy,    f_i(y) = y o_i + (1 - y) z_i,
//
// for the weights |S|! (d - |S| - 1)! / d! are the integrals of y^|S| (1 - y)^(d - |S| - 1). The integrand has degree
// d - 1, so Gauss-Legendre with ceil(d / 2) nodes is exact (the polynomial is that of Linear TreeSHAP, Yu et al. 2022,
// arXiv:2209.08192). At each node the product P of all f_i is that of an answer with one player less times one factor,
// and (o_j - z_j) / f_j is -1 / (1 - y) where o_j = 0, whatever the player, else (1 - z_j) / (y + (1 - y) z_j).
void leaf_values(f64 value, const f64* share, i64 d, Quadrature rule, f64* product, f64* found) {
    i64 n = (i64)1 << d;
    for (i64 i = 0; i < d * n; i++) found[i] = 0.0;
    for (i64 q = 0; q < nodes_for(d); q++) {
        f64 y = rule.node[q];
        product[0] = rule.weight[q] * value;
        for (i64 j = 0; j < d; j++) {
            f64 outside = (1.0 - y) * share[j], inside = y + outside;
            for (i64 a = 0; a < (i64)1 << j; a++) {
                product[a + ((i64)1 << j)] = product[a] * inside;
                product[a] *= outside;
            }
        }
        f64 if_outside = -1.0 / (1.0 - y);
        for (i64 j = 0; j < d; j++) {
            f64 if_inside = (1.0 - share[j]) / (y + (1.0 - y) * share[j]);
            f64* of_player = found + j * n;
            for (i64 a = 0; a < n; a += (i64)2 << j)
                for (i64 b = a; b < a + ((i64)1 << j); b++) {
                    i64 c = b + ((i64)1 << j);
                    of_player[b] += product[b] * if_outside;
                    of_player[c] += product[c] * if_inside;
                }
        }
    }
}

// For every cell of a group the leaf's answers: bit j for its player j. A leaf has at most as many players as a word bits.
template <class Word>
void leaf_answers(const Leaves& leaves, i64 leaf, const Described& all, i64 group, Word* answers) {
    i64 first_axis = all.axis_ptr[group], last_axis = all.axis_ptr[group + 1], first = leaves.player_ptr[leaf];
    i64 n_cells = all.cells[group];
    Word asked = 0;
    for (i64 j = 0; j < leaves.n_players(leaf); j++) asked |= (Word)((Word)1 << j);
    for (i64 cell = 0; cell < n_cells; cell++) answers[cell] = asked;
    for (i64 j = first; j < leaves.player_ptr[leaf + 1]; j++) {
        Word kept = (Word) ~((Word)1 << (j - first));
        for (i64 c = leaves.condition_ptr[j]; c < leaves.condition_ptr[j + 1]; c++) {
            i64 inner = 1, axis = first_axis;
            for (; axis < last_axis && all.axis_column[axis] != leaves.column[c]; axis++)
                inner *= all.digit_ptr[axis + 1] - all.digit_ptr[axis];
            i64 n_digits = all.digit_ptr[axis + 1] - all.digit_ptr[axis];
            for (i64 digit = 0; digit < n_digits; digit++) {
                if (leaves.satisfies(all.digit_rank[all.digit_ptr[axis] + digit], c)) continue;
                for (i64 outer = digit * inner; outer < n_cells; outer += inner * n_digits)
                    for (i64 cell = outer; cell < outer + inner; cell++) answers[cell] &= kept;
            }
        }
    }
}

// Adds the values of each leaf to every cell of its group's table.
void fill(const Layout& layout, const Leaves& leaves, const Slots& slots, Tables& tables, Arena& work) {
    i64 most_cells = 1, most_players = 1;
    for (i64 i = 0; i < tables.n_groups; i++) {
        i64 g = layout.chosen[i];
        most_cells = larger(most_cells, layout.described.cells[g]);
        for (i64 k = layout.groups.ptr[g]; k < layout.groups.ptr[g + 1]; k++)
            most_players = larger(most_players, leaves.n_players(layout.groups.order[k]));
    }
    Rules rules = quadrature_rules(work, nodes_for(most_players));
    u16* answers = room<u16>(work, most_cells);
    f64 *product = room<f64>(work, (i64)1 << most_players), *found = room<f64>(work, most_players << most_players);
    for (i64 i = 0; i < tables.n_groups; i++) {
        i64 g = layout.chosen[i], n_cells = layout.described.cells[g];
        const i64 *slot = layout.slots.slot, *end = slot + layout.slots.ptr[g + 1];
        for (i64 k = layout.groups.ptr[g]; k < layout.groups.ptr[g + 1]; k++) {
            i64 leaf = layout.groups.order[k], d = leaves.n_players(leaf), first = leaves.player_ptr[leaf];
            leaf_answers(leaves, leaf, layout.described, g, answers);
            leaf_values(leaves.value[leaf], leaves.share + first, d, rules.of(nodes_for(d)), product, found);
            for (i64 j = 0; j < d; j++) {
                i64 place = slots.place(leaves.output[leaf], leaves.player[first + j]);
                for (i64 s = slots.ptr[place]; s < slots.ptr[place + 1]; s++) {
                    const i64* own = slot + layout.slots.ptr[g];
                    while (own < end && *own != slots.slot[s]) own++;
                    f64 *cell = tables.values + layout.first_cell[own - slot], weight = slots.weight[s];
                    const f64* of_player = found + (j << d);
                    for (i64 c = 0; c < n_cells; c++) cell[WIDTH * c] += weight * of_player[answers[c]];
                }
            }
        }
    }
}

}  // namespace
}  // namespace automl_explain
