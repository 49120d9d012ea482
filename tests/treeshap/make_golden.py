"""Exact bits of the values of made ensembles, which every processor level, number of rows and of threads must give.

``python tests/treeshap/make_golden.py`` writes them anew, for a change that changes the last bits on purpose;
with ``--print`` they are printed, of the level that AUTOML_EXPLAIN_PROCESSOR names. ``test_golden_values`` compares.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from made_trees import make_rows, make_trees

from automl_explain.treeshap import Engine, Interactions, Players

GOLDEN = Path(__file__).with_name("golden") / "values.json"
MANY = 4099  # enough for several threads, and no whole number of blocks

_WIDE: dict[str, Any] = {"n_features": 9, "depth": 8, "n_trees": 6, "n_leaves": 40, "n_outputs": 2}
_WEIGHTS = [[0.5, 0, 0, 0, 1, 0, 0, 0, 0], [0.5, 1, 0, 1, 0, 0, 0.25, 0, 0], [0, 0, 0, 0, 0, 1, 0.75, 0, 1]]
# name -> arguments of `make_trees`, players, and bytes for tables as a share of all that are wanted
CASES: dict[str, tuple[dict[str, Any], Players, float]] = {
    "numbers": ({"n_trees": 12, "depth": 5}, Players.engineered(6), 1.0),
    "categories": ({"n_trees": 8, "categories": (1, 4), "words": 3}, Players.engineered(6), 1.0),
    "several outputs": (_WIDE, Players.engineered(9), 1.0),
    "some leaves walked": ({**_WIDE, "categories": (3,)}, Players.engineered(9), 0.25),
    "all leaves walked": ({**_WIDE, "categories": (3,)}, Players.engineered(9), 0.0),
    "groups": ({**_WIDE, "n_outputs": 1}, Players.grouped([0, 0, 1, 2, 1, 3, 3, 3, 2]), 1.0),
    "groups, walked": ({**_WIDE, "n_outputs": 1}, Players.grouped([0, 0, 1, 2, 1, 3, 3, 3, 2]), 0.0),
    "folded weights": (_WIDE, Players.folded(_WEIGHTS), 1.0),
    "raw players, some walked": (_WIDE, Players.raw(_WEIGHTS), 0.25),
    "deep": ({"n_features": 24, "depth": 20, "n_leaves": 60, "distinct": True}, Players.engineered(24), 1.0),
    "many cuts": ({"n_features": 3, "depth": 3, "n_trees": 200, "digits": 5}, Players.engineered(3), 1.0),
}


def golden() -> dict[str, Any]:
    """Of every case the sha256 of what goes in and of interactions, and values and margins as hexadecimal numbers."""
    return {name: _bits(seed, *case) for seed, (name, case) in enumerate(CASES.items())}


def _bits(seed: int, shape: dict[str, Any], players: Players, share: float) -> dict[str, Any]:
    trees = make_trees(seed, **shape)
    X = make_rows(seed, trees)
    needed = Engine(trees, players, n_jobs=1).prepared.nbytes
    engine = Engine(trees, players, n_jobs=3, max_bytes=int(share * needed))
    values = _agreed(engine, X)
    single = Engine(trees, players, n_jobs=1).values(X.astype(np.float32))
    margins = trees.predict(X)
    return {
        "inputs": _digest(*trees.arrays().values(), X),
        "values": _hexadecimal(values),
        "values of float32": _hexadecimal(single),
        "expected values": _hexadecimal(engine.expected_values),
        "margins": _hexadecimal(margins),
        "interactions": _digest(Interactions(trees, players, n_jobs=1).values(X)),
    }


def _agreed(engine: Engine, X: np.ndarray) -> np.ndarray:
    """Values that one row, many rows, sparse rows and several threads give alike."""
    values = np.concatenate([np.stack(engine.values_and_remainder(X[i : i + 1])[0]) for i in range(len(X))], axis=1)
    of_row = np.arange(MANY) % len(X)
    one_thread = engine.values(X)
    threads = engine.values(X[of_row])
    engine.n_jobs = 1
    for found in (
        one_thread,
        threads[:, : len(X)],
        engine.values(sp.csr_matrix(X)),
        engine.values(np.asfortranarray(X)),
    ):
        np.testing.assert_array_equal(found, values)
    for found in (threads, engine.values(X[of_row]), engine.values(sp.csr_matrix(X[of_row]))):
        np.testing.assert_array_equal(found, values[:, of_row])
    return values


def _digest(*arrays: np.ndarray) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()


def _hexadecimal(values: np.ndarray) -> list[str]:
    return [value.hex() for value in values.ravel().tolist()]


if __name__ == "__main__":
    text = json.dumps(golden(), indent=0)
    if sys.argv[1:] == ["--print"]:
        print(text)
    else:
        GOLDEN.write_text(text + "\n", encoding="utf-8")
