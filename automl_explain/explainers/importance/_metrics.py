"""Metrics of permutation importance: what they read of a model, and which way is better."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from automl_explain.exceptions import InputError
from automl_explain.explanation._header import class_position

# Name -> (function of sklearn.metrics, what it reads of the model, whether small values are good).
_KNOWN: dict[str, tuple[str, str, bool]] = {
    "accuracy": ("accuracy_score", "labels", False),
    "balanced_accuracy": ("balanced_accuracy_score", "labels", False),
    "f1": ("f1_score", "labels", False),
    "precision": ("precision_score", "labels", False),
    "recall": ("recall_score", "labels", False),
    "jaccard": ("jaccard_score", "labels", False),
    "matthews_corrcoef": ("matthews_corrcoef", "labels", False),
    "zero_one_loss": ("zero_one_loss", "labels", True),
    "roc_auc": ("roc_auc_score", "probabilities", False),
    "average_precision": ("average_precision_score", "probabilities", False),
    "log_loss": ("log_loss", "probabilities", True),
    "brier_score": ("brier_score_loss", "probabilities", True),
    "mae": ("mean_absolute_error", "targets", True),
    "mse": ("mean_squared_error", "targets", True),
    "rmse": ("root_mean_squared_error", "targets", True),
    "mape": ("mean_absolute_percentage_error", "targets", True),
    "msle": ("mean_squared_log_error", "targets", True),
    "median_absolute_error": ("median_absolute_error", "targets", True),
    "max_error": ("max_error", "targets", True),
    "r2": ("r2_score", "targets", False),
    "explained_variance": ("explained_variance_score", "targets", False),
}
_AVERAGED = ("f1", "precision", "recall", "jaccard")
_AVERAGES = ("micro", "macro", "weighted")


@dataclasses.dataclass(frozen=True)
class Metric:
    """One number for true labels and what the model says.

    Parameters
    ----------
    name : str
    reads : {"labels", "probabilities", "targets", "any", "model"}
        What it is given; ``any`` as the explainer is told, ``model`` the model and the rows (a scorer).
    call : callable
        True labels and predictions -> number; for scorers estimator, rows and labels -> number.
    is_error : bool or None
        Whether small values are good; None where nobody knows yet.
    known : bool
        Whether it works on the positions of classes, so that labels may be anything.
    args : dict
        Further arguments of ``call``.
    sign : {1, -1}
        -1 for a loss under its name as a score, such as ``neg_log_loss``.
    """

    name: str
    reads: str
    call: Callable[..., Any]
    is_error: bool | None
    known: bool
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sign: int = 1

    @classmethod
    def of(cls, metric: Any, args: Mapping[str, Any] | None, is_error: bool | None) -> Metric:
        """Metric from a name, a function or a scorer.

        Raises
        ------
        InputError
            If it is none of them, or ``is_error`` contradicts what is known of it.
        """
        if is_error is not None and not isinstance(is_error, (bool, np.bool_)):
            raise InputError(f"`is_error_metric` must be True, False or None; got {is_error!r}.")
        given = dict(args or {})
        while isinstance(metric, functools.partial) and not metric.args:
            metric, given = metric.func, {**metric.keywords, **given}
        made = cls._named(metric, given) if isinstance(metric, str) else cls._callable(metric, given)
        if made.is_error is None:
            return dataclasses.replace(made, is_error=is_error)
        if is_error is not None and bool(is_error) != made.is_error:
            kind = "an error (small is good)" if made.is_error else "a score (large is good)"
            raise InputError(
                f"`is_error_metric={is_error}` contradicts the metric {made.name!r}, which is {kind}. Leave "
                "`is_error_metric` out; it is needed for metrics of your own alone."
            )
        return made

    @classmethod
    def _named(cls, name: str, args: dict[str, Any]) -> Metric:
        plain = name.removeprefix("neg_")
        stem, _, average = plain.rpartition("_")
        if stem in _AVERAGED and average in _AVERAGES:
            plain, args = stem, {"average": average, **args}
        found = next((k for k, (function, *_) in _KNOWN.items() if plain in (k, function)), None)
        if found is not None:
            made = cls._known(found, args)
            if not name.startswith("neg_"):
                return dataclasses.replace(made, name=name)
            return dataclasses.replace(made, name=name, is_error=not made.is_error, sign=-1)
        from sklearn.metrics import get_scorer, get_scorer_names

        if name not in get_scorer_names():
            known = sorted({*_KNOWN, *get_scorer_names()})
            close = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                f"`metric` {name!r} is not known{f'; did you mean {close[0]!r}?' if close else '.'} Pass one of "
                f"{', '.join(_KNOWN)}, the name of a scorer of scikit-learn, or a function (y_true, y_pred)."
            )
        return cls._scorer(name, get_scorer(name), True, args)

    @classmethod
    def _known(cls, name: str, args: dict[str, Any]) -> Metric:
        import sklearn.metrics

        function, reads, is_error = _KNOWN[name]
        return cls(name, reads, getattr(sklearn.metrics, function), is_error, True, args)

    @classmethod
    def _callable(cls, metric: Any, args: dict[str, Any]) -> Metric:
        import sklearn.metrics

        if not callable(metric) or isinstance(metric, type):
            raise InputError(
                f"`metric` must be a name such as 'accuracy' or 'mae', a function (y_true, y_pred) or a scorer of "
                f"scikit-learn; got {metric!r}."
            )
        for known, (function, *_) in _KNOWN.items():
            if metric is getattr(sklearn.metrics, function):
                return cls._known(known, args)
        name = getattr(metric, "__name__", None) or str(metric)
        if hasattr(metric, "_score_func") or _first_parameter(metric) == "estimator":
            return cls._scorer(name, metric, False, args)
        return cls(name, "any", metric, None, False, args)

    @classmethod
    def _scorer(cls, name: str, scorer: Any, known: bool, args: dict[str, Any]) -> Metric:
        if args and hasattr(scorer, "_score_func"):
            raise InputError(
                f"`metric_args` is {args}, and the scorer {name!r} takes no further arguments. Make a scorer with "
                "them: sklearn.metrics.make_scorer(function, ...)."
            )
        return cls(name, "model", scorer, False, known, args)

    def for_classes(self, classes: list[Any] | None) -> Metric:
        """The metric with the arguments that these classes ask for; None for regression."""
        if not self.known or self.reads == "model" or classes is None:
            return self
        args = dict(self.args)
        for argument in ("pos_label", "labels"):
            if argument in args:  # they name labels, and the metric sees positions
                given = args[argument]
                args[argument] = _position(given, classes) if argument == "pos_label" else _positions(given, classes)
        stem = next(k for k, (function, *_) in _KNOWN.items() if self.call.__name__ == function)
        more = len(classes) > 2
        if stem in _AVERAGED:
            args = {"average": "macro" if more else "binary", "zero_division": 0, **args}
        elif stem == "roc_auc" and more:
            args = {"multi_class": "ovr", "labels": list(range(len(classes))), **args}
        elif stem == "log_loss":
            args = {"labels": list(range(len(classes))), **args}
        return dataclasses.replace(self, args=args)

    def value(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """The number itself, for metrics that read predictions."""
        # Metrics of two classes read the probability of the second; the log loss takes both alike.
        ranks = self.known and self.reads == "probabilities" and self.call.__name__ != "log_loss"
        shown = predicted[:, 1] if ranks and predicted.shape[1] == 2 else predicted
        return self.sign * float(self.call(truth, shown, **self.args))

    def oriented(self, truth: np.ndarray, perfect: np.ndarray, rng: np.random.Generator) -> Metric:
        """The metric with its orientation: perfect predictions are better than shuffled ones.

        Raises
        ------
        InputError
            If both are as good.
        """
        if self.is_error is not None:
            return self
        best, worse = self.value(truth, perfect), self.value(truth, perfect[rng.permutation(len(perfect))])
        if not best > worse and not best < worse:
            raise InputError(
                f"`metric` {self.name!r} gives {best:.4g} for perfect and {worse:.4g} for shuffled predictions, so it "
                "does not show whether small or large is good. Pass `is_error_metric=True` or False."
            )
        return dataclasses.replace(self, is_error=best < worse)


def _first_parameter(function: Any) -> str | None:
    try:
        return next(iter(inspect.signature(function).parameters), None)
    except (TypeError, ValueError):  # builtins without a signature
        return None


def _position(label: Any, classes: list[Any]) -> int:
    return class_position(label, classes, "metric_args")


def _positions(labels: Any, classes: list[Any]) -> list[int]:
    return [_position(label, classes) for label in labels]
