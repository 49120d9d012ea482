"""Checks at the door: the one place that looks at what a user passed, and words what was wrong."""

from __future__ import annotations

import difflib
import inspect
import reprlib
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automl_explain._frames import as_pandas, refuse_other_tables
from automl_explain._lazy import is_frame, is_series, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import DataError, ExplanationWarning, InputError

TASKS = ("classification", "regression", "forecasting")
WEIGHTS = ("equal", "exponent")
RAW_METHODS = ("folded", "grouped")
_NAMELESS = "text"  # the name of a column of texts that came without one


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "automl_explain":
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    warnings.warn(message, category, stacklevel=level)


class _Short(reprlib.Repr):
    """Values as a line of a message has room for; tables and arrays by their shape."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 120
        self.maxlevel = 3

    def repr1(self, x: Any, level: int) -> str:
        shape = getattr(x, "shape", ())
        if isinstance(shape, tuple) and shape:
            return f"a {type(x).__name__} of shape {shape}"
        return super().repr1(x, level)


_SHORT = _Short()


def shown(value: Any) -> str:
    """A value for a message: never a whole table, array or model."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception:  # whatever a foreign `__repr__` raises
        return f"a {type(value).__name__}"


def check_task(task: Any) -> str:
    """Task as given, if it is one of the three.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(task, str) or task not in TASKS:
        raise InputError(f"`task` must be one of {', '.join(map(repr, TASKS))}; got {shown(task)}.")
    return str(task)


def check_weights(weights: Any) -> str:
    """How products are shared, if it is one of the two ways.

    Raises
    ------
    InputError
        If it is another word.
    """
    if not isinstance(weights, str) or weights not in WEIGHTS:
        raise InputError(f"`weights` is {shown(weights)}. Expected 'equal' or 'exponent'. Leave it out for 'equal'.")
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
            f"`{argument}` must be a whole number of at least {least}; got {shown(value)}. Pass an int, such as 10."
        )


def either(argument: str, value: Any, alias: str, other: Any, default: Any) -> Any:
    """The value of an argument that has an older name as well; the default where neither is given.

    Raises
    ------
    InputError
        If both are given and differ.
    """
    if value is not None and other is not None and value != other:
        raise InputError(
            f"`{argument}` is {value!r} and `{alias}` is {other!r}, which mean the same. Pass `{argument}` alone."
        )
    given = other if value is None else value
    return default if given is None else given


def seed_of(random_state: Any, seed: Any) -> int:
    """The seed, by its name or its older one; 0 where neither is given.

    Raises
    ------
    InputError
        If both are given and differ, or it is no whole number from 0 to 2**32 - 1.
    """
    given = either("random_state", random_state, "seed", seed, 0)
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or not 0 <= given < 2**32:
        name = "seed" if random_state is None else "random_state"
        raise InputError(f"`{name}` is {given!r}; expected a whole number from 0 to 2**32 - 1.")
    return int(given)


def check_arguments(function: Any, argument: str, *given: Any, **named: Any) -> None:
    """Refuse arguments that a function or class does not take, without calling it.

    What it raises itself later is then no fault of ``argument``.

    Raises
    ------
    InputError
        If an argument is unknown, given twice or lacking.
    """
    try:
        inspect.signature(function).bind(*given, **named)
    except TypeError as error:
        raise InputError(f"`{argument}` do not fit {function.__name__}: {error}.") from error


def check_raw_method(raw_method: Any) -> str:
    """Way to raw values as given, if it is one of the two.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(raw_method, str) or raw_method not in RAW_METHODS:
        raise InputError(
            f"`raw_method` is {shown(raw_method)}; expected 'folded' or 'grouped'. Leave it out for 'folded': "
            "engineered values shared among their raw columns."
        )
    return raw_method


def as_table(rows: Any, argument: str, *, width: int | None = None, allow_empty: bool = False) -> Any:
    """Rows as `table_and_types` gives them."""
    return table_and_types(rows, argument, width=width, allow_empty=allow_empty)[0]


