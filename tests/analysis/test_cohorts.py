"""Cohorts: importances of groups of rows, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from explanation_strategies import OUTPUTS, global_only, make

from automl_explain import compare_cohorts
from automl_explain.exceptions import InputError, MissingLocalValuesError

KINDS = sorted(OUTPUTS)


def small(**fields):
    """Four rows r0 to r3 with |values| (1, 0), (3, 0), (0, 2), (0, 6)."""
    frame = pd.DataFrame({"age": [20, 30, 60, np.nan], "town": list("xyxy")}, index=["r0", "r1", "r2", "r3"])
    given = {
        "values": np.array([[[1.0, 0.0], [-3.0, 0.0], [0.0, 2.0], [0.0, -6.0]]]),
        "base": [1.0],
        "task": "regression",
        "features": ["age", "town"],
        "eval_data": frame,
        **fields,
    }
    return make(**given)


# Masks


def test_a_mask_with_an_index_goes_by_the_labels_of_the_rows():
    mask = pd.Series([True, False, False, True], index=["r3", "r1", "r0", "r2"])
    assert small().subset(mask).row_labels.tolist() == ["r2", "r3"]
    assert small()[mask].global_importance_values.tolist() == [0.0, 4.0]


def test_a_mask_of_the_whole_table_picks_among_the_rows_explained():
    mask = pd.Series([True, True, False, False, True], index=["r1", "other", "r0", "r2", "r3"])
    assert small().subset(mask).row_labels.tolist() == ["r1", "r3"]


def test_a_mask_without_labels_goes_by_position():
    assert small().subset(pd.Series([True, False, False, False])).row_labels.tolist() == ["r0"]
    nameless = small(eval_data=None)
    assert nameless.subset(pd.Series([True, False, False, False], index=list("abcd"))).num_examples == 1


def test_rows_numbered_in_another_order_are_not_taken_by_position():
    """As after a seeded sample: the label 0 is the last row."""
    explanation = small(eval_data=None, row_labels=[3, 1, 2, 0])
    assert explanation.subset(pd.Series([True, False, False, False])).row_labels.tolist() == [0]


def test_a_numbered_mask_that_shares_some_labels_is_refused():
    """It may mean labels or positions: nobody can tell."""
    explanation = small(eval_data=None, row_labels=[5, 1, 9, 8])
    with pytest.raises(InputError, match="3 of 4 rows are not in it once"):
        explanation.subset(pd.Series([True, False, False, False]))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (pd.Series([True] * 4, index=["r0", "r1", "r2", "zz"]), "1 of 4 rows are not in it once"),
        (pd.Series([True] * 4, index=["r0", "r0", "r2", "r3"]), "index is not that of the rows"),
        (pd.Series([True, None, False, False], dtype="boolean"), r"1 missing values.*mask.fillna\(False\)"),
        (pd.Series([True, False]), r"shape \(2,\); expected one bool for each of the 4 rows"),
        (np.array([1.0, 0.0, 1.0, 0.0]), "Rows must be a whole number"),
        (np.ones((4, 2), dtype=bool), r"shape \(4, 2\)"),
        ("age", "Rows must be a whole number"),
    ],
    ids=str,
)
def test_a_mask_that_does_not_fit_the_rows_is_refused(mask, message):
    with pytest.raises(InputError, match=message):
        small().subset(mask)


# Comparison


def test_importances_side_by_side_by_hand():
    compared = compare_cohorts(small(), {"young": [True, True, False, False], "rest": [2, 3]})
    table = compared.frame()
    assert table.index.tolist() == ["town", "age"]  # spreads of 4 and 2
    assert table["importance"].to_dict("index") == {
        "town": {"(all rows)": 2.0, "young": 0.0, "rest": 4.0},
        "age": {"(all rows)": 1.0, "young": 2.0, "rest": 0.0},
    }
    assert table["difference"].loc["town"].to_dict() == {"young": -2.0, "rest": 2.0}
    assert table["spread"].tolist() == [4.0, 2.0]
    assert compared.sizes == {"young": 2, "rest": 2}
    summary = compared.summary()
    assert summary.loc["young"].to_dict() == {"rows": 2, "share": 0.5, "output": 0.0, "top feature": "age"}


def test_a_column_makes_a_cohort_of_each_category_or_quantile():
    by_town = compare_cohorts(small(), "town")
    assert by_town.sizes == {"town x": 2, "town y": 2}
    assert by_town.cohorts["town y"].row_labels.tolist() == ["r1", "r3"]
    by_age = compare_cohorts(small(), "age", n_bins=2)
    assert by_age.sizes == {"age <= 30": 2, "age > 30": 1, "age (missing)": 1}


def test_a_column_of_an_array_goes_by_the_name_of_its_feature():
    cells = np.array([[0.0, 1], [0, 2], [5, 3], [0, 4]])
    for table in (cells, sp.csr_matrix(cells)):
        assert compare_cohorts(small(eval_data=table), "age").sizes == {"age 0": 3, "age 5": 1}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_a_cohorts_importance_is_the_mean_over_its_rows(kind, sparse):
    explanation = make(kind, 30, 4, sparse=sparse)
    mask = np.arange(30) % 3 == 0
    compared = compare_cohorts(explanation, {"a": mask, "b": ~mask})
    table = compared.frame()["importance"].loc[explanation.features]
    np.testing.assert_allclose(table["a"], explanation[mask].global_importance_values, rtol=1e-12)
    # The whole is the mean of its parts, by rows.
    np.testing.assert_allclose((10 * table["a"] + 20 * table["b"]) / 30, table["(all rows)"], rtol=1e-12)


def test_one_class_can_be_asked_for():
    explanation = make("multiclass", 12, 3)
    table = compare_cohorts(explanation, {"a": range(4), "b": range(4, 12)}).frame(label="c")
    np.testing.assert_allclose(table["importance"].loc["f1", "a"], explanation[:4].per_class_values[2, 1], rtol=1e-12)
    summary = compare_cohorts(explanation, {"a": range(4)}).summary()
    assert [c for c in summary if c.startswith("output")] == ["output a", "output b", "output c"]
    with pytest.raises(InputError, match="`label` must be one of the classes .*; got 'z'"):
        compare_cohorts(explanation, {"a": range(4)}).frame(label="z")
    with pytest.raises(InputError, match="a regression explanation has no classes"):
        compare_cohorts(small(), {"a": [0]}).frame(label="z")


@pytest.mark.parametrize(
    ("cohorts", "message"),
    [
        ({"none": [False] * 4}, "Cohort 'none' has no rows"),
        ({"short": [True]}, r"Cohort 'short': The mask has shape \(1,\)"),
        ({}, "names no cohort"),
        ({1: [0], "1": [1]}, "same name"),
        ("size", r"`cohorts` is 'size'; expected one column of `eval_data` \('age', 'town'\)"),
        (None, "`cohorts` is None"),
    ],
)
def test_cohorts_that_mean_nothing_are_refused(cohorts, message):
    with pytest.raises(InputError, match=message):
        compare_cohorts(small(), cohorts)


def test_cohorts_need_values_and_a_column_needs_rows():
    with pytest.raises(MissingLocalValuesError, match="cohorts need the values of each row"):
        compare_cohorts(global_only(), {"a": [0]})
    with pytest.raises(InputError, match="holds no rows"):
        compare_cohorts(small(eval_data=None), "age")
    with pytest.raises(InputError, match="`n_bins` must be a whole number of at least 2; got 1"):
        compare_cohorts(small(), "age", n_bins=1)


def test_a_comparison_shows_sizes_and_importances_and_stays_as_it_is():
    compared = compare_cohorts(small(), "town")
    assert repr(compared).startswith("Cohorts: town x (2 rows), town y (2 rows)\nin target")
    assert "(all rows)" in repr(compared)
    assert compared._repr_html_().count("<table") == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        compared.overall = None
    with pytest.raises(TypeError):
        compared.cohorts["new"] = None


def test_frame_is_the_former_name_of_to_frame():
    compared = compare_cohorts(small(), {"a": [0]})
    pd.testing.assert_frame_equal(compared.frame(), compared.to_frame())
