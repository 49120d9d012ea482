"""Values of trees from the tables of the engine: of their own columns, and of raw columns without those in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from automl_explain._files._archive import from_npy, to_npy
from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._validation import check_raw_method
from automl_explain.feature_map import MAX_DENSE_RAW_COLUMNS, FeatureMap
from automl_explain.treeshap import Players, TreeEnsemble, TreeModel

if TYPE_CHECKING:
    from automl_explain.treeshap import Engine, Interactions


class TreeSource:
    """Exact path-dependent values of trees; a `SavableSource`.

    Parameters
    ----------
    trees : TreeModel
    model : object, optional
        The model that they were read from.
    method : str, default "tree"
        Name shown in explanations.
    """

    takes_n_jobs = True

    def __init__(self, trees: TreeModel, model: Any = None, method: str = "tree") -> None:
        self.trees, self.model, self.method = trees, model, method
        self.n_features, self.n_outputs = trees.n_features, trees.n_outputs
        self._raw: tuple[FeatureMap, str, RawValues] | None = None  # of the map asked for last

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_raw": None}

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

    def shapley_values(self, X: Any, *, n_jobs: int | None = None) -> Any:
        """Contributions of every column, see `TreeModel.shapley_values`."""
        return self.trees.shapley_values(X, n_jobs=n_jobs)

    def raw_values(
        self, X: Any, feature_map: FeatureMap, raw_method: str = "folded", *, n_jobs: int | None = None
    ) -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent, see `RawValues`."""
        kept = self._raw
        if kept is None or kept[0] is not feature_map or kept[1] != raw_method:
            kept = feature_map, raw_method, RawValues(self.trees, feature_map, raw_method)
            self._raw = kept
        return kept[2].of(X, n_jobs)

    def interactions(self, feature_map: FeatureMap | None = None, raw_method: str = "folded") -> Interactions:
        """What gives interaction values of every column, or of the raw columns of a map (see `RawValues`)."""
        return self.trees.interactions(None if feature_map is None else raw_players(feature_map, raw_method))

    def warm_up(self) -> None:
        """Prepare the tables of engineered values."""
        self.trees.prepared()

    def for_scoring(self) -> TreeSource:
        """The trees without their model."""
        return TreeSource(self.trees)

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """LightGBM's texts, where the trees came as such; else the arrays of the ensemble."""
        trees = self.trees
        fields = {"n_models": len(trees.texts), "n_features": trees.n_features}
        if trees.texts:
            return fields, {f"trees_{k}.txt": text.encode() for k, text in enumerate(trees.texts)}
        return fields, {f"trees_{name}.npy": to_npy(array) for name, array in trees.ensemble.arrays().items()}

    @classmethod
    def from_members(cls, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Trees of texts or arrays; see `to_members`."""
        n_texts = fields["n_models"]
        if n_texts:
            if type(n_texts) is not int or n_texts > len(files):
                raise ValueError(f"it has {n_texts!r} models in {len(files)} files")
            return cls(TreeModel([files[f"trees_{k}.txt"].decode() for k in range(n_texts)]))
        names = [name for name in files if name.startswith("trees_") and name.endswith(".npy")]
        arrays = {name[len("trees_") : -len(".npy")]: from_npy(files[name]) for name in names}
        return cls(TreeModel.of(TreeEnsemble.from_arrays(arrays, fields["n_features"])))


def raw_players(feature_map: FeatureMap, raw_method: str) -> Players:
    """Who plays where values of raw columns are wanted."""
    made = Players.raw if check_raw_method(raw_method) == "grouped" else Players.folded
    return made(feature_map)


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
        self._trees, self._players = trees, raw_players(feature_map, raw_method)
        self._wide = feature_map.n_raw > MAX_DENSE_RAW_COLUMNS
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Tables of the raw columns."""
        if self._engine is None:
            self._engine = self._trees.prepared(self._players)
        return self._engine

    def of(self, X: Any, n_jobs: int | None = None) -> tuple[Any, np.ndarray]:
        """Raw values, and what engineered features without a raw parent contribute.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_engineered)
            Encoded rows.
        n_jobs : int or None, default None
            Threads of this call; those of the trees where left out.

        Returns
        -------
        values : ndarray of shape (n_outputs, n_rows, n_raw), or tuple of n_outputs csr_matrix
            In the unit of the margins; sparse where the rows are and there are more than 1,000 raw
            columns.
        unmapped : ndarray of shape (n_outputs, n_rows)
        """
        n_jobs = self._trees.threads(n_jobs)
        if self._wide and is_sparse(X):
            return self._sparse(X, n_jobs)
        return self.engine.values_and_remainder(X, n_jobs)

    def _sparse(self, X: sp.csr_matrix, n_jobs: int | None) -> tuple[tuple[sp.csr_matrix, ...], np.ndarray]:
        # Sparse values come without the remainder, so it is asked for as one more column.
        n_raw = self._players.n_targets
        players = self._players.with_remainder
        found = self._trees.prepared(players).sparse_values(X, n_jobs)
        if players.n_targets == n_raw:
            return found, np.zeros((len(found), X.shape[0]))
        return tuple(v[:, :n_raw] for v in found), np.stack([v[:, n_raw].toarray().ravel() for v in found])
