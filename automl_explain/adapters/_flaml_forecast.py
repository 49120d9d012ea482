"""FLAML's forecasts by regression: a learner for every step ahead, fed with the lags known at the last time step.

Step k after training is forecast from one engineered row, whatever row k of the batch holds: the lags of the
target, of the regressors and of the calendar at the step that follows training. So a raw row is explained
together with two columns that FLAML does not show: the target known so far, and how many steps ahead it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.adapters._choice import refusal
from automl_explain.adapters._self_check import difference
from automl_explain.exceptions import DataError, InputError, SelfCheckError, UnsupportedModelError
from automl_explain.feature_map import FeatureMap

STEP = "forecast step"
_MOST_TRAINING_ROWS = 10_000
# FLAML makes all lags anew for every origin that it is asked about, some tenths of a second each.
_ASKED_ORIGINS = 8


class FlamlForecaster:
    """FLAML's learners of all steps ahead, reading lags and the step.

    Parameters
    ----------
    wrapper : flaml.automl.time_series.sklearn.SklearnWrapper
        Fitted.
    name : str
        Name of the learner.
    """

    forecasts = True  # what is explained comes after what it was trained on

    def __init__(self, wrapper: Any, name: str) -> None:
        self._wrapper, self._name = wrapper, name

    def predict(self, Z: Any) -> np.ndarray:
        """Forecasts of shape (n_rows,)."""
        steps = Z[STEP].to_numpy().astype(int)
        lags = Z.drop(columns=STEP)
        forecasts = np.empty(len(steps))
        for step in np.unique(steps):
            rows: Any = lags[steps == step]
            if self._wrapper.pca_features:
                rows = self._wrapper.pca.transform(self._wrapper.norm.transform(rows))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # FLAML on pandas 3
                forecasts[steps == step] = np.asarray(self._wrapper.models[step - 1].predict(rows)).reshape(-1)
        return forecasts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name})"


class FlamlForecastAdapter:
    """A FLAML ``AutoML`` whose best forecaster regresses on lags.

    Parameters
    ----------
    automl : flaml.AutoML
        Fitted with ``task="ts_forecast"``.

    Raises
    ------
    UnsupportedModelError
        If the forecaster is a pure time-series model, or forecasts classes or panels.
    """

    task = "regression"
    classes: list[Any] | None = None

    def __init__(self, automl: Any) -> None:
        model: Any = automl.model
        task = automl._state.task
        reason = refusal(model)
        if reason is not None:
            raise UnsupportedModelError(reason)
        wrapper: Any = getattr(model, "estimator", None)
        if not hasattr(wrapper, "models") or not hasattr(wrapper, "lags") or not task.is_regression():
            raise UnsupportedModelError(
                f"FLAML's {automl.best_estimator} for {task.name} is no regression on the lags of one series, so a row "
                "has no contributions of its own. Forecasts are refused rather than made up; fit FLAML with "
                "estimator_list=['lgbm', 'rf', 'xgboost'] to get one that can be explained."
            )
        self._automl, self._model, self._wrapper = automl, model, wrapper
        self.estimator = FlamlForecaster(wrapper, automl.best_estimator)
        self.featurizer = automl.feature_transformer
        self.history = f"{wrapper._y.name} (history)"
        self._times = pd.Index(model.X_train.train_data[model.time_col])
        self._lags = self._lagged(wrapper._X, wrapper._y)
        self._future: pd.DataFrame | None = None
        self._given: pd.DataFrame | None = None

    @property
    def horizon(self) -> int:
        """Number of steps that are forecast."""
        return len(self._wrapper.models)

    def raw_rows(self, X: Any, y: Any, X_test: Any) -> tuple[Any, np.ndarray | None, Any]:
        """Rows with the two columns more: training rows once for each step, and the rows to forecast.

        Parameters
        ----------
        X : DataFrame or None
            Rows that FLAML was fitted on.
        y : ndarray or None
            Their targets.
        X_test : DataFrame or None
            Rows that follow them.

        Returns
        -------
        X, y, X_test
            Training rows have the last target known before the origin of their forecast; those
            without enough history are left out.

        Raises
        ------
        DataError
            If the rows are not those of the training, or do not follow it.
        """
        for rows in (X, X_test):
            if rows is not None and not isinstance(rows, pd.DataFrame):
                raise InputError("FLAML forecasts from a DataFrame whose first column is the time; pass one.")
        forecast = None if X_test is None else self._ahead(X_test)
        if X is None:
            return None, None, forecast
        self._check_training(X, y)
        origins = np.arange(self._wrapper.lags, len(X))
        pairs = np.array([(o, k) for o in origins for k in range(1, self.horizon + 1) if o + k - 1 < len(X)])
        if len(pairs) > _MOST_TRAINING_ROWS:
            pairs = pairs[np.unique(np.linspace(0, len(pairs) - 1, _MOST_TRAINING_ROWS).astype(int))]
        at = pairs.sum(axis=1) - 1
        known = np.asarray(self._wrapper._y, dtype=np.float64)[pairs[:, 0] - 1]
        return self._more(X.iloc[at], known, pairs[:, 1]), None if y is None else np.asarray(y)[at], forecast

    def transform(self, X: Any) -> pd.DataFrame:
        """Lags at the origin of each row's forecast, and the step."""
        origins, steps = self._origins(X)
        rows = [self._lags.iloc[origins[origins < len(self._times)] - self._wrapper.lags]]
        if self._future is not None:
            rows.append(self._future.iloc[np.zeros((origins == len(self._times)).sum(), dtype=int)])
        Z = pd.concat(rows)
        order = np.argsort(np.argsort(origins >= len(self._times), kind="stable"), kind="stable")
        return Z.iloc[order].set_axis(X.index).assign(**{STEP: steps})

    def predict_raw(self, X: Any) -> np.ndarray:
        """FLAML's own forecasts after training, and at up to eight origins before; its learners' at the others."""
        origins, steps = self._origins(X)
        forecasts = self.predict_engineered(self.transform(X))
        each = np.unique(origins)
        for origin in each[np.unique(np.linspace(0, len(each) - 1, _ASKED_ORIGINS).astype(int))]:
            at = origins == origin
            forecasts[at] = self._own(int(origin))[steps[at] - 1]
        return forecasts

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """Forecasts from lags and the step."""
        return self.estimator.predict(Z)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Exact: lags to their column, calendar columns to the time."""
        raw, time = list(X.columns), self._model.time_col
        known = {c: raw.index(c) for c in self._wrapper._X.columns if c in raw}
        known |= {
            c: raw.index(time)
            for c in self._wrapper._X.columns
            if c not in known and str(c).startswith(f"{time}_")  # FLAML's own sines and cosines of the time
        }
        known[f"lag_{self._wrapper._y.name}"] = raw.index(self.history)
        # Columns are named after FLAML's, in FLAML's order, which comes from sets and differs between runs.
        columns = [*self._wrapper._X.columns, f"lag_{self._wrapper._y.name}"]
        unknown = [c for c in columns if c not in known]
        if unknown:
            raise UnsupportedModelError(
                f"FLAML made the columns {', '.join(map(repr, unknown))}, which belong to no column of `X` and are no "
                "parts of its time. Pass the columns that FLAML was fitted on, under the same names."
            )
        parents = [[known[c]] for _ in range(self._wrapper.lags) for c in columns] + [[raw.index(STEP)]]
        return FeatureMap.from_parents(
            parents, raw_names=raw_names, engineered_names=[*map(str, self._lags.columns), STEP]
        )

    def _lagged(self, X: Any, y: Any) -> pd.DataFrame:
        from flaml.automl.time_series.sklearn import make_lag_features

        lagged: pd.DataFrame = make_lag_features(X, y, self._wrapper.lags)
        return lagged

    def _more(self, rows: pd.DataFrame, known: Any, steps: Any) -> pd.DataFrame:
        taken = [c for c in (self.history, STEP) if c in rows.columns]
        if taken:
            raise InputError(f"`X` has a column {taken[0]!r}, which stands for what FLAML knows itself. Rename it.")
        return rows.assign(**{self.history: known, STEP: steps})

    def _check_training(self, X: pd.DataFrame, y: Any) -> None:
        told = "Pass `X` and `y` as they were passed to FLAML's `fit`."
        if self._model.time_col not in X.columns:
            raise InputError(f"`X` lacks the time column {self._model.time_col!r} that FLAML was fitted on. {told}")
        times = pd.Index(X[self._model.time_col])
        if not times.equals(self._times) or len(self._times) != len(self._wrapper._y):
            raise DataError(
                f"`X` has {len(X)} time steps, and FLAML's forecaster was fitted on {len(self._times)}, from "
                f"{self._times[0]} to {self._times[-1]}; expected the same ones in the same order. {told}"
            )
        if y is not None and not np.allclose(y.astype(np.float64), np.asarray(self._wrapper._y), rtol=1e-6, atol=0.0):
            raise DataError(f"`y` holds other values than FLAML's forecaster was fitted on. {told}")

    def _ahead(self, X_test: pd.DataFrame) -> pd.DataFrame:
        """Rows to forecast, which must be the next steps after training."""
        time = self._model.time_col
        if time not in X_test.columns:
            raise InputError(f"`X_test` lacks the time column {time!r} that FLAML was fitted on; pass it too.")
        if len(X_test) > self.horizon:
            raise DataError(
                f"`X_test` has {len(X_test)} rows, and FLAML was fitted with period={self.horizon}; what lies beyond "
                f"is forecast from its own forecasts. Pass the first {self.horizon} rows, or fit with a longer period."
            )
        expected = pd.date_range(self._times[-1], periods=len(X_test) + 1, freq=self._model.frequency)[1:]
        if list(X_test[time]) != list(expected):
            raise DataError(
                f"`X_test` starts at {X_test[time].iloc[0]}; FLAML forecasts the steps that follow its training, from "
                f"{expected[0]} to {expected[-1]}, whatever the rows say. Pass these, in order."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # FLAML on pandas 3
            rows = self._automl._state.task.preprocess(X_test.copy(), self._automl.feature_transformer)
            rows = self._model._preprocess(self._model.enrich(rows)[self._model.regressors])
        wrapper = self._wrapper
        X_all = pd.concat([wrapper._X, rows[:1]], ignore_index=True)
        y_all = pd.concat([wrapper._y, pd.Series([np.nan], name=wrapper._y.name)], ignore_index=True)
        self._future, self._given = self._lagged(X_all, y_all).iloc[[-1]], X_test
        last = float(np.asarray(wrapper._y)[-1])
        forecast = self._more(X_test, last, np.arange(1, len(X_test) + 1))
        self._check(forecast)
        return forecast

    def _check(self, forecast: pd.DataFrame) -> None:
        """There is no black box to fall back to: FLAML's forecast of a row depends on its place in the batch."""
        ours = self.predict_engineered(self.transform(forecast))
        apart = difference(self._own(len(self._times))[: len(ours)], ours)
        if apart is not None:
            raise SelfCheckError(
                f"FLAML's own forecasts of `X_test` are not those of its learners on the lags: {apart}. This version "
                "of FLAML forecasts in another way than those known here (2.3 to 2.7); they cannot be explained."
            )

    def _origins(self, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Position of the first step of each row's forecast, and how many steps ahead the row is."""
        if STEP not in X.columns or self.history not in X.columns:
            raise InputError(
                f"The rows lack {STEP!r} and {self.history!r}, which are known of a forecast only. Pass raw rows to "
                "`automl_setup_model_explanations`, which adds them."
            )
        steps = X[STEP].to_numpy().astype(int)
        after = self._times.get_indexer(pd.Index(X[self._model.time_col]))
        return np.where(after < 0, len(self._times), after - steps + 1), steps

    def _own(self, origin: int) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # FLAML on pandas 3
            if origin == len(self._times):
                assert self._given is not None
                return np.asarray(self._automl.predict(self._given.copy()), dtype=np.float64).reshape(-1)
            X, y = self._wrapper._X, self._wrapper._y
            ahead = X.iloc[origin : origin + self.horizon]
            return np.asarray(self._wrapper.predict(ahead, X.iloc[:origin], y.iloc[:origin]), dtype=np.float64)
