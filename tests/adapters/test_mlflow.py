"""MLflow models loaded as pyfunc: the scikit-learn model inside, else a black box."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.testing import check_adapter

N = 80


class PyFuncModel:
    """Stands for `mlflow.pyfunc.PyFuncModel`: the library is an extra, its type is known by name."""

    def __init__(self, answer: Callable[[Any], Any], inside: Any = None) -> None:
        self._answer, self._inside = answer, inside

    def predict(self, data: Any) -> Any:
        return self._answer(data)

    def get_raw_model(self) -> Any:
        if self._inside is None:
            raise NotImplementedError
        return self._inside


PyFuncModel.__module__ = "mlflow.pyfunc"


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(N, 2)), columns=["a", "b"])


@pytest.fixture(scope="module")
def y(X: pd.DataFrame) -> np.ndarray:
    return np.where(X["a"] > 0, "yes", "no")


def test_the_pipeline_inside_is_taken_apart(X: pd.DataFrame, y: np.ndarray) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    check_adapter(PyFuncModel(model.predict, inside=model), X, y)
    setup = automl_setup_model_explanations(PyFuncModel(model.predict, inside=model), "classification", X=X, y=y)
    assert setup.automl_estimator is model[-1]
    assert setup.classes == ["no", "yes"]
    older = PyFuncModel(model.predict)
    older._model_impl = type("Wrapper", (), {"sklearn_model": model})()
    assert adapter_for(older).estimator is model[-1]


def test_another_flavour_is_a_black_box_of_the_task_given(X: pd.DataFrame, y: np.ndarray) -> None:
    model = PyFuncModel(lambda rows: rows["a"] * 2)
    setup = automl_setup_model_explanations(model, "regression", X=X)
    np.testing.assert_array_equal(setup.automl_estimator.predict(setup.X_transform), X["a"] * 2)
    soft = PyFuncModel(lambda rows: pd.DataFrame({"no": 1 - rows["a"].gt(0) * 0.7, "yes": rows["a"].gt(0) * 0.7}))
    setup = automl_setup_model_explanations(soft, "classification", X=X, y=y)
    assert setup.classes == ["no", "yes"]
    assert setup.automl_estimator.predict_proba(setup.X_transform).shape == (N, 2)


def test_without_a_task_a_black_box_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="does not tell its task. Pass `task`, or wrap it: BlackBox"):
        adapter_for(PyFuncModel(len))


@pytest.mark.parametrize("labels", ["text", "codes"])
def test_labels_are_no_probabilities(X: pd.DataFrame, y: np.ndarray, labels: str) -> None:
    def answer(rows: pd.DataFrame) -> Any:
        return np.where(rows["a"] > 0, "yes", "no") if labels == "text" else rows["a"].gt(0).astype(int)

    with pytest.raises(UnsupportedModelError, match=r"which are labels.*pyfunc_predict_fn='predict_proba'"):
        automl_setup_model_explanations(PyFuncModel(answer), "classification", X=X, y=y)


def test_models_that_mlflow_saved_and_loaded_are_explained(X: pd.DataFrame, y: np.ndarray, tmp_path: Path) -> None:
    """Really saved and loaded, where MLflow is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's advice on pickles and type hints
        mlflow = pytest.importorskip("mlflow")
        pytest.importorskip("mlflow.sklearn")
        logging.getLogger("mlflow").setLevel(logging.ERROR)

        class Doubled(mlflow.pyfunc.PythonModel):
            def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
                return model_input["a"] * 2

        classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
        regressor = LinearRegression().fit(X, X["b"])
        options = {"serialization_format": "cloudpickle"}
        mlflow.sklearn.save_model(classifier, tmp_path / "classifier", **options)
        mlflow.sklearn.save_model(regressor, tmp_path / "regressor", **options)
        cloudpickle = sys.modules["cloudpickle"]
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        mlflow.pyfunc.save_model(tmp_path / "doubled", python_model=Doubled())
        loaded = {name: mlflow.pyfunc.load_model(tmp_path / name) for name in ("classifier", "regressor", "doubled")}
        check_adapter(loaded["classifier"], X, y)
        setup = automl_setup_model_explanations(loaded["classifier"], "classification", X=X, y=y)
        assert setup.automl_estimator.predict(setup.X_transform).tolist() == loaded["classifier"].predict(X).tolist()
        check_adapter(loaded["regressor"], X)
        check_adapter(loaded["doubled"], X, task="regression")
