"""FLAML models taken apart: every learner, label and table, against the model's own predictions."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from flaml import AutoML
from models import FLAML, fit_flaml
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.adapters._flaml import FlamlAdapter, FlamlClassifier, FlamlRegressor
from automl_explain.exceptions import BlackBoxWarning, DataError, InputError, UnsupportedModelError
from automl_explain.explainer_setup import AutoMLExplainerSetup

# The adapter calls FLAML's own featurization, which on pandas 3 uses accessors that pandas will drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:flaml", "ignore::FutureWarning:flaml")


def ending_in_flaml(task: str) -> dict[str, Any]:
    """Arguments of the `fit` of a Pipeline whose last step, ``automl``, is FLAML."""
    return {f"automl__{k}": v for k, v in {**FLAML, "estimator_list": ["lgbm"], "task": task}.items()}


def own_rows(automl: AutoML) -> Callable[[Any], Any]:
    """The engineered rows as FLAML's own `predict` makes them; the public name came with FLAML 2.5."""
    return lambda X: automl._state.task.preprocess(X, automl.feature_transformer)


def set_up(model: Any, X: Any, y: Any, task: str = "classification", **options: Any) -> AutoMLExplainerSetup:
    """Setup with the first rows explained."""
    X_test = X.iloc[:60] if isinstance(X, pd.DataFrame) else X[:60]
    return automl_setup_model_explanations(model, task, X=X, X_test=X_test, y=y, **options)


TARGETS: dict[str, Callable[[np.ndarray], Any]] = {
    "text": lambda s: np.where(s > 0, "yes", "no").astype(object),
    "boolean": lambda s: s > 0,
    "integer": lambda s: np.where(s > 0, 7, 3),
    "text of three": lambda s: np.array(["low", "high", "mid"], dtype=object)[np.digitize(s, [-8, 8])],
    "integer of three": lambda s: np.array([5, -1, 2])[np.digitize(s, [-8, 8])],
    "number": lambda s: s * 2.5,
}
LABELS = {
    "text": ["no", "yes"],
    "boolean": [False, True],
    "integer": [3, 7],
    "text of three": ["high", "low", "mid"],
    "integer of three": [-1, 2, 5],
    "number": None,
}
LEARNERS = ["lgbm", "rf", "xgboost", "lrl1", "kneighbor", "sgd", "histgb", "extra_tree"]
FED = {"age", "visits", "city", "grade", "kind", "member", "signup"}


@pytest.fixture(scope="module")
def models(mixed: pd.DataFrame, score: np.ndarray) -> Callable[[str, str], tuple[AutoML, Any]]:
    """Models on `mixed` by kind of target and learner, each fitted once."""
    made: dict[tuple[str, str], tuple[AutoML, Any]] = {}

    def model(target: str, learner: str = "lgbm") -> tuple[AutoML, Any]:
        if (target, learner) not in made:
            y = TARGETS[target](score)
            task = "regression" if target == "number" else "classification"
            made[target, learner] = fit_flaml(mixed, y, task, [learner]), y
        return made[target, learner]

    return model


# --- the mixed table -------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_labels_of_every_kind_keep_their_order_and_type(
    models: Any, mixed: pd.DataFrame, check: Any, keep: Any, target: str
) -> None:
    """Classes stand in the order of the estimator's outputs, and the task is the model's own."""
    automl, y = models(target)
    task = "regression" if target == "number" else "classification"
    untouched = keep(mixed)
    setup = set_up(automl, mixed, y, task)
    check(setup, automl)
    assert untouched()
    assert setup.task == task
    assert setup.classes == LABELS[target]
    if LABELS[target] is not None:
        assert [type(c) for c in setup.classes] == [type(c) for c in LABELS[target]]


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_learner_predicts_from_engineered_rows_what_flaml_predicts_from_raw_rows(
    models: Any, mixed: pd.DataFrame, check: Any, learner: str
) -> None:
    """Kneighbor drops categories and sgd mixes rows inside; FLAML's rows are before that."""
    automl, y = models("text", learner)
    setup = set_up(automl, mixed, y)
    check(setup, automl)
    assert automl.best_estimator == learner
    assert repr(setup.automl_estimator) == f"FlamlClassifier({learner})"


