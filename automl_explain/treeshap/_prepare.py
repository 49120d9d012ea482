"""Everything that can be computed before the first row: `Prepared`."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse as sp

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.treeshap import _grouping, _tables
from automl_explain.treeshap._branch_kernels import Branches, Places
from automl_explain.treeshap._branches import find_branches
from automl_explain.treeshap._columns import CATEGORICAL, Columns
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._kernels import Ranking, Tables
from automl_explain.treeshap._leaves import Leaves, find_leaves

#: Bytes that the tables of one model may take; the way to leaves beyond is walked for every row.
DEFAULT_TABLE_BYTES = 256 * 2**20
_MERGED_CELLS = 2**12  # of a table that several leaves share
_LEAF_CELLS = 2**14  # of a table of one leaf
_LEAF_PLAYERS = 14  # of a leaf in a table: it may have fewer cells than 2**14 where its conditions exclude each other
_BLOCK_RANKS = 2**14  # leaves that are tried with each other, times ranks of the longest column of categories
_CELL_COST = 3e-4  # nanoseconds a row and slot: what streaming tables through the cache costs
TABLE_DTYPE = np.float64


@dataclasses.dataclass(frozen=True, eq=False)
class Slots:
    """Where values are added up: one slot for each pair of an output and a target that occurs.

    ``ptr``, ``slot`` and ``weight`` say for player p of output k, at ``k * n_players + p``, which slots it
    goes to. ``target`` is ``output * n_targets + target`` of every slot.
    """

    n_players: int
    ptr: np.ndarray
    slot: np.ndarray
    weight: np.ndarray
    target: np.ndarray

    @property
    def places(self) -> Places:
        """What the kernels need of them."""
        return Places(self.n_players, self.ptr, self.slot, self.weight)

    @classmethod
    def of(cls, leaves: Leaves, weights: sp.csr_matrix, n_outputs: int) -> Slots:
        """Slots of the players in the leaves; ``weights`` is targets x players."""
        n_targets, n_players = weights.shape
        by_player = sp.csr_matrix(sp.csr_matrix(weights).T)
        used = np.zeros(n_outputs * n_players, dtype=bool)
        used[np.repeat(leaves.output, leaves.n_players) * n_players + leaves.player] = True
        counts = np.where(used, np.tile(np.diff(by_player.indptr), n_outputs), 0)
        keep = np.repeat(used, np.tile(np.diff(by_player.indptr), n_outputs))
        target = (np.arange(n_outputs)[:, None] * n_targets + by_player.indices).ravel()[keep]
        slots, slot = np.unique(target, return_inverse=True)
        weight = np.tile(by_player.data, n_outputs)[keep]
        return cls(n_players, np.append(0, np.cumsum(counts)), slot.astype(np.int64), weight, slots)


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """Tables of one ensemble, and branches to the leaves without one, for one choice of players and targets."""

    ranking: Ranking
    tables: Tables
    branches: Branches
    slots: Slots
    expected_values: np.ndarray

    @classmethod
    def of(
        cls,
        trees: TreeEnsemble,
        player_of_feature: np.ndarray,
        weights: sp.csr_matrix,
        *,
        max_bytes: int = DEFAULT_TABLE_BYTES,
    ) -> Prepared:
        """Prepare an ensemble.

        Parameters
        ----------
        trees : TreeEnsemble
        player_of_feature : ndarray of shape (n_features,), int
        weights : csr_matrix of shape (n_targets, n_players)
            How the value of a player is shared among the targets.
        max_bytes : int, default 256 MB
            What the tables may take.
        """
        columns = Columns.of(trees)
        leaves, expected = find_leaves(trees, columns, player_of_feature)
        slots = Slots.of(leaves, weights, trees.n_outputs)
        in_tables, tables = _make_tables(leaves, columns, slots, player_of_feature, max_bytes)
        branches = find_branches(trees, columns, player_of_feature, leaves.node[~in_tables])
        return cls(_ranking(columns, trees.n_features), tables, branches, slots, expected)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return int(self.tables.table.nbytes)

    def row_arrays(self) -> tuple[np.ndarray, ...]:
        """What `_kernels.explain_row` takes: few arrays, for each costs time at every call."""
        c, t = self.ranking, self.tables
        group = np.repeat(np.arange(len(t.step_ptr) - 1), np.diff(t.chunk_ptr))
        parts = (
            c.feature, c.kind, c.cut_ptr, t.step_ptr, t.step_column, t.step_above, t.step_size, group, t.start,
            t.width, t.slot.ravel(), self.slots.target,
        )  # fmt: skip
        ends = len(parts) + 1 + np.cumsum([0, *(len(part) for part in parts)])
        return np.concatenate([ends, *parts]).astype(np.uint32), c.cuts, t.table


def _ranking(columns: Columns, n_features: int) -> Ranking:
    zero = np.empty(len(columns.feature), dtype=np.int64)
    for c, kind in enumerate(columns.kind):
        cuts = columns.cuts[columns.cut_ptr[c] : columns.cut_ptr[c + 1]]
        missing = len(cuts) + 1
        zero[c] = cuts[0] if kind == CATEGORICAL else missing if kind == 1 else np.searchsorted(cuts, 0.0)
    starts = np.searchsorted(columns.feature, np.arange(n_features + 1))
    return Ranking(columns.feature, columns.kind, columns.cut_ptr, columns.cuts, zero, starts)


def quadrature(n_players: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on (0, 1): row m holds those of m nodes, up to what n players need."""
    most = (n_players + 1) // 2
    nodes, weights = np.zeros((2, most + 1, most))
    for m in range(1, most + 1):
        x, w = np.polynomial.legendre.leggauss(m)
        nodes[m, :m], weights[m, :m] = (x + 1) / 2, w / 2
    return nodes, weights


