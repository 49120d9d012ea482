from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import explanations, global_only, make
from hypothesis import given
from hypothesis import strategies as st
from models import dense

from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation import Explanation


def by_hand(**fields):
    values = [[[1.0, -3.0, 0.0], [0.0, 5.0, -1.0]]]
    given = {"values": values, "base": [10.0], "task": "regression", "features": ["age", "size", "zip"], **fields}
    return Explanation(**given)


def test_regression_numbers_by_hand():
    explanation = by_hand()
    assert explanation.local_importance_values.tolist() == [[1.0, -3.0, 0.0], [0.0, 5.0, -1.0]]
    assert explanation.expected_values.tolist() == [10.0]
    assert explanation.output.tolist() == [[8.0], [14.0]]
    assert explanation.global_importance_values.tolist() == [0.5, 4.0, 0.5]
    assert explanation.global_importance_rank == [1, 0, 2]  # age and zip tie: column order
    assert explanation.get_ranked_global_names() == ["size", "age", "zip"]
    assert explanation.get_ranked_global_values() == [4.0, 0.5, 0.5]
    assert explanation.classes is None
    assert (explanation.num_classes, explanation.num_features, explanation.num_examples, len(explanation)) == (
        0,
        3,
        2,
        2,
    )
    assert (explanation.model_task, explanation.is_engineered, explanation.is_raw) == ("regression", True, False)
    assert explanation.init_data is None


def test_binary_shows_minus_the_values_first():
    explanation = by_hand(task="classification", classes=["no", "yes"])
    values = explanation.local_importance_values
    assert values.shape == (2, 2, 3)
    np.testing.assert_array_equal(values[0], -values[1])
    assert values[1].tolist() == [[1.0, -3.0, 0.0], [0.0, 5.0, -1.0]]
    assert explanation.expected_values.tolist() == [-10.0, 10.0]
    assert explanation.output.tolist() == [[8.0], [14.0]]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_shapes_and_numbers_of_sparse_and_dense_agree(kind):
    full, sparse = make(kind), make(kind, sparse=True)
    assert sparse.is_local_sparse
    assert not full.is_local_sparse
    shape = {"regression": (4, 3), "binary": (2, 4, 3), "multiclass": (3, 4, 3)}[kind]
    assert full.local_importance_values.shape == shape
    if kind == "regression":
        assert sp.issparse(sparse.local_importance_values)
    else:
        assert [m.shape for m in sparse.local_importance_values] == [(4, 3)] * shape[0]
    np.testing.assert_array_equal(dense(sparse.local_importance_values), dense(full.local_importance_values))
    assert full.expected_values.shape == sparse.expected_values.shape == (1 if kind == "regression" else shape[0],)
    np.testing.assert_allclose(sparse.output, full.output, atol=1e-12)  # another order of summation
    np.testing.assert_allclose(sparse.global_values, full.global_values, atol=1e-12)


def test_importance_dict_of_top_two_is_descending():
    top = by_hand().get_feature_importance_dict(top_k=2)
    assert list(top.items()) == [("size", 4.0), ("age", 0.5)]


def test_local_rank_is_signed_by_default_and_by_magnitude_on_request():
    explanation = by_hand()
    assert explanation.get_local_importance_rank() == [[0, 2, 1], [1, 0, 2]]
    assert explanation.get_ranked_local_names() == [["age", "zip", "size"], ["size", "age", "zip"]]
    assert explanation.get_ranked_local_values() == [[1.0, 0.0, -3.0], [5.0, 0.0, -1.0]]
    assert explanation.get_ranked_local_names(top_k=1, by="magnitude") == [["size"], ["size"]]
    assert explanation.get_ranked_local_values(top_k=2, by="magnitude") == [[-3.0, 1.0], [5.0, -1.0]]
    with pytest.raises(InputError, match=r"`by` must be 'signed'.*got 'abs'"):
        explanation.get_ranked_local_values(by="abs")


def test_local_ranks_of_two_classes_mirror_each_other():
    explanation = by_hand(task="classification")
    assert explanation.get_ranked_local_names(top_k=1) == [[["size"], ["zip"]], [["age"], ["size"]]]


def test_sparse_local_ranks_list_only_entries_other_than_zero():
    values = (sp.csr_matrix([[1.0, -3.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.0]]),)
    explanation = Explanation(values=values, base=[0.0], task="regression", features=["a", "b", "c"])
    assert explanation.get_local_importance_rank() == [[0, 1], [1], []]
    assert explanation.get_ranked_local_names(by="magnitude") == [["b", "a"], ["b"], []]
    assert explanation.get_ranked_local_values(top_k=1, by="magnitude") == [[-3.0], [5.0], []]


def test_top_k_zero_is_empty_and_more_than_all_is_all():
    explanation = make("multiclass")
    assert explanation.get_ranked_global_names(0) == []
    assert explanation.get_ranked_global_values(0) == []
    assert explanation.get_feature_importance_dict(0) == {}
    assert explanation.get_ranked_per_class_names(0) == [[], [], []]
    assert explanation.get_ranked_local_values(0) == [[[]] * 4] * 3
    assert explanation.get_ranked_global_names(99) == explanation.get_ranked_global_names()
    assert explanation.get_ranked_local_names(99) == explanation.get_ranked_local_names()
    assert explanation.get_ranked_global_names(np.int64(2)) == explanation.get_ranked_global_names()[:2]


