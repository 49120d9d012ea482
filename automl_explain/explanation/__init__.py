"""Explanations: contributions that add up to each prediction, with a stated fidelity.

`Explanation` is what every explainer gives; its parts stand in modules of their own: fields and
checks, importance accessors, tables, display, files.
"""

from __future__ import annotations

import importlib
from typing import Any

from automl_explain.explanation._display import bar_table
from automl_explain.explanation._explanation import Explanation, load_explanation, save_explanation
from automl_explain.explanation._fidelity import Fidelity
from automl_explain.explanation._header import Note
from automl_explain.explanation._values import MirroredValues

__all__ = ["Explanation", "Fidelity", "MirroredValues", "Note", "bar_table", "load_explanation", "save_explanation"]

# They stood here before `automl_explain.analysis` was a part of its own.
_MOVED = frozenset(
    {
        "CohortComparison",
        "GlobalAccumulator",
        "GlobalSummary",
        "QuantileSketch",
        "collinear_groups",
        "compare_cohorts",
        "grouped_importance",
    }
)


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        return getattr(importlib.import_module("automl_explain.analysis"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
