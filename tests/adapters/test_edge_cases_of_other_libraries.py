"""Edge cases of libraries that cannot be installed beside each other, on stand-ins with the parts that matter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from automl_explain.adapters import BlackBoxAdapter
from automl_explain.adapters._lightautoml import LightAutoMLAdapter
from automl_explain.adapters._mljar import MljarAdapter, mljar_adapter
from automl_explain.adapters._pycaret import PycaretAdapter

X = pd.DataFrame({"a": np.arange(20.0), "city": pd.Series(["Oslo", None, "Rome", "Oslo"] * 5, dtype=object)})


class Filled:
    """A step of PyCaret: fills gaps that are NaN, and takes None for a value."""

    _train_only = False
    _include = ("city",)

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        codes = rows["city"].map(lambda cell: 9.0 if cell is None else {"Oslo": 1.0, "Rome": 2.0}.get(cell, 0.0))
        return rows.assign(city=codes)

    @property
    def transformer(self) -> Any:
        return self


def test_gaps_that_are_none_become_nan_before_a_pipeline_that_knows_only_nan() -> None:
    """PyCaret's setup does so outside of its pipeline."""
    assert X["city"].iloc[1] is None
    last = LinearRegression().fit([[0.0, 1.0], [1.0, 2.0]], [0.0, 1.0])
    last._estimator_type = "regressor"  # as in the release of scikit-learn that PyCaret needs
    adapter = PycaretAdapter(SimpleNamespace(steps=[("fill", Filled()), ("model", last)]))
    made = adapter.transform(X)
    assert made["city"].tolist() == [1.0, 0.0, 2.0, 1.0] * 5
    pd.testing.assert_frame_equal(made, adapter.transform(X.assign(city=X["city"].fillna(np.nan))))


class Learner:
    """A learner of mljar, which is loaded when it is first asked."""

    def __init__(self) -> None:
        self.model: Any = None

    def reload(self) -> None:
        self.model = self.model or (lambda Z: Z["a"].to_numpy() * 2)

    def predict(self, Z: pd.DataFrame) -> np.ndarray:
        self.reload()
        return np.asarray(self.model(Z))


class Steps:
    """A featurization of mljar that leaves the numbers as they are."""

    _kmeans = _golden_features = None
    _text_transforms: tuple[Any, ...] = ()
    _datetime_transforms: tuple[Any, ...] = ()
    _categorical: tuple[Any, ...] = ()

    def transform(self, rows: pd.DataFrame, target: Any) -> tuple[pd.DataFrame, Any]:
        return rows, target

    def inverse_scale_target(self, answer: np.ndarray) -> np.ndarray:
        return answer


def mljar(n_folds: int) -> Any:
    """A fitted regression of as many folds."""
    best = SimpleNamespace(
        get_type=lambda: "LightGBM",
        _is_stacked=False,
        learners=[Learner() for _ in range(n_folds)],
        preprocessings=[Steps() for _ in range(n_folds)],
    )
    return SimpleNamespace(_best_model=best, _ml_task="regression", _data_info={"columns": ["a"]})


@pytest.mark.parametrize(("n_folds", "kind"), [(1, MljarAdapter), (2, BlackBoxAdapter)])
def test_featurizations_of_several_folds_are_no_single_engineered_space(n_folds: int, kind: type) -> None:
    """mljar has one for every fold, and the answer is their average."""
    assert isinstance(mljar_adapter(mljar(n_folds)), kind)


def test_algorithms_with_engineered_spaces_of_their_own_are_a_black_box() -> None:
    """LightAutoML's linear models and trees read different tables."""
    preset = SimpleNamespace(reader=SimpleNamespace(task=SimpleNamespace(name="reg")))
    assert isinstance(LightAutoMLAdapter(preset), BlackBoxAdapter)


def test_a_learner_that_is_loaded_when_asked_is_asked() -> None:
    """The model inside is None until then."""
    run = mljar(1)
    assert run._best_model.learners[0].model is None
    adapter = mljar_adapter(run)
    rows = X[["a"]]
    np.testing.assert_array_equal(adapter.predict_engineered(adapter.transform(rows)), rows["a"] * 2)
