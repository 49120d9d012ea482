"""Yes and no, texts and their gaps, and targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from columns_as_text import learned, table, values

from automl_explain.reading._forms import ColumnForm
from automl_explain.reading._recipe import TableRecipe


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["Yes", "no ", " yes", "NO", "Yes", "no"], ["Yes", "no", "Yes", "no", "Yes", "no"]),
        (["TRUE", "false", "True", "TRUE"], ["TRUE", "false", "TRUE", "TRUE"]),
        (["t", "f", "T"], ["t", "f", "t"]),
        (["ja", "Nein"], ["ja", "Nein"]),
        (["oui", "non"], ["oui", "non"]),
        (["on", "off", "?"], ["on", "off", None]),
        (["y", "n", ""], ["y", "n", None]),
    ],
)
def test_yes_and_no_are_two_values_in_any_case(cells: list[str], expected: list[str | None]) -> None:
    form, made, _ = learned(cells)
    assert form.kind == "boolean"
    assert [None if pd.isna(v) else v for v in made] == expected


@pytest.mark.parametrize("cells", [["yes", "no", "unknown"], ["yes", "nein"], ["yes", "yes"], ["m", "f"]])
def test_other_words_beside_yes_and_no_are_categories(cells: list[str]) -> None:
    assert learned(cells)[0].kind == "text"
    assert values(cells) == cells


def test_texts_keep_words_that_may_be_categories() -> None:
    cells = ["None", "NA", "unknown", "-", "?", "Mild"]
    assert values(cells) == cells
    assert learned(["a", "NaN", "NULL", "", None, "N/A"])[1].isna().tolist() == [False] + [True] * 5


def test_na_is_a_gap_where_it_is_one_among_the_numbers_of_the_table() -> None:
    of_r = table(x=["NA", "gravel", "paved"], y=["1.5", "NA", "2"], country=["NA", "DE", "FR"])
    frame = TableRecipe.learn(of_r)[1]
    assert frame.x.isna().tolist() == [True, False, False]
    assert frame.country.tolist() == ["NA", "DE", "FR"]


def test_blanks_around_and_decomposed_letters_make_no_other_category() -> None:
    assert values(["gold ", " gold", "Zu\u0308rich", "Z\u00fcrich"]) == ["gold", "gold", "Z\u00fcrich", "Z\u00fcrich"]


def test_categories_that_differ_in_capitals_stay_apart_and_are_told() -> None:
    form, made, notes = learned(["Gold", "gold", "basic"])
    assert form.kind == "text"
    assert made.nunique() == 3
    assert "differ in capital letters alone ('Gold', 'gold')" in notes[0]


def test_classes_of_a_target_keep_their_spelling_and_their_words() -> None:
    for cells in (
        ["None", "nan", "NULL", "Mild"],
        ["Yes", "no", "YES", "No"],
        ["1", "2", "unknown"],
        ["5 stars", "4 stars"],
    ):
        form, made, _ = learned(cells, target=True)
        assert form.kind == "text"
        assert list(made) == cells
    assert learned(["None", "", "Mild"], target=True)[1].isna().tolist() == [False, True, False]
    assert values(["1", "0", "1"], target=True) == [1, 0, 1]
    assert values(["$1,000.50", "$2"], target=True) == ["$1,000.50", "$2"]
    amounts = [f"${1000 + i:,}.50" for i in range(30)]
    assert values(amounts, target=True) == [1000.5 + i for i in range(30)]


def test_many_different_texts_are_what_few_are() -> None:
    many = [f"word {i}" for i in range(3000)]
    assert values(many) == many
    many[7], many[9], many[2999] = " word 7", "", "nan"
    form = ColumnForm("x", "text")
    made, misfits = form.read(pd.Series(many, dtype=object), np.arange(3000))
    assert misfits == []
    assert made.isna().sum() == 2
    assert made[7] == "word 7"
