"""Candidates of any search: listed, picked, and explained beside each other."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from automl_explain import (
    automl_setup_model_explanations,
    candidate,
    compare_candidates,
    explain_automl,
    list_candidates,
)
from automl_explain.adapters import _candidates
from automl_explain.candidates import Candidate, Candidates
from automl_explain.exceptions import ExplanationWarning, InputError, UnsupportedModelError


def table(n_rows: int = 100) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=n_rows), "b": rng.normal(size=n_rows), "c": rng.choice(["u", "v"], n_rows)})
    return X, 3 * X["a"].to_numpy() + X["b"].to_numpy() + 0.5 * (X["c"] == "u").to_numpy()


@pytest.fixture(scope="module")
def search() -> tuple[GridSearchCV, pd.DataFrame, np.ndarray]:
    X, score = table()
    y = np.where(score > 0, "yes", "no")
    prepare = make_column_transformer((OneHotEncoder(), ["c"]), (StandardScaler(), ["a", "b"]))
    pipe = make_pipeline(prepare, LogisticRegression())
    return GridSearchCV(pipe, {"logisticregression__C": [0.001, 0.1, 10.0]}, cv=3).fit(X, y), X, y


def test_a_search_lists_its_configurations_by_score(search: Any) -> None:
    model, _, _ = search
    found = list_candidates(model)
    scores = dict(
        zip(model.cv_results_["param_logisticregression__C"], model.cv_results_["mean_test_score"], strict=True)
    )
    assert found[0].configuration == model.best_params_
    assert [-one.loss for one in found] == [scores[one.configuration["logisticregression__C"]] for one in found]
    assert found.names[0] == f"logisticregression__C={model.best_params_['logisticregression__C']}"
    assert [one.status for one in found] == ["at once", "needs a refit", "needs a refit"]


def test_a_configuration_is_fitted_anew_and_the_best_is_the_search_itself(search: Any) -> None:
    model, X, y = search
    found = list_candidates(model)
    assert candidate(model, found.names[0]) is model
    other = candidate(model, found.names[2], X, y)
    direct = model.estimator.set_params(**found[2].configuration).fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), direct.predict_proba(X))
    setup = automl_setup_model_explanations(candidate(model, found.names[2]), "classification", X=X, X_test=X[:9], y=y)
    np.testing.assert_allclose(
        setup.automl_estimator.predict_proba(setup.X_test_transform), direct.predict_proba(X[:9]), rtol=1e-12
    )


def test_a_search_without_a_refit_has_no_model_of_its_own() -> None:
    X, y = table()
    model = GridSearchCV(Ridge(), {"alpha": [1.0, 100.0]}, refit=False, cv=3).fit(X[["a", "b"]], y)
    assert [one.fitted_on for one in list_candidates(model)] == [None, None]
    assert candidate(model, "alpha=1.0", X[["a", "b"]], y).alpha == 1.0
    several = GridSearchCV(
        Ridge(), {"alpha": [1.0, 100.0]}, scoring=["r2", "neg_mean_absolute_error"], refit="r2", cv=3
    )
    several.fit(X[["a", "b"]], y)
    assert [-one.loss for one in list_candidates(several)] == sorted(several.cv_results_["mean_test_r2"], reverse=True)
    unfitted = GridSearchCV(Ridge(), {"alpha": [1.0]})
    with pytest.raises(UnsupportedModelError, match="GridSearchCV is not fitted"):
        list_candidates(unfitted)


def test_a_halving_search_counts_every_configuration_once() -> None:
    """Its trials are of growing numbers of rows; the last one of each configuration counts."""
    X, y = table()
    model = HalvingGridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 100.0, 1000.0]}, cv=3, random_state=0)
    found = list_candidates(model.fit(X[["a", "b"]], y))
    assert len(model.cv_results_["params"]) > 4
    assert sorted(one.configuration["alpha"] for one in found) == [0.1, 1.0, 100.0, 1000.0]
    assert found[0].configuration == model.best_params_


def test_the_list_is_a_sequence_that_reads_well() -> None:
    known = Candidates(
        (
            Candidate("rf", {"n": np.int64(3)}, 0.25, 1.5, best=True, fitted_on="all rows"),
            Candidate("lgbm", {}, 0.5, None),
            Candidate("naive", {}, float("nan"), refusal="Naive forecasts from history."),
        )
    )
    assert known["lgbm"].needs_refit
    assert known[0].configuration == {"n": 3}
    assert type(known[0].configuration["n"]) is int
    assert known[1:].names == ["lgbm", "naive"]
    assert [known[2].explainable_at_once, known[2].needs_refit, known[2].status] == [False, False, "refused"]
    with pytest.raises(KeyError):
        known["sgd"]
    assert repr(known).splitlines() == [
        "candidate    loss  seconds  explainable",
        "rf (chosen)  0.25     1.50  at once",
        "lgbm          0.5           needs a refit",
        "naive                       refused",
    ]
    frame = known.to_frame()
    assert frame["name"].tolist() == ["rf", "lgbm", "naive"]
    assert frame["explainable"].tolist() == ["at once", "needs a refit", "refused"]
    assert pickle.loads(pickle.dumps(known[0])) == known[0]


def test_candidates_are_compared_side_by_side(search: Any) -> None:
    model, X, y = search
    found = compare_candidates(model, X, X[:40], y)
    names = list_candidates(model).names
    raw = found.to_frame()
    assert list(raw.columns) == names
    assert set(raw.index) == {"a", "b", "c"}
    assert raw.index[0] == "a"
    for name in names:
        importance = found.explanations[name].raw.get_feature_importance_dict()
        assert raw[name].to_dict() == pytest.approx(importance)
    np.testing.assert_allclose(found.to_frame(share=True).sum(), 1.0)
    np.testing.assert_allclose(found.to_frame(share=True)[names[1]], raw[names[1]] / raw[names[1]].sum())
    assert len(found.to_frame(space="engineered")) == 4
    text = repr(found)
    for word in (*names, "share of importance", "loss", "surrogate R2"):
        assert word in text
    assert found.failures == {}
    # A model held back by its penalty says less, in the unit of the output.
    strongest = {one.name: one.configuration["logisticregression__C"] for one in found.candidates}
    assert raw[max(strongest, key=strongest.get)]["a"] > raw[min(strongest, key=strongest.get)]["a"]


def test_a_candidate_that_fails_does_not_cost_the_others(search: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, X, y = search
    names = list_candidates(model).names
    from automl_explain.adapters._search_candidates import SearchCandidates

    own = SearchCandidates.model

    def broken(self: Any, name: str, *rows: Any) -> Any:
        if name == names[1]:
            raise MemoryError("too large")
        return own(self, name, *rows)

    monkeypatch.setattr(SearchCandidates, "model", broken)
    with pytest.warns(ExplanationWarning, match="could not be explained: MemoryError: too large"):
        found = compare_candidates(model, X, X[:20], y, names[:2])
    assert list(found.explanations) == names[:1]
    assert found.failures == {names[1]: "MemoryError: too large"}
    assert f"{names[1]} could not be explained: MemoryError" in repr(found)
    with pytest.raises(MemoryError, match="too large"):
        compare_candidates(model, X, X[:20], y, [names[1]])


def test_names_that_are_none_are_refused(search: Any) -> None:
    model, X, y = search
    with pytest.raises(InputError, match=r"`names` is the text 'rf'.*Pass \['rf'\]"):
        compare_candidates(model, X, X, y, "rf")
    with pytest.raises(InputError, match="`names` is empty"):
        compare_candidates(model, X, X, y, [])
    for names in (3, [3]):
        with pytest.raises(InputError, match="expected a list of names. Pass one such as "):
            compare_candidates(model, X, X, y, names)
    with pytest.raises(InputError, match="'rf' is no candidate. Tried were 'logisticregression__C"):
        compare_candidates(model, X, X, y, ["rf"])
    found = compare_candidates(model, X, X[:20], y, [list_candidates(model).names[0]] * 2)
    with pytest.raises(InputError, match="`space` is 'both'"):
        found.to_frame(space="both")
    assert len(found.candidates) == 1


def test_refused_candidates_are_left_out_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classical forecaster among the candidates."""

    class Source:
        def __init__(self, model: Any) -> None: ...

        def listed(self) -> list[Candidate]:
            return [Candidate("prophet", {}, 0.1, best=True, fitted_on="all rows", refusal="Prophet forecasts ...")]

        def model(self, name: str, X: Any = None, y: Any = None) -> Any:
            return _candidates.chosen(self.listed(), name)

    monkeypatch.setattr(_candidates, "find", lambda *_: Source)
    X, y = table()
    for names in (None, ["prophet"]):
        with pytest.raises(UnsupportedModelError, match="Prophet forecasts"):
            compare_candidates(DummyRegressor(), X, X, y, names)
    with pytest.raises(UnsupportedModelError, match="Prophet forecasts"):
        candidate(DummyRegressor(), "prophet")


