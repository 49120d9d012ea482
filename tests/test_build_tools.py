"""The build tools: which compiler they choose, when they start anew, and what an editable install is."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def compilers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module, on a machine whose PATH is one empty folder."""
    for name in ("CC", "CXX", "CMAKE_TOOLCHAIN_FILE", "CMAKE_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return build_tool("compilers")


def build_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "build_tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def put_program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_zig_is_asked_for_without_a_compiler(compilers: ModuleType) -> None:
    assert compilers.needs_zig()


@pytest.mark.skipif(sys.platform == "win32", reason="the compilers of a test are shell scripts")
def test_zig_is_asked_for_where_the_compiler_does_not_work(compilers: ModuleType, tmp_path: Path) -> None:
    put_program(tmp_path, "cc", "exit 1")  # as /usr/bin/cc of a Mac without the command line tools
    put_program(tmp_path, "c++", "exit 1")
    assert compilers.needs_zig()
    cxx = put_program(tmp_path, "clang++", "exit 0")
    assert compilers.needs_zig()  # CMake links with the compiler of C
    cc = put_program(tmp_path, "clang", "exit 0")
    assert not compilers.needs_zig()
    assert compilers.settings(tmp_path) == ({"CC": str(cc), "CXX": str(cxx)}, [])  # CMake alone would take c++


@pytest.mark.parametrize("name", ["CC", "CXX", "CMAKE_TOOLCHAIN_FILE"])
def test_a_compiler_that_the_user_names_is_never_replaced(
    compilers: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "mine")
    assert not compilers.needs_zig()
    assert compilers.settings(tmp_path) == ({}, [])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other scripts and folders")
@pytest.mark.parametrize("home", ["writable", "missing", "a file"])
def test_zig_gets_scripts_for_cmake_and_a_cache_that_can_be_written(
    compilers: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    package = tmp_path / "ziglang"
    package.mkdir()
    (package / "__init__.py").touch()
    put_program(package, "zig", 'echo "$@"')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    if home != "missing":
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if home == "a file":
        (tmp_path / "home").touch()
    variables, arguments = compilers.settings(tmp_path / "build")
    assert subprocess.check_output([variables["CXX"], "a b.cpp"], text=True) == "cc -mcpu=baseline a b.cpp\n"
    programs = [argument.partition("=")[2] for argument in arguments]
    assert [subprocess.check_output([program], text=True) for program in programs] == ["ar\n", "ranlib\n"]
    assert ("ZIG_GLOBAL_CACHE_DIR" in variables) == (home != "writable")


def test_without_any_compiler_the_error_names_three_ways(compilers: ModuleType, tmp_path: Path) -> None:
    if importlib.util.find_spec("ziglang") is not None:
        pytest.skip("zig is installed here")
    with pytest.raises(SystemExit, match=r"Install one, name one by .* CC and CXX, or `pip install '"):
        compilers.settings(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="the tools of a test are shell scripts")
def test_a_folder_configured_with_tools_that_are_gone_is_configured_again(
    compilers: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each build of pip has a CMake and a Ninja in a temporary folder of its own, where the machine has none."""
    monkeypatch.setitem(sys.modules, "compilers", compilers)
    build_inplace = build_tool("build_inplace")
    monkeypatch.setattr(build_inplace, "ROOT", tmp_path)
    monkeypatch.setenv("CXX", "c++")
    for tools in ("first", "first", "second"):
        (tmp_path / tools).mkdir(exist_ok=True)
        put_program(tmp_path / tools, "ninja", "exit 0")
        script = f'echo "{tools} $1" >>"{tmp_path}/log"; [ "$1" = --build ] || : >"$4/build.ninja"'
        put_program(tmp_path / tools, "cmake", script)
        monkeypatch.setenv("PATH", str(tmp_path / tools))
        build_inplace.build()
    steps = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert steps == ["first -S", "first --build", "first --build", "second -S", "second --build"]


def test_an_editable_install_is_a_path_that_pythonpath_goes_before(tmp_path: Path) -> None:
    """The finder of scikit-build-core is asked first: tests of another checkout would run on this one."""
    finder, info = "_editable_skbc_automl_explain", "automl_explain-0.1.0.dist-info"
    made = {
        f"{finder}.py": "sys.meta_path",
        f"{finder}.pth": f"import {finder}\n/a checkout\n",
        f"{info}/WHEEL": "Tag: x\n",
    }
    wheel = tmp_path / "automl_explain-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**made, f"{info}/RECORD": "old"}.items():
            archive.writestr(name, text)
    build_tool("editable").leave_a_path_alone(wheel)
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    record = found.pop(f"{info}/RECORD").splitlines()
    assert found == {f"{info}/WHEEL": "Tag: x\n", "automl_explain.pth": "/a checkout\n"}
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"Tag: x\n").digest()).decode().rstrip("=")
    assert record[0] == f"{info}/WHEEL,sha256={digest},7"
    assert [line.partition(",")[0] for line in record[1:]] == ["automl_explain.pth", f"{info}/RECORD"]
