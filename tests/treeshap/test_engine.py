"""The engine on made trees: numbers on paper, every subset of players, and properties over random ensembles."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import Engine, Players, TreeEnsemble

N_FEATURES = 6


def random_trees(
    seed: int, *, n_trees: int = 3, depth: int = 4, n_outputs: int = 1, categorical: bool = True, missing: int = 2
) -> TreeEnsemble:
    """Random trees with repeated features, empty branches, constants and sets of categories."""
    rng = np.random.default_rng(seed)
    nodes: dict[str, list[Any]] = {k: [] for k in ("feature", "threshold", "missing", "default_left", "left", "right")}
    nodes |= {k: [] for k in ("cover", "value", "category")}
    sets: list[int] = []

    def add(level: int, cover: float) -> int:
        at = len(nodes["feature"])
        leaf = level == 0 or cover < 2 or rng.random() < 0.1
        feature = int(rng.integers(N_FEATURES))
        is_set = categorical and feature == 5
        made = {
            "feature": -1 if leaf else feature,
            "threshold": round(float(rng.normal()), 1),
            "missing": missing,
            "default_left": bool(rng.random() < 0.5) and not leaf,
            "left": -1,
            "right": -1,
            "cover": cover,
            "value": float(rng.normal()) * (rng.random() < 0.9) if leaf else 0.0,
            "category": len(sets) if is_set and not leaf else -1,
        }
        for key, item in made.items():
            nodes[key].append(item)
        if not leaf:
            if is_set:
                sets.append(int(rng.integers(1, 2**9)))
            share = float(rng.choice([rng.random(), rng.random(), 0.0 if level < 2 else 0.5]))
            nodes["left"][at] = add(level - 1, math.floor(cover * share))
            nodes["right"][at] = add(level - 1, cover - math.floor(cover * share))
        return at

    offsets = [0]
    for _ in range(n_trees):
        add(depth, float(rng.integers(50, 500)))
        offsets.append(len(nodes["feature"]))
    return TreeEnsemble(
        offsets=np.array(offsets),
        output=np.arange(n_trees) % n_outputs,
        category_offsets=np.arange(len(sets) + 1),
        category_bits=np.array(sets, dtype=np.uint32),
        base=rng.normal(size=n_outputs),
        n_features=N_FEATURES,
        **{k: np.array(v) for k, v in nodes.items()},
    ).validate()


def random_rows(seed: int, n_rows: int = 8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_FEATURES)).round(1)
    X[rng.random(X.shape) < 0.15] = np.nan
    X[rng.random(X.shape) < 0.1] = 0.0
    X[:, 5] = rng.choice([-1.0, -0.5, 0, 1, 2.7, 3, 5, 8, 40, np.nan], n_rows)
    return X


def goes_left(trees: TreeEnsemble, node: int, cell: float) -> bool:
    if trees.category[node] >= 0:
        if math.isnan(cell):
            return bool(trees.default_left[node])
        word = int(trees.category_bits[trees.category[node]])
        return -1 < cell < 32 and bool(word >> int(cell) & 1)
    if trees.missing[node] == 0 and math.isnan(cell):
        cell = 0.0
    if math.isnan(cell) or (trees.missing[node] == 1 and abs(cell) <= 1e-35):
        return bool(trees.default_left[node])
    return bool(cell <= trees.threshold[node])


def expectation(trees: TreeEnsemble, node: int, row: np.ndarray, known: np.ndarray) -> float:
    """Output below a node if the features of ``known`` are; the others follow both branches by cover."""
    feature = trees.feature[node]
    if feature < 0:
        return float(trees.value[node])
    children = (int(trees.left[node]), int(trees.right[node]))
    if known[feature]:
        return expectation(trees, children[0 if goes_left(trees, node, row[feature]) else 1], row, known)
    shares = [trees.cover[c] / trees.cover[node] if trees.cover[node] else 0.0 for c in children]
    return sum(share * expectation(trees, c, row, known) for share, c in zip(shares, children, strict=True))


def brute_force(trees: TreeEnsemble, row: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values by their definition, over all subsets of groups; (n_outputs, n_groups) and the empty game."""
    n = int(groups.max()) + 1
    worth = {}
    for members in itertools.product([False, True], repeat=n):
        known = np.array(members)[groups]
        total = trees.base.copy()
        for t, k in enumerate(trees.output):
            total[k] += expectation(trees, int(trees.offsets[t]), row, known)
        worth[members] = total
    values = np.zeros((trees.n_outputs, n))
    for members, without in worth.items():
        for j in (j for j in range(n) if not members[j]):
            size = sum(members)
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            with_j = worth[(*members[:j], True, *members[j + 1 :])]
            values[:, j] += weight * (with_j - without)
    return values, worth[(False,) * n]


