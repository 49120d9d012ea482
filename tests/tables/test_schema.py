"""Rows that travelled as JSON get their names, order and types back; what cannot be read is refused by cell."""

from __future__ import annotations

import datetime
import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automl_explain._tables._schema import ColumnSchema, TableSchema
from automl_explain.exceptions import DataError, InputError

QUIET = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def travelled(frame: pd.DataFrame) -> Any:
    """Records as another program would send them: strict JSON, dates as ISO 8601 text, null for missing."""

    def cell(value: Any) -> Any:
        if pd.isna(value):
            return None
        if isinstance(value, datetime.datetime):
            return value.isoformat()
        return value.item() if isinstance(value, np.generic) else value

    names = list(frame.columns)
    rows = [{str(n): cell(frame[n].iloc[i]) for n in names} for i in range(len(frame))]
    return json.loads(json.dumps(rows, allow_nan=False))


def read(column: Any, cells: list[Any]) -> pd.Series:
    """Cells read as the type of a column."""
    return TableSchema.of(pd.DataFrame({"c": column})).read([{"c": cell} for cell in cells])["c"]


MIXED = pd.DataFrame(
    {
        "whole": np.array([1, 2, 3]),
        "small": np.array([1, 2, 255], dtype="uint8"),
        "float": [0.1, np.nan, -1e300],
        "single": np.array([0.5, np.nan, 2.0], dtype="float32"),
        "nullable": pd.array([1, None, 2**53], dtype="Int64"),
        "flag": [True, False, True],
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "city": ["Oslo", "Rome", "Søgne"],
        "kind": pd.Categorical(["b", None, "a"], categories=["b", "a", "unseen"]),
        "grade": pd.Categorical(["lo", "hi", "lo"], categories=["lo", "hi"], ordered=True),
        "code": pd.Categorical([3, 1, None], categories=[3, 1]),
        "day": pd.to_datetime(["2020-02-29", None, "1965-01-01T12:30:15.250"], format="ISO8601"),
        "zoned": pd.to_datetime(["2020-07-01T12:00", None, "2020-01-01T12:00"], format="ISO8601").tz_localize(
            "Europe/Oslo"
        ),
        "object": pd.Series(["a", None, "b"], dtype=object),
        7: [1.0, 2.0, 3.0],
    }
)


def test_a_mixed_table_comes_back_from_json_with_names_order_types_and_categories() -> None:
    schema = TableSchema.of(MIXED)
    back = schema.read(travelled(MIXED))
    pd.testing.assert_frame_equal(back, MIXED)
    assert list(back.columns) == list(MIXED.columns)
    assert back["kind"].dtype.categories.tolist() == ["b", "a", "unseen"]
    assert back["grade"].dtype.ordered


def test_dates_written_by_pandas_as_milliseconds_come_back_under_any_column_name() -> None:
    """``read_json`` revives dates only under names it guesses; a schema knows."""
    frame = pd.DataFrame({"signup": pd.to_datetime(["2020-02-29", None, "1965-01-01"])})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 3 will drop "epoch"; services that send it are there to stay
        sent = [frame.to_json(orient="records", date_format=unit, date_unit="ms") for unit in ("epoch", "iso")]
    for text in sent:
        pd.testing.assert_frame_equal(TableSchema.of(frame).read(json.loads(text)), frame)


@pytest.mark.parametrize("package", ["polars", "pyarrow"])
def test_tables_of_other_libraries_are_read(package: str) -> None:
    library = pytest.importorskip(package)
    columns = {"a": [1, 2], "b": ["x", None]}
    table = library.DataFrame(columns) if package == "polars" else library.table(columns)
    frame = pd.DataFrame(columns)
    pd.testing.assert_frame_equal(TableSchema.of(frame).read(table), frame)


