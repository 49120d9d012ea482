"""Numbers in every form that they are written in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from columns_as_text import learned, table, values
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain.reading._numbers import NumberStyle, parse_joined, parse_number
from automl_explain.reading._options import TypeOptions
from automl_explain.reading._recipe import TableRecipe

nan = float("nan")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(["1.5", "-2", "3e2", "+4"], [1.5, -2.0, 300.0, 4.0], id="plain"),
        pytest.param(["1,5", "-2", "0,25"], [1.5, -2.0, 0.25], id="decimal comma"),
        pytest.param(
            ["1.234,5", "12", "1.234.567,25"], [1234.5, 12.0, 1234567.25], id="comma, points between thousands"
        ),
        pytest.param(
            ["1,234.5", "12", "1,234,567.25"], [1234.5, 12.0, 1234567.25], id="point, commas between thousands"
        ),
        pytest.param(["1,234", "950", "12"], [1234, 950, 12], id="commas between thousands"),
        pytest.param(["1.234", "950", "12"], [1234, 950, 12], id="points between thousands"),
        pytest.param(["1 234", "12", "1 234 567"], [1234, 12, 1234567], id="blanks between thousands"),
        pytest.param(["1\u00a0234,5", "1\u202f234,25"], [1234.5, 1234.25], id="narrow and fixed blanks"),
        pytest.param(["1'234.5", "1\u2019234'567"], [1234.5, 1234567.0], id="apostrophes"),
        pytest.param(["12,34,567", "1,234"], [1234567, 1234], id="lakh"),
        pytest.param(["$1,234.50", "-$20", "$-3.00"], [1234.5, -20.0, -3.0], id="currency before"),
        pytest.param(["12,50 \u20ac", "1.000,00 \u20ac"], [12.5, 1000.0], id="currency behind"),
        pytest.param(["USD 12", "USD 14.5"], [12.0, 14.5], id="currency by its code"),
        pytest.param(["12.5%", "7 %"], [12.5, 7.0], id="percent"),
        pytest.param(["(250.00)", "1,200.00"], [-250.0, 1200.0], id="brackets for minus"),
        pytest.param(["250-", "12"], [-250, 12], id="minus behind"),
        pytest.param(["($1,250)", "$12"], [-1250, 12], id="brackets around a currency"),
        pytest.param(["\u22125", "3"], [-5, 3], id="true minus sign"),
        pytest.param(["12 kg", "7.5kg"], [12.0, 7.5], id="unit"),
        pytest.param(["1 room", "3 rooms"], [1, 3], id="unit in the plural"),
        pytest.param(["80 km/h", "120 km/h"], [80, 120], id="unit with a slash"),
        pytest.param(["20 \u00b0C", "-3 \u00b0C"], [20, -3], id="degrees"),
        pytest.param(["30 m2", "45 m2"], [30, 45], id="square metres"),
        pytest.param(["\uff11\uff12", "\uff13"], [12, 3], id="wide digits"),
        pytest.param([" 12", "7 "], [12, 7], id="blanks around"),
        pytest.param([".5", "2."], [0.5, 2.0], id="nothing before or behind the point"),
        pytest.param(["0.123", "0.5"], [0.123, 0.5], id="three decimals"),
    ],
)
def test_numbers_are_read_as_people_write_them(cells: list[str], expected: list[float]) -> None:
    form, made, _ = learned(cells)
    assert form.kind == "number"
    assert list(made) == expected
    assert made.dtype == ("int64" if all(e == int(e) for e in expected) else "float64")


MARKS = [
    "",
    "?",
    "-",
    "n/a",
    "N/A",
    "unknown",
    "NaN",
    "#N/A",
    ".",
    "NULL",
    "None",
    "NA",
    "\u2013",
    "k.A.",
    "#DIV/0!",
    None,
]


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_a_gap_among_numbers_are_missing(mark: str | None) -> None:
    form, made, notes = learned(["1", "2.5", mark])
    assert form.kind == "number"
    np.testing.assert_array_equal(made, [1, 2.5, nan])
    assert not mark or any(repr(mark) in n for n in notes)


def test_codes_with_zeros_in_front_stay_text() -> None:
    assert values(["01067", "99999", "10115"]) == ["01067", "99999", "10115"]
    assert values(["0", "0.5", "00.5"]) == [0, 0.5, 0.5]


@pytest.mark.parametrize(
    "cells",
    [
        ["1.2.3", "1.2.4"],
        ["10.0.0.1", "192.168.0.12"],
        ["+4915112345678", "+4915112345679"],
        ["A1", "B2"],
        ["1-2", "3-5"],
        ["12A", "12B"],
        ["1_000", "2_000"],
        ["1 kg", "500 g"],
        ["$5", "5 \u20ac"],
        ["1st", "2nd"],
        ["nan", "inf"],
    ],
)
def test_what_only_looks_like_numbers_stays_text(cells: list[str]) -> None:
    form, made, _ = learned(cells)
    assert form.kind == "text"
    assert [m for m in made if isinstance(m, str)] == [c for c in cells if c not in ("nan",)]


def test_different_units_are_told() -> None:
    assert "different units ('g', 'kg')" in learned(["500 g", "1 kg"])[2][0]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["12.5%", "8.1%", "0.4", "0.7"] * 10, "some of its numbers have the unit '%', and others have none"),
        (["1,5", "2,25", "1.5", "3.75"] * 10, "some of its numbers have a decimal comma, and others a decimal point"),
    ],
)
def test_numbers_that_stay_text_are_told(cells: list[str], reason: str) -> None:
    form, _, notes = learned(cells)
    assert form.kind == "text"
    assert f"kept 'x' as text: {reason}" in notes[0]
    assert learned(["001", "002"] * 20)[2] == []  # codes are no numbers


def test_whole_numbers_beyond_float64_stay_exact() -> None:
    ids = [str(2**53 + i) for i in range(3)]
    _form, made, _ = learned(ids)
    assert made.dtype == "int64"
    assert [str(v) for v in made] == ids
    assert values([*ids, ""])[:3] == ids  # with a gap there is no type that holds them but text
    assert values([str(2**70), "1"]) == [str(2**70), "1"]


def test_one_odd_cell_among_many_is_missing_and_named() -> None:
    recipe, frame, notes = TableRecipe.learn(table(x=[*map(str, range(39)), "n.v."]))
    assert frame.x.isna().sum() == 1
    assert notes[-1].details == ("line 41: 'n.v.'",)
    assert learned([*map(str, range(10)), "n.v."])[0].kind == "text"  # too few to say
    assert learned(["1", "n.v."] * 30)[0].kind == "text"
    assert recipe.read(table(x=["n.v.", "7"]))[0].x.isna().tolist() == [True, False]


def test_twelve_thousand_or_twelve_is_decided_by_the_table_or_asked_for() -> None:
    unsure = ["12,345", "23,456", "34,567"]
    assert values(unsure) == [12345, 23456, 34567]
    assert "--decimal ','" in learned(unsure)[2][0]
    assert values(unsure, decimal=",") == [12.345, 23.456, 34.567]
    german = table(x=unsure, y=["1,5", "2,25", "3,5"])
    assert list(TableRecipe.learn(german)[1].x) == [12.345, 23.456, 34.567]
    english = table(x=unsure, y=["1.5", "2.25", "3.5"])
    _recipe, frame, notes = TableRecipe.learn(english)
    assert list(frame.x) == [12345, 23456, 34567]
    assert not any("cannot tell" in n.text for n in notes)


def test_rare_thousands_beyond_the_sample_are_seen() -> None:
    cells = ["950"] * 5000
    cells[3] = "1,200"
    made = learned(cells)[1]
    assert made[3] == 1200
    assert made.dtype == "int64"


def test_types_as_asked() -> None:
    assert values(["1", "2"], types={"x": "text"}) == ["1", "2"]
    assert values(["001", "2"], types={"x": "number"}) == [1, 2]
    with pytest.raises(ValueError, match="was asked for as number and holds 'a'"):
        values(["a", "b"], types={"x": "number"})
    with pytest.raises(ValueError, match="There is no column 'z', which --types names"):
        values(["a"], types={"z": "number"})
    with pytest.raises(ValueError, match="there is no type 'float'"):
        values(["a"], types={"x": "float"})


STYLES = st.builds(
    NumberStyle,
    decimal=st.sampled_from(".,"),
    thousands=st.sampled_from(["", ",", ".", " ", "'"]),
    units=st.sampled_from([(), ("$",), ("%",), ("kg",), ("EUR", "eur")]),
    bare=st.booleans(),
    accounting=st.booleans(),
).filter(lambda s: s.decimal != s.thousands and (s.bare or s.units))


def written(number: float, style: NumberStyle, digits: int) -> str:
    """A number as text in a style, its unit behind it."""
    text = f"{abs(number):,.{digits}f}".replace(",", "\0").replace(".", style.decimal).replace("\0", style.thousands)
    text += f" {style.units[0]}" if style.units else ""
    if number < 0:
        return f"({text})" if style.accounting else f"-{text}"
    return text


@settings(max_examples=200, deadline=None)
@given(
    STYLES,
    st.lists(st.decimals(-(10**9), 10**9, places=3, allow_nan=False).map(float), min_size=1, max_size=20),
)
def test_numbers_written_in_any_style_come_back(style: NumberStyle, numbers: list[float]) -> None:
    texts = [written(n, style, 3) for n in numbers]
    expected = [float(f"{n:.3f}") for n in numbers]
    assert [parse_number(t, style) for t in texts] == expected
    at_once = parse_joined(np.array(texts, dtype=object), style)
    assert at_once is not None
    assert list(at_once) == expected


@settings(max_examples=100, deadline=None)
@given(STYLES, st.lists(st.integers(-(10**8), 10**8), min_size=25, max_size=60, unique=True))
def test_the_style_of_a_column_is_found(style: NumberStyle, numbers: list[int]) -> None:
    cells = [written(n / 100, style, 2) for n in numbers]
    assert values(cells) == [float(f"{n / 100:.2f}") for n in numbers]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=40))
def test_typed_numbers_are_what_their_texts_are(numbers: list[float | None]) -> None:
    typed = pd.Series(numbers, dtype="float64")
    cells = ["" if n is None else repr(n) for n in numbers]
    if all(n is None for n in numbers):
        return
    pd.testing.assert_series_equal(learned(typed)[1], learned(cells)[1])


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="--decimal is ';'. Expected ',' or '.'."):
        TableRecipe.decide(table(x=["1"]), TypeOptions(decimal=";"))


def test_internet_addresses_are_no_numbers() -> None:
    assert learned(["192.168.100.101", "110.120.130.140", "108.118.128.138"])[0].kind == "text"
    assert values(["1.200.300.400", "2.100.000.000"]) == [1_200_300_400, 2_100_000_000]
