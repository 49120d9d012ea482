"""KernelSource: values of coalitions computed here, against Shapley values by definition."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain.exceptions import ExplanationWarning
from automl_explain.sources import KernelSource

SCALES = ((0.0, 1.0), (0.0, 1e-9), (0.0, 1e6), (1.7e12, 1e6), (20260101.0, 30.0), (1e8, 1e-3))


def shapley(worth: Any, n_players: int) -> np.ndarray:
    """By definition: the mean gain of joining, over all orders."""
    result = []
    for player in range(n_players):
        others = [o for o in range(n_players) if o != player]
        total = 0.0
        for size in range(n_players):
            weight = math.factorial(size) * math.factorial(n_players - size - 1) / math.factorial(n_players)
            for coalition in itertools.combinations(others, size):
                total = total + weight * (worth((*coalition, player)) - worth(coalition))
        result.append(total)
    return np.array(result)


def interventional(call: Any, row: np.ndarray, background: np.ndarray, weights: np.ndarray) -> np.ndarray:
    def worth(coalition: tuple[int, ...]) -> np.ndarray:
        mixed = background.copy()
        mixed[:, list(coalition)] = row[list(coalition)]
        return np.asarray(weights @ call(mixed))

    return shapley(worth, len(row)).T


class Counting:
    """A function that counts the rows it is asked for."""

    def __init__(self, call: Any) -> None:
        self.call, self.n_rows, self.largest = call, 0, 0

    def __call__(self, rows: Any) -> np.ndarray:
        self.n_rows += rows.shape[0]
        self.largest = max(self.largest, rows.shape[0])
        return np.asarray(self.call(rows))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(SCALES), min_size=1, max_size=5), st.integers(1, 4))
def test_values_are_exact_whatever_the_units_of_the_columns(
    seed: int, units: list[tuple[float, float]], n_background: int
) -> None:
    rng = np.random.default_rng(seed)
    offset, scale = np.array(units).T
    background = offset + scale * rng.integers(0, 3, size=(n_background, len(units)))
    row = offset + scale * rng.integers(0, 3, size=len(units))
    coefficients = rng.normal(size=(2, len(units)))

    def call(rows: np.ndarray) -> np.ndarray:
        cells = (rows - offset) / scale
        return np.column_stack([np.tanh(cells @ coefficients[0]), cells.prod(axis=1) + cells @ coefficients[1]])

    weights = rng.dirichlet(np.ones(n_background))
    found = KernelSource(call, background, weights).shapley_values(row[None])[:, 0]
    # Outputs are of size 1 to 1e2: sums of up to 2**5 of them round to 1e-12.
    np.testing.assert_allclose(found, interventional(call, row, background, weights), atol=1e-11)


@pytest.mark.parametrize(
    ("row", "background", "plays"),
    [
        (np.nan, np.nan, False),
        (np.nan, 0.0, True),
        (0.0, np.nan, True),
        (-0.0, 0.0, True),
        (1.0, np.nextafter(1.0, 2.0), True),
        (1e300, 1e300, False),
        (5e-324, 0.0, True),
    ],
)
def test_only_equal_values_are_unchanged(row: float, background: float, plays: bool) -> None:
    """Each value has an effect of its own here; close ones are not the same."""

    def bits(cells: np.ndarray) -> np.ndarray:
        same = np.where(np.isnan(row), np.isnan(cells), (cells == row) & (np.signbit(cells) == np.signbit(row)))
        return np.asarray(np.where(same, 8.0, 3.0))

    call = Counting(lambda rows: (bits(rows[:, 0]) + rows[:, 1])[:, None])
    source = KernelSource(call, np.array([[background, 1.0]]), np.ones(1))
    call.n_rows = 0
    values = source.shapley_values(np.array([[row, 4.0]]))
    np.testing.assert_array_equal(values[0, 0], [5.0 if plays else 0.0, 3.0])
    assert call.n_rows == (3 if plays else 1)  # two coalitions and the row, or the row alone


def test_a_value_that_one_background_row_lacks_takes_part() -> None:
    background = np.array([[1.0, 0.0], [2.0, 0.0]])
    source = KernelSource(lambda rows: rows[:, :1] * 10, background, np.array([0.5, 0.5]))
    values = source.shapley_values(np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(values[0, 0], [-5.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2, 3, 11, 12, 13, 40])
@pytest.mark.parametrize("n_samples", ["auto", 1, 2, 7, 100, 5000])
@pytest.mark.filterwarnings("ignore:The coalitions tried are too few")  # counted here, not judged
def test_no_more_rows_are_predicted_than_said(n_features: int, n_samples: int | str) -> None:
    rng = np.random.default_rng(0)
    call = Counting(lambda rows: np.sin(rows).sum(axis=1, keepdims=True))
    source = KernelSource(call, rng.normal(size=(3, n_features)), np.full(3, 1 / 3), n_samples=n_samples)
    call.n_rows = 0
    row = rng.normal(size=(1, n_features))
    values = source.shapley_values(row)
    assert call.n_rows <= source.evaluations_per_row() + 1  # and the row itself
    np.testing.assert_allclose(values.sum() + source.expected_values[0], np.sin(row).sum(), atol=1e-12)


def test_memory_of_one_call_is_bounded() -> None:
    call = Counting(lambda rows: rows[:, :1])
    source = KernelSource(call, np.random.default_rng(0).normal(size=(50, 400)), np.full(50, 0.02))
    source.shapley_values(np.ones((1, 400)))
    assert call.largest * 400 * 8 <= 65 * 2**20
    assert call.n_rows > 100_000


@pytest.mark.parametrize("n_features", [12, 15, 40])
def test_an_additive_model_is_exact_from_few_coalitions(n_features: int) -> None:
    rng = np.random.default_rng(1)
    background, row, w = rng.normal(size=(5, n_features)), rng.normal(size=(1, n_features)), rng.normal(size=n_features)
    weights = np.full(5, 0.2)
    source = KernelSource(lambda rows: (rows @ w)[:, None], background, weights, n_samples=4 * n_features)
    # Rounding of a regression whose normal matrix has a condition below 1e3.
    np.testing.assert_allclose(source.shapley_values(row)[0, 0], (row[0] - weights @ background) * w, atol=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_pairs_that_act_together_are_exact_from_a_sample(seed: int) -> None:
    """Complements cancel effects of even order, so products of two columns are shared as by all coalitions."""
    background, row = np.zeros((1, 14)), np.ones((1, 14))
    source = KernelSource(
        lambda rows: (rows[:, 0] * rows[:, 1] + 4 * rows[:, 2] * rows[:, 3])[:, None],
        background,
        np.ones(1),
        n_samples=600,
        seed=seed,
    )
    np.testing.assert_allclose(source.shapley_values(row)[0, 0, :5], [0.5, 0.5, 2, 2, 0], atol=1e-10)


def test_more_coalitions_come_nearer() -> None:
    rng = np.random.default_rng(2)
    background, rows, weights = rng.normal(size=(4, 13)), rng.normal(size=(5, 13)), np.full(4, 0.25)

    def call(cells: np.ndarray) -> np.ndarray:
        return np.asarray((cells[:, 0] * cells[:, 1] * cells[:, 2] + np.abs(cells[:, 3:6].sum(axis=1)))[:, None])

    exact = KernelSource(call, background, weights, n_samples=2**13).shapley_values(rows)
    small = KernelSource(call, background[:, :6], weights).shapley_values(rows[:, :6])  # the others are not read
    np.testing.assert_allclose(exact[..., :6], small, atol=1e-12)
    off = [
        np.abs(KernelSource(call, background, weights, n_samples=n).shapley_values(rows) - exact).mean()
        for n in (60, 400, 3000)
    ]
    assert off[0] > 1.5 * off[1] > 3 * off[2]  # the error falls with the root of their number, 2.6 times a step


def test_too_few_coalitions_are_named() -> None:
    source = KernelSource(lambda rows: rows.sum(axis=1, keepdims=True), np.zeros((1, 9)), np.ones(1), n_samples=6)
    with pytest.warns(ExplanationWarning, match=r"5 of the contributions .* `n_samples` at least twice"):
        source.shapley_values(np.arange(1.0, 10.0)[None])


def test_a_row_gets_the_same_bits_alone_and_among_others_on_all_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(3)
    rows = rng.normal(size=(6, 20))
    rows[2, :15] = 0.0  # fewer players than the others
    source = KernelSource(lambda r: np.sin(r).prod(axis=1, keepdims=True), np.zeros((2, 20)), np.full(2, 0.5))
    together = source.shapley_values(rows)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda i: source.shapley_values(rows[i : i + 1]), range(6)))
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), together)


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e6])
def test_sparse_rows_get_the_values_of_dense_ones(unit: float) -> None:
    rows = sp.random(8, 40, density=0.1, format="csr", random_state=0) * unit
    background = np.zeros((1, 40))
    background[0, :2] = unit
    background[0, 2] = 1e-12 * unit

    def call(cells: Any) -> np.ndarray:
        cells = np.asarray(cells.todense() if sp.issparse(cells) else cells) / unit
        return (cells[:, :10].sum(axis=1) ** 2 + (cells[:, 2] > 0))[:, None]

    source = KernelSource(call, background, np.ones(1))
    dense, sparse = source.shapley_values(rows.toarray()), source.shapley_values(rows)
    np.testing.assert_allclose(sparse[0].toarray(), dense[0], atol=1e-11)
    assert dense[0][:, 2].any()


def test_no_rows_give_no_values() -> None:
    source = KernelSource(lambda rows: np.asarray(rows[:, :1]), np.zeros((2, 3)), np.full(2, 0.5))
    assert source.shapley_values(np.zeros((0, 3))).shape == (1, 0, 3)
    assert source.shapley_values(sp.csr_matrix((0, 3)))[0].shape == (0, 3)
