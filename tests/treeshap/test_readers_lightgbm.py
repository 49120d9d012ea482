"""LightGBM models found by their class."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from tree_checks import check_predictions, check_values, classes, rows_with_categories

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import read_trees

QUIET = {"verbose": -1, "n_jobs": 1, "min_child_samples": 5}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers_and_their_boosters(n_classes: int) -> None:
    X, y = rows_with_categories()
    model = lgb.LGBMClassifier(n_estimators=8, **QUIET).fit(X, classes(y, n_classes), categorical_feature=[5, 6])
    trees = check_predictions(model, X, lambda rows: model.predict(rows, raw_score=True))
    given = model.predict(X[:40], pred_contrib=True).reshape(40, trees.n_outputs, -1)[:, :, :-1]
    check_values(trees, X[:40], given.transpose(1, 0, 2))
    np.testing.assert_array_equal(read_trees(model.booster_).predict(X), trees.predict(X))


@pytest.mark.filterwarnings("ignore:The argument 'eval_set'")  # its successor came with LightGBM 4.7
def test_a_model_stopped_early_ends_at_its_best_iteration() -> None:
    X, y = rows_with_categories()
    y = y + np.random.default_rng(1).normal(size=len(y))
    model = lgb.LGBMRegressor(n_estimators=100, learning_rate=0.5, **QUIET)
    model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], callbacks=[lgb.early_stopping(3, verbose=False)])
    assert model.best_iteration_ < 100
    check_predictions(model, X, model.predict)


KINDS: dict[str, dict[str, object]] = {
    "dart": {"boosting_type": "dart"},
    "random forest": {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1},
    "zero as missing": {"zero_as_missing": True},
    "no missing": {"use_missing": False},
    "small groups": {"min_data_per_group": 2, "cat_smooth": 1.0, "max_cat_threshold": 64},
    "deep": {"num_leaves": 63, "min_child_samples": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_boosting_and_of_missing_values(kind: str) -> None:
    """A random forest is read as the mean of its trees, like its predictions; LightGBM's contributions are the sum."""
    X, y = rows_with_categories()
    X[:, 0] = np.where(np.abs(X[:, 0]) < 0.5, 0.0, X[:, 0])
    model = lgb.LGBMRegressor(n_estimators=12, **(QUIET | KINDS[kind])).fit(X, y, categorical_feature=[5, 6])
    trees = check_predictions(model, X, model.predict)
    share = 12 if kind == "random forest" else 1
    check_values(trees, X[:60], model.predict(X[:60], pred_contrib=True)[:, :-1] / share, tolerance=1e-9)


def test_linear_trees_are_refused() -> None:
    X, y = rows_with_categories()
    model = lgb.LGBMRegressor(n_estimators=2, linear_tree=True, **QUIET).fit(X[:, :5], y)
    with pytest.raises(UnsupportedModelError, match="Tree 0 .* linear models in its leaves .*linear_tree=false"):
        read_trees(model)


def test_an_unfitted_model_is_named() -> None:
    with pytest.raises(InputError, match="The LGBMRegressor is not fitted"):
        read_trees(lgb.LGBMRegressor())
