"""TreeScoringExplainer: the light object that explains single rows and large tables in production."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from automl_explain._files._members import from_npy, to_npy
from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.protocols import ValueSource
from automl_explain.scoring._base import ScoringExplainer
from automl_explain.scoring._linear import LinearScoringExplainer
from automl_explain.sources import TreeSource
from automl_explain.sources._raw_values import RawValues
from automl_explain.treeshap import TreeEnsemble, TreeModel, warm_up


class TreeScoringExplainer(ScoringExplainer):
    """Explains rows with trees: those of a surrogate, or the model's own; holds no training row.

    Parameters
    ----------
    original_explainer : MimicWrapper, MimicExplainer, DirectWrapper, TreeExplainer or TabularExplainer
        With a tree surrogate, or of a model that is trees.
    feature_maps : list of FeatureMap, ndarray or scipy sparse, optional
        Maps raw x engineered, raw first; rows given to `explain` are engineered then, and
        ``get_raw=True`` folds their values. A `MimicWrapper` brings its own.
    raw_features, engineered_features : sequence of str, optional
        Names; those of the map and of the explainer where left out.
    raw_method : {"folded", "grouped"}, default "folded"
        How raw values are made. ``folded``: engineered values are shared among their raw columns by
        weight. ``grouped``: Shapley values of the raw columns as players, see `MimicWrapper.explain`.
    output_unit : {"log-odds", "probability"}, optional
        Unit of a classification's values where `explain` is asked for none; that of the explainer where
        left out. Saved with the explainer.

    Attributes
    ----------
    features, raw_features, engineered_features : list or None
        Names: of the default output, of raw values, of engineered values.
    expected_values : ndarray of shape (1,), (2,) for two classes, or (n_classes,)
        Output where all contributions are zero.
    classes : list or None
        Labels in the order of the outputs.
    output_unit : {"log-odds", "probability", "target", "decision value"}
    fidelity : Fidelity or None
        Of the surrogate on held-out rows; None where the model itself is explained.

    Raises
    ------
    UnsupportedModelError
        If there is no tree ensemble.
    InputError
        If the map, the names or the unit do not fit, or ``raw_method`` is not known.
    MissingRawTransformationsError
        If ``raw_method="grouped"`` and there is no feature map.

    Notes
    -----
    Where `MimicWrapper.from_setup` found a linear surrogate to follow the model better than trees do, the
    result is a `LinearScoringExplainer`, which has the same methods.

    The tables of engineered values and those of raw values are prepared when such values are first
    asked for, and kept. `warm_up` does it beforehand.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, TreeScoringExplainer
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = MimicExplainer(LogisticRegression(max_iter=1000).fit(X, y), X, LGBMExplainableModel)
    >>> scoring = TreeScoringExplainer(explainer, feature_maps=[[[1, 1, 0, 0], [0, 0, 1, 1]]],
    ...                                raw_features=["sepal", "petal"])
    >>> scoring.explain(X[:1], get_raw=True).shape
    (3, 1, 2)
    """

    kind = "tree"

    def __new__(cls, original_explainer: Any = None, *args: Any, **options: Any) -> Any:
        """The sibling that fits: code that ships an explainer need not know which surrogate was found better."""
        inner = getattr(original_explainer, "explainer", original_explainer)
        if cls is TreeScoringExplainer and _kind(inner) == "linear":
            return LinearScoringExplainer(original_explainer, *args, **options)
        return super().__new__(cls)

    @classmethod
    def _source_of(cls, explainer: Any) -> ValueSource:
        trees = getattr(getattr(explainer, "source", None), "trees", None)
        if not isinstance(trees, TreeModel):
            raise UnsupportedModelError(
                f"TreeScoringExplainer needs an explainer with a tree surrogate (LGBMExplainableModel), or of a tree "
                f"model; got {type(explainer).__name__}. Others have LinearScoringExplainer, "
                "DeepScoringExplainer or KernelScoringExplainer."
            )
        return TreeSource(trees)

    @property
    def _trees(self) -> TreeModel:
        source = self._parts.source
        assert isinstance(source, TreeSource)
        return source.trees

    @functools.cached_property
    def _own_raw_values(self) -> RawValues:
        assert self._parts.feature_map is not None
        return RawValues(self._trees, self._parts.feature_map, self._parts.raw_method)

    def _raw_values(self, rows: Any) -> tuple[Any, np.ndarray]:
        return self._own_raw_values.of(rows)

    def warm_up(self) -> Self:
        """Make ready for the first row: compiled code loaded, tables of engineered and of raw values prepared.

        A service calls it once at its start. Without it the first row of each kind waits for its tables,
        and on a machine that has never run this package for the compiler; see `automl_explain.warm_up`.

        Returns
        -------
        TreeScoringExplainer
            Itself.
        """
        warm_up()
        row = sp.csr_matrix((1, self._parts.encoder.n_features))
        self._trees.shapley_values(row)
        if self._parts.feature_map is not None:
            self._raw_values(row)
        return self

    def _source_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """LightGBM's texts, where the trees came as such; else the arrays of the ensemble."""
        trees = self._trees
        described = {"n_models": len(trees.texts), "n_features": trees.n_features}
        if trees.texts:
            return described, {f"trees_{k}.txt": text.encode() for k, text in enumerate(trees.texts)}
        return described, {f"trees_{name}.npy": to_npy(array) for name, array in trees.ensemble.arrays().items()}

    @classmethod
    def _read_source(
        cls, described: Mapping[str, Any], members: Mapping[str, bytes], parts: Mapping[str, Any]
    ) -> ValueSource:
        n_texts = described["n_models"]
        if n_texts:
            texts = [members[f"trees_{k}.txt"].decode() for k in range(n_texts)]
            return TreeSource(TreeModel(texts))
        names = [name for name in members if name.startswith("trees_") and name.endswith(".npy")]
        arrays = {name[len("trees_") : -len(".npy")]: from_npy(members[name]) for name in names}
        return TreeSource(TreeModel.of(TreeEnsemble.from_arrays(arrays, described["n_features"])))


def _kind(explainer: Any) -> str | None:
    """Kind of an explainer's surrogate; None where it has none."""
    tell = getattr(getattr(explainer, "surrogate_model", None), "explainable_model_type", None)
    return None if tell is None else str(tell())
