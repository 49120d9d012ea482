"""Explainers: from a model and rows to an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.explainers._lime import LIMEExplainer
    from automl_explain.explainers.direct._deep import DeepExplainer
    from automl_explain.explainers.direct._kernel import KernelExplainer
    from automl_explain.explainers.direct._linear import LinearExplainer
    from automl_explain.explainers.direct._tabular import TabularExplainer
    from automl_explain.explainers.direct._tree import TreeExplainer
    from automl_explain.explainers.direct._wrapper import DirectWrapper
    from automl_explain.explainers.importance._permutation import PFIExplainer
    from automl_explain.explainers.mimic._explainer import MimicExplainer
    from automl_explain.explainers.mimic._report import SurrogateReport
    from automl_explain.explainers.mimic._wrapper import MimicWrapper

__all__ = [
    "DeepExplainer",
    "DirectWrapper",
    "KernelExplainer",
    "LIMEExplainer",
    "LinearExplainer",
    "MimicExplainer",
    "MimicWrapper",
    "PFIExplainer",
    "SurrogateReport",
    "TabularExplainer",
    "TreeExplainer",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "DeepExplainer": ".direct._deep",
        "DirectWrapper": ".direct._wrapper",
        "KernelExplainer": ".direct._kernel",
        "LIMEExplainer": "._lime",
        "LinearExplainer": ".direct._linear",
        "MimicExplainer": ".mimic._explainer",
        "MimicWrapper": ".mimic._wrapper",
        "PFIExplainer": ".importance._permutation",
        "SurrogateReport": ".mimic._report",
        "TabularExplainer": ".direct._tabular",
        "TreeExplainer": ".direct._tree",
    },
)
