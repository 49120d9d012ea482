"""From contributions to log-odds to contributions to probabilities: numbers by hand, by integration, and laws."""

import decimal
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import quad

from automl_explain.exceptions import InputError
from automl_explain.explanation._units import (
    ToProbability,
    _sigmoid_slopes,
    check_output_unit,
    class_probabilities,
    first_class,
    mean_slopes,
    output_probabilities,
)

EXACT = 1e-12


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sums(values, base, link="logit"):
    """Probabilities of shape (n_outputs, n_rows) that values of probabilities say."""
    return values.sum(axis=-1) + ToProbability(base, link).expected_values[:, None]


def wanted(values, base, link="logit"):
    return output_probabilities(values.sum(axis=-1).T + base, link).T


@st.composite
def contributions(draw, least_outputs=1):
    n_outputs = draw(st.sampled_from([k for k in (1, 3, 4) if k >= least_outputs]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([0.01, 1.0, 8.0]))
    values = rng.normal(scale=size, size=(n_outputs, draw(st.integers(1, 4)), draw(st.integers(1, 5))))
    return values, rng.normal(scale=2, size=n_outputs), draw(st.sampled_from(["logit", "softmax"]))


def test_one_feature_takes_the_whole_step():
    """From 0.5 to sigmoid(2): all of the difference belongs to the only feature."""
    values, unmapped = ToProbability(np.zeros(1))(np.array([[[2.0]]]))

    assert values[0, 0, 0] == pytest.approx(sigmoid(2.0) - 0.5, abs=EXACT)
    assert unmapped is None


def test_two_features_share_the_step_as_they_share_the_log_odds():
    """3 and -1 make 2 from 1 on: the probability moves by s(3) - s(1), of which 3/2 and -1/2."""
    values, _ = ToProbability(np.array([1.0]))(np.array([[[3.0, -1.0]]]))

    step = sigmoid(3.0) - sigmoid(1.0)
    np.testing.assert_allclose(values[0, 0], [1.5 * step, -0.5 * step], atol=EXACT)


def test_features_that_cancel_keep_their_own_share():
    """Where the sum is 0 the slope at the expected value scales both: s'(0) = 1/4."""
    values, _ = ToProbability(np.zeros(1))(np.array([[[2.0, -2.0]]]))

    np.testing.assert_allclose(values[0, 0], [0.5, -0.5], atol=EXACT)


@pytest.mark.parametrize("step", [0.0, 1e-15, 1e-9, 1e-4, 0.5, 1 - 1e-12, 1.0, 1 + 1e-12, 30.0, 800.0])
def test_the_slope_keeps_its_digits_however_small_the_step(step):
    """Against the quotient in 60 digits; the naive one has none left at a step of 1e-15."""
    with decimal.localcontext(prec=60):
        b, m = decimal.Decimal("0.75"), decimal.Decimal(0.75 + step)

        def s(x):
            return 1 / (1 + (-x).exp())

        true = float((s(m) - s(b)) / (m - b) if m != b else s(b) * (1 - s(b)))

    assert _sigmoid_slopes(0.75, np.array([0.75 + step]))[0] == pytest.approx(true, rel=1e-12)


def test_equal_outputs_stay_equal():
    """A feature that moves all classes alike moves no probability; one class gains what two lose."""
    values = np.zeros((3, 1, 2))
    values[:, 0, 0] = 5.0
    values[0, 0, 1] = 1.0
    found, _ = ToProbability(np.zeros(3), "softmax")(values)

    np.testing.assert_allclose(found[:, 0, 0], 0, atol=EXACT)
    gained = np.exp(1) / (np.exp(1) + 2) - 1 / 3
    np.testing.assert_allclose(found[:, 0, 1], [gained, -gained / 2, -gained / 2], atol=EXACT)


@pytest.mark.parametrize("link", ["logit", "softmax", "sigmoid"])
def test_the_integral_is_that_of_an_independent_integrator(link):
    """Mean slopes along the line against adaptive quadrature of a difference quotient."""
    rng = np.random.default_rng(1)
    for scale in (0.5, 6.0, 25.0):
        base, margins = rng.normal(size=3), rng.normal(scale=scale, size=3)
        found = mean_slopes(base, margins[None], link)[0]
        for k in range(3):
            for o in range(3):
                unit = 1e-5 * np.eye(3)[o]

                def slope(t, k=k, unit=unit, base=base, margins=margins):
                    at = base + t * (margins - base)
                    ahead, behind = (output_probabilities((at + e)[None], link)[0, k] for e in (unit, -unit))
                    return (ahead - behind) / 2e-5

                assert found[k, o] == pytest.approx(quad(slope, 0, 1, epsabs=1e-9, limit=200)[0], abs=1e-8)


@pytest.mark.parametrize("link", ["logit", "softmax", "sigmoid"])
@pytest.mark.parametrize("n_classes", [3, 10])
def test_the_quadrature_alone_adds_up_to_a_billionth(link, n_classes):
    """Before the correction, on steps of up to 100 log-odds: the correction hides nothing."""
    rng = np.random.default_rng(0)
    for scale in (1.0, 5.0, 30.0):
        base, steps = rng.normal(scale=2, size=n_classes), rng.normal(scale=scale, size=(200, n_classes))
        moved = (mean_slopes(base, base + steps, link) @ steps[..., None])[..., 0]
        true = output_probabilities(base + steps, link) - output_probabilities(base[None], link)

        assert np.abs(moved - true).max() < 1e-9


def test_many_rows_are_integrated_in_parts(monkeypatch):
    rng = np.random.default_rng(2)
    base, margins = rng.normal(size=3), rng.normal(scale=5, size=(50, 3))
    whole = mean_slopes(base, margins)
    monkeypatch.setattr("automl_explain.explanation._units._BLOCK", 100)

    np.testing.assert_allclose(mean_slopes(base, margins), whole, rtol=0, atol=1e-15)


@given(contributions())
@settings(max_examples=60, deadline=None)
def test_rows_add_up_to_their_probability(case):
    """Exactly, in every unit of size and for both links; classes add up to no change."""
    values, base, link = case
    found, unmapped = ToProbability(base, link)(values)

    assert unmapped is None
    np.testing.assert_allclose(sums(found, base, link), wanted(values, base, link), rtol=0, atol=EXACT)
    if len(values) > 1:
        assert ToProbability(base, link).expected_values.sum() == pytest.approx(1, abs=EXACT)
        np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-8 * np.abs(values).max())


