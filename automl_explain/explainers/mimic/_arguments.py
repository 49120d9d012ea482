"""Checks of the arguments that only `MimicExplainer` has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from automl_explain._validation import check_arguments
from automl_explain.exceptions import InputError


def make_surrogate(explainable_model: Any, arguments: Mapping[str, Any] | None) -> Any:
    """A surrogate of this class with these arguments.

    Raises
    ------
    InputError
        If the class is no surrogate, or the arguments do not fit it.
    """
    if not isinstance(explainable_model, type) or not hasattr(explainable_model, "shapley_values"):
        raise InputError(
            f"`explainable_model` must be a surrogate class such as LGBMExplainableModel; got {explainable_model!r}."
        )
    given = dict(arguments or {})
    check_arguments(explainable_model, "explainable_model_args", **given)
    return explainable_model(**given)


def check_only(argument: str, value: str, legal: str) -> None:
    """Refuse every value but one."""
    if value != legal:
        raise InputError(f"`{argument}` must be {legal!r}; got {value!r}. Other values are not supported.")


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
