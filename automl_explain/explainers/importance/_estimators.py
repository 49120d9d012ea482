"""A model as the scorers of scikit-learn want it: an estimator with labels in sorted order."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from automl_explain.exceptions import UnsupportedModelError
from automl_explain.explainers._predictions import Predictions


def as_estimator(predictions: Predictions, *, coded: bool) -> Any:
    """The model as an estimator; with ``coded`` its labels are the positions of the classes."""
    if predictions.classes is None:
        return _Regressor(predictions)
    n_classes = len(predictions.classes)
    order = np.arange(n_classes) if coded else np.argsort(predictions.named(np.arange(n_classes)))
    return _Classifier(predictions, order, coded)


def probabilities(predictions: Predictions, rows: Any) -> np.ndarray:
    """Probabilities of shape (n_rows, n_classes).

    Raises
    ------
    UnsupportedModelError
        If the model has none.
    """
    if predictions.unit != "log-odds":
        raise UnsupportedModelError(
            f"The metric reads probabilities, and {predictions.model_type} gives labels alone: it has no "
            "`predict_proba`. Pass a metric of labels, such as 'accuracy'."
        )
    return predictions.soft_output(rows)


class _Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(self, predictions: Any, order: Any, coded: bool) -> None:
        self.predictions, self.order, self.coded = predictions, order, coded
        self.classes_ = order if coded else predictions.named(order)

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        codes = self.predictions.codes(X)
        return codes if self.coded else self.predictions.named(codes)

    def predict_proba(self, X: Any) -> Any:
        return probabilities(self.predictions, X)[:, self.order]


class _Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(self, predictions: Any) -> None:
        self.predictions = predictions

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        return self.predictions.soft_output(X)
