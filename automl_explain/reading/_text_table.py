"""The cells of a table as they came, before anything has been decided about them."""

from __future__ import annotations

import dataclasses

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain.reading._notes import Note


@dataclasses.dataclass(frozen=True, eq=False)
class TextTable:
    """The cells of a table before anything has been decided about them.

    Parameters
    ----------
    names : tuple of str
        Names of the columns, all different.
    cells : DataFrame of shape (n_rows, n_columns)
        Labelled by position. Text (dtype object), None where there is no cell; an empty cell is ``""``. Columns that
        come typed (numbers, booleans, dates of parquet, Excel or a database) keep their dtype.
    lines : ndarray of int64, shape (n_rows,)
        Where each row starts, for messages: the line of a text file, the row of a sheet, else the number of the row,
        from 1.
    place : str
        What the user calls the source.
    notes : tuple of Note, default ()
        What was decided to get this far.
    """

    names: tuple[str, ...]
    cells: pd.DataFrame
    lines: np.ndarray
    place: str
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        if self.cells.shape != (len(self.lines), len(self.names)):
            raise ValueError(f"{len(self.names)} names, {len(self.lines)} lines and {self.cells.shape} cells")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"names that are not all different: {self.names}")

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.lines)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.names)

    def column(self, name: str) -> pd.Series:
        """Cells of one column, labelled from 0 and named."""
        cells = self.cells.iloc[:, self.names.index(name)].reset_index(drop=True)
        return cells.rename(name)

    def take(self, rows: np.ndarray) -> TextTable:
        """Rows at positions, or where a mask of booleans is true."""
        kept = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        cells = self.cells.iloc[kept].reset_index(drop=True)
        return dataclasses.replace(self, cells=cells, lines=self.lines[kept])
