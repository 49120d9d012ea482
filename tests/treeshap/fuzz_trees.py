"""Mutated tree arrays and scoring files: each is refused with our error, or explained as the mutated trees say.

Run as a script, in a process of its own, so that a crash or a lack of memory is seen:
``python tests/treeshap/fuzz_trees.py KIND COUNT SEED`` prints how many mutations had which outcome, as JSON.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import io
import json
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from made_trees import exact_values, goes_left, make_rows, make_trees
from sklearn.tree import DecisionTreeRegressor

from automl_explain import TreeExplainer, TreeScoringExplainer, load, save
from automl_explain.exceptions import CorruptFileError, UnsupportedModelError
from automl_explain.treeshap import Engine, Interactions, Players, TreeEnsemble, warm_up

ROOM = 2**30  # bytes that a mutation may take
SLOW = 10.0  # seconds of CPU that one may take; usual are hundredths


def mutated(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The array with one or two entries changed, or of another length, order or type."""
    kind = rng.choice(["entry", "entry", "entry", "entry", "two", "shorter", "longer", "order", "type", "constant"])
    array = array.copy()
    if kind == "shorter":
        return array[: rng.integers(len(array) + 1)]
    if kind == "longer":
        return np.append(array, array[: 1 + rng.integers(3)])
    if kind == "order":
        return rng.permutation(array)
    if kind == "type":
        return array.astype(rng.choice(["i8", "i4", "f8", "f4", "?", "u1", ">i4", ">f8"]))
    if not len(array):
        return array
    if kind == "constant":
        return np.full_like(array, array[rng.integers(len(array))])
    for _ in range(2 if kind == "two" else 1):
        at = rng.integers(len(array))
        if array.dtype == bool:
            array.view(np.uint8)[at] = rng.choice([0, 1, 2, 255])
        else:
            array[at] = _another(array, at, rng)
    return array


def _another(array: np.ndarray, at: int, rng: np.random.Generator) -> Any:
    own, other = array[at], array[rng.integers(len(array))]
    if array.dtype.kind == "f":
        return rng.choice(
            [
                np.nan,
                np.inf,
                -np.inf,
                0.0,
                -own,
                2 * own,
                own + 1,
                own * 1.005,
                other,
                5e-324,
                1e299,
                1e308,
                rng.normal(),
            ]
        )
    bounds = np.iinfo(array.dtype)
    given = [0, 1, int(own) - 1, int(own) + 1, -int(own), int(other), -1, bounds.min, bounds.max, len(array)]
    given += [int(own) ^ (1 << int(rng.integers(bounds.bits))), int(rng.integers(-100, 100))]
    return np.array(int(rng.choice(given, 1)[0])).astype(array.dtype)


def mutated_text(text: str, rng: np.random.Generator) -> str:
    """LightGBM's text with a number, a line or a part changed."""
    kind = rng.choice(["number", "number", "number", "number", "line", "twice", "cut", "character", "swap"])
    lines = text.split("\n")
    at = int(rng.choice([i for i, line in enumerate(lines) if "=" in line]))
    key, _, rest = lines[at].partition("=")
    words = rest.split(" ")
    if kind == "number":
        one, other = (int(rng.integers(len(words))) for _ in range(2))
        words[one] = str(rng.choice(
            ["0", "1", "-1", "2", "-5", "7", "nan", "inf", "1e308", "4294967296", "99999999999", "0.5", "", "x", "1 1",
             words[other], "9" * 30, "-" + words[one], words[one] + "1", "16", "10"]
        ))  # fmt: skip
        lines[at] = key + "=" + " ".join(words)
    elif kind == "swap":
        lines[at] = key + "=" + " ".join(rng.permutation(words))
    elif kind == "line":
        del lines[at]
    elif kind == "twice":
        lines[at:at] = lines[at : at + int(rng.integers(1, 30))]
    text = "\n".join(lines)
    place = int(rng.integers(len(text)))
    if kind == "cut":
        return text[:place] + text[place + int(rng.integers(1, 200)) :]
    if kind == "character":
        return text[:place] + chr(int(rng.integers(32, 127))) + text[place + 1 :]
    return text


def check(trees: TreeEnsemble, X: np.ndarray, values: np.ndarray, margins: np.ndarray) -> None:
    """Compare values (n_outputs, n_rows, n_features) and margins (n_rows, n_outputs) with those by definition."""
    largest = np.maximum.reduceat(np.abs(trees.value), trees.offsets[:-1]) if trees.n_trees else np.zeros(1)
    size = largest.sum() + np.abs(trees.base).max()  # of what is added up: the sum may cancel
    wanted = exact_values(trees, X, np.arange(trees.n_features))
    assert np.isfinite(values).all(), "values are not finite"
    # Some hundred additions of doubles, which hold 1e-16.
    assert np.abs(values - wanted).max() <= 1e-12 * size, "values are not those of the trees"
    assert np.abs(margins - _walked(trees, X)).max() <= 1e-12 * size, "margins are not those of the trees"
    pairs = Interactions(trees, Players.engineered(trees.n_features), n_jobs=1).values(X)
    assert np.isfinite(pairs).all(), "interactions are not finite"
    assert np.abs(pairs.sum(axis=-1) - wanted).max() <= 1e-11 * size, "interactions do not add up to the values"


