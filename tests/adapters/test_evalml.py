"""EvalML: components by what they tell, rows with the types of the fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of

from automl_explain import automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.adapters._evalml import EvalmlAdapter
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import InputError, UnsupportedModelError

pytest.importorskip("evalml")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from evalml.automl import AutoMLSearch
    from evalml.pipelines import RegressionPipeline
    from evalml.utils import infer_feature_types

pytestmark = warnings_of(
    "evalml", "woodwork", "sklearn", "pandas", "numpy", "featuretools", "joblib", "lightgbm", "xgboost", "skopt", "dask"
)


def searched(task: str, X: pd.DataFrame, y: Any) -> Any:
    """A small EvalML search."""
    search = AutoMLSearch(
        X_train=X, y_train=y, problem_type=task, max_batches=1, max_iterations=2, n_jobs=1, verbose=False,
        random_seed=1, allowed_model_families=["random_forest", "linear_model"],
    )  # fmt: skip
    search.search()
    return search


def asked(pipeline: Any) -> Asked:
    """Rows with the types of the fit, which EvalML would guess anew."""
    types = dict(pipeline.component_graph._input_types.logical_types)

    def typed(X: Any) -> Any:
        return infer_feature_types(X.reset_index(drop=True), types)

    return Asked(
        lambda X: np.asarray(pipeline.predict(typed(X))), lambda X: pipeline.predict_proba(typed(X)).to_numpy()
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_components_are_taken_apart(task: str, tmp_path: Path) -> None:
    """A search stands for its best pipeline; labels follow its threshold."""
    table = make_mixed_table(400, task)
    y = table.y.map({"yes": "leaves", "no": "stays"}) if task == "binary" else table.y
    search = searched(task, table.X[:300], y[:300])
    assert isinstance(adapter_for(search), EvalmlAdapter)
    # Forests of regression sum their trees in another order from call to call.
    setup = flow(search, asked(search.best_pipeline), table.X, y, tmp_path, exact=task != "regression")
    weights = np.asarray(setup.feature_map)
    assert (weights.max(axis=0) == 1).all()
    assert strongest(setup, table.true_effects)


def test_yes_and_no_become_true_and_false() -> None:
    """EvalML takes such labels for booleans, and so are its classes."""
    table = make_mixed_table(300)
    pipeline = searched("binary", table.X, table.y).best_pipeline
    setup = automl_setup_model_explanations(pipeline, "classification", X=table.X, y=table.y == "yes")
    assert setup.classes == [False, True]
    assert set(setup.automl_estimator.predict(setup.X_transform).tolist()) == {False, True}


def test_components_that_tell_nothing_are_probed(tmp_path: Path) -> None:
    """Principal components are of all columns, which EvalML does not say."""
    table = make_mixed_table(400, "regression")
    X = table.X[["tenure_months", "monthly_charge", "support_calls"]]
    pipeline = RegressionPipeline(["Imputer", "Standard Scaler", "PCA Transformer", "Elastic Net Regressor"])
    pipeline.fit(X[:300], table.y[:300])
    setup = flow(pipeline, asked(pipeline), X, table.y, tmp_path, exact=False)
    assert (np.asarray(setup.feature_map) > 0).all()


def test_whole_numbers_with_gaps_that_training_had_not() -> None:
    """A whole number cannot be missing; the rows are read as floats, as EvalML allows."""
    table = make_mixed_table(300)
    pipeline = searched("binary", table.X, table.y).best_pipeline
    gaps = table.X.assign(tenure_months=table.X["tenure_months"].where(np.arange(300) > 5))
    adapter = adapter_for(pipeline)
    assert np.isfinite(adapter.predict_raw(gaps)).all()
    np.testing.assert_array_equal(adapter.predict_raw(gaps)[6:], adapter.predict_raw(table.X)[6:])


def test_what_cannot_be_explained_is_refused() -> None:
    """Unfitted pipelines, missing columns, rows without names."""
    table = make_mixed_table(300, "regression")
    pipeline = RegressionPipeline(["Imputer", "Elastic Net Regressor"])
    with pytest.raises(UnsupportedModelError, match="not fitted; call `search"):
        adapter_for(pipeline)
    X = table.X[["tenure_months", "monthly_charge"]]
    pipeline.fit(X, table.y)
    with pytest.raises(InputError, match="lack columns that EvalML was fitted on: 'monthly_charge'"):
        adapter_for(pipeline).transform(X[["tenure_months"]])
    with pytest.raises(InputError, match="got ndarray. Pass a DataFrame"):
        adapter_for(pipeline).transform(np.zeros((2, 2)))
