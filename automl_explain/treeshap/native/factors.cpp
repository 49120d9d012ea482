#include "factors.h"

namespace automl_explain {

namespace {

constexpr i64 PART_CONDITIONS = 6;    // of a table of the prefix, but where one player has more
constexpr i64 PLAYER_CONDITIONS = 8;  // of a player
constexpr i64 MOST_CELLS = 1 << 10;  // of a table of B
constexpr i64 MOST_LEAVES = 32;     // that are tried together

// Nanoseconds a row, measured: for a factor, a player of A and one of B, for each vector of nodes; for the sums of a
// player, for a step; and what a cache line of a table is worth.
constexpr f64 FACTOR = 2.5, OF_A = 0.55, OF_B = 1.0, PLAYER = 0.25, STEP = 0.015, LINE = 1e-2;

// Leaves with some of their players.
struct LeafLists {
    const Leaves& from;
    List<i64> node, output, player_ptr, player, condition_ptr, column, low, high, missing, ranks;
    List<f64> value, share;

    LeafLists(Arena& a, const Leaves& of)
        : from(of), node(a), output(a), player_ptr(a), player(a), condition_ptr(a), column(a), low(a), high(a),
          missing(a), ranks(a), value(a), share(a) {
        player_ptr.add(0);
        condition_ptr.add(0);
    }

    template <class Wanted>
    void add(i64 leaf, Wanted wanted) {
        for (i64 j = from.player_ptr[leaf]; j < from.player_ptr[leaf + 1]; j++) {
            if (!wanted(from.player[j])) continue;
            player.add(from.player[j]);
            share.add(from.share[j]);
            for (i64 c = from.condition_ptr[j]; c < from.condition_ptr[j + 1]; c++) {
                column.add(from.column[c]);
                low.add(from.low[c]);
                high.add(from.high[c]);
                missing.add(from.missing[c]);
                ranks.add(from.ranks[c]);
            }
            condition_ptr.add(column.n);
        }
        node.add(from.node[leaf]);
        value.add(from.value[leaf]);
        output.add(from.output[leaf]);
        player_ptr.add(player.n);
    }

    Leaves leaves() const {
        return {node.n,      node.data,          value.data,  output.data, player_ptr.data, player.data,    share.data,
                condition_ptr.data, column.data, low.data,    high.data,   missing.data,    ranks.data,     from.satisfied,
                nullptr};
    }
};

// Leaves that may become one factor: a chained list, which begins at one leaf and ends at another.
struct Candidate {
    i64 top;  // lowest node above all of them
    i64 n, first, last;
    f64 cost;
};

struct Finder {
    Arena &temporary, &more;
    const Trees& trees;
    const Columns& columns;
    const Players& players;
    const Leaves& leaves;
    i64 *parent, *leaf_of_node;  // of each node; a leaf that is wanted, or -1
    i64* next;                   // leaf in the list of its candidate
    i64 *stamp, now;             // of each player: a set of them is those with the stamp of now
    Candidate* open;             // of each node: the one that leaves above it may join, n = 0 where there is none

    i64 player_of(i64 node) const { return players.of_feature[trees.feature[node]]; }

    i64 collect(const Candidate& candidate, i64* found) const {
        i64 leaf = candidate.first;
        for (i64 i = 0; i < candidate.n; i++, leaf = next[leaf]) found[i] = leaf;
        return candidate.n;
    }

    // Stamps the players asked about between a node and leaves below it; gives how many.
    i64 stamp_below(i64 top, const i64* leaf, i64 n) {
        i64 found = 0;
        now++;
        for (i64 i = 0; i < n; i++)
            for (i64 node = leaves.node[leaf[i]]; node != top; node = parent[node]) {
                found += stamp[player_of(parent[node])] != now;
                stamp[player_of(parent[node])] = now;
            }
        return found;
    }

    bool is_below(i64 player) const { return stamp[player] == now; }

    // Whether a leaf can be in a factor at all.
    bool can_take(i64 leaf) const {
        if (leaves.n_players(leaf) > MOST_PLAYERS) return false;
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++)
            if (leaves.condition_ptr[j + 1] - leaves.condition_ptr[j] > PLAYER_CONDITIONS) return false;
        return true;
    }

