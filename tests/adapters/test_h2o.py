"""H2O: a black box behind a server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from library_flow import Asked, flow, strongest, warnings_of

from automl_explain import automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.adapters._h2o import H2OAdapter
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import InputError, UnsupportedModelError

pytest.importorskip("h2o")
import h2o
from h2o.automl import H2OAutoML
from h2o.estimators import H2OGradientBoostingEstimator, H2OKMeansEstimator

pytestmark = [*warnings_of("h2o", "pandas"), pytest.mark.filterwarnings("ignore:.*single-thread.*")]

TYPES = {"contract": "enum", "income": "numeric", "satisfaction": "numeric", "last_contact": "time"}


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """A server of this machine, for these tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    h2o.init(port=port, nthreads=1, max_mem_size="1g", verbose=False, bind_to_localhost=True)
    h2o.no_progress()
    yield
    h2o.cluster().shutdown()


def uploaded(X: pd.DataFrame) -> Any:
    """Rows on the server, with types that do not hang on which rows they are."""
    types = {c: t for c, t in TYPES.items() if c in X.columns}
    return h2o.H2OFrame(X.assign(**{c: X[c].astype(object) for c in X.columns if c == "contract"}), column_types=types)


def asked(model: Any) -> Asked:
    """Answers as arrays: the label first, then a column for each class."""
    return Asked(
        lambda X: model.predict(uploaded(X)).as_data_frame().iloc[:, 0].to_numpy(),
        lambda X: model.predict(uploaded(X)).as_data_frame().iloc[:, 1:].to_numpy(),
    )


def frame(X: pd.DataFrame, y: Any, *, factor: bool = True) -> Any:
    """Training rows on the server."""
    rows = uploaded(X).cbind(h2o.H2OFrame(pd.DataFrame({"target": np.asarray(y)})))
    if factor:
        rows["target"] = rows["target"].asfactor()
    return rows


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_leader_is_explained_on_the_raw_columns(task: str, tmp_path: Path) -> None:
    """Labels follow H2O's own threshold, probabilities its order of classes."""
    table = make_mixed_table(400, task)
    model = H2OAutoML(max_models=2, seed=1, include_algos=["GBM", "GLM"], nfolds=2, verbosity=None)
    model.train(y="target", training_frame=frame(table.X[:300], table.y[:300], factor=task != "regression"))
    assert isinstance(adapter_for(model), H2OAdapter)
    setup = flow(model, asked(model.leader), table.X, table.y, tmp_path)
    assert strongest(setup, table.true_effects)


def test_few_rows_with_gaps_are_read_as_in_training(tmp_path: Path) -> None:
    """Left to guess, the server takes a number with a gap among five rows for a category."""
    table = make_mixed_table(300)
    model = H2OGradientBoostingEstimator(ntrees=10, seed=1)
    model.train(y="target", training_frame=frame(table.X, table.y))
    adapter = adapter_for(model)
    np.testing.assert_array_equal(adapter.predict_raw(table.X)[:5], adapter.predict_raw(table.X[:5]))


def test_labels_that_are_whole_numbers() -> None:
    """H2O keeps them as text."""
    table = make_mixed_table(300)
    y = np.where(table.y == "yes", 10, 9)
    model = H2OGradientBoostingEstimator(ntrees=5, seed=1)
    model.train(y="target", training_frame=frame(table.X, y))
    setup = automl_setup_model_explanations(model, "classification", X=table.X, y=y)
    assert setup.classes == [9, 10]
    assert set(setup.automl_estimator.predict(setup.X_transform).tolist()) == {9, 10}


def test_what_has_no_target_is_refused() -> None:
    """Untrained models and clusters, and rows without names."""
    with pytest.raises(UnsupportedModelError, match="not trained; call `train` first"):
        adapter_for(H2OAutoML(max_models=1))
    with pytest.raises(UnsupportedModelError, match="not trained; call `train` first"):
        adapter_for(H2OGradientBoostingEstimator())
    table = make_mixed_table(300, "regression")
    clusters = H2OKMeansEstimator(k=2, seed=1)
    clusters.train(x=["tenure_months"], training_frame=uploaded(table.X))
    with pytest.raises(UnsupportedModelError, match="category 'Clustering'"):
        adapter_for(clusters)
    model = H2OGradientBoostingEstimator(ntrees=5, seed=1)
    model.train(y="target", training_frame=frame(table.X, table.y, factor=False))
    with pytest.raises(InputError, match="got ndarray. Pass a DataFrame"):
        adapter_for(model).predict_raw(np.zeros((2, 11)))
