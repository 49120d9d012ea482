"""Arrays and texts that hold no trees are refused, whatever is wrong with them; odd ones that do are explained."""

from __future__ import annotations

import dataclasses
import tracemalloc
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import scipy.sparse as sp
from made_trees import exact_values, make_rows, make_trees

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import Engine, Players, TreeEnsemble, TreeModel, read_lightgbm


def fields(**changed: Any) -> dict[str, Any]:
    """Two trees over three features: a split on 0 with one on 1 to its right, and one on the categories of 2."""
    return {
        "offsets": [0, 5, 8], "output": [0, 0], "feature": [0, -1, 1, -1, -1, 2, -1, -1],
        "threshold": [0.5, 0, 1.5, 0, 0, 0, 0, 0], "missing": [2, 0, 0, 0, 0, 2, 0, 0],
        "default_left": [True] + [False] * 7, "left": [1, -1, 3, -1, -1, 6, -1, -1],
        "right": [2, -1, 4, -1, -1, 7, -1, -1], "cover": [8, 2, 6, 3, 3, 8, 4, 4], "value": [0, 1, 0, 2, 4, 0, 8, 16],
        "category": [-1, -1, -1, -1, -1, 0, -1, -1], "category_offsets": [0, 1], "category_bits": [6],
        "base": [0.5], "n_features": 3,
    } | changed  # fmt: skip


def at(name: str, place: int, number: Any) -> dict[str, Any]:
    """One entry changed."""
    array = list(fields()[name])
    array[place] = number
    return {name: array}