    // Nanoseconds a row for leaves as one factor; infinite where they are too many.
    f64 cost_of(const i64* leaf, i64 n, i64 top) {
        i64 n_b = stamp_below(top, leaf, n), most = 0, conditions = 0, n_a = 0;
        for (i64 i = 0; i < n; i++) most = larger(most, leaves.n_players(leaf[i]));
        for (i64 j = leaves.player_ptr[leaf[0]]; j < leaves.player_ptr[leaf[0] + 1]; j++) {
            if (is_below(leaves.player[j])) continue;
            n_a++;
            conditions += leaves.condition_ptr[j + 1] - leaves.condition_ptr[j];
        }
        if (n_a + n_b > MOST_PLAYERS) return __builtin_inf();
        Mark marks[] = {mark(temporary), mark(more)};
        LeafLists lists(temporary, leaves);
        for (i64 i = 0; i < n; i++) lists.add(leaf[i], [&](i64 p) { return is_below(p); });
        i64 order[MOST_LEAVES], ptr[] = {0, n};
        for (i64 i = 0; i < n; i++) order[i] = i;
        Described described = describe(temporary, more, {1, order, ptr}, lists.leaves(), columns);
        i64 cells = described.cells[0], n_steps = described.step_ptr[1] + 2 * conditions;
        release(temporary, marks[0]);
        release(more, marks[1]);
        if (cells > MOST_CELLS) return __builtin_inf();
        f64 n_vectors = (f64)vectors_for(most), lines = (f64)(cells * (n_b + 1));
        lines += (f64)(parts_for(conditions) << conditions_of_part(conditions));
        return FACTOR + n_vectors * (OF_A * (f64)n_a + OF_B * (f64)n_b + LINE * lines) + PLAYER * (f64)(n_a + n_b) +
               STEP * (f64)n_steps;
    }

    // Tables of the prefix have as many conditions each, nearly.
    static i64 parts_for(i64 conditions) { return (conditions + PART_CONDITIONS - 1) / PART_CONDITIONS; }
    static i64 conditions_of_part(i64 conditions) {
        i64 n_parts = larger<i64>(parts_for(conditions), 1);
        return (conditions + n_parts - 1) / n_parts;
    }

    static i64 vectors_for(i64 n_players) { return (nodes_for(n_players) + NODES - 1) / NODES; }

    Candidate both(const Candidate& left, const Candidate& right, i64 top) {
        i64 leaf[MOST_LEAVES];
        if (left.n + right.n > MOST_LEAVES) return {top, 0, 0, 0, __builtin_inf()};
        collect(left, leaf);
        collect(right, leaf + left.n);
        f64 cost = cost_of(leaf, left.n + right.n, top);
        return {top, left.n + right.n, left.first, right.last, cost};
    }

    // Finds the factors of a tree from its leaves up: two candidates that meet at a node become one where that saves
    // time; else the one with more leaves is done, and the other may still grow.
    void find(i64 t, List<Candidate>& chosen) {
        for (i64 node = trees.offsets[t + 1] - 1; node >= trees.offsets[t]; node--) {
            i64 leaf = leaf_of_node[node];
            if (trees.left[node] < 0) {
                open[node] = leaf < 0 ? Candidate{} : Candidate{node, 1, leaf, leaf, cost_of(&leaf, 1, node)};
                continue;
            }
            const Candidate &left = open[trees.left[node]], &right = open[trees.right[node]];
            if (left.n == 0 || right.n == 0) {
                open[node] = left.n ? left : right;
                continue;
            }
            open[node] = both(left, right, node);
            if (open[node].cost < left.cost + right.cost) {
                next[left.last] = right.first;
                continue;
            }
            open[node] = left.n < right.n ? left : right;
            chosen.add(left.n < right.n ? right : left);
        }
        if (open[trees.offsets[t]].n) chosen.add(open[trees.offsets[t]]);
    }
};

// Steps of one condition to and from its bit of the cell; whether the lowest rank satisfies it.
bool add_bit(StepList& steps, const Leaves& leaves, i64 condition, i64 n_ranks, i64 bit) {
    bool first = leaves.satisfies(0, condition), before = first;
    auto look_at = [&](i64 rank) {
        if (rank <= 0 || rank >= n_ranks) return;
        bool now = leaves.satisfies(rank, condition);
        if (now != before) steps.add(leaves.column[condition], rank - 1, now ? bit : -bit);
        before = now;
    };
    if (leaves.ranks[condition] >= 0) {
        for (i64 rank = 1; rank < n_ranks; rank++) look_at(rank);
    } else {  // missing values have the last rank
        look_at(leaves.low[condition]);
        if (leaves.high[condition] >= leaves.low[condition]) look_at(leaves.high[condition] + 1);
        look_at(n_ranks - 1);
    }
    return first;
}

// Lays the factors out: players, tables with their steps, and where their values begin.
struct Builder {
    Finder& finder;
    const Leaves& leaves;
    StepList steps;
    List<Factor> factors;
    List<FactorPlayer> players;
    List<i64> start, output, ptr, player_ptr, tree_player;
    List<i64> player;  // of each entry of `players`
    List<f64> share;
    i64 n_values = 0;

