"""How well a source of values reproduces the model, on encoded rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain.explainers._predictions import Predictions
from automl_explain.explanation import Fidelity
from automl_explain.explanation._units import class_probabilities


def measure(surrogate: Any, teacher: Predictions, encoded: Any, output: np.ndarray, *, rows: str) -> Fidelity:
    """Fidelity of the surrogate to the teacher's output on encoded rows."""
    return compare(teacher, surrogate.predict_output(encoded), output, rows=rows)


def compare(teacher: Predictions, margins: np.ndarray, output: np.ndarray, *, rows: str) -> Fidelity:
    """Fidelity of margins (n_rows, n_outputs) to the teacher's output."""
    return fidelity(teacher.unit, teacher.in_unit(teacher.targets(output)), margins, output, rows)


def fidelity(unit: str, wanted: np.ndarray, margins: np.ndarray, output: np.ndarray, rows: str) -> Fidelity:
    """Fidelity of margins, from arrays alone: nothing here keeps a model alive.

    Parameters
    ----------
    unit : {"target", "log-odds", "decision value"}
        Of ``wanted`` and ``margins``.
    wanted, margins : ndarray of shape (n_rows, n_outputs)
        The teacher's output in this unit, and the surrogate's.
    output : ndarray of shape (n_rows, n_classes) or (n_rows,)
        The teacher's soft output.
    rows : {"held-out", "eval"}
    """
    if unit == "log-odds":
        return Fidelity.measure(
            wanted, margins, teacher_proba=output, surrogate_proba=class_probabilities(margins), rows=rows
        )
    if unit == "decision value":
        agreement = float(np.mean(_classes(output) == _classes(margins)))
        return Fidelity.measure(wanted, margins, agreement=agreement, rows=rows)
    return Fidelity.measure(wanted, margins, rows=rows)


def _classes(decisions: np.ndarray) -> np.ndarray:
    """Positions of the classes that decision values of shape (n_rows, n_outputs) stand for."""
    return np.asarray(decisions[:, 0] > 0 if decisions.shape[1] == 1 else decisions.argmax(axis=1))
