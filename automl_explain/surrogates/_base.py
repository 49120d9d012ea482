"""Surrogate: what all surrogates have in common, whatever they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._validation import sound_sparse
from automl_explain.exceptions import InputError, SurrogateNotFittedError
from automl_explain.explanation._closeness import CLOSE_PROBABILITY, r2_of_columns
from automl_explain.explanation._units import class_probabilities

if TYPE_CHECKING:
    from automl_explain.explanation import Explanation

TASKS = ("regression", "classification")
# The least distance of a probability from 0 and 1: log-odds stay within +-13.8.
_LEAST = 1e-6


class Surrogate:
    """Predictions and checks. A subclass sets ``task_`` in `fit` and gives `predict_output`.

    Attributes
    ----------
    explainer_type : str
        ``"model"``: a glass box, for interpret-core.
    available_explanations : tuple of str
        Each has a method ``explain_<each>``.
    """

    task_: str | None = None
    explainer_type: ClassVar[str] = "model"
    available_explanations: ClassVar[tuple[str, ...]] = ("global", "local")

    def __getstate__(self) -> dict[str, Any]:
        # The process that loads a pickle may use other threads than the one that trained.
        return {**self.__dict__, **({"n_jobs": None} if "n_jobs" in self.__dict__ else {})}

    def predict_output(self, X: Any) -> np.ndarray:
        """Margins of shape (n_rows, n_outputs): target, or log-odds."""
        raise NotImplementedError

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities of shape (n_rows, n_classes), classification only."""
        self._check_fitted()
        if self.task_ == "regression":
            raise InputError("The surrogate learnt a regression, which has no probabilities; use `predict`.")
        return class_probabilities(self.predict_output(X))

    def predict(self, X: Any) -> np.ndarray:
        """Target values, or positions of the most probable classes, of shape (n_rows,)."""
        self._check_fitted()
        if self.task_ == "regression":
            return self.predict_output(X)[:, 0]
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def explain_local(self, X: Any) -> Explanation:
        """Contributions of the columns of every row to the surrogate's own output.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64
            Encoded rows, as in `fit`.
        """
        from automl_explain.explanation import Explanation  # values alone need no views

        self._check_fitted()
        source: Any = self
        classifies = self.task_ == "classification"
        return Explanation(
            values=source.shapley_values(X),
            base=source.expected_values,
            task="classification" if classifies else "regression",
            output_unit="log-odds" if classifies else "target",
            link="logit" if classifies else "identity",
            method=source.method,
            eval_data=X,
        )

    def explain_global(self, X: Any) -> Explanation:
        """Mean magnitudes of the contributions over rows; see `explain_local`."""
        return self.explain_local(X)

    def _check_fitted(self) -> None:
        if self.task_ is None:
            raise SurrogateNotFittedError("The surrogate is not fitted yet; call `fit` first.")


def check_training(X: Any, targets: Any, task: str, categories: Mapping[int, Sequence[Any]] | None) -> None:
    """Refuse what no surrogate can learn from.

    Raises
    ------
    InputError
        If rows, targets, task or categories do not fit each other.
    """
    if is_sparse(X):
        sound_sparse(X, "X")
    if task not in TASKS:
        raise InputError(f"`task` is {task!r}; expected 'regression' or 'classification'.")
    if not isinstance(targets, np.ndarray) or targets.ndim != 2 or targets.shape[0] != X.shape[0]:
        raise InputError(
            f"`targets` has shape {np.shape(targets)}; expected ({X.shape[0]}, n_outputs), one row per row of `X`."
        )
    if task == "classification" and not (targets.min() > 0 and targets.max() < 1):
        raise InputError(
            f"`targets` reach from {targets.min():.3g} to {targets.max():.3g}; a classification learns probabilities "
            "strictly between 0 and 1. Clip them, or pass task='regression'."
        )
    beyond = [j for j in categories or {} if not 0 <= j < X.shape[1]]
    if beyond:
        raise InputError(f"`categories` names column {beyond[0]}; `X` has columns 0 to {X.shape[1] - 1}.")


def score(targets: np.ndarray, margins: np.ndarray, task: str) -> float:
    """Mean R2 of targets: values, or probabilities of the margins."""
    if task == "regression":
        return r2(targets, margins)
    return r2(targets, class_probabilities(margins)[:, -targets.shape[1] :], CLOSE_PROBABILITY)


def least_distance(proba: np.ndarray) -> float:
    """How near to 0 and 1 a soft target may come, for a teacher that gives these probabilities.

    A probability of exactly 0 or 1 has no finite log-odds. It moves to half the smallest distance
    from 0 or 1 that the teacher otherwise shows (half a vote of a forest), at least 1e-6.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
    """
    distance = np.minimum(proba, 1 - proba)
    inside = distance[distance > _LEAST]
    return max(_LEAST, float(inside.min()) / 2) if inside.size else _LEAST


def soft_targets(proba: np.ndarray, least: float | None = None) -> np.ndarray:
    """Probabilities strictly between 0 and 1, one column per output.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
    least : float, optional
        See `least_distance`; that of ``proba`` where left out.

    Returns
    -------
    ndarray of shape (n_rows, 1) for two classes (the second one), else (n_rows, n_classes)
    """
    least = least_distance(proba) if least is None else least
    columns = proba[:, 1:] if proba.shape[1] == 2 else proba
    return np.asarray(np.minimum(np.maximum(columns, least), 1 - least))  # `np.clip` takes twice as long for one row


def log_odds(targets: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities strictly between 0 and 1, same shape."""
    return np.asarray(np.log(targets) - np.log1p(-targets))


def r2(truth: np.ndarray, found: np.ndarray, close: float = 0.0) -> float:
    """Mean R2 over the columns; a constant column gives 1 if it is met to within ``close``, else 0.

    A single row gives whether it is met.
    """
    if truth.shape[0] == 1:
        return float(np.allclose(truth, found, atol=0.0))  # of a target in any unit
    return float(r2_of_columns(truth.astype(np.float64, copy=False), found, close).mean())