@pytest.mark.parametrize("learner", ["lgbm", "rf", "xgboost", "kneighbor", "sgd", "histgb"])
def test_every_regressor_predicts_from_engineered_rows_what_flaml_predicts_from_raw_rows(
    models: Any, mixed: pd.DataFrame, check: Any, learner: str
) -> None:
    """Compared with a tolerance, since forests differ in the last bit between calls."""
    automl, y = models("number", learner)
    check(set_up(automl, mixed, y, "regression"), automl)


@pytest.mark.parametrize("learner", ["lgbm", "kneighbor", "sgd"])
def test_the_map_is_exactly_what_moves_when_one_raw_column_is_shuffled(
    models: Any, mixed: pd.DataFrame, moved: Any, learner: str
) -> None:
    """Engineered columns are categories first, then numbers, and the map has them so."""
    automl, y = models("text", learner)
    setup = set_up(automl, mixed, y)
    found = moved(own_rows(automl), mixed)
    np.testing.assert_array_equal(setup.feature_map.support.toarray(), found)
    np.testing.assert_array_equal(np.asarray(setup.feature_map), found.astype(float))
    assert set(setup.feature_map.how) == {"rule"}


def test_columns_that_flaml_drops_have_a_zero_row(models: Any, mixed: pd.DataFrame) -> None:
    """The constant and the id feed nothing, and the setup says so."""
    automl, y = models("text")
    setup = set_up(automl, mixed, y)
    assert setup.feature_map.unused_raw == ("constant", "id")
    assert (np.asarray(setup.feature_map)[[7, 8]] == 0.0).all()
    assert set(setup.raw_feature_names) - set(setup.feature_map.unused_raw) == FED
    assert "'constant', 'id'" in repr(setup)


def test_a_date_is_named_for_what_it_became_and_its_parts_belong_to_it(models: Any, mixed: pd.DataFrame) -> None:
    """Under its own name a date column holds an ordinal day."""
    automl, y = models("text")
    setup = set_up(automl, mixed, y)
    names = setup.engineered_feature_names
    assert names[:3] == ["city", "grade", "kind"]
    assert "signup" not in names
    parts = {n for n in names if str(n).endswith("signup")}
    assert {"year_signup", "month_signup", "hour_signup", "dayofweek_signup"} <= parts
    row = np.asarray(setup.feature_map)[list(setup.raw_feature_names).index("signup")]
    assert {n for n, w in zip(names, row, strict=True) if w == 1.0} == parts | {"signup (ordinal day)"}
    day = names.index("signup (ordinal day)")
    assert setup.X_test_transform.iloc[1, day] == mixed["signup"].iloc[1].toordinal()


def test_a_raw_column_named_like_a_date_part_stays_itself(moved: Any) -> None:
    """``year_d`` is a raw column, ``year_x_d`` ends in two date names."""
    rng = np.random.default_rng(0)
    dates = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 90_000_000, (2, 300)).ravel(), unit="s")
    X = pd.DataFrame({"year_d": rng.normal(size=300), "d": dates[:300], "x_d": dates[300:], "v": rng.normal(size=300)})
    y = np.where(X["year_d"] + X["v"] > 0, "a", "b")
    automl = fit_flaml(X, y)
    setup = set_up(automl, X, y)
    np.testing.assert_array_equal(np.asarray(setup.feature_map), moved(own_rows(automl), X).astype(float))
    weights = pd.DataFrame(np.asarray(setup.feature_map), setup.raw_feature_names, setup.engineered_feature_names)
    assert weights["year_d"].idxmax() == "year_d"
    assert weights["year_x_d"].idxmax() == "x_d"
    assert weights["month_d"].idxmax() == "d"


def test_a_category_frame_stays_a_frame(models: Any, mixed: pd.DataFrame) -> None:
    """As an array its categories would be bare text."""
    automl, y = models("text")
    setup = set_up(automl, mixed, y)
    assert isinstance(setup.X_test_transform, pd.DataFrame)
    assert (setup.X_test_transform.dtypes.iloc[:3] == "category").all()
    assert "categorical_features" not in setup.surrogate_model_params


