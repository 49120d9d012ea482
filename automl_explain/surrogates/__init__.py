"""Glass-box models that learn a teacher's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.surrogates._additive import AdditiveSurrogate
    from automl_explain.surrogates._base import least_distance, log_odds, soft_targets
    from automl_explain.surrogates._base import score as target_score
    from automl_explain.surrogates._decision_tree import DecisionTreeExplainableModel
    from automl_explain.surrogates._design import Design
    from automl_explain.surrogates._lightgbm import LGBMExplainableModel
    from automl_explain.surrogates._linear import LinearExplainableModel
    from automl_explain.surrogates._sgd import SGDExplainableModel

__all__ = [
    "AdditiveSurrogate",
    "DecisionTreeExplainableModel",
    "Design",
    "LGBMExplainableModel",
    "LinearExplainableModel",
    "SGDExplainableModel",
    "least_distance",
    "log_odds",
    "soft_targets",
    "target_score",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "AdditiveSurrogate": "._additive",
        "DecisionTreeExplainableModel": "._decision_tree",
        "Design": "._design",
        "LGBMExplainableModel": "._lightgbm",
        "LinearExplainableModel": "._linear",
        "SGDExplainableModel": "._sgd",
        "least_distance": "._base",
        "log_odds": "._base",
        "soft_targets": "._base",
        "target_score": "._base:score",
    },
)