@given(contributions(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_features_and_classes_does_not_matter(case, random):
    values, base, link = case
    outputs, features = list(range(len(values))), list(range(values.shape[2]))
    random.shuffle(outputs)
    random.shuffle(features)
    found, _ = ToProbability(base, link)(values)
    shuffled, _ = ToProbability(base[outputs], link)(values[outputs][..., features])

    np.testing.assert_allclose(shuffled, found[outputs][..., features], rtol=0, atol=1e-10)


@given(contributions())
@settings(max_examples=40, deadline=None)
def test_a_feature_without_any_value_gets_none(case):
    values, base, link = case
    with_dummy = np.concatenate([values, np.zeros((*values.shape[:2], 1))], axis=-1)
    found, _ = ToProbability(base, link)(with_dummy)

    assert (found[..., -1] == 0).all()


@given(contributions())
@settings(max_examples=40, deadline=None)
def test_sparse_values_stay_sparse_and_equal(case):
    values, base, link = case
    values[..., ::2] = 0
    found, _ = ToProbability(base, link)(values)
    sparse, _ = ToProbability(base, link)(tuple(sp.csr_matrix(v) for v in values))

    assert all(isinstance(v, sp.csr_matrix) and v.has_canonical_format for v in sparse)
    assert max(v.nnz for v in sparse) <= np.any(values, axis=0).sum()
    np.testing.assert_allclose(np.stack([v.toarray() for v in sparse]), found, rtol=0, atol=EXACT)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_unmapped_share_is_converted_with_the_rest(sparse):
    """As if it were one more feature; values and share and expected value add up."""
    rng = np.random.default_rng(3)
    whole, base = rng.normal(size=(3, 4, 5)), rng.normal(size=3)
    true, _ = ToProbability(base)(whole)
    given_values = tuple(sp.csr_matrix(v) for v in whole[..., :-1]) if sparse else whole[..., :-1]
    values, unmapped = ToProbability(base)(given_values, whole[..., -1])
    dense = np.stack([v.toarray() for v in values]) if sparse else values

    np.testing.assert_allclose(dense, true[..., :-1], atol=EXACT)
    np.testing.assert_allclose(unmapped, true[..., -1], atol=EXACT)


def test_what_the_teacher_says_more_is_spread_by_magnitude():
    """From s(0) = 0.5 to s(2 - 1); the teacher's 0.9 is further, and the rest goes 2 : 1."""
    wanted = np.array([[0.9]])
    values, unmapped = ToProbability(np.zeros(1), wanted=wanted)(np.array([[[2.0, -1.0]]]))

    own = (sigmoid(1.0) - 0.5) * np.array([2.0, -1.0])
    gap = 0.9 - sigmoid(1.0)
    np.testing.assert_allclose(values[0, 0], own + gap * np.array([2 / 3, 1 / 3]), atol=EXACT)
    assert unmapped is None


@pytest.mark.parametrize("sparse", [False, True])
def test_a_row_without_any_value_leaves_the_rest_unmapped(sparse):
    """No feature can be said to have made the difference."""
    values = np.array([[[0.0, 0.0], [1.0, 0.0]]])
    given_values = (sp.csr_matrix(values[0]),) if sparse else values
    _, unmapped = ToProbability(np.zeros(1), wanted=np.array([[0.7], [0.8]]))(given_values)

    np.testing.assert_allclose(unmapped, [[0.2, 0.0]], atol=EXACT)


def test_rows_of_a_block_take_their_own_wanted_probabilities():
    rng = np.random.default_rng(4)
    values, wanted = rng.normal(size=(1, 6, 2)), rng.uniform(0.1, 0.9, size=(6, 1))
    whole, _ = ToProbability(np.zeros(1), wanted=wanted)(values)
    part, _ = ToProbability(np.zeros(1), wanted=wanted)(values[:, 2:5], None, slice(2, 5))

    np.testing.assert_array_equal(part, whole[:, 2:5])


def test_what_was_given_is_not_changed():
    rng = np.random.default_rng(5)
    values, unmapped, base = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 4)), rng.normal(size=3)
    for array in (values, unmapped, base):
        array.flags.writeable = False
    kept = values.copy()
    sparse = tuple(sp.csr_matrix(v) for v in values)

    ToProbability(base)(values, unmapped)
    ToProbability(base)(sparse, None)
    np.testing.assert_array_equal(np.stack([v.toarray() for v in sparse]), kept)


