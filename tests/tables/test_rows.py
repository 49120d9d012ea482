"""Rows of every container: taking, stacking, chunks and mixing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from models import KINDS, rows

from automl_explain._tables._rows import check_same_rows, chunks, dense, mix, stack, take
from automl_explain.exceptions import InputError


def cells(X: Any) -> np.ndarray:
    return X.to_numpy(dtype=object) if isinstance(X, pd.DataFrame) else dense(X)


def same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (pd.isna(a) & pd.isna(b))


@pytest.mark.parametrize("kind", KINDS)
def test_taking_and_stacking_keep_cells_and_types(kind: str) -> None:
    X = rows(kind, 20)
    both = stack(take(X, np.array([3, 1])), take(X, slice(5, 7)))
    assert type(both) is type(X)
    assert same(cells(both), cells(X)[[3, 1, 5, 6]]).all()
    if isinstance(X, pd.DataFrame):
        assert both.dtypes.equals(X.dtypes)


def test_no_rows_stay_none() -> None:
    assert take(None, slice(0, 3)) is None


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.coo_matrix, sp.csc_array, sp.dok_matrix])
def test_rows_of_every_sparse_format_are_taken_by_position(form: Any) -> None:
    X = form(np.arange(12.0).reshape(4, 3))
    assert dense(take(X, np.array([3, 0]))).tolist() == [[9, 10, 11], [0, 1, 2]]
    assert dense(take(X, slice(1, 2))).tolist() == [[3, 4, 5]]


def test_a_series_is_taken_by_position_not_by_label() -> None:
    assert take(pd.Series([1, 2, 3], index=[2, 1, 0]), np.array([0, 2])).tolist() == [1, 3]


def test_polars_tables_are_taken_and_stacked() -> None:
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    assert stack(take(X, [2, 0]), take(X, [1])).rows() == [(3, "z"), (1, "x"), (2, "y")]


def test_matrices_of_several_outputs_become_one_dense_array() -> None:
    values = (sp.csr_matrix(np.eye(2)), sp.csr_matrix(np.ones((2, 2))))
    assert dense(values).tolist() == [[[1, 0], [0, 1]], [[1, 1], [1, 1]]]
    assert dense(np.eye(2, dtype=int), np.float64).dtype == np.float64


@given(st.integers(1, 60), st.integers(1, 20))
def test_chunks_cover_every_row_once(n_rows: int, rows_each: int) -> None:
    parts = list(chunks(n_rows, rows_each))
    assert [i for part in parts for i in range(n_rows)[part]] == list(range(n_rows))
    assert max(part.stop - part.start for part in parts) <= rows_each


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("groups", [[0, 1, 2, 3], [0, 0, 1, 1], [0, 0, 0, 0]])
def test_every_group_of_a_mixed_row_is_that_of_one_row(kind: str, groups: list[int]) -> None:
    X = rows(kind, 30)
    made = mix(X, np.array(groups), 200, np.random.default_rng(0))
    assert made.shape == (200, 4)
    assert type(made) is type(X)
    found, known = cells(made), cells(X)
    for g in set(groups):
        at = [j for j in range(4) if groups[j] == g]
        meets = same(found[:, None][:, :, at], known[None][:, :, at]).all(axis=2)
        assert meets.any(axis=1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_mixing_is_seeded_and_changes_no_rows(kind: str) -> None:
    X = rows(kind, 30)
    before = cells(X).copy()
    first, second = (cells(mix(X, np.arange(4), 50, np.random.default_rng(7))) for _ in range(2))
    assert same(first, second).all()
    assert same(cells(X), before).all()


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, sp.csr_matrix])
def test_mixed_rows_differ_from_those_they_come_from(form: Any) -> None:
    X = np.arange(1.0, 401.0).reshape(100, 4)
    made = cells(mix(form(X), np.arange(4), 500, np.random.default_rng(0)))
    origins = ((made - 1) // 4).astype(int)
    assert (np.ptp(origins, axis=1) > 0).mean() > 0.3
    assert max(len(set(row)) for row in origins) == 2


def test_one_hot_columns_of_a_group_stay_one_hot() -> None:
    X = sp.csr_matrix(np.eye(5)[np.random.default_rng(0).integers(0, 5, 40)])
    made = mix(X, np.zeros(5, dtype=int), 300, np.random.default_rng(1))
    np.testing.assert_array_equal(made.toarray().sum(axis=1), 1)


def test_frames_keep_types_categories_and_dates() -> None:
    X = pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=10, tz="Europe/Oslo"),
            "kind": pd.Categorical(list("ababababab"), ["b", "a", "never"]),
            "n": pd.array([1, None] * 5, dtype="Int64"),
        }
    )
    made = mix(X, np.arange(3), 20, np.random.default_rng(0))
    assert made.dtypes.equals(X.dtypes)
    assert list(made.columns) == list(X.columns)


@pytest.mark.parametrize("form", ["index", "repeated index", "same column", "arrays"])
def test_rows_in_another_order_are_refused_where_it_can_be_known(form: str) -> None:
    rows = pd.DataFrame({"a": [3.0, 1.0, 2.0, 5.0], "z": [0.0, 1.0, 0.0, 1.0]}, index=list("wxyz"))
    others = rows.iloc[[2, 0, 1, 3]].assign(text="t")
    if form == "repeated index":
        rows.index, others.index = list("aabb"), list("abab")
    elif form == "same column":
        rows.index, others.index = range(4), list("pqrs")
    elif form == "arrays":
        rows, others = rows.to_numpy(), others[["a", "z"]].to_numpy()
    with pytest.raises(InputError, match="`raw` has the rows of `eval_dataset` in another order"):
        check_same_rows(rows, others, "raw")


def test_columns_that_are_transformed_do_not_look_shuffled() -> None:
    flags = pd.DataFrame({"flag": [0, 1, 0, 1], "a": [1.0, 2.0, 3.0, 4.0]})
    check_same_rows(flags, flags.assign(flag=1 - flags["flag"], a=flags["a"] / 2), "raw")
    check_same_rows(flags.to_numpy(), flags.to_numpy()[:, ::-1].copy(), "raw")
    check_same_rows(flags, flags.set_axis(list("wxyz")), "raw")