# By hand


def stump(**changed: Any) -> TreeEnsemble:
    made: dict[str, Any] = {
        "offsets": [0, 3], "output": [0], "feature": [0, -1, -1], "threshold": [0.5, 0, 0], "missing": [2, 0, 0],
        "default_left": [True, False, False], "left": [1, -1, -1], "right": [2, -1, -1], "cover": [4, 3, 1],
        "value": [0, 0, 4], "category": [-1, -1, -1], "category_offsets": [0], "category_bits": [], "base": [0.5],
        "n_features": 1,
    }  # fmt: skip
    return TreeEnsemble(**(made | changed))


def test_a_stump_gives_the_numbers_on_paper() -> None:
    """A quarter of the rows is on the right at 4, so the mean is 1 (and 0.5 of the base)."""
    engine = Engine(stump(), Players.engineered(1))
    np.testing.assert_array_equal(engine.expected_values, [1.5])
    X = np.array([[0.0], [1.0], [np.nan], [0.5], [np.inf], [-np.inf]])
    np.testing.assert_allclose(engine.values(X)[0, :, 0], [-1, 3, -1, -1, 3, -1], atol=1e-15)


@pytest.mark.parametrize(("missing", "at_zero", "at_nan"), [(0, -1, -1), (1, 3, 3), (2, -1, 3)])
def test_zero_and_nan_are_missing_as_the_split_says(missing: int, at_zero: float, at_nan: float) -> None:
    trees = stump(missing=[missing, 0, 0], default_left=[False] * 3)
    engine = Engine(trees, Players.engineered(1))
    X = np.array([[0.0], [1e-36], [np.nan], [0.1]])
    np.testing.assert_allclose(engine.values(X)[0, :, 0], [at_zero, at_zero, at_nan, -1], atol=1e-15)
    np.testing.assert_allclose(engine.values(sp.csr_matrix(X))[0, :, 0], [at_zero, at_zero, at_nan, -1], atol=1e-15)


def test_trees_of_one_leaf_add_to_the_expected_value_only() -> None:
    trees = stump(
        offsets=[0, 1], feature=[-1], threshold=[0], missing=[0], default_left=[False], left=[-1], right=[-1],
        cover=[1], value=[7], category=[-1],
    )  # fmt: skip
    engine = Engine(trees.validate(), Players.engineered(1))
    np.testing.assert_array_equal(engine.expected_values, [7.5])
    assert (engine.values(np.zeros((3, 1))) == 0).all()
    assert (engine.values(np.zeros((1, 1))) == 0).all()
    assert engine.values(np.zeros((0, 1))).shape == (1, 0, 1)
    assert engine.sparse_values(sp.csr_matrix((0, 1)))[0].shape == (0, 1)


# Brute force


@pytest.mark.parametrize("max_bytes", [2**28, 0], ids=["tables", "branches"])
@pytest.mark.parametrize("groups", [range(N_FEATURES), [0, 0, 1, 2, 2, 2], [0] * N_FEATURES, [1, 0, 1, 0, 2, 0]])
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_values_are_those_of_brute_force_over_all_subsets_of_groups(groups: Any, missing: int, max_bytes: int) -> None:
    players = np.array(list(groups))
    for seed in range(3):
        trees = random_trees(seed, depth=5, n_outputs=2, missing=missing)
        engine = Engine(trees, Players.grouped(players), max_bytes=max_bytes)
        X = random_rows(seed)
        found = engine.values(X)
        for r, row in enumerate(X):
            wanted, base = brute_force(trees, row, players)
            # Sums of a few hundred products of doubles of size 1.
            np.testing.assert_allclose(found[:, r], wanted, atol=1e-12)
            np.testing.assert_allclose(engine.expected_values, base, atol=1e-12)


