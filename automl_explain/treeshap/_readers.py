"""Finds the reader of a tree model by the name of its class; imports none of the libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap._catboost import read_catboost
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._lightgbm import read_lightgbm
from automl_explain.treeshap._sklearn import (
    read_forest,
    read_gradient_boosting,
    read_hist_gradient_boosting,
    read_tree,
)
from automl_explain.treeshap._xgboost import read_xgboost


def read_trees(model: Any) -> TreeEnsemble:
    """Trees of a fitted model of LightGBM, XGBoost, CatBoost or scikit-learn.

    Parameters
    ----------
    model : object
        A model of a class below or derived from it: LightGBM's and XGBoost's ``Booster`` and
        scikit-learn interfaces, ``CatBoost``, and scikit-learn's decision trees, extra trees, forests,
        ``GradientBoosting*`` and ``HistGradientBoosting*``.

    Returns
    -------
    TreeEnsemble
        Its prediction is the model's margin (raw score); for classifiers of scikit-learn that are
        trees or forests the probabilities, of the second class alone if there are two.

    Raises
    ------
    UnsupportedModelError
        If no reader knows the class, or its reader refuses the model; the message says why.
    InputError
        If the model is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> read_trees(DecisionTreeClassifier(max_depth=2).fit(X, y)).predict(X[:1])
    array([[1., 0., 0.]])
    """
    if isinstance(model, TreeEnsemble):
        return model
    for kind in type(model).__mro__:
        reader = _READERS.get((kind.__module__.split(".")[0], kind.__name__))
        if reader is not None:
            return reader(model)
    known = sorted({f"{library}.{name}" for library, name in _READERS})
    raise UnsupportedModelError(
        f"No reader knows the trees of a {type(model).__module__}.{type(model).__qualname__}; expected one of "
        f"{', '.join(known)}. Pass the tree model itself, not a pipeline or search around it."
    )


def has_trees(model: Any) -> bool:
    """Whether a reader knows the class of the model; it may still refuse the model."""
    return any((kind.__module__.split(".")[0], kind.__name__) in _READERS for kind in type(model).__mro__)


def averages_probabilities(model: Any) -> bool:
    """Whether the trees of a classifier add up to probabilities: single trees and forests of scikit-learn."""
    return any(
        kind.__module__.split(".")[0] == "sklearn" and kind.__name__ in (*_TREES, *_FORESTS)
        for kind in type(model).__mro__
    ) and hasattr(model, "classes_")


def _read_lightgbm_model(model: Any) -> TreeEnsemble:
    """A booster, or what LightGBM's scikit-learn interface holds; up to the best iteration, as ``predict``."""
    try:
        booster = model if hasattr(model, "model_to_string") else model.booster_
    except (AttributeError, ValueError) as error:  # scikit-learn's NotFittedError is both
        raise InputError(f"The {type(model).__name__} is not fitted; call `fit` before reading its trees.") from error
    return read_lightgbm(booster.model_to_string())


_TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
_FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_HIST = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")

#: Reader of a class, by top module and class name.
_READERS: dict[tuple[str, str], Callable[[Any], TreeEnsemble]] = {
    ("catboost", "CatBoost"): read_catboost,
    ("lightgbm", "Booster"): _read_lightgbm_model,
    ("lightgbm", "LGBMModel"): _read_lightgbm_model,
    **dict.fromkeys((("sklearn", name) for name in _TREES), read_tree),
    **dict.fromkeys((("sklearn", name) for name in _FORESTS), read_forest),
    ("sklearn", "GradientBoostingClassifier"): read_gradient_boosting,
    ("sklearn", "GradientBoostingRegressor"): read_gradient_boosting,
    **dict.fromkeys((("sklearn", name) for name in _HIST), read_hist_gradient_boosting),
    ("xgboost", "Booster"): read_xgboost,
    ("xgboost", "XGBModel"): read_xgboost,
}
