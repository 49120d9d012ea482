"""What the model's library refuses, labels it does not know, and what a setup shares with its caller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import automl_setup_model_explanations
from automl_explain.exceptions import DataError, ExplanationWarning, InputError, UnsupportedModelError
from automl_explain.explainer_setup import AutoMLExplainerSetup


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "k": rng.choice(["u", "v"], 60)})


@pytest.fixture(scope="module")
def y(X: pd.DataFrame) -> np.ndarray:
    return np.where(X["a"] > 0, "yes", "no").astype(object)


@pytest.fixture(scope="module")
def model(X: pd.DataFrame, y: np.ndarray) -> Pipeline:
    """Pipeline with an encoder that refuses categories it has not seen."""
    prepare = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["k"]))
    return make_pipeline(prepare, LogisticRegression()).fit(X, y)


@pytest.fixture(scope="module")
def bare(X: pd.DataFrame, y: np.ndarray) -> LogisticRegression:
    return LogisticRegression().fit(X[["a", "b"]], y)


def set_up(model: Any, **options: Any) -> AutoMLExplainerSetup:
    return automl_setup_model_explanations(model, "classification", **options)


# --- what the library refuses ----------------------------------------------------------------


@pytest.mark.parametrize("columns", [["b", "a"], ["a"]], ids=["permuted", "missing"])
def test_columns_that_a_bare_estimator_refuses_are_a_data_error(
    bare: LogisticRegression, X: pd.DataFrame, columns: list[str]
) -> None:
    with pytest.raises(DataError, match=r"could not predict numbers from `X` \(ValueError: .*feature names") as caught:
        set_up(bare, X=X[columns])
    assert type(caught.value.__cause__) is ValueError


def test_infinite_numbers_are_a_data_error(bare: LogisticRegression, X: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"could not predict numbers from `X` \(ValueError: Input X contains inf"):
        set_up(bare, X=X[["a", "b"]].assign(a=np.inf))


def test_an_unseen_category_names_the_rows_and_the_category(model: Pipeline, X: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"(?s)could not transform `X_test` \(ValueError: .*unknown.*zz"):
        set_up(model, X=X, X_test=X.assign(k="zz"))


def test_text_in_a_column_of_numbers_is_a_data_error(model: Pipeline, X: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"Column 'a' of `X_test`, row 0: 'word' .* have numbers there"):
        set_up(model, X=X, X_test=X.assign(a="word"))
    with pytest.raises(DataError, match=r"cannot transform the sample: ValueError: .*'word'"):
        set_up(model, X_test=X.assign(a="word"))


def test_predictions_of_text_are_a_data_error(X: pd.DataFrame) -> None:
    class Text:
        def predict(self, X: Any) -> np.ndarray:
            return np.array(["word"] * len(X))

    with pytest.raises(DataError, match=r"could not predict numbers .*'word'.*numbers as predictions"):
        automl_setup_model_explanations(Text(), "regression", X=X)


def test_errors_of_this_package_pass_as_they_are(X: pd.DataFrame) -> None:
    class Refuses:
        def predict(self, X: Any) -> np.ndarray:
            raise UnsupportedModelError("not this one")

    with pytest.raises(UnsupportedModelError, match=r"^not this one$"):
        automl_setup_model_explanations(Refuses(), "regression", X=X)


@pytest.mark.parametrize("number", ["10", 10.5, None])
def test_a_number_of_rows_that_is_no_whole_number_is_refused(model: Pipeline, X: pd.DataFrame, number: Any) -> None:
    with pytest.raises(InputError, match=r"`max_eval_rows` must be a whole number of at least 1; got .*Pass an int"):
        set_up(model, X_test=X, max_eval_rows=number)
    assert set_up(model, X_test=X, max_eval_rows=np.int64(5)).X_test_raw.shape[0] == 5


# --- labels ----------------------------------------------------------------------------------


def test_labels_of_which_the_model_knows_none_are_refused(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"`y` holds the labels (0, 1|1, 0), and the model knows 'no', 'yes'"):
        set_up(model, X=X, y=(y == "yes").astype(int))


def test_some_unknown_labels_are_warned_of_and_kept(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    odd = y.copy()
    odd[3] = "maybe"
    with pytest.warns(ExplanationWarning, match=r"does not know: 'maybe'; it knows 'no', 'yes'") as caught:
        setup = set_up(model, X=X, y=odd)
    assert caught[0].filename == __file__
    assert setup.X_transform.shape[0] == len(setup.y) == 60
    assert setup.classes == ["no", "yes"]


# --- what is shared --------------------------------------------------------------------------


def test_targets_are_read_only_copies(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    own, own_test = y.copy(), y.copy()
    setup = set_up(model, X=X, X_test=X, y=own, y_test=own_test)
    own[:] = own_test[:] = "changed"
    for kept in (setup.y, setup.y_test):
        assert kept is not None
        assert kept.tolist() == y.tolist()
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = "changed"


def test_changing_a_list_of_names_or_classes_changes_no_setup(model: Pipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    setup = set_up(model, X=X, y=y)
    for name in ("classes", "raw_feature_names", "engineered_feature_names"):
        assert type(getattr(setup, name)) is list
        before = tuple(getattr(setup, name))
        getattr(setup, name).append(9)
        assert tuple(getattr(setup, name)) == before
