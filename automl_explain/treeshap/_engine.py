"""Engine: explains rows with everything prepared."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import InputError
from automl_explain.treeshap import _native
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._players import Players
from automl_explain.treeshap._row_engine import RowEngine, native_arguments
from automl_explain.treeshap._validity import MAX_VALUES

#: Bytes that the tables of one model may take; the way to leaves beyond is walked for every row.
DEFAULT_TABLE_BYTES = 256 * 2**20
_SPARSE_ROWS = 4096  # rows whose values are dense at a time when the result is sparse


class Engine(RowEngine):
    """Exact Shapley values of one tree ensemble for one choice of players.

    Parameters
    ----------
    trees : TreeEnsemble
    players : Players
    n_jobs : int or None, default None
        Threads of a call; None for as many as `available_threads` says then. Values do not depend on it.
    max_bytes : int, default 256 MB
        Memory of the tables. Branches to leaves that do not fit are walked for every row, which is slower.
    """

    prepared: _native.Prepared

    def __init__(
        self,
        trees: TreeEnsemble,
        players: Players,
        *,
        n_jobs: int | None = None,
        max_bytes: int = DEFAULT_TABLE_BYTES,
    ) -> None:
        everyone = players.with_remainder
        if trees.n_outputs * everyone.n_targets > MAX_VALUES:
            raise InputError(
                f"`players` gives values to {everyone.n_targets:,} targets for each of {trees.n_outputs:,} outputs; at "
                f"most {MAX_VALUES:,} values are supported, 1 GiB for one row. Group the features."
            )
        self.prepared = _native.prepare(*native_arguments(trees, everyone), max_bytes)
        self.n_features, self.n_outputs = trees.n_features, trees.n_outputs
        self.n_targets, self._width = players.n_targets, everyone.n_targets
        self.n_jobs = n_jobs

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,), read-only."""
        return np.frombuffer(self.prepared.expected_values)

    def values(self, X: Any, n_jobs: int | None = None) -> np.ndarray:
        """Values of shape (n_outputs, n_rows, n_targets), without the remainder; ``n_jobs`` of the engine if None."""
        found = self._explain(X, n_jobs)
        return found if self._width == self.n_targets else found[:, :, : self.n_targets]

    def values_and_remainder(self, X: Any, n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Values (n_outputs, n_rows, n_targets), and what goes to no target (n_outputs, n_rows).

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features)
            Sparse rows are never made dense: only their stored values are looked at.
        n_jobs : int or None, default None
            Threads of this call; those of the engine where left out.
        """
        found = self._explain(X, n_jobs)
        if self._width == self.n_targets:
            return found, np.zeros(found.shape[:2])
        return found[:, :, : self.n_targets], found[:, :, self.n_targets]

    def sparse_values(self, X: Any, n_jobs: int | None = None) -> tuple[sp.csr_matrix, ...]:
        """Values as one csr_matrix (n_rows, n_targets) per output, without the remainder."""
        X = self._checked(X)
        parts: list[list[sp.csr_matrix]] = [[] for _ in range(self.n_outputs)]
        target = np.frombuffer(self.prepared.targets, dtype=np.int64)
        ends = np.searchsorted(target, np.arange(self.n_outputs + 1) * self._width)
        for first in range(0, max(X.shape[0], 1), _SPARSE_ROWS):
            rows = X[first : first + _SPARSE_ROWS]
            dense = np.zeros((rows.shape[0], len(target)))
            self._run(rows, dense, compact=True, n_jobs=n_jobs)
            for k in range(self.n_outputs):
                part = sp.csr_matrix(dense[:, ends[k] : ends[k + 1]])
                columns = target[ends[k] : ends[k + 1]] - k * self._width
                shape = (rows.shape[0], self._width)
                wide = sp.csr_matrix((part.data, columns[part.indices], part.indptr), shape=shape)
                parts[k].append(wide[:, : self.n_targets])
        found: list[sp.csr_matrix] = []
        while parts:  # one output at a time: no second copy of all
            found.append(sp.csr_matrix(sp.vstack(parts.pop(0))))
        return tuple(found)

    def _explain(self, X: Any, n_jobs: int | None) -> np.ndarray:
        X = self._checked(X)
        result = np.zeros((self.n_outputs, X.shape[0], self._width))
        if X.shape[0] == 1 and isinstance(X, np.ndarray):
            self.prepared.explain_row(X, result)
        else:
            self._run(X, result, n_jobs=n_jobs)
        return result
