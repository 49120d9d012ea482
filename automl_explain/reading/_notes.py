"""What was decided or found about a table, as sentences for the user."""

from __future__ import annotations

import dataclasses
import shlex

# Weights of a note: it may mislead (a leak, drift); something was decided; a detail.
WARNING, DECISION, DETAIL = 2, 1, 0


@dataclasses.dataclass(frozen=True)
class Note:
    """One thing decided or found about a table, for the user.

    Parameters
    ----------
    text : str
        One sentence of cause, without a full stop: "read 'price' as numbers with a decimal comma".
    remedy : str, default ""
        One sentence of how to have it otherwise: "--types price=text keeps it as text".
    column : str, optional
        The column it is about.
    weight : int, default DECISION
        WARNING, DECISION or DETAIL.
    details : tuple of str
        For example values that did not fit: "line 17: 'n.a.'".
    """

    text: str
    remedy: str = ""
    column: str | None = None
    weight: int = DECISION
    details: tuple[str, ...] = ()


def as_typed(option: str, value: str) -> str:
    """An option and its value as they are typed in a shell: ``--keep 'invoice no'``."""
    # After a blank, a value with a minus in front would be taken for an option; "-" alone is a value.
    return f"{option}{'=' if value.startswith('-') and len(value) > 1 else ' '}{shlex.quote(value)}"
