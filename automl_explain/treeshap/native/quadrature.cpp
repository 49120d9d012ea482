#include "quadrature.h"

namespace automl_explain {

namespace {

constexpr f64 PI = 3.14159265358979323846;
constexpr int STEPS = 60;  // of Newton's method, which needs 3 to 6

// Cosine on (0, pi) by its series: libraries differ in the last bit.
f64 cosine(f64 x) {
    bool turned = x > PI / 2;
    f64 t = turned ? PI - x : x, term = 1.0, sum = 1.0;
    for (int k = 1; k < 16; k++) {
        term *= -t * t / (f64)((2 * k - 1) * (2 * k));
        sum += term;
    }
    return turned ? -sum : sum;
}

// Legendre polynomial of degree m and its derivative at x, by the recurrence of three terms.
void legendre(i64 m, f64 x, f64& value, f64& slope) {
    f64 before = 1.0, p = x;
    for (i64 k = 2; k <= m; k++) {
        f64 next = ((f64)(2 * k - 1) * x * p - (f64)(k - 1) * before) / (f64)k;
        before = p;
        p = next;
    }
    value = p;
    slope = (f64)m * (x * p - before) / (x * x - 1.0);
}

void find_rule(i64 m, f64* node, f64* weight) {
    for (i64 i = 0; i < (m + 1) / 2; i++) {
        f64 x = cosine(PI * ((f64)i + 0.75) / ((f64)m + 0.5)), before = 2.0, value, slope;
        if (2 * i + 1 == m) x = 0.0;
        for (int step = 0; step < STEPS; step++) {
            legendre(m, x, value, slope);
            f64 next = x - value / slope;
            if (next == x) break;
            if (next == before) {  // from here on it goes to and fro between two neighbours
                if ((STEPS - step) % 2) x = next;
                break;
            }
            before = x;
            x = next;
        }
        legendre(m, x, value, slope);
        f64 w = 1.0 / ((1.0 - x * x) * slope * slope);
        node[i] = (1.0 - x) / 2;
        node[m - 1 - i] = (1.0 + x) / 2;
        weight[i] = weight[m - 1 - i] = w;
    }
}

}  // namespace

Rules quadrature_rules(Arena& arena, i64 most, const u8* wanted) {
    Rules made = {most, room<f64>(arena, most * (most + 1) / 2), room<f64>(arena, most * (most + 1) / 2)};
    for (i64 m = 1; m <= most; m++)
        if (wanted == nullptr || wanted[m]) find_rule(m, made.node + m * (m - 1) / 2, made.weight + m * (m - 1) / 2);
    return made;
}

}  // namespace automl_explain
