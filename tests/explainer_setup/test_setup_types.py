"""Rows to explain get the types of the training rows, or the column is named; never other numbers without a word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from flaml import AutoML
from models import QUICK, dense
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from automl_explain import (
    LGBMExplainableModel,
    MimicWrapper,
    automl_setup_model_explanations,
    compare_candidates,
    explain_automl,
    fit_and_explain,
)
from automl_explain.exceptions import DataError, InputError

N = 240


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    """Text with gaps, a code that looks like a number, and a number with gaps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "plan": rng.choice(["gold", "basic", None], N),
            "code": rng.choice(["007", "7", "12"], N),
            "age": rng.integers(18, 80, N).astype(float),
        }
    )
    frame.loc[::9, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def y(X: pd.DataFrame) -> np.ndarray:
    return np.where(X["plan"].isna() | (X["code"] == "007"), "yes", "no")


@pytest.fixture(scope="module")
def model(X: pd.DataFrame, y: np.ndarray) -> Pipeline:
    coded = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["plan", "code"]))
    return make_pipeline(coded, LogisticRegression(C=100.0)).fit(X, y)


@pytest.fixture(scope="module")
def automl(X: pd.DataFrame, y: np.ndarray) -> AutoML:
    fitted = AutoML()
    fitted.fit(
        X, y, task="classification", max_iter=3, time_budget=-1, estimator_list=["lgbm"], seed=0, verbose=0, n_jobs=1
    )
    return fitted


def chances(model: Any, rows: pd.DataFrame, **options: Any) -> np.ndarray:
    setup = automl_setup_model_explanations(model, "classification", X_test=rows, **options)
    return np.asarray(setup.automl_estimator.predict_proba(setup.X_test_transform)[:, 1])


def empty(kind: str) -> pd.DataFrame:
    """Two rows whose plan is missing: as pandas reads them from a file, or as they come from a database."""
    plan: Any = {"floats": [np.nan, np.nan], "objects": pd.Series([None, None], dtype=object)}[kind]
    return pd.DataFrame({"plan": plan, "code": ["7", "12"], "age": pd.Series([30, None], dtype=object)})


def in_a_larger_batch() -> pd.DataFrame:
    return pd.DataFrame({"plan": [None, None, "gold"], "code": ["7", "12", "7"], "age": [30.0, np.nan, 41.0]})


@pytest.mark.parametrize("kind", ["floats", "objects"])
def test_flaml_answers_an_empty_column_as_in_a_larger_batch(automl: AutoML, kind: str) -> None:
    """FLAML takes a column of NaN for unknown categories, not for missing text, and answers something else."""
    expected = automl.predict_proba(in_a_larger_batch())[:2, 1]
    np.testing.assert_array_equal(chances(automl, empty(kind)), expected)
    assert np.abs(automl.predict_proba(empty("floats").astype({"age": float}))[:, 1] - expected).max() > 0.1


@pytest.mark.parametrize("kind", ["floats", "objects"])
def test_a_pipeline_answers_an_empty_column_as_in_a_larger_batch(
    model: Pipeline, X: pd.DataFrame, y: np.ndarray, kind: str
) -> None:
    expected = model.predict_proba(in_a_larger_batch())[:2, 1]
    setup = automl_setup_model_explanations(model, "classification", X=X, X_test=empty(kind), y=y)
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_test_transform)[:, 1], expected)
    assert setup.X_test_raw.dtypes.equals(X.dtypes)
    np.testing.assert_array_equal(chances(model, empty(kind), schema=setup.schema), expected)


def test_codes_that_come_as_numbers_are_refused_everywhere(X: pd.DataFrame, y: np.ndarray, model: Pipeline) -> None:
    numbers = X[:5].assign(code=[7, 7, 12, 12, 7])
    message = r"Column 'code' of `X_test`, row 0: 7 \(int64\) is not of the training's type.*keeps codes such as '007'"
    with pytest.raises(DataError, match=message):
        explain_automl(model, X, numbers, y)
    with pytest.raises(DataError, match=message):
        compare_candidates_of(model, X, numbers, y)
    setup = automl_setup_model_explanations(model, "classification", X=X, y=y)
    with pytest.raises(DataError, match=message):
        automl_setup_model_explanations(model, "classification", X_test=numbers, schema=setup.schema)
    with pytest.raises(DataError, match=message):  # before the fit
        fit_and_explain(model, X, y, numbers, task="classification")


