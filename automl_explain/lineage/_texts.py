"""Transformers that read a column of texts by itself, not a table.

scikit-learn's vectorizers take a Series or a list of texts; of a DataFrame they would read the column names. Rows stay
tables everywhere else, and such a transformer gets their only column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

_INSIDE = ("best_estimator_", "estimator_", "regressor_")


def only_column(rows: Any) -> Any:
    """The only column of a table, as a Series; anything else as it is."""
    if isinstance(rows, pd.DataFrame):
        return rows.iloc[:, 0] if rows.shape[1] == 1 else rows
    return pd.Series(rows[:, 0]) if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == 1 else rows


def reads_texts(model: Any) -> bool:
    """Whether the first step of a fitted model or featurization is a vectorizer of texts."""
    for name in _INSIDE:
        if hasattr(model, name):
            return reads_texts(getattr(model, name))
    if isinstance(model, Pipeline):
        steps = [s for _, s in model.steps if s is not None and s != "passthrough"]
        return bool(steps) and reads_texts(steps[0])
    if hasattr(model, "transformer_list"):  # vectorizers side by side
        parts = [part for _, part in model.transformer_list if part not in ("drop", "passthrough")]
        return bool(parts) and all(reads_texts(part) for part in parts)
    return callable(getattr(model, "build_analyzer", None))


class TextColumn(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Featurization step that hands on the only column of a table."""

    def fit(self, X: Any, y: Any = None) -> TextColumn:
        """Nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Any) -> Any:
        """The texts, of shape (n_rows,)."""
        return only_column(X)


def text_parts(model: Any, transformations: Any) -> tuple[Any, Any]:
    """A pipeline that reads texts as its last step and the steps before, which are its transformations then.

    A surrogate cannot learn from texts that are all different, but from their tokens. Anything else stays as it is.
    """
    inner = getattr(model, "best_estimator_", model)
    if transformations is not None or not isinstance(inner, Pipeline) or not reads_texts(inner):
        return model, transformations
    return inner[-1], inner[:-1]
