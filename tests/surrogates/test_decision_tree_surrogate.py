"""DecisionTreeExplainableModel: leaves on paper, the size it chooses, scoring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from automl_explain import DecisionTreeExplainableModel, MimicExplainer, TreeScoringExplainer
from automl_explain.exceptions import InputError
from automl_explain.surrogates import log_odds


def test_a_stump_gives_the_means_of_its_leaves() -> None:
    """30 rows at 2 and 10 rows at 6: the mean is 3; a row on the right gets 3, one on the left -1."""
    x = np.repeat([0.0, 1.0], [30, 10])[:, None]
    stump = DecisionTreeExplainableModel(max_leaves=2, min_rows=5, n_jobs=1).fit(x, 2 + 4 * x)
    np.testing.assert_allclose(stump.expected_values, [3.0], atol=1e-12)
    np.testing.assert_allclose(stump.shapley_values(x[[0, -1]]), [[[-1.0], [3.0]]], atol=1e-12)


def test_a_leaf_of_a_classification_gives_the_log_odds_of_its_mean_probability() -> None:
    x = np.repeat([0.0, 1.0], 40)[:, None]
    proba = np.where(x == 0, np.tile([[0.1], [0.3]], (40, 1)), 0.9)
    stump = DecisionTreeExplainableModel(max_leaves=2, n_jobs=1).fit(x, proba, task="classification")
    np.testing.assert_allclose(stump.predict_output(x[[0, -1]]).ravel(), log_odds(np.array([0.2, 0.9])), atol=1e-9)


def test_it_is_as_good_as_a_tree_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * (X[:, 2] > 0)
    ours = DecisionTreeExplainableModel(max_leaves=32, n_jobs=1).fit(X[:1500], y[:1500, None])
    theirs = DecisionTreeRegressor(max_leaf_nodes=32, min_samples_leaf=20).fit(X[:1500], y[:1500])

    def error(found: np.ndarray) -> float:
        return float(np.mean((found - y[1500:]) ** 2))

    assert error(ours.predict(X[1500:])) < 1.1 * error(theirs.predict(X[1500:]))


def test_leaves_are_no_more_than_held_out_rows_reward() -> None:
    x = np.linspace(0, 1, 1000)[:, None]
    assert DecisionTreeExplainableModel(n_jobs=1).fit(x, np.floor(4 * x)).size_["num_leaves"] <= 8
    assert DecisionTreeExplainableModel(n_jobs=1).fit(x, np.floor(20 * x)).size_["num_leaves"] >= 16
    assert DecisionTreeExplainableModel(max_depth=2, n_jobs=1).fit(x, x).size_["num_leaves"] == 4


def test_a_scoring_explainer_takes_it() -> None:
    X = np.random.default_rng(0).normal(size=(300, 3))
    explainer = MimicExplainer(lambda Z: np.sign(Z[:, 0]), X, DecisionTreeExplainableModel, is_function=True)
    values = TreeScoringExplainer(explainer).explain(X[:4])
    np.testing.assert_allclose(values, explainer.explain_local(X[:4]).local_importance_values)
    assert explainer.method == "mimic.tree"


@pytest.mark.parametrize("wrong", [{"max_leaves": 1}, {"max_depth": 0}, {"min_rows": 0}, {"random_state": -1}])
def test_sizes_too_small_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        DecisionTreeExplainableModel(**wrong)
