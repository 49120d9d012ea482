"""Rows, targets and names on their way into a setup."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.model_selection import train_test_split

from automl_explain._frames import as_pandas
from automl_explain._tables._rows import take
from automl_explain._tables._schema import TableSchema
from automl_explain._threads import available_threads
from automl_explain._validation import is_texts, labels, present_targets, raw_names, raw_table, same_columns
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import PipelineAdapter


def default_names(adapter: PipelineAdapter, width: int) -> tuple[str | int, ...]:
    """Raw names of an array: those the model knows, or x0, x1, ... where there is a featurization."""
    known = getattr(adapter.estimator, "feature_names_in_", None) if adapter.featurizer is None else None
    if known is not None and len(known) == width:
        return tuple(str(n) for n in known)
    if adapter.featurizer is None:
        raise InputError(
            "The rows have no column names and the model has no featurization that knows them; pass `features`."
        )
    return tuple(f"x{i}" for i in range(width))


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Raw rows on their way into a setup.

    Attributes
    ----------
    X, X_test : DataFrame, ndarray or csr_matrix, or None
    y, y_test : array-like, or None
    names : tuple or None
        Raw names; None where nothing tells them.
    schema : TableSchema
        Names and types of the training rows, or of those to explain where there are no others.
    texts : bool
        Whether the rows came as one column without a table around it, such as a list of texts.
    """

    X: Any
    X_test: Any
    y: Any
    y_test: Any
    names: tuple[str | int, ...] | None
    schema: TableSchema
    texts: bool = False

    @property
    def width(self) -> int:
        """Number of raw columns."""
        return int((self.X if self.X is not None else self.X_test).shape[1])

    def typed(self, conform: Callable[[Any, str], Any] | None) -> Rows:
        """Rows with the types that the fitted model itself is known to expect."""
        if conform is None:
            return self
        X = None if self.X is None else conform(self.X, "X")
        return dataclasses.replace(self, X=X, X_test=None if self.X_test is None else conform(self.X_test, "X_test"))

    def named(self, names: tuple[str | int, ...]) -> Rows:
        """The same with raw names."""
        return dataclasses.replace(self, names=names, schema=self.schema.named(names))

    def with_targets(self) -> Rows:
        """Those rows that have a target, with their targets as arrays."""
        X, y = _with_targets(self.X, self.y, "y")
        X_test, y_test = _with_targets(self.X_test, self.y_test, "y_test")
        return dataclasses.replace(self, X=X, y=y, X_test=X_test, y_test=y_test)

    def sampled(self, n_kept: int, random_state: int, *, by_class: bool) -> Rows:
        """At most so many rows to explain: a seeded sample in the order of the rows, stratified by class."""
        if self.X_test is None or self.X_test.shape[0] <= n_kept:
            return self
        kept = _sample(self.X_test.shape[0], self.y_test if by_class else None, n_kept, random_state)
        return dataclasses.replace(self, X_test=take(self.X_test, kept), y_test=take(self.y_test, kept))


def read_rows(X: Any, X_test: Any, y: Any, y_test: Any, features: Any, schema: Any) -> Rows:
    """Raw rows as tables, those to explain with the columns and types of training.

    Raises
    ------
    InputError, DataError
        If they are no tables, or have other columns or types than the training rows.
    """
    if schema is not None and not isinstance(schema, TableSchema):
        raise InputError(
            f"`schema` is a {type(schema).__name__}; expected a TableSchema. Pass `setup.schema` of an earlier setup."
        )
    texts = is_texts(X if X is not None else X_test)
    X = None if X is None else raw_table(X, "X")
    X_test = None if X_test is None else raw_table(X_test, "X_test")
    if X is not None and X_test is not None:
        X_test = same_columns(X, X_test)
    names = raw_names(features, [t for t in (X, X_test) if t is not None])
    if schema is None:
        first = X if X is not None else X_test
        known = TableSchema.of(first, None if isinstance(first, pd.DataFrame) else names)
    else:
        known = schema
        X = None if X is None else known.conform(X, "X")
    if X_test is not None and (X is not None or schema is not None):
        X_test = known.conform(X_test, "X_test")
    return Rows(X, X_test, y, y_test, names, known, texts)


def _with_targets(X: Any, y: Any, argument: str) -> tuple[Any, np.ndarray | None]:
    """Rows that have a target, with their targets."""
    if y is None:
        return X, None
    values = labels(y, argument, None if X is None else X.shape[0])
    present = present_targets(values, argument)
    if present.all():
        return X, values
    return (None if X is None else take(X, np.flatnonzero(present))), values[present]


def read_only(targets: np.ndarray | None) -> np.ndarray | None:
    """A copy of the targets that nobody can change."""
    if targets is None:
        return None
    targets = targets.copy()
    targets.setflags(write=False)
    return targets


def _sample(n_rows: int, strata: np.ndarray | None, n_kept: int, random_state: int) -> np.ndarray:
    """Positions of a seeded sample of the rows, in order, stratified where that is possible."""
    everything = np.arange(n_rows)
    try:
        kept = train_test_split(everything, train_size=n_kept, stratify=strata, random_state=random_state)[0]
    except ValueError:  # a class with a single row, or more classes than rows kept
        kept = train_test_split(everything, train_size=n_kept, random_state=random_state)[0]
    return np.sort(kept)


def floating(rows: Any) -> Any:
    """Engineered rows; sparse whole numbers become float64, every other sparse format csr."""
    if sp.issparse(rows):
        rows = sp.csr_matrix(rows)
        return rows if rows.dtype.kind == "f" else rows.astype(np.float64)
    rows = as_pandas(rows)
    return rows if isinstance(rows, (pd.DataFrame, np.ndarray)) else np.asarray(rows)


def surrogate_params(Z: Any, feature_map: FeatureMap) -> dict[str, Any]:
    """Arguments for `MimicWrapper` that the engineered rows ask for."""
    params: dict[str, Any] = {"explainable_model_args": {"n_jobs": available_threads()}}
    words = [name for j, name in enumerate(feature_map.engineered_names) if _holds_words(Z, j)]
    return {**params, "categorical_features": words} if words else params


def _holds_words(Z: Any, j: int) -> bool:
    """Whether an engineered column holds text, which the surrogate then takes as categories."""
    if isinstance(Z, pd.DataFrame):
        column = Z.iloc[:, j]
        if isinstance(column.dtype, pd.StringDtype):
            return True
        return column.dtype == object and any(isinstance(c, str) for c in column)
    return not sp.issparse(Z) and Z.dtype == object and any(isinstance(c, str) for c in Z[:, j])


def shape(rows: Any) -> str:
    """Rows by columns, for people."""
    if rows is None:
        return "none"
    return f"{rows.shape[0]:,} x {rows.shape[1]:,}" + (" (sparse)" if sp.issparse(rows) else "")
