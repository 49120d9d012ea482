#include "tables.h"

namespace automl_explain {

namespace {

constexpr i64 MERGED_CELLS = 1 << 12;   // of a table that several leaves share
constexpr i64 LEAF_CELLS = (1 << 13) - 1;  // of a table of one leaf: places in it have 16 bits
constexpr i64 LEAF_PLAYERS = 11;        // of a leaf in a table: those with more are cheaper as factors
constexpr i64 BLOCK_RANKS = 1 << 14;    // leaves that are tried with each other, times ranks of the longest categories
constexpr i64 BUNDLE_BYTES = 1 << 19;   // of the tables of one bundle, which should stay in the cache together
constexpr i64 BUNDLE_PARTS = 64;
constexpr i64 LINE_BYTES = WIDTH * (i64)sizeof(f64);

// WIDTH (or fewer) neighbouring slots of a group.
struct Part {
    i64 group, output;
    i64 first;  // of its slots among those of all groups
    i64 n;
    const i64* slot;
    i64 bytes;
};

i64 parts_of(i64 n_slots) { return (n_slots + WIDTH - 1) / WIDTH; }

// Leaves that are worth the work of merging: the smallest, by tables of their own, that come near the memory;
// output by output.
List<i64> worth_trying(Arena& arena, const Leaves& leaves, const Slots& slots, i64 max_bytes) {
    f64* size = room<f64>(arena, leaves.n);
    i64 *by_size = room<i64>(arena, leaves.n), *other = room<i64>(arena, leaves.n);
    for (i64 leaf = 0; leaf < leaves.n; leaf++) {
        i64 n_slots = 0;
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++) {
            i64 place = slots.place(leaves.output[leaf], leaves.player[j]);
            n_slots += slots.ptr[place + 1] - slots.ptr[place];
        }
        size[leaf] = (f64)(n_slots + WIDTH - 1) * 8.0;
        for (i64 c = leaves.first_condition(leaf); c < leaves.last_condition(leaf); c++) size[leaf] *= 2.0;
        by_size[leaf] = leaf;
    }
    sort_by(by_size, leaves.n, other, [&](i64 leaf) { return size[leaf]; });
    u8* chosen = zeros<u8>(arena, leaves.n);
    f64 sum = 0.0;
    for (i64 i = 0; i < leaves.n; i++) {
        sum += size[by_size[i]];
        // A table that leaves share may be smaller than theirs together, but hardly half as large.
        if (sum > 2.0 * (f64)max_bytes) break;
        chosen[by_size[i]] = leaves.n_players(by_size[i]) <= LEAF_PLAYERS;
    }
    List<i64> found(arena);
    for (i64 leaf = 0; leaf < leaves.n; leaf++)
        if (chosen[leaf]) found.add(leaf);
    sort_by(found.data, found.n, other, [&](i64 leaf) { return leaves.output[leaf]; });
    return found;
}

// Blocks of leaves of one output; comparing leaves takes as long as a column of categories has ranks.
List<i64> blocks_of(Arena& arena, const List<i64>& order, const Leaves& leaves, const Columns& columns) {
    i64 longest = 1;
    for (i64 c = 0; c < columns.n; c++)
        if (columns.kind[c] == CATEGORIES) longest = larger(longest, columns.n_ranks[c]);
    i64 most = larger<i64>(16, smaller(BLOCK_LEAVES, BLOCK_RANKS / longest));
    List<i64> ptr(arena);
    ptr.add(0);
    for (i64 i = 1; i <= order.n; i++) {
        bool ends = i == order.n || leaves.output[order[i]] != leaves.output[order[i - 1]];
        if (ends || i - ptr[ptr.n - 1] == most) ptr.add(i);
    }
    return ptr;
}

// Slots that the leaves of every group add to, rising.
SlotsOfGroups find_slots_of(Arena& work, const Groups& groups, const Leaves& leaves, const Slots& slots) {
    i64 *seen = room<i64>(work, slots.n), *other = room<i64>(work, slots.n);
    for (i64 s = 0; s < slots.n; s++) seen[s] = -1;
    List<i64> ptr(work), found(work);
    ptr.add(0);
    for (i64 g = 0; g < groups.n; g++) {
        i64 first = found.n;
        for (i64 i = groups.ptr[g]; i < groups.ptr[g + 1]; i++) {
            i64 leaf = groups.order[i];
            for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++) {
                i64 place = slots.place(leaves.output[leaf], leaves.player[j]);
                for (i64 s = slots.ptr[place]; s < slots.ptr[place + 1]; s++) {
                    if (seen[slots.slot[s]] == g) continue;
                    seen[slots.slot[s]] = g;
                    found.add(slots.slot[s]);
                }
            }
        }
        sort_by(found.data + first, found.n - first, other, [](i64 slot) { return slot; });
        ptr.add(found.n);
    }
    return {ptr.data, found.data};
}

