"""Rows get the types of training where that changes no value; every other difference is refused by name."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from automl_explain._tables._schema import TableSchema
from automl_explain.exceptions import DataError

ZONED = pd.Series(pd.to_datetime(["2024-07-01", "2024-01-01"])).dt.tz_localize("Europe/Oslo")
DAYS = pd.Series([datetime.date(2024, 1, 1), datetime.date(2024, 2, 29)], dtype=object)
TEXT = pd.Series(["007", "x"])
CATEGORIES = pd.Series(pd.Categorical(["b", "a"], categories=["b", "a"]))


def conform(known: Any, given: Any, dtype: Any = None) -> pd.Series:
    """A column with the type of another."""
    schema = TableSchema.of(pd.DataFrame({"c": known}))
    return schema.conform(pd.DataFrame({"c": pd.Series(given, dtype=dtype)}), "X_test")["c"]


def same(found: pd.Series, expected: Any, dtype: Any) -> None:
    pd.testing.assert_series_equal(found, pd.Series(expected, dtype=dtype), check_names=False)


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        ([1, 2], pd.Series([1.0, 2.0]), pd.Series([1, 2])),
        ([1, 2], pd.Series([1, 2], dtype="int8"), pd.Series([1, 2])),
        ([1, 2], pd.Series([1, None], dtype="Int64"), pd.Series([1, None], dtype="Int64")),
        ([1.5, 2], pd.Series([1, 2]), pd.Series([1.0, 2.0])),
        ([1.5, 2], pd.Series([30, None], dtype=object), pd.Series([30.0, np.nan])),
        ([1.5, 2], pd.Series([Decimal("0.5"), None], dtype=object), pd.Series([0.5, np.nan])),
        (pd.array([1, 2], dtype="Int64"), pd.Series([1.0, np.nan]), pd.Series([1, None], dtype="Int64")),
        ([1, 2], pd.Series([True, False]), pd.Series([1, 0])),
        ([1, 2], pd.Series(pd.Categorical([2, 1])), pd.Series([2, 1])),
        ([1.5], pd.Series([2**60 + 1]), pd.Series([2**60 + 1])),
        (np.array([1.5], dtype="float32"), pd.Series([0.1]), pd.Series([0.1])),
        ([1, 2], pd.Series([1.5, 2.0]), pd.Series([1.5, 2.0])),
        ([True, False], pd.Series(["True", "false"]), pd.Series([True, False])),
        ([True, False], pd.Series([1.0, 0.0]), pd.Series([True, False])),
        ([True, False], pd.Series([True, None], dtype="boolean"), pd.Series([True, None], dtype=object)),
        ([True, False], pd.Series([1.0, np.nan]), pd.Series([1.0, np.nan])),
        (pd.array([True], dtype="boolean"), pd.Series([True, None], dtype=object), pd.array([True, None], "boolean")),
        (TEXT.astype(object), TEXT.astype("string"), TEXT.astype(object)),
        (TEXT.astype("string"), TEXT.astype(object), TEXT.astype("string")),
        (TEXT.astype(object), TEXT.astype("category"), TEXT.astype(object)),
        (CATEGORIES, pd.Series(["a", "b"]), pd.Series(pd.Categorical(["a", "b"], categories=["b", "a"]))),
        (
            CATEGORIES,
            pd.Series(pd.Categorical(["a", "new"])),
            pd.Series(pd.Categorical(["a", "new"], categories=["b", "a", "new"])),
        ),
        (pd.Categorical([1, 2]), pd.Series([2.0, np.nan]), pd.Series(pd.Categorical([2, None], categories=[1, 2]))),
        (ZONED, ZONED.dt.tz_convert("UTC"), ZONED),
        (ZONED, pd.Series(["2024-07-01T00:00+02:00", "2024-01-01T00:00+01:00"]), ZONED),
        (
            pd.to_datetime(["2024-01-01"]),
            pd.Series(["2024-02-29", None]),
            pd.Series(pd.to_datetime(["2024-02-29", None])),
        ),
        (pd.to_datetime(["2024-01-01"]), DAYS, pd.Series(pd.to_datetime(["2024-01-01", "2024-02-29"]))),
        (DAYS, pd.Series(["2024-01-01", "2024-02-29"]), DAYS),
        (DAYS, pd.Series(pd.to_datetime(["2024-01-01", "2024-02-29"])), DAYS),
        (pd.Series([1, "a"], dtype=object), pd.Series([1, 2]), pd.Series([1, 2], dtype=object)),
    ],
)
def test_the_same_values_get_the_type_of_training(known: Any, given: Any, expected: Any) -> None:
    found = conform(known, given)
    wanted = pd.Series(expected)
    if isinstance(wanted.dtype, pd.DatetimeTZDtype) or wanted.dtype.kind == "M":
        wanted = wanted.astype(pd.DataFrame({"c": known})["c"].dtype)
    pd.testing.assert_series_equal(found, wanted, check_names=False)


@pytest.mark.parametrize(
    "known",
    [
        TEXT,
        TEXT.astype(object),
        TEXT.astype("string"),
        pd.Series(["a", None], dtype=object),
        CATEGORIES,
        ZONED,
        DAYS,
        pd.Series([1.5]),
        pd.array([1], dtype="Int64"),
        pd.array([True], dtype="boolean"),
    ],
)
@pytest.mark.parametrize("empty", [np.nan, None, pd.NA, pd.NaT])
def test_an_empty_column_has_the_type_of_training(known: Any, empty: Any) -> None:
    found = conform(known, [empty, empty], None if empty is not None else object)
    assert found.dtype == pd.DataFrame({"c": known})["c"].dtype
    assert found.isna().all()


@pytest.mark.parametrize("known", [[True, False], [1, 2]], ids=["booleans", "whole numbers"])
@pytest.mark.parametrize("empty", [np.nan, None])
def test_an_empty_column_stays_empty_where_the_type_has_no_missing_value(known: Any, empty: Any) -> None:
    """pandas makes False of None."""
    found = conform(known, [empty, empty])
    assert found.dtype == np.float64
    assert found.isna().all()


def test_an_empty_column_holds_none_or_nan_as_training_did() -> None:
    """One-hot encoders know None and NaN as two categories."""
    assert conform(pd.Series(["a", None], dtype=object), [np.nan]).tolist() == [None]
    assert np.isnan(conform(pd.Series(["a", np.nan], dtype=object), [None], object)[0])
    both = pd.Series(["a", None, np.nan], dtype=object)
    found = conform(both, pd.Series([None, np.nan, "a"], dtype=object))
    assert found[0] is None
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("known", "given", "message"),
    [
        (TEXT, [7, 12], r"Column 'c' of `X_test`, row 0: 7 \(int64\) .* have text there .*keeps codes such as '007'"),
        (TEXT.astype(object), [None, 7.0], r"row 1: 7\.0"),
        (TEXT, [True], r"row 0: True \(bool\)"),
        (TEXT.astype(object), pd.Series(["a", "b", 3, "c", 4], dtype=object), r"row 2: 3 \(object\)"),
        (TEXT, pd.Categorical([7, 8]), "row 0: 7"),
        (TEXT, pd.Series(["a", ["b"]]), r"row 1: \['b'\] .* Spread the list over columns of its own"),
        ([1, 2], ["7", "8"], r"row 0: '7' .* have numbers there \(int64\)"),
        ([1.5], pd.Series([1.0, "x"], dtype=object), "row 1: 'x'"),
        ([1.5], [1 + 2j], r"row 0: \(1\+2j\)"),
        ([1.5], pd.to_datetime(["2024-01-01"]), "have numbers there"),
        ([True, False], [0, 2], "row 1: 2"),
        ([True, False], ["True", "yes"], "row 1: 'yes'"),
        (CATEGORIES, [0, 1], r"row 0: 0 .* the same values as in training: 'b', 'a'"),
        (pd.Categorical([1, 2]), [True], "row 0: True"),
        (pd.Categorical([1, 0]), pd.Categorical([True, False]), "row 0: True"),
        (pd.Categorical([1, 2]), ["1"], "row 0: '1'"),
        (ZONED, pd.to_datetime(["2024-01-01"]), "they had the time zone Europe/Oslo"),
        (pd.to_datetime(["2024-01-01"]), ZONED, "they had no time zone"),
        (pd.to_datetime(["2024-01-01"]), ["2024-01-01T00:00Z"], "they had no time zone"),
        (pd.to_datetime(["2024-01-01"]), ["2024-01-01", "soon"], "row 1: 'soon'"),
        (pd.to_datetime(["2024-01-01"]), [20240101], "row 0: 20240101 .* pandas.to_datetime"),
        (DAYS, pd.to_datetime(["2024-01-01", "2024-01-01T10:00"], format="ISO8601"), "row 1"),
        (DAYS, ["2024-01-01", "31.12.2024"], "row 1: '31.12.2024'"),
        (pd.to_timedelta(["1D"]), [1.0], "row 0: 1.0"),
        (pd.Series([datetime.time(8)], dtype=object), ["08:00"], "row 0: '08:00'"),
    ],
)
def test_other_values_are_refused_by_column_row_and_value(known: Any, given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        conform(known, given)


@pytest.mark.parametrize("column", [[1, 2], [0.5, np.nan], ["a", None], CATEGORIES, ZONED, DAYS, [True, False]])
def test_rows_of_the_same_types_are_given_back_as_they_are(column: Any) -> None:
    frame = pd.DataFrame({"c": column})
    assert TableSchema.of(frame).conform(frame) is frame
    part = frame[:1]
    assert TableSchema.of(frame).conform(part) is part


def test_a_column_that_was_empty_in_training_takes_anything() -> None:
    assert conform([np.nan, np.nan], ["a", "b"]).tolist() == ["a", "b"]


def test_the_rows_given_are_not_changed() -> None:
    frame = pd.DataFrame({"c": [1.0, 2.0], "d": [np.nan, np.nan]})
    before = frame.copy(deep=True)
    made = TableSchema.of(pd.DataFrame({"c": [1], "d": ["x"]})).conform(frame)
    assert made["c"].dtype == "int64"
    pd.testing.assert_frame_equal(frame, before)


def test_columns_in_another_order_are_found_by_name() -> None:
    schema = TableSchema.of(pd.DataFrame({"a": [1], "b": ["x"]}))
    made = schema.conform(pd.DataFrame({"b": ["y"], "a": [2.0]}))
    assert list(made.columns) == ["a", "b"]
    assert made["a"].dtype == "int64"


def test_arrays_of_numbers_pass_whatever_their_width() -> None:
    schema = TableSchema.of(np.ones((2, 2)))
    for rows in (np.ones((1, 2), dtype="int8"), np.ones((1, 2), dtype=bool), sp.csr_matrix(np.ones((1, 2)))):
        assert schema.conform(rows) is rows
    made = schema.conform(np.array([[1, None]], dtype=object))
    assert made.dtype == np.float64
    with pytest.raises(DataError, match="Column 1 of `X_test`, row 0: '2'"):
        schema.conform(np.array([[1, "2"]], dtype=object))


def test_arrays_of_objects_are_compared_column_by_column() -> None:
    schema = TableSchema.of(np.array([["007", 1.5], ["7", 2]], dtype=object))
    rows = np.array([["12", 3], [np.nan, 1]], dtype=object)
    assert schema.conform(rows).tolist()[0] == ["12", 3]
    with pytest.raises(DataError, match="Column 0 of `X_test`, row 0: 12 "):
        schema.conform(np.array([[12, 3]], dtype=object))
    with pytest.raises(DataError, match=r"Column 0 of `X_test`, row 0: 12\.0 "):
        schema.conform(np.array([[12.0, 3.0]]))
