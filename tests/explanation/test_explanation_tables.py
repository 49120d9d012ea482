from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import explanations, global_only, make
from hypothesis import given

from automl_explain.exceptions import InputError, MissingExtraError
from automl_explain.explanation import Explanation


def by_hand(**fields):
    values = [[[1.0, -3.0], [0.0, 5.0]]]
    return Explanation(
        **{"values": values, "base": [10.0], "task": "regression", "features": ["age", "size"], **fields}
    )


def test_local_frame_by_hand():
    frame = by_hand(row_labels=["p", "q"], unmapped=[[0.5, 0.0]]).to_frame()
    wanted = pd.DataFrame(
        [[1.0, -3.0, 0.5, 10.0, 8.5], [0.0, 5.0, 0.0, 10.0, 15.0]],
        index=["p", "q"],
        columns=pd.Index(["age", "size", "(unmapped)", "(expected value)", "(output)"], dtype=object),
    )
    pd.testing.assert_frame_equal(frame, wanted)


def test_global_frame_by_hand():
    frame = by_hand().to_frame("global")
    assert frame.columns.tolist() == ["feature", "importance", "share"]
    assert frame["feature"].tolist() == ["size", "age"]
    assert frame["importance"].tolist() == [4.0, 0.5]
    np.testing.assert_allclose(frame["share"], [8 / 9, 1 / 9])
    unmapped = by_hand(unmapped=[[0.5, 0.5]]).to_frame("global")
    assert unmapped["feature"].tolist() == ["size", "age", "(unmapped)"]
    np.testing.assert_allclose(unmapped["share"], [0.8, 0.1, 0.1])
    assert global_only().to_frame()["feature"].tolist() == make().get_ranked_global_names()


def test_binary_frame_is_that_of_the_second_class_unless_another_is_named():
    explanation = by_hand(task="classification", classes=["no", "yes"])
    pd.testing.assert_frame_equal(explanation.to_frame(), explanation.to_frame(label="yes"))
    pd.testing.assert_frame_equal(explanation.to_frame(label="no"), -explanation.to_frame())
    pd.testing.assert_frame_equal(explanation.to_frame("global", "no"), explanation.to_frame("global"))


def test_multiclass_frames_have_a_row_or_a_column_for_each_class():
    explanation = make("multiclass", row_labels=list("pqrs"))
    local = explanation.to_frame()
    assert local.shape == (12, 5)
    assert local.index.names == ["row", "class"]
    np.testing.assert_allclose(local.loc[("q", "b")].iloc[:3], explanation.values[1, 1])
    pd.testing.assert_frame_equal(local.xs("b", level="class"), explanation.to_frame(label="b"), check_names=False)
    ranked = explanation.to_frame("global")
    assert ranked.columns.tolist() == ["feature", "importance", "share", "a", "b", "c"]
    np.testing.assert_allclose(ranked[["a", "b", "c"]].mean(axis=1), ranked["importance"])
    one = explanation.to_frame("global", label="c").set_index("feature")
    np.testing.assert_allclose(one.loc[explanation.features, "importance"], explanation.per_class_values[2])


def test_classes_that_pandas_would_mix_up_stay_apart():
    explanation = make("multiclass", classes=[1, "1", True])
    assert explanation.to_frame("global").columns[3:].tolist() == ["class 1", "class '1'", "class True"]
    assert len(explanation.to_frame().index.unique()) == 12
    np.testing.assert_array_equal(explanation.to_frame(label=True).iloc[:, :3], explanation.values[2])
    np.testing.assert_array_equal(explanation.to_frame(label=1).iloc[:, :3], explanation.values[0])
    np.testing.assert_array_equal(explanation.to_frame(label=np.int64(1)).iloc[:, :3], explanation.values[0])


def test_unknown_kinds_and_labels_are_refused():
    with pytest.raises(InputError, match="`kind` must be 'local', 'global' or None; got 'both'"):
        by_hand().to_frame("both")
    with pytest.raises(InputError, match="no classes; leave it out"):
        by_hand().to_frame(label="a")
    with pytest.raises(InputError, match=r"`label` must be one of the classes \['no', 'yes'\]; got 'maybe'"):
        make("binary").to_frame(label="maybe")


@given(explanations(min_rows=0))
def test_every_row_of_the_local_frame_adds_up(explanation):
    frame = explanation.to_frame()
    # Sums of up to eight numbers of up to 1e6.
    np.testing.assert_allclose(frame.iloc[:, :-1].sum(axis=1), frame.iloc[:, -1], atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(("kind", "shape"), [("regression", (4, 3)), ("binary", (4, 3)), ("multiclass", (4, 3, 3))])
def test_shap_explanations_add_up_to_the_output(kind, shape, sparse):
    rng = np.random.default_rng(3)
    explanation = make(kind, sparse=sparse, unmapped=rng.normal(size=(3 if kind == "multiclass" else 1, 4)))
    result = explanation.to_shap()
    assert result.values.shape == shape
    assert result.feature_names == ["f0", "f1", "f2"]
    output = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(output.reshape(4, -1), explanation.output, atol=1e-12)
    assert result.output_names == {"regression": None, "binary": "yes", "multiclass": ["a", "b", "c"]}[kind]


def test_without_shap_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)  # as if it were not installed
    with pytest.raises(
        MissingExtraError, match=r"`to_shap` needs the shap package.*pip install automl-explain\[shap\]"
    ):
        make("regression").to_shap()


def test_shap_data_are_numbers_and_the_cells_are_kept_for_display():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], dtype="Int64"),
            "c": pd.Categorical(["lo", "hi"], categories=["lo", "hi"]),
            "t": ["b", None],
            "d": pd.to_datetime(["2024-01-02", "2024-01-01"]),
        }
    )
    explanation = Explanation(values=np.zeros((1, 2, 4)), base=[0.0], task="regression", eval_data=frame)
    result = explanation.to_shap()
    np.testing.assert_array_equal(result.data, [[1, 0, 0, 2], [np.nan, 1, np.nan, 1]])
    assert result.display_data[0, 1] == "lo"
    other = Explanation(values=np.zeros((1, 2, 2)), base=[0.0], task="regression", eval_data=frame).to_shap()
    assert other.data is None
    rows = sp.csr_matrix([[1.0, 0.0], [0.0, 2.0]])
    sparse = Explanation(values=np.zeros((1, 2, 2)), base=[0.0], task="regression", eval_data=rows).to_shap()
    assert sparse.data.tolist() == [[1.0, 0.0], [0.0, 2.0]]
