"""TreeEnsemble: all trees of a model as plain arrays; what every reader makes and the engine reads."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._validation import refuse_complex, sound_sparse
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import _native
from automl_explain.treeshap._validity import why_no_trees

#: How a split treats missing values: NaN counts as 0.0; zero and NaN are missing; NaN is missing.
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


@dataclasses.dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """All trees of a model as arrays; tree t holds nodes offsets[t]:offsets[t + 1], its root first.

    An ensemble is checked when it is made: every node is reached once, from the root of its tree, over at most 4,096
    splits; leaves have no children; numbers are in the ranges below. The arrays are copied where they can be written.

    Parameters
    ----------
    offsets : ndarray of shape (n_trees + 1,), int64
    output : ndarray of shape (n_trees,), int32
        Output that the tree adds to.
    feature : ndarray of shape (n_nodes,), int32
        Column that the node splits on; -1 in a leaf.
    threshold : ndarray of shape (n_nodes,), float64
        ``x <= threshold`` in float64 goes left. Libraries that compare with ``<`` or in float32 have
        theirs rounded so that this holds. May be infinite: where missing values alone go right, for example.
    missing : ndarray of shape (n_nodes,), int8
        0: NaN counts as 0.0; 1: zero (``|x| <= 1e-35``) and NaN are missing; 2: NaN is missing.
    default_left : ndarray of shape (n_nodes,), bool
        Where a missing value goes.
    left, right : ndarray of shape (n_nodes,), int32
        Absolute node numbers, larger than that of the node; -1 in a leaf.
    cover : ndarray of shape (n_nodes,), float64
        Training rows (or weight) that reached the node: those of its children together, to within 1%.
    value : ndarray of shape (n_nodes,), float64
        Leaf value, scaled by learning rate or averaging; 0 in inner nodes.
    category : ndarray of shape (n_nodes,), int32
        Number of the split's category set, or -1 (as in a leaf). A category in the set goes left; negative and
        unseen ones go right, NaN goes where ``default_left`` says, fractional codes truncate.
    category_offsets : ndarray of shape (n_sets + 1,), int64
        Words of each set in ``category_bits``, at least one.
    category_bits : ndarray of uint32
        32 categories a word; at most 2**24 categories, summed over the features.
    base : ndarray of shape (n_outputs,), float64
        Added to every output.
    n_features : int
        Columns of the rows. At most 2**27 outputs times features: one row of values then takes 1 GiB.

    Raises
    ------
    UnsupportedModelError
        If the arrays hold no trees; the message says what is wrong, and where.
    """

    offsets: np.ndarray
    output: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing: np.ndarray
    default_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    cover: np.ndarray
    value: np.ndarray
    category: np.ndarray
    category_offsets: np.ndarray
    category_bits: np.ndarray
    base: np.ndarray
    n_features: int

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, _exact(name, getattr(self, name), np.dtype(dtype)))
        if isinstance(self.n_features, bool) or not isinstance(self.n_features, (int, np.integer)):
            raise _no_trees(f"`n_features` is {self.n_features!r} instead of a whole number")
        object.__setattr__(self, "n_features", int(self.n_features))
        self.validate()

    def arrays(self) -> dict[str, np.ndarray]:
        """All fields that are arrays, by name; with ``n_features`` they are the ensemble."""
        return {name: getattr(self, name) for name in _DTYPES}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], n_features: int) -> TreeEnsemble:
        """Ensemble from what `arrays` gave, checked.

        Raises
        ------
        UnsupportedModelError
            If the arrays are of other types, or hold no trees.
        """
        for name, dtype in _DTYPES.items():
            if name not in arrays:
                raise _no_trees(f"`{name}` is missing")
            if arrays[name].dtype != np.dtype(dtype):
                raise UnsupportedModelError(
                    f"The array {name!r} of the tree ensemble holds {arrays[name].dtype}; expected "
                    f"{np.dtype(dtype)}. Save the model again."
                )
        return cls(**{name: arrays[name] for name in _DTYPES}, n_features=n_features)

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.base)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.output)

    @property
    def n_leaves(self) -> int:
        """Number of leaves of all trees."""
        return int(np.count_nonzero(self.feature < 0))

    def validate(self) -> TreeEnsemble:
        """Give itself if the arrays hold trees; every ensemble is checked when it is made.

        Raises
        ------
        UnsupportedModelError
            If they do not: the model is damaged, or of a kind the reader does not know.
        """
        reason = why_no_trees(self)
        if reason:
            raise _no_trees(reason)
        return self

    def with_outputs(self, factors: Sequence[float], targets: Sequence[int]) -> TreeEnsemble:
        """The same trees, where those of output k count ``factors[k]`` times and add to output ``targets[k]``.

        Parameters
        ----------
        factors, targets : sequence of length n_outputs
            Targets are whole numbers from 0 on, without gaps.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from automl_explain.treeshap import read_trees
        >>> X, y = load_iris(return_X_y=True)
        >>> trees = read_trees(DecisionTreeClassifier(max_depth=2).fit(X, y))
        >>> trees.with_outputs([1, -1, 0], [0, 0, 0]).predict(X[:1])
        array([[1.]])
        """
        factor, target = np.asarray(factors, dtype=np.float64), np.asarray(targets)
        return dataclasses.replace(
            self,
            output=target[self.output],
            value=self.value * np.repeat(factor[self.output], np.diff(self.offsets)),
            base=np.bincount(target, weights=factor * self.base),
        )

    def predict(self, X: Any) -> np.ndarray:
        """Margins of shape (n_rows, n_outputs) for rows of shape (n_rows, n_features), float64."""
        X = checked_rows(X, self.n_features)
        result = np.empty((X.shape[0], self.n_outputs))
        if is_sparse(X):
            rows = sp.csr_matrix(X, dtype=np.float64)
            _native.predict_sparse(self.native, rows.data, rows.indices, rows.indptr, result)
        else:
            _native.predict_dense(self.native, np.ascontiguousarray(X, dtype=np.float64), result)
        return result

    @functools.cached_property
    def native(self) -> tuple[Any, ...]:
        """What the compiled engine takes."""
        return (self.n_features, *self.arrays().values())

    @classmethod
    def join(cls, ensembles: Sequence[TreeEnsemble]) -> TreeEnsemble:
        """One ensemble with the outputs of several over the same columns, one after the other."""
        widths = {e.n_features for e in ensembles}
        if len(widths) != 1:
            raise InputError(f"The tree models have {sorted(widths)} columns; pass models over the same columns.")
        if len(ensembles) == 1:
            return ensembles[0]
        joined: dict[str, list[np.ndarray]] = {name: [] for name in _DTYPES}
        nodes = sets = words = outputs = 0
        for e in ensembles:
            moved = {
                "offsets": e.offsets[1:] + nodes,
                "output": e.output + outputs,
                "left": np.where(e.left < 0, -1, e.left + nodes),
                "right": np.where(e.right < 0, -1, e.right + nodes),
                "category": np.where(e.category < 0, -1, e.category + sets),
                "category_offsets": e.category_offsets[1:] + words,
            }
            for name, parts in joined.items():
                parts.append(moved.get(name, getattr(e, name)))
            nodes, outputs = nodes + len(e.feature), outputs + e.n_outputs
            sets, words = sets + len(e.category_offsets) - 1, words + len(e.category_bits)
        for name in ("offsets", "category_offsets"):
            joined[name].insert(0, np.zeros(1, dtype=np.int64))
        arrays = {name: np.concatenate(parts) for name, parts in joined.items()}
        return cls(**arrays, n_features=widths.pop())


_DTYPES: dict[str, Any] = {
    "offsets": np.int64,
    "output": np.int32,
    "feature": np.int32,
    "threshold": np.float64,
    "missing": np.int8,
    "default_left": np.bool_,
    "left": np.int32,
    "right": np.int32,
    "cover": np.float64,
    "value": np.float64,
    "category": np.int32,
    "category_offsets": np.int64,
    "category_bits": np.uint32,
    "base": np.float64,
}


def _exact(name: str, given: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """The same numbers in an array of the type wanted that nobody else can write to."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise _no_trees(f"`{name}` holds {array.dtype} instead of numbers")
    with np.errstate(invalid="ignore", over="ignore"):
        needed = array.flags.writeable or not array.flags.aligned  # arrays of a buffer may begin anywhere in it
        copy = np.array(array, dtype=dtype, order="C", copy=True if needed else None)
    if dtype.kind != "f" and array.dtype != dtype and not np.array_equal(copy, array):
        raise _no_trees(f"`{name}` has entries that are no {dtype}")
    copy.flags.writeable = False
    return copy


