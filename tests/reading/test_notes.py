"""Remedies are typed in a shell as they stand."""

from __future__ import annotations

import shlex

import pytest
from columns_as_text import table

from automl_explain.reading._notes import as_typed
from automl_explain.reading._recipe import TableRecipe


@pytest.mark.parametrize("value", ["price", "net price", "d'or", "-x", "---", "-", "a=b", "$x"])
def test_an_option_is_typed_so_that_its_value_arrives(value: str) -> None:
    from automl_explain.cli._main import build_parser

    typed = ["explain", "t.csv", "--target", "y", *shlex.split(as_typed("--keep", value))]
    assert build_parser().parse_args(typed).keep == [value]


def test_names_with_blanks_are_quoted_in_remedies() -> None:
    _, notes = TableRecipe.decide(table(**{"net price": ["1,5", "2,25"] * 20}))
    assert notes[0].remedy == "--types 'net price=text' keeps it as text"
