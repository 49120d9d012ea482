// Walks rows through the branches to leaves without a table (kernels).
//
// The leaves of a tree share the products of `fill_leaf` along their paths, and their sums on the way back, as in Linear
// TreeSHAP (Yu et al. 2022, arXiv:2209.08192); here a polynomial is its values at the nodes of the quadrature. Going
// down, the product P of a branch is that of the factors (1 - y) z + y o of its players. Going up, S is the sum of v P
// over the leaves below. A player's integral is sum w S (o - z) / ((1 - y) z + y o) at the last of its branches; where it
// has one further down, that one takes back what this one is worth to the leaves below it.
#pragma once

#include "prepared.h"
#include "vectors.h"

namespace automl_explain {
namespace {

// By what a branch changes the product and the sums, at one node y of the quadrature.
//
// With o and z of the player down to this branch, and p and x of those down to its branch before, the product changes by
// ((1 - y) z + y o) / ((1 - y) x + y p): z / x if neither holds, and so on. A leaf's value is in it as well. The gain is w
// times the difference of (o - z) / ((1 - y) z + y o) and the same of p and x: -1 / (1 - y) where a row does not take the
// branch. Where no training row went all is 0.
struct Term {
    f64 none, if_same, if_own, gain_if_same, gain_if_own;
};

struct Walking {
    Term* terms;      // (branches of a tree, nodes)
    f64* inverse;     // (depth, nodes): 1 / ((1 - y) z + y) along the path
    f64x8 *product, *below;  // (depth, nodes)
    f64x8* own;       // (depth): whether the rows satisfy the player's conditions down to here
    f64x8* found;     // of each player of a tree
    i64* path;
};

INLINE Walking room_to_walk(Arena& arena, const Branches& b) {
    i64 m = b.rules.most, depths = b.deepest + 1;
    return {room<Term>(arena, b.most_branches * m), room<f64>(arena, depths * m),
            room<f64x8>(arena, depths * m),         room<f64x8>(arena, depths * m),
            room<f64x8>(arena, depths),             room<f64x8>(arena, b.most_players),
            room<i64>(arena, depths)};
}

void find_terms(const Branches& branches, i64 first, i64 last, Quadrature rule, i64 m, Walking& at) {
    for (i64 q = 0; q < m; q++) at.inverse[q] = 1.0;
    for (i64 e = first; e < last; e++) {
        const Branch& b = branches.branch[e];
        f64 z = b.share, x = b.before, scale = b.value != 0.0 ? b.value : 1.0, none = x > 0.0 ? scale * (z / x) : 0.0;
        for (i64 q = 0; q < m; q++) {
            f64 y = rule.node[q], inside = 1.0 / ((1.0 - y) * z + y), held = at.inverse[b.same * m + q];
            at.inverse[b.depth * m + q] = inside;
            f64 worth = (1.0 - x) * held, lost = -1.0 / (1.0 - y) - worth;
            at.terms[(e - first) * m + q] = {none, scale * (1.0 - y) * z * held - none, scale * y * held,
                                             rule.weight[q] * lost,
                                             rule.weight[q] * ((1.0 - z) * inside - worth - lost)};
        }
    }
}

// 1 in the lanes of rows that take a branch, of those that took the branch `same`; 0 in the others.
INLINE f64x8 takes(const Branches& branches, const Branch& b, f64x8 same, const u16* ranks) {
    f64x8 own;
    if (b.category < 0) {
        u16x8 rank = *(const u16x8_anywhere*)ranks;
        u16x8 holds = (u16x8)((rank >= b.low) & (rank <= b.high)) | (u16x8)(rank == b.missing);
        return (f64x8)((i64x8)same & widened((i16x8)holds));
    }
    for (i64 i = 0; i < LANES; i++)
        own[i] = branches.ranks_left[b.category + ranks[i]] == b.is_left ? same[i] : 0.0;
    return own;
}

// Sums up a branch: its below goes to the one above, and its player gets its gain.
INLINE void go_up(const Branch& b, const Term* terms, const f64x8* below, f64x8* above, i64 m, Walking& at) {
    f64x8 same = at.own[b.same], own = at.own[b.depth], sum = at.found[b.place];
    for (i64 q = 0; q < m; q++) {
        above[q] += below[q];
        sum += below[q] * (terms[q].gain_if_same * same + terms[q].gain_if_own * own);
    }
    at.found[b.place] = sum;
}

// Walks LANES rows through one tree, down and up.
INLINE void walk_tree(const Branches& branches, i64 first, i64 last, i64 m, const u16* ranks, i64 stride, Walking& at) {
    i64 top = 0;
    auto up_to = [&](i64 depth) {  // all that lies below is summed up
        for (; top >= depth; top--) {
            i64 e = at.path[top];
            go_up(branches.branch[e], at.terms + (e - first) * m, at.below + top * m, at.below + (top - 1) * m, m, at);
        }
    };
    for (i64 e = first; e < last; e++) {
        const Branch& b = branches.branch[e];
        const Term* terms = at.terms + (e - first) * m;
        up_to(b.depth);
        f64x8 same = at.own[b.same], own = takes(branches, b, same, ranks + b.column * stride);
        at.own[b.depth] = own;
        const f64x8* above = at.product + (b.depth - 1) * m;
        f64x8* product = at.product + b.depth * m;
        for (i64 q = 0; q < m; q++)
            product[q] = above[q] * (terms[q].none + terms[q].if_same * same + terms[q].if_own * own);
        if (b.value != 0.0) {
            go_up(b, terms, product, at.below + (b.depth - 1) * m, m, at);
        } else {
            for (i64 q = 0; q < m; q++) at.below[b.depth * m + q] = f64x8{};
            at.path[b.depth] = e;
            top = b.depth;
        }
    }
    up_to(1);
}

// Adds the values of all leaves at the end of the branches to the sums (n_slots + 1, length) of n rows.
void add_branches(const Prepared& p, const u16* ranks, i64 stride, i64 n, f64* sums, i64 length, Walking& at) {
    const Branches& branches = p.branches;
    at.own[0] = in_all_lanes(1.0);
    for (i64 t = 0; t < branches.n_trees; t++) {
        i64 first = branches.ptr[t], last = branches.ptr[t + 1], m = branches.n_nodes[t];
        const i64* player = branches.player + branches.player_ptr[t];
        i64 n_players = branches.player_ptr[t + 1] - branches.player_ptr[t];
        find_terms(branches, first, last, branches.rules.of(m), m, at);
        for (i64 q = 0; q < m; q++) at.product[q] = in_all_lanes(1.0);
        for (i64 r = 0; r < n; r += LANES) {
            for (i64 q = 0; q < m; q++) at.below[q] = f64x8{};
            for (i64 j = 0; j < n_players; j++) at.found[j] = f64x8{};
            walk_tree(branches, first, last, m, ranks + r, stride, at);
            for (i64 j = 0; j < n_players; j++) {
                i64 place = p.slots.place(branches.output[t], player[j]);
                for (i64 s = p.slots.ptr[place]; s < p.slots.ptr[place + 1]; s++) {
                    f64* to = sums + p.slots.slot[s] * length + r;
                    store(to, load(to) + p.slots.weight[s] * at.found[j]);
                }
            }
        }
    }
}

}  // namespace
}  // namespace automl_explain
