"""Explanations in probabilities: rows add up to the probability, whatever the way, the space and the container."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from models import (
    CLASSES,
    KINDS,
    MAP,
    NAMES,
    QUICK,
    SmallWrapper,
    dense,
    make_wrapper,
    numbers,
    rows,
    shared_wrapper,
    teacher,
)
from sklearn.svm import LinearSVC

import automl_explain.explain
from automl_explain import Explanation, LGBMExplainableModel, MimicExplainer, explain_automl
from automl_explain.exceptions import InputError
from automl_explain.explanation._units import class_probabilities

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

CLASSIFIED = ("binary", "four classes")
each_task = pytest.mark.parametrize("task", CLASSIFIED)
each_kind = pytest.mark.parametrize("kind", KINDS)


def surrogates_probabilities(explainer: Any, X: Any) -> np.ndarray:
    return class_probabilities(explainer.surrogate_model.predict_output(explainer.encoder.encode(X)))


def sums(explanation: Explanation) -> np.ndarray:
    """What the outward values, the expected values and the unmapped share add up to, shape (n_rows, n_classes)."""
    local = dense(explanation.local_importance_values).sum(axis=-1)
    lost = explanation.unmapped_values
    lost = np.concatenate([-lost, lost]) if len(lost) == 1 else lost
    return (local + lost).T + explanation.expected_values


@each_task
@each_kind
def test_rows_add_up_to_the_surrogates_probability(task: str, kind: str) -> None:
    """To 1e-12 for every class, engineered and raw; expected values are probabilities and add up to 1."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 50, seed=1)
    wanted = surrogates_probabilities(wrapper.explainer, X)
    for how in ({}, {"get_raw": True}, {"get_raw": True, "raw_method": "grouped"}):
        explanation = wrapper.explain(["local"], X, output_unit="probability", **how)
        assert (explanation.output_unit, explanation.link) == ("probability", "identity")
        np.testing.assert_allclose(sums(explanation), wanted, rtol=0, atol=1e-12)
        assert explanation.expected_values.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(explanation.output, wanted[:, -explanation.output.shape[1] :], atol=1e-12)


@each_task
def test_the_same_unit_is_what_nobody_asks_for(task: str) -> None:
    """Log-odds stay the default, and asking for them changes no bit."""
    wrapper, X = shared_wrapper(task, "frame"), rows("frame", 20, seed=1)
    plain, asked = wrapper.explain(["local"], X), wrapper.explain(["local"], X, output_unit="log-odds")
    assert plain.output_unit == asked.output_unit == "log-odds"
    np.testing.assert_array_equal(plain.values, asked.values)


def test_a_binary_row_is_the_rescale_rule() -> None:
    """Every value is multiplied by (s(m) - s(b)) / (m - b) of its row."""
    wrapper, X = shared_wrapper("binary", "array"), rows("array", 30, seed=2)
    margins = wrapper.explain(["local"], X)
    found = wrapper.explain(["local"], X, output_unit="probability")
    m, b = margins.output[:, 0], margins.base[0]
    rescaled = ((1 / (1 + np.exp(-m)) - 1 / (1 + np.exp(-b))) / (m - b))[:, None] * margins.values[0]
    np.testing.assert_allclose(found.values[0], rescaled, rtol=0, atol=1e-12)


