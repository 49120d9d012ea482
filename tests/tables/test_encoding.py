"""Engineered rows become the numbers a surrogate reads, the same for every container."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pickle
import subprocess
import sys
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import automl_explain
from automl_explain._tables._encoding import EngineeredEncoder
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
    """``to_numpy`` makes an object array of text and numbers."""
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
    """Names and columns are counted when the encoder is made."""
    with pytest.raises(InputError, match="`features` has 2 names for 5 engineered columns"):
        EngineeredEncoder.of(FRAME, names=["a", "b"])


@pytest.mark.parametrize("rows", [np.ones((2, 4)), sp.csr_matrix(np.ones((2, 4))), np.ones((2, 6))])
def test_another_width_is_refused_with_both_counts(rows: Any) -> None:
    with pytest.raises(InputError, match=r"`rows` has [46] columns; .* made for 5 engineered features"):
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


# A single row, read cell by cell where its cells are plain


def outcome(encoder: EngineeredEncoder, rows: Any, *, plain: bool) -> Any:
    """Codes of the rows, or the error, with and without the way for plain rows."""
    with pytest.MonkeyPatch.context() as patch:
        if not plain:
            patch.setattr(EngineeredEncoder, "_plain_row", lambda self, rows: None)
        try:
            return encoder.encode(rows)
        except Exception as error:
            return type(error), str(error)


def check_same(encoder: EngineeredEncoder, rows: Any) -> Any:
    found, wanted = (outcome(encoder, rows, plain=plain) for plain in (True, False))
    if isinstance(wanted, tuple):
        assert found == wanted
    else:
        np.testing.assert_array_equal(found, wanted)
        assert (found.dtype, found.flags.c_contiguous) == (np.float64, True)
    return found


KNOWN = pd.DataFrame(
    {
        "city": pd.Categorical(["Rome", "Oslo"], ["Rome", "Oslo"]),
        "code": pd.Categorical([3, 10], [3, 10]),
        "size": pd.Categorical([0.5, 1.0], [0.5, 1.0]),
        "yes": pd.Categorical([True, False], [True, False]),
        "day": pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"])),
        "age": [1.5, 2.5],
        "n": np.array([1, 2], dtype="int8"),
        "flag": [True, False],
        "maybe": pd.array([1, None], dtype="Int64"),
    }
)
CELLS = [
    *["Rome", "Oslo", "Paris", "", "1.5", "nan", 3, 10, -1, 0.5, 1.0, 2.5, 1, 0, True, False, 2**53 + 1, 2**70],
    *[None, np.nan, float("inf"), -0.0, pd.NA, pd.NaT, pd.Timestamp("2024-01-01"), datetime.date(2024, 1, 1), b"x"],
    *[np.int64(3), np.float32(0.1), np.float16(0.5), np.uint8(10), np.bool_(True), np.str_("Rome"), 1j, Decimal("0.5")],
    *[np.datetime64("2024-01-01", "ns"), np.timedelta64(5, "ns"), pd.Interval(0, 1), ("a",), np.longdouble(0.5)],
]
TYPES = ["object", "category", "float64", "float32", "int64", "uint8", "bool", "Int64", "boolean", "Float64", "string"]


def column(cell: Any, dtype: str) -> Any:
    """One cell as a column of a type, or of the type pandas finds for it where it is none of that type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pd.array([cell], dtype=dtype) if dtype != "object" else np.array([cell, None], dtype=object)[:1]
        except (TypeError, ValueError, OverflowError, NotImplementedError):
            return pd.Series([cell]).array


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    cells=st.lists(st.tuples(st.sampled_from(CELLS), st.sampled_from(TYPES)), min_size=5, max_size=5),
    odd=st.sets(st.integers(0, 4), max_size=2),
    first=st.integers(0, 4),
)
def test_a_plain_row_gives_what_its_columns_give(cells: list[tuple[Any, str]], odd: set[int], first: int) -> None:
    """Codes or error are the same for every mixture of cells and types; usually one or two columns are odd."""
    names = list(KNOWN)[first : first + 5]
    row = KNOWN[names].iloc[:1]
    for j in odd:
        row = row.assign(**{names[j]: column(*cells[j])})
    encoder = EngineeredEncoder.of(KNOWN[names].drop(columns="day", errors="ignore"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex numbers lose a part
        check_same(encoder, row.drop(columns="day", errors="ignore"))
        check_same(EngineeredEncoder.of(KNOWN[names]), row)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", list(KNOWN))
def test_every_cell_of_every_type_is_read_alike(name: str, dtype: str) -> None:
    """Every kind of cell in a column of numbers and in one of each kind of category."""
    encoder = EngineeredEncoder.of(KNOWN[["age", name]] if name != "age" else KNOWN[["age"]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cell in CELLS:
            row = pd.DataFrame({"age": [1.5]}).assign(**{name: column(cell, dtype)})
            check_same(encoder, row)
            check_same(encoder, row.astype(object))


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row[row.columns[::-1]],
        lambda row: row.drop(columns="age"),
        lambda row: row.assign(more=1),
        lambda row: row.rename(columns={"age": "agee"}),
        lambda row: pd.concat([row, row[["age"]]], axis=1),
        lambda row: row.set_axis(pd.Index(list(row.columns), dtype=object), axis=1),
        lambda row: row.set_axis(pd.MultiIndex.from_product([list(row.columns), ["x"]]), axis=1),
        lambda row: row.set_axis(["a", *row.columns[1:]], axis=1),
        lambda row: row.iloc[:0],
        lambda row: pd.concat([row, row]),
        lambda row: row.iloc[0],
        lambda row: row.to_numpy(dtype=object),
        lambda row: row.to_numpy(dtype=object)[0],
        lambda row: row.to_numpy(dtype=object)[:, 1:],
        lambda row: row.convert_dtypes(),
        lambda row: row.astype(object),
        lambda row: row,
    ],
)
def test_a_row_of_any_form_is_read_alike(change: Any) -> None:
    """Columns in another order, missing, surplus, misspelt, repeated; other labels; none, two, a vector, an array."""
    plain = KNOWN.drop(columns=["day", "maybe"])
    for encoder in (EngineeredEncoder.of(plain), EngineeredEncoder.of(plain, list("stuvwxy"))):
        encoder.encode(plain.iloc[:1])  # the columns seen last must not be taken for those of this row
        check_same(encoder, change(plain.iloc[:1]))
        check_same(encoder, change(plain.iloc[:1]).copy())


def test_usual_rows_take_the_way_of_plain_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, numbers = KNOWN.drop(columns="day"), KNOWN[["age", "n"]]
    row, encoder = plain.iloc[:1], EngineeredEncoder.of(plain)

    def refuse(self: EngineeredEncoder, frame: pd.DataFrame, argument: str) -> np.ndarray:
        raise AssertionError("the columns were looked at")

    monkeypatch.setattr(EngineeredEncoder, "_encode_frame", refuse)
    encoder.encode(row)
    encoder.encode(row.to_numpy(dtype=object))
    EngineeredEncoder.of(numbers).encode(numbers.iloc[:1])
    for missing in ({"city": None}, {"age": np.nan}):
        encoder.encode(row.assign(**missing).astype({"city": "category"}))
    with pytest.raises(AssertionError, match="were looked at"):
        EngineeredEncoder.of(KNOWN).encode(KNOWN.iloc[:1])


@pytest.mark.parametrize("categories", [[1, "1", 2.5], ["a", True], [1, 1.5], [0, False], ["x", pd.Timestamp(0)]])
def test_categories_of_several_types_are_read_alike(categories: list[Any]) -> None:
    frame = pd.DataFrame({"x": np.array([*categories, None], dtype=object), "age": 1.5})
    encoder = EngineeredEncoder.of(frame, categorical=["x"])
    for cell in [*categories, None, np.nan, 1, "1", True, 0, 1.0, 2.5, "a", "?", str(pd.Timestamp(0))]:
        for dtype in ("object", "category"):
            check_same(encoder, frame.iloc[:1].assign(x=column(cell, dtype)))


def test_a_category_that_is_there_twice_is_refused_alike() -> None:
    """Two dates of one text, say; a file may hold them."""
    encoder = EngineeredEncoder(("x",), ("x",), {0: ("a", "b", "a")})
    found = check_same(encoder, pd.DataFrame({"x": np.array(["a"], dtype=object)}))
    assert isinstance(found, tuple)


@pytest.mark.parametrize("cell", [0.5, 1.0, 7.0, np.nan, -0.0])
def test_a_float_row_with_categories_is_read_alike(cell: float) -> None:
    X = np.array([[1.0, 0.5], [2.0, 1.0]])
    encoder = EngineeredEncoder.of(X, categorical=[1])
    check_same(encoder, np.array([[3.0, cell]]))
    check_same(encoder, np.array([[3.0, cell]], dtype=np.float32))
    check_same(encoder, np.array([[3, 1]]))


@pytest.mark.parametrize("missing_code", [None, -1.0, 7])
@pytest.mark.parametrize("levels", [[3, 5], [0, 1], [-1, 2**53 + 1], ["3", "5"], [0.5, 3.0], [False, True]])
@pytest.mark.parametrize("cell", [3, 3.0, 2.5, 0.0, -0.0, 1, True, np.nan, np.inf, None, "3", 2.0**53, 2**53 + 1])
def test_an_array_of_one_row_is_read_alike(cell: Any, levels: list[Any], missing_code: float | None) -> None:
    """Whole numbers among floats are found among whole numbers; a vector is a row."""
    frame = pd.DataFrame({"x": pd.Categorical(levels, levels), "age": 1.5})
    encoder = dataclasses.replace(EngineeredEncoder.of(frame), missing_code=missing_code)
    row = np.array([[cell, 1.5]], dtype=object)
    arrays = [row] if isinstance(cell, str) else [row, row.astype(float)]
    for array in arrays:
        check_same(encoder, array)
        check_same(encoder, array[0])


def test_an_array_of_one_row_needs_no_pandas() -> None:
    frame = pd.DataFrame({"c": pd.Categorical([3, 5]), "word": pd.Categorical(["a", "b"]), "x": [1.5, 2.0]})
    encoder = EngineeredEncoder.of(frame)
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np\n"
        "from automl_explain._tables._encoding import EngineeredEncoder\n"
        "encoder = EngineeredEncoder.from_json(json.loads(sys.argv[2]))\n"
        "plain = EngineeredEncoder(('a', 'b'), ('a', 'b'), {})\n"
        "rows = [encoder.encode(np.array(r, dtype=object)) for r in ([[5, 'b', 1.0]], [3.0, 'c', None])]\n"
        "rows += [plain.encode(np.array(r)) for r in ([[1, 2]], [[True, False]], [1.5, 2.5])]\n"
        "rows += [plain.encode(np.array([[1.5, 2.5]], dtype=np.float32))]\n"
        "print(json.dumps([[r.tolist() for r in rows], 'pandas' in sys.modules, 'scipy' in sys.modules]))"
    )
    folder = str(Path(automl_explain.__file__).parent.parent)
    command = [sys.executable, "-I", "-c", code, folder, json.dumps(encoder.to_json())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, pandas, scipy = json.loads(done.stdout)
    nan = float("nan")
    wanted = [[[1, 1, 1]], [[0, nan, nan]], [[1, 2]], [[1, 0]], [[1.5, 2.5]], [[1.5, 2.5]]]
    for row, each in zip(rows, wanted, strict=True):
        np.testing.assert_array_equal(row, each)
    assert (pandas, scipy) == (False, False)


def test_what_was_seen_is_not_part_of_the_encoder() -> None:
    encoder = EngineeredEncoder.of(FRAME)
    encoder.encode(FRAME.iloc[:1])
    again = pickle.loads(pickle.dumps(encoder))
    assert again == encoder == EngineeredEncoder.of(FRAME)
    assert set(vars(again)) == {"names", "labels", "categories", "missing_code", "verbatim", "dates"}


def test_an_array_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="`X` has no rows; pass at least one"):
        EngineeredEncoder.of(np.ones((2, 3))).encode(np.ones((0, 3)), "X")


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


def test_cells_that_are_there_once_are_no_categories() -> None:
    """Names and prose: new rows have others, so learning them by heart would teach the surrogate nothing."""
    cells = [f"name {i}" for i in range(150)] + ["often"] * 20 + ["twice"] * 2
    frame = pd.DataFrame({"word": pd.Series(cells, dtype=object), "x": np.arange(172.0)})
    encoder = EngineeredEncoder.of(frame, categorical=["word"])
    assert encoder.categories == {0: ("often", "twice")}
    codes = encoder.encode(frame)[:, 0]
    assert np.isnan(codes[:150]).all()
    assert codes[150:].tolist() == [0.0] * 20 + [1.0] * 2
    few = EngineeredEncoder.of(frame.iloc[60:], categorical=["word"])
    assert len(few.categories[0]) == 92


def test_a_column_of_cells_that_are_all_different_has_no_categories() -> None:
    frame = pd.DataFrame({"id": pd.Series([f"u{i}" for i in range(150)], dtype=object), "x": np.arange(150.0)})
    encoder = EngineeredEncoder.of(frame, categorical=["id"])
    assert encoder.categories == {0: ()}
    assert np.isnan(encoder.encode(frame.iloc[:1])[0, 0])


def test_missing_and_unknown_categories_get_the_code_of_the_model() -> None:
    """Where a model reads codes it made itself, a missing one is -1 to it, not NaN."""
    rows = pd.DataFrame({"c": pd.Categorical(["red", None, "blue"], ["red", "blue"])})
    encoder = dataclasses.replace(EngineeredEncoder.of(rows), missing_code=-1.0)
    for made in (encoder, EngineeredEncoder.from_json(json.loads(json.dumps(encoder.to_json())))):
        assert made.encode(rows).ravel().tolist() == [0.0, -1.0, 1.0]
        assert made.encode(pd.DataFrame({"c": ["mauve"]})).tolist() == [[-1.0]]
