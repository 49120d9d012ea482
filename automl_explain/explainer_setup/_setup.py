"""automl_setup_model_explanations: a fitted model and raw rows -> everything an explanation needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain._lazy import load
from automl_explain._tables._schema import TableSchema
from automl_explain._validation import check_count, check_labels, check_task, check_weights, listed, raw_names, warn
from automl_explain.adapters import adapter_for, refusal
from automl_explain.adapters._candidates import fitted_candidate
from automl_explain.adapters._self_check import (
    WholeModel,
    asked,
    why_order_is_wrong,
    why_parts_differ,
    why_rows_depend,
)
from automl_explain.adapters._texts import text_adapter
from automl_explain.exceptions import (
    AutoMLExplainError,
    BlackBoxWarning,
    ExplanationWarning,
    InputError,
    SelfCheckError,
    UnsupportedModelError,
)
from automl_explain.explainer_setup._result import AutoMLExplainerSetup
from automl_explain.explainer_setup._rows import Rows, default_names, floating, read_only, read_rows, surrogate_params
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import weighted
from automl_explain.lineage._texts import reads_texts
from automl_explain.protocols import PipelineAdapter, estimator_name, is_black_box

_DEFAULT_SURROGATE = "automl_explain.surrogates:LGBMExplainableModel"


@dataclasses.dataclass(frozen=True, eq=False)
class _Parts:
    """A model taken apart, and its engineered rows."""

    adapter: PipelineAdapter
    feature_map: FeatureMap
    Z: Any
    Z_test: Any


def automl_setup_model_explanations(
    fitted_model: Any,
    task: str,
    X: Any = None,
    X_test: Any = None,
    y: Any = None,
    y_test: Any = None,
    features: Sequence[str] | None = None,
    automl_run: Any = None,
    downsample: bool = True,
    *,
    max_eval_rows: int = 5000,
    random_state: int = 0,
    weights: str = "equal",
    schema: TableSchema | None = None,
) -> AutoMLExplainerSetup:
    """Take a fitted AutoML model apart for explanation.

    Parameters
    ----------
    fitted_model : flaml.AutoML, sklearn Pipeline or estimator, BlackBox, callable, or a `candidate`
        Fitted. A `candidate` that must be fitted anew is fitted on ``X`` and ``y``.
    task : {"classification", "regression", "forecasting"}
        What the model does. ``"forecasting"`` needs ``y``.
    X, X_test : table of shape (n_rows, n_raw), optional
        Raw training rows and raw rows to explain: DataFrame (also of polars or pyarrow), ndarray, scipy sparse; a
        Series or list of texts. With ``X_test`` alone the rows are only featurized.
    y, y_test : array-like of shape (n_rows,), optional
        Their targets. Rows whose target is missing (NaN, None, NA, ``""``, ``"nan"``) are left out.
    features : sequence of str, optional
        Raw names; needed for arrays without featurization.
    automl_run : object, optional
        Handed through to `MimicWrapper`.
    downsample, max_eval_rows, random_state : bool, int, int
        Whether at most ``max_eval_rows`` (5,000) rows of ``X_test`` are explained: a seeded, stratified sample.
    weights : {"equal", "exponent"}, default "equal"
        How products of PolynomialFeatures are shared: equally, or by exponent (a^2 b gives a two thirds).
    schema : TableSchema, optional
        ``setup.schema`` of an earlier setup, or ``scoring.input_schema``: the types that ``X_test`` alone shall have.

    Returns
    -------
    AutoMLExplainerSetup
        Its page has an example. A `BlackBoxWarning` says where the model is explained as a black box.

    Raises
    ------
    InputError, DataError
        If an argument does not fit, the rows are of other types than in training, or the library cannot read them.
    UnsupportedModelError, SelfCheckError
        If the model cannot be explained, or its predictions of a row depend on other rows or are random.
    """
    _check_arguments(task, X, X_test, y, max_eval_rows, weights)
    rows = read_rows(X, X_test, y, y_test, features, schema)
    model = fitted_candidate(fitted_model, rows.X, y)
    adapter = _adapter(model, task, rows)
    rows = _for_adapter(adapter, rows)
    kept = rows.sampled(max_eval_rows, random_state, by_class=adapter.task == "classification") if downsample else rows
    setup = _assembled(model, _taken_apart(adapter, model, kept, weights), kept, automl_run)
    return dataclasses.replace(setup, forecasts=task == "forecasting")


def automl_check_model_if_explainable(run: Any, need_refresh_run: bool = True) -> bool:
    """Whether a model, or the model of a run, can be explained.

    Parameters
    ----------
    run : object
        A fitted model, a function of raw rows, or a run with properties (``model_exp_support`` is
        ``"True"`` where the model of the run can be explained).
    need_refresh_run : bool, default True
        Whether to ask the run for its properties anew.

    Returns
    -------
    bool

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from automl_explain import automl_check_model_if_explainable
    >>> automl_check_model_if_explainable(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    True
    """
    if hasattr(run, "get_properties") or hasattr(run, "properties"):
        fresh = need_refresh_run and hasattr(run, "get_properties")
        properties = run.get_properties() if fresh else run.properties
        return bool(properties.get("model_exp_support") == "True")
    if refusal(run) is not None:
        return False
    try:
        # The task that a function is asked to do changes nothing about whether it can be.
        adapter_for(run, None if hasattr(run, "predict") else "regression")
    except AutoMLExplainError:
        return False
    return True


def _check_arguments(task: str, X: Any, X_test: Any, y: Any, max_eval_rows: Any, weights: str) -> None:
    check_task(task)
    if X is None and X_test is None and y is None:
        raise InputError("`X`, `X_test` and `y` are all None; pass training rows, rows to explain, or both.")
    if X is None and X_test is None:
        raise InputError("`X` and `X_test` are both None; `y` alone gives nothing to explain.")
    if task == "forecasting" and y is None:
        raise InputError("`task='forecasting'` needs the target history: pass `y`.")
    check_count(max_eval_rows, "max_eval_rows")
    check_weights(weights)


def _adapter(model: Any, task: str, rows: Rows) -> PipelineAdapter:
    """Adapter of a model that does this task; one that reads texts gets its only column."""
    if rows.width == 1 and (rows.texts or reads_texts(getattr(model, "model", model))):
        adapter = text_adapter(model, task)
    else:
        adapter = adapter_for(model, task)
    if adapter.task != ("regression" if task == "forecasting" else task):
        raise InputError(f"`task` is {task!r}, but the model does {adapter.task}. Pass task={adapter.task!r}.")
    return adapter


def _for_adapter(adapter: PipelineAdapter, rows: Rows) -> Rows:
    """Rows as the adapter reads them: with its types and columns, and without those that have no target."""
    rows = rows.typed(getattr(adapter, "conform", None))
    if hasattr(adapter, "raw_rows"):  # a forecast reads the known past beside the columns of a row
        X, y, X_test = adapter.raw_rows(rows.X, rows.y, rows.X_test)
        names = raw_names(None, [t for t in (X, X_test) if t is not None])
        rows = dataclasses.replace(rows, X=X, y=y, X_test=X_test, names=names)
    if rows.names is None:
        rows = rows.named(default_names(adapter, rows.width))
    rows = rows.with_targets()
    _warn_missing_class(adapter.classes)
    if rows.y is not None and adapter.classes is not None:
        check_labels(rows.y, adapter.classes)
    return rows


def _taken_apart(adapter: PipelineAdapter, model: Any, rows: Rows, weights: str) -> _Parts:
    """Parts whose predictions are the model's own, or else the model as a black box."""
    parts = _parts(adapter, rows, weights)
    if rows.X is None:
        return parts
    apart = None if is_black_box(adapter) else why_parts_differ(adapter, rows.X, parts.Z)
    if apart is not None:
        adapter = WholeModel(adapter, getattr(adapter, "model", model))
        parts = _parts(adapter, rows, weights)
    if is_black_box(adapter):
        _check_black_box(adapter, rows.X, parts.Z)
        if rows.y is not None and adapter.task == "classification" and adapter.classes is None:
            _check_order(adapter, rows.X, rows.y, _classes(adapter, rows.y) or ())
    if apart is not None:
        _warn_black_box(apart)
    return parts


def _assembled(model: Any, parts: _Parts, rows: Rows, automl_run: Any) -> AutoMLExplainerSetup:
    adapter, Z = parts.adapter, parts.Z
    return AutoMLExplainerSetup(
        automl_pipeline=model,
        automl_estimator=adapter.estimator,
        automl_featurizer=adapter.featurizer,
        X_transform=Z,
        X_test_transform=parts.Z_test,
        X_test_raw=rows.X_test,
        y=read_only(rows.y),
        y_test=read_only(rows.y_test),
        feature_map=parts.feature_map,
        surrogate_model=load(_DEFAULT_SURROGATE),
        surrogate_model_params=surrogate_params(Z if Z is not None else parts.Z_test, parts.feature_map),
        automl_run=automl_run,
        task=adapter.task,
        schema=rows.schema,
        _classes=_classes(adapter, rows.y) if rows.X is not None or rows.y is not None else None,
        _estimator_name=estimator_name(adapter),
        _adapter=adapter,
    )


def _warn_missing_class(classes: Sequence[Any] | None) -> None:
    missing = [c for c in classes or () if pd.isna(c)]
    if missing:
        warn(
            f"The model learnt rows without a target as a class of their own: {listed(missing)}. Its probability is "
            "explained with the others; leave such rows out before fitting.",
            ExplanationWarning,
        )


def _parts(adapter: PipelineAdapter, rows: Rows, weights: str) -> _Parts:
    """Feature map, engineered training rows and engineered rows to explain."""
    X, X_test, names = rows.X, rows.X_test, rows.names
    assert names is not None
    first, argument = (X, "X") if X is not None else (X_test, "X_test")
    with weighted(weights):
        found = asked(lambda: adapter.feature_map(first, names), "trace the columns of", argument)
    schema = rows.schema
    if len(schema.columns) != first.shape[1]:  # the adapter has added columns
        schema = TableSchema.of(first, None if isinstance(first, pd.DataFrame) else names)
    feature_map = dataclasses.replace(found, raw_schema=schema)
    Z = None if X is None else asked(lambda: floating(adapter.transform(X)), "transform", "X")
    Z_test = None if X_test is None else asked(lambda: floating(adapter.transform(X_test)), "transform", "X_test")
    for made in (Z, Z_test):
        if made is not None and made.shape[1] != feature_map.n_engineered:
            raise UnsupportedModelError(
                f"The featurization makes {made.shape[1]} columns, but its feature map has "
                f"{feature_map.n_engineered}; a wrong map would explain the wrong columns."
            )
    return _Parts(adapter, feature_map, Z, Z_test)


def _check_black_box(adapter: Any, X: Any, Z: Any) -> None:
    wrong = why_rows_depend(adapter, X, Z)
    if wrong is not None:
        raise SelfCheckError(
            f"{wrong}. What the model predicts depends on the batch or is random, so a row has no contributions of its "
            "own. Make it predict every row by itself: a featurization that learns in `fit` alone, a fixed seed."
        )


def _warn_black_box(apart: str) -> None:
    warn(
        f"{apart}. The featurization is not all of what the model does, or depends on the batch, so the model is "
        "explained as a black box: its own predictions, on features of our own made from the raw columns. Pass "
        "`BlackBox(model)` to choose so yourself.",
        BlackBoxWarning,
    )


def _classes(adapter: PipelineAdapter, y: np.ndarray | None) -> tuple[Any, ...] | None:
    if adapter.task != "classification":
        return None
    if adapter.classes is not None:
        return tuple(adapter.classes)
    if y is None:
        return None
    found = {str(c): c.item() if isinstance(c, np.generic) else c for c in np.unique(y)}
    named = [str(n) for n in getattr(adapter, "named", None) or ()]
    return tuple(found[n] for n in (named if sorted(named) == sorted(found) else found))


def _check_order(adapter: Any, X: Any, y: np.ndarray, classes: Sequence[Any]) -> None:
    wrong = why_order_is_wrong(adapter, X, y, classes)
    if wrong is not None:
        raise InputError(f"{wrong}. Pass BlackBox(model, classes=[...]) with the labels in the order of its outputs.")
