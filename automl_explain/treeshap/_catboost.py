"""Reads CatBoost's JSON format into a `TreeEnsemble`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap._building import Tree, ensemble_of, float32_cuts
from automl_explain.treeshap._ensemble import TreeEnsemble

_KINDS = {
    "OneHotFeature": "single categories (one-hot)",
    "OnlineCtr": "target statistics of categories (CTR)",
    "EstimatedFeature": "features made from text or embeddings",
}


def read_catboost(model: Any) -> TreeEnsemble:
    """Trees of a CatBoost model over numeric columns; several classes or targets become several outputs.

    Parameters
    ----------
    model : catboost.CatBoost
        With symmetric trees or trees of another ``grow_policy``.

    Returns
    -------
    TreeEnsemble
        Its prediction is ``RawFormulaVal``. Values are rounded to float32 as CatBoost does.

    Raises
    ------
    UnsupportedModelError
        If a split is on a category, text or embedding: CatBoost keeps only hashes of these.
    InputError
        If the model is not fitted.
    """
    if not model.is_fitted():
        raise InputError(f"The {type(model).__name__} is not fitted; call `fit` before reading its trees.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        model.save_model(str(path), format="json")
        stored = json.loads(path.read_bytes())
    try:
        return _ensemble(stored, n_features=len(model.feature_names_))
    except (KeyError, ValueError, IndexError) as error:
        raise UnsupportedModelError(
            f"The JSON of the {type(model).__name__} is not as expected ({error!r}); this reader knows that of "
            "CatBoost 1. Load the model with such a version and pass it."
        ) from error


def _ensemble(stored: dict[str, Any], *, n_features: int) -> TreeEnsemble:
    floats = stored["features_info"].get("float_features", [])
    column = {f["feature_index"]: f["flat_feature_index"] for f in floats}
    # NaN stands above every border where it is treated as the maximum, else below.
    nan_left = {f["feature_index"]: f["nan_value_treatment"] != "AsTrue" for f in floats}
    scale, bias = stored["scale_and_bias"]
    base = np.atleast_1d(np.array(bias, dtype=np.float64))
    grown = stored.get("oblivious_trees")
    trees = _oblivious(grown, base) if grown is not None else map(_nested, stored["trees"])
    return ensemble_of(
        (_placed(tree, splits, column, nan_left, scale) for tree, splits in trees), base=base, n_features=n_features
    )


def _placed(tree: Tree, splits: list[Any], column: dict[int, int], nan_left: dict[int, bool], scale: float) -> Tree:
    """The tree with the splits of its nodes filled in; None for a leaf."""
    unreadable = {s.get("split_type") for s in splits if s is not None} - {"FloatFeature"}
    if unreadable:
        kind = sorted(map(str, unreadable))[0]
        raise UnsupportedModelError(
            f"The CatBoost model splits on {_KINDS.get(kind, kind)}, which it knows only by hashes of the values; "
            "expected splits on numbers. Encode such columns as numbers and train without `cat_features`, "
            "`text_features` and `embedding_features`."
        )
    index = [None if s is None else s["float_feature_index"] for s in splits]
    borders = np.array([0.0 if s is None else s["border"] for s in splits], dtype=np.float32)
    return Tree(
        feature=np.array([-1 if i is None else column[i] for i in index]),
        threshold=float32_cuts(borders, strict=False),  # right where the value is above the border
        default_left=np.array([i is not None and nan_left[i] for i in index]),
        left=tree.left,
        right=tree.right,
        cover=tree.cover,
        value=tree.value * scale,
    )


def _bare(left: np.ndarray, right: np.ndarray, cover: np.ndarray, value: np.ndarray) -> Tree:
    """A tree whose splits are still to be filled in."""
    nothing = np.zeros(len(left))
    return Tree(nothing, nothing, nothing, left, right, cover, value[:, 0] if value.shape[1] == 1 else value)


def _oblivious(grown: list[dict[str, Any]], base: np.ndarray) -> Iterator[tuple[Tree, list[Any]]]:
    """Symmetric trees, laid out level by level with the last split at the root, as in CatBoost's own TreeSHAP."""
    for stored in grown:
        splits = stored.get("splits") or []
        depth, n_inner = len(splits), 2 ** len(splits) - 1
        cover = np.array(stored["leaf_weights"], dtype=np.float64)
        values = np.array(stored["leaf_values"], dtype=np.float64).reshape(2**depth, len(base))
        levels = [cover]
        while len(levels[0]) > 1:
            levels.insert(0, levels[0].reshape(-1, 2).sum(axis=1))
        inner = np.arange(n_inner)
        leaf = np.full(2**depth, -1)
        tree = _bare(
            np.append(2 * inner + 1, leaf),
            np.append(2 * inner + 2, leaf),
            np.concatenate(levels),
            np.concatenate([np.zeros((n_inner, len(base))), values]),
        )
        yield tree, [*(splits[depth - 1 - d] for d in range(depth) for _ in range(2**d)), *[None] * 2**depth]


def _nested(root: dict[str, Any]) -> tuple[Tree, list[Any]]:
    """A tree of another grow policy, whose nodes lie inside each other, level by level."""
    nodes, left, right = [root], [], []
    for node in nodes:  # grows while it is walked
        inner = "split" in node
        left.append(len(nodes) if inner else -1)
        right.append(len(nodes) + 1 if inner else -1)
        nodes += [node["left"], node["right"]] if inner else []
    n_outputs = max(len(np.atleast_1d(n["value"])) for n in nodes if "value" in n)
    value = np.array([np.atleast_1d(n["value"]) if "value" in n else np.zeros(n_outputs) for n in nodes])
    cover = np.array([float(n.get("weight", 0.0)) for n in nodes])
    for at in reversed(range(len(nodes))):
        if left[at] >= 0:
            cover[at] = cover[left[at]] + cover[right[at]]
    return _bare(np.array(left), np.array(right), cover, value.astype(np.float64)), [n.get("split") for n in nodes]
