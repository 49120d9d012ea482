"""Contributions as arrays: one inner form, the shapes users know outside, nothing held twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._tables._rows import chunks
from automl_explain._validation import sound_sparse, warn
from automl_explain.exceptions import InputError, UnmappedFeaturesWarning
from automl_explain.feature_map import FeatureMap, FeatureName

#: ndarray (n_outputs, n_rows, n_features) or a tuple of n_outputs csr_matrix (n_rows, n_features).
Values: TypeAlias = "np.ndarray | tuple[sp.csr_matrix, ...]"

MAX_DENSE_BYTES = 100_000_000  # of contributions to sparse rows that come as an ndarray

# Absolute values are taken in blocks of this many numbers, so that a mean needs no second copy.
_BLOCK = 2**17


class MirroredValues(NDArrayOperatorsMixin):
    """Contributions to both classes of a binary model: ``[-v, v]``, of which only ``v`` is held.

    Behaves like a read-only ndarray of shape (2, n_rows, n_features), as the values of a regression and of
    more classes are one: `tolist` makes nested lists for ``json.dumps``, and no ``isinstance(values, list)`` holds.
    ``mirrored[1]`` is a view of ``v``; anything that needs all of it makes an ndarray for the moment.

    Parameters
    ----------
    positive : ndarray of shape (n_rows, n_features)
        Contributions to the second class; not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain.explanation import MirroredValues
    >>> both = MirroredValues(np.array([[1.0, -2.0]]))
    >>> both.shape, both[0].tolist(), both[1].tolist()
    ((2, 1, 2), [[-1.0, 2.0]], [[1.0, -2.0]])
    >>> import json
    >>> json.dumps(both.tolist())
    '[[[-1.0, 2.0]], [[1.0, -2.0]]]'
    """

    __slots__ = ("_positive",)

    def __init__(self, positive: np.ndarray) -> None:
        self._positive = read_only(np.asarray(positive))

    @property
    def shape(self) -> tuple[int, ...]:
        """``(2, n_rows, n_features)``."""
        return (2, *self._positive.shape)

    @property
    def ndim(self) -> int:
        """3."""
        return self._positive.ndim + 1

    @property
    def size(self) -> int:
        """How many numbers it shows."""
        return 2 * self._positive.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self._positive.dtype

    def tolist(self) -> list[Any]:
        """Nested lists, JSON-ready."""
        return [(-self._positive).tolist(), self._positive.tolist()]

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[np.ndarray]:
        yield -self._positive
        yield self._positive

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("MirroredValues holds one half only; an array of both halves is always a copy.")
        return np.stack([-self._positive, self._positive]).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) and key else (key,)
        if _is_int(first) and all(_is_basic(k) for k in rest):
            if not -2 <= first < 2:
                raise IndexError(f"index {first} is out of bounds for axis 0 with size 2")
            picked = self._positive[tuple(rest)]
            return picked if first % 2 else -picked
        if isinstance(first, slice) and all(_is_basic(k) for k in rest):
            picked = self._positive[tuple(rest)]
            return np.stack([-picked, picked])[first]
        return np.asarray(self)[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise _read_only_error()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(out, MirroredValues) for out in kwargs.get("out", ())):
            raise _read_only_error()
        arrays = (np.asarray(x) if isinstance(x, MirroredValues) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Private names must fail: numpy looks for other array protocols, pickle for hooks.
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(read_only(np.asarray(self)), name)

    def __repr__(self) -> str:
        return f"MirroredValues(shape={self.shape}, dtype={self.dtype})"


def _read_only_error() -> InputError:
    return InputError("The values of an explanation are read-only; change a copy made with numpy.array(values).")


def _is_int(key: Any) -> bool:
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool)


def _is_basic(key: Any) -> bool:
    return key is None or key is Ellipsis or isinstance(key, slice) or _is_int(key)


def read_only(array: np.ndarray) -> np.ndarray:
    """View of the array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def read_only_csr(matrix: Any) -> sp.csr_matrix:
    """Float64 csr_matrix over the same numbers, sorted, that cannot be written to."""
    csr = sp.csr_matrix(matrix, dtype=np.float64)
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    parts = (read_only(csr.data), read_only(csr.indices), read_only(csr.indptr))
    result = sp.csr_matrix(parts, shape=csr.shape, copy=False)
    # Without these scipy would try to sort the read-only parts in place.
    result.has_sorted_indices = result.has_canonical_format = True
    return result


def as_values(values: Any, n_outputs: int) -> Values:
    """Checked, read-only contributions.

    Raises
    ------
    InputError
        If the shape does not fit ``n_outputs``.
    """
    expected = (
        f"expected an ndarray of shape ({n_outputs}, n_rows, n_features) or a tuple of {n_outputs} sparse matrices "
        "of shape (n_rows, n_features), one per entry of `base`."
    )
    if is_sparse(values):
        values = (values,)
    if isinstance(values, (tuple, list)) and len(values) and all(is_sparse(v) for v in values):
        shapes = {v.shape for v in values}
        if len(values) != n_outputs or len(shapes) != 1:
            raise InputError(f"`values` holds {len(values)} sparse matrices of shapes {sorted(shapes)}; {expected}")
        return tuple(read_only_csr(sound_sparse(v, "values")) for v in values)
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"`values` cannot be read as numbers ({error}); {expected}") from error
    if array.ndim != 3 or array.shape[0] != n_outputs:
        raise InputError(f"`values` has shape {array.shape}; {expected}")
    return read_only(array)


