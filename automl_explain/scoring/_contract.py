"""What a surrogate of any package keeps in production, checked through a file."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from automl_explain.exceptions import LowFidelityWarning
from automl_explain.explainers import MimicExplainer
from automl_explain.scoring import load, save

_WEIGHTS = [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def wrong_scoring(surrogate: Any, arguments: dict[str, Any]) -> Iterator[str]:
    """How values change on the way from an explainer to a scoring explainer, and through a file."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        explainer = MimicExplainer(
            lambda rows: rows[:, 0] - 2 * rows[:, 1],
            X,
            surrogate,
            is_function=True,
            augment_data=False,
            explainable_model_args=arguments,
        )
    rows = X[:5]
    try:
        scoring = explainer.create_scoring_explainer(feature_maps=[_WEIGHTS])
        with tempfile.TemporaryDirectory() as folder:
            read = load(save(scoring, folder, exist_ok=True))
    except Exception as error:  # whatever a foreign part raises
        yield f"it cannot be scored and saved: {type(error).__name__}: {error}."
        return
    wanted = explainer.explain_local(rows).local_importance_values
    for told, made in (("a scoring explainer", scoring), ("one that was saved and read", read)):
        if not np.array_equal(made.explain(rows), wanted):
            yield f"{told} gives other values than the explainer."
        if not np.array_equal(made.explain(rows, get_raw=True), scoring.explain(rows, get_raw=True)):
            yield f"{told} gives other raw values."
        if made.explain(rows[:0]).shape != (0, 3):
            yield f"{told} gives no empty values for no rows."
