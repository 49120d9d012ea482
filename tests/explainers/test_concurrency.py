"""Threads share one explainer: each of 1,000 answers is equal to the serial one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import Ridge

from automl_explain import (
    DirectWrapper,
    KernelExplainer,
    KernelScoringExplainer,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    LinearScoringExplainer,
    MimicExplainer,
    TreeExplainer,
    TreeScoringExplainer,
)
from automl_explain.scoring import ScoringExplainer

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
X = np.random.default_rng(0).normal(size=(200, 4))
Y = X[:, 0] * X[:, 1] + X[:, 2]


def explainer_of(kind: str) -> Any:
    if kind == "tree":
        return TreeExplainer(GradientBoostingClassifier(n_estimators=5).fit(X, Y > 0))
    if kind == "linear scoring":
        return LinearScoringExplainer(LinearExplainer(Ridge().fit(X, Y), X))
    if kind == "linear surrogate scoring":
        return LinearScoringExplainer(MimicExplainer(Ridge().fit(X, Y), X, LinearExplainableModel, augment_data=False))
    if kind == "direct wrapper":
        return DirectWrapper(None, GradientBoostingClassifier(n_estimators=5).fit(X, Y > 0), X)
    mimic = MimicExplainer(
        Ridge().fit(X, Y), X, LGBMExplainableModel, {"n_estimators": 5, "n_jobs": 1}, augment_data=False
    )
    return TreeScoringExplainer(mimic) if kind == "scoring" else mimic


def answer(explainer: Any, rows: np.ndarray) -> np.ndarray:
    if isinstance(explainer, ScoringExplainer):
        return np.asarray(explainer.explain(rows))
    if isinstance(explainer, DirectWrapper):
        explanation = explainer.explain(["local"], eval_dataset=rows)
    else:
        explanation = explainer.explain_local(rows)
    return np.append(explanation.values.ravel(), explanation.eval_y_predicted)


@pytest.mark.parametrize(
    "kind", ["tree", "mimic", "scoring", "linear scoring", "linear surrogate scoring", "direct wrapper"]
)
def test_eight_threads_get_the_serial_answers_of_a_thousand_calls(kind: str) -> None:
    """The explainer is new: its tables are made while the first threads are asking."""
    pieces = [X[i % 190 : i % 190 + 1 + i % 5] for i in range(1000)]
    serial: dict[tuple[int, int], np.ndarray] = {}
    other = explainer_of(kind)
    shared = explainer_of(kind)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda rows: answer(shared, rows), pieces))
    for i, each in enumerate(found):
        key = (i % 190, i % 5)
        if key not in serial:
            serial[key] = answer(other, pieces[i])
        np.testing.assert_array_equal(each, serial[key])


def test_threads_do_not_mix_the_coalitions_of_the_kernel() -> None:
    wide = np.random.default_rng(1).normal(size=(16, 12))
    explainer = KernelExplainer(lambda r: r[:, 0] * r[:, 1], wide, is_function=True, nsamples=60)
    serial = [explainer.explain_local(wide[i : i + 1]).values for i in range(16)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda i: explainer.explain_local(wide[i : i + 1]).values, range(16)))
    np.testing.assert_array_equal(found, serial)


def test_threads_share_a_scoring_kernel() -> None:
    """With categories, whose rows are made anew for every coalition, and raw columns as players."""
    rows = pd.DataFrame(X[:40], columns=list("abcd")).assign(k=pd.Categorical(["u", "v"] * 20))
    explainer = KernelExplainer(lambda r: r["a"] * r["b"] + (r["k"] == "u"), rows, is_function=True, nclusters=2)
    scoring = KernelScoringExplainer(explainer, feature_maps=[[[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]]], raw_method="grouped")
    pieces = [(rows[i % 40 : i % 40 + 1], i % 2 == 0) for i in range(200)]
    serial = [scoring.explain(piece, get_raw=raw) for piece, raw in pieces[:40]]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda each: scoring.explain(each[0], get_raw=each[1]), pieces))
    for i, each in enumerate(found):
        np.testing.assert_array_equal(each, serial[i % 40])
