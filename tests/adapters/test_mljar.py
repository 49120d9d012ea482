"""mljar-supervised: a best model with one featurization taken apart, ensembles and folds as black boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of

from automl_explain import automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import BlackBoxAdapter, adapter_for
from automl_explain.adapters._mljar import MljarAdapter
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import UnsupportedModelError

supervised = pytest.importorskip("supervised")
pytestmark = warnings_of("supervised", "sklearn", "lightgbm")


def fitted(X: pd.DataFrame, y: Any, folder: Path, algorithms: tuple[str, ...] = ("LightGBM",), **options: Any) -> Any:
    """A small mljar run; it ends when its models are trained, long before the limit, whatever the machine."""
    settings = {"mode": "Explain", "train_ensemble": False, "explain_level": 0, **options}
    model = supervised.AutoML(
        results_path=str(folder), algorithms=list(algorithms), total_time_limit=600, verbose=0, n_jobs=1, **settings
    )
    return model.fit(X.copy(), y)


def asked(model: Any) -> Asked:
    """mljar renames the rows it is given, so it gets copies."""
    return Asked(lambda X: model.predict(X.copy()), lambda X: model.predict_proba(X.copy()))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_one_model_is_taken_apart(task: str, tmp_path: Path) -> None:
    """Engineered rows are mljar's own, and each goes back to a column of the user."""
    table = make_mixed_table(400, task)
    model = fitted(table.X[:300], table.y[:300], tmp_path / "run")
    assert type(adapter_for(model)) is MljarAdapter
    setup = flow(model, asked(model), table.X, table.y, tmp_path)
    dates = [n for n in setup.engineered_feature_names if str(n).startswith("last_contact_")]
    assert len(dates) == 6
    weights = np.asarray(setup.feature_map)[setup.raw_feature_names.index("last_contact")]
    assert weights.sum() == 6
    assert strongest(setup, table.true_effects)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_an_ensemble_is_a_black_box(task: str, tmp_path: Path) -> None:
    """Its models read engineered tables of their own, so it is asked as a whole."""
    table = make_mixed_table(400, task)
    model = fitted(table.X[:300], table.y[:300], tmp_path / "run", ("LightGBM", "Linear"), train_ensemble=True)
    model._best_model = next(m for m in model._models if m.get_type() == "Ensemble")  # on few rows one model may win
    adapter = adapter_for(model)
    assert isinstance(adapter, BlackBoxAdapter)
    setup = flow(model, asked(model), table.X, table.y, tmp_path)
    assert "contract" in setup.engineered_feature_names
    assert strongest(setup, table.true_effects)


def test_folds_are_a_black_box(tmp_path: Path) -> None:
    """Every fold has a featurization of its own."""
    table = make_mixed_table(400)
    folds = {"validation_type": "kfold", "k_folds": 2, "shuffle": True, "random_seed": 1}
    model = fitted(table.X[:300], table.y[:300], tmp_path / "run", validation_strategy=folds)
    assert len(model._best_model.learners) == 2
    assert isinstance(adapter_for(model), BlackBoxAdapter)
    flow(model, asked(model), table.X, table.y, tmp_path)


def test_words_golden_features_and_one_hot_columns_know_their_parents(tmp_path: Path) -> None:
    """Two numbers make a golden feature, a text its words, a category its indicators; found by shuffling too."""
    rng = np.random.default_rng(0)
    table = make_mixed_table(400, "regression")
    words = np.array(["fast", "slow", "good", "awful", "price", "phone", "network", "agent"])
    notes = [" ".join(rng.choice(words, 5)) + f" {i}" for i in range(400)]
    X = table.X.assign(note=notes)[["tenure_months", "support_calls", "monthly_charge", "note", "region"]]
    y = X["monthly_charge"] * X["support_calls"] + 40.0 * X["note"].str.count("awful")
    model = fitted(
        X, y, tmp_path / "run", ("LightGBM", "Neural Network"), mode="Compete", golden_features=3, mix_encoding=False,
        start_random_models=1, hill_climbing_steps=0, features_selection=False, stack_models=False,
        boost_on_errors=False, kmeans_features=False,
        validation_strategy={"validation_type": "split", "train_ratio": 0.75, "shuffle": True},
    )  # fmt: skip
    golden = [m for m in model._models if m.preprocessings[0]._golden_features is not None]
    assert golden
    model._best_model = golden[0]
    setup = flow(model, asked(model), X, y, tmp_path)
    weights = pd.DataFrame(
        np.asarray(setup.feature_map), setup.raw_feature_names, [str(n) for n in setup.engineered_feature_names]
    )
    assert weights.loc["note", "note_awful"] == 1.0
    pairs = [c for c in weights.columns if (weights[c] == 0.5).sum() == 2]
    assert pairs
    assert all(
        weights.index[weights[c] > 0].isin(["tenure_months", "support_calls", "monthly_charge"]).all() for c in pairs
    )


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([0, 1], [0, 1]), ([3, 7], [3, 7]), ([1, 2, 5], [1, 2, 5]), (["b", "a"], ["a", "b"])],
)
def test_labels_keep_their_type(labels: list[Any], expected: list[Any], tmp_path: Path) -> None:
    """mljar keeps labels as text; whole numbers come back as numbers, in the order of the probabilities."""
    table = make_mixed_table(300)
    X = table.X[["tenure_months", "monthly_charge", "region"]]
    y = pd.Series(np.array(labels)[np.arange(300) % len(labels)])
    model = fitted(X, y, tmp_path / "run")
    adapter = adapter_for(model)
    assert adapter.classes == expected
    adapter.feature_map(X, list(X.columns))
    predicted = adapter.estimator.predict(adapter.transform(X))
    assert predicted.tolist() == np.asarray(model.predict(X.copy())).tolist()
    assert {type(label) for label in predicted.tolist()} == {type(label) for label in expected}


def test_a_finished_run_is_read_from_its_folder(tmp_path: Path) -> None:
    """An AutoML made with the path of a run loads its learners when they are asked."""
    table = make_mixed_table(300)
    model = fitted(table.X, table.y, tmp_path / "run")
    again = supervised.AutoML(results_path=str(tmp_path / "run"))
    Z = adapter_for(model).transform(table.X)
    np.testing.assert_array_equal(
        adapter_for(again).predict_engineered(adapter_for(again).transform(table.X)),
        adapter_for(model).predict_engineered(Z),
    )


def test_an_unfitted_model_is_refused(tmp_path: Path) -> None:
    """Neither the object nor its folder holds a model."""
    for model in (supervised.AutoML(), supervised.AutoML(results_path=str(tmp_path / "new"))):
        with pytest.raises(UnsupportedModelError, match="no fitted model.*call `fit` first"):
            adapter_for(model)
        assert not automl_check_model_if_explainable(model)


def test_other_tasks_are_refused_by_name(tmp_path: Path) -> None:
    """A regression is no classification, and the error says so."""
    table = make_mixed_table(300, "regression")
    model = fitted(table.X, table.y, tmp_path / "run")
    with pytest.raises(ValueError, match="but the model does regression"):
        automl_setup_model_explanations(model, "classification", X=table.X)
