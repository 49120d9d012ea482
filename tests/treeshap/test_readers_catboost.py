"""CatBoost models over numbers read and explained as CatBoost does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tree_checks import (
    by_brute_force,
    check_predictions,
    check_values,
    classes,
    numbers,
    rows_that_reach,
    rows_with_categories,
)

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import TreeEnsemble, read_trees

catboost = pytest.importorskip("catboost", reason="catboost is not installed")

QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_seed": 0}


def train(X: np.ndarray, y: np.ndarray, loss: str = "RMSE", **params: Any) -> Any:
    return catboost.CatBoost({"iterations": 12, "depth": 4, "loss_function": loss, **QUIET, **params}).fit(X, y)


def check(model: Any, X: np.ndarray, *, values: bool = True) -> TreeEnsemble:
    """Raw scores and contributions against the library's own."""
    trees = check_predictions(model, X, lambda rows: model.predict(rows, prediction_type="RawFormulaVal"))
    if values and model.get_all_params().get("grow_policy") in ("Depthwise", "Lossguide"):
        # CatBoost 1.2's own values of such trees do not add up to its prediction, or crash the process.
        check_values(trees, X[:4], by_brute_force(trees, X[:4]))
    elif values:
        given = model.get_feature_importance(catboost.Pool(X[:40]), type="ShapValues", thread_count=1)
        given = given.reshape(40, trees.n_outputs, -1)[:, :, :-1]
        check_values(trees, X[:40], given.transpose(1, 0, 2))
    return trees


@pytest.mark.parametrize("treatment", ["Min", "Max"])
@pytest.mark.parametrize("policy", ["SymmetricTree", "Depthwise", "Lossguide"])
def test_missing_cells(policy: str, treatment: str) -> None:
    X, y = numbers()
    trees = check(train(X, y, grow_policy=policy, nan_mode=treatment), X)
    np.testing.assert_array_equal(trees.cover, rows_that_reach(trees, X))


@pytest.mark.parametrize("loss", ["Logloss", "CrossEntropy", "Poisson", "MAE", "Quantile:alpha=0.7"])
def test_one_output(loss: str) -> None:
    X, y = numbers()
    check(train(X, np.abs(y) if loss == "Poisson" else (y > 0.5) * 1.0 if "os" in loss else y, loss), X)


@pytest.mark.parametrize(
    ("policy", "loss"),
    [("SymmetricTree", "MultiClass"), ("SymmetricTree", "MultiClassOneVsAll"), ("Depthwise", "MultiClass")],
)
def test_classes_are_outputs(policy: str, loss: str) -> None:
    X, y = numbers()
    assert check(train(X, classes(y, 4), loss, grow_policy=policy), X).n_outputs == 4


def test_targets_are_outputs() -> None:
    X, y = numbers()
    check(train(X, np.column_stack([y, y**2, -y]), "MultiRMSE"), X)


def test_labels_and_weights() -> None:
    X, y = numbers()
    model = catboost.CatBoostClassifier(iterations=10, depth=3, auto_class_weights="Balanced", **QUIET)
    check(model.fit(X, np.array(["no", "yes"])[(y > 1) * 1]), X)


def test_a_model_stopped_early_ends_at_its_best_iteration() -> None:
    X, y = numbers(500)
    y = y + np.random.default_rng(1).normal(size=len(y))
    model = catboost.CatBoostRegressor(iterations=200, depth=4, learning_rate=0.4, od_wait=5, **QUIET)
    model.fit(X[:300], y[:300], eval_set=(X[300:], y[300:]))
    assert model.tree_count_ < 100
    check(model, X)


def test_scale_and_bias_are_kept() -> None:
    X, y = numbers()
    model = train(X, y)
    model.set_scale_and_bias(-2.5, 7.0)
    check(model, X, values=False)  # CatBoost itself explains no scaled model


def test_deep_trees() -> None:
    X, y = numbers(600)
    check(train(X, y, depth=10, iterations=3), X)


def test_features_no_tree_uses_are_counted() -> None:
    X, y = numbers()
    X = np.column_stack([np.ones(len(X)), X, np.zeros(len(X))])
    check(train(X, y), X)


def test_a_constant_target_gives_the_constant() -> None:
    X, _ = numbers()
    check(train(X, np.full(len(X), 4.0), iterations=2, allow_const_label=True, bootstrap_type="No"), X, values=False)


@pytest.mark.parametrize(("one_hot", "message"), [(100, "single categories"), (2, "target statistics")])
def test_splits_on_categories_are_refused(one_hot: int, message: str) -> None:
    X, y = rows_with_categories()
    rows = X[:, 5:].astype(object)
    rows[:] = np.char.add("c", X[:, 5:].astype(str))
    model = train(rows, classes(y, 2), "Logloss", cat_features=[0, 1], one_hot_max_size=one_hot)
    with pytest.raises(UnsupportedModelError, match=f"splits on {message}"):
        read_trees(model)


def test_an_unfitted_model_is_named() -> None:
    with pytest.raises(InputError, match="The CatBoostRegressor is not fitted"):
        read_trees(catboost.CatBoostRegressor())
