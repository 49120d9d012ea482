"""The scoring explainer that fits an explainer, asked for on the explainer itself."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from automl_explain.exceptions import UnsupportedModelError

if TYPE_CHECKING:
    from automl_explain.explanation import InteractionExplanation


class Scored:
    """What explainers and wrappers share."""

    def create_scoring_explainer(self, **arguments: Any) -> Any:
        """The light explainer for production, of the class that fits what gives the values here.

        Parameters
        ----------
        **arguments
            As of `ScoringExplainer`: ``feature_maps``, ``raw_features``, ``engineered_features``, ``raw_method``,
            ``output_unit``, ``table_recipe``.

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

    def explain_interactions(self, X: Any, get_raw: bool | None = None, **how: Any) -> InteractionExplanation:
        """Main effects and interactions of every pair of features, exact, where trees give the values.

        Parameters
        ----------
        X, get_raw, **how
            As of `TreeScoringExplainer.explain_interactions`.

        Returns
        -------
        InteractionExplanation

        Raises
        ------
        UnsupportedModelError
            If the values are not those of trees.
        """
        scoring = self.create_scoring_explainer()
        if scoring.kind != "tree":
            raise UnsupportedModelError(
                f"{type(self).__name__} explains by {scoring.method!r}, which has no exact interaction values; trees "
                "have. Use `TreeExplainer`, or `MimicExplainer` with `LGBMExplainableModel` or "
                "`DecisionTreeExplainableModel`."
            )
        found: InteractionExplanation = scoring.explain_interactions(X, get_raw, **how)
        return found
