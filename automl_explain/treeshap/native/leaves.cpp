#include "leaves.h"

namespace automl_explain {

namespace {

constexpr i64 FEW = 32;  // conditions, for which insertion sort is the fastest

// The conditions of one leaf while its path is climbed, and those of the leaves before it.
struct Conditions {
    List<i64> column, low, high, missing, ranks;
    List<u8> satisfied;
    List<f64> part;  // of the training rows, by the column's splits
    List<i64> by_key, other, to;  // to sort many conditions

    explicit Conditions(Arena& a)
        : column(a), low(a), high(a), missing(a), ranks(a), satisfied(a), part(a), by_key(a), other(a), to(a) {}

    // A condition that every rank of its column satisfies.
    void add(const Columns& columns, i64 c) {
        i64 missing_rank = columns.missing_rank(c);
        column.add(c);
        part.add(1.0);
        low.add(0);
        high.add(columns.n_ranks[c] - (missing_rank < 0 ? 1 : 2));
        missing.add(missing_rank);
        ranks.add(columns.kind[c] == CATEGORIES ? satisfied.n : -1);
        if (columns.kind[c] == CATEGORIES)
            for (i64 r = 0; r < columns.n_ranks[c]; r++) satisfied.add(1);
    }

    // Narrows condition `at` by the split of a node whose left or right branch the path takes.
    void narrow(const Columns& columns, const Trees& trees, i64 at, i64 node, bool is_left) {
        i64 of_ranks = columns.node_ranks_left[node];
        if (of_ranks >= 0) {
            for (i64 r = 0; r < columns.n_ranks[column[at]]; r++)
                if ((bool)columns.ranks_left[of_ranks + r] != is_left) satisfied[ranks[at] + r] = 0;
            return;
        }
        if (is_left)
            high[at] = smaller<i64>(high[at], columns.node_rank[node]);
        else
            low[at] = larger<i64>(low[at], columns.node_rank[node] + 1);
        if ((bool)trees.default_left[node] != is_left) missing[at] = -1;
    }

    void swap(i64 a, i64 b) {
        exchange(column[a], column[b]);
        exchange(low[a], low[b]);
        exchange(high[a], high[b]);
        exchange(missing[a], missing[b]);
        exchange(ranks[a], ranks[b]);
        exchange(part[a], part[b]);
    }

    // Brings the conditions from `first` on into the order of their players, then columns.
    void sort(i64 first, const i64* player_of_column, i64 n_columns) {
        auto key = [&](i64 i) { return player_of_column[column[i]] * n_columns + column[i]; };
        if (column.n - first > FEW) return sort_many(first, key);
        for (i64 i = first + 1; i < column.n; i++)
            for (i64 j = i; j > first && key(j) < key(j - 1); j--) swap(j, j - 1);
    }

    template <class Key>
    void sort_many(i64 first, Key key) {
        i64 n = column.n - first;
        by_key.n = other.n = to.n = 0;
        for (i64 i = 0; i < n; i++) {
            by_key.add(first + i);
            other.add(0);
            to.add(0);
        }
        sort_by(by_key.data, n, other.data, key);
        for (i64 i = 0; i < n; i++) to[by_key[i] - first] = i;
        for (i64 i = 0; i < n; i++)
            while (to[i] != i) {  // each exchange brings one condition to its place
                i64 place = to[i];
                swap(first + i, first + place);
                exchange(to[i], to[place]);
            }
    }
};

}  // namespace

i64* parents_of(Arena& arena, const Trees& trees) {
    i64* parent = room<i64>(arena, trees.n_nodes);
    for (i64 i = 0; i < trees.n_nodes; i++) parent[i] = -1;
    for (i64 i = 0; i < trees.n_nodes; i++)
        if (trees.left[i] >= 0) parent[trees.left[i]] = parent[trees.right[i]] = i;
    return parent;
}

Leaves find_leaves(Arena& arena, const Trees& trees, const Columns& columns, const Players& players) {
    i64* parent = parents_of(arena, trees);
    i64* player_of_column = room<i64>(arena, columns.n);
    i64 *condition_of = room<i64>(arena, columns.n), *asked_by = room<i64>(arena, columns.n);
    for (i64 c = 0; c < columns.n; c++) {
        player_of_column[c] = players.of_feature[columns.feature[c]];
        asked_by[c] = -1;  // leaf whose condition `condition_of` tells
    }

    Conditions conditions(arena);
    List<i64> nodes(arena), output(arena), player_ptr(arena), player(arena), condition_ptr(arena);
    List<f64> value(arena), share(arena);
    f64* expected = copied(arena, trees.base, trees.n_outputs);
    player_ptr.add(0);
    condition_ptr.add(0);
    for (i64 t = 0; t < trees.n_trees; t++)
        for (i64 leaf = trees.offsets[t]; leaf < trees.offsets[t + 1]; leaf++) {
            if (trees.left[leaf] >= 0 || trees.value[leaf] == 0.0) continue;
            i64 first = conditions.column.n;
            f64 reached = 1.0;
            for (i64 node = leaf; parent[node] >= 0; node = parent[node]) {
                i64 above = parent[node], c = columns.node_column[above];
                f64 ratio = trees.cover[above] > 0.0 ? trees.cover[node] / trees.cover[above] : 0.0;
                reached *= ratio;
                if (asked_by[c] != leaf) {
                    asked_by[c] = leaf;
                    condition_of[c] = conditions.column.n;
                    conditions.add(columns, c);
                }
                i64 at = condition_of[c];
                conditions.part[at] *= ratio;
                conditions.narrow(columns, trees, at, above, trees.left[above] == node);
            }
            expected[trees.output[t]] += trees.value[leaf] * reached;
            if (conditions.column.n == first) continue;
            conditions.sort(first, player_of_column, columns.n);
            i64 before = -1;
            for (i64 i = first; i < conditions.column.n; i++) {
                i64 own = player_of_column[conditions.column[i]];
                if (own != before) {
                    player.add(own);
                    share.add(1.0);
                    condition_ptr.add(i);
                }
                before = own;
                share[share.n - 1] *= conditions.part[i];
                condition_ptr[condition_ptr.n - 1] = i + 1;
            }
            nodes.add(leaf);
            value.add(trees.value[leaf]);
            output.add(trees.output[t]);
            player_ptr.add(player.n);
        }
    return {nodes.n,
            nodes.data,
            value.data,
            output.data,
            player_ptr.data,
            player.data,
            share.data,
            condition_ptr.data,
            conditions.column.data,
            conditions.low.data,
            conditions.high.data,
            conditions.missing.data,
            conditions.ranks.data,
            conditions.satisfied.data,
            expected};
}

}  // namespace automl_explain
