"""Every view of a row shows the model's own output beside the one explained."""

from __future__ import annotations

import numpy as np
import pytest
from explanation_strategies import CLASSES, OUTPUTS, global_only, make
from scipy.special import expit

from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation, Fidelity

KINDS = sorted(OUTPUTS)


def with_residuals(kind, **fields):
    residuals = np.random.default_rng(1).normal(size=(OUTPUTS[kind], 4))
    return make(kind, residuals=residuals, **fields)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_frame_has_the_models_own_output_and_the_residual(kind, sparse):
    explanation, plain = with_residuals(kind, sparse=sparse), make(kind, sparse=sparse)
    own = explanation.output + explanation.residuals.T
    np.testing.assert_array_equal(explanation.model_output, own)
    for label in CLASSES[kind] or [None]:
        frame, before = explanation.to_frame("local", label), plain.to_frame("local", label)
        assert list(frame)[-4:] == ["(expected value)", "(output)", "(model output)", "(residual)"]
        # What was there keeps its meaning: the output is the sum of what stands before it.
        np.testing.assert_array_equal(frame.iloc[:, :-2], before)
        k = 0 if label is None or kind == "binary" else CLASSES[kind].index(label)
        sign = -1 if label == "no" else 1
        np.testing.assert_array_equal(frame["(model output)"], sign * own[:, k])
        np.testing.assert_array_equal(frame["(residual)"], sign * explanation.residuals[k])
    assert "(model output)" not in plain.to_frame("local")


def test_the_first_class_has_the_other_probability_and_minus_the_residual():
    explanation = Explanation(
        values=[[[0.1, 0.2]]],
        base=[0.4],
        task="classification",
        output_unit="probability",
        residuals=[[0.05]],
        unmapped=[[-0.1]],
    )
    frame = explanation.to_frame("local", label=0)
    assert frame.columns.tolist()[2:] == ["(unmapped)", "(expected value)", "(output)", "(model output)", "(residual)"]
    np.testing.assert_allclose(frame.iloc[0], [-0.1, -0.2, 0.1, 0.6, 0.4, 0.35, -0.05], rtol=1e-12)
    row = explanation.data(0)
    np.testing.assert_allclose(row["output"], [0.4, 0.6], rtol=1e-12)
    np.testing.assert_allclose(row["model_output"], [0.35, 0.65], rtol=1e-12)
    assert row["residual"] == [-0.05, 0.05]


@pytest.mark.parametrize("kind", KINDS)
def test_row_data_names_the_output_the_models_own_and_the_residual(kind):
    explanation = with_residuals(kind, unmapped=np.ones((OUTPUTS[kind], 4)))
    for i, row in enumerate(explanation.data(-1)["specific"]):
        assert row["output"] == explanation[i].data(0)["output"]
        assert row["output"][-1] == explanation.output[i, -1]
        assert row["model_output"][-1] == explanation.model_output[i, -1]
        assert row["residual"][-1] == explanation.residuals[-1, i]
        assert len(row["residual"]) == len(row["intercept"])
        assert row["is_far"] == explanation.far_rows[i]
    assert make(kind).data(0)["model_output"] is None
    assert make(kind).data(0)["residual"] is None


def test_text_and_html_of_a_row_show_both_outputs_and_mark_a_row_that_is_far_off():
    explanation = make(base=[10.0], values=np.ones((1, 2, 3)), residuals=[[0.5, 30.0]], residual_bound=2.0)
    near, far = explanation.visualize(0), explanation.visualize(1)
    for shown in (repr(near), near._repr_html_().replace("&#x27;", "'")):
        assert "expected value 10.00, output 13.00" in shown
        assert "model's own output 13.50, residual 0.5000" in shown
        assert "FAR OFF" not in shown
    for shown in (repr(far), far._repr_html_().replace("&#x27;", "'")):
        assert "model's own output 43.00, residual 30.00" in shown
        assert "FAR OFF: the output explained differs from the model's own by 30.00 (target), more than 2.000" in shown
    assert "model's own" not in repr(make().visualize(0))


def test_the_view_of_all_rows_counts_those_that_are_far_off():
    explanation = make(values=np.ones((1, 2, 3)), residuals=[[0.5, -30.0]], residual_bound=2.0)
    for shown in (repr(explanation), explanation._repr_html_()):
        assert "residuals: mean |15.25|, largest |30.00| in target" in shown
        assert "FAR OFF: 1 row, by more than 2.000 (target)" in shown
    assert explanation.far_rows.tolist() == [False, True]
    assert explanation[1].far_rows.tolist() == [True]
    assert "FAR OFF" not in repr(explanation[0])
    assert "residuals" not in repr(make())
    assert "residuals: mean" in repr(
        make(values=None, global_values=[[1.0, 2, 3]], n_explained_rows=2, residuals=[[1, 2]])
    )


def test_log_odds_are_judged_by_their_probabilities():
    """A residual of 3 means nothing at a probability of 0.999, and everything at 0.5."""
    sure = make("binary", base=[7.0], values=np.zeros((1, 1, 3)), residuals=[[3.0]])
    unsure = make("binary", base=[0.0], values=np.zeros((1, 1, 3)), residuals=[[3.0]])
    assert (sure.far_rows.tolist(), unsure.far_rows.tolist()) == ([False], [True])
    difference = expit(3.0) - 0.5  # 0.4526
    assert make("binary", base=[0.0], values=np.zeros((1, 1, 3)), residuals=[[3.0]], residual_bound=difference + 1e-9)
    for bound, far in ((difference + 1e-9, False), (difference - 1e-9, True)):
        given = make("binary", base=[0.0], values=np.zeros((1, 1, 3)), residuals=[[3.0]], residual_bound=bound)
        assert given.far_rows.tolist() == [far]


def test_without_a_stated_bound_numbers_are_judged_by_the_error_on_held_out_rows():
    fidelity = Fidelity.measure([1.0, 2.0, 3.0], [1.1, 2.1, 3.1], rows="held-out")  # mean error 0.1: far from 0.5 on
    explanation = make(values=np.zeros((1, 2, 3)), residuals=[[0.49, -0.51]], fidelity=fidelity)
    assert explanation.far_rows.tolist() == [False, True]
    assert make(residuals=np.full((1, 4), 1e9)).far_rows.tolist() == [False] * 4
    assert make().far_rows.tolist() == [False] * 4


def test_the_bound_is_kept_and_must_be_a_number(tmp_path):
    explanation = make(residuals=np.ones((1, 4)), residual_bound=0.5)
    explanation.save(tmp_path / "e")
    assert Explanation.load(tmp_path / "e").residual_bound == 0.5
    assert explanation[0].residual_bound == 0.5
    for wrong in (-1.0, float("nan"), float("inf"), True, "x"):
        with pytest.raises(InputError, match="`residual_bound` is .*; expected a finite number of at least 0"):
            make(residual_bound=wrong)


def test_global_values_have_no_rows_to_be_far_off():
    assert not hasattr(global_only(), "far_rows") or not global_only().far_rows.any()
