"""The setup: what must be given, what comes back, and that rows, labels and names stay aligned."""

from __future__ import annotations

import dataclasses
import re
import tracemalloc
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import AutoMLExplainerSetup, automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.exceptions import (
    BlackBoxWarning,
    DataError,
    InputError,
    SelfCheckError,
    UnsupportedModelError,
)
from automl_explain.explainer_setup import _setup
from automl_explain.feature_map import FeatureMap

N = 400


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    """400 rows, 5 raw columns."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=N),
            "b": rng.normal(size=N),
            "c": rng.integers(0, 5, N),
            "unused": rng.normal(size=N),
            "key": np.arange(N),
        }
    )


@pytest.fixture(scope="module")
def y(X: pd.DataFrame) -> np.ndarray:
    return np.where(X["a"] + X["b"] > 0, "yes", "no").astype(object)


@pytest.fixture(scope="module")
def model(X: pd.DataFrame, y: np.ndarray) -> Pipeline:
    """Pipeline whose featurization makes 3 engineered features of 5 raw columns."""
    prepare = ColumnTransformer([("z", StandardScaler(), ["b", "a"]), ("same", "passthrough", ["c"])])
    return make_pipeline(prepare, LogisticRegression()).fit(X, y)


@pytest.fixture(scope="module")
def bare() -> LinearRegression:
    """Model of 4 columns without names and without featurization."""
    rows = np.random.default_rng(0).normal(size=(60, 4))
    return LinearRegression().fit(rows, rows.sum(axis=1))


def set_up(model: Any, **options: Any) -> AutoMLExplainerSetup:
    return automl_setup_model_explanations(model, "classification", **options)


# --- what comes back -------------------------------------------------------------------------


def test_three_engineered_features_of_five_raw_columns(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    """X of (400, 5) gives X_transform of (400, 3) and a map of (5, 3) floats."""
    setup = set_up(model, X=X, X_test=X[:10], y=y, y_test=y[:10])
    assert setup.X_transform.shape == (400, 3)
    assert setup.X_test_transform.shape == (10, 3)
    assert setup.X_test_raw.shape == (10, 5)
    assert setup.feature_map.shape == np.asarray(setup.feature_map).shape == (5, 3)
    assert np.asarray(setup.feature_map).dtype == np.float64
    assert np.asarray(setup.feature_map).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert setup.engineered_feature_names == ["z__b", "z__a", "same__c"]
    assert setup.raw_feature_names == ["a", "b", "c", "unused", "key"]
    assert setup.classes == ["no", "yes"]
    assert setup.y.tolist() == y.tolist()
    assert setup.y_test.tolist() == y[:10].tolist()
    assert setup.task == "classification"
    assert setup.automl_estimator is model[-1]
    assert setup.automl_pipeline is model
    assert list(setup.automl_featurizer.named_steps) == ["columntransformer"]


def test_rows_to_explain_alone_give_map_and_engineered_rows(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    """With X_test only, X_transform and classes are None."""
    setup = set_up(model, X_test=X[:10])
    assert setup.X_transform is None
    assert setup.classes is None
    assert setup.y is None
    assert setup.y_test is None
    full = set_up(model, X=X, X_test=X[:10], y=y)
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.asarray(full.feature_map))
    np.testing.assert_array_equal(setup.X_test_transform, full.X_test_transform)


def test_new_rows_are_featurized_as_those_to_explain(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    """Whatever the order of their columns."""
    setup = set_up(model, X=X, X_test=X[:10], y=y)
    np.testing.assert_array_equal(setup.transform(X[X.columns[::-1]][:10]), setup.X_test_transform)
    with pytest.raises(InputError, match="key"):
        setup.transform(X.drop(columns="key"))


def test_training_rows_alone_are_enough(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    setup = set_up(model, X=X, y=y)
    assert setup.X_test_raw is None
    assert setup.X_test_transform is None
    assert setup.X_transform.shape == (400, 3)
    assert re.search(r"rows to explain +none", repr(setup))


def test_scoring_featurizes_once_and_asks_the_model_nothing(X: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """With X_test alone the whole batch passes the featurization once, and nothing is predicted."""
    calls: list[tuple[str, int]] = []

    transform = StandardScaler.transform

    def counted(self: StandardScaler, X: Any, copy: bool | None = None) -> Any:
        calls.append(("transform", len(X)))
        return transform(self, X, copy)

    class Silent(LinearRegression):
        def predict(self, X: Any) -> Any:
            calls.append(("predict", len(X)))
            return super().predict(X)

    # Not a class of its own, which would be probed.
    monkeypatch.setattr(StandardScaler, "transform", counted)
    made = ColumnTransformer([("a", StandardScaler(), ["a"])])
    fitted = make_pipeline(made, Silent()).fit(X, X["a"])
    calls.clear()
    automl_setup_model_explanations(fitted, "regression", X_test=X)
    assert [call for call in calls if call[1] == N] == [("transform", N)]
    assert not [call for call in calls if call[0] == "predict"]


def test_the_setup_is_frozen_and_readable(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    setup = set_up(model, X=X, X_test=X[:10], y=y, automl_run="run-7")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setup.classes = []  # type: ignore[misc]
    assert setup.automl_run == "run-7"
    text = repr(setup)
    for part in (
        "Pipeline (classification), estimator LogisticRegression",
        "5 raw -> 3 engineered",
        "400 x 3",
        "10 x 3",
    ):
        assert part in text
    assert "unused raw columns  'unused', 'key'" in text
    assert "&#x27;unused&#x27;" in setup._repr_html_()
    assert setup._repr_html_().count("<tr>") == len(text.splitlines()) - 1


def test_names_in_the_html_are_escaped(y: np.ndarray) -> None:
    rows = pd.DataFrame({"<b>": np.arange(4.0), "x": [0.0, 1.0, 0.0, 2.0]})
    prepare = ColumnTransformer([("x", "passthrough", ["x"])])
    setup = set_up(make_pipeline(prepare, LogisticRegression()).fit(rows, y[:4]), X_test=rows)
    assert "'<b>'" in repr(setup)
    assert "&#x27;&lt;b&gt;&#x27;" in setup._repr_html_()


def test_a_surrogate_is_named_with_its_arguments(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    setup = set_up(model, X=X, X_test=X[:10], y=y)
    assert setup.surrogate_model.__name__ == "LGBMExplainableModel"
    assert setup.surrogate_model_params["explainable_model_args"]["n_jobs"] >= 1
    assert "categorical_features" not in setup.surrogate_model_params


def test_engineered_columns_of_text_are_categories_to_the_surrogate() -> None:
    """Numbers in a column of Python objects are numbers still."""

    class Reads(RegressorMixin, BaseEstimator):
        def fit(self, X: Any, y: Any = None) -> Reads:
            self.n_features_in_ = 2
            return self

        def predict(self, X: Any) -> np.ndarray:
            return (np.asarray(X)[:, 0] == "a").astype(float)

    frame = pd.DataFrame({"word": ["a", "b", "a"], "x": [1.0, 2.0, 3.0]})
    array = frame.astype(object).to_numpy()
    for rows, options in ((frame, {}), (frame.astype(object), {}), (array, {"features": ["word", "x"]})):
        setup = automl_setup_model_explanations(Reads().fit(rows), "regression", X=rows, **options)
        assert setup.surrogate_model_params["categorical_features"] == ["word"]


# --- what is refused -------------------------------------------------------------------------


def test_another_task_is_refused_with_the_three_legal_ones(model: Pipeline, X: pd.DataFrame) -> None:
    """'cls' is none of classification, regression, forecasting."""
    with pytest.raises(InputError, match="'classification', 'regression', 'forecasting'; got 'cls'"):
        automl_setup_model_explanations(model, "cls", X=X)


def test_nothing_to_work_on_is_refused(model: Pipeline, y: np.ndarray) -> None:
    """No table at all, or `y` alone, leaves nothing to set up."""
    with pytest.raises(InputError, match="`X`, `X_test` and `y` are all None; pass training rows"):
        set_up(model)
    with pytest.raises(InputError, match="`y` alone gives nothing to explain"):
        set_up(model, y=y)


@pytest.mark.parametrize("argument", ["X", "X_test"])
def test_rows_in_a_list_are_refused_with_the_accepted_types(model: Pipeline, X: pd.DataFrame, argument: str) -> None:
    """The message names the argument and the types, for X and X_test alike."""
    with pytest.raises(InputError, match=rf"`{argument}` must be a pandas DataFrame, a numpy .* got list"):
        set_up(model, **{"X": X, argument: [[1.0, 2.0, 3.0, 4.0, 5.0]]})


def test_tables_of_different_width_are_refused_with_both_counts(model: Pipeline, X: pd.DataFrame) -> None:
    """Five against three columns."""
    with pytest.raises(InputError, match="`X` has 5 columns and `X_test` has 3"):
        set_up(model, X=X, X_test=X[["a", "b", "c"]])
    with pytest.raises(InputError, match="`X` has 5 columns and `X_test` has 3"):
        set_up(model, X=X.to_numpy(), X_test=X[["a", "b", "c"]].to_numpy())


def test_arrays_without_names_and_featurization_need_features(bare: LinearRegression) -> None:
    """The message says to pass `features`, for dense and sparse rows."""
    for rows in (np.ones((3, 4)), sp.csr_matrix(np.ones((3, 4)))):
        with pytest.raises(InputError, match=r"no column names .* pass `features`"):
            automl_setup_model_explanations(bare, "regression", X=rows)


def test_features_name_the_columns_of_an_array(bare: LinearRegression) -> None:
    """Without featurization the map is the 4 x 4 identity, and all names are the features."""
    setup = automl_setup_model_explanations(bare, "regression", X=np.ones((3, 4)), features=["a", "b", "c", "d"])
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.eye(4))
    assert setup.engineered_feature_names == setup.raw_feature_names == ["a", "b", "c", "d"]


def test_a_frame_names_its_columns_without_featurization(X: pd.DataFrame) -> None:
    """Engineered names are the columns; Azure gives None."""
    fitted = LinearRegression().fit(X, X["a"])
    setup = automl_setup_model_explanations(fitted, "regression", X=X)
    assert setup.engineered_feature_names == setup.raw_feature_names == list(X.columns)
    named = automl_setup_model_explanations(LinearRegression().fit(X, X["a"]), "regression", X_test=X.to_numpy()[:1])
    assert named.raw_feature_names == list(X.columns)  # the model knows them


def test_features_of_another_length_are_refused(bare: LinearRegression, model: Pipeline, X: pd.DataFrame) -> None:
    """Wrong names are refused at once, not at the first aggregation."""
    with pytest.raises(InputError, match="`features` has 3 names for 4 raw columns"):
        automl_setup_model_explanations(bare, "regression", X=np.ones((3, 4)), features=["a", "b", "c"])
    with pytest.raises(InputError, match="`features` has 6 names for 5 raw columns"):
        set_up(model, X=X, features=list("abcdef"))


def test_targets_that_do_not_fit_are_refused(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    with pytest.raises(InputError, match="`y` has 399 values, `X` has 400 rows"):
        set_up(model, X=X, y=y[:-1])
    with pytest.raises(InputError, match="`y_test` has 3 values, `X_test` has 4 rows"):
        set_up(model, X_test=X[:4], y_test=y[:3])
    with pytest.raises(InputError, match="`max_eval_rows` must be a whole number of at least 1; got 0"):
        set_up(model, X=X, max_eval_rows=0)


def test_another_task_than_that_of_the_model_is_refused(model: Pipeline, X: pd.DataFrame) -> None:
    for task in ("regression", "forecasting"):
        with pytest.raises(InputError, match=r"but the model does classification\. Pass task='classification'"):
            automl_setup_model_explanations(model, task, X=X, y=X["a"])


def test_forecasting_needs_the_targets(X: pd.DataFrame) -> None:
    """A clear error without y; with it a regression on the columns of a row is explained."""
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(X, X["a"])
    for options in ({"X": X}, {"X": X, "X_test": X}, {"X_test": X}):
        with pytest.raises(InputError, match="`task='forecasting'` needs the target history: pass `y`"):
            automl_setup_model_explanations(fitted, "forecasting", **options)
    setup = automl_setup_model_explanations(fitted, "forecasting", X=X, X_test=X, y=X["a"])
    assert setup.task == "regression"
    assert setup.classes is None


def test_pure_time_series_models_are_refused_before_anything_is_made(X: pd.DataFrame) -> None:
    """A pipeline that ends in a forecaster is refused, never explained with random data."""
    forecaster = type("AutoArima", (LinearRegression,), {})()
    fitted = Pipeline([("prepare", StandardScaler()), ("model", forecaster)]).fit(X, X["a"])
    with pytest.raises(UnsupportedModelError, match="AutoArima forecasts from the history of the target"):
        automl_setup_model_explanations(fitted, "forecasting", X=X, X_test=X, y=X["a"])


def test_whether_a_model_is_explainable_can_be_asked_beforehand(model: Pipeline, X: pd.DataFrame) -> None:
    """An ensemble is explainable if its members are, a run if its property says so."""
    assert automl_check_model_if_explainable(model)
    forecaster = type("TCNForecaster", (LinearRegression,), {})()
    tcn = Pipeline([("prepare", StandardScaler()), ("model", forecaster)]).fit(X, X["a"])
    assert not automl_check_model_if_explainable(tcn)
    assert not automl_check_model_if_explainable(LinearRegression())
    assert not automl_check_model_if_explainable(types.SimpleNamespace(properties={}))
    assert automl_check_model_if_explainable(types.SimpleNamespace(properties={"model_exp_support": "True"}))


# --- rows and labels -------------------------------------------------------------------------


def test_rows_with_a_missing_target_vanish_from_rows_and_targets(
    model: Pipeline, X: pd.DataFrame, y: np.ndarray
) -> None:
    """None, '', 'nan' and NaN; what remains is aligned by the key column."""
    gaps = y.copy()
    gaps[[0, 7, 8, 399]] = [None, "", "nan", np.nan]
    setup = set_up(model, X=X, X_test=X, y=gaps, y_test=gaps)
    kept = [i for i in range(N) if i not in (0, 7, 8, 399)]
    assert setup.X_transform.shape == (396, 3)
    assert setup.y.tolist() == setup.y_test.tolist() == y[kept].tolist()
    assert setup.X_test_raw["key"].tolist() == kept
    np.testing.assert_array_equal(setup.X_transform, model[0].transform(X.iloc[kept]))
    np.testing.assert_array_equal(setup.X_transform, setup.X_test_transform)
    assert setup.classes == ["no", "yes"]


def test_a_missing_number_is_missing_too(X: pd.DataFrame) -> None:
    """NaN among numbers, in a Series whose index is not that of the rows."""
    fitted = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X["a"])
    targets = pd.Series(X["a"].to_numpy(copy=True), index=np.arange(N)[::-1])
    targets.iloc[3] = np.nan
    setup = automl_setup_model_explanations(fitted, "regression", X=X, y=targets)
    assert setup.X_transform.shape[0] == len(setup.y) == 399
    np.testing.assert_array_equal(setup.y, X["a"].drop(3))


def test_all_targets_missing_is_a_data_error(model: Pipeline, X: pd.DataFrame) -> None:
    """The message names the argument."""
    with pytest.raises(DataError, match="All 400 targets in `y` are missing"):
        set_up(model, X=X, y=[None] * N)
    with pytest.raises(DataError, match="All 4 targets in `y_test` are missing"):
        set_up(model, X=X, X_test=X[:4], y_test=[np.nan] * 4)


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, np.ndarray]:
    """8,000 rows with a rare label."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.normal(size=8000), "key": np.arange(8000)}, index=rng.integers(0, 50, 8000))
    return X, np.where(rng.random(8000) < 0.01, "rare", np.where(X["a"] > 0, "up", "down")).astype(object)


