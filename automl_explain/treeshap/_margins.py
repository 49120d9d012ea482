"""The compiled kernels that walk rows through trees: margins, which contributions add up to."""

from __future__ import annotations

import numpy as np

from automl_explain.treeshap._jit import compiled, inlined

ZERO = 1e-35  # |x| up to here is zero where zeros count as missing (LightGBM's kZeroThreshold)


@inlined
def has_category(x: float, start: int, stop: int, bits: np.ndarray) -> bool:
    """Whether a code is in a category set; negative, NaN and unseen codes are in none."""
    if not (-1.0 < x < 32.0 * (stop - start)):
        return False
    code = np.int64(x)
    return bool((bits[start + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1))


@inlined
def _add_walk(x, trees, result):
    """Add the leaves that one row falls into, tree by tree."""
    offsets, output, feature, threshold, missing, default_left, left, right, value = trees[:9]
    category, category_offsets, category_bits, base = trees[9:]
    result[:] = base
    for t in range(output.shape[0]):
        node = np.int64(offsets[t])
        while feature[node] >= 0:
            cell = np.float64(x[feature[node]])
            if category[node] >= 0:
                k = category[node]
                goes_left = default_left[node]
                if cell == cell:
                    goes_left = has_category(cell, category_offsets[k], category_offsets[k + 1], category_bits)
            else:
                if cell != cell and missing[node] == 0:
                    cell = 0.0
                goes_left = cell <= threshold[node]
                if cell != cell or (missing[node] == 1 and -ZERO <= cell <= ZERO):
                    goes_left = default_left[node]
            node = np.int64(left[node] if goes_left else right[node])
        result[output[t]] += value[node]


@compiled
def predict(X, trees, result):
    """Margins of the rows of ``X``; fills ``result`` (n_rows, n_outputs)."""
    for r in range(X.shape[0]):
        _add_walk(X[r], trees, result[r])


@compiled
def predict_csr(data, indices, indptr, n_features, trees, result):
    """The same for the rows of a csr matrix."""
    x = np.zeros(n_features)
    for r in range(result.shape[0]):
        for i in range(indptr[r], indptr[r + 1]):
            x[indices[i]] += data[i]
        _add_walk(x, trees, result[r])
        for i in range(indptr[r], indptr[r + 1]):
            x[indices[i]] = 0.0