def _make_tables(
    leaves: Leaves, columns: Columns, slots: Slots, player_of_feature: np.ndarray, max_bytes: int
) -> tuple[np.ndarray, Tables]:
    """Which leaves are in tables, and the tables."""
    numeric = (columns.kind > 0) & (columns.kind < CATEGORICAL)
    ranks = (columns.n_ranks, np.where(numeric, columns.n_ranks - 1, -1))
    places = (slots.ptr, slots.slot, slots.n_players)
    most = np.iinfo(np.uint16).max  # what a rank has room for in the kernels
    if columns.n_ranks.max(initial=0) > most:
        raise UnsupportedModelError(
            f"The trees cut one column at {columns.n_ranks.max():,} places; at most {most:,} are supported. Fit the "
            "surrogate with a smaller `max_bin`."
        )
    tried = np.flatnonzero(_may_fit(leaves, slots, max_bytes) & (leaves.n_players <= _LEAF_PLAYERS))
    order = tried[np.argsort(leaves.output[tried], kind="stable")]
    ends = np.cumsum(np.bincount(leaves.output[order], minlength=1))
    # Comparing leaves takes as long as a column of categories has ranks.
    block = max(16, min(_grouping.BLOCK, _BLOCK_RANKS // columns.n_ranks[columns.kind == CATEGORICAL].max(initial=1)))
    blocks = [np.arange(a, b, block) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    block_ptr = np.append(np.concatenate(blocks), len(order))
    player_of_column = player_of_feature[columns.feature]
    label = _grouping.merge(order, leaves, block_ptr, *ranks, *places, player_of_column, _MERGED_CELLS, _CELL_COST)
    order, group_ptr = order[np.argsort(label, kind="stable")], np.append(0, np.cumsum(np.bincount(label, minlength=0)))

    # The smallest tables first, until the memory is used up.
    cells, *_ = _grouping.describe(order, leaves, group_ptr, *ranks)
    starts, _ = _tables.group_slots(order, leaves, group_ptr, *places, len(slots.target))
    n_slots = np.diff(starts)
    size = cells * (n_slots + 7) * np.dtype(TABLE_DTYPE).itemsize
    by_size = np.argsort(size, kind="stable")
    fits = np.zeros(len(size), dtype=bool)
    fits[by_size] = np.cumsum(size[by_size]) <= max_bytes
    kept = np.flatnonzero(fits & (cells <= _LEAF_CELLS))
    # By output, so that its sums stay in the cache; then by slots, so that the branches of the kernels are foreseen.
    kept = kept[np.lexsort((n_slots[kept], leaves.output[order[group_ptr[kept]]]))]
    order = np.concatenate([order[:0], *(order[group_ptr[g] : group_ptr[g + 1]] for g in kept)])
    group_ptr = np.append(0, np.cumsum(np.diff(group_ptr)[kept])).astype(np.int64)

    in_tables = np.zeros(len(leaves.value), dtype=bool)
    in_tables[order] = True
    return in_tables, _laid_out(order, leaves, group_ptr, ranks, slots)


def _may_fit(leaves: Leaves, slots: Slots, max_bytes: int) -> np.ndarray:
    """Leaves that are worth the work of merging: the smallest, by tables of their own, that come near the memory."""
    first = leaves.player_ptr[:-1]
    if not len(first):
        return np.zeros(0, dtype=bool)
    place = np.repeat(leaves.output, leaves.n_players) * slots.n_players + leaves.player
    n_slots = np.add.reduceat(slots.ptr[place + 1] - slots.ptr[place], first)
    n_columns = leaves.condition_ptr[leaves.player_ptr[1:]] - leaves.condition_ptr[first]
    size = 2.0**n_columns * (n_slots + 7) * np.dtype(TABLE_DTYPE).itemsize
    by_size = np.argsort(size, kind="stable")
    found = np.zeros(len(first), dtype=bool)
    # A table that leaves share may be smaller than theirs together, but hardly half as large.
    found[by_size] = np.cumsum(size[by_size]) <= 2.0 * max_bytes
    return found


def _laid_out(
    order: np.ndarray,
    leaves: Leaves,
    group_ptr: np.ndarray,
    ranks: tuple[np.ndarray, np.ndarray],
    slots: Slots,
) -> Tables:
    """Tables of the groups, in chunks of 8 or 4 slots whose values lie side by side."""
    cells, axis_ptr, axis_column, digit_ptr, digit_rank, *steps = _grouping.describe(order, leaves, group_ptr, *ranks)
    places = (slots.ptr, slots.slot, slots.n_players)
    starts, group_slot = _tables.group_slots(order, leaves, group_ptr, *places, len(slots.target))
    n_slots = np.diff(starts)
    n_chunks = -(-n_slots // 8)
    chunk_ptr = np.append(0, np.cumsum(n_chunks))
    group = np.repeat(np.arange(len(cells)), n_chunks)
    rest = n_slots[group] - 8 * (np.arange(len(group)) - chunk_ptr[group])
    width = np.where(rest <= 4, 4, 8)
    size = -(-cells[group] * width // 8) * 8
    start = np.cumsum(size) - size

    owner = np.repeat(np.arange(len(cells)), n_slots)
    within = np.arange(len(group_slot)) - starts[owner]
    chunk = chunk_ptr[owner] + within // 8
    chunk_slot = np.full((len(group), 8), len(slots.target), dtype=np.int64)
    chunk_slot[chunk, within % 8] = group_slot
    table = _aligned(int(size.sum()))
    axes = (axis_ptr, axis_column, digit_ptr, digit_rank)
    values = (slots.ptr, slots.slot, slots.weight, slots.n_players, *quadrature(_LEAF_PLAYERS))
    where = np.column_stack([start[chunk] + within % 8, width[chunk]])
    _tables.fill(order, leaves, group_ptr, axes, values, starts, group_slot, where, table)
    step_ptr, step_column, step_above, step_size = steps
    return Tables(
        step_ptr=step_ptr,
        step_column=step_column.astype(np.int32),
        step_above=step_above.astype(np.uint16),
        step_size=step_size,
        chunk_ptr=chunk_ptr,
        start=start,
        width=width,
        slot=chunk_slot,
        table=table,
    )


def _aligned(n: int) -> np.ndarray:
    """Zeros that begin with a cache line, so that no table row lies in two of them."""
    room = np.zeros(n + 16, dtype=TABLE_DTYPE)
    first = -room.ctypes.data % 64 // room.itemsize
    aligned: np.ndarray = room[first : first + n]
    return aligned
