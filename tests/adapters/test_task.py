"""Which task a model does, which output is explained and how it is asked: one answer in every explainer."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.cluster import DBSCAN, KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDOneClassSVM
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, OneClassSVM

from automl_explain import (
    DirectWrapper,
    KernelExplainer,
    KernelScoringExplainer,
    LGBMExplainableModel,
    LIMEExplainer,
    LinearExplainer,
    MimicExplainer,
    PFIExplainer,
    TabularExplainer,
    TreeExplainer,
    TreeScoringExplainer,
    automl_check_model_if_explainable,
    automl_setup_model_explanations,
    explain_automl,
    load,
    save,
)
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.testing import check_adapter

# 80 rows teach a surrogate little; what it is asked to learn is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

X = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 3)), columns=list("abc"))
CODES = (X["a"] > 0).to_numpy(dtype=int)
#: A row has none, some or all of three labels.
LABELS = np.column_stack([X["a"] > 0, X["b"] > 0, X["c"] > 0.3]).astype(int)
QUICK = {"n_jobs": 1, "n_estimators": 20}
CLOSE = 1e-9  # of values to sums: additions in another order


def mimic(model: Any, rows: Any = X, **more: Any) -> Any:
    return MimicExplainer(model, rows, LGBMExplainableModel, explainable_model_args=QUICK, augment_data=False, **more)


def shuffled(model: Any, **more: Any) -> Any:
    return PFIExplainer(model, **more).explain_global(X, CODES)


EXPLAINERS: dict[str, Callable[..., Any]] = {
    "tabular": lambda model, **more: TabularExplainer(model, X, nclusters=2, **more),
    "kernel": lambda model, **more: KernelExplainer(model, X, nclusters=2, **more),
    "mimic": mimic,
}
if importlib.util.find_spec("lime"):
    EXPLAINERS["lime"] = lambda model, **more: LIMEExplainer(model, X, num_samples=50, **more)
each_explainer = pytest.mark.parametrize("explain", EXPLAINERS.values(), ids=list(EXPLAINERS))


class Answers:
    """A model with `predict` alone, of which nothing tells what it gives."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def predict(self, rows: Any) -> Any:
        return self._answer(np.asarray(rows, dtype=float))


def chance(rows: Any) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-2 * np.asarray(rows)[:, 0])))


# Outlier detectors

DETECTORS = {
    "isolation forest": IsolationForest(n_estimators=5, random_state=0),
    "local outlier factor": LocalOutlierFactor(novelty=True),
    "support vectors": OneClassSVM(),
    "linear support vectors": OneClassSVM(kernel="linear"),
    "descent": SGDOneClassSVM(random_state=0),
    "envelope": EllipticEnvelope(random_state=0),
    "pipeline": make_pipeline(StandardScaler(), IsolationForest(n_estimators=5, random_state=0)),
}


class Flags:
    """Looks like the detectors of PyOD: flags 0 and 1, probabilities, and a score that is higher for outliers."""

    decision_scores_, threshold_ = np.zeros(3), 1.0

    def decision_function(self, rows: Any) -> np.ndarray:
        return np.abs(np.asarray(rows)[:, 0])

    def predict(self, rows: Any) -> np.ndarray:
        return (self.decision_function(rows) > self.threshold_).astype(int)

    def predict_proba(self, rows: Any) -> np.ndarray:
        second = np.clip(self.decision_function(rows) / 4, 0, 1)
        return np.column_stack([1 - second, second])


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=list(DETECTORS))
@pytest.mark.parametrize("task", ["unknown", "regression"])
def test_an_outlier_detector_is_explained_by_its_score(detector: Any, task: str) -> None:
    """Its flags -1 and 1 are labels, and never explained as numbers."""
    rows = X.to_numpy()
    detector.fit(rows)
    score = detector.decision_function(rows[:3])
    for explainer in (TabularExplainer(detector, rows[:10], model_task=task), mimic(detector, rows, model_task=task)):
        explanation = explainer.explain_local(rows[:3])
        assert (explanation.task, explanation.output_unit, explanation.classes) == ("regression", "outlier score", None)
        np.testing.assert_allclose(explanation.eval_y_predicted, score)
        assert "outlier score (lower is more abnormal)" in repr(explanation)
    exact = TabularExplainer(detector, rows[:10]).explain_local(rows[:3])
    total = exact.expected_values[0] + np.asarray(exact.local_importance_values).sum(axis=1)
    np.testing.assert_allclose(total, score, atol=CLOSE)


