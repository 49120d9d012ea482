"""The file of a scoring explainer: whole or not at all, without pickle, and refused when it is not what was written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import make_wrapper, rows, shared_wrapper

from automl_explain import TreeScoringExplainer, load, save
from automl_explain._files._archive import from_npy, to_npy
from automl_explain.exceptions import AlreadyExistsError, CorruptFileError, InputError, NotFoundError

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

FILE_NAME = "scoring_explainer.aex"
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def scoring() -> TreeScoringExplainer:
    stump = {"explainable_model_args": {"n_estimators": 2, "num_leaves": 3, "n_jobs": 1}}
    return TreeScoringExplainer(make_wrapper("binary", "frame", explainer_kwargs=stump))


@pytest.fixture
def saved(scoring: TreeScoringExplainer, tmp_path: Path) -> Path:
    return Path(save(scoring, tmp_path / "model"))


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, members: Members, *, seal: bool = True, manifest: dict[str, Any] | None = None) -> None:
    """Write a file as somebody would who knows the format; sealed, its checksums are right."""
    known = {**json.loads(members["manifest.json"]), **(manifest or {})}
    if seal:
        others = {name: data for name, data in members.items() if name != "manifest.json"}
        known["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in others.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**members, "manifest.json": json.dumps(known).encode()}.items():
            archive.writestr(name, data)


# Where it is written


def test_saving_writes_one_known_file(scoring: TreeScoringExplainer, tmp_path: Path) -> None:
    """`save` to a new directory, made with its parents, writes one known file and gives its path."""
    folder = tmp_path / "deep" / "model"
    path = save(scoring, directory=str(folder))
    assert path == str(folder / "scoring_explainer.aex")
    assert [p.name for p in folder.iterdir()] == [FILE_NAME]


def test_an_existing_directory_is_refused_unless_it_may_be_written_to(
    scoring: TreeScoringExplainer, tmp_path: Path
) -> None:
    """An existing directory without exist_ok is an error; with it the file is written anew."""
    with pytest.raises(AlreadyExistsError, match="exists; pass exist_ok=True to write to it"):
        save(scoring, tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FILE_NAME).write_text("old")
    save(scoring, tmp_path, exist_ok=True)
    assert isinstance(load(tmp_path), TreeScoringExplainer)
    with pytest.raises(FileExistsError):
        save(scoring, tmp_path)


def test_the_current_directory_is_the_default(
    scoring: TreeScoringExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the reference `save(explainer)` always fails: the current directory always exists."""
    monkeypatch.chdir(tmp_path)
    assert save(scoring) == FILE_NAME
    assert isinstance(load(), TreeScoringExplainer)
    with pytest.raises(AlreadyExistsError, match=r"scoring_explainer.aex exists; pass exist_ok=True"):
        save(scoring)
    save(scoring, exist_ok=True)


