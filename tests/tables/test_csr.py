"""Sparse weights as plain arrays: the numbers that SciPy would give, without SciPy."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain import FeatureMap
from automl_explain._tables._csr import Csr
from automl_explain.exceptions import InputError

QUIET = settings(max_examples=60, deadline=None, derandomize=True)


def test_entries_in_any_order_become_rows_in_order() -> None:
    """[[0, 5, 7], [0, 0, 0], [3, 0, 0]] from entries that are shuffled."""
    made = Csr.from_entries([2, 0, 0], [0, 2, 1], np.array([3.0, 7.0, 5.0]), (3, 3))
    assert made.indptr.tolist() == [0, 2, 2, 3]
    assert made.indices.tolist() == [1, 2, 0]
    assert made.data.tolist() == [5.0, 7.0, 3.0]
    assert made.rows().tolist() == [0, 0, 2]


@QUIET
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.floats(-9, 9)), max_size=20), st.booleans())
def test_entries_become_what_scipy_makes_of_them(entries: list[tuple[int, int, float]], flags: bool) -> None:
    rows, columns, numbers = zip(*entries, strict=True) if entries else ((), (), ())
    data = np.ones(len(rows), dtype=bool) if flags else np.array(numbers, dtype=np.float64)
    expected = sp.csr_matrix((data, (rows, columns)), shape=(4, 5))
    made = Csr.from_entries(rows, columns, data, (4, 5)).to_scipy()
    assert made.dtype == expected.dtype
    for part in ("indptr", "indices", "data"):
        mine, theirs = getattr(made, part), getattr(expected, part)
        assert mine.dtype == theirs.dtype
        assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    ("rows", "columns", "why"),
    [
        ([0, 2], [0, 1], "A weight lies at position 2 of 2"),
        ([0, 1], [0, -1], "A weight lies at position -1 of 3"),
        ([0.5, 1], [0, 1], "are float64 of shape \\(2,\\); expected whole numbers"),
        ([[0, 1]], [[0, 1]], "of shape \\(1, 2\\)"),
        ([0], [0, 1], "entries of weights have 1 rows, 2 columns and 2 numbers"),
    ],
)
def test_entries_outside_of_the_matrix_are_refused(rows: Any, columns: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        Csr.from_entries(rows, columns, np.ones(2), (2, 3))


def test_a_few_rows_are_folded_to_the_bits_of_many() -> None:
    rng = np.random.default_rng(0)
    given_weights = rng.random((7, 40)) * (rng.random((7, 40)) < 0.5)
    fm = FeatureMap.from_json(FeatureMap.from_matrix(given_weights).to_json())
    values = rng.normal(size=(2, 300, 40))
    together = fm.fold(values)[0]
    assert together.tobytes() == np.stack([(fm.matrix @ each.T).T for each in values]).tobytes()
    alone = np.concatenate([fm.fold(values[:, [i]])[0] for i in range(300)], axis=1)
    assert alone.tobytes() == together.tobytes()


def test_the_arrays_of_a_map_are_those_of_its_matrix_wherever_it_comes_from() -> None:
    made = FeatureMap.from_matrix([[1, 0, 1], [1, 1, 0]])
    read = FeatureMap.from_json(made.to_json())
    for fm in (made, read, pickle.loads(pickle.dumps(read)), read.with_names(raw_names=["a", "b"])):
        for mine, matrix in zip(fm.arrays, (fm.matrix.indptr, fm.matrix.indices, fm.matrix.data), strict=True):
            assert mine.tolist() == matrix.tolist()
        assert isinstance(fm.matrix, sp.csr_matrix)
        assert fm.matrix is fm.matrix
    assert not any(part.flags.writeable for part in read.arrays)
    assert [part.tolist() for part in read.arrays] == [[0, 2, 4], [0, 2, 0, 1], [0.5, 1.0, 0.5, 1.0]]
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.matrix = made.matrix  # type: ignore[misc]
