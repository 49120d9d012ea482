from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from automl_explain.exceptions import InputError
from automl_explain.explanation import Fidelity
from automl_explain.explanation._closeness import r2_interval, share_interval


def test_regression_numbers_by_hand():
    # Mean 2, spread 2, residual 1: R2 = 1 - 1/2.
    fidelity = Fidelity.measure([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], rows="held-out")
    assert fidelity.r2 == 0.5
    assert (fidelity.r2_probability, fidelity.r2_probability_per_class, fidelity.agreement) == (None, None, None)
    assert fidelity.mean_absolute_error == pytest.approx(1 / 3)
    assert (fidelity.max_absolute_error, fidelity.n_rows, fidelity.rows) == (1.0, 3, "held-out")
    assert str(fidelity).startswith("R2 0.500 (")
    assert str(fidelity).endswith("to 1.000) of target on 3 held-out rows")
    assert str(dataclasses.replace(fidelity, r2_interval=None)) == "R2 0.500 of target on 3 held-out rows"


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
    assert str(fidelity).startswith("R2 0.846 (")
    assert str(fidelity).endswith(" of probability on 4 evaluation rows, agreement 75.0 %")


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
    fidelity = Fidelity(float("-inf"), None, None, None, float("nan"), float("inf"), 1, "eval", (float("-inf"), 1.0))
    back = Fidelity.from_json(json.loads(json.dumps(fidelity.to_json(), allow_nan=False)))
    assert (back.r2, back.max_absolute_error) == (float("-inf"), float("inf"))
    assert back.r2_interval == (float("-inf"), 1.0)
    assert np.isnan(back.mean_absolute_error)


# Intervals


def test_the_interval_of_two_rows_by_hand():
    """Resamples are (a, a), (a, b), (b, a), (b, b); those of one row are constant and, not being met, score 0."""
    # Both rows: mean 1, spread 2, residual 0.5, so that R2 = 0.75: as often as not.
    low, high = r2_interval(np.array([[0.0], [2.0]]), np.array([[0.5], [1.5]]))
    assert (low, high) == (0.0, pytest.approx(0.75))


