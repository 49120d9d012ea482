"""What is prepared of two trees on paper: values with all, some and none of their leaves in tables, and the figures."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import scipy.sparse as sp

from automl_explain.treeshap import Engine, Players, TreeEnsemble

CLOSE = 1e-14  # sums of a few products of numbers that doubles hold

# 5 for 1 < a <= 2, else 0; and 3 for b <= 0, else 0.
TREES = TreeEnsemble(
    offsets=[0, 5, 8],
    output=[0, 0],
    feature=[0, -1, 0, -1, -1, 1, -1, -1],
    threshold=[1, 0, 2, 0, 0, 0, 0, 0],
    missing=[0] * 8,
    default_left=[False] * 8,
    left=[1, -1, 3, -1, -1, 6, -1, -1],
    right=[2, -1, 4, -1, -1, 7, -1, -1],
    cover=[8, 4, 4, 1, 3, 8, 2, 6],
    value=[0, 0, 0, 5, 0, 0, 3, 0],
    category=[-1] * 8,
    category_offsets=[0],
    category_bits=[],
    base=[0],
    n_features=2,
)
# The answers to a are no, yes and no again. 5 and 3 are worth 5 / 8 and 3 / 4 on average.
ROWS = np.array([[0.0, 0.0], [1.0, 1.0], [1.5, 0.0], [2.0, 1.0], [3.0, -1.0], [np.nan, np.nan]])
VALUES = [[-5 / 8, 9 / 4], [-5 / 8, -3 / 4], [35 / 8, 9 / 4], [35 / 8, -3 / 4], [-5 / 8, 9 / 4], [-5 / 8, 9 / 4]]

# 7 for a <= 1 and b <= 0; 4 for a <= 1; 5 for 1 < a <= 2.
LARGE_AND_SMALL = TreeEnsemble(
    offsets=[0, 5, 10],
    output=[0, 0],
    feature=[0, 1, -1, -1, -1, 0, -1, 0, -1, -1],
    threshold=[1, 0, 0, 0, 0, 1, 0, 2, 0, 0],
    missing=[0] * 10,
    default_left=[False] * 10,
    left=[1, 2, -1, -1, -1, 6, -1, 8, -1, -1],
    right=[4, 3, -1, -1, -1, 7, -1, 9, -1, -1],
    cover=[8, 4, 2, 2, 4, 8, 4, 4, 2, 2],
    value=[0, 0, 7, 0, 0, 0, 4, 0, 5, 0],
    category=[-1] * 10,
    category_offsets=[0],
    category_bits=[],
    base=[0],
    n_features=2,
)
# A row at (0, 0) adds 21 / 4 to the 7 / 4 that 7 is worth on average, half from each; from 13 / 4 to 4 all is from a.
LARGE_ROWS = np.array([[0.0, 0.0], [0.0, 1.0], [1.5, 0.0], [3.0, 1.0]])
LARGE_VALUES = [
    [21 / 8 + 3 / 4, 21 / 8],
    [7 / 8 + 3 / 4, -21 / 8],
    [-21 / 8 + 7 / 4, 7 / 8],
    [-7 / 8 - 13 / 4, -7 / 8],
]


def engine(trees: TreeEnsemble, max_bytes: int = 2**20, n_features: int = 2) -> Engine:
    return Engine(trees, Players.engineered(n_features), n_jobs=1, max_bytes=max_bytes)


def check(made: Engine, X: np.ndarray, wanted: object) -> None:
    """Values of all rows at once, of each alone, and of sparse rows."""
    found = made.values(X)
    np.testing.assert_allclose(found, [wanted], atol=CLOSE)
    np.testing.assert_array_equal(np.concatenate([made.values(row[None]) for row in X], axis=1), found)
    np.testing.assert_array_equal(made.values(sp.csr_matrix(X)), found)


@pytest.mark.parametrize("max_bytes", [2**20, 0], ids=["tables", "branches"])
def test_values_are_those_on_paper(max_bytes: int) -> None:
    made = engine(TREES, max_bytes)
    check(made, ROWS, VALUES)
    np.testing.assert_array_equal(made.expected_values, [5 / 8 + 3 / 4])
    made = engine(LARGE_AND_SMALL, max_bytes)
    check(made, LARGE_ROWS, LARGE_VALUES)
    np.testing.assert_array_equal(made.expected_values, [7 / 4 + 13 / 4])


@pytest.mark.parametrize(
    ("trees", "rows", "wanted"), [(TREES, ROWS, VALUES), (LARGE_AND_SMALL, LARGE_ROWS, LARGE_VALUES)]
)
def test_any_memory_gives_the_values_on_paper(trees: TreeEnsemble, rows: np.ndarray, wanted: object) -> None:
    needed = engine(trees).prepared.nbytes
    in_tables = []
    for max_bytes in range(0, needed + 1, 8):
        made = engine(trees, max_bytes)
        assert made.prepared.nbytes <= max_bytes
        check(made, rows, wanted)
        in_tables.append(made.prepared.leaves_in_tables)
    assert (in_tables[0], in_tables[-1]) == (0, made.prepared.leaves)


def test_leaves_without_room_for_their_tables_are_walked_to() -> None:
    """Half of the memory is for factors where the tables need more than all of it."""
    needed = engine(LARGE_AND_SMALL).prepared.nbytes
    made = engine(LARGE_AND_SMALL, needed - 8)
    assert (made.prepared.leaves, made.prepared.leaves_in_tables, made.prepared.leaves_in_factors) == (3, 0, 0)
    check(made, LARGE_ROWS, LARGE_VALUES)


def test_leaves_that_add_nothing_are_left_out() -> None:
    prepared = engine(TREES).prepared
    assert (prepared.leaves, prepared.leaves_in_tables) == (2, 2)
    nothing = engine(dataclasses.replace(TREES, value=[0] * 8))
    assert nothing.prepared.leaves == nothing.prepared.nbytes == nothing.prepared.look_ups == 0
    check(nothing, ROWS, np.zeros((6, 2)))


def test_leaves_share_a_table_also_across_trees_but_not_across_outputs() -> None:
    shared, apart = engine(TREES), engine(dataclasses.replace(TREES, output=[0, 1], base=[0, 0]))
    assert (shared.prepared.look_ups, apart.prepared.look_ups) == (1, 2)
    # Of a twice, where the answer changes and changes back, and of b once.
    assert shared.prepared.comparisons == apart.prepared.comparisons == 3
    check(shared, ROWS, VALUES)
    values = np.array(VALUES)
    found = apart.values(ROWS)
    np.testing.assert_allclose(found[0], values * [1, 0], atol=CLOSE)
    np.testing.assert_allclose(found[1], values * [0, 1], atol=CLOSE)


def test_trees_that_ask_the_same_cost_no_more_than_one() -> None:
    one, many = engine(TREES), engine(TreeEnsemble.join([TREES] * 8).with_outputs([1] * 8, [0] * 8))
    for figure in ("look_ups", "comparisons", "nbytes"):
        assert getattr(many.prepared, figure) == getattr(one.prepared, figure)
    check(many, ROWS, 8 * np.array(VALUES))


@pytest.mark.parametrize("max_bytes", [2**20, 0], ids=["tables", "branches"])
def test_no_rank_lies_behind_the_last(max_bytes: int) -> None:
    above = dataclasses.replace(TREES, value=[0, 0, 0, 0, 0, 0, 0, 3])  # for b > 0, three quarters of the rows
    check(engine(above, max_bytes), ROWS[:4], [[0, -9 / 4], [0, 3 / 4], [0, -9 / 4], [0, 3 / 4]])


@pytest.mark.parametrize("max_bytes", [2**20, 256, 0])
def test_only_targets_that_occur_have_values(max_bytes: int) -> None:
    """Of four targets the second and third are those of a, b goes to the fourth; nothing is kept for the first."""
    weights = np.array([[0, 0], [0.25, 0], [0.75, 0], [0, 2]])
    made = Engine(LARGE_AND_SMALL, Players.folded(weights), n_jobs=1, max_bytes=max_bytes)
    assert np.frombuffer(made.prepared.targets, dtype=np.int64).tolist() == [1, 2, 3]
    np.testing.assert_allclose(made.values(LARGE_ROWS), [np.array(LARGE_VALUES) @ weights.T], atol=CLOSE)
    (sparse,) = made.sparse_values(sp.csr_matrix(LARGE_ROWS))
    np.testing.assert_array_equal(sparse.toarray(), made.values(LARGE_ROWS)[0])


def test_figures_say_what_a_row_costs() -> None:
    """A part of 4 or 8 neighbouring values of a table is a look-up, and each is in one bundle."""
    for max_bytes in (2**20, 256, 0):
        prepared = engine(LARGE_AND_SMALL, max_bytes).prepared
        assert prepared.bundles <= prepared.look_ups <= prepared.nbytes // 64
        assert (prepared.comparisons > 0) == (prepared.leaves_in_tables + prepared.leaves_in_factors > 0)
        assert prepared.block % 64 == 0


def test_long_paths_are_prepared_in_time_that_grows_with_their_conditions() -> None:
    """A chain that asks 1,500 columns, each once, in any order: it took 6 s of CPU, for a million conditions."""
    depth, rng = 1500, np.random.default_rng(0)
    n, split = 2 * depth + 1, 2 * np.arange(depth)
    feature, left, right = (np.full(n, -1) for _ in range(3))
    feature[split], left[split], right[split] = rng.permutation(depth), split + 1, split + 2
    cover, value = np.ones(n), np.where(feature < 0, rng.normal(size=n), 0.0)
    cover[split] = depth + 1 - np.arange(depth)
    chain = TreeEnsemble(
        offsets=[0, n], output=[0], feature=feature, threshold=np.zeros(n), missing=np.zeros(n),
        default_left=np.zeros(n), left=left, right=right, cover=cover, value=value, category=np.full(n, -1),
        category_offsets=[0], category_bits=[], base=[0], n_features=depth,
    )  # fmt: skip
    start = time.process_time()
    made = engine(chain, n_features=depth)
    assert time.process_time() - start < 3
    X = np.where(rng.random((3, depth)) < 0.002, -1.0, 1.0)
    output = made.values(X).sum(axis=2) + made.expected_values[:, None]
    np.testing.assert_allclose(output, chain.predict(X).T, rtol=0, atol=1e-11)
