"""LightGBM models found by their class."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from tree_checks import check_predictions, check_values, classes, rows_with_categories

from automl_explain.exceptions import InputError
from automl_explain.treeshap._readers import read_trees

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


def test_an_unfitted_model_is_named() -> None:
    with pytest.raises(InputError, match="The LGBMRegressor is not fitted"):
        read_trees(lgb.LGBMRegressor())
