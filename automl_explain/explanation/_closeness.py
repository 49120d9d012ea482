"""How close two outputs of a model are: row by row, as R2 of columns, and how sure a fidelity is."""

from __future__ import annotations

import functools

import numpy as np

LEVEL = 0.95
_RESAMPLES = 1000
# Sums of rows are resampled instead of the rows from here on: the work no longer grows with the rows.
_MOST_GROUPS = 500
_QUANTILES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_Z = 1.959963984540054  # the normal quantile of 97.5 %
# Relative: sums of equal numbers differ in the last bits, and learners keep labels as float32.
SUM_ROUNDING, LABEL_ROUNDING = 1e-14, 1e-6
# How near to a class's constant probability is near enough: forests answer in steps of half a vote, and log-odds
# never reach 0.
CLOSE_PROBABILITY = 0.01

Interval = tuple[float, float]


def differing_rows(found: np.ndarray, wanted: np.ndarray, *, relative: float, of_typical: float) -> np.ndarray:
    """Which rows of two outputs differ by more than rounding, bool of shape (n_rows,).

    Every number is compared in relation to itself, never to the largest of the batch, which could hide what
    is wrong elsewhere. Numbers near 0 are often differences of larger ones, whose rounding they inherit: the
    median of a column says how large, and one far row does not move it.

    Parameters
    ----------
    found, wanted : ndarray of shape (n_rows,) or (n_rows, n_columns)
        Missing numbers equal each other.
    relative : float
        How far a number may lie from the one wanted, in relation to it.
    of_typical : float
        The same in relation to the median magnitude of the column.
    """
    n_columns = int(np.prod(np.shape(wanted)[1:]))
    first, second = (np.asarray(a, dtype=np.float64).reshape(-1, n_columns) for a in (found, wanted))
    sizes = np.abs(second)
    with np.errstate(invalid="ignore"):
        known = np.nan_to_num(sizes, nan=0.0, posinf=0.0)
        typical = np.median(known, axis=0) if len(known) else np.zeros(first.shape[1])
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        same |= np.abs(first - second) <= relative * sizes + of_typical * typical
    return np.asarray(~same.all(axis=1))


def r2_of_columns(wanted: np.ndarray, got: np.ndarray, close: float = 0.0) -> np.ndarray:
    """R2 of each column of two arrays of shape (n_rows, n_columns).

    A constant column has no spread: it gives 1 if it is reproduced, to within rounding or ``close``, else 0.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(wanted).max(axis=0)
        constant = np.ptp(wanted, axis=0) <= SUM_ROUNDING * size
        reproduced = np.abs(wanted - got).max(axis=0) <= np.maximum(close, LABEL_ROUNDING * size)
        residual = ((wanted - got) ** 2).sum(axis=0)
        # A constant column has no spread of its own, but its mean may round to one.
        spread = np.where(constant, 1.0, ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0))
    result: np.ndarray = np.where(constant, reproduced.astype(np.float64), 1.0 - residual / spread)
    return result


def r2_interval(wanted: np.ndarray, got: np.ndarray, random_state: int = 0, *, close: float = 0.0) -> Interval | None:
    """Interval of 95 % of the mean R2 over the columns, by percentile bootstrap over the rows.

    Parameters
    ----------
    wanted, got : ndarray of shape (n_rows, n_columns)
    random_state : int, default 0
    close : float, default 0
        As in `r2_of_columns`.

    Returns
    -------
    (low, high), or None for a single row

    Notes
    -----
    R2 needs three sums over the rows: of squared errors, of the output and of its square. Each resample
    is a weighted sum of these per row, and all 1,000 are one product of matrices. More than 500 rows are
    put into 500 groups by chance, and the sums of the groups are resampled, which spread as the rows do.

    References
    ----------
    Efron, B. (1979). Bootstrap methods: another look at the jackknife. doi:10.1214/aos/1176344552
    """
    n_rows = len(wanted)
    if n_rows < 2:
        return None
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        size = np.abs(wanted).max(axis=0)
        centred = wanted - wanted.mean(axis=0)
        parts = np.concatenate([(wanted - got) ** 2, centred, centred**2, np.ones((n_rows, 1))], axis=1)
        residual, total, squares, n = _resampled(parts, random_state, wanted.shape[1])
        spread = squares - total**2 / n
        # Of a resample that holds one value of the output: as for a constant column.
        constant = spread <= n * (SUM_ROUNDING * size) ** 2
        constant |= np.ptp(wanted, axis=0) <= SUM_ROUNDING * size
        reproduced = residual <= n * np.maximum(close, LABEL_ROUNDING * size) ** 2
        each = np.where(constant, reproduced.astype(np.float64), 1.0 - residual / np.where(constant, 1.0, spread))
        low, high = np.quantile(each.mean(axis=1), _QUANTILES)
    return float(low), float(high)


def _resampled(parts: np.ndarray, random_state: int, n_columns: int) -> list[np.ndarray]:
    """Sums over 1,000 resamples of the rows: three of shape (1000, n_columns), and the numbers of rows."""
    n_groups = min(len(parts), _MOST_GROUPS)
    if n_groups < len(parts):
        order = np.random.default_rng(random_state).permutation(len(parts))
        edges = np.linspace(0, len(parts), n_groups, endpoint=False).astype(int)
        parts = np.add.reduceat(parts[order], edges)
    sums = _counts(n_groups, random_state) @ parts
    return np.split(sums, [n_columns, 2 * n_columns, 3 * n_columns], axis=1)


@functools.lru_cache(maxsize=2)
def _counts(n_groups: int, random_state: int) -> np.ndarray:
    """How often each resample draws each group, shape (1000, n_groups): the same for every table of that size."""
    drawn = np.random.default_rng(random_state).integers(0, n_groups, (_RESAMPLES, n_groups))
    drawn += np.arange(0, _RESAMPLES * n_groups, n_groups)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=_RESAMPLES * n_groups)
    return counts.reshape(_RESAMPLES, n_groups).astype(np.float64)


def share_interval(share: float, n_rows: int) -> Interval | None:
    """Wilson's interval of 95 % for a share seen on ``n_rows`` rows; None for a single row.

    A bootstrap of rows that all agree has no width, as if one could be sure.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    doi:10.1080/01621459.1927.10502953
    """
    if n_rows < 2:
        return None
    z2 = _Z**2 / n_rows
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * float(np.sqrt(share * (1 - share) / n_rows + z2 / (4 * n_rows))) / (1 + z2)
    # The formula ends at 0 and 1 exactly, but for the last bits.
    return (max(0.0, middle - half) if share > 0 else 0.0, min(1.0, middle + half) if share < 1 else 1.0)
