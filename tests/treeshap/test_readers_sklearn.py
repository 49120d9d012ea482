"""Trees, forests and boosting of scikit-learn read and explained as scikit-learn and shap do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor
from tree_checks import (
    by_brute_force,
    check_predictions,
    check_values,
    classes,
    numbers,
    rows_with_categories,
    shap_values,
)

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import TreeEnsemble, has_trees, read_trees

TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
BOOSTING = (GradientBoostingClassifier, GradientBoostingRegressor)
HIST = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


def fitted(kind: Any, X: np.ndarray, y: np.ndarray, *, n_classes: int = 3, **params: Any) -> Any:
    if kind in FORESTS or kind in BOOSTING:
        params = {"n_estimators": 7, **params}
    model = kind(random_state=0, **params)
    return model.fit(X, classes(y, n_classes) if is_classifier(model) else y)


def margin(model: Any, rows: np.ndarray) -> np.ndarray:
    """What the trees add up to, by scikit-learn's public methods."""
    if not is_classifier(model):
        return model.predict(rows)
    if hasattr(model, "decision_function"):
        return model.decision_function(rows)
    share = model.predict_proba(rows)
    return share[:, 1:] if share.shape[1] == 2 else share


def check(model: Any, X: np.ndarray, *, values: bool = True) -> TreeEnsemble:
    trees = check_predictions(model, X, lambda rows: margin(model, rows))
    if values:
        given = shap_values(model, X[:40])
        check_values(trees, X[:40], given[-1:] if trees.n_outputs == 1 else given)
    return trees


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [*TREES, *FORESTS])
def test_trees_and_forests(kind: Any, n_classes: int) -> None:
    X, y = numbers(missing=0)
    check(fitted(kind, X, y, n_classes=n_classes, max_depth=5), X)


@pytest.mark.parametrize("kind", [*TREES[:2], *FORESTS[:2]])
def test_missing_cells(kind: Any) -> None:
    X, y = numbers()
    check(fitted(kind, X, y, max_depth=6), X)


def test_missing_cells_alone_on_one_side() -> None:
    x = np.array([1.0, 2.0, 3.0, np.nan, np.nan])[:, None]
    model = DecisionTreeRegressor(random_state=0).fit(x, [0.0, 0.0, 0.0, 5.0, 5.0])
    np.testing.assert_allclose(read_trees(model).predict(x)[:, 0], [0, 0, 0, 5, 5])


def test_several_targets_are_outputs() -> None:
    X, y = numbers(missing=0)
    model = RandomForestRegressor(n_estimators=4, max_depth=4, random_state=0).fit(X, np.column_stack([y, y**2, -y]))
    assert check(model, X).n_outputs == 3


def test_weights_of_rows_and_classes_count() -> None:
    X, y = numbers(missing=0)
    weight = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    model = RandomForestClassifier(n_estimators=5, max_depth=5, random_state=0, class_weight="balanced_subsample")
    check(model.fit(X, classes(y, 3), sample_weight=weight), X)


@pytest.mark.parametrize("params", [{}, {"max_leaf_nodes": 40}])
def test_deep_trees(params: dict[str, Any]) -> None:
    X, y = numbers(800, missing=0)
    assert len(check(fitted(DecisionTreeRegressor, X, y, **params), X).feature) > 70


@pytest.mark.parametrize("kind", [DecisionTreeRegressor, RandomForestRegressor, *BOOSTING[1:], *HIST[1:]])
def test_a_constant_target_gives_one_leaf(kind: Any) -> None:
    X, _ = numbers(missing=0)
    trees = check(fitted(kind, X, np.full(len(X), 2.5)), X, values=False)
    assert (trees.feature == -1).all()


def test_a_single_class_is_certain() -> None:
    X, _ = numbers(missing=0)
    check(DecisionTreeClassifier().fit(X, np.zeros(len(X))), X, values=False)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (GradientBoostingRegressor, {}),
        (GradientBoostingRegressor, {"loss": "huber", "subsample": 0.5}),
        (GradientBoostingRegressor, {"init": "zero"}),
        (GradientBoostingRegressor, {"init": DummyRegressor(strategy="median")}),
        (GradientBoostingClassifier, {"n_classes": 2}),
        (GradientBoostingClassifier, {"n_classes": 2, "loss": "exponential"}),
        (GradientBoostingClassifier, {"n_classes": 2, "init": "zero"}),
        (GradientBoostingClassifier, {"n_classes": 4}),
        (GradientBoostingClassifier, {"n_estimators": 200, "n_iter_no_change": 2}),
    ],
)
def test_gradient_boosting(kind: Any, params: dict[str, Any]) -> None:
    X, y = numbers(missing=0)
    model = fitted(kind, X, y, **params)
    # shap knows neither several classes nor other starts.
    known = not {"init", "loss"} & set(params) and (kind is GradientBoostingRegressor or params.get("n_classes") == 2)
    check(model, X, values=known)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", HIST)
