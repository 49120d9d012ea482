"""What the compiled functions are given is checked: a wrong array is a TypeError or ValueError, never a crash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from made_trees import make_trees

from automl_explain.treeshap import Engine, Players, TreeEnsemble, TreeModel, _native
from automl_explain.treeshap._columns import Columns

N_ROWS = 3
REFUSED = (TypeError, ValueError, OverflowError)
TREES = make_trees(0, n_features=4, n_outputs=2, categories=(3,))
PLAYERS = Players.engineered(4)
GIVEN: dict[str, tuple[Any, ...]] = {
    "trees": TREES.native,
    "columns": Columns.of(TREES).native,
    "players": (PLAYERS.n_targets, PLAYERS.of_feature, *PLAYERS.shares),
}
PREPARED = Engine(TREES, PLAYERS, n_jobs=1).prepared
DENSE = np.zeros((N_ROWS, 4))
CSR = (np.ones(4), np.array([0, 2, 1, 3], dtype=np.int32), np.array([0, 2, 3, 4], dtype=np.int32))


def prepare(**changed: Any) -> Any:
    given = {**GIVEN, **changed}
    return _native.prepare(given["trees"], given["columns"], given["players"], 2**20)


def result() -> np.ndarray:
    return np.zeros((2, N_ROWS, 4))


def shifted(array: np.ndarray) -> np.ndarray:
    """The same numbers, one byte behind a place that suits them."""
    room = np.zeros(array.nbytes + 1, np.uint8)
    room[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return room[1:].view(array.dtype).reshape(array.shape)


def wrong(array: np.ndarray) -> dict[str, Any]:
    """The array in forms that are not taken."""
    found = {
        "another type": array.astype("c16"),
        "another width": np.zeros(array.shape, "f2" if array.dtype.kind == "f" else "i2"),
        "no array": array.tolist(),
        "text": "text",
        "bytes": array.tobytes(),
        "nothing": None,
        "objects": array.astype(object),
    }
    if array.dtype.itemsize > 1:
        found["swapped bytes"] = array.astype(array.dtype.newbyteorder(">"))
        found["not aligned"] = shifted(array)
    return found


ARRAYS = [(part, at) for part, fields in GIVEN.items() for at, field in enumerate(fields) if not isinstance(field, int)]


@pytest.mark.parametrize(("part", "at"), ARRAYS)
def test_arrays_of_another_form_are_not_prepared(part: str, at: int) -> None:
    fields = GIVEN[part]
    given = wrong(fields[at])
    given["not contiguous"] = np.repeat(fields[at], 2)[::2]
    for array in given.values():
        with pytest.raises(REFUSED):
            prepare(**{part: (*fields[:at], array, *fields[at + 1 :])})
    prepare()


# Arrays whose length nothing else tells: the words of the sets of categories, and which ranks go left. More outputs
# than trees add to, and more players than there are features, are allowed.
ANY_LENGTH = {("trees", 12), ("trees", 13), ("columns", 8)}
LONGER = {("trees", 14), ("players", 2)}


@pytest.mark.parametrize(("part", "at"), [each for each in ARRAYS if each not in ANY_LENGTH])
def test_arrays_of_another_length_are_not_prepared(part: str, at: int) -> None:
    fields = GIVEN[part]
    for array in (fields[at][:-1], np.append(fields[at], fields[at][-1:]))[: 1 if (part, at) in LONGER else 2]:
        with pytest.raises(ValueError, match=r"instead of|do not belong together"):
            prepare(**{part: (*fields[:at], array, *fields[at + 1 :])})


@pytest.mark.parametrize("part", list(GIVEN))
def test_tuples_of_another_length_and_other_objects_are_not_prepared(part: str) -> None:
    fields = GIVEN[part]
    for given in (fields[:-1], (*fields, fields[-1]), list(fields), None, fields[-1]):
        with pytest.raises(TypeError, match="expected a tuple of"):
            prepare(**{part: given})
    for number in (None, "4", 4.0, -1, 2**70) if isinstance(fields[0], int) else ():
        with pytest.raises(REFUSED):
            prepare(**{part: (number, *fields[1:])})


@pytest.mark.parametrize(("at", "entry"), [(1, -1), (1, 4), (1, 2**62), (2, -1), (2, 5), (3, -1), (3, 4), (3, 2**62)])
def test_players_and_targets_that_are_none_are_not_prepared(at: int, entry: int) -> None:
    fields = GIVEN["players"]
    changed = np.array(fields[at], dtype=np.int64)
    changed[1] = entry
    with pytest.raises(ValueError, match="players do not belong together"):
        prepare(players=(*fields[:at], changed, *fields[at + 1 :]))


def test_arrays_of_any_layout_are_copied_where_they_must_be() -> None:
    """Arrays over a buffer may begin anywhere in it; one row of a larger table has a stride that means nothing."""
    rows = np.random.default_rng(0).normal(size=(N_ROWS, 4))
    csr, model = sp.csr_matrix(rows), TreeModel.of(TREES, n_jobs=1)
    records = np.zeros(N_ROWS, dtype=[("x", np.float64, (8,)), ("y", np.uint8)])
    records["x"][:, ::2] = rows
    forms = [shifted(rows), records["x"][:, ::2]]
    for layout in (shifted, lambda array: np.repeat(array, 2)[::2]):
        for part in ("data", "indices", "indptr"):
            forms.append(csr.copy())
            setattr(forms[-1], part, layout(getattr(csr, part)))
    for X in forms:
        for n in (1, N_ROWS):
            for explain in (model.prepared().values, model.interaction_values, model.predict_output):
                np.testing.assert_array_equal(explain(X[:n]), explain(rows[:n]))
    given = {name: shifted(array) for name, array in TREES.arrays().items()}
    for array in given.values():
        array.flags.writeable = False
    trees = TreeEnsemble.from_arrays(given, TREES.n_features)
    np.testing.assert_array_equal(TreeModel.of(trees).shapley_values(rows), model.shapley_values(rows))


@pytest.mark.parametrize("name", list(wrong(DENSE)))
def test_rows_of_another_form_are_not_explained(name: str) -> None:
    rows = wrong(DENSE)[name]
    with pytest.raises(REFUSED):
        PREPARED.explain_dense(rows, result(), 0, N_ROWS)
    with pytest.raises(REFUSED):
        PREPARED.explain_row(rows[:1] if isinstance(rows, np.ndarray) else rows, np.zeros((2, 1, 4)))
    with pytest.raises(REFUSED):
        _native.predict_dense(TREES.native, rows, np.zeros((N_ROWS, 2)))


@pytest.mark.parametrize("shape", [(N_ROWS, 3), (N_ROWS, 5), (4,), (1, N_ROWS, 4), ()])
def test_rows_of_another_shape_are_not_explained(shape: tuple[int, ...]) -> None:
    with pytest.raises(REFUSED):
        PREPARED.explain_dense(np.zeros(shape), result(), 0, 1)
    with pytest.raises(REFUSED):
        PREPARED.explain_row(np.zeros(shape), np.zeros((2, 1, 4)))
    if np.prod(shape) != DENSE.size:
        with pytest.raises(ValueError, match="instead of"):
            _native.predict_dense(TREES.native, np.zeros(shape), np.zeros((N_ROWS, 2)))


def test_more_or_less_than_one_row_is_not_explained_as_one() -> None:
    for n in (0, 2):
        with pytest.raises(ValueError, match="expected one row"):
            PREPARED.explain_row(np.zeros((n, 4)), np.zeros((2, n, 4)))


def _read_only() -> np.ndarray:
    array = result()
    array.flags.writeable = False
    return array


BAD_RESULTS = {
    "read-only": _read_only(),
    "float32": result().astype("f4"),
    "fewer": np.zeros((2, N_ROWS, 3)),
    "more": np.zeros((2, N_ROWS, 5)),
    "empty": np.zeros(0),
    "not contiguous": np.zeros((2, N_ROWS, 8))[:, :, ::2],
    "columns first": np.asfortranarray(result()),
    "not aligned": shifted(result()),
    "bytes": result().tobytes(),
    "nothing": None,
}


@pytest.mark.parametrize("name", list(BAD_RESULTS))
def test_results_that_cannot_be_filled_are_refused(name: str) -> None:
    bad: Any = BAD_RESULTS[name]
    refused = (*REFUSED, BufferError)
    with pytest.raises(refused):
        PREPARED.explain_dense(DENSE, bad, 0, N_ROWS)
    with pytest.raises(refused):
        PREPARED.explain_sparse(*CSR, bad, 0, N_ROWS)
    with pytest.raises(refused):
        PREPARED.explain_row(DENSE[:1], bad[:, :1] if isinstance(bad, np.ndarray) and bad.ndim == 3 else bad)
    if name not in ("fewer", "more", "empty"):
        margins = bad.reshape(-1)[: 2 * N_ROWS] if name in ("read-only", "float32", "not aligned") else bad
        with pytest.raises(refused):
            _native.predict_dense(TREES.native, DENSE, margins)
        with pytest.raises(refused):
            _native.predict_sparse(TREES.native, *CSR, margins)


def test_margins_of_another_number_of_rows_are_refused() -> None:
    for n in (0, 2 * N_ROWS - 1, 2 * N_ROWS + 2):
        with pytest.raises(ValueError, match=r"instead of|no place"):
            _native.predict_dense(TREES.native, DENSE, np.zeros(n))
        with pytest.raises(ValueError, match="instead of"):
            _native.predict_sparse(TREES.native, *CSR, np.zeros(n))


@pytest.mark.parametrize(
    "span", [(-1, 1), (0, N_ROWS + 1), (2, 1), (2**62, 2**62), (0, 2**70), (0.0, 1), ("0", 1), (None, None)]
)
def test_spans_outside_of_the_rows_are_refused(span: tuple[Any, Any]) -> None:
    filled = result()
    for explain, given in ((PREPARED.explain_dense, (DENSE,)), (PREPARED.explain_sparse, CSR)):
        with pytest.raises(REFUSED):
            explain(*given, filled, *span)  # type: ignore[operator]
    assert not filled.any()


@pytest.mark.parametrize("at", range(3))
def test_sparse_rows_of_another_form_are_refused(at: int) -> None:
    for part in wrong(CSR[at]).values():
        given = (*CSR[:at], part, *CSR[at + 1 :])
        with pytest.raises(REFUSED):
            PREPARED.explain_sparse(*given, result(), 0, N_ROWS)
        with pytest.raises(REFUSED):
            _native.predict_sparse(TREES.native, *given, np.zeros((N_ROWS, 2)))


def test_parts_of_sparse_rows_that_do_not_belong_together_are_refused() -> None:
    data, indices, indptr = CSR
    for given in (
        (data[:-1], indices, indptr),
        (data, indices[:-1], indptr),
        (data, indices.astype("i8"), indptr),
        (data, indices, indptr[:0]),
    ):
        with pytest.raises(ValueError, match="do not belong together"):
            PREPARED.explain_sparse(*given, result(), 0, N_ROWS)


def test_a_form_of_interactions_that_is_neither_true_nor_false_is_refused() -> None:
    prepared = _native.prepare_interactions(GIVEN["trees"], GIVEN["columns"], GIVEN["players"])
    assert prepared is not None
    form: Any = np.ones(2)
    with pytest.raises(ValueError, match="truth value"):
        prepared.explain_dense(DENSE, np.zeros((2, N_ROWS, 4, 4)), 0, N_ROWS, form)


def test_wrong_numbers_of_arguments_are_refused() -> None:
    functions = (
        _native.prepare, _native.predict_dense, _native.predict_sparse,
        PREPARED.explain_row, PREPARED.explain_dense, PREPARED.explain_sparse,
    )  # fmt: skip
    for function in functions:
        for n in (0, 1, 12):
            with pytest.raises(TypeError, match=f"takes . arguments; got {n}"):
                function(*[DENSE] * n)  # type: ignore[operator]


def test_prepared_trees_are_made_by_prepare_alone_and_do_not_change() -> None:
    with pytest.raises(TypeError, match="cannot create"):
        _native.Prepared()
    with pytest.raises(AttributeError):
        PREPARED.nbytes = 0
