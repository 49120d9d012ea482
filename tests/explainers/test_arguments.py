"""Arguments and attributes that all explainers share, by one name each."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import automl_explain
from automl_explain import (
    DecisionTreeExplainableModel,
    KernelExplainer,
    LGBMExplainableModel,
    LinearExplainableModel,
    SGDExplainableModel,
)
from automl_explain.exceptions import InputError

X = np.random.default_rng(0).normal(size=(60, 12))
MODEL = LogisticRegression().fit(X, X[:, 0] > 0)
SURROGATES = [LGBMExplainableModel, LinearExplainableModel, SGDExplainableModel, DecisionTreeExplainableModel]
EXPLAINERS = [
    ("MimicExplainer", "blackbox"),
    ("KernelExplainer", "blackbox"),
    ("TabularExplainer", "blackbox"),
    ("LIMEExplainer", "blackbox"),
    ("PFIExplainer", "blackbox"),
    ("TreeExplainer", "specific"),
    ("LinearExplainer", "specific"),
    ("DeepExplainer", "specific"),
]


@pytest.mark.parametrize(("name", "kind"), EXPLAINERS)
def test_classes_say_what_they_are_and_have_the_methods_they_name(name: str, kind: str) -> None:
    """As interpret-core's loader asks before it takes an explainer."""
    explainer = getattr(automl_explain, name)
    assert explainer.explainer_type == kind
    assert explainer.available_explanations
    assert all(callable(getattr(explainer, f"explain_{each}")) for each in explainer.available_explanations)
    assert {"random_state", "model_task"} <= set(inspect.signature(explainer).parameters)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_surrogates_are_models_that_fit_predict_and_explain(surrogate: Any) -> None:
    assert surrogate.explainer_type == "model"
    fitted = surrogate()
    fitted.fit(X, MODEL.predict_proba(X)[:, 1:], task="classification")
    for each in surrogate.available_explanations:
        found = getattr(fitted, f"explain_{each}")(X[:5])
        np.testing.assert_allclose(found.output, fitted.predict_output(X[:5]), rtol=1e-9, atol=1e-12)  # order of sums
    assert set(fitted.predict(X)) <= {0, 1}


def test_older_names_of_arguments_mean_the_same() -> None:
    few = KernelExplainer(MODEL, X[:10], n_samples=100, random_state=3).explain_local(X[20:22])
    old = KernelExplainer(MODEL, X[:10], nsamples=100, seed=3).explain_local(X[20:22])
    same = KernelExplainer(MODEL, X[:10], nsamples=100, n_samples=100, seed=3, random_state=3).explain_local(X[20:22])
    other = KernelExplainer(MODEL, X[:10], n_samples=100, random_state=4).explain_local(X[20:22])
    np.testing.assert_array_equal(few.local_importance_values, old.local_importance_values)
    np.testing.assert_array_equal(few.local_importance_values, same.local_importance_values)
    assert (np.asarray(few.local_importance_values) != np.asarray(other.local_importance_values)).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 100, "nsamples": 200}, "`n_samples` is 100 and `nsamples` is 200, which mean the same"),
        ({"random_state": 0, "seed": 1}, "`random_state` is 0 and `seed` is 1, which mean the same"),
        ({"seed": -1}, "`seed` is -1; expected a whole number"),
        ({"random_state": 2**32}, "`random_state` is 4294967296; expected a whole number"),
        ({"nsamples": 0}, "`nsamples` must be a whole number"),
        ({"n_samples": 0}, "`n_samples` must be a whole number"),
    ],
)
def test_two_names_with_two_values_are_refused_and_errors_use_the_name_given(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        KernelExplainer(MODEL, X[:10], **arguments)
