"""FLAML's forecasts: regressions on lags explained step by step, classical models refused by name."""

from __future__ import annotations

import types
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flaml import AutoML
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression

from automl_explain import (
    LGBMExplainableModel,
    LinearExplainableModel,
    MimicWrapper,
    automl_check_model_if_explainable,
    automl_setup_model_explanations,
    candidate,
    list_candidates,
)
from automl_explain.adapters import adapter_for, refusal
from automl_explain.adapters._flaml_forecast import FlamlForecastAdapter
from automl_explain.exceptions import DataError, InputError, SelfCheckError, UnsupportedModelError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:flaml", "ignore::FutureWarning:flaml")

N_TRAIN, HORIZON = 72, 3


def _series() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    n_rows = N_TRAIN + 6
    X = pd.DataFrame(
        {
            "when": pd.date_range("2015-01-01", periods=n_rows, freq="MS"),
            "price": rng.normal(size=n_rows),
            "promo": rng.choice(["a", "b"], n_rows),
            "constant": 1.0,
        }
    )
    y = 10 + 3 * np.sin(np.arange(n_rows) / 6 * np.pi) + 2 * X["price"] + rng.normal(size=n_rows) / 5
    return X, pd.Series(y, name="sales")


X, Y = _series()
TRAIN, TARGET, AHEAD = X[:N_TRAIN], Y[:N_TRAIN], X[N_TRAIN : N_TRAIN + HORIZON]


