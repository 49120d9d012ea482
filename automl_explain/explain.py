"""explain_automl: from a fitted AutoML model to both explanations in one call."""

from __future__ import annotations

import dataclasses
from typing import Any

from automl_explain._validation import check_raw_method
from automl_explain.adapters import adapter_for, inner_model
from automl_explain.adapters._candidates import fitted_candidate
from automl_explain.exceptions import AutoMLExplainError, InputError, UnsupportedModelError
from automl_explain.explainer_setup import AutoMLExplainerSetup, automl_setup_model_explanations
from automl_explain.explainers import DirectWrapper, MimicWrapper
from automl_explain.explanation import Explanation
from automl_explain.explanation._units import check_output_unit

METHODS = ("mimic", "direct", "auto")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AutoMLExplanations:
    """What `explain_automl` gives.

    Attributes
    ----------
    setup : AutoMLExplainerSetup
    explainer : MimicWrapper or DirectWrapper
        Explains more rows.
    engineered, raw : Explanation
        Of the rows to explain, in both spaces.
    method : {"mimic", "direct"}
        How: through a surrogate, or the model by itself.
    reason : str
        Why so.
    """

    setup: AutoMLExplainerSetup
    explainer: MimicWrapper | DirectWrapper
    engineered: Explanation
    raw: Explanation
    method: str = "mimic"
    reason: str = "asked for"

    def __repr__(self) -> str:
        model = type(self.setup.automl_pipeline).__name__
        return f"AutoMLExplanations of {model}\n{self.method}: {self.reason}\n{self.raw!r}"


def explain_automl(
    automl: Any,
    X_train: Any,
    X_test: Any,
    y_train: Any = None,
    *,
    task: str | None = None,
    raw_method: str = "folded",
    output_unit: str | None = None,
    method: str = "mimic",
    **setup_options: Any,
) -> AutoMLExplanations:
    """Explain a fitted AutoML model, engineered and raw, local and global.

    Parameters
    ----------
    automl : flaml.AutoML, sklearn Pipeline or estimator
        Fitted, or a `candidate`.
    X_train, X_test : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Raw rows to train the surrogate on, and raw rows to explain.
    y_train : array-like of shape (n_rows,), optional
        Targets of the training rows.
    task : {"classification", "regression"}, optional
        Taken from the model where left out.
    raw_method : {"folded", "grouped"}, default "folded"
        How raw values are made; see `MimicWrapper.explain`.
    output_unit : {"log-odds", "probability"}, optional
        Unit of a classification's values, log-odds where left out; ``explainer`` keeps to it.
    method : {"mimic", "direct", "auto"}, default "mimic"
        ``mimic`` explains a surrogate that learnt the model. ``direct`` explains the model by itself, with
        exact values, if it is a tree or linear model. ``auto`` does so where it is one and its values
        add up to its predictions, else it falls back to ``mimic``; ``reason`` says why.
    **setup_options
        More arguments of `automl_setup_model_explanations`.

    Returns
    -------
    AutoMLExplanations

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import explain_automl
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> result = explain_automl(LogisticRegression(max_iter=1000).fit(X, y), X, X, y)
    >>> result.raw.get_ranked_global_names(top_k=1)
    ['petal length (cm)']
    """
    check_raw_method(raw_method)
    if method not in METHODS:
        raise InputError(f"`method` must be one of {', '.join(map(repr, METHODS))}; got {method!r}.")
    automl = fitted_candidate(automl, X_train, y_train)  # one that waits for rows does not tell its task
    task = task or adapter_for(automl).task
    if output_unit is not None:
        check_output_unit(output_unit, "log-odds" if task == "classification" else "target")
    setup = automl_setup_model_explanations(automl, task=task, X=X_train, X_test=X_test, y=y_train, **setup_options)
    return _by_method(setup, method, raw_method=raw_method, output_unit=output_unit)


def _by_method(
    setup: AutoMLExplainerSetup, method: str, *, raw_method: str, output_unit: str | None
) -> AutoMLExplanations:
    """Both explanations, through a surrogate or by the model itself, and why so."""
    both: dict[str, Any] = {"raw_method": raw_method, "output_unit": output_unit}
    if method == "mimic":
        why = "a surrogate was asked for"
        if setup.direct_explainer is not None:
            why += f"; method='auto' would explain the {setup.direct_explainer} model by itself"
        return _explained(setup, _mimic(setup, output_unit), "mimic", why, **both)
    inner = inner_model(setup.automl_estimator)
    if inner.kind is None:
        if method == "direct":
            raise UnsupportedModelError(
                f"{inner.why_opaque}, so it cannot be explained without a surrogate. Pass method='auto' or 'mimic'."
            )
        return _explained(setup, _mimic(setup, output_unit), "mimic", inner.why_opaque, **both)
    why = f"{type(inner.model).__name__} is {'made of trees' if inner.kind == 'tree' else 'a linear model'}"
    try:
        return _explained(setup, DirectWrapper.from_setup(setup, **_kept(output_unit)), "direct", why, **both)
    except AutoMLExplainError as error:
        if method == "direct":
            raise
        why = f"{why}, but: {error}"
    return _explained(setup, _mimic(setup, output_unit), "mimic", why, **both)


def _kept(output_unit: str | None) -> dict[str, str]:
    return {"shap_values_output": "probability"} if output_unit == "probability" else {}


def _mimic(setup: AutoMLExplainerSetup, output_unit: str | None) -> MimicWrapper:
    return MimicWrapper.from_setup(setup, **_kept(output_unit))


def _explained(
    setup: AutoMLExplainerSetup,
    explainer: MimicWrapper | DirectWrapper,
    method: str,
    reason: str,
    *,
    raw_method: str,
    output_unit: str | None,
) -> AutoMLExplanations:
    both = ["local", "global"]
    engineered = explainer.explain(both, eval_dataset=setup.X_test_transform, output_unit=output_unit)
    raw = explainer.explain(
        both,
        eval_dataset=setup.X_test_transform,
        get_raw=True,
        raw_eval_dataset=setup.X_test_raw,
        raw_method=raw_method,
        output_unit=output_unit,
    )
    return AutoMLExplanations(setup, explainer, engineered, raw, method, reason)
