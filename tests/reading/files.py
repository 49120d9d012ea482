"""Files written by hand, and their cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automl_explain.reading import FileOptions, TextTable, read_cells


def written(folder: Path, content: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path: Any, *wanted: str, **options: Any) -> TextTable:
    """The cells of a source; ``options`` are those of the user."""
    return read_cells(path, FileOptions(**options), wanted)[0]


def rows(table: TextTable) -> list[tuple[str, ...]]:
    """Names and cells as text, row by row; what is missing is empty."""
    columns = [["" if c is None or c != c else str(c) for c in table.cells[j]] for j in table.cells]
    return [table.names, *zip(*columns, strict=True)]


def said(table: TextTable) -> str:
    """All notes in one line."""
    return " | ".join(f"{n.text}. {n.remedy} {' '.join(n.details)}" for n in table.notes)
