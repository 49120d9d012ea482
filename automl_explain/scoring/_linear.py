"""LinearScoringExplainer: weighted sums of columns in production."""

from __future__ import annotations

from automl_explain.scoring._base import ScoringExplainer


class LinearScoringExplainer(ScoringExplainer):
    """Explains rows with the weights of a linear model or surrogate; holds one background row.

    Parameters
    ----------
    original_explainer : DirectWrapper, LinearExplainer, TabularExplainer, MimicWrapper or MimicExplainer
        Of a linear model, or with a linear surrogate.
    feature_maps, raw_features, engineered_features, raw_method, output_unit
        As in `TreeScoringExplainer`.

    Raises
    ------
    UnsupportedModelError
        If there are no weights.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from automl_explain import LinearExplainer, LinearScoringExplainer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> scoring = LinearScoringExplainer(LinearExplainer(Ridge().fit(X, y), X))
    >>> scoring.explain(X[:3]).shape
    (3, 10)
    """

    _only = "linear"
