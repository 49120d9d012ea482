"""A file, a URL or a query -> a table that a model can be fitted on, or one clear error."""

from __future__ import annotations

import dataclasses
import difflib
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain._validation import listed
from automl_explain.cli._drawn import Drawn, draw_if_large
from automl_explain.cli._split import SplitRule, rows_apart
from automl_explain.cli._target import Task, settle_task
from automl_explain.cli._wording import count
from automl_explain.exceptions import DataError, InputError
from automl_explain.reading import (
    DETAIL,
    WARNING,
    ColumnRole,
    FileFormat,
    FileOptions,
    Note,
    TableRecipe,
    TextTable,
    TypeOptions,
    column_roles,
    read_cells,
)
from automl_explain.reading._recipe import plain_names

# Below this a quarter of the rows is no measure of anything.
MIN_ROWS = 50


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of the file: what it was taken for, and what was done with it.

    Parameters
    ----------
    name : str
        As in the file.
    taken_for : str
        Its type and form, such as "number, decimal comma".
    use : str
        "target", "feature", "free text", or why it is left out.
    n_missing, n_values : int
        Cells without a value, and different values.
    """

    name: str
    taken_for: str
    use: str
    n_missing: int
    n_values: int


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Features, target and what was done to them on the way.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_raw)
        Features, labelled by the lines of the file.
    y : Series of length n_rows
        Target, without missing values.
    task : {"classification", "regression"}
        What is to be fitted.
    notes : tuple of Note
        For the user: every change and every guess, the weightiest first.
    columns : tuple of Column
        All columns of the file.
    texts : tuple of str
        Features of free text.
    recipe : TableRecipe, optional
        How another file is read in the same way.
    aside : DataFrame of shape (n_rows, n_others), optional
        Columns that are no features: identifiers, times that only count up, and the column that rows are split by.
    drawn : Drawn, optional
        The source where it was too large to hold, so that the rows here are a sample.
    """

    X: pd.DataFrame
    y: pd.Series
    task: Task
    notes: tuple[Note, ...] = ()
    columns: tuple[Column, ...] = ()
    texts: tuple[str, ...] = ()
    recipe: TableRecipe | None = None
    aside: pd.DataFrame | None = None
    drawn: Drawn | None = None

    def column(self, name: str) -> pd.Series:
        """A column by its name in the file, feature or not."""
        if self.recipe is not None:
            name = self.recipe.renamed.get(name, name)
        found = self.X if self.aside is None or name not in self.aside.columns else self.aside
        _require_column(name, list(found.columns))
        return found[name]


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """What the user said about the file and its columns."""

    target: str
    task: str = "auto"
    file: FileOptions = dataclasses.field(default_factory=FileOptions)
    types: TypeOptions = dataclasses.field(default_factory=TypeOptions)
    ignore: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    split: SplitRule = dataclasses.field(default_factory=SplitRule)
    max_rows: int | None = None
    seed: int = 0


def read_table(source: Any, options: ReadOptions) -> Table:
    """Read a table, settle the types of its columns, which of them are features, and the task.

    Parameters
    ----------
    source : str, Path or LocalFile
        A file, ``"-"`` for standard input, or a URL. Of an open file that is too large to hold a sample is read.
    options : ReadOptions

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it cannot be read as a table, or a column that was named is not in it.
    DataError
        If the target or the rows cannot be used.
    """
    cells, form, drawn = _cells(source, options)
    options = _by_names_of_file(options, cells.names)
    for name in _named(options):
        _require_column(name, cells.names, nameless=form.kind == "text" and form.header is None)
    notes = list(cells.notes)
    if drawn is None:
        cells = _sample(cells, options, notes)
    else:
        notes.append(drawn.note)
    recipe, frame, learned = TableRecipe.learn(cells, options.types, options.target, form)
    frame = frame.set_axis(cells.lines)
    y = frame.pop(options.target)
    left_out = _ignored(options)
    kept = frame.drop(columns=[recipe.renamed.get(name, name) for name in left_out])
    present = _usable(y, options, notes)
    roles = column_roles(kept, keep=[recipe.renamed.get(name, name) for name in options.keep])
    kept, y = kept[present], y[present]
    y, task = settle_task(y, options.task, notes)
    kept = kept.loc[y.index]
    given = {renamed: name for name, renamed in recipe.renamed.items()}
    left_out |= {given.get(name, name): role.reason for name, role in roles.items() if not role.used}
    X = kept[[name for name, role in roles.items() if role.used]]
    if not X.shape[1]:
        raise DataError(
            "No column is left to explain the target with; the table needs at least one feature besides the target."
            + (f" Use one that was left out, as with --keep {shlex.quote(next(iter(roles)))}." if roles else "")
        )
    ignored = _ignored(options)
    notes += [n for n in learned if n.column not in (ignored if n.weight == WARNING else left_out)]
    notes += [role.note for role in roles.values()]
    recipe = dataclasses.replace(recipe, left_out=left_out)
    return Table(
        X=X,
        y=y,
        task=task,
        notes=ordered(notes),
        columns=tuple(_columns(recipe, frame, y, roles)),
        texts=tuple(name for name, role in roles.items() if role.used and role.role == "free text"),
        recipe=recipe,
        aside=_aside(frame.loc[y.index], X, recipe, options),
        drawn=drawn,
    )


def _cells(source: Any, options: ReadOptions) -> tuple[TextTable, FileFormat, Drawn | None]:
    """The cells; as text where the user said how numbers are written, or asked for a type."""
    drawn = draw_if_large(source, options.file, options.target, max_rows=options.max_rows, seed=options.seed)
    if drawn is not None:
        return drawn
    types = options.types
    as_text = bool(types.na or types.types or types.dates or types.decimal == ",")
    cells, form = read_cells(source, options.file, (options.target,), as_text=as_text)
    return cells, form, None


