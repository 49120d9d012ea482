from __future__ import annotations

import datetime
import json
import os
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import any_float, dense, explanations, global_only, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
def test_row44_save_and_load_keep_every_accessor_to_the_bit(tmp_path, explanation):
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
        ([object()], "a cell of type object"),
        ([[1, 2]], "a cell of type list"),
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


def test_row45_an_existing_directory_needs_exist_ok(tmp_path):
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


@pytest.mark.parametrize("crash_at", [1, 2])
def test_a_crash_while_writing_leaves_the_older_explanation_readable(tmp_path, monkeypatch, crash_at):
    first = make(seed=1)
    first.save(tmp_path / "x")
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) == crash_at:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        make(seed=2).save(tmp_path / "x", exist_ok=True)
    assert Explanation.load(tmp_path / "x").id == first.id
    assert not [name for name in os.listdir(tmp_path / "x") if name.startswith(".")]


def test_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="does not exist"):
        Explanation.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"has no explanation\.json"):
        Explanation.load(tmp_path)


def _edit(change):
    def damage(directory):
        path = directory / "explanation.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return damage


def _rewrite_arrays(directory, **how):
    """A well-made archive, with a digest that fits, that we did not write."""
    import hashlib

    (old,) = directory.glob("values-*.npz")
    arrays = dict(np.load(old))
    how.get("change", lambda a: None)(arrays)
    (np.savez_compressed if how.get("compress") else np.savez)(old, **arrays)
    digest = hashlib.sha256(old.read_bytes()).hexdigest()
    _edit(lambda d: d["arrays"].update(sha256=digest))(directory)


def _npz(directory):
    return next(directory.glob("values-*.npz"))


DAMAGE = {
    "not json": (lambda d: (d / "explanation.json").write_text("{"), "not JSON"),
    "not text": (lambda d: (d / "explanation.json").write_bytes(b"\xff\xfe\x00"), "not JSON"),
    "foreign": (lambda d: (d / "explanation.json").write_text('{"a": 1}'), "something else wrote it"),
    "a list": (lambda d: (d / "explanation.json").write_text("[]"), "something else wrote it"),
    "newer": (_edit(lambda d: d.update(schema_version=99)), "schema version 99.*Upgrade"),
    "version text": (_edit(lambda d: d.update(schema_version="1")), "schema_version is '1'"),
    "no arrays": (lambda d: _npz(d).unlink(), "is missing"),
    "cut off": (lambda d: _npz(d).write_bytes(_npz(d).read_bytes()[:-9]), "sha256 differs"),
    "escaping path": (_edit(lambda d: d["arrays"].update(file="../x.npz")), "not ours"),
    "odd path": (_edit(lambda d: d["arrays"].update(file=3)), "not ours"),
    "missing field": (_edit(lambda d: d["explanation"].pop("base")), "cannot be read"),
    "odd field": (_edit(lambda d: d["explanation"].update(features=3)), "cannot be read"),
    "odd names": (_edit(lambda d: d["explanation"].update(features=["a"])), "do not fit together"),
    "no explanation": (_edit(lambda d: d.update(explanation=None)), "cannot be read"),
    "unknown kind": (_edit(lambda d: d["explanation"]["base"].update(kind="pickle", data="zz")), "cannot be read"),
    "compressed": (lambda d: _rewrite_arrays(d, compress=True), "is compressed"),
    "object arrays": (
        lambda d: _rewrite_arrays(d, change=lambda a: a.update(a0=np.array([{}], dtype=object))),
        "cannot be read",
    ),
    "other shape": (lambda d: _rewrite_arrays(d, change=lambda a: a.update(a0=np.zeros(7))), "do not fit together"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_foreign_or_newer_is_refused(tmp_path, damage, message):
    make("multiclass", eval_data=pd.DataFrame({"a": [1, 2, 3, 4]})).save(tmp_path / "x")
    damage(tmp_path / "x")
    with pytest.raises(CorruptFileError, match=message):
        Explanation.load(tmp_path / "x")


def test_sparse_parts_that_point_outside_are_refused(tmp_path):
    make(sparse=True).save(tmp_path / "x")

    def point_outside(arrays):
        key = next(k for k, a in arrays.items() if a.dtype == np.int32 and len(a) == 5)  # indptr of 4 rows
        arrays[key] = np.array([0, 1, 2, 3, 10_000], dtype=np.int32)

    _rewrite_arrays(tmp_path / "x", change=point_outside)
    with pytest.raises(CorruptFileError, match="cannot be read"):
        Explanation.load(tmp_path / "x")


def test_nothing_saved_is_a_pickle(tmp_path):
    make("binary", eval_data=pd.DataFrame({"a": ["x", None, "y", "z"]})).save(tmp_path / "x")
    with zipfile.ZipFile(_npz(tmp_path / "x")) as archive:
        for member in archive.namelist():
            assert b"'|O'" not in archive.read(member)
    document = json.loads((tmp_path / "x" / "explanation.json").read_text())
    assert document["schema_version"] == 1