def table_and_types(
    rows: Any, argument: str, *, width: int | None = None, allow_empty: bool = False
) -> tuple[Any, tuple[Any, ...]]:
    """Rows as DataFrame, 2-D ndarray or csr_matrix; one row may come as a vector of ``width`` values.

    Tables of polars and pyarrow become DataFrames of the same types, a Series or list of texts one of one column.
    With them come the types of the columns, which take pandas longer to tell than a row takes to be explained.

    Raises
    ------
    InputError
        If the rows are something else, hold complex numbers, are a damaged sparse matrix, or have no rows
        where some are needed.
    """
    rows = as_pandas(rows)
    if width in (None, 1) and is_texts(rows):
        rows = _text_column(rows)
    if is_sparse(rows):
        rows = sound_sparse(rows, argument)
    elif is_series(rows):
        rows = rows.to_frame().T.infer_objects() if width not in (None, 1) else rows.to_frame()
    elif isinstance(rows, np.ma.MaskedArray):
        rows = np.ma.filled(rows.astype(np.float64), np.nan)
    elif isinstance(rows, np.ndarray):
        if rows.ndim == 1 and rows.shape[0] == width:
            rows = rows.reshape(1, -1)
    elif not is_frame(rows):
        refuse_other_tables(rows, argument)
    if rows.ndim != 2:
        raise InputError(f"`{argument}` must have two dimensions (rows by features); got {rows.ndim}.")
    if rows.shape[0] == 0 and not allow_empty:
        raise InputError(f"`{argument}` has no rows; pass at least one.")
    return rows, refuse_complex(rows, argument)


def sound_sparse(rows: Any, argument: str) -> sp.csr_matrix:
    """Sparse rows as csr_matrix whose parts fit together, sorted and each value once; no copy of good csr rows.

    Compiled code reads where the indices point, without looking: damaged rows would crash the process or
    read other memory.

    Raises
    ------
    InputError
        If indices point outside of the matrix, the parts do not fit together, or the values are no numbers.
    """
    if rows.ndim != 2:
        raise InputError(f"`{argument}` must have two dimensions (rows by features); got {rows.ndim}.")
    refuse_complex(rows, argument)
    if rows.dtype.kind not in "biuf":
        raise InputError(
            f"`{argument}` is a sparse matrix of {rows.dtype}; expected numbers. Convert its values with "
            "`astype(float)`, or pass the rows as a DataFrame."
        )
    try:
        _check_parts(rows, argument)
        if rows.format != "csr":
            rows = sp.csr_matrix(rows)
            _check_compressed(rows, argument)
    except InputError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:  # parts of odd shapes
        raise _unsound(argument, str(error)) from error
    if rows.indptr.dtype != rows.indices.dtype or rows.indptr.dtype not in (np.int32, np.int64):
        wide = (rows.data, rows.indices.astype(np.int64), rows.indptr.astype(np.int64))
        rows = sp.csr_matrix(wide, shape=rows.shape)
    starts, indices, stored = rows.indptr, rows.indices, int(rows.indptr[-1])
    in_order = np.diff(indices[:stored]) > 0
    in_order[starts[1:-1][(starts[1:-1] > 0) & (starts[1:-1] < stored)] - 1] = True
    if not in_order.all():
        # Made anew: the flags of the matrix given may say that it is in order.
        rows = sp.csr_matrix((rows.data[:stored].copy(), indices[:stored].copy(), starts.copy()), shape=rows.shape)
        rows.sum_duplicates()
    return rows if isinstance(rows, sp.csr_matrix) else sp.csr_matrix(rows)


def _check_parts(rows: Any, argument: str) -> None:
    if rows.format in ("csr", "csc", "bsr"):
        _check_compressed(rows, argument)
    elif rows.format == "coo":
        for indices, size in zip((rows.row, rows.col), rows.shape, strict=True):
            _check_indices(indices, size, len(rows.data), argument)