def _usable(y: pd.Series, options: ReadOptions, notes: list[Note]) -> pd.Series:
    """Which rows have a target that can be learned."""
    present = ~y.isna()
    if not present.any():
        raise DataError(f"Column {options.target!r} is empty in every row; a target needs values. Name another column.")
    if not present.all():
        notes.append(Note(f"left out {count((~present).sum(), 'row')} without a value in {options.target!r}"))
    if present.sum() < MIN_ROWS:
        raise DataError(
            f"Only {count(present.sum(), 'row')} with a target; at least {MIN_ROWS} are needed to fit and test a model."
        )
    return present


def _by_names_of_file(options: ReadOptions, names: Sequence[str]) -> ReadOptions:
    """Options with the columns as the file has them, where the user took them from a report, which has plain names."""
    given = {plain: name for name, plain in plain_names(names).items() if plain not in names}
    if not given:
        return options
    ignore, keep = (tuple(given.get(n, n) for n in of) for of in (options.ignore, options.keep))
    rule = dataclasses.replace(options.split, column=given.get(str(options.split.column), options.split.column))
    return dataclasses.replace(options, ignore=ignore, keep=keep, split=rule)


def _named(options: ReadOptions) -> list[str]:
    """Columns that the user named."""
    by = [] if options.split.column is None else [options.split.column]
    return [options.target, *options.types.dates, *options.types.types, *options.ignore, *options.keep, *by]


def _ignored(options: ReadOptions) -> dict[str, str]:
    """Columns that are no features since the user said so, and why."""
    ignored = {name: "as asked (--ignore)" for name in options.ignore if name != options.target}
    if options.split.kind == "group" and options.split.column is not None:
        ignored.setdefault(options.split.column, "rows are split by it (--split), so new rows are of new groups")
    return ignored


def _aside(frame: pd.DataFrame, X: pd.DataFrame, recipe: TableRecipe, options: ReadOptions) -> pd.DataFrame:
    """Columns that rows can be split by and that are no features; not those the user wants ignored."""
    own = [recipe.renamed.get(name, name) for name in options.ignore]
    by = None if options.split.column is None else recipe.renamed.get(options.split.column, options.split.column)
    return frame[[c for c in frame.columns if c == by or not (c in X.columns or c in own)]]


def ordered(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Notes once each, the weightiest first, without mere details."""
    once = dict.fromkeys(note for note in notes if note.weight > DETAIL)
    return tuple(sorted(once, key=lambda note: -note.weight))


def _columns(recipe: TableRecipe, frame: pd.DataFrame, y: pd.Series, roles: dict[str, ColumnRole]) -> list[Column]:
    found = []
    for form in recipe.columns:
        name = recipe.renamed.get(form.name, form.name)
        values = y if form.name == recipe.target else frame[name]
        use = "target" if form.name == recipe.target else recipe.left_out.get(form.name)
        use = roles[name].role if use is None else use if use == "target" else f"left out: {use}"
        found.append(Column(form.name, form.describe(), use, int(values.isna().sum()), int(values.nunique())))
    return found


def _require_column(name: str, names: Sequence[str], *, nameless: bool = False) -> None:
    if name in names:
        return
    lowered = {n.lower(): n for n in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    hint = f"Did you mean {lowered[close[0]]!r}? " if close else ""
    if nameless:
        hint = "The file has no line of names; --header LINE says where they stand. "
    raise InputError(f"There is no column {name!r}. {hint}The columns are {listed(names)}.")


def _sample(cells: TextTable, options: ReadOptions, notes: list[Note]) -> TextTable:
    if options.max_rows is None or cells.n_rows <= options.max_rows:
        return cells
    notes.append(
        Note(f"took {options.max_rows:,} of {cells.n_rows:,} rows at random (--max-rows, seed {options.seed})")
    )
    drawn = np.random.default_rng(options.seed).choice(cells.n_rows, options.max_rows, replace=False)
    return cells.take(np.sort(drawn))


def split(
    table: Table, *, test_size: float, seed: int, rule: SplitRule | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Train and test rows, in the order X_train, X_test, y_train, y_test; at random and stratified, or by a rule.

    Raises
    ------
    DataError
        If a side has fewer rows than there are classes, or the rule does not split the rows.
    InputError
        If the column of the rule is not in the table, or is no time.
    """
    if rule is not None and rule.column is not None:
        values = table.column(rule.column)
        train, test = rows_apart(rule, values, table.y, table.task, test_size=test_size, seed=seed)
        return table.X.iloc[train], table.X.iloc[test], table.y.iloc[train], table.y.iloc[test]
    from sklearn.model_selection import train_test_split

    stratify = table.y if table.task == "classification" else None
    n_test = int(np.ceil(test_size * len(table.y)))
    n_classes = 2 if stratify is None else int(table.y.nunique())
    fewer = min(n_test, len(table.y) - n_test)
    if fewer < n_classes:
        raise DataError(
            f"--test-size {test_size} of {len(table.y)} rows leaves {fewer} rows on one side, fewer than the "
            f"{n_classes} needed. Choose a size nearer to 0.5, or provide more rows."
        )
    parts: Any = train_test_split(table.X, table.y, test_size=test_size, random_state=seed, stratify=stratify)
    return parts[0], parts[1], parts[2], parts[3]


def marks(X: pd.DataFrame) -> list[str]:
    """Columns with one value and gaps, as where an ``x`` marks some rows: FLAML would drop them without a word."""
    return [name for name in X.columns if X[name].isna().any() and X[name].nunique() == 1]