# Properties


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), depth=st.integers(1, 12), n_trees=st.integers(1, 5), n_outputs=st.integers(1, 3),
    missing=st.integers(0, 2),
)  # fmt: skip
def test_tables_branches_rows_and_sparse_rows_agree_and_add_up(
    seed: int, depth: int, n_trees: int, n_outputs: int, missing: int
) -> None:
    trees = random_trees(seed, n_trees=n_trees, depth=depth, n_outputs=n_outputs, missing=missing)
    X = random_rows(seed, 20)
    engine = Engine(trees, Players.engineered(N_FEATURES))
    found = engine.values(X)
    scale = 1 + np.abs(trees.value).max() * n_trees
    exact = Engine(trees, Players.engineered(N_FEATURES), max_bytes=0).values(X)
    np.testing.assert_allclose(found, exact, atol=1e-11 * scale)
    output = found.sum(-1).T + engine.expected_values
    np.testing.assert_allclose(output, trees.predict(X), atol=1e-10 * scale)
    np.testing.assert_array_equal(np.concatenate([engine.values(X[i : i + 1]) for i in range(20)], axis=1), found)
    np.testing.assert_array_equal(engine.values(sp.csr_matrix(X)), found)
    np.testing.assert_array_equal(engine.values(np.asfortranarray(X)), found)
    np.testing.assert_array_equal(trees.predict(sp.csr_matrix(X)), trees.predict(X))
    for k, part in enumerate(engine.sparse_values(X)):
        np.testing.assert_array_equal(part.toarray(), found[k])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), max_bytes=st.sampled_from([2**28, 2000, 0]))
def test_folding_in_the_tables_is_folding_the_values(seed: int, max_bytes: int) -> None:
    trees, X = random_trees(seed, n_outputs=2), random_rows(seed)
    weights = np.random.default_rng(seed).random((3, N_FEATURES)).round(1)
    weights[:, 4] = 0.0
    weights[0] = 0.0
    engine = Engine(trees, Players.folded(weights), max_bytes=max_bytes)
    values = Engine(trees, Players.engineered(N_FEATURES)).values(X)
    found, remainder = engine.values_and_remainder(X)
    np.testing.assert_allclose(found, values @ weights.T, atol=1e-12)
    np.testing.assert_allclose(remainder, values[:, :, ~weights.any(0)].sum(-1), atol=1e-12)
    np.testing.assert_array_equal(engine.values_and_remainder(sp.csr_matrix(X))[0], found)
    np.testing.assert_array_equal(engine.values_and_remainder(X[:1])[0], found[:, :1])


def test_raw_players_hold_the_features_that_they_alone_feed() -> None:
    weights = np.array([[1, 1, 0, 0.5, 0, 0], [0, 0, 1, 0.5, 0, 0]])
    trees, X = random_trees(1), random_rows(1)
    found, remainder = Engine(trees, Players.raw(weights)).values_and_remainder(X)
    groups = np.array([0, 0, 1, 2, 3, 4])
    for r, row in enumerate(X):
        wanted, _ = brute_force(trees, row, groups)
        np.testing.assert_allclose(found[0, r], wanted[0, :2] + 0.5 * wanted[0, 2], atol=1e-12)
        np.testing.assert_allclose(remainder[0, r], wanted[0, 3:].sum(), atol=1e-12)


def test_deep_trees_keep_to_the_memory_bound_and_stay_exact() -> None:
    trees = random_trees(5, n_trees=4, depth=30, categorical=False)
    assert trees.n_leaves > 200
    X = random_rows(5)
    exact = Engine(trees, Players.engineered(N_FEATURES), max_bytes=0).values(X)
    for bound in (0, 10_000, 2**28):
        engine = Engine(trees, Players.engineered(N_FEATURES), max_bytes=bound)
        assert engine.prepared.nbytes <= bound
        np.testing.assert_allclose(engine.values(X), exact, atol=1e-12)


