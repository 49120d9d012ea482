"""Explainers: from a model and rows to an explanation."""

from __future__ import annotations

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
