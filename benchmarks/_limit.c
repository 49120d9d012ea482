/* What a processor does at best of the engine's work: `_limit.py` compiles and times this.
 *
 * The engine finds the cell of a row in every table, fetches the table row of that cell and adds it to sums. `look_up`
 * fetches and adds alone, `compare` finds cells alone; neither keeps what it finds apart by column. `multiply` is the
 * arithmetic of leaves that have no table.
 */
#include <stdint.h>

enum { VECTORS = 4 };

typedef double row __attribute__((vector_size(64)));
typedef uint16_t ranks __attribute__((vector_size(64)));

/* Adds the table rows of the cells; memory is asked for the one that comes `ahead` later. */
void look_up(const row *table, const int32_t *cells, int64_t n, int64_t ahead, row *sums) {
    for (int64_t i = 0; i < n; i++) {
        if (i + ahead < n) __builtin_prefetch(table + cells[i + ahead]);
        sums[i & 7] += table[cells[i]];
    }
}

/* Of each four vectors of rows: adds `size` to their cells where their ranks in a column are above a limit. */
void compare(const ranks *columns, int64_t n_columns, const uint16_t *above, const uint16_t *size, int64_t n_steps,
             int64_t n_vectors, ranks *cells) {
    for (int64_t v = 0; v + VECTORS <= n_vectors; v += VECTORS) {
        ranks cell[VECTORS] = {{0}};
        int64_t column = 0;
        for (int64_t s = 0; s < n_steps; s++) {
            const ranks *rank = columns + column * n_vectors + v;
            const ranks limit = above[s] + (ranks){0}, step = size[s] + (ranks){0};
            for (int k = 0; k < VECTORS; k++) cell[k] += (ranks)(rank[k] > limit) & step;
            column = column + 1 < n_columns ? column + 1 : 0;
        }
        for (int k = 0; k < VECTORS; k++) cells[v + k] = cell[k];
    }
}

/* A multiplication and an addition of each number of eight vectors, n times. */
void multiply(row *values, double factor, double more, int64_t n) {
    row v[8];
    for (int k = 0; k < 8; k++) v[k] = values[k];
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 8; k++) v[k] = v[k] * factor + more;
    for (int k = 0; k < 8; k++) values[k] = v[k];
}
