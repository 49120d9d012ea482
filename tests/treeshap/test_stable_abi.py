"""The module built without Python's C headers, from its own declarations of the stable ABI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import make_golden
import pytest

import automl_explain

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [
    pytest.mark.skipif(not (ROOT / "CMakeLists.txt").exists(), reason="these tests have no sources to build"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows needs the import library that comes with the headers"),
    pytest.mark.skipif(
        not (shutil.which("cmake") and shutil.which("ninja") and shutil.which("c++")),
        reason="CMake, Ninja and a compiler are not on the PATH",
    ),
]


def configured(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", f"-DPython_EXECUTABLE={sys.executable}"]
    command += ["-DAUTOML_EXPLAIN_OWN_HEADERS=ON"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="free-threaded: no stable ABI")
def test_a_module_built_without_headers_gives_the_golden_bits(tmp_path: Path) -> None:
    done = configured(tmp_path / "build")
    assert done.returncode == 0, done.stderr
    assert "Building without the C headers of Python" in done.stdout
    subprocess.run(["cmake", "--build", str(tmp_path / "build")], check=True)
    package = tmp_path / "package" / "automl_explain"
    source = Path(automl_explain.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("_native*", "native", "__pycache__"))
    module = shutil.copy(tmp_path / "build" / "_native.abi3.so", package / "treeshap")

    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    code = "from automl_explain.treeshap import _native; print(_native.__file__)"
    found = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True)
    assert found == f"{module}\n"
    golden = subprocess.check_output([sys.executable, make_golden.__file__, "--print"], env=environment, cwd=tmp_path)
    assert json.loads(golden) == json.loads(make_golden.GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="has the stable ABI")
def test_a_free_threaded_python_says_which_package_it_needs(tmp_path: Path) -> None:
    done = configured(tmp_path)
    assert done.returncode == 1
    assert "C headers of Python" in done.stderr
    assert "python3-dev" in done.stderr
