"""Explanations for AutoML models: contributions that add up to each prediction.

For the columns the model sees (engineered) and the columns you know (raw), with a stated fidelity.
Public names are loaded on first use, so that importing the package costs next to nothing.

Examples
--------
>>> import automl_explain
>>> "MimicWrapper" in dir(automl_explain)
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl_explain import datasets, exceptions, testing
    from automl_explain.adapters import BlackBox
    from automl_explain.analysis import collinear_groups, compare_cohorts, grouped_importance
    from automl_explain.candidates import candidate, compare_candidates, list_candidates
    from automl_explain.deprecated import explain_model, retrieve_model_explanation
    from automl_explain.explain import explain_automl
    from automl_explain.explainer_setup import (
        AutoMLExplainerSetup,
        automl_check_model_if_explainable,
        automl_setup_model_explanations,
        lineage_report,
    )
    from automl_explain.explainers import (
        DeepExplainer,
        DirectWrapper,
        KernelExplainer,
        LIMEExplainer,
        LinearExplainer,
        MimicExplainer,
        MimicWrapper,
        PFIExplainer,
        TabularExplainer,
        TreeExplainer,
    )
    from automl_explain.explanation import Explanation, Fidelity, InteractionExplanation
    from automl_explain.feature_map import FeatureMap
    from automl_explain.scoring import (
        DeepScoringExplainer,
        KernelScoringExplainer,
        LinearScoringExplainer,
        ScoringExplainer,
        TreeScoringExplainer,
        load,
        save,
    )
    from automl_explain.surrogates import (
        DecisionTreeExplainableModel,
        LGBMExplainableModel,
        LinearExplainableModel,
        SGDExplainableModel,
    )
    from automl_explain.training import fit_and_explain
    from automl_explain.treeshap import warm_up

__version__ = "0.1.0"

# Name -> module that holds it. A new public name is one line here and one in the block above.
_PUBLIC = {
    "AutoMLExplainerSetup": "explainer_setup",
    "BlackBox": "adapters",
    "DecisionTreeExplainableModel": "surrogates",
    "DeepExplainer": "explainers",
    "DeepScoringExplainer": "scoring",
    "DirectWrapper": "explainers",
    "Explanation": "explanation",
    "FeatureMap": "feature_map",
    "Fidelity": "explanation",
    "InteractionExplanation": "explanation",
    "KernelExplainer": "explainers",
    "KernelScoringExplainer": "scoring",
    "LGBMExplainableModel": "surrogates",
    "LIMEExplainer": "explainers",
    "LinearExplainableModel": "surrogates",
    "LinearExplainer": "explainers",
    "LinearScoringExplainer": "scoring",
    "MimicExplainer": "explainers",
    "MimicWrapper": "explainers",
    "PFIExplainer": "explainers",
    "SGDExplainableModel": "surrogates",
    "TabularExplainer": "explainers",
    "TreeExplainer": "explainers",
    "ScoringExplainer": "scoring",
    "TreeScoringExplainer": "scoring",
    "automl_check_model_if_explainable": "explainer_setup",
    "automl_setup_model_explanations": "explainer_setup",
    "candidate": "candidates",
    "collinear_groups": "analysis",
    "compare_candidates": "candidates",
    "compare_cohorts": "analysis",
    "explain_automl": "explain",
    "explain_model": "deprecated",
    "fit_and_explain": "training",
    "grouped_importance": "analysis",
    "lineage_report": "explainer_setup",
    "list_candidates": "candidates",
    "load": "scoring",
    "retrieve_model_explanation": "deprecated",
    "save": "scoring",
    "warm_up": "treeshap",
}
_SUBMODULES = frozenset({"datasets", "exceptions", "testing"})

__all__ = [
    "AutoMLExplainerSetup",
    "BlackBox",
    "DecisionTreeExplainableModel",
    "DeepExplainer",
    "DeepScoringExplainer",
    "DirectWrapper",
    "Explanation",
    "FeatureMap",
    "Fidelity",
    "InteractionExplanation",
    "KernelExplainer",
    "KernelScoringExplainer",
    "LGBMExplainableModel",
    "LIMEExplainer",
    "LinearExplainableModel",
    "LinearExplainer",
    "LinearScoringExplainer",
    "MimicExplainer",
    "MimicWrapper",
    "PFIExplainer",
    "SGDExplainableModel",
    "TabularExplainer",
    "TreeExplainer",
    "ScoringExplainer",
    "TreeScoringExplainer",
    "__version__",
    "automl_check_model_if_explainable",
    "automl_setup_model_explanations",
    "candidate",
    "collinear_groups",
    "compare_candidates",
    "compare_cohorts",
    "datasets",
    "exceptions",
    "explain_automl",
    "explain_model",
    "fit_and_explain",
    "grouped_importance",
    "lineage_report",
    "list_candidates",
    "load",
    "retrieve_model_explanation",
    "save",
    "testing",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
