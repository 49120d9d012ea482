"""A CSV file -> a table that a model can be fitted on, or one clear error."""

from __future__ import annotations

import csv
import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError, InputError, NotFoundError

Task = Literal["classification", "regression"]

# Below this a quarter of the rows is no measure of anything.
MIN_ROWS = 50
# Whole numbers with at most this many values are taken for class codes.
MAX_CLASS_CODES = 20
# Every class needs rows on both sides and a column of contributions: more is no longer an explanation.
MAX_CLASSES = 100

# Texts that cannot be anything but dates; 01/02/2024 can be two days, so it takes --date-column.
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?")
_SLASHED_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{4}")
_SEPARATORS = ",;\t|"
_SHOWN = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Features, target and what was done to them on the way.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_raw)
        Features.
    y : Series of length n_rows
        Target, without missing values.
    task : {"classification", "regression"}
        What is to be fitted.
    notes : tuple of str
        Sentences for the user: every change and every guess.
    """

    X: pd.DataFrame
    y: pd.Series
    task: Task
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """What the user said about the file."""

    target: str
    task: str = "auto"
    date_columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    max_rows: int | None = None
    seed: int = 0


def read_table(path: Path, options: ReadOptions) -> Table:
    """Read a CSV file, settle its column types and its task.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it is not a CSV file, or a column that was named is not in it.
    DataError
        If the target or the rows cannot be used.
    """
    notes: list[str] = []
    frame = _read_csv(path, notes)
    for name in (options.target, *options.date_columns, *options.ignore):
        _require_column(name, frame)
    frame = frame.drop(columns=[c for c in options.ignore if c != options.target])
    frame = _sample(frame, options, notes)
    y = frame[options.target]
    present = ~y.isna()
    if not present.any():
        raise DataError(f"Column {options.target!r} is empty in every row; a target needs values. Name another column.")
    if not present.all():
        notes.append(f"left out {_count((~present).sum(), 'row')} without a value in {options.target!r}")
    frame = frame[present]
    if len(frame) < MIN_ROWS:
        raise DataError(
            f"There are {len(frame)} rows with a target; at least {MIN_ROWS} are needed to fit and test a model."
        )
    X = _features(frame.drop(columns=options.target), options.date_columns, notes)
    y, task = _settle_task(frame[options.target], options.task, notes)
    return Table(X, y, task, tuple(notes))


def _read_csv(path: Path, notes: list[str]) -> pd.DataFrame:
    if not path.exists():
        raise NotFoundError(f"There is no file {str(path)!r}{_similar_file(path)}")
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder; pass the CSV file in it.")
    separator = _separator(path)
    if separator != ",":
        notes.append(f"columns are separated by {separator!r}")
    try:
        frame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", skipinitialspace=True, low_memory=False)
    except pd.errors.EmptyDataError:
        raise DataError(f"{str(path)!r} is empty; expected a line of column names and rows below it.") from None
    except (pd.errors.ParserError, UnicodeDecodeError, csv.Error, ValueError, EOFError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{str(path)!r} cannot be read as a CSV file in UTF-8: {first}.") from error
    frame.columns = [str(c).strip() for c in frame.columns]
    if len(frame) == 0:
        raise DataError(f"{str(path)!r} has column names but no rows.")
    frame.index = pd.RangeIndex(1, len(frame) + 1)  # row 1 is the line below the names
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise InputError(f"Column name {repeated[0]!r} appears twice in {str(path)!r}; give every column its own name.")
    return _drop_row_numbers(frame, notes)


def _separator(path: Path) -> str:
    """The character that splits the first line most often; a comma where none does."""
    if path.suffix.lower() in {".gz", ".bz2", ".zip", ".xz", ".zst"}:
        return ","
    with path.open("rb") as file:
        head = file.readline(1_000_000)
        more = file.read(4096)
    if b"\0" in head + more:
        raise InputError(
            f"{str(path)!r} is not a CSV file: it holds binary data. Save the table as CSV in UTF-8 first."
        )
    line = re.sub(r'"[^"]*"', "", head.decode("utf-8", errors="replace"))
    return max(_SEPARATORS, key=lambda s: (line.count(s), -_SEPARATORS.index(s)))


def _drop_row_numbers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    first = frame.columns[0]
    numbered = first.startswith("Unnamed:") and frame.shape[1] > 1 and pd.api.types.is_integer_dtype(frame[first].dtype)
    if numbered and (frame[first].diff().iloc[1:] == 1).all():
        notes.append("left out the first column: it has no name and only numbers the rows")
        return frame.drop(columns=first)
    return frame


def _require_column(name: str, frame: pd.DataFrame) -> None:
    if name in frame.columns:
        return
    names = [str(c) for c in frame.columns]
    lowered = {n.lower(): n for n in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    shown = ", ".join(map(repr, names[:_SHOWN])) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    hint = f"Did you mean {lowered[close[0]]!r}? " if close else ""
    raise InputError(f"There is no column {name!r}. {hint}The columns are {shown}.")


def _sample(frame: pd.DataFrame, options: ReadOptions, notes: list[str]) -> pd.DataFrame:
    if options.max_rows is None or len(frame) <= options.max_rows:
        return frame
    notes.append(f"took {options.max_rows:,} of {len(frame):,} rows at random (--max-rows, seed {options.seed})")
    return frame.sample(options.max_rows, random_state=options.seed).sort_index()


def _features(frame: pd.DataFrame, date_columns: Sequence[str], notes: list[str]) -> pd.DataFrame:
    columns, left_out, identifiers, dates, infinite = {}, [], [], [], []
    for name in frame.columns:
        column = frame[name]
        if column.isna().all():
            left_out.append(name)
            continue
        if name in date_columns:
            column = _as_date(column, notes)
            dates.append(name)
        elif _is_text(column):
            iso = _as_iso_date(column)
            if iso is not None:
                column = iso
                dates.append(name)
            elif column.nunique() == len(column):
                identifiers.append(name)
                continue
            else:
                column = column.map(str, na_action="ignore")
        elif pd.api.types.is_float_dtype(column.dtype) and np.isinf(column).any():
            column = column.where(np.isfinite(column))
            infinite.append(name)
        columns[name] = column
    for names, said in (
        (left_out, "left out {}: empty in every row"),
        (identifiers, "left out {}: a different text in every row, so an identifier and not a feature"),
        (dates, "read {} as dates"),
        (infinite, "took infinite numbers in {} for missing"),
    ):
        if names:
            notes.append(said.format(_quoted(names)))
    if not columns:
        raise DataError("No column is left to explain the target with; the file needs at least one besides the target.")
    return _plain_names(pd.DataFrame(columns), notes)


def _plain_names(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Names without the characters that LightGBM and XGBoost refuse."""
    plain = {c: re.sub(r'[\[\]{}<>:,"]', "_", unicodedata.normalize("NFC", c)) for c in frame.columns}
    changed = [c for c in plain if plain[c] != c]
    if not changed:
        return frame
    if len(set(plain.values())) < len(plain):
        raise InputError(
            f"Column names {_quoted(changed)} hold characters that model libraries refuse, and are "
            "the same without them; rename them."
        )
    notes.append(
        "renamed " + ", ".join(f"{c!r} to {plain[c]!r}" for c in changed) + ": model libraries refuse such names"
    )
    return frame.rename(columns=plain)


