"""Random trees of any shape, rows that probe them, and their exact values without the engine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from automl_explain.treeshap import Engine, Players, TreeEnsemble


def make_trees(
    seed: int,
    *,
    n_features: int = 6,
    n_trees: int = 3,
    depth: int = 4,
    n_outputs: int = 1,
    n_leaves: int = 10**9,
    categories: tuple[int, ...] = (),
    words: int = 1,
    distinct: bool = False,
    shares: tuple[float, ...] = (),
    sizes: tuple[float, ...] = (0,),
    digits: int = 1,
) -> TreeEnsemble:
    """Trees with a path of the full depth each, about ``n_leaves``, and every missing type.

    ``categories`` split by sets of up to ``words`` words; ``distinct`` never asks a feature twice on a path;
    ``shares`` and ``sizes`` are powers of ten of the share of rows on one side and of the leaf values.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    sets: list[int] = []
    set_ptr, offsets = [0], [0]

    def add(level: int, cover: float, open_features: tuple[int, ...], longest: bool) -> int:
        at = len(rows)
        made = sum(row["feature"] < 0 for row in rows[offsets[-1] :])
        leaf = level == 0 or not open_features or (not longest and (made >= n_leaves or rng.random() < 0.1))
        feature = -1 if leaf else int(rng.choice(open_features))
        by_set = feature in categories
        value = float(rng.normal() * 10.0 ** rng.choice(sizes) * (rng.random() < 0.9)) if leaf else 0.0
        rows.append({
            "feature": feature,
            "threshold": 0.0 if leaf else round(float(rng.normal()), digits),
            "missing": 2 if by_set else 0 if leaf else int(rng.integers(3)),
            "default_left": bool(rng.random() < 0.5) and not leaf and not by_set,
            "left": -1,
            "right": -1,
            "cover": cover,
            "value": value,
            "category": len(set_ptr) - 1 if by_set else -1,
        })  # fmt: skip
        if leaf:
            return at
        if by_set:
            sets.extend(rng.integers(0, 2**32, int(rng.integers(1, words + 1))).tolist())
            set_ptr.append(len(sets))
        share = float(10.0 ** rng.choice(shares)) if shares else float(rng.choice([rng.random(), 0.5, 0.0]))
        share = share if rng.random() < 0.5 else 1 - share
        below = tuple(f for f in open_features if f != feature) if distinct else open_features
        left = cover * share if shares else math.floor(cover * share)
        rows[at]["left"] = add(level - 1, left, below, False)
        rows[at]["right"] = add(level - 1, cover - left, below, longest)
        return at

    for _ in range(n_trees):
        add(depth, 1e6, tuple(range(n_features)), True)
        offsets.append(len(rows))
    return TreeEnsemble(
        offsets=np.array(offsets),
        output=np.arange(n_trees) % n_outputs,
        category_offsets=np.array(set_ptr),
        category_bits=np.array(sets, dtype=np.uint32),
        base=rng.normal(size=n_outputs),
        n_features=n_features,
        **{name: np.array([row[name] for row in rows]) for name in rows[0]},
    ).validate()


