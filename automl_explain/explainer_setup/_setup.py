"""automl_setup_model_explanations: a fitted model and raw rows -> everything an explanation needs."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain._registry import load
from automl_explain._tables._rows import take
from automl_explain._tables._schema import TableSchema
from automl_explain._validation import (
    check_count,
    check_labels,
    check_task,
    check_weights,
    listed,
    raw_names,
    raw_table,
    same_columns,
    warn,
)
from automl_explain.adapters import BlackBoxAdapter, adapter_for, inner_model, refusal
from automl_explain.adapters._candidates import fitted_candidate
from automl_explain.adapters._raw_features import RawFeatures
from automl_explain.adapters._self_check import (
    WholeModel,
    asked,
    why_order_is_wrong,
    why_parts_differ,
    why_rows_depend,
)
from automl_explain.exceptions import (
    AutoMLExplainError,
    BlackBoxWarning,
    ExplanationWarning,
    InputError,
    SelfCheckError,
    UnsupportedModelError,
)
from automl_explain.explainer_setup._rows import (
    default_names,
    floating,
    read_only,
    sample,
    shape,
    surrogate_params,
    with_targets,
)
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import weighted
from automl_explain.protocols import PipelineAdapter

_DEFAULT_SURROGATE = "automl_explain.surrogates:LGBMExplainableModel"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AutoMLExplainerSetup:
    """A fitted model taken apart, with the rows to train a surrogate on and the rows to explain.

    Attributes
    ----------
    automl_pipeline : object
        The fitted model as given; reads raw rows.
    automl_estimator : object
        Its estimator; reads engineered rows, gives original labels.
    automl_featurizer : object or None
        Its featurization.
    X_transform : DataFrame, ndarray or csr_matrix of shape (n_rows, n_engineered), or None
        Engineered training rows; None without ``X``. To save memory, rows are not copied: where the
        model reads the raw columns these are the rows as given, so leave them unchanged.
    X_test_transform : DataFrame, ndarray or csr_matrix of shape (n_eval, n_engineered), or None
        Engineered rows to explain.
    X_test_raw : DataFrame, ndarray or csr_matrix of shape (n_eval, n_raw), or None
        The same rows before featurization; not copied either.
    y, y_test : ndarray of shape (n_rows,) or (n_eval,), or None
        Targets of those rows; read-only copies.
    engineered_feature_names, raw_feature_names : list
        Names, in the order of the columns; a fresh list each time, like ``classes``.
    feature_map : FeatureMap of shape (n_raw, n_engineered)
        Which raw column feeds which engineered feature.
    classes : list or None
        Original labels in the order of the estimator's outputs; None for regression and without
        ``X`` and ``y``.
    surrogate_model : type
        Surrogate class to use.
    surrogate_model_params : dict
        Its arguments, for ``explainer_kwargs`` of `MimicWrapper`.
    automl_run : object or None
        As given.
    direct_explainer : {"tree", "linear", None}
        What kind of model the estimator is where it could be explained without a surrogate: with
        ``explain_automl(..., method="auto")`` or `DirectWrapper`.
    task : {"classification", "regression"}
        What the model does.
    forecasts : bool
        Whether it was set up with ``task="forecasting"``: the rows to explain come after the training rows.
    """

    automl_pipeline: Any
    automl_estimator: Any
    automl_featurizer: Any
    X_transform: Any
    X_test_transform: Any
    X_test_raw: Any
    y: np.ndarray | None
    y_test: np.ndarray | None
    feature_map: FeatureMap
    surrogate_model: type
    surrogate_model_params: dict[str, Any]
    automl_run: Any
    task: str
    _classes: tuple[Any, ...] | None
    forecasts: bool = False

    @property
    def engineered_feature_names(self) -> list[str | int]:
        """Names of the engineered features, in the order of the columns."""
        return list(self.feature_map.engineered_names)

    @property
    def raw_feature_names(self) -> list[str | int]:
        """Names of the raw columns, in their order."""
        return list(self.feature_map.raw_names)

    @property
    def classes(self) -> list[Any] | None:
        """Original labels in the order of the estimator's outputs."""
        return None if self._classes is None else list(self._classes)

    @property
    def direct_explainer(self) -> str | None:
        """``"tree"`` or ``"linear"`` where the estimator itself could be explained, exactly; else None."""
        return inner_model(self.automl_estimator).kind

    def _lines(self) -> list[tuple[str, str]]:
        model = type(self.automl_pipeline).__name__
        estimator = (
            repr(self.automl_estimator)
            if "Flaml" in type(self.automl_estimator).__name__
            else type(self.automl_estimator).__name__
        )
        lines = [
            ("model", f"{model} ({self.task}), estimator {estimator}"),
            ("features", f"{len(self.raw_feature_names)} raw -> {len(self.engineered_feature_names)} engineered"),
            ("featurization", self._origin()),
            ("training rows", shape(self.X_transform)),
            ("rows to explain", shape(self.X_test_transform)),
        ]
        if self.direct_explainer is not None:
            what = "trees" if self.direct_explainer == "tree" else "a linear model"
            lines.append(("direct explanation", f"possible: it is {what}; method='auto' or DirectWrapper"))
        if self.classes is not None:
            lines.append(("classes", listed(self.classes)))
        if self.feature_map.unused_raw:
            lines.append(("unused raw columns", listed(self.feature_map.unused_raw)))
        if self.feature_map.unmapped:
            names = [self.engineered_feature_names[j] for j in self.feature_map.unmapped]
            lines.append(("unmapped engineered", listed(names)))
        return lines

    def _origin(self) -> str:
        if self.automl_featurizer is None:
            return "none seen: the model reads the raw columns"
        if isinstance(self.automl_featurizer, RawFeatures):
            return "our own, of the raw columns that the model reads"
        return "the model's own"

    def __repr__(self) -> str:
        width = max(len(k) for k, _ in self._lines())
        return "AutoMLExplainerSetup\n" + "\n".join(f"  {k:<{width}}  {v}" for k, v in self._lines())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(k)}</th><td "
            f"style='text-align:left'>{html.escape(v)}</td></tr>"
            for k, v in self._lines()
        )
        return f"<table><caption style='text-align:left'><b>AutoMLExplainerSetup</b></caption>{rows}</table>"


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
) -> AutoMLExplainerSetup:
    """Take a fitted AutoML model apart for explanation.

    Parameters
    ----------
    fitted_model : flaml.AutoML, sklearn Pipeline or estimator, BlackBox, or callable
        Fitted, or a `candidate` of a fitted search; one that must be fitted anew is fitted on ``X`` and
        ``y``. A function reads raw rows, see `BlackBox`.
    task : {"classification", "regression", "forecasting"}
        What the model does. ``"forecasting"`` needs ``y`` and a model that regresses on the columns of
        a row.
    X, X_test : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
        Raw training rows and raw rows to explain. With ``X_test`` alone (scoring) the rows are only
        featurized; the check of the model's predictions is left to the call that had ``X``.
    y, y_test : array-like of shape (n_rows,), optional
        Their targets. Rows whose target is missing (NaN, None, NA, ``""``, ``"nan"``) are left out.
    features : sequence of str, optional
        Raw names; needed for arrays without featurization.
    automl_run : object, optional
        Handed through to `MimicWrapper`.
    downsample : bool, default True
        Whether at most ``max_eval_rows`` rows of ``X_test`` are explained: a seeded sample,
        stratified by ``y_test`` for classification, in the order of the rows.
    max_eval_rows : int, default 5000
    random_state : int, default 0
    weights : {"equal", "exponent"}, default "equal"
        How the feature map shares products of PolynomialFeatures: equally among the factors, or by
        exponent (a^2 b gives a two thirds). For any others pass ``feature_maps`` to the explainers.

    Returns
    -------
    AutoMLExplainerSetup

    Raises
    ------
    InputError
        If an argument does not fit the others, or a black box that does not tell its classes has them in
        another order than they were taken for.
    DataError
        If all targets are missing, ``y`` holds only labels that the model does not know, or the model's
        library cannot read the rows (its own error is the cause).
    UnsupportedModelError
        If the model cannot be explained; `UnknownTransformerError` names a featurization step whose
        lineage is unknown.
    SelfCheckError
        If the model's predictions of a row depend on the rows that come with it, or are random.

    Warns
    -----
    BlackBoxWarning
        If predicting on the transformed rows differs from the model's own predictions. The model is then
        explained as a black box: its own predictions, on features of our own. For scoring keep
        ``setup.automl_featurizer``, which makes the same features of new rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from automl_explain import automl_setup_model_explanations
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> setup = automl_setup_model_explanations(model, "classification", X=X, X_test=X, y=y)
    >>> setup.feature_map.shape, setup.classes
    ((4, 4), [0, 1, 2])
    """
    check_task(task)
    if X is None and X_test is None and y is None:
        raise InputError("`X`, `X_test` and `y` are all None; pass training rows, rows to explain, or both.")
    if X is None and X_test is None:
        raise InputError("`X` and `X_test` are both None; `y` alone gives nothing to explain.")
    check_count(max_eval_rows, "max_eval_rows")
    check_weights(weights)
    X = None if X is None else raw_table(X, "X")
    X_test = None if X_test is None else raw_table(X_test, "X_test")
    if X is not None and X_test is not None:
        X_test = same_columns(X, X_test)
    tables = [t for t in (X, X_test) if t is not None]
    names = raw_names(features, tables)
    if task == "forecasting" and y is None:
        raise InputError("`task='forecasting'` needs the target history: pass `y`.")
    fitted_model = fitted_candidate(fitted_model, X, y)
    adapter = adapter_for(fitted_model, task)
    _check_model_task(adapter, task)
    if hasattr(adapter, "raw_rows"):  # a forecast reads the known past beside the columns of a row
        X, y, X_test = adapter.raw_rows(X, y, X_test)
        names = raw_names(None, [t for t in (X, X_test) if t is not None])
    names = names if names is not None else default_names(adapter, tables[0].shape[1])
    X, y = with_targets(X, y, "y")
    _warn_missing_class(adapter.classes)
    if y is not None and adapter.classes is not None:
        check_labels(y, adapter.classes)
    X_test, y_test = with_targets(X_test, y_test, "y_test")
    if downsample and X_test is not None and X_test.shape[0] > max_eval_rows:
        kept = sample(
            X_test.shape[0], y_test if adapter.task == "classification" else None, max_eval_rows, random_state
        )
        X_test, y_test = take(X_test, kept), None if y_test is None else y_test[kept]
    feature_map, Z, Z_test = _taken_apart(adapter, X, X_test, names, weights)
    if X is not None:
        apart = None if isinstance(adapter, BlackBoxAdapter) else why_parts_differ(adapter, X, Z)
        if apart is not None:
            adapter = WholeModel(adapter, fitted_model)
            feature_map, Z, Z_test = _taken_apart(adapter, X, X_test, names, weights)
        if isinstance(adapter, BlackBoxAdapter):
            _check_black_box(adapter, X, Z)
            if y is not None and adapter.task == "classification" and adapter.classes is None:
                _check_order(adapter, X, y, _classes(adapter, y) or ())
        if apart is not None:
            _warn_black_box(apart)
    return AutoMLExplainerSetup(
        automl_pipeline=fitted_model,
        automl_estimator=adapter.estimator,
        automl_featurizer=adapter.featurizer,
        X_transform=Z,
        X_test_transform=Z_test,
        X_test_raw=X_test,
        y=read_only(y),
        y_test=read_only(y_test),
        feature_map=feature_map,
        surrogate_model=load(_DEFAULT_SURROGATE),
        surrogate_model_params=surrogate_params(Z if Z is not None else Z_test, feature_map),
        automl_run=automl_run,
        task=adapter.task,
        _classes=_classes(adapter, y) if X is not None or y is not None else None,
        forecasts=task == "forecasting",
    )


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


