"""MimicExplainer: subsets, transformations, categories, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import (
    KINDS,
    QUICK,
    TASKS,
    dense,
    make_wrapper,
    rows,
    shared_wrapper,
    teacher,
)
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import LGBMExplainableModel, MimicExplainer, MimicWrapper
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    InitDatasetMissingError,
    InputError,
    UnsupportedModelError,
)

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

each_task = pytest.mark.parametrize("task", TASKS)
each_kind = pytest.mark.parametrize("kind", KINDS)


def explainer_of(task: str, kind: str) -> MimicExplainer:
    return shared_wrapper(task, kind).explainer


# A subset of the features


@each_task
@each_kind
def test_a_subset_shows_these_features_and_sums_up_the_others(task: str, kind: str) -> None:
    make = {"feature_maps": None, "explain_subset": [2, 0]}
    part = make_wrapper(task, kind, **make).explainer
    X = rows(kind, 30, seed=1)
    explanation, whole = part.explain_local(X), explainer_of(task, kind).explain_local(X)
    assert explanation.features == part.features == ["x2", "x0"]
    np.testing.assert_array_equal(dense(explanation.values), dense(whole.values)[..., [2, 0]])
    assert explanation.unmapped_features == ("x1", "x3")
    np.testing.assert_allclose(explanation.output, whole.output, atol=1e-9)
    streamed = part.explain_global(X, include_local=False, batch_size=7)
    np.testing.assert_allclose(streamed.global_values, explanation.global_values, atol=1e-9)
    np.testing.assert_allclose(streamed.unmapped_global, explanation.unmapped_global, atol=1e-9)


@pytest.mark.parametrize("wrong", [[], [0, 0], [4], [-1]])
def test_a_subset_that_does_not_exist_is_refused(wrong: list[int]) -> None:
    with pytest.raises(InputError, match="`explain_subset` must hold different positions from 0 to 3; got"):
        MimicExplainer(teacher("binary"), rows("array"), LGBMExplainableModel, explain_subset=wrong)


# Transformations


def raw_rows(n_rows: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = {
        "age": rng.normal(40, 10, n_rows),
        "pay": rng.normal(0, 1, n_rows),
        "city": rng.choice(list("ABC"), n_rows),
    }
    return pd.DataFrame({**frame, "unused": 1.0})


def featurization(form: str) -> tuple[Any, Any]:
    """Fitted transformations, and a regression on what they make."""
    X = raw_rows()
    numeric, words = ["age", "pay"], ["city"]
    if form == "ColumnTransformer":
        made = ColumnTransformer([("n", StandardScaler(), numeric), ("c", OneHotEncoder(), words)]).fit(X)
        Z = made.transform(X)
    else:
        made = [(numeric, StandardScaler().fit(X[numeric])), (words, OneHotEncoder().fit(X[words]))]
        Z = np.hstack([made[0][1].transform(X[numeric]), made[1][1].transform(X[words]).toarray()])
    Z = Z.toarray() if sp.issparse(Z) else Z
    return made, LinearRegression().fit(Z, Z @ [1.0, 2.0, 3.0, 0.0, -3.0])


each_form = pytest.mark.parametrize("form", ["ColumnTransformer", "list of tuples"])


def transformed(form: str) -> MimicExplainer:
    transformations, model = featurization(form)
    return MimicExplainer(model, raw_rows(), LGBMExplainableModel, transformations=transformations, **QUICK)


@each_form
def test_transformations_give_raw_explanations_of_raw_rows(form: str) -> None:
    explainer, X = transformed(form), raw_rows(40, seed=1)
    explanation = explainer.explain_local(X)
    assert explanation.is_raw
    assert explanation.features == explainer.features == ["age", "pay", "city", "unused"]
    assert explanation.local_importance_values.shape == (40, 4)
    assert (explanation.local_importance_values[:, 3] == 0).all()
    pd.testing.assert_frame_equal(explanation.eval_data, X)
    margins = explainer.surrogate_model.predict_output(explainer.encoder.encode(explainer.featurizer.transform(X)))
    np.testing.assert_allclose(explanation.output, margins, atol=1e-6)
    streamed = explainer.explain_global(X, include_local=False, batch_size=7)
    assert streamed.is_raw
    np.testing.assert_allclose(streamed.global_values, explanation.global_values, atol=1e-9)


@each_form
def test_one_wrapper_with_transformations_gives_raw_with_and_without_asking(form: str) -> None:
    transformations, model = featurization(form)
    wrapper = MimicWrapper(
        None, model, LGBMExplainableModel, QUICK, init_dataset=raw_rows(), transformations=transformations
    )
    X = raw_rows(40, seed=1)
    for explanation in (wrapper.explain(["local"], X), wrapper.explain(["local"], X, get_raw=True)):
        assert explanation.is_raw
        assert explanation.features == ["age", "pay", "city", "unused"]


def test_a_subset_and_transformations_are_refused_together() -> None:
    transformations, model = featurization("ColumnTransformer")
    with pytest.raises(ConflictingTransformationsError, match="`explain_subset` and `transformations` cannot be"):
        MimicExplainer(model, raw_rows(), LGBMExplainableModel, transformations=transformations, explain_subset=[0])


# Categories


def test_words_in_a_categorical_feature_are_categories() -> None:
    X = rows("frame")
    X["x3"] = X["x3"].astype(object)
    explainer = MimicExplainer(teacher("regression"), X, LGBMExplainableModel, categorical_features=["x3"], **QUICK)
    wanted = explainer_of("regression", "frame").explain_local(rows("frame", 20, seed=1))
    found = explainer.explain_local(rows("frame", 20, seed=1).astype({"x3": object}))
    # Codes go by name here and by the given order there; native splits do not care.
    np.testing.assert_allclose(found.output, wanted.output, atol=0.5)
    assert found.values[0, :, 3].any()


def test_words_are_categories_without_being_named() -> None:
    X = rows("frame")
    X["x3"] = X["x3"].astype(object)
    explainer = MimicExplainer(teacher("regression"), X, LGBMExplainableModel, **QUICK)
    assert explainer.encoder.categories == {3: ("blue", "green", "red")}


def test_a_category_never_seen_counts_as_missing() -> None:
    explainer, X = explainer_of("regression", "frame"), rows("frame", 4, seed=1)
    known = X.assign(x3=pd.Categorical([None] * 4, X["x3"].cat.categories))
    foreign = X.assign(x3=pd.Categorical(["purple"] * 4))
    np.testing.assert_array_equal(explainer.explain_local(foreign).values, explainer.explain_local(known).values)


@pytest.mark.parametrize("categories", ["dates", "intervals"])
def test_categories_that_are_no_plain_values_can_be_explained(categories: str) -> None:
    X = rows("frame")
    bins = pd.cut(X["x1"], 4)
    X["x2"] = (
        bins
        if categories == "intervals"
        else pd.Categorical(pd.Timestamp("2024-01-01") + pd.to_timedelta(bins.cat.codes, "D"))
    )
    explainer = MimicExplainer(
        lambda Z: Z["x2"].cat.codes.to_numpy(float), X[["x0", "x2"]], LGBMExplainableModel, is_function=True, **QUICK
    )
    values = explainer.explain_local(X[["x0", "x2"]]).local_importance_values
    assert np.abs(values).mean(axis=0).argmax() == 1


# Refusals


def test_no_init_rows_are_refused() -> None:
    with pytest.raises(InitDatasetMissingError, match="`initialization_examples` is None; pass the rows to train"):
        MimicExplainer(teacher("regression"), None, LGBMExplainableModel)


def test_an_index_is_no_feature() -> None:
    with pytest.raises(InputError, match="`reset_index` must be 'ignore'; got 'reset'"):
        MimicExplainer(teacher("regression"), rows("array"), LGBMExplainableModel, reset_index="reset")


@pytest.mark.parametrize("wrong", [LinearRegression, LGBMExplainableModel(), "lightgbm", None])
def test_something_that_is_no_surrogate_class_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="`explainable_model` must be a surrogate class such as LGBMExplainableModel"):
        MimicExplainer(teacher("regression"), rows("array"), wrong)


def test_arguments_a_surrogate_does_not_know_are_refused() -> None:
    class Strict(LGBMExplainableModel):
        def __init__(self, depth: int = 1) -> None:
            super().__init__(max_depth=depth)

    with pytest.raises(InputError, match="`explainable_model_args` do not fit Strict: .*breadth"):
        MimicExplainer(teacher("regression"), rows("array"), Strict, {"breadth": 2})


def test_a_list_of_rows_is_refused() -> None:
    with pytest.raises(InputError, match="must be a pandas DataFrame, a numpy ndarray or .*; got list"):
        MimicExplainer(teacher("regression"), [[1.0, 2.0]] * 20, LGBMExplainableModel)


@pytest.mark.parametrize("kind", ["array", "sparse"])
def test_rows_of_another_width_are_refused(kind: str) -> None:
    with pytest.raises(
        InputError, match="has 3 columns; the explainer was made for 4 engineered features. Pass `setup"
    ):
        explainer_of("regression", kind).explain_local(rows(kind, 20)[:, :3])


def test_a_column_under_another_name_is_named_with_the_one_meant() -> None:
    X = rows("frame", 20).rename(columns={"x3": "x3_"})
    with pytest.raises(
        InputError, match=r"has 4 columns; .* 4 engineered features \(missing: 'x3', did you mean 'x3_'\?"
    ):
        explainer_of("regression", "frame").explain_local(X)


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="has no rows; pass at least one"):
        explainer_of("regression", "array").explain_local(np.empty((0, 4)))


def test_predictions_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="NaN or infinite predictions on 400 of 400 rows"):
        MimicExplainer(lambda Z: Z[:, 0] * np.nan, rows("array"), LGBMExplainableModel, is_function=True)
