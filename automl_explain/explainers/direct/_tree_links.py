"""How the sums of trees become what a model predicts, and the trees whose sums are explained in its place."""

from __future__ import annotations

import re
from typing import Any

from automl_explain.adapters import booster_objective
from automl_explain.treeshap import TreeEnsemble, averages_probabilities

# Objectives of LightGBM, XGBoost and CatBoost, and losses of scikit-learn, whose predictions are no sums.
_LOGARITHMS = re.compile(r"count:poisson|survival:(cox|aft)|(reg:)?(gamma|tweedie)|poisson|(Poisson|Tweedie).*")
_LOGITS = re.compile(r"reg:logistic|binary:logistic|binary|cross_entropy")
_EXPONENTIAL = "exponential"
_ONE_VERSUS_ALL = re.compile(r"multiclassova|MultiClassOneVsAll.*")


def explained_trees(model: Any, ensemble: TreeEnsemble, n_classes: int | None) -> tuple[TreeEnsemble, str, str | None]:
    """The trees to explain, their link, and their unit; None as the unit of sums that are the model's own output.

    Parameters
    ----------
    model : object
    ensemble : TreeEnsemble
        Its trees, as `read_trees` gives them.
    n_classes : int or None
        None for a regression.

    Returns
    -------
    ensemble : TreeEnsemble
        In log-odds where probabilities are sigmoids, also of a multiple of the sum: LightGBM's parameter ``sigmoid``,
        or 2 for scikit-learn's exponential loss. Of two classes the second alone.
    link : {"identity", "logit", "softmax", "sigmoid", "log"}
    unit : str or None
    """
    objective = _objective(model)
    if n_classes is None:
        if _LOGARITHMS.fullmatch(objective):
            return ensemble, "log", "log of target"
        if _LOGITS.fullmatch(objective):
            return _scaled(ensemble, model), "logit", "logit of target"
        return ensemble, "identity", None
    if averages_probabilities(model):
        return ensemble, "identity", "probability"
    one_versus_all = _ONE_VERSUS_ALL.fullmatch(objective) is not None
    if one_versus_all or _LOGITS.fullmatch(objective):
        ensemble = _scaled(ensemble, model)
    if objective == _EXPONENTIAL:
        ensemble = _times(ensemble, 2.0)
    if n_classes == 2:
        if ensemble.n_outputs == 2:  # a softmax has the log-odds of the difference; one versus all are mirrored
            ensemble = ensemble.with_outputs([0.0 if one_versus_all else -1.0, 1.0], [0, 0])
        return ensemble, "logit", "log-odds"
    return ensemble, "sigmoid" if one_versus_all else "softmax", "log-odds"


def _objective(model: Any) -> str:
    """Name of the objective or loss; empty where the model tells none."""
    if hasattr(model, "get_all_params"):  # CatBoost
        return str(model.get_all_params().get("loss_function", ""))
    booster = _booster(model)
    return str(getattr(model, "loss", "")) if booster is None else booster_objective(booster)


def _booster(model: Any) -> Any:
    """The booster of a model of XGBoost or LightGBM; None for others."""
    if hasattr(model, "get_booster"):
        return model.get_booster()
    return model.booster_ if hasattr(model, "booster_") else model if type(model).__name__ == "Booster" else None


def _scaled(ensemble: TreeEnsemble, model: Any) -> TreeEnsemble:
    """Trees whose sums are log-odds, where LightGBM takes the sigmoid of a multiple of them."""
    booster = _booster(model)
    if not hasattr(booster, "model_to_string"):
        return ensemble
    found = re.search(r"^objective=.* sigmoid:(\S+)", booster.model_to_string(num_iteration=1), flags=re.MULTILINE)
    return ensemble if found is None else _times(ensemble, float(found.group(1)))


def _times(ensemble: TreeEnsemble, factor: float) -> TreeEnsemble:
    n = ensemble.n_outputs
    return ensemble if factor == 1.0 else ensemble.with_outputs([factor] * n, list(range(n)))