def test_each_column_has_its_kind_and_dtype() -> None:
    kinds = {c.name: c.kind for c in TableSchema.of(MIXED).columns}
    assert kinds == {
        **dict.fromkeys(["whole", "small", "float", "single", "nullable", 7], "number"),
        **dict.fromkeys(["flag", "maybe"], "boolean"),
        **dict.fromkeys(["city", "object"], "text"),
        **dict.fromkeys(["kind", "grade", "code"], "category"),
        **dict.fromkeys(["day", "zoned"], "datetime"),
    }
    assert ColumnSchema.of("s", MIXED["single"]).dtype == "float32"


def test_categories_that_json_cannot_hold_are_kept_as_they_come() -> None:
    bins = pd.Series(pd.cut([1.0, 2.0], [0, 1, 2]))
    assert ColumnSchema.of("c", bins) == ColumnSchema("c", "object", "category")


def test_columns_are_found_by_name_in_any_order_and_those_in_excess_left_out() -> None:
    schema = TableSchema.of(pd.DataFrame({"a": [1], "b": ["x"]}))
    back = schema.read([{"z": 9, "b": "y", "a": 2}])
    assert list(back.columns) == ["a", "b"]
    assert back.iloc[0].tolist() == [2, "y"]
    assert schema.read(pd.DataFrame({"b": ["y"], "a": [2]})).equals(back)
    assert schema.read(r for r in [{"a": 2, "b": "y"}]).equals(back)


