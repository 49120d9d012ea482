"""AutoGluon tabular: its feature generator by its own links, any of its models as the estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of

from automl_explain import automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.adapters._autogluon import AutoGluonAdapter
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import InputError, UnsupportedModelError

pytest.importorskip("autogluon.tabular")
from autogluon.tabular import TabularPredictor

pytestmark = warnings_of("autogluon", "sklearn", "lightgbm", "pandas", "ray")

SMALL: dict[str, Any] = {"GBM": {"num_boost_round": 20}, "RF": {"n_estimators": 20, "max_depth": 5}}


def fitted(X: pd.DataFrame, y: Any, folder: Path, **options: Any) -> Any:
    """A small AutoGluon run."""
    settings: dict[str, Any] = {"hyperparameters": SMALL, **options}
    predictor = TabularPredictor(label="target of the test", path=str(folder), verbosity=0)
    return predictor.fit(X.assign(**{"target of the test": y}), time_limit=60, num_cpus=1, num_gpus=0, **settings)


def asked(model: Any) -> Asked:
    """Answers as arrays."""
    return Asked(lambda X: model.predict(X).to_numpy(), lambda X: model.predict_proba(X).to_numpy())


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_feature_generator_is_taken_apart(task: str, tmp_path: Path) -> None:
    """A weighted ensemble reads one engineered table, whose columns go back to those of the user."""
    table = make_mixed_table(400, task)
    X = table.X.assign(constant=1)
    model = fitted(X[:300], table.y[:300], tmp_path / "run")
    assert type(adapter_for(model)) is AutoGluonAdapter
    setup = flow(model, asked(model), X, table.y, tmp_path)
    weights = pd.DataFrame(np.asarray(setup.feature_map), setup.raw_feature_names, setup.engineered_feature_names)
    dates = [c for c in weights.columns if c.startswith("last_contact")]
    assert len(dates) == 5
    assert (weights.loc["last_contact", dates] == 1).all()
    assert setup.feature_map.unused_raw == ("constant",)
    assert strongest(setup, table.true_effects)


def test_bagged_and_stacked_models(tmp_path: Path) -> None:
    """Models of a second layer read the first one's answers, which AutoGluon adds by itself."""
    table = make_mixed_table(400)
    model = fitted(
        table.X[:300], table.y[:300], tmp_path / "run", hyperparameters={"GBM": {"num_boost_round": 10}},
        num_bag_folds=2, num_stack_levels=1, dynamic_stacking=False,
        ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
    )  # fmt: skip
    model.set_model_best("LightGBM_BAG_L2")
    flow(model, asked(model), table.X, table.y, tmp_path)


def test_two_dates_and_two_texts_keep_apart(tmp_path: Path) -> None:
    """AutoGluon links every date with the parts of all dates; counted words alone are of all texts."""
    rng = np.random.default_rng(0)
    table = make_mixed_table(400, "regression")
    words = np.array(["fast", "slow", "good", "awful", "price", "phone", "network", "agent"])
    texts = [[" ".join(rng.choice(words, rng.integers(4, 9))) for _ in range(400)] for _ in range(2)]
    other = table.X["last_contact"].to_numpy()[rng.permutation(400)]
    X = table.X[["income", "last_contact"]].assign(
        **{"last_contact.first": other, "note": texts[0], "note.2": texts[1], "paperless": table.X["paperless"]}
    )
    model = fitted(X[:300], table.y[:300], tmp_path / "run")
    setup = flow(model, asked(model), X, table.y, tmp_path)
    weights = pd.DataFrame(np.asarray(setup.feature_map), setup.raw_feature_names, setup.engineered_feature_names)
    assert weights.loc["last_contact", "last_contact.year"] == 1
    assert weights.loc["last_contact.first", "last_contact.first.year"] == 1
    assert weights.loc["note.2", "note.2.char_count"] == 1
    assert weights.loc[["note", "note.2"], "__nlp__.awful"].tolist() == [0.5, 0.5]


def test_labels_follow_autogluons_own_threshold(tmp_path: Path) -> None:
    """Where the predictor says yes at 0.2 already, so does the estimator."""
    table = make_mixed_table(300)
    model = fitted(table.X, table.y, tmp_path / "run")
    model.set_decision_threshold(0.2)
    setup = automl_setup_model_explanations(model, "classification", X=table.X, y=table.y)
    labels = setup.automl_estimator.predict(setup.X_transform)
    assert labels.tolist() == model.predict(table.X).tolist()
    proba = setup.automl_estimator.predict_proba(setup.X_transform)[:, setup.classes.index("yes")]
    assert ((labels == "yes") & (proba < 0.5)).any()


def test_what_cannot_be_explained_is_refused(tmp_path: Path) -> None:
    """Unfitted, quantiles, and rows without column names."""
    unfitted = TabularPredictor(label="y", path=str(tmp_path / "new"), verbosity=0)
    with pytest.raises(UnsupportedModelError, match="no fitted model; call `fit`"):
        adapter_for(unfitted)
    assert not automl_check_model_if_explainable(unfitted)
    table = make_mixed_table(300, "regression")
    model = fitted(table.X, table.y, tmp_path / "run")
    with pytest.raises(InputError, match="got ndarray. Pass a DataFrame"):
        adapter_for(model).transform(np.zeros((2, 11)))
    model._learner.problem_type = "quantile"
    with pytest.raises(UnsupportedModelError, match="does 'quantile'"):
        adapter_for(model)
