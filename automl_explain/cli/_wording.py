"""Numbers of things and lists of names in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_SHOWN = 8


def count(n: int, thing: str) -> str:
    """A number of things: "1 row", "2,000 rows"."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def quoted(names: Sequence[Any]) -> str:
    """The first names of a list, and how many more there are."""
    shown = ", ".join(repr(n) for n in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
