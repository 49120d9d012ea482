"""Files that appear whole or not at all, and the system's refusals as ours."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from automl_explain import LinearExplainer, LinearScoringExplainer, load, save
from automl_explain.exceptions import AlreadyExistsError, InputError, NotFoundError, StorageError
from automl_explain.explanation import Explanation

X = np.random.default_rng(0).normal(size=(30, 3))
SCORING = LinearScoringExplainer(LinearExplainer(Ridge().fit(X, X @ [1.0, -2.0, 0.5]), X))
EXPLANATION = Explanation(values=[[[1.0, -2.0]]], base=[0.0], task="regression")
NOWHERE = "model"


def save_both(directory: Any) -> None:
    save(SCORING, directory, exist_ok=True)


def save_explanation(directory: Any) -> None:
    EXPLANATION.save(directory, exist_ok=True)


WRITERS = {"scoring": (save_both, load), "explanation": (save_explanation, Explanation.load)}
each_writer = pytest.mark.parametrize("what", WRITERS)


@each_writer
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_what_the_system_refuses_is_a_storage_error_with_its_cause(
    what: str, number: int, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, read = WRITERS[what]
    write(tmp_path / NOWHERE)
    before = {p.name: p.read_bytes() for p in (tmp_path / NOWHERE).iterdir()}

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match=f"Cannot write the .*{os.strerror(number)}. [A-Z].*") as caught:
            write(tmp_path / NOWHERE)
    assert isinstance(caught.value.__cause__, OSError)
    assert {p.name: p.read_bytes() for p in (tmp_path / NOWHERE).iterdir()} == before
    read(tmp_path / NOWHERE)


@each_writer
def test_a_file_that_may_not_be_read_is_a_storage_error(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, read = WRITERS[what]
    write(tmp_path / NOWHERE)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match="Cannot read the .*Permission denied. Pass a place"):
        read(tmp_path / NOWHERE)


@each_writer
@pytest.mark.parametrize("wrong", ["a\0b", "x" * 5000, "a\ud800", b"bytes", 3, None, ["a"]])
def test_names_that_no_file_can_have_are_wrong_arguments(
    what: str, wrong: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for act in WRITERS[what]:
        with pytest.raises(InputError, match="`(directory|path)` is .*Pass") as caught:
            act(wrong)
        assert len(str(caught.value)) < 500
    assert list(tmp_path.iterdir()) == []


@each_writer
def test_what_stands_in_the_way_is_named(what: str, tmp_path: Path) -> None:
    write, read = WRITERS[what]
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="A file stands where a directory is expected"):
        write(tmp_path / "file" / "below")
    with pytest.raises(AlreadyExistsError, match="is a file"):
        write(tmp_path / "file")
    with pytest.raises((NotFoundError, StorageError)):
        read(tmp_path / "file" / "below")
    name = {"scoring": "scoring_explainer.aex", "explanation": "manifest.json"}[what]
    (tmp_path / "taken" / name / "sub").mkdir(parents=True)
    with pytest.raises(StorageError, match="A directory stands where the file belongs|Is a directory"):
        write(tmp_path / "taken")
    with pytest.raises(StorageError):
        read(tmp_path / "taken")
    assert os.listdir(tmp_path / "taken") == [name]


@pytest.mark.skipif(os.name != "posix", reason="other systems know no umask")
@each_writer
def test_new_files_have_the_rights_of_the_umask_which_is_left_alone(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask of all threads was changed"))
        WRITERS[what][0](tmp_path / NOWHERE)
        monkeypatch.undo()
        assert {p.stat().st_mode & 0o777 for p in (tmp_path / NOWHERE).iterdir()} == {0o640}
    finally:
        os.umask(before)


KILLED = """
    import os, sys, numpy as np
    sys.path.insert(0, {root!r})
    from automl_explain._files import _writing
    import {module} as tests
    real, left = os.{call}, {n}
    def kill(*given):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return real(*given)
    os.{call} = kill
    tests.WRITERS[{what!r}][0]({target!r})
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of other systems differ")
@pytest.mark.parametrize(("what", "call", "n"), [("scoring", "replace", 0), ("explanation", "fsync", 1)])
def test_what_a_killed_writer_left_is_gone_after_the_next(what: str, call: str, n: int, tmp_path: Path) -> None:
    write, read = WRITERS[what]
    target = tmp_path / NOWHERE
    write(target)
    names = {p.name.partition("-")[0] for p in target.iterdir()}
    code = KILLED.format(
        root=str(Path(__file__).parent), module=__name__, call=call, n=n, what=what, target=str(target)
    )
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    read(target)
    write(target)
    assert {p.name.partition("-")[0] for p in target.iterdir()} == names
    assert len(list(target.iterdir())) == len(names)
    read(target)


@each_writer
def test_writers_and_readers_of_one_place_do_not_disturb_each_other(what: str, tmp_path: Path) -> None:
    write, read = WRITERS[what]
    write(tmp_path / NOWHERE)
    wrong: list[BaseException] = []

    def many(act: Any) -> None:
        try:
            for _ in range(15):
                act(tmp_path / NOWHERE)
        except BaseException as error:  # any at all is a failure
            wrong.append(error)

    threads = [threading.Thread(target=many, args=(act,)) for act in (write, write, write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list((tmp_path / NOWHERE).iterdir())) == {"scoring": 1, "explanation": 2}[what]


@each_writer
def test_files_of_others_and_of_living_writers_stay(what: str, tmp_path: Path) -> None:
    from automl_explain._files._writing import new_file

    write, read = WRITERS[what]
    target = tmp_path / NOWHERE
    write(target)
    (target / "notes.tmp").write_text("mine")
    with (
        new_file(target, ".scoring_explainer.aex.", ".tmp") as (first, _),
        new_file(target, "members-", ".zip") as (
            second,
            _,
        ),
    ):
        write(target)
        assert first.exists()
        assert second.exists()
    assert (target / "notes.tmp").exists()
    read(target)


@pytest.mark.parametrize("what", ["a pipe", "a device without end"])
@pytest.mark.parametrize("place", ["manifest", "members", "former"])
def test_nothing_waits_for_a_pipe_or_reads_a_device(what: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / NOWHERE
    EXPLANATION.save(path)
    if place == "former":
        for each in path.iterdir():
            each.unlink()
    target = {
        "manifest": path / "manifest.json",
        "members": next(iter(path.glob("members-*.zip")), path),
        "former": path / "explanation.json",
    }[place]
    target.unlink(missing_ok=True)
    if what == "a pipe":
        os.mkfifo(target)
    else:
        target.symlink_to("/dev/zero")
    with pytest.raises(StorageError, match="is a pipe or a device where a file belongs|has neither"):
        Explanation.load(path)
    EXPLANATION.save(path, exist_ok=True)
    assert Explanation.load(path).values.tolist() == [[[1.0, -2.0]]]


def test_a_manifest_is_read_no_further_than_ours_are_long(tmp_path: Path) -> None:
    path = tmp_path / NOWHERE
    EXPLANATION.save(path)
    with (path / "manifest.json").open("r+b") as file:
        file.truncate(2**33)  # a file of holes, which takes no space on the disk
    with pytest.raises(StorageError, match="is larger than 64 MiB"):
        Explanation.load(path)