def _no_trees(reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"The arrays of the tree ensemble do not hold trees: {reason}. Expected those of a fitted model, as "
        "`read_trees` gives them; save the model again with the library that made it."
    )


def checked_rows(X: Any, n_features: int) -> Any:
    """Rows as an ndarray of float64 or float32, or as a sound csr_matrix of these.

    Raises
    ------
    InputError
        If they have another width, are complex, or are sparse and damaged.
    """
    if not isinstance(X, np.ndarray) and not is_sparse(X):
        X = np.asarray(X)
    if X.ndim != 2 or X.shape[1] != n_features:
        raise InputError(f"`X` has shape {X.shape}; expected (n_rows, {n_features}), the columns of the trees.")
    if isinstance(X, np.ndarray):
        if X.dtype in _FLOATS and X.flags.aligned:
            return X
        refuse_complex(X, "X")
        return np.require(X, np.float64, ["C", "A"])
    rows = csr_rows(X)
    if rows.dtype in _FLOATS:
        return rows
    refuse_complex(rows, "X")
    return rows.astype(np.float64)


def csr_rows(X: Any) -> sp.csr_matrix:
    """Sparse rows as a sound csr_matrix in order, with 32-bit indices where they fit: kernels go where they point.

    Its arrays are contiguous and aligned.

    Raises
    ------
    InputError
        If a stored value lies in no column, or the rows do not follow one another.
    """
    rows = sound_sparse(X, "X")
    if rows.indices.dtype != np.int32 and rows.nnz <= np.iinfo(np.int32).max:
        parts = (rows.data, rows.indices.astype(np.int32), rows.indptr.astype(np.int32))
        rows = sp.csr_matrix(parts, shape=rows.shape)
    given = (rows.data, rows.indices, rows.indptr)
    if not all(part.flags.c_contiguous and part.flags.aligned for part in given):
        rows = sp.csr_matrix(tuple(np.require(part, None, ["C", "A"]) for part in given), shape=rows.shape)
    return rows
