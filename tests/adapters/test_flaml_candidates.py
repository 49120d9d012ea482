"""Every learner that FLAML tried, as a model: never one that predicts ones, never a fit on the last fold."""

from __future__ import annotations

import importlib.util
import logging
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flaml import AutoML
from models import fit_flaml
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from automl_explain import (
    LGBMExplainableModel,
    MimicWrapper,
    automl_check_model_if_explainable,
    automl_setup_model_explanations,
    candidate,
    list_candidates,
)
from automl_explain.adapters import _flaml_candidates
from automl_explain.adapters._flaml_candidates import FlamlCandidate, FlamlCandidates
from automl_explain.exceptions import DataError, InputError, UnsupportedModelError

# The adapter calls FLAML's own featurization, which on pandas 3 uses accessors that pandas will drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:flaml", "ignore::FutureWarning:flaml")

CLASSIFIERS = [
    "lgbm",
    "rf",
    "extra_tree",
    "xgboost",
    "xgb_limitdepth",
    "histgb",
    "kneighbor",
    "lrl1",
    "lrl2",
    "sgd",
    "svc",
]
REGRESSORS = ["lgbm", "rf", "extra_tree", "xgboost", "xgb_limitdepth", "histgb", "kneighbor", "sgd"]
HAS_CATBOOST = importlib.util.find_spec("catboost") is not None
CATBOOST_MARKS = [pytest.mark.slow, pytest.mark.skipif(not HAS_CATBOOST, reason="catboost is not installed")]
SLOW = [pytest.param("catboost", marks=CATBOOST_MARKS)]


def fit(X: Any, y: Any, task: str = "classification", learners: list[str] | None = None, **options: Any) -> AutoML:
    """FLAML model that came to several learners."""
    return fit_flaml(X, y, task, learners or ["lgbm", "rf", "lrl1"], **{"max_iter": 6, **options})


def labels_of(score: np.ndarray) -> np.ndarray:
    return np.where(score > 0, "yes", "no").astype(object)


@pytest.fixture(scope="module")
def run(mixed: pd.DataFrame, score: np.ndarray) -> AutoML:
    """A run over three learners, without a history of models."""
    return fit(mixed, labels_of(score))


@pytest.fixture
def refit_best(mixed: pd.DataFrame, score: np.ndarray) -> Callable[..., None]:
    def check(learner: str, task: str) -> None:
        y: Any = score if task == "regression" else labels_of(score)
        automl = fit(mixed, y, task, [learner], max_iter=2)
        source = FlamlCandidates(automl)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # solvers stopped after few steps
            made, note = source._refitted(source.listed()[0], mixed, y)
        assert note == "fitted anew from its best configuration on 400 rows"
        refitted = FlamlCandidate(automl, learner, made, note)
        assert made is not automl.model
        np.testing.assert_array_equal(refitted.predict(mixed), automl.predict(mixed))
        assert hasattr(refitted, "predict_proba") is (task == "classification")
        if task == "classification":
            np.testing.assert_array_equal(refitted.predict_proba(mixed), automl.predict_proba(mixed))

    return check


@pytest.mark.parametrize("learner", [*CLASSIFIERS, *SLOW])
def test_a_refit_is_the_model_that_flaml_itself_fits_bit_for_bit(refit_best: Any, learner: str) -> None:
    """The best learner is kept by FLAML, so its refit can be compared: configuration, coding and order of rows."""
    refit_best(learner, "classification")


@pytest.mark.parametrize("learner", [*REGRESSORS, *SLOW])
def test_a_refit_of_a_regressor_is_the_model_that_flaml_itself_fits(refit_best: Any, learner: str) -> None:
    refit_best(learner, "regression")


def test_rare_classes_are_repeated_as_flaml_does(rng: np.random.Generator) -> None:
    """FLAML repeats rows of classes with fewer than 20 until there are 20; a forest sees the difference."""
    X = pd.DataFrame(rng.normal(size=(150, 3)), columns=list("abc"))
    y = np.where(np.arange(150) < 7, "rare", np.where(X["a"] > 0, "up", "down"))
    automl = fit(X, y, learners=["rf"], max_iter=2)
    source = FlamlCandidates(automl)
    made, note = source._refitted(source.listed()[0], X, y)
    assert automl._state.data_size_full == 150 + 2 * 7
    assert note == "fitted anew from its best configuration on 150 rows"
    np.testing.assert_array_equal(FlamlCandidate(automl, "rf", made, "").predict_proba(X), automl.predict_proba(X))


