"""Recipes: decided once, kept as JSON, applied to any rows."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from columns_as_text import learned, table
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_explain.exceptions import CorruptFileError, DataError
from automl_explain.reading._notes import DETAIL
from automl_explain.reading._options import TypeOptions
from automl_explain.reading._recipe import TableRecipe

N = 60


def around(*cells: Any) -> list[Any]:
    return [cells[i % len(cells)] for i in range(N)]


MIXED = table(
    number=[f"{i / 7:.3f}" for i in range(N)],
    whole=[str(i) for i in range(N)],
    gaps=around("1.5", "?", "2", ""),
    german=[f"{i},50" for i in range(N)],
    money=[f"${1000 + i:,}.50" for i in range(N)],
    odd=["12"] * (N - 1) + ["n.v."],
    code=[f"{i:03d}" for i in range(N)],
    large=[str(2**60 + i) for i in range(N)],
    answer=around("Yes", "no ", " yes"),
    dates=[f"{1 + i % 28:02d}/{1 + i % 12:02d}/2023 14:30" for i in range(N)],
    unsure=around("05/06/2023", "07/08/2023", ""),
    zones=around("2023-01-05T10:00:00+02:00", "2023-05-05T10:00:00Z"),
    days=around("20240131", "20230228", "20221105"),
    time=around("14:30", "02:15", "-"),
    duration=around("90 min", "2 h"),
    word=around("None", "Mild ", "NA"),
    text=[f"{i} words of text, e\u0301" for i in range(N)],
    nothing=[""] * N,
    typed=pd.Series(np.arange(N) * 0.5),
    flags=pd.Series(around(True, False)),
    stamps=pd.Series(pd.date_range("2020", periods=N, freq="h")),
)


def test_learning_is_deciding_and_reading() -> None:
    recipe, frame, notes = TableRecipe.learn(MIXED)
    assert (recipe, notes) == TableRecipe.decide(MIXED)
    pd.testing.assert_frame_equal(recipe.read(MIXED)[0], frame)
    kinds = {form.name: form.kind for form in recipe.columns}
    assert kinds == {
        **dict.fromkeys(["number", "whole", "gaps", "german", "money", "odd", "large", "typed"], "number"),
        **dict.fromkeys(["dates", "unsure", "zones", "days", "stamps"], "datetime"),
        **dict.fromkeys(["code", "word", "text", "nothing"], "text"),
        **dict.fromkeys(["answer", "flags"], "boolean"),
        "time": "time",
        "duration": "duration",
    }


def test_a_recipe_from_json_gives_the_same_columns() -> None:
    recipe, frame, _ = TableRecipe.learn(MIXED, target="word")
    recipe = dataclasses.replace(recipe, left_out={"nothing": "empty in every row"}, renamed={"text": "words"})
    again = TableRecipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    made = again.read(MIXED)[0]
    assert list(made) == [{"text": "words"}.get(c, c) for c in frame if c != "nothing"]
    pd.testing.assert_frame_equal(made.rename(columns={"words": "text"}), frame.drop(columns="nothing"))


LEARNED = TableRecipe.learn(MIXED)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, N - 1), max_size=30))
def test_any_rows_in_any_order_have_the_values_that_they_have_in_the_whole(rows: list[int]) -> None:
    recipe, frame, _ = LEARNED
    made = recipe.read(MIXED.take(np.array(rows, dtype=int)))[0]
    expected = frame.iloc[rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(made, expected)


def test_columns_are_found_by_name() -> None:
    recipe, frame, _ = LEARNED
    order = list(reversed(range(MIXED.n_columns)))
    turned = dataclasses.replace(
        MIXED,
        names=(*(MIXED.names[j] for j in order), "new"),
        cells=pd.concat([MIXED.cells[order], MIXED.cells[[0]]], axis=1).set_axis(range(len(order) + 1), axis=1),
    )
    made, notes = recipe.read(turned)
    pd.testing.assert_frame_equal(made, frame)
    assert [(n.text, n.weight) for n in notes] == [("did not use 'new', which the model does not know", DETAIL)]


def test_absent_columns_are_named() -> None:
    recipe = TableRecipe.decide(table(age=["1", "2"], plan=["a", "b"], churn=["x", "y"]), target="churn")[0]
    assert list(recipe.read(table(plan=["a"], age=["3"]))[0]) == ["age", "plan"]
    with pytest.raises(DataError, match="data.csv does not have the column 'plan'.* Did you rename 'plan' to 'Plan'?"):
        recipe.read(table(age=["1"], Plan=["a"]))


def test_cells_that_do_not_fit_are_named_with_line_and_column() -> None:
    recipe = TableRecipe.decide(table(age=["1", "2"], seen=["2023-01-05", "2023-01-06"]))[0]
    with pytest.raises(DataError, match=r"data.csv, line 3: column 'age' holds 'old', which is not a number \(2 such"):
        recipe.read(table(age=["1", "old", "older"], seen=["", "", ""]))
    with pytest.raises(
        DataError, match="line 2: column 'seen' holds '05.01.2023', which is not a date such as %Y-%m-%d"
    ):
        recipe.read(table(age=["1"], seen=["05.01.2023"]))
    frame, notes = recipe.read(table(age=["1", "old"], seen=["", ""]), misfits="missing")
    assert frame.age.isna().tolist() == [False, True]
    assert notes[0].details == ("line 3: 'old'",)
    assert recipe.read_with_misfits(table(age=["1", "old"], seen=["", ""]))[1] == {"age": [(3, "old")]}


def test_typed_columns_are_what_the_same_rows_are_as_text() -> None:
    typed = pd.DataFrame(
        {
            "whole": np.arange(30),
            "wide": np.arange(30) + 2**60,
            "part": np.arange(30) / 7,
            "single": (np.arange(30) / 7).astype("float32"),
            "gaps": pd.Series([1, None, 3] * 10, dtype="Int64"),
            "flag": [True, False, True] * 10,
            "maybe": pd.Series([True, False, None] * 10, dtype="boolean"),
            "when": pd.date_range("2020-01-01", periods=30, freq="D"),
            "until": pd.date_range("2020-01-01", periods=30, freq="h"),
            "word": pd.Series(["a", "b", None] * 10, dtype="string"),
            "class": pd.Series(["a", "b", "a"] * 10, dtype="category"),
            "money": [f"${i}" for i in range(30)],
            "number in text": pd.Series([str(i) for i in range(30)], dtype="category"),
        }
    )
    typed["day"] = typed.when.dt.date
    text = pd.read_csv(pd.io.common.StringIO(typed.to_csv(index=False)), dtype=object, keep_default_na=False)
    of_typed = TableRecipe.learn(table(**{c: typed[c] for c in typed}))
    of_text = TableRecipe.learn(table(**{c: text[c] for c in text}))
    pd.testing.assert_frame_equal(of_typed[1], of_text[1])
    for (recipe, _, _), other in ((of_typed, text), (of_text, typed)):
        made = recipe.read(table(**{c: other[c] for c in other}))[0]
        pd.testing.assert_frame_equal(made, of_text[1])


def test_names_that_model_libraries_refuse_get_others() -> None:
    recipe, frame, notes = TableRecipe.learn(table(**{"Price [EUR]": ["1", "2"], "y": ["a", "b"]}))
    assert list(frame) == ["Price _EUR_", "y"]
    assert recipe.renamed == {"Price [EUR]": "Price _EUR_"}
    assert notes[0].text == "renamed 'Price [EUR]' to 'Price _EUR_': model libraries refuse such names"
    with pytest.raises(ValueError, match="rename them"):
        TableRecipe.learn(table(**{"a<": ["1"], "a_": ["2"]}))


GOOD = LEARNED[0].to_json()


def changed(path: str, value: Any) -> Any:
    made = json.loads(json.dumps(GOOD))
    *keys, last = path.split("/")
    place = made
    for key in keys:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[int(last) if isinstance(place, list) else last] = value
    return made


@pytest.mark.parametrize(
    "data",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param({**GOOD, "more": 1}, id="another key"),
        pytest.param({**GOOD, "columns": GOOD["columns"] * 2}, id="columns twice"),
        pytest.param({**GOOD, "target": "z"}, id="a target that is no column"),
        pytest.param({**GOOD, "left_out": {"z": "why"}}, id="a column left out that is none"),
        pytest.param({**GOOD, "renamed": {"code": 3}}, id="a name that is none"),
        pytest.param({**GOOD, "renamed": {"code": "text"}}, id="a name twice"),
        pytest.param(changed("columns/0", "number"), id="a column that is a text"),
        pytest.param(changed("columns/0/kind", "pickle"), id="an unknown kind"),
        pytest.param(changed("columns/0/kind", ["number"]), id="a kind that is a list"),
        pytest.param(changed("columns/0/whole", 1), id="a number for yes"),
        pytest.param(changed("columns/0/gaps", [1]), id="a gap that is no text"),
        pytest.param(changed("columns/3/number", {"decimal": "x"}), id="an unknown decimal mark"),
        pytest.param(changed("columns/3/number", {"decimal": ",", "thousands": ","}), id="one mark for two"),
        pytest.param(changed("columns/3/number", {"units": [""]}), id="an empty unit"),
        pytest.param(changed("columns/9/date", {"formats": ["(a+)+"]}), id="a format that is a pattern"),
        pytest.param(changed("columns/9/date", {"formats": []}), id="no format"),
        pytest.param(changed("columns/9/date", {"formats": ["%Y"], "last_year": True}), id="a year that is none"),
        pytest.param(changed("columns/9/kind", "number"), id="a number with a date format"),
        pytest.param(changed("columns/8/words", ["a", "b"]), id="yes and no that are other words"),
    ],
)
def test_a_damaged_recipe_is_refused(data: Any) -> None:
    with pytest.raises(CorruptFileError, match="The recipe of the table is damaged"):
        TableRecipe.from_json(data)


def test_units_of_a_recipe_are_texts_and_not_patterns() -> None:
    data = changed("columns/3/number", {"units": [".*"], "bare": True})
    form = TableRecipe.from_json(data).columns[3]
    made, odd = form.read(pd.Series(["5 kg", "5 .*"], dtype=object), np.array([2, 3]))
    assert list(made)[1] == 5
    assert odd == [(2, "5 kg")]


def test_further_gap_marks_hold_for_all_columns() -> None:
    assert learned(["a", "none given", "b"], na=("none given",))[1].isna().tolist() == [False, True, False]
    assert learned(["1", "-999", "2"], na=("-999",))[1].isna().tolist() == [False, True, False]
    assert learned(pd.Series([1, -999, 2]), na=("-999",))[1].isna().tolist() == [False, True, False]
    recipe = TableRecipe.decide(table(x=["1", "-999"]), TypeOptions(na=("-999",)))[0]
    assert recipe.read(table(x=["-999", "-998"]))[0].x.isna().tolist() == [True, False]


def test_the_page_on_forms_names_tests_that_are_here() -> None:
    here = Path(__file__).parent
    page = (here.parent.parent / "docs" / "tables.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", page)
    assert len(named) == page.count("| `test_") > 20
    assert [n for n in named if f"def {n[1]}(" not in (here / n[0]).read_text(encoding="utf-8")] == []
