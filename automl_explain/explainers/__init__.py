"""Explainers: from a model and rows to an explanation."""

from __future__ import annotations

from automl_explain.explainers._deep import DeepExplainer
from automl_explain.explainers._direct_wrapper import DirectWrapper
from automl_explain.explainers._kernel import KernelExplainer
from automl_explain.explainers._lime import LIMEExplainer
from automl_explain.explainers._linear import LinearExplainer
from automl_explain.explainers._mimic_explainer import MimicExplainer
from automl_explain.explainers._mimic_wrapper import MimicWrapper
from automl_explain.explainers._permutation import PFIExplainer
from automl_explain.explainers._report import SurrogateReport
from automl_explain.explainers._tabular import TabularExplainer
from automl_explain.explainers._tree import TreeExplainer

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
