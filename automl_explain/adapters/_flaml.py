"""FLAML's ``AutoML``: its own featurization, its best model, its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._schema import ColumnSchema
from automl_explain._tables._types import conform, family
from automl_explain.exceptions import DataError, InputError, UnsupportedModelError
from automl_explain.feature_map import FeatureMap

_DATE_PARTS = ("year", "month", "day", "hour", "minute", "second", "dayofweek", "dayofyear", "quarter")


class FlamlRegressor:
    """Best model of a FLAML run, reading FLAML's engineered rows.

    Parameters
    ----------
    automl : flaml.AutoML
        Fitted.
    """

    def __init__(self, automl: Any) -> None:
        self.automl = automl

    def predict(self, Z: Any) -> np.ndarray:
        """Target values of shape (n_rows,)."""
        return np.asarray(self.automl.model.predict(Z)).reshape(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.automl.best_estimator})"


class FlamlClassifier(FlamlRegressor):
    """Best model of a FLAML run, reading FLAML's engineered rows and giving original labels."""

    @property
    def classes_(self) -> np.ndarray:
        """Original labels in the order of the probability columns."""
        return np.asarray(self.automl.classes_)

    def predict(self, Z: Any) -> np.ndarray:
        """Original labels of shape (n_rows,)."""
        codes = super().predict(Z)
        encoder = self.automl.label_transformer
        return np.asarray(encoder.inverse_transform(codes.astype(int))) if encoder else codes

    def predict_proba(self, Z: Any) -> np.ndarray:
        """Probabilities of shape (n_rows, n_classes)."""
        return np.asarray(self.automl.model.predict_proba(Z))


def flaml_adapter(automl: Any) -> Any:
    """Adapter of a fitted FLAML ``AutoML``: forecasts have one of their own.

    Raises
    ------
    UnsupportedModelError
        As `FlamlAdapter` and `FlamlForecastAdapter` do.
    """
    state = getattr(automl, "_state", None)
    if getattr(automl, "model", None) is not None and state is not None and state.task.is_ts_forecast():
        from automl_explain.adapters._flaml_forecast import FlamlForecastAdapter

        return FlamlForecastAdapter(automl)
    return FlamlAdapter(automl)


