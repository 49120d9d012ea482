"""Surrogates of fewer rows than can be parted: all of them train it, and no fidelity is made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from automl_explain import (
    DecisionTreeExplainableModel,
    LGBMExplainableModel,
    LinearExplainableModel,
    MimicExplainer,
    SGDExplainableModel,
)
from automl_explain.exceptions import DataError, LowFidelityWarning

X = np.random.default_rng(0).normal(size=(200, 3))
SURROGATES = [LGBMExplainableModel, LinearExplainableModel, SGDExplainableModel, DecisionTreeExplainableModel]


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("n_rows", [2, 9])
@pytest.mark.parametrize("target", [X[:, 0], X[:, 0] > 0, np.digitize(X[:, 0], [-1, 1])])
def test_few_rows_all_train_and_the_fidelity_is_said_to_be_unknown(surrogate: Any, n_rows: int, target: Any) -> None:
    model = (Ridge() if target.dtype == float else LogisticRegression()).fit(X, target)
    with pytest.warns(LowFidelityWarning, match=f"is not known: there are {n_rows} rows"):
        explainer = MimicExplainer(model, X[:n_rows], surrogate, augment_data=False)
    assert explainer.fidelity is None
    found = explainer.explain_local(X[:4])
    assert found.fidelity is None
    assert np.isfinite(found.residuals).all()
    assert explainer.explain_global().n_explained_rows == n_rows


def test_rows_made_of_few_rows_help_and_rows_to_judge_by_are_used() -> None:
    model = Ridge().fit(X, X[:, 0])
    explainer = MimicExplainer(model, X[:4], LinearExplainableModel, fidelity_examples=X)
    assert explainer.fidelity is not None
    assert explainer.fidelity.n_rows == 196
    assert explainer.fidelity.r2 > 0.999  # four rows and their mixtures determine three weights and a constant


def test_a_single_row_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to learn from 1 row"):
        MimicExplainer(Ridge().fit(X, X[:, 0]), X[:1], LinearExplainableModel)
