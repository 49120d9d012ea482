"""The engine on trees of unusual shapes, with all, some and no leaves in tables, against exact values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from made_trees import engines, exact_values, goes_left, make_rows, make_trees

from automl_explain.treeshap import Engine, Players, TreeEnsemble
from automl_explain.treeshap._columns import Columns

# Doubles hold 1e-16; a value is a sum of some hundred products, the largest as large as it.
CLOSE = 1e-12


def check(trees: TreeEnsemble, X: np.ndarray, *, groups: Any = None, tolerance: float = CLOSE) -> None:
    """Every engine and every form of the rows against exact values, by the largest of each row."""
    groups = np.arange(trees.n_features) if groups is None else np.asarray(groups)
    wanted = exact_values(trees, X, groups)
    scale = np.abs(wanted).max(axis=2, keepdims=True)
    assert scale.max() > 0
    for engine in engines(trees, Players.grouped(groups)).values():
        found = engine.values(X)
        assert (np.abs(found - wanted) <= tolerance * scale).all()
        check_forms(engine, X, found)


def check_forms(engine: Engine, X: np.ndarray, found: np.ndarray) -> None:
    """The same bits however the rows are stored, and one at a time."""
    for same in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], np.repeat(X, 2, axis=1)[:, ::2], sp.csr_matrix(X)):
        np.testing.assert_array_equal(engine.values(same), found)
    for r in range(min(len(X), 12)):
        for row in (X[r : r + 1], sp.csr_matrix(X[r : r + 1])):
            np.testing.assert_array_equal(engine.values(row), found[:, r : r + 1])
    for k, part in enumerate(engine.sparse_values(sp.csr_matrix(X))):
        np.testing.assert_array_equal(part.toarray(), found[k])


@pytest.mark.parametrize(
    "shape",
    [
        {"n_features": 24, "depth": 18, "n_leaves": 40, "distinct": True},
        {"n_features": 48, "depth": 40, "n_leaves": 60, "distinct": True},
        {"n_features": 8, "depth": 30, "n_leaves": 255},
        {"n_features": 10, "depth": 6, "n_leaves": 30, "n_trees": 20, "n_outputs": 10},
        {"n_features": 6, "depth": 5, "n_trees": 5, "n_outputs": 2, "categories": (2, 5), "words": 4},
    ],
    ids=["18 players", "40 players", "255 leaves", "10 outputs", "long sets"],
)
def test_values_are_exact(shape: dict[str, Any]) -> None:
    for seed in range(2):
        trees = make_trees(seed, **shape)
        check(trees, make_rows(seed, trees))


@pytest.mark.parametrize("groups", [[0, 0, 1, 2, 2, 2, 3, 0], [0] * 8, [1, 0, 1, 0, 2, 0, 3, 3]])
def test_values_of_groups_are_exact(groups: list[int]) -> None:
    trees = make_trees(3, n_features=8, depth=9, n_leaves=60, n_outputs=2, categories=(1,), words=2)
    check(trees, make_rows(3, trees), groups=groups)


@pytest.mark.parametrize(
    "shape",
    [
        {"shares": (-9, -9, -3, -1, -0.3)},
        {"shares": (-9, -12, -1, -0.3), "sizes": (6, 0)},
        {"sizes": (6, 6, 0, -3)},
        {"sizes": (-300, -150, 6)},
        {"sizes": (-300,)},
    ],
    ids=["small shares", "small shares and large values", "cancelling values", "values of all sizes", "tiny values"],
)
def test_extreme_shares_and_values_lose_no_digits(shape: dict[str, Any]) -> None:
    for seed in range(2):
        trees = make_trees(seed, n_features=8, n_trees=6, depth=8, n_leaves=60, **shape)
        # Small shares: the walk takes back what it gave above, of the same size as what is left.
        check(trees, make_rows(seed, trees), tolerance=1e-11)


@pytest.mark.parametrize("raw", [False, True], ids=["folded", "raw"])
def test_shared_values_and_the_remainder_are_exact(raw: bool) -> None:
    trees = make_trees(4, n_features=12, n_trees=8, depth=9, n_leaves=40, n_outputs=3, categories=(3,), words=2)
    X, rng = make_rows(4, trees), np.random.default_rng(4)
    weights = (rng.random((5, 12)) * (rng.random((5, 12)) < 0.25)).round(2)
    assert 0 < (weights == 0).all(axis=0).sum() < 11
    players = Players.raw(weights) if raw else Players.folded(weights)
    values = exact_values(trees, X, np.append(players.of_feature, players.weights.shape[1] - 1))
    wanted = np.einsum("knp,tp->knt", values, players.weights.to_scipy().toarray())
    for engine in engines(trees, players).values():
        found, remainder = engine.values_and_remainder(X)
        np.testing.assert_allclose(found, wanted.astype(float), atol=CLOSE)
        np.testing.assert_allclose(remainder, values[:, :, players.unmapped].sum(axis=2).astype(float), atol=CLOSE)
        check_forms(engine, X, found)
        for r in range(len(X)):
            np.testing.assert_array_equal(engine.values_and_remainder(X[r : r + 1])[1], remainder[:, r : r + 1])


@pytest.mark.parametrize("kind", ["full", "some", "none"])
def test_every_number_of_rows_gives_the_same_bits(kind: str) -> None:
    trees = make_trees(5, n_features=7, n_trees=6, depth=6, n_leaves=40, n_outputs=2, categories=(4,), words=2)
    X = make_rows(5, trees, 4100)
    engine = engines(trees, Players.engineered(7))[kind]
    found = engine.values(X)
    wanted = exact_values(trees, X, np.arange(7))
    assert np.abs(found - wanted).max() < CLOSE
    single = X.astype(np.float32)
    np.testing.assert_array_equal(engine.values(single), engine.values(single.astype(np.float64)))
    np.testing.assert_array_equal(engine.values(single[:1]), engine.values(single)[:, :1])
    for n in (1, 2, 7, 8, 9, 63, 64, 65, 2047, 2048, 2049, 4095, 4096, 4097):
        for rows in (X[:n], sp.csr_matrix(X[:n])):
            np.testing.assert_array_equal(engine.values(rows), found[:, :n])
        for k, part in enumerate(engine.sparse_values(sp.csr_matrix(X[:n]))):
            np.testing.assert_array_equal(part.toarray(), found[k, :n])


def test_rows_on_both_sides_of_a_block_have_the_values_they_have_alone() -> None:
    trees = make_trees(7, n_features=4, n_trees=3, depth=3)
    engine = Engine(trees, Players.engineered(4), n_jobs=1)
    block = engine.prepared.block
    X = make_rows(7, trees, 2 * block + 1)
    found = engine.values(X)
    for n in (block - 1, block, block + 1, 2 * block):
        np.testing.assert_array_equal(engine.values(X[:n]), found[:, :n])
    for row in (0, block - 1, block, 2 * block - 1, 2 * block):
        np.testing.assert_array_equal(engine.values(X[row : row + 1]), found[:, row : row + 1])


def test_wide_models_take_their_rows_in_narrow_blocks() -> None:
    """The sums of 16,384 rows would not fit the cache; the values are the same whatever the rows share a block with."""
    trees = make_trees(6, n_features=2000, n_trees=160, depth=5, n_outputs=4, digits=3)
    engine = Engine(trees, Players.engineered(2000), n_jobs=1)
    assert 64 < engine.prepared.block < 2048
    X = make_rows(6, trees, engine.prepared.block + 9)
    found = engine.values(X)
    for first in (0, 5, len(X) - 27, len(X) - 9):
        np.testing.assert_array_equal(engine.values(X[first : first + 27]), found[:, first : first + 27])
    np.testing.assert_allclose(found.sum(-1).T + engine.expected_values, trees.predict(X), atol=1e-10)


def test_columns_with_many_cuts_are_searched() -> None:
    trees = make_trees(7, n_features=2, n_trees=1500, depth=2, digits=6)
    assert np.diff(Columns.of(trees).cut_ptr).min() > 500
    cuts = trees.threshold[trees.feature >= 0][:40]
    beside = np.nextafter(cuts, np.inf)
    near = np.column_stack([np.concatenate([cuts, beside]), np.concatenate([beside, cuts])])
    check(trees, np.vstack([make_rows(7, trees), near]))


def stumps(thresholds: np.ndarray, missing: int) -> TreeEnsemble:
    """One stump for each threshold, of one column; -1 on the left and 1 on the right, half of the rows on each."""
    n = len(thresholds)
    return TreeEnsemble(
        offsets=3 * np.arange(n + 1),
        output=np.zeros(n),
        feature=np.tile([0, -1, -1], n),
        threshold=np.kron(thresholds, [1, 0, 0]),
        missing=np.tile([missing, 0, 0], n),
        default_left=np.zeros(3 * n),
        left=np.where(np.arange(3 * n) % 3, -1, np.arange(3 * n) + 1),
        right=np.where(np.arange(3 * n) % 3, -1, np.arange(3 * n) + 2),
        cover=np.tile([2, 1, 1], n),
        value=np.tile([0, -1, 1], n),
        category=np.full(3 * n, -1),
        category_offsets=[0],
        category_bits=[],
        base=[0],
        n_features=1,
    ).validate()  # fmt: skip


@pytest.mark.parametrize("max_bytes", [2**28, 0], ids=["tables", "branches"])
@pytest.mark.parametrize("missing", [0, 2])
def test_as_many_cuts_as_a_rank_has_room_for(missing: int, max_bytes: int) -> None:
    """65,535 ranks: a cell k adds 1 for each of the k cuts below it, and takes 1 for the others; missing adds all."""
    n = 65534 - (missing > 0)
    trees = stumps(np.arange(n) + 0.5, missing)
    X = np.array([[0.0], [1.0], [n - 1.0], [float(n)], [np.nan]])
    wanted = [-n, 2 - n, n - 2, n, n if missing else -n]
    engine = Engine(trees, Players.engineered(1), max_bytes=max_bytes)
    np.testing.assert_allclose(engine.values(X)[0, :, 0], wanted, atol=1e-9)
    np.testing.assert_array_equal(engine.values(X[-1:])[0], engine.values(X)[0, -1:])


def test_categories_with_large_numbers_are_ranked_by_what_the_sets_say_of_them() -> None:
    """Sets {3, 2,000,000} and {3}: codes in both, in the first, in none; a missing one is in none as well."""
    words = np.zeros(62501, dtype=np.uint32)
    words[[0, 62500]] = 1 << 3, 1
    trees = TreeEnsemble(
        offsets=[0, 3, 6], output=[0, 0], feature=[0, -1, -1] * 2, threshold=[0] * 6, missing=[2, 0, 0] * 2,
        default_left=[False] * 6, left=[1, -1, -1, 4, -1, -1], right=[2, -1, -1, 5, -1, -1], cover=[4, 1, 3] * 2,
        value=[0, 4, 0, 0, 8, 0], category=[0, -1, -1, 1, -1, -1], category_offsets=[0, 62501, 62502],
        category_bits=np.append(words, np.uint32(1 << 3)), base=[0], n_features=1,
    ).validate()  # fmt: skip
    columns = Columns.of(trees)
    assert columns.n_ranks.tolist() == [3]
    assert len(columns.cuts) == 2_000_032 + 2
    X = np.array([[3.0], [2e6], [2e6 + 1], [4.0], [1e9], [np.nan]])
    for engine in (Engine(trees, Players.engineered(1)), Engine(trees, Players.engineered(1), max_bytes=0)):
        np.testing.assert_allclose(engine.values(X)[0, :, 0], [9, 1, -3, -3, -3, -3], atol=1e-12)


def test_sets_over_many_categories_are_exact() -> None:
    """600 codes: fewer leaves are tried with each other."""
    trees = make_trees(8, n_features=3, n_trees=40, depth=4, categories=(1,), words=19)
    columns = Columns.of(trees)
    assert columns.n_ranks.max() > 500
    X = make_rows(8, trees, 60)
    wanted = exact_values(trees, X, np.arange(3))
    for max_bytes in (2**28, 0):
        engine = Engine(trees, Players.engineered(3), max_bytes=max_bytes)
        np.testing.assert_allclose(engine.values(X), wanted.astype(float), atol=CLOSE)
        check_forms(engine, X, engine.values(X))


def test_tables_use_the_memory_they_are_given_and_no_more() -> None:
    trees = make_trees(9, n_features=12, n_trees=60, depth=9, n_leaves=120, digits=2)
    needed = Engine(trees, Players.engineered(12), n_jobs=1).prepared.nbytes
    X = make_rows(9, trees)
    wanted = exact_values(trees, X, np.arange(12))
    for share in (1.0, 0.5, 0.1, 0.01):
        bound = int(share * needed)
        engine = Engine(trees, Players.engineered(12), n_jobs=1, max_bytes=bound)
        assert 0.5 * bound < engine.prepared.nbytes <= bound
        np.testing.assert_allclose(engine.values(X), wanted.astype(float), atol=CLOSE)


def test_a_leaf_that_no_row_can_reach_has_more_players_than_its_cells_say() -> None:
    """A chain that asks of each of 18 features to be at most 0, and then above 5."""
    n = 18
    splits = 2 * n
    inner = 2 * np.arange(splits)  # each followed by the leaf beside it; the last by two leaves
    size = 2 * splits + 1
    feature, threshold, left, right = np.full(size, -1), np.zeros(size), np.full(size, -1), np.full(size, -1)
    feature[inner], threshold[inner] = np.arange(splits) // 2, np.where(np.arange(splits) % 2, 5.0, 0.0)
    goes_on = np.arange(splits) % 2 == 0  # at most 0 on the left, above 5 on the right
    left[inner], right[inner] = np.where(goes_on, inner + 2, inner + 1), np.where(goes_on, inner + 1, inner + 2)
    cover = np.zeros(size)
    cover[inner], cover[inner + 1], cover[-1] = splits + 1.0 - np.arange(splits), 1.0, 1.0
    trees = TreeEnsemble(
        offsets=np.array([0, size]), output=np.array([0]), feature=feature, threshold=threshold,
        missing=np.zeros(size), default_left=np.zeros(size), left=left, right=right, cover=cover,
        value=np.where(feature < 0, np.arange(size) + 1.0, 0.0), category=np.full(size, -1),
        category_offsets=np.array([0]), category_bits=np.array([]), base=np.zeros(1), n_features=n,
    ).validate()  # fmt: skip
    X = np.random.default_rng(0).choice([-1.0, 3.0, 7.0], size=(20, n))
    tabled, walked = (Engine(trees, Players.engineered(n), max_bytes=bound) for bound in (2**28, 0))
    np.testing.assert_allclose(tabled.values(X), walked.values(X), atol=1e-11)
    output = tabled.values(X).sum(-1).T + tabled.expected_values
    np.testing.assert_allclose(output, trees.predict(X), atol=1e-11)


def test_predictions_follow_the_branches() -> None:
    """Every missing type, zeros of all kinds, and codes at, between and beyond the ends of the sets."""
    for seed in range(3):
        trees = make_trees(
            seed, n_features=7, n_trees=12, depth=7, n_leaves=50, n_outputs=2, categories=(1, 4), words=3
        )
        X = make_rows(seed, trees, 300)
        wanted = np.tile(trees.base, (len(X), 1))
        for root, output in zip(trees.offsets[:-1], trees.output, strict=True):
            node = np.full(len(X), root)
            while (inner := trees.feature[node] >= 0).any():
                for at in np.unique(node[inner]):
                    here = np.flatnonzero(node == at)
                    left = goes_left(trees, at, X[here, trees.feature[at]])
                    node[here] = np.where(left, trees.left[at], trees.right[at])
            wanted[:, output] += trees.value[node]
        np.testing.assert_array_equal(trees.predict(X), wanted)
        np.testing.assert_array_equal(trees.predict(sp.csr_matrix(X)), wanted)
