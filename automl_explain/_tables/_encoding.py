"""EngineeredEncoder: engineered rows -> the numeric matrix that surrogates read."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain._tables._types import conform, is_date, is_text, refuse_other_kinds
from automl_explain._tables._verbatim import VerbatimColumn, is_verbatim, seconds
from automl_explain._validation import as_table, is_nameless, listed
from automl_explain.exceptions import DataError, InputError

_PLAIN_KINDS = {"string", "boolean", "integer", "floating", "mixed-integer", "mixed-integer-float", "empty"}
_FLOAT = np.dtype(np.float64)
_MANY_LEVELS = 100  # more of them may be too many to be categories
# Types of usual values, by what they are to Python; datetime64 and timedelta64 are numbers to numpy alone.
_KIND_OF: dict[type, type] = {
    **{kind: kind for kind in (str, bool, int, float)},
    np.bool_: bool,
    **dict.fromkeys((np.float16, np.float32, np.float64), float),
    **dict.fromkeys((np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64), int),
}


@dataclasses.dataclass(frozen=True)
class EngineeredEncoder:
    """Names of the engineered features and the categories of those that are categorical.

    Parameters
    ----------
    names : tuple of str or int
        Engineered features, in order.
    labels : tuple of str or int
        Column labels of the DataFrame they came in; equal to ``names`` for arrays.
    categories : dict of int to tuple
        Position of a categorical feature -> its categories in the order of their codes.
    missing_code : float, optional
        Code of a missing or unknown category, for a model that has one of its own; NaN where left out.
    verbatim : dict of int to VerbatimColumn
        Position of a column whose values come back exactly as they are -> their numbers.
    dates : tuple of int
        Positions of columns of points in time, which are read as seconds.
    """

    names: tuple[str | int, ...]
    labels: tuple[str | int, ...]
    categories: Mapping[int, tuple[Any, ...]]
    missing_code: float | None = None
    verbatim: Mapping[int, VerbatimColumn] = dataclasses.field(default_factory=dict)
    dates: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        rows: Any,
        names: Iterable[str | int] | None = None,
        categorical: Sequence[str | int] | None = None,
        *,
        text: str = "refused",
    ) -> EngineeredEncoder:
        """Encoder for rows like these.

        Parameters
        ----------
        rows : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
        names : iterable of str or int, optional
            Engineered names; the column labels, or 0, 1, ..., if left out.
        categorical : sequence of str or int, optional
            Names or positions of columns whose values are categories. Columns of a pandas
            ``category`` type are categorical by themselves. Of columns named here in which most values
            are there once, only the repeated ones are categories.

        text : {"refused", "categories", "verbatim"}, default "refused"
            How columns of text and of dates are read. ``categories``: text that is no number as categories, dates
            as seconds. ``verbatim``: these, and all columns whose values are categories, so that `RowDecoder` gives
            back every value as it was, those not seen in training too.

        Raises
        ------
        InputError
            If the rows are not a table, the number of names differs from its width, or a
            categorical column does not exist.
        """
        rows = as_table(rows, "init_dataset")
        labels = tuple(rows.columns) if is_frame(rows) else tuple(range(rows.shape[1]))
        framed = is_frame(rows)
        chosen = labels if names is None else _chosen_names(names, labels, framed=framed)
        positions = {_position(c, chosen, labels) for c in categorical or ()}
        categories: dict[int, tuple[Any, ...]] = {}
        if framed:
            for j in range(rows.shape[1]):
                dtype = rows.dtypes.iloc[j]
                if isinstance(dtype, pd.CategoricalDtype):
                    categories[j] = tuple(_plain(c) for c in dtype.categories)
                elif j in positions:
                    categories[j] = _levels(rows.iloc[:, j])
        elif not is_sparse(rows):
            categories = {j: _levels(pd.Series(rows[:, j])) for j in sorted(positions)}
        if not framed:
            labels = chosen
        if text == "refused" or is_sparse(rows) or (not framed and not positions and rows.dtype.kind in "biuf"):
            return cls(chosen, labels, categories)
        columns = {j: rows.iloc[:, j] if framed else pd.Series(rows[:, j], dtype=object) for j in range(len(chosen))}
        if text == "verbatim":
            exact = {j: VerbatimColumn.of(c) for j, c in columns.items() if j in positions or is_verbatim(c)}
            categories |= {j: tuple(_plain(c) for c in column.levels) for j, column in exact.items()}
            return cls(chosen, labels, categories, verbatim=exact)
        dates = tuple(j for j, c in columns.items() if j not in categories and is_date(c))
        categories |= {j: _levels(c) for j, c in columns.items() if j not in categories and is_text(c)}
        return cls(chosen, labels, categories, dates=dates)

    @property
    def n_features(self) -> int:
        """Number of engineered features."""
        return len(self.names)

    def encode(self, rows: Any, argument: str = "rows", *, allow_empty: bool = False) -> np.ndarray | sp.csr_matrix:
        """Rows as float64: C-contiguous ndarray, or csr_matrix where the rows are sparse.

        Categories become their codes, NaN where the category is unknown or missing. DataFrame
        columns are found by name, in any order.

        Raises
        ------
        InputError
            If columns are missing or their number differs from the training rows.
        DataError
            If a value is not a number and its column is not categorical.
        """
        if type(rows) is np.ndarray and rows.dtype == _FLOAT and rows.ndim == 2 and len(rows):
            if rows.shape[1] != len(self.names):
                self._check_width(rows.shape[1], argument)
            if not self.categories:
                return rows if rows.flags.c_contiguous else np.ascontiguousarray(rows)
        if type(rows) is np.ndarray and rows.shape == (self.n_features,) and self.n_features > 1:
            rows = rows.reshape(1, -1)
        plain = self._plain_row(rows)
        if plain is not None:
            return plain
        rows = as_table(rows, argument, width=self.n_features, allow_empty=allow_empty)
        if is_frame(rows):
            return self._encode_frame(self.align(rows, argument), argument)
        self._check_width(rows.shape[1], argument)
        if is_sparse(rows):
            return sp.csr_matrix(rows, dtype=np.float64)
        if rows.dtype.kind not in "biufOUS":
            raise DataError(
                f"`{argument}` is an array of {rows.dtype}, which is no number; convert it to numbers first."
            )
        if not self.categories and not self.dates and rows.dtype.kind in "biuf":
            return np.ascontiguousarray(rows, dtype=np.float64)
        return self._encode_frame(pd.DataFrame(rows, columns=list(self.labels)), argument)

    def _plain_row(self, rows: Any) -> np.ndarray | None:
        """A single row of values whose meaning needs no look at their columns, as `encode` gives it; else None.

        Column by column a row of 50 takes more than a millisecond, value by value a tenth of that.
        """
        cells: list[Any]
        if is_frame(rows) and type(rows) is pd.DataFrame:
            if len(rows) != 1 or not self._in_order(rows.columns):
                return None
            # The row as a whole would cost more: pandas looks for a type that all columns have in common.
            at = rows.iat
            cells = [at[0, j] for j in range(self.n_features)]
        elif type(rows) is np.ndarray and rows.shape == (1, self.n_features) and rows.dtype.kind in "biufO":
            cells = rows[0].tolist()
        else:
            return None
        missing = np.nan if self.missing_code is None else self.missing_code
        return None if self._lookups is None else _plain_codes(cells, self._lookups, missing)

    def _in_order(self, columns: pd.Index) -> bool:
        """Whether the columns have the labels of training, in order; those found last are known at a glance."""
        seen = self._seen
        if seen and (columns.is_(seen[0]) or columns.equals(seen[0])):
            return True
        if list(columns) != list(self.labels):
            return False
        seen[:] = [columns]
        return True

    @functools.cached_property
    def _seen(self) -> list[pd.Index]:
        return []

    @functools.cached_property
    def _lookups(self) -> tuple[_Lookup | None, ...] | None:
        """Codes of every categorical column, None for numbers; None at all where categories are of several types."""
        made = [_Lookup.of(self.categories[j]) if j in self.categories else None for j in range(self.n_features)]
        mixed = any(made[j] is None for j in self.categories)
        slow = mixed or self.verbatim or self.dates
        return None if slow else tuple(made)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _encode_frame(self, frame: pd.DataFrame, argument: str) -> np.ndarray:
        result = np.empty(frame.shape)
        for j in range(frame.shape[1]):
            column = frame.iloc[:, j]
            if j in self.verbatim:
                known = self.verbatim[j]
                result[:, j] = known.numbers(conform(column, known.schema(self.names[j]), argument))
            elif j in self.dates:
                result[:, j] = seconds(column, self.names[j])
            elif j in self.categories:
                cells = _plain_cells(column)
                codes = _codes(cells, self.categories[j])
                refuse_other_kinds(cells[codes < 0].dropna(), self.categories[j], f"{self.names[j]!r} of `{argument}`")
                result[:, j] = np.where(codes < 0, np.nan if self.missing_code is None else self.missing_code, codes)
            else:
                result[:, j] = _numbers(column, self.names[j])
        return result

    def align(self, frame: pd.DataFrame, argument: str) -> pd.DataFrame:
        """Frame with the columns of the training rows, in their order and under their labels.

        Raises
        ------
        InputError
            If columns are missing, or there are others or repeated ones.
        """
        if self._in_order(frame.columns):
            return frame
        given = list(frame.columns)
        if is_nameless(given, self.labels):
            return frame.set_axis(list(self.labels), axis=1)
        for wanted in (list(self.labels), list(self.names)):
            if given == wanted or (len(given) == len(wanted) and set(given) == set(wanted)):
                return (frame if given == wanted else frame[wanted]).set_axis(list(self.labels), axis=1)
        missing = [c for c in self.labels if c not in set(given)]
        if not missing:
            self._check_width(len(given), argument)
            raise InputError(f"`{argument}` has several columns of one name; expected {listed(self.labels)}.")
        close = difflib.get_close_matches(str(missing[0]), [str(c) for c in given], n=1)
        raise InputError(
            f"`{argument}` has {len(given)} columns; the explainer was made for {self.n_features} engineered "
            f"features (missing: {listed(missing)}{f', did you mean {close[0]!r}?' if close else ''}). "
            "Pass `setup.X_test_transform`, or transform the rows with the same pipeline."
        )

    def _check_width(self, width: int, argument: str) -> None:
        if width != self.n_features:
            raise InputError(
                f"`{argument}` has {width} columns; the explainer was made for {self.n_features} engineered "
                "features. Pass `setup.X_test_transform`, or transform the rows with the same pipeline."
            )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back."""
        return {
            "names": list(self.names),
            "labels": list(self.labels),
            "categories": [[j, list(c)] for j, c in self.categories.items()],
            **({} if self.missing_code is None else {"missing_code": self.missing_code}),
            **({"verbatim": [[j, c.to_json()] for j, c in self.verbatim.items()]} if self.verbatim else {}),
            **({"dates": list(self.dates)} if self.dates else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineeredEncoder:
        """Read back what `to_json` wrote."""
        categories = {int(j): tuple(c) for j, c in data["categories"]}
        verbatim = {int(j): VerbatimColumn.from_json(c) for j, c in data.get("verbatim", [])}
        dates = tuple(int(j) for j in data.get("dates", []))
        names, labels = tuple(data["names"]), tuple(data["labels"])
        if not {*verbatim} <= {*categories} or not {*dates} <= {*range(len(names))}:
            raise ValueError("columns of text or of dates that there are not")
        return cls(names, labels, categories, data.get("missing_code"), verbatim, dates)


@dataclasses.dataclass(frozen=True)
class _Lookup:
    """Category -> code, for values of exactly the categories' type: 1, 1.0 and True would find each other."""

    kind: type
    codes: Mapping[Any, int]

    @classmethod
    def of(cls, categories: Sequence[Any]) -> _Lookup | None:
        """None where the categories are of several types, or one is there twice."""
        kinds = {type(c) for c in categories} or {str}
        codes = {category: code for code, category in enumerate(categories)}
        if len(kinds) > 1 or not kinds <= _KIND_OF.keys() or len(codes) < len(categories):
            return None
        return cls(kinds.pop(), codes)


def _chosen_names(names: Iterable[str | int], labels: tuple[str | int, ...], *, framed: bool) -> tuple[str | int, ...]:
    """Names given for the columns with these labels, in their order."""
    chosen = tuple(n.item() if isinstance(n, np.generic) else n for n in names)
    if len(chosen) != len(labels):
        raise InputError(
            f"`features` has {len(chosen)} names for {len(labels)} engineered columns. "
            "Pass `setup.engineered_feature_names` with `setup.X_transform`."
        )
    if framed and chosen != labels and sorted(map(str, chosen)) == sorted(map(str, labels)):
        raise InputError(
            f"`features` is {listed(chosen)}, but the columns are {listed(labels)}: the same names in another "
            "order. Pass them in the order of the columns."
        )
    return chosen


def _plain_codes(cells: Sequence[Any], lookups: Sequence[_Lookup | None], missing: float) -> np.ndarray | None:
    """Values of one row as numbers and codes, shape (1, n_features); None if a value is none of the usual ones."""
    numbers: list[Any] = []
    for cell, lookup in zip(cells, lookups, strict=True):
        kind = _KIND_OF.get(type(cell))
        if lookup is None:
            if cell is None:
                cell = np.nan
            elif kind is None or kind is str:
                return None
            numbers.append(cell)
        elif cell is None or (kind is float and cell != cell):
            numbers.append(missing)
        elif kind is lookup.kind:
            numbers.append(lookup.codes.get(cell, missing))
        elif kind is float and lookup.kind is int and cell in lookup.codes:  # whole numbers in an array of floats
            numbers.append(lookup.codes[cell])
        else:
            return None
    try:
        return np.array([numbers], dtype=np.float64)
    except OverflowError:  # the columns' own reading says which one
        return None


def _codes(column: pd.Series, categories: Sequence[Any]) -> np.ndarray:
    """Positions of the values among the categories, -1 where they are not there."""
    known = pd.Index(list(categories), dtype=object)
    if isinstance(column.dtype, pd.CategoricalDtype):
        theirs = known.get_indexer(column.cat.categories.astype(object))
        return np.asarray(np.append(theirs, -1)[column.cat.codes.to_numpy()])
    return np.asarray(known.get_indexer(pd.Index(column, dtype=object)))


def _numbers(column: pd.Series, name: str | int) -> np.ndarray:
    dtype = column.dtype
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    try:
        if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
            raise ValueError("dates")
        return np.asarray(column.astype(object).where(column.notna(), np.nan).astype(np.float64))
    except OverflowError as error:
        raise DataError(
            f"Column {name!r} holds a whole number beyond the largest float, about 1.8e308. Scale the column first."
        ) from error
    except (TypeError, ValueError) as error:
        example = next((c for c in column if not isinstance(c, (int, float, np.number, type(None)))), None)
        others = "MimicExplainer or KernelExplainer, which take text and dates as they are"
        if isinstance(example, (pd.Timedelta, pd.Period, pd.Interval)):
            others = "KernelExplainer, which takes spans and periods as they are"
        raise DataError(
            f"Column {name!r} holds {example!r}, which is not a number. Give it the pandas type 'category', or turn "
            f"it into numbers first; or explain the model with the steps that read it, a Pipeline, with {others}."
        ) from error


def _levels(column: pd.Series) -> tuple[Any, ...]:
    counts = column.dropna().value_counts(sort=False)
    if len(counts) > _MANY_LEVELS and 2 * len(counts) > counts.sum():
        # Most values are there once: names and prose, of which new rows have others.
        counts = counts[counts > 1]
    levels = [_plain(c) for c in counts.index]
    return tuple(sorted(levels, key=lambda c: (type(c).__name__, c)))


def _position(column: str | int, names: Sequence[str | int], labels: Sequence[str | int]) -> int:
    for known in (names, labels):
        if column in known:
            return list(known).index(column)
    if isinstance(column, (int, np.integer)) and -len(names) <= column < len(names):
        return int(column) % len(names)
    raise InputError(
        f"`categorical_features` names {column!r}, which is not an engineered feature. Known: {listed(names)}."
    )


def _plain(value: Any) -> Any:
    """A category as JSON can keep it: dates, intervals and the like are known by their text."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, bool, int, float)) else str(value)


def _plain_cells(column: pd.Series) -> pd.Series:
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    known = column.cat.categories if categorical else column
    if pd.api.types.infer_dtype(known, skipna=True) in _PLAIN_KINDS:
        return column
    if categorical:
        return column.cat.rename_categories([_plain(c) for c in known])
    return column.map(_plain, na_action="ignore")