def test_a_file_in_place_of_the_directory_is_refused(scoring: TreeScoringExplainer, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with pytest.raises(AlreadyExistsError, match="is a file; pass a directory"):
        save(scoring, tmp_path / "model", exist_ok=True)
    assert (tmp_path / "model").read_text() == "a file"


@pytest.mark.parametrize("wrong", [None, "explainer", {}])
def test_only_scoring_explainers_are_saved(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a ScoringExplainer .*; got.*create_scoring_explainer"):
        save(wrong, tmp_path / "model")


@pytest.mark.parametrize("crash", ["writestr", "replace"])
def test_a_crash_in_the_middle_leaves_the_old_file(
    crash: str, scoring: TreeScoringExplainer, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def fail(*args: Any) -> None:
        if crash == "replace" or args[1].filename != "manifest.json":
            raise KeyboardInterrupt

    monkeypatch.setattr(*((zipfile.ZipFile, "writestr", fail) if crash == "writestr" else (os, "replace", fail)))
    with pytest.raises(KeyboardInterrupt):
        save(scoring, saved.parent, exist_ok=True)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [FILE_NAME]


@pytest.mark.skipif(os.name != "posix", reason="other systems know no umask")
def test_the_file_is_as_readable_as_others(saved: Path) -> None:
    other = saved.parent / "other"
    other.write_text("")
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_the_manifest_names_versions_and_checksums(saved: Path) -> None:
    members = members_of(saved)
    manifest = json.loads(members.pop("manifest.json"))
    assert manifest["format_version"] == 3
    assert (manifest["format"], manifest["kind"]) == ("automl_explain.scoring_explainer", "tree")
    assert {"numpy", "lightgbm"} <= set(manifest["packages"])
    assert manifest["sha256"] == {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    assert {Path(name).suffix for name in members} == {".json", ".txt", ".npy"}


# Nothing of the file is run


def test_loading_runs_no_code_of_the_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load` executes no code from the file: no pickle is opened on the way."""
    load(saved.parent).explain(rows("frame", 5), get_raw=True)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a pickle was read")

    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    again = load(saved.parent)
    assert again.explain(rows("frame", 5), get_raw=True).shape == (2, 5, 3)


def test_an_array_of_objects_is_refused(saved: Path) -> None:
    """A pickle smuggled into an array, with right checksums, is refused and not run."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    rewrite(saved, {**members_of(saved), "weights_2.npy": buffer.getvalue()})
    with pytest.raises(CorruptFileError, match="does not hold what it should.*object"):
        load(saved)
    assert not Bomb.went_off


class Bomb:
    went_off = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Bomb, "went_off", True)


def test_a_missing_directory_or_file_is_not_found(tmp_path: Path) -> None:
    """`load` of a missing directory is a clear not-found error."""
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "nowhere" / FILE_NAME):
        with pytest.raises(NotFoundError, match="There is no scoring explainer at .*; save one with"):
            load(place)
        with pytest.raises(FileNotFoundError):
            load(str(place))


def test_the_file_itself_may_be_named(saved: Path) -> None:
    moved = saved.rename(saved.parent / "other.aex")
    assert isinstance(load(moved), TreeScoringExplainer)


# Damaged files


def test_a_truncated_file_is_refused(saved: Path) -> None:
    data = saved.read_bytes()
    for length in [0, 1, 4, 30, *range(50, len(data), 97), len(data) - 1]:
        saved.write_bytes(data[:length])
        with pytest.raises(CorruptFileError, match="Save it again|no scoring explainer file"):
            load(saved)


def test_a_flipped_byte_is_refused_or_changes_nothing(scoring: TreeScoringExplainer, saved: Path) -> None:
    """Dates and modes of a zip carry no meaning; everything else is noticed."""
    data, X = saved.read_bytes(), rows("frame", 5)
    wanted, refused = scoring.explain(X), 0
    for at in range(0, len(data), 13):
        for bits in (0x01, 0xFF):
            saved.write_bytes(data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :])
            try:
                np.testing.assert_array_equal(load(saved).explain(X), wanted)
            except CorruptFileError:
                refused += 1
    assert refused > 0.75 * 2 * len(range(0, len(data), 13))


def test_a_flag_that_says_encrypted_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] ^= 1
    saved.write_bytes(bytes(data))
    with pytest.raises(CorruptFileError, match="no whole scoring explainer file: .*encrypted"):
        load(saved)


@pytest.mark.parametrize("wrong", [None, 3])
def test_a_directory_that_is_no_path_is_refused(wrong: Any, scoring: TreeScoringExplainer) -> None:
    with pytest.raises(InputError, match="`directory` is .*; expected a path.*[Pp]ass"):
        load(wrong)
    with pytest.raises(InputError, match="`directory` is .*; expected a path"):
        save(scoring, wrong)


@pytest.mark.parametrize("content", [b"", b"not a zip", pickle.dumps({"a": 1})])
def test_something_that_is_no_zip_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(CorruptFileError, match="is no whole scoring explainer file"):
        load(tmp_path)


def test_another_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / FILE_NAME, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    with pytest.raises(CorruptFileError, match="is no scoring explainer file: it has no manifest.json"):
        load(tmp_path)


# Changed files


def changed(members: Members) -> dict[str, tuple[Callable[[Path], None], str]]:
    """Name of a change -> how to make it, and what is said of it."""

    def write(more: Members, **how: Any) -> Callable[[Path], None]:
        return lambda path: rewrite(path, {**members, **more}, **how)

    def twice(path: Path) -> None:
        with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
            archive.writestr("trees_0.txt", members["trees_0.txt"])

    def append(path: Path) -> None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("extra.txt", "x")

    def drop(path: Path) -> None:
        rewrite(path, {name: data for name, data in members.items() if name != "trees_0.txt"}, seal=False)

    return {
        "another content": (write({"trees_0.txt": b"tree"}, seal=False), "'trees_0.txt' is not what was written"),
        "a member more": (append, "member 'extra.txt' is missing or was added"),
        "a member less": (drop, "member 'trees_0.txt' is missing or was added"),
        "a member twice": (twice, "members of one name; refused"),
        "a path upwards": (write({"../x": b"x"}), r"member '\.\./x' points outside the file; refused"),
        "an absolute path": (write({"/etc/x": b"x"}), "member '/etc/x' points outside the file; refused"),
        "a drive": (write({"C:x": b"x"}), "member 'C:x' points outside the file; refused"),
        "a backslash": (write({"..\\x": b"x"}), r"points outside the file; refused"),
        "a newer format": (write({}, manifest={"format_version": 4}), "has format version 4; .* reads 1 to 3.*newer"),
        "no format": (write({}, manifest={"format_version": "1"}), "has format version '1'"),
        "another kind": (write({}, manifest={"kind": "forest"}), "of kind 'forest'; known: tree, linear, kernel"),
        "no manifest": (write({}, seal=False, manifest={"sha256": 3}), "manifest.json cannot be read"),
        "no trees": (write({"trees_0.txt": b"tree\nversion=v4\n"}), "does not hold what it should"),
        "trees cut short": (write({"trees_0.txt": members["trees_0.txt"][:300]}), "does not hold what it should"),
        "no JSON": (write({"explainer.json": b"{"}), "does not hold what it should"),
        "a list": (write({"explainer.json": b"[]"}), "does not hold what it should"),
        "no models": (write({"explainer.json": edited(members, n_models=0)}), "does not hold what it should"),
        "classes too many": (
            write({"explainer.json": edited(members, classes=[1, 2, 3])}),
            "different numbers of feat",
        ),
        "one name too few": (write({"explainer.json": edited(members, names=["x0"])}), "different numbers of features"),
        "another position": (write({"weights_1.npy": to_npy(np.full(5, 99))}), "does not hold what it should"),
        "another shape": (write({"weights_1.npy": to_npy(np.zeros((5, 1), int))}), "does not fit its"),
        "another way to raw values": (
            write({"explainer.json": edited(members, raw_method="mixed")}),
            "does not hold what it should.*`raw_method` is 'mixed'",
        ),
        "groups without a map": (
            write({"explainer.json": edited(members, raw_method="grouped", feature_map=None)}),
            "groups features without a feature map",
        ),
        "no way to raw values": (
            write({"explainer.json": members["explainer.json"].replace(b"raw_method", b"raw_metho")}),
            "does not hold what it should.*raw_method",
        ),
        "no array": (write({"weights_1.npy": b"\x93NUMPY"}), "does not hold what it should"),
    }


def edited(members: Members, *, names: list[str] | None = None, **more: Any) -> bytes:
    described = {**json.loads(members["explainer.json"]), **more}
    if names:
        described["encoder"]["names"] = names
    return json.dumps(described).encode()


@pytest.mark.parametrize(
    "change",
    """another content,a member more,a member less,a member twice,a path upwards,an absolute path,a drive,a backslash,
    a newer format,no format,another kind,no manifest,no trees,trees cut short,no JSON,a list,no models,
    classes too many,one name too few,another position,another shape,another way to raw values,groups without a map,
    no way to raw values,no array""".replace("\n    ", "").split(","),
)
def test_a_changed_file_is_refused(change: str, saved: Path) -> None:
    changes = changed(members_of(saved))
    make, said = changes[change]
    make(saved)
    with pytest.raises(CorruptFileError, match=said):
        load(saved)
    assert sorted(p.name for p in saved.parent.iterdir()) == [FILE_NAME]


def test_a_size_too_large_is_refused_before_anything_is_unpacked(saved: Path) -> None:
    """The directory of the zip claims 4 GiB for a member of a few bytes."""
    data = bytearray(saved.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    saved.write_bytes(bytes(data))
    with pytest.raises(CorruptFileError, match=r"would unpack to 4\.000 GiB; .* may hold 0\.\d* GiB, more is refused"):
        load(saved)


@pytest.mark.parametrize(("name", "size"), [("zeros.txt", 70 * 2**20), ("zeros.json", 2**21)])
def test_a_small_file_that_unpacks_to_much_is_refused(name: str, size: int, saved: Path) -> None:
    """64 MiB are always allowed, 1 MiB of JSON, which takes far more memory than its text."""
    rewrite(saved, {**members_of(saved), name: bytes(size)})
    assert saved.stat().st_size < 100_000
    with pytest.raises(CorruptFileError, match="more is refused"):
        load(saved)


def test_a_member_larger_than_it_says_is_refused(saved: Path) -> None:
    """A member that says it is small is read no further than it says, and then its checksum is wrong."""
    data = bytearray(saved.read_bytes())
    for mark, size_at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.index(mark) + size_at
        data[at : at + 4] = (5).to_bytes(4, "little")
    saved.write_bytes(bytes(data))
    with pytest.raises(CorruptFileError, match="no whole scoring explainer file"):
        load(saved)


def test_an_array_that_claims_a_huge_shape_takes_no_memory(saved: Path) -> None:
    huge = to_npy(np.zeros(5)).replace(b"'shape': (5,), }" + b" " * 10, b"'shape': (9999999999,), }".ljust(26))
    assert b"9999999999" in huge
    rewrite(saved, {**members_of(saved), "weights_2.npy": huge})
    with pytest.raises(CorruptFileError, match=r"array of shape \(9999999999,\).* does not fit its 168 bytes"):
        load(saved)


@pytest.mark.parametrize("array", [np.arange(5), np.array([0.1, np.nan, np.inf]), np.zeros(0)])
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    found = from_npy(to_npy(array))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_saving_twice_gives_the_same_members(tmp_path: Path) -> None:
    scoring = TreeScoringExplainer(shared_wrapper("four classes", "frame"))
    first, second = (members_of(Path(save(scoring, tmp_path / name))) for name in "ab")
    assert first == second
    third = members_of(Path(save(load(tmp_path / "a"), tmp_path / "c")))
    assert third == first


# Trees as arrays


@pytest.fixture
def saved_arrays(tmp_path: Path) -> Path:
    """The golden file, whose trees are arrays, where it may be changed."""
    place = tmp_path / "arrays" / FILE_NAME
    place.parent.mkdir()
    place.write_bytes((Path(__file__).parent / "golden" / "format_3.aex").read_bytes())
    return place


def test_trees_of_arrays_are_saved_and_read_to_the_same_bits(saved_arrays: Path, tmp_path: Path) -> None:
    first, X = load(saved_arrays), rows("frame", 5)
    again = load(save(first, tmp_path / "again"))
    np.testing.assert_array_equal(again.explain(X), first.explain(X))
    np.testing.assert_array_equal(again.expected_values, first.expected_values)
    assert not any(name.endswith(".txt") for name in members_of(tmp_path / "again" / FILE_NAME))


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("left", lambda a: np.zeros_like(a), "do not hold trees"),
        ("value", lambda a: a[:-1], "do not hold trees"),
        ("value", lambda a: np.full_like(a, np.nan), "do not hold trees"),
        ("value", lambda a: a.astype(np.float32), "holds float32; expected float64"),
        ("feature", lambda a: a + 9, "do not hold trees"),
        ("offsets", lambda a: a[:0], "`offsets` has 0 entries"),
    ],
)
def test_damaged_arrays_are_refused(name: str, make: Callable[[Any], Any], said: str, saved_arrays: Path) -> None:
    """With right checksums: nodes that point backwards would be walked for ever, those outside read other memory."""
    members = members_of(saved_arrays)
    rewrite(saved_arrays, {**members, f"trees_{name}.npy": to_npy(make(from_npy(members[f"trees_{name}.npy"])))})
    with pytest.raises(CorruptFileError, match=said):
        load(saved_arrays)


def test_a_missing_array_of_the_trees_is_refused(saved_arrays: Path) -> None:
    members = members_of(saved_arrays)
    del members["trees_left.npy"]
    rewrite(saved_arrays, members)
    with pytest.raises(CorruptFileError, match="`left` is missing"):
        load(saved_arrays)