def make_rows(seed: int, trees: TreeEnsemble, n_rows: int = 12) -> np.ndarray:
    """Rows with rounded numbers, zeros of all kinds, missing and infinite cells, and codes in and out of range."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, trees.n_features)).round(1)
    for cell, share in ((np.nan, 0.15), (0.0, 0.1), (-0.0, 0.02), (1e-36, 0.02), (np.inf, 0.02), (-np.inf, 0.02)):
        X[rng.random(X.shape) < share] = cell
    longest = 32 * int(np.diff(trees.category_offsets).max(initial=0))
    odd = [-1.0, -0.5, 2.7, longest - 0.5, longest, 1e18, np.inf, -np.inf, np.nan]
    for f in np.unique(trees.feature[trees.category >= 0]):
        X[:, f] = np.where(rng.random(n_rows) < 0.2, rng.choice(odd, n_rows), rng.integers(0, longest, n_rows))
    return X


def goes_left(trees: TreeEnsemble, node: int, cells: np.ndarray) -> np.ndarray:
    """Which cells of a column take the left branch of a node."""
    missing, number = np.isnan(cells), trees.category[node]
    if number >= 0:
        words = trees.category_bits[trees.category_offsets[number] : trees.category_offsets[number + 1]].tolist()
        inside = ~missing & (cells > -1) & (cells < 32 * len(words))
        codes = np.where(inside, cells, 0).astype(int)
        found = np.array([bool(words[code // 32] >> code % 32 & 1) for code in codes]) & inside
    else:
        if trees.missing[node] == 0:
            cells, missing = np.where(missing, 0.0, cells), np.zeros(len(cells), dtype=bool)
        elif trees.missing[node] == 1:
            missing = missing | (np.abs(cells) <= 1e-35)
        found = cells <= trees.threshold[node]
    return np.where(missing, trees.default_left[node], found)


def exact_values(trees: TreeEnsemble, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Shapley values of groups of features, (n_outputs, n_rows, n_groups), in long double.

    Leaf by leaf: the sum over all sets S of other players of |S|! (d - |S| - 1)! / d! prod o prod z, with
    the sets of one size taken together. All terms have one sign, so nothing is lost to rounding.
    """
    found = np.zeros((trees.n_outputs, len(X), int(groups.max()) + 1), dtype=np.longdouble)
    for output, leaf, path in _paths(trees):
        if not path or trees.value[leaf] == 0:
            continue
        players, o, z = _answers(trees, X, path, groups)
        d = len(players)
        by_size = np.zeros((len(X), d, d), dtype=np.longdouble)  # of the sets without j, last axis: |S|
        by_size[:, :, :1] = 1
        for i in range(d):
            more = by_size * z[i]
            more[:, :, 1:] += by_size[:, :, :-1] * o[i][:, None, None]
            more[:, i] = by_size[:, i]
            by_size = more
        weights = np.array([1 / (d * np.longdouble(math.comb(d - 1, size))) for size in range(d)])
        for i, j in enumerate(players):
            found[output, :, j] += trees.value[leaf] * (o[i] - z[i]) * (by_size[:, i] @ weights)
    return found


def _paths(trees: TreeEnsemble) -> Iterator[tuple[int, int, list[tuple[int, bool]]]]:
    """Output, node and path of every leaf; the path as nodes and whether it goes on to the left."""
    for root, output in zip(trees.offsets[:-1].tolist(), trees.output.tolist(), strict=True):
        waiting: list[tuple[int, list[tuple[int, bool]]]] = [(root, [])]
        while waiting:
            node, path = waiting.pop()
            if trees.feature[node] < 0:
                yield output, node, path
            else:
                waiting.append((int(trees.left[node]), [*path, (node, True)]))
                waiting.append((int(trees.right[node]), [*path, (node, False)]))


