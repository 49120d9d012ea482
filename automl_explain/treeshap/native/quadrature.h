// Gauss-Legendre quadrature on (0, 1), with the same bits on every machine.
#pragma once

#include "memory.h"

namespace automl_explain {

struct Quadrature {
    const f64 *node, *weight;
};

// Rules of 1 to `most` nodes: the one of m nodes integrates polynomials of degree 2 m - 1 exactly.
struct Rules {
    i64 most;
    f64 *node, *weight;  // rule m begins at m * (m - 1) / 2

    INLINE Quadrature of(i64 m) const { return {node + m * (m - 1) / 2, weight + m * (m - 1) / 2}; }
};

// Nodes enough for the game of so many players: the integrand has degree n - 1.
static INLINE i64 nodes_for(i64 n_players) { return larger<i64>(1, (n_players + 1) / 2); }

// All rules, or those of m nodes alone where wanted[m] is not 0: the time of all grows with the third power of `most`.
Rules quadrature_rules(Arena& arena, i64 most, const u8* wanted = nullptr);

}  // namespace automl_explain
