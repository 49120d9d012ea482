"""Design: which columns a linear surrogate multiplies, on paper, dense and sparse alike."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from automl_explain.surrogates import Design

# Numbers 1, 3, missing: mean 2, spread 1. Codes 0, 1 and an unknown one.
ROWS = np.array([[1.0, 0.0], [3.0, 1.0], [np.nan, np.nan]])
MADE = [[1.0, 0.0, 1.0, 0.0], [3.0, 0.0, 0.0, 1.0], [2.0, 1.0, 0.0, 0.0]]


def test_numbers_are_filled_and_marked_and_codes_become_columns() -> None:
    design = Design.of(ROWS, {1: ("a", "b")})
    # The category has a missing cell too, so a mark as well.
    made = np.insert(np.array(MADE), 2, [0, 0, 1], axis=1)
    np.testing.assert_allclose(design.rows(ROWS), made)
    np.testing.assert_allclose(design.rows(sp.csr_matrix(ROWS)).toarray(), made)
    np.testing.assert_array_equal(design.parent, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(
        made @ design.of_features(), np.column_stack([made[:, :2].sum(1), made[:, 2:].sum(1)])
    )


def test_moments_of_sparse_columns_count_the_cells_not_stored() -> None:
    X = np.array([[0.0, 5.0], [2.0, 5.0], [0.0, 5.0], [2.0, np.nan]])
    dense, sparse = Design.of(X, None), Design.of(sp.csr_matrix(X), None)
    for design in (dense, sparse):
        np.testing.assert_allclose(design.fill, [1.0, 5.0])
        np.testing.assert_allclose(design.scale, [1.0, 1.0])  # a constant column is not divided
        np.testing.assert_array_equal(design.marked, [1])
