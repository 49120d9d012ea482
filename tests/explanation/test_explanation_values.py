from __future__ import annotations

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from explanation_strategies import make
from hypothesis import given
from hypothesis import strategies as st

from automl_explain.analysis import GlobalAccumulator
from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation, MirroredValues


def pair(n: int = 4, d: int = 3) -> tuple[MirroredValues, np.ndarray]:
    v = np.random.default_rng(1).normal(size=(n, d))
    return MirroredValues(v), np.stack([-v, v])


def test_mirrored_values_show_both_halves_and_hold_one():
    mirrored, both = pair()
    assert (mirrored.shape, mirrored.ndim, mirrored.size, len(mirrored)) == ((2, 4, 3), 3, 24, 2)
    assert mirrored.dtype == np.float64
    np.testing.assert_array_equal(mirrored, both)
    assert np.shares_memory(mirrored[1], mirrored[1, 2:])
    assert mirrored.tolist() == both.tolist()
    assert [half.tolist() for half in mirrored] == both.tolist()


@pytest.mark.parametrize(
    "key",
    [
        0, 1, -1, -2, np.int64(1), slice(None), slice(1, 2), slice(None, None, -1), Ellipsis, None, [1, 0],
        [True, False], (0, 2), (1, 2, 1), (0, slice(1, 3)), (slice(None), 1), (slice(None), slice(None), 0),
        (slice(None), 1, 2), (slice(1), Ellipsis, 1), (Ellipsis, 0), (0, Ellipsis), (0, [1, 2]),
        (0, slice(None), [1, 2]), ([0, 1], [2, 3]),
        (1, None), (None, 1), (slice(None), None), (), (0, [True, False, True, False]),
    ],
    ids=repr,
)  # fmt: skip
def test_mirrored_values_index_as_numpy_does(key):
    mirrored, both = pair()
    got, wanted = mirrored[key], both[key]
    assert np.shape(got) == wanted.shape
    np.testing.assert_array_equal(got, wanted)


def test_mirrored_values_refuse_positions_beyond_two():
    mirrored, _ = pair()
    for key in (2, -3, (2, 0), (0, 9)):
        with pytest.raises(IndexError, match="out of bounds"):
            mirrored[key]


def test_mirrored_values_calculate_as_numpy_does():
    mirrored, both = pair()
    np.testing.assert_array_equal(mirrored + 1, both + 1)
    np.testing.assert_array_equal(2 * mirrored, 2 * both)
    np.testing.assert_array_equal(np.abs(mirrored), np.abs(both))
    np.testing.assert_array_equal(mirrored > 0, both > 0)
    np.testing.assert_array_equal(mirrored.sum(axis=(0, 2)), both.sum(axis=(0, 2)))
    np.testing.assert_array_equal(np.mean(mirrored, axis=1), both.mean(axis=1))
    np.testing.assert_array_equal(mirrored.T, both.T)
    np.testing.assert_array_equal(mirrored.transpose(1, 2, 0), both.transpose(1, 2, 0))
    np.testing.assert_array_equal(np.concatenate([mirrored, mirrored]), np.concatenate([both, both]))
    assert np.asarray(mirrored, dtype=np.float32).dtype == np.float32
    assert not hasattr(mirrored, "no_such_thing")


def test_mirrored_values_cannot_be_written_to():
    mirrored, _ = pair()
    with pytest.raises(InputError, match="read-only; change a copy"):
        mirrored[0, 0, 0] = 1.0
    with pytest.raises(InputError, match="read-only; change a copy"):
        mirrored += 1
    with pytest.raises(ValueError, match="read-only"):
        mirrored[1][0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        mirrored.sort()
    with pytest.raises(ValueError, match="always a copy"):
        np.asarray(mirrored, copy=False)


def test_mirrored_values_survive_pickle_and_copy():
    mirrored, both = pair()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mirrored)), both)
    np.testing.assert_array_equal(copy.deepcopy(mirrored), both)


def test_a_binary_explanation_holds_its_values_once():
    values = np.random.default_rng(0).normal(size=(1, 20_000, 50))
    tracemalloc.start()
    explanation = Explanation(values=values, base=[0.1], task="classification", output_unit="log-odds", link="logit")
    shown = explanation.local_importance_values
    half, peak = shown[1], tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert explanation.values.nbytes == values.nbytes
    assert np.shares_memory(half, values)
    assert np.shares_memory(explanation.values, values)
    # Means are taken in blocks of 1 MiB; a second copy would be 8 MB.
    assert peak < 4e6


def test_arrays_are_read_only_and_the_callers_stay_writeable():
    values = np.ones((1, 2, 3))
    explanation = Explanation(values=values, base=np.zeros(1), task="regression", unmapped=np.zeros((1, 2)))
    for array in (explanation.values, explanation.base, explanation.global_values, explanation.unmapped):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1.0
    assert values.flags.writeable
    again = pickle.loads(pickle.dumps(explanation))
    assert not again.values.flags.writeable


