"""AutoGluon's ``TabularPredictor``: its feature generator is taken apart, any of its models reads what that makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from automl_explain.adapters._parts import PartsAdapter
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.feature_map import FeatureMap

_TASKS = {"binary": "classification", "multiclass": "classification", "regression": "regression"}


class AutoGluonAdapter(PartsAdapter):
    """A fitted AutoGluon predictor; stacked and weighted models read the same engineered rows.

    Parameters
    ----------
    model : autogluon.tabular.TabularPredictor
        Fitted.

    Raises
    ------
    UnsupportedModelError
        If it is not fitted, or predicts quantiles.
    """

    def __init__(self, model: Any) -> None:
        if not model.is_fit:
            raise UnsupportedModelError("This TabularPredictor holds no fitted model; call `fit` first.")
        task = _TASKS.get(model.problem_type)
        if task is None:
            raise UnsupportedModelError(
                f"This TabularPredictor does {model.problem_type!r}, several numbers a row; classification and "
                "regression can be explained. Fit it with problem_type='regression'."
            )
        super().__init__(model, task=task, classes=model.class_labels if task == "classification" else None)

    def soft_output(self, X: Any) -> Any:
        """AutoGluon's own answer."""
        return self.model.predict(X) if self.task == "regression" else self.model.predict_proba(X)

    def engineered_output(self, Z: Any) -> Any:
        """The answer of its best model."""
        if self.task == "regression":
            return self.model.predict(Z, transform_features=False)
        return self.model.predict_proba(Z, transform_features=False)

    def engineered_labels(self, Z: Any) -> Any:
        """Labels at AutoGluon's own threshold."""
        return self.model.predict(Z, transform_features=False)

    def transform(self, X: Any) -> pd.DataFrame:
        """What the feature generator makes."""
        made: pd.DataFrame = self.model.transform_features(_framed(X))
        return made

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """From the links of the feature generator, which are those of whole generators, and the names."""
        labels = list(_framed(X).columns)
        parents: dict[str, list[Any]] = {}
        for raw, made in self.model._learner.feature_generator.get_feature_links().items():
            for name in made:
                parents.setdefault(name, []).append(raw)
        names = list(self.transform(X[:1]).columns)
        return FeatureMap.from_parents(
            [sorted(labels.index(p) for p in _own_parents(n, parents.get(n, []))) for n in names],
            raw_names=raw_names,
            engineered_names=names,
        )


def _own_parents(name: Any, linked: list[Any]) -> list[Any]:
    """Those of the linked raw columns that feed a column.

    AutoGluon links everything that a generator reads with everything it makes. Parts of one date or text are
    named after it (``signup.year``); counted words are of all texts together.
    """
    own = [p for p in linked if p == name or str(name).startswith(f"{p}.")]
    return [max(own, key=lambda p: len(str(p)))] if own else linked


def _framed(X: Any) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"AutoGluon was fitted on a DataFrame; got {type(X).__name__}. Pass a DataFrame with the same columns."
        )
    return X
