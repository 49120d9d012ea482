"""automl_setup_model_explanations: a fitted model and raw rows -> everything an explanation needs."""

from __future__ import annotations

from automl_explain.explainer_setup._lineage_report import lineage_report
from automl_explain.explainer_setup._setup import (
    AutoMLExplainerSetup,
    automl_check_model_if_explainable,
    automl_setup_model_explanations,
)

__all__ = [
    "AutoMLExplainerSetup",
    "automl_check_model_if_explainable",
    "automl_setup_model_explanations",
    "lineage_report",
]
