"""Bins of a column, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from automl_explain.analysis._bins import Bins, column_of


def binned(cells, n_bins=2):
    bins = Bins.of(cells if isinstance(cells, pd.Series) else pd.Series(cells), n_bins)
    return list(bins.labels), bins.codes.tolist()


def test_numbers_are_cut_at_quantiles_and_the_upper_end_belongs_to_the_bin():
    assert binned([4, 1, 3, 2]) == (["<= 2", "> 2"], [1, 0, 1, 0])
    assert binned([1.0, 2, 3, 4, 5, 6], 3) == (["<= 2", "2 to 4", "> 4"], [0, 0, 1, 1, 2, 2])


def test_few_distinct_numbers_are_a_bin_each():
    assert binned([0, 1, 1, 0]) == (["0", "1"], [0, 1, 1, 0])
    assert binned([7.0, 7.0]) == (["7"], [0, 0])


def test_a_column_that_is_mostly_zero_keeps_its_zeros_together():
    assert binned([0, 0, 0, 0, 0, 0, 0, 0, 5, 9], 5) == (["0", "5", "9"], [0] * 8 + [1, 2])
    assert binned([0, 0, 0, 0, 0, 0, 0, 0, 5, 9], 2) == (["<= 0", "> 0"], [0] * 8 + [1, 1])


def test_a_column_that_is_mostly_its_largest_number_keeps_the_others_apart():
    assert binned([-3, -2, -1, 9, 9, 9, 9, 9]) == (["<= -1", "> -1"], [0, 0, 0, 1, 1, 1, 1, 1])


def test_missing_cells_are_a_bin_of_their_own_at_the_end():
    assert binned([np.nan, 1.0, 2.0, 3.0]) == (["<= 2", "> 2", "(missing)"], [2, 0, 0, 1])
    assert binned(["a", None]) == (["a", "(missing)"], [0, 1])
    assert binned([np.nan, np.nan]) == (["(missing)"], [0, 0])
    assert binned(pd.Series([1, None, 2, 3], dtype="Int64")) == (["<= 2", "> 2", "(missing)"], [0, 2, 0, 1])


def test_infinite_numbers_are_numbers():
    assert binned([np.inf, 1.0, -np.inf, 2.0]) == (["<= 1", "> 1"], [1, 0, 0, 1])


def test_categories_come_by_how_many_rows_they_have_and_ordered_ones_in_their_order():
    assert binned(["b", "a", "a", True]) == (["a", "b", "True"], [1, 0, 0, 2])
    ordered = pd.Series(pd.Categorical(["high", "low", "high"], ["low", "mid", "high"], ordered=True))
    assert binned(ordered) == (["low", "high"], [1, 0, 1])
    assert binned([[1], [2], [1]]) == (["[1]", "[2]"], [0, 1, 0])
    assert binned([True, False, True]) == (["True", "False"], [0, 1, 0])


def test_rare_categories_are_put_together():
    cells = [f"c{i}" for i in range(20) for _ in range(3)] + ["x", "y"]
    labels, codes = binned(cells)
    assert labels == [f"c{i}" for i in range(20)] + ["(other)"]
    assert codes[-2:] == [20, 20]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_dates_have_quantiles_too(zone):
    labels, codes = binned(pd.Series(pd.date_range("2024-01-01", periods=4, tz=zone)))
    assert codes == [0, 0, 1, 1]
    assert labels[0].startswith("<= 2024-01-02")


def test_edges_that_differ_late_are_written_out():
    labels, _ = binned([1000001.0, 1000002.0, 1000003.0, 1000004.0, 1000005.0, 1000006.0], 3)
    assert labels == ["<= 1000002", "1000002 to 1000004", "> 1000004"]


def test_a_column_of_every_kind_of_table():
    cells = np.array([[1.0, 0.0], [0.0, 2.0]])
    for table in (cells, sp.csr_matrix(cells), pd.DataFrame(cells, columns=["a", "a"])):
        assert column_of(table, 1).tolist() == [0.0, 2.0]
