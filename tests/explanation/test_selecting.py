"""Some of the features, and no rows: what a store may keep of an explanation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import OUTPUTS, global_only, make
from models import dense

from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("kind", sorted(OUTPUTS))
def test_rows_still_add_up_when_the_other_features_are_summed(kind, sparse):
    whole = make(kind, n_features=5, sparse=sparse, unmapped=np.ones((OUTPUTS[kind], 4)), unmapped_features=("u",))
    some = whole.select(["f3", "f0"])
    assert some.features == ["f3", "f0"]
    np.testing.assert_allclose(some.output, whole.output, rtol=1e-12, atol=1e-12)  # sums in another order
    np.testing.assert_array_equal(
        dense(some.local_importance_values), dense(whole.local_importance_values)[..., [3, 0]]
    )
    np.testing.assert_array_equal(some.global_importance_values, whole.global_importance_values[[3, 0]])
    assert some.unmapped_features == ("u", "f1", "f2", "f4")
    assert some.is_local_sparse == sparse
    assert some.id != whole.id
    assert [n.category for n in some.notes] == ["unattributed"]
    assert "4 features are not listed: 'u', 'f1', 'f2', 'f4'" in str(some.notes[0])


def test_by_hand_with_the_rows_their_columns_and_what_is_known_of_each_row():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})
    whole = Explanation(
        values=[[[1.0, 2.0, 4.0], [1e9, -3.0, 1e-9]]],
        base=[10.0],
        task="regression",
        eval_data=frame,
        features=["a", "b", "c"],
        residuals=[[0.5, -0.5]],
        eval_y_predicted=[17.5, 6.0],
    )
    some = whole.select(["c", "a"])
    assert some.unmapped.tolist() == [[2.0, -3.0]]
    assert whole.select(["a"]).unmapped.tolist() == [[6.0, -3.0 + 1e-9]]  # not the total less 1e9, which loses them
    pd.testing.assert_frame_equal(some.eval_data, frame[["c", "a"]])
    assert some.residuals.tolist() == [[0.5, -0.5]]
    assert some.eval_y_predicted.tolist() == [17.5, 6.0]
    everything = whole.select(["b", "a", "c"])
    assert everything.unmapped is None
    assert everything.notes == ()


def test_a_small_rest_beside_large_sparse_values_is_not_lost():
    some = Explanation(values=(sp.csr_matrix([[1e18, 1.5]]),), base=[0.0], task="regression").select([0])
    assert some.unmapped.tolist() == [[1.5]]


@pytest.mark.parametrize("features", [[2, 0], np.array([2, 0]), ["f2", 0], pd.Index(["f2", "f0"])], ids=repr)
def test_names_and_positions_mean_the_same(features):
    assert make().select(features).features == ["f2", "f0"]


def test_numbers_are_names_where_features_are_named_by_numbers():
    whole = make(features=[2, 0, "x"])
    np.testing.assert_array_equal(whole.select([0]).values[0, :, 0], whole.values[0, :, 1])
    np.testing.assert_array_equal(whole.select(["x"]).values[0, :, 0], whole.values[0, :, 2])
    np.testing.assert_array_equal(whole.select(2).values[0, :, 0], whole.values[0, :, 0])
    with pytest.raises(InputError, match="`features` holds 1, which is no feature; known are 2, 0, 'x'"):
        whole.select([1])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["f9"], "`features` holds 'f9', which is no feature; known are 'f0', 'f1', 'f2'"),
        ([3], "`features` holds 3, which is no feature"),
        ([-1], "`features` holds -1, which is no feature"),
        ([True], "`features` holds True, which is no feature"),
        ([1.0], "`features` holds 1.0, which is no feature"),
        (["f1", 1], "names a feature twice"),
        ([], "`features` is empty"),
    ],
)
def test_what_is_no_choice_of_features_is_refused(features, message):
    with pytest.raises(InputError, match=message):
        make().select(features)


def test_of_global_values_the_others_are_left_out_and_a_note_says_so():
    whole = global_only("multiclass")
    some = whole.select(["f1"])
    np.testing.assert_array_equal(some.global_values, whole.global_values[:, [1]])
    assert some.unmapped_importance == whole.unmapped_importance == 0
    assert some.num_examples == whole.num_examples
    (note,) = some.notes
    assert note.category == "selection"
    assert "2 features are left out: 'f0', 'f2'" in note.message


def test_without_rows_values_stay_and_rows_and_predictions_go():
    whole = make(
        "binary",
        eval_data=pd.DataFrame({"a": range(4)}, index=list("pqrs")),
        eval_y_predicted=list("abab"),
        eval_y_predicted_proba=np.full((4, 2), 0.5),
        residuals=np.ones((1, 4)),
    )
    bare = whole.without_rows()
    assert (bare.eval_data, bare.eval_y_predicted, bare.eval_y_predicted_proba) == (None, None, None)
    np.testing.assert_array_equal(bare.values, whole.values)
    assert bare.residuals.tolist() == [[1.0] * 4]
    assert bare.row_labels.tolist() == list("pqrs")
    assert (bare.id, bare.created) == (whole.id, whole.created)
    assert global_only().without_rows().eval_data is None
