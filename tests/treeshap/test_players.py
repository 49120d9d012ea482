"""Players made by hand are checked: the compiled engine goes where they point."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from made_trees import make_rows, make_trees

from automl_explain.exceptions import InputError
from automl_explain.treeshap import Engine, Players

IDENTITY = Players.engineered(3).weights


@pytest.mark.parametrize(
    "of_feature",
    [[0, 1, 3], [0, -1, 2], [0, 1, 2**40], [0.0, 1.0, 2.0], [[0, 1, 2]], ["a", "b", "c"], [True, False, True]],
)
def test_features_of_no_player_are_refused(of_feature: list[object]) -> None:
    with pytest.raises(InputError, match="`of_feature` is an array of shape .* whole numbers from 0 to 2"):
        Players(np.array(of_feature), IDENTITY)


def test_weights_that_are_not_those_of_players_are_refused() -> None:
    with pytest.raises(InputError, match=r"outside of its shape \(3, 2\)"):
        Players(np.array([0, 1, 1]), IDENTITY._replace(shape=(3, 2)))
    with pytest.raises(InputError, match=r"outside of its shape \(4, 3\)"):
        Players(np.array([0, 1, 2]), IDENTITY._replace(shape=(4, 3)))
    with pytest.raises(InputError, match=r"outside of its shape \(3, 3\)"):
        Players(np.array([0, 1, 2]), IDENTITY._replace(indices=np.array([0, -1, 2])))
    for entry in (np.nan, np.inf):
        with pytest.raises(InputError, match="not finite"):
            Players.folded([[1.0, entry, 0.0]])


def test_players_by_hand_are_those_of_the_constructors() -> None:
    """Numbers of any width, and weights of SciPy."""
    trees = make_trees(0, n_features=3)
    X = make_rows(0, trees)
    wanted = Engine(trees, Players.folded([[1, 0.5, 0], [0, 0.5, 1]])).values(X)
    by_hand = Players(np.arange(3, dtype=np.uint8), sp.csr_matrix([[1, 0.5, 0], [0, 0.5, 1]]))
    np.testing.assert_array_equal(Engine(trees, by_hand).values(X), wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, ">f8"])
def test_weights_by_hand_may_be_of_any_type(dtype: object) -> None:
    trees = make_trees(0, n_features=3)
    X = make_rows(0, trees)
    weights = np.array([[1, 0, 0], [0, 1, 1]])
    shares = sp.csr_matrix(weights.astype(float))
    shares.data = shares.data.astype(dtype)
    wanted = Engine(trees, Players.folded(weights)).values(X)
    np.testing.assert_array_equal(Engine(trees, Players(np.arange(3), shares)).values(X), wanted)


def test_players_whose_weights_are_zero_are_in_the_remainder() -> None:
    """Also where the zeros are stored."""
    trees = make_trees(0, n_features=3)
    X = make_rows(0, trees)
    stored = sp.csr_matrix((np.array([1.0, 0.0, 1.0]), np.arange(3), np.array([0, 2, 3])), shape=(2, 3))
    made = Players(np.arange(3), stored)
    assert made.unmapped.tolist() == [False, True, False]
    each = Engine(trees, Players.engineered(3)).values(X)
    values, remainder = Engine(trees, made).values_and_remainder(X)
    np.testing.assert_array_equal(values, each[:, :, [0, 2]])
    np.testing.assert_array_equal(remainder, each[:, :, 1])


def test_players_of_other_columns_are_refused_by_name() -> None:
    trees = make_trees(0, n_features=3)
    for n in (2, 9):
        with pytest.raises(InputError, match=f"`players` is for {n} features; the trees have 3"):
            Engine(trees, Players.engineered(n))


def test_rows_are_also_lists_but_never_complex() -> None:
    trees = make_trees(0, n_features=3)
    X = make_rows(0, trees)
    engine = Engine(trees, Players.engineered(3))
    np.testing.assert_array_equal(engine.values(X.tolist()), engine.values(X))
    np.testing.assert_array_equal(trees.predict(X.tolist()), trees.predict(X))
    for rows in (X + 1j, sp.csr_matrix(X + 1j)):
        with pytest.raises(InputError, match="`X` holds complex numbers"):
            engine.values(rows)
        with pytest.raises(InputError, match="`X` holds complex numbers"):
            trees.predict(rows)
