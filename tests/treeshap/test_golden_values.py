"""Values to the last bit, at every processor level that this machine can run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import make_golden
import pytest
from make_golden import CASES, GOLDEN

from automl_explain.treeshap import _native


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    assert GOLDEN.is_file(), "the golden values are missing; `python tests/treeshap/make_golden.py` writes them"
    found: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert list(found) == list(CASES)
    return found


@pytest.mark.parametrize("level", _native.levels())
def test_every_level_gives_the_golden_bits(level: str, golden: dict[str, Any]) -> None:
    """One row or many, dense or sparse, one thread or three: `make_golden` compares these itself."""
    command = [sys.executable, str(Path(make_golden.__file__)), "--print"]
    environment = {**os.environ, "AUTOML_EXPLAIN_PROCESSOR": level}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    for name, wanted in golden.items():
        assert found[name]["inputs"] == wanted["inputs"], (
            f"{name}: other trees or rows are made than when it was written"
        )
        for part, values in wanted.items():
            assert found[name][part] == values, f"{part} of {name} differ in their bits"
