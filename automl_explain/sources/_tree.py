"""TreeSource: the values of a model that is trees, from the tables of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._validation import check_raw_method
from automl_explain.feature_map import FeatureMap
from automl_explain.sources._raw_values import RawValues
from automl_explain.treeshap import TreeModel


class TreeSource:
    """Exact path-dependent values of trees; a `ValueSource`.

    Parameters
    ----------
    trees : TreeModel
    model : object, optional
        The model that they were read from.
    method : str, default "tree"
        Name shown in explanations.
    """

    def __init__(self, trees: TreeModel, model: Any = None, method: str = "tree") -> None:
        self.trees, self.model, self.method = trees, model, method
        self.n_features, self.n_outputs = trees.n_features, trees.n_outputs

    @staticmethod
    def explainable_model_type() -> str:
        """``"tree"``: the kind of scoring explainer that fits."""
        return "tree"

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,)."""
        return self.trees.expected_values

    def predict_output(self, X: Any) -> np.ndarray:
        """Sums of the trees, shape (n_rows, n_outputs)."""
        return self.trees.predict_output(X)

    def shapley_values(self, X: Any) -> Any:
        """Contributions of every column, see `TreeModel.shapley_values`."""
        return self.trees.shapley_values(X)

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent, see `RawValues`."""
        return RawValues(self.trees, feature_map, check_raw_method(raw_method)).of(X)
