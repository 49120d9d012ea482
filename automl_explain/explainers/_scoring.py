"""The scoring explainer that fits an explainer, asked for on the explainer itself."""

from __future__ import annotations

import importlib
from typing import Any


class Scored:
    """What explainers and wrappers share."""

    def create_scoring_explainer(self, **arguments: Any) -> Any:
        """The light explainer for production, of the class that fits what gives the values here.

        Parameters
        ----------
        **arguments
            As of `ScoringExplainer`: ``feature_maps``, ``raw_features``, ``engineered_features``, ``raw_method``,
            ``output_unit``.

        Returns
        -------
        TreeScoringExplainer, LinearScoringExplainer, KernelScoringExplainer or DeepScoringExplainer

        Raises
        ------
        UnsupportedModelError
            If this explainer has nothing that gives the values of new rows (LIME, permutation importance).
        """
        # Scoring stands above explainers, which know it by name alone.
        return importlib.import_module("automl_explain.scoring._kinds").create(self, **arguments)