def test_an_index_that_repeats_is_kept_and_rows_go_by_position(models: Any, mixed: pd.DataFrame, check: Any) -> None:
    """Rows, labels and index stay together when targets are missing and rows are sampled."""
    automl, y = models("text")
    y_test = np.array(y, dtype=object)
    y_test[[1, 5, 8]] = [None, "", "nan"]
    setup = automl_setup_model_explanations(
        automl, "classification", X=mixed, X_test=mixed, y=y, y_test=y_test, max_eval_rows=100
    )
    check(setup, automl)
    position = {key: i for i, key in enumerate(mixed["id"])}
    kept = np.array([position[key] for key in setup.X_test_raw["id"]])
    assert len(kept) == len(set(kept.tolist())) == 100
    assert (np.diff(kept) > 0).all()
    assert not {1, 5, 8} & set(kept.tolist())
    assert setup.y_test.tolist() == [y[i] for i in kept]
    assert setup.X_test_raw.index.tolist() == mixed.index[kept].tolist()
    whole = own_rows(automl)(mixed)
    pd.testing.assert_frame_equal(
        setup.X_test_transform.reset_index(drop=True), whole.iloc[kept].reset_index(drop=True)
    )


def test_rows_to_explain_alone_are_enough(models: Any, mixed: pd.DataFrame, keep: Any) -> None:
    """Without X there are no classes and no training rows, but map and engineered rows."""
    automl, y = models("text")
    untouched = keep(mixed)
    setup = automl_setup_model_explanations(automl, "classification", X_test=mixed.iloc[[3]])
    assert untouched()
    assert setup.X_transform is None
    assert setup.classes is None
    assert setup.X_test_transform.shape == (1, setup.feature_map.n_engineered)
    full = set_up(automl, mixed, y)
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.asarray(full.feature_map))
    assert setup.engineered_feature_names == full.engineered_feature_names
    np.testing.assert_allclose(
        setup.automl_estimator.predict_proba(setup.X_test_transform), automl.predict_proba(mixed.iloc[[3]]), rtol=1e-9
    )


def test_columns_in_another_order_give_the_same_engineered_rows(models: Any, mixed: pd.DataFrame, check: Any) -> None:
    automl, y = models("text")
    backwards = mixed[mixed.columns[::-1]]
    setup = set_up(automl, backwards, y)
    check(setup, automl)
    assert setup.raw_feature_names == list(mixed.columns[::-1])
    straight = set_up(automl, mixed, y)
    np.testing.assert_array_equal(np.asarray(setup.feature_map)[::-1], np.asarray(straight.feature_map))


def test_names_given_for_the_raw_columns_stand_in_for_the_labels(models: Any, mixed: pd.DataFrame) -> None:
    automl, y = models("text")
    shown = [f"<{c}>" for c in mixed.columns]
    setup = set_up(automl, mixed, y, features=shown)
    assert setup.raw_feature_names == shown
    assert "<signup> (ordinal day)" in setup.engineered_feature_names
    assert "<city>" in setup.engineered_feature_names


