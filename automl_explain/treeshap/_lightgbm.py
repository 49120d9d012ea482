"""Reads LightGBM's text format (v3 and v4) into a `TreeEnsemble`; needs no LightGBM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.treeshap._ensemble import TreeEnsemble

_CATEGORICAL, _DEFAULT_LEFT, _KNOWN = 1, 2, 15  # bits of `decision_type`; two of those known are the missing type
_PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "internal_count")


def read_lightgbm(text: str) -> TreeEnsemble:
    """Trees of a LightGBM model; several classes become several outputs.

    What the text says of its sizes is compared with the entries it holds before memory is taken for them, so that
    reading needs at most 50 bytes for each of its characters.

    Parameters
    ----------
    text : str
        ``Booster.model_to_string()`` or a saved model file.

    Returns
    -------
    TreeEnsemble
        Its prediction is the raw score; for random forests (``boosting=rf``) the mean of the trees, as ``predict``
        gives it, where LightGBM's raw score is their sum.

    Raises
    ------
    UnsupportedModelError
        If the text is damaged, or its trees have linear models in the leaves.
    """
    head, *blocks = text.split("\nTree=")
    header = _pairs(head.split("\n"))  # names of features may hold other characters that end lines
    try:
        n_outputs = int(header["num_tree_per_iteration"])
        n_features = int(header["max_feature_idx"]) + 1
        if header["feature_names"].count(" ") + 1 < n_features:
            raise ValueError(f"max_feature_idx is {n_features - 1} and there are fewer feature_names")
        lines = _lines(blocks)
        n_trees = len(header["tree_sizes"].split()) if "tree_sizes" in header else len(blocks)
        if "end of trees" not in text or n_outputs < 1 or len(blocks) % n_outputs or len(blocks) != n_trees:
            raise UnsupportedModelError(
                "The text of the LightGBM model is cut short: its end or some trees are missing. Save the model again."
            )
        averaged = "average_output" in head.splitlines()
        return _ensemble(lines, n_outputs, n_features, share=len(blocks) // n_outputs if averaged else 1)
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise UnsupportedModelError(
            f"The text is not a whole LightGBM model ({error!r}); expected what `Booster.model_to_string()` gives. "
            "Save the model again."
        ) from error


def _pairs(lines: Iterable[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


class _Lines(NamedTuple):
    """Lines of all trees by key, and how many splits and category sets each tree has."""

    of: dict[str, list[str]]
    n_splits: np.ndarray
    n_sets: np.ndarray

    def numbers(self, key: str) -> np.ndarray:
        """Entries of all trees, one tree behind the other."""
        return np.fromiter(map(float, " ".join(self.of[key]).split()), dtype=np.float64)


def _lines(blocks: list[str]) -> _Lines:
    """The lines of the trees that are needed, each with as many entries as its tree must have."""
    of: dict[str, list[str]] = {
        key: [] for key in (*_PER_SPLIT, "leaf_value", "leaf_count", "cat_boundaries", "cat_threshold")
    }
    sizes = np.zeros((2, len(blocks)), dtype=np.int64)
    for number, block in enumerate(blocks):
        tree = _pairs(block.split("\n\n", 1)[0].splitlines()[1:])
        if tree.get("is_linear", "0").strip() == "1":
            raise UnsupportedModelError(
                f"Tree {number} of the LightGBM model has linear models in its leaves (linear_tree=true), for which "
                "there are no path-dependent Shapley values. Train with linear_tree=false."
            )
        n_leaves, n_sets = int(tree["num_leaves"]), int(tree.get("num_cat", 0))
        if n_leaves < 1 or n_sets < 0:
            raise ValueError(f"tree {number} has {n_leaves} leaves and {n_sets} sets of categories")
        stump = n_leaves == 1  # without splits its lines may be left out
        wanted = dict.fromkeys(_PER_SPLIT, n_leaves - 1)
        wanted |= {"leaf_value": n_leaves, "leaf_count": 0 if stump else n_leaves}
        wanted["cat_boundaries"] = n_sets + 1 if n_sets else 0
        for key, size in wanted.items():
            of[key].append(_checked(key, tree[key] if size else "", size, number))
        n_words = int(of["cat_boundaries"][-1].rsplit(" ", 1)[-1]) if n_sets else 0
        of["cat_threshold"].append(_checked("cat_threshold", tree["cat_threshold"] if n_sets else "", n_words, number))
        sizes[:, number] = n_leaves - 1, n_sets
    return _Lines(of, *sizes)


def _checked(key: str, line: str, size: int, number: int) -> str:
    line = line.strip()
    found = line.count(" ") + 1 if line else 0
    if found != size:
        raise ValueError(f"{key} of tree {number} has {found} entries instead of {size}")
    return line


def _ensemble(lines: _Lines, n_outputs: int, n_features: int, share: int) -> TreeEnsemble:
    """All trees behind one another: the splits of each, then its leaves."""
    n_splits, n_trees = lines.n_splits, len(lines.n_splits)
    offsets = np.append(0, np.cumsum(2 * n_splits + 1))
    tree = np.repeat(np.arange(n_trees), n_splits)
    inner = np.arange(n_splits.sum()) + tree  # as many leaves lie before a split as splits, and one more for each tree
    inner += np.append(0, np.cumsum(n_splits))[tree]
    is_leaf = np.ones(offsets[-1], dtype=bool)
    is_leaf[inner] = False

    def put(splits: np.ndarray, leaves: np.ndarray | float) -> np.ndarray:
        nodes = np.empty(len(is_leaf))
        nodes[inner], nodes[is_leaf] = splits, leaves
        return nodes

    def child(key: str) -> np.ndarray:
        numbers, n = lines.numbers(key), n_splits[tree]
        if not ((numbers >= -n - 1) & (numbers < n)).all():
            raise ValueError(f"{key} names splits or leaves that are not there")
        return put(offsets[tree] + np.where(numbers < 0, n - 1 - numbers, numbers), -1)

    kind, threshold = lines.numbers("decision_type"), lines.numbers("threshold")
    if not np.isin(kind, np.arange(_KNOWN + 1)).all():
        raise ValueError("decision_type has entries of an unknown kind")
    kind = kind.astype(np.int64)
    categorical = (kind & _CATEGORICAL) == _CATEGORICAL
    first_set = (np.cumsum(lines.n_sets) - lines.n_sets)[tree]
    if not ((threshold >= 0) & (threshold < lines.n_sets[tree]))[categorical].all():
        raise ValueError("threshold names sets of categories that are not there")
    leaf_cover = np.ones(n_trees + n_splits.sum())  # of trees without splits nothing is said
    leaf_cover[np.repeat(n_splits > 0, n_splits + 1)] = lines.numbers("leaf_count")
    return TreeEnsemble(
        offsets=offsets,
        output=np.arange(n_trees) % n_outputs,
        feature=put(lines.numbers("split_feature"), -1),
        threshold=put(np.where(categorical, 0.0, threshold), 0.0),
        missing=put(np.where(categorical, 2, kind >> 2), 0),
        default_left=put(~categorical & (kind & _DEFAULT_LEFT > 0), 0),
        left=child("left_child"),
        right=child("right_child"),
        cover=put(lines.numbers("internal_count"), leaf_cover),
        value=put(np.zeros(len(inner)), lines.numbers("leaf_value") / share),
        category=put(np.where(categorical, first_set + threshold, -1), -1),
        category_offsets=_set_offsets(lines),
        category_bits=lines.numbers("cat_threshold"),
        base=np.zeros(n_outputs),
        n_features=n_features,
    )


def _set_offsets(lines: _Lines) -> np.ndarray:
    """Where the sets of all trees begin among the words of all; a tree's own boundaries begin with 0."""
    has_sets = lines.n_sets > 0
    boundaries = lines.numbers("cat_boundaries")
    first = np.append(0, np.cumsum((lines.n_sets + 1)[has_sets]))[:-1]
    if (boundaries[first] != 0).any():
        raise ValueError("cat_boundaries does not begin with 0")
    return np.append(0, np.cumsum(np.delete(np.diff(boundaries), first[1:] - 1)))
