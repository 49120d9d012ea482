"""Tables too large to hold: a sample of their rows to learn from."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from automl_explain.reading import (
    FileFormat,
    FileOptions,
    LocalFile,
    Note,
    TextTable,
    estimate_size,
    local_file,
    sample_cells,
)
from automl_explain.reading._queries import is_database

# A source of more cells is not held as a whole: these took 1.3 GB, and of twice as many FLAML fitted no model in 20 s.
LARGE_CELLS = 10_000_000
# Rows of it to learn from, unless --max-rows says otherwise: more seldom change a ranking.
LEARNED_ROWS = 200_000


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
