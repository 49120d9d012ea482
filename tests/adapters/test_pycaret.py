"""PyCaret: pipelines taken apart step by step."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of

from automl_explain import automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.adapters._pycaret import PycaretAdapter
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import InputError, UnsupportedModelError

pytest.importorskip("pycaret")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pycaret.classification import ClassificationExperiment
    from pycaret.regression import RegressionExperiment

pytestmark = warnings_of("pycaret", "sklearn", "lightgbm", "pandas", "category_encoders", "imblearn", "joblib", "numpy")


def fitted(task: str, X: pd.DataFrame, y: pd.Series, name: str = "lightgbm", **options: Any) -> Any:
    """A small PyCaret model, finalized."""
    experiment = RegressionExperiment() if task == "regression" else ClassificationExperiment()
    experiment.setup(
        X.assign(target=y), target="target", session_id=1, verbose=False, n_jobs=1, html=False, fold=2,
        log_experiment=False, system_log=False, memory=False, **options,
    )  # fmt: skip
    size = {"n_estimators": 20} if name == "lightgbm" else {}
    return experiment.finalize_model(experiment.create_model(name, verbose=False, **size))


def table_of(task: str) -> tuple[pd.DataFrame, pd.Series, Any]:
    """A mixed table; PyCaret 3.3 does not read ordered categories."""
    table = make_mixed_table(400, task)
    return table.X.assign(contract=table.X["contract"].astype(object)), table.y, table.true_effects


def asked(model: Any) -> Asked:
    """Answers as arrays."""
    return Asked(
        lambda X: np.asarray(model.predict(X.reset_index(drop=True))),
        lambda X: model.predict_proba(X.reset_index(drop=True)),
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_steps_are_taken_apart(task: str, tmp_path: Path) -> None:
    """Dates become parts, categories indicators or targets' means; each goes back to its column."""
    X, y, effects = table_of(task)
    model = fitted(task, X[:300], y[:300])
    assert type(adapter_for(model)) is PycaretAdapter
    setup = flow(model, asked(model), X, y, tmp_path)
    weights = pd.DataFrame(np.asarray(setup.feature_map), setup.raw_feature_names, setup.engineered_feature_names)
    assert weights.loc["last_contact"].sum() == 3
    assert weights.loc["contract", "contract_one year"] == 1
    assert weights.loc["region"].sum() == 5
    assert strongest(setup, effects)


def test_encoded_scaled_and_mixed_columns(tmp_path: Path) -> None:
    """Target encoding of categories, scaling, and principal components at the end."""
    X, y, _ = table_of("binary")
    model = fitted("binary", X[:300], y[:300], "lr", normalize=True, max_encoding_ohe=2, pca=True, pca_components=5)
    setup = flow(model, asked(model), X, y, tmp_path, exact=False)
    assert len(setup.engineered_feature_names) == 5
    np.testing.assert_allclose(np.asarray(setup.feature_map).sum(axis=0), 1.0)


def test_products_of_columns(tmp_path: Path) -> None:
    """A product of two numbers belongs to both."""
    X, y, _ = table_of("regression")
    X = X[["tenure_months", "monthly_charge", "region"]]
    model = fitted("regression", X[:300], y[:300], polynomial_features=True)
    setup = flow(model, asked(model), X, y, tmp_path)
    weights = np.asarray(setup.feature_map)
    assert ((weights[:2] == 0.5).all(axis=0)).any()


def test_a_transformed_target_comes_back_in_its_own_unit(tmp_path: Path) -> None:
    """The model at the end predicts something else than the pipeline."""
    X, y, _ = table_of("regression")
    model = fitted("regression", X[:300], y[:300], transform_target=True)
    flow(model, asked(model), X, y, tmp_path)


def test_gaps_that_are_none_and_repeated_row_labels() -> None:
    """Its pipelines take None for a value, and multiply rows with labels that repeat; it gets neither."""
    X, y, _ = table_of("binary")
    model = fitted("binary", X, y)
    gaps = X.assign(region=X["region"].where(np.arange(len(X)) % 5 > 0, None)).set_axis(np.arange(len(X)) // 2, axis=0)
    filled = gaps.reset_index(drop=True).replace({None: np.nan})
    setup = automl_setup_model_explanations(model, "classification", X=gaps, y=y)
    assert setup.X_transform.shape[0] == len(X)
    assert setup.X_transform.index.equals(gaps.index)
    assert not setup.X_transform.isna().any().any()
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_transform), model.predict_proba(filled))


def test_a_pipeline_without_a_model_is_refused() -> None:
    """An experiment's own pipeline ends in its last transformer; and rows need names."""
    X, y, _ = table_of("binary")
    experiment = ClassificationExperiment()
    experiment.setup(X.assign(target=y), target="target", session_id=1, verbose=False, html=False, system_log=False)
    with pytest.raises(UnsupportedModelError, match="no fitted classifier or regressor"):
        adapter_for(experiment.pipeline)
    assert not automl_check_model_if_explainable(experiment.pipeline)
    with pytest.raises(InputError, match="got ndarray. Pass a DataFrame"):
        adapter_for(fitted("binary", X, y)).transform(np.zeros((2, 11)))
