"""Explainers: from a model and rows to an explanation."""

from __future__ import annotations

from automl_explain.explainers._mimic_explainer import MimicExplainer
from automl_explain.explainers._mimic_wrapper import MimicWrapper

__all__ = ["MimicExplainer", "MimicWrapper"]
