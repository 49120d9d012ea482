from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import explanations, global_only, make
from hypothesis import given
from hypothesis import strategies as st
from models import dense

from automl_explain.exceptions import InputError, MissingLocalValuesError, UnmappedFeaturesWarning
from automl_explain.explanation import Explanation
from automl_explain.feature_map import FeatureMap


def one_row(values, **fields):
    return Explanation(values=[[values]], base=[0.5], task="regression", **fields)


def test_signed_values_are_summed():
    raw = one_row([1.0, -2.0, 4.0]).get_raw_explanation([np.array([[1, 1, 0], [0, 1, 1]])])
    assert raw.local_importance_values.tolist() == [[0.0, 3.0]]
    assert raw.is_raw
    assert not raw.is_engineered


def test_columns_of_the_map_are_scaled_to_one():
    raw = one_row([1.0, 1.0, 1.0]).get_raw_explanation([[3, 0, 0], [1, 1, 0.25]])
    assert raw.local_importance_values.tolist() == [[0.75, 2.25]]


def test_a_chain_of_maps_is_their_product():
    first, second = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    explanation = one_row([1.0, -2.0, 4.0])
    product = first @ second
    wanted = np.array([1.0, -2.0, 4.0]) @ (product / product.sum(axis=0)).T
    np.testing.assert_allclose(explanation.get_raw_explanation([first, second]).local_importance_values, [wanted])


@given(explanations(), st.integers(0, 1000), st.integers(1, 4))
def test_folding_keeps_the_sum_of_each_row(explanation, seed, n_raw):
    rng = np.random.default_rng(seed)
    matrix = rng.random((n_raw, explanation.num_features)) * (rng.random((n_raw, explanation.num_features)) < 0.6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmappedFeaturesWarning)
        raw = explanation.get_raw_explanation(sp.csr_matrix(matrix))
    # Relative to values of up to 1e6: the fold is exact to rounding.
    np.testing.assert_allclose(raw.output, explanation.output, rtol=0, atol=1e-9 * 1e6)
    np.testing.assert_array_equal(raw.base, explanation.base)


def test_unmapped_columns_are_warned_of_and_their_share_is_kept():
    engineered = one_row([1.0, -2.0, 4.0], features=["a", "b", "made up"])
    with pytest.warns(UnmappedFeaturesWarning, match="1 engineered feature has no raw parent.*'made up'") as caught:
        raw = engineered.get_raw_explanation([[1, 0, 0], [0, 1, 0]], raw_feature_names=["x", "y"])
    assert caught[0].filename == __file__
    assert raw.local_importance_values.tolist() == [[1.0, -2.0]]
    assert raw.unmapped_values.tolist() == [[4.0]]
    assert raw.unmapped_importance == 4.0
    assert raw.unmapped_features == ("made up",)
    assert raw.output.tolist() == engineered.output.tolist() == [[3.5]]
    assert engineered.unmapped_values.tolist() == [[0.0]]
    assert engineered.unmapped_importance == 0.0


def test_unmapped_shares_of_both_spaces_add_up():
    engineered = one_row([1.0, -2.0], unmapped=[[10.0]], unmapped_features=("z",), features=["a", "b"])
    with pytest.warns(UnmappedFeaturesWarning):
        raw = engineered.get_raw_explanation([[1, 0]])
    assert raw.unmapped_values.tolist() == [[8.0]]
    assert raw.unmapped_features == ("z", "b")
    assert raw.output.tolist() == engineered.output.tolist()


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_raw_global_is_the_mean_of_raw_magnitudes(kind, sparse):
    matrix = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    engineered = make(kind, sparse=sparse)
    raw = engineered.get_raw_explanation(matrix)
    inner = dense(list(engineered.values)) if sparse else engineered.values
    wanted = np.abs(inner @ matrix.T).mean(axis=1).mean(axis=0)
    np.testing.assert_allclose(raw.global_importance_values, wanted, rtol=1e-12)
    assert raw.num_features == 2
    assert not raw.is_local_sparse
    np.testing.assert_allclose(
        engineered.get_raw_feature_importances(matrix), dense(raw.local_importance_values), rtol=1e-12
    )


def test_negative_weights_are_refused_and_a_bare_map_is_taken():
    with pytest.raises(InputError, match="weights >= 0; got -1"):
        one_row([1.0, 2.0]).get_raw_explanation([[1.0, -1.0]])
    bare = FeatureMap.from_matrix([[1, 1]], raw_names=["x"])
    assert one_row([1.0, 2.0]).get_raw_explanation(bare).get_feature_importance_dict() == {"x": 3.0}


def test_a_wrong_number_of_raw_names_is_refused_at_once():
    with pytest.raises(InputError, match="`raw_feature_names` has 1 names for the 2 rows"):
        one_row([1.0, 2.0]).get_raw_explanation(np.eye(2), raw_feature_names=["x"])


def test_a_map_of_another_width_is_refused():
    with pytest.raises(InputError, match="must be the 3 engineered features"):
        one_row([1.0, 2.0]).get_raw_explanation(np.eye(3))


def test_folding_twice_is_refused():
    raw = one_row([1.0, 2.0]).get_raw_explanation(np.eye(2))
    with pytest.raises(InputError, match="raw already; fold the engineered one"):
        raw.get_raw_explanation(np.eye(2))


def test_folding_global_values_is_refused():
    with pytest.raises(MissingLocalValuesError, match="get_raw=True"):
        global_only().get_raw_explanation(np.eye(3))


def test_folding_makes_a_new_explanation_and_changes_nothing():
    frame = pd.DataFrame({"x": [1, 2, 3, 4]}, index=list("abcd"))
    engineered = make("binary", eval_data=np.zeros((4, 3)), row_labels=list("pqrs"), eval_y_predicted=np.arange(4))
    before = engineered.values.copy()
    raw = engineered.get_raw_explanation([[1, 1, 1]], raw_feature_names=["x"], eval_data=frame)
    assert raw.id != engineered.id
    assert engineered.is_engineered
    np.testing.assert_array_equal(engineered.values, before)
    pd.testing.assert_frame_equal(raw.eval_data, frame)
    assert raw.row_labels.tolist() == list("abcd")
    assert raw.eval_y_predicted.tolist() == [0, 1, 2, 3]
    # Engineered rows are no rows of raw columns.
    bare = engineered.get_raw_explanation([[1, 1, 1]])
    assert bare.eval_data is None
    assert bare.row_labels.tolist() == list("pqrs")


def test_folding_a_wide_sparse_explanation_stays_sparse():
    # Dense this would be 320 MB for the engineered and 240 MB for the raw values.
    n_rows, n_features, n_raw = 20_000, 2_000, 1_500
    matrix = sp.random(n_rows, n_features, density=0.005, format="csr", random_state=0)
    parents = sp.csr_matrix((np.ones(n_features), (np.arange(n_features) % n_raw, np.arange(n_features))))
    feature_map = FeatureMap.from_matrix(parents)
    tracemalloc.start()
    engineered = Explanation(values=(matrix,), base=[0.0], task="classification", classes=[0, 1])
    raw = engineered.get_raw_explanation(feature_map)
    _ = raw.global_importance_values, engineered.global_importance_values, raw.output
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert raw.is_local_sparse
    # 200,000 entries of 12 bytes are 2.4 MB; a few copies while multiplying.
    assert peak < 20e6
    np.testing.assert_allclose(raw.output, engineered.output, rtol=0, atol=1e-9)
