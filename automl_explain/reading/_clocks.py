"""Texts -> times of day and durations, in seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from automl_explain.reading._words import SECONDS

_CLOCK = re.compile(r"(-?)(\d{1,4}):(\d{2})(?::(\d{2}(?:[.,]\d{1,9})?))?(?:\s?([AaPp])\.?[Mm]\.?|\s?Uhr|\s?h)?")
_HOUR = re.compile(r"(\d{1,2})\s?([AaPp])\.?[Mm]\.?")
_PIECE = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*([^\W\d_]+)\.?,?\s*(?:and\s+|und\s+)?")
_ISO_DURATION = re.compile(
    r"(-?)P(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?", re.IGNORECASE
)
_DAYS_AND_CLOCK = re.compile(
    r"([+-]?\d+)\s*(?:d|days?|tage?),?\s+([+-]?)(\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)", re.I
)


def parse_time(text: str) -> float:
    """Seconds since midnight of a time of day; NaN for what is none."""
    hour = _HOUR.fullmatch(text)
    if hour is not None:
        text = f"{hour[1]}:00 {hour[2]}m"
    found = _CLOCK.fullmatch(text)
    if found is None or found[1] or int(found[3]) > 59:
        return np.nan
    hours = int(found[2])
    if found[5] is not None:
        if not 1 <= hours <= 12:
            return np.nan
        hours = hours % 12 + 12 * (found[5] in "pP")
    seconds = float((found[4] or "0").replace(",", "."))
    if seconds >= 60 or hours > 24 or (hours == 24 and (int(found[3]) or seconds)):
        return np.nan
    return hours * 3600 + int(found[3]) * 60 + seconds


def parse_duration(text: str) -> float:
    """Seconds of a duration ("26:02:03", "3 days", "PT5M", "1h 30min"); NaN for what is none."""
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        if clock[5] is not None or int(clock[3]) > 59:
            return np.nan
        seconds = int(clock[2]) * 3600 + int(clock[3]) * 60 + float((clock[4] or "0").replace(",", "."))
        return -seconds if clock[1] else seconds
    days = _DAYS_AND_CLOCK.fullmatch(text)
    if days is not None:
        rest = parse_duration(days[3])
        return int(days[1]) * 86_400 + (-rest if days[2] == "-" else rest)
    iso = _ISO_DURATION.fullmatch(text)
    if iso is not None:
        if not any(iso.groups()[1:]):
            return np.nan
        try:
            seconds = sum(
                float(v or 0) * s for v, s in zip(iso.groups()[1:], (604_800, 86_400, 3_600, 60, 1), strict=True)
            )
        except ValueError:
            return np.nan
        return -seconds if iso[1] else seconds
    return _from_pieces(text)


def _from_pieces(text: str) -> float:
    pieces = list(_PIECE.finditer(text))
    if not pieces or "".join(p[0] for p in pieces) != text:
        return np.nan
    units = [p[2].casefold() for p in pieces]
    # A lone "m" may be metres; beside hours or seconds it is minutes.
    scales = [60.0 if u == "m" and len(units) > 1 else SECONDS.get(u, np.nan) for u in units]
    if np.isnan(scales).any() or (np.diff(scales) >= 0).any():
        return np.nan
    total = sum(abs(float(p[1].replace(",", "."))) * s for p, s in zip(pieces, scales, strict=True))
    return -total if pieces[0][1].startswith("-") else total


def parse_each(texts: Iterable[str], kind: str) -> np.ndarray:
    """Seconds of times of day or durations; NaN for what is none."""
    parse = parse_time if kind == "time" else parse_duration
    return np.fromiter((parse(t) for t in texts), dtype=np.float64)
