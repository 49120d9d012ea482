"""Models that read a column of texts by itself, not a table: their only raw feature is that column."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from automl_explain.adapters._black_box import BlackBox
from automl_explain.adapters._choice import adapter_for
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage._texts import TextColumn, only_column
from automl_explain.protocols import PipelineAdapter, is_black_box


def text_adapter(model: Any, task: str | None = None) -> PipelineAdapter:
    """Adapter of a model that reads texts; its rows are tables of one column."""
    whole = isinstance(model, BlackBox) or not hasattr(model, "predict")
    box = model if isinstance(model, BlackBox) else BlackBox(model)
    if whole:
        return adapter_for(dataclasses.replace(box, model=TextModel.of(box.model)), task)
    inner = adapter_for(model, task)
    if is_black_box(inner):
        return adapter_for(BlackBox(TextModel.of(model)), task)
    return TextAdapter(inner, TextModel.of(model))


class TextModel:
    """A fitted model or function that reads texts, asked with tables of one column.

    It has the methods of the model, such as ``predict_proba``, and its attributes.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def of(cls, model: Any) -> Any:
        """The model itself where it is wrapped already; a function stays a function."""
        if isinstance(model, TextModel):
            return model
        if not hasattr(model, "predict"):
            return lambda rows: model(only_column(rows))
        return cls(model)

    def __getattr__(self, name: str) -> Any:
        if name == "_model" or (name.startswith("__") and not name.startswith("__sklearn")):
            raise AttributeError(name)
        found = getattr(self._model, name)
        if name in ("predict", "predict_proba", "decision_function"):
            return lambda rows: found(only_column(rows))
        return found


class TextAdapter:
    """Adapter of a model that reads texts, taken apart.

    Parameters
    ----------
    inner : PipelineAdapter
        That of the model, which reads texts.
    model : TextModel
        The model, which reads tables of one column.
    """

    def __init__(self, inner: PipelineAdapter, model: Any) -> None:
        self._inner, self.model = inner, model
        self.task, self.classes = inner.task, inner.classes

    @property
    def estimator(self) -> Any:
        """That of the model."""
        return self._inner.estimator

    @property
    def featurizer(self) -> Any:
        """The featurization of the model; reads tables of one column."""
        inner = self._inner.featurizer
        steps = inner.steps if isinstance(inner, Pipeline) else [("featurizer", inner)]
        return Pipeline([("text column", TextColumn()), *steps])

    def transform(self, X: Any) -> Any:
        """Engineered rows, such as the weights of tokens."""
        return self._inner.transform(only_column(X))

    def predict_raw(self, X: Any) -> np.ndarray:
        """The model's own soft output on tables of one column."""
        return self._inner.predict_raw(only_column(X))

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """The estimator's soft output on engineered rows."""
        return self._inner.predict_engineered(Z)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Every token belongs to the text column."""
        return self._inner.feature_map(only_column(X), raw_names)
