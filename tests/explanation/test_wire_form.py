"""The wire form: JSON and back, to the last bit and with every type."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import any_float, explanations, global_only, make
from hypothesis import given, settings

from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation, Fidelity


def through_text(explanation):
    text = json.dumps(explanation.to_json(), allow_nan=False)
    json.loads(text, parse_constant=pytest.fail)
    return Explanation.from_json(text)


def assert_comes_back(explanation):
    assert_same(explanation, through_text(explanation))


def assert_same(first, second):
    """Files hold every field to the bit and with its type."""
    assert first.to_members() == second.to_members()


@settings(deadline=None)
@given(explanation=explanations(min_rows=0, cells=any_float))
def test_every_explanation_comes_back_to_the_bit(explanation):
    assert_comes_back(explanation)


def test_the_object_is_read_as_well_as_its_text():
    explanation = make("multiclass")
    data = explanation.to_json()
    assert_same(explanation, Explanation.from_json(data))
    assert_same(explanation, Explanation.from_json(json.dumps(data).encode()))


def test_plain_names_hold_plain_numbers():
    explanation = Explanation(
        values=[[[1.0, np.nan], [np.inf, -np.inf]]],
        base=[0.1],
        task="classification",
        classes=[1, "1"],
        features=["a", 7],
        output_unit="log-odds",
        link="logit",
        residuals=[[0.5, -0.0]],
        notes=[("fidelity", "R2 is 0.4.")],
        created=datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC),
        id="x",
    )
    data = explanation.to_json()
    assert (data["format"], data["format_version"], data["kind"]) == ("automl_explain.wire", 1, "tabular")
    assert data["values"] == [[[1.0, None], ["Infinity", "-Infinity"]]]
    assert data["base"] == [0.1]
    assert data["classes"] == [1, "1"]
    assert data["features"] == ["a", 7]
    assert str(data["residuals"]) == "[[0.5, -0.0]]"
    assert data["notes"] == [["fidelity", "R2 is 0.4."]]
    assert data["created"] == "2024-05-01T00:00:00+00:00"
    assert data["eval_data"] is None
    assert_comes_back(explanation)


@pytest.mark.parametrize(
    "classes",
    [[1, "1"], [True, 1], [1.0, "1.0"], [np.nan, None], [pd.Timestamp("2024-01-01", tz="Europe/Paris"), "x"]],
    ids=repr,
)
def test_labels_keep_their_types(classes):
    assert_comes_back(make("binary", classes=classes))


COLUMNS = {
    "floats": np.array([0.1, np.nan, -np.inf]),
    "float32": np.array([0.1, np.nan, np.inf], dtype=np.float32),
    "float16": np.array([0.1, 1.0, -0.0], dtype=np.float16),
    "big-endian": np.array([0.1, 1.0, -0.0], dtype=">f8"),
    "large": np.array([2**63 - 1, -(2**63), 2**53 + 1]),
    "unsigned": np.array([2**64 - 1, 0, 1], dtype=np.uint64),
    "bools": np.array([True, False, True]),
    "text": np.array(["a", "ü", ""], dtype=object),
    "mixed": np.array([1, "1", None], dtype=object),
    "category": pd.Categorical(["b", None, "a"], categories=["b", "a"], ordered=True),
    "numbered": pd.Categorical([3, 1, 3]),
    "dates": pd.to_datetime(["2024-01-01T00:00:00.123456789", None, "1900-01-01"], format="ISO8601"),
    "zoned": pd.to_datetime(["2024-01-01", None, "2024-07-01"]).tz_localize("Europe/Paris"),
    "spans": pd.to_timedelta([1, None, 3], unit="s"),
    "masked": pd.array([1, None, 3], dtype="Int64"),
    "string": pd.array(["a", None, "c"], dtype="string"),
    "python dates": np.array([datetime.date(2024, 1, 1), None, datetime.datetime(2024, 1, 1, 3)], dtype=object),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_rows_of_every_type_come_back(name):
    frame = pd.DataFrame({"x": COLUMNS[name], 7: [1, 2, 3]}, index=pd.Index(["r", 1, None], dtype=object, name="row"))
    explanation = make(n_rows=3, eval_data=frame)
    loaded = through_text(explanation)
    pd.testing.assert_frame_equal(loaded.eval_data, explanation.eval_data, check_exact=True)
    assert_same(explanation, loaded)


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(6.0).reshape(3, 2),
        np.array([["a", "b"], ["c", ""], ["ü", "x"]]),
        np.array([[b"a", b"b"], [b"c", b""], [b"\xff", b"x"]]),
        np.array([[1, "1"], [None, 2.5], [True, 0]], dtype=object),
        np.array([["2024-01-01", "NaT"]] * 3, dtype="datetime64[D]"),
        sp.csr_matrix([[0.0, 1.5], [0.0, 0.0], [np.nan, 0.0]]),
        sp.csr_matrix(np.array([[0, 1], [2, 0], [0, 0]], dtype=np.int32)),
    ],
    ids=lambda rows: f"{type(rows).__name__} of {rows.dtype}",
)
def test_arrays_of_rows_come_back(rows):
    assert_comes_back(make(n_rows=3, eval_data=rows))


def test_everything_else_an_explanation_holds_comes_back():
    fidelity = Fidelity.measure(
        [1.0, 2.0], [1.0, 2.5], teacher_proba=[[0.1, 0.9]] * 2, surrogate_proba=[[0.2, 0.8]] * 2, rows="held-out"
    )
    explanation = make(
        "binary",
        sparse=True,
        fidelity=fidelity,
        eval_fidelity=fidelity,
        eval_y_predicted=np.array(["no", "yes", "no", "no"]),
        eval_y_predicted_proba=np.full((4, 2), 0.5, dtype=np.float32),
        unmapped=np.ones((1, 4)),
        unmapped_features=("z", 3),
        residuals=np.ones((1, 4)),
        residual_bound=0.25,
        row_labels=pd.date_range("2024-01-01", periods=4, freq="D"),
        local_fit=np.full((1, 4), 0.5),
        model_type="m",
        model_id="i",
    )
    assert_comes_back(explanation)
    assert_comes_back(global_only("multiclass"))
    nothing = make(n_rows=0)
    assert_comes_back(nothing)


def changed(**fields):
    return {**make("binary").to_json(), **fields}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "no explanation in the wire form"),
        ([], "does not say 'automl_explain.wire'"),
        ({}, "does not say 'automl_explain.wire'"),
        (changed(format_version=2), "format version 2; this automl_explain reads up to 1. Upgrade"),
        (changed(format_version="1"), "format version '1'"),
        (changed(kind="text"), "of the kind 'text'; expected 'tabular'"),
        (changed(values=[[["NaN"] * 3] * 4]), "'NaN' is no number"),
        (changed(values=[[[True] * 3] * 4]), "True is no number"),
        (changed(values=[[[1.0] * 2] * 4]), "no explanation in the wire form"),
        (changed(values=None, global_values=None), "`values` is None"),
        (changed(n_explained_rows=3), "no explanation in the wire form"),
        (changed(base="x"), "no explanation in the wire form"),
        (changed(task="chess"), "`task` must be one of"),
        (changed(eval_data={"kind": "array", "data": {"dtype": "O", "shape": [4, 1], "data": [1] * 4}}), "an array of"),
        (
            changed(eval_data={"kind": "array", "data": {"dtype": "<U99999999", "shape": [4, 1], "data": [["x"]] * 4}}),
            "far larger than its texts",
        ),
        (changed(eval_data={"kind": "array", "data": "a0"}), "no explanation in the wire form"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_explanation_is_refused(data, message):
    with pytest.raises(InputError, match=message):
        Explanation.from_json(data)


def test_cells_without_a_json_form_are_refused_by_their_column():
    with pytest.raises(InputError, match="[Cc]olumn 'x' of `eval_data` holds"):
        make(n_rows=1, eval_data=pd.DataFrame({"x": [object()]})).to_json()
    with pytest.raises(InputError, match="has no JSON form; convert it with `astype"):
        make(n_rows=1, eval_data=np.ones((1, 1), dtype=np.longdouble)).to_json()


def test_the_first_version_of_the_form_is_read():
    """Written by version 0.1.0; numbers as they stood in the script that made it."""
    found = Explanation.from_json((Path(__file__).parent / "golden" / "wire_1.json").read_text())
    assert (found.id, found.method, found.model_type, found.space) == (
        "golden-wire",
        "mimic.lightgbm",
        "sklearn.svm.SVC",
        "raw",
    )
    wanted = np.array([[[0.1, -2.0, np.nan, 0.3], [1e-300, 5e-324, np.inf, -0.0]]])
    assert found.values.tobytes() == wanted.tobytes()
    assert found.base.tolist() == [1 / 3]
    assert found.features == ["age", "job", "since", 7]
    assert [(type(c), c) for c in found.classes] == [(bool, True), (str, "1")]
    assert (found.unmapped.tolist(), found.unmapped_features) == ([[0.5, 0.25]], ("noise",))
    assert (found.residuals.tolist(), found.residual_bound) == ([[0.125, -0.5]], 0.2)
    assert found.fidelity == Fidelity.measure([1.0, 2.0, 4.0], [1.0, 2.5, 4.0], rows="held-out")
    assert ("fidelity", "Read with care.") in found.notes
    assert found.created == datetime.datetime(2024, 5, 1, 12, 30, tzinfo=datetime.UTC)
    assert found.eval_data["job"].tolist() == ["clerk", np.nan]
    assert found.eval_data["job"].cat.categories.tolist() == ["clerk", "cook"]
    assert found.eval_data["since"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2020-02-29")]
    assert found.row_labels.tolist() == ["p", 1]
    assert found.eval_y_predicted.tolist() == [True, "1"]
