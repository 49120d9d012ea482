"""What is known about the transformers of scikit-learn: one small function each, in one table.

A rule gets the fitted transformer, a sample of its input and the output made of it, and gives the
`Links` between their columns, or None where its knowledge does not apply. To add one, write the
function and put it into `RULES` under the name of the class. The caller checks that the links are
as wide as the real output, and applies a rule to a subclass only if the subclass leaves alone
what the rule relies on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain.lineage._links import Links, one_to_one, pick, shared
from automl_explain.lineage._mixes import MIXES
from automl_explain.lineage._opaque import OPAQUE
from automl_explain.lineage._tables import n_columns

Rule: TypeAlias = Callable[[Any, Any, Any], Links | None]

# What a subclass may define without changing which inputs feed which outputs.
HARMLESS = frozenset(
    {
        "fit",
        "fit_transform",
        "partial_fit",
        "inverse_transform",
        "get_feature_names_out",
        "get_params",
        "set_params",
        "score",
    }
)


def rule_for(transformer: Any, *, weights: str = "equal") -> Rule | None:
    """The rule for a transformer, found by the names of its classes and never by the name of its step.

    Parameters
    ----------
    transformer : object
        A fitted transformer.
    weights : {"equal", "exponent"}, default "equal"
        How products are shared.
    """
    if changed_itself(transformer):
        return None
    rules = {**RULES, **BY_EXPONENT} if weights == "exponent" else RULES
    for base in type(transformer).__mro__:
        if _root(base) == "sklearn" and base.__name__ in rules:
            return rules[base.__name__] if _keeps_transform(type(transformer), base) else None
    return None


def changed_itself(transformer: Any) -> bool:
    """Whether the object has a ``transform`` that its class knows nothing of."""
    return "transform" in getattr(transformer, "__dict__", {})


def _root(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _keeps_transform(cls: type, base: type) -> bool:
    """Whether everything between a class and the base with the rule leaves the transformation alone."""
    for middle in cls.__mro__[: cls.__mro__.index(base)]:
        own = {name for name, member in vars(middle).items() if callable(member) or isinstance(member, property)}
        if "transform" in own:
            return False
        changed = {name for name in own - HARMLESS if not name.startswith(("__", "set_"))}
        if base.__name__ == "SelectorMixin":  # its transform asks for the mask and nothing else
            changed &= {"_transform", "get_support"}
        if changed and _root(middle) != "sklearn":
            return False
    return True


def _each(transformer: Any, X: Any, out: Any) -> Links | None:
    return one_to_one(n_columns(X))


def _row_coupled(transformer: Any, X: Any, out: Any) -> Links | None:
    """Outputs keep their column but are divided by something made of the whole row."""
    n = n_columns(X)
    if getattr(transformer, "norm", None) is None:
        return one_to_one(n)
    return pick(np.arange(n), n, n_coupled=n)


def _function(transformer: Any, X: Any, out: Any) -> Links | None:
    cell_by_cell = isinstance(transformer.func, np.ufunc) and transformer.func.nin == transformer.func.nout == 1
    if transformer.func is None or cell_by_cell:
        return one_to_one(n_columns(X))
    return None  # names that go one to one are a claim, which probing tries first


def _additive_chi2(transformer: Any, X: Any, out: Any) -> Links | None:
    n = n_columns(X)
    return pick(np.tile(np.arange(n), n_columns(out) // n), n)


def _selector(transformer: Any, X: Any, out: Any) -> Links | None:
    return pick(np.flatnonzero(transformer.get_support()), n_columns(X))


def _indicator(transformer: Any) -> np.ndarray:
    """Parents of the columns that ``add_indicator`` appends."""
    added = getattr(transformer, "indicator_", None)
    return np.zeros(0, dtype=np.int64) if added is None else np.asarray(added.features_, dtype=np.int64)


def _kept_by_simple(transformer: Any) -> np.ndarray:
    empty = np.asarray(pd.isna(transformer.statistics_))
    return np.flatnonzero(~empty | transformer.keep_empty_features)


def _simple_imputer(transformer: Any, X: Any, out: Any) -> Links | None:
    return pick(np.concatenate([_kept_by_simple(transformer), _indicator(transformer)]), n_columns(X))


def _column_coupled(transformer: Any, X: Any, kept: np.ndarray) -> Links:
    """A missing value is filled from all columns; the indicators depend on their own column alone."""
    return pick(np.concatenate([kept, _indicator(transformer)]), n_columns(X), n_coupled=len(kept))


def _knn_imputer(transformer: Any, X: Any, out: Any) -> Links | None:
    return _column_coupled(transformer, X, np.flatnonzero(transformer._valid_mask | transformer.keep_empty_features))


def _iterative_imputer(transformer: Any, X: Any, out: Any) -> Links | None:
    kept = _kept_by_simple(transformer.initial_imputer_)
    if transformer.keep_empty_features:
        kept = np.arange(n_columns(X))
    return _column_coupled(transformer, X, kept)


def _missing_indicator(transformer: Any, X: Any, out: Any) -> Links | None:
    return pick(transformer.features_, n_columns(X))


def _blocks(counts: Any, X: Any) -> Links:
    """Every input makes a run of outputs."""
    return pick(np.repeat(np.arange(len(counts)), np.asarray(counts, dtype=np.int64)), n_columns(X))


def _one_hot(transformer: Any, X: Any, out: Any) -> Links | None:
    # len(categories_) would be wrong under `drop`, `min_frequency` and `max_categories`.
    counts = getattr(transformer, "_n_features_outs", None)
    return None if counts is None else _blocks(counts, X)


def _k_bins(transformer: Any, X: Any, out: Any) -> Links | None:
    return one_to_one(n_columns(X)) if transformer.encode == "ordinal" else _blocks(transformer.n_bins_, X)


def _target_encoder(transformer: Any, X: Any, out: Any) -> Links | None:
    per_column = len(transformer.classes_) if transformer.target_type_ == "multiclass" else 1
    return _blocks([per_column] * n_columns(X), X)


def _spline(transformer: Any, X: Any, out: Any) -> Links | None:
    per_column, rest = divmod(transformer.n_features_out_, n_columns(X))
    return None if rest else _blocks([per_column] * n_columns(X), X)


def _polynomial(transformer: Any, X: Any, out: Any) -> Links | None:
    """A product is shared equally among its factors, as Shapley values share a pure interaction."""
    return shared(sp.csr_matrix((transformer.powers_ > 0).T, dtype=np.float64), loose=False)


def _powers(transformer: Any, X: Any, out: Any) -> Links | None:
    """A product is shared by the exponents of its factors: a^2 b gives a two thirds."""
    return shared(sp.csr_matrix(transformer.powers_.T, dtype=np.float64), loose=False)


def _agglomeration(transformer: Any, X: Any, out: Any) -> Links | None:
    labels = transformer.labels_
    member = sp.csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)))
    return shared(member, loose=False)


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "Binarizer",
            "MaxAbsScaler",
            "MinMaxScaler",
            "OrdinalEncoder",
            "PowerTransformer",
            "QuantileTransformer",
            "RobustScaler",
            "StandardScaler",
        ),
        _each,
    ),
    "AdditiveChi2Sampler": _additive_chi2,
    "FeatureAgglomeration": _agglomeration,
    "FunctionTransformer": _function,
    "IterativeImputer": _iterative_imputer,
    "KBinsDiscretizer": _k_bins,
    "KNNImputer": _knn_imputer,
    "MissingIndicator": _missing_indicator,
    "Normalizer": _row_coupled,
    "OneHotEncoder": _one_hot,
    "PolynomialFeatures": _polynomial,
    "SelectorMixin": _selector,
    "SimpleImputer": _simple_imputer,
    "SplineTransformer": _spline,
    "TargetEncoder": _target_encoder,
    "TfidfTransformer": _row_coupled,
    **MIXES,
    **OPAQUE,
}

# Instead of the above where a power shall count as often as it is multiplied.
BY_EXPONENT: dict[str, Rule] = {"PolynomialFeatures": _powers}
