"""The feature map of a fitted scikit-learn featurization."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from automl_explain._schema import TableSchema
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage._links import Columns
from automl_explain.lineage._tables import is_table, labels_of, n_columns, n_rows, sample_rows
from automl_explain.lineage._walk import walk


def trace(transformer: Any, X: Any, raw_names: Sequence[str | int] | None = None) -> FeatureMap:
    """Feature map of a fitted featurization, built from the positions of its columns.

    Parameters
    ----------
    transformer : object
        A fitted scikit-learn transformer, Pipeline of transformers, ColumnTransformer or
        FeatureUnion, nested to any depth; a Pipeline of imbalanced-learn (samplers are skipped);
        a DataFrameMapper of sklearn-pandas; pairs ``[(columns, transformer), ...]``; None or
        ``"passthrough"`` where the model reads the raw columns.
    X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Raw rows; at most 128, spread evenly, are sent through the transformer. Only weights of
        linear mixes (PCA and the like) depend on which rows they are.
    raw_names : sequence of length n_raw, optional
        Names of the raw columns; by default the labels of the DataFrame, else positions.

    Returns
    -------
    FeatureMap
        Of shape (n_raw, n_engineered), engineered columns in the order of ``transform``. ``how``
        is ``"rule"`` where the parents are exact, ``"dense"`` where several raw columns are mixed and
        the weights are a convention: the share of variance for linear mixes, the column itself for
        transformers that look at the whole row (Normalizer, KNNImputer, IterativeImputer,
        TfidfTransformer), and ``"none"`` for constants such as the bias of PolynomialFeatures.

    Raises
    ------
    UnknownTransformerError
        If a transformer of several columns has no rule; names the class, step and columns.
    InputError
        If there are no rows, the number of names is wrong, or something is not fitted.
    DataError
        If a transformer fails on the sample.

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
    if not is_table(X) and hasattr(X, "to_frame"):
        table = X.to_frame()
    elif is_table(X):
        table = X
    else:
        raise InputError(
            f"`X` is a {type(X).__name__}. Expected a DataFrame, ndarray or sparse matrix of raw rows. Pass one."
        )
    if n_rows(X) == 0:
        raise InputError("`X` has no rows. A few are needed to see how wide each step is. Pass some raw rows.")
    names = _raw_names(table, raw_names)
    sample = sample_rows(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unseen categories and the like are the business of the user's own call
        _, columns = walk(transformer, sample, Columns.raw(names))
    return columns.feature_map(TableSchema.of(table, names), names)


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
