"""How much of the package one use of it passes: functions and files with a function that ran.

``python benchmarks/house.py`` explains a small FLAML model through the API and through the command line, each in a
fresh process, and prints one JSON object. Importing a module counts for nothing, and neither do lambdas and
generator expressions; every named function and method of the package that is called counts once. Reading the cuts of
trees as ranks does not count: it runs when the first rows are explained, and is the same for every way there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import automl_explain

PACKAGE = Path(automl_explain.__file__).parent
LEFT_OUT = ("treeshap/_columns.py",)  # part of the preparation of the engine's tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "flow", nargs="?", choices=("api", "explain"), help="only this one, with the names of all files"
    )
    only = parser.parse_args().flow
    if only is not None:
        print(json.dumps({"api": api, "explain": explain}[only]()))
        return
    flows = {name: in_a_fresh_process(name) for name in ("api", "explain")}
    counts = {name: {k: found[k] for k in ("functions", "files")} for name, found in flows.items()}
    print(json.dumps({**counts, "left out": LEFT_OUT}, indent=1))


def in_a_fresh_process(flow: str) -> dict[str, Any]:
    """What one flow passes; fresh, because caches that another one filled would hide functions."""
    command = [sys.executable, __file__, flow]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the flow {flow!r} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def passed(flow: Callable[[], object]) -> dict[str, Any]:
    """Functions and files of the package that are passed while ``flow`` runs, in all threads."""
    seen: set[CodeType] = set()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        flow()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    by_file: dict[str, list[str]] = {}
    for code in seen:
        path = Path(code.co_filename)
        # Modules, lambdas and comprehensions have names in angle brackets; class bodies have no fast locals.
        if path.is_relative_to(PACKAGE) and not code.co_name.startswith("<") and code.co_flags & 0x2:
            by_file.setdefault(path.relative_to(PACKAGE).as_posix(), []).append(code.co_qualname)
    for name in LEFT_OUT:
        by_file.pop(name, None)
    return {
        "functions": sum(map(len, by_file.values())),
        "files": len(by_file),
        "by file": {name: sorted(by_file[name]) for name in sorted(by_file)},
    }


def api() -> dict[str, Any]:
    """Setup, surrogate, both explanations, scoring explainer and its file; fitting FLAML is not counted."""
    from flaml import AutoML

    from automl_explain import (
        LGBMExplainableModel,
        MimicWrapper,
        automl_setup_model_explanations,
        save,
    )
    from automl_explain.datasets import make_mixed_table

    made = make_mixed_table(n_rows=600, random_state=0)
    X_train, X_test, y_train = made.X[:450], made.X[450:], made.y[:450]
    automl = AutoML()
    start = {"lgbm": {"n_estimators": 10, "num_leaves": 6, "min_child_samples": 20}}
    once = {"time_budget": -1, "max_iter": 1, "estimator_list": ["lgbm"], "starting_points": start}
    automl.fit(X_train, y_train, task="classification", n_jobs=1, verbose=0, seed=0, **once)

    def flow(folder: str) -> None:
        setup = automl_setup_model_explanations(automl, X=X_train, X_test=X_test, y=y_train, task="classification")
        explainer = MimicWrapper(
            None,
            setup.automl_estimator,
            LGBMExplainableModel,
            setup.surrogate_model_params,
            init_dataset=setup.X_transform,
            features=setup.engineered_feature_names,
            feature_maps=[setup.feature_map],
            classes=setup.classes,
        )
        kinds = ["local", "global"]
        explainer.explain(kinds, eval_dataset=setup.X_test_transform)
        raw_rows = {"raw_feature_names": setup.raw_feature_names, "raw_eval_dataset": setup.X_test_raw}
        explainer.explain(kinds, eval_dataset=setup.X_test_transform, get_raw=True, **raw_rows)
        scoring = explainer.create_scoring_explainer()
        save(scoring, directory=folder, exist_ok=True)

    with tempfile.TemporaryDirectory() as folder:
        return passed(lambda: flow(folder))


def explain() -> dict[str, Any]:
    """``automl-explain explain`` on a file of mixed columns."""
    from automl_explain.cli import main as command
    from automl_explain.datasets import make_mixed_table

    made = make_mixed_table(n_rows=600, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.csv")
        made.X.assign(target=made.y).to_csv(table, index=False)
        options = ["--target", "target", "--time-budget", "1", "--out", str(Path(folder, "out"))]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            found = passed(lambda: command(["explain", str(table), *options]))
        if "R2" not in said.getvalue():
            raise RuntimeError(f"the command explained nothing:\n{said.getvalue()}")
        return found


if __name__ == "__main__":
    main()