def test_a_detector_without_a_decision_function_is_explained_by_its_samples_scores() -> None:
    class Samples:
        def fit_predict(self, rows: Any) -> Any: ...

        def predict(self, rows: Any) -> np.ndarray:
            return np.where(self.score_samples(rows) < -1, -1, 1)

        def score_samples(self, rows: Any) -> np.ndarray:
            return -np.abs(np.asarray(rows)[:, 0])

    explanation = KernelExplainer(Samples(), X, nclusters=2).explain_local(X[:2])
    assert explanation.output_unit == "outlier score"
    np.testing.assert_allclose(explanation.eval_y_predicted, -np.abs(X["a"][:2]))


def test_a_detector_whose_score_rises_for_outliers_says_so() -> None:
    explanation = KernelExplainer(Flags(), X, nclusters=2).explain_local(X[:2])
    assert (explanation.task, explanation.output_unit) == ("regression", "anomaly score")
    np.testing.assert_allclose(explanation.eval_y_predicted, np.abs(X["a"][:2]))


def test_the_setup_and_the_one_line_explain_scores_of_detectors() -> None:
    pipeline = make_pipeline(StandardScaler(), IsolationForest(n_estimators=5, random_state=0)).fit(X)
    assert automl_check_model_if_explainable(pipeline)
    setup = automl_setup_model_explanations(pipeline, "regression", X=X)
    assert (setup.task, setup.classes, setup.direct_explainer) == ("regression", None, None)
    raw = explain_automl(pipeline, X, X[:5], np.zeros(80)).raw
    assert raw.output_unit == "outlier score"
    np.testing.assert_allclose(raw.eval_y_predicted, pipeline.decision_function(X[:5]))
    assert raw.features == ["a", "b", "c"]
    check_adapter(pipeline, X, task="regression")


def test_a_detector_that_reads_dates_keeps_its_unit() -> None:
    class Dates(IsolationForest):
        def decision_function(self, rows: Any) -> np.ndarray:
            return np.asarray(rows["day"].dt.day / 31 - 0.5 + 0 * rows["a"])

    dated = X[["a"]].assign(day=pd.date_range("2024-01-01", periods=80))
    detector = Dates().fit(X)
    raw = explain_automl(detector, dated, dated[:5], np.zeros(80)).raw
    assert (raw.output_unit, raw.get_ranked_global_names(top_k=1)) == ("outlier score", ["day"])


def test_permutation_importance_scores_the_flags_of_a_detector() -> None:
    detector = IsolationForest(n_estimators=20, random_state=0).fit(X)
    flags = detector.predict(X)
    explanation = PFIExplainer(detector).explain_global(X, flags)
    assert (explanation.task, explanation.expected_values.tolist()) == ("classification", [1.0])
    assert PFIExplainer(Flags()).explain_global(X, Flags().predict(X)).expected_values.tolist() == [1.0]
    named = PFIExplainer(detector, classes=["out", "in"]).explain_global(X, np.where(flags < 0, "out", "in"))
    assert named.global_values.tolist() == explanation.global_values.tolist()
    with pytest.raises(InputError, match=r"`true_labels` holds 0, 1, and the detector answers \[-1, 1\]"):
        PFIExplainer(detector).explain_global(X, (flags < 0).astype(int))
    with pytest.raises(UnsupportedModelError, match="The metric reads probabilities, and .*gives labels alone"):
        PFIExplainer(detector, metric="roc_auc").explain_global(X, flags)


@each_explainer
@pytest.mark.parametrize("told", [{"classes": ["in", "out"]}, {"model_task": "classification"}])
def test_a_detector_has_no_classes(explain: Any, told: Any) -> None:
    with pytest.raises(InputError, match="explained as a regression"):
        explain(IsolationForest(n_estimators=3).fit(X), **told)


# Models without a target

NO_TARGET = {
    "clusters": (KMeans(2, n_init=1), "is a clusterer.*distance to one centre"),
    "clusters of rows seen": (DBSCAN(), "is a clusterer"),
    "clusters of a pipeline": (make_pipeline(StandardScaler(), KMeans(2, n_init=1)), "is a clusterer"),
    "mixture": (GaussianMixture(2), "is a density estimator.*score_samples"),
    "mixture of a pipeline": (make_pipeline(StandardScaler(), GaussianMixture(2)), "is a density estimator"),
    "transformer": (PCA(2), r"has no `predict`: it is a transformer.*model.transform\(rows\)\[:, 0\]"),
    "outliers of rows seen": (LocalOutlierFactor(), "has no `predict`.*novelty=True"),
}


