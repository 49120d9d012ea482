"""Pairwise interaction values, ours and shap's, on the base case."""

from __future__ import annotations

from typing import Any

import _measure
import _peers
import numpy as np
from _cases import Case, Effort, fitted, table

from automl_explain.treeshap import TreeModel

_ROWS = 1000
_CHECKED_ROWS = 20


def interactions(effort: Effort) -> dict[str, Any]:
    """CPU time of both by turns, how far they differ, and how far each one's rows are from the Shapley values."""
    case: Case = effort.base
    model, _ = fitted(case)
    X = table(case)[:_ROWS]  # of a block: values of all pairs take 50 times the room of Shapley values
    trees = TreeModel([model.model_to_string()], n_jobs=1)
    calls = {"ours": trees.interaction_values}
    if _peers.installed("shap"):
        import shap

        calls["shap"] = shap.TreeExplainer(model).shap_interaction_values
    ways = {name: _peers.Local(call, X) for name, call in calls.items()}
    timed = _measure.by_turns(ways, len(X), turns=effort.turns, seconds=effort.seconds)
    rows = X[:_CHECKED_ROWS]
    sums = trees.shapley_values(rows)
    values = {name: _by_pair(calls[name](rows)) for name, way in timed.items() if "failed" not in way}
    for name, found in values.items():
        timed[name]["from_shapley_values"] = _measure.largest_difference(found.reshape(*sums.shape, -1).sum(3), sums)
        if "shap" in values:
            timed[name]["difference"] = _measure.largest_difference(found, values["shap"])
    return {"ways": timed}


def _by_pair(values: Any) -> np.ndarray:
    """Values of shape (n_outputs, n_rows, n_targets * n_targets)."""
    found = np.asarray(values)
    found = found if found.ndim == 4 else found[None]
    return found.reshape(*found.shape[:2], -1)
