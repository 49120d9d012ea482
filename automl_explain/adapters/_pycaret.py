"""PyCaret's pipelines: every step works on some columns by name and leaves the others alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.adapters._kinds import soft_output
from automl_explain.adapters._parts import PartsAdapter
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace

_N_SAMPLE = 128


class PycaretAdapter(PartsAdapter):
    """A PyCaret pipeline that ends in a model, as ``finalize_model`` and ``load_model`` give it.

    Parameters
    ----------
    model : pycaret.internal.pipeline.Pipeline
        Fitted.

    Raises
    ------
    UnsupportedModelError
        If it ends in no fitted model, or the model groups rows or forecasts.
    """

    def __init__(self, model: Any) -> None:
        name, last = model.steps[-1]
        classes = getattr(last, "classes_", None)
        if not hasattr(last, "predict") or (classes is None and getattr(last, "_estimator_type", "") != "regressor"):
            raise UnsupportedModelError(
                f"The PyCaret pipeline ends in {type(last).__name__} (step {name!r}), which is no fitted classifier or "
                "regressor. Pass what `finalize_model` gives."
            )
        encoder = dict(model.steps).get("label_encoding")
        classes = classes if encoder is None else encoder.transformer.classes_
        task = "regression" if getattr(last, "_estimator_type", "") == "regressor" else "classification"
        super().__init__(model, task=task, classes=classes)
        self._last = last

    @property
    def decides(self) -> bool:
        """Whether the classifier has decision values and no probabilities."""
        return self.task == "classification" and not hasattr(self._last, "predict_proba")

    def soft_output(self, X: Any) -> np.ndarray:
        """The pipeline's own answer."""
        return soft_output(self.model, self.task, _plain(X))

    def engineered_output(self, Z: Any) -> Any:
        """The answer of the model at the end, in the unit of the target."""
        if self.task == "regression":
            return self.model.inverse_transform(self._last.predict(Z))
        return soft_output(self._last, self.task, Z)

    def engineered_labels(self, Z: Any) -> Any:
        """Original labels."""
        return self.model.inverse_transform(self._last.predict(Z))

    def transform(self, X: Any) -> pd.DataFrame:
        """What the steps before the model make."""
        rows = _plain(X)
        for _, step in self._steps():
            rows = _after(step, rows)
        return rows.set_axis(X.index, axis=0)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Step by step: columns that a step leaves alone are themselves, its own are traced."""
        rows = _plain(X)
        rows = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, _N_SAMPLE).astype(int))].reset_index(drop=True)
        made = FeatureMap.identity(raw_names)
        for _, step in self._steps():
            after = _after(step, rows)
            made = made.compose(_step_map(step, rows, after))
            rows = after
        return made

    def _steps(self) -> list[tuple[str, Any]]:
        """Steps that rows pass on their way to the model: some act in training alone, some on the target."""
        return [
            (name, step)
            for name, step in self.model.steps[:-1]
            if step is not None
            and step != "passthrough"
            and not getattr(step, "_train_only", False)
            and name not in ("label_encoding", "target_transformation")
        ]


def _after(step: Any, rows: pd.DataFrame) -> pd.DataFrame:
    made = step.transform(rows.copy())
    return made[0] if isinstance(made, tuple) else made


def _step_map(step: Any, before: pd.DataFrame, after: pd.DataFrame) -> FeatureMap:
    labels = list(before.columns)
    read = [c for c in (labels if step._include is None else step._include) if c in labels]
    inner = step.transformer
    told = _told(inner, read)
    rows = np.zeros((len(labels), after.shape[1]))
    how = ["rule"] * after.shape[1]
    traced: FeatureMap | None = None
    for j, name in enumerate(after.columns):
        if name in labels and name not in read:
            rows[labels.index(name), j] = 1.0
        elif name in told:
            rows[labels.index(told[name]), j] = 1.0
        else:
            traced = trace(inner, before[read], read) if traced is None else traced
            at = _position(inner, before[read], read, name)
            if at is None or traced.matrix[:, [at]].nnz == 0:
                rows[[labels.index(c) for c in read], j], how[j] = 1.0, "dense"
            else:
                rows[[labels.index(c) for c in read], j] = traced.matrix[:, [at]].toarray().ravel()
                how[j] = traced.how[at]
    return FeatureMap.from_matrix(rows, raw_names=labels, engineered_names=list(after.columns), how=how)


def _told(inner: Any, read: list[Any]) -> dict[Any, Any]:
    """Parents that a transformer of PyCaret or category_encoders tells: the parts of dates, indicators."""
    if type(inner).__name__ == "ExtractDateTimeFeatures":
        return {f"{c}_{part}": c for c in read for part in inner.features}
    if hasattr(inner, "mapping") and type(inner).__name__ == "OneHotEncoder":
        return {made: m["col"] for m in inner.mapping for made in m["mapping"].columns}
    return {}


def _position(inner: Any, rows: pd.DataFrame, read: list[Any], name: Any) -> int | None:
    """Where a column stands in what the inner transformer makes, if its name tells."""
    out = inner.transform(rows)
    if isinstance(out, pd.DataFrame):
        names = list(out.columns)
    elif hasattr(inner, "get_feature_names_out"):
        names = list(inner.get_feature_names_out())
    else:
        names = read if out.shape[1] == len(read) else []
    return names.index(name) if name in names else None


def _plain(X: Any) -> pd.DataFrame:
    """Rows as PyCaret's own setup would make them: gaps are NaN, and row labels cannot repeat."""
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"PyCaret was fitted on a DataFrame; got {type(X).__name__}. Pass a DataFrame with the same columns."
        )
    rows = X.reset_index(drop=True)
    gaps = [c for c in rows.columns if rows[c].dtype == object and any(cell is None for cell in rows[c])]
    return rows.assign(**{c: rows[c].where(rows[c].notna(), np.nan) for c in gaps}) if gaps else rows
