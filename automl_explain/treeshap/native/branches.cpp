#include "branches.h"

namespace automl_explain {

namespace {

constexpr u16 NO_RANK = 0xFFFF;

// Nodes of one tree on the way to a leaf that is wanted, depth first.
struct Walk {
    List<i64> node, parent;  // parent: the place in this list
    List<i64> waiting, waiting_parent;

    explicit Walk(Arena& a) : node(a), parent(a), waiting(a), waiting_parent(a) {}

    void of(const Trees& trees, i64 t, u8* wanted) {
        node.n = parent.n = waiting.n = waiting_parent.n = 0;
        i64 root = trees.offsets[t];
        // Children have larger numbers than their node.
        for (i64 i = trees.offsets[t + 1] - 1; i >= root; i--)
            if (trees.left[i] >= 0) wanted[i] = wanted[trees.left[i]] | wanted[trees.right[i]];
        if (!wanted[root] || trees.left[root] < 0) return;
        push(root, -1);
        while (waiting.n > 0) {
            i64 own = waiting[--waiting.n], above = waiting_parent[--waiting_parent.n], at = node.n;
            node.add(own);
            parent.add(above);
            if (trees.left[own] < 0) continue;
            if (wanted[trees.right[own]]) push(trees.right[own], at);
            if (wanted[trees.left[own]]) push(trees.left[own], at);
        }
    }

    void push(i64 own, i64 above) {
        waiting.add(own);
        waiting_parent.add(above);
    }
};

}  // namespace

Branches find_branches(Arena& kept, Arena& work, const Trees& trees, const Columns& columns, const Players& players,
                       const Leaves& leaves, const u8* in_tables) {
    u8* wanted = zeros<u8>(work, trees.n_nodes);
    for (i64 i = 0; i < leaves.n; i++) wanted[leaves.node[i]] = !in_tables[i];
    i64 *place = room<i64>(work, players.n), *tree_of_place = room<i64>(work, players.n);
    for (i64 p = 0; p < players.n; p++) tree_of_place[p] = -1;

    Branches found = {};
    List<i64> output(kept), ptr(kept), player_ptr(kept), player(kept), n_nodes(kept);
    List<Branch> branches(kept);
    List<i64> asked(work), own_player(work);  // of each branch: players on the path, and its own
    List<Branch> own(work);                   // of each node of a tree
    Walk walk(work);
    ptr.add(0);
    player_ptr.add(0);
    i64 most = 0;
    for (i64 t = 0; t < trees.n_trees; t++) {
        walk.of(trees, t, wanted);
        if (walk.node.n == 0) continue;
        own.n = asked.n = own_player.n = 0;
        own.add({});
        own[0].share = 1.0;
        asked.add(0);
        own_player.add(-1);
        i64 most_asked = 0, deepest = 0;
        for (i64 i = 1; i < walk.node.n; i++) {
            i64 parent = walk.parent[i], node = walk.node[i], split = walk.node[parent], c = columns.node_column[split];
            i64 p = players.of_feature[columns.feature[c]], above = parent;
            while (above > 0 && own_player[above] != p) above = walk.parent[above];
            if (tree_of_place[p] != t) {
                tree_of_place[p] = t;
                place[p] = player.n - player_ptr[player_ptr.n - 1];
                player.add(p);
            }
            f64 ratio = trees.cover[split] > 0.0 ? trees.cover[node] / trees.cover[split] : 0.0;
            bool is_left = trees.left[split] == node;
            i64 missing = columns.missing_rank(c), last = columns.n_ranks[c] - (missing >= 0 ? 2 : 1);
            Branch b;
            b.depth = own[parent].depth + 1;
            b.same = own[above].depth;
            b.place = place[p];
            b.column = c;
            b.low = (u16)(is_left ? 0 : columns.node_rank[split] + 1);
            b.high = (u16)(is_left ? columns.node_rank[split] : last);
            b.missing = missing >= 0 && (bool)trees.default_left[split] == is_left ? (u16)missing : NO_RANK;
            b.is_left = is_left;
            b.category = columns.node_ranks_left[split];
            b.before = own[above].share;
            b.share = own[above].share * ratio;
            b.value = trees.left[node] < 0 && wanted[node] ? trees.value[node] : 0.0;
            own.add(b);
            own_player.add(p);
            asked.add(asked[parent] + (above == 0));
            most_asked = larger(most_asked, asked[i]);
            deepest = larger(deepest, b.depth);
            branches.add(b);
        }
        output.add(trees.output[t]);
        ptr.add(branches.n);
        player_ptr.add(player.n);
        n_nodes.add(nodes_for(most_asked));
        most = larger(most, most_asked);
        found.deepest = larger(found.deepest, deepest);
        found.most_branches = larger(found.most_branches, walk.node.n - 1);
        found.most_players = larger(found.most_players, player.n - player_ptr[player_ptr.n - 2]);
    }
    found.n_trees = output.n;
    found.n = branches.n;
    found.output = output.data;
    found.ptr = ptr.data;
    found.player_ptr = player_ptr.data;
    found.player = player.data;
    found.n_nodes = n_nodes.data;
    found.branch = branches.data;
    u8* wanted_rules = zeros<u8>(work, nodes_for(most) + 1);
    for (i64 t = 0; t < found.n_trees; t++) wanted_rules[found.n_nodes[t]] = 1;
    if (found.n_trees) found.rules = quadrature_rules(kept, nodes_for(most), wanted_rules);
    i64 n_lefts = 0;
    for (i64 i = 0; i < trees.n_nodes; i++)
        if (columns.node_ranks_left[i] >= 0)
            n_lefts = larger(n_lefts, columns.node_ranks_left[i] + columns.n_ranks[columns.node_column[i]]);
    found.ranks_left = copied(kept, columns.ranks_left, n_lefts);
    return found;
}

}  // namespace automl_explain
