"""Explanations: contributions that add up to each prediction, with a stated fidelity.

`Explanation` is what every explainer gives; its parts stand in modules of their own: fields and
checks, importance accessors, tables, display, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.explanation._display import bar_table
    from automl_explain.explanation._explanation import Explanation, load_explanation, save_explanation
    from automl_explain.explanation._fidelity import Fidelity
    from automl_explain.explanation._header import Note
    from automl_explain.explanation._interactions import Interaction, InteractionExplanation
    from automl_explain.explanation._values import MirroredValues

__all__ = [
    "Explanation",
    "Fidelity",
    "Interaction",
    "InteractionExplanation",
    "MirroredValues",
    "Note",
    "bar_table",
    "load_explanation",
    "save_explanation",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Explanation": "._explanation",
        "Fidelity": "._fidelity",
        "Interaction": "._interactions",
        "InteractionExplanation": "._interactions",
        "MirroredValues": "._values",
        "Note": "._header",
        "bar_table": "._display",
        "load_explanation": "._explanation",
        "save_explanation": "._explanation",
        # They stood here before `automl_explain.analysis` was a part of its own.
        "CohortComparison": "automl_explain.analysis",
        "GlobalAccumulator": "automl_explain.analysis",
        "GlobalSummary": "automl_explain.analysis",
        "QuantileSketch": "automl_explain.analysis",
        "collinear_groups": "automl_explain.analysis",
        "compare_cohorts": "automl_explain.analysis",
        "grouped_importance": "automl_explain.analysis",
    },
)
