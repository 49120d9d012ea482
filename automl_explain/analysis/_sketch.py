"""Quantiles of streams of numbers, in bounded memory and with a bound for their error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain.exceptions import InputError

_LARGEST, _SMALLEST = 1024, 64
_MOST_CELLS = 32_000_000  # 256 MB, for the dozen levels that ten million rows fill


class QuantileSketch:
    """Quantiles of many series at once, each a row of numbers that arrives in pieces.

    Parameters
    ----------
    n_series : int
    size : int, optional
        Even number of cells kept per level and series: 1,024 where left out, fewer (down to 64) for many
        series, so that memory stays near 256 MB. Up to ``size`` numbers are kept as they are, and quantiles
        of them are exact.
    random_state : int, default 0

    Notes
    -----
    Numbers fill a buffer; before a full one takes more, it is sorted and every other cell moves up a level,
    where a cell stands for two of the level below. Whether the odd or the even cells move is drawn by chance.
    A move changes the rank of any number by at most the weight of one cell, so that the bound
    `rank_error` is the sum of these weights over the rows: about ``log2(n / size) / size``, or
    0.01 for a million rows. By chance most of it cancels; a tenth of the bound is usual. All series see the
    same moves, which makes them one sort of a table.

    References
    ----------
    Manku, G. S., Rajagopalan, S., Lindsay, B. G. (1998). Approximate medians and other quantiles in one
    pass and with limited memory. doi:10.1145/276304.276342

    Karnin, Z., Lang, K., Liberty, E. (2016). Optimal quantile approximation in streams.
    doi:10.1109/FOCS.2016.17

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain.analysis import QuantileSketch
    >>> sketch = QuantileSketch(1)
    >>> sketch.add(np.array([[3.0, 1.0]]))
    >>> sketch.add(np.array([[2.0]]))
    >>> sketch.quantiles([0.5]).tolist(), sketch.rank_error
    ([[2.0]], 0.0)
    """

    def __init__(self, n_series: int, size: int | None = None, random_state: int = 0) -> None:
        if size is None:
            fitting = _MOST_CELLS // (12 * max(1, n_series))
            size = min(_LARGEST, max(_SMALLEST, 1 << max(0, fitting.bit_length() - 1)))
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 2 or size % 2:
            raise InputError(f"`size` must be an even number of at least 2; got {size!r}.")
        self.n_series, self.size = int(n_series), int(size)
        self._rng = np.random.default_rng(random_state)
        self._levels: list[np.ndarray] = []
        self._filled: list[int] = []
        self._n = 0
        self._moved = 0

    @property
    def n(self) -> int:
        """Numbers seen, per series."""
        return self._n

    @property
    def rank_error(self) -> float:
        """How far the rank of a quantile may be off at most, as a share of the numbers seen; never more."""
        return self._moved / max(1, self._n)

    def add(self, values: Any) -> None:
        """Add numbers.

        Parameters
        ----------
        values : ndarray of shape (n_series, n_new)

        Raises
        ------
        InputError
            If there is another number of series.
        """
        given = np.asarray(values, dtype=np.float64)
        if given.ndim != 2 or given.shape[0] != self.n_series:
            raise InputError(f"`values` has shape {given.shape}; expected ({self.n_series}, n_new), a row per series.")
        self._n += given.shape[1]
        self._push(0, given)

    def merge(self, other: QuantileSketch) -> None:
        """Add what another sketch has seen; its error comes along. The other is not changed.

        Raises
        ------
        InputError
            If it has other series, or another size.
        """
        if (other.n_series, other.size) != (self.n_series, self.size):
            raise InputError(
                f"The other sketch has {other.n_series} series in levels of {other.size}, this one {self.n_series} of "
                f"{self.size}; only like sketches can be merged. Make both with the same `n_series` and `size`."
            )
        kept = [buffer[:, :n].copy() for buffer, n in zip(other._levels, other._filled, strict=True)]
        self._n += other._n
        self._moved += other._moved
        for level, buffer in enumerate(kept):
            self._push(level, buffer)

    def quantiles(self, q: float | Sequence[float]) -> np.ndarray:
        """The least number seen whose rank is at least ``q`` times their count.

        Parameters
        ----------
        q : float or sequence of float
            Between 0 and 1.

        Returns
        -------
        ndarray of shape (n_quantiles, n_series)
            Each is a number that was seen, of a rank within `rank_error` of the one asked for.

        Raises
        ------
        InputError
            If nothing was added, or ``q`` is out of range.
        """
        wanted = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if wanted.ndim != 1 or not ((wanted >= 0) & (wanted <= 1)).all():
            raise InputError(f"`q` must hold numbers between 0 and 1; got {q!r}.")
        if not self._n:
            raise InputError("Nothing was added; quantiles need at least one number.")
        cells = np.concatenate([b[:, :n] for b, n in zip(self._levels, self._filled, strict=True)], axis=1)
        weights = np.repeat(2 ** np.arange(len(self._filled)), self._filled)
        order = np.argsort(cells, axis=1, kind="stable")
        ranks = np.cumsum(weights[order], axis=1)
        result = np.empty((len(wanted), self.n_series))
        for i, least in enumerate(np.maximum(1, np.ceil(wanted * self._n - 1e-9))):
            at = (ranks < least).sum(axis=1)
            result[i] = np.take_along_axis(cells, np.take_along_axis(order, at[:, None], 1), 1)[:, 0]
        return result

    def _push(self, level: int, values: np.ndarray) -> None:
        """Put cells into a level; where it is full, every other one of those in it moves up first."""
        start = 0
        while start < values.shape[1]:
            while level >= len(self._levels):
                self._levels.append(np.empty((self.n_series, self.size)))
                self._filled.append(0)
            if self._filled[level] == self.size:
                self._move_up(level)
            filled = self._filled[level]
            taken = min(self.size - filled, values.shape[1] - start)
            self._levels[level][:, filled : filled + taken] = values[:, start : start + taken]
            self._filled[level] = filled + taken
            start += taken

    def _move_up(self, level: int) -> None:
        full = np.sort(self._levels[level], axis=1)
        self._filled[level] = 0
        self._moved += 2**level
        self._push(level + 1, full[:, int(self._rng.integers(2)) :: 2])
