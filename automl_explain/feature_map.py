"""FeatureMap: which raw column feeds which engineered column, and by how much."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._tables._csr import Csr, csr_when_read
from automl_explain._tables._schema import TableSchema
from automl_explain._validation import listed, sound_sparse
from automl_explain.exceptions import InputError

FeatureName: TypeAlias = str | int

# Folded values of wider maps stay sparse when the engineered values are: a dense table of
# 20,000 rows x 2,000 raw columns would take 320 MB for each output.
MAX_DENSE_RAW_COLUMNS = 1000

_FEW_ROWS = 8  # up to which values are folded row by row, which takes less than importing SciPy

HOW = ("rule", "probe", "given", "dense", "none")


@csr_when_read("matrix", "support")  # a scorer that reads its map from a file needs no SciPy
@dataclasses.dataclass(frozen=True, eq=False)
class FeatureMap:
    """Weights that share every engineered feature among its raw parents.

    Make one with `FeatureMap.from_matrix`, `FeatureMap.from_parents` or `FeatureMap.identity`.

    Parameters
    ----------
    matrix : csr_matrix of shape (n_raw, n_engineered), float64
        Weights >= 0. Every column sums to 1, or to 0 where the engineered feature has no raw
        parent.
    support : csr_matrix of shape (n_raw, n_engineered), bool
        Superset of the true dependence: False only where the raw column cannot matter (where
        ``how`` is ``"probe"``: where it was not seen to matter).
    raw_names : tuple of length n_raw
        Names of the raw columns, in the order of the rows of ``matrix``.
    engineered_names : tuple of length n_engineered
        Names of the engineered features, unique, in the order of the columns of ``matrix``.
    how : tuple of length n_engineered
        How the parents of each engineered feature were found: ``"rule"``, ``"probe"``,
        ``"given"``, ``"dense"`` or ``"none"`` (no parent, or none that is known: see `unknown`).
    raw_schema : TableSchema or None, default None
        Types of the raw columns, so that rows that arrive as JSON get them back.

    Examples
    --------
    >>> from automl_explain import FeatureMap
    >>> fm = FeatureMap.from_matrix([[1, 1, 0], [0, 1, 1]], raw_names=["a", "b"])
    >>> fm.fold([[1.0, -2.0, 4.0]])[0]
    array([[0., 3.]])
    """

    matrix: sp.csr_matrix
    support: sp.csr_matrix
    raw_names: tuple[FeatureName, ...]
    engineered_names: tuple[FeatureName, ...]
    how: tuple[str, ...]
    raw_schema: TableSchema | None = None

    def __post_init__(self) -> None:
        for name, parts in (("matrix", self._weights), ("support", self._seen)):
            if parts.shape != self.shape:
                raise InputError(
                    f"`{name}` has shape {parts.shape}; {self.n_raw} raw names and "
                    f"{self.n_engineered} engineered names need shape {self.shape}."
                )
        if len(self.how) != self.n_engineered:
            raise InputError(f"`how` has {len(self.how)} entries for {self.n_engineered} engineered features.")
        for array in (*self.arrays, self._seen.data):
            array.flags.writeable = False

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        *,
        raw_names: Iterable[FeatureName] | None = None,
        engineered_names: Iterable[FeatureName] | None = None,
        support: Any = None,
        how: str | Iterable[str] = "given",
        raw_schema: TableSchema | None = None,
    ) -> FeatureMap:
        """Feature map from any matrix of weights; columns are scaled to sum to 1.

        Parameters
        ----------
        matrix : FeatureMap, array-like or scipy sparse of shape (n_raw, n_engineered)
            Weights >= 0, in any scale.
        raw_names, engineered_names : iterable of str or int, optional
            Names; positions 0, 1, ... where left out. Repeated engineered names get ``#2``, ``#3``.
        support : array-like or sparse of shape (n_raw, n_engineered), optional
            Where a raw column can matter; where the weight is not 0 if left out.
        how : str or iterable of str, default "given"
            See the class.
        raw_schema : TableSchema, optional
            Types of the raw columns.

        Raises
        ------
        InputError
            If a weight is negative or not finite, the matrix is not 2-D, or the number of names
            differs from its shape.
        """
        if isinstance(matrix, FeatureMap):
            named = raw_names is not None or engineered_names is not None
            return matrix.with_names(raw_names, engineered_names) if named else matrix
        weights = _as_csr(matrix)
        n_raw, n_engineered = weights.shape
        raw = _names(raw_names, n_raw, "raw_names", "rows")
        engineered = unique_names(_names(engineered_names, n_engineered, "engineered_names", "columns"))
        if not np.isfinite(weights.data).all() or (weights.data < 0).any():
            bad = weights.data[~(weights.data >= 0) | ~np.isfinite(weights.data)][0]
            raise InputError(f"A feature map holds weights >= 0; got {bad}. Take the absolute value or 0.")
        weights.eliminate_zeros()
        # By the largest weight first: sums of huge weights and reciprocals of tiny ones overflow.
        largest = np.zeros(n_engineered)
        np.maximum.at(largest, weights.indices, weights.data)
        weights.data /= largest[weights.indices]
        totals = np.asarray(weights.sum(axis=0)).ravel()
        weights.data /= totals[weights.indices]
        seen = weights.astype(bool) if support is None else sp.csr_matrix(_as_csr(support) + weights).astype(bool)
        each = [how] * n_engineered if isinstance(how, str) else list(how)
        each = [h if total > 0 else "none" for h, total in zip(each, totals, strict=True)]
        return cls(weights, sp.csr_matrix(seen), raw, engineered, tuple(each), raw_schema)

    @classmethod
    def from_parents(
        cls,
        parents: Sequence[Sequence[int]],
        *,
        raw_names: Iterable[FeatureName],
        engineered_names: Iterable[FeatureName],
        how: str | Iterable[str] = "rule",
    ) -> FeatureMap:
        """Feature map from the positions of the raw parents of each engineered feature, shared equally."""
        rows = [p for column in parents for p in column]
        columns = [j for j, column in enumerate(parents) for _ in column]
        raw = tuple(raw_names)
        matrix = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(raw), len(parents)))
        return cls.from_matrix(matrix, raw_names=raw, engineered_names=engineered_names, how=how)

    @classmethod
    def identity(cls, names: Iterable[FeatureName]) -> FeatureMap:
        """Feature map of a model without featurization: every raw column is its own engineered feature."""
        known = tuple(names)
        return cls.from_matrix(sp.identity(len(known)), raw_names=known, engineered_names=known, how="rule")

    @classmethod
    def chain(cls, maps: Any) -> FeatureMap:
        """One map from a map or a list of maps, raw first, each of which feeds the next.

        Raises
        ------
        InputError
            If the list is empty or the widths of two neighbours differ.
        """
        several = isinstance(maps, (list, tuple))  # and not one map written as a list of rows of numbers
        several = several and all(isinstance(m, FeatureMap) or is_sparse(m) or np.ndim(m) == 2 for m in maps)
        items = list(maps) if several else [maps]
        if not items:
            raise InputError("`feature_maps` is an empty list; pass a list with at least one map, or None.")
        if all(isinstance(item, FeatureMap) for item in items):
            maps_only: list[FeatureMap] = items
            return functools.reduce(lambda first, later: first.compose(later), maps_only)
        # Bare matrices are multiplied as they are and scaled at the end, as the Azure SDK does.
        product = functools.reduce(_multiply, [_as_csr(item) for item in items])
        first, last = items[0], items[-1]
        return cls.from_matrix(
            product,
            raw_names=first.raw_names if isinstance(first, FeatureMap) else None,
            engineered_names=last.engineered_names if isinstance(last, FeatureMap) else None,
            raw_schema=first.raw_schema if isinstance(first, FeatureMap) else None,
        )

    @property
    def n_raw(self) -> int:
        """Number of raw columns."""
        return len(self.raw_names)

    @property
    def n_engineered(self) -> int:
        """Number of engineered features."""
        return len(self.engineered_names)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_raw, n_engineered)``."""
        return self.n_raw, self.n_engineered

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``(indptr, indices, data)`` of ``matrix``, for which SciPy is not imported."""
        return self._weights[:3]

    @property
    def _weights(self) -> Csr:
        return Csr.of(self.__dict__["matrix"])

    @property
    def _seen(self) -> Csr:
        return Csr.of(self.__dict__["support"])

    @functools.cached_property
    def unmapped(self) -> tuple[int, ...]:
        """Positions of the engineered features that have no raw parent."""
        filled = np.zeros(self.n_engineered, dtype=bool)
        filled[self._weights.indices] = True
        return tuple(np.flatnonzero(~filled).tolist())

    @functools.cached_property
    def unknown(self) -> tuple[int, ...]:
        """Positions of the unmapped features that do have raw parents, only it is not known how much of which.

        The others are constants, such as the bias of PolynomialFeatures.
        """
        seen = set(self._seen.indices.tolist())
        return tuple(j for j in self.unmapped if j in seen)

    @functools.cached_property
    def unused_raw(self) -> tuple[FeatureName, ...]:
        """Names of the raw columns that feed no engineered feature."""
        used = np.diff(self._seen.indptr) > 0
        return tuple(name for name, u in zip(self.raw_names, used, strict=True) if not u)

    @functools.cached_property
    def _support_csc(self) -> sp.csc_matrix:
        return self.support.tocsc()

    def compose(self, later: FeatureMap) -> FeatureMap:
        """Map through this featurization and then a later one, columns summing to 1 again.

        A feature that is made of unknown ones is unknown itself: the shares of its other parents
        would be a guess.

        Parameters
        ----------
        later : FeatureMap
            Its raw columns are the engineered features of this map, in the same order.

        Raises
        ------
        InputError
            If the widths differ, or the names are the same in another order.
        """
        refuse_another_order(later.raw_names, self.engineered_names, "The next feature map takes", "the one before it")
        matrix = _multiply(self.matrix, later.matrix)
        support = self.support.astype(np.float64) @ later.support.astype(np.float64)
        lost = np.zeros(self.n_engineered)
        lost[list(self.unknown)] = 1.0
        known = (lost @ later.support.astype(np.float64)) == 0
        unknown_later = np.isin(np.arange(later.n_engineered), later.unknown)
        matrix = sp.csr_matrix(matrix @ sp.diags((known & ~unknown_later).astype(np.float64)))
        weakest = [_weaker(self, later, j) for j in range(later.n_engineered)]
        return FeatureMap.from_matrix(
            matrix,
            raw_names=self.raw_names,
            engineered_names=later.engineered_names,
            support=support,
            how=weakest,
            raw_schema=self.raw_schema,
        )

    def fold(self, values: Any) -> tuple[Any, np.ndarray]:
        """Values of the raw columns from values of the engineered features.

        Each engineered value is shared among its raw parents by weight, signs kept, so that raw
        values plus the unmapped remainder add up to the engineered values in every row.

        Parameters
        ----------
        values : ndarray of shape (..., n_engineered) or scipy sparse of shape (n_rows, n_engineered)
            Engineered values in any unit.

        Returns
        -------
        raw : ndarray of shape (..., n_raw), or csr_matrix of shape (n_rows, n_raw)
            Raw values in the same unit. Sparse only if ``values`` is and there are more than
            1,000 raw columns.
        unmapped : ndarray of shape (...)
            Sum over the engineered features without a raw parent.

        Raises
        ------
        InputError
            If the last axis of ``values`` is not ``n_engineered`` long.
        """
        if not is_sparse(values):
            values = np.asarray(values, dtype=np.float64)
        if values.ndim == 0 or values.shape[-1] != self.n_engineered:
            raise InputError(
                f"`values` has shape {values.shape}; its last axis must be the {self.n_engineered} "
                "engineered features of the feature map."
            )
        lost = list(self.unmapped)
        if is_sparse(values):
            values = sound_sparse(values, "values")
            raw = sp.csr_matrix(values @ self.matrix.T)
            unmapped = np.asarray(values[:, lost].sum(axis=1)).ravel() if lost else np.zeros(values.shape[0])
            return (raw.toarray() if self.n_raw <= MAX_DENSE_RAW_COLUMNS else raw), unmapped
        flat = values.reshape(-1, self.n_engineered)
        few = len(flat) <= _FEW_ROWS
        raw = self._weights.times(flat) if few else np.ascontiguousarray((self.matrix @ flat.T).T)
        return raw.reshape(*values.shape[:-1], self.n_raw), values[..., lost].sum(axis=-1)

    def groups(self) -> np.ndarray:
        """Group number of each engineered feature: features that share a raw parent are in one group.

        Returns
        -------
        ndarray of shape (n_engineered,), int
        """
        linked = sp.bmat([[None, self.support], [self.support.T, None]], format="csr")
        _, label = sp.csgraph.connected_components(linked, directed=False)
        return np.unique(label[self.n_raw :], return_inverse=True)[1]

    def with_names(
        self, raw_names: Iterable[FeatureName] | None = None, engineered_names: Iterable[FeatureName] | None = None
    ) -> FeatureMap:
        """Same weights under other names.

        Raises
        ------
        InputError
            If the number of names is another one, or they are the map's own in another order.
        """
        raw, engineered = self.raw_names, self.engineered_names
        if raw_names is not None:
            raw = _names(raw_names, self.n_raw, "raw_feature_names", "rows")
            refuse_another_order(raw, self.raw_names, "`raw_feature_names` is", "the feature map")
        if engineered_names is not None:
            given = _names(engineered_names, self.n_engineered, "engineered_feature_names", "columns")
            refuse_another_order(given, self.engineered_names, "`engineered_feature_names` is", "the feature map")
            engineered = unique_names(given)
        return dataclasses.replace(self, raw_names=raw, engineered_names=engineered)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Dense weights of shape (n_raw, n_engineered)."""
        return np.asarray(self.matrix.toarray(), dtype=np.float64 if dtype is None else dtype)

    def __repr__(self) -> str:
        found = ", ".join(f"{self.how.count(h)} by {h}" for h in HOW[:-1] if h in self.how)
        size = f"{self.n_raw} raw x {self.n_engineered} engineered"
        return f"FeatureMap({size}: {found or 'no links'}; {len(self.unmapped)} unmapped)"

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON-ready values; `FeatureMap.from_json` reads it back."""
        weights, support = self._weights, self._seen
        return {
            "raw_names": list(self.raw_names),
            "engineered_names": list(self.engineered_names),
            "how": list(self.how),
            "weights": [part.tolist() for part in (weights.rows(), weights.indices, weights.data)],
            "support": [support.rows().tolist(), support.indices.tolist()],
            "raw_schema": None if self.raw_schema is None else self.raw_schema.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeatureMap:
        """Read back what `to_json` wrote, to the last bit."""
        shape = (len(data["raw_names"]), len(data["engineered_names"]))
        rows, columns, weights = data["weights"]
        schema = data.get("raw_schema")
        seen_rows, seen_columns = data["support"]
        matrix: Any = Csr.from_entries(rows, columns, np.asarray(weights, dtype=np.float64), shape)
        support: Any = Csr.from_entries(seen_rows, seen_columns, np.ones(len(seen_rows), dtype=bool), shape)
        return cls(
            matrix,
            support,
            tuple(data["raw_names"]),
            tuple(data["engineered_names"]),
            tuple(data["how"]),
            None if schema is None else TableSchema.from_json(schema),
        )


class UniqueNames(tuple[FeatureName, ...]):
    """Names that `unique_names` has looked at; it gives them back as they are."""

    __slots__ = ()


def unique_names(names: Iterable[FeatureName]) -> UniqueNames:
    """Names with ``#2``, ``#3``, ... behind the second, third, ... of the same text."""
    if isinstance(names, UniqueNames):
        return names
    given = list(names)
    taken = {str(n) for n in given}
    if len(taken) == len(given):
        return UniqueNames(given)
    seen: set[str] = set()
    result: list[FeatureName] = []
    for name in given:
        unique, k = name, 1
        while str(unique) in seen or (k > 1 and str(unique) in taken):
            k += 1
            unique = f"{name}#{k}"
        seen.add(str(unique))
        result.append(unique)
    return UniqueNames(result)


