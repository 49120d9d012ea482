"""Explanations: contributions that add up to each prediction, with a stated fidelity.

`Explanation` is what every explainer gives; its parts stand in modules of their own: fields and
checks, importance accessors, tables, display, files.
"""

from automl_explain.explanation._accumulator import GlobalAccumulator
from automl_explain.explanation._cohorts import CohortComparison, compare_cohorts
from automl_explain.explanation._collinear import collinear_groups, grouped_importance
from automl_explain.explanation._display import bar_table
from automl_explain.explanation._explanation import Explanation, load_explanation, save_explanation
from automl_explain.explanation._fidelity import Fidelity
from automl_explain.explanation._sketch import QuantileSketch
from automl_explain.explanation._summary import GlobalSummary
from automl_explain.explanation._values import MirroredValues

__all__ = [
    "CohortComparison",
    "Explanation",
    "Fidelity",
    "GlobalAccumulator",
    "GlobalSummary",
    "MirroredValues",
    "QuantileSketch",
    "bar_table",
    "collinear_groups",
    "compare_cohorts",
    "grouped_importance",
    "load_explanation",
    "save_explanation",
]