def test_rows_keep_the_weights_that_flaml_was_fitted_with(rng: np.random.Generator) -> None:
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    y = np.where(X["a"] + rng.normal(size=200) > 0, "up", "down")
    weights = rng.random(200)
    automl = fit(X, y, learners=["rf"], max_iter=2, sample_weight=weights)
    source = FlamlCandidates(automl)
    made, _ = source._refitted(source.listed()[0], X, y)
    np.testing.assert_array_equal(FlamlCandidate(automl, "rf", made, "").predict_proba(X), automl.predict_proba(X))
    with pytest.raises(InputError, match="sample_weight` on 200 rows, and 100 rows were passed"):
        source._refitted(source.listed()[0], X[:100], y[:100])


def test_the_list_tells_what_flaml_found(run: AutoML) -> None:
    found = list_candidates(run)
    assert found[0].name == run.best_estimator
    assert found[0].best
    losses = {e: loss for e, loss in run.best_loss_per_estimator.items() if loss is not None and np.isfinite(loss)}
    assert {one.name: one.loss for one in found} == losses
    others = [one.loss for one in found[1:]]
    assert others == sorted(others)
    for one in found:
        config = run.best_config_per_estimator[one.name]
        assert dict(one.configuration) == {k: v for k, v in config.items() if k != "FLAML_sample_size"}
        assert one.training_seconds is not None
        assert one.training_seconds > 0
        assert not any(isinstance(v, np.generic) for v in one.configuration.values())
    assert len(found) > 1
    assert [one.needs_refit for one in found] == [False] + [True] * (len(found) - 1)
    assert [one.explainable_at_once for one in found] == [True] + [False] * (len(found) - 1)


def test_a_candidate_that_was_never_fitted_is_fitted_anew(run: AutoML, mixed: pd.DataFrame, score: np.ndarray) -> None:
    """FLAML's own accessor gives a learner that predicts all ones."""
    name = list_candidates(run)[1].name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        theirs = run.best_model_for_estimator(name)
    logging.getLogger("flaml.automl.logger").setLevel(logging.ERROR)
    assert theirs.estimator is None
    assert set(theirs.predict(run.preprocess(mixed))) == {1.0}
    y = labels_of(score)
    model = candidate(run, name, mixed, y)
    assert repr(model) == f"FlamlCandidate({name!r}): fitted anew from its best configuration on 400 rows"
    assert (model.predict(mixed) == y).mean() > 0.8
    assert run.best_estimator != name  # the run itself is as it was


def test_a_candidate_fitted_on_a_part_of_the_rows_is_told_and_fitted_anew(
    mixed: pd.DataFrame, score: np.ndarray
) -> None:
    """With a history of models FLAML keeps the fit on the last fold."""
    y = labels_of(score)
    automl = fit(mixed, y, learners=["lgbm", "rf"], max_iter=8, model_history=True, eval_method="cv", n_splits=3)
    other = list_candidates(automl)[1]
    assert other.fitted_on == "part of the rows"
    assert other.needs_refit
    assert other.status == "needs a refit, kept a fit on part of the rows"
    kept = automl._search_states[other.name].trained_estimator
    model = candidate(automl, other.name, mixed, y)
    assert model.automl.model is not kept
    assert not np.array_equal(model.predict_proba(mixed), kept.predict_proba(automl.preprocess(mixed)))


def test_the_chosen_model_is_explained_as_it_is_even_if_fitted_on_a_part(
    mixed: pd.DataFrame, score: np.ndarray
) -> None:
    """Without `retrain_full` FLAML's best model saw 90 % of the rows, and it is what predicts."""
    automl = fit(mixed, labels_of(score), learners=["rf"], eval_method="holdout", retrain_full=False)
    best = list_candidates(automl)[0]
    assert best.fitted_on == "part of the rows"
    assert best.explainable_at_once
    assert best.status == "at once; was fitted on part of the rows"
    model = candidate(automl, "rf")
    assert "fitted on part of the rows" in repr(model)
    np.testing.assert_array_equal(model.predict_proba(mixed), automl.predict_proba(mixed))


