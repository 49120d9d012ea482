"""Views: values of blocks of rows become those of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from models import KINDS, TASKS, dense, rows, shared_wrapper

from automl_explain.explainers._request import join_blocks

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")


@pytest.mark.parametrize("ends", [[5], [2, 5], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_become_one_table_in_their_order(ends: list[int], sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automl_explain.explanation._values.MAX_DENSE_BYTES", 0)  # sparse values stay sparse
    values, unmapped = np.arange(30.0).reshape(2, 5, 3), np.arange(10.0).reshape(2, 5)

    def block(start: int, end: int) -> tuple[slice, Any, np.ndarray]:
        part = values[:, start:end]
        return slice(start, end), tuple(map(sp.csr_matrix, part)) if sparse else part, unmapped[:, start:end]

    blocks = [block(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    found, lost = join_blocks(5, blocks)
    np.testing.assert_array_equal(dense(found), values)
    np.testing.assert_array_equal(lost, unmapped)
    assert isinstance(found, tuple) == sparse
    again, nothing = join_blocks(5, [(at, part, None) for at, part, _ in blocks])
    np.testing.assert_array_equal(dense(again), values)
    assert nothing is None


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", ["engineered", "raw"])
def test_values_do_not_depend_on_the_size_of_the_blocks(task: str, kind: str, space: str) -> None:
    wrapper, X = shared_wrapper(task, kind), rows(kind, 33, seed=1)
    fold = {"feature_map": wrapper.feature_map} if space == "raw" else {}
    whole, parts = (
        wrapper.explainer.explain_rows(X, include_local=True, batch_size=size, **fold) for size in (None, 7)
    )
    np.testing.assert_array_equal(dense(parts.values), dense(whole.values))
    assert parts.eval_fidelity == whole.eval_fidelity