@pytest.fixture(scope="module")
def of_many(many: tuple[pd.DataFrame, np.ndarray]) -> Pipeline:
    X, y = many
    prepare = ColumnTransformer([("a", StandardScaler(), ["a"]), ("key", "passthrough", ["key"])])
    return make_pipeline(prepare, LogisticRegression(max_iter=5, tol=1e9)).fit(X, y)


def test_many_rows_to_explain_are_sampled_unless_told_otherwise(of_many: Pipeline, many: Any) -> None:
    """8,000 rows become 5,000 in both tables, the same rows; ``downsample=False`` keeps all."""
    X, y = many
    setup = set_up(of_many, X_test=X, y_test=y)
    assert len(setup.X_test_raw) == len(setup.X_test_transform) == len(setup.y_test) == 5000
    np.testing.assert_array_equal(setup.X_test_raw["key"], setup.X_test_transform[:, 1])
    assert len(set_up(of_many, X_test=X, downsample=False).X_test_raw) == 8000
    assert len(set_up(of_many, X_test=X, max_eval_rows=8000).X_test_raw) == 8000
    assert len(set_up(of_many, X_test=X, max_eval_rows=10).X_test_transform) == 10


def test_the_same_seed_gives_the_same_rows_with_their_labels(of_many: Pipeline, many: Any) -> None:
    """Two calls draw the same rows; labels and index go with them, in their order."""
    X, y = many
    first, again = (set_up(of_many, X_test=X, y_test=y, random_state=3) for _ in range(2))
    kept = first.X_test_raw["key"].to_numpy()
    np.testing.assert_array_equal(kept, again.X_test_raw["key"])
    assert (np.diff(kept) > 0).all()
    assert first.y_test.tolist() == y[kept].tolist()
    assert first.X_test_raw.index.tolist() == X.index[kept].tolist()
    other = set_up(of_many, X_test=X, y_test=y, random_state=4)
    assert set(other.X_test_raw["key"]) != set(kept)


