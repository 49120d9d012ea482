"""TreeSurrogate: what surrogates made of LightGBM trees share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

from automl_explain._validation import check_raw_method
from automl_explain.feature_map import FeatureMap
from automl_explain.sources import TreeSource
from automl_explain.sources._tree import RawValues
from automl_explain.surrogates._base import Surrogate
from automl_explain.treeshap import TreeModel


class TreeSurrogate(Surrogate):
    """Values from the tree engine. A subclass sets ``_trees`` in `fit`."""

    _trees: TreeModel | None = None

    @staticmethod
    def explainable_model_type() -> str:
        """``"tree"``: the kind of scoring explainer that fits."""
        return "tree"

    @property
    def trees(self) -> TreeModel:
        """The fitted ensembles."""
        self._check_fitted()
        assert self._trees is not None
        return self._trees

    @property
    def model(self) -> Any:
        """The ``lightgbm.Booster``, or a list of them where there is one per class."""
        boosters = list(self.trees.boosters)
        return boosters[0] if len(boosters) == 1 else boosters

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,)."""
        return self.trees.expected_values

    def predict_output(self, X: Any) -> np.ndarray:
        """Margins of shape (n_rows, n_outputs): target, or log-odds."""
        return self.trees.predict_output(X)

    def shapley_values(self, X: Any) -> np.ndarray | tuple[sp.csr_matrix, ...]:
        """Contributions of every column, see `automl_explain.treeshap.TreeModel.shapley_values`."""
        return self.trees.shapley_values(X)

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64
            Encoded engineered rows.
        feature_map : FeatureMap
            Raw x engineered.
        raw_method : {"folded", "grouped"}, default "folded"
            Engineered values shared by weight, or values of the raw columns as players.

        Returns
        -------
        values : ndarray of shape (n_outputs, n_rows, n_raw), or tuple of n_outputs csr_matrix
            Sparse where the rows are and there are more than 1,000 raw columns.
        unmapped : ndarray of shape (n_outputs, n_rows)
        """
        return RawValues(self.trees, feature_map, check_raw_method(raw_method)).of(X)

    @property
    def n_features(self) -> int:
        """Columns of the rows."""
        return self.trees.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.trees.n_outputs

    def for_scoring(self) -> TreeSource:
        """Its trees alone."""
        return TreeSource(self.trees)

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Its trees, see `TreeSource.to_members`, and its task."""
        fields, files = self.for_scoring().to_members()
        return {**fields, "task": self.task_}, files

    @classmethod
    def from_members(cls, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """A fitted surrogate of these trees; how it was fitted is not known."""
        made = cls()
        made._trees = TreeSource.from_members(fields, files).trees
        made.task_ = str(fields["task"])
        return made


def booster_text(booster: lgb.Booster, n_trees: int, categories: Mapping[int, Sequence[Any]]) -> str:
    """The first trees of a booster as text."""
    # With its categories the booster also reads a DataFrame with the same category columns.
    booster.pandas_categorical = [list(categories[j]) for j in sorted(categories)] or None
    text = str(booster.model_to_string(num_iteration=n_trees))
    # The threads of the machine that trained it are nothing to the one that reads it; 0 leaves them open.
    return re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 0]", text, flags=re.MULTILINE)