def fit(learner: str, rows: pd.DataFrame = TRAIN, **options: Any) -> AutoML:
    automl = AutoML()
    settings = {"time_budget": 20, "max_iter": 2, "n_jobs": 1, "verbose": 0, "eval_method": "holdout"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        automl.fit(
            rows.copy(),
            TARGET.copy(),
            task="ts_forecast",
            period=HORIZON,
            estimator_list=[learner],
            **settings,
            **options,
        )
    return automl


def own(automl: AutoML, rows: pd.DataFrame = AHEAD) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        return np.asarray(automl.predict(rows.copy())).reshape(-1)


@pytest.fixture(scope="module")
def lgbm() -> AutoML:
    return fit("lgbm")


def set_up(automl: AutoML, **options: Any) -> Any:
    return automl_setup_model_explanations(
        automl, "forecasting", **{"X": TRAIN, "X_test": AHEAD, "y": TARGET, **options}
    )


@pytest.mark.parametrize("learner", ["lgbm", "rf", "lassolars", pytest.param("xgboost", marks=pytest.mark.slow)])
def test_each_row_ahead_is_explained_with_flamls_own_forecast_of_it(learner: str) -> None:
    """All steps are forecast from the row that follows training, each by a learner of its own."""
    automl = fit(learner)
    setup = set_up(automl)
    np.testing.assert_allclose(setup.automl_estimator.predict(setup.X_test_transform), own(automl), rtol=1e-12)
    assert setup.task == "regression"
    assert setup.raw_feature_names == ["when", "price", "promo", "constant", "sales (history)", "forecast step"]
    assert setup.X_test_raw["forecast step"].tolist() == [1, 2, 3]
    assert set(setup.X_test_raw["sales (history)"]) == {TARGET.iloc[-1]}
    assert setup.feature_map.unused_raw == ("constant",)
    assert repr(setup.automl_estimator) == f"FlamlForecaster({learner})"


def test_the_rows_of_training_are_forecasts_from_their_own_past(lgbm: AutoML) -> None:
    """Every row once for each step, from the lags known before; compared with FLAML's own forecast from there."""
    setup = set_up(lgbm)
    wrapper = lgbm.model.estimator
    n_origins = N_TRAIN - wrapper.lags
    assert len(setup.X_transform) == sum(min(HORIZON, n_origins - i) for i in range(n_origins)) == len(setup.y)
    steps = setup.X_transform["forecast step"].to_numpy()
    at = np.flatnonzero(steps == 2)[5]
    row = TRAIN.index.get_loc(setup.X_transform.index[at])
    origin = row - 1
    assert setup.y[at] == TARGET.iloc[row]
    assert setup.X_transform["lag_sales_lag_0"].iloc[at] == TARGET.iloc[origin - 1]
    assert setup.X_transform["price_lag_0"].iloc[at] == TRAIN["price"].iloc[origin]
    assert setup.X_transform["price_lag_1"].iloc[at] == TRAIN["price"].iloc[origin - 1]
    there = wrapper.predict(wrapper._X[origin : origin + HORIZON], wrapper._X[:origin], wrapper._y[:origin])
    assert setup.automl_estimator.predict(setup.X_transform.iloc[[at]])[0] == pytest.approx(np.asarray(there)[1])


def test_lags_and_calendar_belong_to_their_raw_columns(lgbm: AutoML) -> None:
    """FLAML orders its columns by Python sets, so the map goes by their names."""
    setup = set_up(lgbm)
    weights = pd.DataFrame(np.asarray(setup.feature_map), setup.raw_feature_names, setup.engineered_feature_names)
    np.testing.assert_array_equal(weights.sum(), 1.0)
    for column, parent in weights.idxmax().items():
        stem = str(column).partition("_lag_")[0] if not str(column).startswith("lag_sales") else "sales (history)"
        expected = "when" if stem.startswith("when_") else stem
        assert parent == expected, column
    lags = lgbm.model.estimator.lags
    assert weights.loc["price"].sum() == weights.loc["sales (history)"].sum() == lags
    assert weights.loc["when"].sum() > lags
    assert weights.loc["forecast step"].sum() == 1


def test_a_forecast_is_explained_in_both_spaces(lgbm: AutoML) -> None:
    setup = set_up(lgbm)
    wrapper = MimicWrapper.from_setup(
        setup, LGBMExplainableModel, explainable_model_args={"n_estimators": 30, "num_leaves": 7}
    )
    engineered = wrapper.explain(["local"], eval_dataset=setup.X_test_transform)
    raw = wrapper.explain(
        ["local"], eval_dataset=setup.X_test_transform, get_raw=True, raw_eval_dataset=setup.X_test_raw
    )
    np.testing.assert_allclose(raw.values.sum(-1), engineered.values.sum(-1), atol=1e-9)
    np.testing.assert_allclose(raw.eval_y_predicted, own(lgbm), rtol=1e-12)
    assert raw.get_feature_importance_dict()["constant"] == 0.0


def test_the_rows_ahead_alone_are_enough_for_scoring(lgbm: AutoML) -> None:
    """The past is kept by FLAML itself; `y` is asked for by the task."""
    adapter = FlamlForecastAdapter(lgbm)
    _, _, forecast = adapter.raw_rows(None, None, AHEAD[:2])
    np.testing.assert_allclose(adapter.predict_engineered(adapter.transform(forecast)), own(lgbm)[:2], rtol=1e-12)
    np.testing.assert_allclose(adapter.predict_raw(forecast[::-1]), own(lgbm)[1::-1], rtol=1e-12)


def test_rows_that_do_not_follow_the_training_are_refused(lgbm: AutoML) -> None:
    """FLAML would forecast the next steps whatever the rows say, in the order of the batch."""
    for rows in (TRAIN[:3], AHEAD[::-1], X[N_TRAIN + 1 : N_TRAIN + 3]):
        with pytest.raises(DataError, match=r"FLAML forecasts the steps that follow its training, from 2021-01-01"):
            set_up(lgbm, X_test=rows)
    with pytest.raises(DataError, match=r"`X_test` has 6 rows, and FLAML was fitted with period=3"):
        set_up(lgbm, X_test=X[N_TRAIN:])


def test_other_rows_than_those_of_the_training_are_refused(lgbm: AutoML) -> None:
    with pytest.raises(DataError, match="`X` has 60 time steps, and FLAML's forecaster was fitted on 72"):
        set_up(lgbm, X=TRAIN[:60], y=TARGET[:60])
    with pytest.raises(DataError, match="`y` holds other values"):
        set_up(lgbm, y=TARGET + 1)
    with pytest.raises(InputError, match="`X` lacks the time column 'when'"):
        set_up(lgbm, X=TRAIN.drop(columns="when"), X_test=None)
    with pytest.raises(InputError, match="`X_test` lacks the time column 'when'"):
        set_up(lgbm, X=None, X_test=AHEAD.drop(columns="when"))
    with pytest.raises(InputError, match="FLAML forecasts from a DataFrame"):
        set_up(lgbm, X=None, X_test=np.ones((2, 3)))
    with pytest.raises(InputError, match="`X` has a column 'forecast step'"):
        set_up(lgbm, X=None, X_test=AHEAD.assign(**{"forecast step": 1}))
    with pytest.raises(InputError, match=r"lack 'forecast step' and 'sales \(history\)'"):
        adapter_for(lgbm).transform(AHEAD)
    with pytest.raises(InputError, match="needs the target history: pass `y`"):
        set_up(lgbm, y=None)


def test_a_flaml_that_forecasts_otherwise_is_not_explained(lgbm: AutoML, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = type(lgbm).predict
    monkeypatch.setattr(type(lgbm), "predict", lambda self, rows: predict(self, rows) + 1)
    with pytest.raises(SelfCheckError, match="they differ by up to 1"):
        set_up(lgbm)


def test_the_chosen_forecaster_is_the_only_candidate(lgbm: AutoML) -> None:
    found = list_candidates(lgbm)
    assert found.names == ["lgbm"]
    assert found[0].explainable_at_once
    automl_setup_model_explanations(lgbm, "forecasting", X=TRAIN, y=TARGET)
    model = candidate(lgbm, "lgbm")
    assert automl_check_model_if_explainable(model)


@pytest.mark.parametrize(
    ("learner", "shown"),
    [("naive", "Naive"), ("savg", "SeasonalAverage"), ("avg", "Average"), ("snaive", "SeasonalNaive")],
)
def test_classical_forecasters_of_flaml_are_refused_by_name(learner: str, shown: str) -> None:
    """Never a made-up number; the rows and the targets do not matter."""
    pytest.importorskip("statsmodels")
    automl = fit(learner, TRAIN[["when"]])
    with pytest.raises(UnsupportedModelError, match=f"^{shown} forecasts from the history of the target"):
        set_up(automl, X=TRAIN[["when"]], X_test=AHEAD[["when"]])
    assert not automl_check_model_if_explainable(automl)
    assert list_candidates(automl)[0].refusal is not None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Prophet", "Prophet"),
        ("ARIMA", "ARIMA"),
        ("SARIMAX", "SARIMAX"),
        ("HoltWinters", "HoltWinters"),
        ("Orbit", "Orbit"),
        ("TCNEstimator", "TCN"),
        ("TemporalFusionTransformerEstimator", "TemporalFusionTransformer"),
    ],
)
def test_classical_forecasters_are_refused_alone_and_inside_ensembles(name: str, shown: str) -> None:
    """By the name of their class in FLAML; nothing of their own libraries is needed."""

    def made(model: Any) -> Any:
        task = types.SimpleNamespace(name="ts_forecast", is_ts_forecast=lambda: True, is_regression=lambda: True)
        return types.SimpleNamespace(model=model, best_estimator="x", _state=types.SimpleNamespace(task=task))

    model = type(name, (LinearRegression,), {})().fit([[0.0], [1.0]], [0.0, 1.0])
    with pytest.raises(UnsupportedModelError, match=f"^{shown} forecasts from the history"):
        FlamlForecastAdapter(made(model))
    ensemble = VotingRegressor([("line", LinearRegression()), ("other", model)]).fit([[0.0], [1.0]], [0.0, 1.0])
    assert refusal(ensemble) is not None
    with pytest.raises(UnsupportedModelError, match=f"^{shown} forecasts from the history"):
        FlamlForecastAdapter(made(ensemble))


