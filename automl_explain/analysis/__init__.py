"""What explanations tell: cohorts, bins, collinear columns, and streams of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.analysis._accumulator import GlobalAccumulator
    from automl_explain.analysis._cohorts import CohortComparison, compare_cohorts
    from automl_explain.analysis._collinear import collinear_groups, grouped_importance
    from automl_explain.analysis._sketch import QuantileSketch
    from automl_explain.analysis._summary import GlobalSummary

__all__ = [
    "CohortComparison",
    "GlobalAccumulator",
    "GlobalSummary",
    "QuantileSketch",
    "collinear_groups",
    "compare_cohorts",
    "grouped_importance",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "CohortComparison": "._cohorts",
        "GlobalAccumulator": "._accumulator",
        "GlobalSummary": "._summary",
        "QuantileSketch": "._sketch",
        "collinear_groups": "._collinear",
        "compare_cohorts": "._cohorts",
        "grouped_importance": "._collinear",
    },
)
