"""A uniform sample of the rows of a source of any size, in one pass that reads no more cells than it keeps."""

from __future__ import annotations

import codecs
import dataclasses
import functools
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from automl_explain.exceptions import DataError, InputError
from automl_explain.reading import _layouts, _queries, _text_files, _typed
from automl_explain.reading._formats import FileFormat, FileOptions
from automl_explain.reading._layouts import TextLayout
from automl_explain.reading._names import without_copies
from automl_explain.reading._reading import ARROW_KINDS, iter_cells, joined
from automl_explain.reading._record_scan import Records, UntidyError, is_scannable, scan_records
from automl_explain.reading._sources import LocalFile, local_file
from automl_explain.reading._text_table import TextTable

_HEAD = 1 << 20
_P = TypeVar("_P")
_Numbered = tuple[Any, np.ndarray]  # a table of pyarrow, and the numbers of its rows


class Reservoir(Generic[_P]):
    """A uniform sample of a stream of rows: those with the smallest of random keys, one drawn for every row.

    The sample does not depend on the pieces in which the rows come.

    Parameters
    ----------
    n_rows : int
        Rows to keep.
    seed : int
    join : callable
        Several kept pieces -> one.
    take : callable
        Rows of a piece by their positions.
    """

    def __init__(
        self, n_rows: int, seed: int, join: Callable[[list[_P]], _P], take: Callable[[_P, np.ndarray], _P]
    ) -> None:
        self.n_all = 0
        self._n_rows, self._join, self._take = n_rows, join, take
        self._rng, self._bound = np.random.default_rng(seed), np.inf
        self._keys: list[np.ndarray] = []
        self._pieces: list[_P] = []

    def add(self, n_rows: int, take: Callable[[np.ndarray], _P]) -> None:
        """Offer rows; ``take`` gives those at the positions that are kept for now."""
        self.n_all += n_rows
        keys = self._rng.random(n_rows)
        at = np.flatnonzero(keys < self._bound)
        if at.size:
            self._keys.append(keys[at])
            self._pieces.append(take(at))
        if sum(map(len, self._keys)) > 2 * self._n_rows:  # seldom, so that a kept row is copied a few times at most
            self._shrink()

    def sample(self) -> _P | None:
        """The rows kept, in the order of the stream; None if there were none."""
        if self._keys:
            self._shrink()
        return self._pieces[0] if self._pieces else None

    def _shrink(self) -> None:
        keys, piece = np.concatenate(self._keys), self._join(self._pieces)
        if len(keys) > self._n_rows:
            chosen = np.sort(np.argpartition(keys, self._n_rows - 1)[: self._n_rows])
            keys, piece = keys[chosen], self._take(piece, chosen)
            self._bound = keys.max()
        self._keys, self._pieces = [keys], [piece]


def sample_cells(
    source: str | Path | LocalFile, options: FileOptions | None, n_rows: int, seed: int, wanted: Sequence[str] = ()
) -> tuple[TextTable, FileFormat, int]:
    """A random sample of the rows of a source, in their order, each row as likely as any other.

    The same rows are drawn from the same table in any form. Columns of text files come as text.

    Parameters
    ----------
    source, options, wanted
        As for `read_cells`.
    n_rows : int
        Rows to draw; all where there are fewer.
    seed : int

    Returns
    -------
    table : TextTable
    form : FileFormat
        How the source is written.
    n_all : int
        Rows of the source.

    Raises
    ------
    NotFoundError, InputError, DataError, MissingExtraError
        As `read_cells`.
    """
    options = options or FileOptions()
    if options.query is not None and _queries.is_database(source):
        return _of_chunks(source, options, n_rows, seed, wanted, FileFormat("query"))
    with local_file(source) as file:
        if options.query is not None:
            return _of_chunks(file, options, n_rows, seed, (), FileFormat("query"))
        if file.content in ARROW_KINDS:
            return _of_arrow(file, n_rows, seed)
        if file.content == "excel":
            return _of_chunks(file, options, n_rows, seed, wanted, FileFormat("excel"))
        layout = _layouts.find_layout(file.path, file.place, options, wanted)
        if is_scannable(layout):
            try:
                return _of_text(file, layout, n_rows, seed)
            except (UntidyError, InputError, pd.errors.ParserWarning):
                pass  # the parser tells what quotes and line ends mean, and in which line the fault is
        return _of_chunks(file, options, n_rows, seed, wanted, layout.form)


