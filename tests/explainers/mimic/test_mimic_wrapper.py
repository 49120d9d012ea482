"""MimicWrapper: engineered and raw explanations, setups and its store."""

from __future__ import annotations

import copy
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import (
    CLASSES,
    KINDS,
    MAP,
    NAMES,
    QUICK,
    RAW_NAMES,
    SMALL,
    TASKS,
    Counter,
    Formula,
    dense,
    make_wrapper,
    numbers,
    rows,
    shared_wrapper,
)
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import Explanation, FeatureMap, LGBMExplainableModel, MimicWrapper, automl_setup_model_explanations
from automl_explain.exceptions import (
    ExplanationWarning,
    InitDatasetMissingError,
    InputError,
    MissingLocalValuesError,
    UnmappedFeaturesWarning,
)

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

BOTH = ["local", "global"]
each_task = pytest.mark.parametrize("task", TASKS)
each_kind = pytest.mark.parametrize("kind", KINDS)


def wrap(**more: Any) -> MimicWrapper:
    """A wrapper of a regression, with some arguments changed."""
    arguments = {"model": Formula(), "explainable_model": LGBMExplainableModel, "explainer_kwargs": QUICK}
    arguments |= {"init_dataset": rows("array"), "features": NAMES, "feature_maps": [MAP]}
    return MimicWrapper(None, **{**arguments, **more})


# Engineered and raw


@each_task
@each_kind
def test_it_works_without_a_workspace(task: str, kind: str) -> None:
    """`upload=False` and a workspace of None work offline."""
    explanation = shared_wrapper(task, kind).explain(BOTH, rows(kind, 20, seed=1), upload=False)
    assert isinstance(explanation, Explanation)
    assert explanation.is_engineered
    assert explanation.features == NAMES


@each_task
@each_kind
def test_folding_to_raw_keeps_the_sum_of_each_row(task: str, kind: str) -> None:
    """The sum over raw columns is that over engineered features, per row and output."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 50, seed=1)
    engineered, raw = wrapper.explain(BOTH, X), wrapper.explain(BOTH, X, get_raw=True)
    assert raw.is_raw
    assert raw.features == RAW_NAMES
    values, folded = dense(engineered.values), dense(raw.values)
    np.testing.assert_allclose(folded.sum(-1), values.sum(-1), atol=1e-9)
    np.testing.assert_allclose(folded, values @ np.asarray(MAP).T, atol=1e-12)
    np.testing.assert_allclose(raw.output, engineered.output, atol=1e-9)
    np.testing.assert_array_equal(raw.expected_values, engineered.expected_values)


@each_task
@each_kind
def test_engineered_features_without_raw_parent_are_warned_of_and_summed_up(task: str, kind: str) -> None:
    """An unmapped engineered column gives a warning and an explicit unmapped total."""
    partial = [np.array([[1.0, 1, 0.5, 0], [0, 0, 0.5, 0]])]
    wrapper, X = make_wrapper(task, kind, feature_maps=partial), rows(kind, 30, seed=1)
    engineered = wrapper.explain(BOTH, X)
    with pytest.warns(UnmappedFeaturesWarning, match="x3"):
        raw = wrapper.explain(BOTH, X, get_raw=True)
    values = dense(engineered.values)
    assert raw.unmapped_features == ("x3",)
    np.testing.assert_allclose(raw.unmapped_values, values[..., 3], atol=1e-12)
    np.testing.assert_allclose(raw.output, engineered.output, atol=1e-9)
    with pytest.warns(UnmappedFeaturesWarning, match="x3"):
        streamed = wrapper.explain(["global"], X, get_raw=True)
    assert streamed.unmapped_importance == pytest.approx(raw.unmapped_importance)
    assert raw.unmapped_importance == pytest.approx(np.abs(values[..., 3]).mean())


@each_task
@each_kind
def test_raw_global_values_are_mean_magnitudes_of_raw_local_ones(task: str, kind: str) -> None:
    """Raw global is mean |raw local|, over the classes too, whether or not locals are kept."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 50, seed=1)
    kept = wrapper.explain(BOTH, X, get_raw=True)
    streamed = wrapper.explain(["global"], X, get_raw=True)
    wanted = np.abs(dense(kept.local_importance_values)).reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(kept.global_importance_values, wanted, atol=1e-12)
    np.testing.assert_allclose(streamed.global_importance_values, wanted, atol=1e-12)
    with pytest.raises(MissingLocalValuesError):
        _ = streamed.local_importance_values