class FlamlAdapter:
    """A fitted FLAML ``AutoML``: its featurization is a rule, so the feature map is exact.

    Parameters
    ----------
    automl : flaml.AutoML
        Fitted.

    Raises
    ------
    UnsupportedModelError
        If nothing is fitted, or the task is no classification or regression on a table.
    """

    def __init__(self, automl: Any) -> None:
        if getattr(automl, "model", None) is None:
            raise UnsupportedModelError(
                "This FLAML AutoML holds no fitted model; call `fit` with a larger budget first."
            )
        flaml_task = automl._state.task
        if flaml_task.is_ts_forecast():
            raise UnsupportedModelError(
                f"FLAML's {automl.best_estimator} for {flaml_task.name} forecasts step k after training whatever "
                "the row "
                "holds, so a row has no contributions of its own. Forecasts are refused rather than made up."
            )
        if not (flaml_task.is_classification() or flaml_task.is_regression()) or flaml_task.is_nlp():
            raise UnsupportedModelError(
                f"FLAML's task {flaml_task.name!r} is not on a table; classification and regression are."
            )
        self.automl = automl
        self.task = "classification" if flaml_task.is_classification() else "regression"
        if self.task == "regression" and automl.label_transformer:
            raise UnsupportedModelError(
                "FLAML learnt a regression on text targets, as if they were numbers; fit it on numbers."
            )
        self.estimator = FlamlClassifier(automl) if self.task == "classification" else FlamlRegressor(automl)
        # False for sparse rows and skip_transform; arrays pass DataTransformer unchanged.
        self._transformer = automl.feature_transformer or None
        framed = self._transformer is not None and hasattr(self._transformer, "_num_columns")
        self.featurizer = self._transformer if framed else None
        self.classes = (
            [c.item() if isinstance(c, np.generic) else c for c in automl.classes_]
            if self.task == "classification"
            else None
        )

    @property
    def estimator_name(self) -> str:
        """FLAML's learner, such as ``FlamlClassifier(lgbm)``."""
        return repr(self.estimator)

    def conform(self, X: Any, argument: str) -> Any:
        """Rows with the types that FLAML reads as in training.

        An empty column of text comes as floats, which FLAML does not take for missing text; numbers in a column that
        held text are unknown categories to it.

        Raises
        ------
        DataError
            If a column is of another kind than in training.
        """
        if self.featurizer is None or not isinstance(X, pd.DataFrame):
            return X
        encoder = getattr(self.featurizer, "_ordinal_encoder", None)  # since FLAML 2.6
        known = zip(self.featurizer._cat_columns, () if encoder is None else encoder.categories_, strict=False)
        types = {name: _category_schema(name, categories) for name, categories in known}
        types |= {name: ColumnSchema(name, "number", "float64") for name in self.featurizer._num_columns}
        changed: dict[Any, pd.Series] = {}
        for name in [c for c in X.columns if c in types and c not in self.featurizer._datetime_columns]:
            column = X[name]
            plain = isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype)
            if plain == (types[name].kind == "number") or column.dtype == object:
                changed[name] = conform(column, types[name], argument)
        return X.assign(**changed) if any(changed[c] is not X[c] for c in changed) else X

    def transform(self, X: Any) -> Any:
        """FLAML's engineered rows: categories first, then numbers."""
        self._check(X)
        if self.featurizer is None:
            return X.tocsr() if sp.issparse(X) else X
        if hasattr(self.automl, "preprocess"):
            return self.automl.preprocess(X)
        return self.automl._state.task.preprocess(X, self.automl.feature_transformer)  # FLAML before 2.5

    def predict_raw(self, X: Any) -> np.ndarray:
        """FLAML's own soft output on raw rows."""
        output = self.automl.predict_proba(X) if self.task == "classification" else self.automl.predict(X)
        return np.asarray(output)

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """The best model's soft output on engineered rows."""
        if isinstance(self.estimator, FlamlClassifier):
            return self.estimator.predict_proba(Z)
        return self.estimator.predict(Z)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Exact map: a column to itself, the parts of a date to the date."""
        self._check(X)
        if self.featurizer is None:
            return FeatureMap.identity(raw_names)
        labels = list(X.columns)
        position = {label: i for i, label in enumerate(labels)}
        dates = set(self.featurizer._datetime_columns)
        # FLAML lets a raw column that has the name of a date part stand, so raw names come first.
        parents = {f"{part}_{date}": date for date in self.featurizer._datetime_columns for part in _DATE_PARTS} | {
            n: n for n in labels
        }
        columns = [*self.featurizer._cat_columns, *self.featurizer._num_columns]
        shown = dict(zip(labels, raw_names, strict=True))
        names = [f"{shown[c]} (ordinal day)" if c in dates else shown.get(c, c) for c in columns]
        return FeatureMap.from_parents(
            [[position[parents[c]]] for c in columns], raw_names=raw_names, engineered_names=names
        )

    def _check(self, X: Any) -> None:
        if not sp.issparse(X) and not isinstance(X, pd.DataFrame) and X.dtype == object:
            raise DataError(
                "FLAML codes the text of an object array anew for every batch, so its predictions depend on the "
                "other rows. "
                "Fit and explain with a DataFrame, or an array of numbers."
            )
        if self.featurizer is None:
            return
        if not isinstance(X, pd.DataFrame):
            raise InputError("FLAML was fitted on a DataFrame; pass a DataFrame with the same columns.")
        needed = [*self.featurizer._cat_columns, *self.featurizer._datetime_columns]
        date_parts = {f"{part}_{date}" for date in self.featurizer._datetime_columns for part in _DATE_PARTS}
        needed += [c for c in self.featurizer._num_columns if c in X.columns or c not in date_parts]
        missing = [c for c in dict.fromkeys(needed) if c not in X.columns]
        if missing:
            raise InputError(f"The rows lack columns that FLAML was fitted on: {', '.join(map(repr, missing))}.")
        for column in self.featurizer._cat_columns:
            nested = _first_nested(X[column])
            if nested is not None:
                raise DataError(
                    f"Column {column!r} holds a {type(nested).__name__} ({nested!r}); FLAML reads text, numbers and "
                    "dates. Spread it over columns of its own, or turn it into text."
                )
        for date in self.featurizer._datetime_columns:
            if not pd.api.types.is_datetime64_any_dtype(X[date].dtype):
                raise DataError(
                    f"Column {date!r} was a date when FLAML was fitted and is {X[date].dtype} now. Convert it with "
                    "pandas.to_datetime; `scoring.read_records` does so for rows that arrive as JSON."
                )


def _category_schema(name: Any, categories: Sequence[Any]) -> ColumnSchema:
    """What a column of categories held in training, missing values as None or NaN alike."""
    kinds = sorted({family(type(c)) for c in categories if not (isinstance(c, str) and c == "__NAN__")})
    return ColumnSchema(name, "text", "object", none=True, holds=(*kinds, "NA", "NaN", "NaT", "None"))


def _first_nested(column: pd.Series) -> Any | None:
    """First value that is a list or a record, which FLAML would fail to hash."""
    if column.dtype != object:
        return None
    return next((c for c in column if isinstance(c, (list, dict, set))), None)
