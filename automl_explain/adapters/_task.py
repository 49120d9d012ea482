"""The output of a model that is explained: the one place that decides the task, the classes and how a model is asked.

`output_of` answers for models and functions alike; every explainer asks it, and no explainer decides by itself.
Labels are never explained as numbers.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import NotFittedError

from automl_explain._tables._rows import take
from automl_explain.adapters._choice import library_adapter
from automl_explain.adapters._kinds import (
    ask_booster,
    booster_objective,
    classes_as_numbers,
    explained_method,
    is_booster,
    is_network,
    kind_of,
    labels_alone,
    outlier_labels,
    output_unit_of,
    own_classes,
    refuse_unexplainable,
    told_task,
    votes_of_pairs,
)
from automl_explain.adapters._networks import Reading, cells_of, classes_of_regression, network_output
from automl_explain.adapters._outputs import (
    are_labels,
    are_probabilities,
    array_of_answers,
    check_probabilities,
    classes_given,
    columns,
    floats,
    one_number,
    plain_labels,
    refuse_codes,
    refuse_labels,
    several_targets,
    two_columns,
)
from automl_explain.adapters._texts import TextModel
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.explanation._units import NUMBERS
from automl_explain.lineage._texts import reads_texts
from automl_explain.sources._networks import network_of

TASKS = ("classification", "regression", "unknown")
OUTLIERS = "outlier label"
SAMPLE_ROWS = 64  # that an explainer shows: rows of several labels may add up to 1 by chance, but not all of them


@dataclasses.dataclass(frozen=True)
class ModelOutput:
    """The output of a model that is explained, and how the model is asked for it.

    Parameters
    ----------
    ask : callable
        Rows -> probabilities (n_rows, n_classes), decision values (n_rows, n_outputs), numbers (n_rows,) or labels
        (n_rows,).
    unit : str
        ``"log-odds"`` for probabilities, ``"decision value"``, ``"target"``, ``"outlier score"`` (lower is more
        abnormal), ``"anomaly score"`` (higher is more abnormal), or ``"label"`` and ``"outlier label"`` where labels
        suffice.
    classes : list or None
        Labels in the order of the outputs, as the user gave them or as the model tells them; None for numbers, and
        for labels that nothing tells.
    model_type : str
        Type of the model, for the reader.
    own : list or None, default None
        Labels that the model itself tells.
    labels : callable or None, default None
        Rows -> labels as the model predicts them; None for the most probable class.
    one_column : bool, default False
        Whether the model gives the probability of the second class alone.
    sums : bool, default True
        Whether the probabilities of a row add up to 1; those of one-versus-all classifiers need not.
    """

    ask: Callable[[Any], np.ndarray]
    unit: str
    classes: list[Any] | None
    model_type: str
    own: list[Any] | None = None
    labels: Callable[[Any], Any] | None = None
    one_column: bool = False
    sums: bool = True

    @property
    def task(self) -> Literal["classification", "regression"]:
        """``"classification"`` or ``"regression"``."""
        return "regression" if self.unit in NUMBERS else "classification"


@dataclasses.dataclass(frozen=True)
class _Question:
    """What an explainer was told of a model, and rows to look at its answers."""

    name: str
    model_type: str
    rows: Any
    task: str
    classes: list[Any] | None
    labels_suffice: bool

    @property
    def classifies(self) -> bool:
        return self.task == "classification" or (self.task == "unknown" and self.classes is not None)


def output_of(
    model: Any,
    rows: Any,
    *,
    task: str = "unknown",
    classes: Sequence[Any] | None = None,
    is_function: bool = False,
    labels_suffice: bool = False,
) -> ModelOutput:
    """Which output of a model is explained, by its kind, by what the caller says and by its answers for some rows.

    Parameters
    ----------
    model : object or callable
    rows : DataFrame, ndarray or csr_matrix of shape (n_rows, n_features)
        Some rows as the model reads them, best `SAMPLE_ROWS`.
    task : {"unknown", "classification", "regression"}, default "unknown"
    classes : sequence, optional
        Labels in the order of the outputs.
    is_function : bool, default False
    labels_suffice : bool, default False
        Whether labels alone will do: for scores against true labels, which explain no numbers.

    Raises
    ------
    InputError
        If the classes given differ from the model's in number or order, or belong to no classification.
    UnsupportedModelError
        If the model has no output that can be explained: labels alone, several labels at once, clusters.
    """
    check_model(model, task, is_function)
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    name = getattr(model, "__name__", type(model).__name__) if is_function else type(model).__name__
    asked = _Question(name, kind, rows, task, None if classes is None else classes_given(classes), labels_suffice)
    if task == "regression" and classes is not None:
        raise classes_of_regression(classes)
    try:
        if is_network(model):  # which may be called as well
            return _of_network(model, asked)
        return _of_function(model, asked) if is_function else _of_model(model, asked)
    except NotFittedError as error:
        raise UnsupportedModelError(f"{name} is not fitted; call `fit` first.") from error


def _of_model(model: Any, asked: _Question) -> ModelOutput:
    """The output of a model with `predict`, by its kind."""
    if reads_texts(model):
        model = TextModel.of(model)
    if is_booster(model):
        return _of_booster(model, asked)
    library = library_adapter(model)
    if library is not None:
        return _of_library(model, library, asked)
    refuse_unexplainable(model)
    told = kind_of(model)
    if told == "untold" and asked.classifies and hasattr(model, "decision_function"):
        told = "decisions"
    if told == "target":
        _refuse_classes(asked, "a regressor")
        return _numbers(model.predict, asked, output_unit_of(model))
    if asked.task == "regression" and told in ("labels", "decisions", "probabilities"):
        if told_task(model) == "classification" or own_classes(model) is not None:
            raise classes_as_numbers(asked.name)
        return _numbers(model.predict, asked, "target")
    ways = {"score": _of_scores, "labels": _of_labels, "decisions": _of_decisions, "probabilities": _of_probabilities}
    if told in ways:
        return ways[told](model, asked)
    return _of_answers(model.predict, asked, own=own_classes(model), is_function=False)


def check_model(model: Any, task: str, is_function: bool) -> None:
    """Refuse what is no model, before any row is there.

    Raises
    ------
    InputError, UnsupportedModelError
    """
    if task not in TASKS:
        raise InputError(f"`model_task` must be one of {', '.join(map(repr, TASKS))}; got {task!r}.")
    if isinstance(model, str):
        raise InputError(f"`model` must be a fitted model, not the id {model!r}. Load the model first and pass it.")
    if is_function and not callable(model):
        raise InputError(f"`is_function=True` needs a function; got {type(model).__name__}.")
    if not is_function and not is_network(model) and not hasattr(model, "predict"):
        refuse_unexplainable(model)


def task_of(model_task: str, is_classifier: bool | None) -> str:
    """The task that two arguments imply.

    Raises
    ------
    InputError
        If they contradict each other, or one of them is none that is known.
    """
    if model_task not in TASKS:
        raise InputError(f"`model_task` must be one of {', '.join(map(repr, TASKS))}; got {model_task!r}.")
    if is_classifier is not None and not isinstance(is_classifier, (bool, np.bool_)):
        raise InputError(f"`is_classifier` must be True, False or None; got {is_classifier!r}.")
    told = {None: "unknown", True: "classification", False: "regression"}[is_classifier]
    if "unknown" not in (told, model_task) and told != model_task:
        raise InputError(f"`is_classifier={is_classifier}` contradicts `model_task={model_task!r}`. Pass one of them.")
    return model_task if told == "unknown" else told


def _of_function(function: Any, asked: _Question) -> ModelOutput:
    owner = getattr(function, "__self__", None)
    if owner is not None and getattr(function, "__name__", "") == "predict":
        refuse_unexplainable(owner)
        if asked.task != "regression" and kind_of(owner) in ("probabilities", "decisions", "labels", "score"):
            if not asked.labels_suffice:
                raise UnsupportedModelError(
                    f"`predict` of {type(owner).__name__} gives labels, and labels are never explained as numbers. "
                    "Pass the model itself, or its `predict_proba` or `decision_function` as the function."
                )
            return _of_labels(owner, asked)
    return _of_answers(function, asked, own=None, is_function=True)


def _of_network(model: Any, asked: _Question) -> ModelOutput:
    network = network_of(model)
    reading = Reading.of(network, cells_of(asked.rows), asked.task, asked.classes)
    unit = "target" if reading.classes is None else "log-odds"
    return ModelOutput(
        functools.partial(network_output, network, reading),
        unit,
        reading.classes,
        asked.model_type,
        one_column=reading.classes is not None and reading.n_columns == 1,
    )


def _of_booster(booster: Any, asked: _Question) -> ModelOutput:
    if asked.task == "unknown" and asked.classes is None:
        learnt = booster_objective(booster).startswith(("binary", "multi"))
        asked = dataclasses.replace(asked, task="classification" if learnt else "regression")
    return _of_answers(functools.partial(ask_booster, booster), asked, own=None, is_function=False)


def _of_library(model: Any, adapter: Any, asked: _Question) -> ModelOutput:
    if adapter.task == "regression":
        _refuse_classes(asked, "a regression")
        # Forecasts read the known past as well where the setup asks for them.
        return _numbers(model.predict if hasattr(adapter, "raw_rows") else adapter.predict_raw, asked, "target")
    if asked.task == "regression":
        raise classes_as_numbers(asked.name)
    shown = array_of_answers(adapter.predict_raw(asked.rows), asked.name)
    if getattr(adapter, "decides", False):
        call, unit, n = functools.partial(columns, adapter.predict_raw), "decision value", max(2, shown[0].size)
    else:
        check_probabilities(shown, asked.name)
        call, unit, n = functools.partial(floats, adapter.predict_raw), "log-odds", shown.shape[1]
    labels = getattr(adapter, "labels", None) or getattr(model, "predict", None)
    return ModelOutput(
        call, unit, _named(asked, adapter.classes, n), asked.model_type, own=adapter.classes, labels=labels
    )


def _of_scores(model: Any, asked: _Question) -> ModelOutput:
    """An outlier detector: its score, or its labels where labels are compared with labels."""
    if asked.labels_suffice and asked.task != "regression":
        known = plain_labels(outlier_labels(model))
        labels = model.predict
        return ModelOutput(labels, OUTLIERS, _labels(asked, known), asked.model_type, own=known, labels=labels)
    method = explained_method(model, "regression")
    _refuse_classes(asked, f"an outlier detector, whose `{method}` is explained as a regression")
    return _numbers(getattr(model, method), asked, output_unit_of(model))


def _of_labels(model: Any, asked: _Question) -> ModelOutput:
    """A classifier that gives labels alone, or is asked for them alone."""
    if not asked.labels_suffice:
        raise labels_alone(asked.name)
    if kind_of(model) == "score":
        return _of_scores(model, asked)
    own = own_classes(model)
    known = None if own is None else plain_labels(own)
    return ModelOutput(model.predict, "label", _labels(asked, known), asked.model_type, own=known, labels=model.predict)


def _of_decisions(model: Any, asked: _Question) -> ModelOutput:
    call = functools.partial(columns, model.decision_function)
    n_outputs = call(asked.rows).shape[1]
    if n_outputs > 1 and getattr(model, "decision_function_shape", "ovr") == "ovo":
        raise votes_of_pairs(model)
    if n_outputs > 1 and not _labels_once(model, asked):
        raise several_targets(asked.name)
    return _classes_of(model, call, "decision value", asked, 2 if n_outputs == 1 else n_outputs)


def _of_probabilities(model: Any, asked: _Question) -> ModelOutput:
    shown = array_of_answers(model.predict_proba(asked.rows), asked.name)
    if shown.ndim == 1:
        raise UnsupportedModelError(
            f"`predict_proba` of {asked.name} gives one number for each row (from {shown.min():.3g} to "
            f"{shown.max():.3g}), such as margins; expected the probabilities of all classes. Explain a function that "
            "makes them, with `is_function=True`."
        )
    if shown.shape[1] < 2:
        raise UnsupportedModelError(
            f"{asked.name} gives probabilities of shape {shown.shape}: one column for each of at least two classes is "
            "expected. A model that knows a single class has nothing to explain."
        )
    call = functools.partial(floats, model.predict_proba)
    found = _classes_of(model, call, "log-odds", asked, shown.shape[1])
    # One-versus-all classifiers give one label for each row, and probabilities that need not add up to 1.
    one_label = not are_probabilities(shown) and found.own is not None and _labels_once(model, asked)
    check_probabilities(shown, asked.name, sums=not one_label)
    return dataclasses.replace(found, sums=not one_label)


def _of_answers(call: Callable[[Any], Any], asked: _Question, own: Any, is_function: bool) -> ModelOutput:
    """A function, or a ``predict`` of which nothing tells what it gives: its answers tell."""
    if asked.task == "regression":
        return _numbers(call, asked, "target")
    shown = array_of_answers(call(asked.rows), asked.name, asked.rows.shape[0])
    several = shown.ndim == 2 and shown.shape[1] > 1
    speaks = asked.classifies or own is not None or several
    if not speaks and (shown.dtype.kind in "biuf" or not asked.labels_suffice):
        if not asked.labels_suffice:
            refuse_codes(shown, asked.name)
        return _numbers(call, asked, "target", shown)
    known = None if own is None else plain_labels(own)
    if several and (asked.classifies or known is not None or is_function or are_probabilities(shown)):
        check_probabilities(shown, asked.name)
        labels = _named(asked, known, shown.shape[1])
        return ModelOutput(functools.partial(floats, call), "log-odds", labels, asked.model_type, own=known)
    if several:
        return _numbers(call, asked, "target", shown)
    flat = shown.reshape(-1)
    if asked.labels_suffice and are_labels(flat):
        return ModelOutput(call, "label", _labels(asked, known), asked.model_type, own=known, labels=call)
    refuse_labels(flat, asked.name)
    second = functools.partial(two_columns, call)
    return ModelOutput(second, "log-odds", _named(asked, known, 2), asked.model_type, own=known, one_column=True)


def _labels_once(model: Any, asked: _Question) -> bool:
    """Whether the model predicts a single label for a row."""
    return np.size(model.predict(take(asked.rows, slice(0, 1)))) == 1


def _numbers(call: Callable[[Any], Any], asked: _Question, unit: str, answers: Any = None) -> ModelOutput:
    shown = np.asarray(call(asked.rows) if answers is None else answers)
    if shown.ndim > 1 and shown.size != len(shown):
        raise UnsupportedModelError(
            f"{asked.name} gives {shown.size // max(1, len(shown))} numbers for one row; a regression is explained for "
            "one target. Wrap one of them in a function and pass it with `is_function=True`."
        )
    return ModelOutput(functools.partial(one_number, call), unit, None, asked.model_type)


def _classes_of(model: Any, call: Callable[[Any], np.ndarray], unit: str, asked: _Question, n: int) -> ModelOutput:
    own = own_classes(model)
    known = plain_labels(own) if own is not None and len(own) == n else None
    predict = getattr(model, "predict", None)
    return ModelOutput(call, unit, _named(asked, known, n), asked.model_type, own=known, labels=predict)


def _named(asked: _Question, known: list[Any] | None, n_classes: int) -> list[Any]:
    """Labels in the order of the outputs, checked against the model's own where it has some."""
    given = asked.classes
    if given is None:
        return known or list(range(n_classes))
    if len(given) != n_classes:
        raise InputError(f"`classes` has {len(given)} labels; the model gives probabilities of {n_classes} classes.")
    # A model fitted on codes may be given the labels behind them; the same labels in another order are a mistake.
    texts, known_texts = [str(c) for c in given], [str(c) for c in known or given]
    if texts != known_texts and sorted(texts) == sorted(known_texts):
        raise InputError(f"`classes` is {given}, but the model's columns are {known}. Pass them in the model's order.")
    return given


def _labels(asked: _Question, known: list[Any] | None) -> list[Any] | None:
    """Classes of a model that gives labels; None where neither the model nor the caller tells them."""
    return known if asked.classes is None else _named(asked, known, len(known or asked.classes))


def _refuse_classes(asked: _Question, what: str) -> None:
    if asked.task == "classification":
        raise InputError(
            f"`model_task` is 'classification', and {asked.name} is {what}. Leave `model_task` out; or pass a function "
            "of probabilities with `is_function=True`."
        )
    if asked.classes is not None:
        raise classes_of_regression(asked.classes)
