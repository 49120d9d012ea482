"""The report as JSON, for programs: ``report.json`` in the output folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from automl_explain._files._writing import write_whole
from automl_explain.cli._run import Outcome
from automl_explain.reading import DECISION, WARNING, Note

REPORT = "report.json"
_WEIGHTS = {WARNING: "warning", DECISION: "decision"}


def report_json(outcome: Outcome) -> dict[str, Any]:
    """What a run found: the table column by column, notes in the order of their weight, model, scores and ranking.

    Parameters
    ----------
    outcome : Outcome

    Returns
    -------
    dict
        Of JSON's types alone; numbers that are not finite are None.
    """
    table, raw = outcome.table, outcome.raw
    classes = outcome.setup.classes
    found = {
        "format_version": 1,
        "data": {
            "n_rows": len(table.y),
            "n_train": outcome.n_train,
            "n_test": len(outcome.y_test),
            "target": str(table.y.name),
            "task": table.task,
            "classes": None if classes is None else list(classes),
            "columns": [dataclasses.asdict(column) for column in table.columns],
            "notes": _notes(table.notes),
        },
        "model": {"name": outcome.model, "scores": outcome.scores, "notes": _notes(outcome.checks)},
        "explanation": {
            "method": raw.method,
            "output_unit": raw.output_unit,
            "n_rows": len(outcome.setup.X_test_raw) if outcome.all_rows is None else outcome.all_rows.n_rows,
            "importance": {str(name): value for name, value in ranked(outcome).get_feature_importance_dict().items()},
            "all_rows": _all_rows(outcome),
            "fidelity": None if raw.fidelity is None else raw.fidelity.to_json(),
            "warnings": list(outcome.warnings),
        },
        "seconds": outcome.seconds,
        "files": {str(path.relative_to(path_of(outcome))): what for path, what in outcome.files},
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def ranked(outcome: Outcome) -> Any:
    """The explanation that columns are ranked by: of all rows, where a sample was learned from."""
    return outcome.raw if outcome.all_rows is None else outcome.all_rows.explanation


def _all_rows(outcome: Outcome) -> dict[str, Any] | None:
    """Of a large table: rows, values that do not fit, and for every column (and class) importance and mean."""
    found = outcome.all_rows
    if found is None:
        return None
    return {
        "n_rows": found.n_rows,
        "n_learned": found.n_learned,
        "n_without_target": found.n_without_target,
        "seed": None if outcome.table.drawn is None else outcome.table.drawn.seed,
        "misfits": found.misfits,
        "columns": found.summary.to_frame().to_dict("records"),
    }


def path_of(outcome: Outcome) -> Path:
    """The output folder of a run."""
    return outcome.files[0][0].parent


def write_report_json(outcome: Outcome) -> None:
    """Write ``report.json`` into the output folder, whole or not at all."""
    text = json.dumps(report_json(outcome), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def fill(file: BinaryIO) -> None:
        file.write(text.encode())

    write_whole(path_of(outcome) / REPORT, fill)


def _notes(notes: Iterable[Note]) -> list[dict[str, Any]]:
    return [
        {
            "weight": _WEIGHTS[note.weight],
            "text": note.text,
            "remedy": note.remedy,
            "column": note.column,
            "details": list(note.details),
        }
        for note in notes
    ]


def _plain(value: Any) -> Any:
    """JSON's types for those of NumPy and for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
