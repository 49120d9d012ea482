"""Explainers of models that read a column of texts: one raw feature, with its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from automl_explain import (
    KernelExplainer,
    LinearExplainableModel,
    MimicExplainer,
    TabularExplainer,
    automl_setup_model_explanations,
)
from automl_explain.exceptions import InputError

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


@pytest.mark.parametrize("later", FORMS)
@pytest.mark.parametrize("form", FORMS)
def test_texts_to_explain_may_come_in_another_form(model: Any, form: str, later: str) -> None:
    """A list has no name for its only column, and needs none."""
    for explainer in (
        KernelExplainer(model, FORMS[form][:60]),
        MimicExplainer(model, FORMS[form], LinearExplainableModel, augment_data=False),
    ):
        wanted = explainer.explain_local(FORMS[form][60:63])
        found = explainer.explain_local(FORMS[later][60:63])
        assert found.features == wanted.features
        np.testing.assert_array_equal(found.local_importance_values, wanted.local_importance_values)
        scoring = explainer.create_scoring_explainer()
        np.testing.assert_array_equal(scoring.explain(FORMS[later][60:63]), scoring.explain(FORMS[form][60:63]))
    setup = automl_setup_model_explanations(
        model, "classification", X=FORMS[form], X_test=FORMS[later][60:63], y=LABELS
    )
    assert setup.raw_feature_names == wanted.features


def test_a_single_column_of_another_name_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="missing: 'review'"):
        KernelExplainer(model, FORMS["frame"][:60]).explain_local(pd.DataFrame({"title": TEXTS[:3]}))
