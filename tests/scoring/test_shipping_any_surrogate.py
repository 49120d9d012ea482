"""The main flow ships whatever surrogate was found better."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from automl_explain import (
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearScoringExplainer,
    MimicExplainer,
    TreeScoringExplainer,
    load,
    save,
)

X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
MODEL = Ridge().fit(X, X["a"] - 2 * X["b"])


def test_a_linear_surrogate_is_shipped_by_the_same_line(tmp_path: Path) -> None:
    """`MimicWrapper.from_setup` may choose one, and the code after it is the same."""
    explainer = MimicExplainer(MODEL, X, LinearExplainableModel)
    scoring = TreeScoringExplainer(explainer, feature_maps=[[[1, 1, 0], [0, 0, 1]]], raw_features=["p", "q"])
    assert isinstance(scoring, LinearScoringExplainer)
    assert scoring.raw_features == ["p", "q"]
    wanted = explainer.explain_local(X[:4]).local_importance_values
    np.testing.assert_allclose(scoring.explain(X[:4]), wanted, rtol=1e-12, atol=1e-12)
    save(scoring, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").explain(X[:4]), scoring.explain(X[:4]))


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
def test_trees_stay_trees_also_after_pickling() -> None:
    size = {"n_estimators": 10, "num_leaves": 7, "n_jobs": 1}
    explainer = MimicExplainer(MODEL, X, LGBMExplainableModel, explainable_model_args=size, augment_data=False)
    scoring = TreeScoringExplainer(explainer)
    again = pickle.loads(pickle.dumps(scoring))
    assert type(scoring) is type(again) is TreeScoringExplainer
    np.testing.assert_array_equal(again.explain(X[:4]), scoring.explain(X[:4]))