    Builder(Arena& kept, Arena& work, Finder& of)
        : finder(of), leaves(of.leaves), steps(kept), factors(kept), players(kept), start(kept), output(kept), ptr(kept),
          player_ptr(kept), tree_player(kept), player(work), share(work) {
        ptr.add(0);
        player_ptr.add(0);
    }

    void add_player(i64 p, f64 of_rows, i64 part, i64 answers) {
        i64 first = player_ptr[player_ptr.n - 1], place = first;
        while (place < tree_player.n && tree_player[place] != p) place++;
        if (place == tree_player.n) tree_player.add(p);
        players.add({place - first, part, (i16)answers});
        player.add(p);
        share.add(of_rows);
    }

    void end_table(i64 first_cell, i64 values) {
        steps.end_table(first_cell);
        start.add(n_values);
        n_values += values;
    }

    // Tables of the players of A, each with the conditions of some of them.
    void add_prefix(i64 leaf, Factor& factor) {
        i64 n_bits = 0, first_cell = 0, conditions = 0;
        auto end_part = [&] {
            end_table(first_cell, ((i64)1 << n_bits) * factor.n_vectors * NODES);
            factor.n_parts++;
            n_bits = first_cell = 0;
        };
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++)
            if (!finder.is_below(leaves.player[j])) conditions += leaves.condition_ptr[j + 1] - leaves.condition_ptr[j];
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++) {
            if (finder.is_below(leaves.player[j])) continue;
            i64 answers = 0, n = leaves.condition_ptr[j + 1] - leaves.condition_ptr[j];
            if (n_bits > 0 && n_bits + n > Finder::conditions_of_part(conditions)) end_part();
            for (i64 c = leaves.condition_ptr[j]; c < leaves.condition_ptr[j + 1]; c++, n_bits++) {
                i64 bit = (i64)1 << n_bits;
                answers |= bit;
                if (add_bit(steps, leaves, c, finder.columns.n_ranks[leaves.column[c]], bit)) first_cell |= bit;
            }
            add_player(leaves.player[j], leaves.share[j], factor.n_parts, answers);
            factor.n_a++;
        }
        if (n_bits > 0) end_part();
    }

    void add_below(const LeafLists& lists, i64 first_leaf, const Described& described, Factor& factor) {
        for (i64 j = lists.player_ptr[first_leaf]; j < lists.player.n; j++) {
            i64 k = factor.first_player + factor.n_a;
            while (k < player.n && player[k] != lists.player[j]) k++;
            if (k < player.n) continue;
            add_player(lists.player[j], 0.0, 0, 0);
            factor.n_b++;
        }
        for (i64 s = 0; s < described.step_ptr[1]; s++)
            steps.add(described.step_column[s], described.step_above[s], described.step_size[s]);
        end_table(0, described.cells[0] * (factor.n_b + 1) * factor.n_vectors * NODES);
    }

    void add(const i64* leaf, i64 n, const LeafLists& lists, i64 first, const Described& described) {
        i64 most = 0;
        for (i64 k = 0; k < n; k++) most = larger(most, leaves.n_players(leaf[k]));
        Factor factor = {Finder::vectors_for(most), start.n, 0, player.n, 0, 0, 0, 0};
        add_prefix(leaf[0], factor);
        add_below(lists, first, described, factor);
        factor.stride = (factor.n_a + 1 + NODES - 1) / NODES * NODES;
        factor.constant = n_values;
        n_values += factor.n_vectors * NODES * factor.stride;
        factors.add(factor);
    }

    void undo_last() {
        const Factor& last = factors[--factors.n];
        n_values = start[last.first_part];
        start.n = steps.first.n = last.first_part;
        steps.ptr.n = last.first_part + 1;
        steps.column.n = steps.above.n = steps.size.n = steps.ptr[last.first_part];
        players.n = player.n = share.n = last.first_player;
    }

    void end_tree(i64 of_output) {
        if (factors.n == ptr[ptr.n - 1]) return;
        ptr.add(factors.n);
        player_ptr.add(tree_player.n);
        output.add(of_output);
    }

    void give(Factors& all) const {
        all.n_trees = output.n;
        all.n = factors.n;
        all.ptr = ptr.data;
        all.output = output.data;
        all.player_ptr = player_ptr.data;
        all.tree_player = tree_player.data;
        all.factor = factors.data;
        all.player = players.data;
        all.steps = steps.steps();
        all.start = start.data;
        all.n_values = n_values;
        for (i64 t = 0; t < output.n; t++) {
            const Factor& last = factors[ptr[t + 1] - 1];
            i64 tables = last.first_part + last.n_parts + 1 - factors[ptr[t]].first_part;
            all.most_tables = larger(all.most_tables, tables);
            all.most_players = larger(all.most_players, player_ptr[t + 1] - player_ptr[t]);
        }
    }
};

}  // namespace

