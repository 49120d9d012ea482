"""The comparison of sums with predictions judges every row by its own size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, TweedieRegressor

from automl_explain import LinearExplainer, TreeExplainer
from automl_explain.exceptions import ContractError, SelfCheckError
from automl_explain.testing import check_explainer

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
SCALES = (1.0, 1e6, 1e-12)


class Skewed:
    """A model whose predictions differ from what it was fitted to, in one row of a batch."""

    def __init__(self, model: Any, by: float) -> None:
        self._model, self._by = model, by

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_model"], name)

    def predict(self, rows: Any) -> np.ndarray:
        found = np.array(self._model.predict(rows), dtype=np.float64)
        marked = np.asarray(rows)[:, 0] == X[7, 0]
        return np.where(marked, found * (1 + self._by), found)


class SkewedClassifier(Skewed):
    def predict_proba(self, rows: Any) -> np.ndarray:
        second = np.array(self._model.predict_proba(rows), dtype=np.float64)[:, 1]
        marked = np.asarray(rows)[:, 0] == X[7, 0]
        second = np.where(marked, second * (1 + self._by), second)
        return np.column_stack([1 - second, second])


def with_an_outlier(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which the first is 1e8 times as large as the others, and their target."""
    rows = X.copy()
    rows[0] *= 1e8
    return rows, scale * (rows @ [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("outlier", [False, True])
def test_one_wrong_row_is_found_whatever_the_others_are(scale: float, outlier: bool) -> None:
    rows, y = with_an_outlier(scale)
    rows, y = (rows, y) if outlier else (X, scale * (X @ [1.0, 2.0, 3.0, 4.0]))
    fitted = LinearRegression().fit(rows, y)
    explainer = LinearExplainer(fitted, X[100:], predictor=Skewed(fitted, 1e-3))  # row 7 is not looked at yet
    explainer.explain_local(np.delete(rows, 7, axis=0))
    with pytest.raises(SelfCheckError, match=r"adds up to .* in row 7, where the model predicts"):
        explainer.explain_local(rows)
    with pytest.raises(SelfCheckError, match="in row 7"):
        explainer.explain_global_stream([rows])


@pytest.mark.parametrize("scale", SCALES)
def test_trees_and_their_wrong_row_in_any_unit(scale: float) -> None:
    y = X[:, 0] * scale
    fitted = RandomForestRegressor(10, random_state=0).fit(X, y)
    TreeExplainer(fitted, initialization_examples=X).explain_local(X)
    with pytest.raises(SelfCheckError, match="in row 7"):
        TreeExplainer(fitted, initialization_examples=X, predictor=Skewed(fitted, 1e-4))


def test_a_small_probability_is_judged_in_log_odds() -> None:
    """A probability of some thousandths that is wrong by a hundredth of itself, which is less than 1e-4."""
    model = LogisticRegression(C=1e3).fit(X, X[:, 1] + rng.normal(size=200) > 2.5)
    second = model.predict_proba(X)[7, 1]
    assert 1e-8 < second < 1e-2
    LinearExplainer(model, X[100:], predictor=SkewedClassifier(model, 1e-6)).explain_local(X)
    with pytest.raises(SelfCheckError, match="in row 7"):
        LinearExplainer(model, X[100:], predictor=SkewedClassifier(model, 0.01)).explain_local(X)


@pytest.mark.parametrize("scale", [1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_float32_and_cancelling_sums_are_no_faults(scale: float, offset: float) -> None:
    """XGBoost adds up 300 trees in float32; targets around 0 are sums of parts that cancel."""
    y = scale * (3 * X[:, 0] - 3 * X[:, 1] + offset)
    y[:20] -= y[:20]  # rows whose output is about 0, beside an expected value far from it
    for model in (xgboost.XGBRegressor(n_estimators=300), LGBMRegressor(n_estimators=300, verbose=-1)):
        model.fit(X, y)
        explanation = TreeExplainer(model, initialization_examples=X).explain_local(X)
        # Float32 predictions: 1e-5 of the largest part of the sum.
        room = 1e-5 * (np.abs(explanation.values[0]).sum(axis=-1) + abs(explanation.base[0]))
        assert (np.abs(explanation.output[:, 0] - model.predict(X)) <= room).all()


def test_dates_and_large_offsets_cancel_in_linear_models_too() -> None:
    rows = X.copy()
    rows[:, 0] = 1.7e12 + np.arange(200) * 1e5
    model = LinearRegression().fit(rows, (rows[:, 0] - 1.7e12) / 1e7 + rows[:, 1])
    LinearExplainer(model, rows).explain_local(rows)


@pytest.mark.parametrize("kind", ["two", "three"])
def test_sure_probabilities_of_trees_are_no_faults(kind: str) -> None:
    y = (X[:, 0] > 0).astype(int) + (kind == "three") * (X[:, 1] > 0)
    for model in (
        xgboost.XGBClassifier(n_estimators=300),
        LGBMClassifier(n_estimators=300, verbose=-1),
        GradientBoostingClassifier(n_estimators=200, random_state=0),
    ):
        model.fit(X, y)
        assert model.predict_proba(X).max() > 0.99
        TreeExplainer(model, initialization_examples=X).explain_local(X)


def test_means_of_counts_are_judged_by_themselves() -> None:
    y = np.random.default_rng(1).poisson(np.exp(2 * X[:, 0]))
    model = TweedieRegressor(power=1, link="log", alpha=0, max_iter=1000).fit(X, y)
    LinearExplainer(model, X[100:]).explain_local(X)
    with pytest.raises(SelfCheckError, match="in row 7"):
        LinearExplainer(model, X[100:], predictor=Skewed(model, 1e-3)).explain_local(X)


class OffInOneRow:
    """An explainer whose values of a row change with the rows beside it."""

    def __init__(self, explainer: Any, by: float) -> None:
        self._explainer, self._by = explainer, by
        self.features, self.classes = explainer.features, explainer.classes

    def explain_local(self, rows: Any) -> Any:
        found = self._explainer.explain_local(rows)
        if len(found) < 8:
            return found
        values = found.values.copy()
        small = 1 + np.abs(values[0, 1::2]).sum(axis=-1).argmin() * 2
        values[0, small, :2] += np.array([self._by, -self._by]) * np.abs(values[0, small]).max()
        kept = {name: getattr(found, name) for name in ("features", "base", "task", "classes", "output_unit", "method")}
        return type(found)(values=values, eval_y_predicted=found.eval_y_predicted, eval_data=found.eval_data, **kept)

    def explain_global(self, rows: Any, **how: Any) -> Any:
        return self._explainer.explain_global(rows, **how)


@pytest.mark.parametrize("scale", SCALES)
def test_the_contract_sees_a_small_row_beside_a_large_one(scale: float) -> None:
    rows, y = with_an_outlier(scale)
    explainer = LinearExplainer(LinearRegression().fit(rows, y), rows)
    few = pd.DataFrame(rows[:8])
    check_explainer(explainer, few.to_numpy())
    with pytest.raises(ContractError, match="every second row, backwards"):
        check_explainer(OffInOneRow(explainer, 1e-3), few.to_numpy())
