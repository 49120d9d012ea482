"""The flow of the README, written out, with a small FLAML model: setup, wrapper, both explanations, scoring, file."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flaml import AutoML

from automl_explain import (
    Explanation,
    LGBMExplainableModel,
    MimicWrapper,
    automl_setup_model_explanations,
    load,
    save,
)
from automl_explain.datasets import make_mixed_table

SMALL: dict[str, Any] = {"n_estimators": 100, "num_leaves": 15, "n_jobs": 1, "learning_rate": 0.2}
BOTH = ["local", "global"]
TASKS = ("binary", "multiclass", "regression")


@pytest.fixture(scope="module", params=TASKS)
def flow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Everything the flow makes, step by step."""
    made = make_mixed_table(n_rows=1200, task=request.param, random_state=0)
    X_train, X_test, y_train = made.X[:900], made.X[900:], made.y[:900]
    task = "regression" if request.param == "regression" else "classification"
    start = {"lgbm": {"n_estimators": 30, "num_leaves": 6, "min_child_samples": 20}}
    automl = AutoML()
    automl.fit(
        X_train,
        y_train,
        task=task,
        time_budget=-1,
        max_iter=1,
        estimator_list=["lgbm"],
        starting_points=start,
        n_jobs=1,
        verbose=0,
        seed=0,
    )

    setup = automl_setup_model_explanations(automl, X=X_train, X_test=X_test, y=y_train, task=task)
    explainer = MimicWrapper(
        None,
        setup.automl_estimator,
        LGBMExplainableModel,
        {**setup.surrogate_model_params, "explainable_model_args": SMALL, "random_state": 1},
        init_dataset=setup.X_transform,
        run=None,
        features=setup.engineered_feature_names,
        feature_maps=[setup.feature_map],
        classes=setup.classes,
    )
    engineered = explainer.explain(BOTH, eval_dataset=setup.X_test_transform)
    raw = explainer.explain(
        BOTH,
        eval_dataset=setup.X_test_transform,
        get_raw=True,
        raw_feature_names=setup.raw_feature_names,
        raw_eval_dataset=setup.X_test_raw,
    )
    scoring = explainer.create_scoring_explainer()
    folder = tmp_path_factory.mktemp("flow") / "model"
    save(scoring, directory=str(folder), exist_ok=True)
    names = {"automl": automl, "setup": setup, "explainer": explainer, "engineered": engineered, "raw": raw}
    return SimpleNamespace(**names, scoring=scoring, folder=folder, made=made, X_test=X_test, task=request.param)


def test_both_explanations_know_their_columns(flow: SimpleNamespace) -> None:
    assert flow.engineered.is_engineered
    assert flow.raw.is_raw
    assert flow.engineered.features == flow.setup.engineered_feature_names
    assert flow.raw.features == list(flow.X_test.columns)
    assert len(flow.raw) == 300
    pd.testing.assert_frame_equal(flow.raw.eval_data, flow.X_test)


def test_values_add_up_to_the_surrogates_output(flow: SimpleNamespace) -> None:
    """sum(local) + expected equals the surrogate's margin within 1e-6, for a FLAML model too."""
    surrogate, encoder = flow.explainer.explainer.surrogate_model, flow.explainer.explainer.encoder
    margins = surrogate.predict_output(encoder.encode(flow.setup.X_test_transform))
    np.testing.assert_allclose(flow.engineered.output, margins, atol=1e-6)


def test_every_engineered_feature_goes_back_to_a_raw_column(flow: SimpleNamespace) -> None:
    """The sums over raw columns are those over engineered features."""
    assert flow.setup.feature_map.unmapped == ()
    np.testing.assert_allclose(flow.raw.values.sum(-1), flow.engineered.values.sum(-1), atol=1e-9)
    dates = [n for n in flow.setup.engineered_feature_names if "last_contact" in str(n)]
    assert len(dates) > 1
    at = [flow.engineered.features.index(n) for n in dates]
    wanted = flow.engineered.values[..., at].sum(-1)
    found = flow.raw.values[..., flow.raw.features.index("last_contact")]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_shapes_follow_the_task(flow: SimpleNamespace) -> None:
    """(n, r) for regression, (2, n, r) mirrored for two classes, (K, n, r) for more."""
    values = np.asarray(flow.raw.local_importance_values)
    classes = {"regression": (), "binary": (2,), "multiclass": (3,)}[flow.task]
    assert values.shape == (*classes, 300, 11)
    if flow.task == "binary":
        np.testing.assert_array_equal(values[0], -values[1])


