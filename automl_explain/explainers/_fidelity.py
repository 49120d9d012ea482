"""How well a source of values reproduces the model: over all rows (fidelity), and row by row (residuals)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from automl_explain._validation import warn
from automl_explain.exceptions import ResidualWarning
from automl_explain.explainers._predictions import Predictions
from automl_explain.explanation import Fidelity
from automl_explain.explanation._units import ToProbability, class_probabilities, output_probabilities
from automl_explain.surrogates import log_odds, soft_targets

#: A row is far off where it is missed by five times the root mean square miss of held-out rows; but by no less
#: than the first of these numbers and always by more than the second: in a probability, and in standard deviations
#: of the model's decision values or targets.
FAR_TIMES = 5.0
FAR_PROBABILITY, FAR_SPREAD = (0.1, 0.2), (0.5, 1.0)
_SURE = np.array([[1.0, 0.0], [0.0, 1.0]])


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


def surrogate_residuals(unit: str, least: float | None, wanted: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """The model's output less the surrogate's, in log-odds, decision values or target, (n_outputs, n_rows).

    Parameters
    ----------
    unit, least
        Of the `Predictions`.
    wanted, margins : ndarray of shape (n_rows, n_outputs)
        The model's output as the surrogate learns it, and the output explained.

    Notes
    -----
    Probabilities of exactly 0 and 1 have infinite log-odds. The model's probabilities are kept as far from 0 and
    1 as those that the surrogate learnt from (`surrogates.least_distance`). A surrogate that is as sure as that
    bound or surer agrees with a model that is, so its residual is 0 there.
    """
    apart = (wanted - margins).T
    if unit == "log-odds":
        low, high = _bounds(least)
        if np.count_nonzero((wanted >= high) | (wanted <= low)):
            at_bound = (wanted >= high) & (margins > high) | (wanted <= low) & (margins < low)
            apart[at_bound.T] = 0.0
    return np.ascontiguousarray(apart)


@functools.lru_cache
def _bounds(least: float | None) -> tuple[float, float]:
    """Log-odds of a model that is sure, of either class."""
    low, high = log_odds(soft_targets(_SURE, least))[:, 0]
    return float(low), float(high)


def difference_of_columns(explained: np.ndarray, output: np.ndarray) -> np.ndarray:
    """The model's output less the one explained, (n_outputs, n_rows), for outputs that are predictions.

    Parameters
    ----------
    explained : ndarray of shape (n_rows, n_outputs)
    output : ndarray of shape (n_rows, n_columns) or (n_rows,)
        Of two classes the second alone is explained.
    """
    columns = output.reshape(len(output), -1)[:, -explained.shape[1] :]
    return np.ascontiguousarray((columns - explained).T)


def probability_residuals(output: np.ndarray, margins: np.ndarray, conversion: ToProbability) -> np.ndarray:
    """The model's probabilities less those that values add up to, (n_outputs, n_rows)."""
    explained = conversion.wanted
    if explained is None:
        explained = output_probabilities(margins, conversion.link)
    return difference_of_columns(explained, output)


def misses(teacher: Predictions, output: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Largest difference of each row in what people read: a probability, decision value or target, (n_rows,)."""
    if teacher.unit == "log-odds" and margins.shape[1] == 1:
        return np.asarray(np.abs(output[:, 1] - expit(margins[:, 0])))  # a single row takes half as long
    shown = class_probabilities(margins)[:, -margins.shape[1] :] if teacher.unit == "log-odds" else margins
    return np.asarray(np.abs(difference_of_columns(shown, output)).max(axis=0))


def far_bound(teacher: Predictions, output: np.ndarray, margins: np.ndarray) -> float:
    """From which difference on a row is far off, judged by held-out rows.

    Parameters
    ----------
    teacher : Predictions
    output : ndarray of shape (n_rows, n_classes) or (n_rows,)
        The model's soft output on held-out rows.
    margins : ndarray of shape (n_rows, n_outputs)
        The surrogate's.

    Returns
    -------
    float
        Five times the root mean square difference on these rows, but at least 0.1 and at most 0.2 in a
        probability, and at least half and at most one standard deviation of decision values or targets.
    """
    usual = float(np.sqrt(np.mean(misses(teacher, output, margins) ** 2)))
    low, high = FAR_PROBABILITY
    if teacher.unit != "log-odds":
        spread = float(np.std(output))
        low, high = (share * spread for share in FAR_SPREAD)
    return min(max(FAR_TIMES * usual, low), high)


def warn_of_far_rows(teacher: Predictions, output: np.ndarray, margins: np.ndarray, bound: float) -> None:
    """Warn once of all rows in which surrogate and model differ by more than the bound."""
    off = misses(teacher, output, margins)
    n_far = np.count_nonzero(off > bound)
    if not n_far:
        return
    worst, n_rows = int(off.argmax()), len(off)
    what = "probability" if teacher.unit == "log-odds" else teacher.unit
    warn(
        f"In {n_far:,} of {n_rows:,} row{'' if n_rows == 1 else 's'} the surrogate is off by more than {bound:.3g} "
        f"({what}): its values do not explain what the model predicts there. The worst is row {worst}, by "
        f"{off[worst]:.3g}. See `explanation.residuals`; explain such rows with KernelExplainer, or train the "
        "surrogate on more rows like them.",
        ResidualWarning,
    )


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
    # Of few rows both are worked out when first read, from these arrays: they cost more than the values of a row.
    late = functools.partial(fidelity, teacher.unit, wanted, margins, output, "eval")
    if conversion is None:
        residuals = functools.partial(surrogate_residuals, teacher.unit, teacher.least, wanted, margins)
    else:
        residuals = functools.partial(probability_residuals, output, margins, conversion)
    few = len(output) <= _FEW_ROWS
    return {
        "eval_y_predicted": teacher.predictions(rows, output),
        "eval_y_predicted_proba": output if teacher.unit == "log-odds" else None,
        "eval_fidelity": late if few else late(),
        "residuals": residuals if few else residuals(),
        "row_labels": rows.index if isinstance(rows, pd.DataFrame) else None,
    }
