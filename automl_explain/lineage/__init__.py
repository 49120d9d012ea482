"""Lineage: which raw column feeds which engineered column of a fitted featurization.

`trace` follows a few rows through the transformers and applies to each what is known about its
class; what is not known raises `UnknownTransformerError`, never a wrong map.
"""

from automl_explain.lineage._featurizer import TransformationsFeaturizer
from automl_explain.lineage._trace import trace

__all__ = ["TransformationsFeaturizer", "trace"]
