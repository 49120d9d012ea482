"""DeepScoringExplainer: a network explained in production, by its gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from automl_explain._files._archive import flat, from_npy
from automl_explain.exceptions import MissingExtraError, UnsupportedModelError
from automl_explain.explanation._closeness import differing_rows
from automl_explain.scoring._base import ScoringExplainer, WrongModelError
from automl_explain.sources._deep import DeepSource
from automl_explain.sources._networks import network_of

_CLOSE, _TYPICAL = 1e-4, 1e-5  # of an output, and of the median one: single precision on another machine


class DeepScoringExplainer(ScoringExplainer):
    """Explains rows by the gradients of a network; holds the summarised background and, in memory, the network.

    A file of it holds no network: pickles, TorchScript and Keras files can run code when they are read.
    Ship the network beside it in the form of its own library, best its weights alone
    (``torch.load(path, weights_only=True)`` into a module made by your code), and bring the two
    together: ``load(directory, model=network)``. Outputs on the background are compared, so that another
    network is refused.

    Parameters
    ----------
    original_explainer : DeepExplainer or TabularExplainer
        Of a PyTorch module or a Keras model.
    feature_maps, raw_features, engineered_features, raw_method, output_unit
        As in `TreeScoringExplainer`. Both raw methods give the same, see `DeepExplainer`.

    Raises
    ------
    UnsupportedModelError
        If the explainer is of another kind.

    Examples
    --------
    >>> from automl_explain import DeepExplainer, DeepScoringExplainer, load, save
    >>> scoring = DeepScoringExplainer(DeepExplainer(network, X))  # doctest: +SKIP
    >>> path = save(scoring, "model/", exist_ok=True)  # doctest: +SKIP
    >>> load("model/", model=network).explain(X[:2]).shape  # doctest: +SKIP
    (2, 4)
    """

    _only = "deep"

    @classmethod
    def _written(cls, source: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
        described = {
            "difference": source.difference,
            "second": source.second,
            "n_columns": source.background.shape[1],
            "n_outputs": len(source.expected_values),
            "model_type": f"{type(source.model).__module__}.{type(source.model).__qualname__}",
        }
        outputs = source.predict_output(source.background)
        arrays = {"background": source.background, "weights": source.weights, "outputs": outputs}
        return described, {f"deep_{name}.npy": flat(a) for name, a in arrays.items()}

    @classmethod
    def _read(
        cls, described: Mapping[str, Any], members: Mapping[str, bytes], parts: Mapping[str, Any], *, model: Any = None
    ) -> Any:
        if model is None:
            raise WrongModelError(
                f"The file holds a deep explainer without its network, a {described['model_type']}. Pass the network: "
                "load(directory, model=network)."
            )
        background = from_npy(members["deep_background.npy"]).reshape(-1, described["n_columns"])
        wanted = from_npy(members["deep_outputs.npy"]).reshape(len(background), described["n_outputs"])
        weights = from_npy(members["deep_weights.npy"])
        if len(weights) != len(background):
            raise ValueError("its background and its weights are of different lengths")
        difference, second = bool(described["difference"]), bool(described["second"])
        try:
            network = network_of(model)
            made = DeepSource(network, background, weights, difference=difference, second=second, model=model)
        except (MissingExtraError, UnsupportedModelError) as error:
            raise WrongModelError(f"`model` cannot be the network that the file was made with: {error}") from error
        found = made.predict_output(background)
        if found.shape != wanted.shape:
            raise WrongModelError(
                f"`model` has {found.shape[1]} outputs; the network explained had {wanted.shape[1]}. Pass that network."
            )
        wrong = np.flatnonzero(differing_rows(found, wanted, relative=_CLOSE, of_typical=_TYPICAL))
        if len(wrong):
            raise WrongModelError(
                f"`model` gives {found[wrong[0]][:3]} on a background row, where the network explained gave "
                f"{wanted[wrong[0]][:3]}. Pass that network, with its trained weights, or make the explainer anew."
            )
        return made