@each_task
@each_kind
def test_raw_values_are_those_folded_afterwards_without_engineered_ones(task: str, kind: str) -> None:
    """Contributions are computed once for what is asked, and raw ones equal the engineered ones folded."""
    wrapper, X = make_wrapper(task, kind), rows(kind, 30, seed=1)
    counter = Counter.on(wrapper.explainer.surrogate_model, "shapley_values")
    raw = wrapper.explain(BOTH, X, get_raw=True)
    streamed = wrapper.explain(["global"], X, get_raw=True)
    assert counter.calls == 0
    engineered = wrapper.explain(BOTH, X)
    assert counter.calls == 1
    folded = engineered.get_raw_explanation([MAP])
    np.testing.assert_allclose(dense(raw.values), dense(folded.values), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(streamed.global_values, folded.global_values, rtol=1e-12)
    for name in ("features", "space", "method", "output_unit", "unmapped_features", "task", "classes"):
        assert getattr(raw, name) == getattr(folded, name)
    assert (raw.row_labels is None) == (folded.row_labels is None) == (kind != "frame")
    assert kind != "frame" or raw.row_labels.equals(folded.row_labels)


def test_rows_changed_between_engineered_and_raw_are_computed_anew() -> None:
    wrapper, X = make_wrapper("regression", "frame"), rows("frame", 30, seed=1)
    engineered = wrapper.explain(BOTH, X)
    X["x3"] = X["x3"].cat.codes.map({0: "blue", 1: "blue", 2: "red", -1: "green"}).astype(X["x3"].dtype)
    raw = wrapper.explain(BOTH, X, get_raw=True)
    assert not np.allclose(raw.values.sum(-1), engineered.values.sum(-1))
    again = make_wrapper("regression", "frame").explain(BOTH, X, get_raw=True)
    np.testing.assert_array_equal(raw.values, again.values)


@each_kind
def test_raw_rows_and_names_are_shown_with_raw_values(kind: str) -> None:
    wrapper, X = shared_wrapper("binary", kind), rows(kind, 20, seed=1)
    raw_rows = pd.DataFrame(np.zeros((20, 3)), columns=["p", "q", "r"], index=range(70, 90))
    raw = wrapper.explain(BOTH, X, get_raw=True, raw_feature_names=["p", "q", "r"], raw_eval_dataset=raw_rows)
    assert raw.features == ["p", "q", "r"]
    pd.testing.assert_frame_equal(raw.eval_data, raw_rows)
    assert list(raw.row_labels) == list(range(70, 90))
    engineered = wrapper.explain(BOTH, X, raw_eval_dataset=raw_rows)
    np.testing.assert_array_equal(numbers(engineered.eval_data), numbers(X))


@pytest.mark.parametrize("types", ["global", ["global"], ("global",), {"global"}])
def test_types_may_come_as_text_or_any_collection(types: Any) -> None:
    explanation = shared_wrapper("binary", "frame").explain(types, rows("frame", 20, seed=1))
    assert explanation.values is None


@pytest.mark.parametrize("types", ["local", BOTH, ["global", "local"]])
def test_local_values_are_kept_where_asked_for(types: Any) -> None:
    assert shared_wrapper("binary", "frame").explain(types, rows("frame", 20, seed=1)).values is not None


def test_global_values_need_no_rows() -> None:
    explanation = shared_wrapper("binary", "frame").explain(["global"], get_raw=True)
    assert explanation.is_raw
    assert explanation.num_examples == 400


@pytest.mark.parametrize("form", ["map", "array", "sparse", "list", "chain"])
def test_a_map_may_come_in_any_form(form: str) -> None:
    matrix = np.asarray(MAP)
    maps = {"map": MAP, "array": matrix, "sparse": sp.csr_matrix(matrix), "list": [matrix]}
    wrapper = wrap(feature_maps={**maps, "chain": [np.eye(3), sp.csr_matrix(matrix)]}[form])
    X = rows("array", 20, seed=1)
    wanted = wrap().explain(BOTH, X, get_raw=True)
    np.testing.assert_allclose(wrapper.explain(BOTH, X, get_raw=True).values, wanted.values, atol=1e-12)


def test_the_callers_dict_is_not_changed() -> None:
    """`explainer_kwargs` and the dict in it are not changed."""
    kwargs = {"explainable_model_args": dict(SMALL), "augment_data": False}
    before = copy.deepcopy(kwargs)
    wrapper = wrap(explainer_kwargs=kwargs)
    wrapper.explain(BOTH, rows("array", 20))
    assert kwargs == before


def test_names_of_the_map_are_those_of_the_features() -> None:
    assert wrap(features=None).explainer.features == NAMES


# From a setup


def mixed(n_rows: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age": rng.normal(40, 10, n_rows), "city": rng.choice(list("ABC"), n_rows), "n": 1.0})
    return X, np.where(X["age"] + 8 * (X["city"] == "A") + rng.normal(0, 4, n_rows) > 42, "yes", "no")


def test_from_setup_is_the_long_form_in_one_line() -> None:
    X, y = mixed()
    featurizer = ColumnTransformer([("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city"])])
    model = make_pipeline(featurizer, LogisticRegression()).fit(X, y)
    setup = automl_setup_model_explanations(model, "classification", X=X, X_test=mixed(50, 1)[0], y=y)
    long = MimicWrapper(
        None,
        setup.automl_estimator,
        LGBMExplainableModel,
        QUICK,
        init_dataset=setup.X_transform,
        features=setup.engineered_feature_names,
        feature_maps=[setup.feature_map],
        classes=setup.classes,
    )
    short = MimicWrapper.from_setup(setup, **QUICK)
    raws = [
        w.explain(BOTH, setup.X_test_transform, get_raw=True, raw_eval_dataset=setup.X_test_raw) for w in (long, short)
    ]
    np.testing.assert_array_equal(raws[0].values, raws[1].values)
    assert raws[0].features == raws[1].features == ["age", "city", "n"]
    assert raws[0].classes == raws[1].classes == ["no", "yes"]
    assert set(short.explain(BOTH, setup.X_test_transform).eval_y_predicted) == {"no", "yes"}


def test_from_setup_without_training_rows_is_refused() -> None:
    X, y = mixed()
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X[["city"]], y)
    setup = automl_setup_model_explanations(model, "classification", X_test=X[["city"]])
    with pytest.raises(InitDatasetMissingError, match="The setup was made without `X`.*X=X_train"):
        MimicWrapper.from_setup(setup)


