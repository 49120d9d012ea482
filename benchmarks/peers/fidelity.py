"""Fidelity of surrogates, ours beside interpret-community's: same teacher, same rows, one process. Prints JSON.

In an environment of its own::

    python3 -m venv peers && peers/bin/python -m pip install -r benchmarks/peers/requirements.txt -e .
    peers/bin/python benchmarks/peers/fidelity.py --out benchmarks/results/fidelity.json

For every case: R2 of the teacher's output (probabilities, or the target) and agreement of the classes on rows that
neither teacher nor surrogate has seen; cosine of the local values, and the share of rows with the same first feature,
against interventional Shapley values of the teacher itself, exact over a background of training rows, in the unit
of the surrogate (log-odds or target). For multiclass teachers the values of all classes are compared, each row's as
one vector, once the part that all classes share is taken off (log-odds and softmax margins differ in it alone).
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import shap
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import LGBMExplainableModel, LinearExplainableModel, MimicExplainer

BACKGROUND, EXPLAINED = 100, 100
LEAST = 1e-6


def cases(quick: bool) -> Iterable[tuple[str, Any, Any, Any, str]]:
    """Name, rows, targets, unfitted teacher and how the truth is found."""
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    cancer, diabetes = load_breast_cancer(return_X_y=True), load_diabetes(return_X_y=True)
    many = make_classification(6000, 12, n_informative=8, random_state=0)
    bends = make_friedman1(5000, 10, noise=0.5, random_state=0)
    four = make_classification(5000, 20, n_informative=8, n_classes=4, random_state=0)
    yield "breast cancer, logistic", *cancer, logistic, "linear"
    yield "12 columns, boosting", *many, GradientBoostingClassifier(random_state=0), "tree"
    yield "friedman, boosting", *bends, GradientBoostingRegressor(random_state=0), "tree"
    yield "4 classes, logistic", *four, logistic, "linear"
    if quick:
        return
    mlp = make_pipeline(StandardScaler(), MLPClassifier((32, 16), max_iter=400, early_stopping=True, random_state=0))
    yield "breast cancer, boosting", *cancer, GradientBoostingClassifier(random_state=0), "tree"
    yield "12 columns, logistic", *many, logistic, "linear"
    yield "12 columns, network", *many, mlp, "permutation"
    yield "diabetes, ridge", *diabetes, make_pipeline(StandardScaler(), Ridge()), "linear"
    yield "diabetes, boosting", *diabetes, GradientBoostingRegressor(random_state=0), "tree"
    yield "friedman, ridge", *bends, make_pipeline(StandardScaler(), Ridge()), "linear"
    network = make_pipeline(StandardScaler(), MLPRegressor((64, 32), max_iter=600, early_stopping=True, random_state=0))
    yield "friedman, network", *bends, network, "permutation"
    forest = RandomForestClassifier(100, random_state=0)
    for name, table in (("digits", load_digits), ("wine", load_wine)):
        yield f"{name}, logistic", *table(return_X_y=True), logistic, "linear"
        yield f"{name}, forest", *table(return_X_y=True), forest, "none"
    yield "4 classes, forest", *four, forest, "none"
    yield "4 classes, network", *four, mlp, "permutation"
    yield "20,000 x 2,000 sparse, logistic", *_wide(), LogisticRegression(max_iter=500), "linear"


def _wide() -> tuple[sp.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    X = sp.random(20_000, 2_000, density=0.01, format="csr", random_state=0)
    weights = rng.normal(size=2_000) * (rng.random(2_000) < 0.5) * 3
    return X, (X @ weights + rng.normal(size=20_000) * 0.3 > 0).astype(int)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="four cases")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--out", type=Path, help="where the JSON goes; printed where left out")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    found = {}
    for name, X, y, teacher, how in cases(asked.quick):
        if asked.only not in name:
            continue
        found[name] = case(X, y, teacher, how)
        print(name, json.dumps(found[name]), flush=True)
    packages = ("automl-explain", "interpret-community", "shap", "numpy", "scikit-learn", "lightgbm")
    told = {"python": platform.python_version(), **{p: version(p) for p in packages}}
    text = json.dumps({"versions": told, "cases": found}, indent=1)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


def case(X: Any, y: np.ndarray, teacher: Any, how: str) -> dict[str, Any]:
    """What both surrogates reach on one teacher."""
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    teacher.fit(X_train, y_train)
    classifies = hasattr(teacher, "predict_proba")
    soft = teacher.predict_proba if classifies else teacher.predict
    wanted = soft(X_test)
    rng = np.random.default_rng(0)
    shown = X_test[np.sort(rng.permutation(X_test.shape[0])[:EXPLAINED])]
    background = X_train[np.sort(rng.permutation(X_train.shape[0])[:BACKGROUND])]
    truth = None if how == "none" else TRUTHS[how](teacher, background, shown)
    result = {}
    for name, way in (("automl_explain", ours), ("interpret-community", theirs)):
        start = time.perf_counter()
        try:
            predicted, values, told = way(teacher, X_train, X_test, shown, classifies)
        except Exception as error:
            result[name] = {"failed": f"{type(error).__name__}: {error}"[:200]}
            continue
        row: dict[str, Any] = {"r2": round(float(r2_score(wanted, predicted)), 4), **told}
        if classifies:
            row["agreement"] = round(float((wanted.argmax(1) == predicted.argmax(1)).mean()), 4)
        if truth is not None:
            row |= against(truth, values)
        row["seconds"] = round(time.perf_counter() - start, 1)
        result[name] = row
    return result


def ours(teacher: Any, X_train: Any, X_test: Any, shown: Any, classifies: bool) -> tuple[Any, np.ndarray, dict]:
    """Predictions on the test rows and local values (n_outputs, n_rows, n_features)."""
    # As `MimicWrapper.from_setup`: a linear surrogate where that follows the teacher better.
    explainer = MimicExplainer(teacher, X_train, LGBMExplainableModel, alternative_models=[LinearExplainableModel])
    rows = explainer.encoder.encode(X_test)
    model = explainer.surrogate_model
    predicted = model.predict_proba(rows) if classifies else model.predict(rows)
    values = dense(explainer.explain_local(shown).local_importance_values)
    told = {"held-out": str(explainer.fidelity), "surrogate": type(model).__name__}
    return predicted, values[1:] if classifies and len(values) == 2 else values, told


def theirs(teacher: Any, X_train: Any, X_test: Any, shown: Any, classifies: bool) -> tuple[Any, np.ndarray, dict]:
    """The same of interpret-community, with its defaults."""
    from interpret_community.mimic.mimic_explainer import MimicExplainer as Peer
    from interpret_community.mimic.models import LGBMExplainableModel as PeerModel

    classes = list(range(len(teacher.classes_))) if classifies else None
    explainer = Peer(teacher, X_train, PeerModel, classes=classes, augment_data=False)
    model = explainer.surrogate_model
    if classifies and len(teacher.classes_) > 2:
        predicted = model.predict_proba(X_test)
    else:
        predicted = np.asarray(model.predict(X_test)).ravel()
    if classifies and predicted.ndim == 1:  # log-odds, clipped at 5
        second = 1 / (1 + np.exp(-predicted))
        predicted = np.column_stack([1 - second, second])
    values = dense(explainer.explain_local(shown).local_importance_values)
    return predicted, values[1:] if classifies and len(values) == 2 else values, {}


def dense(values: Any) -> np.ndarray:
    """Values of every output as one array (n_outputs, n_rows, n_features)."""
    several = isinstance(values, (list, tuple)) and (sp.issparse(values[0]) or np.ndim(values[0]) == 2)
    each = [v.toarray() if sp.issparse(v) else np.asarray(v) for v in (values if several else [values])]
    found = np.array(each)
    return found[0] if found.ndim == 4 else found


def against(truth: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Median cosine with the truth, and the share of rows with the same first feature."""
    if len(truth) > 1:
        truth, values = truth - truth.mean(axis=0), values - values.mean(axis=0)
    a, b = (np.moveaxis(v, 1, 0).reshape(v.shape[1], -1) for v in (truth, values))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = (a * b).sum(axis=1) / np.where(norms > 0, norms, 1)
    first = [np.abs(v).sum(axis=0).argmax(axis=1) for v in (truth, values)]
    return {
        "median cosine": round(float(np.median(cosine)), 4),
        "same first feature": round(float((first[0] == first[1]).mean()), 3),
    }


