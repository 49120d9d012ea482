"""What was decided about a table, column by column, so that another file is read in the same way."""

from __future__ import annotations

import dataclasses
import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain._validation import listed
from automl_explain.exceptions import DataError, InputError
from automl_explain.reading._case import Case, Learned
from automl_explain.reading._columns import Column, Surroundings
from automl_explain.reading._deciding import decide
from automl_explain.reading._formats import FileFormat
from automl_explain.reading._forms import ColumnForm, Misfits
from automl_explain.reading._json import checked, corrupt
from automl_explain.reading._notes import DECISION, DETAIL, WARNING, Note
from automl_explain.reading._options import TypeOptions
from automl_explain.reading._records import read_records

if TYPE_CHECKING:
    from automl_explain._tables._schema import TableSchema
    from automl_explain.reading._text_table import TextTable

_SHOWN = 8


_REFUSED = re.compile(r'[\[\]{}<>:,"]')  # characters that LightGBM and XGBoost refuse in names


@dataclasses.dataclass(frozen=True)
class TableRecipe:
    """How a table is read, decided on one file and applied to others.

    Parameters
    ----------
    columns : tuple of ColumnForm
        Of all columns of the file decided on, in its order.
    target : str or None, default None
        The column that other files need not have.
    left_out : mapping of str to str, default {}
        Columns that are no features -> the reason; they are not read.
    renamed : mapping of str to str, default {}
        Columns whose names model libraries refuse -> the names that they get.
    format : FileFormat or None, default None
        How the file itself was written.
    """

    columns: tuple[ColumnForm, ...]
    target: str | None = None
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    format: FileFormat | None = None

    @classmethod
    def decide(
        cls,
        table: TextTable,
        options: TypeOptions | None = None,
        target: str | None = None,
        format: FileFormat | None = None,
    ) -> tuple[TableRecipe, tuple[Note, ...]]:
        """The recipe for a table, and what was decided where it could have been decided otherwise.

        Parameters
        ----------
        table : TextTable
        options : TypeOptions, optional
            What the user said.
        target : str, optional
            The column to predict; its classes keep their spelling, and no word in it is missing.
        format : FileFormat, optional
            How the file was written; kept, and asked for its separator.

        Raises
        ------
        InputError
            If ``options`` ask for what the table does not have, or names cannot be told apart by model libraries.
        """
        recipe, _, notes = cls.learn(table, options, target, format)
        return recipe, notes

    @classmethod
    def learn(
        cls,
        table: TextTable,
        options: TypeOptions | None = None,
        target: str | None = None,
        format: FileFormat | None = None,
    ) -> tuple[TableRecipe, pd.DataFrame, tuple[Note, ...]]:
        """The recipe for a table, the table read by it, and the notes; cheaper than `decide` and `read`."""
        options = options or TypeOptions()
        options.check(table.names)
        lines = np.asarray(table.lines)
        looked = [Column(name, table.cells.iloc[:, j], lines, options.na) for j, name in enumerate(table.names)]
        around = Surroundings.of(looked, options, getattr(format, "separator", None))
        learned: dict[str, Learned] = {}
        while looked:  # a column that is done is let go of
            column = looked.pop(0)
            learned[column.name] = decide(Case(column, options, around, column.name == target))
        renamed, notes = _plain_names([n for n in table.names if n != target])
        recipe = cls(tuple(x.form for x in learned.values()), target, {}, renamed, format)
        series = (learned[f.name].form.as_series(learned[f.name].parsed, table.cells.index) for f in recipe.columns)
        frame = recipe._frame(dict(zip(learned, series, strict=True)), table.cells.index)
        return recipe, frame, (*notes, *(n for x in learned.values() for n in x.notes))

    @property
    def by_name(self) -> dict[str, ColumnForm]:
        """Form of every column, by its name in the file."""
        return {form.name: form for form in self.columns}

    def _wanted(self) -> Iterator[ColumnForm]:
        return (form for form in self.columns if form.name not in self.left_out)

    def _frame(self, series: Mapping[str, pd.Series], index: pd.Index) -> pd.DataFrame:
        named = {self.renamed.get(name, name): values for name, values in series.items()}
        return pd.DataFrame(named, index=index, copy=False)

    def read(
        self, table: TextTable, misfits: Literal["error", "missing"] = "error"
    ) -> tuple[pd.DataFrame, tuple[Note, ...]]:
        """A table by this recipe: the same columns in the same order, found by name.

        Parameters
        ----------
        table : TextTable
            The target may be absent.
        misfits : {"error", "missing"}, default "error"
            What cells do that do not fit their column.

        Returns
        -------
        frame : DataFrame of shape (n_rows, n_columns)
            Columns that are not left out.
        notes : tuple of Note

        Raises
        ------
        DataError
            If columns are absent, or cells do not fit and ``misfits`` is "error".
        """
        frame, odd = self.read_with_misfits(table)
        if odd and misfits == "error":
            name = next(iter(odd))
            raise DataError(misfit_error(self.by_name[name], odd[name], table.place))
        notes = [misfit_note(self.by_name[name], cells, len(cells)) for name, cells in odd.items()]
        surplus = [n for n in table.names if n not in self.by_name]
        if surplus:
            notes.append(Note(f"did not use {listed(surplus)}, which the model does not know", "", None, DETAIL))
        return frame, tuple(notes)

    def read_with_misfits(self, table: TextTable) -> tuple[pd.DataFrame, dict[str, Misfits]]:
        """A table by this recipe as `read` gives it, and the cells that do not fit, which are missing in it.

        Parameters
        ----------
        table : TextTable
            The target may be absent.

        Returns
        -------
        frame : DataFrame of shape (n_rows, n_columns)
        misfits : dict of str to list of (int, str)
            Line and text of each such cell, by the column's name in the file.

        Raises
        ------
        DataError
            If columns are absent.
        """
        place = {name: j for j, name in enumerate(table.names)}
        absent = [f.name for f in self._wanted() if f.name not in place and f.name != self.target]
        if absent:
            raise DataError(_absent(absent, table))
        misfits = {}
        series = {}
        lines = np.asarray(table.lines)
        for form in self._wanted():
            if form.name in place:
                series[form.name], odd = form.read(table.cells.iloc[:, place[form.name]], lines)
                if odd:
                    misfits[form.name] = odd
        return self._frame(series, table.cells.index), misfits

    def read_records(self, rows: Any, schema: TableSchema) -> Any:
        """Rows as a service gets them, as the table of features ``schema``.

        Texts are read as the cells of the file were; typed values, and dates in ISO 8601, go as they are.

        Parameters
        ----------
        rows : list, dict, DataFrame, str or bytes
            In any form that `TableSchema.read` takes; columns are named as in the file.
        schema : TableSchema
            Of the features, under the names that the model knows.

        Raises
        ------
        InputError
            If a column is missing or there twice.
        DataError
            If a value does not fit; names the row (from 0), the column and the value.
        """
        by_name = {self.renamed.get(form.name, form.name): form for form in self.columns}
        return read_records([by_name[str(name)] for name in schema.names], schema, rows)

    def written(
        self, *, decimal: str | None = None, day_first: bool | None = None, na: tuple[str, ...] = ()
    ) -> TableRecipe:
        """The recipe for a file whose values are written in another way; what is None stays as it is.

        Parameters
        ----------
        decimal : {",", "."}, optional
            Decimal mark of all numbers; where it stood between thousands, the other one does now.
        day_first : bool, optional
            Whether days stand before months, in all dates that begin with either.
        na : tuple of str, default ()
            Further marks of a gap, in all columns.
        """
        forms = tuple(form.written(decimal, day_first, na) for form in self.columns)
        return dataclasses.replace(self, columns=forms)

    def check_features(self, names: Sequence[str | int]) -> None:
        """Refuse other features than those that the recipe reads.

        Raises
        ------
        ValueError
            Names them.
        """
        known = {self.renamed.get(f.name, f.name) for f in self._wanted() if f.name != self.target}
        apart = sorted({str(n) for n in names} ^ known)
        if apart:
            raise ValueError(f"the recipe of the table and the model do not have the same columns: {listed(apart)}")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back."""
        return {
            "columns": [form.to_json() for form in self.columns],
            "target": self.target,
            "left_out": dict(self.left_out),
            "renamed": dict(self.renamed),
            "format": None if self.format is None else self.format.to_json(),
        }

    @classmethod
    def from_json(cls, data: Any) -> TableRecipe:
        """Read back what `to_json` wrote.

        Raises
        ------
        CorruptFileError
            If it is anything else.
        """
        optional = (str, type(None))
        what = "a recipe"
        fields = checked(
            data, what, columns=list, target=optional, left_out=dict, renamed=dict, format=(dict, type(None))
        )
        columns = tuple(map(ColumnForm.from_json, fields.get("columns", ())))
        names = {form.name for form in columns}
        target, kept = fields.get("target"), fields.get("format")
        if not columns or len(names) < len(columns) or (target is not None and target not in names):
            raise corrupt(what, data)
        left_out, renamed = fields.get("left_out", {}), fields.get("renamed", {})
        for mapping in (left_out, renamed):
            if not set(mapping) <= names or not all(isinstance(v, str) for v in mapping.values()):
                raise corrupt(f"{what} (its names)", mapping)
        final = [renamed.get(n, n) for n in names]
        if len(set(final)) < len(final):
            raise corrupt(f"{what} (its names)", renamed)
        return cls(columns, target, left_out, renamed, None if kept is None else FileFormat.from_json(kept))


def plain_names(names: Sequence[str]) -> dict[str, str]:
    """Every name without characters that model libraries refuse."""
    return {n: _REFUSED.sub("_", unicodedata.normalize("NFC", n)) for n in names}


def _plain_names(names: Sequence[str]) -> tuple[dict[str, str], list[Note]]:
    """New names for those with characters that model libraries refuse."""
    plain = plain_names(names)
    changed = {n: p for n, p in plain.items() if p != n}
    if not changed:
        return {}, []
    if len(set(plain.values())) < len(plain):
        raise InputError(
            f"Column names {listed(list(changed))} hold characters that model libraries refuse, and are the same as "
            "others without them; rename them."
        )
    said = ", ".join(f"{n!r} to {p!r}" for n, p in changed.items())
    return changed, [Note(f"renamed {said}: model libraries refuse such names", "", None, DECISION)]


def _absent(absent: Sequence[str], table: TextTable) -> str:
    near = difflib.get_close_matches(absent[0], table.names, n=1)
    hint = f" Did you rename {absent[0]!r} to {near[0]!r}?" if near else ""
    noun = "column" if len(absent) == 1 else "columns"
    return (
        f"{table.place} does not have the {noun} {listed(absent)}, which the model was made with.{hint} "
        "Give it the columns of the table that the model was made with."
    )


def misfit_error(form: ColumnForm, odd: Sequence[tuple[int, str]], place: str) -> str:
    """What an error says of cells that do not fit their column."""
    line, text = odd[0]
    more = f" ({len(odd):,} such cells)" if len(odd) > 1 else ""
    return (
        f"{place}, line {line}: column {form.name!r} holds {text!r}, which is not {form.expected()}{more}. "
        "Correct the cell, or leave it empty."
    )


def misfit_note(form: ColumnForm, first: Sequence[tuple[int, str]], n_cells: int) -> Note:
    """A note of cells that do not fit their column: how many, and the first of them with their lines."""
    cells = "1 cell" if n_cells == 1 else f"{n_cells:,} cells"
    text = f"{cells} of {form.name!r} {'is' if n_cells == 1 else 'are'} not {form.expected()} and taken as missing"
    return Note(text, "correct them", form.name, WARNING, tuple(f"line {n}: {t!r}" for n, t in first[:_SHOWN]))