@pytest.fixture(scope="module")
def stacked() -> tuple[AutoML, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    y = np.where(X["a"] + X["b"] * X["c"] > 0, "yes", "no")
    learners = ["lgbm", "rf", "extra_tree"]
    # One job, or the stacker starts processes of its own, which takes seconds.
    automl = fit(X, y, learners=learners, max_iter=40, time_budget=20, ensemble={"n_jobs": 1})
    return automl, X, y


def test_the_best_learner_of_a_stack_is_not_the_stack(stacked: Any) -> None:
    """FLAML's accessor gives the whole stack for the name of the best learner."""
    automl, X, y = stacked
    assert type(automl.best_model_for_estimator(automl.best_estimator)).__name__ == "StackingClassifier"
    found = list_candidates(automl)
    assert found[0].name == "ensemble"
    assert found[0].best
    assert [one.best for one in found[1:]] == [False] * (len(found) - 1)
    one = candidate(automl, automl.best_estimator, X, y)
    assert type(one.automl.model).__name__ != "StackingClassifier"
    assert not np.array_equal(one.predict_proba(X), automl.predict_proba(X))
    np.testing.assert_array_equal(candidate(automl, "ensemble").predict_proba(X), automl.predict_proba(X))


def test_members_of_a_stack_are_kept_fits_on_all_rows(stacked: Any) -> None:
    """They equal a refit from the best configuration, so none is needed."""
    automl, X, y = stacked
    source = FlamlCandidates(automl)
    members = [name for name, _ in automl.model.estimators]
    assert len(members) >= 2
    for name in members:
        one = list_candidates(automl)[name]
        assert one.explainable_at_once
        if name == "rf":  # it draws rows, and the stack was fitted on them in another order
            continue
        made, note = source._refitted(one, X, y)
        np.testing.assert_array_equal(
            candidate(automl, name).predict_proba(X), FlamlCandidate(automl, name, made, note).predict_proba(X)
        )


def test_the_setup_fits_a_candidate_on_its_rows(run: AutoML, mixed: pd.DataFrame, score: np.ndarray) -> None:
    """``fitted_model=candidate(automl, name)`` is all that is to be written."""
    y = labels_of(score)
    name = list_candidates(run)[1].name
    waiting = candidate(run, name)
    assert "to be fitted anew" in repr(waiting)
    setup = automl_setup_model_explanations(waiting, "classification", X=mixed, X_test=mixed[:20], y=y)
    model = candidate(run, name, mixed, y)
    np.testing.assert_array_equal(
        setup.automl_estimator.predict_proba(setup.X_test_transform), model.predict_proba(mixed[:20])
    )
    assert repr(setup.automl_estimator) == f"FlamlClassifier({name})"
    with pytest.raises(InputError, match=r"must be fitted anew, and `y` is missing. Pass the training rows"):
        automl_setup_model_explanations(waiting, "classification", X=mixed)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_candidate_goes_the_whole_way(mixed: pd.DataFrame, score: np.ndarray, check: Any, task: str) -> None:
    """Setup, wrapper, both spaces and scoring explainer, on text labels and mixed columns."""
    y: Any = score if task == "regression" else labels_of(score)
    automl = fit(mixed, y, task, ["lgbm", "rf"])
    model = candidate(automl, list_candidates(automl)[1].name, mixed, y)
    setup = automl_setup_model_explanations(model, task, X=mixed, X_test=mixed[:30], y=y)
    check(setup, model)
    wrapper = MimicWrapper.from_setup(
        setup, LGBMExplainableModel, explainable_model_args={"n_estimators": 20, "num_leaves": 7}
    )
    engineered = wrapper.explain(["local"], eval_dataset=setup.X_test_transform)
    raw = wrapper.explain(["local"], eval_dataset=setup.X_test_transform, get_raw=True)
    assert list(raw.features) == list(mixed.columns)
    np.testing.assert_allclose(raw.values.sum(-1), engineered.values.sum(-1), atol=1e-9)
    scoring = wrapper.create_scoring_explainer()
    scored = np.asarray(scoring.explain(setup.X_test_transform[:5], get_raw=True))
    np.testing.assert_allclose(scored[-1] if scored.ndim == 3 else scored, raw.values[-1, :5], atol=1e-12)


def test_a_pipeline_that_ends_in_flaml_has_its_candidates(mixed: pd.DataFrame, score: np.ndarray, check: Any) -> None:
    y = labels_of(score)
    prepare = ColumnTransformer(
        [
            ("hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
            ("n", SimpleImputer(), ["age"]),
        ]
    ).set_output(transform="pandas")
    pipe = Pipeline([("prepare", prepare), ("automl", AutoML())])
    options = {"task": "classification", "estimator_list": ["lgbm", "rf"], "max_iter": 6, "n_jobs": 1, "verbose": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        pipe.fit(mixed, y, **{f"automl__{k}": v for k, v in options.items()})
    found = list_candidates(pipe)
    assert set(found.names) == {"lgbm", "rf"}
    model = candidate(pipe, found[1].name, mixed, y)
    setup = automl_setup_model_explanations(model, "classification", X=mixed, X_test=mixed[:20], y=y)
    check(setup, model)
    assert setup.raw_feature_names == list(mixed.columns)
    assert pipe.steps[-1][1].best_estimator == found[0].name


def test_arrays_and_sparse_rows_are_fitted_anew_too(rng: np.random.Generator) -> None:
    """There is no featurization for them."""
    import scipy.sparse as sp

    dense = rng.normal(size=(200, 4)) * (rng.random((200, 4)) < 0.6)
    y = np.where(dense[:, 0] - dense[:, 1] > 0, 1, 0)
    for X in (dense, sp.csr_matrix(dense)):
        automl = fit(X, y, learners=["rf"], max_iter=2)
        source = FlamlCandidates(automl)
        made, _ = source._refitted(source.listed()[0], sp.coo_matrix(X) if sp.issparse(X) else X, y)
        np.testing.assert_array_equal(FlamlCandidate(automl, "rf", made, "").predict_proba(X), automl.predict_proba(X))


def test_rows_without_a_target_are_left_out_of_a_refit(run: AutoML, mixed: pd.DataFrame, score: np.ndarray) -> None:
    """A missing label is no class."""
    y = labels_of(score)
    y[:10] = None
    name = list_candidates(run)[1].name
    model = candidate(run, name, mixed, y)
    assert "on 390 rows; FLAML itself was fitted on 400" in repr(model)
    assert model.classes_.tolist() == ["no", "yes"]


def test_candidates_that_are_none_are_refused_by_name(run: AutoML, mixed: pd.DataFrame, score: np.ndarray) -> None:
    name = list_candidates(run)[1].name
    with pytest.raises(InputError, match=r"'lgmb' is no candidate; did you mean 'lgbm'\? Tried were "):
        candidate(run, "lgmb")
    with pytest.raises(InputError, match="and `X` is missing"):
        candidate(run, name, y=labels_of(score))
    with pytest.raises(DataError, match="labels that FLAML was not fitted on: 'maybe'; it knows 'no', 'yes'"):
        candidate(run, name, mixed, np.where(score > 0, "yes", "maybe"))
    with pytest.raises(UnsupportedModelError, match="holds no fitted model"):
        list_candidates(AutoML())
    with pytest.raises(UnsupportedModelError, match="AutoML tells of no candidates"):
        list_candidates(AutoML)
    with pytest.raises(UnsupportedModelError, match="int tells of no candidates"):
        list_candidates(3)


def test_a_learner_that_was_never_tried_is_told_apart(mixed: pd.DataFrame, score: np.ndarray) -> None:
    automl = fit(mixed, labels_of(score), learners=["lgbm", "rf"], max_iter=1)
    assert list_candidates(automl).names == [automl.best_estimator]
    never = ({"lgbm", "rf"} - {automl.best_estimator}).pop()
    with pytest.raises(InputError, match=f"'{never}' was never tried within the budget.*larger budget"):
        candidate(automl, never)


def test_a_learner_that_cannot_be_fitted_is_not_passed_on(
    run: AutoML, mixed: pd.DataFrame, score: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner without a model inside would predict ones."""
    name = list_candidates(run)[1].name
    monkeypatch.setattr(run._state.learner_classes[name], "fit", lambda self, *rows, **options: None)
    with pytest.raises(UnsupportedModelError, match="could not be fitted anew"):
        candidate(run, name, mixed, labels_of(score))


def test_a_flaml_that_keeps_its_model_elsewhere_is_refused(run: AutoML, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(run), "model", property(lambda self: self.__dict__.get("elsewhere")))
    with pytest.raises(UnsupportedModelError, match="keeps its model in another place"):
        FlamlCandidate(run, "rf", object(), "")


def test_candidates_and_what_is_told_of_them_are_picklable(run: AutoML, mixed: pd.DataFrame) -> None:
    found = list_candidates(run)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    model = pickle.loads(pickle.dumps(candidate(run, found[0].name)))
    np.testing.assert_array_equal(model.predict_proba(mixed), run.predict_proba(mixed))
    assert automl_check_model_if_explainable(model)
    with pytest.raises(TypeError, match="does not support item assignment"):
        found[0].configuration["n_estimators"] = 1  # type: ignore[index]
    assert _flaml_candidates.ENSEMBLE not in found.names
