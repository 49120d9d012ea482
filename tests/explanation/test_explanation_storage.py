from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import any_float, explanations, global_only, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models import dense

from automl_explain.exceptions import AlreadyExistsError, CorruptFileError, InputError, NotFoundError
from automl_explain.explanation import Explanation, load_explanation, save_explanation

PROPERTIES = (
    "id", "name", "method", "model_task", "model_type", "model_id", "features", "space",
    "num_features", "classes", "num_classes",
    "is_raw", "is_engineered", "is_local_sparse", "num_examples", "output_unit", "link", "fidelity",
    "eval_fidelity", "unmapped_features", "unmapped_importance", "global_importance_rank", "init_data",
)  # fmt: skip
ARRAYS = (
    "local_importance_values", "expected_values", "global_importance_values", "unmapped_values", "output",
    "eval_y_predicted", "eval_y_predicted_proba", "global_values",
)  # fmt: skip
METHODS = (
    "get_local_importance_rank", "get_ranked_local_names", "get_ranked_local_values", "get_ranked_global_names",
    "get_ranked_global_values", "get_feature_importance_dict", "data",
)  # fmt: skip
PER_CLASS = ("per_class_rank", "get_ranked_per_class_names", "get_ranked_per_class_values")


def bits(array):
    return None if array is None else np.asarray(dense(array)).tobytes()


def same(first, second):
    assert [(type(c), c) for c in first.features] == [(type(c), c) for c in second.features]
    assert [(type(c), c) for c in first.classes or []] == [(type(c), c) for c in second.classes or []]
    for name in PROPERTIES:
        assert getattr(first, name) == getattr(second, name), name
    for name in ARRAYS:
        assert bits(getattr(first, name)) == bits(getattr(second, name)), name
    for name in METHODS:
        assert repr(getattr(first, name)()) == repr(getattr(second, name)()), name
    if first.task == "classification":
        for name in PER_CLASS:
            a, b = getattr(first, name), getattr(second, name)
            assert repr(a() if callable(a) else a) == repr(b() if callable(b) else b), name
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame())
    assert repr(first) == repr(second)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(explanation=explanations(min_rows=0, cells=any_float))
def test_save_and_load_keep_every_accessor_to_the_bit(tmp_path, explanation):
    with np.errstate(invalid="ignore"):  # inf - inf in the output
        explanation.save(tmp_path / "one", exist_ok=True)
        again = Explanation.load(tmp_path / "one")
        same(explanation, again)
    if explanation.row_labels is None:
        assert again.row_labels is None
    else:
        pd.testing.assert_index_equal(again.row_labels, explanation.row_labels)
    assert not again.values[0].data.flags.writeable if again.is_local_sparse else not again.values.flags.writeable


def test_global_only_explanations_are_kept(tmp_path):
    save_explanation(global_only("multiclass"), tmp_path / "x")
    again = load_explanation(str(tmp_path / "x"))
    assert again.values is None
    assert again.get_feature_importance_dict() == global_only("multiclass").get_feature_importance_dict()


def round_trip(tmp_path, **fields):
    n_rows = len(next(iter(fields.values())))
    explanation = make(n_rows=n_rows, **fields)
    explanation.save(tmp_path / "table", exist_ok=True)
    return Explanation.load(tmp_path / "table")


