"""Rows of text files (CSV, TSV and the like) -> cells."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from automl_explain.exceptions import InputError
from automl_explain.reading._layouts import TextLayout
from automl_explain.reading._line_errors import parsing_error, too_many_cells
from automl_explain.reading._numeric_cells import losing_text, were_padded
from automl_explain.reading._scan import scan
from automl_explain.reading._text_table import TextTable

# The default of later versions, which warn of the argument.
_EXACT = {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}


def read_rows(path: Path, place: str, layout: TextLayout, as_text: Collection[str] | None = ()) -> TextTable:
    """All rows of a text file; columns of numbers come typed where their text has nothing to add.

    Parameters
    ----------
    path, place : Path, str
    layout : TextLayout
    as_text : collection of str or None, default ()
        Names of columns to have as text in any case; None for all.

    Raises
    ------
    InputError
        If a line has more cells than there are names, or a quote does not end.
    """
    found = scan(path, layout.form)
    parser = _Parser(path, place, layout, found.has_blanks)
    if as_text is None:
        cells = parser.all(_AS_TEXT)
    else:
        known = {j for j, name in enumerate(layout.names) if name in as_text} | (found.padded or set())
        cells = parser.all(_TYPED | {"dtype": dict.fromkeys(sorted(known), _TEXT)})
        held = [j for j in cells if cells[j].notna().any()]
        again = set(losing_text(cells[held], layout.first))
        unsure = again if found.padded is not None else {*again, *(j for j in held if cells[j].dtype.kind in "if")}
        blank = pd.Series("", index=cells.index, dtype=_TEXT)
        replaced = {j: blank for j in cells if j not in held}
        if unsure:
            texts = parser.some_columns(sorted(unsure), max(held) + 1)
            replaced |= {j: texts[j] for j in texts if j in again or were_padded(texts[j])}
        cells = pd.DataFrame({j: replaced.get(j, _plain(cells[j])) for j in cells}, copy=False)
    table, _ = _table(cells, layout.first_line, layout, place, found.has_quotes)
    return table


def _plain(column: pd.Series) -> pd.Series:
    """Texts with an empty one for a gap; numbers as they are."""
    return column if column.dtype.kind in "if" else column.fillna("")


def read_chunks(path: Path, place: str, layout: TextLayout, chunk_rows: int) -> Iterator[TextTable]:
    """The rows of a text file, so many at a time, as text; names may still be there twice.

    Raises
    ------
    InputError
        If a line has more cells than there are names, or a quote does not end.
    """
    line = layout.first_line
    found = scan(path, layout.form)
    for cells in _Parser(path, place, layout, found.has_blanks).chunks(_AS_TEXT | {"chunksize": chunk_rows}):
        table, line = _table(cells.reset_index(drop=True), line, layout, place, found.has_quotes)
        if table.n_rows:
            yield table


_AS_TEXT: dict[str, Any] = {"dtype": object, "na_filter": False}
_TYPED: dict[str, Any] = {"keep_default_na": False, "na_values": [""], **_EXACT}
_TEXT: Any = "str" if pd.__version__ >= "3" else object  # as pandas finds it for itself


@dataclasses.dataclass(frozen=True)
class _Parser:
    """pandas' C parser on the rows of a text file, columns labelled by position."""

    path: Path
    place: str
    layout: TextLayout
    has_blanks: bool

    def all(self, options: dict[str, Any]) -> pd.DataFrame:
        """All rows."""
        return next(self.chunks(options))

    def some_columns(self, columns: Sequence[int], most: int) -> pd.DataFrame:
        """Columns as text, ``most`` up to the last that holds something: of more, or fewer, pandas takes others."""
        names = [f"column {j}" for j in range(most)]
        return self.all(_AS_TEXT | {"usecols": columns, "names": names}).set_axis(columns, axis=1)

    def chunks(self, options: dict[str, Any]) -> Iterator[pd.DataFrame]:
        """So many rows at a time as ``chunksize`` says."""
        form = self.layout.form
        with self._rows() as file, warnings.catch_warnings():
            # Of columns with numbers in one part and text in another, which are then read as text.
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            try:
                read = pd.read_csv(
                    file,
                    sep=r"\s+" if form.separator == " " else form.separator,
                    header=None,
                    index_col=False,
                    skip_blank_lines=False,
                    skipinitialspace=self.has_blanks,
                    quotechar=form.quote,
                    escapechar=form.escape,
                    engine="c",
                    **{"names": range(len(self.layout.names) + self.layout.beyond), **options},
                )
                yield from read if "chunksize" in options else [read]
            except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
                raise InputError(parsing_error(self.path, self.place, self.layout, error)) from error

    @contextlib.contextmanager
    def _rows(self) -> Iterator[IO[Any]]:
        """The file from its first row; the bytes of UTF-8, which pandas reads faster than text."""
        encoding = self.layout.form.encoding or "utf-8"
        with self.path.open("rb") as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            above = [text.readline() for _ in range(self.layout.first_line - 1)]
            if encoding not in ("utf-8", "utf-8-sig"):
                yield text
                return
            mark = 3 * (encoding == "utf-8-sig")
            file.seek(mark + sum(len(line.encode()) for line in above))
            yield file


def _table(cells: pd.DataFrame, line: int, layout: TextLayout, place: str, breaks: bool) -> tuple[TextTable, int]:
    """Cells with the lines where they start; the line below them."""
    width = len(layout.names)
    lines, after = _starts(cells, line, breaks)
    for j in range(width, cells.shape[1]):
        wrong = np.flatnonzero(~_are_empty(cells[j]))
        if wrong.size:
            at = int(wrong[0])
            n_cells = max(k for k in range(width, cells.shape[1]) if not _are_empty(cells[k].iloc[[at]])[0]) + 1
            raise InputError(too_many_cells(place, int(lines[at]), width, n_cells))
    cells = cells.iloc[:, :width]
    blank = np.flatnonzero(_are_empty(cells[0])) if width > 1 else np.empty(0, dtype=np.intp)
    for j in range(1, width):
        if blank.size:
            blank = blank[_are_empty(cells[j].iloc[blank])]
    if blank.size:
        kept = np.ones(len(cells), dtype=bool)
        kept[blank] = False
        cells, lines = cells[kept].reset_index(drop=True), lines[kept]
    return TextTable(layout.names, cells, lines, place), after


def _are_empty(column: pd.Series) -> np.ndarray:
    missing = np.asarray(column.isna())
    return missing if column.dtype.kind in "iufb" else missing | np.asarray(column == "", dtype=bool)


def _starts(cells: pd.DataFrame, line: int, breaks: bool) -> tuple[np.ndarray, int]:
    """Line where each record starts; records hold line breaks in their quotes."""
    taken = np.ones(len(cells), dtype=np.int64)
    for j in cells if breaks else ():
        if cells[j].dtype.kind in "iufb":
            continue
        texts = ["" if c is None or c != c else c for c in cells[j].tolist()]
        joined = "".join(texts)
        if "\n" in joined or "\r" in joined:
            counts = (c.count("\n") + c.count("\r") - c.count("\r\n") for c in texts)
            taken += np.fromiter(counts, np.int64, len(texts))
    ends = line + np.cumsum(taken)
    return ends - taken, int(ends[-1]) if len(ends) else line