def test_predictions_shown_are_those_of_the_library(flow: SimpleNamespace) -> None:
    predicted = flow.automl.predict(flow.X_test)
    if flow.task == "regression":
        np.testing.assert_allclose(flow.raw.eval_y_predicted, predicted)
    else:
        assert list(flow.raw.eval_y_predicted) == list(predicted)
        assert flow.raw.classes == sorted(set(flow.made.y))


def test_fidelity_is_stated_and_high(flow: SimpleNamespace) -> None:
    fidelity = flow.raw.fidelity
    assert fidelity.rows == "held-out"
    assert (fidelity.r2 if flow.task == "regression" else fidelity.r2_probability) > 0.95
    assert "R2 0.9" in repr(flow.raw)


def test_what_truly_matters_is_found(flow: SimpleNamespace) -> None:
    """The table's true effects are known; the three largest are among the five found largest."""
    true = sorted(flow.made.true_effects, key=lambda name: -flow.made.true_effects[name])[:3]
    assert set(true) <= set(flow.raw.get_ranked_global_names(top_k=5))
    found = flow.raw.get_feature_importance_dict(top_k=5)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_scoring_says_what_training_said(flow: SimpleNamespace) -> None:
    """Scoring equals training bit for bit, before saving and after loading, and its lists are JSON-ready."""
    for scoring in (flow.scoring, load(flow.folder)):
        for get_raw, explanation in ((None, flow.engineered), (True, flow.raw)):
            found = scoring.explain(flow.setup.X_test_transform, get_raw=get_raw)
            np.testing.assert_array_equal(found, np.asarray(explanation.local_importance_values))
            listed = scoring.explain(flow.setup.X_test_transform[:3], get_raw=get_raw, as_list=True)
            np.testing.assert_array_equal(json.loads(json.dumps(listed)), found[..., :3, :])


def test_one_row_is_scored_from_the_file(flow: SimpleNamespace) -> None:
    """A single-row frame gives (1, r)."""
    found = load(str(flow.folder)).explain(flow.setup.X_test_transform[:1], get_raw=True)
    assert found.shape[-2:] == (1, 11)


def test_rows_as_json_come_back_as_the_raw_table(flow: SimpleNamespace) -> None:
    records = json.loads(flow.X_test.to_json(orient="records", date_format="iso"))
    again = load(flow.folder).read_records(records)
    setup = automl_setup_model_explanations(flow.automl, X_test=again, task=flow.setup.task, downsample=False)
    pd.testing.assert_frame_equal(
        pd.DataFrame(setup.X_test_transform), pd.DataFrame(flow.setup.X_test_transform).reset_index(drop=True)
    )


def test_explanations_survive_their_files(flow: SimpleNamespace, tmp_path: Path) -> None:
    """A saved explanation is read back with the same values, names, classes and fidelity."""
    flow.raw.save(tmp_path / "raw")
    again = Explanation.load(tmp_path / "raw")
    np.testing.assert_array_equal(again.values, flow.raw.values)
    assert again.get_feature_importance_dict() == flow.raw.get_feature_importance_dict()
    assert (again.features, again.classes, again.fidelity) == (flow.raw.features, flow.raw.classes, flow.raw.fidelity)


def test_a_row_of_data_holds_that_row_only(flow: SimpleNamespace) -> None:
    """`data(i)["scores"]` is row i only."""
    values = np.asarray(flow.raw.local_importance_values)
    np.testing.assert_array_equal(flow.raw.data(7)["scores"], values[..., 7, :])


def test_the_ecosystem_reads_it(flow: SimpleNamespace) -> None:
    import shap

    assert isinstance(flow.raw.to_shap(), shap.Explanation)
    assert len(flow.raw.to_frame(kind="global")) == 11
