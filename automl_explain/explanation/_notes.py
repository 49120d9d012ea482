"""Notes: what the reader of an explanation should know, kept as data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from automl_explain._validation import listed
from automl_explain.exceptions import InputError
from automl_explain.explanation._fidelity import LOW_R2, Fidelity
from automl_explain.feature_map import FeatureName

_NAMED = 5


class Note(NamedTuple):
    """Something the reader of an explanation should know.

    Parameters
    ----------
    category : str
        What it is about, such as ``"fidelity"`` or ``"unattributed"``.
    message : str
        One sentence or two.
    """

    category: str
    message: str

    def __str__(self) -> str:
        return self.message


def as_notes(given: Iterable[Any]) -> tuple[Note, ...]:
    """Checked notes; a plain text is of the category ``"note"``."""
    if isinstance(given, str):
        given = [given]
    return tuple(_note(n) for n in given)


def with_usual_notes(
    notes: tuple[Note, ...], fidelity: Fidelity | None, unmapped: tuple[FeatureName, ...]
) -> tuple[Note, ...]:
    """The notes, and those that follow from what an explanation holds, one of each category."""
    found = list(notes)
    known = {note.category for note in notes}
    if "fidelity" not in known and fidelity is not None and fidelity.is_low:
        found.append(
            Note(
                "fidelity",
                f"The surrogate reproduces the model with R2 {fidelity.score:.3f} on {fidelity.n_rows:,} rows, below "
                f"{LOW_R2}: read the contributions with care.",
            )
        )
    if "forecast" not in known and fidelity is not None and fidelity.rows == "past":
        found.append(
            Note(
                "forecast",
                "The held-out rows of the fidelity lie in the past, before the steps explained; at these steps it is "
                "in `eval_fidelity`.",
            )
        )
    if "unattributed" not in known and unmapped:
        n = len(unmapped)
        found.append(
            Note(
                "unattributed",
                f"{n:,} feature{' is' if n == 1 else 's are'} not listed: {listed(unmapped, _NAMED)}. "
                "The sum of their contributions is the unattributed contribution.",
            )
        )
    return tuple(found)


def _note(given: Any) -> Note:
    if isinstance(given, str):
        return Note("note", given)
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(isinstance(part, str) for part in given):
        return Note(*given)
    raise InputError(f"`notes` holds {given!r}; expected texts, or pairs of texts (category, message).")
