"""What is prepared of two trees on paper: leaves, their merging into one table, and branches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from automl_explain.treeshap import TreeEnsemble
from automl_explain.treeshap._branches import find_branches
from automl_explain.treeshap._columns import Columns
from automl_explain.treeshap._grouping import _GROUP, _ROW4, _STEP, _cost, describe, merge, pieces
from automl_explain.treeshap._leaves import Leaves, find_leaves
from automl_explain.treeshap._tables import group_slots

# 5 for 1 < a <= 2, else 0; and 3 for b <= 0, else 0.
TREES = TreeEnsemble(
    offsets=[0, 5, 8],
    output=[0, 0],
    feature=[0, -1, 0, -1, -1, 1, -1, -1],
    threshold=[1, 0, 2, 0, 0, 0, 0, 0],
    missing=[0] * 8,
    default_left=[False] * 8,
    left=[1, -1, 3, -1, -1, 6, -1, -1],
    right=[2, -1, 4, -1, -1, 7, -1, -1],
    cover=[8, 4, 4, 1, 3, 8, 2, 6],
    value=[0, 0, 0, 5, 0, 0, 3, 0],
    category=[-1] * 8,
    category_offsets=[0],
    category_bits=[],
    base=[0],
    n_features=2,
).validate()
COLUMNS = Columns.of(TREES)
ORDER = np.arange(2)
RANKS = (COLUMNS.n_ranks, COLUMNS.missing_rank)
SLOTS = (np.arange(3), np.arange(2), 2)  # each player has a slot of its own
CELL_COST = 0.001


@pytest.fixture(scope="module")
def leaves() -> Leaves:
    return find_leaves(TREES, COLUMNS, np.arange(2))[0]


def test_leaves_that_add_nothing_are_left_out(leaves: Leaves) -> None:
    assert leaves.node.tolist() == [3, 6]
    assert leaves.value.tolist() == [5, 3]
    assert leaves.share.tolist() == [1 / 8, 2 / 8]
    assert list(zip(leaves.low, leaves.high, leaves.missing, strict=True)) == [(1, 1, -1), (0, 0, -1)]


def test_ranks_are_split_where_a_leaf_changes_its_answer(leaves: Leaves) -> None:
    columns, starts, lowest, answers, members = pieces(ORDER, leaves, 0, 2, *RANKS)
    assert columns.tolist() == [0, 1]
    assert starts.tolist() == [0, 3, 5]
    assert lowest.tolist() == [0, 1, 2, 0, 1]
    assert (answers & np.uint64(3)).tolist() == [2, 3, 2, 3, 1]
    assert members.tolist() == [1, 2]


def test_a_group_costs_what_its_rows_steps_and_cells_do(leaves: Leaves) -> None:
    _, starts, _, answers, members = pieces(ORDER, leaves, 0, 2, *RANKS)
    slots = np.array([1, 2], np.uint64)

    def cost(group: int, cap: int) -> float:
        return float(_cost(np.uint64(group), starts, answers, members, slots, cap, CELL_COST))

    assert cost(1, 4) == pytest.approx(_GROUP + _ROW4 + 2 * _STEP + 2 * CELL_COST)
    assert cost(2, 4) == pytest.approx(_GROUP + _ROW4 + _STEP + 2 * CELL_COST)
    assert cost(3, 4) == pytest.approx(_GROUP + _ROW4 + 3 * _STEP + 4 * 2 * CELL_COST)
    assert cost(3, 3) == np.inf


def test_leaves_share_a_table_while_that_is_cheaper_and_small_enough(leaves: Leaves) -> None:
    def labels(cap: int, cell_cost: float, blocks: list[int]) -> list[int]:
        found = merge(ORDER, leaves, np.array(blocks), *RANKS, *SLOTS, np.arange(2), cap, cell_cost)
        return found.tolist()  # type: ignore[no-any-return]

    assert labels(4, CELL_COST, [0, 2]) == [0, 0]
    assert labels(3, CELL_COST, [0, 2]) == [0, 1]
    assert labels(4, 1.0, [0, 2]) == [0, 1]
    assert labels(4, CELL_COST, [0, 1, 2]) == [0, 1]


def test_no_rank_lies_behind_the_last() -> None:
    above = dataclasses.replace(TREES, value=[0, 0, 0, 0, 0, 0, 0, 3])  # for b > 0
    leaves = find_leaves(above, COLUMNS, np.arange(2))[0]
    _, _, lowest, answers, _ = pieces(np.arange(1), leaves, 0, 1, *RANKS)
    assert lowest.tolist() == [0, 1]
    assert (answers & np.uint64(1)).tolist() == [0, 1]


# 7 for a <= 1 and b <= 0; 4 for a <= 1; 5 for 1 < a <= 2.
LARGE_AND_SMALL = TreeEnsemble(
    offsets=[0, 5, 10],
    output=[0, 0],
    feature=[0, 1, -1, -1, -1, 0, -1, 0, -1, -1],
    threshold=[1, 0, 0, 0, 0, 1, 0, 2, 0, 0],
    missing=[0] * 10,
    default_left=[False] * 10,
    left=[1, 2, -1, -1, -1, 6, -1, 8, -1, -1],
    right=[4, 3, -1, -1, -1, 7, -1, 9, -1, -1],
    cover=[8, 4, 2, 2, 4, 8, 4, 4, 2, 2],
    value=[0, 0, 7, 0, 0, 0, 4, 0, 5, 0],
    category=[-1] * 10,
    category_offsets=[0],
    category_bits=[],
    base=[0],
    n_features=2,
).validate()


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 1, 0]])
def test_a_leaf_too_large_for_a_table_keeps_no_others_apart(order: list[int]) -> None:
    columns = Columns.of(LARGE_AND_SMALL)
    leaves = find_leaves(LARGE_AND_SMALL, columns, np.arange(2))[0]
    ranks = (columns.n_ranks, columns.missing_rank)
    found = merge(np.array(order), leaves, np.array([0, 3]), *ranks, *SLOTS, np.arange(2), 3, CELL_COST)
    label = dict(zip(order, found.tolist(), strict=True))
    assert label[1] == label[2] != label[0]


def test_a_slot_that_leaves_of_a_group_share_is_there_once() -> None:
    leaves = find_leaves(LARGE_AND_SMALL, Columns.of(LARGE_AND_SMALL), np.arange(2))[0]
    starts, slots = group_slots(np.array([0, 1, 2]), leaves, np.array([0, 1, 3]), *SLOTS, 2)
    assert (starts.tolist(), slots.tolist()) == ([0, 2, 3], [0, 1, 0])


def test_a_cell_is_the_sum_of_its_steps(leaves: Leaves) -> None:
    """The answers to a: no, yes, no again, so a step back; those to b stand for twice as much."""
    cells, axis_ptr, axis_column, digit_ptr, digit_rank, *steps = describe(ORDER, leaves, np.array([0, 2]), *RANKS)
    assert cells.tolist() == [4]
    assert (axis_ptr.tolist(), axis_column.tolist()) == ([0, 2], [0, 1])
    assert (digit_ptr.tolist(), digit_rank.tolist()) == ([0, 2, 4], [0, 1, 0, 1])
    step_ptr, step_column, step_above, step_size = (step.tolist() for step in steps)
    assert step_ptr == [0, 3]
    assert (step_column, step_above) == ([0, 0, 1], [0, 1, 0])
    assert step_size == [1, 2**16 - 1, 2]


def test_branches_lead_to_the_leaves_without_a_table_alone() -> None:
    branches = find_branches(TREES, COLUMNS, np.arange(2), np.array([3]))
    assert branches.output.tolist() == [0]
    assert branches.ptr.tolist() == [0, 2]
    assert branches.depth.tolist() == [1, 2]
    assert branches.value.tolist() == [0, 5]
    assert branches.same.tolist() == [0, 1]
    assert branches.share.tolist() == [1 / 2, 1 / 8]
    assert branches.before.tolist() == [1, 1 / 2]
    assert list(zip(branches.low, branches.high, strict=True)) == [(1, 2), (0, 1)]
    none = find_branches(TREES, COLUMNS, np.arange(2), np.array([], dtype=np.int64))
    assert (len(none.output), len(none.value)) == (0, 0)