def compare_candidates_of(model: Pipeline, X: pd.DataFrame, X_test: pd.DataFrame, y: np.ndarray) -> Any:
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(model, {"logisticregression__C": [100.0]}, cv=2).fit(X, y)
    return compare_candidates(search, X, X_test, y)


def test_codes_that_come_as_numbers_are_refused_by_flaml_without_a_schema(automl: AutoML, X: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"Column 'code' of `X_test`, row 0: 7 \(int64\)"):
        chances(automl, X[:3].assign(code=[7, 7, 12]))
    with pytest.raises(DataError, match="Column 'age' of `X_test`, row 1: 'old'"):
        chances(automl, X[:2].assign(age=pd.Series([30, "old"], dtype=object)))


def test_rows_of_transformations_are_compared_with_the_training_rows(
    X: pd.DataFrame, y: np.ndarray, model: Pipeline
) -> None:
    wrapper = MimicWrapper(
        None, model[-1], LGBMExplainableModel, explainer_kwargs=QUICK, init_dataset=X, transformations=model[:-1]
    )
    expected = wrapper.explain(["local"], in_a_larger_batch()).values[:, :2]
    for kind in ("floats", "objects"):
        np.testing.assert_array_equal(wrapper.explain(["local"], empty(kind)).values, expected)
    with pytest.raises(DataError, match="Column 'code' of `eval_dataset`, row 0: 7 "):
        wrapper.explain(["local"], X[:2].assign(code=[7, 12]))
    with pytest.raises(InputError, match="`eval_dataset` has other columns .*missing: 'code'"):
        wrapper.explain(["local"], X[:2].rename(columns={"code": "kode"}))


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.astype({"plan": object, "code": object}),
        lambda X: X.astype({"plan": "string", "code": "string"}),
        lambda X: X.astype({"plan": "category", "code": "category"}),
        lambda X: X.astype({"age": "Float64"}),
        lambda X: X.astype({"age": "float32"}),
        lambda X: X[["age", "code", "plan"]],
    ],
)
def test_the_same_values_in_other_types_are_explained_alike(
    X: pd.DataFrame, y: np.ndarray, model: Pipeline, change: Any
) -> None:
    def engineered(rows: pd.DataFrame) -> np.ndarray:
        setup = automl_setup_model_explanations(model, "classification", X=X, X_test=rows, y=y)
        return dense(setup.X_test_transform)

    np.testing.assert_array_equal(engineered(change(X)), engineered(X))


def test_the_schema_of_the_training_rows_is_kept(X: pd.DataFrame, y: np.ndarray, model: Pipeline) -> None:
    setup = automl_setup_model_explanations(model, "classification", X=X, X_test=X[:3], y=y)
    assert setup.schema.names == ("plan", "code", "age")
    assert setup.feature_map.raw_schema == setup.schema
    alone = automl_setup_model_explanations(model, "classification", X_test=X[:3], schema=setup.schema)
    assert alone.schema is setup.schema
    with pytest.raises(InputError, match="`X_test` has other columns .*missing: 'age'"):
        automl_setup_model_explanations(model, "classification", X_test=X[["plan", "code"]], schema=setup.schema)
    with pytest.raises(InputError, match="`schema` is a dict; expected a TableSchema. Pass `setup.schema`"):
        automl_setup_model_explanations(model, "classification", X_test=X, schema={})  # type: ignore[arg-type]


def test_names_of_arrays_stand_in_the_schema(X: pd.DataFrame, y: np.ndarray) -> None:
    rows = X[["age"]].fillna(0.0).to_numpy()
    bare = LogisticRegression().fit(rows, y)
    setup = automl_setup_model_explanations(bare, "classification", X=rows, X_test=rows[:2], y=y, features=["age"])
    assert setup.schema.names == ("age",)
    with pytest.raises(InputError, match="`X_test` has 2 columns; the model was trained on 1"):
        automl_setup_model_explanations(
            bare, "classification", X_test=np.ones((1, 2)), features=["age", "b"], schema=setup.schema
        )


@pytest.mark.parametrize("package", ["polars", "pyarrow"])
def test_tables_of_other_libraries_are_explained_like_pandas(
    X: pd.DataFrame, y: np.ndarray, model: Pipeline, package: str
) -> None:
    polars = pytest.importorskip("polars")

    def table(frame: pd.DataFrame) -> Any:
        made = polars.DataFrame({c: [None if pd.isna(v) else v for v in frame[c]] for c in frame})
        return made if package == "polars" else made.to_arrow()

    expected = explain_automl(model, X, X[:20], y, method="direct").raw
    found = explain_automl(model, table(X), table(X[:20]), y, method="direct").raw
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.features == expected.features