def test_forecasters_of_another_kind_are_refused_with_a_way_out() -> None:
    task = types.SimpleNamespace(
        name="ts_forecast_classification", is_ts_forecast=lambda: True, is_regression=lambda: False
    )
    model = types.SimpleNamespace(estimator=types.SimpleNamespace(models=[], lags=1))
    automl = types.SimpleNamespace(model=model, best_estimator="rf", _state=types.SimpleNamespace(task=task))
    with pytest.raises(UnsupportedModelError, match=r"FLAML's rf for ts_forecast_classification .* estimator_list="):
        FlamlForecastAdapter(automl)


def test_the_fidelity_at_the_steps_explained_comes_first(lgbm: AutoML) -> None:
    """Held-out rows lie in the past: of a forecast they say less than the steps explained."""
    setup = set_up(lgbm)
    small = {"explainable_model_args": {"n_estimators": 30, "num_leaves": 7}}
    wrapper = MimicWrapper.from_setup(setup, LGBMExplainableModel, **small)
    explained = wrapper.explain(["local"], eval_dataset=setup.X_test_transform, get_raw=True)
    assert (setup.forecasts, explained.fidelity.rows, explained.eval_fidelity.rows) == (True, "past", "eval")
    assert explained.eval_fidelity.n_rows == HORIZON
    off = np.abs(own(lgbm) - explained.output[:, 0])
    # The surrogate's own sums in double precision.
    assert explained.eval_fidelity.mean_absolute_error == pytest.approx(off.mean(), rel=1e-9)
    lines = [line for line in str(explained).splitlines() if line.startswith("fidelity:")]
    assert len(lines) == 2
    assert f"on {HORIZON} evaluation rows" in lines[0]
    assert "held-out past rows" in lines[1]
    assert "lie in the past" in str(explained)
    # The long form knows it by the model.
    again = MimicWrapper(None, setup.automl_estimator, LGBMExplainableModel, small, init_dataset=setup.X_transform)
    assert again.explainer.fidelity.rows == "past"


def test_a_forecast_of_a_model_of_scikit_learn_says_the_same() -> None:
    rows = pd.DataFrame({"t": np.arange(80.0), "x": np.sin(np.arange(80.0))})
    y = rows["t"] + rows["x"]
    model = LinearRegression().fit(rows[:70], y[:70])
    for task, kind in (("forecasting", "past"), ("regression", "held-out")):
        setup = automl_setup_model_explanations(model, task, X=rows[:70], X_test=rows[70:], y=y[:70])
        wrapper = MimicWrapper.from_setup(setup, LinearExplainableModel)
        assert wrapper.explainer.fidelity.rows == kind
        explained = wrapper.explain(["local"], eval_dataset=setup.X_test_transform)
        assert explained.eval_fidelity.n_rows == 10
        assert ("lie in the past" in str(explained)) == (kind == "past")
