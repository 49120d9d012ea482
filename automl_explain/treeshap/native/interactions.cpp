#include "interactions.h"

namespace automl_explain {

namespace {

constexpr i64 PART_LEAVES = 32;
constexpr i64 LEAST_ROWS = 32, MOST_ROWS = 64;  // of a block: as rows are ranked, and as the sums of a part repay
constexpr i64 BLOCK_BYTES = 1 << 21;            // of the slots of a block

// Numbers 0, 1, ... for keys as they come (a hash table with open addressing).
struct Numbering {
    Arena* arena;
    List<i64> keys;
    i64* place = nullptr;  // number of the key that lies here, or -1
    i64 size = 0;          // a power of two

    explicit Numbering(Arena& of) : arena(&of), keys(of) {}

    i64 of(i64 key) {
        if (2 * (keys.n + 1) > size) grow();
        i64 at = search(key);
        if (place[at] < 0) {
            place[at] = keys.n;
            keys.add(key);
        }
        return place[at];
    }

    i64 search(i64 key) const {
        u64 mixed = (u64)key * 0x9E3779B97F4A7C15u;
        i64 at = (i64)((mixed ^ (mixed >> 32)) & (u64)(size - 1));
        while (place[at] >= 0 && keys[place[at]] != key) at = (at + 1) & (size - 1);
        return at;
    }

    void grow() {
        size = size ? 2 * size : 1024;
        place = room<i64>(*arena, size);
        for (i64 i = 0; i < size; i++) place[i] = -1;
        for (i64 number = 0; number < keys.n; number++) place[search(keys[number])] = number;
    }
};

// A sparse matrix while it is made: entries of any row, those of the same column one after the other.
struct Entered {
    List<i64> row, before;  // `before` is the last entry of the row, or -1
    List<u32> from;
    List<f64> weight;
    List<i64> last;  // entry of each row

    explicit Entered(Arena& a) : row(a), before(a), from(a), weight(a), last(a) {}

    void add(i64 of_row, i64 column, f64 value) {
        while (last.n <= of_row) last.add(-1);
        i64 at = last[of_row];
        if (at >= 0 && from[at] == (u32)column) {
            weight[at] += value;
            return;
        }
        last[of_row] = row.n;
        before.add(at);
        row.add(of_row);
        from.add((u32)column);
        weight.add(value);
    }

