"""automl_setup_model_explanations: a fitted model and raw rows -> everything an explanation needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.explainer_setup._lineage_report import lineage_report
    from automl_explain.explainer_setup._result import AutoMLExplainerSetup
    from automl_explain.explainer_setup._setup import (
        automl_check_model_if_explainable,
        automl_setup_model_explanations,
    )

__all__ = [
    "AutoMLExplainerSetup",
    "automl_check_model_if_explainable",
    "automl_setup_model_explanations",
    "lineage_report",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "AutoMLExplainerSetup": "._result",
        "automl_check_model_if_explainable": "._setup",
        "automl_setup_model_explanations": "._setup",
        "lineage_report": "._lineage_report",
    },
)