def refuse_another_order(names: Sequence[FeatureName], expected: Sequence[FeatureName], what: str, whose: str) -> None:
    """Raise InputError where two lists hold the same texts in another order.

    Other names, and numbers, which are mere positions, are taken by place.
    """
    if tuple(names) == tuple(expected) or not all(isinstance(n, str) for n in (*names, *expected)):
        return
    if sorted(map(str, names)) == sorted(map(str, expected)):
        raise InputError(
            f"{what} {listed(names)}; {whose} has the same names in another order: {listed(expected)}. "
            "Pass them in the order of the latter, or values end up under the wrong name."
        )


def _weaker(first: FeatureMap, later: FeatureMap, column: int) -> str:
    """How a column of the chain was found: as loosely as the loosest link on its way."""
    csc = later._support_csc
    through = csc.indices[csc.indptr[column] : csc.indptr[column + 1]]
    links = {later.how[column], *(first.how[i] for i in through)} - {"none"}
    return next((h for h in ("dense", "probe", "given", "rule") if h in links), "none")


def _as_csr(matrix: Any) -> sp.csr_matrix:
    if isinstance(matrix, FeatureMap):
        matrix = matrix.matrix
    if not is_sparse(matrix):
        matrix = np.asarray(matrix)
        if matrix.dtype == object or matrix.ndim != 2:
            raise InputError(
                "A feature map is a matrix of shape (n_raw, n_engineered): a FeatureMap, a 2-D array or a scipy "
                f"sparse matrix. Got an array of shape {matrix.shape} and dtype {matrix.dtype}."
            )
    elif matrix.ndim == 2:
        matrix = sound_sparse(matrix, "feature_maps")
    result = sp.csr_matrix(matrix, dtype=np.float64, copy=True)
    result.sum_duplicates()
    return result


def _multiply(first: sp.csr_matrix, later: sp.csr_matrix) -> sp.csr_matrix:
    if later.shape[0] != first.shape[1]:
        raise InputError(
            f"The next feature map takes {later.shape[0]} columns, but the one before it makes "
            f"{first.shape[1]}. Pass the maps raw first, each with the width of its neighbour."
        )
    return sp.csr_matrix(first @ later)


def _names(names: Iterable[FeatureName] | None, n: int, argument: str, axis: str) -> tuple[FeatureName, ...]:
    if names is None:
        return tuple(range(n))
    result = tuple(name.item() if isinstance(name, np.generic) else name for name in names)
    if len(result) != n:
        raise InputError(f"`{argument}` has {len(result)} names for the {n} {axis} of the feature map.")
    return result
