"""Checks at the door: the one place that looks at what a user passed, and words what was wrong."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_series, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import DataError, ExplanationWarning, InputError

TASKS = ("classification", "regression", "forecasting")
WEIGHTS = ("equal", "exponent")
RAW_METHODS = ("folded", "grouped")


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "automl_explain":
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    warnings.warn(message, category, stacklevel=level)


def check_task(task: Any) -> str:
    """Task as given, if it is one of the three.

    Raises
    ------
    InputError
        If it is not.
    """
    if task not in TASKS:
        raise InputError(f"`task` must be one of {', '.join(map(repr, TASKS))}; got {task!r}.")
    return str(task)


def check_weights(weights: Any) -> str:
    """How products are shared, if it is one of the two ways.

    Raises
    ------
    InputError
        If it is another word.
    """
    if weights not in WEIGHTS:
        raise InputError(f"`weights` is {weights!r}. Expected 'equal' or 'exponent'. Leave it out for 'equal'.")
    return str(weights)


def check_count(value: Any, argument: str, *, least: int = 1) -> None:
    """Refuse what is no whole number of at least ``least``.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(
            f"`{argument}` must be a whole number of at least {least}; got {value!r}. Pass an int, such as 10."
        )


def check_raw_method(raw_method: Any) -> str:
    """Way to raw values as given, if it is one of the two.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(raw_method, str) or raw_method not in RAW_METHODS:
        raise InputError(
            f"`raw_method` is {raw_method!r}; expected 'folded' or 'grouped'. Leave it out for 'folded': engineered "
            "values shared among their raw columns."
        )
    return raw_method


def as_table(rows: Any, argument: str, *, width: int | None = None) -> Any:
    """Rows as DataFrame, 2-D ndarray or csr_matrix; one row may come as a vector of ``width`` cells.

    Raises
    ------
    InputError
        If the rows are something else or have no rows.
    """
    if is_sparse(rows):
        rows = rows if isinstance(rows, sp.csr_matrix) else sp.csr_matrix(rows)
    elif is_series(rows):
        rows = rows.to_frame().T.infer_objects() if width not in (None, 1) else rows.to_frame()
    elif isinstance(rows, np.ma.MaskedArray):
        rows = np.ma.filled(rows.astype(np.float64), np.nan)
    elif isinstance(rows, np.ndarray):
        if rows.ndim == 1 and rows.shape[0] == width:
            rows = rows.reshape(1, -1)
    elif not is_frame(rows):
        raise InputError(
            f"`{argument}` must be a pandas DataFrame, a numpy ndarray or a scipy sparse matrix; got "
            f"{type(rows).__name__}. Wrap a list with numpy.asarray or pandas.DataFrame."
        )
    if rows.ndim != 2:
        raise InputError(f"`{argument}` must have two dimensions (rows by features); got {rows.ndim}.")
    if rows.shape[0] == 0:
        raise InputError(f"`{argument}` has no rows; pass at least one.")
    return rows


def raw_table(rows: Any, argument: str) -> Any:
    """Raw rows as DataFrame, ndarray or csr_matrix; no copy where they are one already.

    Raises
    ------
    InputError
        If they are something else, have no rows, two columns share a name, or a name is neither text nor
        a whole number.
    """
    rows = as_table(rows, argument)
    if is_frame(rows):
        names = list(rows.columns)
        twice = sorted({str(n) for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise InputError(f"`{argument}` has several columns named {listed(twice)}; give every column its own name.")
        if isinstance(rows.columns, pd.MultiIndex):
            raise InputError(f"`{argument}` has column names of several levels; flatten them to one name per column.")
        odd = [n for n in names if isinstance(n, bool) or not isinstance(n, (str, int, np.integer))]
        if odd:
            raise InputError(
                f"`{argument}` has column names that are neither text nor whole numbers: {listed(odd)}. Rename them, "
                f"for example with {argument}.columns = {argument}.columns.map(str), before the model is fitted."
            )
    return rows


def same_columns(X: Any, X_test: Any) -> Any:
    """``X_test`` with its columns in the order of ``X``.

    Raises
    ------
    InputError
        If the number or the names of the columns differ.
    """
    framed = is_frame(X) and is_frame(X_test)
    apart = _apart(list(X.columns), list(X_test.columns)) if framed else ""
    if X.shape[1] != X_test.shape[1]:
        raise InputError(
            f"`X` has {X.shape[1]} columns and `X_test` has {X_test.shape[1]}{apart and f' ({apart})'}; both must hold "
            "the raw columns that the model was trained on."
        )
    if apart:
        raise InputError(f"`X_test` lacks columns of `X` ({apart}). Pass the same raw columns in both.")
    if not framed or list(X.columns) == list(X_test.columns):
        return X_test
    return X_test[list(X.columns)]


def labels(y: Any, argument: str, n_rows: int | None = None) -> np.ndarray:
    """Labels or targets as an array of shape (n_rows,).

    Raises
    ------
    InputError
        If they are not one column, or not one per row.
    """
    values = y.to_numpy() if isinstance(y, (pd.Series, pd.DataFrame, pd.Index)) else np.asarray(y)
    if is_series(y) and isinstance(y.dtype, pd.CategoricalDtype):
        values = y.astype(object).to_numpy()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise InputError(f"`{argument}` must be one column of labels or targets; got shape {values.shape}.")
    if n_rows is not None and len(values) != n_rows:
        rows = argument.replace("y", "X", 1)
        raise InputError(
            f"`{argument}` has {len(values)} values, `{rows}` has {n_rows} rows; they must be the same rows."
        )
    return values


def present_targets(values: np.ndarray, argument: str) -> np.ndarray:
    """Mask of the rows whose target is there: not NaN, None, NA, "" or "nan".

    Raises
    ------
    DataError
        If no row has one.
    """
    missing = np.asarray(pd.isna(values))
    if values.dtype.kind in "OUST":
        missing |= np.array([isinstance(v, str) and v in ("", "nan") for v in values])
    if missing.all():
        raise DataError(f"All {len(values)} targets in `{argument}` are missing; pass labels or target values.")
    return ~missing


def check_labels(y: np.ndarray, classes: Sequence[Any]) -> None:
    """Labels that the model has never seen are another column, or another coding of the target.

    Raises
    ------
    DataError
        If the model knows none of them; some unknown labels are warned of.
    """
    given = list(dict.fromkeys(y.tolist()))
    known = set(classes)
    unknown = [label for label in given if label not in known]
    if len(unknown) == len(given):
        raise DataError(
            f"`y` holds the labels {listed(given)}, and the model knows {listed(classes)}. Pass the target that the "
            "model was fitted on, coded in the same way."
        )
    if unknown:
        warn(
            f"`y` holds labels that the model does not know: {listed(unknown)}; it knows {listed(classes)}. Their rows "
            "are kept; leave them out if they are mistakes.",
            ExplanationWarning,
        )


def raw_names(features: Iterable[Any] | None, tables: Sequence[Any]) -> tuple[str | int, ...] | None:
    """Raw names: ``features`` if given, else the columns of the first DataFrame, else None.

    Raises
    ------
    InputError
        If ``features`` has another length than the tables have columns, or their names in another order.
    """
    width = tables[0].shape[1] if tables else None
    frame = next((t for t in tables if is_frame(t)), None)
    own = None if frame is None else tuple(_plain_name(c) for c in frame.columns)
    if features is None:
        return own
    names = tuple(_plain_name(f) for f in features)
    if width is not None and len(names) != width:
        raise InputError(
            f"`features` has {len(names)} names for {width} raw columns; pass one name per column, in order."
        )
    if len(set(map(str, names))) < len(names):
        raise InputError("`features` holds the same name twice; give every raw column its own name.")
    if own is not None and names != own and set(names) == set(own):
        raise InputError(
            f"`features` is {listed(names)}, but the order of the columns is {listed(own)}. Pass the names in the "
            "order of the columns, or leave `features` out."
        )
    return names


def listed(names: Sequence[Any], most: int = 8) -> str:
    """Names for a message, the first few."""
    shown = ", ".join(repr(n) for n in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _apart(wanted: list[Any], given: list[Any]) -> str:
    """Which names are missing and which are surplus, with a close match; empty where the names are the same."""
    missing = [c for c in wanted if c not in set(given)]
    surplus = [c for c in given if c not in set(wanted)]
    close = difflib.get_close_matches(str(missing[0]), [str(c) for c in surplus], n=1) if missing else []
    parts = [f"{what}: {listed(names)}" for what, names in (("missing", missing), ("surplus", surplus)) if names]
    return "; ".join(parts) + (f"; did you mean {close[0]!r} for {missing[0]!r}?" if close else "")


def _plain_name(name: Any) -> str | int:
    if isinstance(name, np.generic):
        name = name.item()
    return name if isinstance(name, (str, int)) else str(name)