FactorLayout find_factors(Arena& kept, Arena& work, Arena& temporary, Arena& more, const Trees& trees,
                          const Columns& columns, const Players& players, const Leaves& leaves, u8* in_tables,
                          i64 max_bytes, Factors& factors) {
    Finder finder = {temporary,
                     more,
                     trees,
                     columns,
                     players,
                     leaves,
                     parents_of(work, trees),
                     room<i64>(work, trees.n_nodes),
                     room<i64>(work, leaves.n),
                     zeros<i64>(work, players.n),
                     0,
                     room<Candidate>(work, trees.n_nodes)};
    for (i64 i = 0; i < trees.n_nodes; i++) finder.leaf_of_node[i] = -1;
    for (i64 leaf = 0; leaf < leaves.n; leaf++)
        if (!in_tables[leaf] && max_bytes > 0 && finder.can_take(leaf)) finder.leaf_of_node[leaves.node[leaf]] = leaf;

    Builder builder(kept, work, finder);
    LeafLists lists(work, leaves);
    List<Candidate> chosen(work);
    List<i64> order(work), ptr(work);
    ptr.add(0);
    i64 most_vectors = 0;
    bool fits = true;
    for (i64 t = 0; t < trees.n_trees && fits; t++) {
        chosen.n = 0;
        finder.find(t, chosen);
        for (i64 i = 0; i < chosen.n; i++) {
            i64 leaf[MOST_LEAVES], ends[] = {0, finder.collect(chosen[i], leaf)}, first = lists.node.n;
            finder.stamp_below(chosen[i].top, leaf, ends[1]);
            for (i64 k = 0; k < ends[1]; k++) {
                lists.add(leaf[k], [&](i64 p) { return finder.is_below(p); });
                order.add(first + k);
            }
            Mark marks[] = {mark(temporary), mark(more)};
            Described described = describe(temporary, more, {1, order.data + first, ends}, lists.leaves(), columns);
            builder.add(leaf, ends[1], lists, first, described);
            release(temporary, marks[0]);
            release(more, marks[1]);
            fits = builder.n_values * (i64)sizeof(f64) <= max_bytes;
            if (!fits) {  // the rest is walked to
                builder.undo_last();
                break;
            }
            ptr.add(order.n);
            most_vectors = larger(most_vectors, builder.factors[builder.factors.n - 1].n_vectors);
            factors.n_leaves += ends[1];
            for (i64 k = 0; k < ends[1]; k++) in_tables[leaf[k]] = 1;
        }
        builder.end_tree(trees.output[t]);
    }
    builder.give(factors);
    factors.values = zeros<f64>(kept, factors.n_values);
    if (factors.n) factors.rules = quadrature_rules(kept, most_vectors * NODES);
    Groups groups = {factors.n, order.data, ptr.data};
    Leaves below = lists.leaves();
    return {below, groups, describe(work, temporary, groups, below, columns), builder.player.data, builder.share.data};
}

}  // namespace automl_explain
