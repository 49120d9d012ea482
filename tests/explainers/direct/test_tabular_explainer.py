"""TabularExplainer: the explainer that fits the model, and why."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from flaml import AutoML
from scipy.special import expit
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import (
    DirectWrapper,
    KernelExplainer,
    LGBMExplainableModel,
    LinearExplainer,
    MimicExplainer,
    TabularExplainer,
    TreeExplainer,
    automl_setup_model_explanations,
)
from automl_explain.exceptions import InputError, UnsupportedModelError

X = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 3)), columns=["a", "b", "c"])
Y = X["a"] + X["b"] * X["c"]
LABELS = np.where(Y > 0, "yes", "no")
THREE = np.select([Y < -0.5, Y < 0.5], list("pq"), "r")


@pytest.mark.parametrize(
    ("model", "y", "explainer", "kind", "reason"),
    [
        (RandomForestRegressor(3), Y, TreeExplainer, "tree", "RandomForestRegressor is made of trees"),
        (GradientBoostingClassifier(n_estimators=3), LABELS, TreeExplainer, "tree", "is made of trees"),
        (Ridge(), Y, LinearExplainer, "linear", "Ridge adds up weighted columns"),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), LABELS, LinearExplainer, "linear", "in GridSearchCV"),
        (KNeighborsClassifier(), LABELS, KernelExplainer, "kernel", "KNeighborsClassifier is no tree model"),
        (
            make_pipeline(StandardScaler(), Ridge()),
            Y,
            KernelExplainer,
            "kernel",
            "pass its Ridge with the steps before",
        ),
    ],
)
def test_the_explainer_fits_the_model(model: Any, y: Any, explainer: Any, kind: str, reason: str) -> None:
    made = TabularExplainer(model.fit(X, y), X)
    assert type(made.explainer) is explainer
    assert made.kind == kind
    assert reason in made.reason
    assert reason in repr(made)
    explanation = made.explain_local(X[:5])
    assert (explanation.method, explanation.output_unit, explanation.classes) == (
        made.method,
        made.output_unit,
        made.classes,
    )
    assert made.explain_global(X[:5], include_local=False).values is None


def test_two_classes_of_gradient_boosting_do_not_crash() -> None:
    """A binary GradientBoostingClassifier with classes gives (2, n, d)."""
    made = TabularExplainer(GradientBoostingClassifier(n_estimators=3).fit(X, LABELS), X, classes=["no", "yes"])
    assert np.asarray(made.explain_local(X[:4]).local_importance_values).shape == (2, 4, 3)


def test_trees_that_do_not_add_up_are_explained_by_predictions() -> None:
    model = lgb.LGBMRegressor(reg_sqrt=True, n_estimators=3, verbose=-1, n_jobs=1).fit(X, Y)
    made = TabularExplainer(model, X)
    assert made.kind == "kernel"
    assert made.reason.startswith("LGBMRegressor is made of trees, but: tree: it adds up to")


@pytest.mark.parametrize("fitted_on", ["sparse", "dense"])
def test_xgboost_on_sparse_rows(fitted_on: str) -> None:
    """Absent cells are missing to it: read as trees where that makes no difference, else by predictions."""
    xgb = pytest.importorskip("xgboost")
    rows = sp.random(120, 8, density=0.3, random_state=0, format="csr")
    y = np.asarray(rows[:, [0, 1]].sum(axis=1)).ravel() > 0.2
    model = xgb.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)
    model.fit(rows if fitted_on == "sparse" else rows.toarray(), y)
    made = TabularExplainer(model, rows)
    assert made.kind == ("tree" if fitted_on == "sparse" else "kernel")
    output = made.explain_local(rows[:20]).output[:, 0]
    predicted = output if made.output_unit == "probability" else expit(output)
    np.testing.assert_allclose(predicted, model.predict_proba(rows[:20])[:, 1], atol=1e-6)


def test_catboost_with_categories_is_said_to_be_made_of_trees_that_cannot_be_read() -> None:
    catboost = pytest.importorskip("catboost")
    rows = X.assign(k=pd.Categorical(np.where(X["a"] > 0, "u", "v")))
    model = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False, cat_features=["k"])
    made = TabularExplainer(model.fit(rows, Y), rows)
    assert (made.kind, made.reason) == (
        "kernel",
        "CatBoostRegressor keeps its splits on categories as hashes, which only it can follow, so it is explained by "
        "its predictions",
    )


class TwoTargets:
    """Predicts two numbers for a row."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return rows[["a", "b"]].to_numpy()


