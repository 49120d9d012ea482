"""Models of libraries that show their featurization: raw rows are engineered, engineered rows are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain.adapters._outputs import as_array, as_numbers, label_array, plain_labels
from automl_explain.feature_map import FeatureMap


class PartsAdapter:
    """A model whose featurization and whose predictor can be asked apart.

    For a library: derive, call ``super().__init__``, and define the methods that raise here. Where a model
    cannot be taken apart, derive from `BlackBoxAdapter`.

    Parameters
    ----------
    model : object
        Fitted.
    task : {"classification", "regression"}
        What it does.
    classes : sequence, optional
        Original labels in the order of the probabilities.
    """

    def __init__(self, model: Any, *, task: str, classes: Sequence[Any] | None = None) -> None:
        self.model, self.task = model, task
        self.classes = None if classes is None or task == "regression" else plain_labels(classes)

    def soft_output(self, X: Any) -> Any:
        """What the library itself answers on raw rows, in any container."""
        raise NotImplementedError

    def engineered_output(self, Z: Any) -> Any:
        """What its predictor answers on engineered rows, in any container."""
        raise NotImplementedError

    def engineered_labels(self, Z: Any) -> Any:
        """Original labels that its predictor gives engineered rows; not asked of a regression."""
        raise NotImplementedError

    def transform(self, X: Any) -> Any:
        """Engineered rows."""
        raise NotImplementedError

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Which raw column feeds which engineered column."""
        raise NotImplementedError

    @property
    def decides(self) -> bool:
        """Whether the soft output of a classifier is decision values, for want of probabilities."""
        return False

    @property
    def featurizer(self) -> Any:
        """Makes engineered rows from raw rows."""
        return PartsFeaturizer(self)

    @property
    def estimator(self) -> Any:
        """Predicts from engineered rows."""
        if self.task == "regression":
            return PartsRegressor(self)
        return PartsDecider(self) if self.decides else PartsClassifier(self)

    def predict_raw(self, X: Any) -> np.ndarray:
        """The library's own soft output on raw rows."""
        return as_numbers(self.soft_output(X))

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """Soft output on engineered rows."""
        return as_numbers(self.engineered_output(Z))


class PartsFeaturizer:
    """The featurization of a library's model.

    Parameters
    ----------
    adapter : PartsAdapter
    """

    def __init__(self, adapter: PartsAdapter) -> None:
        self._adapter = adapter

    def transform(self, X: Any) -> Any:
        """Engineered rows."""
        return self._adapter.transform(X)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._adapter.model).__name__})"


class PartsRegressor:
    """The predictor of a library's model, reading engineered rows.

    Parameters
    ----------
    adapter : PartsAdapter
    """

    def __init__(self, adapter: PartsAdapter) -> None:
        self._adapter = adapter

    def predict(self, Z: Any) -> np.ndarray:
        """Target values of shape (n_rows,)."""
        return self._adapter.predict_engineered(Z)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._adapter.model).__name__})"


class PartsLabeller(PartsRegressor):
    """The predictor of a library's model, giving original labels."""

    @property
    def classes_(self) -> np.ndarray:
        """Original labels in the order of the outputs."""
        if self._adapter.classes is None:
            raise AttributeError("the model does not tell its classes")
        return label_array(self._adapter.classes)

    def predict(self, Z: Any) -> np.ndarray:
        """Original labels of shape (n_rows,)."""
        return as_array(self._adapter.engineered_labels(Z))


class PartsDecider(PartsLabeller):
    """The predictor of a library's model, giving labels and decision values."""

    def decision_function(self, Z: Any) -> np.ndarray:
        """Decision values of shape (n_rows,) for two classes, else (n_rows, n_classes)."""
        return self._adapter.predict_engineered(Z)


class PartsClassifier(PartsLabeller):
    """The predictor of a library's model, giving labels and probabilities."""

    def predict_proba(self, Z: Any) -> np.ndarray:
        """Probabilities of shape (n_rows, n_classes)."""
        return self._adapter.predict_engineered(Z)