def _check_compressed(rows: Any, argument: str) -> None:
    """Look at the parts of a csr, csc or bsr matrix."""
    block = rows.blocksize if rows.format == "bsr" else (1, 1)
    lines, across = (rows.shape[0] // block[0], rows.shape[1] // block[1])
    if rows.format == "csc":
        lines, across = across, lines
    starts = np.asarray(rows.indptr)
    if starts.dtype.kind not in "iu" or starts.shape != (lines + 1,):
        raise _unsound(argument, f"`indptr` is {shown(rows.indptr)} of {starts.dtype} for {lines} lines")
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise _unsound(argument, "`indptr` does not rise from 0")
    _check_indices(rows.indices, across, len(rows.data), argument)
    if starts[-1] > len(rows.data):
        raise _unsound(argument, f"`indptr` ends at {starts[-1]}, and there are {len(rows.data)} values")


def _check_indices(given: Any, size: int, n_cells: int, argument: str) -> None:
    indices = np.asarray(given)
    if indices.dtype.kind not in "iu" or indices.shape != (n_cells,):
        raise _unsound(argument, f"its indices are {shown(given)} of {indices.dtype} for {n_cells} values")
    if n_cells and (indices.min() < 0 or indices.max() >= size):
        wrong = indices[(indices < 0) | (indices >= size)][0]
        raise _unsound(argument, f"an index is {wrong}, and indices go from 0 to {size - 1}")


def _unsound(argument: str, why: str) -> InputError:
    return InputError(
        f"`{argument}` is a damaged sparse matrix: {why}. Make it anew, for example from its rows, columns and values "
        "with scipy.sparse.coo_matrix."
    )


def refuse_complex(rows: Any, argument: str) -> tuple[Any, ...]:
    """Refuse complex numbers, of which libraries below would drop the imaginary parts; gives the types of the columns.

    Raises
    ------
    InputError
        If there are some.
    """
    types = tuple(rows.dtypes) if is_frame(rows) else (rows.dtype,)
    if "c" in {getattr(dtype, "kind", "") for dtype in types}:
        raise InputError(
            f"`{argument}` holds complex numbers; expected real ones. Pass the real part, the size or the angle of "
            "each, as columns of their own."
        )
    return types


def is_texts(rows: Any) -> bool:
    """Whether rows are texts without a table around them: a Series, an array of one dimension or a list."""
    rows = as_pandas(rows)
    if is_series(rows) or (isinstance(rows, np.ndarray) and rows.ndim == 1):
        return getattr(rows.dtype, "kind", "O") in "OU" and any(isinstance(value, str) for value in rows)
    return isinstance(rows, (list, tuple)) and len(rows) > 0 and all(isinstance(v, str) or v is None for v in rows)


def _text_column(texts: Any) -> Any:
    """Texts as a table of one column, called ``text`` where nothing else tells its name."""
    column = texts if is_series(texts) else pd.Series(list(texts))
    return column.to_frame(_NAMELESS if column.name is None else column.name)


def is_nameless(given: Sequence[Any], known: Sequence[Any]) -> bool:
    """Whether the only column goes by another name for one reason: one of the two came as texts without a table."""
    return len(given) == len(known) == 1 and _NAMELESS in (given[0], known[0])


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
    return in_order(X_test, list(X.columns), "X_test") if framed else X_test


def in_order(frame: Any, names: Sequence[Any], argument: str) -> Any:
    """A DataFrame with its columns in the order of ``names``; the same object where they are.

    Raises
    ------
    InputError
        If columns are missing or surplus.
    """
    given = list(frame.columns)
    if given == list(names):
        return frame
    if is_nameless(given, names):
        return frame.set_axis(list(names), axis=1)
    apart = _apart(list(names), given)
    if apart:
        raise InputError(
            f"`{argument}` has other columns than the rows that the model was trained on ({apart}). Pass the same raw "
            "columns."
        )
    return frame[list(names)]


def labels(y: Any, argument: str, n_rows: int | None = None) -> np.ndarray:
    """Labels or targets as an array of shape (n_rows,).

    Raises
    ------
    InputError
        If they are not one column, or not one per row.
    """
    y = y.toarray() if sp.issparse(y) else y
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
    if is_nameless(given, wanted):
        return ""
    missing = [c for c in wanted if c not in set(given)]
    surplus = [c for c in given if c not in set(wanted)]
    close = difflib.get_close_matches(str(missing[0]), [str(c) for c in surplus], n=1) if missing else []
    parts = [f"{what}: {listed(names)}" for what, names in (("missing", missing), ("surplus", surplus)) if names]
    return "; ".join(parts) + (f"; did you mean {close[0]!r} for {missing[0]!r}?" if close else "")


def _plain_name(name: Any) -> str | int:
    if isinstance(name, np.generic):
        name = name.item()
    return name if isinstance(name, (str, int)) else str(name)