@pytest.mark.parametrize(("n_rows", "n_columns"), [(40, 1), (300, 2), (3000, 1)])
def test_the_interval_of_r2_is_that_of_drawing_rows_again(n_rows, n_columns):
    """Also where sums of rows are drawn in place of rows (from 500 rows on)."""
    rng = np.random.default_rng(1)
    wanted = rng.normal(size=(n_rows, n_columns)) + 100.0
    got = wanted + 0.3 * rng.normal(size=wanted.shape)
    drawn = []
    for _ in range(1000):
        rows = rng.integers(0, n_rows, n_rows)
        drawn.append(r2_score(wanted[rows], got[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    # An end of 1,000 draws is off by some 5 % of the width, that of 500 groups by as much again.
    assert r2_interval(wanted, got) == pytest.approx((low, high), abs=0.2 * (high - low))


def test_the_interval_covers_the_true_r2_nineteen_times_in_twenty():
    """Errors of variance 0.1 on an output of variance 1: the true R2 is 0.9."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        wanted = rng.normal(size=(200, 1))
        low, high = r2_interval(wanted, wanted + np.sqrt(0.1) * rng.normal(size=wanted.shape))
        covered += low <= 0.9 <= high
    assert 180 <= covered <= 199  # 190 +- three standard deviations of 3.1


def test_intervals_are_the_same_every_time():
    rng = np.random.default_rng(0)
    wanted, got = rng.normal(size=(2, 700, 1))
    assert r2_interval(wanted, got) == r2_interval(wanted.copy(), got.copy())
    assert r2_interval(wanted, got) != r2_interval(wanted, got, random_state=1)


@pytest.mark.parametrize(("offset", "expected"), [(0.0, (1.0, 1.0)), (1.0, (0.0, 0.0))])
def test_the_interval_of_a_constant_output_has_no_width(offset, expected):
    constant = np.full((30, 1), 0.1)
    assert r2_interval(constant, constant + offset) == expected


def test_the_interval_of_a_share_is_wilsons():
    """9 of 10: (0.9 + z2/20 -+ z sqrt(0.09/10 + z2/400)) / (1 + z2/10) with z2 = 3.8415, that is 0.596 and 0.982."""
    assert share_interval(0.9, 10) == pytest.approx((0.5958, 0.9821), abs=5e-5)
    # All of ten rows agree: at least 72 % do, not 100 %.
    assert share_interval(1.0, 10) == (pytest.approx(0.7225, abs=5e-5), 1.0)
    assert share_interval(0.0, 10) == (0.0, pytest.approx(0.2775, abs=5e-5))
    assert share_interval(1.0, 1) is None


def test_a_measure_has_an_interval_around_each_of_its_scores():
    rng = np.random.default_rng(0)
    p = rng.random((80, 3))
    q = np.clip(p + 0.05 * rng.normal(size=p.shape), 0, 1)
    fidelity = Fidelity.measure(p * 9, q * 9, teacher_proba=p, surrogate_proba=q, rows="held-out")
    for score in ("r2", "r2_probability", "agreement"):
        low, high = getattr(fidelity, f"{score}_interval")
        assert low < getattr(fidelity, score) < high <= 1
    single = Fidelity.measure(p[:1], q[:1], teacher_proba=p[:1], surrogate_proba=q[:1], rows="eval")
    assert (single.r2_interval, single.r2_probability_interval, single.agreement_interval) == (None, None, None)


def test_what_older_versions_wrote_has_no_intervals():
    written = Fidelity.measure([1.0, 2.0], [1.0, 3.0], rows="held-out").to_json()
    old = {name: value for name, value in written.items() if not name.endswith("_interval")}
    assert len(old) == len(written) - 3
    read = Fidelity.from_json(old)
    assert (read.r2_interval, read.r2_probability_interval, read.agreement_interval) == (None, None, None)
    assert read.r2 == written["r2"]


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="`rows` must be 'held-out', 'eval' or 'past'; got 'train'"):
        Fidelity.measure([1.0], [1.0], rows="train")
    with pytest.raises(InputError, match=r"shape \(2,\).*shape \(3,\)|\(2,\) and `surrogate_output` \(3,\)"):
        Fidelity.measure([1.0, 2.0], [1.0, 2.0, 3.0], rows="eval")
    with pytest.raises(InputError, match="at least one row"):
        Fidelity.measure([], [], rows="eval")
    with pytest.raises(InputError, match="Only one of"):
        Fidelity.measure([1.0], [1.0], teacher_proba=[[1.0]], rows="eval")


def test_a_class_that_is_never_given_is_reproduced_by_probabilities_near_zero() -> None:
    """A forest says 0 for a rare class in every held-out row; log-odds of the surrogate never reach it."""
    second = np.linspace(0, 1, 20)
    teacher = np.column_stack([np.zeros(20), second, 1 - second])
    near = np.column_stack([np.full(20, 0.004), second, 0.996 - second])
    fidelity = Fidelity.measure(teacher, teacher, teacher_proba=teacher, surrogate_proba=near, rows="held-out")
    assert fidelity.r2_probability_per_class[0] == 1.0
    assert fidelity.r2_probability > 0.999
    assert fidelity.r2_probability_interval[0] > 0.99


def test_outputs_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="holds NaN; expected numbers"):
        Fidelity.measure([1.0, np.nan], [1.0, 2.0], rows="eval")


def test_an_end_far_below_zero_is_not_spelt_out() -> None:
    """Of three rows some resamples hold nearly one value, and their R2 is any number."""
    fidelity = Fidelity.measure([1.0, 1.01, 2.0], [1.0, 1.5, 2.0], rows="eval")
    assert fidelity.r2_interval is not None
    assert fidelity.r2_interval[0] < -10
    assert "(below -10 to " in str(fidelity)


def test_the_past_keeps_its_name_in_files() -> None:
    fidelity = Fidelity.measure([1.0, 2.0, 4.0], [1.0, 2.0, 4.5], rows="past")
    assert Fidelity.from_json(fidelity.to_json()) == fidelity
    assert str(fidelity).endswith("on 3 held-out past rows")
