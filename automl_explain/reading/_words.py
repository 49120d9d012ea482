"""What the words in cells mean: marks of a gap, yes and no, months, units of time; and cells as plain texts."""

from __future__ import annotations

import datetime
import decimal
import re
import unicodedata
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

# Written by programs for a gap, never by people for a category: missing in every column but a class target.
PROGRAM_GAPS = frozenset({"nan", "null", "n/a", "#n/a", "#n/a n/a", "<na>", "nat", "\\n", "#null!", "-nan", "1.#qnan"})
# Missing among numbers, dates, durations and yes/no; values of their own in a column of texts.
GAP_MARKS = PROGRAM_GAPS | {
    *("?", "??", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "...", "\N{HORIZONTAL ELLIPSIS}", "*"),
    *(
        "na",
        "n.a.",
        "n.a",
        "none",
        "nil",
        "nd",
        "n.d.",
        "nr",
        "not available",
        "not applicable",
        "no data",
        "tbd",
        "tba",
    ),
    *("missing", "(missing)", "unknown", "unk", "undefined", "empty", "blank", "not known", "not reported", "/", "x"),
    *("k.a.", "k. a.", "keine angabe", "unbekannt", "fehlt", "inconnu", "desconocido", "s/d", "sin dato", "nc", "n/d"),
    *("#div/0!", "#value!", "#num!", "#ref!", "#name?", "inf", "-inf", "+inf", "infinity", "-infinity"),
}
# Marks that cannot be a third answer beside yes and no, as "unknown" can.
ANSWER_GAPS = PROGRAM_GAPS | {"?", "-", "--", "na", "n.a.", "."}

_PAIRS = (
    *(
        "true false",
        "yes no",
        "t f",
        "y n",
        "on off",
        "ja nein",
        "ja nej",
        "j n",
        "wahr falsch",
        "oui non",
        "vrai faux",
    ),
    *("si no", "s\u00ed no", "s\u00ec no", "sim n\u00e3o", "verdadero falso", "verdadeiro falso", "vero falso"),
    *("tak nie", "ano ne", "da nu", "da ne", "evet hay\u0131r", "ja nee", "\u0434\u0430 \u043d\u0435\u0442"),
    *("\u306f\u3044 \u3044\u3044\u3048", "\u662f \u5426"),
)
ANSWERS = {frozenset(pair.split()): pair.split()[0] for pair in _PAIRS}

_MONTH_NAMES = (
    ("jan", "january", "januar", "janvier", "janv", "enero", "ene", "gennaio", "gen", "januari", "j\u00e4nner"),
    ("feb", "february", "februar", "f\u00e9vrier", "f\u00e9vr", "febrero", "febbraio", "februari"),
    ("mar", "march", "m\u00e4rz", "mrz", "m\u00e4r", "mars", "marzo", "maart"),
    ("apr", "april", "avril", "avr", "abril", "abr", "aprile"),
    ("may", "mai", "mayo", "maggio", "mag", "mei"),
    ("jun", "june", "juni", "juin", "junio", "giugno", "giu"),
    ("jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug"),
    ("aug", "august", "ao\u00fbt", "agosto", "ago", "augustus"),
    ("sep", "sept", "september", "septembre", "septiembre", "settembre", "set"),
    ("oct", "october", "okt", "oktober", "octobre", "octubre", "ottobre", "ott"),
    ("nov", "november", "novembre", "noviembre"),
    ("dec", "december", "dez", "dezember", "d\u00e9cembre", "d\u00e9c", "diciembre", "dic", "dicembre"),
)
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names}
_DAY_NAMES = """
mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday
mo montag di dienstag mi mittwoch do donnerstag fr freitag sa samstag so sonntag
lun lundi mar mardi mer mercredi jeu jeudi ven vendredi sam samedi dim dimanche
"""
WEEKDAYS = frozenset(_DAY_NAMES.split())
SECONDS = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek", "sekunde", "sekunden"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "minuten"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "std", "stunde", "stunden"), 3600.0),
    **dict.fromkeys(("d", "day", "days", "tag", "tage"), 86400.0),
    **dict.fromkeys(("wk", "wks", "week", "weeks", "woche", "wochen"), 604800.0),
}

_DATE_NAME = re.compile(r"(^|[^a-z])(date|datum|fecha|dat)([^a-z]|$)|date$|datum$|^date")
_BIRTH_NAME = re.compile(r"birth|\bdob\b|born|gebur|geb\b|naissance|nacim|nascita")


def names_a_date(name: str) -> bool:
    """Whether a column is called a date."""
    return _DATE_NAME.search(name.casefold()) is not None


def names_a_birth(name: str) -> bool:
    """Whether a column is called a day of birth, which lies in the past."""
    return _BIRTH_NAME.search(name.casefold().replace("_", " ")) is not None


def is_gap(text: str, marks: Collection[str], own: Collection[str] = ()) -> bool:
    """Whether a stripped text stands for a missing value: a mark in any case, or one of ``own`` as written."""
    return not text or text in own or text.casefold() in marks


def clean(text: str) -> str:
    """A cell without blanks around it, its letters composed (NFC)."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def as_text(value: Any) -> str | None:
    """A typed value as a CSV file would have it; None for a missing one."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (float, np.floating)):
        value = float(value) if isinstance(value, float) else float(str(value))
        if np.isnan(value):
            return None
        return str(int(value)) if abs(value) < 2**53 and value.is_integer() else str(value)
    if isinstance(value, (datetime.datetime, np.datetime64)):
        stamp = pd.Timestamp(value)
        return None if stamp is pd.NaT else str(stamp).replace(" 00:00:00", "")
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else format(value, "f")
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def as_texts(cells: pd.Series) -> np.ndarray:
    """The cells of a column of any type as object array of texts and None, not stripped."""
    values: np.ndarray = cells.astype(object).to_numpy(dtype=object, copy=False)
    if pd.api.types.infer_dtype(values, skipna=False) == "string":
        return values
    return np.fromiter((v if type(v) is str else as_text(v) for v in values), dtype=object, count=len(values))


class Distinct:
    """The different texts of a column, cleaned, with the rows that hold them.

    Attributes
    ----------
    texts : list of str
        In order of appearance.
    codes : ndarray of int of shape (n_rows,)
        Position in ``texts``; -1 where there is no cell.
    counts : ndarray of int of shape (n_texts,)
    """

    def __init__(self, cells: np.ndarray) -> None:
        codes, raw = pd.factorize(cells)
        cleaned = [clean(t) for t in raw]
        if any(a is not b and a != b for a, b in zip(cleaned, raw, strict=True)):
            again, merged = pd.factorize(np.array(cleaned, dtype=object))
            codes, cleaned = np.where(codes < 0, -1, again[codes]), list(merged)
        self.texts: list[str] = cleaned
        self.codes: np.ndarray = codes
        self.counts: np.ndarray = np.bincount(codes[codes >= 0], minlength=len(cleaned))

    def spread(self, values: np.ndarray, missing: Any) -> np.ndarray:
        """A value of every different text -> one of every row."""
        extended: np.ndarray = np.append(values, np.array([missing], dtype=values.dtype))
        return np.asarray(extended[self.codes])


def sample_of(cells: np.ndarray, most: int) -> np.ndarray:
    """At most so many cells, evenly spread, the same ones each time."""
    return cells if len(cells) <= most else cells[np.linspace(0, len(cells) - 1, most).astype(np.intp)]
