"""Explainers of models that read a column of texts: one raw feature, with its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from automl_explain import KernelExplainer, LinearExplainableModel, MimicExplainer, TabularExplainer

WORDS = np.array(["good", "bad", "fine", "poor", "film", "plot", "actor", "scene"])
_RNG = np.random.default_rng(1)
TEXTS = [" ".join(_RNG.choice(WORDS, 6)) for _ in range(120)]
LABELS = np.array(["pos" if t.count("good") > t.count("bad") else "neg" for t in TEXTS])
FORMS: dict[str, Any] = {
    "series": pd.Series(TEXTS, name="review"),
    "list": TEXTS,
    "frame": pd.DataFrame({"review": TEXTS}),
}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [KernelExplainer, TabularExplainer])
def test_the_only_feature_has_all_of_the_distance_from_the_mean(model: Any, kind: Any, form: str) -> None:
    rows = FORMS[form]
    found = kind(model, rows[:60]).explain_local(rows[60:65])
    assert found.features == ["text" if form == "list" else "review"]
    chance = model.predict_proba(TEXTS[60:65])[:, 1]
    # Sums in another order than the model's own.
    np.testing.assert_allclose(found.values[0, :, 0] + found.expected_values[-1], chance, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_a_surrogate_learns_from_the_tokens(model: Any, form: str) -> None:
    rows = FORMS[form]
    explainer = MimicExplainer(model, rows, LinearExplainableModel, augment_data=False)
    found = explainer.explain_local(rows[:20])
    assert found.features == ["text" if form == "list" else "review"]
    assert list(explainer.encoder.names) == sorted(WORDS.tolist())
    assert found.fidelity.r2 > 0.99  # the model is linear in the tokens
    np.testing.assert_array_equal(found.eval_y_predicted_proba, model.predict_proba(TEXTS[:20]))
