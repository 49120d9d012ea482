"""Whether two outputs of a model are the same but for rounding, judged row by row."""

from __future__ import annotations

import numpy as np


def differing_rows(found: np.ndarray, wanted: np.ndarray, *, relative: float, of_typical: float) -> np.ndarray:
    """Which rows of two outputs differ by more than rounding, bool of shape (n_rows,).

    Every number is compared in relation to itself, never to the largest of the batch, which could hide what
    is wrong elsewhere. Numbers near 0 are often differences of larger ones, whose rounding they inherit: the
    median of a column says how large, and one far row does not move it.

    Parameters
    ----------
    found, wanted : ndarray of shape (n_rows,) or (n_rows, n_columns)
        Missing numbers equal each other.
    relative : float
        How far a number may lie from the one wanted, in relation to it.
    of_typical : float
        The same in relation to the median magnitude of the column.
    """
    n_columns = int(np.prod(np.shape(wanted)[1:]))
    first, second = (np.asarray(a, dtype=np.float64).reshape(-1, n_columns) for a in (found, wanted))
    sizes = np.abs(second)
    with np.errstate(invalid="ignore"):
        known = np.nan_to_num(sizes, nan=0.0, posinf=0.0)
        typical = np.median(known, axis=0) if len(known) else np.zeros(first.shape[1])
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        same |= np.abs(first - second) <= relative * sizes + of_typical * typical
    return np.asarray(~same.all(axis=1))
