"""What every test has: one thread, no progress bars, a seed of its own."""

from __future__ import annotations

import os

# Set before numpy and LightGBM start their thread pools: results then do not hang on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np
import pytest


@pytest.fixture
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of sparse rows stay sparse, as those of more than 100 MB do."""
    monkeypatch.setattr("automl_explain.explanation._values.MAX_DENSE_BYTES", 0)


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded generator of random numbers."""
    return np.random.default_rng(0)
