"""Classifiers without probabilities: their decision values are explained, and every view says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from automl_explain import (
    Explanation,
    MimicWrapper,
    TreeScoringExplainer,
    automl_check_model_if_explainable,
    automl_setup_model_explanations,
    load,
    save,
)
from automl_explain.explanation import Fidelity

ARGUMENTS = {"n_estimators": 100, "num_leaves": 15, "n_jobs": 1}


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(600, 3)), columns=["a", "b", "c"])


def explained(X: pd.DataFrame, y: np.ndarray, **options: Any) -> tuple[Any, MimicWrapper, Explanation]:
    model = make_pipeline(StandardScaler(), RidgeClassifier()).fit(X, y)
    setup = automl_setup_model_explanations(model, "classification", X=X, X_test=X[:80], y=y)
    wrapper = MimicWrapper.from_setup(setup, explainable_model_args=ARGUMENTS)
    return model, wrapper, wrapper.explain(["local", "global"], eval_dataset=setup.X_test_transform, **options)


@pytest.fixture(scope="module")
def binary(X: pd.DataFrame) -> tuple[Any, MimicWrapper, Explanation]:
    return explained(X, np.where(X["a"] - X["b"] > 0, "yes", "no"), get_raw=True)


def test_the_unit_is_said_wherever_the_explanation_is_shown(binary: Any) -> None:
    _, _, explanation = binary
    assert (explanation.task, explanation.output_unit, explanation.link) == (
        "classification",
        "decision value",
        "identity",
    )
    assert explanation.classes == ["no", "yes"]
    assert explanation.eval_y_predicted_proba is None
    text = repr(explanation)
    assert "mean |decision value|" in text
    assert "of decision value on" in text
    assert "agreement" in text
    assert "log-odds" not in text
    assert "probability" not in text


def test_contributions_of_two_classes_add_up_to_the_decision_value(binary: Any, X: pd.DataFrame) -> None:
    model, _, explanation = binary
    own = model.decision_function(X[:80])
    total = explanation.base[0] + explanation.values[0].sum(axis=1)
    # A linear function copied by trees; the exact sum is that of the copy.
    assert np.corrcoef(total, own)[0, 1] > 0.99
    np.testing.assert_allclose(total, explanation.output[:, 0], atol=1e-9)
    assert explanation.eval_y_predicted.tolist() == model.predict(X[:80]).tolist()
    assert explanation.fidelity.r2 > 0.95
    assert explanation.fidelity.agreement > 0.9
    assert explanation.fidelity.r2_probability is None
    # Positive values speak for the second class: higher `a` means "yes".
    at = explanation.features.index("a")
    assert np.corrcoef(explanation.values[0][:, at], X["a"][:80])[0, 1] > 0.9


def test_many_classes_have_one_decision_value_each(X: pd.DataFrame) -> None:
    y = np.array(["low", "high", "mid"])[np.digitize(X["a"] + X["c"], [-0.6, 0.6])]
    model, _, explanation = explained(X, y)
    assert explanation.classes == model[-1].classes_.tolist() == ["high", "low", "mid"]
    assert explanation.values.shape == (3, 80, 3)
    own = model.decision_function(X[:80])
    for k in range(2):  # a line through the middle class tells little about it
        assert np.corrcoef(explanation.output[:, k], own[:, k])[0, 1] > 0.99
    assert explanation.eval_y_predicted.tolist() == model.predict(X[:80]).tolist()


def test_saved_and_scored_they_stay_decision_values(binary: Any, X: pd.DataFrame, tmp_path: Path) -> None:
    _, wrapper, explanation = binary
    scoring = TreeScoringExplainer(wrapper)
    save(scoring, directory=tmp_path / "model", exist_ok=True)
    back = load(tmp_path / "model")
    assert back.output_unit == "decision value"
    assert "decision value" in repr(back)
    Z = wrapper.explainer._init_sample[:5]
    np.testing.assert_allclose(back.explain(Z, get_raw=True), scoring.explain(Z, get_raw=True), rtol=1e-12)
    assert back.explanation(Z, get_raw=True).output_unit == "decision value"
    explanation.save(tmp_path / "explanation")
    assert Explanation.load(tmp_path / "explanation").output_unit == "decision value"


def test_a_bare_classifier_of_text_labels_is_explainable(X: pd.DataFrame) -> None:
    """The reference explains label numbers as a regression, and fails on text labels."""
    model = LinearSVC().fit(X, np.where(X["a"] > 0, "yes", "no"))
    assert automl_check_model_if_explainable(model)
    setup = automl_setup_model_explanations(model, "classification", X=X)
    assert setup.automl_estimator is model


def test_the_fidelity_of_decision_values_names_its_unit() -> None:
    fidelity = Fidelity.measure([0.0, 1.0, 2.0], [0.0, 1.0, 1.0], agreement=0.75, rows="eval")
    shown = f"R2 0.500 ({fidelity.r2_interval[0]:.3f} to {fidelity.r2_interval[1]:.3f}) of decision value"
    assert str(fidelity) == f"{shown} on 3 evaluation rows, agreement 75.0 %"
    assert Fidelity.from_json(fidelity.to_json()) == fidelity