def test_the_sample_keeps_the_shares_of_the_labels(of_many: Pipeline, many: Any) -> None:
    X, y = many
    setup = set_up(of_many, X_test=X, y_test=y, max_eval_rows=1000)
    for label in ("rare", "up", "down"):
        # Whole rows: a stratified share is off by less than one.
        assert abs((setup.y_test == label).sum() - 1000 * (y == label).mean()) < 1
    alone = y.copy()
    alone[0] = "alone"  # one row cannot be shared out: the sample is then a plain one
    assert len(set_up(of_many, X_test=X, y_test=alone, max_eval_rows=1000).y_test) == 1000
    assert len(set_up(of_many, X_test=X, y_test=y, max_eval_rows=2).y_test) == 2


def test_training_rows_are_never_sampled(of_many: Pipeline, many: Any) -> None:
    X, y = many
    assert set_up(of_many, X=X, X_test=X[:3], y=y).X_transform.shape[0] == 8000


def test_columns_of_the_rows_to_explain_may_stand_in_another_order(
    model: Pipeline, X: pd.DataFrame, y: np.ndarray
) -> None:
    setup = set_up(model, X=X, X_test=X[X.columns[::-1]], y=y)
    np.testing.assert_array_equal(setup.X_test_transform, setup.X_transform)
    assert list(setup.X_test_raw.columns) == setup.raw_feature_names


