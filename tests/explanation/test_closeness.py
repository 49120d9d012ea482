"""Two outputs of a model: which rows differ by more than rounding."""

from __future__ import annotations

import numpy as np
import pytest

from automl_explain.explanation._closeness import differing_rows

BATCH = np.array([1.0, -2.0, 3.0, 0.0, 4.0])


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-12])
@pytest.mark.parametrize("outlier", [1.0, 1e9])
def test_a_row_is_judged_by_itself(scale: float, outlier: float) -> None:
    wanted = scale * BATCH * [outlier, 1, 1, 1, 1]
    for row in range(1, 5):
        found = wanted.copy()
        found[row] += 1e-5 * scale
        np.testing.assert_array_equal(
            np.flatnonzero(differing_rows(found, wanted, relative=1e-6, of_typical=1e-9)), row
        )
        found[row] = wanted[row] + 1e-10 * scale  # rounding, of the median where the number itself is 0
        assert not differing_rows(found, wanted, relative=1e-6, of_typical=1e-9).any()


def test_columns_are_judged_by_themselves() -> None:
    wanted = np.column_stack([1e9 * BATCH, BATCH])
    found = wanted.copy()
    found[2, 1] *= 1.001
    np.testing.assert_array_equal(differing_rows(found, wanted, relative=1e-6, of_typical=1e-9), np.arange(5) == 2)


def test_missing_and_infinite_numbers_equal_themselves_alone() -> None:
    wanted = np.array([np.nan, np.inf, 1.0, np.nan, 1.0])
    found = np.array([np.nan, np.inf, np.nan, 2.0, np.inf])
    found = differing_rows(found, wanted, relative=1e-6, of_typical=1e-9)
    np.testing.assert_array_equal(found, [False, False, True, True, True])
    assert differing_rows(np.zeros((0, 2)), np.zeros((0, 2)), relative=1e-6, of_typical=1e-9).shape == (0,)
