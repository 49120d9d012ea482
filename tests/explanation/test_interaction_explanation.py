"""InteractionExplanation: shapes, names, ranks and what it refuses; by numbers on paper."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from automl_explain import InteractionExplanation
from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation import Fidelity

# Two rows of three features.
ROWS = np.array(
    [[[1.0, 0.5, 0.0], [0.5, 2.0, -1.0], [0.0, -1.0, 3.0]], [[-1.0, -0.5, 2.0], [-0.5, 0.0, 1.0], [2.0, 1.0, 0.0]]]
)
NAMES = ["a", "b", "c"]


def made(values: Any = ROWS[None], **more: Any) -> InteractionExplanation:
    known: dict[str, Any] = {
        "base": [10.0] if values is None else np.full(len(values), 10.0),
        "task": "regression",
        "features": NAMES,
    }
    return InteractionExplanation(values=values, **{**known, **more})


def test_a_regression_has_one_matrix_for_each_row() -> None:
    found = made()
    np.testing.assert_array_equal(found.interaction_values, ROWS)
    np.testing.assert_array_equal(found.main_effects, [[1, 2, 3], [-1, 0, 0]])
    np.testing.assert_array_equal(found.shapley_values, [[1.5, 1.5, 2.0], [0.5, 0.5, 3.0]])
    np.testing.assert_array_equal(found.output, [[15.0], [14.0]])
    assert (found.num_examples, found.num_features, found.kind) == (2, 3, "interactions")


def test_two_classes_are_mirrored_and_more_have_matrices_of_their_own() -> None:
    binary = made(task="classification", classes=["no", "yes"], output_unit="log-odds", link="logit")
    assert binary.interaction_values.shape == (2, 2, 3, 3)
    np.testing.assert_array_equal(np.asarray(binary.interaction_values), [-ROWS, ROWS])
    np.testing.assert_array_equal(binary.interaction_values[1][0], ROWS[0])
    np.testing.assert_array_equal(np.asarray(binary.main_effects)[0], [[-1, -2, -3], [1, 0, 0]])
    np.testing.assert_array_equal(binary.expected_values, [-10.0, 10.0])
    several = made(np.stack([ROWS, -2 * ROWS, 0 * ROWS]), task="classification", classes=list("xyz"))
    assert several.interaction_values.shape == (3, 2, 3, 3)
    np.testing.assert_array_equal(several.shapley_values[1], -2 * made().shapley_values)
    np.testing.assert_array_equal(several.output, [[15.0, 0.0, 10.0], [14.0, 2.0, 10.0]])


def test_pairs_are_ranked_by_their_mean_magnitude() -> None:
    """Means of a b: (0.5 + 0.5) / 2, of a c: (0 + 2) / 2, of b c: (1 + 1) / 2; ties keep the order of the columns."""
    found = made()
    assert found.top_interactions(None) == [("a", "c", 1.0), ("b", "c", 1.0), ("a", "b", 0.5)]
    assert found.top_interactions(1)[0].other == "c"
    assert found.top_interactions(0) == []
    frame = found.to_frame()
    assert frame.columns.tolist() == ["feature", "other", "importance", "share"]
    assert frame["share"].tolist() == [0.4, 0.4, 0.2]
    np.testing.assert_array_equal(found.global_interaction_values[0], [1.0, 0.5, 1.0])


def test_one_class_is_ranked_alone_and_without_one_the_mean_over_the_classes_counts() -> None:
    other = np.zeros_like(ROWS)
    other[:, 0, 1] = other[:, 1, 0] = 6.0
    several = made(np.stack([ROWS, other, 0 * ROWS]), task="classification", classes=list("xyz"))
    assert several.top_interactions(1) == [("a", "b", pytest.approx(6.5 / 3))]
    assert several.top_interactions(1, label="x") == [("a", "c", 1.0)]
    assert several.to_frame("y")["importance"].tolist() == [6.0, 0.0, 0.0]
    assert several.to_frame("z")["share"].tolist() == [0.0, 0.0, 0.0]
    binary = made(task="classification", classes=[0, 1])
    assert binary.top_interactions(1, label=0) == binary.top_interactions(1, label=1) == [("a", "c", 1.0)]


def test_what_is_not_listed_is_in_the_sums() -> None:
    """Interactions with features that are not listed count in both directions, the last number once."""
    unmapped = np.array([[[1.0, 0.0, 0.0, 4.0], [0.0, 0.0, -1.0, 0.0]]])
    found = made(unmapped=unmapped, unmapped_features=["d"], space="raw")
    np.testing.assert_array_equal(found.shapley_values, [[2.5, 1.5, 2.0], [0.5, 0.5, 2.0]])
    np.testing.assert_array_equal(found.output, [[15.0 + 2 + 4], [14.0 - 2]])
    assert [note.category for note in found.notes] == ["unattributed"]


def test_mean_magnitudes_alone_are_enough_to_rank() -> None:
    found = made(None, base=[10.0], global_values=np.abs(ROWS).mean(axis=0)[None], n_explained_rows=2)
    assert found.top_interactions(2) == made().top_interactions(2)
    assert found.num_examples == 2
    with pytest.raises(MissingLocalValuesError, match="include_local=True"):
        _ = found.interaction_values
    assert not hasattr(found, "main_effects")


def test_it_shows_the_strongest_pairs() -> None:
    text = repr(made(method="tree"))
    assert text.startswith("Interactions of 3 engineered features (tree)\nregression, in target, 2 rows\n")
    assert "  a x c\n" in text
    assert "mean |target|" in text


def test_names_that_are_alike_but_for_their_ends_are_shown_in_full() -> None:
    names = [f"onehotencoder__marital-status_number-{i}" for i in range(6)]
    fidelity = Fidelity(0.99, None, None, None, 1.0, 2.0, 50, "held-out", (0.98, 1.0))
    text = repr(made(np.ones((1, 1, 6, 6)), features=names, fidelity=fidelity))
    assert f"  {names[0]} x {names[5]}\n" in text
    assert text.count(" x ") == 10
    assert text.endswith("\nand 5 more pairs")
    assert "\nfidelity: R2 0.990" in text


def test_nothing_can_be_changed_and_a_pickle_is_the_same() -> None:
    found = made()
    with pytest.raises(ValueError, match="read-only"):
        found.interaction_values[0, 0, 0] = 1.0
    copy = pickle.loads(pickle.dumps(found))
    assert copy.top_interactions() == found.top_interactions()
    assert copy.id == found.id
    np.testing.assert_array_equal(copy.values, found.values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": ROWS}, r"`values` has shape \(2, 3, 3\); expected \(1, n_rows, n_features, n_features\)"),
        ({"values": ROWS[None, :, :2]}, r"`values` has shape \(1, 2, 2, 3\)"),
        ({"values": np.stack([ROWS, ROWS])}, r"`values` has shape \(2, 2, 3, 3\); expected \(1, n_rows"),
        ({"values": np.triu(ROWS)[None]}, r"`values` is not symmetric in row 0"),
        ({"features": ["a", "b"]}, "`features` has 2 names for matrices of 3 features"),
        ({"unmapped": np.zeros((1, 2, 3))}, r"`unmapped` has shape \(1, 2, 3\); expected \(1, 2, 4\)"),
        ({"global_values": np.zeros((1, 3))}, r"`global_values` has shape \(1, 3\); expected \(1, 3, 3\)"),
        ({"n_explained_rows": 5}, "`n_explained_rows` is 5, but `values` has 2 rows"),
        ({"values": np.full((1, 2, 3, 3), np.nan)}, "`values` of row 0 are not all finite"),
        ({"values": np.full((1, 2, 3, 3), np.inf)}, "`values` of row 0 are not all finite"),
        ({"values": None, "global_values": 3.0, "n_explained_rows": 2}, r"`global_values` has shape \(\)"),
        ({"values": None, "global_values": np.zeros((1, 3, 3)), "n_explained_rows": -3}, "`n_explained_rows` must be"),
        ({"global_values": np.full((1, 3, 3), np.nan)}, "`global_values` has matrices that are not symmetric"),
        ({"global_values": np.full((1, 3, 3), -1.0)}, "numbers that are negative"),
        ({"global_values": np.triu(ROWS[:1] ** 2)}, "`global_values` has matrices that are not symmetric"),
        ({"values": None}, "`values` is None; mean magnitudes alone need"),
        ({"space": "input"}, "`space` must be one of 'engineered', 'raw'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(**{"values": ROWS[None], "base": [10.0], **arguments})


@pytest.mark.parametrize("k", [-1, 1.5, True, "2"])
def test_a_number_of_pairs_that_is_none_is_refused(k: Any) -> None:
    with pytest.raises(InputError, match="`k` must be a whole number >= 0, or None for all; got"):
        made().top_interactions(k)
