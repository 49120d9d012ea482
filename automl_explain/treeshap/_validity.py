"""Whether arrays hold trees: everything that the kernels rely on, checked before they see it.

The checks are ordered so that none reads at a place, or takes memory of a size, that an earlier one has not confirmed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Splits on the longest path of a tree. Trees of real models are rarely deeper than a hundred.
MAX_DEPTH = 4096
#: Outputs times features: the values of one row then take 1 GiB.
MAX_VALUES = 2**27
#: Splits on one categorical feature times the categories in their sets: a bit is kept for each pair.
MAX_CATEGORY_PAIRS = 2**30
#: Category codes, summed over the features: each has an entry in a table.
MAX_CODES = 2**24
#: Largest sum of leaf values (the largest of every tree), which leaves room for the quadrature's factors.
MAX_SUM = 1e300
#: How far the cover of a node may lie from the sum of its children's, relative to it: some libraries add in float32.
COVER_TOLERANCE = 0.01

_PER_NODE = ("feature", "threshold", "missing", "default_left", "left", "right", "cover", "value", "category")
_LIMIT = np.iinfo(np.int32).max


def why_no_trees(trees: Any) -> str:
    """What keeps the arrays of a `TreeEnsemble` (whose module imports this one) from being trees; empty for trees."""
    return (
        _wrong_sizes(trees)
        or _wrong_structure(trees)
        or _wrong_numbers(trees)
        or _wrong_covers(trees)
        or _wrong_categories(trees)
    )


def _wrong_sizes(trees: Any) -> str:
    """Lengths and offsets, in time that grows with the number of trees and category sets."""
    flat = next((name for name, array in trees.arrays().items() if array.ndim != 1), None)
    if flat is not None:
        return f"`{flat}` has shape {getattr(trees, flat).shape} instead of one dimension"
    n_nodes = len(trees.feature)
    for name in _PER_NODE:
        if len(getattr(trees, name)) != n_nodes:
            return f"`{name}` has {len(getattr(trees, name))} entries for {n_nodes} nodes"
    if n_nodes > _LIMIT:
        return f"there are {n_nodes:,} nodes, more than {_LIMIT:,}"
    if len(trees.offsets) != trees.n_trees + 1:
        return f"`offsets` has {len(trees.offsets)} entries for {trees.n_trees} trees; expected one more than trees"
    if not _partitions(trees.offsets, n_nodes):
        return f"`offsets` does not rise from 0 to the {n_nodes} nodes, with at least one node in each tree"
    if not _partitions(trees.category_offsets, len(trees.category_bits)):
        return (
            f"`category_offsets` does not rise from 0 to the {len(trees.category_bits)} words of `category_bits`, with "
            "at least one word in each set"
        )
    if trees.n_features < 1 or trees.n_outputs < 1:
        return f"there are {trees.n_features} features and {trees.n_outputs} outputs; expected at least one of each"
    if trees.n_features * trees.n_outputs > MAX_VALUES:
        return f"{trees.n_features:,} features times {trees.n_outputs:,} outputs are more than {MAX_VALUES:,}"
    return ""


def _partitions(offsets: np.ndarray, total: int) -> bool:
    """Whether offsets cut a range of so many entries into parts of at least one."""
    return bool(
        len(offsets) and offsets[0] == 0 and offsets[-1] == total and (offsets[1:] > offsets[:-1]).all()
    )  # compared, not subtracted: differences may overflow


def _wrong_structure(trees: Any) -> str:
    """Every node is reached exactly once, from the root of its tree, on a path of at most `MAX_DEPTH` splits."""
    inside = (trees.feature >= -1) & (trees.feature < trees.n_features)
    if not inside.all():
        at = int(inside.argmin())
        return f"node {at} splits on feature {trees.feature[at]} of {trees.n_features}"
    is_leaf = trees.feature < 0
    odd = is_leaf & ((trees.left != -1) | (trees.right != -1) | (trees.category != -1))
    if odd.any():
        return f"node {int(odd.argmax())} is a leaf (`feature` is -1) and has children or categories"
    inner = np.flatnonzero(~is_leaf)
    left, right = trees.left[inner], trees.right[inner]
    ends = np.repeat(trees.offsets[1:], np.diff(trees.offsets))[inner]
    # Where children lie behind their node, in its tree, and have one parent each, no path returns or meets another.
    behind = (left > inner) & (right > inner) & (left < ends) & (right < ends)
    if not behind.all():
        at = int(inner[behind.argmin()])
        return f"the children of node {at} ({trees.left[at]}, {trees.right[at]}) do not lie behind it in its tree"
    parents = np.bincount(left, minlength=len(is_leaf)) + np.bincount(right, minlength=len(is_leaf))
    parents[trees.offsets[:-1]] += 1
    if not (parents == 1).all():
        at = int((parents != 1).argmax())
        return f"node {at} is reached on {parents[at]} ways instead of one"
    return _too_deep(trees, ~is_leaf)


def _too_deep(trees: Any, inner: np.ndarray) -> str:
    level, depth = trees.offsets[:-1], 0
    while len(level := level[inner[level]]):
        if depth == MAX_DEPTH:
            return f"a path has more than {MAX_DEPTH:,} splits"
        level, depth = np.concatenate([trees.left[level], trees.right[level]]), depth + 1
    return ""


def _wrong_numbers(trees: Any) -> str:
    """Ranges of small numbers, and numbers that are none."""
    for name, stop in (("output", trees.n_outputs), ("missing", 3)):
        numbers = getattr(trees, name)
        if not ((numbers >= 0) & (numbers < stop)).all():
            return f"`{name}` has entries outside of 0 to {stop - 1}"
    if (trees.default_left.view(np.uint8) > 1).any():  # possible in arrays of a file
        return "`default_left` has bytes that are neither 0 nor 1"
    if np.isnan(trees.threshold).any():
        return "`threshold` has entries that are not a number"
    for name in ("value", "base"):
        if not np.isfinite(getattr(trees, name)).all():
            return f"`{name}` has entries that are infinite or not a number"
    with np.errstate(over="ignore"):
        largest = np.maximum.reduceat(np.abs(trees.value), trees.offsets[:-1]) if trees.n_trees else trees.value
        total = largest.sum() + np.abs(trees.base).max()
    return f"leaf values add up to more than {MAX_SUM:g}" if not total <= MAX_SUM else ""


def _wrong_covers(trees: Any) -> str:
    """Covers are numbers of training rows: those of two children are those of their node."""
    if not (np.isfinite(trees.cover) & (trees.cover >= 0)).all():
        return "`cover` has entries that are negative, infinite or not a number"
    inner = np.flatnonzero(trees.feature >= 0)
    cover = trees.cover[inner]
    with np.errstate(over="ignore"):
        apart = np.abs(trees.cover[trees.left[inner]] + trees.cover[trees.right[inner]] - cover)
    if (apart <= COVER_TOLERANCE * cover).all():
        return ""
    at = int(inner[(apart <= COVER_TOLERANCE * cover).argmin()])
    below = trees.cover[trees.left[at]], trees.cover[trees.right[at]]
    return f"the cover of node {at} is {trees.cover[at]:g}, those of its children {below[0]:g} and {below[1]:g}"


def _wrong_categories(trees: Any) -> str:
    """Sets that splits name are there, and can be told apart in memory of a bounded size."""
    n_sets = len(trees.category_offsets) - 1
    if not ((trees.category >= -1) & (trees.category < n_sets)).all():
        return f"`category` has entries outside of -1 to {n_sets - 1}, the sets of categories"
    nodes = np.flatnonzero(trees.category >= 0)
    if not len(nodes):
        return ""
    starts, sets = trees.category_offsets[:-1], trees.category[nodes]
    used = np.add.reduceat(np.bitwise_count(trees.category_bits), starts, dtype=np.int64)
    _, feature = np.unique(trees.feature[nodes], return_inverse=True)
    longest = np.zeros(feature.max() + 1, dtype=np.int64)
    np.maximum.at(longest, feature, 32 * np.diff(trees.category_offsets)[sets])
    if longest.sum() > MAX_CODES:
        return f"the sets of categories have room for {longest.sum():,} codes, more than {MAX_CODES:,}"
    # As many categories as their longest set has room for, or as all their sets hold.
    categories = np.minimum(longest, np.bincount(feature, weights=used[sets]))
    if (np.bincount(feature) * categories > MAX_CATEGORY_PAIRS).any():
        return f"splits on one feature times their categories are more than {MAX_CATEGORY_PAIRS:,}"
    return ""
