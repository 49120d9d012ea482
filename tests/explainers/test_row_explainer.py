"""What all explainers of rows have in common."""

from __future__ import annotations

import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from automl_explain import Explanation, Fidelity, LGBMExplainableModel, MimicExplainer
from automl_explain.exceptions import InputError
from automl_explain.explanation._values import mean_absolute

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
X = np.random.default_rng(0).normal(size=(300, 3))


@pytest.fixture(scope="module")
def explainer() -> MimicExplainer:
    model = LogisticRegression().fit(X, X[:, 0] + X[:, 1] > 0)
    size = {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1}
    return MimicExplainer(model, X, LGBMExplainableModel, explainable_model_args=size, augment_data=False)


def test_the_fidelity_of_few_rows_keeps_neither_model_nor_surrogate_alive() -> None:
    """It is worked out when it is read, from the outputs of these rows alone."""
    model = LogisticRegression().fit(X, X[:, 0] + X[:, 1] > 0)
    size = {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1}
    made = MimicExplainer(model, X, LGBMExplainableModel, explainable_model_args=size, augment_data=False)
    explanation, alive = made.explain_local(X[:2]), [weakref.ref(o) for o in (model, made, made.surrogate_model)]
    del model, made
    gc.collect()
    assert [reference() for reference in alive] == [None, None, None]
    assert (explanation.eval_fidelity.n_rows, explanation.eval_fidelity.rows) == (2, "eval")


@pytest.mark.parametrize("n_rows", [1, 2, 16, 17, 100])
def test_the_fidelity_of_the_rows_is_that_of_the_two_outputs(explainer: MimicExplainer, n_rows: int) -> None:
    explanation, proba = explainer.explain_local(X[:n_rows]), explainer.model.predict_proba(X[:n_rows])
    assert explanation.eval_fidelity == Fidelity.measure(
        explainer.teacher.in_unit(explainer.teacher.targets(proba)),
        explainer.surrogate_model.predict_output(X[:n_rows]),
        teacher_proba=proba,
        surrogate_proba=explainer.surrogate_model.predict_proba(X[:n_rows]),
        rows="eval",
    )


def test_what_is_worked_out_late_stays_and_travels(explainer: MimicExplainer) -> None:
    """The id, the global values and the fidelity are the same before and after pickling."""
    explanation = explainer.explain_local(X[:2])
    again: Explanation = pickle.loads(pickle.dumps(explanation))
    assert again.id == explanation.id == explanation.id
    assert again.eval_fidelity == explanation.eval_fidelity
    np.testing.assert_array_equal(again.global_values, mean_absolute(explanation.values))
    assert not explanation.global_values.flags.writeable
    assert explainer.explain_local(X[:2]).id != explanation.id


def test_a_note_says_that_global_values_are_those_of_a_sample(explainer: MimicExplainer) -> None:
    (note,) = [note for note in explainer.explain_global().notes if note.category == "sample"]
    assert str(note) == "No rows were given: these are values of 300 of the rows the explainer was made with."
    assert "note: No rows were given" in repr(explainer.explain_global())
    assert "sample" not in {note.category for note in explainer.explain_global(X).notes}


@pytest.mark.parametrize("words", [False, True])
def test_the_types_of_a_row_of_a_frame_are_looked_at_once(words: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas takes longer to tell them than the values of the row take; text is looked at value by value as well."""
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    if words:
        frame["d"] = np.where(X[:, 0] > 0, "yes", "no").astype(object)
    size = {"n_estimators": 3, "num_leaves": 7, "n_jobs": 1}
    made = MimicExplainer(
        lambda rows: rows["a"].to_numpy() * 2,
        frame,
        LGBMExplainableModel,
        explainable_model_args=size,
        augment_data=False,
        is_function=True,
    )
    row, looks, types = frame.iloc[:1], [], pd.DataFrame.dtypes
    wanted = made.explain_local(row)

    def looked(one: pd.DataFrame) -> pd.Series:
        looks.append(1)
        return types.fget(one)

    monkeypatch.setattr(pd.DataFrame, "dtypes", property(looked))
    found = made.explain_local(row)
    assert len(looks) == 1
    np.testing.assert_array_equal(found.values, wanted.values)


def test_complex_numbers_are_refused_by_explainers_and_by_explanations(explainer: MimicExplainer) -> None:
    rows = pd.DataFrame(X[:2].astype(complex))
    with pytest.raises(InputError, match="`evaluation_examples` holds complex numbers"):
        explainer.explain_local(rows)
    with pytest.raises(InputError, match="`eval_data` holds complex numbers"):
        Explanation(values=np.zeros((1, 2, 3)), base=np.zeros(1), eval_data=rows, task="regression")
