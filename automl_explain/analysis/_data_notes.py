"""Findings about a table, and about what a model knows, in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from automl_explain.analysis._data_checks import (
    RARE,
    Drift,
    Finding,
    Leak,
    ManyClasses,
    RareClasses,
    SharedRows,
    WeakModel,
)
from automl_explain.analysis._split_checks import FlatteringSplit
from automl_explain.reading._notes import DECISION, WARNING, Note, as_typed

_SHOWN = 5
# Findings of one kind that get a sentence of their own; the others are named together.
_EACH = 5


def notes_of(findings: Iterable[Finding | FlatteringSplit], *, target: str) -> tuple[Note, ...]:
    """Sentences for findings, what misleads most first; of many of one kind the rest are named together."""
    kinds: dict[type, list[Finding | FlatteringSplit]] = {}
    for finding in findings:
        kinds.setdefault(type(finding), []).append(finding)
    notes = []
    for kind in (Leak, SharedRows, FlatteringSplit, WeakModel, Drift, RareClasses, ManyClasses):
        found = kinds.get(kind, [])
        notes += [_note(finding, target) for finding in found[:_EACH]]
        if len(found) > _EACH:
            rest = list(dict.fromkeys(repr(getattr(f, "column", "")) for f in found[_EACH:]))
            notes.append(Note(f"the same holds for {_listed(rest)}", weight=notes[-1].weight))
    return tuple(sorted(notes, key=lambda note: -note.weight))


def _note(finding: Finding | FlatteringSplit, target: str) -> Note:
    if isinstance(finding, Leak):
        return _of_leak(finding, target)
    if isinstance(finding, Drift):
        return _of_drift(finding)
    if isinstance(finding, FlatteringSplit):
        return _of_split(finding, target)
    if isinstance(finding, SharedRows):
        return Note(
            f"{finding.n_shared:,} of {finding.n_rows:,} test rows also stand in the training rows, so the scores "
            "flatter the model",
            "remove repeated rows, or keep those of one origin together with --split group:COLUMN",
            weight=WARNING,
        )
    if isinstance(finding, WeakModel):
        return _of_weak_model(finding, target)
    if isinstance(finding, RareClasses):
        few = [f"{label} ({n} row{'' if n == 1 else 's'})" for label, n in finding.counts]
        return Note(
            f"rare classes of {target!r}, with fewer than {RARE} rows to train on: {_listed(few)}; what is said of "
            "them rests on little",
            "merge or remove them, or provide more rows",
            weight=DECISION,
        )
    remedy = "--task regression takes them as numbers" if finding.numbers else "merge classes that belong together"
    return Note(
        f"{target!r} has {finding.n_classes} classes, and the importance of a column is a mean over all of them",
        remedy,
        weight=DECISION,
    )


def _of_leak(leak: Leak, target: str) -> Note:
    name = repr(leak.column)
    score = f"{leak.measure} {leak.score:.3f} on {leak.n_rows:,} test rows"
    if leak.copy:
        cause = f"{name} is a copy of the target {target!r}: their values belong together one to one ({score})"
    else:
        cause = f"{name} alone gives away the target {target!r} ({score}): a leak, if it is not known beforehand"
    return Note(cause, f"{as_typed('--ignore', leak.column)} explains what is left", leak.column, WARNING)


def _of_drift(drift: Drift) -> Note:
    name = repr(drift.column)
    if drift.kind == "gaps":
        cause = f"the share of missing values in {name} differs by {drift.distance:.0%} between training and test rows"
    else:
        unseen = (
            f"; {drift.unseen:.0%} of the test rows lie outside what was trained on" if drift.unseen >= 0.05 else ""
        )
        measure = "Kolmogorov-Smirnov distance" if drift.kind == "numbers" else "total variation"
        cause = f"{name} drifts between training and test rows ({measure} {drift.distance:.2f}){unseen}"
    remedy = f"trust what is said of it less, or leave it out with {as_typed('--ignore', drift.column)}"
    return Note(cause, remedy, drift.column, WARNING)


def _of_split(found: FlatteringSplit, target: str) -> Note:
    name = repr(found.column)
    if found.kind == "time":
        cause = f"rows near in time by {name} have a similar {target!r} (correlation {found.in_common:.2f})"
    else:
        cause = (
            f"rows with the same {name} ({found.n_groups:,} groups) have a similar {target!r} "
            f"(correlation {found.in_common:.2f})"
        )
    return Note(
        f"{cause}, so a random split flatters the model",
        f"{as_typed('--split', f'{found.kind}:{found.column}')} tests it as new rows will",
        found.column,
        WARNING,
    )


def _of_weak_model(found: WeakModel, target: str) -> Note:
    if found.measure == "R2":
        cause = f"the model is no better than always the mean of {target!r} (R2 {found.score:.3f})"
    else:
        cause = (
            f"the model's accuracy of {found.score:.1%} is no better than always the majority class ({found.guess:.1%})"
        )
    return Note(
        f"{cause}: the explanation tells little, since the model knows little",
        "a larger --time-budget, more rows or other columns may help",
        weight=WARNING,
    )


def _listed(items: list[str]) -> str:
    shown = ", ".join(items[:_SHOWN])
    return shown + (f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else "")
