"""How well a source of values reproduces the model, on encoded rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain.explainers._predictions import Predictions
from automl_explain.explanation import Fidelity
from automl_explain.explanation._units import class_probabilities


def measure(surrogate: Any, teacher: Predictions, encoded: Any, output: np.ndarray, *, rows: str) -> Fidelity:
    """Fidelity of the surrogate to the teacher's output on encoded rows."""
    margins = surrogate.predict_output(encoded)
    wanted = teacher.in_unit(teacher.targets(output))
    if teacher.task == "regression":
        return Fidelity.measure(wanted, margins, rows=rows)
    if teacher.decides:
        agreement = float(np.mean(teacher.chosen(output) == teacher.chosen(margins)))
        return Fidelity.measure(wanted, margins, agreement=agreement, rows=rows)
    return Fidelity.measure(
        wanted, margins, teacher_proba=output, surrogate_proba=class_probabilities(margins), rows=rows
    )
