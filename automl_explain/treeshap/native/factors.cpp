#include "factors.h"

namespace automl_explain {

namespace {

constexpr i64 PART_CONDITIONS = 8;  // of a table of the prefix
constexpr i64 MOST_CELLS = 1 << 10;  // of a table of B
constexpr i64 MOST_LEAVES = 32;     // that are tried together
constexpr i64 MOST_PLAYERS = 64;    // of a leaf

// Nanoseconds a row, measured: for a factor, a player of A and one of B, for each vector of nodes; for the sums of a
// player, for a step; and what a cache line of a table is worth.
constexpr f64 FACTOR = 2.5, OF_A = 0.55, OF_B = 1.0, PLAYER = 0.25, STEP = 0.015, LINE = 2.4e-3;

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

// What is known of a node of a tree, and of the wanted leaves below it.
struct Below {
    i64 n_leaves;
    f64 cost;       // of the best way to explain them
    bool together;  // as one factor, else as those of its children
};

struct Finder {
    Arena &temporary, &more;
    const Trees& trees;
    const Columns& columns;
    const Players& players;
    const Leaves& leaves;
    i64 *parent, *leaf_of_node;  // of each node; a leaf that is wanted, or -1
    i64 *stamp, now;             // of each player: a set of them is those with the stamp of now
    Below* below;                // of each node

    i64 player_of(i64 node) const { return players.of_feature[trees.feature[node]]; }

    // The wanted leaves below a node, which are few.
    i64 collect(i64 node, i64* found) const {
        i64 waiting[2 * MOST_LEAVES + 1], n_waiting = 0, n = 0;
        waiting[n_waiting++] = node;
        while (n_waiting > 0) {
            node = waiting[--n_waiting];
            if (trees.left[node] < 0) {
                found[n++] = leaf_of_node[node];
                continue;
            }
            if (below[trees.right[node]].n_leaves) waiting[n_waiting++] = trees.right[node];
            if (below[trees.left[node]].n_leaves) waiting[n_waiting++] = trees.left[node];
        }
        return n;
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
            if (leaves.condition_ptr[j + 1] - leaves.condition_ptr[j] > PART_CONDITIONS) return false;
        return true;
    }

    // Nanoseconds a row for the leaves below a node as one factor; infinite where they are too many.
    f64 cost_together(i64 node) {
        if (below[node].n_leaves > MOST_LEAVES) return __builtin_inf();
        i64 leaf[MOST_LEAVES], n = collect(node, leaf), n_b = stamp_below(node, leaf, n);
        i64 most = 0, conditions = 0, n_a = 0;
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
        for (i64 rest = conditions; rest > 0; rest -= PART_CONDITIONS)
            lines += (f64)((i64)1 << smaller(rest, PART_CONDITIONS));
        return FACTOR + n_vectors * (OF_A * (f64)n_a + OF_B * (f64)n_b + LINE * lines) + PLAYER * (f64)(n_a + n_b) +
               STEP * (f64)n_steps;
    }

    static i64 vectors_for(i64 n_players) { return (nodes_for(n_players) + NODES - 1) / NODES; }

    // Finds the best factors of a tree, from its leaves up; children have larger numbers than their node.
    void weigh(i64 t) {
        for (i64 node = trees.offsets[t + 1] - 1; node >= trees.offsets[t]; node--) {
            if (trees.left[node] < 0) {
                below[node] = {leaf_of_node[node] >= 0, 0.0, true};
                if (below[node].n_leaves) below[node].cost = cost_together(node);
                continue;
            }
            const Below &left = below[trees.left[node]], &right = below[trees.right[node]];
            below[node] = {left.n_leaves + right.n_leaves, left.cost + right.cost, false};
            if (left.n_leaves == 0 || right.n_leaves == 0) continue;  // better below the branch that all take
            f64 together = cost_together(node);
            if (together < below[node].cost) below[node] = {below[node].n_leaves, together, true};
        }
    }

    // Nodes whose leaves make a factor each.
    void choose(i64 t, List<i64>& waiting, List<i64>& chosen) const {
        waiting.add(trees.offsets[t]);
        while (waiting.n > 0) {
            i64 node = waiting[--waiting.n];
            if (below[node].n_leaves == 0) continue;
            if (below[node].together) {
                chosen.add(node);
                continue;
            }
            waiting.add(trees.right[node]);
            waiting.add(trees.left[node]);
        }
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
    const Leaves& leaves;
    const Columns& columns;
    StepList steps;
    List<Factor> factors;
    List<i64> start, player, part;
    List<u16> answers;
    List<f64> share;
    i64 n_values = 0;

    Builder(Arena& kept, Arena& work, const Leaves& of, const Columns& with)
        : leaves(of), columns(with), steps(kept), factors(kept), start(kept), player(kept), part(kept), answers(kept),
          share(work) {}

    // Tables of the players of A, each with the conditions of some of them.
    void add_prefix(Finder& finder, i64 leaf, Factor& factor) {
        i64 n_bits = 0, first_cell = 0;
        auto end_part = [&] {
            steps.end_table(first_cell);
            start.add(n_values);
            n_values += ((i64)1 << n_bits) * factor.n_vectors * NODES;
            factor.n_parts++;
            n_bits = first_cell = 0;
        };
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++) {
            if (finder.is_below(leaves.player[j])) continue;
            i64 n_conditions = leaves.condition_ptr[j + 1] - leaves.condition_ptr[j];
            if (n_bits + n_conditions > PART_CONDITIONS) end_part();
            i64 mask = 0;
            for (i64 c = leaves.condition_ptr[j]; c < leaves.condition_ptr[j + 1]; c++, n_bits++) {
                i64 bit = (i64)1 << n_bits;
                mask |= bit;
                if (add_bit(steps, leaves, c, columns.n_ranks[leaves.column[c]], bit)) first_cell |= bit;
            }
            player.add(leaves.player[j]);
            share.add(leaves.share[j]);
            answers.add((u16)mask);
            part.add(factor.n_parts);
            factor.n_a++;
        }
        if (n_bits > 0) end_part();
    }

