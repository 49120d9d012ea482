"""Soft targets: what a surrogate learns from a teacher's probabilities, and back."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score

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


def probabilities(margins: np.ndarray) -> np.ndarray:
    """Class probabilities of shape (n_rows, n_classes) from log-odds of shape (n_rows, n_outputs).

    The sigmoid of every log-odds; with more than two classes divided by their sum over the classes.
    """
    with np.errstate(over="ignore"):
        each = 1.0 / (1.0 + np.exp(-margins))
    if each.shape[1] == 1:
        return np.hstack([1.0 - each, each])
    return np.asarray(each / each.sum(axis=1, keepdims=True))


def r2(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean R2 over the columns; 1 for a constant column that is reproduced, else 0."""
    return float(r2_score(truth, found)) if truth.shape[0] > 1 else float(np.allclose(truth, found))
