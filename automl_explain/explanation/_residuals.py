"""The model's own output beside the one explained, and rows in which the two are far apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from automl_explain.explanation._fields import ExplanationFields
from automl_explain.explanation._units import PROBABILITY_LINKS, output_probabilities

# Where no bound is stated: this difference in a probability, or so many times the mean error on held-out rows.
_PROBABILITY, _TIMES = 0.2, 5.0


class RowOutputs(NamedTuple):
    """Outputs of one row, each of shape (n_outputs,).

    Parameters
    ----------
    explained : ndarray
    model : ndarray or None
        The model's own; None where it was not asked.
    residual : ndarray or None
        The model's minus the one explained.
    difference : float or None
        Of the two in what people read, see `differences`.
    is_far : bool
        Whether the difference exceeds the bound.
    """

    explained: np.ndarray
    model: np.ndarray | None = None
    residual: np.ndarray | None = None
    difference: float | None = None
    is_far: bool = False


def row_outputs(explanation: ExplanationFields, row: int) -> RowOutputs:
    """What is explained of one row, beside the model's own output."""
    total = np.array([v[[row]].sum() for v in explanation._local])
    explained = total + explanation.base
    if explanation.unmapped is not None:
        explained = explained + explanation.unmapped[:, row]
    if explanation.residuals is None:
        return RowOutputs(explained)
    residual = explanation.residuals[:, row]
    difference = float(differences(explanation, explained[None], residual[None])[0])
    bound = stated_bound(explanation)
    return RowOutputs(explained, explained + residual, residual, difference, bound is not None and difference > bound)


def stated_bound(explanation: ExplanationFields) -> float | None:
    """From which difference on a row is far off: as given, else by the unit and the fidelity; None if unknown."""
    if explanation.residual_bound is not None:
        return explanation.residual_bound
    if difference_unit(explanation) == "probability":
        return _PROBABILITY
    fidelity = explanation.fidelity
    return None if fidelity is None else _TIMES * fidelity.mean_absolute_error


def difference_unit(explanation: ExplanationFields) -> str:
    """What people read: probabilities where outputs are log-odds, else the output unit."""
    return "probability" if _in_log_odds(explanation) else explanation.output_unit


def differences(explanation: ExplanationFields, output: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Largest difference of each row in what people read, shape (n_rows,).

    Parameters
    ----------
    explanation : ExplanationFields
        Says the unit.
    output, residuals : ndarray of shape (n_rows, n_outputs)
        The outputs explained, and what they lack to the model's own.
    """
    if not _in_log_odds(explanation):
        return np.asarray(np.abs(residuals).max(axis=1, initial=0.0))
    own, explained = (output_probabilities(o, explanation.link) for o in (output + residuals, output))
    return np.asarray(np.abs(own - explained).max(axis=1, initial=0.0))


def _in_log_odds(explanation: ExplanationFields) -> bool:
    return explanation.output_unit == "log-odds" and explanation.link in PROBABILITY_LINKS