def test_a_missing_column_is_refused_by_name_with_the_close_one() -> None:
    schema = TableSchema.of(pd.DataFrame({"age": [1], "income": [2.0]}))
    with pytest.raises(InputError, match=r"Row 0: missing column 'income'; expected 'age', 'income'.*mean 'incom' for"):
        schema.read([{"age": 1, "incom": 2}])
    with pytest.raises(InputError, match=r"Row 0: missing columns 'age', 'income'; expected 'age', 'income'\.$"):
        schema.read([{}])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[1", "text that is not JSON"),
        (b"\xff", "text that is not JSON"),
        ("3", "got int"),
        (3, "got int"),
        (None, "got NoneType"),
        ([{"a": 1}, 2], r"Row 1 is 2 \(int\); every row must be a record"),
        ([None], r"Row 0 is None \(NoneType\); every row must be a record"),
        (["a"], r"Row 0 is 'a' \(str\); every row must be a record"),
        ([[1], [1, 2]], "Row 1 has 2 values; expected 1, in the order 'a'"),
        ([[]], "Row 0 has 0 values; expected 1"),
        ([{"a": 1}, {"A": 2}], "Row 1: missing column 'a'"),
        ([{"a": 1, "b": 2}, {}], "Row 1: missing column 'a'"),
        ({"data": [[1, 2]]}, "Row 0 has 2 values; expected 1"),
        ({"columns": ["a", "b"], "data": [[1, 2], [1]]}, "Row 1 of `data` is .* expected a list of 2 values"),
        ({"columns": ["b"], "data": [[1]]}, "Row 0: missing column 'a'"),
        ({"columns": "a", "data": [[1]]}, "`columns` and `data` must be lists"),
        ({"b": 1}, "Row 0: missing column 'a'"),
        ({"b": {"0": 1}}, "Missing column 'a'"),
        ({"a": {"0": 1}, "b": {"1": 1}}, "Column 'b' and column 'a' do not have the same rows: '0', '1'"),
        ({"columns": ["a", "a"], "data": [[1, 2]]}, "Several columns of `columns` are named 'a'"),
        ('[{"a": 1, "a": 2}]', "Several columns of a JSON object are named 'a'"),
        ([{"a": 1, "b": 0}, {1: 1, "1": 2, "a": 3}], "Several columns of row 1 are named '1'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Several columns of the rows are named 'a'"),
    ],
)
def test_what_is_no_list_of_records_is_refused(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TableSchema.of(pd.DataFrame({"a": [1]})).read(rows)


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ([1, 2], [1, "x", "y"], r"Column 'c', row 1: 'x' is not a number \(2 such rows\)\."),
        ([1, 2], [[1]], r"row 0: \[1\] is not a number\."),
        ([1, 2], [{"a": 1}], "is not a number"),
        ([1.5], ["nan"], "'nan' is not a number"),
        ([True], [2], "row 0: 2 is not true or false"),
        ([True], ["yes"], "'yes' is not true or false"),
        ([True], [[True]], "is not true or false"),
        (pd.to_datetime(["2020-01-01"]), ["monday"], "'monday' is not a date .ISO 8601 text or milliseconds"),
        (pd.to_datetime(["2020-01-01"]), [True], "row 0: True is not a date"),
        (pd.to_datetime(["2020-01-01"]), [["2020-01-01"]], "is not a date"),
        (pd.to_datetime(["2020-01-01"]), [1e30], "is not a date"),
        (["text"], ["a", ["b"]], r"row 1: \['b'\] is not text"),
        (["text"], [{"a": 1}], "is not text"),
        (pd.Categorical(["a"]), [["a"]], r"row 0: \['a'\] is not a category"),
        (pd.Categorical(["a"]), [{"a": 1}], "is not a category"),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_by_column_row_and_value(column: Any, cells: Any, message: str) -> None:
    """Lists and records in a cell too, before a library chokes on them."""
    with pytest.raises(DataError, match=message):
        read(column, cells)


def test_numbers_may_come_as_text() -> None:
    assert read([1, 2], ["3", " 4 "]).tolist() == [3, 4]
    assert read([1.5], ["1e3"]).tolist() == [1000.0]


def test_a_whole_number_column_takes_missing_and_fractional_cells_as_float() -> None:
    for cells, expected in (([1, None], [1.0, np.nan]), ([1, 2.5], [1.0, 2.5])):
        back = read([1, 2], cells)
        assert back.dtype == "float64"
        np.testing.assert_array_equal(back, expected)
    nullable = read(pd.array([1, 2], dtype="Int64"), [1, None])
    assert nullable.dtype == "Int64"
    assert nullable.isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("dtype", "cells"),
    [
        ("uint8", [300, 1]),
        ("uint8", [-1, 1]),
        ("int8", [300, None]),
        ("Int8", [300, None]),
        ("int64", [2.0**70, 1]),
        ("float32", [1e300, 1]),
    ],
)
def test_a_number_too_large_for_its_type_keeps_its_value(dtype: str, cells: list[Any]) -> None:
    """A bare cast reads 300 as 44 in an uint8 column, and 2**70 as the lowest int64."""
    back = read(pd.array([1, 2], dtype=dtype), cells)
    assert back.dtype == "float64"
    np.testing.assert_array_equal(back, [math.nan if c is None else float(c) for c in cells])


def test_infinity_stays_infinity_and_warns_nothing() -> None:
    assert read([1, 2], [math.inf, 1]).tolist() == [math.inf, 1.0]
    assert read(np.array([1.0], dtype="float32"), [-math.inf]).tolist() == [-math.inf]


def test_booleans_may_come_as_numbers_and_words() -> None:
    assert read([True, False], [1, 0, "true", "False", True]).tolist() == [True, False, True, False, True]
    assert read([True, False], [True, None]).tolist() == [True, None]
    assert read(pd.array([True], dtype="boolean"), [None, False]).dtype == "boolean"


def test_an_unseen_category_stays_a_value_behind_the_known_ones() -> None:
    back = read(pd.Categorical(["a", "b"], categories=["b", "a"], ordered=True), ["z", None, "a"])
    assert back.dtype.categories.tolist() == ["b", "a", "z"]
    assert back.dtype.ordered
    assert back.tolist()[::2] == ["z", "a"]
    assert back.isna().tolist() == [False, True, False]


