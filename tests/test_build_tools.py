"""The build tools: which compiler they choose, and when they start anew."""

from __future__ import annotations

import importlib.util
import stat
import subprocess
import sys
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
    spec = importlib.util.spec_from_file_location("compilers", ROOT / "build_tools" / "compilers.py")
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
    put_program(tmp_path, "c++", "exit 1")  # as /usr/bin/cc of a Mac without the command line tools
    assert compilers.needs_zig()
    put_program(tmp_path, "clang++", "exit 0")
    assert not compilers.needs_zig()


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
    spec = importlib.util.spec_from_file_location("build_inplace", ROOT / "build_tools" / "build_inplace.py")
    assert spec is not None
    assert spec.loader is not None
    build_inplace = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_inplace)
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
