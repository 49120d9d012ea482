"""What an explanation lacks is an attribute it does not have, so that tools can walk over it."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import numpy as np
import pytest
from explanation_strategies import global_only, make

from automl_explain.analysis import GlobalAccumulator
from automl_explain.exceptions import InputError, MissingLocalValuesError, MissingPartError


def score():
    return make(
        "binary", values=None, global_values=[[1, 2, 3]], n_explained_rows=4, output_unit="score", link="identity"
    )


def test_hasattr_says_no():
    assert not hasattr(make("regression"), "per_class_values")
    assert not hasattr(make("regression"), "per_class_rank")
    assert not hasattr(score(), "per_class_values")
    assert hasattr(make("binary"), "per_class_values")
    for name in ("local_importance_values", "output", "unmapped_values"):
        assert not hasattr(global_only(), name)
        assert hasattr(make(), name)
    assert getattr(global_only(), "local_importance_values", None) is None


def test_the_errors_are_those_they_were():
    with pytest.raises(InputError, match="has no classes; use `global_importance_values`"):
        make().per_class_values  # noqa: B018
    with pytest.raises(MissingLocalValuesError, match="global values only"):
        global_only().local_importance_values  # noqa: B018
    assert issubclass(MissingLocalValuesError, MissingPartError)
    assert issubclass(MissingPartError, AttributeError)


@pytest.mark.parametrize(
    "made", [make, lambda: make("binary"), lambda: make("multiclass", sparse=True), global_only, score]
)
def test_tools_walk_over_every_kind_of_explanation(made):
    explanation = made()
    members = dict(inspect.getmembers(explanation))
    assert "global_importance_values" in members
    assert set(members) <= set(dir(explanation))
    walked = {name: getattr(explanation, name) for name in dir(explanation) if hasattr(explanation, name)}
    json.dumps({name: repr(value) for name, value in walked.items()})
    for other in (copy.copy(explanation), copy.deepcopy(explanation), pickle.loads(pickle.dumps(explanation))):
        np.testing.assert_array_equal(other.global_importance_values, explanation.global_importance_values)
        assert other.id == explanation.id


def test_an_accumulator_has_no_values_before_its_first_batch():
    assert not hasattr(GlobalAccumulator(), "global_values")
    assert dict(inspect.getmembers(GlobalAccumulator()))["n_rows"] == 0