def test_missing_cells_do_not_change_the_type_of_the_other_categories() -> None:
    """A column of 1 and null arrives as floats; the category 1 is still found."""
    back = read(pd.Categorical([1, 2]), [1, None])
    assert back.cat.codes.tolist() == [0, -1]
    assert back.dtype.categories.tolist() == [1, 2]


def test_dates_with_and_without_offsets_and_in_milliseconds_may_be_mixed() -> None:
    """Text without an offset is UTC, as it is for a number of milliseconds."""
    back = read(
        pd.to_datetime(["2020-01-01"]),
        ["2020-01-01T00:00:00Z", "2020-01-02", "2020-01-03T02:00:00+02:00", 1578096000000, None],
    )
    expected = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", None])
    assert back.tolist()[:4] == expected.tolist()[:4]
    assert pd.isna(back.iloc[4])


def test_zoned_dates_keep_their_zone_across_the_change_of_the_clock() -> None:
    column = pd.to_datetime(["2020-01-01"]).tz_localize("Europe/Oslo")
    back = read(column, ["2020-07-01T12:00:00+02:00", "2020-07-01T10:00:00Z", 1593597600000])
    assert set(back) == {pd.Timestamp("2020-07-01T12:00", tz="Europe/Oslo")}
    assert str(back.dt.tz) == "Europe/Oslo"
    without = TableSchema.of(pd.DataFrame({"c": column})).read(
        pd.DataFrame({"c": pd.to_datetime(["2020-07-01T10:00"])})
    )
    assert without["c"].iloc[0] == back.iloc[0]


@pytest.mark.parametrize("dtype", [object, "string", "str"])
def test_a_code_that_was_text_is_refused_as_a_number(dtype: Any) -> None:
    """The number 7 may have been "7" or "007", which are two categories."""
    with pytest.raises(DataError, match="Column 'c', row 1: 7 is not text"):
        read(pd.Series(["007", "7"], dtype=dtype), ["7", 7])
    mixed = pd.Series(["a", 5, None], dtype=object)
    assert read(mixed, [5, None, "b"]).tolist() == [5, None, "b"]


LAYOUTS: list[Any] = [
    [{"a": 1, "b": "x"}, {"b": "y", "a": 2}],
    [[1, "x"], [2, "y"]],
    {"data": [[1, "x"], [2, "y"]]},
    {"data": [{"a": 1, "b": "x"}, {"b": "y", "a": 2}]},
    {"columns": ["b", "a"], "index": [5, 6], "data": [["x", 1], ["y", 2]]},
    {"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}},
    {"b": {"1": "x", "0": "y"}, "a": {"0": 2, "1": 1}},
]


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("form", ["objects", "text", "bytes"])
def test_every_common_layout_of_json_is_read(rows: Any, form: str) -> None:
    given = rows if form == "objects" else json.dumps(rows) if form == "text" else json.dumps(rows).encode()
    expected = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    pd.testing.assert_frame_equal(TableSchema.of(expected).read(given), expected, check_index_type=False)


@pytest.mark.parametrize("orient", ["records", "columns", "split", "values", "index"])
def test_what_pandas_writes_is_read(orient: Any) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[10, 3])
    text = frame.to_json(orient=orient)
    if orient == "index":
        with pytest.raises(InputError, match="Missing columns 'a', 'b'"):
            TableSchema.of(frame).read(text)
        return
    pd.testing.assert_frame_equal(TableSchema.of(frame).read(text), frame.reset_index(drop=True))


def test_a_single_record_is_one_row_also_where_a_column_is_called_data() -> None:
    frame = pd.DataFrame({"data": ["x"], "columns": [1]})
    assert TableSchema.of(frame).read({"data": "y", "columns": 2}).values.tolist() == [["y", 2]]
    assert TableSchema.of(frame[["columns"]]).read({"data": {"columns": 2}}).values.tolist() == [[2]]


