"""Links between the columns of two neighbouring tables, and their sum from the raw table on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._schema import TableSchema
from automl_explain.exceptions import UnknownTransformerError
from automl_explain.feature_map import FeatureMap

# A dense support of more entries would take over 500 MB.
MAX_SUPPORT = 100_000_000


@dataclasses.dataclass(frozen=True)
class Links:
    """What one transformer does to its own columns.

    Parameters
    ----------
    weights : csr_matrix or csc_matrix of shape (n_in, n_out)
        Weights >= 0; every column sums to 1, or to 0 where the output is constant.
    support : csr_matrix of shape (n_in, n_out) or None, default None
        Where an input can matter; where the weight is not 0 if None.
    loose : ndarray of shape (n_out,) or bool, default False
        Whether the weights are a convention rather than a fact.
    n_coupled : int, default 0
        That many outputs, the first ones, depend on all inputs. Kept as a number because the dense
        support of a wide table would not fit in memory.
    measured : bool, default False
        Whether the weights of the loose outputs are only a stand-in for a measurement.
    probed : bool, default False
        Whether the links were seen on a sample rather than known.
    lost : ndarray of shape (n_out,) or bool, default False
        Whether an output has parents that could not be found; it has no weights.
    """

    weights: Any
    support: sp.csr_matrix | None = None
    loose: Any = False
    n_coupled: int = 0
    measured: bool = False
    probed: bool = False
    lost: Any = False

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(self.weights.shape[1])


def pick(parents: Any, n_in: int, *, n_coupled: int = 0) -> Links:
    """Links of outputs with one parent each, given by position; -1 stands for no parent."""
    chosen = np.asarray(parents, dtype=np.int64)
    linked = np.flatnonzero(chosen >= 0)
    ones = np.ones(len(linked))
    weights = sp.csr_matrix((ones, (chosen[linked], linked)), shape=(n_in, len(chosen)))
    return Links(weights, loose=np.arange(len(chosen)) < n_coupled, n_coupled=n_coupled)


def one_to_one(n: int) -> Links:
    """Links of a transformer that works on every column by itself."""
    return pick(np.arange(n), n)


def shared(strength: Any, *, support: Any = None, loose: Any = True, measured: bool = False) -> Links:
    """Links from a matrix of strengths >= 0 of shape (n_in, n_out), scaled to columns that sum to 1."""
    weights = _scaled(strength)
    seen = None if support is None else sp.csr_matrix(support, dtype=np.float64)
    return Links(weights, seen, loose, measured=measured)


def evenly(n_in: int, n_out: int, *, measured: bool = False) -> Links:
    """Links that share every output equally among all inputs."""
    weights = sp.csr_matrix(np.full((n_in, n_out), 1.0 / max(n_in, 1)))
    return Links(weights, loose=n_in > 1, measured=measured)


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of the table at one place of a pipeline, seen from the raw table.

    Parameters
    ----------
    weights, support : csc_matrix of shape (n_raw, n_columns)
        As in `FeatureMap`; ``support`` holds ones.
    loose : ndarray of shape (n_columns,), bool
        Whether the weights of a column are a convention.
    probed : ndarray of shape (n_columns,), bool
        Whether a link on the way to a column was seen on a sample rather than known.
    lost : ndarray of shape (n_columns,), bool
        Whether some parent of a column could not be found; it has no weights, and a support of
        all that may stand behind it.
    names : tuple of length n_columns
        Readable names, not always unique.
    """

    weights: sp.csc_matrix
    support: sp.csc_matrix
    loose: np.ndarray
    probed: np.ndarray
    lost: np.ndarray
    names: tuple[str | int, ...]

    @classmethod
    def raw(cls, names: Sequence[str | int]) -> Columns:
        """The raw columns themselves."""
        one = sp.identity(len(names), format="csc")
        no = np.zeros(len(names), dtype=bool)
        return cls(one, one, no, no, no, tuple(names))

    @classmethod
    def side_by_side(cls, parts: Sequence[Columns], n_raw: int) -> Columns:
        """Columns of several tables next to each other."""
        if not parts:
            none = sp.csc_matrix((n_raw, 0))
            no = np.zeros(0, dtype=bool)
            return cls(none, none, no, no, no, ())
        return cls(
            sp.hstack([p.weights for p in parts], format="csc"),
            sp.hstack([p.support for p in parts], format="csc"),
            np.concatenate([p.loose for p in parts]),
            np.concatenate([p.probed for p in parts]),
            np.concatenate([p.lost for p in parts]),
            tuple(name for p in parts for name in p.names),
        )

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.names)

    def take(self, positions: Sequence[int]) -> Columns:
        """Some of the columns, by position."""
        at = list(positions)
        names = tuple(self.names[i] for i in at)
        return Columns(self.weights[:, at], self.support[:, at], self.loose[at], self.probed[at], self.lost[at], names)

    def renamed(self, names: Sequence[str | int]) -> Columns:
        """Same columns under other names."""
        return dataclasses.replace(self, names=tuple(names))

    def ancestors(self) -> np.ndarray:
        """Positions of the raw columns that feed any of these columns."""
        return np.unique(self.support.indices)

    def through(self, links: Links, names: Sequence[str | int]) -> Columns:
        """The columns that a transformer makes of these."""
        local = _ones(links.weights if links.support is None else links.support + links.weights)
        support = _ones(sp.csc_matrix(self.support @ local))
        if links.n_coupled:
            support = self._with_coupled(support, links.n_coupled)
        loose = self._inherited(self.loose, local) | np.asarray(links.loose)
        probed = self._inherited(self.probed, local) | links.probed
        lost = self._inherited(self.lost, local) | np.asarray(links.lost)
        weights = sp.csc_matrix(self.weights @ links.weights)
        if lost.any():  # part of an unknown is unknown; the share of the other parents would be a guess
            weights = sp.csc_matrix(weights @ sp.diags((~lost).astype(np.float64)))
        weights.eliminate_zeros()
        # A constant divided by the norm of its row has parents, but none by its own column.
        adopted = (np.diff(weights.indptr) == 0) & (np.diff(support.indptr) > 0) & ~lost
        if adopted.any():
            weights = weights + support @ sp.diags(adopted.astype(np.float64))
        return Columns(_scaled(weights), support, loose | adopted, probed, lost, tuple(names))

    @staticmethod
    def _inherited(flag: np.ndarray, local: Any) -> np.ndarray:
        """Whether any input of an output has the flag."""
        if not flag.any():
            return np.zeros(local.shape[1], dtype=bool)
        return np.asarray((flag.astype(np.float64) @ local) > 0)

    def _with_coupled(self, support: sp.csc_matrix, n_coupled: int) -> sp.csc_matrix:
        roots = self.ancestors()
        if len(roots) * n_coupled > MAX_SUPPORT:
            raise UnknownTransformerError(
                f"{n_coupled} engineered features depend on {len(roots)} raw columns each, too many links to hold "
                f"({MAX_SUPPORT} at most). Select fewer columns first, or pass a feature map by hand."
            )
        pointers = np.arange(n_coupled + 1) * len(roots)
        ones = np.ones(len(roots) * n_coupled)
        block = sp.csc_matrix((ones, np.tile(roots, n_coupled), pointers), shape=(support.shape[0], n_coupled))
        return sp.hstack([block, support[:, n_coupled:]], format="csc")

    def feature_map(self, schema: TableSchema, raw_names: Sequence[str | int]) -> FeatureMap:
        """The finished map. A column with a single raw ancestor has exact weights, however it was made."""
        several = np.diff(self.support.indptr) > 1
        how = np.where(self.loose & several, "dense", np.where(self.probed, "probe", "rule"))
        return FeatureMap.from_matrix(
            self.weights,
            raw_names=raw_names,
            engineered_names=self.names,
            support=self.support,
            how=how.tolist(),
            raw_schema=schema,
        )


def _ones(matrix: Any) -> sp.csr_matrix:
    result = matrix.astype(np.float64, copy=True)
    result.eliminate_zeros()
    result.data[:] = 1.0
    return result


def _scaled(matrix: Any) -> sp.csc_matrix:
    """Columns that sum to 1, or to 0 where they were empty."""
    result = sp.csc_matrix(matrix, dtype=np.float64, copy=True)
    counts = np.diff(result.indptr)
    totals = np.zeros(len(counts))
    np.add.at(totals, np.repeat(np.arange(len(counts)), counts), result.data)
    scale = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    result.data *= np.repeat(scale, counts)
    return result
