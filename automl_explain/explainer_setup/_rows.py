"""Rows, targets and names on their way into a setup."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.model_selection import train_test_split

from automl_explain._tables._rows import take
from automl_explain._threads import available_threads
from automl_explain._validation import labels, present_targets
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import PipelineAdapter


def default_names(adapter: PipelineAdapter, width: int) -> tuple[str | int, ...]:
    """Raw names of an array: those the model knows, or x0, x1, ... where there is a featurization."""
    known = getattr(adapter.estimator, "feature_names_in_", None) if adapter.featurizer is None else None
    if known is not None and len(known) == width:
        return tuple(str(n) for n in known)
    if adapter.featurizer is None:
        raise InputError(
            "The rows have no column names and the model has no featurization that knows them; pass `features`."
        )
    return tuple(f"x{i}" for i in range(width))


def with_targets(X: Any, y: Any, argument: str) -> tuple[Any, np.ndarray | None]:
    """Rows that have a target, with their targets."""
    if y is None:
        return X, None
    values = labels(y, argument, None if X is None else X.shape[0])
    present = present_targets(values, argument)
    if present.all():
        return X, values
    return (None if X is None else take(X, np.flatnonzero(present))), values[present]


def read_only(targets: np.ndarray | None) -> np.ndarray | None:
    """A copy of the targets that nobody can change."""
    if targets is None:
        return None
    targets = targets.copy()
    targets.setflags(write=False)
    return targets


def sample(n_rows: int, strata: np.ndarray | None, n_kept: int, random_state: int) -> np.ndarray:
    """Positions of a seeded sample of the rows, in order, stratified where that is possible."""
    everything = np.arange(n_rows)
    try:
        kept = train_test_split(everything, train_size=n_kept, stratify=strata, random_state=random_state)[0]
    except ValueError:  # a class with a single row, or more classes than rows kept
        kept = train_test_split(everything, train_size=n_kept, random_state=random_state)[0]
    return np.sort(kept)


def floating(rows: Any) -> Any:
    """Engineered rows; sparse whole numbers become float64, every other sparse format csr."""
    if sp.issparse(rows):
        rows = sp.csr_matrix(rows)
        return rows if rows.dtype.kind == "f" else rows.astype(np.float64)
    if hasattr(rows, "to_pandas") and not isinstance(rows, pd.DataFrame):
        return rows.to_pandas()
    return rows if isinstance(rows, (pd.DataFrame, np.ndarray)) else np.asarray(rows)


def surrogate_params(Z: Any, feature_map: FeatureMap) -> dict[str, Any]:
    """Arguments for `MimicWrapper` that the engineered rows ask for."""
    params: dict[str, Any] = {"explainable_model_args": {"n_jobs": available_threads()}}
    words = [name for j, name in enumerate(feature_map.engineered_names) if _holds_words(Z, j)]
    return {**params, "categorical_features": words} if words else params


def _holds_words(Z: Any, j: int) -> bool:
    """Whether an engineered column holds text, which the surrogate then takes as categories."""
    if isinstance(Z, pd.DataFrame):
        column = Z.iloc[:, j]
        if isinstance(column.dtype, pd.StringDtype):
            return True
        return column.dtype == object and any(isinstance(c, str) for c in column)
    return not sp.issparse(Z) and Z.dtype == object and any(isinstance(c, str) for c in Z[:, j])


def shape(rows: Any) -> str:
    """Rows by columns, for people."""
    if rows is None:
        return "none"
    return f"{rows.shape[0]:,} x {rows.shape[1]:,}" + (" (sparse)" if sp.issparse(rows) else "")
