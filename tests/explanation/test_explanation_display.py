from __future__ import annotations

import html.parser

import numpy as np
import pytest
from explanation_strategies import explanations, make
from hypothesis import given
from hypothesis import strategies as st

from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation, Fidelity, bar_table


def test_bars_are_to_scale_and_numbers_keep_their_sign():
    lines = bar_table(["age", "job", "zip"], [4.0, -2.0, 0.0], unit="log-odds", width=40).split("\n")
    assert lines[0].split() == ["feature", "log-odds"]
    assert [line.count("█") for line in lines[1:]] == [19, 9, 0]
    assert [line.split()[-1] for line in lines[1:]] == ["4.000", "-2.000", "0.000"]
    assert "▌" in lines[2]


def test_a_small_value_has_a_bar_and_none_has_none():
    lines = bar_table(["big", "small", "nan"], [1.0, 1e-9, float("nan")], unit="target").split("\n")
    assert "▏" in lines[2]
    assert not set(lines[3]) & set("▏▎▍▌▋▊▉█")
    assert bar_table([], [], unit="target").split() == ["feature", "target"]


@given(
    st.lists(st.tuples(st.one_of(st.text(), st.integers()), st.floats()), max_size=5),
    st.integers(0, 200),
)
def test_bar_tables_never_break_their_lines(rows, width):
    lines = bar_table([r[0] for r in rows], [r[1] for r in rows], unit="log-odds", width=width).split("\n")
    assert len(lines) == 1 + len(rows)


def test_long_and_wide_names_are_cut_to_fit():
    lines = bar_table(["x" * 200, "漢" * 50], [1.0, 1.0], unit="target", width=60).split("\n")
    assert len(lines[0]) == len(lines[1]) == 60
    assert "…" in lines[1]
    assert "…" in lines[2]


def test_repr_names_space_task_unit_rows_fidelity_and_unmapped_share():
    fidelity = Fidelity.measure([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], rows="held-out")
    explanation = Explanation(
        values=np.ones((1, 2, 12)),
        base=[0.0],
        task="regression",
        space="engineered",
        fidelity=fidelity,
        method="mimic.lightgbm",
        unmapped=[[3.0, 1.0]],
        unmapped_features=("tf_9",),
    )
    text = repr(explanation)
    assert text.startswith("Explanation by 12 engineered features (mimic.lightgbm)\nregression, in target, 2 rows\n")
    assert "fidelity: R2 0.500 (" in text
    assert "and 2 more features" in text
    assert "unattributed contribution: 2.000, from 1 feature not listed" in text
    assert "note: The surrogate reproduces the model with R2 0.500 on 3 rows, below 0.95" in text
    assert "note: 1 feature is not listed: 'tf_9'." in text
    assert text.count("█") > 10


class _Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@given(explanations(min_rows=0))
def test_html_is_well_formed_and_self_contained(explanation):
    checker = _Checker()
    checker.feed(explanation._repr_html_())
    assert not checker.open
    assert checker.tags <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "br"}


def test_html_escapes_names_and_names_its_cells():
    explanation = make(features=["<script>alert(1)</script>", "a&b", '"c"'])
    markup = explanation._repr_html_()
    assert "<script>" not in markup
    assert "&lt;script&gt;" in markup
    for wanted in ('<th scope="row"', '<th scope="col"', "<caption", 'aria-hidden="true"'):
        assert wanted in markup


def test_visualize_shows_all_rows_or_one():
    explanation = make("binary", row_labels=list("pqrs"))
    assert repr(explanation.visualize()) == repr(explanation)
    row = explanation.visualize(1)
    assert repr(row).startswith("Row q: contributions towards 'yes' of engineered features, log-odds")
    assert "Row q" in row._repr_html_()
    assert "Row s" in repr(make("multiclass", sparse=True, row_labels=list("pqrs")).visualize(3))
    with pytest.raises(InputError, match="Row 9 does not exist"):
        explanation.visualize(9)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([44071.6, 3.2], ["44,072", "3"]),
        ([0.01234, 0.0005], ["0.01234", "0.00050"]),
        ([2e12, 1.0], ["2.000e+12", "1.000e+00"]),
    ],
)
def test_numbers_of_one_column_have_the_same_decimals(values, shown):
    lines = bar_table(["a", "b"], values, unit="target").split("\n")
    assert [line.split()[-1] for line in lines[1:]] == shown


@pytest.mark.parametrize(("unit", "sense"), [("outlier score", "lower"), ("anomaly score", "higher")])
def test_a_detectors_score_says_which_way_it_is_read(unit, sense):
    shown = Explanation(values=np.ones((1, 2, 3)), base=[0.0], task="regression", output_unit=unit)
    assert f"regression, in {unit} ({sense} is more abnormal), 2 rows" in repr(shown)
