"""The feature map of a fitted scikit-learn featurization.

``how`` of a map is ``"rule"`` where the parents are exact; ``"probe"`` where they were seen on the rows, with shares of
total effect (Jansen 1999) as weights; ``"dense"`` where several raw columns are mixed and the weights are a convention:
the share of variance for linear mixes, distances and random waves, the share of total effect for other kernels,
neighbours and predictions, the column itself for transformers that look at the whole row (Normalizer, KNNImputer,
IterativeImputer, TfidfTransformer); and ``"none"`` for constants such as the bias of PolynomialFeatures and for what
stays unknown. To use other weights, pass a map of your own (`FeatureMap.from_matrix`) in ``feature_maps``.

M. J. W. Jansen (1999): Analysis of variance designs for model output. Computer Physics Communications 117, 35-43.
doi:10.1016/S0010-4655(98)00154-4

Examples
--------
>>> import pandas as pd
>>> from sklearn.compose import make_column_transformer
>>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
>>> from automl_explain.lineage import trace
>>> X = pd.DataFrame({"age": [20.0, 30.0], "city": ["Oslo", "Rome"]})
>>> ct = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age"])).fit(X)
>>> fm = trace(ct, X)
>>> fm.engineered_names
('onehotencoder__city_Oslo', 'onehotencoder__city_Rome', 'standardscaler__age')
>>> fm.matrix.toarray()
array([[0., 0., 1.],
       [1., 1., 0.]])
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._schema import TableSchema
from automl_explain._validation import check_weights, warn
from automl_explain.exceptions import InputError, UnknownTransformerError, UnmappedFeaturesWarning
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage._coverage import probing_rows
from automl_explain.lineage._links import Columns
from automl_explain.lineage._place import NoRuleError, Place, chosen_weights
from automl_explain.lineage._tables import is_table, labels_of, n_columns, n_rows, sample_rows
from automl_explain.lineage._walk import walk


def trace(
    transformer: Any,
    X: Any,
    raw_names: Sequence[str | int] | None = None,
    *,
    weights: str | None = None,
    probe: bool = True,
    random_state: int = 0,
) -> FeatureMap:
    """Feature map of a fitted featurization, built from the positions of its columns.

    What is known about the classes of scikit-learn comes first. A step of several columns that no rule knows is probed:
    its columns are changed one at a time, and what moves depends on them.

    Parameters
    ----------
    transformer : object
        A fitted transformer of scikit-learn, nested to any depth; a Pipeline of imbalanced-learn (its samplers are
        skipped); a DataFrameMapper of sklearn-pandas; pairs ``[(columns, transformer), ...]``; or None.
    X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Raw rows, best those of training: 128 are sent through the transformer, up to 3,000 of them probe it.
    raw_names : sequence of length n_raw, optional
        Names of the raw columns; by default the labels of the DataFrame, else positions.
    weights : {"equal", "exponent"}, optional
        How products of PolynomialFeatures are shared: equally among their factors, or by exponent. Left out, the choice
        of `weighted` around the call.
    probe : bool, default True
        Whether steps without a rule are probed; else they are refused.
    random_state : int, default 0
        Seed of the probing.

    Returns
    -------
    FeatureMap
        Of shape (n_raw, n_engineered), engineered columns in the order of ``transform``. Outputs whose parents stay
        unknown are named in an `UnmappedFeaturesWarning`.

    Raises
    ------
    UnknownTransformerError, InputError, DataError
        If a step has no ``transform``, makes other rows, fails, or has no rule with ``probe=False``; if an argument is
        wrong or something is not fitted.
    """
    table = _table(X)
    weights = chosen_weights() if weights is None else check_weights(weights)
    names = _raw_names(table, raw_names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unseen categories and the like are the business of the user's own call
        place = Place(weights=weights)
        columns, doubt = _by_rules(transformer, sample_rows(X), Columns.raw(names), place)
        if columns is None:
            if not probe:
                raise UnknownTransformerError(doubt)
            place = Place(weights=weights, random_state=random_state)
            _, columns = walk(transformer, probing_rows(transformer, X), Columns.raw(names), place)
    found = columns.feature_map(TableSchema.of(table, names), names)
    if found.unknown:
        _warn_unknown(found, place)
    return found


def _table(X: Any) -> Any:
    """Raw rows as a table, looked at."""
    table = X.to_frame() if not is_table(X) and hasattr(X, "to_frame") else X
    if not (is_table(table) and (isinstance(table, (pd.DataFrame, np.ndarray)) or sp.issparse(table))):
        package = type(X).__module__.partition(".")[0].replace("builtins", "")
        raise InputError(
            f"`X` is a {f'{package} {type(X).__name__}'.strip()}. Expected a pandas DataFrame, an "
            "ndarray or a scipy sparse matrix of raw rows. Pass one."
        )
    if n_rows(X) == 0:
        raise InputError("`X` has no rows. A few are needed to see how wide each step is. Pass some raw rows.")
    return table


def _by_rules(transformer: Any, sample: Any, raw: Columns, place: Place) -> tuple[Columns | None, str]:
    """The columns if every step has a rule, else None and what is wrong."""
    try:
        return walk(transformer, sample, raw, place)[1], ""
    except NoRuleError as error:
        return None, str(error)


def _warn_unknown(found: FeatureMap, place: Place) -> None:
    lost = [found.engineered_names[j] for j in found.unknown]
    shown = ", ".join(map(repr, lost[:10])) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")
    reasons = "; ".join(
        f"{step.transformer} (step {step.step!r}): {n} of {step.n_outputs} outputs: {why}"
        for step in place.probed
        for why, n in step.unknown
    )
    warn(
        f"The raw columns behind {len(lost)} of {found.n_engineered} engineered features are unknown: {shown}. Their "
        f"share is reported as unmapped. {reasons}. Pass more rows, apply the step to each column by itself, or pass "
        "a feature map by hand: `FeatureMap.from_matrix(weights, raw_names=..., engineered_names=...)`.",
        UnmappedFeaturesWarning,
    )


def _raw_names(table: Any, raw_names: Sequence[str | int] | None) -> list[str | int]:
    if raw_names is None:
        raw_names = labels_of(table)
    if raw_names is None:
        return list(range(n_columns(table)))
    names = [name.item() if hasattr(name, "item") else name for name in raw_names]
    if len(names) != n_columns(table):
        raise InputError(
            f"`raw_names` has {len(names)} names for the {n_columns(table)} columns of `X`. Expected one for each. "
            "Leave it out to take the labels of the DataFrame."
        )
    return names
