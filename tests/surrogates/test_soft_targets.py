"""Soft targets: probabilities to log-odds and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_explain.explanation._units import class_probabilities
from automl_explain.surrogates import log_odds, soft_targets, target_score
from automl_explain.surrogates._base import Surrogate, r2


def test_a_probability_of_one_moves_to_half_the_smallest_distance_that_the_teacher_shows() -> None:
    """The votes of a forest of ten trees lie 0.1 apart: half a vote is 0.05."""
    proba = np.array([[0.0, 1.0], [0.1, 0.9], [0.4, 0.6], [1.0, 0.0]])
    np.testing.assert_allclose(soft_targets(proba), [[0.95], [0.9], [0.6], [0.05]], atol=1e-15)


def test_hard_probabilities_alone_move_by_a_millionth() -> None:
    np.testing.assert_allclose(soft_targets(np.array([[0.0, 1.0], [1.0, 0.0]])), [[1 - 1e-6], [1e-6]], atol=1e-15)


def test_more_than_two_classes_keep_a_column_each() -> None:
    proba = np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
    np.testing.assert_allclose(soft_targets(proba), [[0.2, 0.3, 0.5], [0.6, 0.4, 0.1]], atol=1e-15)


def test_log_odds_are_not_clipped_at_five() -> None:
    """Log-odds of 0.9999 are log(9999) = 9.21."""
    target = soft_targets(np.array([[0.0001, 0.9999], [0.5, 0.5]]))
    np.testing.assert_allclose(log_odds(target), [[np.log(9999)], [0.0]], atol=1e-9)


def test_probabilities_of_one_output_are_those_of_both_classes() -> None:
    np.testing.assert_allclose(
        class_probabilities(np.array([[0.0], [np.log(3)]])), [[0.5, 0.5], [0.25, 0.75]], atol=1e-15
    )


def test_probabilities_of_several_outputs_sum_to_one() -> None:
    """Sigmoids 0.5, 0.5 and 0.75, divided by their sum."""
    found = class_probabilities(np.array([[0.0, 0.0, np.log(3)]]))
    np.testing.assert_allclose(found, [[0.5 / 1.75, 0.5 / 1.75, 0.75 / 1.75]], atol=1e-15)


def test_huge_log_odds_do_not_overflow() -> None:
    np.testing.assert_array_equal(class_probabilities(np.array([[-1000.0], [1000.0]])), [[1.0, 0.0], [0.0, 1.0]])


class Given(Surrogate):
    """Its log-odds are the rows."""

    task_ = "classification"

    def predict_output(self, X: Any) -> np.ndarray:
        return np.asarray(X)


def test_a_row_whose_classes_are_all_unlikely_has_probabilities() -> None:
    """As rows far from the training rows of a linear surrogate: every sigmoid is 0, the share of e^-750 is not."""
    np.testing.assert_allclose(Given().predict_proba(np.array([[-800.0, -900.0, -750.0]])), [[0, 0, 1]], atol=1e-15)


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=20))
def test_binary_log_odds_and_probabilities_are_inverses(second: list[float]) -> None:
    proba = np.column_stack([1 - np.array(second), second])
    # 1 - p loses up to 1e-16 / 1e-6 of a small p.
    np.testing.assert_allclose(class_probabilities(log_odds(soft_targets(proba))), proba, atol=1e-9)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=10))
def test_soft_targets_always_have_finite_log_odds(rows: list[list[float]]) -> None:
    targets = soft_targets(np.array(rows))
    assert ((targets > 0) & (targets < 1)).all()
    assert np.isfinite(log_odds(targets)).all()


@pytest.mark.parametrize(("truth", "found", "score"), [([1.0], [1.0], 1.0), ([1.0], [2.0], 0.0)])
def test_r2_of_a_single_row_is_whether_it_is_met(truth: list[float], found: list[float], score: float) -> None:
    assert r2(np.array([truth]), np.array([found])) == score


def test_a_class_that_is_never_given_is_met_by_a_probability_near_zero() -> None:
    """Log-odds never reach 0, so that a constant class can be met no nearer than the soft targets are."""
    targets = np.array([[0.2, 0.8, 1e-6], [0.6, 0.4, 1e-6]])
    assert target_score(targets, log_odds(np.array([[0.2, 0.8, 1e-4], [0.6, 0.4, 1e-4]])), "classification") > 0.999
    # A tenth is not near 0: the class counts as missed.
    assert target_score(targets, log_odds(np.array([[0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])), "classification") < 0.7


def test_r2_of_the_mean_is_zero() -> None:
    assert r2(np.array([[1.0], [3.0]]), np.array([[2.0], [2.0]])) == pytest.approx(0.0)
