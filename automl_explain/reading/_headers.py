"""In which record of a table the names of its columns stand, if there are any."""

from __future__ import annotations

import collections
import itertools
import re
from collections.abc import Sequence

from automl_explain.exceptions import InputError
from automl_explain.reading._dialects import Record, clean_name
from automl_explain.reading._words import GAP_MARKS

_NUMBER = re.compile(r"[-+(]?\s?[$€£¥]?\s?[-+]?(\d[\d.,'\s]*|[.,]\d+)(e[-+]?\d+)?\s?[%)€$£¥]?", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{1,2}:\d{2})([T ,:].*)?")
_WHOLE = re.compile(r"\d{1,9}")
_NEARLY = 0.9  # of the cells of a column; others may be marks of gaps


def find_header(records: Sequence[Record], said: int | str | None, wanted: Sequence[str], place: str) -> int | None:
    """Position of the record of names among the first records; None where there are no names.

    Raises
    ------
    InputError
        If the user named a line that is none of a record.
    """
    if said == "none":
        return None
    if said is not None:
        at = next((i for i, r in enumerate(records) if r.line == said and r.filled), None)
        if at is None:
            raise InputError(
                f"{place!r}: no names start in line {said} (--header). Name the line of the names, counted from 1."
            )
        return at
    names = {clean_name(name).casefold() for name in wanted}
    if names:
        held = [i for i, r in enumerate(records) if names <= {clean_name(c).casefold() for c in r.cells}]
        if held:  # a title may be the name of the target
            return next((i for i in held if records[i].filled >= _least(records)), held[0])
    for at in _candidates(records):
        if _are_names(records[at], [r for r in records[at + 1 :] if r.filled]):
            return at
    return None


def _width(records: Sequence[Record]) -> int:
    filled = [r for r in records if r.filled][-100:]
    usual = collections.Counter(len(r.cells) for r in filled).most_common(1)[0][0]
    return max(r.filled for r in filled if len(r.cells) == usual)


def _least(records: Sequence[Record]) -> int:
    """The fewest cells that names have: one may be missing, but a single cell above several is a title."""
    width = _width(records)
    return 1 if width == 1 else max(2, width - 1)


def _candidates(records: Sequence[Record]) -> list[int]:
    """Records that are as wide as the table, or all but: a title is narrower."""
    width, least = _width(records), _least(records)
    whole = next((i for i, r in enumerate(records) if r.filled >= width), None)
    nearly = next((i for i, r in enumerate(records) if r.filled >= least), None)
    # The last column may lack a name; but a title may hold a separator.
    return [i for i in dict.fromkeys((whole, nearly)) if i is not None]


def _are_names(first: Record, below: Sequence[Record]) -> bool:
    """Whether a record holds names of columns, by how it differs from the records below."""
    cells = [c.strip() for c in first.cells]
    if not below:
        return True
    columns = [[r.cells[j].strip() for r in below if j < len(r.cells)] for j in range(len(cells))]
    kinds = [_kind(c) for c in cells]
    usual = [_usual_kind(column) for column in columns]
    if any(k not in ("", u) and u not in ("", "word") for k, u in zip(kinds, usual, strict=True)):
        return True  # a word above numbers or dates, or a date above numbers
    if _count_on(cells) and not any(_count_on([c.strip() for c in r.cells]) for r in below[:20]):
        return True  # years or other numbers in steps
    if any(k not in ("", "word") for k in kinds):
        return False
    named = [c for c in cells if c]
    return len(set(named)) == len(named) and not any(c in v for c, v in zip(cells, columns, strict=True) if c)


def _kind(text: str) -> str:
    """What a cell looks like: nothing, a number, a date or a word."""
    if not text or text.casefold() in GAP_MARKS:
        return ""
    return "date" if _DATE.fullmatch(text) else "number" if _NUMBER.fullmatch(text) else "word"


def _usual_kind(cells: Sequence[str]) -> str:
    kinds = collections.Counter(filter(None, map(_kind, cells)))
    if not kinds:
        return ""
    kind, count = kinds.most_common(1)[0]
    return kind if count >= _NEARLY * kinds.total() else "word"


def _count_on(cells: Sequence[str]) -> bool:
    """Whether the numbers of a record are whole and rise by the same step."""
    numbers = [int(c) for c in cells if _WHOLE.fullmatch(c)]
    others = [c for c in cells if c and not _WHOLE.fullmatch(c)]
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    return len(numbers) >= 2 and len(steps) == 1 and steps.pop() > 0 and all(_kind(c) == "word" for c in others)