def _is_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype))


def _as_iso_date(column: pd.Series) -> pd.Series | None:
    present = column.dropna()
    if not all(isinstance(c, str) and _ISO_DATE.fullmatch(c.strip()) for c in present):
        return None
    parsed = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    return None if parsed.isna().sum() > column.isna().sum() else parsed


def _as_date(column: pd.Series, notes: list[str]) -> pd.Series:
    text = column.astype("Int64").astype(str).where(column.notna()) if _is_whole(column) else column
    parsed = _slashed(text, notes)
    if parsed is None:
        parsed = pd.to_datetime(text, errors="coerce", format="mixed", utc=True).dt.tz_localize(None)
    wrong = np.flatnonzero((parsed.isna() & column.notna()).to_numpy())
    if wrong.size:
        raise DataError(
            f"Column {column.name!r} (--date-column) holds {column.iloc[wrong[0]]!r} in row {column.index[wrong[0]]}, "
            f"which is no date ({_count(wrong.size, 'such value')}). Write dates as 2024-01-31, or drop the option."
        )
    return parsed


def _slashed(column: pd.Series, notes: list[str]) -> pd.Series | None:
    """Dates such as 31/01/2024, all values in the same order: read one by one, 01/02/2024 would be ambiguous."""
    present = column.dropna()
    marks = {m[1] if (m := _SLASHED_DATE.fullmatch(str(c).strip())) else None for c in present}
    if len(marks) != 1 or None in marks:
        return None
    mark = marks.pop()
    orders = {"day/month/year": f"%d{mark}%m{mark}%Y", "month/day/year": f"%m{mark}%d{mark}%Y"}
    for order, form in orders.items() if mark == "." else reversed(orders.items()):
        parsed = pd.to_datetime(column.astype(object), errors="coerce", format=form)
        if parsed.notna().sum() == len(present):
            notes.append(f"read dates such as {present.iloc[0]} in {column.name!r} as {order}")
            return parsed
    return None


