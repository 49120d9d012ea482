"""Two functions of older Azure code, which answer with six-tuples; `explain_automl` and `Explanation` replace them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import scipy.sparse as sp

from automl_explain.adapters import adapter_for
from automl_explain.exceptions import InputError
from automl_explain.explainer_setup import automl_setup_model_explanations
from automl_explain.explainers import MimicWrapper
from automl_explain.explanation import Explanation
from automl_explain.feature_map import FeatureName

__all__ = ["explain_model", "retrieve_model_explanation"]

#: local values, expected values, ranked global values and names, ranked values and names per class.
SixTuple: TypeAlias = tuple[
    list[Any] | None,
    list[float],
    list[float],
    list[FeatureName],
    list[list[float]] | None,
    list[list[FeatureName]] | None,
]
_REMOVED_IN = "0.3.0"


def explain_model(
    fitted_model: Any,
    X_train: Any,
    X_test: Any,
    best_run: Any = None,
    features: Sequence[str] | None = None,
    y_train: Any = None,
    **kwargs: Any,
) -> SixTuple:
    """Engineered explanation of ``X_test`` as six lists; warns that it is deprecated.

    .. deprecated:: 0.1.0
        Removed in 0.3.0. Use `explain_automl`, whose ``engineered`` and ``raw`` explanations have all of this by name.

    Parameters
    ----------
    fitted_model : flaml.AutoML, sklearn Pipeline or estimator
    X_train, X_test : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Rows to train the surrogate on, and rows to explain.
    best_run : ExplanationStore, optional
        Where the explanation is kept.
    features : sequence of str, optional
        Raw names; 0, 1, ... for arrays without them.
    y_train : array-like of shape (n_rows,), optional
    **kwargs
        ``classes`` (labels in the order of the model's probabilities), ``include_local_importance`` (default
        True) and ``top_k`` (features that ``best_run`` keeps, default 100).

    Returns
    -------
    local_importance_values : nested list of shape (n_rows, d), or (n_classes, n_rows, d), or None
    expected_values : list of 1 number, or of one per class
    overall_summary, overall_imp : list of d numbers, list of d names
        Global importance and the features, largest first.
    per_class_summary, per_class_imp : nested lists of shape (n_classes, d), or None for regression

    Raises
    ------
    InputError, UnsupportedModelError
        If an argument is wrong, or the model cannot be explained.
    """
    _warn("explain_model", "explain_automl(fitted_model, X_train, X_test, y_train)")
    options = _options(kwargs, best_run)
    if features is None and isinstance(getattr(X_train, "shape", None), tuple) and not hasattr(X_train, "columns"):
        features = [str(j) for j in range(X_train.shape[-1])]
    rows = {"X": X_train, "X_test": X_test, "y": y_train, "features": features, "downsample": False}
    setup = automl_setup_model_explanations(fitted_model, task=adapter_for(fitted_model).task, **rows)
    wrapper = MimicWrapper(
        None,
        setup.automl_estimator,
        setup.surrogate_model,
        explainer_kwargs={**setup.surrogate_model_params, "augment_data": False},
        init_dataset=setup.X_transform,
        run=best_run,
        features=setup.engineered_feature_names,
        classes=setup.classes if options["classes"] is None else options["classes"],
        model_task=setup.task,
    )
    types = ["local", "global"] if options["include_local_importance"] else ["global"]
    return _six(wrapper.explain(types, eval_dataset=setup.X_test_transform, top_k=options["top_k"]))


def _options(given: dict[str, Any], best_run: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"classes": None, "include_local_importance": True, "top_k": 100}
    unknown = sorted(set(given) - set(options))
    if unknown:
        raise InputError(f"`explain_model` got unknown arguments {unknown}; expected {', '.join(options)}.")
    if best_run is not None and not hasattr(best_run, "upload_model_explanation"):
        raise InputError(
            f"`best_run` is a {type(best_run).__name__}, which keeps no explanations; expected an object with "
            "`upload_model_explanation`, or None."
        )
    return options | given


def retrieve_model_explanation(child_run: Any) -> SixTuple:
    """The newest engineered explanation that a run keeps, as six lists.

    .. deprecated:: 0.1.0
        Goes in 0.3.0. Use ``child_run.download_model_explanation(raw=False)``, which gives an `Explanation`.

    Parameters
    ----------
    child_run : object
        With ``download_model_explanation(raw=...)``, which gives an `Explanation`.

    Returns
    -------
    tuple
        As of `explain_model`.

    Raises
    ------
    InputError
        If ``child_run`` keeps no explanations, or gives something else.

    Warns
    -----
    FutureWarning
        Always.
    """
    _warn("retrieve_model_explanation", "child_run.download_model_explanation(raw=False)")
    download = getattr(child_run, "download_model_explanation", None)
    if not callable(download):
        raise InputError(
            f"`child_run` is a {type(child_run).__name__}, which keeps no explanations; expected an object with "
            "`download_model_explanation`. Read an explanation from a directory with `Explanation.load(path)`."
        )
    explanation = download(raw=False)
    if not isinstance(explanation, Explanation):
        raise InputError(f"`child_run` gave a {type(explanation).__name__}; expected an Explanation.")
    return _six(explanation)


def _warn(name: str, instead: str) -> None:
    warnings.warn(
        f"{name} is deprecated and goes in automl_explain {_REMOVED_IN}; use {instead}.", FutureWarning, stacklevel=3
    )


def _six(explanation: Explanation) -> SixTuple:
    regression = explanation.task == "regression"
    return (
        None if explanation.values is None else _nested(explanation.local_importance_values),
        explanation.expected_values.tolist(),
        explanation.get_ranked_global_values(),
        explanation.get_ranked_global_names(),
        None if regression else explanation.get_ranked_per_class_values(),
        None if regression else explanation.get_ranked_per_class_names(),
    )


def _nested(values: Any) -> list[Any]:
    if isinstance(values, list):
        return [_nested(v) for v in values]
    return list((values.toarray() if sp.issparse(values) else values).tolist())
