"""What explanations tell: cohorts, bins, collinear columns, and streams of rows."""

from __future__ import annotations

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