def _check_model_task(adapter: PipelineAdapter, task: str) -> None:
    wanted = "regression" if task == "forecasting" else task
    if adapter.task != wanted:
        raise InputError(f"`task` is {task!r}, but the model does {adapter.task}. Pass task={adapter.task!r}.")


def _warn_missing_class(classes: Sequence[Any] | None) -> None:
    missing = [c for c in classes or () if pd.isna(c)]
    if missing:
        warn(
            f"The model learnt rows without a target as a class of their own: {listed(missing)}. Its probability is "
            "explained with the others; leave such rows out before fitting.",
            ExplanationWarning,
        )


def _taken_apart(
    adapter: PipelineAdapter, X: Any, X_test: Any, names: Sequence[str | int], weights: str
) -> tuple[Any, Any, Any]:
    """Feature map, engineered training rows and engineered rows to explain."""
    first = X if X is not None else X_test
    with weighted(weights):
        found = asked(
            lambda: adapter.feature_map(first, names), "trace the columns of", "X" if X is not None else "X_test"
        )
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
    return feature_map, Z, Z_test


def _check_black_box(adapter: BlackBoxAdapter, X: Any, Z: Any) -> None:
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


def _check_order(adapter: BlackBoxAdapter, X: Any, y: np.ndarray, classes: Sequence[Any]) -> None:
    wrong = why_order_is_wrong(adapter, X, y, classes)
    if wrong is not None:
        raise InputError(f"{wrong}. Pass BlackBox(model, classes=[...]) with the labels in the order of its outputs.")