@each_explainer
@pytest.mark.parametrize(("model", "told"), NO_TARGET.values(), ids=list(NO_TARGET))
def test_models_without_a_target_are_refused_with_the_way_on(explain: Any, model: Any, told: str) -> None:
    model.fit(X)
    with pytest.raises(UnsupportedModelError, match=told):
        explain(model)
    with pytest.raises(UnsupportedModelError, match=told):
        shuffled(model)
    with pytest.raises(UnsupportedModelError, match=told):
        automl_setup_model_explanations(model, "regression", X=X)


def test_the_way_on_of_a_clusterer_leads_on() -> None:
    model = KMeans(2, n_init=1, random_state=0).fit(X)
    explainer = KernelExplainer(lambda rows: model.transform(rows)[:, 0], X, is_function=True, nclusters=2)
    np.testing.assert_allclose(explainer.explain_local(X[:2]).eval_y_predicted, model.transform(X[:2])[:, 0])
    mixture = GaussianMixture(2, random_state=0).fit(X)
    explainer = KernelExplainer(mixture.score_samples, X, is_function=True, nclusters=2)
    np.testing.assert_allclose(explainer.explain_local(X[:2]).eval_y_predicted, mixture.score_samples(X[:2]))


# Several labels at once

SEVERAL = {
    "one model for each label": OneVsRestClassifier(LogisticRegression()),
    "decision values": OneVsRestClassifier(LinearSVC()),
    "ridge": RidgeClassifier(),
    "network": MLPClassifier((4,), solver="lbfgs", alpha=1.0, max_iter=5000, random_state=0),
    "neighbours": KNeighborsClassifier(),
    "forest": RandomForestClassifier(3),
    "outputs": MultiOutputClassifier(LogisticRegression()),
    "chain": ClassifierChain(LogisticRegression()),
    "xgboost": xgb.XGBClassifier(n_estimators=3, n_jobs=1),
    "pipeline": make_pipeline(StandardScaler(), KNeighborsClassifier()),
}


@pytest.mark.parametrize("model", SEVERAL.values(), ids=list(SEVERAL))
def test_several_labels_at_once_are_refused_at_the_door(model: Any) -> None:
    """Their probabilities do not add up to 1, so they are none of classes; no surrogate is trained first."""
    with np.errstate(all="ignore"):
        model.fit(X, LABELS)
    for explain in (*EXPLAINERS.values(), shuffled):
        with pytest.raises(UnsupportedModelError, match="several (targets|labels) at once"):
            explain(model)
    with pytest.raises(UnsupportedModelError, match="several targets at once.*one label at a time"):
        automl_setup_model_explanations(model, "classification", X=X)


@each_explainer
def test_functions_of_several_labels_are_refused(explain: Any) -> None:
    """As a table of probabilities, and as a list of one table for each label."""
    neighbours = KNeighborsClassifier().fit(X, LABELS)
    for function in (neighbours.predict_proba, lambda rows: np.column_stack([chance(rows)] * 3)):
        with pytest.raises(UnsupportedModelError, match="several (targets|labels) at once"):
            explain(function, is_function=True) if explain is not EXPLAINERS["tabular"] else explain(function)
        with pytest.raises(UnsupportedModelError, match="several (targets|labels) at once"):
            shuffled(function, is_function=True)


def test_one_row_that_adds_up_to_one_by_chance_deceives_nobody() -> None:
    def function(rows: Any) -> np.ndarray:
        first = np.where(np.asarray(rows)[:, 0] == X["a"][0], 0.5, 0.9)
        return np.column_stack([first, np.full(len(first), 0.5)])

    with pytest.raises(UnsupportedModelError, match="add up to 1.4 to 1.4; .*several labels at once"):
        KernelExplainer(function, X, is_function=True)


def test_one_label_is_explained_through_a_function() -> None:
    model = OneVsRestClassifier(LogisticRegression()).fit(X, LABELS)
    explainer = KernelExplainer(
        lambda rows: model.predict_proba(rows)[:, 1], X, is_function=True, model_task="classification", nclusters=2
    )
    found = explainer.explain_local(X[:3]).eval_y_predicted_proba[:, 1]
    np.testing.assert_allclose(found, model.predict_proba(X[:3])[:, 1])


