"""EvalML's pipelines: every component before the estimator is featurization, and tells what it makes of a column."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import pandas as pd

from automl_explain.adapters._parts import PartsAdapter
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import trace

_TASKS = {"binary": "classification", "multiclass": "classification", "regression": "regression"}


class EvalmlAdapter(PartsAdapter):
    """A fitted EvalML pipeline, or the best one of a search.

    Labels are EvalML's own: "yes" and "no" become True and False when it is fitted.

    Parameters
    ----------
    model : evalml.pipelines.PipelineBase or evalml.automl.AutoMLSearch
        Fitted.

    Raises
    ------
    UnsupportedModelError
        If nothing is fitted, or it forecasts.
    """

    def __init__(self, model: Any) -> None:
        pipeline = _pipeline(model)
        task = _TASKS.get(str(pipeline.problem_type))
        if task is None:
            raise UnsupportedModelError(
                f"This EvalML pipeline does {str(pipeline.problem_type)!r}, which looks at other rows too: a row has "
                "no contributions of its own. Classification and regression can be explained."
            )
        super().__init__(model, task=task, classes=pipeline.classes_ if task == "classification" else None)
        self._pipeline = pipeline

    def soft_output(self, X: Any) -> Any:
        """EvalML's own answer on rows of the types it was fitted on."""
        rows = self._typed(X)
        return self._pipeline.predict(rows) if self.task == "regression" else self._pipeline.predict_proba(rows)

    def engineered_output(self, Z: Any) -> Any:
        """The answer of the estimator at the end."""
        if self.task == "regression":
            return self._pipeline.estimator.predict(Z)
        return self._pipeline.estimator.predict_proba(Z)

    def engineered_labels(self, Z: Any) -> Any:
        """Original labels, at EvalML's own threshold."""
        threshold = getattr(self._pipeline, "threshold", None)
        if threshold is None:
            codes = self._pipeline.estimator.predict(Z)
        else:
            codes = self.predict_engineered(Z)[:, 1] > threshold
        return self._pipeline.inverse_transform(pd.Series(codes).astype(int))

    def transform(self, X: Any) -> pd.DataFrame:
        """What the components before the estimator make."""
        made: pd.DataFrame = self._pipeline.transform_all_but_final(self._typed(X))
        # Without the types of woodwork, which do not outlive a change of the table.
        return pd.DataFrame({c: made[c].to_numpy() for c in made.columns}, index=X.index)

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """By what the components tell; by probing all of them together where one does not tell."""
        position = {str(c): i for i, c in enumerate(X.columns)}
        names = [str(c) for c in self.transform(X[:1]).columns]
        parents: dict[str, set[int]] = {n: {position[n]} for n in names if n in position}
        for raw, made in self._pipeline._get_feature_provenance().items():
            for name in made:
                parents.setdefault(name, set()).add(position[raw])
        if any(n not in parents for n in names):
            return trace(self.featurizer, X, raw_names).with_names(engineered_names=names)
        return FeatureMap.from_parents([sorted(parents[n]) for n in names], raw_names=raw_names, engineered_names=names)

    def _typed(self, X: Any) -> Any:
        """Rows with the types of the fit; by itself EvalML guesses them from the rows, and refuses other ones."""
        if not isinstance(X, pd.DataFrame):
            raise InputError(
                f"EvalML was fitted on a DataFrame; got {type(X).__name__}. Pass a DataFrame with the same columns."
            )
        known = self._pipeline.component_graph._input_types.logical_types
        missing = [c for c in known if c not in X.columns]
        if missing:
            raise InputError(f"The rows lack columns that EvalML was fitted on: {', '.join(map(repr, missing))}.")
        rows = X[list(known)].reset_index(drop=True)
        # The two are one to EvalML, but a whole number cannot be missing.
        types = {c: "Double" if str(t) == "Integer" and rows[c].hasnans else t for c, t in known.items()}
        return importlib.import_module("evalml.utils").infer_feature_types(rows, types)


def _pipeline(model: Any) -> Any:
    pipeline = model
    if not hasattr(model, "component_graph"):
        try:
            pipeline = model.best_pipeline
        except Exception as error:  # a search that was not run
            raise _unfitted() from error
    if not pipeline._is_fitted:
        raise _unfitted()
    return pipeline


def _unfitted() -> UnsupportedModelError:
    return UnsupportedModelError(
        "This EvalML search or pipeline is not fitted; call `search()`, or `fit(X, y)` on the pipeline, first."
    )
