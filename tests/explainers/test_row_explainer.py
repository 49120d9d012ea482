"""What all explainers of rows have in common."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from automl_explain import Explanation, Fidelity, LGBMExplainableModel, MimicExplainer
from automl_explain.explainers._base import _FEW_ROWS
from automl_explain.explanation._values import mean_absolute

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
X = np.random.default_rng(0).normal(size=(300, 3))


@pytest.fixture(scope="module")
def explainer() -> MimicExplainer:
    model = LogisticRegression().fit(X, X[:, 0] + X[:, 1] > 0)
    size = {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1}
    return MimicExplainer(model, X, LGBMExplainableModel, explainable_model_args=size, augment_data=False)


@pytest.fixture
def measured(explainer: MimicExplainer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of rows that the fidelity was measured on."""
    seen: list[int] = []
    measure = explainer._measure

    def noted(encoded: Any, output: np.ndarray) -> Fidelity | None:
        seen.append(len(encoded))
        return measure(encoded, output)

    monkeypatch.setattr(explainer, "_measure", noted)
    return seen


def test_the_fidelity_of_a_single_row_is_measured_when_it_is_read(
    explainer: MimicExplainer, measured: list[int]
) -> None:
    """It costs more than the values, and in production nobody reads it."""
    explanation = explainer.explain_local(X[:1])
    assert measured == []
    first = explanation.eval_fidelity
    assert isinstance(first, Fidelity)
    assert (first.n_rows, first.rows) == (1, "eval")
    assert explanation.eval_fidelity is first
    assert measured == [1]


def test_few_rows_have_the_fidelity_that_many_rows_have_at_once(explainer: MimicExplainer, measured: list[int]) -> None:
    few, many = explainer.explain_local(X[:_FEW_ROWS]), explainer.explain_local(X[: _FEW_ROWS + 1])
    assert measured == [_FEW_ROWS + 1]
    assert few.eval_fidelity == explainer._measure(X[:_FEW_ROWS], explainer.model.predict_proba(X[:_FEW_ROWS]))
    assert many.eval_fidelity.n_rows == _FEW_ROWS + 1


def test_what_is_worked_out_late_stays_and_travels(explainer: MimicExplainer) -> None:
    """The id, the global values and the fidelity are the same before and after pickling."""
    explanation = explainer.explain_local(X[:2])
    again: Explanation = pickle.loads(pickle.dumps(explanation))
    assert again.id == explanation.id == explanation.id
    assert again.eval_fidelity == explanation.eval_fidelity
    np.testing.assert_array_equal(again.global_values, mean_absolute(explanation.values))
    assert not explanation.global_values.flags.writeable
    assert explainer.explain_local(X[:2]).id != explanation.id
