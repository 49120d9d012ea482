"""Checks at the door: what passes, what is refused, and in which words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from automl_explain import _validation as v
from automl_explain.exceptions import DataError, InputError

FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")


@pytest.mark.parametrize("task", ["classification", "regression", "forecasting"])
def test_legal_tasks_pass(task: str) -> None:
    assert v.check_task(task) == task


@pytest.mark.parametrize("task", ["cls", "Classification", "", None, 1, ["regression"]])
def test_other_tasks_are_refused_with_the_three_legal_ones(task: Any) -> None:
    """The message names the three legal tasks."""
    with pytest.raises(InputError, match="'classification', 'regression', 'forecasting'; got") as caught:
        v.check_task(task)
    assert repr(task) in str(caught.value)


@pytest.mark.parametrize("rows", [[[1, 2]], (1, 2), {"a": [1]}, "text", 3, None])
def test_what_is_no_table_is_refused_with_the_accepted_types(rows: Any) -> None:
    """The message names the accepted types and the type given."""
    with pytest.raises(InputError, match="`X` must be a pandas DataFrame, a numpy ndarray or a scipy sparse") as caught:
        v.raw_table(rows, "X")
    assert type(rows).__name__ in str(caught.value)


def test_tables_pass_without_a_copy() -> None:
    for rows in (pd.DataFrame({"a": [1]}), np.ones((2, 3)), sp.csr_matrix(np.eye(2))):
        assert v.raw_table(rows, "X") is rows


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_every_scipy_format_becomes_csr_with_the_same_cells(form: str, kind: str) -> None:
    dense = np.array([[0, 2, 0], [1, 0, 3]])
    given = getattr(sp, f"{form}_{kind}")(dense)
    table = v.raw_table(given, "X")
    assert isinstance(table, sp.csr_matrix)
    assert table.dtype == given.dtype
    np.testing.assert_array_equal(table.toarray(), dense)


def test_no_rows_and_other_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="`X_test` has no rows"):
        v.raw_table(pd.DataFrame({"a": []}), "X_test")
    with pytest.raises(InputError, match=r"two dimensions \(rows by features\); got 1"):
        v.raw_table(np.ones(4), "X")
    with pytest.raises(InputError, match=r"two dimensions .* got 3"):
        v.raw_table(np.ones((2, 2, 2)), "X")


@pytest.mark.parametrize(
    ("value", "least"), [(0, 1), (-1, 0), (True, 0), (2.0, 1), ("3", 1), (None, 0), (np.int64(1), 2)]
)
def test_a_count_is_a_whole_number_of_at_least_the_least(value: Any, least: int) -> None:
    said = f"`top_k` must be a whole number of at least {least}; got {re.escape(repr(value))}. Pass an int"
    with pytest.raises(InputError, match=said):
        v.check_count(value, "top_k", least=least)
    for good in (least, least + 1, np.int8(least)):
        v.check_count(good, "top_k", least=least)


def test_one_row_may_come_as_a_vector_of_the_known_width() -> None:
    assert v.as_table(np.arange(3.0), "rows", width=3).shape == (1, 3)
    row = v.as_table(pd.Series({"a": 1, "b": 2.5}), "rows", width=2)
    assert list(row.columns) == ["a", "b"]
    assert row.shape == (1, 2)
    assert v.as_table(pd.Series([1.0, 2.0], name="a"), "rows", width=1).shape == (2, 1)


def test_columns_that_share_a_name_or_have_levels_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="several columns named 'b'"):
        v.raw_table(pd.DataFrame(np.ones((1, 3)), columns=["a", "b", "b"]), "X")
    levels = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
    with pytest.raises(InputError, match="several levels; flatten them"):
        v.raw_table(pd.DataFrame(np.ones((1, 2)), columns=levels), "X")


def test_another_number_of_columns_is_refused_with_both_counts() -> None:
    """Five columns against three."""
    with pytest.raises(InputError, match="`X` has 5 columns and `X_test` has 3"):
        v.same_columns(np.ones((2, 5)), np.ones((2, 3)))


def test_columns_in_another_order_are_put_in_order_and_other_names_refused() -> None:
    X = pd.DataFrame({"a": [1], "b": [2]})
    assert list(v.same_columns(X, X[["b", "a"]]).columns) == ["a", "b"]
    assert v.same_columns(X, X) is X
    with pytest.raises(InputError, match=r"`X_test` lacks columns of `X` \(missing: 'b'; surplus: 'z'\)"):
        v.same_columns(X, pd.DataFrame({"a": [1], "z": [2]}))


def test_a_surplus_column_and_a_close_name_are_told() -> None:
    X = pd.DataFrame({"income": [1], "age": [2]})
    with pytest.raises(
        InputError, match=r"'income'; surplus: 'incomes'; did you mean 'incomes' for 'income'\?\)\. Pass"
    ):
        v.same_columns(X, X.rename(columns={"income": "incomes"}))
    with pytest.raises(InputError, match=r"`X_test` has 3 \(surplus: 'target'\); both must hold"):
        v.same_columns(X, X.assign(target=0))
    with pytest.raises(InputError, match=r"`X_test` has 1 \(missing: 'income'\); both must hold"):
        v.same_columns(X, X[["age"]])


@pytest.mark.parametrize("name", [pd.Timestamp("2024-01-01"), 2.5, ("a", 1), None, True], ids=repr)
def test_column_names_that_cannot_be_saved_are_refused_at_the_door(name: Any) -> None:
    rows = pd.DataFrame([[1, 2]], columns=pd.Index(["a", name], dtype=object, tupleize_cols=False))
    with pytest.raises(InputError, match=r"`X_test` has column names that are neither text nor whole .*Rename them"):
        v.raw_table(rows, "X_test")


def test_features_that_are_the_columns_in_another_order_are_refused() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    with pytest.raises(InputError, match=r"`features` is 'b', 'a', but the order of the columns is 'a', 'b'\. Pass"):
        v.raw_names(["b", "a"], [frame])
    assert v.raw_names(["b", "c"], [frame]) == ("b", "c")


@pytest.mark.parametrize(
    "y",
    [
        [1, 2, 3],
        np.array([1, 2, 3]),
        np.array([[1], [2], [3]]),
        pd.Series([1, 2, 3], index=[7, 7, 7]),
        pd.DataFrame({"y": [1, 2, 3]}),
        pd.Series([1, 2, 3], dtype="category"),
        pd.Index([1, 2, 3]),
    ],
    ids=["list", "array", "column", "series", "frame", "category", "index"],
)
def test_targets_of_every_kind_become_one_vector(y: Any) -> None:
    assert v.labels(y, "y", 3).tolist() == [1, 2, 3]


def test_targets_that_do_not_fit_the_rows_are_refused() -> None:
    with pytest.raises(InputError, match="`y` has 2 values, `X` has 3 rows"):
        v.labels([1, 2], "y", 3)
    with pytest.raises(InputError, match="`y_test` has 2 values, `X_test` has 3 rows"):
        v.labels([1, 2], "y_test", 3)
    with pytest.raises(InputError, match=r"one column of labels or targets; got shape \(3, 2\)"):
        v.labels(np.ones((3, 2)), "y", 3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.0, np.nan, 0.0]), [True, False, True]),
        (np.array(["a", None, "", "nan", "None"], dtype=object), [True, False, False, False, True]),
        (np.array(["a", "nan", ""]), [True, False, False]),
        (np.array([True, pd.NA, False], dtype=object), [True, False, True]),
        (np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"), [True, False]),
        (np.array([0, 1]), [True, True]),
    ],
    ids=["float", "object", "text", "nullable", "date", "int"],
)
def test_missing_targets_are_nan_none_na_empty_and_the_word_nan(values: np.ndarray, expected: list[bool]) -> None:
    """None, '', 'nan' and NaN are missing; 0, False and other words are not."""
    assert v.present_targets(values, "y").tolist() == expected


@pytest.mark.parametrize("values", [np.full(3, np.nan), np.array([None, "", "nan"], dtype=object)])
def test_all_targets_missing_is_a_data_error(values: np.ndarray) -> None:
    """All targets missing leaves nothing to learn from."""
    with pytest.raises(DataError, match="All 3 targets in `y` are missing"):
        v.present_targets(values, "y")


def test_raw_names_come_from_features_then_from_the_first_frame() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert v.raw_names(["x", "y"], [frame]) == ("x", "y")
    assert v.raw_names(None, [np.ones((1, 2)), frame]) == ("a", "b")
    assert v.raw_names(None, [np.ones((1, 2))]) is None


def test_raw_names_are_plain_text_or_plain_numbers() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index([np.int64(4), "b", 2.5], dtype=object))
    names = v.raw_names(None, [frame])
    assert names == (4, "b", "2.5")
    assert [type(n) for n in names] == [int, str, str]


def test_features_of_another_length_or_twice_the_same_are_refused() -> None:
    """Repeated or missing names are refused at the door, not at the first aggregation."""
    with pytest.raises(InputError, match="`features` has 3 names for 4 raw columns"):
        v.raw_names(["a", "b", "c"], [np.ones((1, 4))])
    with pytest.raises(InputError, match="same name twice"):
        v.raw_names(["a", "a"], [np.ones((1, 2))])


def test_a_list_of_many_names_is_cut() -> None:
    assert v.listed(["a", 1]) == "'a', 1"
    assert v.listed(list(range(10))) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
