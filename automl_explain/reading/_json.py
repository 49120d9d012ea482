"""Checks of a recipe that is read from JSON: nothing of it is used before its type is known."""

from __future__ import annotations

from typing import Any

from automl_explain._validation import shown
from automl_explain.exceptions import CorruptFileError


def corrupt(what: str, value: Any) -> CorruptFileError:
    """The error for a recipe that was not written by us."""
    return CorruptFileError(f"The recipe of the table is damaged: {shown(value)} is not {what}. Save the model again.")


def checked(data: Any, what: str, **types: Any) -> dict[str, Any]:
    """A dict of JSON that has no other keys than these, and values of these types.

    Raises
    ------
    CorruptFileError
        If it is anything else.
    """
    if not isinstance(data, dict) or not set(data) <= set(types):
        raise corrupt(what, data)
    for key, value in data.items():
        if not isinstance(value, types[key]) or (types[key] is int and isinstance(value, bool)):
            raise corrupt(f"{what} (its {key!r})", value)
    return dict(data)


def texts_of(data: list[Any]) -> tuple[str, ...]:
    """A list of texts."""
    if not all(isinstance(t, str) for t in data):
        raise corrupt("a list of texts", data)
    return tuple(data)
