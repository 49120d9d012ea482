"""H2O's AutoML and models: they live on a server and encode rows inside, so they are black boxes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.adapters._black_box import BlackBoxAdapter
from automl_explain.adapters._outputs import label_array
from automl_explain.exceptions import InputError, UnsupportedModelError

_TASKS = {"Binomial": "classification", "Multinomial": "classification", "Regression": "regression"}
# How the types of a model's columns are called where a table is uploaded.
_UPLOADED = {"Enum": "enum", "Numeric": "numeric", "Time": "time", "String": "string", "UUID": "uuid"}


class H2OAdapter(BlackBoxAdapter):
    """An H2O model, or the leader of an H2O AutoML run; its server must be running.

    H2O keeps labels as text; those that are all whole numbers come back as numbers. Every question uploads
    the rows, which takes half a second.

    Parameters
    ----------
    model : h2o.automl.H2OAutoML or h2o.model.ModelBase
        Trained.

    Raises
    ------
    UnsupportedModelError
        If nothing is trained, or the model has no target (clusters, outliers, embeddings).
    """

    def __init__(self, model: Any) -> None:
        leader = model.leader if hasattr(model, "leaderboard") else model
        output = (getattr(leader, "_model_json", None) or {}).get("output")
        if output is None:
            raise UnsupportedModelError("This H2O model is not trained; call `train` first.")
        category = output["model_category"]
        if category not in _TASKS:
            raise UnsupportedModelError(
                f"This H2O model is of category {category!r}; those of a class or a number can be explained "
                f"({', '.join(_TASKS)})."
            )
        task = _TASKS[category]
        classes = _labels(output["domains"][-1]) if task == "classification" else None
        super().__init__(leader, task=task, classes=classes)
        self._types = dict(zip(output["names"][:-1], output["column_types"][:-1], strict=True))

    def soft_output(self, X: Any) -> np.ndarray:
        """H2O's own answer: after the label one column for each class."""
        answer = self._answer(X)
        if self.task == "regression":
            return np.asarray(answer.iloc[:, 0], dtype=np.float64)
        return np.asarray(answer.iloc[:, 1 : 1 + len(self.classes or ())], dtype=np.float64)

    def labels(self, X: Any) -> np.ndarray:
        """H2O's own labels, at the threshold of the best F1 for two classes."""
        place = {str(label): k for k, label in enumerate(self.classes or ())}
        told = [place[str(label)] for label in self._answer(X).iloc[:, 0]]
        return np.asarray(label_array(self.classes or ())[told])

    def _answer(self, X: Any) -> pd.DataFrame:
        if not isinstance(X, pd.DataFrame):
            raise InputError(
                f"H2O was trained on named columns; got {type(X).__name__}. Pass a DataFrame with the same columns."
            )
        known = {c: _UPLOADED[self._types[c]] for c in X.columns if self._types.get(c) in _UPLOADED}
        # From the rows alone the server would guess other types for few rows or many gaps.
        rows = pd.DataFrame({c: _plain(X[c]) for c in known})
        frame = importlib.import_module("h2o").H2OFrame(rows, column_types=known)
        told: pd.DataFrame = self.model.predict(frame).as_data_frame()
        return told


def _plain(column: pd.Series) -> pd.Series:
    return column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column


def _labels(domain: list[str]) -> list[Any]:
    whole = all(label.lstrip("-").isdigit() for label in domain)
    return [int(label) for label in domain] if whole else list(domain)
