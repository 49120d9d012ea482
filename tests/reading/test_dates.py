"""Dates, times of day and durations: one form for the whole column."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from columns_as_text import learned, table, values
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain.reading._clocks import parse_duration, parse_time
from automl_explain.reading._dates import DateStyle, parse_dates
from automl_explain.reading._recipe import TableRecipe


def days(cells: list[str], **more: object) -> list[str]:
    """Dates as ISO texts, without a midnight."""
    form, made, _ = learned(cells, **more)  # type: ignore[arg-type]
    assert form.kind == "datetime", form
    return ["" if pd.isna(t) else str(t).removesuffix(" 00:00:00") for t in made]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(["2023-01-31", "2023-1-5"], ["2023-01-31", "2023-01-05"], id="ISO"),
        pytest.param(["2023-01-31T10:30:00", "2023-02-01T00:00:00"], ["2023-01-31 10:30:00", "2023-02-01"], id="T"),
        pytest.param(["2023-01-31 10:30", "2023-02-01"], ["2023-01-31 10:30:00", "2023-02-01"], id="time or not"),
        pytest.param(["2023/01/31"], ["2023-01-31"], id="year first, slashes"),
        pytest.param(
            ["13/06/2023 14:30", "05/06/2023 09:00"], ["2023-06-13 14:30:00", "2023-06-05 09:00:00"], id="days"
        ),
        pytest.param(["06/13/2023", "06/05/2023"], ["2023-06-13", "2023-06-05"], id="month first"),
        pytest.param(["5.6.2023", "13.6.2023"], ["2023-06-05", "2023-06-13"], id="points, no zeros"),
        pytest.param(["05.06.2023", "07.08.2023"], ["2023-06-05", "2023-08-07"], id="points are day first"),
        pytest.param(["31.12.99", "01.02.05"], ["1999-12-31", "2005-02-01"], id="two-digit years"),
        pytest.param(["5 Mar 2023", "12 April 2022"], ["2023-03-05", "2022-04-12"], id="names of months"),
        pytest.param(["Mar 5, 2023", "Apr 12, 2022"], ["2023-03-05", "2022-04-12"], id="names of months first"),
        pytest.param(["5. M\u00e4rz 2023", "12. Mai 2022"], ["2023-03-05", "2022-05-12"], id="German months"),
        pytest.param(["5 d\u00e9c. 2023", "12 avril 2022"], ["2023-12-05", "2022-04-12"], id="French months"),
        pytest.param(["5 de marzo de 2023", "12 de abril de 2022"], ["2023-03-05", "2022-04-12"], id="Spanish months"),
        pytest.param(["Mon, 06 Mar 2023 10:00:00 GMT"], ["2023-03-06 10:00:00"], id="weekdays, as in mails"),
        pytest.param(["5-Mar-23", "12-Apr-22"], ["2023-03-05", "2022-04-12"], id="as Excel shows them"),
        pytest.param(["Jan-24", "Feb-24"], ["2024-01-01", "2024-02-01"], id="months of years"),
        pytest.param(["2023-01", "2023-12"], ["2023-01-01", "2023-12-01"], id="year and month"),
        pytest.param(["20240131", "20230228", "20221105"], ["2024-01-31", "2023-02-28", "2022-11-05"], id="digits"),
        pytest.param(["20240131123000", "20240131T235959"], ["2024-01-31 12:30:00", "2024-01-31 23:59:59"], id="14"),
        pytest.param(
            ["1/31/2023 2:30 PM", "1/5/2023 12:00 AM"], ["2023-01-31 14:30:00", "2023-01-05"], id="halves of a day"
        ),
        pytest.param(["1/31/2023 2:30 p.m."], ["2023-01-31 14:30:00"], id="halves of a day with points"),
        pytest.param(["2023-01-05T10:00:00.250"], ["2023-01-05 10:00:00.250000"], id="parts of seconds"),
        pytest.param(
            ["2023-01-05T10:00+02:00", "2023-07-05T00:00Z"], ["2023-01-05 10:00:00", "2023-07-05"], id="zones"
        ),
        pytest.param(["2023-01-05", "", "-", "n/a"], ["2023-01-05", "", "", ""], id="gaps"),
    ],
)
def test_dates_are_read_as_people_write_them(cells: list[str], expected: list[str]) -> None:
    assert days(cells) == expected


def test_one_cell_decides_the_order_of_the_whole_column() -> None:
    cells = ["05/06/2023"] * 5000
    cells[17] = "13/06/2023"
    assert set(days(cells)) == {"2023-06-05", "2023-06-13"}


def test_where_the_order_cannot_be_known_it_is_asked_for() -> None:
    unsure = ["05/06/2023", "07/08/2022", "01/12/2023"]
    assert days(unsure)[0] == "2023-05-06"
    assert "--day-first reads it the other way" in learned(unsure)[2][0]
    assert days(unsure, day_first=True)[0] == "2023-06-05"
    assert not any("cannot tell" in n for n in learned(unsure, day_first=True)[2])


def test_the_order_is_taken_from_where_it_shows() -> None:
    unsure = ["05/06/2023", "07/08/2022", "01/12/2023"]
    beside = table(x=unsure, y=["13/06/2023", "01/01/2022", "02/02/2023"])
    assert str(TableRecipe.learn(beside)[1].x[0]) == "2023-06-05 00:00:00"
    by_month = ["01/02/2023", "01/03/2023", "01/01/2023", "01/12/2022"]
    assert days(by_month)[0] == "2023-02-01"
    in_order = ["10/01/2023", "11/01/2023", "01/02/2023", "02/02/2023", "05/03/2023"]
    assert days(in_order)[0] == "2023-01-10"


def test_asking_for_an_order_that_does_not_fit_does_not_turn_dates() -> None:
    assert days(["13/06/2023", "05/06/2023"], day_first=False) == ["2023-06-13", "2023-06-05"]


def test_days_of_birth_are_not_in_the_future() -> None:
    assert days(["01.02.45", "31.12.99"], name="birth_date") == ["1945-02-01", "1999-12-31"]
    assert days(["01.02.45", "31.12.99"], name="matures") == ["2045-02-01", "1999-12-31"]


def test_offsets_keep_their_clock_and_say_so() -> None:
    _, _, notes = learned(["2023-01-05T10:00+02:00", "2023-07-05T10:00+01:00"])
    assert "kept the clock of 'x' as written and dropped its time zones" in notes[0]


def test_serials_of_excel_are_dates_where_asked_for_or_named_so() -> None:
    cells = ["45292", "45293.5"]
    assert days(cells, types={"x": "date"}) == ["2024-01-01", "2024-01-02 12:00:00"]
    assert days(cells, dates=("x",)) == ["2024-01-01", "2024-01-02 12:00:00"]
    assert days(cells, name="Order Date") == ["2024-01-01", "2024-01-02 12:00:00"]
    assert days(pd.Series([45292.0, 45293.5]), name="Order Date") == ["2024-01-01", "2024-01-02 12:00:00"]
    assert values(cells) == [45292, 45293.5]
    assert days(["1700000000", "1700003600"], types={"x": "date"})[0] == "2023-11-14 22:13:20"


@pytest.mark.parametrize(
    "cells",
    [
        ["31/02/2023", "30/02/2023"],
        ["1/2", "3/4"],
        ["2023-13-45", "2023-01-01"],
        ["13/06/2023", "06/13/2023"],
        ["May", "June"],
        ["12-34-5678", "11-22-3333"],
        ["March madness 2023", "May day 2022"],
    ],
)
def test_what_only_looks_like_dates_stays_text(cells: list[str]) -> None:
    assert learned(cells)[0].kind == "text"


def test_numbers_that_are_no_days_stay_numbers() -> None:
    assert values(["20240131", "20241331", "20230228"]) == [20240131, 20241331, 20230228]
    assert values(["2023", "2024"]) == [2023, 2024]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("14:30", 52200),
        ("2:30 pm", 52200),
        ("2:30:15 a.m.", 9015),
        ("12:00 AM", 0),
        ("7pm", 68400),
        ("14:30 Uhr", 52200),
        ("00:00:00.5", 0.5),
        ("24:00", 86400),
    ],
)
def test_times_of_day_are_seconds_since_midnight(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds
    assert values([text, text]) == [seconds, seconds]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("26:02:03", 93723), ("100:30", 361800), ("3 days", 259200), ("3 days 04:05:06", 273906), ("PT5M", 300)],
        *[("P1DT2H", 93600), ("90 min", 5400), ("1h 30m", 5400), ("1 day, 2 hours", 93600), ("2,5 Std", 9000)],
        *[("-1 days +23:00:00", -3600), ("250 ms", 0.25), ("2 weeks", 1209600), ("-PT1S", -1)],
    ],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert learned([text, text])[0].kind == "duration"
    assert values([text, text]) == [seconds, seconds]


def test_a_clock_beyond_a_day_is_a_duration() -> None:
    assert learned(["1:02:03", "26:00:00"])[0].kind == "duration"
    assert learned(["1:02:03", "23:00:00"])[0].kind == "time"
    assert learned(["5 m", "7 m"])[0].number.units == ("m",)  # metres


def test_bad_clocks_are_none() -> None:
    assert np.isnan([parse_time(t) for t in ("25:00", "12:60", "13:00 pm", "1:2", "24:30")]).all()
    assert np.isnan([parse_duration(t) for t in ("12:60", "P", "5 x", "2 hours 3 hours", "3")]).all()


FORMATS = [
    *["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S.%f"],
    *["%Y%m%d%H%M%S", "%d-%m-%Y %H:%M", "%Y/%m/%d, %H:%M"],
]
MOMENTS = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2068, 12, 31))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FORMATS), st.lists(MOMENTS, min_size=1, max_size=20))
def test_dates_written_in_any_format_come_back(form: str, moments: list[datetime.datetime]) -> None:
    texts = [m.strftime(form) for m in moments]
    expected = [datetime.datetime.strptime(t, form) for t in texts]
    made = parse_dates(texts, DateStyle((form,)))
    assert list(made) == [np.datetime64(e, "us") for e in expected]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FORMATS), st.lists(MOMENTS, min_size=25, max_size=60, unique_by=lambda m: m.date()))
def test_the_format_of_a_column_is_found(form: str, moments: list[datetime.datetime]) -> None:
    moments[0] = moments[0].replace(day=29, month=1)  # tells day from month
    moments[1] = moments[1].replace(year=1999, day=min(moments[1].day, 28))  # 1999 has no 29 February
    texts = [m.strftime(form) for m in moments]
    made = learned(texts)[1]
    assert list(made) == [pd.Timestamp(datetime.datetime.strptime(t, form)) for t in texts]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.from_regex(r"[0-3]\d/[01]\d/(19|20)\d\d", fullmatch=True), min_size=1, max_size=20))
def test_arithmetic_accepts_the_days_that_strptime_accepts(texts: list[str]) -> None:
    made = parse_dates(texts, DateStyle(("%d/%m/%Y",)))
    for text, date in zip(texts, made, strict=True):
        try:
            expected = np.datetime64(datetime.datetime.strptime(text, "%d/%m/%Y"), "us")
        except ValueError:
            assert np.isnat(date)
        else:
            assert date == expected


def test_dates_of_two_forms_stay_text_and_are_told() -> None:
    form, _, notes = learned(["2023-06-26", "15/08/2023"] * 20)
    assert form.kind == "text"
    assert "kept 'x' as text: its dates are written in different ways ('2023-06-26', '15/08/2023')" in notes[0]


def test_two_digit_years_in_front_are_told_from_days_by_their_number() -> None:
    moments = pd.date_range("2022-11-20", periods=60, freq="17D")
    cells = [str(m.date())[2:] for m in moments.to_series().sample(60, random_state=0)]
    assert days(cells)[0] == "20" + cells[0]
    back = ["-".join(reversed(c.split("-"))) for c in cells]  # 05-01-23
    assert days(back)[0] == "20" + cells[0]
    form, _, notes = learned(["23-01-05", "22-11-12"])
    assert form.kind == "datetime"
    assert "cannot tell whether day or year comes first in 'x' ('23-01-05'); took the day" in notes[0]


def test_pairs_of_years_are_no_months() -> None:
    assert learned(["2010/11", "2011/12", "2009/10"])[0].kind == "text"
    assert learned(["2010/11", "2011/12", "2009/08"])[0].kind == "datetime"


def test_numbers_in_a_column_that_only_ends_like_date_stay_numbers() -> None:
    for name in ("candidate", "mandate"):
        recipe, _ = TableRecipe.decide(table(**{name: ["45292", "45300", "45310"]}))
        assert recipe.columns[0].kind == "number"


def test_days_first_beside_months_first_are_told() -> None:
    form, _, notes = learned(["05/06/2023", "13/06/2023", "06/13/2023"])
    assert form.kind == "text"
    assert "its dates are written in different ways ('13/06/2023', '06/13/2023')" in notes[0]


def test_days_as_numbers_are_kept_as_numbers_by_the_remedy() -> None:
    cells = pd.Series([45292, 45300, 45310])
    note = learned(cells, name="order_date")[2][0]
    assert "--types order_date=number keeps its numbers" in note
    assert learned(cells, name="order_date", types={"order_date": "number"})[0].kind == "number"
