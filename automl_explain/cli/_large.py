"""Tables too large to hold: the importance of their columns, added up over all rows."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from automl_explain.reading import (
    Note,
    iter_cells,
)
from automl_explain.reading._recipe import misfit_note

if TYPE_CHECKING:
    from automl_explain.analysis import GlobalSummary
    from automl_explain.cli._data import Table
    from automl_explain.explanation import Explanation

# Cells worked through at a time.
CHUNK_CELLS = 2_000_000
# Folder that its explanation is saved in.
ALL_ROWS = "all_rows"
_NAMED = 8


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
