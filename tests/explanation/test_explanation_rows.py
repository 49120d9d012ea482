from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from explanation_strategies import explanations, make
from hypothesis import given
from hypothesis import strategies as st
from models import dense

from automl_explain.exceptions import InputError
from automl_explain.explanation import Fidelity


def full(kind="binary", **fields):
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": list("wxyz")}, index=["p", "q", "r", "s"])
    given = {
        "eval_data": frame,
        "eval_y_predicted": np.array([0, 1, 0, 1]),
        "eval_y_predicted_proba": np.arange(8.0).reshape(4, 2),
        "unmapped": np.array([[1.0, 2.0, -3.0, 4.0]]),
        "eval_fidelity": Fidelity.measure([1.0, 2.0], [1.0, 2.0], rows="eval"),
        **fields,
    }
    return make(kind, **given)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (1, [1]),
        (-1, [3]),
        (np.int64(2), [2]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([3, 0], [3, 0]),
        ([], []),
        (np.array([-1, 0]), [3, 0]),
        ([True, False, True, False], [0, 2]),
        (pd.Series([False, True, False, False]), [1]),
        (pd.Series([False, True, False, False], dtype=object), [1]),
        (pd.Series([False, True, False, False], dtype="boolean"), [1]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_a_slice_takes_values_rows_predictions_labels_and_unmapped_together(rows, wanted, sparse):
    whole = full(sparse=sparse)
    part = whole[rows]
    np.testing.assert_array_equal(dense(part.local_importance_values), dense(whole.local_importance_values)[:, wanted])
    pd.testing.assert_frame_equal(part.eval_data, whole.eval_data.iloc[wanted])
    assert part.row_labels.tolist() == whole.row_labels[wanted].tolist()
    assert part.eval_y_predicted.tolist() == whole.eval_y_predicted[wanted].tolist()
    assert part.eval_y_predicted_proba.tolist() == whole.eval_y_predicted_proba[wanted].tolist()
    assert part.unmapped_values.tolist() == whole.unmapped_values[:, wanted].tolist()
    mean = np.abs(dense(part.local_importance_values)[1]).mean(axis=0) if wanted else np.zeros(3)
    np.testing.assert_allclose(part.global_importance_values, mean, rtol=1e-12)
    assert part.unmapped_importance == pytest.approx(np.abs(whole.unmapped[0, wanted]).mean() if wanted else 0.0)
    assert part.id != whole.id
    assert part.eval_fidelity is None
    assert len(part) == len(wanted)
    assert part


def test_iteration_gives_one_row_explanations():
    assert [len(row) for row in full()] == [1, 1, 1, 1]


@pytest.mark.parametrize("rows", [4, -5, [0, 7]])
def test_rows_that_do_not_exist_are_refused(rows):
    for error in (IndexError, InputError):
        with pytest.raises(error, match="does not exist; the explanation has 4 rows, 0 to 3"):
            full()[rows]


def test_other_indexes_are_refused():
    with pytest.raises(InputError, match=r"The mask has shape \(2,\); expected one bool for each of the 4 rows"):
        full().subset([True, False])
    with pytest.raises(InputError, match="Rows must be a whole number"):
        full()["p"]
    with pytest.raises(InputError, match="single bool"):
        full()[True]
    with pytest.raises(InputError, match="Rows must be"):
        full()[[0.5]]


@given(explanations(), st.data())
def test_additivity_holds_under_slicing(explanation, data):
    rows = data.draw(st.lists(st.integers(0, len(explanation) - 1), max_size=5))
    part = explanation[rows]
    np.testing.assert_array_equal(part.output, explanation.output[rows])
    inner = dense(list(part.values)) if part.is_local_sparse else part.values
    total = inner.sum(axis=-1).T + part.base + part.unmapped_values.T
    # Sums of up to five numbers of up to 1e6.
    np.testing.assert_allclose(part.output, total, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        part.global_values, explanation.subset(np.array(rows, dtype=int)).global_values, rtol=0, atol=0
    )


def test_changing_the_given_rows_later_does_not_change_the_explanation():
    frame = pd.DataFrame({"a": [1, 2, 3, 4]})
    explanation = make(eval_data=frame)
    frame.loc[0, "a"] = 99
    assert explanation.eval_data.loc[0, "a"] == 1


def test_row_labels_keep_their_types():
    assert [type(x) for x in make(row_labels=[1, 2.5, 3, 4]).row_labels] == [int, float, int, int]
    assert make(row_labels=[1, 2, 3, 4]).row_labels.dtype == np.int64
    assert make(row_labels=[1, None, 3, 4]).row_labels.tolist() == [1, None, 3, 4]
    assert isinstance(make(row_labels=list(pd.date_range("2024", periods=4))).row_labels, pd.DatetimeIndex)
    assert make(row_labels=np.array(["2024", "2025", "2026", "2027"], "M8[s]")).row_labels[0] == pd.Timestamp("2024")


@given(explanations())
def test_pickle_keeps_everything(explanation):
    again = pickle.loads(pickle.dumps(explanation))
    assert again.id == explanation.id
    assert again.features == explanation.features
    assert again.classes == explanation.classes
    np.testing.assert_array_equal(dense(again.local_importance_values), dense(explanation.local_importance_values))
    assert repr(again) == repr(explanation)
