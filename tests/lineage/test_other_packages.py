"""Transformers of other packages, where they are installed: no rule knows them, and probing finds their parents."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pytest
from truth import dependence, frame

from automl_explain.lineage import trace

X = frame(600, missing=False).assign(city=lambda T: T["city"].astype(object), size=lambda T: T["size"].astype(object))
WORDS = ["city", "size", "a"]

CASES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("category_encoders", "OneHotEncoder", {}, WORDS),
    ("category_encoders", "TargetEncoder", {}, WORDS),
    ("category_encoders", "BinaryEncoder", {}, WORDS),
    ("category_encoders", "HashingEncoder", {"n_components": 6, "max_process": 1}, WORDS),
    ("category_encoders", "CatBoostEncoder", {}, WORDS),
    ("category_encoders", "WOEEncoder", {}, WORDS),
    ("category_encoders", "CountEncoder", {}, WORDS),
    ("feature_engine.datetime", "DatetimeFeatures", {}, ["day", "a"]),
    ("feature_engine.creation", "MathFeatures", {"variables": ["a", "c"], "func": ["sum", "prod"]}, ["a", "c", "k"]),
    (
        "feature_engine.creation",
        "RelativeFeatures",
        {"variables": ["a", "c"], "reference": ["c"], "func": ["sub", "div"]},
        ["a", "c", "k"],
    ),
    ("feature_engine.creation", "CyclicalFeatures", {"variables": ["k", "c"]}, ["k", "c"]),
    ("feature_engine.encoding", "OneHotEncoder", {}, WORDS),
    ("feature_engine.transformation", "YeoJohnsonTransformer", {}, ["a", "c"]),
    ("skrub", "TableVectorizer", {}, list(X.columns)),
    ("skrub", "Cleaner", {}, list(X.columns)),
]


@pytest.mark.parametrize(("module", "name", "options", "columns"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_probing_finds_the_parents_in_transformers_of_others(
    module: str, name: str, options: dict[str, Any], columns: list[str]
) -> None:
    """Outputs that never move (the hour of a day without time, c / c) are unknown, all others exact."""
    pytest.importorskip(module.partition(".")[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, about releases of others
        made = getattr(importlib.import_module(module), name)(**options)
        made.fit(X[columns], (X["a"] + X["c"] > 7).astype(int))
        fm = trace(made, X[columns])
        truth = dependence(made.transform, X[columns])
    known = np.setdiff1d(np.arange(fm.n_engineered), fm.unknown)
    np.testing.assert_array_equal(fm.support.toarray()[:, known], truth[:, known])
    assert not truth[:, list(fm.unknown)].any()
    assert {fm.how[j] for j in known} == {"probe"}
