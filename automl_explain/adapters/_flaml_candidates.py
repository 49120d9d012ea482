"""Every learner that FLAML tried, as a model that can be explained.

FLAML's own accessor ``best_model_for_estimator`` gives learners that were never fitted and predict all ones,
learners fitted on the last fold alone, and for the best learner of an ensemble the whole
stack. None of these is passed on here: what was not fitted on all rows is fitted anew.
"""

from __future__ import annotations

import copy
import difflib
import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import shuffle
from sklearn.utils.metaestimators import available_if

from automl_explain._threads import threads_for
from automl_explain._validation import listed
from automl_explain.adapters._candidates import ALL_ROWS, PART, Candidate, chosen, training_rows
from automl_explain.adapters._flaml import FlamlAdapter, flaml_adapter
from automl_explain.exceptions import AutoMLExplainError, DataError, InputError, UnsupportedModelError

ENSEMBLE = "ensemble"
# FLAML's own constants: it shuffles the rows with this seed, and repeats rows of classes with fewer than 20.
_SHUFFLE_SEED, _RARE = 1, 20
_NEEDS = {"catboost": "catboost", "xgboost": "xgboost", "xgb_limitdepth": "xgboost"}


class FlamlCandidate(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """One learner that FLAML tried; predicts from raw rows and gives original labels, as FLAML does.

    Parameters
    ----------
    automl : flaml.AutoML
        Fitted.
    name : str
        Name of the learner, such as ``"rf"``.
    learner : object
        FLAML's learner of that name, fitted on FLAML's engineered rows.
    note : str
        Where its fit comes from, for the reader.

    Attributes
    ----------
    automl : flaml.AutoML
        A view of the run with this learner in the place of the best one; the run itself is unchanged.
    """

    def __init__(self, automl: Any, name: str, learner: Any, note: str) -> None:
        view = copy.copy(automl)
        view._trained_estimator, view._best_estimator = learner, name
        if view.model is not learner:
            raise UnsupportedModelError(
                "This version of FLAML keeps its model in another place than those known here (2.3 to 2.7), so no "
                "other learner can stand in for it. Explain the AutoML object itself."
            )
        self.automl, self.name, self.learner, self.note = view, name, learner, note

    @property
    def _classifies(self) -> bool:
        return bool(self.automl._state.task.is_classification())

    @property
    def classes_(self) -> np.ndarray:
        """Original labels in the order of the probability columns."""
        if not self._classifies:
            raise AttributeError("a regression has no classes")
        return np.asarray(self.automl.classes_)

    def fit(self, X: Any, y: Any) -> FlamlCandidate:
        """Refused: it is fitted. It is here since scikit-learn takes nothing without it for a last step."""
        raise UnsupportedModelError(
            f"FlamlCandidate({self.name!r}) is fitted. For other rows call candidate(automl, {self.name!r}, X, y)."
        )

    def predict(self, X: Any) -> np.ndarray:
        """Original labels or target values of shape (n_rows,), from raw rows."""
        return np.asarray(self.automl.predict(X)).reshape(-1)

    @available_if(lambda self: self._classifies)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of shape (n_rows, n_classes), from raw rows."""
        return np.asarray(self.automl.predict_proba(X))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> FlamlCandidate:
        return self

    def __repr__(self) -> str:
        return f"FlamlCandidate({self.name!r}): {self.note}"


def flaml_candidate_adapter(candidate: FlamlCandidate) -> Any:
    """Adapter of a candidate, which is taken apart like the run it comes from."""
    return flaml_adapter(candidate.automl)


class FlamlCandidates:
    """The learners that a FLAML run tried.

    Parameters
    ----------
    automl : flaml.AutoML
        Fitted.

    Raises
    ------
    UnsupportedModelError
        If nothing is fitted.
    """

    def __init__(self, automl: Any) -> None:
        if getattr(automl, "model", None) is None:
            raise UnsupportedModelError("This FLAML AutoML holds no fitted model; call `fit` with a larger budget.")
        self._automl = automl
        model = automl.model
        # A stack is told by its members: FLAML's learners have none.
        members = getattr(model, "estimators", None) if hasattr(model, "final_estimator_") else None
        self._members = (
            None if members is None else dict(zip([name for name, _ in members], model.estimators_, strict=True))
        )

    def listed(self) -> Sequence[Candidate]:
        """The chosen one first, then by loss; learners that were never tried are left out."""
        run = self._automl
        one_by_one = [
            Candidate(
                name,
                _plain_configuration(run._search_states[name].best_config),
                float(loss) if math.isfinite(loss) else math.nan,
                _seconds(run._search_states[name]),
                best=self._members is None and name == run.best_estimator,
                fitted_on=self._fitted_on(name),
                refusal=self._refusal(name),
            )
            for name, loss in run.best_loss_per_estimator.items()
            # A single trial (max_iter=1) is fitted without a loss.
            if loss is not None and (math.isfinite(loss) or name == run.best_estimator)
        ]
        if self._members is not None:
            reason = self._refusal(ENSEMBLE)
            stack = {"members": ", ".join(self._members), "final": type(run.model.final_estimator_).__name__}
            one_by_one.append(Candidate(ENSEMBLE, stack, math.nan, best=True, fitted_on=ALL_ROWS, refusal=reason))
        return sorted(one_by_one, key=lambda one: (not one.best, one.loss))

    def model(self, name: str, X: Any = None, y: Any = None) -> Any:
        """The model that FLAML kept where it was fitted on all rows or is the chosen one, else a refit."""
        never = [e for e in self._automl.estimator_list if e not in {one.name for one in self.listed()}]
        one = chosen(self.listed(), name, never)
        if one.explainable_at_once:
            learner = self._kept(name)
            note = f"as FLAML {'chose' if one.best else 'kept'} it, fitted on {one.fitted_on}"
        else:
            learner, note = self._refitted(one, X, y)
        return FlamlCandidate(self._automl, name, learner, note)

    def _kept(self, name: str) -> Any:
        if self._members is not None and name != ENSEMBLE:
            return self._members.get(name) or self._automl._search_states[name].trained_estimator
        if name in (ENSEMBLE, self._automl.best_estimator):
            return self._automl.model
        return self._automl._search_states[name].trained_estimator

    def _fitted_on(self, name: str) -> str | None:
        """``.estimator`` of a learner is None until it is fitted; asked first, since its predictions are ones."""
        state = self._automl._state
        if self._members is not None and name in self._members:
            return ALL_ROWS
        if getattr(self._kept(name), "estimator", None) is None:
            return None
        if self._members is not None or name != self._automl.best_estimator:
            return PART  # the last fold, or all but the validation rows
        whole = state.eval_method != "holdout" or state.retrain_final or state.data_size[0] >= state.data_size_full
        return ALL_ROWS if whole else PART

    def _refusal(self, name: str) -> str | None:
        """Why no model of this name can be explained."""
        chosen_one = name == self._automl.best_estimator
        if self._automl._state.task.is_ts_forecast() and not chosen_one:
            return (
                f"FLAML keeps only the forecaster that it chose, {self._automl.best_estimator}. To explain {name!r}, "
                f"fit FLAML with estimator_list=[{name!r}]; classical time-series models are refused then."
            )
        try:
            flaml_adapter(self._automl)
        except AutoMLExplainError as error:
            return str(error)
        return None

    def _refitted(self, one: Candidate, X: Any, y: Any) -> tuple[Any, str]:
        rows, targets = training_rows(one.name, X, y)
        run, state = self._automl, self._automl._state
        Z = FlamlAdapter(run).transform(rows)
        Z, codes, weights = _as_flaml_had_them(run, Z, _codes(run, targets))
        learner = state.learner_classes[one.name](
            task=state.task, n_jobs=threads_for(state.n_jobs), **one.configuration
        )
        learner.fit(Z, codes, is_retrain=True, **({} if weights is None else {"sample_weight": weights}))
        if getattr(learner, "estimator", None) is None:
            raise UnsupportedModelError(
                f"FLAML's {one.name} could not be fitted anew from its best configuration on {rows.shape[0]} rows. "
                "Fit FLAML with estimator_list=[...] of this learner alone, and explain that."
            )
        note = f"fitted anew from its best configuration on {rows.shape[0]:,} rows"
        if len(codes) != state.data_size_full:
            note += f"; FLAML itself was fitted on {state.data_size_full:,}"
        return learner, note


def learner_names(task: str) -> list[str]:
    """Names of the learners that FLAML can try on a table here: those of the task whose library is installed.

    Parameters
    ----------
    task : {"classification", "regression"}
    """
    from flaml.automl.task.factory import task_factory

    flaml_task = task_factory(task, None, None)
    return sorted(
        name
        for name, learner in flaml_task.estimators.items()
        if not name.startswith("transformer")
        and not name.endswith("_spark")
        and importlib.util.find_spec(_NEEDS.get(name, "flaml")) is not None
        and _learns(learner, flaml_task)
    )


def check_learner(name: Any, task: str, more: Sequence[str] = ()) -> None:
    """Refuse before a search what no search could come to.

    Parameters
    ----------
    name : str
        As for `candidate`.
    task : {"classification", "regression"}
    more : sequence of str, default ()
        Names that this search knows beside FLAML's own.

    Raises
    ------
    InputError
        If FLAML has no learner of that name for the task.
    """
    known = [*learner_names(task), *more]
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        raise InputError(
            f"{name!r} is no learner that FLAML can try for {task}{f'; did you mean {close[0]!r}?' if close else '.'} "
            f"Choose one of {', '.join(map(repr, known))}."
        )


def _learns(learner: Any, task: Any) -> bool:
    """Learners of the other task say so when they are made."""
    try:
        learner(task=task)
    except (AssertionError, ImportError):
        return False
    return True


def _plain_configuration(config: Any) -> dict[str, Any]:
    """What the learner's class takes: how many rows a trial saw is no hyperparameter."""
    own = (config or {}).get("ml", config or {})
    return {k: v for k, v in own.items() if k not in ("FLAML_sample_size", "learner", "_choice_")}


def _seconds(state: Any) -> float | None:
    for told in ("best_config_train_time", "time2eval_best"):
        seconds = getattr(state, told, None)
        if seconds is not None and math.isfinite(seconds):
            return float(seconds)
    return None


def _codes(run: Any, targets: np.ndarray) -> np.ndarray:
    """Targets as FLAML's learners saw them."""
    encoder = run.label_transformer
    if not encoder:
        return targets
    known = set(np.asarray(encoder.classes_).tolist())
    unknown = [label for label in dict.fromkeys(targets.tolist()) if label not in known]
    if unknown:
        raise DataError(
            f"`y` holds labels that FLAML was not fitted on: {listed(unknown)}; it knows "
            f"{listed(sorted(known, key=str))}. Pass the target that FLAML was fitted on, coded in the same way."
        )
    return np.asarray(encoder.transform(targets))


def _as_flaml_had_them(run: Any, Z: Any, codes: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Rows in FLAML's order, rare classes repeated as FLAML does, and the weights it was fitted with.

    Learners that draw rows (forests, bagging) then give what FLAML would have given, bit for bit.
    """
    state = run._state
    weights = getattr(state, "sample_weight_all", None)
    at = np.arange(len(codes))
    if weights is not None and len(weights) != len(codes):
        raise InputError(
            f"FLAML was fitted with `sample_weight` on {len(weights)} rows, and {len(codes)} rows were passed. Pass "
            "the very rows that FLAML was fitted on, so that the weights belong to them."
        )
    if getattr(run, "_split_type", None) in ("uniform", "stratified"):
        if weights is None and state.task.is_classification() and getattr(run, "_auto_augment", True):
            at = np.concatenate([at, *(_repeats(codes, code) for code in np.unique(codes))])
        at = shuffle(at, random_state=_SHUFFLE_SEED)
    if isinstance(Z, pd.DataFrame):
        return Z.iloc[at].reset_index(drop=True), codes[at], weights
    return Z[at], codes[at], weights


def _repeats(codes: np.ndarray, code: Any) -> np.ndarray:
    """Positions of the rows of a rare class, as often as it takes to reach 20; none for the others."""
    own = np.flatnonzero(codes == code)
    return np.tile(own, math.ceil(_RARE / len(own)) - 1)
