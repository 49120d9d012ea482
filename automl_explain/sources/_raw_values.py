"""Values of raw columns from the trees of a surrogate, without those of the engineered features in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain.feature_map import MAX_DENSE_RAW_COLUMNS, FeatureMap
from automl_explain.treeshap import Players, TreeModel

if TYPE_CHECKING:
    from automl_explain.treeshap import Engine


class RawValues:
    """Values of the raw columns of one feature map; the tables are prepared at the first rows, and kept.

    Parameters
    ----------
    trees : TreeModel
        Over the engineered features of the map.
    feature_map : FeatureMap
    raw_method : {"folded", "grouped"}, default "folded"
        ``folded``: the value of every engineered feature is shared among its raw parents by weight.
        ``grouped``: the raw columns themselves are the players, each with all engineered features that
        it alone feeds. Those with several parents stay players of their own, shared by weight.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import FeatureMap, LGBMExplainableModel
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> trees = LGBMExplainableModel(n_estimators=20).fit(X, X[:, :1] * X[:, 1:2]).trees
    >>> values, unmapped = RawValues(trees, FeatureMap.from_matrix([[1, 1, 0], [0, 0, 1]])).of(X)
    >>> values.shape, unmapped.shape
    ((1, 500, 2), (1, 500))
    """

    def __init__(self, trees: TreeModel, feature_map: FeatureMap, raw_method: str = "folded") -> None:
        made = Players.raw if raw_method == "grouped" else Players.folded
        self._trees, self._players = trees, made(feature_map.matrix)
        self._wide = feature_map.n_raw > MAX_DENSE_RAW_COLUMNS
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Tables of the raw columns."""
        if self._engine is None:
            self._engine = self._trees.prepared(self._players)
        return self._engine

    def of(self, X: Any) -> tuple[Any, np.ndarray]:
        """Raw values, and what engineered features without a raw parent contribute.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_engineered)
            Encoded rows.

        Returns
        -------
        values : ndarray of shape (n_outputs, n_rows, n_raw), or tuple of n_outputs csr_matrix
            In the unit of the margins; sparse where the rows are and there are more than 1,000 raw
            columns.
        unmapped : ndarray of shape (n_outputs, n_rows)
        """
        if self._wide and is_sparse(X):
            return self._sparse(X)
        return self.engine.values_and_remainder(X)

    def _sparse(self, X: sp.csr_matrix) -> tuple[tuple[sp.csr_matrix, ...], np.ndarray]:
        # Sparse values come without the remainder, so it is asked for as one more column.
        n_raw = self._players.n_targets
        players = Players(self._players.of_feature, self._players.with_remainder)
        found = self._trees.prepared(players).sparse_values(X)
        if players.n_targets == n_raw:
            return found, np.zeros((len(found), X.shape[0]))
        return tuple(v[:, :n_raw] for v in found), np.stack([v[:, n_raw].toarray().ravel() for v in found])


def method_name(method: str, raw_method: str) -> str:
    """What raw explanations call their method: ``"mimic.lightgbm"``, or ``"mimic.lightgbm.grouped"``."""
    return f"{method}.grouped" if raw_method == "grouped" else method
