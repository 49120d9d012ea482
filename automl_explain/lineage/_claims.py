"""Functions that claim to work column by column: the claim is tried in a few calls instead of one for each column."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from automl_explain.lineage._changes import emptied, stands
from automl_explain.lineage._compare import Output
from automl_explain.lineage._tables import n_columns, n_rows, with_shuffled


class Trial(Protocol):
    """What of a step on trial is needed here."""

    X: Any
    rng: np.random.Generator
    groups: list[np.ndarray]
    before: Output
    moved: list[Any]
    effect: list[Any]

    @property
    def n_out(self) -> int:
        """Number of outputs."""

    def run(self, X: Any) -> Output:
        """Its output."""


def claims_one_to_one(transformer: Any) -> bool:
    """Whether a FunctionTransformer says that its outputs have the names of its inputs."""
    return isinstance(getattr(transformer, "feature_names_out", None), str)


def holds(step: Trial) -> bool:
    """Whether outputs move with no columns but those of their own place; notes what moves if so.

    Groups of columns are changed together, those with the same binary digit in their number, so
    that any two are told apart by some digit at the price of 4 log2(n_groups) calls. Columns that
    stand still are left to the full trial.
    """
    if step.n_out != n_columns(step.X) or any(stands(step.X, group) for group in step.groups):
        return False
    owner = np.full(step.n_out, -1)  # a constant, such as a bias, has no group
    for g, group in enumerate(step.groups):
        owner[group] = g
    own = np.zeros(step.n_out, dtype=bool)
    try:
        for bit in range((len(step.groups) - 1).bit_length()):
            for value in (0, 1):
                inside = ((owner >> bit) & 1 == value) & (owner >= 0)
                moved = _moved_with(step, inside)
                if (moved & ~inside).any():
                    return False
                own |= moved
    except Exception:  # values that it cannot take together; the full trial changes them one by one
        return False
    for g, group in enumerate(step.groups):
        cells = own[group].astype(np.float64)
        row = sp.csr_matrix((cells, (np.zeros(len(group), dtype=np.int64), group)), shape=(1, step.n_out))
        step.moved[g], step.effect[g] = row.astype(bool), row
    return True


def _moved_with(step: Trial, inside: np.ndarray) -> np.ndarray:
    """Outputs that move when the columns of the mask are shuffled, or lose values."""
    rows = n_rows(step.X)
    order = step.rng.permutation(rows)
    source = np.empty_like(order)
    source[order] = np.roll(order, 1)
    moved = step.before.against(step.run(with_shuffled(step.X, np.flatnonzero(inside), source)))[0]
    gaps = step.rng.random(rows) < 0.5
    can = np.array([j for j in np.flatnonzero(inside) if emptied(step.X, np.array([j]), gaps) is not None], dtype=int)
    if len(can):
        emptier = step.run(emptied(step.X, can, gaps))
        moved = moved | step.before.against(emptier, but_gaps=True)[0]
    return np.asarray(moved, dtype=bool)
