"""Engine: explains rows with everything prepared."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain._threads import check_n_jobs
from automl_explain._validation import check_count
from automl_explain.exceptions import InputError
from automl_explain.treeshap import _native
from automl_explain.treeshap._ensemble import TreeEnsemble, checked_rows
from automl_explain.treeshap._players import Players
from automl_explain.treeshap._row_engine import RowEngine, native_arguments
from automl_explain.treeshap._validity import MAX_VALUES

#: Bytes that the tables of one model may take; the way to leaves beyond is walked for every row.
DEFAULT_TABLE_BYTES = 256 * 2**20
_ANY_SIZE = 2**62  # bytes that no tables take
_SPARSE_ROWS = 4096  # rows that room for all values is kept for when the result is sparse
_CSR_VALUES = 2**26  # that room is kept for at a time when the result of one output is sparse


class Engine(RowEngine):
    """Exact Shapley values of one tree ensemble for one choice of players.

    Parameters
    ----------
    trees : TreeEnsemble
    players : Players
    n_jobs : int or None, default None
        Threads of a call; None for as many as `available_threads` says then. Values do not depend on it.
    max_bytes : int, default 256 MiB
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
        check_n_jobs(n_jobs)
        check_count(max_bytes, "max_bytes", least=0)
        everyone = players.with_remainder
        if trees.n_outputs * everyone.n_targets > MAX_VALUES:
            raise InputError(
                f"`players` gives values to {everyone.n_targets:,} targets for each of {trees.n_outputs:,} outputs; at "
                f"most {MAX_VALUES:,} values are supported, 1 GiB for one row. Group the features."
            )
        self.prepared = _native.prepare(*native_arguments(trees, everyone), min(int(max_bytes), _ANY_SIZE))
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
        X = sp.csr_matrix(checked_rows(X, self.n_features))
        target = np.frombuffer(self.prepared.targets, dtype=np.int64)
        ends = np.searchsorted(target, np.arange(self.n_outputs + 1) * self._width)
        threads = self._over_threads(X.shape[0], partial(self._csr_parts, X, ends), n_jobs)
        parts = [part for some in threads for part in some]
        if not parts:
            return tuple(sp.csr_matrix((0, self.n_targets)) for _ in range(self.n_outputs))
        found: list[sp.csr_matrix] = []
        for k in range(self.n_outputs):  # one output at a time: no second copy of all
            values, columns, counts = (_joined([part[k][i] for part in parts]) for i in range(3))
            row_ptr = np.append(0, np.cumsum(counts))
            found.append(sp.csr_matrix((values, columns, row_ptr), shape=(X.shape[0], self.n_targets)))
            for part in parts:
                part[k] = None
        return tuple(found)

    def _csr_parts(self, X: Any, ends: np.ndarray, first: int, last: int) -> list[list[Any]]:
        """For some rows at a time and every output: values that are not 0, their columns, and how many a row has."""
        # The values of one output are written where they stay; system memory that they do not reach costs nothing.
        most = _CSR_VALUES // max(int(ends[-1]), 1)
        rows = max(1, min(last - first, most if self.n_outputs == 1 else _SPARSE_ROWS))
        return [self._csr_part(X, ends, start, min(start + rows, last)) for start in range(first, last, rows)]

    def _csr_part(self, X: Any, ends: np.ndarray, first: int, last: int) -> list[Any]:
        n, size = last - first, (last - first) * ends[-1]
        values, columns = np.empty(size), np.empty(size, dtype=np.int32)
        row_ptr = np.empty((self.n_outputs, n + 1), dtype=np.int64)
        given = (X.data, X.indices, X.indptr, values, columns, row_ptr)
        self.prepared.explain_to_csr(*given, self.n_targets, first, last)
        if self.n_outputs == 1:
            for array in (values, columns):
                array.resize(row_ptr[0, -1], refcheck=False)
            return [[values, columns, np.diff(row_ptr[0])]]
        used = [slice(n * ends[k], n * ends[k] + row_ptr[k, -1]) for k in range(self.n_outputs)]
        return [[values[s].copy(), columns[s].copy(), np.diff(row_ptr[k])] for k, s in enumerate(used)]

    def _explain(self, X: Any, n_jobs: int | None) -> np.ndarray:
        X = checked_rows(X, self.n_features)
        result = np.zeros((self.n_outputs, X.shape[0], self._width))
        if X.shape[0] == 1 and isinstance(X, np.ndarray):
            self.prepared.explain_row(X, result)
        else:
            self._fill(X, result, n_jobs=n_jobs)
        return result


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
