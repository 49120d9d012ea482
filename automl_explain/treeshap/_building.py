"""What readers share: one tree as arrays, trees behind one another, and cuts of libraries that compare in float32."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.treeshap._ensemble import MISSING_NAN, TreeEnsemble

MAX_CATEGORY = 2**16  # category codes stay below; a split keeps one bit per code


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """One tree; node 0 is the root and children have larger numbers than their node.

    Parameters
    ----------
    feature : ndarray of shape (n_nodes,)
        Column; negative in a leaf.
    threshold, default_left, cover : ndarray of shape (n_nodes,)
        As in `TreeEnsemble`.
    left, right : ndarray of shape (n_nodes,)
        Node numbers of this tree.
    value : ndarray of shape (n_nodes,) or (n_nodes, n_outputs)
        Leaf values; with two dimensions the tree adds to every output.
    output : int, default 0
        Output of a tree that adds to one.
    category : ndarray of shape (n_nodes,), optional
        Number of the split's set in ``sets``, or -1.
    sets : sequence of ndarray of uint32
        Category sets as bits, see `category_words`.
    """

    feature: np.ndarray
    threshold: np.ndarray
    default_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    cover: np.ndarray
    value: np.ndarray
    output: int = 0
    category: np.ndarray | None = None
    sets: Sequence[np.ndarray] = ()

    def by_output(self) -> list[Tree]:
        """Itself, or one tree per output."""
        if self.value.ndim == 1:
            return [self]
        return [dataclasses.replace(self, value=v, output=k) for k, v in enumerate(self.value.T)]


def ensemble_of(
    trees: Iterable[Tree], *, base: np.ndarray, n_features: int, missing: int = MISSING_NAN
) -> TreeEnsemble:
    """All trees behind one another, node and set numbers moved to their places."""
    trees = [part for tree in trees for part in tree.by_output()]
    offsets = np.cumsum([0, *(len(t.feature) for t in trees)])
    set_offsets = np.cumsum([0, *(len(t.sets) for t in trees)])
    words = [np.asarray(s, dtype=np.uint32) for t in trees for s in t.sets]

    def put(parts: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros(0), *parts])

    def moved(numbers: np.ndarray | None, by: int, like: np.ndarray) -> np.ndarray:
        return np.full(len(like), -1) if numbers is None else np.where(numbers < 0, -1, numbers + by)

    leaf = put(t.feature for t in trees) < 0
    category = put(moved(t.category, m, t.feature) for t, m in zip(trees, set_offsets[:-1], strict=True))
    return TreeEnsemble(
        offsets=offsets,
        output=np.array([t.output for t in trees]),
        feature=np.where(leaf, -1, put(t.feature for t in trees)),
        threshold=np.where(leaf | (category >= 0), 0.0, put(t.threshold for t in trees)),
        missing=np.full(len(leaf), missing),
        default_left=~leaf & (put(t.default_left for t in trees) != 0),
        left=np.where(leaf, -1, put(moved(t.left, m, t.left) for t, m in zip(trees, offsets[:-1], strict=True))),
        right=np.where(leaf, -1, put(moved(t.right, m, t.right) for t, m in zip(trees, offsets[:-1], strict=True))),
        cover=put(t.cover for t in trees),
        value=np.where(leaf, put(t.value for t in trees), 0.0),
        category=np.where(leaf, -1, category),
        category_offsets=np.cumsum([0, *(len(w) for w in words)]),
        category_bits=np.concatenate([np.zeros(0, dtype=np.uint32), *words]),
        base=base,
        n_features=n_features,
    )


def category_words(codes: np.ndarray) -> np.ndarray:
    """A set of category codes as bits, 32 a word; at least one word."""
    codes = np.asarray(codes, dtype=np.int64)
    if len(codes) and not (codes.min() >= 0 and codes.max() < MAX_CATEGORY):
        raise UnsupportedModelError(
            f"A split of the model is on category codes from {codes.min()} to {codes.max()}; expected whole numbers "
            f"from 0 to {MAX_CATEGORY - 1}. Number the categories from 0 before training."
        )
    bits = np.zeros((max(codes.max(initial=0) // 32 + 1, 1), 32), dtype=np.uint8)
    bits.ravel()[codes] = 1
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)


def float32_cuts(threshold: np.ndarray, *, strict: bool) -> np.ndarray:
    """Cuts for float64 values where the library rounds them to float32 first.

    Parameters
    ----------
    threshold : ndarray
        Of the library: float32 for a strict comparison.
    strict : bool
        Whether the library goes left where ``float32(x) < threshold``, else where ``<=``.

    Returns
    -------
    ndarray of float64
        The largest float64 that goes left in the library.
    """
    threshold = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
        last = threshold.astype(np.float32)  # the largest float32 that goes left
        too_large = last >= threshold if strict else last > threshold
        last = np.where(too_large, np.nextafter(last, np.float32(-np.inf)), last)
        above = np.nextafter(last, np.float32(np.inf))
        # Infinity is where the next float32 would be, so that the middle decides there, too.
        low, high = (np.clip(v.astype(np.float64), -(2.0**128), 2.0**128) for v in (last, above))
        middle = (low + high) / 2
        rounds_up = middle.astype(np.float32) > last
    return np.where(last == np.inf, np.inf, np.where(rounds_up, np.nextafter(middle, -np.inf), middle))


def renumbered(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes that the root leads to, level by level, and both children in the numbers of that order.

    Raises
    ------
    ValueError
        If a node has two parents.
    """
    level, order = np.zeros(1, dtype=np.int64), []
    while len(level):
        order.append(level)
        above = level[left[level] >= 0]
        level = np.column_stack([left[above], right[above]]).ravel().astype(np.int64)
        if len(level) and sum(map(len, order)) + len(level) > len(left):
            raise ValueError("the nodes of a tree run in circles")
    nodes = np.concatenate(order)
    number = np.full(len(left), -1)
    number[nodes] = np.arange(len(nodes))
    inner = left[nodes] >= 0
    return nodes, np.where(inner, number[left[nodes]], -1), np.where(inner, number[right[nodes]], -1)
