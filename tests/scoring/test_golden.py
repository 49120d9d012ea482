"""Files written by older versions are read as they were meant.

Each golden file was written when its format was the current one, from the wrapper of `models` for two
classes in a frame with a surrogate of 6 trees x 6 leaves (automl_explain 0.1.0, lightgbm 4.7.0). A format that is
raised leaves its last file here; a file is never written anew. That of format 3 holds the trees of format 2 as
arrays.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import CLASSES, NAMES, RAW_NAMES

from automl_explain import load
from automl_explain.scoring import FORMAT_VERSION

GOLDEN = Path(__file__).parent / "golden"

ENGINEERED = [
    [0.46474118015348587, 0.4466636086341435, -0.03627019506381377, 0.4385414208371422],
    [-0.7265365222274992, -0.2598631342435933, 0.1877519944908069, 0.041583216233688235],
]
GROUPED = [
    [0.9002687473362365, -0.018394878643970002, 0.43180214586869137],
    [-0.8971644911243959, 0.09054340795833651, 0.04955663741946209],
]
#: Format -> way to raw values, and those of the second class.
RAW: dict[int, tuple[str, Any]] = {
    1: (
        "folded",
        [
            [0.8932696912557224, -0.018135097531906886, 0.4385414208371422],
            [-0.8925236592256891, 0.09387599724540345, 0.041583216233688235],
        ],
    ),
    2: ("grouped", GROUPED),
    3: ("grouped", GROUPED),
}


@pytest.fixture
def X() -> pd.DataFrame:
    """Two rows, with a missing number and a missing category."""
    colours = pd.Categorical(["red", None], ["red", "green", "blue"])
    return pd.DataFrame({"x0": [0.5, -1.0], "x1": [-0.25, np.nan], "x2": [0.0, 2.0], "x3": colours})


@pytest.mark.parametrize("version", sorted(RAW))
def test_a_file_of_an_older_format_gives_the_numbers_it_was_written_with(version: int, X: pd.DataFrame) -> None:
    """Values are sums of a few numbers of size 1, so 1e-12 leaves room for another order of them alone."""
    scoring = load(GOLDEN / f"format_{version}.aex")
    raw_method, raw = RAW[version]
    np.testing.assert_allclose(scoring.explain(X)[1], ENGINEERED, atol=1e-12)
    np.testing.assert_allclose(scoring.explain(X, get_raw=True)[1], raw, atol=1e-12)
    np.testing.assert_allclose(scoring.expected_values, [-0.1708817846447825, 0.1708817846447825], atol=1e-12)
    assert scoring.raw_method == raw_method
    assert (scoring.classes, scoring.engineered_features) == (CLASSES["binary"], NAMES)
    assert (scoring.raw_features, scoring.method) == (RAW_NAMES, "mimic.lightgbm")
    assert str(scoring.fidelity) == "R2 0.862 of probability on 80 held-out rows, agreement 91.2 %"


def test_every_format_has_its_golden_file() -> None:
    versions = {}
    for path in GOLDEN.iterdir():
        with zipfile.ZipFile(path) as archive:
            versions[path.name] = json.loads(archive.read("manifest.json"))["format_version"]
    assert versions == {f"format_{v}.aex": v for v in range(1, FORMAT_VERSION + 1)}
