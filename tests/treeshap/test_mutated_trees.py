"""Mutated tree arrays and scoring files, each kind in a process of its own: see `fuzz_trees`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fuzz_trees import KINDS


def run(kind: str, count: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("fuzz_trees.py")), kind, str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120 + count, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["refused"] + found["explained"] == count
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded as on Linux")
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_trees_are_refused_or_explained_as_they_are(kind: str) -> None:
    found = run(kind, 300, 0)
    assert min(found["refused"], found["explained"]) > 50  # both are tried
    assert found["megabytes"] < 100


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded as on Linux")
@pytest.mark.parametrize("kind", KINDS)
def test_many_mutated_trees(kind: str) -> None:
    """As many as ``AUTOML_EXPLAIN_FUZZ`` says, by default 5,000: about a minute."""
    assert run(kind, int(os.environ.get("AUTOML_EXPLAIN_FUZZ", "5000")), 10_000)["megabytes"] < 100