def test_nothing_given_is_changed(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    """Rows, labels and names are as before, whatever is dropped and sampled."""
    gaps = y.copy()
    gaps[3] = None
    before, names = X.copy(deep=True), list(X.columns)
    labels = gaps.copy()
    set_up(model, X=X, X_test=X, y=gaps, y_test=gaps, features=names, max_eval_rows=50)
    pd.testing.assert_frame_equal(X, before)
    assert gaps.tolist() == labels.tolist()
    assert names == list(X.columns)


# --- classes ---------------------------------------------------------------------------------


def test_classes_come_from_the_estimator_not_from_the_labels(X: pd.DataFrame) -> None:
    """A class that the labels at hand lack is there, in the place of its probability."""
    three = np.array([30, 10, 20])[np.digitize(X["a"], [-0.5, 0.5])]
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, three)
    few = X[three != 20]
    setup = set_up(fitted, X=few, y=three[three != 20])
    assert setup.classes == fitted.classes_.tolist() == [10, 20, 30]
    assert {type(c) for c in setup.classes} == {int}


def test_classes_are_the_sorted_labels_where_the_estimator_knows_none(X: pd.DataFrame, y: np.ndarray) -> None:
    """Labels keep their types."""

    class Nameless:
        def predict(self, X: Any) -> np.ndarray:
            return np.zeros(len(X))

        def predict_proba(self, X: Any) -> np.ndarray:
            return np.full((len(X), 2), 0.5)

    assert set_up(Nameless(), X=X, y=y).classes == ["no", "yes"]
    booleans = set_up(Nameless(), X=X, y=X["a"] > 0).classes
    assert booleans == [False, True]
    assert {type(c) for c in booleans} == {bool}
    assert set_up(Nameless(), X=X).classes is None