def test_integer_labels_with_gaps_are_kept(check: Any, moved: Any) -> None:
    """FLAML renames such columns inside; the names given are the names shown."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=[1, 5, 9])
    X[7] = rng.choice(["u", "v"], 300)
    y = np.where(X[5] + (X[7] == "u") > 0.5, 1, 0)
    automl = fit_flaml(X, y)
    setup = set_up(automl, X, y)
    check(setup, automl)
    assert setup.raw_feature_names == [1, 5, 9, 7]
    assert setup.engineered_feature_names == [7, 1, 5, 9]
    assert {type(n) for n in setup.raw_feature_names} == {int}
    np.testing.assert_array_equal(np.asarray(setup.feature_map), moved(own_rows(automl), X).astype(float))


def test_dates_that_came_as_json_are_refused_until_the_schema_has_read_them(models: Any, mixed: pd.DataFrame) -> None:
    """A date column that arrives as text or a number is no date to FLAML."""
    automl, y = models("text")
    setup = set_up(automl, mixed, y)
    rows = mixed.iloc[1:4]
    records = rows.assign(signup=rows["signup"].map(lambda d: d.isoformat())).to_dict("records")
    arrived = pd.DataFrame(records)
    with pytest.raises(DataError, match=r"Column 'signup' was a date when FLAML was fitted and is .* now"):
        automl_setup_model_explanations(automl, "classification", X_test=arrived)
    read = setup.feature_map.raw_schema.read(records)
    again = automl_setup_model_explanations(automl, "classification", X_test=read)
    np.testing.assert_allclose(
        again.automl_estimator.predict_proba(again.X_test_transform), automl.predict_proba(rows), rtol=1e-9
    )


def test_missing_columns_are_refused_by_name(models: Any, mixed: pd.DataFrame) -> None:
    """FLAML keeps no raw names, but knows those it uses."""
    automl, _ = models("text")
    with pytest.raises(InputError, match="The rows lack columns that FLAML was fitted on: 'city', 'age'"):
        automl_setup_model_explanations(automl, "classification", X_test=mixed.drop(columns=["age", "city"]))
    with pytest.raises(InputError, match=r"fitted on: 'signup'\.$"):  # read as a number and as parts, named once
        automl_setup_model_explanations(automl, "classification", X_test=mixed.drop(columns=["signup"]))
    with pytest.raises(InputError, match="FLAML was fitted on a DataFrame"):
        automl_setup_model_explanations(automl, "classification", X_test=np.ones((3, 9)))
    unused = mixed.drop(columns=["constant", "id"])
    setup = automl_setup_model_explanations(automl, "classification", X_test=unused)
    assert setup.feature_map.shape == (7, len(setup.engineered_feature_names))


def test_cells_that_hold_lists_are_refused_by_column(models: Any, mixed: pd.DataFrame) -> None:
    """A clear error before the library's."""
    automl, _ = models("text")
    rows = mixed.iloc[:3].assign(city=pd.Series([["Oslo"], "Rome", None], index=mixed.index[:3], dtype=object))
    with pytest.raises(DataError, match=r"'city'.*list"):
        automl_setup_model_explanations(automl, "classification", X_test=rows)


# --- arrays and sparse rows ------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers() -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    X[rng.random(X.shape) < 0.05] = np.nan
    return X


def test_an_array_passes_unchanged_and_needs_names(numbers: np.ndarray, check: Any, keep: Any) -> None:
    """FLAML hands arrays through, so the map is the identity of the names given."""
    y = np.where(np.nan_to_num(numbers[:, 0]) + np.nan_to_num(numbers[:, 1]) > 0, "up", "down")
    automl = fit_flaml(numbers, y)
    with pytest.raises(InputError, match="pass `features`"):
        set_up(automl, numbers, y)
    untouched = keep(numbers)
    setup = set_up(automl, numbers, y, features=list("abcde"))
    check(setup, automl)
    assert untouched()
    assert setup.automl_featurizer is None
    assert setup.raw_feature_names == setup.engineered_feature_names == list("abcde")
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.eye(5))
    np.testing.assert_array_equal(setup.X_test_transform, numbers[:60])


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array, sp.coo_matrix, sp.csc_matrix])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_sparse_rows_of_every_format_are_explained(check: Any, make: Any, task: str) -> None:
    """FLAML has no featurization for sparse rows; whole numbers become float64."""
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.4, (300, 8))
    total = dense[:, 0] + 2 * dense[:, 1] - dense[:, 2]
    y = total * 1.0 if task == "regression" else np.where(total > 0, "up", "down")
    automl = fit_flaml(sp.csr_matrix(dense.astype(float)), y, task)
    given = make(dense)
    setup = automl_setup_model_explanations(
        automl, task, X=given, X_test=given, y=y, features=[f"f{j}" for j in range(8)], max_eval_rows=50
    )
    check(setup, automl)
    assert isinstance(setup.X_transform, sp.csr_matrix)
    assert setup.X_transform.dtype == np.float64
    assert setup.X_test_raw.dtype == given.dtype == dense.dtype
    np.testing.assert_array_equal(setup.X_transform.toarray(), dense)
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.eye(8))
    assert setup.automl_featurizer is None


