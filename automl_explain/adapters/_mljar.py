"""mljar-supervised's ``AutoML``: one model with one featurization is taken apart, everything else is a black box.

Its `fit` keeps a featurization for every fold and, as a rule, averages several models: only a best model that
was trained once, on one split, reads one engineered table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.adapters._black_box import BlackBoxAdapter
from automl_explain.adapters._outputs import label_array
from automl_explain.adapters._parts import PartsAdapter
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import PipelineAdapter


def mljar_adapter(automl: Any) -> PipelineAdapter:
    """Adapter of a fitted ``supervised.AutoML``.

    Raises
    ------
    UnsupportedModelError
        If it is not fitted and its folder holds no model either.
    """
    best = _best_model(automl)
    single = best.get_type() != "Ensemble" and not best._is_stacked and len(best.learners) == 1
    if single and best.preprocessings[0]._kmeans is None:  # distances to clusters mix all numbers
        return MljarAdapter(automl)
    return MljarBlackBox(automl)


class MljarBlackBox(BlackBoxAdapter):
    """A fitted mljar ``AutoML`` whose answer is an average over folds or models.

    Parameters
    ----------
    model : supervised.AutoML
        Fitted.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model, task=_task(model), classes=_classes(model))

    def soft_output(self, X: Any) -> Any:
        """Its own answer."""
        return _soft_output(self.model, X)

    def labels(self, X: Any) -> Any:
        """Its own labels; a class may be chosen at another threshold than 0.5."""
        return self.model.predict(X.copy())


class MljarAdapter(PartsAdapter):
    """A fitted mljar ``AutoML`` whose best model has one featurization; its steps are rules.

    Parameters
    ----------
    model : supervised.AutoML
        Fitted.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model, task=_task(model), classes=_classes(model))
        best = _best_model(model)
        self._best, self._steps, self._learner = best, best.preprocessings[0], best.learners[0]

    def soft_output(self, X: Any) -> Any:
        """Its own answer."""
        return _soft_output(self.model, X)

    def transform(self, X: Any) -> pd.DataFrame:
        """Engineered rows."""
        made = self._steps.transform(_named(X)[self._columns].copy(), None)[0]
        return made.set_axis(X.index, axis=0) if isinstance(X, pd.DataFrame) else made

    def engineered_output(self, Z: Any) -> np.ndarray:
        """The learner's answer in the unit of the target."""
        answer = np.asarray(self._steps.inverse_scale_target(self._learner.predict(Z)))
        return np.column_stack([1.0 - answer, answer]) if self._binary else answer

    def engineered_labels(self, Z: Any) -> np.ndarray:
        """Labels at mljar's own threshold."""
        proba = self.predict_engineered(Z)
        chosen = (proba[:, 1] > self._best._threshold).astype(int) if self._binary else proba.argmax(axis=1)
        return np.asarray(label_array(self.classes or [])[chosen])

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Exact: every step says which columns it makes of which."""
        names = [str(c) for c in _named(X).columns]
        parents = {c: [names.index(c)] for c in self._columns}
        steps = self._steps
        for step in (*steps._text_transforms, *steps._datetime_transforms):
            parents |= dict.fromkeys(step._new_columns, parents[step._old_column])
        golden = [] if steps._golden_features is None else steps._golden_features._new_features
        for made in golden:
            pair = (made["feature1"], made["feature2"])
            parents["_".join([pair[0], made["operation"], pair[1]])] = sorted({p for f in pair for p in parents[f]})
        for converted in steps._categorical:
            for column, coded in converted._convert_params.items():
                parents |= dict.fromkeys(
                    coded.get("new_columns", []) if "unique_values" in coded else [], parents[column]
                )
        engineered = list(self.transform(X[:1]).columns)
        # A column of random numbers, added to find features that are no better, has no parent.
        return FeatureMap.from_parents(
            [parents.get(c, []) for c in engineered], raw_names=raw_names, engineered_names=engineered
        )

    @property
    def _binary(self) -> bool:
        return self.task == "classification" and len(self.classes or ()) == 2

    @property
    def _columns(self) -> list[str]:
        columns: list[str] = self.model._data_info["columns"]
        return columns


def _best_model(automl: Any) -> Any:
    if automl._best_model is None and getattr(automl, "results_path", None) is not None:
        try:
            automl.load(automl.results_path)
        except Exception as error:
            raise _unfitted() from error
    if automl._best_model is None:
        raise _unfitted()
    return automl._best_model


def _unfitted() -> UnsupportedModelError:
    return UnsupportedModelError(
        "This mljar AutoML holds no fitted model, nor does its folder; call `fit` first, or pass the `results_path` of "
        "a finished run."
    )


def _task(automl: Any) -> str:
    _best_model(automl)
    return "regression" if automl._ml_task == "regression" else "classification"


def _classes(automl: Any) -> list[Any] | None:
    """Labels in the order of the probabilities; mljar keeps them as text, beside how they were."""
    if _task(automl) == "regression":
        return None
    inner = _best_model(automl)
    while inner.get_type() == "Ensemble":
        inner = inner.selected_models[0]["model"]
    names = [str(n) for n in inner.preprocessings[0].get_target_class_names()]
    if not names:
        names = [str(k) for k in range(int(automl._data_info["n_classes"]))]
    whole = automl._data_info.get("target_is_numeric", False) or names == ["0", "1"]
    return [_number(n) for n in names] if whole else names


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _soft_output(automl: Any, X: Any) -> Any:
    # It renames the rows it is given.
    return automl.predict(X.copy()) if _task(automl) == "regression" else automl.predict_proba(X.copy())


def _named(X: Any) -> pd.DataFrame:
    """Rows with the column names that mljar gives them."""
    if isinstance(X, pd.DataFrame):
        return X.reset_index(drop=True).set_axis(X.columns.astype(str), axis=1)
    return pd.DataFrame(X, columns=[f"feature_{i}" for i in range(1, X.shape[1] + 1)])
