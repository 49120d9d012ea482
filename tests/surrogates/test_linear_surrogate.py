"""LinearExplainableModel: weights, values on paper, what it is compared with, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from automl_explain import FeatureMap, LinearExplainableModel
from automl_explain.exceptions import InputError
from automl_explain.explanation._units import class_probabilities
from automl_explain.surrogates._additive import MAX_DENSE_COLUMNS
from automl_explain.surrogates._linear import _ridge

EXACT = {"alpha": 1e-10}


def sides(n_rows: int = 40, n_columns: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_rows, n_columns))


# By hand


def test_a_value_is_the_weight_times_the_distance_from_the_mean() -> None:
    """y = 2 a - 3 b + 1; the means are 1.5 and 2, so the mean output is -2, and (3, 0) has 3 and 6."""
    X = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 4.0], [3.0, 2.0]] * 5)
    surrogate = LinearExplainableModel(**EXACT).fit(X, X @ [[2.0], [-3.0]] + 1)
    np.testing.assert_allclose(surrogate.expected_values, [-2.0], atol=1e-7)
    np.testing.assert_allclose(surrogate.shapley_values(np.array([[3.0, 0.0]])), [[[3.0, 6.0]]], atol=1e-7)
    np.testing.assert_allclose(surrogate.predict(np.array([[3.0, 0.0]])), [7.0], atol=1e-7)


def test_a_missing_cell_has_a_term_of_its_own() -> None:
    """Where a is missing the target is 10, else a: 0, 2, 10 have the mean 4, so a missing cell has 6."""
    X = np.array([[0.0], [2.0], [np.nan]] * 10)
    surrogate = LinearExplainableModel(**EXACT).fit(X, np.array([[0.0], [2.0], [10.0]] * 10))
    np.testing.assert_allclose(surrogate.expected_values, [4.0], atol=1e-6)
    np.testing.assert_allclose(surrogate.shapley_values(X[:3]), [[[-4.0], [-2.0], [6.0]]], atol=1e-6)


def test_a_category_has_one_value_for_all_its_codes() -> None:
    """Codes 0, 1, 2 give 3, 0, 6 with the mean 3; a code never seen has no term: that of none of them."""
    X = np.array([[0.0], [1.0], [2.0]] * 10)
    y = np.array([[3.0], [0.0], [6.0]] * 10)
    surrogate = LinearExplainableModel(**EXACT).fit(X, y, categories={0: ("a", "b", "c")})
    np.testing.assert_allclose(surrogate.shapley_values(X[:3]), [[[0.0], [-3.0], [3.0]]], atol=1e-6)


def test_raw_values_add_up_what_a_raw_column_feeds() -> None:
    X = sides(n_columns=3)
    surrogate = LinearExplainableModel(**EXACT).fit(X, X @ [[1.0], [2.0], [4.0]])
    feature_map = FeatureMap.from_matrix([[1, 1, 0], [0, 0, 0]])
    values, unmapped = surrogate.raw_values(X, feature_map, "grouped")
    each = X - X.mean(axis=0)
    np.testing.assert_allclose(values[0], np.column_stack([each[:, 0] + 2 * each[:, 1], np.zeros(40)]), atol=1e-6)
    np.testing.assert_allclose(unmapped, [4 * each[:, 2]], atol=1e-6)


# What it learns


def test_log_odds_that_are_linear_are_learnt_exactly() -> None:
    X = sides(500)
    margins = X @ [[2.0], [-1.0]] - 0.5
    surrogate = LinearExplainableModel().fit(X, class_probabilities(margins)[:, 1:], task="classification")
    np.testing.assert_allclose(surrogate.predict_output(X), margins, atol=1e-3)


def test_scales_do_not_matter() -> None:
    X = sides(300) * [1e-6, 1e6] + [0.0, 1e8]
    surrogate = LinearExplainableModel().fit(X, X @ [[1e6], [1e-6]])
    assert surrogate.stopping_score_ > 0.9999


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_wide_sparse_rows_are_learnt_without_being_made_dense(task: str) -> None:
    X = sp.random(2000, 1200, density=0.01, format="csr", random_state=0)
    X.toarray = X.todense = None  # whoever wants it dense fails
    margins = X @ np.random.default_rng(0).normal(size=(1200, 1)) * 3
    y = margins if task == "regression" else class_probabilities(margins)[:, 1:]
    surrogate = LinearExplainableModel().fit(X[:1600], y[:1600], task=task, stopping=(X[1600:], y[1600:]))
    assert surrogate.stopping_score_ > 0.99
    assert np.abs(surrogate.coef_).min(axis=0).max() < np.abs(surrogate.coef_).max()


def test_an_elastic_net_is_taken_where_few_of_many_columns_matter() -> None:
    X = sides(120, 300)
    y = X[:, :3].sum(axis=1, keepdims=True)
    surrogate = LinearExplainableModel().fit(X, y)
    ridge = LinearExplainableModel(alpha=1e-3).fit(X, y)
    assert surrogate.l1_ratio_ == 0.5
    assert surrogate.stopping_score_ > max(0.95, ridge.stopping_score_)
    assert np.count_nonzero(surrogate.coef_) >= 3


def test_weights_are_never_all_zero_for_a_target_that_varies() -> None:
    X = sides(60, 5)
    surrogate = LinearExplainableModel().fit(X, np.random.default_rng(1).normal(size=(60, 1)))
    assert np.count_nonzero(surrogate.coef_)


def test_constant_columns_and_targets_are_no_trouble() -> None:
    X = np.ones((30, 2))
    surrogate = LinearExplainableModel().fit(X, np.full((30, 1), 3.0))
    np.testing.assert_allclose(surrogate.predict_output(X), 3.0)
    np.testing.assert_allclose(surrogate.shapley_values(X), 0.0)


# What it compares with


def test_expected_values_are_the_mean_output_of_dense_and_sparse_rows() -> None:
    X = sides(100) * (sides(100) > 0)
    for given in (X, sp.csr_matrix(X)):
        surrogate = LinearExplainableModel().fit(given, X[:, :1])
        np.testing.assert_allclose(surrogate.expected_values, surrogate.predict_output(given).mean(axis=0))
        assert not surrogate.keeps_sparse


def test_very_wide_sparse_rows_are_compared_with_zero_and_keep_their_values_sparse() -> None:
    """Mostly empty columns count from 0; the full one from its mean; both add up exactly."""
    n_columns = MAX_DENSE_COLUMNS + 1
    X = sp.random(200, n_columns - 1, density=0.001, format="csr", random_state=0)
    X = sp.csr_matrix(sp.hstack([np.full((200, 1), 7.0) + sides(200, 1), X]))
    y = X @ np.ones((n_columns, 1))
    surrogate = LinearExplainableModel(alpha=1e-6).fit(X, y)
    assert surrogate.keeps_sparse
    (values,) = surrogate.shapley_values(X)
    assert sp.issparse(values)
    assert values.nnz <= X.nnz
    found = np.asarray(values.sum(axis=1)) + surrogate.expected_values
    np.testing.assert_allclose(found, surrogate.predict_output(X), atol=1e-9)
    assert abs(values[:, 0].mean()) < 1e-9


# Refusals


@pytest.mark.parametrize("alpha", [0, -1.0, np.inf, True, "much"])
def test_a_penalty_that_is_none_is_refused(alpha: Any) -> None:
    with pytest.raises(InputError, match="`alpha` is .*; expected a positive number. Leave it out"):
        LinearExplainableModel(alpha=alpha)


@pytest.mark.parametrize("wrong", [-1, 1.5, True])
def test_a_seed_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="`random_state` is"):
        LinearExplainableModel(random_state=wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "ranking"}, "`task` is 'ranking'; expected 'regression' or 'classification'"),
        ({"targets": np.zeros(40)}, r"`targets` has shape \(40,\)"),
        ({"task": "classification"}, "reach from 0 to 0; .*strictly between 0 and 1"),
        ({"categories": {2: ("a",)}}, "`categories` names column 2; `X` has columns 0 to 1"),
    ],
)
def test_training_data_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LinearExplainableModel().fit(sides(), **{"targets": np.zeros((40, 1)), **options})


def test_rows_of_another_width_are_refused() -> None:
    surrogate = LinearExplainableModel().fit(sides(), sides()[:, :1])
    with pytest.raises(InputError, match=r"shape \(1, 3\); expected \(n_rows, 2\)"):
        surrogate.shapley_values(np.zeros((1, 3)))


def test_collinear_columns_far_from_zero_are_learnt() -> None:
    """Products of such columns that are not centred first are all rounding: the fit once broke off."""
    rng = np.random.default_rng(0)
    seconds, u = rng.integers(0, 900, 400).astype(np.float64), rng.normal(size=400)
    X = np.column_stack([1e6 + seconds, 1e6 + 2 * seconds, u, 2 * u, 1e6 + u])
    surrogate = LinearExplainableModel().fit(X, (seconds / 100 + u)[:, None])
    assert surrogate.stopping_score_ > 0.9999


def test_a_matrix_that_rounding_left_no_root_is_solved_by_its_directions() -> None:
    """A gram matrix with an eigenvalue just below zero: the answer of the directions that are left."""
    gram = np.array([[1.0, 1.0 + 1e-6], [1.0 + 1e-6, 1.0]])
    found = _ridge(gram, np.array([[2.0], [2.0]]), 1e-7)
    np.testing.assert_allclose(found, [[1.0], [1.0]], rtol=1e-5)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_one_row_gives_the_bits_that_it_gives_among_many(task: str) -> None:
    """Few rows are added up without SciPy; missing values and categories among them."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(200, 3)), rng.integers(0, 4, 200)])
    X[::9, 1] = np.nan
    targets = np.nan_to_num(X[:, :2]) * [1.0, -0.3]
    if task == "classification":
        targets = 1 / (1 + np.exp(-targets))
    surrogate = LinearExplainableModel().fit(X, targets, task=task, categories={3: ("a", "b", "c", "d")})
    feature_map = FeatureMap.from_matrix([[1, 2, 0, 1], [1, 0, 0, 3]])
    assert feature_map.unmapped == (2,)
    values = surrogate.shapley_values(X), *surrogate.raw_values(X, feature_map)
    for size in (1, 5, 8, 9):
        for start in range(0, 30, size):
            rows = X[start : start + size]
            found = surrogate.shapley_values(rows), *surrogate.raw_values(rows, feature_map)
            for some, every in zip(found, values, strict=True):
                assert some.tobytes() == np.ascontiguousarray(every[:, start : start + size]).tobytes()
