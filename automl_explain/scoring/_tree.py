"""TreeScoringExplainer: the light object that explains single rows and large tables in production."""

from __future__ import annotations

from automl_explain.scoring._base import ScoringExplainer


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
