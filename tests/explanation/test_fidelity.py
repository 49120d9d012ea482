from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from automl_explain.exceptions import InputError
from automl_explain.explanation import Fidelity


def test_regression_numbers_by_hand():
    # Mean 2, spread 2, residual 1: R2 = 1 - 1/2.
    fidelity = Fidelity.measure([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], rows="held-out")
    assert fidelity == Fidelity(0.5, None, None, None, pytest.approx(1 / 3), 1.0, 3, "held-out")
    assert str(fidelity) == "R2 0.500 of target on 3 held-out rows"


def test_classification_numbers_by_hand():
    teacher = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]])
    surrogate = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
    fidelity = Fidelity.measure(
        teacher[:, 1], surrogate[:, 1], teacher_proba=teacher, surrogate_proba=surrogate, rows="eval"
    )
    # Mean 0.5, spread 0.16 + 0.09 + 0.01, residual 0.04.
    assert fidelity.r2_probability_per_class == pytest.approx((1 - 0.04 / 0.26,) * 2)
    assert fidelity.agreement == 0.75
    assert fidelity.max_absolute_error == pytest.approx(0.2)
    assert str(fidelity) == "R2 0.846 of probability on 4 evaluation rows, agreement 75.0 %"


def test_a_constant_column_is_one_if_reproduced_and_zero_if_not():
    # 0.1 added three times is not 0.3: the spread of the constant rounds to more than 0.
    constant = np.full((3, 2), 0.1)
    assert Fidelity.measure(constant, constant, rows="eval").r2 == 1.0
    assert Fidelity.measure(constant, constant + np.array([0.0, 1.0]), rows="eval").r2 == 0.5


@pytest.mark.parametrize("constant", [0.1, -3.0, 1e9 / 7, 1e-9])
def test_a_constant_reproduced_to_rounding_is_reproduced(constant):
    # Labels pass through float32 in the surrogate; a teacher may round by the last bit from row to row.
    wanted = constant + np.spacing(constant) * np.array([0, 1, -1, 0])
    got = np.full(4, np.float32(constant), dtype=np.float64)
    assert Fidelity.measure(wanted, got, rows="eval").r2 == 1.0
    assert Fidelity.measure(wanted, got * 1.001, rows="eval").r2 == 0.0


@pytest.mark.parametrize("proba", [None, np.array([[0.2, 0.8]])])
def test_a_single_row_has_no_r2(proba):
    """R2 compares with the spread over rows; one row has none."""
    fidelity = Fidelity.measure([1.0], [1.5], teacher_proba=proba, surrogate_proba=proba, rows="held-out")
    assert (fidelity.r2, fidelity.r2_probability, fidelity.r2_probability_per_class) == (None, None, None)
    assert fidelity.max_absolute_error == 0.5
    about = "" if proba is None else ", agreement 100.0 %"
    assert str(fidelity) == f"R2 of {'target' if proba is None else 'probability'} unknown on 1 held-out row{about}"
    assert repr(fidelity) == f"Fidelity({fidelity})"
    assert Fidelity.from_json(json.loads(json.dumps(fidelity.to_json(), allow_nan=False))) == fidelity


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(1, 4))
def test_r2_is_that_of_scikit_learn(seed, n_rows, n_outputs):
    rng = np.random.default_rng(seed)
    wanted, got = rng.normal(size=(2, n_rows, n_outputs))
    # Same formula in another order of summation.
    assert Fidelity.measure(wanted, got, rows="eval").r2 == pytest.approx(r2_score(wanted, got), rel=1e-9)


@pytest.mark.parametrize("proba", [None, np.array([[0.2, 0.8], [0.7, 0.3]])])
def test_json_round_trip_keeps_every_field(proba):
    fidelity = Fidelity.measure([1.0, 2.0], [1.0, 3.0], teacher_proba=proba, surrogate_proba=proba, rows="held-out")
    assert Fidelity.from_json(json.loads(json.dumps(fidelity.to_json(), allow_nan=False))) == fidelity


def test_json_round_trip_keeps_numbers_that_are_not_finite():
    fidelity = Fidelity(float("-inf"), None, None, None, float("nan"), float("inf"), 1, "eval")
    back = Fidelity.from_json(json.loads(json.dumps(fidelity.to_json(), allow_nan=False)))
    assert (back.r2, back.max_absolute_error) == (float("-inf"), float("inf"))
    assert np.isnan(back.mean_absolute_error)


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="`rows` must be 'held-out' or 'eval'; got 'train'"):
        Fidelity.measure([1.0], [1.0], rows="train")
    with pytest.raises(InputError, match=r"shape \(2,\).*shape \(3,\)|\(2,\) and `surrogate_output` \(3,\)"):
        Fidelity.measure([1.0, 2.0], [1.0, 2.0, 3.0], rows="eval")
    with pytest.raises(InputError, match="at least one row"):
        Fidelity.measure([], [], rows="eval")
    with pytest.raises(InputError, match="Only one of"):
        Fidelity.measure([1.0], [1.0], teacher_proba=[[1.0]], rows="eval")
