"""What a fitted model is and does, by what its class and attributes tell, and which method answers for rows."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline

from automl_explain.adapters._outputs import as_numbers, several_targets
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.explanation._units import SCORES

_ONE_MODEL_PER_TARGET = (MultiOutputClassifier, MultiOutputRegressor, ClassifierChain, RegressorChain)
_OF_CLASSES = ("predict_proba", "decision_function")
_NETWORKS = ("torch", "keras", "tf_keras", "tensorflow")
# What they are instead, and which of their numbers a function may give.
_NO_TARGET = {
    "clusterer": (
        "a clusterer, and the numbers of its clusters are labels",
        "the distance to one centre, where it has centres: KernelExplainer(lambda rows: model.transform(rows)[:, 0], X",
    ),
    "density_estimator": (
        "a density estimator",
        "the log-density of a row: KernelExplainer(model.score_samples, X",
    ),
}


def kind_of(model: Any) -> str:
    """What a model gives that can be explained.

    Parameters
    ----------
    model : object
        With ``predict``.

    Returns
    -------
    {"probabilities", "decisions", "labels", "target", "score", "untold"}
        Probabilities or decision values of classes; labels alone; a target; the score of an outlier
        detector; ``"untold"`` where a model has nothing but a ``predict`` that may give anything.
    """
    told = estimator_type(model)
    if told == "regressor":
        return "target"
    if _detects_outliers(model, told):
        return "score"
    if hasattr(model, "predict_proba"):
        return "probabilities"
    if told != "classifier" and own_classes(model) is None:
        return "untold"
    if hasattr(model, "decision_function"):
        return "decisions"
    return "labels" if told == "classifier" else "untold"


def estimator_type(model: Any) -> str | None:
    """``"classifier"``, ``"regressor"``, ``"outlier_detector"``, ``"clusterer"``, ...; None where nothing tells."""
    flaml_task = _flaml_task(model)
    if flaml_task is not None:  # its learners are classifiers by their tags, whatever they do
        return "classifier" if flaml_task.is_classification() else "regressor"
    try:
        told = model.__sklearn_tags__().estimator_type
    except Exception:  # no estimator of scikit-learn, or one that is not fitted and asks its parts
        told = None
    return told or getattr(model, "_estimator_type", None)


def output_unit_of(model: Any) -> str:
    """Unit of the numbers that `kind_of` calls a target or a score."""
    if kind_of(model) != "score":
        told = getattr(model, "output_unit", None)  # of a black box around a detector
        return told if told in SCORES else "target"
    return "anomaly score" if _is_pyod(model) else "outlier score"


def explained_method(model: Any, task: str) -> str:
    """Name of the method whose numbers are explained.

    ``predict`` of a regression, ``decision_function`` (else ``score_samples``) of an outlier detector, and
    ``predict_proba`` (else ``decision_function``) of a classification.
    """
    if task == "regression" and kind_of(model) != "score":
        return "predict"
    first, second = ("decision_function", "score_samples") if task == "regression" else _OF_CLASSES
    return first if hasattr(model, first) else second


def outlier_labels(model: Any) -> list[int]:
    """What ``predict`` of an outlier detector answers."""
    return [0, 1] if _is_pyod(model) else [-1, 1]


def soft_output(model: Any, task: str, X: Any) -> np.ndarray:
    """What a model answers: target values, scores, probabilities, or decision values for want of these."""
    return as_numbers(getattr(model, explained_method(model, task))(X))


def told_task(model: Any) -> str | None:
    """The task of a model that need not be fitted; None where its class does not tell."""
    told = {"classifier": "classification", "regressor": "regression", "outlier_detector": "regression"}
    return told.get(estimator_type(model) or "")


def own_classes(model: Any) -> Any:
    """Labels that a model tells, in the order of its outputs; None where it tells none."""
    own = getattr(model, "classes_", None)
    return own if own is not None and np.ndim(own) == 1 and len(own) else None


def refuse_unexplainable(model: Any) -> None:
    """Refuse by name what has no single output of its own: no target, several targets, votes of pairs of classes.

    Raises
    ------
    UnsupportedModelError
    """
    name, told = type(model).__name__, estimator_type(model)
    if told is None and _clusters(model):
        told = "clusterer"
    if told in _NO_TARGET:
        what, way_on = _NO_TARGET[told]
        raise UnsupportedModelError(
            f"{name} is {what}; it predicts no target that could be explained. Pass a regressor, or a classifier with "
            f"`predict_proba`; or explain {way_on}, is_function=True)."
        )
    if not hasattr(model, "predict"):
        raise UnsupportedModelError(_why_no_predictions(model, name))
    if has_several_targets(model):
        raise several_targets(name, numbers=told == "regressor")
    inner = model[-1] if isinstance(model, Pipeline) else model
    if getattr(inner, "decision_function_shape", "ovr") == "ovo" and len(getattr(inner, "classes_", ())) > 2:
        raise votes_of_pairs(inner)


def votes_of_pairs(model: Any) -> UnsupportedModelError:
    """The refusal of decision values of pairs of classes, which belong to no class."""
    return UnsupportedModelError(
        f"{type(model).__name__} gives a decision value for every pair of classes, which belongs to no class. Set its "
        "`decision_function_shape` to 'ovr'; it need not be fitted anew."
    )


def classes_as_numbers(name: str) -> InputError:
    """The refusal of a classifier that is to be explained as a regression."""
    return InputError(
        f"`model_task` is 'regression', and {name} is a classifier: its `predict` gives labels, and labels are never "
        "explained as numbers. Leave `model_task` out; or pass a function of numbers with `is_function=True`."
    )


def labels_alone(name: str) -> UnsupportedModelError:
    """The refusal of classifiers that give neither probabilities nor decision values."""
    return UnsupportedModelError(
        f"{name} is a classifier without `predict_proba` and `decision_function`: it gives labels alone, and labels "
        "are no numbers to explain. Fit it with probabilities (a vote with voting='soft'), or wrap it in "
        "sklearn.calibration.CalibratedClassifierCV."
    )


def has_several_targets(model: Any) -> bool:
    """Whether the fitted attributes tell of several targets or labels; what a model answers tells the rest."""
    if hasattr(model, "best_estimator_"):
        return has_several_targets(model.best_estimator_)
    if isinstance(model, Pipeline):
        return has_several_targets(model[-1])
    if isinstance(model, _ONE_MODEL_PER_TARGET) or bool(getattr(model, "multilabel_", False)):
        return True
    binarizer = getattr(model, "_label_binarizer", None)  # of networks and ridge classifiers
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        return True
    own = getattr(model, "classes_", None)
    if own is not None:
        return isinstance(own, (list, tuple)) and any(np.ndim(c) > 0 for c in own)
    # Elsewhere the attributes may mean something else.
    if not type(model).__module__.startswith("sklearn.") or hasattr(model, "predict_proba"):
        return False
    weights: Any = getattr(model, "coef_", None)
    several = getattr(model, "n_outputs_", 1) > 1 or (np.ndim(weights) == 2 and np.shape(weights)[0] > 1)
    return bool(several) and not _detects_outliers(model, estimator_type(model))


def _flaml_task(model: Any) -> Any:
    """The task of a FLAML run or of one of its learners; None for other models."""
    if not any(kind.__module__.startswith("flaml.") for kind in type(model).__mro__):
        return None
    task = getattr(getattr(model, "_state", None), "task", None) or getattr(model, "_task", None)
    return task if hasattr(task, "is_classification") else None


def _detects_outliers(model: Any, told: str | None) -> bool:
    if told is not None:
        return told == "outlier_detector"
    if _is_pyod(model):
        return True
    scores = hasattr(model, "decision_function") or hasattr(model, "score_samples")
    fits_and_flags = hasattr(model, "fit_predict") and hasattr(model, "predict")
    return scores and fits_and_flags and not hasattr(model, "predict_proba") and own_classes(model) is None


def _is_pyod(model: Any) -> bool:
    """Whether it has what PyOD's detectors have, whose scores are higher for abnormal rows."""
    return all(hasattr(model, name) for name in ("decision_function", "decision_scores_", "threshold_"))


