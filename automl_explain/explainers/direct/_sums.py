"""Whether the sums behind contributions are what the model predicts, judged row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from automl_explain._tables._rows import chunks
from automl_explain.explanation._units import PROBABILITY_LINKS, class_probabilities, first_class, output_probabilities

# Of what is added up for a row. XGBoost adds up in float32, where 3,000 trees lose up to 1.3e-4; doubles lose 1e-12,
# and a little more where a library approximates an exponential.
_CLOSE_SINGLE, _CLOSE = 2e-4, 1e-6
# Last bits of a larger number that a prediction was taken from, as in 1 - p.
_ROUNDED_SINGLE, _ROUNDED = 1.2e-7, 1e-12
_ADDED_ROWS = 1024  # whose contributions are looked at together


def predictions_of(margins: np.ndarray, link: str, n_columns: int) -> np.ndarray:
    """Soft output that summed outputs of shape (n_rows, n_outputs) stand for, (n_rows, n_columns)."""
    if link == "log":
        return np.asarray(np.exp(margins))
    if link in PROBABILITY_LINKS:
        return class_probabilities(margins, link) if n_columns > 1 else output_probabilities(margins, link)
    both = margins.shape[1] == 1 and n_columns == 2
    return np.hstack([first_class(margins, "probability"), margins]) if both else margins


def magnitudes(values: Any, expected_values: np.ndarray) -> np.ndarray:
    """What is added up for each row and output: magnitudes of contributions and expected value, (n_rows, n_outputs)."""
    sums = [np.asarray(abs(each).sum(axis=-1)).ravel() for each in values]
    return np.asarray(np.column_stack(sums) + np.abs(expected_values))


def why_outputs_differ(
    found: np.ndarray, output: np.ndarray, link: str, added: Callable[[np.ndarray], np.ndarray]
) -> str:
    """Why summed outputs are not what the model predicts; empty where they are.

    Every row is judged by its own size, so that no large one hides what is wrong elsewhere. Where a sum is
    small because contributions cancel, it inherits their rounding: of rows that are not close at once, the
    magnitudes behind the sum are looked at.

    Parameters
    ----------
    found : ndarray of shape (n_rows, n_outputs)
    output : ndarray of shape (n_rows,) or (n_rows, n_columns)
        What the model predicts.
    link : str
        How a sum becomes a prediction.
    added : callable
        Positions of rows -> their `magnitudes`.
    """
    wanted = output.reshape(len(output), -1)
    shown = predictions_of(found, link, wanted.shape[1])
    if shown.shape != wanted.shape:
        return f"it has {found.shape[1]} outputs, the model predicts {wanted.shape[1]} columns"
    apart = np.abs(shown - wanted)
    with np.errstate(over="ignore"):
        single = bool((wanted == wanted.astype(np.float32)).all())
    suspect = np.flatnonzero((apart > _room(np.abs(found), wanted, link, single)).any(axis=1))
    for some in chunks(len(suspect), _ADDED_ROWS):
        at = suspect[some]
        over = apart[at] / np.maximum(_room(added(at), wanted[at], link, single), np.finfo(float).tiny)
        if over.max() > 1:
            worst = at[over.max(axis=1).argmax()]
            return (
                f"it adds up to {_shown(shown[worst])} in row {worst}, where the model predicts {_shown(wanted[worst])}"
            )
    return ""


def _room(sizes: np.ndarray, wanted: np.ndarray, link: str, single: bool) -> np.ndarray:
    """By how much predictions may differ where sums of such sizes are rounded, (n_rows, n_columns)."""
    close, rounded = (_CLOSE_SINGLE, _ROUNDED_SINGLE) if single else (_CLOSE, _ROUNDED)
    if link == "identity":
        return np.asarray(close * sizes + rounded * np.abs(wanted).max(axis=1, keepdims=True))
    # A sum that is wrong by so much moves a prediction by its slope; log-odds and logarithms have a scale of their own.
    moved = close * np.maximum(sizes, 1.0)
    if link == "log":
        return np.asarray(moved * np.abs(wanted))
    return np.asarray(moved * wanted * (1.0 - wanted) + rounded)


def _shown(numbers: np.ndarray) -> str:
    return ", ".join(f"{n:.6g}" for n in numbers[:5])