def test_an_array_of_objects_is_refused() -> None:
    """FLAML codes its text anew for every batch, so predictions depend on the other rows."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.choice(["a", "b", "c"], 200), rng.normal(size=200)]).astype(object)
    X[:, 1] = X[:, 1].astype(float)
    y = np.where(X[:, 0] == "a", 1, 0)
    automl = fit_flaml(X, y)
    for rows in ({"X": X, "y": y}, {"X_test": X}):
        with pytest.raises(DataError, match="codes the text of an object array anew for every batch"):
            automl_setup_model_explanations(automl, "classification", features=["c", "n"], **rows)


# --- ensembles and pipelines -----------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_an_ensemble_is_explained_as_one_model(numbers: np.ndarray, check: Any, task: str) -> None:
    """A stacker's ``model`` is itself."""
    X = pd.DataFrame(np.nan_to_num(numbers), columns=list("abcde"))
    total = X["a"] + X["b"] * X["c"]
    y = total if task == "regression" else np.where(total > 0, "yes", "no")
    learners = ["lgbm", "rf", "extra_tree"]
    # One job, or the stacker starts processes of its own, which takes seconds.
    automl = fit_flaml(X, y, task, learners, max_iter=40, time_budget=20, ensemble={"n_jobs": 1})
    assert type(automl.model).__name__ == ("StackingRegressor" if task == "regression" else "StackingClassifier")
    setup = set_up(automl, X, y, task)
    check(setup, automl)
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.eye(5))


def _featurization(sparse: bool) -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("hot", OneHotEncoder(handle_unknown="ignore", sparse_output=sparse), ["city", "kind"]),
            (
                "num",
                Pipeline([("fill", SimpleImputer(add_indicator=True)), ("z", StandardScaler())]),
                ["age", "visits"],
            ),
        ],
        sparse_threshold=1.0 if sparse else 0.0,
    )


@pytest.fixture(scope="module")
def pipelines(mixed: pd.DataFrame, score: np.ndarray) -> Callable[[str, str], Pipeline]:
    def make(output: str, task: str) -> Pipeline:
        prepare = _featurization(output == "sparse")
        if output == "pandas":
            prepare.set_output(transform="pandas")
        pipe = Pipeline([("prepare", prepare), ("automl", AutoML())])
        y = score if task == "regression" else np.where(score > 0, "yes", "no")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # FLAML on pandas 3
            pipe.fit(
                mixed, y, **{f"automl__{k}": v for k, v in {**FLAML, "estimator_list": ["lgbm"], "task": task}.items()}
            )
        return pipe

    return make


class _Direct:
    """Predicts with the steps one by one: scikit-learn takes FLAML on sparse rows for unfitted."""

    def __init__(self, pipe: Pipeline) -> None:
        self.prepare, self.automl = pipe[0], pipe[-1]

    def predict(self, X: Any) -> Any:
        return self.automl.predict(self.prepare.transform(X))

    def predict_proba(self, X: Any) -> Any:
        return self.automl.predict_proba(self.prepare.transform(X))


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("output", ["dense", "sparse", "pandas"])
def test_flaml_as_last_step_of_a_pipeline(
    pipelines: Any, mixed: pd.DataFrame, score: np.ndarray, check: Any, moved: Any, output: str, task: str
) -> None:
    """Scikit-learn's own check calls a FLAML model on sparse rows unfitted."""
    pipe = pipelines(output, task)
    y = score if task == "regression" else np.where(score > 0, "yes", "no")
    setup = set_up(pipe, mixed, y, task)
    check(setup, _Direct(pipe))
    assert sp.issparse(setup.X_test_transform) is (output == "sparse")
    found = moved(adapter_for(pipe).transform, mixed)
    np.testing.assert_array_equal(setup.feature_map.support.toarray(), found)
    assert setup.automl_pipeline is pipe
    used = {"city", "kind", "age", "visits"}
    assert set(setup.feature_map.unused_raw) == set(mixed.columns) - used
    assert "hot__city_Rome" in setup.engineered_feature_names
    assert setup.feature_map.raw_schema.names == tuple(mixed.columns)


def test_flaml_that_reorders_and_drops_columns_of_the_pipeline_is_mapped_through_both(
    mixed: pd.DataFrame, score: np.ndarray, check: Any, moved: Any
) -> None:
    """The category comes first and the constant goes, after the pipeline had them otherwise."""
    prepare = ColumnTransformer(
        [("num", SimpleImputer(), ["age"]), ("same", "passthrough", ["constant", "kind", "member"])]
    )
    pipe = Pipeline([("prepare", prepare.set_output(transform="pandas")), ("automl", AutoML())])
    y = np.where(score > 0, "yes", "no")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        pipe.fit(
            mixed,
            y,
            **{f"automl__{k}": v for k, v in {**FLAML, "estimator_list": ["lgbm"], "task": "classification"}.items()},
        )
    setup = set_up(pipe, mixed, y)
    check(setup, _Direct(pipe))
    assert setup.engineered_feature_names == ["same__kind", "num__age", "same__member"]
    np.testing.assert_array_equal(setup.feature_map.support.toarray(), moved(adapter_for(pipe).transform, mixed))


