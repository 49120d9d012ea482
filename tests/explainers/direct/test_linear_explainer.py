"""LinearExplainer: the exact interventional values of linear models themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import shap
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from automl_explain import LinearExplainer
from automl_explain.exceptions import (
    DataError,
    InitDatasetMissingError,
    InputError,
    SelfCheckError,
    UnsupportedModelError,
)

NAMES = ["a", "b", "c"]
X = pd.DataFrame(np.random.default_rng(0).normal(loc=[0, 3, -1], size=(200, 3)), columns=NAMES)
SIGNAL = X["a"] - 2 * X["b"] + 0.5 * X["c"] + 6.5
TARGETS: dict[str, Any] = {
    "regression": SIGNAL,
    "positive": np.exp(SIGNAL / 3),
    "binary": np.where(SIGNAL > 0, "yes", "no"),
    "three": np.select([SIGNAL < -1, SIGNAL < 1], list("zm"), "a"),
}
MODELS = [
    *((m, "regression", "target", "identity") for m in (LinearRegression(), Ridge(), Lasso(0.1), ElasticNet(0.1))),
    *((m, "regression", "target", "identity") for m in (SGDRegressor(random_state=0), LinearSVR())),
    (TweedieRegressor(power=0), "regression", "target", "identity"),
    *(
        (m, "positive", "log of target", "log")
        for m in (PoissonRegressor(), GammaRegressor(), TweedieRegressor(power=1.5))
    ),
    (LogisticRegression(), "binary", "log-odds", "logit"),
    (LogisticRegression(), "three", "log-odds", "softmax"),
    (SGDClassifier(loss="log_loss", random_state=0), "binary", "log-odds", "logit"),
    (SGDClassifier(loss="log_loss", random_state=0), "three", "log-odds", "logit"),
    *((LinearSVC(), kind, "decision value", "identity") for kind in ("binary", "three")),
    *((RidgeClassifier(), kind, "decision value", "identity") for kind in ("binary", "three")),
]


@pytest.mark.parametrize(("model", "kind", "unit", "link"), MODELS)
def test_values_are_those_of_shap_and_add_up(model: Any, kind: str, unit: str, link: str) -> None:
    """Values equal exact SHAP of the decision values; labels are never taken for numbers."""
    model.fit(X, TARGETS[kind])
    explainer = LinearExplainer(model, X)
    explanation = explainer.explain_local(X[:30])
    assert (explanation.output_unit, explanation.link) == (unit, link)
    masker = shap.maskers.Independent(X.to_numpy(), max_samples=len(X))
    pair = (model.coef_, model.intercept_)
    theirs = np.asarray(shap.LinearExplainer(pair, masker).shap_values(X[:30].to_numpy()))
    theirs = np.moveaxis(theirs, -1, 0) if theirs.ndim == 3 else theirs[None]
    np.testing.assert_allclose(explanation.values, theirs, atol=1e-9)
    if unit == "decision value":
        np.testing.assert_allclose(explanation.output.squeeze(), model.decision_function(X[:30]))
        assert list(explanation.eval_y_predicted) == list(model.predict(X[:30]))
    elif unit == "log of target":
        np.testing.assert_allclose(np.exp(explanation.output[:, 0]), model.predict(X[:30]))


def test_a_value_is_the_weight_times_the_difference_from_the_mean() -> None:
    rows = np.array([[0.0, 1.0], [2.0, 3.0]])
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = np.array([2.0, -1.0]), 5.0, 2
    explanation = LinearExplainer(model, rows).explain_local(np.array([[3.0, 4.0]]))
    np.testing.assert_array_equal(explanation.values, [[[4.0, -2.0]]])
    np.testing.assert_array_equal(explanation.expected_values, [5.0])


def test_a_scaler_before_the_model_is_gone_through() -> None:
    scaler = ColumnTransformer([("scale", StandardScaler(), NAMES)]).fit(X)
    model = LogisticRegression().fit(scaler.transform(X), TARGETS["binary"])
    explanation = LinearExplainer(model, X, transformations=scaler).explain_local(X[:10])
    assert explanation.features == NAMES
    expected = model.coef_[0] * (scaler.transform(X)[:10] - scaler.transform(X).mean(axis=0))
    np.testing.assert_allclose(explanation.values[0], expected, atol=1e-12)


@pytest.mark.usefixtures("as_if_large")
@pytest.mark.parametrize("n_features", [40, 1500])
def test_sparse_rows_add_up_and_stay_sparse_where_they_are_wide(n_features: int) -> None:
    rows = sp.random(300, n_features, density=0.05, format="csr", random_state=0)
    always = sp.csr_matrix(1.0 + np.arange(300)[:, None] / 300)
    rows = sp.csr_matrix(sp.hstack([rows[:, :-1], always]))
    model = Ridge().fit(rows, np.asarray(rows[:, :9].sum(axis=1)).ravel())
    explanation = LinearExplainer(model, rows).explain_local(rows[:20])
    np.testing.assert_allclose(explanation.output[:, 0], model.predict(rows[:20]))
    assert sp.issparse(explanation.local_importance_values) == (n_features > 1000)
    if n_features > 1000:
        assert explanation.local_importance_values.nnz < 0.1 * 20 * n_features


def test_weights_that_are_sparse_are_read() -> None:
    model = LogisticRegression().fit(X, TARGETS["binary"]).sparsify()
    np.testing.assert_allclose(
        LinearExplainer(model, X).explain_local(X[:5]).eval_y_predicted_proba, model.predict_proba(X[:5])
    )


def test_missing_cells_are_refused_by_name() -> None:
    explainer = LinearExplainer(Ridge().fit(X, SIGNAL), X)
    with pytest.raises((DataError, ValueError), match="NaN|missing"):
        explainer.explain_local(X[:3].assign(b=np.nan))


def test_models_that_are_not_linear_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="SVC is no fitted linear model.*transformations"):
        LinearExplainer(SVC().fit(X, TARGETS["binary"]), X)
    with pytest.raises(UnsupportedModelError, match="Ridge is no fitted linear model"):
        LinearExplainer(Ridge(), X)
    with pytest.raises(SelfCheckError, match="linear: it adds up to"):
        LinearExplainer(SGDClassifier(loss="modified_huber", random_state=0).fit(X, TARGETS["three"]), X)
    model = Ridge().fit(X, SIGNAL)
    with pytest.raises(InputError, match="have 2 columns, the model was fitted on 3"):
        LinearExplainer(model, X[["a", "b"]])
    with pytest.raises(InitDatasetMissingError, match="`initialization_examples` is None"):
        LinearExplainer(model, None)
