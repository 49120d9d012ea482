"""What the texts of a column say about how its numbers are written."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

from automl_explain.reading._numbers import CURRENCY, NumberStyle, plain_marks

_NAMES_OF_MONEY = """
usd eur gbp chf jpy cny inr rub krw try ils vnd thb ngn php uah sek nok dkk pln czk huf ron bgn brl mxn ars clp cop aud
cad nzd sgd hkd zar us$ r$ a$ c$ nz$ hk$ s$ rs rs. kr kr. z\u0142 k\u010d ft rm rp fr. sfr. euro euros dollar dollars
"""
_CURRENCY_WORDS = frozenset(_NAMES_OF_MONEY.split())
_BODY = r"(?:\d(?:[\d.,' ]*\d)?\.?|[.,]\d+)(?:[eE][+-]?\d{1,3}(?![\d]))?"
_SIGN = r"(?P<{}>[+-])?\s*"
_SPLIT = re.compile(
    r"(?P<open>\()?\s*"
    + _SIGN.format("first")
    + rf"(?P<front>[{re.escape(CURRENCY)}]|[^\W\d_]{{1,3}}[$.]?)?\s*"
    # A unit, after the number: one or two words without digits inside, such as "%", "kg", "km/h", "sq ft", "m2".
    + _SIGN.format("second")
    + rf"(?P<body>{_BODY})\s*(?P<back>[^\s\d()+,.;:'\"-][^\s\d()+,;:-]*( [^\s\d()+,;:-]+)?[23]?)?"
    r"\s*(?P<after>-)?\s*(?P<close>\))?"
)


@dataclasses.dataclass
class Evidence:
    """What the texts of a column say about how its numbers are written; counts are of cells.

    Parameters
    ----------
    decimals : Counter
        Cells that can be read with this decimal mark alone.
    unsure : Counter
        Cells such as "12,345", by their mark: a decimal comma or thousands.
    thousands : Counter
        Cells that can be read with this mark of thousands alone.
    units : Counter
        By unit in small letters; "" for none.
    spelled : dict
        Spellings of every unit.
    short, long : int
        Cells without any mark, of up to three and of more digits.
    accounting : int
    numbers : int
        Cells that can be a number at all.
    """

    decimals: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unsure: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    thousands: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    units: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    spelled: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    short: int = 0
    long: int = 0
    accounting: int = 0
    numbers: int = 0

    @classmethod
    def of(cls, texts: Sequence[str], counts: Iterable[int]) -> Evidence:
        """Of different texts, cleaned and without gaps, and how often each stands there."""
        made = cls()
        for text, count in zip(texts, counts, strict=True):
            if len(text) <= 40:
                made._add(plain_marks(text), int(count))
        return made

    def _add(self, text: str, count: int) -> None:
        found = _SPLIT.fullmatch(text)
        if found is None:
            return
        front, back = found["front"], found["back"]
        if front and front not in CURRENCY and front.casefold() not in _CURRENCY_WORDS:
            return
        if (front and back) or (found["open"] is None) != (found["close"] is None):
            return
        body = re.split("[eE]", found["body"])[0]
        if not self._add_marks(body, count):
            return
        unit = (front or back or "").strip()
        self.units[unit.casefold()] += count
        self.spelled.setdefault(unit.casefold(), set()).add(unit)
        self.accounting += count if found["open"] or found["after"] else 0
        self.numbers += count

    def _add_marks(self, body: str, count: int) -> bool:
        for blank in " '":
            if blank in body:
                if re.fullmatch(rf"\d{{1,3}}(?:{blank}\d{{3}})+(?:[.,]\d*)?", body) is None:
                    return False
                self.thousands[blank] += count
                self.decimals.update({m: count for m in ",." if m in body})
                return True
        commas, points = body.count(","), body.count(".")
        if not commas and not points:
            self.short, self.long = self.short + count * (len(body) <= 3), self.long + count * (len(body) > 3)
            return True
        if commas and points:
            decimal, mark = (",", ".") if body.rfind(",") > body.rfind(".") else (".", ",")
            self.thousands[mark] += count
            self.decimals[decimal] += count
            return body.count(decimal) == 1
        mark, other = (",", ".") if commas else (".", ",")
        if commas + points > 1:
            if points == 3 and all(part == str(min(int(part or 0), 255)) for part in body.split(".")):
                return False  # 192.168.100.101
            self.thousands[mark] += count
            self.decimals[other] += count
            return True
        left, right = body.split(mark)
        if len(right) == 3 and 1 <= len(left) <= 3 and not left.startswith("0"):
            self.unsure[mark] += count
        else:
            self.decimals[mark] += count
        return True

    def decimal_mark(self, known: str | None, semicolons: bool) -> tuple[str, bool]:
        """The decimal mark and whether it is sure.

        Parameters
        ----------
        known : str or None
            The decimal mark of other columns of the table.
        semicolons : bool
            Whether the file separates cells by something else than a comma, as programs do where the comma is decimal.
        """
        if self.decimals:
            return self.decimals.most_common(1)[0][0], True
        if not self.unsure:
            return known or ".", True
        mark = self.unsure.most_common(1)[0][0]
        other = "." if mark == "," else ","
        if len(self.unsure) == 2:
            return known or ".", known is not None
        if self.short and not self.long:  # 950 beside 1.200: decimals would not all be three digits long
            return other, True
        if known is not None:
            return known, True
        if mark == ".":
            return ".", not semicolons or self.unsure[mark] < 3
        return (",", False) if semicolons else (".", False)

    def style(self, decimal: str) -> NumberStyle | None:
        """How the numbers are written, given their decimal mark; None where their units differ."""
        marks = self.thousands.copy()
        marks.update({m: c for m, c in self.unsure.items() if m != decimal})
        marks.pop(decimal, None)
        thousands = marks.most_common(1)[0][0] if marks else ""
        named = {u: c for u, c in self.units.items() if u}
        if not named:
            return NumberStyle(decimal, thousands, (), True, self.accounting > 0)
        units = self._same_unit(max(named, key=lambda u: named[u]))
        if sum(named[u] for u in units) < 0.95 * sum(named.values()):
            return None
        spelled = sorted({s for u in units for s in self.spelled[u]})
        bare = any(u in CURRENCY or u in _CURRENCY_WORDS for u in units)
        if not bare and self.units[""] > sum(named.values()):
            return NumberStyle(decimal, thousands, (), True, self.accounting > 0)
        return NumberStyle(decimal, thousands, tuple(spelled), bare, self.accounting > 0)

    def _same_unit(self, unit: str) -> list[str]:
        """A unit and its plural or singular, with and without a full stop."""
        stem = unit.rstrip(".").removesuffix("s")
        return [
            u for u in self.units if u and (u == unit or (len(stem) > 1 and u.rstrip(".").removesuffix("s") == stem))
        ]
