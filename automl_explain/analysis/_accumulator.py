"""Global importances from batches of local values, without keeping them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._rows import chunks, dense
from automl_explain.analysis._sketch import QuantileSketch
from automl_explain.exceptions import InputError, MissingPartError
from automl_explain.explanation._values import Values, absolute_sums, as_values, shape_of

_BLOCK = 2**20  # numbers of a sparse batch made dense at a time


class GlobalAccumulator:
    """Global importance from batches of local values, without keeping them.

    Equal to the global importance of all rows at once, up to rounding.

    Parameters
    ----------
    quantiles : bool, default False
        Whether to sketch the quantiles of the values too, see `QuantileSketch`.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain.analysis import GlobalAccumulator
    >>> total = GlobalAccumulator(quantiles=True)
    >>> total.add(np.array([[[1.0, -2.0]]]))
    >>> total.add(np.array([[[3.0, 0.0], [-2.0, 4.0]]]))
    >>> total.global_values
    array([[2., 2.]])
    >>> total.quantiles([0.5])
    array([[[1., 0.]]])
    """

    def __init__(self, quantiles: bool = False) -> None:
        self._n_rows = 0
        self._sums: np.ndarray | None = None
        self._signed: np.ndarray | None = None
        self._unmapped: np.ndarray | None = None
        self._sketched = quantiles
        self._sketch: QuantileSketch | None = None

    def add(self, values: Any, unmapped: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        values : ndarray (n_outputs, n_rows, n_features) or tuple of n_outputs csr_matrix (n_rows, n_features)
            Contributions in any unit.
        unmapped : ndarray of shape (n_outputs, n_rows), optional
            Unattributed contribution, of no listed feature; counts as 0 where left out.

        Raises
        ------
        InputError
            If the shapes do not fit each other or the batches before.
        """
        batch = as_values(values, 1 if sp.issparse(values) else len(values))
        n_rows, n_features = shape_of(batch)
        self._check_like((len(batch), n_features), "batch")
        if unmapped is not None:
            share = np.asarray(unmapped, dtype=np.float64)
            if share.shape != (len(batch), n_rows):
                raise InputError(f"`unmapped` has shape {share.shape}; expected {(len(batch), n_rows)} as `values`.")
            self._unmapped = _plus(self._unmapped, np.abs(share).sum(axis=1))
        self._sums = _plus(self._sums, absolute_sums(batch))
        self._signed = _plus(self._signed, _signed_sums(batch))
        self._n_rows += n_rows
        if self._sketched:
            self._sketch_batch(batch, n_rows, n_features)

    def merge(self, other: GlobalAccumulator) -> None:
        """Add what another accumulator has seen, as of another part of the rows; it is not changed.

        Raises
        ------
        InputError
            If its features or outputs are others, or only one of both sketches quantiles.
        """
        if other._sums is None:
            return
        self._check_like(other._sums.shape, "other accumulator")
        if self._sketched != other._sketched:
            raise InputError("Only one of the accumulators sketches quantiles; make both with the same `quantiles`.")
        self._sums, self._signed = _plus(self._sums, other._sums), _plus(self._signed, other._signed)
        if other._unmapped is not None:
            self._unmapped = _plus(self._unmapped, other._unmapped)
        self._n_rows += other._n_rows
        if other._sketch is not None:
            self._sketch = self._sketch or QuantileSketch(other._sketch.n_series)
            self._sketch.merge(other._sketch)

    @property
    def n_rows(self) -> int:
        """Rows added so far."""
        return self._n_rows

    @property
    def global_values(self) -> np.ndarray:
        """Mean magnitude over the rows, shape (n_outputs, n_features).

        Raises
        ------
        InputError
            If nothing was added.
        """
        return self._seen(self._sums) / max(1, self._n_rows)

    @property
    def mean_values(self) -> np.ndarray:
        """Mean over the rows with its sign, shape (n_outputs, n_features)."""
        return self._seen(self._signed) / max(1, self._n_rows)

    @property
    def unmapped_global(self) -> np.ndarray | None:
        """Mean magnitude of the unattributed contribution, shape (n_outputs,); None if no batch had one."""
        return None if self._unmapped is None else self._unmapped / max(1, self._n_rows)

    @property
    def has_quantiles(self) -> bool:
        """Whether quantiles are kept."""
        return self._sketched

    @property
    def rank_error(self) -> float:
        """How far the rank of a quantile may be off at most, as a share of the rows."""
        return self._kept_sketch().rank_error

    def quantiles(self, q: float | Sequence[float]) -> np.ndarray:
        """Quantiles of the values with their signs, shape (n_quantiles, n_outputs, n_features).

        Raises
        ------
        InputError
            If they were not asked for with ``quantiles=True``, nothing was added, or ``q`` is out of range.
        """
        found = self._kept_sketch().quantiles(q)
        return found.reshape(len(found), *self._seen(self._sums).shape)

    def _seen(self, sums: np.ndarray | None) -> np.ndarray:
        if sums is None:
            raise MissingPartError("No batch was added; call `add` with the values of at least one batch first.")
        return sums

    def _kept_sketch(self) -> QuantileSketch:
        if not self._sketched:
            raise MissingPartError("Quantiles were not kept; ask for them with `quantiles=True` before adding batches.")
        self._seen(self._sums)
        assert self._sketch is not None
        return self._sketch

    def _check_like(self, shape: tuple[int, ...], what: str) -> None:
        if self._sums is not None and shape != self._sums.shape:
            raise InputError(
                f"The {what} has {shape[0]} outputs x {shape[1]} features; the batches before had "
                f"{self._sums.shape[0]} x {self._sums.shape[1]}. Add batches of one explanation only."
            )

    def _sketch_batch(self, batch: Values, n_rows: int, n_features: int) -> None:
        if self._sketch is None:
            self._sketch = QuantileSketch(len(batch) * n_features)
        step = max(1, _BLOCK // max(1, n_features * len(batch)))
        for rows in chunks(n_rows, step):
            parts = [dense(v[rows]) for v in batch]
            self._sketch.add(np.concatenate([p.T for p in parts]))


def _signed_sums(values: Values) -> np.ndarray:
    if isinstance(values, tuple):
        return np.array([np.asarray(v.sum(axis=0)).ravel() for v in values])
    result: np.ndarray = values.sum(axis=1)
    return result


def _plus(before: np.ndarray | None, more: np.ndarray | None) -> np.ndarray | None:
    return more if before is None or more is None else before + more
