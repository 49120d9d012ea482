"""Factors, the tables of leaves with many players: every way they are laid out, against exact values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from made_trees import exact_values, make_rows, make_trees

from automl_explain.treeshap import Engine, Players, TreeEnsemble

# A value is a sum of some hundred products of doubles, the largest as large as it.
CLOSE = 1e-12


def check(engine: Engine, X: np.ndarray, wanted: np.ndarray) -> None:
    """Values against exact ones; sparse rows, and one at a time, have the same bits."""
    found = engine.values(X)
    assert (np.abs(found - wanted) <= CLOSE * np.abs(wanted).max(axis=2, keepdims=True)).all()
    np.testing.assert_array_equal(engine.values(sp.csr_matrix(X)), found)
    for r in range(min(len(X), 12)):
        np.testing.assert_array_equal(engine.values(X[r : r + 1]), found[:, r : r + 1])


def chains(n_features: int, *, values: tuple[float, float] = (2.0, -3.0), sets: tuple[int, ...] = ()) -> TreeEnsemble:
    """A root, and on both sides a chain that asks every other feature once and ends at the one leaf with a value.

    ``sets`` (for every feature a word of categories) makes all splits those on categories. Chains go on to the right.
    """
    inner = 2 * (n_features - 1) + 1
    size = 2 * inner + 1
    feature, left, right, value = np.full(size, -1), np.full(size, -1), np.full(size, -1), np.zeros(size)
    cover = np.ones(size)
    at = 1
    feature[0], left[0] = 0, 1
    for side in range(2):
        if side:
            right[0] = at
        for f in range(1, n_features):
            feature[at], left[at], right[at] = f, at + 1, at + 2
            at += 2
        value[at] = values[side]
        at += 1
    for node in range(size - 1, -1, -1):
        if feature[node] >= 0:
            cover[node] = cover[left[node]] + cover[right[node]]
    is_split = feature >= 0
    return TreeEnsemble(
        offsets=[0, size], output=[0], feature=feature, threshold=np.where(is_split, 0.25 * (feature % 3) - 0.25, 0.0),
        missing=np.where(is_split, 2, 0), default_left=np.zeros(size), left=left, right=right, cover=cover, value=value,
        category=np.where(is_split & bool(sets), feature, -1), category_offsets=np.arange(len(sets) + 1),
        category_bits=np.array(sets, dtype=np.uint32), base=[0.5], n_features=n_features,
    ).validate()  # fmt: skip


def passing_rows(seed: int, n_features: int) -> np.ndarray:
    """Rows that satisfy nearly all conditions of the chains, so that values are not zero."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((12, n_features)) < 0.03, -1.0, 1.0)
    X[:, 0] = rng.choice([-1.0, 1.0], len(X))
    return X


@pytest.mark.parametrize("n_features", [12, 16, 17, 18, 32, 33, 48, 49, 64])
def test_one_leaf_of_any_number_of_players_is_exact(n_features: int) -> None:
    """12 to 64 players: one to four vectors of nodes, and two to eleven parts of the prefix."""
    trees = chains(n_features)
    engine = Engine(trees, Players.engineered(n_features), n_jobs=1)
    assert (engine.prepared.leaves_in_factors, engine.prepared.leaves_in_tables) == (2, 0)
    X = passing_rows(n_features, n_features)
    check(engine, X, exact_values(trees, X, np.arange(n_features)))


def test_leaves_with_more_players_than_a_factor_takes_are_walked_to() -> None:
    trees = chains(65)
    engine = Engine(trees, Players.engineered(65), n_jobs=1)
    assert engine.prepared.leaves_in_factors == engine.prepared.leaves_in_tables == 0
    X = passing_rows(0, 65)
    check(engine, X, exact_values(trees, X, np.arange(65)))


@pytest.mark.parametrize("n_features", [12, 32, 63, 64])
def test_conditions_that_every_row_satisfies_are_counted_as_satisfied(n_features: int) -> None:
    """Sets of no category: all rows go right, and so the table of B has a cell for the root's answers alone."""
    trees = chains(n_features, sets=(1, *[0] * (n_features - 1)))
    X = np.random.default_rng(0).integers(0, 3, (10, n_features)).astype(float)
    engine = Engine(trees, Players.engineered(n_features), n_jobs=1)
    assert (engine.prepared.factors, engine.prepared.leaves_in_factors) == (1, 2)
    check(engine, X, exact_values(trees, X, np.arange(n_features)))


@pytest.mark.parametrize("n_groups", [12, 14, 15, 30])
def test_players_with_several_conditions_are_exact(n_groups: int) -> None:
    """60 features in groups: a player of five, four or two conditions, all of which one part of the prefix holds."""
    trees = chains(60)
    groups = np.arange(60) % n_groups
    engine = Engine(trees, Players.grouped(groups), n_jobs=1)
    assert engine.prepared.leaves_in_factors > 0
    X = passing_rows(n_groups, 60)
    check(engine, X, exact_values(trees, X, groups))


@pytest.mark.parametrize(("each", "in_factors"), [(7, 2), (8, 2), (9, 0)])
def test_a_player_with_more_conditions_than_a_part_has_a_part_of_its_own(each: int, in_factors: int) -> None:
    """One player with 7, 8 or 9 conditions beside 14 with one; with 9 the leaves are walked to."""
    groups = np.append(np.arange(14), np.full(each, 14))
    trees = chains(len(groups))
    engine = Engine(trees, Players.grouped(groups), n_jobs=1)
    assert engine.prepared.leaves_in_factors == in_factors
    X = passing_rows(each, len(groups))
    check(engine, X, exact_values(trees, X, groups))