def _of_chunks(
    source: Any, options: FileOptions, n_rows: int, seed: int, wanted: Sequence[str], form: FileFormat
) -> tuple[TextTable, FileFormat, int]:
    """Of any source, with all of its cells read."""
    drawn: Reservoir[TextTable] = Reservoir(n_rows, seed, joined, TextTable.take)
    for table in iter_cells(source, options, wanted=wanted):
        drawn.add(table.n_rows, table.take)
    place = source.place if isinstance(source, LocalFile) else str(source)
    return _some(drawn.sample(), place), form, drawn.n_all


def _of_arrow(file: LocalFile, n_rows: int, seed: int) -> tuple[TextTable, FileFormat, int]:
    """Of a parquet or feather file: cells become Python objects when they are drawn."""
    import pyarrow as pa

    def join(pieces: list[_Numbered]) -> _Numbered:
        return pa.concat_tables([t for t, _ in pieces]), np.concatenate([n for _, n in pieces])

    def take(piece: _Numbered, at: np.ndarray) -> _Numbered:
        return piece[0].take(pa.array(at)), piece[1][at]

    drawn: Reservoir[_Numbered] = Reservoir(n_rows, seed, join, take)
    for table in _typed.arrow_tables(file.path, file.place, file.content, 1 << 16):
        numbers = np.arange(drawn.n_all + 1, drawn.n_all + 1 + len(table))
        drawn.add(len(table), functools.partial(take, (table, numbers)))
    found = _some(drawn.sample(), file.place)
    cells = next(_typed.cells_of_arrow(iter([found[0]]), file.place))
    form = FileFormat(ARROW_KINDS[file.content])
    return without_copies(dataclasses.replace(cells, lines=found[1])), form, drawn.n_all


def _of_text(file: LocalFile, layout: TextLayout, n_rows: int, seed: int) -> tuple[TextTable, FileFormat, int]:
    """Of a text file: lines are told apart by their ends, and cells by the parser when they are drawn."""
    drawn: Reservoir[Records] = Reservoir(n_rows, seed, Records.joined, Records.take)
    odd: list[Records] = []
    for piece in scan_records(file.path, layout):
        drawn.add(len(piece.lines), piece.take)
        if len(odd) < 100 and piece.wide.size:
            odd.append(piece.take(piece.wide[:100]))
    found = _some(drawn.sample(), file.place)
    if odd:  # lines with more cells than names are refused now, and not when the model has been fitted
        _parsed(Records.joined(odd), file.place, layout)
    table = dataclasses.replace(_parsed(found, file.place, layout), notes=layout.notes)
    return without_copies(table), layout.form, drawn.n_all


def _parsed(records: Records, place: str, layout: TextLayout) -> TextTable:
    """The cells of records, by the reader of text files."""
    starts = 1 + np.cumsum([0, *(r.count(b"\n") + 1 for r in records.texts[:-1])])
    with tempfile.TemporaryDirectory(prefix="automl-explain-") as folder:
        path = Path(folder) / "sample"
        path.write_bytes(b"\n".join(records.texts.tolist()) + b"\n")
        form = layout.form  # the records are written without the mark that a file may start with
        if form.encoding == "utf-8-sig":
            form = dataclasses.replace(form, encoding="utf-8")
        there = dataclasses.replace(layout, form=form, first_line=1)
        with warnings.catch_warnings():  # of a first line that is wider than all columns there are
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = _text_files.read_rows(path, place, there, None)
    return dataclasses.replace(table, lines=records.lines[np.searchsorted(starts, table.lines)])


def _some(kept: _P | None, place: str) -> _P:
    if kept is None:
        raise DataError(f"{place!r} has no rows. Expected at least one below the column names.")
    return kept


def estimate_size(file: LocalFile, options: FileOptions, wanted: Sequence[str] = (), *, least: int) -> tuple[int, int]:
    """About how many cells a file holds, and in how many columns; (0, 0) where they are surely fewer than ``least``.

    Parameters
    ----------
    file : LocalFile
    options, wanted
        As for `read_cells`.
    least : int
        Cells; a file with fewer bytes is not looked into.
    """
    size = file.path.stat().st_size
    if options.query is not None or file.content == "excel":
        return 0, 0  # read whole anyway
    if file.content in ARROW_KINDS:
        n_rows, n_columns = _typed.arrow_shape(file.path, file.place, file.content)
        return n_rows * n_columns, n_columns
    if size < least:
        return 0, 0
    layout = _layouts.find_layout(file.path, file.place, options, wanted)
    with file.path.open("rb") as stream:
        head = stream.read(_HEAD)
    text = codecs.decode(head, layout.form.encoding or "utf-8", "replace")
    n_columns = len(layout.names)
    lines = max(1, text.count("\n"), text.count("\r"))
    return int(size / len(head) * lines * n_columns), n_columns