@pytest.mark.parametrize("digits", [2, 3])
def test_rounded_probabilities_of_classes_pass(digits: int) -> None:
    def function(rows: Any) -> np.ndarray:
        shares = np.exp(np.abs(np.asarray(rows)[:, :1]) * np.linspace(0, 1, 20))
        return np.round(shares / shares.sum(axis=1, keepdims=True), digits)

    assert abs(function(X).sum(axis=1) - 1).max() > 10.0 ** -(digits + 1)
    assert KernelExplainer(function, X, is_function=True, nclusters=2).output_unit == "probability"


def test_one_versus_all_probabilities_belong_to_one_label_each() -> None:
    """LightGBM's do not add up to 1, and still a row has one label."""
    three = CODES + (X["b"] > 1).to_numpy(dtype=int)
    model = lgb.LGBMClassifier(objective="multiclassova", n_estimators=3, verbose=-1, n_jobs=1).fit(X, three)
    assert abs(model.predict_proba(X).sum(axis=1) - 1).max() > 0.1
    for explain in EXPLAINERS.values():
        explanation = explain(model).explain_local(X[:2])
        np.testing.assert_allclose(explanation.eval_y_predicted_proba, model.predict_proba(X[:2]))
    assert automl_setup_model_explanations(model, "classification", X=X, y=three).classes == [0, 1, 2]


# Labels are never numbers


@each_explainer
@pytest.mark.parametrize(
    ("answer", "classes"),
    [
        (lambda rows: (rows[:, 0] > 0).astype(int), [0, 1]),
        (lambda rows: (rows[:, 0] > 0) * 1.0, [0, 1]),
        (lambda rows: rows[:, 0] > 0, [False, True]),
        (lambda rows: np.where(rows[:, 0] > 0, "yes", "no"), ["no", "yes"]),
        (lambda rows: (rows[:, 0] > 0) + (rows[:, 1] > 0) * 1, ["a", "b", "c"]),
    ],
    ids=["whole numbers", "floats", "flags", "texts", "three codes"],
)
def test_labels_alone_are_refused(explain: Any, answer: Any, classes: Any) -> None:
    """`classes` say that they are labels, for models and functions alike."""

    def function(rows: Any) -> Any:
        return answer(np.asarray(rows))

    with pytest.raises(UnsupportedModelError, match="which are labels.*never explained as numbers"):
        explain(Answers(answer), classes=classes)
    with pytest.raises(UnsupportedModelError, match="which are labels"):
        automl_setup_model_explanations(Answers(answer), "classification", X=X, y=np.array(classes)[CODES])
    if explain is not EXPLAINERS["tabular"]:
        with pytest.raises(UnsupportedModelError, match="which are labels"):
            explain(function, classes=classes, is_function=True)


@each_explainer
@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: (rows[:, 0] > 0).astype(int),
        lambda rows: np.where(rows[:, 0] > 0, 1, -1),
        lambda rows: rows[:, 0] > 0,
        lambda rows: pd.array(rows[:, 0] > 0, dtype="boolean"),
        lambda rows: np.where(rows[:, 0] > 0, "1", "0"),
        lambda rows: np.where(rows[:, 0] > 0, "yes", "no").astype(object),
    ],
    ids=["whole numbers", "signs", "flags", "nullable flags", "digits", "texts"],
)
def test_labels_are_known_without_classes_and_task(explain: Any, answer: Any) -> None:
    with pytest.raises(UnsupportedModelError, match="which are labels.*pass `model_task='regression'`"):
        explain(Answers(answer))


def test_codes_are_numbers_where_the_task_says_so() -> None:
    flags = Answers(lambda rows: (rows[:, 0] > 0).astype(int))
    explanation = KernelExplainer(flags, X, model_task="regression", nclusters=2).explain_local(X[:2])
    np.testing.assert_array_equal(explanation.eval_y_predicted, (X["a"] > 0)[:2])


@each_explainer
@pytest.mark.parametrize("task", ["unknown", "regression"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: rows[:, 0] + 1j,
        lambda rows: np.full(len(rows), np.datetime64("2024-01-01")),
        lambda rows: np.full(len(rows), np.timedelta64(3, "h")),
    ],
    ids=["complex", "dates", "spans"],
)
def test_answers_that_are_no_real_numbers_are_refused(explain: Any, answer: Any, task: str) -> None:
    with pytest.raises(UnsupportedModelError, match="for a row, where a number was expected"):
        explain(Answers(answer), model_task=task)


