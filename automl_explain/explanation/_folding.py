"""Engineered values to raw values, dense or sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._validation import warn
from automl_explain.exceptions import UnmappedFeaturesWarning
from automl_explain.explanation._values import Values
from automl_explain.feature_map import FeatureMap, FeatureName


def fold(values: Values, feature_map: FeatureMap) -> tuple[Values, np.ndarray]:
    """Raw values, and what engineered features without a raw parent contribute, shape (n_outputs, n_rows)."""
    if not isinstance(values, tuple):
        return feature_map.fold(values)
    parts = [feature_map.fold(v) for v in values]
    lost = np.array([p[1] for p in parts])
    if is_sparse(parts[0][0]):
        return tuple(p[0] for p in parts), lost
    return np.stack([p[0] for p in parts]) if len(parts) > 1 else parts[0][0][None], lost


def raw_rows(eval_data: Any, feature_map: FeatureMap, row_labels: Any) -> tuple[Any, Any]:
    """Raw rows to show, in the order of the raw columns where they have their names, and the labels of the rows."""
    if not is_frame(eval_data):
        return eval_data, row_labels
    if set(eval_data.columns) == set(feature_map.raw_names):
        eval_data = eval_data[list(feature_map.raw_names)]
    return eval_data, eval_data.index


def warn_unmapped(names: tuple[FeatureName, ...]) -> None:
    """Say which engineered features have no raw parent."""
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    warn(
        f"{len(names)} engineered feature{'s have' if len(names) > 1 else ' has'} no raw parent in the feature map: "
        f"{shown}. What they contribute is reported as `unmapped_values` and `unmapped_importance`.",
        UnmappedFeaturesWarning,
    )


def method_name(method: str, raw_method: str) -> str:
    """What raw explanations call their method: ``"mimic.lightgbm"``, or ``"mimic.lightgbm.grouped"``."""
    return f"{method}.grouped" if raw_method == "grouped" else method
