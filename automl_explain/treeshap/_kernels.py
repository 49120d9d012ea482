"""The compiled kernels."""

from __future__ import annotations

import numpy as np

from automl_explain.treeshap._jit import compiled, inlined

_ZERO = 1e-35  # |x| up to here is zero where zeros count as missing (LightGBM's kZeroThreshold)


@inlined
def has_category(x: float, start: int, stop: int, bits: np.ndarray) -> bool:
    """Whether a code is in a category set; negative, NaN and unseen codes are in none."""
    if not (-1.0 < x < 32.0 * (stop - start)):
        return False
    code = np.int64(x)
    return bool((bits[start + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1))


@compiled
def predict(  # type: ignore[no-untyped-def]
    X, offsets, output, feature, threshold, missing, default_left, left, right, value, category, category_offsets,
    category_bits, base, result,
):  # fmt: skip
    """Add up the leaves that each row of ``X`` falls into, tree by tree; fills ``result`` (n_rows, n_outputs)."""
    for r in range(X.shape[0]):
        result[r, :] = base
        for t in range(output.shape[0]):
            node = np.int64(offsets[t])
            while feature[node] >= 0:
                x = np.float64(X[r, feature[node]])
                if category[node] >= 0:
                    k = category[node]
                    goes_left = default_left[node]
                    if x == x:
                        goes_left = has_category(x, category_offsets[k], category_offsets[k + 1], category_bits)
                else:
                    if x != x and missing[node] == 0:
                        x = 0.0
                    goes_left = x <= threshold[node]
                    if x != x or (missing[node] == 1 and -_ZERO <= x <= _ZERO):
                        goes_left = default_left[node]
                node = np.int64(left[node] if goes_left else right[node])
            result[r, output[t]] += value[node]
