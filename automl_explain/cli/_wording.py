"""Numbers of things in sentences."""

from __future__ import annotations


def count(n: int, thing: str) -> str:
    """A number of things: "1 row", "2,000 rows"."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
