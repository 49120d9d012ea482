"""What an explanation says of the model's own output on its rows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.explainers._fidelity import fidelity, probability_residuals, surrogate_residuals
from automl_explain.explainers._predictions import Predictions
from automl_explain.explanation._units import ToProbability

_FEW_ROWS = 16  # such as single ones in production


def describe(
    teacher: Predictions, rows: Any, output: np.ndarray, margins: np.ndarray, conversion: ToProbability | None
) -> dict[str, Any]:
    """Fields of an explanation by a surrogate: the teacher's predictions, and how well the surrogate reproduces them.

    Parameters
    ----------
    teacher : Predictions
    rows : DataFrame, ndarray or csr_matrix of shape (n_rows, n_engineered)
        As the teacher reads them.
    output : ndarray of shape (n_rows, n_classes) or (n_rows,)
        The teacher's soft output.
    margins : ndarray of shape (n_rows, n_outputs)
        The surrogate's.
    conversion : ToProbability, optional
        Where probabilities are explained.
    """
    wanted = teacher.in_unit(teacher.targets(output))
    # Of few rows it is worked out when first read, from these arrays: it costs more than the values of a row.
    late = functools.partial(fidelity, teacher.unit, wanted, margins, output, "eval")
    if conversion is None:
        residuals = surrogate_residuals(teacher, wanted, margins)
    else:
        residuals = probability_residuals(output, margins, conversion)
    return {
        "eval_y_predicted": teacher.predictions(rows, output),
        "eval_y_predicted_proba": output if teacher.unit == "log-odds" else None,
        "eval_fidelity": late if len(output) <= _FEW_ROWS else late(),
        "residuals": residuals,
        "row_labels": rows.index if isinstance(rows, pd.DataFrame) else None,
    }
