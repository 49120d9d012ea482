"""PFIExplainer: numbers by hand and by brute force, orientation, labels of any kind, and containers."""

import functools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn.metrics
from models import fit_flaml
from sklearn.compose import ColumnTransformer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from automl_explain import PFIExplainer
from automl_explain.exceptions import DataError, ExplanationWarning, InputError, UnsupportedModelError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
TARGET = 3 * X[:, 1] + X[:, 2]
LABELS = np.where(2 * X[:, 1] + X[:, 2] > 0, "yes", "no")
THREE = np.select([X[:, 1] > 0.5, X[:, 1] < -0.5], ["b", "c"], "a")
LINEAR = LinearRegression().fit(X, TARGET)
LOGISTIC = LogisticRegression().fit(X, LABELS)


class Unsorted:
    """Classifier of the sign of the second column, with its classes in no sorted order."""

    classes_ = np.array(["yes", "no"])

    def predict_proba(self, rows):
        yes = 1 / (1 + np.exp(-5 * np.asarray(rows)[:, 1]))
        return np.column_stack([yes, 1 - yes])

    def predict(self, rows):
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


def importances(explainer, rows, truth):
    return explainer.explain_global(rows, truth).global_importance_values


def twice(rows):
    return 2 * np.asarray(rows)[:, 0]


def test_two_rows_by_hand():
    """A shuffle of two rows swaps them or not: the squared error of 2x rises from 0 to 4 (x0 - x1)^2, or stays."""
    rows = np.array([[1.0, 7.0], [4.0, 9.0]])
    explainer = PFIExplainer(twice, is_function=True, metric="mse", n_repeats=400)
    explanation = explainer.explain_global(rows, twice(rows))
    swapped = explanation.global_importance_values[0] / 36
    assert 0.4 < swapped < 0.6  # a fair coin, 400 times: 0.5 +- 0.025
    # Losses of 36 with frequency p and of 0 otherwise spread by 36 sqrt(p (1 - p)).
    assert explanation.global_spread[0, 0] == pytest.approx(36 * np.sqrt(swapped * (1 - swapped)))
    assert explanation.global_importance_values[1] == 0.0
    assert explanation.expected_values.tolist() == [0.0]


def test_a_linear_model_loses_what_theory_says():
    """Expected rise of the squared error of w x by shuffling: 2 w^2 var(x), by all shuffles alike."""
    explanation = PFIExplainer(LINEAR, metric="mse", n_repeats=200).explain_global(X, TARGET)
    expected = 2 * np.array([0.0, 3.0, 1.0]) ** 2 * X.var(axis=0)
    # Over 200 shuffles of 200 rows the mean of the crossed terms is within some 1 % of zero.
    assert explanation.global_importance_values == pytest.approx(expected, rel=0.02, abs=1e-9)


def test_numbers_are_those_of_scikit_learn_column_by_column():
    seeds = [int(np.random.SeedSequence([7, j]).generate_state(1)[0]) for j in range(3)]
    theirs = [
        permutation_importance(LINEAR, X, TARGET, scoring="neg_mean_absolute_error", n_repeats=4, random_state=seed)
        for seed in seeds
    ]
    explanation = PFIExplainer(LINEAR, seed=7, n_repeats=4).explain_global(X, TARGET)
    assert explanation.global_importance_values == pytest.approx([t.importances_mean[j] for j, t in enumerate(theirs)])
    assert explanation.global_spread[0] == pytest.approx([t.importances_std[j] for j, t in enumerate(theirs)])


def test_columns_are_shuffled_apart_from_each_other():
    """The same column twice: the model that reads the first alone and the one that reads the second differ a little."""
    rows = np.column_stack([X[:, 0], X[:, 0]])
    explainer = PFIExplainer(lambda rows: rows[:, 0] + rows[:, 1], is_function=True, n_repeats=1)
    first, second = importances(explainer, rows, rows.sum(axis=1))
    assert first != second
    assert first == pytest.approx(second, rel=0.2)


