"""Names of columns as files have them -> names that are all different, or an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pandas as pd

from automl_explain.exceptions import InputError
from automl_explain.reading._dialects import clean_name
from automl_explain.reading._notes import WARNING, Note
from automl_explain.reading._text_table import TextTable

# Between a name that stands twice and its number, until the columns are compared; no name of a file holds it.
_AGAIN = "\0"


def column_names(cells: Sequence[object]) -> tuple[str, ...]:
    """Names of columns: cleaned, those without a name called by their number, repeated ones marked."""
    taken: dict[str, int] = {}
    found = []
    for j, cell in enumerate(cells, 1):
        name = clean_name("" if cell is None else str(cell)) or f"column {j}"
        taken[name] = taken.get(name, 0) + 1
        found.append(name if taken[name] == 1 else f"{name}{_AGAIN}{taken[name]}")
    return tuple(found)


def numbered_names(n_columns: int) -> tuple[str, ...]:
    """Names for columns that have none: "column 1" and so on."""
    return tuple(f"column {j + 1}" for j in range(n_columns))


def without_copies(table: TextTable) -> TextTable:
    """Leave out columns that have the name and the cells of another.

    Raises
    ------
    InputError
        If a name stands twice and the cells differ.
    """
    copies = [name for name in table.names if _AGAIN in name]
    if not copies:
        return table
    notes = []
    for name in copies:
        first = name.partition(_AGAIN)[0]
        a, b = table.names.index(first), table.names.index(name)
        if not _equal(table.cells.iloc[:, a], table.cells.iloc[:, b]):
            raise InputError(
                f"{table.place!r}: columns {a + 1} and {b + 1} are both called {first!r}, and hold different values. "
                "Give every column its own name."
            )
        note = (
            f"left out column {b + 1}: it has the name {first!r} and the values of column {a + 1}, so it is there twice"
        )
        notes.append(Note(note, column=first, weight=WARNING))
    kept = [j for j, name in enumerate(table.names) if name not in copies]
    return dataclasses.replace(
        table,
        names=tuple(table.names[j] for j in kept),
        cells=table.cells.iloc[:, kept].set_axis(range(len(kept)), axis=1),
        notes=(*table.notes, *notes),
    )


def _equal(one: pd.Series, other: pd.Series) -> bool:
    return bool(((one == other).fillna(False).astype(bool) | (one.isna() & other.isna())).all())
