"""Predictions: how a model is asked, what is refused, and in which order classes come."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.svm import SVC, LinearSVC

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.explainers._predictions import Predictions

X = np.array([[0.0], [1.0], [2.0]])


def teacher(model: Any, *, task: str = "unknown", classes: Any = None, is_function: bool = False) -> Predictions:
    return Predictions.of(model, X, task=task, classes=classes, is_function=is_function)


def classifier(proba: Any, classes: Any = None) -> Any:
    rows = np.asarray(proba, dtype=float)
    model = SimpleNamespace(predict=lambda Z: Z, predict_proba=lambda Z: np.repeat(rows, len(Z), axis=0))
    if classes is not None:
        model.classes_ = np.asarray(classes)
    return model


def regressor(value: Any) -> Any:
    return SimpleNamespace(predict=lambda Z: np.repeat(np.asarray([value]), len(Z), axis=0))


# How a model is asked


def test_a_regressor_gives_its_target() -> None:
    asked = teacher(LinearRegression().fit(X, [1.0, 3.0, 5.0]))
    assert (asked.task, asked.classes, asked.n_outputs) == ("regression", None, 1)
    np.testing.assert_allclose(asked.soft_output(X), [1, 3, 5])
    np.testing.assert_allclose(asked.targets(asked.soft_output(X)), [[1], [3], [5]])
    assert asked.model_type == "sklearn.linear_model._base.LinearRegression"


def test_a_regressor_that_gives_a_column_is_read_as_a_vector() -> None:
    asked = teacher(LinearRegression().fit(X, [[1.0], [3.0], [5.0]]))
    np.testing.assert_allclose(asked.soft_output(X), [1, 3, 5])


def test_a_binary_classifier_gives_one_output_in_log_odds() -> None:
    asked = teacher(classifier([[0.25, 0.75]], ["n", "y"]))
    assert (asked.task, asked.classes, asked.n_outputs) == ("classification", ["n", "y"], 1)
    targets = asked.targets(asked.soft_output(X))
    np.testing.assert_allclose(asked.in_unit(targets), np.full((3, 1), np.log(3)))
    assert asked.predictions(X, asked.soft_output(X)).tolist() == ["y"] * 3


def test_more_classes_give_an_output_each() -> None:
    asked = teacher(classifier([[0.2, 0.3, 0.5]]))
    assert (asked.classes, asked.n_outputs) == ([0, 1, 2], 3)
    assert asked.targets(asked.soft_output(X)).shape == (3, 3)


@pytest.mark.parametrize("output", [lambda Z: Z[:, 0] * 2, lambda Z: Z * 2])
def test_a_function_of_numbers_is_a_regression(output: Any) -> None:
    asked = teacher(output, is_function=True, task="regression")
    np.testing.assert_allclose(asked.soft_output(X), [0, 2, 4])
    assert teacher(output, is_function=True).task == "regression"


@pytest.mark.parametrize("output", [lambda Z: Z[:, 0] / 4, lambda Z: Z / 4])
def test_a_function_of_one_probability_becomes_two_columns(output: Any) -> None:
    """One probability per row, as a vector or as a column, is that of the second class."""
    asked = teacher(output, is_function=True, task="classification")
    np.testing.assert_allclose(asked.soft_output(X), [[1, 0], [0.75, 0.25], [0.5, 0.5]])
    assert asked.classes == [0, 1]


def test_a_function_of_several_probabilities_is_a_classification() -> None:
    asked = teacher(lambda Z: np.full((len(Z), 3), 1 / 3), is_function=True, classes=["a", "b", "c"])
    assert (asked.task, asked.classes, asked.n_outputs) == ("classification", ["a", "b", "c"], 3)


# Classes


@pytest.mark.parametrize("labels", [["b", "a"], [1, 0], [True, False], [2.5, 1.5]])
def test_classes_keep_their_types_and_the_order_of_the_columns(labels: list[Any]) -> None:
    asked = teacher(classifier([[0.9, 0.1]], labels))
    assert asked.classes == labels
    assert [type(c) for c in asked.classes or ()] == [type(c) for c in labels]
    assert asked.predictions(X, asked.soft_output(X)).tolist() == [labels[0]] * 3


def test_predictions_of_mixed_labels_keep_their_types() -> None:
    asked = teacher(classifier([[0.2, 0.3, 0.5]]), classes=[1, "1", True])
    found = asked.predictions(X, np.eye(3)).tolist()
    assert [(type(c), c) for c in found] == [(int, 1), (str, "1"), (bool, True)]


def test_labels_behind_the_codes_of_a_model_may_be_given() -> None:
    assert teacher(classifier([[0.9, 0.1]], [0, 1]), classes=["no", "yes"]).classes == ["no", "yes"]


def test_classes_of_another_number_are_refused() -> None:
    with pytest.raises(InputError, match="`classes` has 3 labels; the model gives probabilities of 2 classes"):
        teacher(classifier([[0.9, 0.1]]), classes=["a", "b", "c"])


def test_classes_in_another_order_are_refused() -> None:
    with pytest.raises(InputError, match=r"`classes` is \['y', 'n'\], but the model's columns are \['n', 'y'\]"):
        teacher(classifier([[0.9, 0.1]], ["n", "y"]), classes=["y", "n"])


# Refusals


def test_a_task_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="`model_task` must be one of 'classification', 'regression', 'unknown'; got"):
        teacher(regressor(1.0), task="clustering")


def test_a_model_id_is_refused() -> None:
    with pytest.raises(InputError, match="`model` must be a fitted model, not the id 'my-model:3'. Load the model"):
        teacher("my-model:3")


def test_something_that_is_no_function_is_refused() -> None:
    with pytest.raises(InputError, match="`is_function=True` needs a function; got SimpleNamespace"):
        teacher(regressor(1.0), is_function=True)


def test_something_without_predict_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="object has no `predict`. Pass a fitted model, or a function"):
        teacher(object())


@pytest.mark.parametrize("model", [LinearSVC(), RidgeClassifier()])
@pytest.mark.parametrize("task", ["unknown", "classification"])
def test_a_classifier_without_probabilities_is_asked_for_decision_values(model: Any, task: str) -> None:
    """The reference explains its label numbers as a regression, or fails on text labels."""
    Z, y = make_classification(100, random_state=0)
    made = Predictions.of(model.fit(Z, np.where(y, "yes", "no")), Z[:1], task=task, classes=None, is_function=False)
    assert (made.task, made.unit, made.classes, made.n_outputs) == (
        "classification",
        "decision value",
        ["no", "yes"],
        1,
    )
    output = made.soft_output(Z)
    np.testing.assert_array_equal(output, model.decision_function(Z)[:, None])
    np.testing.assert_array_equal(made.in_unit(made.targets(output)), output)
    assert made.predictions(Z, output).tolist() == model.predict(Z).tolist()


def test_decision_values_of_many_classes_have_one_column_each() -> None:
    Z, y = make_classification(150, n_informative=4, n_classes=3, random_state=0)
    model = LinearSVC().fit(Z, np.array(["p", "q", "r"])[y])
    made = Predictions.of(model, Z[:1], task="classification", classes=None, is_function=False)
    assert made.n_outputs == 3
    assert made.predictions(Z, made.soft_output(Z)).tolist() == model.predict(Z).tolist()


def test_decision_values_of_pairs_of_classes_are_refused() -> None:
    """With three classes there are three pairs too, so their number gives nothing away."""
    Z, y = make_classification(150, n_informative=4, n_classes=3, random_state=0)
    model = SVC(decision_function_shape="ovo").fit(Z, y)
    with pytest.raises(UnsupportedModelError, match="for every pair of classes.*'ovr'"):
        Predictions.of(model, Z[:1], task="classification", classes=None, is_function=False)


@pytest.mark.parametrize("task", ["unknown", "classification"])
def test_a_classifier_of_labels_alone_is_refused(task: str) -> None:
    Z, y = make_classification(100, random_state=0)
    vote = VotingClassifier([("a", LogisticRegression()), ("b", RidgeClassifier())]).fit(Z, y)
    with pytest.raises(UnsupportedModelError, match="`predict_proba` and `decision_function`.*CalibratedClassifierCV"):
        Predictions.of(vote, Z[:1], task=task, classes=None, is_function=False)


def test_a_classifier_of_a_single_class_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="A model that knows a single class has nothing to explain"):
        teacher(classifier([[1.0]], ["only"]))


def test_a_regressor_of_several_targets_is_refused() -> None:
    model = LinearRegression().fit(X, np.hstack([X, X]))
    with pytest.raises(UnsupportedModelError, match="predicts several targets at once.*Fit one model per target"):
        teacher(model)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_refused(wrong: float) -> None:
    asked = teacher(lambda Z: np.where(Z[:, 0] == 1.0, wrong, Z[:, 0]), is_function=True)
    with pytest.raises(UnsupportedModelError, match="NaN or infinite predictions on 1 of 3 rows"):
        asked.soft_output(X)


def test_outputs_that_are_no_probabilities_are_refused() -> None:
    """Margins taken for probabilities would be clipped into nonsense."""
    with pytest.raises(UnsupportedModelError, match="not probabilities.*from -2 to 2.*between 0 and 1"):
        teacher(lambda Z: np.column_stack([-Z[:, 0], Z[:, 0]]), is_function=True)


@pytest.mark.parametrize("n_rows", [1, 100])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, 0.6], "add up to 1.1 to 1.1"),
        ([0.4, 0.5], "add up to 0.9 to 0.9"),
        ([-0.1, 1.1], "reach from -0.1 to 1.1"),
        ([np.nan, 1.0], "NaN or infinite"),
        ([1.0, np.nan], "NaN or infinite"),
        ([np.inf, 0.0], "NaN or infinite"),
    ],
)
def test_no_probabilities_are_refused_in_one_row_as_in_many(row, message, n_rows):
    answers = {"now": [0.5, 0.5]}
    found = Predictions.of(
        lambda rows: np.tile(answers["now"], (len(rows), 1)), np.zeros((30, 2)), task="classification", classes=None,
        is_function=True,
    )  # fmt: skip
    assert found.soft_output(np.zeros((n_rows, 2))).tolist() == [[0.5, 0.5]] * n_rows
    answers["now"] = row
    with pytest.raises(UnsupportedModelError, match=message):
        found.soft_output(np.zeros((n_rows, 2)))
