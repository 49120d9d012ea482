"""The model inside of an estimator that the adapters give, and whether it could be explained without a surrogate."""

from __future__ import annotations

import dataclasses
from typing import Any

from automl_explain._lazy import is_frame
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
            return None if self._hashes_categories else "tree"
        return "linear" if is_linear(self.model) else None

    def missing_code_for(self, rows: Any) -> float | None:
        """The code, where rows hold categories for the estimator to turn into codes."""
        held = is_frame(rows) and any(str(dtype) == "category" for dtype in rows.dtypes)
        return self.missing_code if held else None

    @property
    def why_opaque(self) -> str:
        """Why its own values cannot be worked out; empty where they can."""
        name = type(self.model).__name__
        if self.kind is not None:
            return ""
        if has_trees(self.model):
            return f"{name} keeps its splits on categories as hashes, which only it can follow"
        return f"{name} is no tree model and no linear model of scikit-learn"

    @property
    def _hashes_categories(self) -> bool:
        """Whether it is a model of CatBoost with categorical columns."""
        return bool(getattr(self.model, "get_cat_feature_indices", list)())


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