def test_threads_give_the_same_bits() -> None:
    trees = random_trees(2, n_trees=5)
    X = random_rows(2, 9001)
    one = Engine(trees, Players.engineered(N_FEATURES), n_jobs=1)
    many = Engine(trees, Players.engineered(N_FEATURES), n_jobs=3)
    np.testing.assert_array_equal(many.values(X), one.values(X))
    np.testing.assert_array_equal(many.values(sp.csr_matrix(X)), one.values(X))


# Errors


def test_arrays_that_hold_no_trees_are_refused() -> None:
    stump().validate()
    for changed in (
        {"left": [0, -1, -1]}, {"right": [1, -1, -1]}, {"feature": [1, -1, -1]}, {"value": [0, np.nan, 1]},
        {"cover": [1, -1, 1]}, {"category": [0, -1, -1]}, {"offsets": [0, 2]}, {"output": [1]},
    ):  # fmt: skip
        with pytest.raises(UnsupportedModelError, match="do not hold trees"):
            stump(**changed).validate()


def test_rows_and_players_of_another_width_are_refused() -> None:
    engine = Engine(stump(), Players.engineered(1))
    with pytest.raises(InputError, match=r"shape \(2, 3\); expected \(n_rows, 1\)"):
        engine.values(np.zeros((2, 3)))
    with pytest.raises(InputError, match="for 2 features; the trees have 1"):
        Players.of([0, 0], 1)
    with pytest.raises(InputError, match="whole numbers from 0 on"):
        Players.grouped([0.5])


# Processes


def _sum_in_child(queue: Any, engine: Engine, X: np.ndarray) -> None:
    queue.put(engine.values(X).sum())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_process_explains_after_its_parent_did() -> None:
    engine = Engine(random_trees(2), Players.engineered(N_FEATURES), n_jobs=2)
    X = random_rows(2, 9001)
    wanted = engine.values(X).sum()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_sum_in_child, args=(queue, engine, X))
    child.start()
    assert queue.get(timeout=60) == wanted
    child.join()


def test_any_bound_of_memory_is_taken_and_what_is_no_size_refused() -> None:
    trees, players = random_trees(0), Players.engineered(N_FEATURES)
    assert Engine(trees, players, max_bytes=2**70).prepared.nbytes == Engine(trees, players).prepared.nbytes
    for bound in (-1, 1.5, None, "1", True):
        with pytest.raises(InputError, match="`max_bytes` must be a whole number of at least 0"):
            Engine(trees, players, max_bytes=bound)  # type: ignore[arg-type] # what a caller may write


def test_more_cuts_than_a_rank_has_room_for_are_refused() -> None:
    n = np.iinfo(np.uint16).max + 1  # stumps, each with a cut of its own
    root, leaf = np.tile([True, False, False], n), np.tile([False, True, True], n)
    stumps = TreeEnsemble(
        offsets=3 * np.arange(n + 1),
        output=np.zeros(n, np.int32),
        feature=np.where(leaf, -1, 0).astype(np.int32),
        threshold=np.where(root, np.arange(3 * n), 0.0),
        missing=np.zeros(3 * n, np.int8),
        default_left=np.zeros(3 * n, bool),
        left=np.where(root, np.arange(3 * n) + 1, -1).astype(np.int32),
        right=np.where(root, np.arange(3 * n) + 2, -1).astype(np.int32),
        cover=np.where(root, 2.0, 1.0),
        value=np.where(leaf, 1.0, 0.0),
        category=np.full(3 * n, -1, np.int32),
        category_offsets=np.array([0]),
        category_bits=np.array([], np.uint32),
        base=np.zeros(1),
        n_features=1,
    )
    with pytest.raises(UnsupportedModelError, match=r"cut one column at 65,5\d\d places; at most 65,535"):
        Engine(stumps, Players.engineered(1)).values(np.zeros((1, 1)))
