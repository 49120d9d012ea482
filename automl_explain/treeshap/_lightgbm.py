"""Reads LightGBM's text format (v3 and v4) into a `TreeEnsemble`; needs no LightGBM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.treeshap._ensemble import TreeEnsemble

_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of `decision_type`; the two above them are the missing type


def read_lightgbm(text: str) -> TreeEnsemble:
    """Trees of a LightGBM model; several classes become several outputs.

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
    header = _pairs(head.splitlines())
    try:
        n_outputs = int(header["num_tree_per_iteration"])
        n_features = int(header["max_feature_idx"]) + 1
        trees = [
            _tree(_pairs(block.split("\n\n", 1)[0].splitlines()[1:]), number) for number, block in enumerate(blocks)
        ]
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise UnsupportedModelError(
            f"The text is not a whole LightGBM model ({error!r}); expected what `Booster.model_to_string()` gives. "
            "Save the model again."
        ) from error
    if "end of trees" not in text or n_outputs < 1 or len(trees) % n_outputs:
        raise UnsupportedModelError(
            "The text of the LightGBM model is cut short: its end or some trees are missing. Save the model again."
        )
    averaged = "average_output" in head.splitlines()
    share = len(trees) // n_outputs if averaged else 1
    return _joined(trees, n_outputs, n_features, share).validate()


def _pairs(lines: Iterable[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _tree(block: dict[str, str], number: int) -> dict[str, np.ndarray]:
    """Arrays of one tree: its splits first, then its leaves."""
    if block.get("is_linear", "0").strip() == "1":
        raise UnsupportedModelError(
            f"Tree {number} of the LightGBM model has linear models in its leaves (linear_tree=true), for which "
            "there are no path-dependent Shapley values. Train with linear_tree=false."
        )

    def numbers(key: str, dtype: Any, size: int) -> np.ndarray:
        found = np.array(block[key].split() if size else [], dtype=dtype)
        if len(found) != size:
            raise ValueError(f"{key} has {len(found)} entries instead of {size}")
        return found

    n_leaves = int(block["num_leaves"])
    n = n_leaves - 1
    kind = numbers("decision_type", np.int64, n)
    threshold = numbers("threshold", np.float64, n)
    categorical = (kind & _CATEGORICAL) == _CATEGORICAL
    n_sets = int(block.get("num_cat", 0))
    starts = numbers("cat_boundaries", np.int64, n_sets + 1) if n_sets else np.zeros(1, dtype=np.int64)
    leaf = np.zeros(n_leaves)
    covers = [numbers("internal_count", np.float64, n), numbers("leaf_count", np.float64, n_leaves) if n else leaf + 1]
    children = [numbers(key, np.int64, n) for key in ("left_child", "right_child")]
    left, right = (np.append(np.where(c < 0, n + ~c, c), np.full(n_leaves, -1)) for c in children)
    return {
        "feature": np.append(numbers("split_feature", np.int64, n), np.full(n_leaves, -1)),
        "threshold": np.append(np.where(categorical, 0.0, threshold), leaf),
        "missing": np.append(np.where(categorical, 2, kind >> 2 & 3), leaf),
        "default_left": np.append(~categorical & (kind & _DEFAULT_LEFT > 0), leaf),
        "left": left,
        "right": right,
        "cover": np.concatenate(covers),
        "value": np.append(np.zeros(n), numbers("leaf_value", np.float64, n_leaves)),
        "category": np.append(np.where(categorical, threshold, -1), np.full(n_leaves, -1)).astype(np.int64),
        "set_sizes": np.diff(starts),
        "category_bits": numbers("cat_threshold", np.uint32, int(starts[-1])),
    }


def _joined(trees: list[dict[str, np.ndarray]], n_outputs: int, n_features: int, share: int) -> TreeEnsemble:
    """All trees behind one another, node and set numbers moved to their places."""
    offsets = np.cumsum([0, *(len(t["feature"]) for t in trees)])
    sets = np.cumsum([0, *(len(t["set_sizes"]) for t in trees)])

    def put(key: str, moves: np.ndarray | None = None) -> np.ndarray:
        parts = [t[key] if moves is None else np.where(t[key] < 0, -1, t[key] + moves[i]) for i, t in enumerate(trees)]
        return np.concatenate(parts) if parts else np.zeros(0)

    return TreeEnsemble(
        offsets=offsets,
        output=np.arange(len(trees)) % n_outputs,
        left=put("left", offsets),
        right=put("right", offsets),
        value=put("value") / share,
        category=put("category", sets),
        category_offsets=np.append(0, np.cumsum(put("set_sizes"))),
        base=np.zeros(n_outputs),
        n_features=n_features,
        **{k: put(k) for k in ("feature", "threshold", "missing", "default_left", "cover", "category_bits")},
    )
