"""QuantileSketch: exact while numbers are few, within its stated bound for many."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_explain.analysis import QuantileSketch
from automl_explain.exceptions import InputError

POINTS = [0.0, 0.01, 0.25, 0.5, 0.9, 1.0]


def worst_rank_error(sketch, numbers, points):
    """Largest distance, as a share, between the rank asked for and the ranks that the number found has."""
    worst = 0.0
    for row, found in zip(numbers, sketch.quantiles(points).T, strict=True):
        ordered = np.sort(row)
        for q, x in zip(points, found, strict=True):
            low, high = np.searchsorted(ordered, x, "left") + 1, np.searchsorted(ordered, x, "right")
            least = max(1, np.ceil(q * len(row) - 1e-9))
            assert high >= low  # the number was seen
            worst = max(worst, low - least, least - high)
    return worst / numbers.shape[1]


def test_few_numbers_have_exact_quantiles():
    sketch = QuantileSketch(2)
    sketch.add([[4.0, 1.0], [0.0, 7.0]])
    sketch.add([[3.0, 2.0], [7.0, 7.0]])
    assert sketch.quantiles([0.0, 0.25, 0.26, 0.5, 1.0]).tolist() == [[1, 0], [1, 0], [2, 7], [2, 7], [4, 7]]
    assert (sketch.n, sketch.rank_error) == (4, 0.0)


def test_one_move_by_hand():
    """Four cells are full: for the fifth two of them move up with twice the weight, and ranks may be off by one."""
    sketch = QuantileSketch(1, size=4)
    sketch.add([[4.0, 1.0, 3.0, 2.0]])
    assert (sketch.quantiles([0.5, 1.0]).ravel().tolist(), sketch.rank_error) == ([2.0, 4.0], 0.0)
    sketch.add([[5.0]])
    assert sketch.rank_error == 1 / 5
    assert sketch.quantiles([0.4, 0.8, 1.0]).ravel().tolist() in ([1.0, 3.0, 5.0], [2.0, 4.0, 5.0])


@given(
    st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 4), st.lists(st.integers(0, 300), min_size=1, max_size=8)
)
def test_no_quantile_is_ever_further_off_than_the_stated_bound(seed, n_series, half_size, pieces):
    rng = np.random.default_rng(seed)
    n = sum(pieces)
    if not n:
        return
    numbers = rng.integers(0, max(2, n // 2), (n_series, n)).astype(float)  # with ties
    sketch = QuantileSketch(n_series, size=2 * half_size, random_state=seed)
    for part in np.split(numbers, np.cumsum(pieces)[:-1], axis=1):
        sketch.add(part)
    assert sketch.n == n
    assert worst_rank_error(sketch, numbers, POINTS) <= sketch.rank_error + 1e-12


@pytest.mark.parametrize("order", ["random", "sorted", "reversed"])
def test_a_hundred_thousand_numbers_are_within_a_bound_that_is_small(order):
    numbers = np.random.default_rng(0).normal(size=(2, 100_000))
    numbers = {"random": numbers, "sorted": np.sort(numbers), "reversed": -np.sort(numbers)}[order]
    sketch = QuantileSketch(2)
    for part in np.array_split(numbers, 37, axis=1):
        sketch.add(part)
    # log2(100,000 / 1,024) / 1,024
    assert 0 < sketch.rank_error < 0.0065
    assert worst_rank_error(sketch, numbers, np.linspace(0, 1, 101)) <= sketch.rank_error


def test_errors_of_a_sketch_go_either_way_and_mostly_cancel():
    """Thirty seeds: were the same cells moved up every time, all would be off to one side."""
    numbers = np.random.default_rng(0).permutation(8000)[None].astype(float)
    off = []
    for seed in range(30):
        sketch = QuantileSketch(1, size=64, random_state=seed)
        sketch.add(numbers)
        off.append(sketch.quantiles(0.5)[0, 0] / 8000 - 0.5)
    assert max(map(abs, off)) < sketch.rank_error / 2
    assert min(off) < 0 < max(off)
    assert abs(np.mean(off)) < sketch.rank_error / 10


def test_merged_sketches_know_what_both_have_seen():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(1, 5000)), rng.normal(2.0, size=(1, 3000))
    one, two = QuantileSketch(1, size=128), QuantileSketch(1, size=128, random_state=1)
    one.add(first)
    two.add(second)
    before = two.quantiles(POINTS)
    one.merge(two)
    assert one.n == 8000
    assert worst_rank_error(one, np.concatenate([first, second], axis=1), POINTS) <= one.rank_error < 0.1
    np.testing.assert_array_equal(two.quantiles(POINTS), before)
    one.merge(one)
    assert one.n == 16_000


def test_memory_grows_with_the_logarithm_of_the_rows():
    sketch, rng = QuantileSketch(10), np.random.default_rng(0)
    piece = rng.normal(size=(10, 4096))
    tracemalloc.start()
    for _ in range(50):
        sketch.add(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 9 levels of 10 x 1,024 numbers and a few copies of one are 1 MB; all numbers would be 16 MB.
    assert peak < 2e6


def test_many_series_have_smaller_levels():
    assert [QuantileSketch(n).size for n in (1, 2600, 3000, 20_000, 10**6)] == [1024, 1024, 512, 128, 64]


def test_what_is_no_table_of_the_series_is_refused():
    sketch = QuantileSketch(2)
    with pytest.raises(InputError, match="Nothing was added"):
        sketch.quantiles(0.5)
    with pytest.raises(InputError, match=r"shape \(3, 1\); expected \(2, n_new\)"):
        sketch.add(np.zeros((3, 1)))
    sketch.add(np.zeros((2, 1)))
    for q in (-0.1, 1.5, np.nan):
        with pytest.raises(InputError, match="`q` must hold numbers between 0 and 1"):
            sketch.quantiles(q)
    with pytest.raises(InputError, match="only like sketches can be merged"):
        sketch.merge(QuantileSketch(3))
    with pytest.raises(InputError, match="`size` must be an even number"):
        QuantileSketch(1, size=3)
