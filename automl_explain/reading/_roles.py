"""What each column of a typed table is worth to a model: a feature, text to be split into words, or nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl_explain.reading import _role_forms as forms
from automl_explain.reading._notes import DECISION, DETAIL, Note, as_typed

Role = Literal["feature", "identifier", "free text", "constant", "empty", "counting date"]

# Fewer values than these tell nothing of the form of a column.
MIN_VALUES = 10


@dataclasses.dataclass(frozen=True)
class ColumnRole:
    """What a column is taken for.

    Parameters
    ----------
    name : str
        The column.
    role : {"feature", "identifier", "free text", "constant", "empty", "counting date"}
        By its form.
    reason : str
        Why, as the rest of a sentence that starts with the role; empty for a plain feature.
    used : bool
        Whether a model gets it: features and free text, and what the user wants kept.
    """

    name: str
    role: Role
    reason: str = ""
    used: bool = True

    @property
    def note(self) -> Note:
        """What was decided, and how to have it otherwise."""
        name = repr(self.name)
        if not self.used:
            remedy = (
                "" if self.role in ("empty", "constant") else f"{as_typed('--keep', self.name)} uses it all the same"
            )
            return Note(f"left out {name}: {self.reason}", remedy, self.name, DECISION)
        if self.role == "free text":
            return Note(
                f"read {name} as free text ({self.reason}): its words become features, and are explained as one column",
                f"{as_typed('--ignore', self.name)} leaves it out",
                self.name,
                DECISION,
            )
        if self.role == "feature" and self.reason:
            return Note(
                f"used {name} as categories: {self.reason}",
                f"{as_typed('--ignore', self.name)} leaves it out",
                self.name,
            )
        if self.role == "feature":
            return Note(
                f"used {name} as a feature", f"{as_typed('--ignore', self.name)} leaves it out", self.name, DETAIL
            )
        return Note(f"kept {name} as asked, although {self.reason}", "", self.name, DECISION)


def column_roles(frame: pd.DataFrame, *, target: str | None = None, keep: Iterable[str] = ()) -> dict[str, ColumnRole]:
    """Role of every column but the target.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Typed: numbers, booleans, dates, or text with None where there is none. Rows in the order of the file.
    target : str, optional
        Column that is predicted, which has no role.
    keep : iterable of str
        Columns that are features whatever their form.

    Returns
    -------
    dict of str to ColumnRole
        In the order of the columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from automl_explain.reading._roles import column_roles
    >>> table = pd.DataFrame({"customer": range(7000, 7100), "visits": [1, 2, 3, 4] * 25, "churn": ["yes", "no"] * 50})
    >>> {name: found.role for name, found in column_roles(table, target="churn").items()}
    {'customer': 'identifier', 'visits': 'feature'}
    """
    kept = set(keep)
    roles = {}
    ranks = _ranks(frame, target)
    for position, name in enumerate(frame.columns):
        if name == target:
            continue
        role: Role = "feature"
        reason = ""
        if name not in ranks:
            role, reason = _role(frame[name], str(name), first=position == 0)
        used = role in ("feature", "free text") or (name in kept and role not in ("empty", "constant"))
        roles[name] = ColumnRole(str(name), role, reason, used)
    return roles


def _ranks(frame: pd.DataFrame, target: str | None) -> set[Any]:
    """Columns that rank the rows: three and more that number them, each in an order of its own."""
    found = []
    for name in frame.columns:
        column = frame[name]
        if name == target or column.dtype.kind not in "iu" or forms.names_identifier(str(name)):
            continue
        values = column.to_numpy()
        if forms.is_running(values) and not (np.diff(values) > 0).all():
            found.append(name)
    return set(found) if len(found) >= 3 else set()


def texts_of(roles: Mapping[str, ColumnRole]) -> tuple[str, ...]:
    """Names of the columns whose words become features."""
    return tuple(name for name, found in roles.items() if found.role == "free text")


def _role(column: pd.Series, name: str, *, first: bool) -> tuple[Role, str]:
    present = column.dropna()
    if column.dtype == object and len(present):
        present = present[present.map(lambda v: not isinstance(v, str) or bool(v.strip()))]
    if present.empty:
        return "empty", "it is empty in every row"
    n_values = int(present.nunique())
    if n_values == 1 and len(present) == len(column):
        return "constant", f"it holds {_shown(present.iloc[0])} in every row"
    if len(present) < MIN_VALUES or pd.api.types.is_bool_dtype(column.dtype):
        return "feature", ""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _of_dates(present, n_values)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _of_numbers(present, name, n_values, first=first)
    return _of_texts(present.map(str), name, n_values)


def _of_dates(present: pd.Series, n_values: int) -> tuple[Role, str]:
    if n_values >= forms.MIN_DIFFERENT and forms.counts_up(
        present.to_numpy().astype("datetime64[ns]").astype(np.int64)
    ):
        return "counting date", "its dates only count the rows, so nothing of it recurs in new rows"
    return "feature", ""


def _of_numbers(present: pd.Series, name: str, n_values: int, *, first: bool) -> tuple[Role, str]:
    if n_values < forms.MIN_DIFFERENT:
        return "feature", ""
    values = present.to_numpy()
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values % 1 != 0).any() or np.abs(values).max() > 2.0**53:
            return "feature", ""
        values = values.astype(np.int64)
    seen = _different(n_values, len(values))
    if forms.is_running(values):
        if forms.names_time(name):
            return "counting date", "it only counts the time from row to row, so nothing of it recurs in new rows"
        if forms.names_rank(name):
            return "feature", ""
        saved = first and forms.is_saved_index(values)
        return "identifier", f"it numbers the rows, {'as a saved index does' if saved else f'with {seen}'}"
    if forms.names_identifier(name) and forms.nearly_all(n_values, len(values), named=True):
        return "identifier", f"its name is that of an identifier, and it holds {seen}"
    return "feature", ""


def _of_texts(present: pd.Series, name: str, n_values: int) -> tuple[Role, str]:
    words = forms.free_text_words(present, n_values)
    if words:
        return "free text", f"{words:g} words in a typical row"
    named = n_values >= forms.MIN_DIFFERENT and forms.names_identifier(name)
    if n_values >= MIN_VALUES and forms.nearly_all(n_values, len(present), named=named):
        what = "e-mail addresses" if forms.are_emails(present) else "short texts"
        return "identifier", f"it is an identifier ({what}, {_different(n_values, len(present))})"
    if n_values >= forms.MIN_DIFFERENT and n_values >= 0.5 * len(present):
        return "feature", f"it holds {_different(n_values, len(present))}, so few of them recur in new rows"
    return "feature", ""


def _different(n_values: int, n_present: int) -> str:
    """How many values differ, as text."""
    if n_values == n_present:
        return f"a different value in each of {n_present:,} rows"
    return f"{n_values:,} different values in {n_present:,} rows"


def _shown(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return str(value)
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else text[:39] + "…"
