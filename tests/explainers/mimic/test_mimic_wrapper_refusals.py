"""MimicWrapper: everything it refuses, and the words it does it with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from models import (
    MAP,
    NAMES,
    QUICK,
    Formula,
    rows,
    shared_wrapper,
    teacher,
)
from sklearn.ensemble import VotingClassifier
from sklearn.svm import LinearSVC

from automl_explain import LGBMExplainableModel, MimicWrapper
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    InitDatasetMissingError,
    InputError,
    MissingEvalDataError,
    MissingExplanationTypesError,
    MissingRawTransformationsError,
    UnsupportedModelError,
)

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

BOTH = ["local", "global"]


def wrap(**more: Any) -> MimicWrapper:
    """A wrapper of a regression, with some arguments changed."""
    arguments = {"model": Formula(), "explainable_model": LGBMExplainableModel, "explainer_kwargs": QUICK}
    arguments |= {"init_dataset": rows("array"), "features": NAMES, "feature_maps": [MAP]}
    return MimicWrapper(None, **{**arguments, **more})


# Refusals


def test_local_values_without_rows_are_refused() -> None:
    """['local'] without data is a typed error that says what to pass."""
    for types in (["local"], BOTH, "local"):
        with pytest.raises(MissingEvalDataError, match="Local values need rows: pass `eval_dataset`"):
            shared_wrapper("binary", "frame").explain(types)


@pytest.mark.parametrize(("types", "seen"), [([], "an empty list"), (None, "NoneType"), ("", "''")])
def test_no_explanation_types_are_refused(types: Any, seen: str) -> None:
    """[] is a typed error listing the legal values."""
    with pytest.raises(MissingExplanationTypesError, match=f"must hold 'local', 'global' or both; got {seen}"):
        shared_wrapper("binary", "frame").explain(types, rows("frame", 20))


@pytest.mark.parametrize("types", ["x", ["x"], ["local", "x"], ["Local"]])
def test_unknown_explanation_types_are_refused(types: Any) -> None:
    """['x'] is a typed error listing the legal values and what came instead."""
    with pytest.raises(MissingExplanationTypesError, match="must hold 'local', 'global' or both; got '(x|Local)'"):
        shared_wrapper("binary", "frame").explain(types, rows("frame", 20))


def test_raw_values_without_a_map_are_refused() -> None:
    """`get_raw` without a map is a typed error that says what to pass."""
    with pytest.raises(MissingRawTransformationsError, match="`get_raw=True` needs to know.*`feature_maps="):
        wrap(feature_maps=None).explain(BOTH, rows("array", 20), get_raw=True)


def test_transformations_and_maps_together_are_refused() -> None:
    """`transformations` and `feature_maps` together are a typed error."""
    with pytest.raises(ConflictingTransformationsError, match="Both `transformations` and `feature_maps` were given"):
        wrap(transformations=[("x0", None)])


def test_a_subset_and_maps_together_are_refused() -> None:
    with pytest.raises(ConflictingTransformationsError, match="`explain_subset` and `feature_maps` cannot be combined"):
        wrap(explain_subset=[0])


def test_a_missing_init_dataset_is_refused() -> None:
    with pytest.raises(InitDatasetMissingError, match="`init_dataset` is None; the surrogate needs rows.*X_transform"):
        wrap(init_dataset=None)


def test_a_map_of_another_width_is_refused() -> None:
    with pytest.raises(InputError, match="map has 5 engineered features, `init_dataset` has 4 columns.*of one setup"):
        wrap(feature_maps=[np.ones((2, 5))])


def test_negative_weights_are_refused() -> None:
    with pytest.raises(InputError, match="A feature map holds weights >= 0; got -1.0"):
        wrap(feature_maps=[-np.ones((2, 4))])


def test_an_empty_list_of_maps_is_refused() -> None:
    with pytest.raises(InputError, match="`feature_maps` is an empty list"):
        wrap(feature_maps=[])


def test_raw_names_of_another_number_are_refused() -> None:
    with pytest.raises(InputError, match="`raw_feature_names` has 2 names for the 3 rows of the feature map"):
        wrap().explain(BOTH, rows("array", 20), get_raw=True, raw_feature_names=["a", "b"])


def test_names_of_another_number_are_refused() -> None:
    with pytest.raises(InputError, match="`features` has 3 names for 4 engineered columns"):
        wrap(features=["a", "b", "c"], feature_maps=None)


def test_classes_of_another_number_or_order_are_refused() -> None:
    model = teacher("binary")
    with pytest.raises(InputError, match="`classes` has 3 labels; the model gives probabilities of 2 classes"):
        wrap(model=model, classes=["no", "yes", "maybe"])
    with pytest.raises(InputError, match=r"`classes` is \['yes', 'no'\], but the model's columns are \['no', 'yes'\]"):
        wrap(model=model, classes=["yes", "no"])


def test_a_model_id_is_refused() -> None:
    with pytest.raises(InputError, match="`model` must be a fitted model, not the id 'registered-model'"):
        wrap(model="registered-model")


@pytest.mark.parametrize("task", ["unknown", "classification"])
def test_a_classifier_of_labels_alone_is_refused(task: str) -> None:
    X = np.random.default_rng(0).normal(size=(100, 4))
    vote = VotingClassifier([("a", LinearSVC()), ("b", LinearSVC())]).fit(X, X[:, 0] > 0)
    with pytest.raises(UnsupportedModelError, match="VotingClassifier is a classifier without `predict_proba`"):
        wrap(model=vote, model_task=task, init_dataset=X)


def test_a_model_that_predicts_nan_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="NaN or infinite predictions on 400 of 400 rows"):
        wrap(model=SimpleNamespace(predict=lambda Z: np.full(len(Z), np.nan)))


def test_arguments_the_explainer_does_not_know_are_refused() -> None:
    with pytest.raises(InputError, match="`explainer_kwargs` do not fit MimicExplainer: .*'augment_dat'"):
        wrap(explainer_kwargs={"augment_dat": False})


@pytest.mark.parametrize("name", ["features", "classes", "model"])
def test_arguments_given_twice_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"`explainer_kwargs` holds '{name}', which MimicWrapper takes itself"):
        wrap(explainer_kwargs={name: None})


def test_a_type_error_of_the_model_is_not_taken_for_a_wrong_argument() -> None:
    def broken(Z: Any) -> Any:
        raise TypeError("unsupported operand")

    with pytest.raises(TypeError, match="unsupported operand"):
        wrap(model=SimpleNamespace(predict=broken))


def test_a_misspelt_column_is_named_with_the_one_meant() -> None:
    X = rows("frame", 20).rename(columns={"x2": "x2_"})
    with pytest.raises(InputError, match=r"\(missing: 'x2', did you mean 'x2_'\?\).*X_test_transform"):
        shared_wrapper("binary", "frame").explain(BOTH, X)


@pytest.mark.parametrize("argument", ["raw_eval_dataset", "true_ys"])
def test_rows_or_truths_of_another_length_are_refused(argument: str) -> None:
    with pytest.raises(
        InputError, match=f"`{argument}` has 19 rows, `eval_dataset` has 20; they must be the same rows"
    ):
        wrap().explain(BOTH, rows("array", 20), get_raw=True, **{argument: np.zeros((19, 3))})