def engines(trees: TreeEnsemble, players: Players) -> dict[str, Engine]:
    """Engines with all tables that are worth their memory, with some, and with none."""
    full = Engine(trees, players, n_jobs=1)
    some = Engine(trees, players, n_jobs=1, max_bytes=full.prepared.nbytes // 4)
    none = Engine(trees, players, n_jobs=1, max_bytes=0)
    assert some.prepared.nbytes > 0
    assert some.prepared.leaves_in_tables < full.prepared.leaves
    assert none.prepared.nbytes == none.prepared.leaves_in_tables == 0
    return {"full": full, "some": some, "none": none}


def exact_interactions(trees: TreeEnsemble, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Interaction values of groups of features, (n_outputs, n_rows, n_groups, n_groups), in long double.

    By definition: with w(S) the expectation where the players S are known, and n players, off the diagonal half the
    sum over all sets S of other players of |S|! (n - |S| - 2)! / (n - 1)! (w(S, i, j) - w(S, i) - w(S, j) + w(S)); on
    it what these leave of the Shapley value. For few players: there are 2**n sets.
    """
    n = int(groups.max()) + 1
    worth = _expectations(trees, X, groups)
    found = np.zeros((trees.n_outputs, len(X), n, n), dtype=np.longdouble)
    for i, j in itertools.combinations(range(n), 2):
        both = 1 << i | 1 << j
        for known in (k for k in range(2**n) if not k & both):
            size = known.bit_count()
            weight = 1 / ((n - 1) * np.longdouble(math.comb(n - 2, size)))
            gain = worth[known | both] - worth[known | 1 << i] - worth[known | 1 << j] + worth[known]
            found[:, :, i, j] += weight * gain / 2
        found[:, :, j, i] = found[:, :, i, j]
    values = exact_values(trees, X, groups)
    for i in range(n):
        found[:, :, i, i] = values[:, :, i] - found[:, :, i].sum(axis=-1)
    return found


def _expectations(trees: TreeEnsemble, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean of the trees over the training rows for every set of groups that decide, (2**n, n_outputs, n_rows)."""
    n = int(groups.max()) + 1
    worth = np.zeros((2**n, trees.n_outputs, len(X)), dtype=np.longdouble)
    known = np.arange(2**n)[:, None]
    for output, leaf, path in _paths(trees):
        reached = np.full((2**n, len(X)), np.longdouble(trees.value[leaf]))
        for node, is_left in path:
            feature, child = trees.feature[node], (trees.left if is_left else trees.right)[node]
            ratio = _ratio(trees, node, child)
            took = goes_left(trees, node, X[:, feature]) == is_left
            reached *= np.where(known >> groups[feature] & 1, took, ratio)
        worth[:, output] += reached
    return worth


def exact_pairs(trees: TreeEnsemble, X: np.ndarray) -> np.ndarray:
    """Half of the interaction index of every two features, of the same shape, with 0 on the diagonal.

    Leaf by leaf, with the sets of one size taken together, as in `exact_values`: for paths of many features.
    """
    n = trees.n_features
    found = np.zeros((trees.n_outputs, len(X), n, n), dtype=np.longdouble)
    for output, leaf, path in _paths(trees):
        features, o, z = _answers(trees, X, path, np.arange(n))
        d = len(features)
        weights = np.array([1 / ((d - 1) * np.longdouble(math.comb(d - 2, size))) for size in range(d - 1)])
        for a, b in itertools.combinations(range(d), 2):
            by_size = np.zeros((len(X), d - 1), dtype=np.longdouble)
            by_size[:, 0] = 1
            for i in (i for i in range(d) if i not in (a, b)):
                more = by_size * z[i]
                more[:, 1:] += by_size[:, :-1] * o[i][:, None]
                by_size = more
            index = trees.value[leaf] * (o[a] - z[a]) * (o[b] - z[b]) * (by_size @ weights)
            found[output, :, features[a], features[b]] += index / 2
            found[output, :, features[b], features[a]] += index / 2
    return found


def _answers(
    trees: TreeEnsemble, X: np.ndarray, path: list[tuple[int, bool]], groups: np.ndarray
) -> tuple[list[int], list[np.ndarray], list[Any]]:
    """Groups on a path, whether each row satisfies all splits on each, and the share of training rows that do."""
    inside: dict[int, np.ndarray] = {}
    share: dict[int, Any] = {}
    for node, is_left in path:
        feature, child = trees.feature[node], (trees.left if is_left else trees.right)[node]
        j, took = int(groups[feature]), goes_left(trees, node, X[:, feature]) == is_left
        inside[j], share[j] = inside.get(j, True) & took, share.get(j, np.longdouble(1)) * _ratio(trees, node, child)
    return [*inside], [o.astype(np.longdouble) for o in inside.values()], [*share.values()]


def _ratio(trees: TreeEnsemble, node: int, child: int) -> Any:
    """Share of the training rows of a node that go to a child."""
    return np.longdouble(trees.cover[child]) / trees.cover[node] if trees.cover[node] > 0 else np.longdouble(0)
