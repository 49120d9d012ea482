"""Tables of polars and pyarrow become pandas with the same values and types."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_explain._frames import as_pandas
from automl_explain._validation import as_table
from automl_explain.exceptions import DataError, InputError

polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

COLUMNS: dict[str, tuple[list[Any], Any, Any, str | None]] = {
    # values, polars type, pyarrow type, pandas type (None: that of pandas' own text)
    "whole": ([1, 2], polars.Int32, pyarrow.int32(), "int32"),
    "gaps": ([1, None], polars.Int64, pyarrow.int64(), "float64"),
    "large": ([2**60 + 1, None], polars.Int64, pyarrow.int64(), "Int64"),
    "float": ([0.5, None], polars.Float64, pyarrow.float64(), "float64"),
    "single": ([0.5, 2.0], polars.Float32, pyarrow.float32(), "float32"),
    "flag": ([True, False], polars.Boolean, pyarrow.bool_(), "bool"),
    "maybe": ([True, None], polars.Boolean, pyarrow.bool_(), "boolean"),
    "text": (["007", None], polars.String, pyarrow.string(), None),
    "no text": ([None, None], polars.String, pyarrow.large_string(), None),
    "price": ([Decimal("1.5"), None], polars.Decimal(10, 2), pyarrow.decimal128(10, 2), "float64"),
    "nothing": ([None, None], polars.Null, pyarrow.null(), "float64"),
    "span": ([datetime.timedelta(days=1), None], polars.Duration("us"), pyarrow.duration("us"), "timedelta64[us]"),
    "stamp": (
        [datetime.datetime(2024, 2, 29, 12), None],
        polars.Datetime("us"),
        pyarrow.timestamp("us"),
        "datetime64[us]",
    ),
}


@pytest.mark.parametrize("package", ["polars", "pyarrow"])
def test_every_type_is_kept(package: str) -> None:
    if package == "polars":
        table = polars.DataFrame({n: polars.Series(n, v, dtype=t) for n, (v, t, _, _) in COLUMNS.items()})
    else:
        table = pyarrow.table({n: pyarrow.array(v, type=t) for n, (v, _, t, _) in COLUMNS.items()})
    made = as_pandas(table)
    assert list(made.columns) == list(COLUMNS)
    for name, (values, _, _, dtype) in COLUMNS.items():
        assert str(made[name].dtype) == (dtype or str(pd.Series(["text"]).dtype))
        for found, value in zip(made[name], values, strict=True):
            assert pd.isna(found) if value is None else found == value


@pytest.mark.parametrize("package", ["polars", "pyarrow"])
def test_dates_zones_and_categories_are_kept(package: str) -> None:
    frame = polars.DataFrame(
        {
            "day": [datetime.date(2024, 2, 29), None],
            "zoned": polars.Series([datetime.datetime(2024, 7, 1), None]).dt.replace_time_zone("Europe/Oslo"),
            "kind": polars.Series(["b", "a"], dtype=polars.Categorical),
        }
    )
    made = as_pandas(frame if package == "polars" else frame.to_arrow())
    assert made["day"].tolist() == [pd.Timestamp("2024-02-29"), pd.NaT]
    assert made["zoned"][0] == pd.Timestamp("2024-07-01", tz="Europe/Oslo")
    assert str(made["zoned"].dt.tz) == "Europe/Oslo"
    assert isinstance(made["kind"].dtype, pd.CategoricalDtype)
    assert made["kind"].tolist() == ["b", "a"]


def test_an_enum_keeps_its_order() -> None:
    made = as_pandas(polars.DataFrame({"size": polars.Series(["L", "S"], dtype=polars.Enum(["S", "M", "L"]))}))["size"]
    assert made.dtype.categories.tolist() == ["S", "M", "L"]
    assert made.dtype.ordered
    assert made.cat.codes.tolist() == [2, 0]


def test_arrow_rows_written_from_pandas_get_their_index_back() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    pd.testing.assert_frame_equal(as_pandas(pyarrow.Table.from_pandas(frame)), frame)
    pd.testing.assert_frame_equal(as_pandas(pyarrow.RecordBatch.from_pandas(frame)), frame)


def test_the_rows_made_can_be_written() -> None:
    """Arrays of polars and Arrow are read-only."""
    for table in (polars.DataFrame({"a": [1.0, 2.0]}), pyarrow.table({"a": [1.0, 2.0]})):
        made = as_pandas(table)
        made.loc[0, "a"] = 5.0
        assert made["a"].tolist() == [5.0, 2.0]


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}, {"a": 2}], [b"x", b"y"]])
def test_nested_columns_are_refused_by_name(values: list[Any]) -> None:
    for table in (polars.DataFrame({"c": values}), pyarrow.table({"c": values})):
        with pytest.raises(DataError, match="Column 'c' has the type .*Spread it over columns of its own"):
            as_pandas(table)


def test_other_tables_are_refused_by_their_own_name_with_the_call_that_helps() -> None:
    with pytest.raises(InputError, match=r"`X` must be .* got polars LazyFrame\. Pass `rows\.collect\(\)`"):
        as_table(polars.LazyFrame({"a": [1]}), "X")
    with pytest.raises(InputError, match=r"got list\. Wrap a list"):
        as_table([[1.0]], "X")


def test_a_polars_series_is_one_column() -> None:
    assert as_table(polars.Series("t", ["x", "y"]), "X").to_dict("list") == {"t": ["x", "y"]}
    assert np.array_equal(as_table(polars.Series("a", [1, 2]), "X").to_numpy(), [[1], [2]])
