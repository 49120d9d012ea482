"""Shapley values of groups of features by brute force, from the trees that LightGBM dumps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import lightgbm as lgb
import numpy as np

from automl_explain import FeatureMap


def raw_by_brute_force(boosters: Sequence[lgb.Booster], X: np.ndarray, feature_map: FeatureMap) -> np.ndarray:
    """Values (n_outputs, n_rows, n_raw) with raw columns as players; features of several raw columns are shared."""
    weights = np.asarray(feature_map)
    alone = (weights > 0).sum(axis=0) == 1
    groups = [np.flatnonzero(alone & (row > 0)) for row in weights]
    groups += [np.array([j]) for j in np.flatnonzero(~alone)]
    values = by_brute_force(boosters, X, groups)
    return values[:, :, : len(weights)] + values[:, :, len(weights) :] @ weights[:, ~alone].T


def by_brute_force(boosters: Sequence[lgb.Booster], X: np.ndarray, players: Sequence[np.ndarray]) -> np.ndarray:
    """Values (n_outputs, n_rows, n_players) over all subsets of the players, features of one known together."""
    n = len(players)
    values = np.zeros((len(boosters), len(X), n))
    for k, booster in enumerate(boosters):
        trees = [t["tree_structure"] for t in booster.dump_model()["tree_info"]]
        for i, row in enumerate(X):
            worth = {}
            for size in range(n + 1):
                for known in itertools.combinations(range(n), size):
                    features = {int(f) for p in known for f in players[p]}
                    worth[known] = sum(_expected(tree, row, features) for tree in trees)
            for known, value in worth.items():
                for p in set(range(n)) - set(known):
                    share = math.factorial(len(known)) * math.factorial(n - len(known) - 1) / math.factorial(n)
                    values[k, i, p] += share * (worth[tuple(sorted((*known, p)))] - value)
    return values


def _expected(node: dict[str, Any], row: np.ndarray, known: set[int]) -> float:
    """Mean over the training rows that reach the node, where only the known features decide."""
    if "split_feature" not in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return _expected(left if _goes_left(node, row[node["split_feature"]]) else right, row, known)
    shares = np.array([_rows(left), _rows(right)]) / _rows(node)
    return float(shares @ [_expected(left, row, known), _expected(right, row, known)])


def _rows(node: dict[str, Any]) -> int:
    return int(node["internal_count"] if "internal_count" in node else node["leaf_count"])


def _goes_left(node: dict[str, Any], cell: float) -> bool:
    if node["decision_type"] == "==":
        return not math.isnan(cell) and str(int(cell)) in node["threshold"].split("||")
    if node["missing_type"] == "None":
        cell = 0.0 if math.isnan(cell) else cell
    elif math.isnan(cell) or (node["missing_type"] == "Zero" and abs(cell) <= 1e-35):
        return bool(node["default_left"])
    return bool(cell <= node["threshold"])
