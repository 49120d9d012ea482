"""TreeExplainer: the exact values of tree models themselves, in the right unit, or an error."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import shap
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from automl_explain import TreeExplainer
from automl_explain.exceptions import (
    InitDatasetMissingError,
    InputError,
    MissingEvalDataError,
    SelfCheckError,
    UnsupportedModelError,
)

# shap tells of its own change.
pytestmark = pytest.mark.filterwarnings("ignore:LightGBM binary classifier with TreeExplainer:UserWarning")
LGB: dict[str, Any] = {"n_estimators": 8, "num_leaves": 6, "n_jobs": 1, "verbose": -1}
SMALL: dict[str, Any] = {"n_estimators": 6, "random_state": 0}
NAMES = ["a", "b", "c"]


def table(gaps: bool = False) -> pd.DataFrame:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=NAMES)
    return X.mask(np.random.default_rng(1).random(X.shape) < 0.1) if gaps else X


def target(kind: str) -> Any:
    X = table()
    signal = X["a"] * X["b"] + X["c"]
    if kind == "regression":
        return signal
    if kind == "positive":
        return np.exp(signal.clip(-2, 2))
    if kind == "binary":
        return np.where(signal > 0, "yes", "no")
    return np.select([signal < -0.5, signal < 0.5], list("zm"), "a")  # classes_ is a, m, z


MODELS = [
    (lgb.LGBMRegressor(**LGB), "regression", "target", "identity"),
    (lgb.LGBMRegressor(objective="poisson", **LGB), "positive", "log of target", "log"),
    (lgb.LGBMClassifier(**LGB), "binary", "log-odds", "logit"),
    (lgb.LGBMClassifier(**LGB), "three", "log-odds", "softmax"),
    (DecisionTreeRegressor(max_depth=4), "regression", "target", "identity"),
    (DecisionTreeClassifier(max_depth=4), "binary", "probability", "identity"),
    (RandomForestRegressor(max_depth=5, **SMALL), "regression", "target", "identity"),
    (RandomForestClassifier(max_depth=5, **SMALL), "binary", "probability", "identity"),
    (RandomForestClassifier(max_depth=5, **SMALL), "three", "probability", "identity"),
    (ExtraTreesRegressor(max_depth=5, **SMALL), "regression", "target", "identity"),
    (GradientBoostingRegressor(**SMALL), "regression", "target", "identity"),
    (GradientBoostingClassifier(**SMALL), "binary", "log-odds", "logit"),
    (HistGradientBoostingRegressor(max_iter=6), "regression", "target", "identity"),
    (HistGradientBoostingRegressor(max_iter=6, loss="poisson"), "positive", "log of target", "log"),
    (HistGradientBoostingClassifier(max_iter=6), "binary", "log-odds", "logit"),
    (HistGradientBoostingClassifier(max_iter=6), "three", "log-odds", "softmax"),
]


def exact(model: Any, X: pd.DataFrame) -> np.ndarray:
    """Path-dependent values of shap, of shape (n_outputs, n_rows, n_features), two classes as the second."""
    values = np.asarray(shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(X))
    if values.ndim == 2:
        return values[None]
    return np.moveaxis(values, -1, 0)[1:] if values.shape[-1] == 2 else np.moveaxis(values, -1, 0)


@pytest.mark.parametrize(("model", "kind", "unit", "link"), MODELS)
def test_values_are_those_of_shap_and_add_up(model: Any, kind: str, unit: str, link: str) -> None:
    """Direct explanation equals exact SHAP: the cosine of every output is 1.000."""
    X = table()
    model.fit(X, target(kind))
    explanation = TreeExplainer(model).explain_local(X[:40])
    assert (explanation.output_unit, explanation.link) == (unit, link)
    assert explanation.fidelity is None is explanation.eval_fidelity
    for mine, theirs in zip(explanation.values, exact(model, X[:40]), strict=True):
        cosine = (mine * theirs).sum() / np.sqrt((mine**2).sum() * (theirs**2).sum())
        assert cosine > 0.99999
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    if is_classifier(model):
        assert explanation.classes == list(model.classes_)
        assert list(explanation.eval_y_predicted) == list(model.predict(X[:40]))
        np.testing.assert_allclose(explanation.eval_y_predicted_proba, model.predict_proba(X[:40]))
    else:
        np.testing.assert_allclose(explanation.eval_y_predicted, model.predict(X[:40]))


def test_xgboost_and_catboost_are_read_too() -> None:
    xgb, cat = pytest.importorskip("xgboost"), pytest.importorskip("catboost")
    X, code = table(gaps=True), (target("binary") == "yes").astype(int)
    for model in (
        xgb.XGBClassifier(n_estimators=6, n_jobs=1).fit(X, code),
        cat.CatBoostClassifier(iterations=6, verbose=0, thread_count=1, allow_writing_files=False).fit(X, code),
    ):
        explanation = TreeExplainer(model).explain_local(X[:40])
        np.testing.assert_allclose(explanation.values, exact(model, X[:40]), atol=1e-5)
        assert (explanation.classes, explanation.output_unit) == ([0, 1], "log-odds")


def test_a_stream_is_checked_on_every_row_too() -> None:
    """XGBoost takes absent cells of sparse rows for missing, which its trees are not read as."""
    xgb = pytest.importorskip("xgboost")
    X = sp.random(300, 4, density=0.4, random_state=0, format="csr")
    model = xgb.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, np.asarray(X.sum(axis=1)).ravel() > 0.8)
    explainer = TreeExplainer(model)
    with pytest.raises(SelfCheckError, match="where the model predicts"):
        explainer.explain_global_stream([X[:0], X[:150], X[150:]])
    cells = X.toarray()
    found = explainer.explain_global_stream([cells[:150], cells[150:]]).explanation
    np.testing.assert_allclose(found.global_values, explainer.explain_global(cells).global_values, atol=1e-12)


def test_boosters_are_read_by_their_objective() -> None:
    X = table().to_numpy()
    for kind, objective, unit in (("regression", "regression", "target"), ("binary", "binary", "log-odds")):
        y = target(kind) if kind == "regression" else target(kind) == "yes"
        booster = lgb.train({"objective": objective, "verbose": -1, "num_threads": 1}, lgb.Dataset(X, y), 5)
        explainer = TreeExplainer(booster)
        assert explainer.explain_local(X[:5]).output_unit == unit
        assert explainer.features == [0, 1, 2]


def test_two_classes_of_gradient_boosting_with_classes_give_two_blocks() -> None:
    """A binary GradientBoostingClassifier with classes gives (2, n, d)."""
    X = table()
    explainer = TreeExplainer(GradientBoostingClassifier(**SMALL).fit(X, target("binary")), classes=["no", "yes"])
    explanation = explainer.explain_local(X[:7])
    values = np.asarray(explanation.local_importance_values)
    assert values.shape == (2, 7, 3)
    np.testing.assert_array_equal(values[0], -values[1])
    np.testing.assert_allclose(explanation.expected_values, [-explanation.base[0], explanation.base[0]])


def test_expected_values_of_a_forest_of_two_classes_are_shares_of_one() -> None:
    X = table()
    explanation = TreeExplainer(RandomForestClassifier(**SMALL).fit(X, target("binary"))).explain_local(X[:5])
    np.testing.assert_allclose(explanation.expected_values.sum(), 1.0)


def test_categories_of_lightgbm_are_known_without_rows() -> None:
    X = table(gaps=True).assign(colour=pd.Categorical(np.random.default_rng(2).choice(["red", "green", "blue"], 300)))
    model = lgb.LGBMRegressor(min_child_samples=5, **LGB).fit(X, target("regression") + 3 * (X["colour"] == "red"))
    bare, told = TreeExplainer(model), TreeExplainer(model, initialization_examples=X)
    other = X[:20].assign(colour=X["colour"][:20].astype(object).where(X.index[:20] != 3, "mauve"))
    other["colour"] = other["colour"].astype("category")  # other codes, and one unseen
    for explainer in (bare, told):
        explanation = explainer.explain_local(other)
        np.testing.assert_allclose(explanation.output[:, 0], explanation.eval_y_predicted)
    np.testing.assert_array_equal(bare.explain_local(X).values, told.explain_local(X).values)


def test_categories_of_xgboost_need_rows() -> None:
    xgb = pytest.importorskip("xgboost")
    X = table().assign(colour=pd.Categorical(np.random.default_rng(2).choice(["red", "green", "blue"], 300)))
    y = target("regression") + 3 * (X["colour"] == "red")
    model = xgb.XGBRegressor(n_estimators=6, n_jobs=1, enable_categorical=True).fit(X, y)
    with pytest.raises(InitDatasetMissingError, match="splits on categories .'colour'. .*initialization_examples"):
        TreeExplainer(model)
    explanation = TreeExplainer(model, initialization_examples=X).explain_local(X[:30])
    np.testing.assert_allclose(explanation.output[:, 0], model.predict(X[:30]), rtol=1e-4)


def test_categories_of_catboost_are_refused() -> None:
    cat = pytest.importorskip("catboost")
    X = table().assign(colour=np.random.default_rng(2).choice(["red", "green", "blue"], 300))
    model = cat.CatBoostRegressor(iterations=6, verbose=0, thread_count=1, allow_writing_files=False)
    model.fit(X, target("regression") + 3 * (X["colour"] == "red"), cat_features=["colour"])
    with pytest.raises(UnsupportedModelError, match="knows only by hashes.*without `cat_features`"):
        TreeExplainer(model)


def test_sums_that_are_not_the_prediction_are_an_error() -> None:
    """LightGBM learns the root of the target and squares what the trees add up to."""
    X = table()
    model = lgb.LGBMRegressor(reg_sqrt=True, **LGB).fit(X, target("positive"))
    with pytest.raises(SelfCheckError, match="adds up to .* where the model predicts .* MimicExplainer"):
        TreeExplainer(model, initialization_examples=X)
    with pytest.raises(SelfCheckError, match="adds up to"):
        TreeExplainer(model).explain_local(X[:9])


def test_values_are_given_in_probabilities_too() -> None:
    X = table()
    explainer = TreeExplainer(lgb.LGBMClassifier(**LGB).fit(X, target("three")), shap_values_output="probability")
    explanation = explainer.explain_local(X[:20])
    assert explanation.output_unit == "probability"
    np.testing.assert_allclose(explanation.output, explanation.eval_y_predicted_proba, atol=1e-9)


def test_bins_of_two_columns_go_back_to_their_own_column() -> None:
    """One-hot bins over two columns map every output to its own column."""
    X = table()[["a", "b"]]
    bins = ColumnTransformer([("bins", KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), ["a", "b"])])
    Z = bins.fit_transform(X)
    model = RandomForestRegressor(**SMALL).fit(Z, X["b"])
    explainer = TreeExplainer(model, transformations=bins, initialization_examples=X)
    explanation = explainer.explain_local(X[:30])
    assert explanation.features == ["a", "b"]
    assert explanation.get_ranked_global_names(top_k=1) == ["b"]
    np.testing.assert_allclose(explanation.output[:, 0], model.predict(Z[:30]))


def test_rows_are_needed_where_there_are_none() -> None:
    X = table()
    model = DecisionTreeRegressor(max_depth=3).fit(X, target("regression"))
    with pytest.raises(MissingEvalDataError, match="no rows to explain"):
        TreeExplainer(model).explain_global()
    whole = TreeExplainer(model, initialization_examples=X).explain_global()
    np.testing.assert_allclose(whole.global_values, TreeExplainer(model).explain_global(X).global_values)


def test_a_subset_of_features_leaves_the_rest_as_unmapped() -> None:
    X = table()
    model = DecisionTreeRegressor(max_depth=3).fit(X, target("regression"))
    explanation = TreeExplainer(model, explain_subset=[2, 0]).explain_local(X[:9])
    assert explanation.features == ["c", "a"]
    np.testing.assert_allclose(explanation.output[:, 0], model.predict(X[:9]))


def test_models_and_rows_that_do_not_fit_are_refused() -> None:
    X = table()
    model = DecisionTreeRegressor(max_depth=3).fit(X, target("regression"))
    with pytest.raises(UnsupportedModelError, match="No reader knows the trees of a .*Ridge"):
        TreeExplainer(Ridge().fit(X, target("regression")))
    with pytest.raises(InputError, match="have 2 columns, the model was fitted on 3"):
        TreeExplainer(model, initialization_examples=X[["a", "b"]])
    with pytest.raises(InputError, match="have 2 columns, the model was fitted on 3"):
        TreeExplainer(model, features=["a", "b"])


@pytest.mark.parametrize(
    "model",
    [
        lgb.LGBMRegressor(reg_sqrt=True, **LGB),
        lgb.LGBMRegressor(objective="cross_entropy_lambda", **LGB),
    ],
)
def test_another_link_is_seen_without_init_rows(model: Any) -> None:
    """A scoring explainer made of it would never ask the model, and give other numbers."""
    model.fit(table(), target("positive") / target("positive").max())
    with pytest.raises(SelfCheckError, match="it adds up to"):
        TreeExplainer(model)
