#include "prepared.h"

#include "levels.h"

namespace automl_explain {

namespace {

constexpr i64 MOST_ROWS = 16384;
constexpr i64 BLOCK_BYTES = 1 << 24;  // of the sums of one output and the ranks of a block: narrower for wide models
constexpr i64 ALL_BYTES = 1 << 26;    // of the sums of all outputs

Slots keep(Arena& kept, const Slots& slots, i64 n_outputs) {
    i64 n_places = n_outputs * slots.n_players, n_shares = slots.ptr[n_places];
    return {slots.n,
            slots.n_players,
            copied(kept, slots.ptr, n_places + 1),
            copied(kept, slots.slot, n_shares),
            copied(kept, slots.weight, n_shares),
            copied(kept, slots.target, slots.n)};
}

i64 block_rows(i64 n_slots, i64 n_columns, i64 n_outputs) {
    i64 sums = 8 * n_slots, ranks = 2 * n_columns;
    i64 fits = smaller(BLOCK_BYTES / larger<i64>(sums / n_outputs + ranks, 1), ALL_BYTES / larger<i64>(sums, 1));
    return larger<i64>(64, smaller(MOST_ROWS, fits / 64 * 64));
}

}  // namespace

Ranking find_ranking(Arena& kept, const Columns& columns, i64 n_features) {
    Ranking made = {columns.n,
                    n_features,
                    copied(kept, columns.feature, columns.n),
                    copied(kept, columns.kind, columns.n),
                    copied(kept, columns.cut_ptr, columns.n + 1),
                    copied(kept, columns.cuts, columns.cut_ptr[columns.n]),
                    room<i64>(kept, columns.n),
                    zeros<i64>(kept, n_features + 1)};
    for (i64 c = 0; c < columns.n; c++) {
        const f64 *cut = made.cuts + made.cut_ptr[c], *end = made.cuts + made.cut_ptr[c + 1];
        i64 below = 0;
        while (cut + below < end && cut[below] < 0.0) below++;
        made.zero[c] = columns.kind[c] == CATEGORIES        ? (i64)cut[0]
                       : columns.kind[c] == ZERO_IS_MISSING ? end - cut + 1
                                                            : below;
        made.column_ptr[columns.feature[c] + 1]++;
    }
    for (i64 f = 0; f < n_features; f++) made.column_ptr[f + 1] += made.column_ptr[f];
    return made;
}

bool prepare(Prepared& made, const Trees& trees, const Columns& columns, const Players& players, i64 max_bytes) {
    Arena work, temporary, more;
    bool done = within(
        [&] {
            Arena& kept = made.arena;
            Leaves leaves = find_leaves(work, trees, columns, players);
            Slots slots = find_slots(work, leaves, players, trees.n_outputs);
            Layout layout =
                lay_out(kept, work, temporary, leaves, columns, slots, players, max_bytes, made.tables);
            kernels->fill(layout, leaves, slots, made.tables, work);
            for (i64 i = 0; i < leaves.n; i++) made.n_in_tables += layout.in_tables[i];
            FactorLayout factors =
                find_factors(kept, work, temporary, more, trees, columns, players, leaves, layout.in_tables,
                             max_bytes - made.tables.n_values * (i64)sizeof(f64), made.factors);
            kernels->fill_factors(factors, made.factors, work);
            made.n_in_factors = made.factors.n_leaves;
            made.n_outputs = trees.n_outputs;
            made.n_targets = players.n_targets;
            made.ranking = find_ranking(kept, columns, trees.n_features);
            made.slots = keep(kept, slots, trees.n_outputs);
            made.branches = find_branches(kept, work, trees, columns, players, leaves, layout.in_tables);
            made.expected = copied(kept, leaves.expected, trees.n_outputs);
            made.block = block_rows(slots.n, columns.n, trees.n_outputs);
            for (i64 b = 0; b < made.tables.n_bundles; b++)
                made.most_parts = larger(made.most_parts, made.tables.part_ptr[b + 1] - made.tables.part_ptr[b]);
            made.n_leaves = leaves.n;
        },
        made.arena, work, temporary, more);
    release_all(work);
    release_all(temporary);
    release_all(more);
    return done;
}

}  // namespace automl_explain