    SparseMap rows(Arena& kept) const {
        i64* ptr = zeros<i64>(kept, last.n + 1);
        for (i64 i = 0; i < row.n; i++) ptr[row[i] + 1] += weight[i] != 0.0;
        for (i64 r = 0; r < last.n; r++) ptr[r + 1] += ptr[r];
        u32* columns = room<u32>(kept, ptr[last.n]);
        f64* weights = room<f64>(kept, ptr[last.n]);
        for (i64 r = 0; r < last.n; r++) {
            i64 at = ptr[r + 1];
            for (i64 i = last[r]; i >= 0; i = before[i])
                if (weight[i] != 0.0) {
                    columns[--at] = from[i];
                    weights[at] = weight[i];
                }
        }
        return {last.n, ptr, columns, weights};
    }
};

// Leaves by output, in the order of the trees: the slots of one output lie together.
i64* order_leaves(Arena& kept, Arena& scratch, const Leaves& leaves) {
    i64 *order = room<i64>(kept, leaves.n), *other = room<i64>(scratch, leaves.n);
    for (i64 leaf = 0; leaf < leaves.n; leaf++) order[leaf] = leaf;
    sort_by(order, leaves.n, other, [&](i64 leaf) { return leaves.output[leaf]; });
    return order;
}

// Where parts begin: whole trees as long as they fit, larger ones in even pieces.
void cut_parts(Arena& kept, Interactions& made, const Trees& trees) {
    const Leaves& leaves = made.leaves;
    List<i64> begins(kept);
    begins.add(0);
    for (i64 begin = 0, end; begin < leaves.n; begin = end) {
        i64 node = leaves.node[made.order[begin]], tree = 0;
        for (i64 stop = trees.n_trees; stop - tree > 1;) {  // the tree with this node
            i64 middle = (tree + stop) / 2;
            (trees.offsets[middle] <= node ? tree : stop) = middle;
        }
        for (end = begin + 1; end < leaves.n; end++) {
            i64 next = leaves.node[made.order[end]];
            if (next < trees.offsets[tree] || next >= trees.offsets[tree + 1]) break;
        }
        i64 open = begins[begins.n - 1];
        if (begin > open && end - open > PART_LEAVES) begins.add(open = begin);
        i64 pieces = (end - open + PART_LEAVES - 1) / PART_LEAVES;
        for (i64 i = 1; i < pieces; i++) begins.add(begin + i * (end - begin) / pieces);
    }
    if (leaves.n) begins.add(leaves.n);
    made.n_parts = begins.n - 1;
    made.leaf_ptr = begins.data;
}

// The slot of every pair of players that a leaf asks, and its place among those of the part.
void find_slots_of_pairs(Arena& kept, Arena& scratch, Interactions& made, i64 n_players, Numbering& slots) {
    const Leaves& leaves = made.leaves;
    i64* place_ptr = room<i64>(kept, leaves.n + 1);
    i64* slot_ptr = room<i64>(kept, made.n_parts + 1);
    u32* place = room<u32>(kept, made.n_pairs);
    List<u32> slot(kept);
    List<i64> seen(scratch), place_of(scratch);  // part that used a slot last, and its place there
    i64 n = 0;
    slot_ptr[0] = 0;
    for (i64 part = 0; part < made.n_parts; part++) {
        for (i64 at = made.leaf_ptr[part]; at < made.leaf_ptr[part + 1]; at++) {
            i64 leaf = made.order[at], last = leaves.player_ptr[leaf + 1];
            place_ptr[at] = n;
            for (i64 i = leaves.player_ptr[leaf]; i < last; i++)
                for (i64 j = i; j < last; j++) {
                    i64 row = leaves.output[leaf] * n_players + leaves.player[i];
                    i64 number = slots.of(row * n_players + leaves.player[j]);
                    if (number == seen.n) {
                        seen.add(-1);
                        place_of.add(0);
                    }
                    if (seen[number] != part) {
                        seen[number] = part;
                        place_of[number] = slot.n - slot_ptr[part];
                        slot.add((u32)number);
                    }
                    place[n++] = (u32)place_of[number];
                }
        }
        slot_ptr[part + 1] = slot.n;
    }
    place_ptr[leaves.n] = n;
    made.n_slots = slots.keys.n;
    made.place_ptr = place_ptr;
    made.place = place;
    made.slot_ptr = slot_ptr;
    made.slot = slot.data;
}

// The map from numbers of a player and a target to entries, which are numbered as they come. It may have a hundred times
// as many weights as the first, so they are counted before there is room for them.
bool find_second(
    Arena& kept, Interactions& made, const Players& players, const List<i64>& numbers, Numbering& entries
) {
    auto each = [&](auto take) {
        for (i64 number = 0; number < numbers.n; number++) {
            i64 other = numbers[number] % players.n_targets, row = numbers[number] / players.n_targets;
            for (i64 t = players.ptr[row % players.n]; t < players.ptr[row % players.n + 1]; t++)
                if (players.target[t] <= other)
                    take((row / players.n * players.n_targets + players.target[t]) * players.n_targets + other, number, t);
        }
    };
    i64 n = 0;
    each([&](i64, i64, i64) { n++; });
    if (n > MOST_PAIRS) return false;
    List<i64> counts(*entries.arena);
    each([&](i64 key, i64, i64) {
        i64 entry = entries.of(key);
        if (entry == counts.n) counts.add(0);
        counts[entry]++;
    });
    i64* ptr = room<i64>(kept, counts.n + 1);  // filling moves each to the begin of the next: begun one place too early
    ptr[0] = 0;
    for (i64 e = 0, at = 0; e < counts.n; at += counts[e++]) ptr[e + 1] = at;
    u32* from = room<u32>(kept, n);
    f64* weight = room<f64>(kept, n);
    each([&](i64 key, i64 number, i64 t) {
        i64 at = ptr[entries.of(key) + 1]++;
        from[at] = (u32)number;
        weight[at] = players.weight[t];
    });
    made.second = {entries.keys.n, ptr, from, weight};
    return true;
}

// How slots become entries. Off the diagonal the matrix of the players has half of the index; on it, what these leave of
// the value.
bool find_folds(Arena& kept, Arena& scratch, Interactions& made, const Players& players, const List<i64>& pairs) {
    i64 n = players.n, n_targets = players.n_targets;
    Numbering numbers(scratch), entries(scratch);
    Entered first(scratch);
    auto add = [&](i64 slot, i64 output, i64 player, i64 with, f64 factor) {
        for (i64 t = players.ptr[with]; t < players.ptr[with + 1]; t++) {
            i64 number = numbers.of((output * n + player) * n_targets + players.target[t]);
            first.add(number, slot, factor * players.weight[t]);
        }
        return first.row.n <= MOST_PAIRS;
    };
    for (i64 slot = 0; slot < pairs.n; slot++) {
        i64 j = pairs[slot] % n, i = pairs[slot] / n % n, k = pairs[slot] / n / n;
        bool fits = i == j ? add(slot, k, i, i, 1.0)
                           : add(slot, k, i, j, 0.5) && add(slot, k, i, i, -0.5) && add(slot, k, j, i, 0.5) &&
                                 add(slot, k, j, j, -0.5);
        if (!fits) return false;
    }
    made.first = first.rows(kept);
    if (!find_second(kept, made, players, numbers.keys, entries)) return false;
    made.entry = copied(kept, entries.keys.data, entries.keys.n);
    return true;
}

// What the kernel needs room for.
void find_room(Interactions& made) {
    const Leaves& leaves = made.leaves;
    for (i64 part = 0; part < made.n_parts; part++) {
        i64 asked = 0, nodes = 0, terms = 0;
        for (i64 at = made.leaf_ptr[part]; at < made.leaf_ptr[part + 1]; at++) {
            i64 d = leaves.n_players(made.order[at]), m = nodes_for(d);
            asked += d, nodes += m, terms += m * d;
            made.most_players = larger(made.most_players, d);
        }
        made.most_asked = larger(made.most_asked, asked);
        made.most_nodes = larger(made.most_nodes, nodes);
        made.most_terms = larger(made.most_terms, terms);
        made.most_slots = larger(made.most_slots, made.slot_ptr[part + 1] - made.slot_ptr[part]);
    }
    i64 fits = BLOCK_BYTES / larger<i64>(sizeof(f64) * (size_t)made.n_slots, 1) / LEAST_ROWS * LEAST_ROWS;
    made.block = larger(LEAST_ROWS, smaller(MOST_ROWS, fits));
}

void find(Interactions& made, Arena& work, const Trees& trees, const Columns& columns, const Players& players) {
    Arena& kept = made.arena;
    made.n_outputs = trees.n_outputs;
    made.n_targets = players.n_targets;
    made.leaves = find_leaves(kept, trees, columns, players);
    i64 most = 0;
    for (i64 leaf = 0; leaf < made.leaves.n; leaf++) {
        i64 d = made.leaves.n_players(leaf);
        made.n_pairs += d * (d + 1) / 2;
        most = larger(most, d);
    }
    if (made.n_pairs > MOST_PAIRS) return;
    made.ranking = find_ranking(kept, columns, trees.n_features);
    u8* wanted_rules = zeros<u8>(work, nodes_for(most) + 1);
    for (i64 leaf = 0; leaf < made.leaves.n; leaf++) wanted_rules[nodes_for(made.leaves.n_players(leaf))] = 1;
    made.rules = quadrature_rules(kept, nodes_for(most), wanted_rules);
    made.order = order_leaves(kept, work, made.leaves);
    cut_parts(kept, made, trees);
    Numbering slots(work);
    find_slots_of_pairs(kept, work, made, players.n, slots);
    if (find_folds(kept, work, made, players, slots.keys))
        find_room(made);
    else
        made.n_pairs = MOST_PAIRS + 1;
}

}  // namespace

bool prepare_interactions(Interactions& made, const Trees& trees, const Columns& columns, const Players& players) {
    Arena work;
    bool done = within([&] { find(made, work, trees, columns, players); }, made.arena, work);
    release_all(work);
    return done;
}

}  // namespace automl_explain