@pytest.mark.parametrize(
    "metric",
    [None, "mae", "mse", "rmse", "r2", "max_error", "neg_mean_absolute_error", "explained_variance", "neg_mae",
     "mean_squared_error", "neg_median_absolute_error", "neg_root_mean_squared_error", "d2_absolute_error_score",
     sklearn.metrics.mean_absolute_error, sklearn.metrics.r2_score,
     functools.partial(sklearn.metrics.mean_squared_error),
     sklearn.metrics.make_scorer(sklearn.metrics.mean_absolute_error, greater_is_better=False)],
)  # fmt: skip
def test_the_most_important_column_of_a_regression_comes_first(metric):
    """Hazard: the reference ranked the column that mattered most last, its error metrics being taken for scores."""
    explanation = PFIExplainer(LINEAR, metric=metric, features=["a", "b", "c"]).explain_global(X, TARGET)
    assert explanation.get_ranked_global_names() == ["b", "c", "a"]
    assert (explanation.global_importance_values >= -1e-12).all()
    assert (explanation.task, explanation.method, explanation.output_unit) == ("regression", "pfi", "score")


@pytest.mark.parametrize(
    "metric",
    [None, "accuracy", "f1", "f1_macro", "f1_micro", "precision", "recall_weighted", "roc_auc", "log_loss",
     "brier_score",
     "neg_log_loss", "neg_brier_score", "matthews_corrcoef", "balanced_accuracy", "zero_one_loss", "average_precision",
     "jaccard", sklearn.metrics.f1_score, sklearn.metrics.log_loss, sklearn.metrics.accuracy_score,
     sklearn.metrics.make_scorer(sklearn.metrics.f1_score, pos_label="yes"),
     sklearn.metrics.get_scorer("roc_auc"), sklearn.metrics.get_scorer("neg_log_loss")],
)  # fmt: skip
@pytest.mark.parametrize("model", [LOGISTIC, Unsorted()], ids=["sorted", "unsorted"])
def test_the_most_important_column_of_a_classifier_comes_first(metric, model):
    explanation = PFIExplainer(model, metric=metric).explain_global(X, LABELS)
    assert explanation.get_ranked_global_names()[0] == 1
    assert explanation.global_importance_values[1] > 0.05


@pytest.mark.parametrize("metric", [None, "f1", "f1_weighted", "log_loss", "roc_auc", "roc_auc_ovo", "recall_macro"])
def test_three_classes_give_one_importance(metric):
    model = LogisticRegression().fit(X, THREE)
    explanation = PFIExplainer(model, metric=metric).explain_global(X, THREE)
    assert explanation.get_ranked_global_names()[0] == 1
    assert explanation.global_values.shape == (1, 3)
    assert explanation.task == "classification"


def test_metrics_of_probabilities_see_the_column_of_their_class():
    """With classes in unsorted order the log loss of the rows as they are is the one computed by hand."""
    p = Unsorted().predict_proba(X)
    own = np.where(LABELS == "yes", p[:, 0], p[:, 1])
    explanation = PFIExplainer(Unsorted(), metric="log_loss").explain_global(X, LABELS)
    assert explanation.expected_values == pytest.approx([-np.log(own).mean()])
    negative = PFIExplainer(Unsorted(), metric="neg_log_loss").explain_global(X, LABELS)
    assert negative.expected_values == pytest.approx([np.log(own).mean()])
    assert negative.global_values.tolist() == explanation.global_values.tolist()
    scorer = sklearn.metrics.get_scorer("neg_log_loss")
    assert PFIExplainer(Unsorted(), metric=scorer).explain_global(X, LABELS).expected_values == pytest.approx(
        [np.log(own).mean()]
    )


def test_f1_of_two_classes_is_that_of_the_second():
    for model in (LOGISTIC, Unsorted()):
        expected = sklearn.metrics.f1_score(LABELS, model.predict(X), pos_label=model.classes_[1])
        assert PFIExplainer(model, metric="f1").explain_global(X, LABELS).expected_values == pytest.approx([expected])
    other = sklearn.metrics.f1_score(LABELS, LOGISTIC.predict(X), pos_label="no")
    explainer = PFIExplainer(LOGISTIC, metric="f1", metric_args={"pos_label": "no"})
    assert explainer.explain_global(X, LABELS).expected_values == pytest.approx([other])


def hits(truth, predicted):
    assert set(truth) | set(predicted) <= {"yes", "no"}
    return np.mean(truth == predicted)


def misses(truth, predicted):
    return 1 - hits(truth, predicted)


def surprise(truth, probabilities, scale=1.0):
    own = np.where(truth == "yes", probabilities[:, 1], probabilities[:, 0])
    return -scale * np.log(np.clip(own, 1e-9, 1)).mean()


