"""Groups of collinear columns, and their importance as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from automl_explain import Explanation, collinear_groups, grouped_importance
from automl_explain.exceptions import InputError


def explained(values: Any) -> Explanation:
    return Explanation(
        values=values, base=np.zeros(len(values)), features=("a", "b", "c"), task="regression", space="engineered"
    )


VALUES = np.array([[[1.0, 2.0, 0.5], [-1.0, 3.0, -0.5]]])


def test_a_group_counts_as_the_sum_of_its_columns() -> None:
    """On paper: a + b is 3 and 2, so 2.5; alone they have 1 and 2.5, which add up to more; c has 0.5."""
    assert grouped_importance(explained(VALUES), [["a", "b"]]) == {("a", "b"): 2.5, "c": 0.5}
    assert grouped_importance(explained(VALUES), {"size": ["b", "c"]}) == {"size": 2.5, "a": 1.0}
    assert grouped_importance(explained(VALUES), []) == {"b": 2.5, "a": 1.0, "c": 0.5}


def test_sparse_values_give_the_same() -> None:
    sparse = explained((sp.csr_matrix(VALUES[0]),))
    assert grouped_importance(sparse, [["a", "b"]]) == {("a", "b"): 2.5, "c": 0.5}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([["a", "d"]], "names 'd', which is no feature"),
        ([["a", "b"], ["b", "c"]], "holds 'b' more than once"),
        ([[]], "holds an empty group"),
    ],
)
def test_wrong_groups_are_refused(groups: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        grouped_importance(explained(VALUES), groups)


def test_numbers_that_rise_together_are_a_group_whatever_their_scale() -> None:
    """b is the cube of a, c falls as a rises; d swaps neighbours of ten: 1 - 6 x 10 / (10 x 99) = 0.939."""
    a = np.arange(1.0, 11.0)
    rows = pd.DataFrame({"a": a, "d": a.reshape(5, 2)[:, ::-1].ravel(), "b": a**3, "c": -a})
    assert collinear_groups(rows, 0.95) == [["a", "b", "c"]]
    assert collinear_groups(rows, 0.939) == [["a", "d", "b", "c"]]
    assert collinear_groups(rows, 0.94) == [["a", "b", "c"]]


def test_categories_are_grouped_by_what_they_tell_of_each_other_and_of_numbers() -> None:
    """Town tells the land and the height; the colour, 2 x 2 evenly, tells nothing."""
    towns = ["x", "x", "y", "y"] * 5
    rows = pd.DataFrame(
        {
            "town": towns,
            "colour": pd.Categorical(["r", "g", "r", "g"] * 5),
            "land": [t.upper() for t in towns],
            "height": [1.0 if t == "x" else 7.0 for t in towns],
        }
    )
    assert collinear_groups(rows) == [["town", "land", "height"]]


def test_any_two_columns_of_a_group_reach_the_threshold() -> None:
    """a and c are both near b, but not near each other: complete linkage keeps the chain apart."""
    rng = np.random.default_rng(0)
    b = rng.normal(size=2000)
    rows = np.column_stack([b + 0.4 * rng.normal(size=2000), b, b + 0.4 * rng.normal(size=2000)])
    near = pd.DataFrame(rows).corr("spearman").abs().to_numpy()
    assert near[0, 1] > 0.9 > near[0, 2]
    (group,) = collinear_groups(rows)
    assert len(group) == 2


def test_constant_missing_and_sparse_columns_do_no_harm() -> None:
    a = np.arange(1.0, 11.0)
    rows = np.column_stack([a, np.full(10, 5.0), np.full(10, np.nan), np.where(a == 5, np.nan, a)])
    assert collinear_groups(rows) == [[0, 3]]
    once = np.zeros((60, 2))
    once[::6] = [1.0, 2.0]
    assert collinear_groups(sp.csr_matrix(once), names=["u", "v"]) == [["u", "v"]]
    assert collinear_groups(rows[:, :1]) == []


@pytest.mark.parametrize("threshold", [0, 1.5, True, "0.9"])
def test_a_threshold_out_of_range_is_refused(threshold: Any) -> None:
    with pytest.raises(InputError, match="`threshold` is .*expected a number above 0"):
        collinear_groups(VALUES[0], threshold)


def test_names_must_fit_and_columns_be_not_too_many() -> None:
    with pytest.raises(InputError, match="2 names for 3 columns"):
        collinear_groups(VALUES[0], names=["a", "b"])
    with pytest.raises(InputError, match="2001 columns"):
        collinear_groups(np.zeros((2, 2001)))


@pytest.mark.parametrize("n_rows", [3, 4, 6, 10, 30, 60, 99])
def test_a_column_that_differs_in_every_row_tells_nothing_of_noise(n_rows: int) -> None:
    """Its categories split every other column without a rest, whatever that column is."""
    rng = np.random.default_rng(n_rows)
    rows = pd.DataFrame(
        {
            "id": [f"c{i}" for i in range(n_rows)],
            "almost": [f"c{i}" for i in rng.integers(0, 4 * n_rows, n_rows)],
            "noise": rng.normal(size=n_rows),
            "more": rng.normal(size=n_rows),
            "group": rng.integers(0, 3, n_rows).astype(str),
        }
    )
    assert collinear_groups(rows) == []


def test_chance_joins_columns_of_noise_in_one_table_of_twenty_at_most() -> None:
    """The level is 5 % for all pairs of a table together; the binomial bound of 100 tables at 5 % is 10 (2.8 %)."""
    joined = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        n_rows = int(rng.integers(3, 40))
        rows = pd.DataFrame(rng.integers(0, rng.integers(2, n_rows + 1), (n_rows, 8)))
        rows = rows.astype(dict.fromkeys(range(4), str))
        joined += bool(collinear_groups(rows, 0.5))
    assert joined <= 10


def test_many_categories_that_do_tell_of_each_other_are_still_a_group() -> None:
    town = np.random.default_rng(3).integers(0, 40, 300)
    rows = pd.DataFrame({"town": [f"t{t}" for t in town], "code": [f"k{t}" for t in town], "height": town * 1.5})
    assert collinear_groups(rows, 1.0) == [["town", "code", "height"]]


def test_the_corrections_are_those_of_the_papers() -> None:
    """By hand: a 2 x 2 table of 30 and 10 has phi2 0.25; Bergsma subtracts 1/79 and divides by 1 - 1/79.

    The ranks of a number in two groups of four, with a share of variance of 0.7619 between them, keep
    1 - (1 - 0.7619) x 7 / 6 of it.
    """
    rows = pd.DataFrame({"u": ["a"] * 40 + ["b"] * 40, "v": ["c"] * 30 + ["d"] * 10 + ["d"] * 30 + ["c"] * 10})
    wanted = np.sqrt((0.25 - 1 / 79) / (1 - 1 / 79))
    assert collinear_groups(rows, wanted - 1e-6) == [["u", "v"]]
    assert collinear_groups(rows, wanted + 1e-6) == []
    split = pd.DataFrame({"u": list("aaaabbbb"), "x": [1.0, 2, 3, 4, 5, 6, 7, 8]})
    wanted = np.sqrt(1 - (1 - 16 * 8 / 4 / 42) * 7 / 6)  # means 2.5 and 6.5: 8 x 4 of 42
    assert collinear_groups(split, wanted - 1e-6) == [["u", "x"]]
    assert collinear_groups(split, wanted + 1e-6) == []


def test_columns_of_every_type_are_compared() -> None:
    """Dates and spans of time have an order; lists are categories by what they show."""
    rows = pd.DataFrame(
        {
            "number": range(30),
            "date": pd.date_range("2024-01-01", periods=30),
            "span": pd.to_timedelta(range(30), unit="h"),
            "list": [[i % 2] for i in range(30)],
            "parity": ["even", "odd"] * 15,
            "empty": [None] * 30,
            "masked": pd.array([1, None, None, 1, 1] * 6, dtype="Int64"),
        }
    )
    assert collinear_groups(rows) == [["number", "date", "span"], ["list", "parity"]]
