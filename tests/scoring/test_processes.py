"""Scoring explainers in processes that are forked and spawned while threads of the parent explain."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import automl_explain
from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, TreeScoringExplainer, save

ROOT = Path(automl_explain.__file__).parent.parent

# Threads of the parent explain without a pause: single rows, and as many as get threads of their own. Tables of raw
# columns are made anew all the time, so that children are also born while a lock is held.
SCRIPT = """
import hashlib
import multiprocessing
import sys
import threading
import warnings

import numpy as np

from automl_explain import load

rng = np.random.default_rng(1)
X = rng.normal(size=(9000, 6))


def digest(scoring):
    found = hashlib.sha256()
    for raw in (False, True):
        for rows in (X[:1], X):
            found.update(scoring.explain(rows, get_raw=raw).tobytes())
    return found.hexdigest()


def child(queue, scoring):
    queue.put(digest(scoring))


def work(folder, scoring, stop):
    while not stop.is_set():
        scoring.explain(X)
        load(folder).explain(X[:1], get_raw=True)


def main(method, folder):
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    scoring, fresh = load(folder), load(folder)
    wanted = digest(scoring)
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(folder, each, stop)) for each in (scoring, fresh)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context(method)
    try:
        for each in (scoring, fresh, load(folder)):
            queue = context.Queue()
            process = context.Process(target=child, args=(queue, each))
            process.start()
            assert queue.get(timeout=60) == wanted
            process.join(60)
            assert process.exitcode == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert digest(scoring) == wanted
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X = np.random.default_rng(0).normal(size=(2000, 6))
    args = {"n_estimators": 10, "num_leaves": 7}
    explainer = MimicExplainer(
        lambda rows: rows[:, 0] * 2 + (rows[:, 1] > 0) + rows[:, 2] * (rows[:, 3] > 0),
        X,
        LGBMExplainableModel,
        args,
        is_function=True,
        augment_data=False,
    )
    maps = [FeatureMap.from_matrix([[1, 1, 0, 0, 1, 0], [0, 1, 1, 1, 0, 1]])]
    made = tmp_path_factory.mktemp("processes") / "scorer"
    save(TreeScoringExplainer(explainer, feature_maps=maps), made)
    return made


@pytest.mark.filterwarnings("ignore:The surrogate reproduces:automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_born_while_threads_explain_give_the_same_bits(method: str, folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AUTOML_EXPLAIN_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), method, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )
    assert done.stdout == "ok\n", done.stderr
