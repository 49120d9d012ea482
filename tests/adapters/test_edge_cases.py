"""Edge cases that break naive ways from a fitted model to an explanation, seen in real libraries."""

from __future__ import annotations

import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

from automl_explain import (
    BlackBox,
    MimicWrapper,
    _lazy,
    automl_setup_model_explanations,
    explain_automl,
    load,
    save,
)
from automl_explain.adapters import BlackBoxAdapter, adapter_for
from automl_explain.exceptions import ExplanationWarning, SelfCheckError

N = 400
ARGUMENTS = {"n_estimators": 30, "num_leaves": 7, "n_jobs": 1}


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=N),
            "b": rng.integers(0, 9, N),
            "id": [f"secret{i}" for i in range(N)],
            "city": rng.choice(np.array(["Oslo", "Rome"], dtype=object), N),
        }
    )


def first(rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(rows.iloc[:, 0].to_numpy(dtype=float) * 2)


def test_a_model_that_learnt_missing_targets_as_a_class_is_told_of(X: pd.DataFrame) -> None:
    """None among the labels of training became a class NaN."""

    class Learnt:
        classes_ = np.array(["no", "yes", np.nan], dtype=object)

        def predict_proba(self, rows: Any) -> np.ndarray:
            return np.tile([0.2, 0.5, 0.3], (len(rows), 1))

        def predict(self, rows: Any) -> np.ndarray:
            return np.full(len(rows), "yes", dtype=object)

    y = np.where(X["a"] > 0, "yes", "no").astype(object)
    y[3] = None
    with pytest.warns(ExplanationWarning, match="learnt rows without a target as a class of their own"):
        setup = automl_setup_model_explanations(Learnt(), "classification", X=X, y=y)
    assert setup.X_transform.shape[0] == N - 1


def test_targets_of_nullable_booleans_fit_classes_of_floats(X: pd.DataFrame) -> None:
    """The library keeps 0.0 and 1.0 where the table has False and True."""

    class Floats:
        classes_ = np.array([0.0, 1.0])

        def predict_proba(self, rows: Any) -> np.ndarray:
            return np.tile([0.4, 0.6], (len(rows), 1))

        def predict(self, rows: Any) -> np.ndarray:
            return np.ones(len(rows))

    setup = automl_setup_model_explanations(Floats(), "classification", X=X, y=(X["a"] > 0).astype("boolean"))
    assert setup.classes == [0.0, 1.0]


@pytest.mark.parametrize("names", [["[a]", "b<c>", '"d":', "e{f}"], [7, 3, 99, 0]], ids=["characters", "numbers"])
def test_names_that_learners_refuse_reach_the_explanation_as_they_are(X: pd.DataFrame, names: Any) -> None:
    """Special characters and whole numbers with gaps."""
    result = explain_automl(first, X.set_axis(names, axis=1), X.set_axis(names, axis=1)[:5], task="regression")
    assert result.raw.features == names
    assert result.raw.get_ranked_global_names(top_k=1) == names[:1]


def test_rows_go_by_position_whatever_the_index_holds(X: pd.DataFrame) -> None:
    """Labels that repeat, and are no range, come back in the explanation."""
    rows = X.set_axis(np.arange(N) // 7 * 3, axis=0)
    result = explain_automl(first, rows, rows[5:12], task="regression")
    assert list(result.raw.row_labels) == rows.index[5:12].tolist()
    np.testing.assert_array_equal(result.raw.eval_y_predicted, first(rows[5:12]))


def test_nullable_columns_reach_the_model_with_their_types() -> None:
    """Some libraries drop Int64 or fail on it, so a black box must not turn it into floats."""
    rows = pd.DataFrame({"n": pd.array([1, None, 3] * 20, dtype="Int64"), "b": pd.array([True, None, False] * 20)})
    seen: list[list[str]] = []

    def kinds(table: pd.DataFrame) -> np.ndarray:
        seen.append([str(d) for d in table.dtypes])
        return np.asarray(table["n"].fillna(0).to_numpy(dtype=float))

    explain_automl(kinds, rows, rows[:5], task="regression")
    assert set(map(tuple, seen)) == {("Int64", "boolean")}


def test_a_model_that_cannot_be_pickled_leaves_a_file_all_the_same(X: pd.DataFrame, tmp_path: Path) -> None:
    """The file to ship holds the surrogate and the names, never the model."""

    class Locked:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def predict(self, rows: Any) -> np.ndarray:
            with self.lock:
                return first(rows)

    setup = automl_setup_model_explanations(Locked(), "regression", X=X, X_test=X[:5])
    wrapper = MimicWrapper.from_setup(setup, explainable_model_args=ARGUMENTS)
    save(wrapper.create_scoring_explainer(), directory=tmp_path / "m")
    values = load(tmp_path / "m").explain(setup.X_test_transform, get_raw=True)
    np.testing.assert_allclose(values, wrapper.create_scoring_explainer().explain(setup.X_test_transform, get_raw=True))


def test_no_training_row_is_in_the_file(X: pd.DataFrame, tmp_path: Path) -> None:
    """Neighbours keep their training rows; cells that are there once stay out of the file."""
    model = KNeighborsClassifier().fit(X[["a"]], X["a"] > 0)
    box = BlackBox(lambda rows: model.predict_proba(rows[["a"]]), task="classification", classes=["low", "high"])
    setup = automl_setup_model_explanations(box, "classification", X=X)
    save(
        MimicWrapper.from_setup(setup, explainable_model_args=ARGUMENTS).create_scoring_explainer(),
        directory=tmp_path / "m",
    )
    (path,) = (tmp_path / "m").glob("*.aex")
    with zipfile.ZipFile(path) as archive:
        held = b"".join(archive.read(name) for name in archive.namelist())
    assert b"city" in held
    assert b"secret" not in held


@pytest.mark.parametrize("shift", [0.0, 1e-9], ids=["exactly", "nearly"])
def test_probabilities_of_zero_and_one_have_finite_contributions(X: pd.DataFrame, shift: float) -> None:
    """Log-odds of a certain class are infinite, and so are clipped."""

    def certain(rows: pd.DataFrame) -> np.ndarray:
        p = np.where(rows["a"] > 0, 1.0 - shift, shift)
        return np.column_stack([1 - p, p])

    result = explain_automl(certain, X, X[:20], task="classification")
    assert np.isfinite(result.raw.values).all()
    assert np.isfinite(result.raw.output).all()
    assert result.raw.eval_fidelity.agreement > 0.9


def test_fully_grown_trees_are_probabilities_not_labels(X: pd.DataFrame) -> None:
    """Columns of exactly 0 and 1 are taken as they are where there is one for each class."""
    model = RandomForestClassifier(1, bootstrap=False, random_state=0).fit(X[["a"]], X["city"])
    setup = automl_setup_model_explanations(
        BlackBox(lambda rows: model.predict_proba(rows[["a"]]), task="classification"), "classification", X=X
    )
    assert set(np.unique(setup.automl_estimator.predict_proba(setup.X_transform))) == {0.0, 1.0}


def test_slow_models_are_asked_a_few_times_for_many_rows(X: pd.DataFrame) -> None:
    """A call may take most of a second whatever its rows, so calls are counted."""
    calls: list[int] = []

    def counted(rows: pd.DataFrame) -> np.ndarray:
        calls.append(len(rows))
        return first(rows)

    setup = automl_setup_model_explanations(counted, "regression", X=X, X_test=X[:50])
    assert len(calls) == 3
    wrapper = MimicWrapper.from_setup(setup, explainable_model_args=ARGUMENTS)
    wrapper.explain(["local", "global"], eval_dataset=setup.X_test_transform, get_raw=True)
    assert len(calls) <= 10


HEAVY = ["flaml", "mlflow", "supervised", "tpot", "autogluon", "h2o", "lightautoml", "pycaret", "evalml"]


def test_no_other_library_is_imported_before_a_model_of_it_comes() -> None:
    """Adapters are found by the name of a type and imported then."""
    code = f"import sys, automl_explain.adapters; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class TheirModel:
    """A model of a package that this one has never heard of."""

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"chance": (1 + np.tanh(first(rows))) / 2})

    predict = score