def test_the_orientation_of_an_own_metric_is_found_on_its_own():
    score, error = (importances(PFIExplainer(LOGISTIC, metric=m), X, LABELS) for m in (hits, misses))
    assert score == pytest.approx(error)
    assert score.argmax() == 1
    told = importances(PFIExplainer(LOGISTIC, metric=misses, is_error_metric=True), X, LABELS)
    assert told == pytest.approx(error)


def test_an_own_metric_may_read_probabilities_and_arguments():
    explainer = PFIExplainer(
        LOGISTIC, metric=surprise, metric_args={"scale": 2.0}, for_classifier_use_predict_proba=True
    )
    explanation = explainer.explain_global(X, LABELS)
    assert explanation.expected_values == pytest.approx(
        [2 * sklearn.metrics.log_loss(LABELS, LOGISTIC.predict_proba(X))]
    )
    assert explanation.get_ranked_global_names()[0] == 1
    default = PFIExplainer(LOGISTIC, for_classifier_use_predict_proba=True)
    assert importances(default, X, LABELS) * 2 == pytest.approx(explanation.global_importance_values)


def test_a_metric_that_shows_no_orientation_asks_for_it():
    with pytest.raises(InputError, match="does not show whether small or large is good. Pass `is_error_metric=True`"):
        PFIExplainer(LINEAR, metric=lambda truth, predicted: 1.0).explain_global(X, TARGET)


@pytest.mark.parametrize(
    ("metric", "told"),
    [("mae", False), ("accuracy", True), ("neg_log_loss", True), (sklearn.metrics.log_loss, False),
     (sklearn.metrics.get_scorer("r2"), True), ("max_error", False)],
)  # fmt: skip
def test_a_contradiction_of_a_known_metric_is_an_error(metric, told):
    with pytest.raises(InputError, match=f"`is_error_metric={told}` contradicts the metric"):
        PFIExplainer(LINEAR, metric=metric, is_error_metric=told)
    PFIExplainer(LINEAR, metric=metric, is_error_metric=not told)


def test_missing_labels_are_an_error():
    with pytest.raises(InputError, match="`true_labels` is missing: permutation importance compares"):
        PFIExplainer(LINEAR).explain_global(X)
    with pytest.raises(InputError, match="`true_labels` has 3 values for 200 rows; pass one per row"):
        PFIExplainer(LINEAR).explain_global(X, TARGET[:3])
    with pytest.raises(DataError, match="`true_labels` holds .*, and the model knows 'no', 'yes'"):
        PFIExplainer(LOGISTIC).explain_global(X, np.full(200, "perhaps"))
    with pytest.raises(DataError, match="`true_labels` of a regression must be numbers"):
        PFIExplainer(LINEAR).explain_global(X, LABELS)


def test_rows_without_a_usable_label_are_left_out_and_told():
    truth = LABELS.astype(object)
    truth[:10], truth[10:15] = None, "maybe"
    with pytest.warns(ExplanationWarning, match="15 of 200 rows are left out: .* \\(None, 'maybe'\\)"):
        explanation = PFIExplainer(LOGISTIC, metric="log_loss").explain_global(X, truth)
    plain = PFIExplainer(LOGISTIC, metric="log_loss").explain_global(X[15:], LABELS[15:])
    assert explanation.n_explained_rows == 185
    assert explanation.global_importance_values.tolist() == plain.global_importance_values.tolist()
    missing = np.where(np.arange(200) < 20, np.nan, TARGET)
    with pytest.warns(ExplanationWarning, match="20 of 200 rows"):
        assert PFIExplainer(LINEAR).explain_global(X, missing).n_explained_rows == 180


def test_labels_may_be_those_behind_the_codes_of_the_model():
    model = LogisticRegression().fit(X, LABELS == "yes")
    coded = importances(PFIExplainer(model), X, LABELS == "yes")
    assert importances(PFIExplainer(model, classes=["no", "yes"]), X, LABELS).tolist() == coded.tolist()


def test_frames_arrays_and_sparse_rows_give_the_same_numbers():
    rows = np.where(np.abs(X) < 0.7, 0.0, X)
    model = LinearRegression().fit(rows, TARGET)
    expected = PFIExplainer(model).explain_global(rows, TARGET)
    frame = pd.DataFrame(rows, columns=["a", "b", "c"], index=np.arange(200) * 3 + 5)
    named = LinearRegression().fit(frame, TARGET)
    for table, asked in ((frame, named), (sp.csr_matrix(rows), model), (sp.coo_matrix(rows), model)):
        explanation = PFIExplainer(asked).explain_global(table, TARGET)
        assert explanation.global_importance_values == pytest.approx(expected.global_importance_values)
    assert PFIExplainer(named).explain_global(frame, TARGET).features == ["a", "b", "c"]


