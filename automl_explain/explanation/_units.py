"""Output units: contributions to log-odds turned into contributions to probabilities, exact in every row."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from typing import Any

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain._lazy import special
from automl_explain._validation import shown
from automl_explain.exceptions import InputError
from automl_explain.explanation._values import Values, row_sums

# Units of outputs that have no classes: numbers that a model predicts, and scores of outlier detectors.
SCORES = ("outlier score", "anomaly score")
NUMBERS = ("target", "log of target", "logit of target", *SCORES)

# The path is cut into panels of at most this many log-odds, with a Gauss-Legendre rule on each. No probability has
# a pole nearer to the path than pi / 2, which keeps the rule's error below 1e-9 (seen: 2e-10 on steps of up to 160).
_PANEL, _NODES, _MOST_PANELS = 4.0, 16, 64
_BLOCK = 2**19  # numbers at a time on the path
_ROUNDING = 1e-12
_MANY = 10_000  # sigmoids one by one take as long as the import of SciPy's

#: Links whose outputs are log-odds of classes: see `class_probabilities`.
PROBABILITY_LINKS = ("logit", "softmax", "sigmoid")


def check_output_unit(asked: Any, own: str, argument: str = "output_unit") -> str:
    """The unit asked for; the source's own where none is.

    Parameters
    ----------
    asked : {None, "log-odds", "probability"} or the source's own unit
    own : str
        Unit of the outputs that the values come in.
    argument : str, default "output_unit"
        What the caller calls it.

    Raises
    ------
    InputError
        If values cannot be had in this unit.
    """
    if asked is None or (isinstance(asked, str) and asked == own):
        return own
    if not isinstance(asked, str) or asked not in ("log-odds", "probability"):
        raise InputError(f"`{argument}` must be 'log-odds', 'probability' or None; got {shown(asked)}.")
    if own == "log-odds":
        return asked
    fix = {
        "target": "a regression has a target and no probabilities",
        "outlier score": "an outlier detector has a score and no probabilities",
        "anomaly score": "an outlier detector has a score and no probabilities",
        "decision value": "the model gives decision values and no probabilities; fit it with probabilities, or wrap "
        "it in sklearn.calibration.CalibratedClassifierCV",
        "probability": "the model is explained in probabilities, which cannot be turned back",
    }
    raise InputError(f"`{argument}` is {shown(asked)}, but {fix.get(own, f'outputs are in {own}')}. Leave it out.")


def first_class(of_second: Any, unit: str) -> Any:
    """Output of the first of two classes, from that of the second: expected values and sums, not contributions."""
    return 1.0 - of_second if unit == "probability" else -of_second


def class_probabilities(margins: np.ndarray, link: str = "logit") -> np.ndarray:
    """Probabilities of shape (n_rows, n_classes) from margins of shape (n_rows, n_outputs).

    Parameters
    ----------
    margins : ndarray
        One output for two classes (the second), else one per class.
    link : {"logit", "softmax", "sigmoid"}, default "logit"
        ``logit``: sigmoids, with several outputs divided by their sum. ``softmax``: exponentials divided
        by their sum. ``sigmoid``: sigmoids as they are, whose sum may differ from 1.
    """
    found = output_probabilities(margins, link)
    return np.hstack([_expit(-margins), found]) if margins.shape[1] == 1 else found


def output_probabilities(margins: np.ndarray, link: str = "logit") -> np.ndarray:
    """The same, one column per output: of two classes the second alone."""
    if margins.shape[-1] == 1 or link == "sigmoid":
        return _expit(margins)
    # A sum of sigmoids that all are tiny would be 0: their logarithms are not.
    scores = margins if link == "softmax" else -np.logaddexp(0.0, -margins)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _expit(numbers: Any) -> np.ndarray:
    """Sigmoids, for few numbers without SciPy, which takes longer to import than a scorer's first row may take.

    The bits are the same: both are made of the exponential of the C library.
    """
    x = np.asarray(numbers)
    if x.dtype != np.float64 or x.size > _MANY or "scipy.special" in sys.modules:
        return np.asarray(special.expit(x))
    return np.array([_sigmoid(each) for each in x.ravel().tolist()]).reshape(x.shape)


def _sigmoid(x: float) -> float:
    try:
        return 1 / (1 + math.exp(-x))
    except OverflowError:
        return 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class ToProbability:
    """Turns contributions to margins into contributions to probabilities.

    Parameters
    ----------
    base : ndarray of shape (n_outputs,)
        Expected values, as margins.
    link : {"logit", "softmax", "sigmoid"}, default "logit"
        See `class_probabilities`.
    wanted : ndarray of shape (n_rows, n_outputs), optional
        Probabilities that the values are to add up to, such as the teacher's; what is missing to them is
        spread over the values in proportion to their magnitude. Those of the margins where left out.

    Notes
    -----
    Along the straight line from the expected margins to those of the row, a feature's contribution to
    class k is the sum over the outputs of its contribution to the margin times the mean slope
    dp_k / dm along the line: the Aumann-Shapley values of the last step, and the rescale rule where
    there is one output. The rule is that of Shrikumar et al. (2017) and of Chen, Lundberg and Lee (2022);
    the integral is that of Sundararajan, Taly and Yan (2017). With one output it is solved exactly, with
    several by quadrature; its error, below 1e-9, is spread in proportion to the magnitudes.

    References
    ----------
    Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks, arXiv:1703.01365.
    Shrikumar, Greenside, Kundaje (2017), Learning important features through propagating activation
    differences, arXiv:1704.02685.
    Chen, Lundberg, Lee (2022), Explaining a series of models by propagating Shapley values,
    doi:10.1038/s41467-022-31384-3.

    Examples
    --------
    >>> import numpy as np
    >>> values, _ = ToProbability(np.zeros(1))(np.array([[[2.0, -1.0]]]))
    >>> values.round(3).tolist(), float(0.5 + values.sum())
    ([[[0.462, -0.231]]], 0.7310585786300049)
    """

    base: np.ndarray
    link: str = "logit"
    wanted: np.ndarray | None = None

    @property
    def expected_values(self) -> np.ndarray:
        """Probabilities where all contributions are zero, shape (n_outputs,)."""
        return np.asarray(output_probabilities(self.base[None], self.link)[0])

    def __call__(
        self, values: Values, unmapped: np.ndarray | None = None, rows: slice | None = None
    ) -> tuple[Values, np.ndarray | None]:
        """Contributions to the probabilities, shaped and stored alike.

        Parameters
        ----------
        values : ndarray (n_outputs, n_rows, n_features) or tuple of n_outputs csr_matrix (n_rows, n_features)
            Contributions to the margins.
        unmapped : ndarray of shape (n_outputs, n_rows), optional
            Unattributed contribution to the margins.
        rows : slice, optional
            Which of the ``wanted`` rows these are; all where left out.

        Returns
        -------
        values
        unmapped : ndarray or None
            Also made where a row has no contribution that the rest to ``wanted`` could go to.
        """
        together = values if unmapped is None else _joined(values, unmapped)
        margins = row_sums(together).T + self.base
        slopes = mean_slopes(self.base, margins, self.link)
        changed = _sparse_mix(together, slopes) if isinstance(together, tuple) else _dense_mix(together, slopes)
        wanted = output_probabilities(margins, self.link) if self.wanted is None else self.wanted[rows or slice(None)]
        changed, left = _closed(changed, wanted.T - self.expected_values[:, None])
        if unmapped is not None:
            changed, share = _parted(changed)
            return changed, share + left
        return changed, left if np.abs(left).max(initial=0.0) > _ROUNDING else None


def mean_slopes(base: np.ndarray, margins: np.ndarray, link: str = "logit") -> np.ndarray:
    """Mean of dp_k / dm_o along the straight lines from ``base`` to each row's margins.

    Parameters
    ----------
    base : ndarray of shape (n_outputs,)
    margins : ndarray of shape (n_rows, n_outputs)
    link : {"logit", "softmax", "sigmoid"}, default "logit"

    Returns
    -------
    ndarray of shape (n_rows, n_outputs, n_outputs)
        Class k, output o.
    """
    n_rows, n_outputs = margins.shape
    if n_outputs == 1 or link == "sigmoid":
        alone = np.zeros((n_rows, n_outputs, n_outputs))
        for k in range(n_outputs):
            alone[:, k, k] = _sigmoid_slopes(float(base[k]), margins[:, k])
        return alone
    slopes = np.empty((n_rows, n_outputs, n_outputs))
    steps = margins - base
    panels = np.clip(np.ceil(np.abs(steps).max(axis=1) / _PANEL), 1, _MOST_PANELS).astype(int)
    for count in np.unique(panels):
        at = np.flatnonzero(panels == count)
        places, weights = _rule(int(count))
        n_each = max(1, _BLOCK // (len(places) * n_outputs))
        for start in range(0, len(at), n_each):
            rows = at[start : start + n_each]
            slopes[rows] = _integrals(base + places[:, None] * steps[rows, None, :], weights, link)
    return slopes


def _integrals(line: np.ndarray, weights: np.ndarray, link: str) -> np.ndarray:
    """Integrals of dp_k / dm_o over the places of ``line``, of shape (n_rows, n_places, n_outputs)."""
    p = output_probabilities(line, link)
    # dp_k / dm_o = ([k = o] - p_k) * own_o, where own_o is how p_o moves with its margin, apart from the division.
    own = (p if link == "softmax" else p * _expit(-line)) * weights[:, None]
    found = -(p.transpose(0, 2, 1) @ own)
    np.einsum("nkk->nk", found)[...] += own.sum(axis=1)
    return np.asarray(found)


@functools.lru_cache(maxsize=_MOST_PANELS)
def _rule(panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights from 0 to 1 of a Gauss-Legendre rule on each of so many panels."""
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    starts = np.arange(panels)[:, None]
    return ((starts + (places + 1) / 2) / panels).ravel(), np.tile(weights / 2 / panels, panels)


