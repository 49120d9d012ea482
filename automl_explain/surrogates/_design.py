"""Design: encoded rows as the columns that a linear surrogate multiplies, and which column each came from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._tables._csr import Csr
from automl_explain._tables._rows import chunks

BLOCK_ROWS = 8192
DESIGN_ARRAYS = ("fill", "scale", "parent", "numbers", "marked")


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """Numbers divided by their spread, categories one-hot, missing values filled and marked.

    A number keeps its place: missing values count as the mean of the column. A column that has missing
    values in training gets a second design column, 1 where the value is missing. A categorical column
    becomes one column for each code, all 0 for a code not known, and that second column.

    Parameters
    ----------
    fill, scale : ndarray of shape (n_features,)
        Mean of each column without its missing values, and its spread; 0 spread is kept as 1.
    parent : ndarray of shape (n_design,), int
        Feature of each design column: first the features that are numbers, then marks, then codes.
    numbers, marked : ndarray of int
        Features that are numbers, and those with a mark for missing values.
    levels : tuple of (int, int)
        Categorical features with the number of their codes.
    """

    fill: np.ndarray
    scale: np.ndarray
    parent: np.ndarray
    numbers: np.ndarray
    marked: np.ndarray
    levels: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, X: Any, categories: Mapping[int, Sequence[Any]] | None) -> Design:
        """Design for rows like these, float64 ndarray or csr_matrix of shape (n_rows, n_features)."""
        n_features = X.shape[1]
        levels = tuple((j, len(c)) for j, c in sorted((categories or {}).items()))
        kinds = np.zeros(n_features, dtype=bool)
        kinds[[j for j, _ in levels]] = True
        numbers = np.flatnonzero(~kinds)
        fill, scale, missing = _moments(X)
        fill[kinds], scale[kinds] = 0.0, 1.0
        marked = np.flatnonzero(missing)
        codes = [np.full(n, j) for j, n in levels]
        parent = np.concatenate([numbers, marked, *codes]).astype(np.int64)
        return cls(fill, scale, parent, numbers, marked, levels)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], levels: Sequence[tuple[int, int]], n_design: int) -> Design:
        """Design of arrays that were read from a file, named as in `DESIGN_ARRAYS`.

        Raises
        ------
        ValueError
            If columns lie outside of the rows, or in another order than a `Design` has them.
        """
        fill, scale, parent, numbers, marked = (arrays[name] for name in DESIGN_ARRAYS)
        n_features = len(fill)
        coded = [j for j, _ in levels]
        fits = (
            all(each.dtype == np.float64 and each.shape == (n_features,) for each in (fill, scale))
            and bool(np.isfinite(fill).all() and (scale > 0).all())
            and all(each.dtype.kind == "i" for each in (parent, numbers, marked))
            and coded == sorted(set(coded))
            and all(0 <= j < n_features and n >= 0 for j, n in levels)
            and sum(n for _, n in levels) <= n_design
            and np.array_equal(numbers, np.setdiff1d(np.arange(n_features), coded))
            and np.array_equal(marked, np.intersect1d(marked, np.arange(n_features)))
            and np.array_equal(parent, np.concatenate([numbers, marked, *(np.full(n, j) for j, n in levels)]))
            and len(parent) == n_design
        )
        if not fits:
            raise ValueError("its weights are of other columns")
        return cls(fill, scale, parent, numbers, marked, tuple(levels))

    @property
    def n_features(self) -> int:
        """Number of features of the rows."""
        return len(self.fill)

    @property
    def n_design(self) -> int:
        """Number of design columns."""
        return len(self.parent)

    def of_features(self) -> sp.csr_matrix:
        """Sums design columns up to features: shape (n_design, n_features)."""
        return sp.csr_matrix(self.sums().to_scipy().T)

    def sums(self, shares: Csr | None = None) -> Csr:
        """Sums design columns up to features, or on to targets by shares (n_targets, n_features).

        Returns
        -------
        Csr of shape (n_features or n_targets, n_design)
        """
        if shares is None:
            parts = (self.parent, np.arange(self.n_design), np.ones(self.n_design))
            return Csr.from_entries(*parts, (self.n_features, self.n_design))
        order = np.argsort(self.parent, kind="stable")
        starts = np.searchsorted(self.parent, np.arange(self.n_features + 1), sorter=order)
        counts = np.diff(starts)[shares.indices]  # design columns of the feature of every share
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = order[np.repeat(starts[:-1][shares.indices], counts) + within]
        rows, data = np.repeat(shares.rows(), counts), np.repeat(shares.data, counts)
        return Csr.from_entries(rows, columns, data, (shares.shape[0], self.n_design))

    def rows(self, X: Any) -> Any:
        """Design of shape (n_rows, n_design): csr_matrix for sparse rows, else ndarray."""
        return self._sparse(X) if is_sparse(X) else self._dense(np.asarray(X, dtype=np.float64))

    def blocks(self, X: Any, order: np.ndarray | None = None) -> Iterator[tuple[Any, Any]]:
        """Designs of at most 8,192 rows, one after the other or in an order, and where these rows are.

        The table as a whole in another order would be a second table.
        """
        for start in range(0, X.shape[0], BLOCK_ROWS):
            part: Any = slice(start, start + BLOCK_ROWS)
            part = part if order is None else order[part]
            yield part, self.rows(X[part])

    def _dense(self, X: np.ndarray) -> np.ndarray:
        result = np.zeros((X.shape[0], len(self.parent)))
        given, n_numbers = X[:, self.numbers], len(self.numbers)
        result[:, :n_numbers] = np.where(np.isnan(given), self.fill[self.numbers], given) / self.scale[self.numbers]
        at = n_numbers + len(self.marked)
        result[:, n_numbers:at] = np.isnan(X[:, self.marked])
        for j, n_codes in self.levels:
            known, code = _codes(X[:, j], n_codes)
            result[known, at + code] = 1.0
            at += n_codes
        return result

    def _sparse(self, X: Any) -> sp.csr_matrix:
        rows = sp.csr_matrix(X, dtype=np.float64)
        lost = np.isnan(rows.data)
        filled = np.where(lost, self.fill[rows.indices], rows.data) / self.scale[rows.indices]
        numbers = sp.csr_matrix((filled, rows.indices, rows.indptr), shape=rows.shape)
        parts = [numbers[:, self.numbers] if self.levels else numbers]
        if len(self.marked):
            marks = sp.csr_matrix((lost.astype(np.float64), rows.indices, rows.indptr), shape=rows.shape)
            parts.append(marks[:, self.marked])
        for j, n_codes in self.levels:
            known, code = _codes(rows[:, [j]].toarray().ravel(), n_codes)
            parts.append(sp.csr_matrix((np.ones(len(known)), (known, code)), shape=(rows.shape[0], n_codes)))
        return sp.csr_matrix(sp.hstack(parts)) if len(parts) > 1 else numbers


def _codes(column: np.ndarray, n_codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the values that hold a known code, and these codes."""
    known = np.flatnonzero((column >= 0) & (column < n_codes))
    return known, column[known].astype(np.int64)


