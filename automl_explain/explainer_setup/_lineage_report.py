"""lineage_report: where every engineered feature of a model or featurization comes from, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automl_explain._validation import raw_table
from automl_explain.adapters import adapter_for, told_task
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import LineageReport, collected, trace, weighted
from automl_explain.lineage._texts import only_column, reads_texts


def lineage_report(
    pipeline: Any,
    X: Any = None,
    *,
    raw_names: Sequence[str | int] | None = None,
    weights: str = "equal",
    random_state: int = 0,
) -> LineageReport:
    """Raw parents, weights and way of finding of every engineered feature.

    Parameters
    ----------
    pipeline : object
        A fitted featurization (as for `automl_explain.lineage.trace`), a fitted model (as for
        `automl_setup_model_explanations`), the setup of one, or a FeatureMap. Classifiers and
        regressors are models, also where they have a ``transform``; `trace` takes them as featurizations.
    X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
        Raw rows, best those of the training: transformers that no rule knows are probed with up to
        3,000 of them. Not needed for a setup or a FeatureMap.
    raw_names : sequence of length n_raw, optional
        Names of the raw columns; by default the labels of the DataFrame, else positions.
    weights : {"equal", "exponent"}, default "equal"
        How products are shared; see `automl_explain.lineage.trace`. A setup or a FeatureMap has its own.
    random_state : int, default 0
        Seed of the probing. Only for featurizations.

    Returns
    -------
    LineageReport
        Prints as a table; with ``to_frame()``, ``feature_map``, and ``probed``, the cost of probing.

    Raises
    ------
    InputError, UnsupportedModelError
        If ``X`` is missing or its names do not fit; if the model, or a step before it, cannot be followed.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures
    >>> from automl_explain import lineage_report
    >>> X = pd.DataFrame({"age": [20.0, 30.0], "pay": [1.0, 2.0], "city": ["Oslo", "Rome"]})
    >>> products = PolynomialFeatures(interaction_only=True, include_bias=False)
    >>> prepare = make_column_transformer(
    ...     (products, ["age", "pay"]), (OneHotEncoder(), ["city"]), verbose_feature_names_out=False
    ... ).fit(X)
    >>> report = lineage_report(prepare, X)
    >>> report["age pay"]
    {'age': 0.5, 'pay': 0.5}
    """
    known = pipeline if isinstance(pipeline, FeatureMap) else getattr(pipeline, "feature_map", None)
    if isinstance(known, FeatureMap):
        return _of_known(pipeline, known, weights)
    if X is None:
        raise InputError(
            f"`X` is missing. A {type(pipeline).__name__} is followed with raw rows. Pass the training rows."
        )
    with collected() as steps, weighted(weights):
        return LineageReport(_traced(pipeline, raw_table(X, "X"), raw_names, random_state), tuple(steps))


def _of_known(pipeline: Any, known: FeatureMap, weights: str) -> LineageReport:
    if weights != "equal":
        raise InputError(
            f"`weights` is {weights!r}, but this {type(pipeline).__name__} already has its weights. Pass the model "
            "and `X`, or make the setup with `weights`."
        )
    return LineageReport(known)


def _traced(pipeline: Any, X: Any, raw_names: Sequence[str | int] | None, random_state: int) -> FeatureMap:
    """Feature map of a featurization or a model, which may read texts."""
    X = only_column(X) if reads_texts(pipeline) else X
    if not _is_model(pipeline):
        return trace(pipeline, X, raw_names, random_state=random_state)
    names = list(X.columns) if raw_names is None and hasattr(X, "columns") else raw_names
    if names is None:
        names = [X.name] if X.ndim == 1 else list(range(X.shape[1]))
    return adapter_for(pipeline).feature_map(X, list(names))


def _is_model(pipeline: Any) -> bool:
    """Whether it predicts; some models can transform as well, and so can clusterings, which are no models here."""
    if not hasattr(pipeline, "predict") or not hasattr(pipeline, "transform"):
        return hasattr(pipeline, "predict")
    return told_task(pipeline) is not None
