"""What a run looks for in its table before and after the model is fitted, as notes for the report."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from automl_explain.analysis._data_checks import (
    Finding,
    Leak,
    find_class_problems,
    find_drift,
    find_leaks,
    find_shared_rows,
    find_weak_model,
)
from automl_explain.analysis._data_notes import notes_of
from automl_explain.analysis._split_checks import FlatteringSplit, find_flattering_splits
from automl_explain.cli._data import Table
from automl_explain.cli._split import SplitRule
from automl_explain.reading._notes import Note
from automl_explain.reading._role_forms import names_identifier


def check_data(
    table: Table, X_train: pd.DataFrame, X_test: pd.DataFrame, y_train: pd.Series, y_test: pd.Series, rule: SplitRule
) -> tuple[Note, ...]:
    """Leaks, rows on both sides, rare classes, drift, and columns by which a random split flatters."""
    found: list[Finding | FlatteringSplit] = [
        *find_leaks(X_train, y_train, X_test, y_test, table.task),
        *find_shared_rows(X_train, y_train, X_test, y_test),
        *find_class_problems(y_train, table.task),
        *find_drift(*(side.drop(columns=rule.column or [], errors="ignore") for side in (X_train, X_test))),
    ]
    if rule.kind == "random":
        known = table.X.drop(columns=list(table.texts))
        columns = known if table.aside is None else pd.concat([known, table.aside.loc[known.index]], axis=1)
        groups = [name for name in columns.columns if names_identifier(str(name))]
        leaks = {finding.column for finding in found if isinstance(finding, Leak)}  # of these all is said
        splits = find_flattering_splits(columns, table.y, table.task, groups=groups)
        found += [finding for finding in splits if finding.column not in leaks]
    return notes_of(found, target=str(table.y.name))


def check_model(checks: tuple[Note, ...], scores: Mapping[str, float], n_test: int, table: Table) -> tuple[Note, ...]:
    """The notes so far and, among them by weight, that the model knows little where it does."""
    weak = notes_of(find_weak_model(scores, n_test), target=str(table.y.name))
    return tuple(sorted((*checks, *weak), key=lambda note: -note.weight))
