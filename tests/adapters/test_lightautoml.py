"""LightAutoML: a black box on the raw columns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of

from automl_explain.adapters import BlackBoxAdapter, adapter_for
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import UnsupportedModelError

pytest.importorskip("lightautoml")
with warnings.catch_warnings():  # it warns of packages for texts that are not there
    warnings.simplefilter("ignore")
    from lightautoml.automl.presets.tabular_presets import TabularAutoML
    from lightautoml.tasks import Task

pytestmark = warnings_of("lightautoml", "sklearn", "lightgbm", "pandas", "torch", "joblib", "numpy")

TASKS = {"binary": "binary", "multiclass": "multiclass", "regression": "reg"}


def made(task: str) -> Any:
    """A small preset: a linear model and trees, two folds."""
    return TabularAutoML(
        task=Task(TASKS[task]),
        timeout=60,
        cpu_limit=1,
        general_params={"use_algos": [["linear_l2", "lgb"]]},
        reader_params={"n_jobs": 1, "cv": 2, "random_state": 1},
        lgb_params={"default_params": {"num_trees": 30}},
    )


def fitted(task: str, X: pd.DataFrame, y: Any) -> Any:
    """The preset, fitted."""
    model = made(task)
    model.fit_predict(X.assign(target=np.asarray(y)), roles={"target": "target"}, verbose=0)
    return model


def asked(model: Any) -> Asked:
    """Probabilities of two classes are one column in float32; labels are the likeliest."""
    classes = sorted(model.reader.class_mapping or {}, key=(model.reader.class_mapping or {}).get)

    def proba(X: Any) -> np.ndarray:
        told = model.predict(X).data.astype(np.float64)
        return np.column_stack([1 - told[:, 0], told[:, 0]]) if told.shape[1] == 1 else told

    if not classes:
        return Asked(lambda X: model.predict(X).data[:, 0].astype(np.float64))
    return Asked(lambda X: np.array(classes)[proba(X).argmax(axis=1)], proba)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_raw_columns_are_explained(task: str, tmp_path: Path) -> None:
    """Its engineered spaces are several. Classes stand in its order, the frequent ones first."""
    table = make_mixed_table(400, task)
    model = fitted(task, table.X[:300], table.y[:300])
    assert isinstance(adapter_for(model), BlackBoxAdapter)
    setup = flow(model, asked(model), table.X, table.y, tmp_path)
    if task != "regression":
        assert setup.classes == list(table.y[:300].value_counts().index)
    assert strongest(setup, table.true_effects)


def test_classes_that_are_numbers() -> None:
    """LightAutoML leaves 0 and 1 as they are, and maps other numbers by how frequent they are."""
    table = make_mixed_table(300)
    X = table.X[["tenure_months", "monthly_charge", "region"]]
    assert adapter_for(fitted("binary", X, (table.y == "yes").astype(int))).classes == [0, 1]
    assert adapter_for(fitted("binary", X, np.where(np.arange(300) % 3, 7, 3))).classes == [7, 3]


def test_an_unfitted_preset_is_refused() -> None:
    """It has read nothing."""
    with pytest.raises(UnsupportedModelError, match="not fitted; call `fit_predict` first"):
        adapter_for(made("binary"))
