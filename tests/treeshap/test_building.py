"""What readers share: cuts of libraries that compare in float32, category sets, and the order of nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.treeshap._building import category_words, float32_cuts, renumbered

LARGEST = float(np.finfo(np.float32).max)


def beside(number: float) -> list[float]:
    """The number, its float32 neighbours, what lies half way to them, and the float64 next to all these."""
    with np.errstate(over="ignore"):
        single = np.float32(number)
    near = [float(np.nextafter(single, np.float32(d))) for d in (-np.inf, np.inf)] + [float(single), number]
    near += [(a / 2 + b / 2) for a in near for b in near if np.isfinite([a, b]).all()]
    return [float(n) for m in near for n in (np.nextafter(m, -np.inf), m, np.nextafter(m, np.inf))]


@pytest.mark.parametrize("strict", [False, True])
@example(0.0)
@example(-0.0)
@example(1e-45)
@example(LARGEST)
@example(-LARGEST)
@example(float("inf"))
@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_float64_cells_go_where_float32_cells_go(strict: bool, threshold: float) -> None:
    with np.errstate(over="ignore"):
        if strict:
            threshold = float(np.float32(threshold))
        cut = float(float32_cuts(np.array([threshold]), strict=strict)[0])
        for cell in [*beside(threshold), *beside(cut), 0.0, LARGEST, -LARGEST]:
            single = np.float32(cell)
            if np.isinf(single):  # the libraries take no infinite cells
                continue
            goes_left = float(single) < threshold if strict else float(single) <= threshold
            assert (cell <= cut) == goes_left, (cell.hex(), cut.hex())


@given(st.sets(st.integers(0, 200)))
def test_a_category_set_holds_its_codes(codes: set[int]) -> None:
    words = category_words(np.array(sorted(codes)))
    assert len(words) >= 1
    assert {c for c in range(32 * len(words)) if int(words[c // 32]) >> c % 32 & 1} == codes


@pytest.mark.parametrize("codes", [[-1, 3], [2**16]])
def test_codes_out_of_range_are_refused(codes: list[int]) -> None:
    with pytest.raises(UnsupportedModelError, match=f"codes from {codes[0]} to {codes[-1]}; expected"):
        category_words(np.array(codes))


def test_nodes_are_renumbered_from_the_root_and_unreached_ones_left_out() -> None:
    """The root's children are nodes 4 and 2, and those of node 4 are 1 and 5; nothing leads to 3."""
    left, right = np.array([4, -1, -1, -1, 1, -1]), np.array([2, -1, -1, -1, 5, -1])
    nodes, new_left, new_right = renumbered(left, right)
    assert nodes.tolist() == [0, 4, 2, 1, 5]
    assert new_left.tolist() == [1, 3, -1, -1, -1]
    assert new_right.tolist() == [2, 4, -1, -1, -1]


def test_nodes_that_run_in_circles_are_found() -> None:
    with pytest.raises(ValueError, match="run in circles"):
        renumbered(np.array([1, 0, -1]), np.array([2, 2, -1]))
