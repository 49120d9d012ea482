"""fit_and_explain: the explanation as a part of the training, which it can never cost the trained model."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from automl_explain._tables._rows import take
from automl_explain._tables._schema import TableSchema
from automl_explain._threads import available_threads
from automl_explain._validation import (
    check_raw_method,
    check_task,
    labels,
    listed,
    present_targets,
    raw_table,
    same_columns,
    warn,
)
from automl_explain.adapters import told_task
from automl_explain.candidates import CandidateComparison, compare_candidates
from automl_explain.exceptions import DataError, ExplanationWarning, InputError
from automl_explain.explain import AutoMLExplanations, explain_automl
from automl_explain.explainer_setup import automl_setup_model_explanations

_OWN = ("fitted_model", "task", "X", "X_test", "y", "y_test")  # arguments of the setup with a place of their own
_SETUP_OPTIONS = [p for p in inspect.signature(automl_setup_model_explanations).parameters if p not in _OWN]
_FLAML_TASKS = {"forecasting": "ts_forecast"}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainingResult:
    """What `fit_and_explain` gives.

    Attributes
    ----------
    model : object
        The fitted model, always.
    explanations : AutoMLExplanations or None
        Of the model, in both spaces; None without ``model_explainability`` or where it failed.
    candidates : CandidateComparison or None
        Of the candidates asked for.
    errors : mapping of str to Exception
        What went wrong after the fit: ``"explanation"``, ``"candidates"``, ``"store"``.
    stored : tuple of str
        Comments under which explanations were kept.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import fit_and_explain
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> result = fit_and_explain(LogisticRegression(max_iter=1000), X, y, task="classification")
    >>> result.explanations.raw.get_ranked_global_names(top_k=1), result.error
    (['petal length (cm)'], None)
    """

    model: Any
    explanations: AutoMLExplanations | None = None
    candidates: CandidateComparison | None = None
    errors: Mapping[str, Exception] = dataclasses.field(default_factory=dict)
    stored: tuple[str, ...] = ()

    @property
    def error(self) -> Exception | None:
        """The first thing that went wrong after the fit; None if nothing did."""
        return next(iter(self.errors.values()), None)

    def __repr__(self) -> str:
        lines = [f"TrainingResult of {type(self.model).__name__}"]
        if self.explanations is not None:
            lines.append(repr(self.explanations.raw))
        if self.candidates is not None:
            lines.append(repr(self.candidates))
        if self.stored:
            lines.append(f"stored: {', '.join(self.stored)}")
        lines += [f"{what} failed: {type(error).__name__}: {error}" for what, error in self.errors.items()]
        return "\n".join(lines)


def fit_and_explain(
    automl: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    y_test: Any = None,
    *,
    task: str,
    model_explainability: bool = True,
    candidates: bool | Sequence[str] | None = None,
    store: Any = None,
    raw_method: str = "folded",
    setup_options: Mapping[str, Any] | None = None,
    **fit_options: Any,
) -> TrainingResult:
    """Fit an AutoML model, then explain it; a failure of the explanation leaves the fitted model.

    Parameters
    ----------
    automl : flaml.AutoML, sklearn search, Pipeline or estimator
        Not fitted yet; it is fitted in place.
    X, y : table of shape (n_rows, n_raw), and array-like of shape (n_rows,)
        Raw training rows and targets. Rows without one are left out with a warning: FLAML would make them a class.
    X_test, y_test : optional
        Raw rows to explain, and their targets; the training rows where left out.
    task : {"classification", "regression", "forecasting"}
        What is to be fitted.
    model_explainability : bool, default True
        Whether to explain at all.
    candidates : bool or sequence of str, optional
        Those to explain too, see `compare_candidates`; True for all.
    store : ExplanationStore, optional
        Keeps every explanation in both spaces, with a comment such as ``"best model, raw"``.
    raw_method : {"folded", "grouped"}, default "folded"
    setup_options : mapping, optional
        More arguments of `automl_setup_model_explanations`, such as ``{"max_eval_rows": 500}``.
    **fit_options
        More arguments of ``automl.fit``, such as ``time_budget=60``.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError, DataError
        If an argument is not legal; found out before the fit. What fails after it warns and is in ``errors``.
    """
    _check_model(automl, check_task(task))
    _check_wishes(raw_method, model_explainability, candidates, store, setup_options)
    _check_candidates(automl, task, candidates)
    _check_forecast(automl, task, fit_options)
    X = raw_table(X, "X")
    X_test, y_test = _rows_to_explain(X, y, X_test, y_test)
    X, y = _with_targets(X, y, task)
    _fit(automl, X, y, task, fit_options)
    if not model_explainability:
        return TrainingResult(automl)
    options = {**(setup_options or {}), "task": task, "raw_method": raw_method, "y_test": y_test}
    return _explained(automl, (X, X_test, y), candidates, store, options)


def _rows_to_explain(X: Any, y: Any, X_test: Any, y_test: Any) -> tuple[Any, Any]:
    """Rows to explain with the types of the training rows, and their targets."""
    if X_test is None:
        X_test, y_test = X, y if y_test is None else y_test
    else:
        X_test = TableSchema.of(X).conform(same_columns(X, raw_table(X_test, "X_test")), "X_test")
    if y_test is not None:
        labels(y_test, "y_test", X_test.shape[0])
    return X_test, y_test


def _explained(
    automl: Any, rows: tuple[Any, Any, Any], candidates: Any, store: Any, options: Mapping[str, Any]
) -> TrainingResult:
    """Explanations of a fitted model, kept in the store; what fails is told in the result."""
    X, X_test, y = rows
    errors: dict[str, Exception] = {}
    best = _kept(errors, "explanation", lambda: explain_automl(automl, X, X_test, y, **options))
    others = None
    if candidates:
        names = None if candidates is True else candidates
        others = _kept(errors, "candidates", lambda: compare_candidates(automl, X, X_test, y, names, **options))
    stored: list[str] = []
    if store is not None:
        made = {**({} if best is None else {"best model": best}), **({} if others is None else others.explanations)}
        _kept(errors, "store", lambda: _store(store, made, stored))
    return TrainingResult(automl, best, others, errors, tuple(stored))


def _check_model(automl: Any, task: str) -> None:
    if isinstance(automl, type) or not hasattr(automl, "fit"):
        named = f"the class {automl.__qualname__}" if isinstance(automl, type) else type(automl).__name__
        raise InputError(
            f"`automl` is {named}; expected an object with `fit`. Pass one, such as AutoML() or a Pipeline."
        )
    # FLAML is told the task; of others some tell it themselves.
    does = None if _takes(automl, "task") or not isinstance(automl, BaseEstimator) else told_task(automl)
    if task != "forecasting" and does not in (None, task):
        raise InputError(f"`task` is {task!r}, but {type(automl).__name__} does {does}. Pass task={does!r}.")


def _check_candidates(automl: Any, task: str, candidates: Any) -> None:
    """Names that FLAML could never come to; those of other searches are known by their results alone."""
    if task == "forecasting" or not hasattr(automl, "add_learner") or not isinstance(candidates, Sequence):
        return
    from automl_explain.adapters._flaml_candidates import ENSEMBLE, check_learner

    added = getattr(getattr(automl, "_state", None), "learner_classes", {})  # by `add_learner`
    for name in candidates:
        check_learner(name, task, [ENSEMBLE, *added])


def _check_wishes(raw_method: Any, model_explainability: Any, candidates: Any, store: Any, setup_options: Any) -> None:
    check_raw_method(raw_method)
    if setup_options is not None and not isinstance(setup_options, Mapping):
        raise InputError(
            f"`setup_options` is {setup_options!r}; expected a mapping of arguments of the setup. Pass one, such as "
            "{'max_eval_rows': 500}."
        )
    wrong = [k for k in setup_options or {} if k not in _SETUP_OPTIONS]
    if wrong:
        raise InputError(
            f"`setup_options` holds {listed(wrong)}; it takes {listed(_SETUP_OPTIONS)}. What else the setup reads has "
            "an argument of its own here."
        )
    if not isinstance(candidates, (bool, type(None), str)) and not (
        isinstance(candidates, Sequence) and all(isinstance(name, str) for name in candidates)
    ):
        raise InputError(
            f"`candidates` is {candidates!r}; expected names, or True for all. Pass a list such as ['rf']."
        )
    if not isinstance(model_explainability, bool):
        raise InputError(f"`model_explainability` must be True or False; got {model_explainability!r}.")
    if isinstance(candidates, str):
        raise InputError(f"`candidates` is the text {candidates!r}; expected names. Pass [{candidates!r}], or True.")
    if store is not None and not hasattr(store, "upload_model_explanation"):
        raise InputError(
            f"`store` must keep explanations (an object with `upload_model_explanation`); got {type(store).__name__}. "
            "Leave it out to keep them yourself."
        )


def _check_forecast(automl: Any, task: str, fit_options: Mapping[str, Any]) -> None:
    if task == "forecasting" and _takes(automl, "task"):
        for needed, example in (("period", "period=12"), ("time_budget", "time_budget=60")):
            if fit_options.get(needed) is None:
                raise InputError(
                    f"`{needed}` is missing; FLAML's forecasts need it, and fail without a message of their own. Pass "
                    f"{example}."
                )


def _with_targets(X: Any, y: Any, task: str) -> tuple[Any, Any]:
    """Rows that have a target, in plain types; a series keeps its gaps, since its rows go by time."""
    if isinstance(y, pd.Series) and pd.api.types.is_extension_array_dtype(y.dtype):
        y = y.astype(object)  # as numbers, nullable integers with gaps would be floats
    values = labels(y, "y", X.shape[0])
    present = present_targets(values, "y")
    text = next((v for v in values[present].tolist() if isinstance(v, str)), None)
    if task != "classification" and text is not None:
        raise DataError(f"`y` holds text ({text!r}), and the task is {task}. Pass numbers, or task='classification'.")
    if not present.all() and task == "forecasting":
        raise DataError(
            f"{(~present).sum()} of {len(present)} targets in `y` are missing; a series needs one at every step. Fill "
            "the gaps first."
        )
    if not present.all():
        warn(f"{(~present).sum()} of {len(present)} rows have no target in `y` and are left out.", ExplanationWarning)
        X, values = take(X, np.flatnonzero(present)), values[present]
    # Nullable and object columns of one kind become that kind: FLAML makes numbers of nullable booleans.
    if (
        values.dtype == object
        and len({type(v) for v in values.tolist()} - {str}) == 1
        and not isinstance(values[0], str)
    ):
        values = np.asarray(values.tolist())
    return X, values


def _takes(automl: Any, argument: str) -> bool:
    try:
        return argument in inspect.signature(automl.fit).parameters
    except (TypeError, ValueError):
        return False


def _fit(automl: Any, X: Any, y: Any, task: str, fit_options: Mapping[str, Any]) -> None:
    told: dict[str, Any] = {}
    if _takes(automl, "task"):  # FLAML
        told["task"] = _FLAML_TASKS.get(task, task)
        unsaid = getattr(automl, "_settings", {}).get("n_jobs", -1) == -1  # all cores of the machine then
        if unsaid and _takes(automl, "n_jobs"):
            told["n_jobs"] = available_threads()
    automl.fit(X, y, **{**told, **fit_options})


def _kept(errors: dict[str, Exception], what: str, make: Callable[[], Any]) -> Any:
    """What is made, or None; whatever goes wrong is kept, for the model must not be lost with it."""
    try:
        return make()
    except Exception as error:
        errors[what] = error
        warn(f"The model was fitted, but {_DOING[what]} failed: {type(error).__name__}: {error}", ExplanationWarning)
        return None


_DOING = {
    "explanation": "explaining it",
    "candidates": "explaining its candidates",
    "store": "storing its explanations",
}


def _store(store: Any, made: Mapping[str, AutoMLExplanations], stored: list[str]) -> None:
    for name, explanations in made.items():
        for space in ("engineered", "raw"):
            comment = f"{name}, {space}"
            store.upload_model_explanation(
                getattr(explanations, space), comment=comment, true_ys=explanations.setup.y_test
            )
            stored.append(comment)