def _clusters(model: Any) -> bool:
    plain = hasattr(model, "fit_predict") and hasattr(model, "labels_") and own_classes(model) is None
    return plain and not hasattr(model, "predict_proba") and not _detects_outliers(model, None)


def _why_no_predictions(model: Any, name: str) -> str:
    if estimator_type(model) == "outlier_detector":
        return (
            f"{name} has no `predict`: it flags the rows it was fitted on alone. Fit it such that it scores new rows "
            "(LocalOutlierFactor with novelty=True)."
        )
    if hasattr(model, "transform"):
        return (
            f"{name} has no `predict`: it is a transformer. Pass the model that reads what it makes, or explain one of "
            "its outputs: KernelExplainer(lambda rows: model.transform(rows)[:, 0], X, is_function=True)."
        )
    return f"{name} has no `predict`. Pass a fitted model, or a function with `is_function=True`."


def is_booster(model: Any) -> bool:
    """Whether the model is a LightGBM or XGBoost booster without an interface of scikit-learn around it."""
    return type(model).__name__ == "Booster" and hasattr(model, "predict")


def ask_booster(booster: Any, rows: Any) -> np.ndarray:
    """Its predictions for rows."""
    if hasattr(booster, "inplace_predict"):  # XGBoost's
        import xgboost as xgb

        rows = xgb.DMatrix(np.asarray(rows) if booster.feature_names is None else rows, enable_categorical=True)
        return np.asarray(booster.predict(rows, validate_features=False))
    return np.asarray(booster.predict(rows))


def booster_objective(booster: Any) -> str:
    """Name of the objective it was trained for; empty where it tells none."""
    if hasattr(booster, "save_config"):
        found = re.search(r'"objective":\s*\{\s*"name":\s*"([^"]*)"', booster.save_config())
    else:
        found = re.search(r"^objective=(\S+)", booster.model_to_string(num_iteration=1), flags=re.MULTILINE)
    return found.group(1) if found else ""


def is_network(model: Any) -> bool:
    """Whether the model is a PyTorch module or a Keras model."""
    return any(kind.__module__.partition(".")[0] in _NETWORKS for kind in type(model).__mro__)