@pytest.mark.parametrize("rows", [[], {"data": []}, "[]", MIXED.iloc[:0], {str(n): {} for n in MIXED.columns}])
def test_no_rows_are_an_empty_table_with_the_types_of_training(rows: Any) -> None:
    back = TableSchema.of(MIXED).read(rows)
    assert len(back) == 0
    pd.testing.assert_series_equal(back.dtypes, MIXED.dtypes)


def test_no_rows_keep_their_container() -> None:
    assert TableSchema.of(np.ones((2, 3))).read([]).shape == (0, 3)
    assert TableSchema.of(sp.csr_matrix(np.ones((2, 3)))).read([]).shape == (0, 3)


def test_missing_text_is_none_or_nan_as_it_was_in_training() -> None:
    """One-hot encoders know None and NaN as two categories; JSON has null for both."""
    for missing in (None, np.nan):
        back = read(pd.Series(["a", missing], dtype=object), ["a", None, "b"])
        assert back.dtype == object
        assert back.iloc[1] is None if missing is None else math.isnan(back.iloc[1])


def test_all_missing_cells_are_read_for_every_kind() -> None:
    back = TableSchema.of(MIXED).read([{str(n): None for n in MIXED.columns}] * 2)
    assert back.isna().all(axis=None)
    assert back["kind"].dtype == MIXED["kind"].dtype
    assert back["day"].dtype == MIXED["day"].dtype


def test_arrays_and_sparse_rows_come_back_in_their_container() -> None:
    array = TableSchema.of(np.array([[1.0, 2.0]]), ["a", "b"])
    back = array.read([{"b": 4, "a": 3}])
    assert isinstance(back, np.ndarray)
    assert back.tolist() == [[3.0, 4.0]]
    sparse = TableSchema.of(sp.csr_matrix(np.eye(2, dtype=np.int64)), ["a", "b"])
    rows = sparse.read([{"a": 0, "b": 4}])
    assert isinstance(rows, sp.csr_matrix)
    assert rows.dtype == np.float64
    assert rows.toarray().tolist() == [[0.0, 4.0]]
    assert TableSchema.of(np.ones((1, 2))).names == (0, 1)
    assert TableSchema.of(np.ones((1, 2))).read([{0: 1, "1": 2}]).tolist() == [[1.0, 2.0]]


def test_reading_leaves_the_rows_as_they_were() -> None:
    rows = travelled(MIXED)
    before = json.dumps(rows)
    TableSchema.of(MIXED).read(rows)
    assert json.dumps(rows) == before
    frame = MIXED.copy(deep=True)
    TableSchema.of(MIXED).read(frame)
    pd.testing.assert_frame_equal(frame, MIXED)


def test_a_schema_comes_back_from_json_with_the_types_of_names_and_categories() -> None:
    schema = TableSchema.of(MIXED)
    back = TableSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert back == schema
    assert [type(n) for n in back.names] == [type(n) for n in schema.names]
    for mine, theirs in zip(back.columns, schema.columns, strict=True):
        assert [type(c) for c in mine.categories] == [type(c) for c in theirs.categories]


# --- properties ------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=4)
N_ROWS = 5


def _cells(cell: st.SearchStrategy[Any], missing: bool) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(st.none(), cell) if missing else cell, min_size=N_ROWS, max_size=N_ROWS)


def _dates(zone: str | None) -> st.SearchStrategy[pd.Series]:
    # Far from the ends of what nanoseconds can hold, and with a zone from the time on when offsets are whole
    # minutes: the local mean times before are not ISO 8601.
    first = datetime.datetime(1970 if zone else 1700, 1, 1)
    cells = _cells(st.datetimes(first, datetime.datetime(2200, 1, 1)), missing=True)
    made = cells.map(lambda c: pd.Series(c, dtype="datetime64[us]"))
    return made.map(lambda s: s.dt.tz_localize("UTC").dt.tz_convert(zone)) if zone else made


