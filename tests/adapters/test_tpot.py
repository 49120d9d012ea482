"""TPOT: its preprocessing by rule, the evolved pipeline as the estimator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from automl_explain import automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import BlackBoxAdapter, adapter_for
from automl_explain.adapters._tpot import TpotAdapter
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import UnsupportedModelError

tpot = pytest.importorskip("tpot")
pytestmark = warnings_of("tpot", "sklearn", "distributed", "lightgbm", "numpy", "joblib")


@pytest.fixture
def client() -> Iterator[Any]:
    """Without processes of its own, which take seconds each to start; a new one each, as equal rows share a key."""
    distributed = pytest.importorskip("distributed")
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as made:
        yield made


def fitted(client: Any, task: str, X: pd.DataFrame, y: Any, **options: Any) -> Any:
    """A small TPOT run."""
    settings = {"preprocessing": True, "search_space": "linear-light", **options}
    kind = tpot.TPOTRegressor if task == "regression" else tpot.TPOTClassifier
    model = kind(
        client=client, max_time_mins=0.1, population_size=2, generations=1, cv=2, n_jobs=1, random_state=1, verbose=0,
        **settings,
    )  # fmt: skip
    return model.fit(X.copy(), y)


def asked(model: Any) -> Asked:
    """TPOT's classifiers predict codes."""

    def predict(X: Any) -> np.ndarray:
        codes = model.fitted_pipeline_.predict(X)
        return codes if model.label_encoder_ is None else model.label_encoder_.inverse_transform(codes)

    return Asked(predict, None if not model.classification else lambda X: model.predict_proba(X))


def test_the_preprocessing_is_taken_apart(client: Any, tmp_path: Path) -> None:
    """Numbers stay, everything else is one-hot; each engineered column has one parent."""
    table = make_mixed_table(400)
    X = table.X.drop(columns="last_contact")
    model = fitted(client, "binary", X[:300], table.y[:300])
    assert type(adapter_for(model)) is TpotAdapter
    assert model.predict(X).dtype.kind == "i"
    setup = flow(model, asked(model), X, table.y, tmp_path)
    weights = pd.DataFrame(np.asarray(setup.feature_map), setup.raw_feature_names, setup.engineered_feature_names)
    assert weights.loc["contract"].sum() == 3
    assert weights.loc["contract", "contract_one year"] == 1
    assert weights.loc["region"].sum() == 5
    assert weights.loc["income", "income"] == 1
    assert strongest(setup, table.true_effects)


def test_three_classes(client: Any, tmp_path: Path) -> None:
    """Original labels stand in the order of the probabilities."""
    table = make_mixed_table(400, "multiclass")
    X = table.X.drop(columns="last_contact")
    setup = flow(
        model := fitted(client, "multiclass", X[:300], table.y[:300], search_space="linear"),
        asked(model), X, table.y, tmp_path,
    )  # fmt: skip
    assert setup.classes == ["downgrades", "leaves", "stays"]


def test_dates_become_categories_and_go_back_to_their_column(client: Any, tmp_path: Path) -> None:
    """TPOT takes a date for a category; the map says of which column."""
    table = make_mixed_table(400, "regression")
    month = table.X["last_contact"].dt.to_period("Q").dt.start_time
    X = table.X.assign(last_contact=month)
    model = fitted(client, "regression", X[:300], table.y[:300])
    setup = flow(model, asked(model), X, table.y, tmp_path)
    weights = np.asarray(setup.feature_map)[setup.raw_feature_names.index("last_contact")]
    assert weights.sum() == X["last_contact"][:300].nunique()


def test_without_preprocessing_the_raw_columns_are_explained(client: Any, tmp_path: Path) -> None:
    """The evolved pipeline reads numbers as they are."""
    table = make_mixed_table(400)
    X = table.X[["tenure_months", "monthly_charge", "support_calls", "account_suffix"]]
    model = fitted(client, "binary", X[:300], table.y[:300], preprocessing=False)
    assert isinstance(adapter_for(model), BlackBoxAdapter)
    setup = flow(model, asked(model), X, table.y, tmp_path)
    assert setup.engineered_feature_names == list(X.columns)


def test_a_preprocessing_of_ones_own_is_traced(client: Any, tmp_path: Path) -> None:
    """TPOT takes any transformer; its lineage is that of scikit-learn."""
    table = make_mixed_table(400)
    own = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["income", "tenure_months"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["contract", "region"]),
    )
    X = table.X[["income", "tenure_months", "contract", "region"]]
    model = fitted(client, "binary", X[:300], table.y[:300], preprocessing=own)
    setup = flow(model, asked(model), X, table.y, tmp_path)
    assert np.asarray(setup.feature_map).sum(axis=1).tolist() == [1.0, 1.0, 3.0, 5.0]


def test_decision_values_are_explained_where_there_are_no_probabilities(client: Any) -> None:
    """A linear support vector machine at the end has none; its labels are never taken for numbers."""
    table = make_mixed_table(300)
    X = table.X.drop(columns="last_contact")
    model = fitted(client, "binary", X, table.y)
    before = model.fitted_pipeline_[0]
    codes = model.label_encoder_.transform(table.y)
    end = make_pipeline(StandardScaler(), LinearSVC(random_state=0)).fit(before.transform(X), codes)
    model.fitted_pipeline_.steps[1] = ("svm", end)
    setup = automl_setup_model_explanations(model, "classification", X=X, y=table.y)
    assert not hasattr(setup.automl_estimator, "predict_proba")
    np.testing.assert_array_equal(
        setup.automl_estimator.decision_function(setup.X_transform), model.decision_function(X)
    )
    np.testing.assert_array_equal(setup.automl_estimator.predict(setup.X_transform), asked(model).predict(X))


def test_an_unfitted_estimator_is_refused() -> None:
    """It holds no pipeline."""
    with pytest.raises(UnsupportedModelError, match="no fitted pipeline; call `fit` first"):
        adapter_for(tpot.TPOTClassifier())
    assert not automl_check_model_if_explainable(tpot.TPOTClassifier())
