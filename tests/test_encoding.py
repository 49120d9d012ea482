"""Engineered rows become the numbers a surrogate reads, the same for every container."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain._encoding import EngineeredEncoder
from automl_explain.exceptions import DataError, InputError

FRAME = pd.DataFrame(
    {
        "city": pd.Categorical(["Rome", None, "Oslo"], categories=["Rome", "Oslo"]),
        "age": [1.5, np.nan, 3.0],
        "n": np.array([1, 2, 3], dtype="int8"),
        "flag": [True, False, True],
        "maybe": pd.array([1, None, 3], dtype="Int64"),
    }
)
CODES = [[0.0, 1.5, 1.0, 1.0, 1.0], [np.nan, np.nan, 2.0, 0.0, np.nan], [1.0, 3.0, 3.0, 1.0, 3.0]]


def test_categories_become_their_codes_and_missing_ones_nan() -> None:
    encoder = EngineeredEncoder.of(FRAME)
    encoded = encoder.encode(FRAME)
    assert encoder.categories == {0: ("Rome", "Oslo")}
    assert encoder.n_features == 5
    np.testing.assert_array_equal(encoded, CODES)
    assert encoded.dtype == np.float64
    assert encoded.flags.c_contiguous


def test_codes_come_from_the_training_rows_not_from_the_rows_at_hand() -> None:
    """An evaluation frame that holds one city, or the cities in another order, keeps the codes."""
    encoder = EngineeredEncoder.of(FRAME)
    rows = FRAME.iloc[[2]].assign(city=pd.Categorical(["Oslo"], categories=["Oslo"]))
    assert encoder.encode(rows)[0, 0] == 1.0
    assert encoder.encode(rows.assign(city=["Oslo"]))[0, 0] == 1.0
    assert np.isnan(encoder.encode(rows.assign(city=["Lima"]))[0, 0])


def test_a_category_frame_turned_into_an_array_keeps_its_codes() -> None:
    """Edge case 25: ``to_numpy`` makes an object array of text and numbers."""
    np.testing.assert_array_equal(EngineeredEncoder.of(FRAME).encode(FRAME.astype(object).to_numpy()), CODES)


def test_columns_are_found_by_name_in_any_order() -> None:
    encoder = EngineeredEncoder.of(FRAME)
    np.testing.assert_array_equal(encoder.encode(FRAME[FRAME.columns[::-1]]), CODES)


def test_columns_are_found_by_their_engineered_names_too() -> None:
    encoder = EngineeredEncoder.of(FRAME[["age", "n"]], names=["age (years)", "n"])
    by_name = FRAME[["n", "age"]].set_axis(["n", "age (years)"], axis=1)
    np.testing.assert_array_equal(encoder.encode(by_name), encoder.encode(FRAME[["age", "n"]]))


def test_repeated_labels_are_read_by_position() -> None:
    rows = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    assert EngineeredEncoder.of(rows, names=["a", "a#2"]).encode(rows).tolist() == [[1.0, 2.0]]


def test_named_columns_of_text_or_numbers_become_categories_in_sorted_order() -> None:
    frame = pd.DataFrame({"word": ["b", "a", None], "code": [7, 3, 7], "x": [1.0, 2.0, 3.0]})
    encoder = EngineeredEncoder.of(frame, categorical=["word", -2])
    assert encoder.categories == {0: ("a", "b"), 1: (3, 7)}
    np.testing.assert_array_equal(encoder.encode(frame), [[1, 1, 1], [0, 0, 2], [np.nan, 1, 3]])
    array = EngineeredEncoder.of(frame.astype(object).to_numpy(), categorical=[0, 1])
    np.testing.assert_array_equal(array.encode(frame.astype(object).to_numpy()), encoder.encode(frame))


def test_plain_float_rows_pass_without_a_copy() -> None:
    rows = np.ones((3, 2))
    assert np.shares_memory(EngineeredEncoder.of(rows).encode(rows), rows)


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool", object])
def test_arrays_of_every_type_become_float64(dtype: Any) -> None:
    rows = np.array([[1, 0], [0, 1]]).astype(dtype)
    encoded = EngineeredEncoder.of(rows).encode(rows)
    assert encoded.dtype == np.float64
    assert encoded.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array, sp.coo_matrix, sp.csc_array])
def test_sparse_rows_stay_sparse(make: Any) -> None:
    rows = make(np.array([[1, 0], [0, 2]]))
    encoded = EngineeredEncoder.of(rows).encode(rows)
    assert isinstance(encoded, sp.csr_matrix)
    assert encoded.dtype == np.float64
    assert encoded.toarray().tolist() == [[1.0, 0.0], [0.0, 2.0]]


def test_one_row_may_come_as_a_vector_or_a_series() -> None:
    encoder = EngineeredEncoder.of(FRAME[["age", "n"]])
    assert encoder.encode(np.array([4.0, 5.0])).tolist() == [[4.0, 5.0]]
    assert encoder.encode(pd.Series({"n": 5.0, "age": 4.0})).tolist() == [[4.0, 5.0]]


def test_another_number_of_names_is_refused() -> None:
    """Row 35: names and columns are counted when the encoder is made."""
    with pytest.raises(InputError, match="`features` has 2 names for 5 engineered columns"):
        EngineeredEncoder.of(FRAME, names=["a", "b"])


@pytest.mark.parametrize("rows", [np.ones((2, 4)), sp.csr_matrix(np.ones((2, 4))), np.ones((2, 6))])
def test_another_width_is_refused_with_both_counts(rows: Any) -> None:
    with pytest.raises(InputError, match=r"`rows` has [46] columns; .* trained on 5 engineered features"):
        EngineeredEncoder.of(FRAME).encode(rows, "rows")


def test_a_missing_column_is_refused_by_name_with_the_close_one() -> None:
    with pytest.raises(InputError, match=r"missing: 'city', did you mean 'citty'\?"):
        EngineeredEncoder.of(FRAME).encode(FRAME.rename(columns={"city": "citty"}))
    with pytest.raises(InputError, match=r"has 4 columns; .* \(missing: 'age'"):
        EngineeredEncoder.of(FRAME).encode(FRAME.drop(columns="age"))
    with pytest.raises(InputError, match="has 6 columns"):
        EngineeredEncoder.of(FRAME).encode(FRAME.assign(more=1.0))


@pytest.mark.parametrize(
    ("cells", "example"),
    [
        (["a", "b"], "'a'"),
        ([1.0, "b"], "'b'"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "Timestamp"),
        (pd.to_timedelta([1, 2], unit="D"), "Timedelta"),
        ([[1], [2]], r"\[1\]"),
    ],
    ids=["text", "mixed", "date", "duration", "list"],
)
def test_a_cell_that_is_no_number_is_refused_with_its_column_and_the_mend(cells: Any, example: str) -> None:
    numbers = pd.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(DataError, match=rf"Column 'x' holds {example}.* not a number.*'category'"):
        EngineeredEncoder.of(numbers).encode(pd.DataFrame({"x": cells}))


def test_a_categorical_column_that_does_not_exist_is_refused() -> None:
    for wrong in ("cty", 9, -6):
        with pytest.raises(InputError, match=rf"names {wrong!r}, which is not an engineered feature. Known: 'city'"):
            EngineeredEncoder.of(FRAME, categorical=[wrong])


def test_encoding_leaves_the_rows_as_they_were() -> None:
    before = FRAME.copy(deep=True)
    EngineeredEncoder.of(FRAME).encode(FRAME)
    pd.testing.assert_frame_equal(FRAME, before)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.text(max_size=3), st.integers(-9, 9), st.booleans()), min_size=1, max_size=5, unique_by=str),
    st.lists(st.integers(0, 4), min_size=1, max_size=8),
)
def test_an_encoder_read_back_from_json_gives_the_same_codes(levels: list[Any], picks: list[int]) -> None:
    levels = [c for c in levels if type(c) is type(levels[0])]  # pandas takes 1 and True for one category
    cells = [levels[p] if p < len(levels) else None for p in picks]
    frame = pd.DataFrame({"c": pd.Categorical(cells, categories=levels), "x": np.arange(float(len(cells)))})
    encoder = EngineeredEncoder.of(frame)
    back = EngineeredEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert back == encoder
    expected = [[np.nan if c is None else float(levels.index(c)), float(i)] for i, c in enumerate(cells)]
    np.testing.assert_array_equal(back.encode(frame), expected)
    np.testing.assert_array_equal(back.encode(frame.astype(object)), expected)
