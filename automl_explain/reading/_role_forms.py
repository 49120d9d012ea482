"""By which form of its values and name a column is told to be an identifier, a text or a counter.

A measurement that happens to be whole (an income, an area) has other values than a number that was given out: drawn
freely from a range, some values repeat. How many repeats the local density of the values leads to expect, against how
many there are, tells the two apart, in any order of the rows and whatever gaps the numbers have.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd

# With fewer different values a column is a feature, whatever its name: a code, a grade, a number of rooms.
MIN_DIFFERENT = 21
# Share of the values that must differ to be "nearly all".
NEARLY_ALL = 0.95
# ... of a column whose name says "identifier": some customers stand there twice.
NEARLY_ALL_NAMED = 0.9
# Chance that a measurement has as few repeats as a column of numbers given out.
_BY_CHANCE = 1e-5
_N_BINS = 10
# Text columns are judged by this many rows.
_SAMPLE = 2000

_IDENTIFIERS = re.compile(
    "ids?|uuid|guid|uid|oid|pid|rowid|userid|pk|email|ssn|iban|isbn|imei|vin|sku|phone|telephone|telefon|login|username"
    "|hash|token|barcode|serial"
)
# These say "identifier" only where they stand last: "invoice no", but not "no of rooms" or "number of people".
_IF_LAST = re.compile("no|nr|num|number|code|index|key|ref|reference|mail|.*nummer|.{3,}nr")
# Numbers that are given out, and mean something.
_TIMES = re.compile(
    "years?|yr|months?|weeks?|days?|hours?|minutes?|seconds?|date|dt|time|timestamp|t|period|quarter|step|epoch|jahr"
    "|monat|woche|tag|stunde|datum|zeit"
)
_RANKS = re.compile("rank|ranks|ranking|rang|position|place|percentile")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
# Chinese, Japanese and Thai are written without blanks: about two characters a word.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f\uf900-\ufaff]")


def name_words(name: str) -> list[str]:
    """Words of a column name in lower case: ``["customer", "id"]`` for "CustomerID" and "customer_id"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    spaced = re.sub(r"\be[-_ ]?mail", "email", spaced, flags=re.IGNORECASE)
    return re.findall(r"[^\W\d_]+", spaced.lower())


def names_identifier(name: str) -> bool:
    """Whether a name is that of an identifier: id, uuid, e-mail, no, nr, key, ..."""
    words = name_words(name)
    if not words:
        return bool(re.search("[#№]", name))
    ends = [word for word in (words[0], words[-1]) if _IDENTIFIERS.fullmatch(word)]
    unspaced = re.fullmatch(r".{5,}(?<!A)ID\W*", name)  # "PASSENGERID", but not "PREPAID"
    return bool(ends) or bool(_IF_LAST.fullmatch(words[-1])) or bool(unspaced)


def names_time(name: str) -> bool:
    """Whether a name is that of a time: year, month, t, ..."""
    words = name_words(name)
    return bool(words) and any(_TIMES.fullmatch(word) for word in (words[0], words[-1]))


def names_rank(name: str) -> bool:
    """Whether a name is that of a rank, which numbers the rows and means something."""
    return any(_RANKS.fullmatch(word) for word in name_words(name))


def nearly_all(n_different: int, n_present: int, *, named: bool = False) -> bool:
    """Whether nearly all values are different; ``named`` where the name says "identifier"."""
    return n_different >= (NEARLY_ALL_NAMED if named else NEARLY_ALL) * n_present


def is_running(values: np.ndarray) -> bool:
    """Whether whole numbers were given out and not measured: far fewer repeats than their density lets expect."""
    different = np.unique(values)
    n = len(values)
    if len(different) < max(MIN_DIFFERENT, 0.9 * n):
        return False
    # Of floats of 2**53 and more the differences stay exact in int64; unsigned ones may not fit.
    steps = np.diff(different.astype(object)) if different.dtype.kind == "u" else np.diff(different)
    grid = int(np.gcd.reduce(steps))
    expected = 0.0
    for part in np.array_split(different, min(_N_BINS, len(different) // 5)):
        width = (int(part[-1]) - int(part[0])) / grid + 1
        expected += len(part) * (len(part) - 1) / 2 / width
    return _poisson_at_most(n - len(different), expected) < _BY_CHANCE


def _poisson_at_most(k: int, mean: float) -> float:
    from scipy.special import pdtr

    return float(pdtr(k, mean))


def is_saved_index(values: np.ndarray) -> bool:
    """Whether the numbers are 0 to n - 1 or 1 to n, in any order."""
    start = int(values.min())
    return start in (0, 1) and int(values.max()) - start == len(values) - 1 and len(np.unique(values)) == len(values)


def counts_up(times: np.ndarray) -> bool:
    """Whether times number the rows: in the order of the rows, or one step apart in any order; hardly any twice."""
    different = np.unique(times)
    if len(different) < 0.5 * len(times):
        return False
    steps = np.diff(times)
    if (steps >= 0).all() or (steps <= 0).all():
        return True
    apart = np.diff(different)
    return nearly_all(len(different), len(times)) and bool((apart == np.median(apart)).mean() >= 0.9)


def are_emails(present: pd.Series) -> bool:
    """Whether texts are e-mail addresses."""
    return all(_EMAIL.fullmatch(text.strip()) for text in _sampled(present))


def free_text_words(present: pd.Series, n_different: int) -> float:
    """Words in a typical text of a column of free text; 0 where the column is categories, names or codes."""
    if n_different < MIN_DIFFERENT or n_different < 0.2 * len(present):
        return 0.0
    texts = _sampled(present)
    median = float(np.median([_n_words(text) for text in texts]))
    if median >= 4:
        return median
    if median >= 2 and n_different >= 0.5 * len(present) and _words_recur(texts):
        return median
    return 0.0


def _n_words(text: str) -> float:
    unspaced = len(_UNSPACED.findall(text))
    if unspaced:
        return unspaced / 2
    return sum(bool(_WORD.search(word)) and not _EMAIL.fullmatch(word) for word in text.split())


def _words_recur(texts: list[str]) -> bool:
    """Whether most texts share a word with at least one in fifty others."""
    counts: dict[str, int] = {}
    split = [set(_WORD.findall(text.lower())) for text in texts]
    for words in split:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    often = {word for word, n in counts.items() if n >= max(3, math.ceil(len(texts) / 50))}
    return sum(bool(words & often) for words in split) >= 0.5 * len(texts)


def _sampled(present: pd.Series) -> list[Any]:
    """Texts from all over a column."""
    at = np.unique(np.linspace(0, len(present) - 1, min(_SAMPLE, len(present))).astype(int))
    return [str(text) for text in present.iloc[at]]