def test_sparse_rows_stay_sparse_and_columns_without_entries_are_not_asked_for():
    rows = sp.csr_matrix(np.column_stack([X[:, 1], np.zeros(200)]))
    asked = []

    def model(table):
        asked.append(table)
        return 2 * np.asarray(table[:, [0]].todense()).ravel()

    explanation = PFIExplainer(model, is_function=True, n_repeats=3).explain_global(rows, 2 * X[:, 1])
    assert explanation.global_importance_values[1] == 0.0
    assert all(isinstance(table, sp.csr_matrix) for table in asked)
    assert len(asked) == 1 + 1 + 3  # one row, the rows as they are, three shuffles of the first column


def test_the_given_rows_are_not_changed_and_categories_keep_their_type():
    frame = pd.DataFrame({"size": X[:, 0], "town": pd.Categorical(np.where(X[:, 1] > 0, "Oslo", "Rome"))})
    before = frame.copy(deep=True)
    target = np.where(frame["town"] == "Oslo", 1.0, 0.0)

    def model(table):
        assert isinstance(table["town"].dtype, pd.CategoricalDtype)
        assert table.index.equals(frame.index[: len(table)])
        return (table["town"] == "Oslo").to_numpy(dtype=float)

    explanation = PFIExplainer(model, is_function=True).explain_global(frame, target)
    assert explanation.get_ranked_global_names() == ["town", "size"]
    pd.testing.assert_frame_equal(frame, before)


def test_transformations_give_raw_columns_because_raw_columns_are_shuffled():
    frame = pd.DataFrame({"size": X[:, 0], "town": np.where(X[:, 1] > 0, "Oslo", "Rome")})
    transformer = ColumnTransformer([("one", OneHotEncoder(), ["town"])], remainder="passthrough").fit(frame)
    target = np.where(frame["town"] == "Oslo", 1.0, 0.0) + 0.1 * frame["size"]
    model = LinearRegression().fit(transformer.transform(frame), target)
    explanation = PFIExplainer(model, transformations=transformer).explain_global(frame, target)
    assert explanation.is_raw
    assert explanation.get_ranked_global_names() == ["town", "size"]
    whole = PFIExplainer(lambda rows: model.predict(transformer.transform(rows)), is_function=True)
    assert explanation.global_importance_values.tolist() == importances(whole, frame, target).tolist()


def test_a_subset_has_the_numbers_of_the_whole():
    whole = PFIExplainer(LINEAR, features=["a", "b", "c"]).explain_global(X, TARGET)
    part = PFIExplainer(LINEAR, features=["a", "b", "c"], explain_subset=[2, 0]).explain_global(X, TARGET)
    assert part.features == ["c", "a"]
    assert part.global_values.tolist() == whole.global_values[:, [2, 0]].tolist()


