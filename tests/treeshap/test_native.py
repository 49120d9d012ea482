"""The compiled module: which kernels it picks, and how another choice is made."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from automl_explain.treeshap import _native

ALL = ("x86-64-v2", "x86-64-v3", "x86-64-v4")


def loaded_with(processor: str) -> subprocess.CompletedProcess[str]:
    code = "from automl_explain.treeshap import _native; print(_native.level())"
    environment = {**os.environ, "AUTOML_EXPLAIN_PROCESSOR": processor}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_the_levels_of_this_machine_start_at_the_least_of_its_family() -> None:
    levels = _native.levels()
    assert levels in (ALL[:1], ALL[:2], ALL, ("neon",), ("generic",))
    assert _native.level() in levels


@pytest.mark.parametrize("level", _native.levels())
def test_the_environment_chooses_the_level(level: str) -> None:
    assert loaded_with(level).stdout == f"{level}\n"


def test_without_a_choice_the_best_level_is_used() -> None:
    assert loaded_with("").stdout == f"{_native.levels()[-1]}\n"


@pytest.mark.parametrize("name", ["x86-64-v5", "v3", "avx2", "x86-64-v3 ", "ä"])
def test_an_unknown_level_is_refused_with_the_choices(name: str) -> None:
    refused = loaded_with(name)
    assert refused.returncode == 1
    assert f"ImportError: The environment variable AUTOML_EXPLAIN_PROCESSOR is '{name}'" in refused.stderr
    assert f"Set it to one of {', '.join(_native.levels())}, or unset it" in refused.stderr
