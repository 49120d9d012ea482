"""Lineage: which raw column feeds which engineered column of a fitted featurization.

`trace` follows a few rows through the transformers and applies to each what is known about its
class. What is not known is probed; what probing cannot tell stays unmapped and is named in a
warning, so that there is never a wrong map. `LineageReport` shows it as a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.lineage._featurizer import TransformationsFeaturizer
    from automl_explain.lineage._place import ProbedStep, collected, weighted
    from automl_explain.lineage._report import LineageReport
    from automl_explain.lineage._trace import trace

__all__ = [
    "LineageReport",
    "ProbedStep",
    "TransformationsFeaturizer",
    "collected",
    "trace",
    "weighted",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "LineageReport": "._report",
        "ProbedStep": "._place",
        "TransformationsFeaturizer": "._featurizer",
        "collected": "._place",
        "trace": "._trace",
        "weighted": "._place",
    },
)
