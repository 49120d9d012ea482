"""LinearScoringExplainer: weighted sums of columns in production."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from automl_explain._files._members import from_npy, to_npy
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.protocols import ValueSource
from automl_explain.scoring._base import ScoringExplainer
from automl_explain.sources import LinearSource

_DESIGN = ("fill", "scale", "parent", "numbers", "marked")


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

    kind = "linear"

    @classmethod
    def _source_of(cls, explainer: Any) -> ValueSource:
        source: Any = getattr(explainer, "source", None)
        if isinstance(source, LinearSource):
            return LinearSource(source.weights, source.intercepts, source.background, sparse=source.sparse)
        if getattr(source, "explainable_model_type", str)() == "linear":
            return cast(ValueSource, source)
        raise UnsupportedModelError(
            f"LinearScoringExplainer needs an explainer of a linear model, or with a linear surrogate; got "
            f"{type(explainer).__name__}. TreeScoringExplainer and KernelScoringExplainer are for others."
        )

    def _source_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        source: Any = self._parts.source
        if isinstance(source, LinearSource):
            arrays = {"coef": source.weights, "intercept": source.intercepts, "background": source.background}
            described: dict[str, Any] = {"sparse": source.sparse, "levels": None}
        else:
            arrays = {"coef": source.coef_.T, "intercept": source.intercept_, "background": source._base}
            arrays |= {name: getattr(source.design_, name) for name in _DESIGN}
            described = {"levels": [list(level) for level in source.design_.levels], "task": source.task_}
        return described, {f"linear_{name}.npy": to_npy(np.ascontiguousarray(a).ravel()) for name, a in arrays.items()}

    @classmethod
    def _read_source(
        cls, described: Mapping[str, Any], members: Mapping[str, bytes], parts: Mapping[str, Any]
    ) -> ValueSource:
        intercept, background = _numbers(members, "intercept"), _numbers(members, "background")
        weights = _numbers(members, "coef").reshape(len(intercept), len(background))
        if described["levels"] is None:
            return LinearSource(weights, intercept, background, sparse=bool(described["sparse"]))
        columns = {name: from_npy(members[f"linear_{name}.npy"]) for name in _DESIGN}
        levels = tuple((int(j), int(n)) for j, n in described["levels"])
        _check_design(columns, levels, len(background), len(parts["encoder"].names))
        # Only these need the learners of surrogates.
        from automl_explain.surrogates._additive import AdditiveSurrogate
        from automl_explain.surrogates._design import Design

        made: Any = AdditiveSurrogate()
        made.design_ = Design(**columns, levels=levels)
        made.coef_, made.intercept_, made.task_ = weights.T, intercept, str(described["task"])
        made._base, made._of_features = background, made.design_.of_features()
        return cast(ValueSource, made)


def _numbers(members: Mapping[str, bytes], name: str) -> np.ndarray:
    found = from_npy(members[f"linear_{name}.npy"])
    if found.dtype != np.float64 or not np.isfinite(found).all():
        raise ValueError(f"its {name} holds {found.dtype} cells or missing ones")
    return found


def _check_design(
    columns: Mapping[str, np.ndarray], levels: tuple[tuple[int, int], ...], n_design: int, n_features: int
) -> None:
    """Refuse columns that lie outside of the rows, or in another order than a `Design` has them."""
    fill, scale, parent, numbers, marked = (columns[name] for name in _DESIGN)
    coded = [j for j, _ in levels]
    fits = (
        all(each.dtype == np.float64 and each.shape == (n_features,) for each in (fill, scale))
        and bool(np.isfinite(fill).all() and (scale > 0).all())
        and all(each.dtype.kind == "i" for each in (parent, numbers, marked))
        and coded == sorted(set(coded))
        and all(0 <= j < n_features and 0 <= n <= n_design for j, n in levels)
        and np.array_equal(numbers, np.setdiff1d(np.arange(n_features), coded))
        and np.array_equal(marked, np.intersect1d(marked, np.arange(n_features)))
        and np.array_equal(parent, np.concatenate([numbers, marked, *(np.full(n, j) for j, n in levels)]))
        and len(parent) == n_design
    )
    if not fits:
        raise ValueError("its weights are of other columns")
