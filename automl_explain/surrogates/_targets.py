"""Soft targets: what a surrogate learns from a teacher's probabilities, and back."""

from __future__ import annotations

import numpy as np

from automl_explain.explanation._intervals import r2_of_columns

# The least distance of a probability from 0 and 1: log-odds stay within +-13.8.
_LEAST = 1e-6


def least_distance(proba: np.ndarray) -> float:
    """How near to 0 and 1 a soft target may come, for a teacher that gives these probabilities.

    A probability of exactly 0 or 1 has no finite log-odds. It moves to half the smallest distance
    from 0 or 1 that the teacher otherwise shows (half a vote of a forest), at least 1e-6.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
    """
    distance = np.minimum(proba, 1 - proba)
    inside = distance[distance > _LEAST]
    return max(_LEAST, float(inside.min()) / 2) if inside.size else _LEAST


def soft_targets(proba: np.ndarray, least: float | None = None) -> np.ndarray:
    """Probabilities strictly between 0 and 1, one column per output.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
    least : float, optional
        See `least_distance`; that of ``proba`` where left out.

    Returns
    -------
    ndarray of shape (n_rows, 1) for two classes (the second one), else (n_rows, n_classes)
    """
    least = least_distance(proba) if least is None else least
    columns = proba[:, 1:] if proba.shape[1] == 2 else proba
    return np.asarray(np.clip(columns, least, 1 - least))


def log_odds(targets: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities strictly between 0 and 1, same shape."""
    return np.asarray(np.log(targets) - np.log1p(-targets))


def r2(truth: np.ndarray, found: np.ndarray, close: float = 0.0) -> float:
    """Mean R2 over the columns; a constant column gives 1 if it is met to within ``close``, else 0.

    A single row gives whether it is met.
    """
    if truth.shape[0] == 1:
        return float(np.allclose(truth, found, atol=0.0))  # of a target in any unit
    return float(r2_of_columns(truth.astype(np.float64, copy=False), found, close).mean())
