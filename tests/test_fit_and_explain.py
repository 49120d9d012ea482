"""Training with explanation: the model is kept whatever happens to the explanation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flaml import AutoML
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

from automl_explain import fit_and_explain, training
from automl_explain.exceptions import DataError, ExplanationWarning, InputError

X = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 3)), columns=list("abc"))
Y = np.where(X["a"] - X["b"] > 0, "yes", "no")


class Store:
    """Keeps explanations with their comments; breaks after some."""

    def __init__(self, breaks_after: int = 99) -> None:
        self.kept: dict[str, Any] = {}
        self.breaks_after = breaks_after

    def upload_model_explanation(self, explanation: Any, *, comment: str, true_ys: Any = None) -> None:
        if len(self.kept) >= self.breaks_after:
            raise OSError("disk full")
        self.kept[comment] = (explanation, true_ys)


def test_the_model_is_fitted_and_explained_in_one_call() -> None:
    result = fit_and_explain(LogisticRegression(), X, Y, X[:30], Y[:30], task="classification")
    assert result.error is None
    assert result.explanations.raw.get_ranked_global_names(top_k=3)[2] == "c"
    np.testing.assert_array_equal(result.model.predict(X), LogisticRegression().fit(X, Y).predict(X))
    assert result.explanations.setup.y_test.tolist() == Y[:30].tolist()
    assert len(result.explanations.raw) == 30
    assert repr(result).startswith("TrainingResult of LogisticRegression\nExplanation by 3 raw features")


def test_without_explainability_it_only_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "explain_automl", lambda *_, **__: pytest.fail("explained"))
    result = fit_and_explain(LinearRegression(), X, X["a"], task="regression", model_explainability=False)
    assert (result.explanations, result.error, result.stored) == (None, None, ())
    assert result.model.coef_[0] == pytest.approx(1.0)


@pytest.mark.parametrize("failure", [RuntimeError("no way"), MemoryError(), AssertionError("broken")])
def test_a_failure_of_the_explanation_never_loses_the_model(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(training, "explain_automl", fails)
    store = Store()
    with pytest.warns(ExplanationWarning, match="The model was fitted, but explaining it failed"):
        result = fit_and_explain(LinearRegression(), X, X["a"], task="regression", store=store)
    assert result.model.predict(X) == pytest.approx(X["a"].to_numpy())
    assert result.error is failure
    assert result.explanations is None
    assert store.kept == {}
    assert f"explanation failed: {type(failure).__name__}" in repr(result)


def test_candidates_and_both_spaces_are_stored() -> None:
    store = Store()
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=3)
    result = fit_and_explain(search, X, Y, X[:20], Y[:20], task="classification", candidates=["C=0.01"], store=store)
    assert list(result.candidates.explanations) == ["C=0.01"]
    assert list(store.kept) == ["best model, engineered", "best model, raw", "C=0.01, engineered", "C=0.01, raw"]
    assert result.stored == tuple(store.kept)
    assert store.kept["best model, raw"][0] is result.explanations.raw
    assert store.kept["C=0.01, raw"][1].tolist() == Y[:20].tolist()
    assert "CandidateComparison" in repr(result)
    assert "stored: best model, engineered" in repr(result)


def test_candidates_that_fail_leave_the_explanation_of_the_best() -> None:
    with pytest.warns(ExplanationWarning, match="explaining its candidates failed: UnsupportedModelError"):
        result = fit_and_explain(LinearRegression(), X, X["a"], task="regression", candidates=True)
    assert result.explanations is not None
    assert list(result.errors) == ["candidates"]


def test_a_store_that_fails_leaves_the_explanations() -> None:
    store = Store(breaks_after=1)
    with pytest.warns(ExplanationWarning, match="storing its explanations failed: OSError: disk full"):
        result = fit_and_explain(LinearRegression(), X, X["a"], task="regression", store=store)
    assert result.explanations is not None
    assert result.stored == ("best model, engineered",)
    assert str(result.error) == "disk full"


def test_what_the_fit_raises_is_passed_on() -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        fit_and_explain(LinearRegression(), X, X["a"], task="regression", time_budget=3)


@pytest.mark.parametrize(
    ("missing", "labels"),
    [
        (None, Y.astype(object)),
        (pd.NA, pd.Series(Y == "yes", dtype="boolean")),
        (pd.NA, pd.Series(np.where(Y == "yes", 7, 3), dtype="Int64")),
        (np.nan, np.where(Y == "yes", 1.0, 0.0)),
    ],
    ids=["text", "nullable boolean", "nullable integer", "float"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:flaml", "ignore::FutureWarning:flaml")
def test_rows_without_a_target_never_become_a_class(missing: Any, labels: Any) -> None:
    """FLAML makes a class of a missing label, and floats of nullable booleans."""
    y = labels.copy()
    y[:8] = missing
    known = sorted(set(labels.tolist()))
    automl = AutoML()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = fit_and_explain(
            automl,
            X,
            y,
            task="classification",
            model_explainability=False,
            estimator_list=["lgbm"],
            max_iter=2,
            n_jobs=1,
            verbose=0,
        )
    assert "8 of 100 rows have no target in `y`" in "".join(str(w.message) for w in caught)
    assert result.model.classes_.tolist() == known
    assert {type(c) for c in result.model.classes_.tolist()} == {type(c) for c in known}
    assert automl._state.data_size_full == 92


def test_wrong_arguments_are_found_before_the_fit() -> None:
    class Never(LinearRegression):
        def fit(self, X: Any, y: Any) -> Any:
            raise AssertionError("was fitted")

    def call(y: Any = X["a"], **options: Any) -> None:
        fit_and_explain(Never(), X, y, **{"task": "regression", **options})

    with pytest.raises(InputError, match="`task` must be one of"):
        call(task="clustering")
    with pytest.raises(InputError, match="`model_explainability` must be True or False"):
        call(model_explainability="yes")
    with pytest.raises(InputError, match=r"`candidates` is the text 'rf'"):
        call(candidates="rf")
    with pytest.raises(InputError, match="`store` must keep explanations"):
        call(store="folder")
    with pytest.raises(InputError, match="`raw_method` is 'both'"):
        call(raw_method="both")
    with pytest.raises(InputError, match="they must be the same rows"):
        call(X["a"][:9])
    with pytest.raises(DataError, match=r"`y` holds text \('no'\), and the task is regression"):
        call(np.sort(Y))
    with pytest.raises(DataError, match="8 of 100 targets in `y` are missing; a series needs one"):
        call(X["a"].where(np.arange(100) >= 8), task="forecasting")


def test_a_forecast_without_a_budget_is_refused_before_flaml_fails() -> None:
    """FLAML divides by the budget that was not given."""
    with pytest.raises(InputError, match=r"`time_budget` is missing.*Pass time_budget=60"):
        fit_and_explain(AutoML(), X, X["a"], task="forecasting", period=3)
    with pytest.raises(InputError, match=r"`period` is missing.*Pass period=12"):
        fit_and_explain(AutoML(), X, X["a"], task="forecasting", time_budget=3)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"setup_options": 3}, "`setup_options` is 3; expected a mapping"),
        ({"setup_options": {"max_rows": 9}}, "`setup_options` holds 'max_rows'; it takes 'features'"),
        ({"setup_options": {"X": None}}, "`setup_options` holds 'X'"),
        ({"candidates": 3}, "`candidates` is 3; expected names, or True for all"),
        ({"candidates": [3]}, r"`candidates` is \[3\]; expected names"),
        ({"y_test": [1.0]}, "`y_test` has 1 values, `X_test` has 60 rows"),
        ({"task": "classification"}, "`task` is 'classification', but Unfittable does regression"),
    ],
)
def test_every_argument_is_checked_before_the_fit(wishes: dict[str, object], message: str) -> None:
    class Unfittable(LinearRegression):
        def fit(self, X: Any, y: Any, sample_weight: object = None) -> None:
            raise AssertionError("fitted")

    rows = pd.DataFrame({"a": np.arange(60.0)})
    with pytest.raises(InputError, match=message):
        fit_and_explain(Unfittable(), rows, rows["a"], **{"task": "regression", **wishes})


@pytest.mark.parametrize(
    ("automl", "told"), [(LinearRegression, "the class LinearRegression"), ("AutoML", "str"), (None, "NoneType")]
)
def test_what_cannot_be_fitted_is_refused(automl: object, told: str) -> None:
    with pytest.raises(InputError, match=f"`automl` is {told}; expected an object with `fit`"):
        fit_and_explain(automl, pd.DataFrame({"a": [1.0, 2.0]}), [1.0, 2.0], task="regression")


def test_a_candidate_that_flaml_does_not_know_costs_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learners of the user's own, and the stack, are known."""

    def fit(self: object, X: object, y: object, task: str) -> None:
        raise AssertionError("fitted")

    monkeypatch.setattr(AutoML, "fit", fit)
    with pytest.raises(InputError, match="'rff' is no learner that FLAML can try for regression; did you mean 'rf'?"):
        fit_and_explain(AutoML(), X, X["a"], task="regression", candidates=["lgbm", "rff"])
    automl = AutoML()
    automl.add_learner("mine", object)
    with pytest.raises(AssertionError, match="fitted"):
        fit_and_explain(automl, X, X["a"], task="regression", candidates=["ensemble", "mine"])
