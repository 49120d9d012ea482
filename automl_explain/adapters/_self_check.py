"""Whether a model taken apart still predicts what it predicts as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from automl_explain._tables._rows import spread, take
from automl_explain.adapters._black_box import BlackBoxAdapter
from automl_explain.adapters._outputs import as_array, check_probabilities, several_targets
from automl_explain.exceptions import AutoMLExplainError, DataError
from automl_explain.explanation._closeness import differing_rows
from automl_explain.protocols import PipelineAdapter

_CHECKED_ROWS = 256
_FEW_ROWS, _FAR_WORSE = 20, 0.25  # a share of rows, which no order that is right falls short by
_T = TypeVar("_T")


class WholeModel(BlackBoxAdapter):
    """A model as a black box, where its parts do not predict what it predicts.

    Parameters
    ----------
    parts : PipelineAdapter
        Its adapter; knows how the library is asked.
    model : object
        The model itself.
    classes : sequence, optional
        Labels in the order of the probabilities; those that its adapter knows where left out.
    """

    def __init__(self, parts: PipelineAdapter, model: Any, classes: Sequence[Any] | None = None) -> None:
        decides = not hasattr(parts.estimator, "predict_proba")
        known = parts.classes if classes is None else classes
        super().__init__(model, task=parts.task, classes=known, decides=decides)
        self._parts = parts

    def soft_output(self, X: Any) -> Any:
        """The library's own."""
        return self._parts.predict_raw(X)


def asked(ask: Callable[[], _T], purpose: str, argument: str) -> _T:
    """What the model's library answers; what it raises becomes a DataError that says which rows it was about."""
    try:
        return ask()
    except (AutoMLExplainError, MemoryError, Warning):
        raise
    except Exception as error:
        raise DataError(
            f"The model could not {purpose} `{argument}` ({type(error).__name__}: {error}). Expected are the columns, "
            "types and kinds of values that it was fitted on, and numbers as predictions. Pass rows that "
            "`fitted_model.predict` takes."
        ) from error


def why_parts_differ(adapter: PipelineAdapter, X: Any, Z: Any) -> str | None:
    """What is wrong with the predictions of the parts on up to 256 rows; None if they are those of the model.

    Parameters
    ----------
    adapter : PipelineAdapter
    X, Z : DataFrame, ndarray or csr_matrix of shape (n_rows, n_raw) and (n_rows, n_engineered)
        The same rows, before and after featurization.

    Raises
    ------
    UnsupportedModelError
        If the model turns out to have several targets.
    DataError
        If its library fails.
    """
    at = checked_rows(X)
    raw, engineered = take(X, at), take(Z, at)
    own = _numbers(lambda: adapter.predict_raw(raw))
    ours = _numbers(lambda: adapter.predict_engineered(engineered))
    apart = difference(own, ours)
    if apart is None:
        _refuse_several_targets(adapter, own, take(engineered, np.array([0])))
        return None
    return (
        f"The model's predictions on {len(at)} raw rows are not those of its estimator on the transformed rows: {apart}"
    )


def why_rows_depend(adapter: Any, X: Any, Z: Any) -> str | None:
    """How the predictions of a black box change from call to call; None if they do not.

    Up to 256 rows are asked for once more from the engineered rows, and every second one in the other order.

    Raises
    ------
    UnsupportedModelError
        If the model turns out to have several targets, or probabilities that do not add up to 1.
    DataError
        If its library fails, or it answers with something else than numbers.
    """
    at = checked_rows(X)
    fewer, engineered = at[::-2], take(Z, at)
    whole = _numbers(lambda: adapter.predict_raw(take(X, at)))
    again = _numbers(lambda: adapter.predict_engineered(engineered))
    part = _numbers(lambda: adapter.predict_raw(take(X, fewer)))
    if len(whole) != len(at):
        return f"The model gives {len(whole)} predictions for {len(at)} rows"
    apart = difference(whole, again)
    if apart is not None:
        return f"The model's predictions on {len(at)} raw rows are others when it is asked again: {apart}"
    apart = difference(whole[::-2], part)
    if apart is not None:
        return f"The model's predictions on the same rows in another batch are others: {apart}"
    _refuse_several_targets(adapter, whole, take(engineered, np.array([0])))
    if adapter.task == "classification" and not adapter.decides and whole.ndim == 2:
        # One-versus-all classifiers tell their classes and predict one label for each row.
        one_label = adapter.classes is not None and adapter.labels(take(X, at[:1])) is not None
        check_probabilities(whole, sums=not one_label)
    return None


def why_order_is_wrong(adapter: Any, X: Any, y: np.ndarray, classes: Sequence[Any]) -> str | None:
    """Why these classes, which the model did not tell, cannot be in the order of its probabilities; None if they can.

    The most probable class of up to 256 rows is compared with the label that the model gives, else with the target.

    Raises
    ------
    DataError
        If its library fails.
    """
    at = checked_rows(X)
    raw = take(X, at)
    own = _numbers(lambda: adapter.predict_raw(raw))
    if len(at) < _FEW_ROWS or own.shape != (len(at), len(classes)):
        return None
    told = asked(lambda: adapter.labels(raw), "label", "X")
    labels = y[at] if told is None else as_array(told)
    counts = np.array(
        [[np.sum((own.argmax(axis=1) == k) & (labels == c)) for c in classes] for k in range(len(classes))]
    )
    order = linear_sum_assignment(-counts)[1]
    ours, best = np.trace(counts) / len(at), counts[np.arange(len(classes)), order].sum() / len(at)
    if best - ours <= _FAR_WORSE:
        return None
    better = [classes[k] for k in order]
    return (
        f"The model does not tell its classes, and in the order {list(classes)!r} its most probable class fits the "
        f"label in {ours:.0%} of {len(at)} rows; in the order {better!r} it would in {best:.0%}"
    )


def _numbers(ask: Callable[[], Any]) -> np.ndarray:
    return asked(lambda: np.asarray(ask(), dtype=np.float64), "predict numbers from", "X")


def difference(own: np.ndarray, ours: np.ndarray) -> str | None:
    """How two soft outputs differ; last bits do not count."""
    if own.shape != ours.shape:
        return f"their shapes differ ({own.shape} and {ours.shape})"
    # The same numbers in single precision, and added up in another order.
    wrong = differing_rows(ours, own, relative=1e-6, of_typical=1e-9)
    if not wrong.any():
        return None
    with np.errstate(invalid="ignore"):
        apart = np.nan_to_num(np.abs(own - ours)[wrong], nan=np.inf)
        return f"they differ by up to {apart.max():.3g}, on {wrong.sum()} of the rows"


def checked_rows(X: Any) -> np.ndarray:
    """Positions of up to 256 rows, spread evenly."""
    return spread(X.shape[0], _CHECKED_ROWS)


def _refuse_several_targets(adapter: PipelineAdapter, output: np.ndarray, first: Any) -> None:
    """Some models tell only by their predictions that they have several targets."""
    if adapter.task == "classification" and not hasattr(adapter.estimator, "predict"):
        return
    answers = output if adapter.task == "regression" else np.asarray(adapter.estimator.predict(first))
    if answers.ndim > 1 and answers.shape[1] > 1:
        raise several_targets(type(adapter.estimator).__name__)
