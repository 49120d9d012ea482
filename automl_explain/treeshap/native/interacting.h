// The kernel of interaction values; `interactions.h` has the mathematics.
//
// With P_q = v w_q prod_k f_k(y_q), f_k(y) = y o_k + (1 - y) z_k, and g_i,q = (o_i - z_i) / f_i(y_q), the value of player i
// is the sum of P_q g_i,q over the nodes, and the index of a pair that of P_q g_i,q g_j,q. Where the row fails the player,
// g is -1 / (1 - y): nothing is divided by zero, and where no training row passed either, P is zero.
#pragma once

#include "interactions.h"
#include "ranking.h"

namespace automl_explain {
namespace {

// Rows at a time: as many as the registers hold, since compilers break up wider vectors badly.
#if defined(__AVX512F__)
constexpr i64 ROWS = 8;
#elif defined(__AVX__)
constexpr i64 ROWS = 4;
#else
constexpr i64 ROWS = 2;
#endif
typedef f64 RowVector __attribute__((vector_size(8 * ROWS)));
typedef i64 Mask __attribute__((vector_size(8 * ROWS)));

// A number in every lane; taking nothing away changes no number, where adding zero would change -0.
INLINE RowVector spread(f64 number) { return number - RowVector{}; }

constexpr i64 PAIR_NODES = 8;  // of the quadrature at a time

// Of one player and node: (1 - y) z, and what it is with y added; g if the row satisfies the player.
struct PairTerm {
    f64 fails, satisfies, gain;
};

// Room to work in for a block of rows.
struct InteractionRoom {
    RowVector *slots, *part, *numbers, *gains;  // vectors hold the same of several rows
    i16* inside;                                // (players of the leaves of a part, rows): all bits or none
    f64 *weights, *lost;                        // of each node and leaf: w v, and g of players that the row fails
    PairTerm* terms;                            // (players, nodes) of each leaf
};

INLINE void find_terms(const Interactions& prepared, i64 leaf, f64* weights, f64* lost, PairTerm* terms) {
    const Leaves& leaves = prepared.leaves;
    i64 first = leaves.player_ptr[leaf], d = leaves.n_players(leaf), m = nodes_for(d);
    Quadrature rule = prepared.rules.of(m);
    for (i64 q = 0; q < m; q++) {
        weights[q] = rule.weight[q] * leaves.value[leaf];
        lost[q] = -1.0 / (1.0 - rule.node[q]);
    }
    for (i64 j = 0; j < d; j++) {
        f64 z = leaves.share[first + j];
        for (i64 q = 0; q < m; q++) {
            f64 y = rule.node[q], fails = (1.0 - y) * z;
            terms[j * m + q] = {fails, fails + y, (1.0 - z) / (fails + y)};
        }
    }
}

// Which of the n rows, a multiple of RANK_ROWS, satisfy all conditions of a player of a leaf. Loops of a fixed length
// become vectors without a rest.
INLINE void find_answers(const Leaves& leaves, i64 player, const u16* ranks, i64 stride, i64 n, i16* inside) {
    for (i64 r = 0; r < n; r++) inside[r] = -1;
    for (i64 c = leaves.condition_ptr[player]; c < leaves.condition_ptr[player + 1]; c++) {
        const u16* rank = ranks + leaves.column[c] * stride;
        if (leaves.ranks[c] >= 0) {
            const u8* satisfied = leaves.satisfied + leaves.ranks[c];
            for (i64 r = 0; r < n; r++) inside[r] = satisfied[rank[r]] ? inside[r] : 0;
            continue;
        }
        u16 low = (u16)leaves.low[c], high = (u16)leaves.high[c], missing = (u16)leaves.missing[c];  // -1 is no rank
        for (i64 start = 0; start < n; start += RANK_ROWS)
            for (i64 r = start; r < start + RANK_ROWS; r++) {
                bool holds = ((low <= rank[r]) & (rank[r] <= high)) | (rank[r] == missing);
                inside[r] = holds ? inside[r] : 0;
            }
    }
}

// The answers of the first rows, with as many bits as their numbers.
INLINE Mask widened(const i16* inside) {
#if defined(__AVX__)
    typedef i16 Short __attribute__((vector_size(2 * ROWS)));
    typedef i32 Middle __attribute__((vector_size(4 * ROWS)));
    Short holds;
    memcpy(&holds, inside, sizeof holds);
    return __builtin_convertvector(__builtin_convertvector(holds, Middle), Mask);  // GCC widens well by two only
#else
    return Mask{inside[0], inside[1]};
#endif
}

// Adds what M of the m nodes say of the pairs of a leaf with d players to the sums of its part.
template <i64 M>
INLINE void add_nodes(
    const f64* weights, const f64* lost, const PairTerm* terms, i64 m, i64 d, const i16* inside, i64 stride, const u32* place,
    RowVector* gains, RowVector* part
) {
    RowVector product[M];
    for (i64 q = 0; q < M; q++) product[q] = spread(weights[q]);
    for (i64 j = 0; j < d; j++) {
        Mask holds = widened(inside + j * stride);
        for (i64 q = 0; q < M; q++) {
            PairTerm term = terms[j * m + q];
            product[q] *= holds ? spread(term.satisfies) : spread(term.fails);
            gains[j * M + q] = holds ? spread(term.gain) : spread(lost[q]);
        }
    }
    for (i64 i = 0; i < d; i++) {
        RowVector own[M], value = {};
        for (i64 q = 0; q < M; q++) {
            own[q] = product[q] * gains[i * M + q];
            value += own[q];
        }
        part[*place++] += value;
        for (i64 j = i + 1; j < d; j++) {
            RowVector index = own[0] * gains[j * M];
            for (i64 q = 1; q < M; q++) index += own[q] * gains[j * M + q];
            part[*place++] += index;
        }
    }
}

// Adds one leaf for `ROWS` rows.
INLINE void add_leaf(
    const f64* weights, const f64* lost, const PairTerm* terms, i64 d, const i16* inside, i64 stride, const u32* place,
    RowVector* gains, RowVector* part
) {
    i64 m = nodes_for(d);
    for (i64 q = 0; q < m; q += PAIR_NODES) {
#define ADD_NODES(M) add_nodes<M>(weights + q, lost + q, terms + q, m, d, inside, stride, place, gains, part)
        switch (m - q) {
            case 1: ADD_NODES(1); break;
            case 2: ADD_NODES(2); break;
            case 3: ADD_NODES(3); break;
            case 4: ADD_NODES(4); break;
            case 5: ADD_NODES(5); break;
            case 6: ADD_NODES(6); break;
            case 7: ADD_NODES(7); break;
            default: ADD_NODES(PAIR_NODES);
        }
#undef ADD_NODES
    }
}

// Adds one part for a block of rows to the slots, of which every `ROWS` rows have `n_slots`.
INLINE void add_part(const Interactions& prepared, i64 part, const u16* ranks, i64 stride, i64 n, InteractionRoom& room) {
    i64 first = prepared.leaf_ptr[part], last = prepared.leaf_ptr[part + 1];
    i64 rounded = (n + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS;
    const Leaves& leaves = prepared.leaves;
    f64 *weights = room.weights, *lost = room.lost;
    PairTerm* terms = room.terms;
    i16* inside = room.inside;
    for (i64 at = first; at < last; at++) {
        i64 leaf = prepared.order[at], d = leaves.n_players(leaf), m = nodes_for(d);
        find_terms(prepared, leaf, weights, lost, terms);
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++, inside += stride)
            find_answers(leaves, j, ranks, stride, rounded, inside);
        weights += m, lost += m, terms += m * d;
    }
    const u32* slot = prepared.slot + prepared.slot_ptr[part];
    i64 n_sums = prepared.slot_ptr[part + 1] - prepared.slot_ptr[part];
    for (i64 r = 0; r < n; r += ROWS) {
        memset((void*)room.part, 0, sizeof(RowVector) * (size_t)n_sums);
        weights = room.weights, lost = room.lost, terms = room.terms, inside = room.inside + r;
        for (i64 at = first; at < last; at++) {
            i64 d = leaves.n_players(prepared.order[at]), m = nodes_for(d);
            const u32* place = prepared.place + prepared.place_ptr[at];
            add_leaf(weights, lost, terms, d, inside, stride, place, room.gains, room.part);
            weights += m, lost += m, terms += m * d, inside += d * stride;
        }
        RowVector* slots = room.slots + r / ROWS * prepared.n_slots;
        for (i64 s = 0; s < n_sums; s++) slots[slot[s]] += room.part[s];
    }
}

INLINE RowVector mapped(const SparseMap& map, i64 i, const RowVector* numbers) {
    RowVector sum = {};
    for (i64 k = map.ptr[i]; k < map.ptr[i + 1]; k++) sum += numbers[map.from[k]] * map.weight[k];
    return sum;
}

// Writes the matrices of up to `ROWS` rows from `row` on.
INLINE void write_entries(
    const Interactions& prepared, const RowVector* slots, i64 row, i64 n, const Entries& entries, RowVector* numbers
) {
    for (i64 i = 0; i < prepared.first.n; i++) numbers[i] = mapped(prepared.first, i, slots);
    f64* result = entries.result + row * entries.stride;
    for (i64 e = 0; e < prepared.second.n; e++) {
        RowVector values = mapped(prepared.second, e, numbers);
        for (i64 i = 0; i < n; i++) {
            result[entries.at[e] + i * entries.stride] = values[i];
            result[entries.mirror[e] + i * entries.stride] = values[i];
        }
    }
}

INLINE RowVector* vectors(Arena& arena, i64 n) { return (RowVector*)room<f64>(arena, n * ROWS); }

// Interaction values of rows `first` to `last`.
template <class Given>
void interact(
    const Interactions& prepared, const Given& rows, i64 first, i64 last, const Entries& entries, Arena& arena
) {
    i64 block = smaller(prepared.block, (last - first + RANK_ROWS - 1) / RANK_ROWS * RANK_ROWS);
    u16* ranks = zeros<u16>(arena, prepared.ranking.n * block);
    f64* x = room<f64>(arena, block);
    InteractionRoom room_for = {
        vectors(arena, block / ROWS * prepared.n_slots),
        vectors(arena, prepared.most_slots),
        vectors(arena, prepared.first.n),
        vectors(arena, prepared.most_players * PAIR_NODES),
        room<i16>(arena, prepared.most_asked * block),
        room<f64>(arena, prepared.most_nodes),
        room<f64>(arena, prepared.most_nodes),
        room<PairTerm>(arena, prepared.most_terms),
    };
    for (i64 start = first; start < last; start += block) {
        i64 n = smaller(block, last - start), n_groups = (n + ROWS - 1) / ROWS;
        rank(prepared.ranking, rows, start, n, block, x, ranks);
        memset((void*)room_for.slots, 0, sizeof(RowVector) * (size_t)(n_groups * prepared.n_slots));
        for (i64 part = 0; part < prepared.n_parts; part++)
            add_part(prepared, part, ranks, block, n_groups * ROWS, room_for);
        for (i64 r = 0; r < n; r += ROWS) {
            const RowVector* slots = room_for.slots + r / ROWS * prepared.n_slots;
            write_entries(prepared, slots, start + r, smaller(ROWS, n - r), entries, room_for.numbers);
        }
    }
}

void interact_dense(
    const Interactions& prepared, const DenseRows& rows, i64 first, i64 last, const Entries& entries, Arena& arena
) {
    interact(prepared, rows, first, last, entries, arena);
}

void interact_sparse(
    const Interactions& prepared, const SparseRows& rows, i64 first, i64 last, const Entries& entries, Arena& arena
) {
    interact(prepared, rows, first, last, entries, arena);
}

}  // namespace
}  // namespace automl_explain