def test_from_setup_judges_on_fresh_rows_only_if_they_are_fresh() -> None:
    X, y = mixed()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[["age", "n"]], y)
    fresh = mixed(150, 1)[0][["age", "n"]]
    for X_test, n_rows in ((fresh, 150), (X[["age", "n"]], 80)):
        setup = automl_setup_model_explanations(model, "classification", X=X[["age", "n"]], X_test=X_test, y=y)
        assert MimicWrapper.from_setup(setup, **QUICK).explainer.fidelity.n_rows == n_rows


# The store


class Store:
    """Stands in for a run or a workspace."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: list[tuple[Explanation, dict[str, Any]]] = []
        self.error = error

    def upload_model_explanation(self, explanation: Explanation, **how: Any) -> None:
        if self.error:
            raise self.error
        self.kept.append((explanation, how))


@pytest.mark.parametrize("place", ["run", "workspace"])
def test_a_store_is_given_what_is_returned(place: str) -> None:
    store = Store()
    made = make_wrapper("binary", "array", **{place: store})
    explanation = made.explain(BOTH, rows("array", 20), top_k=2, tag="first", true_ys=[1] * 20)
    (kept, how), *others = store.kept
    assert kept is explanation
    assert how == {"top_k": 2, "comment": "first", "true_ys": [1] * 20}
    assert not others
    assert len(explanation.features) == 4


def test_a_run_goes_before_a_workspace() -> None:
    run, workspace = Store(), Store()
    make_wrapper("binary", "array", run=run, workspace=workspace).explain(BOTH, rows("array", 20))
    assert (len(run.kept), len(workspace.kept)) == (1, 0)


def test_nothing_is_uploaded_when_not_wanted() -> None:
    store = Store()
    make_wrapper("binary", "array", workspace=store).explain(BOTH, rows("array", 20), upload=False)
    assert store.kept == []


def test_a_store_that_fails_warns_and_the_explanation_is_returned() -> None:
    wrapper = make_wrapper("binary", "array", workspace=Store(OSError("disk full")))
    with pytest.warns(ExplanationWarning, match="The explanation was made but not uploaded: disk full"):
        explanation = wrapper.explain(BOTH, rows("array", 20))
    assert len(explanation) == 20


def test_a_workspace_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(
        InputError,
        match="`workspace` must keep explanations.*got builtins.dict, which.*pass None",
    ):
        make_wrapper("binary", "array", workspace={})


def test_a_run_that_keeps_nothing_is_left_alone() -> None:
    make_wrapper("binary", "array", run=SimpleNamespace(id="run")).explain(BOTH, rows("array", 20))


# Classes


@each_kind
@pytest.mark.parametrize("task", ["binary", "four classes"])
def test_classes_are_those_of_the_model_in_its_order(task: str, kind: str) -> None:
    explanation = shared_wrapper(task, kind).explain(BOTH, rows(kind, 50, seed=1), get_raw=True)
    assert explanation.classes == CLASSES[task]
    assert set(explanation.eval_y_predicted) <= set(CLASSES[task] or ())
    assert explanation.eval_y_predicted_proba.shape == (50, len(CLASSES[task] or ()))


def test_nothing_is_warned_of_in_an_ordinary_flow() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wrapper = wrap(explainer_kwargs={"explainable_model_args": {"n_jobs": 1}})
        wrapper.explain(BOTH, rows("array", 20), get_raw=True)
    assert isinstance(wrapper.feature_map, FeatureMap)
