"""Residuals: what the model says and the explanation does not, row by row."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit, softmax
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC

from automl_explain import (
    Explanation,
    KernelExplainer,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    MimicExplainer,
    TreeExplainer,
)
from automl_explain.exceptions import ResidualWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
SMALL = {"n_estimators": 30, "num_leaves": 7, "n_jobs": 1}


def mimic(model: Any, rows: Any = X, **more: Any) -> MimicExplainer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small surrogates, for speed
        return MimicExplainer(model, rows, LGBMExplainableModel, SMALL, augment_data=False, **more)


@pytest.fixture(scope="module")
def regression() -> MimicExplainer:
    return mimic(RandomForestRegressor(10, random_state=0).fit(X, X[:, 0] * X[:, 1]))


@pytest.fixture(scope="module")
def binary() -> MimicExplainer:
    return mimic(LogisticRegression().fit(X, X[:, 0] + X[:, 1] > 0))


@pytest.fixture(scope="module")
def three() -> MimicExplainer:
    return mimic(LogisticRegression().fit(X, np.digitize(X[:, 0] + X[:, 1], [-1, 1])))


def test_output_and_residual_are_the_models_target(regression: MimicExplainer) -> None:
    found = regression.explain_local(X[:20])
    assert found.residuals is not None
    # To rounding: values, expected value and residual are added up in another order.
    np.testing.assert_allclose(found.output[:, 0] + found.residuals[0], regression.model.predict(X[:20]), rtol=1e-9)


def test_output_and_residual_are_the_models_log_odds_of_the_second_class(binary: MimicExplainer) -> None:
    found = binary.explain_local(X[:20])
    assert found.residuals is not None
    assert found.residuals.shape == (1, 20)
    probability = expit(found.output[:, 0] + found.residuals[0])
    np.testing.assert_allclose(probability, binary.model.predict_proba(X[:20])[:, 1], rtol=1e-9)  # rounding


def test_residuals_of_several_classes_come_in_the_order_of_the_outputs(three: MimicExplainer) -> None:
    found = three.explain_local(X[:20])
    assert found.residuals is not None
    assert found.residuals.shape == (3, 20)
    wanted = three.model.predict_proba(X[:20])
    np.testing.assert_allclose(expit(found.output + found.residuals.T), wanted, rtol=1e-9, atol=2e-6)  # the clip


def test_residuals_in_probability_are_differences_of_probabilities(binary: MimicExplainer) -> None:
    found = binary.explain_local(X[:20], output_unit="probability")
    wanted = binary.model.predict_proba(X[:20])[:, 1] - expit(binary.surrogate_model.predict_output(X[:20]))[:, 0]
    assert found.residuals is not None
    np.testing.assert_allclose(found.residuals[0], wanted, atol=1e-12)  # rounding of sums


def test_nothing_is_left_where_values_add_up_to_the_teachers_probability(binary: MimicExplainer) -> None:
    found = mimic(binary.model, shap_values_output="teacher_probability").explain_local(X[:20])
    assert found.residuals is not None
    np.testing.assert_allclose(found.residuals, 0.0, atol=1e-12)  # rounding of sums


def test_sure_rows_have_finite_residuals_and_none_where_both_are_sure() -> None:
    """A forest of one opinion says exactly 0 and 1, whose log-odds are infinite."""
    forest = RandomForestClassifier(5, random_state=0).fit(X, X[:, 0] + RNG.normal(size=300) / 2 > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a linear surrogate of a forest; it overshoots, which trees do not
        explainer = MimicExplainer(forest, X, LinearExplainableModel)
    found, proba = explainer.explain_local(X), forest.predict_proba(X)[:, 1]
    assert found.residuals is not None
    residuals = found.residuals[0]
    assert np.isfinite(residuals).all()
    bound = logit(1 - 0.1)  # half a vote of five trees
    agreed = ((proba == 1) & (found.output[:, 0] >= bound)) | ((proba == 0) & (found.output[:, 0] <= -bound))
    assert agreed.any()
    np.testing.assert_array_equal(residuals[agreed], 0.0)
    short = (proba == 1) & (found.output[:, 0] < bound)
    np.testing.assert_allclose(residuals[short], bound - found.output[short, 0], rtol=1e-9)  # rounding


@pytest.mark.parametrize(
    ("make", "unit"),
    [
        (lambda: TreeExplainer(RandomForestClassifier(5).fit(X, X[:, 0] > 0)), "probability"),
        (lambda: TreeExplainer(GradientBoostingClassifier(n_estimators=5).fit(X, X[:, 0] > 0)), "log-odds"),
        (lambda: LinearExplainer(LogisticRegression().fit(X, np.digitize(X[:, 0], [-1, 1])), X), "log-odds"),
        (lambda: LinearExplainer(LogisticRegression(C=1e6).fit(X, X[:, 0] > 0), X), "log-odds"),
        (lambda: LinearExplainer(Ridge().fit(X, X[:, 0]), X), "target"),
        (lambda: LinearExplainer(PoissonRegressor().fit(X, np.exp(X[:, 0])), X), "log of target"),
        (lambda: LinearExplainer(LinearSVC().fit(X, X[:, 0] > 0), X), "decision value"),
        (lambda: KernelExplainer(KNeighborsRegressor().fit(X, X[:, 0]), X[:10]), "target"),
        (lambda: KernelExplainer(LinearSVC().fit(X, X[:, 0] > 0), X[:10]), "decision value"),
    ],
)
def test_explainers_of_the_model_itself_leave_nothing(make: Any, unit: str) -> None:
    found = make().explain_local(X[:12])
    assert found.output_unit == unit
    # Log-odds are told back from probabilities: a rounding of 1e-16 in one of 1e-6 is 1e-10 of its log-odds.
    np.testing.assert_allclose(found.residuals, np.zeros((len(found.base), 12)), atol=1e-8)


def test_a_softmax_of_output_and_residual_is_the_models_probability() -> None:
    model = LogisticRegression().fit(X, np.digitize(X[:, 0], [-1, 1]))
    found = LinearExplainer(model, X).explain_local(X[:9])
    np.testing.assert_allclose(softmax(found.output + found.residuals.T, axis=1), model.predict_proba(X[:9]), rtol=1e-9)


def test_global_explanations_of_rows_have_them_and_those_without_rows_have_none(regression: MimicExplainer) -> None:
    local = regression.explain_local(X[:50])
    whole = regression.explain_global(X[:50], include_local=False)
    np.testing.assert_array_equal(whole.residuals, local.residuals)
    assert regression.explain_global().residuals is None


def test_residuals_follow_the_rows_and_come_back_from_a_file(regression: MimicExplainer, tmp_path: Any) -> None:
    found = regression.explain_local(X[:6])
    assert found.residuals is not None
    np.testing.assert_array_equal(found[[4, 1]].residuals, found.residuals[:, [4, 1]])
    found.save(tmp_path / "kept")
    np.testing.assert_array_equal(Explanation.load(tmp_path / "kept").residuals, found.residuals)


def outlying(rows: np.ndarray) -> np.ndarray:
    """Linear, but for rows far out, of which there are none in training."""
    return np.where(rows[:, 0] > 50, -100.0, rows[:, 0])


def test_rows_that_the_surrogate_misses_are_warned_of_once_with_the_worst() -> None:
    explainer = MimicExplainer(outlying, X, LinearExplainableModel, is_function=True, model_task="regression")
    rows = X[:8].copy()
    rows[2, 0], rows[5, 0] = 60.0, 80.0
    with pytest.warns(ResidualWarning, match="In 2 of 8 rows .* The worst is row 5, by 180") as caught:
        found = explainer.explain_local(rows)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert found.far_rows.tolist() == [False, False, True, False, False, True, False, False]
    np.testing.assert_allclose(found.residuals[0, [2, 5]], [-160.0, -180.0], rtol=0.01)  # the fit of 300 rows
    with pytest.warns(ResidualWarning, match="In 1 of 1 row the surrogate"):
        explainer.explain_local(rows[5:6])


def test_rows_that_the_surrogate_follows_are_not_warned_of() -> None:
    explainer = MimicExplainer(LinearRegression().fit(X, X[:, 0]), X, LinearExplainableModel)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explainer.explain_local(X)
        explainer.explain_global()


def test_a_model_explained_by_itself_warns_of_no_row() -> None:
    rows = pd.DataFrame(X, columns=list("abcd"))
    rows.loc[3, "a"] = 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearExplainer(Ridge().fit(X, X[:, 0]), X).explain_local(rows.to_numpy())
