"""Pipelines that read text, dates and categories: explained by their raw columns, whose cells they get as they are."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from automl_explain import (
    KernelExplainer,
    KernelScoringExplainer,
    LGBMExplainableModel,
    LinearExplainer,
    MimicExplainer,
    TabularExplainer,
    TreeScoringExplainer,
    load,
    save,
)
from automl_explain.exceptions import DataError

RNG = np.random.default_rng(0)
N = 80
TABLE = pd.DataFrame(
    {
        "city": RNG.choice(["Rome", "Oslo", None], N).astype(object),
        "code": RNG.choice(["01", "1", "10"], N),  # numbers to float, and three things to people
        "day": pd.date_range("2020-03-01", periods=N, freq="17h", tz="Europe/Berlin"),
        "size": pd.Categorical(RNG.choice(["S", "L"], N)),
        "n": pd.array([None if i % 7 == 0 else i % 3 for i in range(N)], dtype="Int64"),
        "x": RNG.normal(size=N),
    }
)
COLUMNS = list(TABLE.columns)
SMALL = {"n_estimators": 20, "n_jobs": 1}


def weekday(rows: pd.DataFrame) -> np.ndarray:
    assert str(rows["day"].dtype).endswith("Europe/Berlin]")
    return rows["day"].dt.day_of_week.to_numpy()[:, None]


def filled(rows: pd.DataFrame) -> np.ndarray:
    return rows["n"].astype("Float64").fillna(-1.0).to_numpy(dtype=float)[:, None]


@pytest.fixture(scope="module")
def model() -> Any:
    read = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "code", "size"]),
        (FunctionTransformer(weekday), ["day"]),
        (FunctionTransformer(filled), ["n"]),
        remainder="passthrough",
    )
    target = (TABLE["city"] == "Rome") * 2.0 + (TABLE["code"] == "1") - TABLE["day"].dt.day_of_week / 3 + TABLE["x"]
    return make_pipeline(read, Ridge()).fit(TABLE, target)


def by_definition(predict: Callable[[pd.DataFrame], np.ndarray], row: pd.DataFrame, background: pd.DataFrame) -> Any:
    """Shapley values of one row as the mean over background rows, coalition by coalition."""
    n = row.shape[1]
    value = {}
    for k in range(n + 1):
        for chosen in itertools.combinations(range(n), k):
            parts = [(row if j in chosen else background).iloc[:, j] for j in range(n)]
            repeated = [p.repeat(len(background)) if len(p) == 1 else p for p in parts]
            value[chosen] = predict(pd.concat([p.reset_index(drop=True) for p in repeated], axis=1)).mean()
    found = np.zeros(n)
    for chosen, worth in value.items():
        for j in set(range(n)) - set(chosen):
            share = math.factorial(len(chosen)) * math.factorial(n - len(chosen) - 1) / math.factorial(n)
            found[j] += share * (value[tuple(sorted({*chosen, j}))] - worth)
    return found


@pytest.mark.parametrize("make", [KernelExplainer, TabularExplainer])
def test_values_of_text_dates_and_categories_are_those_by_definition(make: Any, model: Any) -> None:
    background, row = TABLE.iloc[:6], TABLE.iloc[[31]]
    found = make(model, background).explain_local(row)
    assert found.features == COLUMNS
    # All 62 coalitions are tried; the regression solves for the values to rounding.
    np.testing.assert_allclose(
        found.local_importance_values[0], by_definition(model.predict, row, background), atol=1e-9
    )


def test_text_that_training_lacked_reaches_the_model_unchanged(model: Any) -> None:
    """Not so much as a missing cell: this model knows None, but no other text."""
    seen: list[pd.DataFrame] = []

    def noted(rows: pd.DataFrame) -> np.ndarray:
        seen.append(rows)
        return np.asarray(model.predict(rows))

    explainer = KernelExplainer(noted, TABLE.iloc[:6], is_function=True, model_task="regression")
    row = TABLE.iloc[[31]].assign(
        city="Paris", code="+01", size=pd.Categorical(["XL"]), day=pd.Timestamp.now("Asia/Tokyo")
    )
    row["day"] = row["day"].dt.tz_convert("Europe/Berlin")
    seen.clear()
    found = explainer.explain_local(row)
    cells = pd.concat(seen)
    assert set(cells["city"]) - set(TABLE["city"]) == {"Paris"}
    assert set(cells["code"]) <= {"01", "1", "10", "+01"}
    assert {"S", "L", "XL"} >= set(cells["size"]) >= {"XL"}
    assert row["day"].iloc[0] in set(cells["day"])
    np.testing.assert_allclose(
        found.local_importance_values[0], by_definition(model.predict, row, TABLE.iloc[:6]), atol=1e-9
    )
    seen.clear()
    explainer.explain_local(TABLE.iloc[[31]])
    assert list(pd.concat(seen)["size"].astype("category").cat.categories) == ["L", "S"]  # no trace of rows before


def test_every_cell_comes_back_to_the_last_nanosecond_and_with_its_type() -> None:
    frame = pd.DataFrame(
        {
            "object": pd.Series(["a", None, np.nan, pd.NA, 1, True, 1.5], dtype=object),
            "naive": pd.to_datetime([*["2020-01-01 00:00:00.000000001"] * 6, None], format="ISO8601").as_unit("ns"),
            "zoned": pd.date_range("2020-10-25", periods=7, freq="h", tz="Europe/Berlin"),  # one hour is there twice
            "string": pd.array(["a", None, "b", "c", "d", "e", "f"], dtype="string"),
            "whole": pd.array([1, None, 3, 4, 5, 6, 7], dtype="Int64"),
            "flag": pd.array([True, None, False, True, True, True, True], dtype="boolean"),
            "ordered": pd.Categorical(list("aabbcca"), categories=list("cba"), ordered=True),
            "small": np.arange(7, dtype="uint8"),
        }
    )
    seen: list[pd.DataFrame] = []

    def noted(rows: pd.DataFrame) -> np.ndarray:
        seen.append(rows)
        return rows["small"].to_numpy(dtype=float)

    KernelExplainer(noted, frame, is_function=True, model_task="regression", nclusters=7)
    back = next(rows for rows in seen[1:] if len(rows) == 7)
    pd.testing.assert_frame_equal(back, frame)


def test_a_whole_number_column_that_gets_a_fraction_is_not_cut_off() -> None:
    model = LinearRegression().fit(TABLE[["x"]].assign(i=np.arange(N)), np.arange(N) * 2.0)
    rows = TABLE[["x"]].assign(i=np.arange(N))
    found = KernelExplainer(model, rows.iloc[:5]).explain_local(rows.iloc[[7]].assign(i=7.5))
    np.testing.assert_allclose(found.local_importance_values[0, 1], 2.0 * (7.5 - 2.0), atol=1e-9)  # mean of 0 to 4


def test_saved_kernel_explainers_get_the_cells_back_too(model: Any, tmp_path: Any) -> None:
    explainer = KernelExplainer(model, TABLE.iloc[:6])
    rows = TABLE.iloc[30:33].assign(city=["Paris", None, "Rome"])
    save(KernelScoringExplainer(explainer), directory=tmp_path, exist_ok=True)
    again = load(tmp_path, model=model)
    np.testing.assert_array_equal(again.explain(rows), explainer.explain_local(rows).local_importance_values)


def test_a_surrogate_of_a_pipeline_explains_raw_columns_by_their_names(model: Any, tmp_path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a small surrogate, for speed
        explainer = MimicExplainer(model, TABLE, LGBMExplainableModel, SMALL, augment_data=False)
    found = explainer.explain_local(TABLE)
    assert found.features == COLUMNS
    np.testing.assert_allclose(found.output[:, 0] + found.residuals[0], model.predict(TABLE), rtol=1e-9)  # rounding
    assert found.get_feature_importance_dict()["city"] > 0.1
    save(TreeScoringExplainer(explainer), directory=tmp_path, exist_ok=True)
    np.testing.assert_array_equal(load(tmp_path).explain(TABLE), found.local_importance_values)
    later = TABLE.iloc[[3, 4]].assign(city="Paris")
    later.loc[3, "day"] = pd.NaT
    assert np.isnan(explainer.encoder.encode(later)[0, 2])


def test_a_surrogate_reads_days_in_their_order() -> None:
    rows = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=400, freq="D"), "x": RNG.normal(size=400)})

    def late(table: pd.DataFrame) -> np.ndarray:
        return (table["day"] > "2020-07-01").to_numpy() * 10.0

    how: dict[str, Any] = {"is_function": True, "model_task": "regression", "augment_data": False}
    explainer = MimicExplainer(late, rows, LGBMExplainableModel, SMALL, **how)
    between = pd.DataFrame({"day": pd.to_datetime(["2020-02-01 07:00", "2020-11-05 18:30"], utc=True), "x": 0.0})
    values = explainer.explain_local(between.assign(day=between["day"].dt.tz_localize(None))).local_importance_values
    assert values[0, 0] < -4 < 4 < values[1, 0]  # half of the rows are late
    with pytest.raises(DataError, match="Column 'day' held dates in training"):
        explainer.encoder.encode(pd.DataFrame({"day": ["soon"], "x": [0.0]}))


LATER = TABLE.iloc[:3].reset_index(drop=True)
OTHERWISE = [
    ("city", [1, 2, 3], "'city'.* 1 "),
    ("size", [0, 1, 0], "'size'.* 0 "),
    ("size", pd.Categorical([0, 1, 0]), "'size'.* 0 "),
    ("day", [1583020800, 1583082000, 1583143200], "'day'.*1583020800|'day'.*holds numbers"),
]


@pytest.fixture(scope="module", params=["kernel", "mimic"])
def explainer(request: Any, model: Any) -> Any:
    if request.param == "kernel":
        return KernelExplainer(model, TABLE.iloc[:6])
    return MimicExplainer(model, TABLE, LGBMExplainableModel, SMALL, augment_data=False)


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.ResidualWarning")  # a small surrogate, for speed
@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.parametrize(("column", "values", "message"), OTHERWISE)
def test_values_coded_otherwise_than_in_training_are_refused(
    explainer: Any, column: str, values: Any, message: str
) -> None:
    """The model takes them for values it never saw, and the explanation would follow."""
    rows = LATER.assign(**{column: values})
    with pytest.raises(DataError, match=message):
        explainer.explain_local(rows)
    with pytest.raises(DataError, match=message):
        explainer.create_scoring_explainer().explain(rows)
    with pytest.raises(DataError, match=message):
        explainer.create_scoring_explainer().explain(rows.iloc[:1])


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.ResidualWarning")
@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.parametrize(
    "rows",
    [
        LATER.assign(size=LATER["size"].astype(str)),
        LATER.assign(code=pd.Categorical(LATER["code"])),
        LATER.assign(day=LATER["day"].dt.tz_convert("UTC")),
        LATER.assign(day=LATER["day"].map(str)),
        LATER.assign(x=LATER["x"].astype(object)),
        LATER.astype({"n": "Float64"}),
    ],
    ids=["text of categories", "categories of text", "another zone", "text of dates", "objects", "floats"],
)
def test_the_same_values_of_other_types_are_explained_alike(explainer: Any, rows: pd.DataFrame) -> None:
    expected = explainer.explain_local(LATER)
    found = explainer.explain_local(rows)
    np.testing.assert_array_equal(found.local_importance_values, expected.local_importance_values)
    np.testing.assert_array_equal(found.eval_y_predicted, expected.eval_y_predicted)
    np.testing.assert_array_equal(explainer.create_scoring_explainer().explain(rows), expected.local_importance_values)


@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.ResidualWarning")
@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
def test_a_text_column_without_values_reaches_the_model_as_missing_text(explainer: Any, model: Any) -> None:
    """Of numbers, as pandas reads an empty column, the encoder of the pipeline would make something else, or fail."""
    found = explainer.explain_local(LATER.assign(city=np.nan))
    empty = LATER.assign(city=pd.Series([None] * 3, dtype=TABLE["city"].dtype))
    np.testing.assert_array_equal(found.eval_y_predicted, model.predict(empty))
    np.testing.assert_array_equal(found.local_importance_values, explainer.explain_local(empty).local_importance_values)


@pytest.mark.parametrize("make", [KernelExplainer, MimicExplainer])
def test_arrays_of_text_and_numbers_are_taken_as_they_are(make: Any) -> None:
    cells = TABLE[["code", "x"]].astype(object).to_numpy()
    read = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), [0])], remainder="passthrough")
    model = make_pipeline(read, Ridge()).fit(cells, np.arange(N))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a small surrogate, for speed
        more = (LGBMExplainableModel, SMALL, False, False) if make is MimicExplainer else ()
        found = make(model, cells[:40], *more).explain_local(cells[40:43])
    np.testing.assert_allclose(found.output[:, 0] + found.residuals[0], model.predict(cells[40:43]), rtol=1e-9)


def test_numbers_may_be_named_as_categories_everywhere(model: Any) -> None:
    for make in (KernelExplainer, TabularExplainer):
        found = make(model, TABLE.iloc[:6], categorical_features=["n"]).explain_local(TABLE.iloc[[31]])
        assert np.isfinite(found.local_importance_values).all()


def test_a_model_without_a_pipeline_is_told_what_to_do_about_text() -> None:
    numbers = TABLE[["x"]].assign(y=1.0)
    explainer = LinearExplainer(Ridge().fit(numbers, np.arange(N)), numbers)
    with pytest.raises(DataError, match="Column 'y' holds 'two'.*a Pipeline, with MimicExplainer or KernelExplainer"):
        explainer.encoder.encode(numbers.assign(y="two"))


def test_cells_that_are_lists_are_refused_by_the_name_of_their_column(model: Any) -> None:
    with pytest.raises(DataError, match="Column 'city' holds a value that is neither text, number, date nor missing"):
        KernelExplainer(lambda rows: np.zeros(len(rows)), TABLE.assign(city=[["a"]] * N), is_function=True)


@pytest.mark.parametrize(
    "cells", [pd.to_timedelta(range(20), unit="h"), pd.period_range("2024-01", periods=20, freq="M")]
)
def test_spans_and_periods_are_refused_with_the_explainer_that_takes_them(cells: Any) -> None:
    X = pd.DataFrame({"since": cells, "x": np.arange(20.0)})

    def twice(rows: pd.DataFrame) -> np.ndarray:
        return 2 * np.asarray(rows["x"], dtype=np.float64)

    how = {"is_function": True, "model_task": "regression"}
    with pytest.raises(DataError, match="'since' holds (Timedelta|Period).*with KernelExplainer, which takes spans"):
        MimicExplainer(twice, X, LGBMExplainableModel, **how)
    values = KernelExplainer(twice, X, **how).explain_local(X[:3]).local_importance_values
    np.testing.assert_allclose(values, [[0, -19], [0, -17], [0, -15]], atol=1e-9)  # rounding of the mean output
