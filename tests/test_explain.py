"""explain_automl: from a fitted model to both explanations in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import SmallWrapper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import MimicWrapper, automl_setup_model_explanations, explain, explain_automl
from automl_explain.exceptions import InputError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller surrogates than the default, which one test keeps."""
    monkeypatch.setattr(explain, "MimicWrapper", SmallWrapper)


def table(n_rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age": rng.normal(40, 10, n_rows), "city": rng.choice(list("ABC"), n_rows), "unused": 1.0})
    return X, 0.1 * X["age"] + 2 * (X["city"] == "A")


def fitted(task: str) -> tuple[Any, Any]:
    X, signal = table()
    featurizer = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"]))
    y = signal if task == "regression" else signal > 4.5
    return make_pipeline(featurizer, Ridge() if task == "regression" else LogisticRegression()).fit(X, y), y


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_it_gives_setup_explainer_and_both_explanations(task: str) -> None:
    model, y = fitted(task)
    X_test = table(200, seed=1)[0]
    result = explain_automl(model, table()[0], X_test, y)
    assert result.setup.task == ("regression" if task == "regression" else "classification")
    assert isinstance(result.explainer, MimicWrapper)
    assert (result.engineered.is_engineered, result.raw.is_raw) == (True, True)
    assert result.raw.features == ["age", "city", "unused"]
    assert len(result.raw) == len(result.engineered) == 200
    np.testing.assert_allclose(result.raw.output, result.engineered.output, atol=1e-9)
    pd.testing.assert_frame_equal(result.raw.eval_data, X_test)
    assert list(result.raw.eval_y_predicted) == pytest.approx(list(model.predict(X_test)))
    assert dict(zip(result.raw.features, result.raw.global_importance_values, strict=True))["unused"] == 0
    fidelity = result.raw.fidelity
    assert fidelity.n_rows == 200
    assert (fidelity.r2 if task == "regression" else fidelity.r2_probability) > 0.95


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.usefixtures("small")
def test_it_is_the_long_form_in_one_call() -> None:
    model, y = fitted("binary")
    X, X_test = table()[0], table(150, seed=1)[0]
    setup = automl_setup_model_explanations(model, X=X, X_test=X_test, y=y, task="classification")
    wrapper = SmallWrapper.from_setup(setup)
    wanted = wrapper.explain(["local", "global"], eval_dataset=setup.X_test_transform, get_raw=True)
    result = explain_automl(model, X, X_test, y, task="classification")
    np.testing.assert_array_equal(result.raw.values, wanted.values)
    scoring = result.explainer.create_scoring_explainer()
    np.testing.assert_array_equal(
        scoring.explain(result.setup.X_test_transform, get_raw=True), np.asarray(result.raw.local_importance_values)
    )


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.usefixtures("small")
def test_options_reach_the_setup() -> None:
    model, y = fitted("binary")
    X_test = table(60, seed=1)[0]
    result = explain_automl(model, table()[0], X_test, y, max_eval_rows=25, y_test=np.zeros(60))
    assert len(result.raw) == len(result.setup.y_test) == 25
    assert explain_automl(model, table()[0], X_test, y, downsample=False, max_eval_rows=25).raw.num_examples == 60


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.usefixtures("small")
def test_a_bare_estimator_is_explained_in_its_own_columns() -> None:
    X, signal = table()
    X = X[["age", "unused"]]
    model = RandomForestClassifier(20, min_samples_leaf=20, random_state=0).fit(X, signal > 4.5)
    result = explain_automl(model, X, X, signal > 4.5)
    assert result.raw.features == result.engineered.features == ["age", "unused"]
    assert result.raw.classes == [False, True]
    np.testing.assert_array_equal(result.raw.values, result.engineered.values)


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.usefixtures("small")
def test_raw_columns_may_be_the_players() -> None:
    model, y = fitted("binary")
    X = table(100, seed=1)[0]
    folded, grouped = (explain_automl(model, table()[0], X, y, raw_method=m) for m in ("folded", "grouped"))
    assert (folded.raw.method, grouped.raw.method) == ("mimic.lightgbm", "mimic.lightgbm.grouped")
    np.testing.assert_allclose(grouped.raw.output, folded.raw.output, atol=1e-9)


def test_another_way_to_raw_values_is_refused_before_anything_is_fitted() -> None:
    with pytest.raises(InputError, match="`raw_method` is 'mixed'; expected 'folded' or 'grouped'"):
        explain_automl(None, None, None, raw_method="mixed")


def test_another_task_than_the_models_is_refused() -> None:
    model, y = fitted("binary")
    with pytest.raises(InputError, match="`task` is 'regression', but the model does classification"):
        explain_automl(model, table()[0], table()[0], y, task="regression")


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.usefixtures("small")
def test_the_repr_shows_the_model_and_the_raw_explanation() -> None:
    model, y = fitted("regression")
    text = repr(explain_automl(model, table()[0], table(100, seed=1)[0], y))
    assert text.startswith("AutoMLExplanations of Pipeline\n")
    assert "age" in text
    assert "R2" in text
