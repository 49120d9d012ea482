"""KernelScoringExplainer: any model explained in production, by asking it about mixtures of rows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from automl_explain._files._archive import flat, from_npy
from automl_explain._tables._decoding import RowDecoder
from automl_explain.explanation._closeness import differing_rows
from automl_explain.scoring._base import ScoringExplainer, WrongModelError
from automl_explain.sources import KernelSource


class KernelScoringExplainer(ScoringExplainer):
    """Explains rows by asking the model; holds the summarised background and, in memory, the model.

    It is dear: `evaluations_per_row` says how many rows the model predicts to explain one. A file of it
    holds no model, which only a pickle could: ``load(directory, model=model)`` brings the two together.

    Parameters
    ----------
    original_explainer : KernelExplainer or TabularExplainer
    feature_maps, raw_features, engineered_features, raw_method, output_unit
        As in `TreeScoringExplainer`. Grouped raw values need fewer predictions than engineered ones.

    Raises
    ------
    UnsupportedModelError
        If the explainer is of another kind.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from automl_explain import KernelExplainer, KernelScoringExplainer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = X[:, :4]
    >>> scoring = KernelScoringExplainer(KernelExplainer(KNeighborsRegressor().fit(X, y), X))
    >>> scoring.explain(X[:2]).shape, scoring.evaluations_per_row
    ((2, 4), 140)
    """

    _only = "kernel"

    @property
    def evaluations_per_row(self) -> int:
        """Rows that the model predicts to explain one, at most: coalitions times background rows."""
        return self._kernel.evaluations_per_row()

    @property
    def _kernel(self) -> KernelSource:
        source = self._parts.source
        assert isinstance(source, KernelSource)
        return source

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {self.evaluations_per_row:,} predictions for a row)"

    @classmethod
    def _written(cls, source: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
        teacher, decoder = source.call.args
        described = {
            "decoder": decoder.to_json(),
            "seed": source.seed,
            "n_samples": source.n_samples,
            "task": teacher.task,
            "model_type": teacher.model_type,
            "n_columns": source.background.shape[1],
        }
        arrays = {"background": source.background, "weights": source.weights, "outputs": source.background_outputs}
        return described, {f"kernel_{name}.npy": flat(a) for name, a in arrays.items()}

    @classmethod
    def _read(
        cls, described: Mapping[str, Any], members: Mapping[str, bytes], parts: Mapping[str, Any], *, model: Any = None
    ) -> Any:
        if model is None:
            raise WrongModelError(
                f"The file holds a kernel explainer without its model, a {described['model_type']}. Pass the model: "
                "load(directory, model=model)."
            )
        # Explainers import their learners, which trees and weights in production do without.
        from automl_explain.explainers._predictions import Predictions
        from automl_explain.explainers.direct._kernel import soft_columns

        background = from_npy(members["kernel_background.npy"]).reshape(-1, described["n_columns"])
        weights, outputs = (from_npy(members[f"kernel_{name}.npy"]) for name in ("weights", "outputs"))
        decoder = RowDecoder.from_json(described["decoder"]).with_verbatim(parts["encoder"].verbatim)
        n_samples, seed = described["n_samples"], described["seed"]
        _check(background, weights, decoder, n_samples, seed)
        if decoder.categories.keys() != parts["encoder"].categories.keys():
            raise ValueError("its rows are read and made with categories of other columns")
        is_function = not hasattr(model, "predict")
        sample, task = decoder.rows(background), str(described["task"])
        try:
            teacher = Predictions.of(model, sample, task=task, classes=parts["classes"], is_function=is_function)
            call = functools.partial(soft_columns, teacher, decoder)
            made = KernelSource(call, background, weights, n_samples=n_samples, seed=seed, model=model)
        except Exception as error:  # whatever a model raises that is not fitted, or on other columns
            raise WrongModelError(
                f"`model` cannot be the {described['model_type']} that the file was made with: {error} Pass the model "
                "that the explainer was made for, or make the explainer anew."
            ) from error
        theirs = made.background_outputs
        wrong = np.ones(len(theirs), dtype=bool)
        if outputs.size == theirs.size:  # the same model on another machine, some of them in single precision
            wrong = differing_rows(theirs, outputs.reshape(theirs.shape), relative=1e-5, of_typical=1e-8)
        if wrong.any():
            at = int(wrong.argmax())
            explained = outputs.reshape(len(theirs), -1)[at]
            raise WrongModelError(
                f"`model` predicts {theirs[at][:3]} on a background row, where the model explained predicted "
                f"{explained[:3]}. Pass the model that the explainer was made for, or make the explainer anew."
            )
        return made


def _check(background: np.ndarray, weights: np.ndarray, decoder: RowDecoder, n_samples: Any, seed: Any) -> None:
    """Refuse what no `KernelSource` holds."""
    fits = (
        background.dtype == weights.dtype == np.float64
        and weights.shape == (len(background),)
        and bool((weights >= 0).all())
        and abs(float(weights.sum()) - 1.0) < 1e-6
        and len(decoder.labels) == background.shape[1]
    )
    if not fits:
        raise ValueError("its background rows or their weights do not fit")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ValueError(f"its seed is {seed!r}")
    if n_samples != "auto" and (type(n_samples) is not int or n_samples < 1):
        raise ValueError(f"its number of coalitions is {n_samples!r}")
