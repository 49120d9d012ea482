"""Sparse matrices as plain arrays: what a scorer does with weights needs no SciPy.

SciPy's sparse package takes longer to import than a saved scorer takes to explain its first row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import InputError

T = TypeVar("T")


class Csr(NamedTuple):
    """The parts of a csr_matrix."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, matrix: sp.csr_matrix | Csr) -> Csr:
        """The parts of a csr_matrix; no copy."""
        return matrix if isinstance(matrix, Csr) else cls(matrix.indptr, matrix.indices, matrix.data, matrix.shape)

    @classmethod
    def from_entries(cls, rows: Any, columns: Any, data: np.ndarray, shape: tuple[int, int]) -> Csr:
        """Matrix from entries in any order; those of one place are added (for flags: or).

        Raises
        ------
        InputError
            If an entry lies outside of the matrix.
        """
        row, column = (_positions(each, size) for each, size in zip((rows, columns), shape, strict=True))
        if not len(row) == len(column) == len(data):
            raise InputError(
                f"The entries of weights have {len(row)} rows, {len(column)} columns and {len(data)} numbers; expected "
                "as many of each."
            )
        small = max(*shape, len(data)) <= np.iinfo(np.int32).max  # as SciPy chooses
        places, number = np.unique(row * shape[1] + column, return_inverse=True)
        summed = np.zeros(len(places), dtype=data.dtype)
        (np.logical_or if data.dtype == bool else np.add).at(summed, number, data)
        starts = np.searchsorted(places, np.arange(shape[0] + 1) * shape[1])
        index = np.int32 if small else np.int64
        return cls(starts.astype(index), (places % max(shape[1], 1)).astype(index), summed, shape)

    def to_scipy(self) -> sp.csr_matrix:
        """The same numbers as a csr_matrix; no copy."""
        return sp.csr_matrix((self.data, self.indices, self.indptr), shape=self.shape)

    def rows(self) -> np.ndarray:
        """Row of every entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def times(self, values: np.ndarray) -> np.ndarray:
        """``values @ matrix.T`` of shape (n, n_rows) for a few lines of shape (n, n_columns), to the bits of SciPy."""
        result, to = np.empty((len(values), self.shape[0])), self.rows()
        for line, some in zip(result, values, strict=True):
            line[:] = np.bincount(to, some[self.indices] * self.data, minlength=self.shape[0])
        return result


def csr_when_read(*fields: str) -> Callable[[type[T]], type[T]]:
    """Class decorator: these fields of a frozen dataclass may be given as `Csr`, and are read as csr_matrix."""

    def with_fields(cls: type[T]) -> type[T]:
        for field in fields:
            setattr(cls, field, _Field(field))
        return cls

    return with_fields


class _Field:
    """Makes the csr_matrix of a field when it is first read, and keeps it in place of the arrays."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        kept = instance.__dict__[self._name]
        if isinstance(kept, Csr):
            kept = instance.__dict__[self._name] = kept.to_scipy()
        return kept

    def __set__(self, instance: Any, value: sp.csr_matrix | Csr) -> None:
        instance.__dict__[self._name] = value


def _positions(given: Any, size: int) -> np.ndarray:
    found = np.asarray(given)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise InputError(f"The positions of weights are {found.dtype} of shape {found.shape}; expected whole numbers.")
    if found.size and (found.min() < 0 or found.max() >= size):
        raise InputError(f"A weight lies at position {found.max() if found.min() >= 0 else found.min()} of {size}.")
    return found.astype(np.int64)
