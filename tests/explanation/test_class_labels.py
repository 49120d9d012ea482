from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl_explain.analysis import compare_cohorts
from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation

FOUR = [1, "1", True, 1.0]


def of_classes(classes):
    """The importance of the only feature is 1 for the first class, 2 for the second, ..."""
    values = np.arange(1.0, len(classes) + 1)[:, None, None] * np.ones((1, 2, 1))
    return Explanation(values=values, base=np.zeros(len(classes)), task="classification", classes=classes)


@pytest.mark.parametrize("position", range(4))
def test_four_labels_that_are_equal_are_four_classes_in_every_view(position):
    explanation = of_classes(FOUR)
    label = FOUR[position]
    assert explanation.class_position(label) == position
    assert explanation.to_frame("global", label=label)["importance"].tolist() == [position + 1.0]
    assert explanation.to_frame("local", label=label)[0].tolist() == [position + 1.0] * 2
    cohorts = compare_cohorts(explanation, {"all": [0, 1]})
    assert cohorts.frame(label=label)["importance", "all"].tolist() == [position + 1.0]


@pytest.mark.parametrize(
    ("label", "position"), [(np.int64(1), 0), (np.str_("1"), 1), (np.bool_(True), 2), (np.float32(1), 3)], ids=repr
)
def test_numbers_and_texts_of_numpy_count_as_those_of_python(label, position):
    assert of_classes(FOUR).class_position(label) == position


def test_a_label_of_another_type_is_found_where_only_one_class_is_equal():
    assert of_classes([0, 1, 2]).class_position(1.0) == 1
    assert of_classes([0, 1, 2]).class_position(True) == 1
    assert of_classes([0.0, 1.0, 2.0]).class_position(2) == 2
    assert of_classes(["a", None, float("nan")]).class_position(None) == 1
    assert of_classes(["a", None, float("nan")]).class_position(np.nan) == 2
    assert of_classes(["a", pd.NA, "b"]).class_position(pd.NA) == 1


def test_a_label_that_may_mean_two_classes_is_refused():
    with pytest.raises(InputError, match=r"`label` is 1, which may mean True, 1.0. Pass the label with its own type"):
        of_classes([True, 1.0, "x"]).class_position(1)


@pytest.mark.parametrize("label", ["z", np.array([1, 2]), [1], pd.NA, 7], ids=repr)
def test_what_is_no_class_is_refused(label):
    with pytest.raises(InputError, match="`label` must be one of the classes"):
        of_classes([1, 2, 3]).class_position(label)


def test_a_label_as_text_is_answered_with_the_class_of_that_text():
    with pytest.raises(InputError, match="got '2'. Did you mean 2"):
        of_classes([1, 2, 3]).class_position("2")