SHAPES: dict[str, dict[str, Any]] = {
    "narrow": {"n_features": 14, "depth": 16, "n_leaves": 60, "n_trees": 2},
    "two vectors": {"n_features": 30, "depth": 24, "n_leaves": 40, "n_trees": 1, "distinct": True},
    "sets": {"n_features": 20, "depth": 18, "n_leaves": 50, "categories": (1, 7, 8), "words": 3},
    "outputs": {"n_features": 18, "depth": 18, "n_leaves": 30, "n_trees": 4, "n_outputs": 3},
    "wide": {"n_features": 70, "depth": 70, "n_leaves": 20, "n_trees": 1, "distinct": True},
    "tiny shares": {"n_features": 16, "depth": 16, "n_leaves": 50, "shares": (-12, -3, -1, -0.3)},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("grouped", [False, True], ids=["features", "groups"])
def test_leaves_in_tables_in_factors_and_walked_to_add_up(shape: dict[str, Any], grouped: bool) -> None:
    trees = make_trees(11, **shape)
    n, rng = trees.n_features, np.random.default_rng(11)
    groups = np.append(np.arange(n - n // 4), rng.integers(0, n - n // 4, n // 4)) if grouped else np.arange(n)
    X = make_rows(11, trees, 9)
    wanted = exact_values(trees, X, groups)
    full = Engine(trees, Players.grouped(groups), n_jobs=1)
    assert full.prepared.leaves_in_factors > 0
    for share in (1.0, 0.7, 0.3, 0.05):
        bound = int(share * full.prepared.nbytes)
        engine = Engine(trees, Players.grouped(groups), n_jobs=1, max_bytes=bound)
        assert engine.prepared.nbytes <= bound
        check(engine, X, wanted)


def test_factors_that_memory_cuts_off_leave_the_rest_of_their_tree_to_the_walk() -> None:
    trees = make_trees(12, n_features=20, depth=20, n_leaves=120, n_trees=2, distinct=True)
    X = make_rows(12, trees)
    wanted = exact_values(trees, X, np.arange(20))
    full = Engine(trees, Players.engineered(20), n_jobs=1).prepared
    mixed = set()
    for bound in range(0, full.nbytes + 1, max(1, full.nbytes // 12)):
        engine = Engine(trees, Players.engineered(20), n_jobs=1, max_bytes=bound)
        made = engine.prepared
        assert made.nbytes <= bound
        walked = made.leaves - made.leaves_in_tables - made.leaves_in_factors
        mixed.add((made.leaves_in_tables > 0, made.leaves_in_factors > 0, walked > 0))
        check(engine, X, wanted)
    assert (True, True, True) in mixed
    assert (False, False, True) in mixed


def test_values_of_factors_are_shared_among_targets() -> None:
    trees = make_trees(13, n_features=24, depth=20, n_leaves=50, n_outputs=2, n_trees=3, distinct=True)
    X, rng = make_rows(13, trees), np.random.default_rng(13)
    weights = (rng.random((4, 24)) * (rng.random((4, 24)) < 0.3)).round(2)
    weights[2] = 0.0
    engine = Engine(trees, Players.folded(weights), n_jobs=1)
    assert engine.prepared.leaves_in_factors > 0
    exact = exact_values(trees, X, np.arange(24))
    found, remainder = engine.values_and_remainder(X)
    np.testing.assert_allclose(found, (exact @ weights.T).astype(float), atol=CLOSE)
    np.testing.assert_allclose(remainder, exact[:, :, ~weights.any(axis=0)].sum(axis=2).astype(float), atol=CLOSE)
    for k, part in enumerate(engine.sparse_values(sp.csr_matrix(X))):
        np.testing.assert_array_equal(part.toarray(), found[k])


def test_rows_beside_each_bound_of_the_blocks_have_the_bits_they_have_alone() -> None:
    """Rows go through factors 8, 32 and 256 at a time."""
    trees = make_trees(14, n_features=30, depth=26, n_leaves=40, distinct=True)
    engine = Engine(trees, Players.engineered(30), n_jobs=1)
    assert engine.prepared.leaves_in_factors > 0
    X = make_rows(14, trees, 600)
    found = engine.values(X)
    for n in (0, 1, 7, 8, 9, 31, 32, 33, 255, 256, 257, 511, 512, 513):
        np.testing.assert_array_equal(engine.values(X[:n]), found[:, :n])
        np.testing.assert_array_equal(engine.values(X[n : n + 1]), found[:, n : n + 1])
    np.testing.assert_array_equal(
        engine.values(X.astype(np.float32)), engine.values(X.astype(np.float32).astype(float))
    )


def test_threads_share_rows_out_among_factors_and_branches() -> None:
    trees = make_trees(14, n_features=30, depth=26, n_leaves=40, distinct=True)
    full = Engine(trees, Players.engineered(30), n_jobs=1)
    X = make_rows(14, trees, 3100)
    for bound in (full.prepared.nbytes, full.prepared.nbytes // 2):
        engine = Engine(trees, Players.engineered(30), n_jobs=1, max_bytes=bound)
        assert engine.prepared.leaves_in_factors > 0
        found = engine.values(X)
        for n_jobs in (2, 3):
            np.testing.assert_array_equal(engine.values(X, n_jobs), found)
            np.testing.assert_array_equal(engine.values(sp.csr_matrix(X), n_jobs), found)
