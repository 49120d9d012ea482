"""Tables too large to hold: learned from a sample, their importance added up over all rows."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from automl_explain.reading import (
    FileFormat,
    FileOptions,
    LocalFile,
    Note,
    TextTable,
    estimate_size,
    iter_cells,
    local_file,
    sample_cells,
)
from automl_explain.reading._queries import is_database
from automl_explain.reading._recipe import misfit_note

if TYPE_CHECKING:
    from automl_explain.analysis import GlobalSummary
    from automl_explain.cli._data import Table
    from automl_explain.explanation import Explanation

# A source of more cells is not held as a whole: these took 1.3 GB, and of twice as many FLAML fitted no model in 20 s.
LARGE_CELLS = 10_000_000
# Rows of it to learn from, unless --max-rows says otherwise: more seldom change a ranking.
LEARNED_ROWS = 200_000
# Cells worked through at a time.
CHUNK_CELLS = 2_000_000
# Folder that its explanation is saved in.
ALL_ROWS = "all_rows"
_NAMED = 8


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A source that was not read as a whole.

    Parameters
    ----------
    file : LocalFile
        For as long as it is open.
    options : FileOptions
    target : str
    n_all, n_drawn : int
        Its rows, and those drawn to learn from.
    seed : int
    """

    file: LocalFile
    options: FileOptions
    target: str
    n_all: int
    n_drawn: int
    seed: int

    @property
    def note(self) -> Note:
        """What was done, for the report."""
        text = (
            f"the table has {self.n_all:,} rows: {self.n_drawn:,} of them, drawn at random (seed {self.seed}), are "
            "learned from; the importance of the columns is over all rows"
        )
        return Note(text, "--max-rows learns from another number of rows")


@dataclasses.dataclass(frozen=True, eq=False)
class AllRows:
    """What the rows of a source came to, all of them.

    Parameters
    ----------
    summary : GlobalSummary
        Importance and mean contribution of the raw columns.
    explanation : Explanation
        The same without means, to be saved; says where it comes from.
    n_rows : int
        Rows explained.
    n_learned : int
        Rows drawn to learn from.
    n_without_target : int
        Rows left out as they have no target.
    misfits : dict of str to int
        Values that do not fit their column, by its name.
    notes : tuple of Note
        The first of them.
    """

    summary: GlobalSummary
    explanation: Explanation
    n_rows: int
    n_learned: int
    n_without_target: int
    misfits: dict[str, int]
    notes: tuple[Note, ...]


@contextlib.contextmanager
def opened(source: str, options: FileOptions) -> Iterator[str | LocalFile]:
    """A source that can be read more than once: what is packed, or comes from elsewhere, is copied."""
    if options.query is not None and is_database(source):
        yield source
        return
    with local_file(source) as file:
        yield file


def draw_if_large(
    source: str | Path | LocalFile,
    options: FileOptions,
    target: str,
    *,
    max_rows: int | None,
    seed: int,
    large_cells: int | None = None,
) -> tuple[TextTable, FileFormat, Drawn] | None:
    """A sample of a file that is too large to hold; None where it is not, or all of its rows are wanted.

    Parameters
    ----------
    source : str, Path or LocalFile
        Large is only what is a file, and open.
    options : FileOptions
    target : str
    max_rows : int or None
        Rows to draw, as the user said.
    seed : int
    large_cells : int, optional
        From how many cells on a file is large; `LARGE_CELLS` where left out.

    Raises
    ------
    InputError, DataError, MissingExtraError
        As `sample_cells`.
    """
    least = LARGE_CELLS if large_cells is None else large_cells
    if not isinstance(source, LocalFile):
        return None
    n_cells, n_columns = estimate_size(source, options, (target,), least=least)
    if n_cells <= least:
        return None
    n_rows = max_rows or min(LEARNED_ROWS, max(1000, least // n_columns))
    cells, form, n_all = sample_cells(source, options, n_rows, seed, (target,))
    if n_all <= n_rows:
        return None
    return cells, form, Drawn(source, options, target, n_all, cells.n_rows, seed)


def explain_all_rows(
    table: Table, setup: Any, wrapper: Any, *, raw_method: str = "folded", output_unit: str | None = None
) -> AllRows:
    """Importance of the raw columns over all rows of a source, in memory that does not grow with their number.

    Parameters
    ----------
    table : Table
        With a source that was ``drawn`` from.
    setup : AutoMLExplainerSetup
    wrapper : MimicWrapper
        Of the model that was fitted on the rows drawn.
    raw_method, output_unit
        As in `MimicWrapper.explain`.
    """
    stream = _Stream(table, setup)
    summary = wrapper.explain_global_stream(
        stream.engineered(),
        get_raw=True,
        raw_feature_names=setup.raw_feature_names,
        quantiles=False,
        raw_method=raw_method,
        output_unit=output_unit,
    )
    drawn, n_rows = stream.drawn, summary.total.n_rows
    told = f"Over all {n_rows:,} rows; learned from {drawn.n_drawn:,}, drawn at random (seed {drawn.seed})."
    return AllRows(
        summary=summary,
        explanation=dataclasses.replace(summary.explanation, notes=(("sample", told),)),
        n_rows=n_rows,
        n_learned=drawn.n_drawn,
        n_without_target=stream.n_without_target,
        misfits=stream.counts,
        notes=stream.notes(),
    )


def write_all_rows(found: AllRows | None, out: Path) -> tuple[tuple[Path, str], ...]:
    """Save the explanation of all rows, or remove that of an earlier run; what was written, and what it is."""
    folder = out / ALL_ROWS
    if found is None:
        if folder.is_dir():
            shutil.rmtree(folder)
        return ()
    found.explanation.save(folder, exist_ok=True)
    return ((folder, "importance of your columns over all rows"),)


class _Stream:
    """The rows of a source as the model reads them, chunk by chunk, and what was found on the way."""

    def __init__(self, table: Table, setup: Any) -> None:
        assert table.drawn is not None
        assert table.recipe is not None
        self.drawn, self.counts, self.n_without_target = table.drawn, dict[str, int](), 0
        self._recipe, self._features, self._setup = table.recipe, list(table.X.columns), setup
        self._first: dict[str, list[tuple[int, str]]] = {}

    def engineered(self) -> Iterator[Any]:
        """Engineered rows; those without a target are left out, as in learning."""
        for X in self._rows():
            if len(X):
                yield self._setup.transform(X)

    def notes(self) -> tuple[Note, ...]:
        """The first values that do not fit their column."""
        forms = self._recipe.by_name
        return tuple(misfit_note(forms[name], self._first[name], n) for name, n in self.counts.items())

    def _rows(self) -> Iterator[pd.DataFrame]:
        drawn, recipe = self.drawn, self._recipe
        chunk_rows = max(1000, min(100_000, CHUNK_CELLS // len(recipe.columns)))
        chunks = iter_cells(drawn.file, drawn.options, chunk_rows=chunk_rows, wanted=(drawn.target,))
        hidden = not sys.stderr.isatty()
        with tqdm(total=drawn.n_all, desc="all rows", unit="row", unit_scale=True, disable=hidden, leave=False) as bar:
            for cells in chunks:
                frame, misfits = recipe.read_with_misfits(cells)
                for name, odd in misfits.items():
                    self.counts[name] = self.counts.get(name, 0) + len(odd)
                    first = self._first.setdefault(name, [])
                    first += odd[: _NAMED - len(first)]
                present = frame[drawn.target].notna()
                self.n_without_target += int((~present).sum())
                yield frame.loc[present, self._features]
                bar.update(cells.n_rows)