    void add_rest(const LeafLists& lists, i64 first_leaf, const Described& described, Factor& factor) {
        for (i64 j = lists.player_ptr[first_leaf]; j < lists.player.n; j++) {
            i64 k = factor.first_player + factor.n_a;
            while (k < player.n && player[k] != lists.player[j]) k++;
            if (k < player.n) continue;
            player.add(lists.player[j]);
            share.add(0.0);
            answers.add(0);
            part.add(0);
            factor.n_b++;
        }
        for (i64 s = 0; s < described.step_ptr[1]; s++)
            steps.add(described.step_column[s], described.step_above[s], described.step_size[s]);
        steps.end_table(0);
        start.add(n_values);
        n_values += described.cells[0] * (factor.n_b + 1) * factor.n_vectors * NODES;
        factor.constant = n_values;
        n_values += factor.n_vectors * NODES * ((factor.n_a + NODES - 1) / NODES * NODES);
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
                     zeros<i64>(work, players.n),
                     0,
                     room<Below>(work, trees.n_nodes)};
    for (i64 i = 0; i < trees.n_nodes; i++) finder.leaf_of_node[i] = -1;
    for (i64 leaf = 0; leaf < leaves.n; leaf++)
        if (!in_tables[leaf] && max_bytes > 0 && finder.can_take(leaf)) finder.leaf_of_node[leaves.node[leaf]] = leaf;
    List<i64> waiting(work), chosen(work);
    for (i64 t = 0; t < trees.n_trees; t++) {
        finder.weigh(t);
        finder.choose(t, waiting, chosen);
    }

    Builder builder(kept, work, leaves, columns);
    LeafLists lists(work, leaves);
    List<i64> order(work), ptr(work);
    ptr.add(0);
    i64 most_vectors = 0;
    for (i64 i = 0; i < chosen.n; i++) {
        i64 leaf[MOST_LEAVES], n = finder.collect(chosen[i], leaf), first = lists.node.n, most = 0;
        finder.stamp_below(chosen[i], leaf, n);
        for (i64 k = 0; k < n; k++) {
            lists.add(leaf[k], [&](i64 p) { return finder.is_below(p); });
            order.add(first + k);
            most = larger(most, leaves.n_players(leaf[k]));
        }
        Mark marks[] = {mark(temporary), mark(more)};
        i64 ends[] = {0, n};
        Described described = describe(temporary, more, {1, order.data + first, ends}, lists.leaves(), columns);
        Factor factor = {};
        factor.output = leaves.output[leaf[0]];
        factor.n_vectors = Finder::vectors_for(most);
        factor.first_part = builder.steps.first.n;
        factor.first_player = builder.player.n;
        i64 before = builder.n_values;
        builder.add_prefix(finder, leaf[0], factor);
        builder.add_rest(lists, first, described, factor);
        release(temporary, marks[0]);
        release(more, marks[1]);
        if (builder.n_values * (i64)sizeof(f64) > max_bytes) {  // the rest is walked to
            builder.n_values = before;
            break;
        }
        builder.factors.add(factor);
        ptr.add(order.n);
        most_vectors = larger(most_vectors, factor.n_vectors);
        factors.most_tables = larger(factors.most_tables, factor.n_parts + 1);
        factors.most_players = larger(factors.most_players, factor.n_a + factor.n_b);
        factors.n_leaves += n;
        for (i64 k = 0; k < n; k++) in_tables[leaf[k]] = 1;
    }
    factors.n = builder.factors.n;
    factors.factor = builder.factors.data;
    factors.steps = builder.steps.steps();
    factors.start = builder.start.data;
    factors.player = builder.player.data;
    factors.answers = builder.answers.data;
    factors.part = builder.part.data;
    factors.n_values = builder.n_values;
    factors.values = zeros<f64>(kept, factors.n_values);
    if (factors.n) factors.rules = quadrature_rules(kept, most_vectors * NODES);
    Groups groups = {factors.n, order.data, ptr.data};
    Leaves below = lists.leaves();
    return {below, groups, describe(work, temporary, groups, below, columns), builder.share.data};
}

}  // namespace automl_explain