COLUMNS = {
    "int8": pd.array([1, -2, 3], dtype="int8"),
    "uint64": pd.array([2**63, 1, 0], dtype="uint64"),
    "float32": np.array([0.1, np.nan, np.inf], dtype=np.float32),
    "bool": [True, False, True],
    "Int64": pd.array([1, None, 2**62 + 1], dtype="Int64"),
    "UInt8": pd.array([1, None, 3], dtype="UInt8"),
    "Float32": pd.array([0.1, None, 2.0], dtype="Float32"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "str": ["a", None, "ü"],
    "string": pd.array(["a", None, "b"], dtype="string"),
    "string[python]": pd.array(["a", None, "b"], dtype="string[python]"),
    "object text": pd.Series(["a", None, "b"], dtype=object),
    "object all text": pd.Series(["a", "c", "b"], dtype=object),
    "object mixed": pd.Series([1, "1", True], dtype=object),
    "object floats": pd.Series([1.0, np.nan, np.float32(0.1)], dtype=object),
    "object numpy text": pd.Series([np.str_("a"), "a", np.bool_(True)], dtype=object),
    "object dates": pd.Series([datetime.date(2024, 1, 1), pd.NaT, pd.NA], dtype=object),
    "object stamps": pd.Series(
        [pd.Timestamp("2024-01-01", tz="Europe/Berlin"), pd.Timestamp("2024-01-01").as_unit("s"), None], dtype=object
    ),
    "category": pd.Categorical(["lo", None, "hi"], categories=["lo", "mid", "hi"], ordered=True),
    "category of int": pd.Categorical([3, 1, 3]),
    "category of float": pd.Categorical([0.5, 0.5, 1.5]),
    "category of dates": pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"])),
    "datetime ns": pd.DatetimeIndex(np.array([1, -1, 2**60], "M8[ns]")).as_unit("ns"),
    "datetime s": pd.to_datetime(["2024-01-01", None, "2024-01-02"]).as_unit("s"),
    "datetime zone": pd.date_range("2024-03-31", periods=3, freq="h", tz="Europe/Berlin"),
    "datetime offset": pd.to_datetime(["2024-01-01T00:00+01:00"] * 3),
    "timedelta": pd.to_timedelta([1, None, 3], unit="s"),
}


@pytest.mark.parametrize("cells", COLUMNS.values(), ids=COLUMNS)
def test_columns_of_every_type_come_back(tmp_path, cells):
    frame = pd.DataFrame({"x": cells})
    again = round_trip(tmp_path, eval_data=frame).eval_data
    pd.testing.assert_frame_equal(again, frame)
    assert [type(a) for a in again["x"]] == [type(a) for a in frame["x"]]


INDEXES = {
    "range": pd.RangeIndex(3, 9, 2, name="r"),
    "int": pd.Index([5, 3, 1]),
    "text": pd.Index(["a", "b", "c"], name="key"),
    "mixed": pd.Index([1, "1", 2.5], dtype=object),
    "object ints": pd.Index([1, 2, 3], dtype=object),
    "dates": pd.date_range("2024-01-01", periods=3, freq="D", tz="UTC"),
    "categories": pd.CategoricalIndex(["a", "b", "a"]),
    "multi": pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["x", None]),
    "repeated": pd.Index(["a", "a", "a"]),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_indexes_and_column_labels_of_every_type_come_back(tmp_path, index):
    frame = pd.DataFrame(np.arange(9.0).reshape(3, 3), index=index, columns=index)
    again = round_trip(tmp_path, eval_data=frame)
    pd.testing.assert_frame_equal(again.eval_data, frame)
    pd.testing.assert_index_equal(again.row_labels, index, exact=True)


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(6).reshape(2, 3),
        np.array([[1.5, np.nan], [np.inf, -0.0]], dtype=np.float32),
        np.array([["a", None], ["b", 1]], dtype=object),
        np.array([["a", "bc"], ["d", "e"]]),
        np.zeros((2, 0)),
    ],
    ids=["int", "float32", "object", "text", "empty"],
)
def test_arrays_of_rows_come_back(tmp_path, rows):
    again = round_trip(tmp_path, eval_data=rows).eval_data
    assert again.dtype == rows.dtype
    np.testing.assert_array_equal(again, rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_sparse_rows_come_back_sparse(tmp_path, dtype):
    rows = sp.random(5, 40, density=0.1, random_state=0, format="csr").astype(dtype)
    again = make(n_rows=5, eval_data=rows.tocsc())
    again.save(tmp_path / "s")
    back = Explanation.load(tmp_path / "s").eval_data
    assert sp.issparse(back)
    assert (back.dtype, back.shape) == (rows.dtype, rows.shape)
    assert (back != rows).nnz == 0


@pytest.mark.parametrize("predicted", [np.array(["a", "b"]), np.array(["a", 1], dtype=object), np.array([True, False])])
def test_predictions_keep_their_type(tmp_path, predicted):
    again = round_trip(tmp_path, eval_y_predicted=predicted).eval_y_predicted
    assert again.dtype == predicted.dtype
    assert again.tolist() == predicted.tolist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(classes=st.permutations([1, "1", True, 1.0, 0, False, "", "True"]))
def test_labels_keep_their_type(tmp_path, classes):
    explanation = make("multiclass", classes=classes[:3])
    explanation.save(tmp_path / "labels", exist_ok=True)
    again = Explanation.load(tmp_path / "labels").classes
    assert [(type(c), c) for c in again] == [(type(c), c) for c in classes[:3]]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([object()], "a value of type object"),
        ([[1, 2]], "a value of type list"),
        (pd.period_range("2024-01", periods=1, freq="M"), "period"),
        (pd.arrays.SparseArray([1.0]), "Sparse"),
    ],
    ids=["object", "list", "period", "sparse"],
)
def test_cells_that_cannot_be_saved_are_refused_before_anything_is_written(tmp_path, cells, found):
    explanation = make(n_rows=1, eval_data=pd.DataFrame({"fine": [1], "odd": cells}))
    with pytest.raises(InputError, match=f"Column 'odd' of `eval_data` holds .*{found}.*convert with"):
        explanation.save(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_existing_directory_needs_exist_ok(tmp_path):
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(AlreadyExistsError, match="exist_ok=True"):
        make().save(target)
    with pytest.raises(FileExistsError):
        make().save(target)
    make().save(target, exist_ok=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AlreadyExistsError, match="is a file"):
        make().save(tmp_path / "file", exist_ok=True)


def test_saving_again_leaves_two_files_of_ours_and_those_of_others(tmp_path):
    make(seed=1).save(tmp_path, exist_ok=True)
    (tmp_path / "notes.txt").write_text("mine")
    second = make(seed=2)
    second.save(tmp_path, exist_ok=True)
    assert len(os.listdir(tmp_path)) == 3
    assert Explanation.load(tmp_path).id == second.id
    second.save(tmp_path, exist_ok=True)
    assert Explanation.load(tmp_path).id == second.id


@pytest.mark.parametrize("crash_at", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_older_explanation_readable(tmp_path, monkeypatch, crash_at):
    first = make(seed=1)
    first.save(tmp_path / "x")
    before = sorted(os.listdir(tmp_path / "x"))

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, crash_at, fail)
    with pytest.raises(KeyboardInterrupt):
        make(seed=2).save(tmp_path / "x", exist_ok=True)
    assert Explanation.load(tmp_path / "x").id == first.id
    assert sorted(os.listdir(tmp_path / "x")) == before


def test_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="does not exist"):
        Explanation.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"has neither manifest\.json nor explanation\.json"):
        Explanation.load(tmp_path)


