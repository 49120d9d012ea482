"""SGDExplainableModel: converges whatever the scales, a block of rows at a time."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from automl_explain import LinearExplainableModel, SGDExplainableModel
from automl_explain.exceptions import InputError
from automl_explain.explanation._units import class_probabilities
from automl_explain.surrogates import _design


def columns(n_rows: int = 1000) -> np.ndarray:
    return np.random.default_rng(0).normal([0, 50, -3], [1e-3, 1e4, 1], (n_rows, 3))


def test_it_comes_near_the_solved_surrogate_whatever_the_scales() -> None:
    X = columns()
    y = X @ [[1e3], [1e-4], [2.0]]
    found = SGDExplainableModel().fit(X, y)
    solved = LinearExplainableModel().fit(X, y)
    assert found.stopping_score_ > 0.999
    off = np.abs(found.shapley_values(X) - solved.shapley_values(X)).max()
    assert off < 0.1 * np.abs(solved.shapley_values(X)).max()


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_soft_labels_are_learnt(kind: str) -> None:
    X = np.random.default_rng(0).normal(size=(1500, 3))
    given: Any = sp.csr_matrix(X) if kind == "sparse" else X
    surrogate = SGDExplainableModel().fit(
        given, class_probabilities(X @ [[2.0], [1], [0]])[:, 1:], task="classification"
    )
    assert surrogate.stopping_score_ > 0.99


def test_a_class_of_one_row_in_a_hundred_is_learnt() -> None:
    """Learning starts at the log-odds of the mean; from even odds on, R2 is below 0.5."""
    X = np.random.default_rng(0).normal(size=(3000, 3))
    targets = class_probabilities(X @ [[1.0], [1], [-0.5]] - 6)[:, 1:]
    surrogate = SGDExplainableModel().fit(X, targets, task="classification")
    assert targets.mean() < 0.01
    assert surrogate.stopping_score_ > 0.8


def test_rows_are_made_ready_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    plain = _design.Design._dense

    def watched(self: Any, X: np.ndarray) -> np.ndarray:
        seen.append(len(X))
        return plain(self, X)

    monkeypatch.setattr(_design, "BLOCK_ROWS", 100)
    monkeypatch.setattr(_design.Design, "_dense", watched)
    SGDExplainableModel(max_passes=2).fit(columns(), columns()[:, :1])
    assert max(seen) == 100


def test_memory_does_not_grow_to_a_second_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of 3.2 MB, with targets and an order of the rows of 0.16 MB each."""
    monkeypatch.setattr(_design, "BLOCK_ROWS", 1000)
    X = np.random.default_rng(0).normal(size=(20_000, 20))
    stopping = (X[:100], X[:100, :1])
    tracemalloc.start()
    SGDExplainableModel(max_passes=1).fit(X, X[:, :1], stopping=stopping)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_it_stops_when_nothing_is_gained() -> None:
    X = columns()
    assert SGDExplainableModel().fit(X, X[:, 2:]).n_passes_ < 50
    assert SGDExplainableModel(max_passes=2).fit(X, X[:, 2:]).n_passes_ == 2


@pytest.mark.parametrize("arguments", [{"alpha": -1}, {"alpha": "low"}, {"max_passes": 0}])
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(arguments))):
        SGDExplainableModel(**arguments)