def _categories(draw_from: st.SearchStrategy[Any], ordered: bool) -> st.SearchStrategy[pd.Series]:
    known = st.lists(draw_from, min_size=1, max_size=4, unique=True)
    return known.flatmap(
        lambda levels: _cells(st.sampled_from(levels), missing=True).map(
            lambda cells: pd.Series(pd.Categorical(cells, categories=levels, ordered=ordered))
        )
    )


COLUMNS = st.one_of(
    _cells(st.integers(-(2**63), 2**63 - 1), False).map(lambda c: pd.Series(c, dtype="int64")),
    _cells(st.integers(0, 255), False).map(lambda c: pd.Series(c, dtype="uint8")),
    _cells(st.integers(-(2**53), 2**53), True).map(lambda c: pd.Series(c, dtype="Int64")),
    _cells(st.floats(allow_nan=False, allow_infinity=False), True).map(lambda c: pd.Series(c, dtype="float64")),
    _cells(st.floats(width=32, allow_nan=False, allow_infinity=False), True).map(
        lambda c: pd.Series(c, dtype="float32")
    ),
    _cells(st.booleans(), False).map(lambda c: pd.Series(c, dtype="bool")),
    _cells(st.booleans(), True).map(lambda c: pd.Series(c, dtype="boolean")),
    _cells(TEXT, True).map(lambda c: pd.Series(c, dtype="string")),
    _cells(TEXT, True).map(lambda c: pd.Series(c, dtype=object)),
    _categories(TEXT, False),
    _categories(TEXT, True),
    _categories(st.integers(-99, 99), False),
    _dates(None),
    _dates("Europe/Oslo"),
    _dates("Asia/Kolkata"),
)


@QUIET
@given(st.lists(COLUMNS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_table_comes_back_from_json_with_its_types(columns: list[pd.Series], random: Any) -> None:
    """Through strict JSON, with the schema itself read back from JSON, and the columns in any order."""
    frame = pd.concat([c.rename(f"c{i}") for i, c in enumerate(columns)], axis=1)
    schema = TableSchema.from_json(json.loads(json.dumps(TableSchema.of(frame).to_json())))
    order = list(frame.columns)
    random.shuffle(order)
    back = schema.read(travelled(frame[order]))
    pd.testing.assert_frame_equal(back, frame)


def test_dates_without_a_time_come_back_as_dates() -> None:
    days = [datetime.date(2024, 2, 29), None, datetime.date(1999, 12, 31)]
    frame = pd.DataFrame({"day": pd.Series(days, dtype=object)})
    schema = TableSchema.from_json(json.loads(json.dumps(TableSchema.of(frame).to_json())))
    assert schema.read([{"day": "2024-02-29"}, {"day": None}])["day"].tolist()[0] == days[0]
    assert schema.read(frame)["day"].tolist()[0] == days[0]
    with pytest.raises(DataError, match="'day', row 0: 'soon' is not a date"):
        schema.read([{"day": "soon"}])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"]))),
        pd.Series(pd.cut([1.0, 5.0], bins=[0, 2, 6])),
        pd.Series([datetime.time(8), datetime.time(9)], dtype=object),
    ],
)
def test_cells_that_json_cannot_carry_are_refused_as_text_and_kept_as_they_are(column: pd.Series) -> None:
    frame = pd.DataFrame({"c": column})
    schema = TableSchema.of(frame)
    pd.testing.assert_frame_equal(schema.read(frame), frame)
    with pytest.raises(
        DataError, match="'c', row 0: .* is not of the type it had in training, which JSON cannot carry"
    ):
        schema.read([{"c": str(column.iloc[0])}])


def test_whole_numbers_too_large_for_any_type_are_refused() -> None:
    schema = TableSchema.of(pd.DataFrame({"n": [1.0, 2.0]}))
    with pytest.raises(DataError, match="'n' holds a whole number too large"):
        schema.read([{"n": 10**400}])