def _edit(change, name="manifest.json"):
    def damage(directory):
        path = directory / name
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return damage


def _zip(directory):
    (path,) = directory.glob("members-*.zip")
    return path


def members_of(directory):
    with zipfile.ZipFile(_zip(directory)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rewrite(change):
    """A well-made archive, with digests that fit, that we did not write."""

    def damage(directory):
        members = members_of(directory)
        change(members)
        with zipfile.ZipFile(_zip(directory), "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
        _edit(lambda d: d.update(sha256=sums))(directory)

    return damage


def _described(change):
    def edit(members):
        document = json.loads(members["explanation.json"])
        change(document)
        members["explanation.json"] = json.dumps(document).encode()

    return _rewrite(edit)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


DAMAGE = {
    "not json": (lambda d: (d / "manifest.json").write_text("{"), "cannot be read"),
    "not text": (lambda d: (d / "manifest.json").write_bytes(b"\xff\xfe\x00"), "cannot be read"),
    "nested": (lambda d: (d / "manifest.json").write_text("[" * 10**6), "nested too deeply"),
    "foreign": (_edit(lambda d: d.update(format="other")), "says 'other', not 'automl_explain.explanation'"),
    "a list": (lambda d: (d / "manifest.json").write_text("[]"), "cannot be read"),
    "newer": (_edit(lambda d: d.update(format_version=99)), "format version 99.*Install a newer"),
    "version text": (_edit(lambda d: d.update(format_version="1")), "format version '1'"),
    "kind a list": (_edit(lambda d: d.update(kind=["tabular"])), "kind .'tabular'., which is no text"),
    "no members": (lambda d: _zip(d).unlink(), "is missing"),
    "cut off": (lambda d: _zip(d).write_bytes(_zip(d).read_bytes()[:-9]), "no whole explanation file"),
    "escaping path": (_edit(lambda d: d.update(members="../x.zip")), "not ours"),
    "odd path": (_edit(lambda d: d.update(members=3)), "not ours"),
    "another sum": (_edit(lambda d: d["sha256"].update({"a0.npy": "0"})), "'a0.npy' is not what was written"),
    "a sum less": (_edit(lambda d: d["sha256"].pop("a0.npy")), "'a0.npy' is missing or was added"),
    "missing field": (_described(lambda d: d["explanation"].pop("base")), "cannot be read"),
    "odd field": (_described(lambda d: d["explanation"].update(features=3)), "cannot be read"),
    "odd names": (_described(lambda d: d["explanation"].update(features=["a"])), "has 1 names"),
    "no names": (_described(lambda d: d["explanation"].update(features=None)), "names no features"),
    "odd task": (_described(lambda d: d["explanation"].update(task=["x"])), "'task' is of another type"),
    "no explanation": (_described(lambda d: d.update(explanation=None)), "cannot be read"),
    "another kind": (_described(lambda d: d.update(kind="image")), "kind 'image'; this .* reads 'tabular'"),
    "unknown kind": (_described(lambda d: d["explanation"]["base"].update(kind="pickle")), "cannot be read"),
    "an array twice": (_described(lambda d: d["explanation"]["base"].update(data="a1")), "used twice"),
    "object arrays": (_rewrite(lambda m: m.update({"a0.npy": OBJECTS})), "cannot be read"),
    "other shape": (_rewrite(lambda m: m.update({"a0.npy": npy(np.zeros(7))})), "cannot be read.*outputs"),
}
_BUFFER = io.BytesIO()
np.save(_BUFFER, np.array([{}], dtype=object), allow_pickle=True)
OBJECTS = _BUFFER.getvalue()


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_foreign_or_newer_is_refused(tmp_path, damage, message):
    make("multiclass", eval_data=pd.DataFrame({"a": [1, 2, 3, 4]})).save(tmp_path / "x")
    damage(tmp_path / "x")
    with pytest.raises(CorruptFileError, match=message):
        Explanation.load(tmp_path / "x")


def test_sparse_parts_that_point_outside_are_refused(tmp_path):
    make(sparse=True).save(tmp_path / "x")

    def point_outside(members):
        document = json.loads(members["explanation.json"])
        name = document["explanation"]["values"][0]["indptr"]
        members[f"{name}.npy"] = npy(np.array([0, 1, 2, 3, 10_000], dtype=np.int32))

    _rewrite(point_outside)(tmp_path / "x")
    with pytest.raises(CorruptFileError, match="cannot be read.*[Ll]ast value of index pointer"):
        Explanation.load(tmp_path / "x")


def test_nothing_saved_is_a_pickle(tmp_path):
    make("binary", eval_data=pd.DataFrame({"a": ["x", None, "y", "z"]})).save(tmp_path / "x")
    members = members_of(tmp_path / "x")
    assert not any(b"'|O'" in data for data in members.values())
    assert {name.partition(".")[2] for name in members} == {"json", "npy"}


def test_the_manifest_says_what_is_there(tmp_path):
    make("binary").save(tmp_path / "x")
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    told = (manifest["format"], manifest["format_version"], manifest["kind"])
    assert told == ("automl_explain.explanation", 2, "tabular")
    assert manifest["sha256"] == {n: hashlib.sha256(d).hexdigest() for n, d in members_of(tmp_path / "x").items()}


def test_members_bring_an_explanation_back_without_a_disk():
    explanation = make("multiclass", eval_data=pd.DataFrame({"a": pd.Categorical(list("abca"))}))
    members = explanation.to_members()
    assert json.loads(members["explanation.json"])["kind"] == "tabular"
    again = Explanation.from_members(members)
    same(explanation, again)
    pd.testing.assert_frame_equal(again.eval_data, explanation.eval_data)
    with pytest.raises(CorruptFileError, match="cannot be read"):
        Explanation.from_members({})


# Version 1, of which these files were written

GOLDEN = Path(__file__).parent / "golden"


def test_a_dense_explanation_of_version_1_is_read():
    found = Explanation.load(GOLDEN / "schema_1_dense")
    assert found.values.tolist() == [[[0.1, -0.2, 0.3], [0.0, np.pi, -1e-300]]]
    assert (found.id, found.features, found.method) == ("golden-dense", ["age", 7, "job"], "mimic.lightgbm")
    assert [(type(c), c) for c in found.classes] == [(bool, True), (str, "1")]
    assert found.eval_y_predicted.tolist() == [True, "1"]
    assert found.unmapped.tolist() == [[0.5, -0.5]]
    frame = found.eval_data
    assert [str(dtype) for dtype in frame.dtypes] == [
        "Int64", "float64", "category", "datetime64[ns, Europe/Berlin]", "object",
    ]  # fmt: skip
    assert frame["when"].iloc[1].isoformat() == "2024-03-31T03:30:00+02:00"
    assert frame["note"].tolist() == [1, "1"]
    assert found.row_labels.tolist() == [(1, "a"), (2, "b")]


def test_a_sparse_explanation_of_version_1_is_read():
    found = Explanation.load(GOLDEN / "schema_1_sparse")
    assert [v.toarray().tolist() for v in found.values][2] == [[0.0, 4.5, 0.0, 0.0], [7.5, 0.0, 0.0, -3.0]]
    assert found.eval_data.toarray().tolist() == [[0.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.0, 3.0]]
    assert (found.classes, found.row_labels.tolist()) == (["p", "q", "r"], ["x", "y"])


def test_saving_over_version_1_leaves_only_the_new_files(tmp_path):
    shutil.copytree(GOLDEN / "schema_1_dense", tmp_path / "x")
    second = make(seed=2)
    second.save(tmp_path / "x", exist_ok=True)
    assert Explanation.load(tmp_path / "x").id == second.id
    assert {name.partition("-")[0] for name in os.listdir(tmp_path / "x")} == {"manifest.json", "members"}


def _first(directory):
    return next(directory.glob("values-*.npz"))


FORMER_DAMAGE = {
    "not json": (lambda d: (d / "explanation.json").write_text("{"), "not JSON"),
    "foreign": (lambda d: (d / "explanation.json").write_text('{"a": 1}'), "something else wrote it"),
    "newer": (_edit(lambda d: d.update(schema_version=99), "explanation.json"), "version 99.*Upgrade"),
    "version text": (_edit(lambda d: d.update(schema_version="1"), "explanation.json"), "version is '1'"),
    "no arrays": (lambda d: _first(d).unlink(), "is missing"),
    "cut off": (lambda d: _first(d).write_bytes(_first(d).read_bytes()[:-9]), "sha256 differs"),
    "escaping path": (_edit(lambda d: d["arrays"].update(file="../x.npz"), "explanation.json"), "not ours"),
    "missing field": (_edit(lambda d: d["explanation"].pop("base"), "explanation.json"), "cannot be read"),
}


@pytest.mark.parametrize(("damage", "message"), FORMER_DAMAGE.values(), ids=FORMER_DAMAGE)
def test_what_is_damaged_in_version_1_is_refused(tmp_path, damage, message):
    shutil.copytree(GOLDEN / "schema_1_dense", tmp_path / "x")
    damage(tmp_path / "x")
    with pytest.raises(CorruptFileError, match=message):
        Explanation.load(tmp_path / "x")


def test_rows_of_very_many_columns_come_back(tmp_path: Path) -> None:
    """Each column is a member of the archive; 10,000 members are no bound."""
    rows = pd.DataFrame(np.arange(20_200.0).reshape(2, 10_100))
    made = Explanation(values=np.ones((1, 2, 1)), base=[0.0], task="regression", eval_data=rows)
    made.save(tmp_path / "wide")
    pd.testing.assert_frame_equal(Explanation.load(tmp_path / "wide").eval_data, rows)
