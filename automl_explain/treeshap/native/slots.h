// Where values are added up: one slot for each pair of an output and a target that occurs.
#pragma once

#include "leaves.h"

namespace automl_explain {

struct Slots {
    i64 n;
    i64 n_players;
    i64* ptr;  // slots of player p of output k: ptr[k * n_players + p] to the next
    i64* slot;
    f64* weight;
    i64* target;  // of each slot, rising: output * n_targets + target

    INLINE i64 place(i64 output, i64 player) const { return output * n_players + player; }
};

static inline Slots find_slots(Arena& arena, const Leaves& leaves, const Players& players, i64 n_outputs) {
    i64 n_places = n_outputs * players.n, n_all = n_outputs * players.n_targets;
    u8* used = zeros<u8>(arena, n_places);
    for (i64 leaf = 0; leaf < leaves.n; leaf++)
        for (i64 j = leaves.player_ptr[leaf]; j < leaves.player_ptr[leaf + 1]; j++)
            used[leaves.output[leaf] * players.n + leaves.player[j]] = 1;
    i64* number = zeros<i64>(arena, n_all);  // of the slot of each target: first whether there is one
    i64* ptr = room<i64>(arena, n_places + 1);
    ptr[0] = 0;
    for (i64 place = 0; place < n_places; place++) {
        i64 p = place % players.n, k = place / players.n;
        i64 count = used[place] ? players.ptr[p + 1] - players.ptr[p] : 0;
        ptr[place + 1] = ptr[place] + count;
        for (i64 i = 0; i < count; i++) number[k * players.n_targets + players.target[players.ptr[p] + i]] = 1;
    }
    i64 n = 0;
    i64* target = room<i64>(arena, n_all);
    for (i64 t = 0; t < n_all; t++)
        if (number[t]) {
            number[t] = n;
            target[n++] = t;
        }
    i64* slot = room<i64>(arena, ptr[n_places]);
    f64* weight = room<f64>(arena, ptr[n_places]);
    for (i64 place = 0; place < n_places; place++) {
        i64 p = place % players.n, k = place / players.n;
        for (i64 i = 0; i < ptr[place + 1] - ptr[place]; i++) {
            slot[ptr[place] + i] = number[k * players.n_targets + players.target[players.ptr[p] + i]];
            weight[ptr[place] + i] = players.weight[players.ptr[p] + i];
        }
    }
    return {n, players.n, ptr, slot, weight, target};
}

}  // namespace automl_explain