@pytest.mark.parametrize("answer", [None, 1.0, [0.1, 0.2], np.zeros((40, 0))], ids=["None", "one", "few", "no column"])
@pytest.mark.parametrize("told", [{}, {"classes": ["a", "b"]}, {"model_task": "classification"}])
def test_other_than_one_answer_for_a_row_is_refused(answer: Any, told: Any) -> None:
    with pytest.raises(UnsupportedModelError, match=r"answers .* for 40 rows; expected one prediction per row"):
        KernelExplainer(lambda rows: answer, X[:40], is_function=True, **told)


@each_explainer
@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("ab", "must be a list of labels.*got 'ab'"),
        (["a", "a"], "with a label twice"),
        ([["a"], ["b"]], "must be a list of labels"),
        ({"a", "b"}, "must be a list of labels"),
    ],
    ids=["text", "twice", "nested", "set"],
)
def test_classes_are_a_list_of_different_labels(explain: Any, classes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain(LogisticRegression().fit(X, CODES), classes=classes)


def test_several_targets_of_a_regression_are_sent_to_a_function_of_one() -> None:
    model = LinearRegression().fit(X, X)
    for explain in EXPLAINERS.values():
        with pytest.raises(UnsupportedModelError, match=r"model\.predict\(rows\)\[:, 0\].*model_task='regression'"):
            explain(model)
    one = KernelExplainer(
        lambda rows: model.predict(rows)[:, 0], X, is_function=True, model_task="regression", nclusters=2
    )
    np.testing.assert_allclose(one.explain_local(X[:2]).eval_y_predicted, X["a"][:2])


@each_explainer
def test_classifiers_of_labels_alone_are_refused(explain: Any) -> None:
    vote = VotingClassifier([("a", LogisticRegression()), ("b", RidgeClassifier())]).fit(X, CODES)
    for told in ({}, {"classes": [0, 1]}, {"model_task": "classification"}):
        with pytest.raises(UnsupportedModelError, match="gives labels alone.*CalibratedClassifierCV"):
            explain(vote, **told)


@each_explainer
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RidgeClassifier(),
        VotingClassifier([("a", LogisticRegression()), ("b", RidgeClassifier())]),
        make_pipeline(StandardScaler(), LogisticRegression()),
        xgb.XGBClassifier(n_estimators=2, n_jobs=1),
    ],
    ids=["probabilities", "decisions", "labels", "pipeline", "trees"],
)
def test_a_classifier_is_no_regression(explain: Any, model: Any) -> None:
    """Its labels 0 and 1 would be explained as numbers."""
    with pytest.raises(InputError, match="is 'regression', and .* is a classifier: its `predict` gives labels"):
        explain(model.fit(X, CODES), model_task="regression")


@pytest.mark.parametrize(
    "owner", [LogisticRegression(), IsolationForest(n_estimators=3)], ids=["classifier", "detector"]
)
def test_the_method_that_gives_labels_is_refused_as_a_function(owner: Any) -> None:
    owner.fit(X, CODES)
    with pytest.raises(UnsupportedModelError, match=f"`predict` of {type(owner).__name__} gives labels"):
        KernelExplainer(owner.predict, X, is_function=True)


@each_explainer
@pytest.mark.parametrize(
    "answer",
    [chance, lambda rows: chance(rows)[:, None], lambda rows: np.column_stack([1 - chance(rows), chance(rows)])],
    ids=["vector", "column", "two columns"],
)
def test_a_predict_that_gives_probabilities_is_a_classifier(explain: Any, answer: Any) -> None:
    for told in ({"classes": ["no", "yes"]}, {"model_task": "classification"}):
        explanation = explain(Answers(answer), **told).explain_local(X[:4])
        assert explanation.task == "classification"
        assert explanation.classes == told.get("classes", [0, 1])
        np.testing.assert_allclose(explanation.eval_y_predicted_proba[:, 1], chance(X[:4]))


def test_three_names_for_one_probability_are_refused() -> None:
    with pytest.raises(InputError, match="`classes` has 3 labels; the model gives probabilities of 2 classes"):
        mimic(Answers(chance), classes=["a", "b", "c"])


def test_without_classes_numbers_are_a_regression() -> None:
    explanation = mimic(Answers(lambda rows: 3 * rows[:, 0])).explain_local(X[:2])
    assert (explanation.task, explanation.output_unit) == ("regression", "target")


