"""Small parts of `MimicExplainer`: checks of its arguments, and the types of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import InputError


def make_surrogate(explainable_model: Any, arguments: Mapping[str, Any] | None) -> Any:
    if not isinstance(explainable_model, type) or not hasattr(explainable_model, "shapley_values"):
        raise InputError(
            f"`explainable_model` must be a surrogate class such as LGBMExplainableModel; got {explainable_model!r}."
        )
    given = dict(arguments or {})
    try:
        return explainable_model(**given)
    except TypeError as error:
        raise InputError(
            f"`explainable_model_args` {given} do not fit {explainable_model.__name__}: {error}."
        ) from error


def check_only(argument: str, value: str, legal: str) -> None:
    if value != legal:
        raise InputError(f"`{argument}` must be {legal!r}; got {value!r}. Other values are not supported.")


def check_subset(positions: Sequence[int] | None, n_features: int) -> tuple[int, ...] | None:
    if positions is None:
        return None
    chosen = tuple(positions)
    wrong = [p for p in chosen if not isinstance(p, (int, np.integer)) or not 0 <= p < n_features]
    if wrong or not chosen or len(set(chosen)) < len(chosen):
        raise InputError(
            f"`explain_subset` must hold different positions from 0 to {n_features - 1}; got {list(positions)}."
        )
    return tuple(int(p) for p in chosen)


def check_groups(groups: Any, n_features: int) -> np.ndarray:
    """Group numbers of the features, each by itself where left out."""
    if groups is None:
        return np.arange(n_features)
    result = np.asarray(groups)
    if result.shape != (n_features,) or result.dtype.kind not in "iu" or (result < 0).any():
        raise InputError(
            f"`feature_groups` must be {n_features} whole numbers from 0, one per feature; got {groups!r}."
        )
    return result


def category_types(rows: Any) -> dict[Any, pd.CategoricalDtype]:
    """Types of the categorical columns of a frame, by label."""
    if not isinstance(rows, pd.DataFrame):
        return {}
    return {label: d for label, d in rows.dtypes.items() if isinstance(d, pd.CategoricalDtype)}


def with_categories(frame: pd.DataFrame, dtypes: Mapping[Any, pd.CategoricalDtype]) -> pd.DataFrame:
    """Frame whose categorical columns list the categories of training first, unseen ones after them."""
    changed = {}
    for label, dtype in dtypes.items():
        column = frame[label]
        if column.dtype == dtype:
            continue
        present = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna().unique()
        unseen = [c for c in present if c not in dtype.categories]
        categories = dtype.categories.append(pd.Index(unseen)) if unseen else dtype.categories
        changed[label] = column.astype(object).astype(pd.CategoricalDtype(categories, ordered=dtype.ordered))
    if changed:
        frame = frame.copy(deep=False)
    for label, column in changed.items():
        frame[label] = column
    return frame
