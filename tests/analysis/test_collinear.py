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
    """b is the cube of a, c falls as a rises; d is the ranks 2 1 4 3, whose correlation with a is 0.6."""
    a = np.array([1.0, 2.0, 3.0, 4.0])
    rows = pd.DataFrame({"a": a, "d": [2.0, 1.0, 4.0, 3.0], "b": a**3, "c": -a})
    assert collinear_groups(rows) == [["a", "b", "c"]]
    assert collinear_groups(rows, 0.6) == [["a", "d", "b", "c"]]
    assert collinear_groups(rows, 0.61) == [["a", "b", "c"]]


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
    rows = np.array(
        [[1.0, 5.0, np.nan, 1.0], [2.0, 5.0, np.nan, 2.0], [3.0, 5.0, np.nan, np.nan], [4.0, 5.0, np.nan, 4.0]]
    )
    assert collinear_groups(rows) == [[0, 3]]
    assert collinear_groups(sp.csr_matrix([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]]), names=["u", "v"]) == [["u", "v"]]
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