def test_sparse_values_are_read_only_and_the_callers_stay_writeable():
    matrix = sp.csr_matrix(([1.0, 2.0], [2, 0], [0, 2]), shape=(1, 3))  # column order is not sorted
    explanation = Explanation(values=(matrix,), base=[0.0], task="regression")
    with pytest.raises(ValueError, match="read-only"):
        explanation.values[0].data[0] = 5.0
    assert explanation.values[0].toarray().tolist() == [[2.0, 0.0, 1.0]]
    assert matrix.data.flags.writeable
    assert matrix.indices.tolist() == [2, 0]


@given(st.integers(0, 1000), st.sampled_from(["regression", "binary", "multiclass"]), st.booleans(), st.integers(1, 7))
def test_streaming_global_equals_in_memory_global(seed, kind, sparse, batch):
    explanation = make(
        kind,
        11,
        4,
        sparse=sparse,
        seed=seed,
        unmapped=np.random.default_rng(seed).normal(size=(3 if kind == "multiclass" else 1, 11)),
    )
    total = GlobalAccumulator()
    for start in range(0, 11, batch):
        part = explanation[start : start + batch]
        total.add(part.values, part.unmapped)
    assert total.n_rows == 11
    # Sums of another order.
    np.testing.assert_allclose(total.global_values, explanation.global_values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(total.unmapped_global, explanation.unmapped_global, rtol=0, atol=1e-9)


def test_accumulator_by_hand():
    total = GlobalAccumulator()
    with pytest.raises(InputError, match="No batch was added"):
        _ = total.global_values
    total.add(np.array([[[1.0, -2.0]]]))
    total.add(sp.csr_matrix([[3.0, 0.0], [-2.0, 4.0]]), np.array([[3.0, -6.0]]))
    assert total.global_values.tolist() == [[2.0, 2.0]]
    assert total.unmapped_global.tolist() == [3.0]
    with pytest.raises(InputError, match="1 outputs x 3 features; the batches before had 1 x 2"):
        total.add(np.zeros((1, 1, 3)))
    with pytest.raises(InputError, match=r"`unmapped` has shape \(1,\)"):
        total.add(np.zeros((1, 1, 2)), np.zeros(1))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_accumulators_of_parts_of_the_rows_can_be_merged(sparse):
    explanation = make("multiclass", 12, 4, sparse=sparse, unmapped=np.arange(36.0).reshape(3, 12))
    parts = [GlobalAccumulator(quantiles=True) for _ in range(3)]
    for total, rows in zip(parts, (slice(0, 5), slice(5, 12)), strict=False):
        total.add(explanation[rows].values, explanation[rows].unmapped)
    for other in (parts[1], GlobalAccumulator(quantiles=True)):  # the last one has seen nothing
        parts[0].merge(other)
    parts[2].merge(parts[0])
    for total in (parts[0], parts[2]):
        assert total.n_rows == 12
        # Sums of another order.
        np.testing.assert_allclose(total.global_values, explanation.global_values, rtol=0, atol=1e-12)
        np.testing.assert_allclose(total.unmapped_global, explanation.unmapped_global, rtol=0, atol=1e-12)
        values = np.stack([v.toarray() for v in explanation.values]) if sparse else explanation.values
        np.testing.assert_allclose(total.mean_values, values.mean(axis=1), rtol=0, atol=1e-12)
        wanted = np.quantile(values, [0.5, 1.0], axis=1, method="inverted_cdf")
        np.testing.assert_array_equal(total.quantiles([0.5, 1.0]), wanted)
    assert parts[1].n_rows == 7


def test_accumulators_of_other_things_are_not_merged():
    total, other, plain = GlobalAccumulator(quantiles=True), GlobalAccumulator(quantiles=True), GlobalAccumulator()
    total.add(np.zeros((1, 1, 2)))
    other.add(np.zeros((1, 1, 3)))
    plain.add(np.zeros((1, 1, 2)))
    with pytest.raises(InputError, match="other accumulator has 1 outputs x 3 features"):
        total.merge(other)
    with pytest.raises(InputError, match="Only one of the accumulators sketches quantiles"):
        total.merge(plain)
    with pytest.raises(InputError, match="ask for them with `quantiles=True`"):
        plain.quantiles(0.5)


def test_global_values_of_many_rows_do_not_depend_on_the_blocks():
    values = np.random.default_rng(0).normal(size=(2, 1000, 300))  # blocks of 436 rows
    explanation = Explanation(values=np.concatenate([values, values[:1]]), base=np.zeros(3), task="classification")
    np.testing.assert_allclose(explanation.global_values[:2], np.abs(values).mean(axis=1), rtol=1e-12)
