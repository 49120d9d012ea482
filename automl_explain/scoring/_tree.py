"""TreeScoringExplainer: the light object that explains single rows and large tables in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl_explain.scoring._base import ScoringExplainer

if TYPE_CHECKING:
    from automl_explain.explanation import InteractionExplanation


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
    n_jobs : int or None, default None
        Threads of a call; None for as many as the process may use then. An attribute that may be changed; neither
        saved nor pickled, since another machine has other cores.

    Attributes
    ----------
    features, raw_features, engineered_features : list or None
        Names: of the default output, of raw values, of engineered values.
    expected_values : ndarray of shape (1,), (2,) for two classes, or (n_classes,)
        Output where all contributions are zero.
    classes : list or None
        Labels in the order of the outputs.
    output_unit : {"log-odds", "probability", "target", "decision value", "outlier score", "anomaly score"}
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
    Where `MimicWrapper.from_setup` found a linear surrogate to follow the model better than trees do, this class
    refuses it: ``explainer.create_scoring_explainer()`` gives the one that fits.

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

    _only = "tree"

    def explain_interactions(
        self,
        X: Any,
        get_raw: bool | None = None,
        *,
        output_unit: str | None = None,
        include_local: bool = True,
        n_jobs: int | None = None,
    ) -> InteractionExplanation:
        """Main effects and interactions of every pair of features, exact, in the unit of the trees.

        Parameters
        ----------
        X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
            As in `explain`.
        get_raw : bool, optional
            Whether features are raw columns; as in `explain`.
        output_unit : str, optional
            The unit in which the trees add up: ``"log-odds"``, ``"probability"`` for forests, ``"target"``.
            Interactions have no exact form in another, such as the probability of boosted trees.
        include_local : bool, default True
            Whether to keep the matrix of every row; else their mean magnitudes alone, worked out block by block.
        n_jobs : int or None, default None
            Threads; None for as many as the process may use.

        Returns
        -------
        InteractionExplanation
            Whose rows add up to `predict_output`; checked for every row that is kept.

        Raises
        ------
        InputError
            If the unit is another one than that of the trees, or the matrices of all rows would take more than 4 GiB.
        MissingRawTransformationsError
            If raw values are asked for without a feature map.

        Notes
        -----
        Raw columns are as ``raw_method`` says: folded, an entry of the matrix is the weighted sum of the entries of the
        engineered features behind its two columns; grouped, the raw columns themselves are the players.

        Examples
        --------
        >>> import numpy as np
        >>> from lightgbm import LGBMRegressor
        >>> from automl_explain import TreeExplainer, TreeScoringExplainer
        >>> X = np.random.default_rng(0).normal(size=(500, 3))
        >>> model = LGBMRegressor(n_estimators=30, verbose=-1).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
        >>> scoring = TreeScoringExplainer(TreeExplainer(model, features=["a", "b", "c"]))
        >>> found = scoring.explain_interactions(X[:100])
        >>> [(pair.feature, pair.other) for pair in found.top_interactions(1)]
        [('a', 'b')]
        """
        from automl_explain.scoring._interactions import explain_interactions  # most who explain rows need none

        raw, rows = self._is_raw(get_raw), self._encode(X)
        threads = self._threads(n_jobs).get("n_jobs")
        return explain_interactions(self._parts, rows, raw, output_unit, include_local=include_local, n_jobs=threads)
