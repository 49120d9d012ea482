"""The model inside of an estimator, and whether it could be explained by itself."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from automl_explain.adapters import inner_model

X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]


def test_trees_and_weights_can_be_explained_by_themselves() -> None:
    for model, kind in ((RandomForestRegressor(2), "tree"), (Ridge(), "linear")):
        inner = inner_model(model.fit(X, y))
        assert (inner.kind, inner.why_opaque) == (kind, "")


def test_the_best_model_of_a_search_stands_inside() -> None:
    search = GridSearchCV(DecisionTreeRegressor(), {"max_depth": [1]}, cv=2).fit(X, y)
    assert inner_model(search).model is search.best_estimator_


def test_other_models_say_why_they_cannot() -> None:
    inner = inner_model(KNeighborsRegressor(2).fit(X, y))
    assert inner.kind is None
    assert inner.why_opaque == "KNeighborsRegressor is no tree model and no linear model of scikit-learn"


def test_catboost_with_categories_is_not_promised() -> None:
    """Its splits on categories are hashes; the setup once offered what then failed."""
    hashed = type("CatBoost", (), {"get_cat_feature_indices": lambda self: self.indices, "__module__": "catboost.core"})

    def made(indices: list[int]) -> Any:
        model: Any = hashed()
        model.indices = indices
        return inner_model(model)

    assert made([]).kind == "tree"
    assert made([2]).kind is None
    assert made([2]).why_opaque == "CatBoost keeps its splits on categories as hashes, which only it can follow"