def test_classes_that_are_all_unlikely_still_have_probabilities():
    """Sigmoids of -900 are 0 as numbers; their shares are not."""
    found = class_probabilities(np.array([[-900.0, -900.0, -901.0]]))

    np.testing.assert_allclose(found, [[0.4223, 0.4223, 0.1554]], atol=1e-4)


def test_the_first_of_two_classes_has_the_rest_of_the_probability():
    assert first_class(0.3, "probability") == pytest.approx(0.7)
    assert first_class(0.3, "log-odds") == -0.3
    assert first_class(0.3, "decision value") == -0.3


@pytest.mark.parametrize(
    ("asked", "own", "said"),
    [
        ("probability", "target", "regression"),
        ("log-odds", "target", "regression"),
        ("probability", "decision value", "CalibratedClassifierCV"),
        ("log-odds", "probability", "cannot be turned back"),
        ("percent", "log-odds", "must be 'log-odds', 'probability' or None; got 'percent'"),
        (1, "log-odds", "got 1"),
    ],
)
def test_units_that_cannot_be_had_are_refused(asked, own, said):
    with pytest.raises(InputError, match=said):
        check_output_unit(asked, own)


@pytest.mark.parametrize("own", ["log-odds", "probability", "target", "decision value"])
def test_the_own_unit_is_the_default(own):
    assert check_output_unit(None, own) == check_output_unit(own, own) == own


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 500.0])
def test_probabilities_of_a_few_rows_have_the_bits_of_scipy_without_it(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    margins = np.random.default_rng(0).normal(size=(3000, 3)) * scale
    margins[:4, 0] = 0.0, -0.0, 745.5, -745.5
    monkeypatch.delitem(sys.modules, "scipy.special")
    binary, several = output_probabilities(margins[:, :1]), output_probabilities(margins, "softmax")
    assert binary.tobytes() == special.expit(margins[:, :1]).tobytes()
    assert several.tobytes() == special.softmax(margins, axis=1).tobytes()
    with np.errstate(all="raise"):
        assert output_probabilities(np.array([[np.inf], [-np.inf], [-1e308]])).tolist() == [[1.0], [0.0], [0.0]]
