"""KernelExplainer: any model by its predictions, against all coalitions one by one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC

from automl_explain import FeatureMap, KernelExplainer
from automl_explain.exceptions import ExplanationWarning, InputError, SelfCheckError

X = np.random.default_rng(0).normal(size=(90, 4))


def product(rows: Any) -> np.ndarray:
    rows = np.asarray(rows, dtype=float)
    return rows[:, 0] * rows[:, 1] + np.abs(rows[:, 2]) * rows[:, 0]


def brute_force(row: np.ndarray, background: np.ndarray, weights: np.ndarray, groups: list[list[int]]) -> np.ndarray:
    """Shapley values over all coalitions of groups; those left out come from the background."""

    def worth(coalition: tuple[int, ...]) -> float:
        mixed = background.copy()
        for g in coalition:
            mixed[:, groups[g]] = row[groups[g]]
        return float(weights @ product(mixed))

    n = len(groups)
    result = np.zeros(n)
    for g in range(n):
        others = [o for o in range(n) if o != g]
        for size in range(n):
            for coalition in itertools.combinations(others, size):
                weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                result[g] += weight * (worth((*coalition, g)) - worth(coalition))
    return result


def test_values_are_exact_where_all_coalitions_are_tried() -> None:
    explainer = KernelExplainer(product, X, is_function=True)
    explanation = explainer.explain_local(X[:4])
    for i in range(4):
        wanted = brute_force(X[i], X, np.full(90, 1 / 90), [[0], [1], [2], [3]])
        np.testing.assert_allclose(explanation.values[0, i], wanted, atol=1e-9)
    np.testing.assert_allclose(explanation.output[:, 0], product(X[:4]))
    assert (explanation.output_unit, explanation.method, explanation.fidelity) == ("target", "kernel", None)
    assert explainer.evaluations_per_row == 14 * 90


def test_a_sample_of_coalitions_comes_near_and_adds_up() -> None:
    wide = np.random.default_rng(1).normal(size=(20, 12))
    explanation = KernelExplainer(product, wide, is_function=True, nsamples=600).explain_local(wide[:2])
    singles = [[j] for j in range(3)]
    for i in range(2):  # the other features are not read
        wanted = brute_force(wide[i], wide, np.full(20, 1 / 20), singles)
        np.testing.assert_allclose(explanation.values[0, i, :3], wanted, atol=0.25 * np.abs(wanted).max())
    np.testing.assert_allclose(explanation.output[:, 0], product(wide[:2]))


def test_raw_columns_as_players_are_exact_too() -> None:
    groups = FeatureMap.from_matrix([[1, 1, 0, 0], [0, 0, 1, 0]])  # the last column has no raw parent
    explainer = KernelExplainer(product, X[:10], is_function=True)
    with pytest.warns(UserWarning, match="no raw parent"):
        found = explainer.explain_rows(X[:2], include_local=True, feature_map=groups, raw_method="grouped")
    for i in range(2):
        wanted = brute_force(X[i], X[:10], np.full(10, 0.1), [[0, 1], [2], [3]])
        np.testing.assert_allclose(found.values[0, i], wanted[:2], atol=1e-9)
        np.testing.assert_allclose(found.unmapped[0, i], wanted[2], atol=1e-9)


def test_many_rows_are_summarised_by_rows_that_exist() -> None:
    explainer = KernelExplainer(product, X, is_function=True, nclusters=5)
    source = explainer.source
    assert source.background.shape == (5, 4)
    assert all((row == X).all(axis=1).any() for row in source.background)
    np.testing.assert_allclose(source.weights.sum(), 1.0)
    wanted = brute_force(X[0], source.background, source.weights, [[0], [1], [2], [3]])
    np.testing.assert_allclose(explainer.explain_local(X[:1]).values[0, 0], wanted, atol=1e-9)


def test_the_same_seed_gives_the_same_values_and_leaves_numpy_alone() -> None:
    wide = np.random.default_rng(1).normal(size=(30, 12))
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    values = [
        KernelExplainer(product, wide, is_function=True, nsamples=100, nclusters=2, seed=s)
        .explain_local(wide[:2])
        .values
        for s in (3, 3, 4)
    ]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_frames_reach_the_model_with_their_types() -> None:
    frame = pd.DataFrame({"n": np.arange(150), "flag": np.arange(150) % 2 == 0, "x": X[:1].repeat(150, axis=0)[:, 0]})
    frame["colour"] = pd.Categorical(np.resize(["red", "blue", None], 150))
    seen: list[Any] = []

    def model(rows: pd.DataFrame) -> np.ndarray:
        seen.append(rows.dtypes)
        red = (rows["colour"] == "red").to_numpy() * 0.5
        return np.column_stack([1 - red, red])

    explanation = KernelExplainer(model, frame, is_function=True, classes=["n", "y"]).explain_local(frame[:3])
    assert all((dtypes == frame.dtypes).all() for dtypes in seen)
    assert explanation.output_unit == "probability"
    assert np.abs(explanation.values[0, :, :3]).max() < 1e-12
    np.testing.assert_allclose(explanation.expected_values.sum(), 1.0)


def test_sparse_rows_are_compared_with_their_median() -> None:
    rows = sp.random(80, 60, density=0.1, format="csr", random_state=0)
    explainer = KernelExplainer(lambda r: np.asarray(r[:, :5].sum(axis=1)).ravel() ** 2, rows, is_function=True)
    explanation = explainer.explain_local(rows[:6])
    np.testing.assert_allclose(explanation.output[:, 0], np.asarray(rows[:6, :5].sum(axis=1)).ravel() ** 2, atol=1e-9)
    assert not explanation.local_importance_values[:, 5:].round(9).any()


def test_a_classifier_without_probabilities_is_explained_in_decision_values() -> None:
    """A classifier is never explained as a regression on its labels."""
    model = LinearSVC().fit(X, np.where(X[:, 0] > 0, "yes", "no"))
    explanation = KernelExplainer(model, X[:20]).explain_local(X[:3])
    assert explanation.output_unit == "decision value"
    np.testing.assert_allclose(explanation.values[0], (X[:3] - X[:20].mean(axis=0)) * model.coef_[0], atol=1e-9)


def test_global_values_are_of_a_sample_where_so_asked() -> None:
    explainer = KernelExplainer(KNeighborsRegressor().fit(X, product(X)), X, nclusters=2, max_eval_rows=4)
    with pytest.warns(ExplanationWarning, match="a sample of 4 of 90 rows"):
        assert len(explainer.explain_global(X)) == 4
    assert len(explainer.explain_global(X[:3])) == 3
    assert explainer.explain_global().n_explained_rows == 90
    one = KernelExplainer(product, X, is_function=True, nclusters=2, max_eval_rows=2).explain_global(X[0])
    assert len(one) == 1  # a vector is one row, and none of its cells is left out
    for made in (explainer, KernelExplainer(product, X, is_function=True, nclusters=2)):
        with pytest.raises(InputError, match="`evaluation_examples` must be a pandas DataFrame.*got list"):
            made.explain_global(X[:3].tolist())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nsamples": 0}, "nsamples"),
        ({"nclusters": "k"}, "nclusters"),
        ({"seed": -1}, "seed"),
        ({"max_eval_rows": 0}, "max"),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        KernelExplainer(product, X, is_function=True, **wrong)


def test_absent_cells_of_sparse_rows_stay_absent_where_coalitions_are_tried() -> None:
    """A model may read a stored zero as a number and an absent cell as missing, as XGBoost does."""

    def stored(rows: Any) -> np.ndarray:
        rows = sp.csr_matrix(rows)
        return np.asarray(rows.sum(axis=1)).ravel() + np.diff(rows.indptr)

    rows = sp.csr_matrix([[1.0, 0, 0], [2.0, 3.0, 0], [3.0, 0, 4.0], [1.0, 0, 0], [0, 0, 6.0]])
    explanation = KernelExplainer(stored, rows, is_function=True).explain_local(rows)
    np.testing.assert_allclose(explanation.output[:, 0], stored(rows))
    # Background [1, 0, 0] and its output 2; without cells 0, with the last alone 9, with the whole row 7.
    np.testing.assert_allclose(explanation.values[0, 4], [-2.0, 0, 7.0])
    rows.data[1] = 0.0  # a stored zero, which the model tells from an absent cell and the values do not
    with pytest.raises(SelfCheckError, match="kernel: it adds up to"):
        KernelExplainer(stored, rows, is_function=True).explain_local(rows)