def test_what_was_tried_is_told() -> None:
    with pytest.raises(UnsupportedModelError, match="TwoTargets is no tree model.*and by its predictions.* 2 numbers"):
        TabularExplainer(TwoTargets(), X)


def test_what_a_model_itself_raises_is_told_in_the_same_way() -> None:
    with pytest.raises(UnsupportedModelError, match="no linear model.*by its predictions: Ridge is not fitted"):
        TabularExplainer(Ridge(), X)
    with pytest.raises(
        UnsupportedModelError, match="by its predictions: KNeighborsClassifier.*missing 1 required positional argument"
    ):
        TabularExplainer(KNeighborsClassifier, X)


def test_rows_of_another_width_are_refused_without_a_word_of_surrogates() -> None:
    with pytest.raises(InputError, match="has 2 columns; the explainer was made for 3 engineered features"):
        TabularExplainer(Ridge().fit(X, Y), X).explain_local(X[["a", "b"]].to_numpy())


def test_labels_where_numbers_are_expected_are_refused() -> None:
    model = GradientBoostingClassifier(n_estimators=2).fit(X, LABELS)
    with pytest.raises(InputError, match="GradientBoostingClassifier is a classifier: its `predict` gives labels"):
        TabularExplainer(model, X, model_task="regression")


@pytest.mark.parametrize("wrong", [{"random_state": -1}, {"random_state": "x"}, {"max_eval_rows": 0}])
def test_wrong_numbers_are_refused_whatever_is_chosen(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(wrong))}` must be a whole number of at least"):
        TabularExplainer(Ridge().fit(X, Y), X, **wrong)


def test_a_gpu_is_refused() -> None:
    with pytest.raises(InputError, match="`use_gpu` is True; expected False"):
        TabularExplainer(Ridge().fit(X, Y), X, use_gpu=True)


@pytest.mark.parametrize(
    ("task", "learner"), [("regression", "rf"), ("classification", "rf"), ("classification", "lrl1")]
)
def test_flaml_s_learners_of_categories_are_explained_as_the_wrapper_explains_them(task: str, learner: str) -> None:
    """They read codes of the categories, and -1 for a missing one."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=120), "k": rng.choice(["u", "v", "w"], 120)})
    rows.loc[::17, "k"] = None
    target = rows["a"] + (rows["k"] == "u")
    truth = target if task == "regression" else np.where(target > 0.3, "yes", "no")
    automl = AutoML()
    automl.fit(rows, truth, task=task, max_iter=1, estimator_list=[learner], verbose=0, n_jobs=1)
    setup = automl_setup_model_explanations(automl, task, X=rows, y=truth)
    explainer = TabularExplainer(setup.automl_estimator, setup.X_transform)
    assert explainer.kind == ("linear" if learner == "lrl1" else "tree")
    expected = DirectWrapper.from_setup(setup).explain(["local"], eval_dataset=setup.X_transform)
    found = explainer.explain_local(setup.X_transform)
    np.testing.assert_array_equal(found.local_importance_values, expected.local_importance_values)
    assert found.classes == expected.classes


@pytest.mark.parametrize("learner", ["lgbm", "rf"])
def test_regressions_of_flaml_need_no_task(learner: str) -> None:
    """Its AutoML and its learners have `predict_proba` whatever they do."""
    rows = np.random.default_rng(0).normal(size=(120, 2)).round(1)
    automl = AutoML()
    automl.fit(rows, rows[:, 0], task="regression", max_iter=1, estimator_list=[learner], verbose=0, n_jobs=1)
    for model in (automl, automl.model):
        for explainer in (
            TabularExplainer(model, rows, nclusters=2),
            KernelExplainer(model, rows, nclusters=2),
            MimicExplainer(model, rows, LGBMExplainableModel, explainable_model_args={"n_jobs": 1}),
        ):
            explanation = explainer.explain_local(rows[:3])
            assert (explanation.task, explanation.output_unit) == ("regression", "target")
            np.testing.assert_allclose(explanation.eval_y_predicted, automl.predict(rows[:3]))
