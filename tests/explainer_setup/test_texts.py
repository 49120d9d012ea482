"""Models of one column of texts: given as a Series, a list, an array or a table of one column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import QUICK
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union

from automl_explain import (
    BlackBox,
    LGBMExplainableModel,
    MimicWrapper,
    automl_setup_model_explanations,
    explain_automl,
    lineage_report,
)

WORDS = np.array(["good", "bad", "fine", "poor", "film", "plot", "actor", "scene"])
_RNG = np.random.default_rng(0)
TEXTS = [" ".join(_RNG.choice(WORDS, 6)) for _ in range(120)]
LABELS = np.array(["pos" if t.count("good") > t.count("bad") else "neg" for t in TEXTS])
FORMS: dict[str, Any] = {
    "series": pd.Series(TEXTS, name="review"),
    "list": TEXTS,
    "array": np.array(TEXTS),
    "objects": np.array(TEXTS, dtype=object),
    "frame": pd.DataFrame({"review": TEXTS}),
    "column": np.array(TEXTS, dtype=object)[:, None],
}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)


@pytest.mark.parametrize("form", FORMS)
def test_tokens_are_engineered_features_of_one_raw_column(model: Any, form: str) -> None:
    rows = FORMS[form]
    result = explain_automl(model, rows, rows[:10], LABELS, method="direct")
    name = {"series": "review", "frame": "review", "column": "x0"}.get(form, "text")
    assert result.setup.raw_feature_names == result.raw.features == [name]
    assert result.setup.engineered_feature_names == sorted(WORDS.tolist())
    expected = model[-1].coef_ * (
        model[0].transform(TEXTS[:10]).toarray() - model[0].transform(TEXTS).toarray().mean(0)
    )
    # The values of a linear model: weight times distance from the mean, up to the order of the sums.
    np.testing.assert_allclose(result.engineered.values[0], expected, atol=1e-12)
    np.testing.assert_allclose(result.raw.values[0, :, 0], expected.sum(axis=1), atol=1e-12)
    np.testing.assert_array_equal(result.raw.eval_y_predicted_proba, model.predict_proba(TEXTS[:10]))


def test_texts_alone_are_featurized_as_by_the_model(model: Any) -> None:
    setup = automl_setup_model_explanations(model, "classification", X_test=TEXTS[:1])
    assert (setup.X_test_transform != model[0].transform(TEXTS[:1])).nnz == 0
    again = setup.automl_featurizer.transform(pd.DataFrame({"text": TEXTS[:3]}))
    assert (again != model[0].transform(TEXTS[:3])).nnz == 0


@pytest.mark.parametrize("kind", ["search", "vectorizers side by side", "black box", "function"])
def test_other_models_of_texts_are_asked_with_texts(model: Any, kind: str) -> None:
    both = make_union(TfidfVectorizer(), CountVectorizer(ngram_range=(2, 2)))
    models: dict[str, Any] = {
        "search": GridSearchCV(model, {"logisticregression__C": [1.0]}, cv=2).fit(TEXTS, LABELS),
        "vectorizers side by side": make_pipeline(both, LogisticRegression()).fit(TEXTS, LABELS),
        "black box": BlackBox(model),
        "function": lambda texts: model.predict_proba(texts),
    }
    asked = models[kind]
    setup = automl_setup_model_explanations(asked, "classification", X=pd.Series(TEXTS), y=LABELS)
    assert setup.raw_feature_names == ["text"]
    own = model if kind in ("black box", "function") else asked
    np.testing.assert_allclose(
        setup.automl_estimator.predict_proba(setup.X_transform),
        own.predict_proba(TEXTS),
        rtol=1e-12,  # the last bits of a product of matrices
    )


def test_transformations_may_be_a_vectorizer(model: Any) -> None:
    for transformations in (model[0], model[:-1], [("review", model[0])]):
        wrapper = MimicWrapper(
            None,
            model[-1],
            LGBMExplainableModel,
            explainer_kwargs=QUICK,
            init_dataset=FORMS["series"],
            transformations=transformations,
        )
        explanation = wrapper.explain(["local"], FORMS["series"][:5])
        assert explanation.features == ["review"]
        assert explanation.values.shape == (1, 5, 1)


def test_the_lineage_of_a_vectorizer_is_its_column(model: Any) -> None:
    assert lineage_report(model[:-1], FORMS["series"]).feature_map.raw_names == ("review",)