@pytest.mark.parametrize("top_k", [-1, 1.5, "2", True])
def test_top_k_that_is_no_count_is_refused(top_k):
    explanation = make("binary")
    for call in (
        explanation.get_ranked_global_names,
        explanation.get_ranked_global_values,
        explanation.get_feature_importance_dict,
        explanation.get_ranked_local_names,
        explanation.get_ranked_local_values,
        explanation.get_ranked_per_class_names,
        explanation.get_ranked_per_class_values,
    ):
        with pytest.raises(InputError, match="`top_k` must be a whole number >= 0"):
            call(top_k)


def test_features_without_names_are_numbered():
    explanation = by_hand(features=None)
    assert explanation.features == [0, 1, 2]
    assert explanation.get_feature_importance_dict() == {1: 4.0, 0: 0.5, 2: 0.5}


@given(explanations(), st.one_of(st.none(), st.integers(0, 6)), st.sampled_from(["signed", "magnitude"]))
def test_ranked_names_and_values_correspond(explanation, top_k, by):
    names = explanation.features
    importance = explanation.global_importance_values
    for name, value in zip(
        explanation.get_ranked_global_names(top_k), explanation.get_ranked_global_values(top_k), strict=True
    ):
        assert importance[names.index(name)] == value
    assert list(explanation.get_feature_importance_dict(top_k)) == explanation.get_ranked_global_names(top_k)
    local = dense(explanation.local_importance_values).reshape(-1, len(names))
    flat = (lambda x: x) if explanation.task == "regression" else (lambda x: [row for block in x for row in block])
    ranked_names = flat(explanation.get_ranked_local_names(top_k, by))
    ranked_values = flat(explanation.get_ranked_local_values(top_k, by))
    for row, row_names, row_values in zip(local, ranked_names, ranked_values, strict=True):
        assert [row[names.index(n)] for n in row_names] == row_values
        sizes = np.abs(row_values) if by == "magnitude" else row_values
        assert list(sizes) == sorted(sizes, reverse=True)
    if explanation.task == "classification":
        per_class = explanation.per_class_values
        ranked = zip(
            per_class,
            explanation.get_ranked_per_class_names(top_k),
            explanation.get_ranked_per_class_values(top_k),
            strict=True,
        )
        for row, row_names, row_values in ranked:
            assert [row[names.index(n)] for n in row_names] == row_values


def test_global_is_the_mean_over_classes_of_the_mean_magnitude():
    explanation = make("multiclass")
    per_class = np.abs(explanation.values).mean(axis=1)
    np.testing.assert_allclose(explanation.per_class_values, per_class, rtol=1e-12)
    np.testing.assert_allclose(explanation.global_importance_values, per_class.mean(axis=0), rtol=1e-12)
    binary = make("binary")
    assert binary.per_class_values.shape == (2, 3)
    np.testing.assert_allclose(binary.global_importance_values, np.abs(binary.values[0]).mean(axis=0), rtol=1e-12)


def test_per_class_values_of_a_regression_are_refused():
    with pytest.raises(InputError, match="no classes; use `global_importance_values`"):
        _ = by_hand().per_class_values


def test_missing_values_rank_last():
    explanation = by_hand(values=[[[np.nan, 1.0, 2.0]]])
    assert explanation.get_ranked_global_names() == ["zip", "size", "age"]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_local_accessors_of_a_global_only_explanation_say_what_to_ask_for(kind):
    explanation = global_only(kind)
    calls = [
        lambda: explanation.local_importance_values,
        explanation.get_local_importance_rank,
        explanation.get_ranked_local_names,
        explanation.get_ranked_local_values,
        lambda: explanation.output,
        lambda: explanation.unmapped_values,
        lambda: explanation[0],
        lambda: explanation.data(0),
        lambda: explanation.to_frame("local"),
        explanation.to_shap,
        lambda: explanation.visualize(0),
    ]
    for call in calls:
        with pytest.raises(MissingLocalValuesError, match=r"explanation_types=\['local', 'global'\]"):
            call()
    assert explanation.get_ranked_global_names() == make(kind).get_ranked_global_names()
    assert explanation.to_frame().columns[0] == "feature"
    assert explanation.data(-1)["specific"] is None
    assert explanation.num_examples == 4


def test_row_data_holds_its_own_row_only():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    explanation = by_hand(eval_data=frame, eval_y_predicted=[8.0, 14.0])
    row = explanation.data(1)
    assert row["scores"] == [0.0, 5.0, -1.0]
    assert row["values"] == [2, "y"]
    assert row["names"] == ["age", "size", "zip"]
    assert row["type"] == "univariate"
    assert row["intercept"] == [10.0]
    assert row["perf"]["predicted"] == 14.0
    beside = {"output", "model_output", "residual", "is_far"}
    assert set(row) == {"type", "names", "scores", "values", "perf", "intercept", "extra"} | beside