// Which groups have tables that fit into the memory, the smallest first. Half of the memory is for factors, if some
// leaves have no group or no room.
u8* those_that_fit(Arena& work, i64 n, const i64* cells, const i64* slot_ptr, bool all_grouped, i64 max_bytes) {
    i64 *size = room<i64>(work, n), *by_size = room<i64>(work, n), *other = room<i64>(work, n), total = 0;
    u8* fits = zeros<u8>(work, n);
    for (i64 g = 0; g < n; g++) {
        size[g] = cells[g] * parts_of(slot_ptr[g + 1] - slot_ptr[g]) * LINE_BYTES;
        by_size[g] = g;
        total += size[g];
    }
    if (!all_grouped || total > max_bytes) max_bytes /= 2;
    sort_by(by_size, n, other, [&](i64 g) { return size[g]; });
    for (i64 i = 0, bytes = 0; i < n && (bytes += size[by_size[i]]) <= max_bytes; i++)
        fits[by_size[i]] = cells[by_size[i]] <= LEAF_CELLS;
    return fits;
}

struct Bundle {
    i64 slot[WIDTH];
    i64 n;
    u64 signature;  // bits of the slots, folded to a word
    i64 output, bytes, n_parts;
};

u64 signature_of(const i64* slot, i64 n) {
    u64 word = 0;
    for (i64 i = 0; i < n; i++) word |= (u64)1 << (slot[i] % 64);
    return word;
}

// How many slots a bundle would have with those of a part.
i64 together(const Bundle& bundle, const Part& part) {
    i64 n = bundle.n;
    for (i64 i = 0; i < part.n; i++) {
        bool known = false;
        for (i64 k = 0; k < bundle.n; k++) known |= bundle.slot[k] == part.slot[i];
        n += !known;
    }
    return n;
}

void put_into(Bundle& bundle, const Part& part) {
    for (i64 i = 0; i < part.n; i++) {
        i64 k = 0;
        while (k < bundle.n && bundle.slot[k] != part.slot[i]) k++;
        if (k == bundle.n) bundle.slot[bundle.n++] = part.slot[i];
    }
    bundle.signature |= signature_of(part.slot, part.n);
    bundle.bytes += part.bytes;
    bundle.n_parts++;
}

// Puts every part into the bundle that it adds fewest slots to, those with most slots first; gives the bundles.
List<Bundle> make_bundles(Arena& work, const List<Part>& parts, i64* bundle_of) {
    i64 *by_size = room<i64>(work, parts.n), *other = room<i64>(work, parts.n);
    for (i64 i = 0; i < parts.n; i++) by_size[i] = i;
    sort_by(by_size, parts.n, other, [&](i64 i) { return parts[i].output * (WIDTH + 1) + WIDTH - parts[i].n; });
    List<Bundle> bundles(work);
    i64 first = 0;  // bundle of the output
    for (i64 k = 0; k < parts.n; k++) {
        const Part& part = parts[by_size[k]];
        if (k > 0 && part.output != parts[by_size[k - 1]].output) first = bundles.n;
        u64 signature = signature_of(part.slot, part.n);
        i64 best = -1, least = WIDTH + 1;
        for (i64 b = first; b < bundles.n && least > 0; b++) {
            const Bundle& bundle = bundles[b];
            if (__builtin_popcountll(bundle.signature | signature) > WIDTH) continue;
            if (bundle.n_parts == BUNDLE_PARTS || bundle.bytes + part.bytes > BUNDLE_BYTES) continue;
            i64 n = together(bundle, part);
            if (n <= WIDTH && n - bundle.n < least) {
                best = b;
                least = n - bundle.n;
            }
        }
        if (best < 0) {
            best = bundles.n;
            bundles.add({{}, 0, 0, part.output, 0, 0});
        }
        put_into(bundles[best], part);
        bundle_of[by_size[k]] = best;
    }
    return bundles;
}