@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities")  # LightGBM says so itself
def test_margins_are_called_margins() -> None:
    """Custom objectives of LightGBM make `predict_proba` give raw margins; that has nothing to do with one class."""

    def objective(truth: Any, margins: Any) -> Any:
        return margins - truth, np.ones_like(truth)

    model = lgb.LGBMClassifier(objective=objective, n_estimators=2, verbose=-1, n_jobs=1).fit(X, CODES)
    with pytest.raises(UnsupportedModelError, match="`predict_proba` of LGBMClassifier gives one number for each row"):
        KernelExplainer(model, X)
    with pytest.raises(UnsupportedModelError, match="not probabilities: they reach from -"):
        mimic(Answers(lambda rows: 5 * rows[:, 0]), classes=["a", "b"])


def test_a_model_of_a_single_class_is_called_so() -> None:
    model = RandomForestClassifier(2).fit(X, np.zeros(80))
    with pytest.raises(UnsupportedModelError, match="A model that knows a single class has nothing to explain"):
        KernelExplainer(model, X)


# Classes of a regression

REGRESSIONS: dict[str, Callable[[], Any]] = {
    "kernel": lambda: KernelExplainer(LinearRegression().fit(X, CODES), X, classes=["a", "b"]),
    "mimic": lambda: mimic(Answers(lambda rows: rows[:, 0]), classes=["a", "b"], model_task="regression"),
    "function": lambda: KernelExplainer(
        lambda rows: rows["a"], X, is_function=True, classes=["a", "b"], model_task="regression"
    ),
    "tree": lambda: TreeExplainer(GradientBoostingRegressor(n_estimators=2).fit(X, X["a"]), classes=["a", "b"]),
    "linear": lambda: LinearExplainer(LinearRegression().fit(X, X["a"]), X, classes=["a", "b"]),
    "direct": lambda: DirectWrapper(None, LinearRegression().fit(X, X["a"]), X, classes=["a", "b"]),
    "permutation": lambda: shuffled(LinearRegression().fit(X, X["a"]), classes=["a", "b"]),
}


@pytest.mark.parametrize("make", REGRESSIONS.values(), ids=list(REGRESSIONS))
def test_classes_of_a_regression_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(InputError, match=r"`classes` is \['a', 'b'\], and the model is explained as a regression"):
        make()


def test_a_regressor_does_no_classification() -> None:
    with pytest.raises(InputError, match="`model_task` is 'classification', and LinearRegression is a regressor"):
        mimic(LinearRegression().fit(X, CODES), model_task="classification")


# Native boosters


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_native_boosters_tell_their_task_by_their_objective(library: str) -> None:
    if library == "lightgbm":
        booster = lgb.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, CODES).booster_
        second = booster.predict(X[:3])
    else:
        model = xgb.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, CODES)
        booster, second = model.get_booster(), model.predict_proba(X[:3])[:, 1]
    for explain in EXPLAINERS.values():
        explanation = explain(booster).explain_local(X[:3])
        assert (explanation.task, explanation.classes) == ("classification", [0, 1])
        np.testing.assert_allclose(explanation.eval_y_predicted_proba[:, 1], second, rtol=1e-6)


@pytest.mark.parametrize("kind", ["tree", "kernel"])
def test_scores_of_detectors_are_scored_from_a_file(kind: str, tmp_path: Path) -> None:
    detector = IsolationForest(n_estimators=5, random_state=0).fit(X)
    explainer = mimic(detector) if kind == "tree" else KernelExplainer(detector, X, nclusters=2)
    scoring = TreeScoringExplainer(explainer) if kind == "tree" else KernelScoringExplainer(explainer)
    save(scoring, directory=tmp_path / "model")
    back = load(tmp_path / "model", **({} if kind == "tree" else {"model": detector}))
    assert (back.output_unit, back.classes) == ("outlier score", None)
    found = back.explanation(X[:3])
    expected = explainer.explain_local(X[:3])
    np.testing.assert_array_equal(found.local_importance_values, expected.local_importance_values)
    assert (found.task, found.output_unit) == ("regression", "outlier score")


@pytest.mark.parametrize("made", [KernelExplainer, lambda model, X: MimicExplainer(model, X, LGBMExplainableModel)])
@pytest.mark.parametrize("model", [KNeighborsClassifier(), make_pipeline(StandardScaler(), LogisticRegression())])
def test_a_model_that_is_not_fitted_is_refused_by_name(made: Any, model: Any) -> None:
    with pytest.raises(UnsupportedModelError, match=f"{type(model).__name__} is not fitted; call `fit` first"):
        made(model, np.random.default_rng(0).normal(size=(20, 3)))