@each_task
@pytest.mark.parametrize("kind", ["frame", "sparse"])
@pytest.mark.parametrize("get_raw", [False, True])
def test_streamed_global_values_are_those_in_memory(task: str, kind: str, get_raw: bool) -> None:
    """Blocks of 7 rows, each turned by itself, against all rows at once: 1e-9."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 50, seed=1)
    explainer = wrapper.explainer
    how: dict[str, Any] = {"output_unit": "probability", "feature_map": MAP if get_raw else None}
    whole = explainer.explain_rows(X, include_local=True, **how)
    streamed = explainer.explain_rows(X, include_local=False, batch_size=7, **how)
    np.testing.assert_allclose(streamed.global_values, whole.global_values, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(streamed.base, whole.base)
    assert streamed.output_unit == "probability"


@each_task
def test_raw_values_are_the_folded_engineered_ones(task: str) -> None:
    wrapper, X = shared_wrapper(task, "frame"), rows("frame", 30, seed=1)
    engineered = wrapper.explain(["local"], X, output_unit="probability")
    raw = wrapper.explain(["local"], X, get_raw=True, output_unit="probability")
    np.testing.assert_allclose(engineered.get_raw_explanation(MAP).values, raw.values, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("as_if_large")
@each_task
def test_sparse_values_stay_sparse(task: str) -> None:
    wrapper, X = shared_wrapper(task, "sparse"), rows("sparse", 30, seed=1)
    margins = wrapper.explain(["local"], X)
    found = wrapper.explain(["local"], X, output_unit="probability")
    assert all(sp.issparse(v) for v in found.values)
    anywhere = sum(abs(v) for v in margins.values) != 0
    assert all((abs(v) > 0).nnz <= anywhere.nnz for v in found.values)


def test_the_first_class_mirrors_the_second_around_one() -> None:
    """Values are [-v, v], expected values [1 - e, e], and tables and saved files say the same."""
    explanation = shared_wrapper("binary", "frame").explain(["local"], rows("frame", 9), output_unit="probability")
    no, yes = explanation.to_frame("local", label="no"), explanation.to_frame("local", label="yes")
    inputs = NAMES
    np.testing.assert_allclose(no[inputs], -yes[inputs], atol=1e-15)
    np.testing.assert_allclose(no[["(expected value)", "(output)"]], 1 - yes[["(expected value)", "(output)"]])
    np.testing.assert_allclose(no[[*inputs, "(expected value)"]].sum(axis=1), no["(output)"], atol=1e-12)
    np.testing.assert_array_equal(explanation.expected_values, [1 - explanation.base[0], explanation.base[0]])
    assert explanation.data()["intercept"] == explanation.expected_values.tolist()
    shown = explanation.to_shap()
    np.testing.assert_allclose(shown.values.sum(axis=1) + shown.base_values, explanation.output[:, 0], atol=1e-12)
    assert "in probability" in repr(explanation)


def test_the_first_class_with_an_unmapped_share_adds_up() -> None:
    explanation = Explanation(
        values=[[[0.1, -0.2]]], base=[0.4], unmapped=[[0.3]], task="classification", output_unit="probability"
    )
    no = explanation.to_frame("local", label=0).iloc[0]
    assert no.tolist() == pytest.approx([-0.1, 0.2, -0.3, 0.6, 0.4])


def test_a_probability_explanation_comes_back_from_its_file(tmp_path: Any) -> None:
    explanation = shared_wrapper("binary", "frame").explain(["local"], rows("frame", 9), output_unit="probability")
    explanation.save(tmp_path / "kept")
    again = Explanation.load(tmp_path / "kept")
    np.testing.assert_array_equal(again.expected_values, explanation.expected_values)
    assert again.output_unit == "probability"


# The reference's names


@each_task
def test_an_explainer_can_be_made_for_probabilities(task: str) -> None:
    """`shap_values_output="probability"` is the default of its calls; log-odds can still be asked for."""
    wrapper = make_wrapper(task, "frame", explainer_kwargs={"shap_values_output": "probability"})
    X = rows("frame", 20, seed=1)
    assert (wrapper.explainer.output_unit, wrapper.explainer.link) == ("probability", "identity")
    wanted = surrogates_probabilities(wrapper.explainer, X)
    np.testing.assert_allclose(sums(wrapper.explain(["local"], X)), wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sums(wrapper.explainer.explain_local(X)), wanted, rtol=0, atol=1e-12)
    margins = wrapper.explain(["local"], X, output_unit="log-odds")
    assert (margins.output_unit, margins.link) == ("log-odds", "logit")
    np.testing.assert_array_equal(margins.values, shared_wrapper(task, "frame").explain(["local"], X).values)


@each_task
@each_kind
def test_rows_add_up_to_the_teachers_own_probability(task: str, kind: str) -> None:
    """`teacher_probability`: whatever the surrogate lacks, in both spaces, streamed and in memory."""
    wrapper = make_wrapper(task, kind, explainer_kwargs={"shap_values_output": "teacher_probability"})
    X = rows(kind, 40, seed=1)
    wanted = teacher(task).predict_proba(X)
    assert np.abs(surrogates_probabilities(wrapper.explainer, X) - wanted).max() > 1e-3
    for get_raw in (False, True):
        whole = wrapper.explain(["local"], X, get_raw=get_raw)
        np.testing.assert_allclose(sums(whole), wanted, rtol=0, atol=1e-12)
        streamed = wrapper.explainer.explain_rows(
            X, include_local=False, batch_size=7, feature_map=MAP if get_raw else None
        )
        np.testing.assert_allclose(streamed.global_values, whole.global_values, rtol=0, atol=1e-9)


def test_what_the_surrogate_lacks_goes_by_magnitude() -> None:
    X = rows("array", 20, seed=1)
    own = shared_wrapper("binary", "array").explain(["local"], X, output_unit="probability")
    made = make_wrapper("binary", "array", explainer_kwargs={"shap_values_output": "teacher_probability"})
    gap = teacher("binary").predict_proba(X)[:, 1] - own.output[:, 0]
    share = np.abs(own.values[0]) / np.abs(own.values[0]).sum(axis=1, keepdims=True)
    found = made.explain(["local"], X).values[0]
    np.testing.assert_allclose(found, own.values[0] + gap[:, None] * share, rtol=0, atol=1e-12)


def test_global_values_without_rows_know_the_teacher_too() -> None:
    """They are those of the init rows, so that the sample and the rows themselves agree."""
    wrapper = make_wrapper("four classes", "frame", explainer_kwargs={"shap_values_output": "teacher_probability"})
    kept = wrapper.explain(["global"])
    np.testing.assert_allclose(
        kept.global_values, wrapper.explain(["global"], rows("frame")).global_values, rtol=0, atol=1e-9
    )


def test_a_subset_is_turned_with_the_features_that_it_leaves_out() -> None:
    """Values do not hang on which others are shown."""
    X = rows("array", 20, seed=1)
    whole = shared_wrapper("binary", "array").explain(["local"], X, output_unit="probability")
    some = make_wrapper("binary", "array", feature_maps=None, explain_subset=[0, 2])
    found = some.explain(["local"], X, output_unit="probability")
    np.testing.assert_allclose(found.values, whole.values[..., [0, 2]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.unmapped, whole.values[..., [1, 3]].sum(axis=-1), rtol=0, atol=1e-12)


# One call, and refusals


def test_one_call_gives_both_spaces_in_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(automl_explain.explain, "MimicWrapper", SmallWrapper)
    X = rows("frame").drop(columns="x3").fillna(0)
    y = (numbers(rows("frame"))[:, 0] > 0).astype(int)
    result = explain_automl(LogisticRegression().fit(X, y), X, X[:30], y, output_unit="probability")
    assert result.engineered.output_unit == result.raw.output_unit == "probability"
    assert result.explainer.explain(["local"], X[:5]).output_unit == "probability"
    np.testing.assert_allclose(result.engineered.output, result.raw.output, rtol=0, atol=1e-12)
    plain = explain_automl(LogisticRegression().fit(X, y), X, X[:30], y)
    assert plain.raw.output_unit == "log-odds"


def test_probabilities_of_a_regression_are_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LinearRegression

    said = "a regression has a target and no probabilities"
    X = rows("array")
    with pytest.raises(InputError, match=f"shap_values_output='probability'.*{said}"):
        MimicExplainer(teacher("regression"), X, LGBMExplainableModel, shap_values_output="probability")
    with pytest.raises(InputError, match=said):
        shared_wrapper("regression", "array").explain(["local"], X, output_unit="probability")
    setup = "automl_explain.explain.automl_setup_model_explanations"
    monkeypatch.setattr(setup, lambda *_, **__: pytest.fail("set up"))
    X = np.nan_to_num(X)
    with pytest.raises(InputError, match=said):
        explain_automl(LinearRegression().fit(X, X[:, 0]), X, X, X[:, 0], output_unit="probability")


def test_probabilities_of_decision_values_are_refused() -> None:
    X = np.nan_to_num(rows("array"))
    model = LinearSVC().fit(X, X[:, 0] > 0)
    with pytest.raises(InputError, match="CalibratedClassifierCV"):
        MimicExplainer(model, X, LGBMExplainableModel, shap_values_output="teacher_probability", **QUICK)


@pytest.mark.parametrize("wrong", ["margin", None, 1])
def test_other_names_of_outputs_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="`shap_values_output` must be one of 'default', 'probability', 'teacher_p"):
        MimicExplainer(teacher("binary"), rows("array"), LGBMExplainableModel, shap_values_output=wrong)


def test_other_units_are_refused() -> None:
    with pytest.raises(InputError, match="`output_unit` must be 'log-odds', 'probability' or None; got 'logit'"):
        shared_wrapper("binary", "array").explain(["local"], rows("array"), output_unit="logit")
    assert CLASSES["binary"] == shared_wrapper("binary", "array").explainer.classes