void keep_steps(Arena& kept, const Described& described, const List<i64>& groups, Tables& tables) {
    StepList list(kept);
    for (i64 i = 0; i < groups.n; i++) {
        for (i64 s = described.step_ptr[groups[i]]; s < described.step_ptr[groups[i] + 1]; s++)
            list.add(described.step_column[s], described.step_above[s], WIDTH * described.step_size[s]);
        list.end_table(0);
    }
    tables.n_groups = groups.n;
    tables.steps = list.steps();
}

// Lays the bundles out one after the other, each with its parts.
void keep_bundles(Arena& kept, Arena& work, const List<Part>& parts, i64 n_slots, Tables& tables, i64* first_cell) {
    i64* bundle_of = room<i64>(work, parts.n);
    List<Bundle> bundles = make_bundles(work, parts, bundle_of);
    tables.n_bundles = bundles.n;
    tables.slot = room<i64>(kept, bundles.n * WIDTH);
    tables.part_ptr = room<i64>(kept, bundles.n + 1);
    tables.part_group = room<i64>(kept, parts.n);
    tables.part_start = room<i64>(kept, parts.n);
    tables.part_ptr[0] = 0;
    for (i64 b = 0; b < bundles.n; b++) {
        tables.part_ptr[b + 1] = tables.part_ptr[b] + bundles[b].n_parts;
        for (i64 k = 0; k < WIDTH; k++) tables.slot[WIDTH * b + k] = k < bundles[b].n ? bundles[b].slot[k] : n_slots;
    }
    i64 *by_bundle = room<i64>(work, parts.n), *other = room<i64>(work, parts.n);
    for (i64 i = 0; i < parts.n; i++) by_bundle[i] = i;
    sort_by(by_bundle, parts.n, other, [&](i64 i) { return bundle_of[i]; });
    tables.n_values = 0;
    for (i64 at = 0; at < parts.n; at++) {
        const Part& part = parts[by_bundle[at]];
        const i64* own = tables.slot + WIDTH * bundle_of[by_bundle[at]];
        tables.part_group[at] = part.group;
        tables.part_start[at] = tables.n_values;
        for (i64 i = 0; i < part.n; i++) {
            i64 k = 0;
            while (own[k] != part.slot[i]) k++;
            first_cell[part.first + i] = tables.n_values + k;
        }
        tables.n_values += part.bytes / (i64)sizeof(f64);
    }
}

}  // namespace

Layout lay_out(Arena& kept, Arena& work, Arena& temporary, const Leaves& leaves, const Columns& columns,
               const Slots& slots, const Players& players, i64 max_bytes, Tables& tables) {
    i64* player_of_column = room<i64>(work, columns.n);
    for (i64 c = 0; c < columns.n; c++) player_of_column[c] = players.of_feature[columns.feature[c]];
    List<i64> order = worth_trying(work, leaves, slots, max_bytes);
    List<i64> block_ptr = blocks_of(work, order, leaves, columns);

    Layout layout;
    layout.groups = merge(work, temporary, order.data, block_ptr, leaves, columns, slots, player_of_column, MERGED_CELLS);
    layout.described = describe(work, temporary, layout.groups, leaves, columns);
    layout.slots = find_slots_of(work, layout.groups, leaves, slots);
    const i64 *cells = layout.described.cells, *slot_ptr = layout.slots.ptr;
    u8* fits = those_that_fit(work, layout.groups.n, cells, slot_ptr, order.n == leaves.n, max_bytes);

    layout.in_tables = zeros<u8>(work, leaves.n);
    layout.first_cell = room<i64>(work, slot_ptr[layout.groups.n]);
    List<i64> chosen(work);
    List<Part> parts(work);
    for (i64 g = 0; g < layout.groups.n; g++) {
        if (!fits[g]) continue;
        for (i64 i = layout.groups.ptr[g]; i < layout.groups.ptr[g + 1]; i++)
            layout.in_tables[layout.groups.order[i]] = 1;
        for (i64 s = slot_ptr[g]; s < slot_ptr[g + 1]; s += WIDTH)
            parts.add({chosen.n, leaves.output[layout.groups.order[layout.groups.ptr[g]]], s,
                       smaller(WIDTH, slot_ptr[g + 1] - s), layout.slots.slot + s, cells[g] * LINE_BYTES});
        chosen.add(g);
    }
    layout.chosen = chosen.data;
    keep_steps(kept, layout.described, chosen, tables);
    keep_bundles(kept, work, parts, slots.n, tables, layout.first_cell);
    tables.values = zeros<f64>(kept, tables.n_values);
    return layout;
}

}  // namespace automl_explain
