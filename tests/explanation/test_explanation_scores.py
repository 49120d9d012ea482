"""Explanations of a score: one importance for all classes, with signs and with a spread."""

import numpy as np
import pytest

from automl_explain import Explanation
from automl_explain.exceptions import InputError


def of_a_score(**changes):
    given = {
        "values": None,
        "global_values": [[-0.1, 0.5, 0.0]],
        "global_spread": [[0.01, 0.02, 0.0]],
        "n_explained_rows": 4,
        "base": [0.9],
        "task": "classification",
        "output_unit": "score",
        "features": ["a", "b", "c"],
    }
    return Explanation(**{**given, **changes})


def test_a_negative_importance_ranks_last():
    explanation = of_a_score()
    assert explanation.get_feature_importance_dict() == {"b": 0.5, "c": 0.0, "a": -0.1}
    assert explanation.expected_values.tolist() == [0.9]


def test_a_score_has_no_values_of_single_classes():
    explanation = of_a_score()
    assert explanation.num_classes == 0
    with pytest.raises(InputError, match="An explanation of a score has no classes; use `global_importance_values`"):
        explanation.per_class_values  # noqa: B018
    with pytest.raises(InputError, match="an explanation of a score has no classes; leave it out"):
        explanation.to_frame("global", label=1)
    with pytest.raises(InputError, match="a score, which is one number for all classes together"):
        of_a_score(base=[0.9, 0.1])


def test_its_text_names_the_loss_and_no_number_of_classes():
    text = repr(of_a_score().visualize())
    assert "loss of score" in text
    assert "classes" not in text


def test_spread_and_fit_are_saved_and_a_file_without_them_is_read(tmp_path):
    of_a_score().save(tmp_path / "score")
    assert Explanation.load(tmp_path / "score").global_spread.tolist() == [[0.01, 0.02, 0.0]]
    local = Explanation(values=np.ones((1, 3, 2)), base=[0.0], task="regression", local_fit=[[0.5, 0.6, 0.7]])
    local.save(tmp_path / "local")
    loaded = Explanation.load(tmp_path / "local")
    assert loaded.local_fit.tolist() == [[0.5, 0.6, 0.7]]
    assert loaded[[2, 0]].local_fit.tolist() == [[0.7, 0.5]]
    members = local.to_members()
    older = members["explanation.json"].replace(b'"global_spread": null,', b"")
    assert older != members["explanation.json"]
    assert Explanation.from_members({**members, "explanation.json": older}).global_spread is None