def _walked(trees: TreeEnsemble, X: np.ndarray) -> np.ndarray:
    """Margins by a walk of every row through every tree."""
    found = np.tile(trees.base, (len(X), 1))
    for root, output in zip(trees.offsets[:-1].tolist(), trees.output, strict=True):
        for i, row in enumerate(X):
            node = root
            while trees.feature[node] >= 0:
                left = goes_left(trees, node, row[trees.feature[node], None])[0]
                node = (trees.left if left else trees.right)[node]
            found[i, output] += trees.value[node]
    return found


def made(seed: int, *, n_outputs: int = 1) -> TreeEnsemble:
    """Trees with every kind of split."""
    return make_trees(seed, n_trees=3, depth=4, n_outputs=n_outputs, categories=(4, 5), words=2)


# One mutation each: gives its outcome, or raises where it is neither refused by name nor explained rightly


def try_arrays(seed: int) -> str:
    """Arrays that a `TreeEnsemble` is built from."""
    rng = np.random.default_rng(seed)
    trees = made(seed // 20, n_outputs=2)
    X = make_rows(seed, trees)
    arrays = dict(trees.arrays())
    name = str(rng.choice(list(arrays)))
    arrays[name] = mutated(arrays[name], rng)
    try:
        trees = TreeEnsemble(**arrays, n_features=trees.n_features)
    except UnsupportedModelError:
        return "refused"
    for max_bytes in (2**20, 0):  # with tables, and with branches alone
        engine = Engine(trees, Players.engineered(trees.n_features), n_jobs=1, max_bytes=max_bytes)
        check(trees, X, engine.values(X), trees.predict(X))
        check(trees, X[:1], engine.values(X[:1]), trees.predict(X[:1]))
    return "explained"


def try_array_file(seed: int) -> str:
    """A scoring file whose trees are arrays."""
    rng = np.random.default_rng(seed)
    arrays = made(seed // 20).arrays()
    members = {f"trees_{name}.npy": _npy(array) for name, array in arrays.items()}
    name = str(rng.choice(list(arrays)))
    data = bytearray(_npy(mutated(arrays[name], rng)))
    if rng.random() < 0.2:  # the header, too
        data[rng.integers(len(data))] = rng.integers(256)
    return _load({**members, f"trees_{name}.npy": bytes(data)}, {"n_models": 0}, seed)


def try_text_file(seed: int) -> str:
    """A scoring file whose trees are LightGBM's text."""
    text = mutated_text(_lightgbm_text(), np.random.default_rng(seed))
    return _load({"trees_0.txt": text.encode()}, {"n_models": 1}, seed)


def _load(trees: dict[str, bytes], described: dict[str, Any], seed: int) -> str:
    members = {name: data for name, data in _saved().items() if not name.startswith("trees_")} | trees
    members["explainer.json"] = json.dumps(json.loads(members["explainer.json"]) | described).encode()
    manifest = json.loads(members.pop("manifest.json"))
    manifest["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(folder, "scoring_explainer.aex"), "w") as archive:
            for name, data in {**members, "manifest.json": json.dumps(manifest).encode()}.items():
                archive.writestr(name, data)
        try:
            scoring = load(folder)
        except CorruptFileError:
            return "refused"
    ensemble = scoring.source.trees.ensemble
    X = make_rows(seed, ensemble)
    check(ensemble, X, scoring.explain(X)[None], scoring.predict_output(X))
    return "explained"


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


@functools.cache
def _saved() -> dict[str, bytes]:
    """Members of a scoring file of a model with one output and six features."""
    X = np.random.default_rng(0).normal(size=(50, 6))
    explainer = TreeExplainer(DecisionTreeRegressor(max_depth=2).fit(X, X[:, 0]), initialization_examples=X)
    with tempfile.TemporaryDirectory() as folder:
        path = save(TreeScoringExplainer(explainer), Path(folder, "saved"))
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@functools.cache
def _lightgbm_text() -> str:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    X[:, 4] = rng.integers(0, 40, 400)
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 4]) + X[:, 2]
    X[rng.random(X.shape) < 0.1] = np.nan
    params = {"num_leaves": 8, "verbose": -1, "num_threads": 1, "min_data_per_group": 5, "zero_as_missing": True}
    booster = lgb.train(params, lgb.Dataset(X, y, categorical_feature=[4]), 3)
    return str(booster.model_to_string())


KINDS: dict[str, Callable[[int], str]] = {
    "arrays": try_arrays,
    "array-files": try_array_file,
    "text-files": try_text_file,
}


def main(kind: str, count: int, seed: int) -> dict[str, Any]:
    """Try so many mutations; gives how many had which outcome, the slowest, and the memory that was needed."""
    warnings.simplefilter("ignore")
    warm_up()
    KINDS[kind](seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, most))
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for number in range(seed, seed + count):
        start = time.process_time()
        try:
            outcomes[KINDS[kind](number)] += 1
        except Exception as error:
            raise AssertionError(f"mutation {number} of {kind}: {error!r}") from error
        slowest = max(slowest, time.process_time() - start)
        assert slowest < SLOW, f"mutation {number} of {kind} took {slowest:.0f} s"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {**outcomes, "slowest_seconds": round(slowest, 3), "megabytes": round(grown)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
