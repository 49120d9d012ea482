"""Transformers that tempt probing, or a rule, into links that are not there or out of links that are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from truth import dependence, frame

from automl_explain.exceptions import InputError, UnknownTransformerError, UnmappedFeaturesWarning
from automl_explain.lineage import collected, trace

NUMBERS = frame(missing=False)[["a", "b", "c"]]


def claims(function: Any) -> FunctionTransformer:
    """A function that says of itself that every output belongs to the input at its place."""
    return FunctionTransformer(function, feature_names_out="one-to-one")


def over_the_least(T: pd.DataFrame) -> pd.DataFrame:
    """Every cell less the least of its row."""
    return T.sub(T.min(axis=1), axis=0)


@pytest.mark.parametrize("n_rows", [1, 2, 9])
def test_the_claim_of_a_function_is_not_believed_on_a_few_rows(n_rows: int) -> None:
    """A shuffle of one row changes nothing, so a function of the whole row would pass for one of each column."""
    with pytest.warns(UnmappedFeaturesWarning, match=f"cannot be probed with {n_rows} rows"):
        fm = trace(claims(over_the_least).fit(NUMBERS), NUMBERS[:n_rows])
    assert fm.unknown == (0, 1, 2)


def test_the_claim_of_a_function_is_tried_on_as_many_rows_as_probing_takes() -> None:
    """Of 128 rows none reaches the threshold; the column behind it is found all the same."""
    at = np.arange(2000)
    few = np.linspace(0, 1999, 128).astype(int)
    rare = np.setdiff1d(at, few)[::200]
    X = pd.DataFrame({"a": at + 1.0, "b": np.where(np.isin(at, rare), 9.0, at % 3), "c": at % 7})
    step = claims(lambda T: T.assign(a=np.where(T["b"] > 5, 0.0, T["a"])))
    np.testing.assert_array_equal(trace(step.fit(X), X).support.toarray(), dependence(step.transform, X))


def test_the_claim_of_a_function_is_tried_on_gaps_and_on_standing_columns() -> None:
    """The sample has no gaps, and a column that never changes."""
    X = NUMBERS.assign(z=1.0)
    told = trace(claims(lambda T: T.assign(a=T["a"].fillna(0.0) + T["b"].isna(), c=T["c"] * T["z"])).fit(X), X)
    expected = np.identity(4, dtype=bool)
    expected[1, 0] = expected[3, 2] = True
    np.testing.assert_array_equal(told.support.toarray(), expected)


def test_a_claim_that_holds_is_confirmed_for_many_columns_in_a_few_calls() -> None:
    """Columns are changed in groups by the binary digits of their position; the report tells what it took."""
    X = np.random.default_rng(0).normal(size=(60, 300))
    with collected() as steps:
        fm = trace(claims(lambda Z: Z**2).fit(X), X)
    np.testing.assert_array_equal(np.asarray(fm), np.identity(300))
    assert set(fm.how) == {"probe"}
    assert steps[-1].n_calls < 60


def test_a_claim_is_refused_where_nothing_may_be_probed() -> None:
    with pytest.raises(UnknownTransformerError, match="does not cover these settings"):
        trace(claims(lambda T: T + 1).fit(NUMBERS), NUMBERS, probe=False)


def test_outputs_that_read_the_labels_of_the_rows_are_unmapped() -> None:
    """Several changed tables go through one call, under labels of their own."""
    X = NUMBERS.set_axis(np.arange(len(NUMBERS))[::-1] * 3 + 5, axis=0)
    with pytest.warns(UnmappedFeaturesWarning, match="depends on the labels of the rows"):
        fm = trace(FunctionTransformer(lambda T: T.reset_index()).fit(X), X)
    assert fm.unknown == (0,)
    np.testing.assert_array_equal(np.asarray(fm)[:, 1:], np.identity(3))


def test_outputs_that_read_dates_in_the_labels_of_the_rows_are_unmapped() -> None:
    X = NUMBERS.set_axis(pd.date_range("2024-01-01", periods=len(NUMBERS), freq="D"), axis=0)
    with pytest.warns(UnmappedFeaturesWarning, match="depends on the labels of the rows"):
        fm = trace(FunctionTransformer(lambda T: T.assign(b=T.index.month * T["a"])).fit(X), X)
    assert fm.unknown == (1,)


EMPTY = {
    "object": pd.Series([np.nan] * 300, dtype=object),
    "text": pd.Series([pd.NA] * 300, dtype="string"),
    "category": pd.Series([None] * 300, dtype=pd.CategoricalDtype(["u", "v"])),
    "whole number": pd.Series([pd.NA] * 300, dtype="Int64"),
    "boolean": pd.Series([pd.NA] * 300, dtype="boolean"),
    "date": pd.Series(pd.to_datetime([None] * 300)),
    "date with a zone": pd.Series(pd.to_datetime([None] * 300, utc=True)),
    "duration": pd.Series(pd.to_timedelta([None] * 300)),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_column_that_is_all_missing_is_given_a_value_of_its_type(kind: str) -> None:
    """What it switches on shows only then: the output is 0 in all rows there are."""
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=300), "z": EMPTY[kind]})
    step = FunctionTransformer(lambda T: np.column_stack([T["a"], T["a"] * T["z"].notna()]))
    fm = trace(step.fit(X), X)
    np.testing.assert_array_equal(fm.support.toarray(), [[1, 1], [0, 1]])
    np.testing.assert_array_equal(np.asarray(fm), [[1, 0.5], [0, 0.5]])


@pytest.mark.parametrize("kind", ["object", "period", "record"])
def test_a_standing_column_without_another_value_may_matter_everywhere(kind: str) -> None:
    """Its type has no second value that probing knows of, and so it is named in the report."""
    cells = {"object": object(), "period": pd.Period("2024-01"), "record": {"k": 1}}
    X = pd.DataFrame({"a": np.arange(300.0), "z": [cells[kind]] * 300})
    with collected() as steps:
        fm = trace(FunctionTransformer(lambda T: T[["a"]].to_numpy() * 2 + 1).fit(X), X)
    assert fm.support.toarray().all()
    np.testing.assert_array_equal(np.asarray(fm), [[1], [0]])
    assert steps[-1].standing == ("z",)


def test_columns_of_polars_that_stand_still_may_matter_everywhere() -> None:
    pytest.importorskip("polars")
    scale = make_column_transformer(("passthrough", ["c"]), (StandardScaler(), ["a", "b"]))
    X = NUMBERS.assign(c=2.0)
    product = FunctionTransformer(lambda P: P.to_numpy()[:, [0]] * P.to_numpy()[:, [1]])
    steps = make_pipeline(scale.set_output(transform="polars"), product).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmappedFeaturesWarning)
        fm = trace(steps, X)
    np.testing.assert_array_equal(fm.support.toarray()[[0, 2], 0], [1, 1])


def test_a_constant_that_passes_a_confirmed_claim_is_a_constant_still() -> None:
    """The bias of PolynomialFeatures has no parent, so a claim that holds gives it none, and no warning."""
    fm = trace(make_pipeline(PolynomialFeatures(2), claims(lambda Z: Z * 3)).fit(NUMBERS), NUMBERS)
    assert fm.unmapped == (0,)
    assert fm.unknown == ()


def test_an_object_with_a_transform_of_its_own_has_no_rule() -> None:
    """Set on the object, not on its class, so the class says nothing."""
    scaler, table = StandardScaler().fit(NUMBERS), make_column_transformer((StandardScaler(), ["a", "b"])).fit(NUMBERS)
    scaler.transform = lambda Z: StandardScaler.transform(scaler, Z)[:, ::-1]
    table.transform = lambda T: ColumnTransformer.transform(table, T)[:, ::-1]
    np.testing.assert_array_equal(np.asarray(trace(scaler, NUMBERS)), np.identity(3)[::-1])
    np.testing.assert_array_equal(np.asarray(trace(table, NUMBERS)), [[0, 1], [1, 0], [0, 0]])


def test_raw_rows_of_polars_are_refused_by_name() -> None:
    """The schema of a map holds types of pandas and numpy."""
    polars = pytest.importorskip("polars")
    with pytest.raises(InputError, match="`X` is a polars.*Expected a pandas DataFrame"):
        trace("passthrough", polars.DataFrame({"a": [1.0, 2.0]}))


def test_a_switch_that_only_extreme_or_rare_cells_turn_is_seen() -> None:
    """A thousand rows out of six miss what one row in two thousand does, unless rows at the ends are among them."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=6000), "b": rng.normal(size=6000), "c": rng.normal(size=6000)})
    X["kind"] = rng.choice(["u", "v", "w"], 6000)
    X.loc[[1234, 4321], "kind"] = "rare"
    X["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(6000), unit="h")

    def switched(T: pd.DataFrame) -> np.ndarray:
        late = T["when"] >= pd.Timestamp("2024-01-01") + pd.Timedelta(hours=5997)
        parts = [T["b"].where(T["c"] < 3.2, T["a"]), T["b"].where(T["kind"] != "rare", T["c"]), T["b"].mask(late, 0.0)]
        return np.column_stack(parts)

    expected = np.zeros((5, 3), dtype=bool)
    expected[1, :] = expected[[0, 2], 0] = expected[[2, 3], 1] = expected[4, 2] = True
    np.testing.assert_array_equal(trace(FunctionTransformer(switched).fit(X), X).support.toarray(), expected)
