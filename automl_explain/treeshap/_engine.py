"""Engine: explains rows with everything prepared; chooses the kernel and spreads rows over threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._threads import threads_for
from automl_explain.exceptions import InputError
from automl_explain.treeshap import _kernels
from automl_explain.treeshap._ensemble import TreeEnsemble, csr_rows, read_only
from automl_explain.treeshap._players import Players
from automl_explain.treeshap._prepare import DEFAULT_TABLE_BYTES, Prepared
from automl_explain.treeshap._validity import MAX_VALUES
from automl_explain.treeshap._vectors import LANES

_BLOCK = 2048  # rows that share one pass over the tables
_BLOCK_BYTES = 2**21  # of the sums of one output and the ranks of a block; narrower blocks for wide models
_ALL_BYTES = 2**24  # of the sums of all outputs
_SPARSE_ROWS = 4096  # rows whose values are dense at a time when the result is sparse
_ONE_THREAD = 4096  # rows below which a second thread costs more than it saves


class Engine:
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

    def __init__(
        self,
        trees: TreeEnsemble,
        players: Players,
        *,
        n_jobs: int | None = None,
        max_bytes: int = DEFAULT_TABLE_BYTES,
    ) -> None:
        weights = players.with_remainder
        if trees.n_outputs * weights.shape[0] > MAX_VALUES:
            raise InputError(
                f"`players` gives values to {weights.shape[0]:,} targets for each of {trees.n_outputs:,} outputs; at "
                f"most {MAX_VALUES:,} values are supported, 1 GiB for one row. Group the features."
            )
        self.prepared = Prepared.of(trees, players.of_feature, weights, max_bytes=max_bytes)
        self.n_features, self.n_outputs = trees.n_features, trees.n_outputs
        self.n_targets, self._width = players.n_targets, int(weights.shape[0])
        self.n_jobs = n_jobs
        sums, ranks = 8 * len(self.prepared.slots.target), 2 * len(self.prepared.ranking.feature)
        fits = min(_BLOCK_BYTES // max(sums // self.n_outputs + ranks, 1), _ALL_BYTES // max(sums, 1))
        self._block = max(64, min(_BLOCK, fits // 64 * 64))
        self._row = self.prepared.row_arrays()

    def values(self, X: Any) -> np.ndarray:
        """Values of shape (n_outputs, n_rows, n_targets), without the remainder."""
        found = self._explain(X)
        return found if self._width == self.n_targets else found[:, :, : self.n_targets]

    def values_and_remainder(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Values (n_outputs, n_rows, n_targets), and what goes to no target (n_outputs, n_rows).

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features)
            Sparse rows are never made dense: only their stored values are looked at.
        """
        found = self._explain(X)
        if self._width == self.n_targets:
            return found, np.zeros(found.shape[:2])
        return found[:, :, : self.n_targets], found[:, :, self.n_targets]

    def sparse_values(self, X: Any) -> tuple[sp.csr_matrix, ...]:
        """Values as one csr_matrix (n_rows, n_targets) per output, without the remainder."""
        X = self._checked(X)
        parts: list[list[sp.csr_matrix]] = [[] for _ in range(self.n_outputs)]
        target = self.prepared.slots.target
        ends = np.searchsorted(target, np.arange(self.n_outputs + 1) * self._width)
        for first in range(0, max(X.shape[0], 1), _SPARSE_ROWS):
            rows = X[first : first + _SPARSE_ROWS]
            dense = np.zeros((1, rows.shape[0], len(target)))
            self._run(rows, np.arange(len(target)), dense)
            for k in range(self.n_outputs):
                part = sp.csr_matrix(dense[0, :, ends[k] : ends[k + 1]])
                columns = target[ends[k] : ends[k + 1]] - k * self._width
                shape = (rows.shape[0], self._width)
                wide = sp.csr_matrix((part.data, columns[part.indices], part.indptr), shape=shape)
                parts[k].append(wide[:, : self.n_targets])
        found: list[sp.csr_matrix] = []
        while parts:  # one output at a time: no second copy of all
            found.append(sp.csr_matrix(sp.vstack(parts.pop(0))))
        return tuple(found)

    def _explain(self, X: Any) -> np.ndarray:
        X = self._checked(X)
        result = np.zeros((self.n_outputs, X.shape[0], self._width))
        if X.shape[0] == 1 and isinstance(X, np.ndarray):
            p = self.prepared
            if len(p.branches.output):
                _kernels.explain_row_with_branches(X, *self._row, p.branches, p.slots.places, result)
            else:
                _kernels.explain_row(X, *self._row, result)
        else:
            self._run(X, self.prepared.slots.target, result)
        return result

    def _run(self, X: Any, target: np.ndarray, result: np.ndarray) -> None:
        p = self.prepared
        parts = (p.ranking, p.tables, p.branches, p.slots.places, target, result)
        kernel: Callable[..., None]
        rows: tuple[np.ndarray, ...]
        if isinstance(X, np.ndarray):
            kernel, rows = _kernels.explain_dense, (X,)
        else:
            kernel, rows = _kernels.explain_csr, tuple(map(read_only, (X.data, X.indices, X.indptr)))
        spans = list(self._spans(X.shape[0]))
        # The kernels let go of the interpreter's lock; a pool that ends with the call survives no fork.
        if len(spans) == 1:
            kernel(*rows, 0, X.shape[0], min(self._block, -(-X.shape[0] // LANES) * LANES), *parts)
        elif spans:
            with ThreadPoolExecutor(len(spans)) as pool:
                list(pool.map(lambda span: kernel(*rows, *span, self._block, *parts), spans))

    def _spans(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Rows of each thread: whole blocks."""
        threads = 1 if n_rows < _ONE_THREAD else min(threads_for(self.n_jobs), -(-n_rows // self._block))
        each = -(-n_rows // threads)
        each = -(-each // self._block) * self._block if threads > 1 else each
        for first in range(0, n_rows, max(each, 1)):
            yield first, min(n_rows, first + each)

    def _checked(self, X: Any) -> Any:
        """Rows as a read-only ndarray of floats, or a canonical csr_matrix of floats."""
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise InputError(
                f"`X` has shape {X.shape}; expected (n_rows, {self.n_features}), the columns of the trees."
            )
        if isinstance(X, np.ndarray):
            if X.dtype in _FLOATS and (X.flags.c_contiguous or X.flags.f_contiguous):
                return read_only(X)
            return read_only(np.ascontiguousarray(X, dtype=np.float64))
        if not sp.issparse(X):
            return self._checked(np.asarray(X, dtype=np.float64))
        rows = csr_rows(X)
        return rows if rows.dtype in _FLOATS else rows.astype(np.float64)


_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
