"""Reads XGBoost's JSON format into a `TreeEnsemble`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap._building import Tree, category_words, ensemble_of, float32_cuts, renumbered
from automl_explain.treeshap._ensemble import MISSING_NAN, MISSING_ZERO, TreeEnsemble

# The stored base score is in the unit of the prediction; trees add to the margin.
_LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), lambda p: -np.log(1.0 / p - 1.0)),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie", "survival:aft", "survival:cox"), np.log),
}
_WITHOUT_LINK = ("reg:", "rank:", "multi:", "binary:hinge", "binary:logitraw")


def read_xgboost(model: Any) -> TreeEnsemble:
    """Trees of an XGBoost model; several classes or targets become several outputs.

    Parameters
    ----------
    model : xgboost.Booster or model of xgboost's scikit-learn interface
        A model stopped early is cut at its best iteration, as its ``predict`` does; a Booster is taken whole.

    Returns
    -------
    TreeEnsemble
        Its prediction is the margin. Values are rounded to float32 as XGBoost does; absent values of
        sparse rows count as 0, where XGBoost takes them for missing.

    Raises
    ------
    UnsupportedModelError
        For linear boosters, trees with vectors in their leaves, and ``missing`` other than NaN or 0.
    InputError
        If the model is not fitted.
    """
    wrapped = hasattr(model, "get_booster")
    try:
        stored = (model.get_booster() if wrapped else model).save_raw("json")
    except (AttributeError, ValueError) as error:  # scikit-learn's NotFittedError, or XGBoost's own
        raise InputError(f"The {type(model).__name__} is not fitted; call `fit` before reading its trees.") from error
    learner = json.loads(bytes(stored))["learner"]
    try:
        return _ensemble(learner, best_only=wrapped, missing=_missing(getattr(model, "missing", None)))
    except (KeyError, ValueError, IndexError) as error:
        raise UnsupportedModelError(
            f"The JSON of the {type(model).__name__} is not as expected ({error!r}); this reader knows that of "
            "XGBoost 1.7 to 3. Load the model with such a version and pass it."
        ) from error


def _missing(marker: Any) -> int:
    if marker is None or np.isnan(marker):
        return MISSING_NAN
    if marker == 0:
        return MISSING_ZERO
    raise UnsupportedModelError(
        f"The XGBoost model takes {marker!r} for missing; expected NaN or 0. Train it with `missing=np.nan` on rows "
        "with NaN."
    )


def _ensemble(learner: dict[str, Any], *, best_only: bool, missing: int) -> TreeEnsemble:
    booster = learner["gradient_booster"]
    if booster["name"] not in ("gbtree", "dart"):
        raise UnsupportedModelError(
            f"The XGBoost model is a {booster['name']!r} booster, which has no trees; expected 'gbtree' or 'dart'."
        )
    grown = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    weights = booster.get("weight_drop") or np.ones(len(grown["trees"]))
    settings = learner["learner_model_param"]
    n_outputs = max(int(settings["num_class"]), int(settings.get("num_target", 1)), 1)
    n_trees = len(grown["trees"])
    best = learner.get("attributes", {}).get("best_iteration")
    if best_only and best is not None:
        n_trees = min(n_trees, _end(grown, int(best), n_outputs))
    if missing == MISSING_ZERO and any(t["categories_nodes"] for t in grown["trees"]):
        raise UnsupportedModelError(
            "The XGBoost model takes 0 for missing and has splits on categories, where 0 is a category. Train it with "
            "`missing=np.nan`."
        )
    trees = [
        _tree(tree, output=int(output), weight=float(weight))
        for tree, output, weight in zip(grown["trees"][:n_trees], grown["tree_info"], weights, strict=False)
    ]
    base = np.broadcast_to(_base(settings["base_score"], learner["objective"]["name"]), n_outputs)
    return ensemble_of(trees, base=base, n_features=int(settings["num_feature"]), missing=missing)


def _end(grown: dict[str, Any], best: int, n_outputs: int) -> int:
    """Number of trees up to the best iteration."""
    if "iteration_indptr" in grown:  # since 2.0
        return int(grown["iteration_indptr"][: best + 2][-1])
    return (best + 1) * n_outputs * int(grown["gbtree_model_param"]["num_parallel_tree"])


def _base(stored: str, objective: str) -> np.ndarray:
    """Base score as margin; one number, or since 3.1 one per output."""
    scores = np.array(stored.strip("[]").split(","), dtype=np.float64)
    if objective in _LINKS:
        return _LINKS[objective](scores)
    if objective.startswith(_WITHOUT_LINK):
        return scores
    raise UnsupportedModelError(
        f"The XGBoost model has the objective {objective!r}, whose link is not known here; known are "
        f"{', '.join([*_LINKS, 'reg:*', 'rank:*', 'multi:*', 'binary:hinge', 'binary:logitraw'])}."
    )


def _tree(tree: dict[str, Any], *, output: int, weight: float) -> Tree:
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise UnsupportedModelError(
            "The XGBoost model has trees with a vector in each leaf (multi_strategy='multi_output_tree'), which are "
            "not read. Train with multi_strategy='one_output_per_tree'."
        )
    # Pruned nodes stay in the arrays, and their places may be given to later nodes.
    nodes, left, right = renumbered(np.array(tree["left_children"]), np.array(tree["right_children"]))
    leaf = left < 0
    numbers = np.array(tree["split_conditions"], dtype=np.float32)[nodes]
    default_left = np.array(tree["default_left"], dtype=bool)[nodes]
    category, sets = _sets(tree, nodes)
    # A category in the set goes right there, any other left.
    swapped = category >= 0
    return Tree(
        feature=np.where(leaf, -1, np.array(tree["split_indices"], dtype=np.int64)[nodes]),
        threshold=float32_cuts(np.where(leaf | swapped, 0, numbers), strict=True),
        default_left=default_left != swapped,
        left=np.where(swapped, right, left),
        right=np.where(swapped, left, right),
        cover=np.array(tree["sum_hessian"], dtype=np.float32)[nodes],
        value=np.where(leaf, numbers * np.float64(weight), 0.0),
        output=output,
        category=category,
        sets=sets,
    )


def _sets(tree: dict[str, Any], nodes: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Number of the category set of every node, and the sets."""
    number = np.full(len(tree["left_children"]), -1)
    number[np.array(tree["categories_nodes"], dtype=np.int64)] = np.arange(len(tree["categories_nodes"]))
    codes = np.array(tree["categories"], dtype=np.int64)
    parts = zip(tree["categories_segments"], tree["categories_sizes"], strict=True)
    return number[nodes], [category_words(codes[start : start + size]) for start, size in parts]