def margins(teacher: Any, rows: Any) -> np.ndarray:
    """Log-odds of the second class, log-probabilities of every class, or the target: (n_rows, n_outputs)."""
    if not hasattr(teacher, "predict_proba"):
        return np.asarray(teacher.predict(rows)).reshape(-1, 1)
    proba = np.clip(teacher.predict_proba(rows), LEAST, 1 - LEAST)
    return np.log(proba[:, 1:] / proba[:, :1]) if proba.shape[1] == 2 else np.log(proba)


def of_linear(teacher: Any, background: Any, shown: Any) -> np.ndarray:
    """Coefficient times the distance from the background's mean: exact."""
    steps = [step for _, step in teacher.steps] if hasattr(teacher, "steps") else [teacher]
    for step in steps[:-1]:
        background, shown = step.transform(background), step.transform(shown)
    coefficients = np.atleast_2d(steps[-1].coef_)
    mean = np.asarray(background.mean(axis=0)).ravel()
    shown = shown.toarray() if sp.issparse(shown) else shown
    return coefficients[:, None, :] * (shown - mean)[None]


def of_trees(teacher: Any, background: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Interventional TreeSHAP of the margin: exact."""
    values = shap.TreeExplainer(teacher, background, feature_perturbation="interventional").shap_values(shown)
    return np.asarray(values)[None]


def by_permutation(teacher: Any, background: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Sampled over 60 pairs of permutations: the teacher can be asked, not read."""
    rng = np.random.default_rng(0)
    n_rows, n_features = shown.shape
    total = None
    for _ in range(60):
        order = rng.permutation(n_features)
        for way in (order, order[::-1]):
            rows = background[rng.integers(0, len(background), n_rows)].copy()
            before = margins(teacher, rows)
            total = np.zeros((before.shape[1], n_rows, n_features)) if total is None else total
            for j in way:
                rows[:, j] = shown[:, j]
                after = margins(teacher, rows)
                total[:, :, j] += (after - before).T
                before = after
    assert total is not None
    return total / 120


TRUTHS: dict[str, Callable[[Any, Any, Any], np.ndarray]] = {
    "linear": of_linear,
    "tree": of_trees,
    "permutation": by_permutation,
}

if __name__ == "__main__":
    main()