def _sigmoid_slopes(base: float, margins: np.ndarray) -> np.ndarray:
    """(sigmoid(m) - sigmoid(b)) / (m - b), without loss of digits where the two are near each other."""
    step = margins - base
    half = np.where(np.abs(step) < 1, step / 2, 0.5)
    near = np.sqrt(_expit(margins) * _expit(-margins) * _expit(base) * _expit(-base))
    ratio = np.divide(np.sinh(half), half, out=np.ones_like(half), where=half != 0)
    far = np.divide(_expit(margins) - _expit(base), step, out=np.zeros_like(step), where=step != 0)
    return np.asarray(np.where(np.abs(step) < 1, near * ratio, far))


def _dense_mix(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    if len(values) == 1:
        return np.asarray(values * slopes[:, 0])
    return np.ascontiguousarray((slopes @ values.transpose(1, 0, 2)).transpose(1, 0, 2))


def _sparse_mix(values: tuple[sp.csr_matrix, ...], slopes: np.ndarray) -> tuple[sp.csr_matrix, ...]:
    """The same for sparse values: where one output has a value, every class gets one."""
    shape = values[0].shape
    keys = [_rows_of(v) * shape[1] + v.indices for v in values]
    places = np.unique(np.concatenate(keys))
    data = np.zeros((len(values), len(places)))
    for out, v, key in zip(data, values, keys, strict=True):
        np.add.at(out, np.searchsorted(places, key), v.data)
    row, column = np.divmod(places, shape[1])
    indptr = np.searchsorted(row, np.arange(shape[0] + 1))
    mixed = (sum(slopes[row, k, o] * data[o] for o in range(len(data))) for k in range(len(data)))
    return tuple(sp.csr_matrix((v, column, indptr), shape=shape) for v in mixed)


def _closed(values: Values, wanted: np.ndarray) -> tuple[Values, np.ndarray]:
    """Values that add up to ``wanted`` (n_outputs, n_rows), and what rows without any value leave."""
    gap = wanted - row_sums(values)
    size = row_sums(tuple(abs(v) for v in values) if isinstance(values, tuple) else np.abs(values))
    share = np.divide(gap, size, out=np.zeros_like(gap), where=size > 0)
    if isinstance(values, tuple):
        for v, each in zip(values, share, strict=True):
            v.data += np.abs(v.data) * each[_rows_of(v)]
    else:
        values += np.abs(values) * share[..., None]
    return values, np.where((size == 0) & (np.abs(gap) > _ROUNDING), gap, 0.0)


def _rows_of(matrix: sp.csr_matrix) -> np.ndarray:
    """Row of every stored value."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def _joined(values: Values, unmapped: np.ndarray) -> Values:
    """Values with the unattributed contribution as one more column."""
    if isinstance(values, tuple):
        return tuple(sp.hstack([v, u[:, None]], format="csr") for v, u in zip(values, unmapped, strict=True))
    return np.concatenate([values, unmapped[..., None]], axis=-1)


def _parted(values: Values) -> tuple[Values, np.ndarray]:
    if isinstance(values, tuple):
        return tuple(v[:, :-1] for v in values), np.stack([v[:, -1].toarray().ravel() for v in values])
    return np.ascontiguousarray(values[..., :-1]), values[..., -1]
