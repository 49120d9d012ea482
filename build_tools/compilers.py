"""Finds a C++ compiler, or makes one of zig, which pip installs where the machine has none.

zig is a whole C and C++ compiler in a Python package. CMake wants the path of a program, so it is run through scripts:
`cc` and `c++` are both `zig cc`, which compiles C++ and does not link (nor first compile) its standard library.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ZIG = "ziglang>=0.15,<0.18"
CHOICES = ("CC", "CXX", "CMAKE_TOOLCHAIN_FILE")  # the environment variables that choose a compiler

# What the engine takes for granted: C++20 as GCC 9 has it, vector types, and the headers of C.
_TRIAL = """
#include <stdlib.h>
#include <string.h>
typedef double vector __attribute__((vector_size(32)));
extern "C" void *run(vector *a) { auto twice = []<class T>(T x) { return x + x; }; *a = twice(*a); return malloc(1); }
"""


def needs_zig() -> bool:
    """Whether no compiler was chosen by the environment and none that is on the PATH can compile the engine."""
    return not _is_chosen() and _found() is None


def settings(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Environment variables and arguments of CMake that make it use the compiler found, or zig (scripts in it)."""
    if _is_chosen():
        return {}, []
    found = _found()
    # By name, since CMake would take the first one, whether it works or not, and Visual C++ on Windows.
    return _zig(folder / "zig") if found is None else (dict(zip(("CC", "CXX"), found, strict=True)), [])


def _is_chosen() -> bool:
    return any(os.environ.get(name) for name in CHOICES) or "CMAKE_CXX_COMPILER" in os.environ.get("CMAKE_ARGS", "")


def _found() -> tuple[str, str] | None:
    """The first compilers of C and C++ on the PATH of which the latter compiles and links the trial."""
    windows = sys.platform == "win32"
    names = [("clang-cl", "clang-cl")] if windows else [("cc", "c++"), ("gcc", "g++"), ("clang", "clang++")]
    for c, cxx in names:
        paths = shutil.which(c), shutil.which(cxx)
        if paths[0] and paths[1] and _works(paths[1]):
            return paths[0], paths[1]
    return None


def _works(compiler: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "trial.cpp")
        source.write_text(_TRIAL, encoding="utf-8")
        arguments = (
            ["/std:c++20", "/LD"] if sys.platform == "win32" else ["-std=c++2a", "-shared", "-fPIC", "-o", "trial"]
        )
        done = subprocess.run([compiler, *arguments, str(source)], cwd=folder, capture_output=True, check=False)
        return done.returncode == 0


def _zig(folder: Path) -> tuple[dict[str, str], list[str]]:
    found = importlib.util.find_spec("ziglang")
    if found is None or not found.submodule_search_locations:
        raise SystemExit(
            "No C++ compiler (C++20: GCC 9, Clang 10 or later) was found on the PATH. Install one, name one by the "
            f"environment variables CC and CXX, or `pip install '{ZIG}'`."
        )
    zig = Path(found.submodule_search_locations[0], "zig.exe" if sys.platform == "win32" else "zig")
    # Without `-mcpu=baseline` zig compiles for the processor of this machine, and a wheel may go to another.
    scripts = {
        "cc": _script(zig, "cc -mcpu=baseline"),
        "c++": _script(zig, "cc -mcpu=baseline"),
        "ar": _script(zig, "ar"),
        "ranlib": _script(zig, "ranlib"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, text in scripts.items():
        paths[name] = folder / (f"{name}.cmd" if sys.platform == "win32" else name)
        paths[name].write_text(text, encoding="utf-8")
        paths[name].chmod(0o755)
    variables = {"CC": str(paths["cc"]), "CXX": str(paths["c++"])}
    if not _can_cache():
        variables["ZIG_GLOBAL_CACHE_DIR"] = str(folder / "cache")
    return variables, [f"-DCMAKE_AR={paths['ar']}", f"-DCMAKE_RANLIB={paths['ranlib']}"]


def _script(zig: Path, command: str) -> str:
    if sys.platform == "win32":
        return f'@"{zig}" {command} %*\n'
    return f'#!/bin/sh\nexec {shlex.quote(str(zig))} {command} "$@"\n'


def _can_cache() -> bool:
    """Whether zig can keep what it compiles for all builds (its C library) in its usual folder of caches."""
    if sys.platform == "win32" or os.environ.get("ZIG_GLOBAL_CACHE_DIR"):
        return True
    home = os.environ.get("HOME")
    folder = os.environ.get("XDG_CACHE_HOME") or (home and Path(home, ".cache"))
    if not folder:
        return False
    try:
        Path(folder, "zig").mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(Path(folder, "zig"), os.W_OK)
