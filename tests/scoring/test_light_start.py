"""A fresh process reads a scoring explainer and explains a numpy row with numpy and this package alone."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

import automl_explain
from automl_explain import (
    FeatureMap,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    LinearScoringExplainer,
    MimicExplainer,
    TreeExplainer,
    TreeScoringExplainer,
    save,
)
from automl_explain.exceptions import LowFidelityWarning

ROOT = Path(automl_explain.__file__).parent.parent
FORBIDDEN = ("scipy", "sklearn", "pandas", "lightgbm", "shap", "numba", "llvmlite", "joblib")
MOST_MODULES = 150  # of numpy and of this package together
N_FEATURES = 4

# What a service does: read the file, explain one row. Prints the values, and what was imported for them.
START = """
import sys
sys.path.insert(0, {root!r})
import json
import numpy as np
from automl_explain import load
scoring = load({folder!r})
values = scoring.explain(np.array([[0.25, -1.0, 2.0, 0.5]]), **{arguments!r})
print(json.dumps([values.tolist(), sorted(sys.modules)]))
"""


def model(task: str, X: np.ndarray) -> Any:
    margin = X[:, 0] - X[:, 1] * 2 + X[:, 2]
    if task == "regression":
        return LinearRegression().fit(X, margin)
    return LogisticRegression().fit(X, margin > 0 if task == "binary" else np.digitize(margin, [-1, 1]))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[Any, str]]:
    """(kind, task) -> scoring explainer and the folder of its file."""
    X = np.random.default_rng(0).normal(size=(300, N_FEATURES))
    fm = FeatureMap.from_matrix([[1, 1, 0, 1], [0, 0, 1, 1]], raw_names=["a", "b"])
    forests = {
        "regression": ExtraTreesRegressor,
        "binary": RandomForestClassifier,
        "multiclass": ExtraTreesClassifier,
    }
    found: dict[tuple[str, str], tuple[Any, str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        for task in ("regression", "binary", "multiclass"):
            linear = LinearExplainer(model(task, X), X)
            found["linear", task] = LinearScoringExplainer(linear, feature_maps=[fm]), ""
            few = {"n_estimators": 4, "num_leaves": 5, "n_jobs": 1}
            trees = MimicExplainer(model(task, X), X, LGBMExplainableModel, few, augment_data=False)
            found["tree", task] = TreeScoringExplainer(trees, feature_maps=[fm]), ""
            found["tree without a map", task] = TreeScoringExplainer(trees), ""
            forest = forests[task](n_estimators=3, max_depth=3, random_state=0).fit(X, model(task, X).predict(X))
            found["forest", task] = TreeScoringExplainer(TreeExplainer(forest), feature_maps=[fm]), ""
            simple = MimicExplainer(model(task, X), X, LinearExplainableModel, augment_data=False)
            found["linear surrogate", task] = LinearScoringExplainer(simple, feature_maps=[fm]), ""
            found["grouped tree", task] = TreeScoringExplainer(trees, feature_maps=[fm], raw_method="grouped"), ""
    folder = tmp_path_factory.mktemp("light")
    return {key: (one, str(Path(save(one, folder / " ".join(key))).parent)) for key, (one, _) in found.items()}


CASES = [
    (kind, task, arguments)
    for kind in ("linear", "linear surrogate", "tree", "tree without a map", "grouped tree", "forest")
    for task in ("regression", "binary", "multiclass")
    for arguments in (
        {},
        {"get_raw": True},
        *([{"output_unit": "probability"}] if task != "regression" else []),
    )
    if not (kind == "tree without a map" and "get_raw" in arguments)
    and not (kind == "forest" and "output_unit" in arguments)  # its leaves hold probabilities
]


@pytest.mark.parametrize(("kind", "task", "arguments"), CASES, ids=str)
def test_the_first_row_of_a_process_needs_numpy_and_us(
    made: dict[tuple[str, str], tuple[Any, str]], kind: str, task: str, arguments: dict[str, Any]
) -> None:
    scoring, folder = made[kind, task]
    code = START.format(root=str(ROOT), folder=folder, arguments=arguments)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    values, modules = json.loads(done.stdout)
    assert values == scoring.explain(np.array([[0.25, -1.0, 2.0, 0.5]]), **arguments).tolist()
    packages = [name.partition(".")[0] for name in modules]
    assert not set(packages) & set(FORBIDDEN), sorted(set(packages) & set(FORBIDDEN))
    ours = [name for name, package in zip(modules, packages, strict=True) if package in ("numpy", "automl_explain")]
    assert len(ours) <= MOST_MODULES, ours


def test_a_service_that_warms_up_needs_no_more(made: dict[tuple[str, str], tuple[Any, str]]) -> None:
    code = START.format(root=str(ROOT), folder=made["tree", "multiclass"][1], arguments={"get_raw": True})
    done = subprocess.run(
        [sys.executable, "-I", "-c", code.replace("values =", "scoring.warm_up()\nvalues =")],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = json.loads(done.stdout)[1]
    assert not {name.partition(".")[0] for name in modules} & set(FORBIDDEN)