# --- sparse rows -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts() -> sp.csr_matrix:
    """Whole numbers, 300 x 6."""
    return sp.csr_matrix(np.random.default_rng(0).poisson(0.5, (300, 6)))


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array, sp.coo_matrix, sp.coo_array, sp.csc_matrix])
def test_sparse_whole_numbers_become_float64_and_raw_rows_stay(counts: sp.csr_matrix, make: Any) -> None:
    """int64 in, float64 csr in X_transform, X_test_raw left as it was; in every scipy format."""
    given = make(counts)
    fitted = LinearRegression().fit(counts.astype(float), np.arange(300.0))
    setup = automl_setup_model_explanations(
        fitted, "regression", X=given, X_test=given, y=np.arange(300.0), features=list("abcdef"), max_eval_rows=40
    )
    assert isinstance(setup.X_transform, sp.csr_matrix)
    assert setup.X_transform.dtype == np.float64
    assert setup.X_test_transform.dtype == np.float64
    assert setup.X_test_raw.dtype == np.int64
    assert setup.X_test_raw.shape == setup.X_test_transform.shape == (40, 6)
    np.testing.assert_array_equal(setup.X_test_raw.toarray(), setup.X_test_transform.toarray())
    np.testing.assert_array_equal(setup.X_transform.toarray(), counts.toarray())
    assert given.dtype == np.int64
    assert abs(sp.csr_matrix(given) - counts).nnz == 0