class TheirAdapter(BlackBoxAdapter):
    """What that package announces as an entry point; the setup tells it the task."""

    def __init__(self, model: TheirModel, task: str | None = None) -> None:
        super().__init__(model, task=task or "regression", classes=["no", "yes"])

    def soft_output(self, X: Any) -> Any:
        return self.model.score(X)

    def labels(self, X: Any) -> None:
        return None


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entry = EntryPoint(f"{__name__}:TheirModel", f"{__name__}:TheirAdapter", "automl_explain.adapters")
    found: Callable[..., list[EntryPoint]] = lambda *, group: [entry] if group == entry.group else []  # noqa: E731
    monkeypatch.setattr("importlib.metadata.entry_points", found)
    _lazy.refresh()
    yield
    _lazy.refresh()


@pytest.mark.usefixtures("announced")
def test_an_adapter_of_another_package_is_used_and_told_the_task(X: pd.DataFrame) -> None:
    assert type(adapter_for(TheirModel())) is TheirAdapter
    result = explain_automl(TheirModel(), X, X[:10], task="classification")
    assert result.setup.classes == ["no", "yes"]
    np.testing.assert_array_equal(
        result.raw.eval_y_predicted_proba[:, 1], TheirModel().score(X[:10])["chance"].to_numpy()
    )
    assert result.raw.get_ranked_global_names(top_k=1) == ["a"]
    assert adapter_for(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])).task == "regression"


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-12])
@pytest.mark.parametrize("outlier", [1.0, 1e9])
def test_rows_that_change_with_the_batch_are_found_beside_a_large_one(scale: float, outlier: float) -> None:
    """A model whose prediction of row 3 depends on the number of rows beside it."""
    X = np.arange(60.0).reshape(20, 3)
    X[0] *= outlier

    class Depending(LinearRegression):
        def predict(self, rows: Any) -> np.ndarray:
            found = super().predict(rows)
            return np.where(np.asarray(rows)[:, 0] == X[3, 0], found * (1 + len(rows) / 1e3), found)

    model = Depending().fit(X, scale * X[:, 0])
    with pytest.raises(SelfCheckError, match="in another batch are others"):
        automl_setup_model_explanations(model, X=X, y=scale * X[:, 0], task="regression", features=list("abc"))