def test_the_seed_decides():
    first, again, other = (importances(PFIExplainer(LINEAR, seed=s), X, TARGET) for s in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_a_function_may_give_labels_or_probabilities():
    named = PFIExplainer(LOGISTIC.predict, is_function=True, classes=["no", "yes"])
    assert importances(named, X, LABELS).tolist() == importances(PFIExplainer(LOGISTIC), X, LABELS).tolist()
    soft = PFIExplainer(LOGISTIC.predict_proba, is_function=True, classes=["no", "yes"], metric="log_loss")
    expected = importances(PFIExplainer(LOGISTIC, metric="log_loss"), X, LABELS)
    assert importances(soft, X, LABELS).tolist() == expected.tolist()
    second = PFIExplainer(
        lambda rows: LOGISTIC.predict_proba(rows)[:, 1],
        is_function=True,
        classes=["no", "yes"],
        metric="log_loss",
        model_task="classification",
    )
    assert importances(second, X, LABELS) == pytest.approx(expected)


def test_methods_of_a_classifier_make_none_of_a_regression():
    """FLAML's AutoML has `predict_proba` whatever its task."""
    automl = fit_flaml(X, TARGET, "regression", max_iter=1)
    explanation = PFIExplainer(automl).explain_global(X, TARGET)
    assert explanation.task == "regression"
    assert explanation.get_ranked_global_names()[0] == 1


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="`metric` 'acuracy' is not known; did you mean 'accuracy'\\?"):
        PFIExplainer(LINEAR, metric="acuracy")
    with pytest.raises(InputError, match="`metric` must be a name such as 'accuracy'"):
        PFIExplainer(LINEAR, metric=3)
    with pytest.raises(InputError, match="The metric 'accuracy' reads labels, and the model is a regression"):
        PFIExplainer(LINEAR, metric="accuracy").explain_global(X, TARGET)
    with pytest.raises(InputError, match="The metric 'mae' reads targets, and the model is a classification"):
        PFIExplainer(LOGISTIC, metric="mae").explain_global(X, LABELS)
    with pytest.raises(InputError, match="reads labels, and `for_classifier_use_predict_proba` gives it prob"):
        PFIExplainer(LOGISTIC, metric="f1", for_classifier_use_predict_proba=True)
    with pytest.raises(InputError, match="Pass them in the model's order"):
        PFIExplainer(LOGISTIC, classes=["yes", "no"]).explain_global(X, LABELS)
    with pytest.raises(UnsupportedModelError, match="object has no `predict`"):
        PFIExplainer(object())
    with pytest.raises(InputError, match="`n_repeats` must be a whole number of at least 1"):
        PFIExplainer(LINEAR, n_repeats=0)
    with pytest.raises(InputError, match="`metric_args` must be one of the classes .*; got 'si'"):
        PFIExplainer(LOGISTIC, metric="f1", metric_args={"pos_label": "si"}).explain_global(X, LABELS)
    with pytest.raises(InputError, match="the scorer 'top_k_accuracy' takes no further arguments"):
        PFIExplainer(LOGISTIC, metric="top_k_accuracy", metric_args={"k": 1})
    with pytest.raises(DataError, match="The metric gives nan on these rows"):
        PFIExplainer(LINEAR, metric=lambda t, p: np.nan, is_error_metric=True).explain_global(X, TARGET)


def test_metrics_that_these_rows_have_none_of_are_named():
    with pytest.raises(DataError, match="The metric 'msle' cannot be worked out on these rows: .*Pass another metric"):
        PFIExplainer(LINEAR, metric="msle").explain_global(X, TARGET)
    with pytest.raises(DataError, match="The metric 'f1_samples' cannot be worked out on these rows"):
        PFIExplainer(LOGISTIC, metric="f1_samples").explain_global(X, LABELS)


# Models that tell no classes


class Coded:
    """Has `predict` alone and answers with codes, like a network."""

    def __init__(self, answer):
        self.predict = answer


YES = (LABELS == "yes").astype(int)


@pytest.mark.parametrize("kind", [int, float, bool])
def test_names_of_a_model_of_codes_are_in_the_order_of_the_codes(kind):
    model = Coded(lambda rows: (LOGISTIC.predict(rows) == "yes").astype(kind))
    expected = importances(PFIExplainer(LOGISTIC), X, LABELS)
    for told in ({"model_task": "classification"}, {}):
        explainer = PFIExplainer(model, classes=["no", "yes"], **told)
        assert explainer.classes == ["no", "yes"]
        for truth in (YES, LABELS):
            explanation = explainer.explain_global(X, truth)
            assert explanation.classes == ["no", "yes"]
            assert explanation.global_importance_values.tolist() == expected.tolist()


def test_the_probability_of_one_class_needs_to_know_which():
    model = Coded(lambda rows: LOGISTIC.predict_proba(rows)[:, 1])
    expected = importances(PFIExplainer(LOGISTIC, metric="log_loss"), X, LABELS)
    explainer = PFIExplainer(model, metric="log_loss", model_task="classification")
    assert importances(explainer, X, LABELS) == pytest.approx(expected)
    assert importances(explainer, X, YES) == pytest.approx(expected)
    with pytest.raises(InputError, match="the probability of the second of two classes. Pass both labels as `classes`"):
        explainer.explain_global(X[LABELS == "yes"], LABELS[LABELS == "yes"])


@pytest.mark.parametrize("sparse", [sp.csr_matrix, sp.coo_matrix, sp.csc_array])
def test_true_labels_may_be_a_sparse_column(sparse):
    model = LogisticRegression().fit(X, YES)
    expected = importances(PFIExplainer(model), X, YES)
    assert importances(PFIExplainer(model), X, sparse(YES[:, None])).tolist() == expected.tolist()
    with pytest.raises(InputError, match="`true_labels` must be one column"):
        PFIExplainer(model).explain_global(X, sparse(np.column_stack([YES, YES])))
