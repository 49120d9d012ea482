"""Ranks: which feature comes first. Ties keep the order of the columns, NaN comes last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import InputError

BY = ("signed", "magnitude")


def check_top_k(top_k: Any) -> int | None:
    """The number of features to list, or None for all.

    Raises
    ------
    InputError
        If it is negative or not a whole number.
    """
    if top_k is None:
        return None
    if isinstance(top_k, (bool, np.bool_)) or not isinstance(top_k, (int, np.integer)) or top_k < 0:
        raise InputError(f"`top_k` must be a whole number >= 0, or None for all features; got {top_k!r}.")
    return int(top_k)


def check_by(by: Any) -> None:
    """Refuse an order that is not known."""
    if by not in BY:
        raise InputError(
            f"`by` must be 'signed' (largest value first) or 'magnitude' (largest |value| first); got {by!r}."
        )


def rank(values: np.ndarray, by: str = "signed") -> np.ndarray:
    """Positions of the features along the last axis, largest first, same shape as ``values``."""
    return np.argsort(-(np.abs(values) if by == "magnitude" else values), axis=-1, kind="stable")


def rank_sparse(matrix: sp.csr_matrix, by: str = "signed") -> list[list[int]]:
    """Positions of the entries other than 0 of each row, largest first; rows differ in length."""
    result = []
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        data = matrix.data[start:end]
        kept = np.flatnonzero(data != 0)
        result.append(matrix.indices[start:end][kept[rank(data[kept], by)]].tolist())
    return result


def ranked_rows(array: np.ndarray, top_k: int | None, by: str) -> tuple[list[Any], list[Any]]:
    """Ranked positions and values of an ndarray of shape (..., n_features), as nested lists."""
    order = rank(array, by)[..., slice(None, top_k)]
    return order.tolist(), np.take_along_axis(array, order, axis=-1).tolist()


def ranked_rows_sparse(matrix: sp.csr_matrix, top_k: int | None, by: str) -> tuple[list[Any], list[Any]]:
    """Ranked positions and values of the entries of each row, as lists of lists."""
    order = [row[:top_k] for row in rank_sparse(matrix, by)]
    values = []
    for i, row in enumerate(order):
        start, end = matrix.indptr[i], matrix.indptr[i + 1]
        at = np.searchsorted(matrix.indices[start:end], row)
        values.append(matrix.data[start:end][at].tolist() if row else [])
    return order, values


def names_at(positions: Any, names: Sequence[str | int]) -> Any:
    """Nested lists of positions with each position replaced by its name."""
    if isinstance(positions, list):
        return [names_at(p, names) for p in positions]
    return names[positions]
