"""Scoring explainers in probabilities: the same numbers as the explainer's, by call, by default and from the file."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import KINDS, dense, make_wrapper, rows, shared_wrapper

from automl_explain import TreeScoringExplainer, load, save
from automl_explain.exceptions import CorruptFileError, ExplanationWarning, InputError
from automl_explain.explanation._units import class_probabilities

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

each_task = pytest.mark.parametrize("task", ["binary", "four classes"])


def explained(scoring: TreeScoringExplainer, X: Any, **how: Any) -> np.ndarray:
    return dense(scoring.explain(X, **how))


@each_task
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("get_raw", [False, True])
def test_a_call_gives_the_values_of_the_explainer(task: str, kind: str, get_raw: bool) -> None:
    wrapper, X = shared_wrapper(task, kind), rows(kind, 20, seed=1)
    scoring = TreeScoringExplainer(wrapper)
    wanted = wrapper.explain(["local"], X, get_raw=get_raw, output_unit="probability")
    found = explained(scoring, X, get_raw=get_raw, output_unit="probability")
    np.testing.assert_allclose(found, dense(wanted.local_importance_values), rtol=0, atol=1e-12)
    assert scoring.output_unit == "log-odds"
    shown = scoring.explanation(X, get_raw=get_raw, output_unit="probability")
    assert (shown.output_unit, shown.link) == ("probability", "identity")
    np.testing.assert_allclose(shown.output, wanted.output, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(shown.base, wanted.base)


@each_task
@pytest.mark.parametrize("way", ["made", "file", "pickle"])
def test_the_unit_is_kept_with_the_explainer(task: str, way: str, tmp_path: Path) -> None:
    """Values, expected values and output are probabilities and add up; log-odds can be asked for."""
    wrapper, X = shared_wrapper(task, "frame"), rows("frame", 20, seed=1)
    scoring = TreeScoringExplainer(wrapper, output_unit="probability")
    if way == "file":
        save(scoring, tmp_path / "kept")
        scoring = load(tmp_path / "kept")
    elif way == "pickle":
        scoring = pickle.loads(pickle.dumps(scoring))
    assert (scoring.output_unit, scoring.link) == ("probability", "identity")
    surrogate = wrapper.explainer.surrogate_model
    wanted = class_probabilities(surrogate.predict_output(wrapper.explainer.encoder.encode(X)))
    np.testing.assert_allclose(
        explained(scoring, X).sum(axis=-1).T + scoring.expected_values, wanted, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(scoring.predict_output(X), wanted[:, -scoring.predict_output(X).shape[1] :], atol=1e-12)
    margins = explained(scoring, X, output_unit="log-odds")
    np.testing.assert_array_equal(margins, explained(TreeScoringExplainer(wrapper), X))


def test_the_unit_of_the_explainer_is_the_default() -> None:
    wrapper = make_wrapper("binary", "array", explainer_kwargs={"shap_values_output": "teacher_probability"})
    X = rows("array", 10, seed=1)
    with pytest.warns(ExplanationWarning, match="teacher_probability.*does not ask the model"):
        scoring = TreeScoringExplainer(wrapper)
    assert scoring.output_unit == "probability"
    # There is no teacher in production: probabilities are the surrogate's.
    alike = TreeScoringExplainer(shared_wrapper("binary", "array"), output_unit="probability")
    np.testing.assert_array_equal(explained(scoring, X), explained(alike, X))
    assert TreeScoringExplainer(wrapper, output_unit="log-odds").output_unit == "log-odds"


def test_units_that_cannot_be_had_are_refused() -> None:
    regression = shared_wrapper("regression", "array")
    with pytest.raises(InputError, match="a regression has a target and no probabilities"):
        TreeScoringExplainer(regression, output_unit="probability")
    with pytest.raises(InputError, match="a regression has a target and no probabilities"):
        TreeScoringExplainer(regression).explain(rows("array", 3), output_unit="probability")
    with pytest.raises(InputError, match="`output_unit` must be 'log-odds', 'probability' or None; got 'odds'"):
        TreeScoringExplainer(shared_wrapper("binary", "array"), output_unit="odds")


def test_a_file_with_a_unit_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    scoring = TreeScoringExplainer(shared_wrapper("binary", "array"))
    scoring._parts = dataclasses.replace(scoring._parts, output_unit="percent")
    save(scoring, tmp_path / "kept")
    with pytest.raises(CorruptFileError, match="percent"):
        load(tmp_path / "kept")