def test_a_candidate_that_waits_for_rows_is_explained_without_a_task(search: Any) -> None:
    """It is fitted on the rows first, and tells its task then."""
    model, X, y = search
    name = list_candidates(model).names[1]
    waiting = explain_automl(candidate(model, name), X, X[:20], y)
    fitted = explain_automl(candidate(model, name, X, y), X, X[:20], y)
    np.testing.assert_array_equal(waiting.raw.local_importance_values, fitted.raw.local_importance_values)


def test_configurations_that_print_alike_stay_apart() -> None:
    """scikit-learn shortens what a large estimator prints; a name stands for one configuration all the same."""
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 1)), columns=["a"])
    far = "x" * 800
    steps = [FunctionTransformer(lengthened, kw_args={"note": far + mark + far}) for mark in "ab"]
    assert repr(steps[0]) == repr(steps[1])
    model = GridSearchCV(make_pipeline(steps[0], Ridge()), {"functiontransformer": steps}, cv=2).fit(X, X["a"])
    found = list_candidates(model)
    assert len(set(found.names)) == 2
    other = candidate(model, found.names[1], X, X["a"])
    assert other[0].kw_args == found[1].configuration["functiontransformer"].kw_args
    assert found[0].configuration["functiontransformer"] is model.best_params_["functiontransformer"]


def test_a_refit_leaves_the_estimators_of_the_search_as_they_are() -> None:
    X, y = table(30)
    tried = {"ridge": [Ridge(1.0), Ridge(9.0)]}
    model = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), tried, cv=2).fit(X[["a", "b"]], y)
    fitted = candidate(model, list_candidates(model).names[1], X[["a", "b"]], y)
    assert hasattr(fitted[-1], "coef_")
    assert not any(hasattr(one, "coef_") for one in tried["ridge"])


def lengthened(rows: pd.DataFrame, note: str) -> pd.DataFrame:
    return rows * len(note)