class FirstColumn(RegressorMixin, BaseEstimator):
    """Predicts the first column of sparse rows; cheap for any width."""

    def fit(self, X: Any, y: Any = None) -> FirstColumn:
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(X[:, [0]].todense()).ravel()


def test_wide_sparse_rows_with_a_missing_target_are_never_dense() -> None:
    """20,000 x 2,000 values would take 320 MB dense; a few copies of the 2.4 MB of entries are allowed."""
    rows = sp.random(20_000, 2_000, density=0.005, random_state=0, format="csr")
    y = np.zeros(20_000)
    y[7] = np.nan
    fitted = FirstColumn().fit(rows)
    names = [f"f{j}" for j in range(2_000)]
    tracemalloc.start()
    try:
        setup = automl_setup_model_explanations(
            fitted, "regression", X=rows, X_test=rows, y=y, y_test=y, features=names
        )
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    for made in (setup.X_transform, setup.X_test_transform, setup.X_test_raw):
        assert isinstance(made, sp.csr_matrix)
    assert setup.X_transform.shape == (19_999, 2_000)
    assert setup.X_test_raw.shape == (5_000, 2_000)
    # X and X_test without the row, the sample and its copies, names and schema: under ten times the entries.
    assert peak < 24
    assert sp.issparse(setup.feature_map.matrix)
    assert setup.feature_map.matrix.nnz == 2_000


def test_a_wide_map_is_sparse_and_equals_the_dense_reference() -> None:
    """300 categories of two columns, checked against a map written down by hand."""
    frame = pd.DataFrame({"a": [f"a{i % 300}" for i in range(600)], "b": [f"b{i % 200}" for i in range(600)]})
    fitted = make_pipeline(ColumnTransformer([("hot", OneHotEncoder(), ["b", "a"])]), LinearRegression())
    setup = automl_setup_model_explanations(fitted.fit(frame, np.arange(600.0)), "regression", X=frame)
    assert sp.issparse(setup.feature_map.matrix)
    reference = np.zeros((2, 500))
    reference[1, :200] = 1.0
    reference[0, 200:] = 1.0
    np.testing.assert_array_equal(np.asarray(setup.feature_map), reference)


# --- the check of the model against its parts ------------------------------------------------


