"""The model inside of an estimator that the adapters give, and whether it could be explained without a surrogate."""

from __future__ import annotations

import dataclasses
from typing import Any

from automl_explain.treeshap import has_trees

_LINEAR = ("sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis")


@dataclasses.dataclass(frozen=True)
class InnerModel:
    """A model and how it reads the rows of the estimator around it.

    Parameters
    ----------
    model : object
        The innermost model that reads the same columns.
    missing_code : float, optional
        Code of a missing category where the estimator turns categories into codes on the way.
    """

    model: Any
    missing_code: float | None = None

    @property
    def kind(self) -> str | None:
        """``"tree"`` or ``"linear"`` where its own values can be worked out exactly, else None."""
        if has_trees(self.model):
            return "tree"
        return "linear" if is_linear(self.model) else None


def inner_model(estimator: Any) -> InnerModel:
    """The model inside of FLAML's estimators and of scikit-learn's searches; any other estimator itself.

    Parameters
    ----------
    estimator : object
        Reads engineered rows.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> inner_model(Ridge().fit([[0.0], [1.0]], [0.0, 1.0])).kind
    'linear'
    """
    if hasattr(estimator, "best_estimator_"):
        return inner_model(estimator.best_estimator_)
    learner = getattr(getattr(estimator, "automl", None), "model", None)
    if learner is None:
        return InnerModel(estimator)
    coded = any(kind.__name__ == "SKLearnEstimator" for kind in type(learner).__mro__)
    return InnerModel(getattr(learner, "model", learner), -1.0 if coded else None)


def is_linear(model: Any) -> bool:
    """Whether the model is a fitted one of scikit-learn's that add up weighted columns."""
    return type(model).__module__.startswith(_LINEAR) and hasattr(model, "coef_") and hasattr(model, "intercept_")