def _moments(X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and spread of each column over its values that are there, and whether some are missing."""
    n_rows = X.shape[0]
    if is_sparse(X):
        lost = np.isnan(X.data)
        columns, cells = X.indices, np.where(lost, 0.0, X.data)
        n_lost = np.bincount(columns, lost, X.shape[1])
        there = np.maximum(n_rows - n_lost, 1)
        mean = np.bincount(columns, cells, X.shape[1]) / there
        # Values that are not stored are zeros, each as far from the mean as the mean from zero.
        off = np.where(lost, 0.0, (cells - mean[columns]) ** 2)
        stored = np.bincount(columns, ~lost, X.shape[1])
        variance = (np.bincount(columns, off, X.shape[1]) + (there - stored) * mean**2) / there
    else:
        blocks = [X[some] for some in chunks(n_rows, BLOCK_ROWS)]
        n_lost = np.sum([np.isnan(rows).sum(axis=0) for rows in blocks], axis=0)
        there = np.maximum(n_rows - n_lost, 1)
        mean = np.sum([np.nansum(rows, axis=0) for rows in blocks], axis=0) / there
        variance = np.sum([np.nansum((rows - mean) ** 2, axis=0) for rows in blocks], axis=0) / there
    spread = np.sqrt(variance)
    flat = spread <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(flat, 1.0, spread), n_lost > 0
