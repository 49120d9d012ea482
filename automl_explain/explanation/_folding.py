"""Engineered values to raw values, dense or sparse."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from automl_explain._validation import warn
from automl_explain.exceptions import UnmappedFeaturesWarning
from automl_explain.explanation._values import Values
from automl_explain.feature_map import FeatureMap, FeatureName


def fold(values: Values, feature_map: FeatureMap) -> tuple[Values, np.ndarray]:
    """Raw values, and the share of engineered features without a raw parent, shape (n_outputs, n_rows)."""
    if not isinstance(values, tuple):
        return feature_map.fold(values)
    parts = [feature_map.fold(v) for v in values]
    lost = np.array([p[1] for p in parts])
    if sp.issparse(parts[0][0]):
        return tuple(p[0] for p in parts), lost
    return np.stack([p[0] for p in parts]) if len(parts) > 1 else parts[0][0][None], lost


def warn_unmapped(names: tuple[FeatureName, ...]) -> None:
    """Say which engineered features have no raw parent."""
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    warn(
        f"{len(names)} engineered feature{'s have' if len(names) > 1 else ' has'} no raw parent in the feature map: "
        f"{shown}. Their share is reported as `unmapped_values` and `unmapped_importance`.",
        UnmappedFeaturesWarning,
    )