# --- refusals --------------------------------------------------------------------------------


def test_a_model_that_was_never_fitted_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="holds no fitted model; call `fit`"):
        automl_setup_model_explanations(AutoML(), "classification", X_test=pd.DataFrame({"a": [1.0]}))


def test_a_regression_on_text_targets_is_refused(numbers: np.ndarray) -> None:
    """FLAML numbers the texts and would predict texts."""
    y = np.where(np.nan_to_num(numbers[:, 0]) > 0, "20", "10").astype(object)
    automl = fit_flaml(pd.DataFrame(numbers, columns=list("abcde")), y, "regression")
    with pytest.raises(UnsupportedModelError, match="regression on text targets"):
        adapter_for(automl)


def test_a_learner_from_inside_flaml_is_refused(models: Any) -> None:
    """Such a learner may be unfitted and predict all ones."""
    automl, _ = models("text")
    with pytest.raises(UnsupportedModelError, match="LGBMEstimator is a learner from inside FLAML"):
        adapter_for(automl.model)


def _fake(**task: bool) -> Any:
    is_a = {"is_ts_forecast": False, "is_classification": False, "is_regression": False, "is_nlp": False, **task}
    return types.SimpleNamespace(
        model=object(),
        best_estimator="xgboost",
        label_transformer=None,
        feature_transformer=False,
        _state=types.SimpleNamespace(
            task=types.SimpleNamespace(name="ts_forecast", **{k: lambda v=v: v for k, v in is_a.items()})
        ),
    )


def test_forecasts_are_refused_where_no_adapter_of_forecasts_has_taken_them() -> None:
    """A time-series model is refused; no number is made up for it."""
    with pytest.raises(UnsupportedModelError, match=r"FLAML's xgboost for ts_forecast .* refused rather than made up"):
        FlamlAdapter(_fake(is_ts_forecast=True, is_regression=True))


def test_tasks_that_are_not_on_a_table_are_refused() -> None:
    for task in ({"is_nlp": True, "is_classification": True}, {}):
        with pytest.raises(UnsupportedModelError, match="not on a table"):
            FlamlAdapter(_fake(**task))


def test_learners_that_predict_a_column_give_a_vector() -> None:
    """CatBoost's labels of several classes come as (n, 1), forecasts as a Series."""
    for output in (np.array([[1], [0]]), pd.Series([1, 0]), np.array([1, 0])):
        automl = types.SimpleNamespace(
            model=types.SimpleNamespace(predict=lambda Z, output=output: output), label_transformer=None
        )
        assert FlamlRegressor(automl).predict(None).tolist() == [1, 0]
        assert FlamlClassifier(automl).predict(None).tolist() == [1, 0]


def test_the_task_must_be_that_of_the_model(models: Any, mixed: pd.DataFrame) -> None:
    automl, y = models("text")
    with pytest.raises(InputError, match="`task` is 'regression', but the model does classification"):
        set_up(automl, mixed, y, "regression")


def test_a_model_whose_parts_predict_something_else_is_explained_as_a_black_box(
    models: Any, mixed: pd.DataFrame
) -> None:
    """The self-check: rows engineered by FLAML, but an estimator that is not the one of the model."""
    automl, y = models("text")

    class Skewed(AutoML):
        def predict_proba(self, X: Any, **options: Any) -> Any:
            return super().predict_proba(X, **options)[:, ::-1]

    skewed = Skewed()
    vars(skewed).update(vars(automl))
    told = r"on 256 raw rows are not those of its estimator.*differ by up to 0\."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what FLAML says on pandas 3 comes again when `warns` ends
        with pytest.warns(BlackBoxWarning, match=told):
            setup = set_up(skewed, mixed, y)
    np.testing.assert_array_equal(
        setup.automl_estimator.predict_proba(setup.X_test_transform), skewed.predict_proba(mixed.iloc[:60])
    )


def test_a_fitted_model_is_explainable_and_an_unfitted_one_is_not(models: Any) -> None:
    """A model on LightGBM alone is explainable."""
    assert automl_check_model_if_explainable(models("text")[0])
    assert not automl_check_model_if_explainable(AutoML())