def _stub(**parts: Any) -> Any:
    """Adapter of a regression on two columns, whose parts can be replaced."""
    return types.SimpleNamespace(
        **{
            "task": "regression",
            "estimator": object(),
            "featurizer": object(),
            "classes": None,
            "transform": lambda X: X.to_numpy(),
            "predict_raw": lambda X: X["a"].to_numpy(),
            "predict_engineered": lambda Z: Z[:, 0],
            "feature_map": lambda X, names: FeatureMap.identity(names),
            **parts,
        }
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"predict_raw": lambda X: X["a"].to_numpy() + 1e-3}, r"they differ by up to 0\.001, on 256 of the rows\."),
        ({"predict_engineered": lambda Z: Z}, "their shapes differ"),
        ({"transform": lambda X: X.to_numpy()[::-1]}, "they differ by up to"),
    ],
    ids=["values", "shapes", "rows in another order"],
)
def test_parts_that_predict_something_else_than_the_model_make_it_a_black_box(
    monkeypatch: pytest.MonkeyPatch, X: pd.DataFrame, parts: Any, message: str
) -> None:
    """The model's own predictions are explained then, and the warning says why."""
    stub = _stub(**parts)
    monkeypatch.setattr(_setup, "adapter_for", lambda model, task: stub)
    with pytest.warns(BlackBoxWarning, match=rf"256 raw rows.*{message}.*explained as a black box"):
        setup = automl_setup_model_explanations(object(), "regression", X=X[["a", "b"]])
    assert setup.engineered_feature_names == setup.raw_feature_names == ["a", "b"]
    np.testing.assert_array_equal(setup.automl_estimator.predict(setup.X_transform), stub.predict_raw(X))
    assert "the model reads the raw columns" in repr(setup)
    pd.testing.assert_frame_equal(setup.transform(X[["b", "a"]]), setup.X_transform)


def test_several_targets_are_no_black_box_either(monkeypatch: pytest.MonkeyPatch, X: pd.DataFrame) -> None:
    stub = _stub(predict_raw=lambda X: np.ones((len(X), 2)))
    monkeypatch.setattr(_setup, "adapter_for", lambda model, task: stub)
    with pytest.raises(UnsupportedModelError, match="predicts several targets at once"):
        automl_setup_model_explanations(object(), "regression", X=X[["a", "b"]])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda X: X["a"].to_numpy() - X["a"].mean(), "in another batch are others: they differ by up to"),
        (lambda X: np.random.default_rng().normal(size=len(X)), "others when it is asked again: they differ"),
        (lambda X: np.ones(3), "gives 3 predictions for 256 rows"),
    ],
    ids=["batch", "random", "length"],
)
def test_a_model_that_does_not_answer_row_by_row_is_refused(X: pd.DataFrame, answer: Any, message: str) -> None:
    with pytest.raises(SelfCheckError, match=rf"{message}.*Make it predict every row by itself"):
        automl_setup_model_explanations(answer, "regression", X=X[["a", "b"]])


def test_last_bits_and_missing_predictions_do_not_count(monkeypatch: pytest.MonkeyPatch, X: pd.DataFrame) -> None:
    """Compared with a relative 1e-6, never for equality."""
    rows = X[["a", "b"]].copy()
    rows.loc[0, "a"] = np.nan
    stub = _stub(predict_raw=lambda X: X["a"].to_numpy() * (1 + 5e-7))
    monkeypatch.setattr(_setup, "adapter_for", lambda model, task: stub)
    assert automl_setup_model_explanations(object(), "regression", X=rows).X_transform.shape == (N, 2)


def test_a_map_of_another_width_than_the_rows_is_refused(monkeypatch: pytest.MonkeyPatch, X: pd.DataFrame) -> None:
    """A wrong map would explain the wrong columns: Azure checks it in auto mode only."""
    stub = _stub(transform=lambda X: np.ones((len(X), 3)))
    monkeypatch.setattr(_setup, "adapter_for", lambda model, task: stub)
    for argument in ("X", "X_test"):
        with pytest.raises(UnsupportedModelError, match="makes 3 columns, but its feature map has 2"):
            automl_setup_model_explanations(object(), "regression", **{argument: X[["a", "b"]]})