def test_the_whole_trees_give_the_numbers_on_paper() -> None:
    """Row (0, 0, 1): 1 + 8; means (2 * 1 + 3 * 2 + 3 * 4) / 8 = 2.5 and 12, so the features get -1.5, 0 and -4."""
    trees = TreeModel.of(TreeEnsemble(**fields()))
    X = np.array([[0.0, 2.0, 1.0]])
    assert trees.expected_values.tolist() == [15.0]
    assert trees.predict_output(X).tolist() == [[9.5]]
    # Feature 1 matters to training rows that went right: v() = 2.5, v(0) = 1, v(1) = (2 * 1 + 6 * 4) / 8 = 3.25.
    np.testing.assert_allclose(trees.shapley_values(X)[0], [[(-1.5 - 2.25) / 2, 0.75 / 2, -4.0]], atol=1e-12)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a leaf with both children": (at("left", 3, 4) | at("right", 3, 4), "node 3 is a leaf .* and has children"),
    "a leaf with a left child": (at("left", 1, 2), "node 1 is a leaf"),
    "a leaf with a right child": (at("right", 7, 6), "node 7 is a leaf"),
    "a leaf with categories": (at("category", 4, 0), "node 4 is a leaf"),
    "a split without children": (at("left", 2, -1), "children of node 2 .* do not lie behind it"),
    "a circle": (at("left", 2, 2), "children of node 2"),
    "a child before its node": (at("left", 2, 1), "children of node 2"),
    "a child in another tree": (at("right", 2, 6), "children of node 2"),
    "a child behind all": (at("right", 5, 8), "children of node 5"),
    "one child twice": (at("right", 2, 3), "node 3 is reached on 2 ways"),
    "one child of two nodes": (at("left", 0, 4), "node 1 is reached on 0 ways"),
    "a feature that is not there": (at("feature", 0, 3), "node 0 splits on feature 3 of 3"),
    "a negative feature": (at("feature", 1, -2), "node 1 splits on feature -2"),
    "an output that is not there": (at("output", 1, 1), "`output` has entries outside of 0 to 0"),
    "another missing type": (at("missing", 0, 3), "`missing` has entries outside of 0 to 2"),
    "a threshold that is no number": (at("threshold", 0, np.nan), "`threshold` has entries that are not a number"),
    "a value that is no number": (at("value", 3, np.nan), "`value` has entries that are infinite"),
    "an infinite value": (at("value", 3, np.inf), "`value` has entries that are infinite"),
    "an infinite base": ({"base": [-np.inf]}, "`base` has entries that are infinite"),
    "values whose sum is infinite": (at("value", 1, 1.7e308) | {"base": [1.7e308]}, "add up to more than 1e\\+300"),
    "a negative cover": (at("cover", 1, -2), "`cover` has entries that are negative"),
    "an infinite cover": (at("cover", 1, np.inf), "`cover` has entries that are negative, infinite"),
    "a child with more rows": (at("cover", 1, 9), "cover of node 0 is 8, those of its children 9 and 6"),
    "rows that get lost": (at("cover", 5, 80), "cover of node 5 is 80, those of its children 4 and 4"),
    "rows from nowhere": (at("cover", 2, 0), "cover of node 0"),
    "a set that is not there": (at("category", 5, 1), "`category` has entries outside of -1 to 0"),
    "a negative set": (at("category", 5, -2), "`category` has entries outside"),
    "an empty set": ({"category_offsets": [0, 0, 1]}, "`category_offsets` does not rise"),
    "sets beyond the words": ({"category_offsets": [0, 2]}, "`category_offsets` does not rise .* 1 words"),
    "no set offsets": ({"category_offsets": []}, "`category_offsets` does not rise"),
    "trees beyond the nodes": ({"offsets": [0, 5, 9]}, "`offsets` does not rise from 0 to the 8 nodes"),
    "an empty tree": ({"offsets": [0, 0, 8]}, "`offsets` does not rise"),
    "offsets whose difference overflows": ({"offsets": [0, -(2**63), 8]}, "`offsets` does not rise"),
    "too few offsets": ({"offsets": [0, 8]}, "`offsets` has 2 entries for 2 trees"),
    "no offsets": ({"offsets": [], "output": []}, "`offsets` has 0 entries"),
    "lengths that differ": ({"cover": [8]}, "`cover` has 1 entries for 8 nodes"),
    "two dimensions": ({"base": [[0.5]]}, r"`base` has shape \(1, 1\)"),
    "no outputs": ({"base": []}, "3 features and 0 outputs"),
    "no features": ({"n_features": 0}, "0 features"),
    "a number of features that is none": ({"n_features": 3.0}, "`n_features` is 3.0"),
    "more features than one row has room for": ({"n_features": 2**27 + 1}, "134,217,729 features times 1 outputs"),
    "numbers that wrap around": (at("feature", 0, 2**32), "`feature` has entries that are no int32"),
    "fractions of nodes": (at("left", 0, 1.5), "`left` has entries that are no int32"),
    "words": ({"value": list("01020408")}, "`value` holds <U1 instead of numbers"),
    "more codes than there is room for": (
        {"category_offsets": [0, 2**19 + 1], "category_bits": np.zeros(2**19 + 1, np.uint32)},
        "room for 16,777,248 codes",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_arrays_that_hold_no_trees_are_refused(case: str) -> None:
    changed, said = BROKEN[case]
    with pytest.raises(UnsupportedModelError, match=f"do not hold trees: .*{said}"):
        TreeEnsemble(**fields(**changed))


@pytest.mark.parametrize("byte", [2, 255])
def test_truth_values_of_other_bytes_are_refused(byte: int) -> None:
    """Arrays of a file can hold them; numpy and compiled code take them for different things."""
    default_left = np.array([byte] + [0] * 7, dtype=np.uint8).view(bool)
    with pytest.raises(UnsupportedModelError, match="`default_left` has bytes that are neither 0 nor 1"):
        TreeEnsemble(**fields(default_left=default_left))


def chain(depth: int) -> dict[str, Any]:
    """One tree whose right children are leaves."""
    n = 2 * depth + 1
    inner, leaf = np.arange(n) < depth, np.full(n, -1)
    left = np.where(inner, np.append(np.arange(1, depth), [depth] * (n - depth + 1)), -1)
    right = np.where(inner, np.arange(n) + depth + 1, -1)
    cover = np.where(inner, depth + 1 - np.arange(n), 1)
    nothing = {"missing": np.zeros(n), "default_left": np.zeros(n), "value": np.arange(n) * ~inner, "category": leaf}
    return fields(
        offsets=[0, n], output=[0], feature=np.where(inner, 0, -1), threshold=-np.arange(n), left=left, right=right,
        cover=cover, **nothing,
    )  # fmt: skip


def test_depth_is_bounded() -> None:
    trees = TreeModel.of(TreeEnsemble(**chain(4096)))
    X = np.array([[1.0, 0, 0], [-9999.0, 0, 0], [-5.5, 0, 0]])
    assert trees.predict_output(X).ravel().tolist() == [4097.5, 4096.5, 4103.5]
    np.testing.assert_allclose(trees.shapley_values(X).sum(axis=2)[0] + trees.expected_values, [4097.5, 4096.5, 4103.5])
    with pytest.raises(UnsupportedModelError, match="a path has more than 4,096 splits"):
        TreeEnsemble(**chain(4097))


def test_pairs_of_splits_and_categories_are_bounded() -> None:
    """1,100 splits on one feature, each of a million categories: a file of 35 kB, compressed, would need a gigabyte."""
    n = 1100
    trees = fields(
        offsets=3 * np.arange(n + 1), output=np.zeros(n), feature=np.tile([2, -1, -1], n), threshold=np.zeros(3 * n),
        missing=np.zeros(3 * n), default_left=np.zeros(3 * n), value=np.ones(3 * n), cover=np.tile([2, 1, 1], n),
        left=(np.where(np.arange(3 * n) % 3, -1, np.arange(3 * n) + 1)),
        right=(np.where(np.arange(3 * n) % 3, -1, np.arange(3 * n) + 2)),
        category=np.tile([0, -1, -1], n), category_offsets=[0, 31250], category_bits=np.full(31250, 2**32 - 1),
    )  # fmt: skip
    with pytest.raises(UnsupportedModelError, match="splits on one feature times their categories are more than"):
        TreeEnsemble(**trees)


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_thresholds_are_explained(infinite: float) -> None:
    """HistGradientBoosting writes them where missing values alone go the other way."""
    trees = make_trees(3)
    threshold = trees.threshold.copy()
    threshold[np.flatnonzero(trees.feature >= 0)[::2]] = infinite
    trees = dataclasses.replace(trees, threshold=threshold)
    X, each = make_rows(3, trees), np.arange(6)
    for engine in (Engine(trees, Players.engineered(6)), Engine(trees, Players.engineered(6), max_bytes=0)):
        # Some hundred additions of doubles about 1, which hold 1e-16.
        np.testing.assert_allclose(engine.values(X), exact_values(trees, X, each).astype(float), atol=1e-13)


def test_the_arrays_of_an_ensemble_are_its_own() -> None:
    """Nobody can break them after they were checked, and those given stay as they were."""
    left = np.array(fields()["left"], dtype=np.int32)
    trees = TreeEnsemble(**fields(left=left))
    left[0] = 0
    assert trees.left[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        trees.left[0] = 0


def test_more_targets_than_one_row_has_room_for_are_refused() -> None:
    trees = TreeEnsemble(**fields())
    weights = sp.csr_matrix((2**27 + 1, 3))
    with pytest.raises(InputError, match=r"`players` gives values to 134,217,73\d targets"):
        Engine(trees, Players.of(weights, 3))


@pytest.mark.parametrize("part", ["indices", "indptr", "data"])
def test_damaged_sparse_rows_are_refused(part: str) -> None:
    trees = TreeModel.of(TreeEnsemble(**fields()))
    rows = sp.csr_matrix(np.ones((4, 3)))
    broken = {"indices": rows.indices + 10**8, "indptr": rows.indptr[::-1].copy(), "data": rows.data[:2]}
    setattr(rows, part, broken[part])
    for ask in (trees.predict_output, trees.shapley_values):
        with pytest.raises(InputError, match="`X` is a damaged sparse matrix"):
            ask(rows)


# LightGBM's text


@pytest.fixture(scope="module")
def text() -> str:
    X = np.column_stack([np.arange(40.0), np.arange(40.0) % 5])
    params = {"num_leaves": 4, "min_data_in_leaf": 2, "min_data_per_group": 2, "verbose": -1, "num_threads": 1}
    params |= {"max_cat_to_onehot": 1, "cat_smooth": 0, "cat_l2": 0}
    booster = lgb.train(params, lgb.Dataset(X, 3.0 * (X[:, 1] == 2) + (X[:, 0] > 9), categorical_feature=[1]), 2)
    made = str(booster.model_to_string())
    assert "cat_threshold=4\n" in made
    return made


TEXTS: dict[str, tuple[str, str, str]] = {
    "many leaves": ("num_leaves=", "num_leaves=9999999999", "entries instead of"),
    "no leaves": ("num_leaves=", "num_leaves=0", "has 0 leaves"),
    "many sets": ("num_cat=", "num_cat=999999999", "cat_boundaries of tree 0 has 2 entries instead of 1000000000"),
    "many words": ("cat_boundaries=", "cat_boundaries=0 9999999", "cat_threshold of tree 0 has 1 entries"),
    "many features": ("max_feature_idx=", "max_feature_idx=99999999", "fewer feature_names"),
    "trees that are missing": ("tree_sizes=", "tree_sizes=1 2 3", "cut short"),
    "a set that is not there": ("threshold=", "threshold=7 7 7", "sets of categories that are not there"),
    "boundaries that begin elsewhere": ("cat_boundaries=", "cat_boundaries=1 1", "."),
    "a split for a leaf": ("left_child=", "left_child=1 -9 -3", "splits or leaves that are not there"),
    "a child behind the splits": ("right_child=", "right_child=3 2 -4", "splits or leaves that are not there"),
    "an unknown kind of split": ("decision_type=", "decision_type=1 16 2", "entries of an unknown kind"),
    "a fraction of a feature": ("split_feature=", "split_feature=0.5 0 0", "no int32"),
    "a feature that wraps around": ("split_feature=", "split_feature=4294967296 0 0", "no int32"),
    "a negative category word": ("cat_threshold=", "cat_threshold=-4", "no uint32"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_that_claim_what_they_do_not_hold_are_refused(case: str, text: str) -> None:
    key, line, said = TEXTS[case]
    lines = text.split("\n")
    lines[next(i for i, old in enumerate(lines) if old.startswith(key))] = line
    tracemalloc.start()
    with pytest.raises(UnsupportedModelError, match=said):
        read_lightgbm("\n".join(lines))
    assert tracemalloc.get_traced_memory()[1] < 1e6  # the text has 4 kB
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["trees", "leaves"])
def test_reading_a_text_takes_memory_by_its_length(kind: str) -> None:
    head = "tree\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\n"
    if kind == "trees":  # as short as they can be
        text = head + "\nTree=0\nnum_leaves=1\nleaf_value=0\n\n" * 5000 + "\nend of trees\n"
        assert read_lightgbm(text).n_trees == 5000
    else:  # words that take most memory for their length
        n = 20_000
        lines = {"split_feature": "0 ", "threshold": "11 ", "decision_type": "0 ", "internal_count": "11 "}
        tree = "".join(f"{key}={entry * n}\n" for key, entry in lines.items())
        tree += f"left_child={'-1 ' * n}\nright_child={'-1 ' * n}\nleaf_value={'1 ' * n}1\nleaf_count={'11 ' * n}1"
        text = head + f"\nTree=0\nnum_leaves={n + 1}\n{tree}\n\nend of trees\n"
    tracemalloc.start()
    if kind == "trees":
        read_lightgbm(text)
    else:
        with pytest.raises(UnsupportedModelError, match="do not hold trees"):
            read_lightgbm(text)
    assert tracemalloc.get_traced_memory()[1] < 50 * len(text)
    tracemalloc.stop()