def test_hist_gradient_boosting_with_missing_cells(kind: Any, n_classes: int) -> None:
    X, y = numbers()
    X[:, 4] = np.where(np.isnan(X[:, 4]), 0.0, X[:, 4])
    check(fitted(kind, X, y, n_classes=n_classes, max_iter=8, min_samples_leaf=3), X)


@pytest.mark.parametrize("params", [{"loss": "poisson"}, {"loss": "gamma"}, {"loss": "quantile", "quantile": 0.7}])
def test_hist_gradient_boosting_in_the_unit_of_its_link(params: dict[str, Any]) -> None:
    X, y = numbers()
    model = fitted(HistGradientBoostingRegressor, X, np.abs(y) + 0.1, max_iter=5, **params)
    link = np.log if params["loss"] in ("poisson", "gamma") else np.asarray
    check_predictions(model, X, lambda rows: link(model.predict(rows)))


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [5, 0, 1, 6, 2, 3, 4]])
def test_categories_of_hist_gradient_boosting(order: list[int]) -> None:
    """Inside, categories are numbered and their columns moved to the front; rows stay as they are."""
    X, y = rows_with_categories()
    X[:, 6] = 3 * X[:, 6] + 7
    X = X[:, order]
    model = fitted(
        HistGradientBoostingRegressor, X, y, max_iter=10, min_samples_leaf=5,
        categorical_features=[order.index(5), order.index(6)],
    )  # fmt: skip
    trees = check(model, X, values=False)
    assert (trees.category >= 0).sum() > 5
    strange = X[:8].copy()
    strange[:, order.index(6)] = [8, 9, 300, 1000, -1, 0, 3, np.nan]
    np.testing.assert_allclose(trees.predict(strange)[:, 0], model.predict(strange), rtol=1e-12)
    rows = np.vstack([X[:3], strange[:3]])
    check_values(trees, rows, by_brute_force(trees, rows))


def test_hist_categories_with_two_classes_in_a_frame() -> None:
    pd = pytest.importorskip("pandas")
    X, y = rows_with_categories()
    frame = pd.DataFrame(X, columns=list("abcdefg")).astype({"f": "category", "g": "category"})
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", random_state=0)
    model.fit(frame, classes(y, 2))
    np.testing.assert_allclose(read_trees(model).predict(X)[:, 0], model.decision_function(frame), rtol=1e-12)


def test_hist_categories_of_text_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    _, y = rows_with_categories()
    frame = pd.DataFrame({"city": pd.Categorical(np.where(y > 0, "Ulm", "Bonn"))})
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype").fit(frame, y)
    with pytest.raises(UnsupportedModelError, match="categories of column 0 \\('Bonn', 'Ulm', ...\\)"):
        read_trees(model)


def test_an_init_that_learns_is_refused() -> None:
    X, y = numbers(missing=0)
    with pytest.raises(UnsupportedModelError, match="starts from a LinearRegression"):
        read_trees(GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(X, y))


def test_several_targets_of_classes_are_refused() -> None:
    X, y = numbers(missing=0)
    model = DecisionTreeClassifier(max_depth=2).fit(X, np.column_stack([y > 0, y > 1]))
    with pytest.raises(UnsupportedModelError, match="predicts 2 targets"):
        read_trees(model)


@pytest.mark.parametrize("kind", [*TREES, *FORESTS, *BOOSTING, *HIST])
def test_an_unfitted_model_is_named(kind: Any) -> None:
    with pytest.raises(InputError, match=f"The {kind.__name__} is not fitted"):
        read_trees(kind())


@pytest.mark.parametrize("model", [IsolationForest(), LinearRegression(), object(), None])
def test_unknown_models_are_named(model: Any) -> None:
    with pytest.raises(UnsupportedModelError, match=f"trees of a .*{type(model).__name__}"):
        read_trees(model)


def test_derived_classes_and_ensembles_are_read() -> None:
    class Mine(DecisionTreeRegressor):
        pass

    X, y = numbers(missing=0)
    trees = read_trees(Mine(max_depth=2).fit(X, y))
    assert read_trees(trees) is trees


def test_isolation_forests_are_not_taken_for_forests() -> None:
    """Their score is 2 to the power of a mean depth: what their trees add up to is not the score."""
    model = IsolationForest(n_estimators=3, random_state=0).fit(numbers(missing=0)[0])
    assert not has_trees(model)
    with pytest.raises(UnsupportedModelError, match="No reader knows the trees of a sklearn.*IsolationForest"):
        read_trees(model)
