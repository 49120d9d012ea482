"""What the words in cells mean: marks of a gap, yes and no, months, units of time."""

from __future__ import annotations

import re
from collections.abc import Collection

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
_NO_DATE = re.compile(r"(candi|man|vali|consoli|liqui)date")
_BIRTH_NAME = re.compile(r"birth|\bdob\b|born|gebur|geb\b|naissance|nacim|nascita")


def names_a_date(name: str) -> bool:
    """Whether a column is called a date."""
    return _DATE_NAME.search(_NO_DATE.sub("", name.casefold())) is not None


def names_a_birth(name: str) -> bool:
    """Whether a column is called a day of birth, which lies in the past."""
    return _BIRTH_NAME.search(name.casefold().replace("_", " ")) is not None


def is_gap(text: str, marks: Collection[str], own: Collection[str] = ()) -> bool:
    """Whether a stripped text stands for a missing value: a mark in any case, or one of ``own`` as written."""
    return not text or text in own or text.casefold() in marks
