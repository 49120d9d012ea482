"""Glass-box models that learn a teacher's output."""

from __future__ import annotations

from automl_explain.surrogates._lightgbm import LGBMExplainableModel
from automl_explain.surrogates._targets import least_distance, log_odds, probabilities, soft_targets

__all__ = ["LGBMExplainableModel", "least_distance", "log_odds", "probabilities", "soft_targets"]