def _is_whole(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return False
    return bool((column.dropna() % 1 == 0).all())


def _settle_task(y: pd.Series, task: str, notes: list[str]) -> tuple[pd.Series, Task]:
    numeric = pd.api.types.is_numeric_dtype(y.dtype) and not pd.api.types.is_bool_dtype(y.dtype)
    n_values = int(y.nunique())
    if n_values < 2:
        raise DataError(f"Column {y.name!r} has the value {y.iloc[0]!r} in every row; there is nothing to learn.")
    chosen = task
    if task == "auto":
        codes = _is_whole(y) and n_values <= MAX_CLASS_CODES
        chosen = "regression" if numeric and not codes else "classification"
        kind = "numbers" if numeric else f"{n_values} values that are no numbers"
        if codes:
            kind = f"only {n_values} different whole numbers"
        notes.append(f"task: {chosen}, because {y.name!r} holds {kind} (--task to choose)")
    if chosen == "regression":
        return _regression_target(y, numeric), "regression"
    return _class_target(y, numeric), "classification"


def _regression_target(y: pd.Series, numeric: bool) -> pd.Series:
    if not numeric:
        raise DataError(f"Column {y.name!r} holds {y.iloc[0]!r}, which is no number; use --task classification.")
    if np.isinf(y).any():
        raise DataError(
            f"Column {y.name!r} holds an infinite number in row {y.index[np.isinf(y)][0]}; correct or remove it."
        )
    return y.astype(np.float64)


def _class_target(y: pd.Series, numeric: bool) -> pd.Series:
    counts = y.value_counts()
    if len(counts) > MAX_CLASSES:
        other = "use --task regression" if numeric else "name another target, or group its values"
        raise DataError(
            f"Column {y.name!r} has {len(counts):,} different values; up to {MAX_CLASSES} classes can be explained: "
            f"{other}."
        )
    single = [c for c, n in counts.items() if n == 1]
    if single:
        noun, verb = ("Class", "has a single row") if len(single) == 1 else ("Classes", "have a single row each")
        raise DataError(
            f"{noun} {_quoted(single)} of column {y.name!r} {verb}; two are needed, one to train on and one to "
            "test on. Remove or merge such rows."
        )
    if numeric and _is_whole(y):
        return y.astype(np.int64)
    return y if numeric or pd.api.types.is_bool_dtype(y.dtype) else y.map(str).astype(object)


def split(table: Table, *, test_size: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Train and test rows, in the order X_train, X_test, y_train, y_test; stratified for classes.

    Raises
    ------
    DataError
        If a side has fewer rows than there are classes.
    """
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


def _similar_file(path: Path) -> str:
    near: list[str] = []
    if path.parent.is_dir():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else "."


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _quoted(names: Sequence[Any]) -> str:
    shown = ", ".join(repr(n) for n in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