def test_data_of_all_rows_and_of_everything():
    explanation = by_hand(task="classification")
    overall = explanation.data()
    assert set(overall) == {"mli", "intercept", "names", "scores"}
    assert overall["scores"] == [0.5, 4.0, 0.5]
    everything = explanation.data(-1)
    assert set(everything) == {"overall", "specific", "mli"}
    first, second = everything["specific"]
    assert first["scores"] == [[-1.0, 3.0, -0.0], [1.0, -3.0, 0.0]]
    first["scores"][0][0] = 99.0
    first["intercept"].append(99.0)
    assert second["scores"][0] == [-0.0, -5.0, 1.0]
    assert explanation.data(0)["scores"][0][0] == -1.0
    assert explanation.data(0)["intercept"] == [-10.0, 10.0]


def test_data_of_sparse_values_is_that_of_dense_ones():
    full, sparse = make("multiclass"), make("multiclass", sparse=True)
    assert sparse.data(2)["scores"] == full.data(2)["scores"]


@pytest.mark.parametrize("key", [2, -3])
def test_data_of_a_row_that_does_not_exist_is_refused(key):
    with pytest.raises(IndexError, match=f"Row {key} does not exist; the explanation has 2 rows"):
        by_hand().data(key)
    with pytest.raises(InputError, match="A row is chosen by its number"):
        by_hand().data("x")


def test_lists_given_out_are_copies():
    explanation = by_hand(task="classification")
    explanation.features.append("more")
    explanation.classes.append("more")
    assert explanation.features == ["age", "size", "zip"]
    assert explanation.classes == [0, 1]


def test_names_and_labels_become_python_scalars_and_keep_their_type():
    explanation = make("multiclass", features=np.array(["a", "b", "c"]), classes=np.array([1, 2, 3]))
    assert [type(n) for n in explanation.features] == [str] * 3
    assert [type(c) for c in explanation.classes] == [int] * 3
    mixed = make("multiclass", classes=[1, "1", True])
    assert [type(c) for c in mixed.classes] == [int, str, bool]
    assert make("multiclass", features=["a", "a", 1.5]).features == ["a", "a#2", "1.5"]


def test_selector_and_name():
    explanation = by_hand(eval_y_predicted=[8.0, 14.0], row_labels=["p", "q"], method="mimic.lightgbm")
    assert explanation.selector.loc["q", "Predicted"] == 14.0
    assert explanation.name == "mimic.lightgbm (engineered features)"
    assert global_only().selector is None


REFUSED = {
    "values of the wrong rank": ({"values": [[1.0, 2.0]]}, r"`values` has shape \(1, 2\); expected an ndarray"),
    "more outputs than base": ({"values": np.zeros((2, 2, 3))}, r"`values` has shape \(2, 2, 3\)"),
    "text values": ({"values": [[["a"]]]}, "cannot be read as numbers"),
    "ragged sparse": ({"values": (sp.csr_matrix((1, 2)), sp.csr_matrix((1, 3)))}, "2 sparse matrices"),
    "no base": ({"base": []}, r"`base` has shape \(0,\)"),
    "names": ({"features": ["a"]}, "`features` has 1 names for the 3 features"),
    "classes of a regression": ({"classes": ["a", "b"]}, "regression, which has one output and no classes"),
    "one class": ({"task": "classification", "classes": ["a"]}, "`classes` has 1 labels for 1 output; expected 2"),
    "task": ({"task": "cls"}, "`task` must be one of 'classification', 'regression'; got 'cls'"),
    "space": ({"space": "cooked"}, "`space` must be one of"),
    "unit": ({"output_unit": "logodds"}, "`output_unit` must be one of"),
    "link": ({"link": "probit"}, "`link` must be one of"),
    "eval rows": ({"eval_data": np.zeros((5, 3))}, r"`eval_data` has shape \(5, 3\); expected 2-D with 2 rows"),
    "eval series": ({"eval_data": pd.Series([1, 2])}, r"`eval_data` is a Series; pass a DataFrame"),
    "predictions": ({"eval_y_predicted": [1.0]}, r"`eval_y_predicted` has shape \(1,\); expected \(2,\)"),
    "probabilities": ({"task": "classification", "eval_y_predicted_proba": [[1.0], [1.0]]}, r"expected \(2, 2\)"),
    "labels": ({"row_labels": ["a"]}, "`row_labels` has 1 labels for 2 explained rows"),
    "unmapped": ({"unmapped": [[1.0]]}, r"`unmapped` has shape \(1, 1\); expected \(1, 2\)"),
    "rows": ({"n_explained_rows": 3}, "`n_explained_rows` is 3, but `values` has 2 rows"),
    "nothing": ({"values": None}, "global-only explanations need `global_values` and `n_explained_rows`"),
}


@pytest.mark.parametrize(("fields", "message"), REFUSED.values(), ids=REFUSED)
def test_parts_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        by_hand(**fields)


def test_two_outputs_for_two_classes_are_refused():
    with pytest.raises(InputError, match="expected 2 labels for one output"):
        Explanation(values=np.zeros((2, 1, 1)), base=[0.0, 0.0], task="classification", classes=["a", "b"])
