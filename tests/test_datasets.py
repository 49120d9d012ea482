"""The tables really have the effects that they claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from automl_explain import datasets
from automl_explain.datasets import MixedTable, contributions, make_mixed_table
from automl_explain.exceptions import InputError

TASKS = ["binary", "multiclass", "regression"]


def one_row(**cells: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "contract": "two years",
        "tenure_months": 0,
        "monthly_charge": 60.0,
        "income": np.exp(10.3),
        "satisfaction": 6.5,
        "support_calls": 0,
        "payment_method": "cash",
        "paperless": False,
        "last_contact": pd.Timestamp("2022-01-01"),
        "region": "north",
        "account_suffix": 7,
    }
    return pd.DataFrame([row | cells])


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("contract", "month to month", 1.3),
        ("contract", "two years", -1.9),
        ("tenure_months", 0, 1.1),
        ("tenure_months", 15, 1.1 / np.e),
        ("monthly_charge", 160.0, 1.9),
        ("income", np.exp(11.3), -0.6),
        ("income", np.nan, -0.5),
        ("satisfaction", 8.5, -1.0),
        ("satisfaction", np.nan, 0.0),
        ("support_calls", 2, 0.0),
        ("support_calls", 3, 0.6),
        ("payment_method", "cash", 1.6),
        ("paperless", True, 0.2),
        ("last_contact", pd.Timestamp("2022-01-01"), 0.8 + 1.1),  # January, as old as it gets
        ("last_contact", pd.Timestamp("2024-12-31"), 0.8 * np.cos(2 * np.pi * 11 / 12)),
        ("region", "west", 0.0),
        ("account_suffix", 99, 0.0),
    ],
)
def test_each_column_contributes_what_is_worked_out_by_hand(column: str, cell: object, expected: float) -> None:
    assert contributions(one_row(**{column: cell}))[column].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_a_table_has_every_kind_of_column_and_no_effect_for_noise(task: str) -> None:
    table = make_mixed_table(400, task=task)
    assert isinstance(table, MixedTable)
    assert table.X.shape == (400, 11)
    assert list(table.true_effects) == list(table.X.columns)
    assert table.X["contract"].cat.ordered
    assert pd.api.types.is_datetime64_any_dtype(table.X["last_contact"])
    assert table.X["paperless"].dtype == bool
    assert table.X["income"].isna().any()
    assert table.true_effects["region"] == table.true_effects["account_suffix"] == 0.0
    assert sorted(table.true_effects.values())[2] > 0


def test_binary_effects_are_the_mean_absolute_contributions_from_the_mean() -> None:
    table = make_mixed_table(300, random_state=3)
    parts = contributions(table.X)
    for name, effect in table.true_effects.items():
        column = parts[name].tolist()
        mean = sum(column) / len(column)
        assert effect == pytest.approx(sum(abs(c - mean) for c in column) / len(column), abs=1e-12)


def test_regression_target_follows_the_contributions_at_120_euros_each() -> None:
    table = make_mixed_table(4000, task="regression")
    parts = contributions(table.X)
    used = [c for c in parts if table.true_effects[c] > 0]
    slopes = LinearRegression().fit(parts[used], table.y).coef_
    # Noise of 60 euros over 4,000 rows: the flattest column (sd 0.1) has a standard error of 10.
    assert np.abs(slopes - 120.0).max() < 40.0
    assert table.unit == "euros"


def test_binary_labels_come_as_often_as_the_signal_says() -> None:
    table = make_mixed_table(6000, random_state=5)
    parts = contributions(table.X)
    signal = (parts - parts.mean()).sum(axis=1)
    expected = 1 / (1 + np.exp(-(signal - 0.9)))
    for lower in np.arange(0, 1, 0.2):
        inside = (expected >= lower) & (expected < lower + 0.2)
        seen = (table.y[inside] == "yes").mean()
        # Four standard errors of a share over the rows of the bin.
        assert abs(seen - expected[inside].mean()) < 4 * np.sqrt(0.25 / inside.sum())


def test_multiclass_has_three_text_classes_that_follow_the_signal() -> None:
    table = make_mixed_table(3000, task="multiclass")
    signal = contributions(table.X).sum(axis=1)
    means = signal.groupby(table.y).mean()
    assert set(means.index) == {"stays", "downgrades", "leaves"}
    assert means["stays"] < means["downgrades"] < means["leaves"]


def test_cash_is_rare() -> None:
    share = (make_mixed_table(5000).X["payment_method"] == "cash").mean()
    assert 0.005 < share < 0.03


@given(st.integers(20, 60), st.sampled_from(TASKS), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_table(n_rows: int, task: str, seed: int) -> None:
    first, second = (make_mixed_table(n_rows, task=task, random_state=seed) for _ in range(2))
    pd.testing.assert_frame_equal(first.X, second.X)
    pd.testing.assert_series_equal(first.y, second.y)
    assert first.true_effects == second.true_effects


def test_another_seed_gives_another_table() -> None:
    assert not make_mixed_table(50).X.equals(make_mixed_table(50, random_state=1).X)


def test_a_table_cannot_be_rebound_or_its_effects_changed() -> None:
    table = make_mixed_table(20)
    with pytest.raises(AttributeError):
        table.y = None  # type: ignore[misc]
    with pytest.raises(TypeError):
        table.true_effects["region"] = 1.0  # type: ignore[index]
    assert repr(table) == "MixedTable(20 rows x 11 columns, task='binary', target='churned')"


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InputError, match="`task` must be one of 'binary', 'multiclass', 'regression'; got 'ranking'"):
        make_mixed_table(task="ranking")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 20"):
        make_mixed_table(19)


def test_every_table_says_what_it_is_about() -> None:
    assert all(make_mixed_table(20, task=t).description.endswith("?") for t in TASKS)
    assert set(datasets.__all__) == {"MixedTable", "make_mixed_table"}