def dense_if_small(values: Any) -> Any:
    """Contributions as an ndarray where that takes up to 100 MB over all outputs; larger sparse ones stay sparse.

    The one place that decides in which form the values of sparse rows come.

    Parameters
    ----------
    values : ndarray (n_outputs, n_rows, n_features) or tuple of n_outputs csr_matrix (n_rows, n_features)
    """
    if not isinstance(values, tuple) or 8 * len(values) * values[0].shape[0] * values[0].shape[1] > MAX_DENSE_BYTES:
        return values
    return np.stack([v.toarray() for v in values])


def shape_of(values: Values) -> tuple[int, int]:
    """``(n_rows, n_features)``."""
    n_rows, n_features = values[0].shape if isinstance(values, tuple) else values.shape[1:]
    return int(n_rows), int(n_features)


def take_rows(values: Values, rows: Any) -> Values:
    """The values of some rows."""
    return tuple(v[rows] for v in values) if isinstance(values, tuple) else values[:, rows]


def select_features(values: Values, positions: Sequence[int]) -> tuple[Values, np.ndarray]:
    """Values at these positions, and the sum of all others, shape (n_outputs, n_rows)."""
    at = list(positions)
    others = np.setdiff1d(np.arange(shape_of(values)[1]), at)
    if isinstance(values, tuple):
        return tuple(sp.csr_matrix(v[:, at]) for v in values), row_sums(tuple(v[:, others] for v in values))
    return np.ascontiguousarray(values[..., at]), values[..., others].sum(axis=-1)


def row_sums(values: Values) -> np.ndarray:
    """Sum over the features, shape (n_outputs, n_rows)."""
    if isinstance(values, tuple):
        return np.array([np.asarray(v.sum(axis=1)).ravel() for v in values])
    total: np.ndarray = values.sum(axis=-1)
    return total


def absolute_sums(values: Values) -> np.ndarray:
    """Sum of magnitudes over the rows, shape (n_outputs, n_features)."""
    if isinstance(values, tuple):
        return np.array([np.bincount(v.indices, np.abs(v.data), minlength=v.shape[1]) for v in values])
    n_rows, n_features = shape_of(values)
    step = max(1, _BLOCK // max(1, n_features))
    result = np.zeros((len(values), n_features))
    for some in chunks(n_rows, step):
        result += np.abs(values[:, some]).sum(axis=1)
    return result


def mean_absolute(values: Values) -> np.ndarray:
    """Mean magnitude over the rows, shape (n_outputs, n_features); 0 where there are no rows."""
    return absolute_sums(values) / max(1, shape_of(values)[0])


def to_lists(numbers: np.ndarray) -> Any:
    """Nested lists that JSON can hold: NaN as None, infinite numbers as ``"Infinity"`` and ``"-Infinity"``."""
    if np.count_nonzero(np.isfinite(numbers)) == numbers.size:  # half the time of `all` for a single row
        return numbers.tolist()
    plain = numbers.astype(object)
    plain[np.isnan(numbers)] = None
    plain[np.isposinf(numbers)] = "Infinity"
    plain[np.isneginf(numbers)] = "-Infinity"
    return plain.tolist()


def from_lists(lists: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of this shape from what `to_lists` gave.

    Raises
    ------
    ValueError
        If they are something else.
    """
    plain = np.asarray(lists)
    if plain.dtype.kind not in "if" and plain.size:
        plain = np.asarray(lists, dtype=object)
        wrong = [v for v in plain.ravel() if type(v) not in (int, float) and v not in _NO_NUMBERS]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no number")
        plain = np.array([_NO_NUMBERS.get(v, v) if type(v) not in (int, float) else v for v in plain.ravel()])
    return plain.astype(np.float64).reshape(shape)


_NO_NUMBERS = {None: np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def fold(values: Values, feature_map: FeatureMap) -> tuple[Values, np.ndarray]:
    """Raw values, and what engineered features without a raw parent contribute, shape (n_outputs, n_rows)."""
    if not isinstance(values, tuple):
        return feature_map.fold(values)
    parts = [feature_map.fold(v) for v in values]
    lost = np.array([p[1] for p in parts])
    if is_sparse(parts[0][0]):
        return tuple(p[0] for p in parts), lost
    return np.stack([p[0] for p in parts]) if len(parts) > 1 else parts[0][0][None], lost


def raw_rows(eval_data: Any, feature_map: FeatureMap, row_labels: Any) -> tuple[Any, Any]:
    """Raw rows to show, in the order of the raw columns where they have their names, and the labels of the rows."""
    if not is_frame(eval_data):
        return eval_data, row_labels
    if set(eval_data.columns) == set(feature_map.raw_names):
        eval_data = eval_data[list(feature_map.raw_names)]
    return eval_data, eval_data.index


def warn_unmapped(names: tuple[FeatureName, ...]) -> None:
    """Say which engineered features have no raw parent."""
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    warn(
        f"{len(names)} engineered feature{'s have' if len(names) > 1 else ' has'} no raw parent in the feature map: "
        f"{shown}. What they contribute is reported as `unmapped_values` and `unmapped_importance`.",
        UnmappedFeaturesWarning,
    )


def method_name(method: str, raw_method: str) -> str:
    """What raw explanations call their method: ``"mimic.lightgbm"``, or ``"mimic.lightgbm.grouped"``."""
    return f"{method}.grouped" if raw_method == "grouped" else method
