"""Feature maps: folds worked out by hand, then properties, then the memory they may take."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from automl_explain._tables._schema import TableSchema
from automl_explain.exceptions import InputError
from automl_explain.feature_map import MAX_DENSE_RAW_COLUMNS, FeatureMap, unique_names

# Sums of at most a dozen numbers below 1e6 lose at most a few units of 1e-10.
ROUNDING = 1e-9
QUIET = settings(max_examples=60, deadline=None, derandomize=True)


# --- by hand ---------------------------------------------------------------------------------


def test_an_engineered_value_is_shared_equally_by_its_two_parents() -> None:
    """[1, -2, 4] through [[1, 1, 0], [0, 1, 1]] gives [0, 3]."""
    raw, unmapped = FeatureMap.from_matrix([[1, 1, 0], [0, 1, 1]]).fold([[1.0, -2.0, 4.0]])
    assert raw.tolist() == [[0.0, 3.0]]
    assert unmapped.tolist() == [0.0]


def test_weights_share_in_proportion_in_any_scale() -> None:
    """[[3, 0, 0], [1, 1, .25]] on ones gives [.75, 2.25]."""
    fm = FeatureMap.from_matrix([[3, 0, 0], [1, 1, 0.25]])
    assert fm.fold([[1.0, 1.0, 1.0]])[0].tolist() == [[0.75, 2.25]]
    assert np.asarray(fm).tolist() == [[0.75, 0.0, 0.0], [0.25, 1.0, 1.0]]


def test_two_raw_parents_have_two_entries_in_the_column() -> None:
    """Both parents are in the map, each with half, where Azure's map holds two ones."""
    fm = FeatureMap.from_parents([[0, 1], [2]], raw_names=["a", "b", "c"], engineered_names=["a*b", "c"])
    assert np.asarray(fm).tolist() == [[0.5, 0.0], [0.5, 0.0], [0.0, 1.0]]
    assert fm.how == ("rule", "rule")


def test_a_chain_of_two_maps_is_their_product_scaled_to_one() -> None:
    """Bare matrices are multiplied as they are, then every column is scaled."""
    first, later = np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    product = first @ later  # [[1, 6], [2, 1]]
    fm = FeatureMap.chain([first, later])
    assert np.asarray(fm).tolist() == [[1 / 3, 6 / 7], [2 / 3, 1 / 7]]
    np.testing.assert_array_equal(np.asarray(fm), product / product.sum(axis=0))


def test_raw_values_sum_to_the_engineered_values_where_all_are_mapped() -> None:
    """3 + 0 = 1 - 2 + 4."""
    raw, _ = FeatureMap.from_matrix([[1, 1, 0], [0, 1, 1]]).fold([[1.0, -2.0, 4.0], [0.5, 0.25, -8.0]])
    assert raw.sum(axis=1).tolist() == [3.0, -7.25]


def test_engineered_values_without_a_parent_are_reported_not_lost() -> None:
    """The second feature has no parent, so its value is the unmapped remainder."""
    fm = FeatureMap.from_matrix([[1, 0, 0], [0, 0, 1]], engineered_names=["a", "bias", "b"])
    raw, unmapped = fm.fold([[1.0, 5.0, 2.0], [0.0, -1.0, 0.0]])
    assert raw.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert unmapped.tolist() == [5.0, -1.0]
    assert fm.unmapped == (1,)
    assert fm.how == ("given", "none", "given")
    assert "1 unmapped" in repr(fm)


def test_a_raw_column_that_feeds_nothing_has_a_zero_row_and_no_importance() -> None:
    """A raw column without engineered features is listed as unused and gets 0."""
    fm = FeatureMap.from_matrix([[1, 1], [0, 0]], raw_names=["kept", "dropped"])
    assert fm.unused_raw == ("dropped",)
    assert fm.fold([[3.0, -1.0]])[0].tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize("weight", [-1.0, -1e-300, np.nan, np.inf, -np.inf])
def test_a_weight_below_zero_or_not_finite_is_refused(weight: float) -> None:
    """The message names what was passed and how to fix it."""
    for matrix in (np.array([[1.0, weight]]), sp.csr_matrix(np.array([[1.0, weight]]))):
        with pytest.raises(InputError, match=r"weights >= 0; got (-|nan|inf).*Take the absolute value or 0"):
            FeatureMap.from_matrix(matrix)


def test_a_bare_map_is_taken_as_well_as_a_list_of_one() -> None:
    """A FeatureMap, an array, a sparse matrix or rows of numbers, bare or in a list."""
    rows = [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    expected = np.asarray(FeatureMap.from_matrix(rows))
    for one in (FeatureMap.from_matrix(rows), np.array(rows), sp.coo_matrix(rows), sp.csr_array(rows), rows):
        np.testing.assert_array_equal(np.asarray(FeatureMap.chain(one)), expected)
        np.testing.assert_array_equal(np.asarray(FeatureMap.chain([one])), expected)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([], "empty list; pass a list with at least one map"),
        ("map", "matrix of shape"),
        (np.ones(3), "matrix of shape"),
        ({"a": 1}, "matrix of shape"),
        ([np.ones((2, 3)), np.ones((2, 4))], "takes 2 columns, but the one before it makes 3"),
        ([FeatureMap.identity("ab"), FeatureMap.identity("abc")], "takes 3 columns, but the one before it makes 2"),
    ],
    ids=["empty", "text", "vector", "dict", "widths of arrays", "widths of maps"],
)
def test_what_is_no_chain_of_maps_is_refused(maps: Any, message: str) -> None:
    """What is no map is refused at the door, in words about maps."""
    with pytest.raises(InputError, match=message):
        FeatureMap.chain(maps)


def test_another_number_of_names_than_rows_is_refused_at_creation() -> None:
    """Raw names must be as many as the map has rows, engineered names as many as it has columns."""
    with pytest.raises(InputError, match="`raw_names` has 3 names for the 2 rows of the feature map"):
        FeatureMap.from_matrix(np.eye(2), raw_names=["a", "b", "c"])
    with pytest.raises(InputError, match="`engineered_names` has 1 names for the 2 columns"):
        FeatureMap.from_matrix(np.eye(2), engineered_names=["a"])
    fm = FeatureMap.identity(["a", "b"])
    with pytest.raises(InputError, match="`raw_feature_names` has 1 names for the 2 rows"):
        fm.with_names(raw_names=["a"])
    with pytest.raises(InputError, match="`engineered_feature_names` has 3 names for the 2 columns"):
        fm.with_names(engineered_names=["a", "b", "c"])


def test_the_same_names_in_another_order_are_refused() -> None:
    """By hand: a, b then b, a would give a's share to b."""
    fm = FeatureMap.identity(["a", "b"])
    with pytest.raises(InputError, match="takes 'b', 'a'; .*in another order: 'a', 'b'. Pass"):
        fm.compose(FeatureMap.identity(["b", "a"]))
    with pytest.raises(InputError, match="`raw_feature_names`.*in another order"):
        fm.with_names(raw_names=["b", "a"])
    with pytest.raises(InputError, match="in another order"):
        FeatureMap.from_matrix(fm, raw_names=["b", "a"])
    assert fm.compose(FeatureMap.identity(["b", "c"])).engineered_names == ("b", "c")
    assert FeatureMap.identity([0, 1]).with_names(raw_names=[1, 0]).raw_names == (1, 0)


def test_names_given_with_a_map_are_its_names() -> None:
    fm = FeatureMap.identity(["a", "b"])
    assert FeatureMap.from_matrix(fm) is fm
    named = FeatureMap.from_matrix(fm, raw_names=["p", "q"], engineered_names=["x", "y"])
    assert (named.raw_names, named.engineered_names) == (("p", "q"), ("x", "y"))
    with pytest.raises(InputError, match="has 3 names for the 2 rows"):
        FeatureMap.from_matrix(fm, raw_names=["p", "q", "r"])


def test_parts_that_do_not_fit_together_are_refused_at_creation() -> None:
    fm = FeatureMap.identity(["a", "b"])
    with pytest.raises(InputError, match="2 raw names and 1 engineered names need shape"):
        dataclasses.replace(fm, engineered_names=("a",))
    with pytest.raises(InputError, match="`how` has 1 entries for 2 engineered features"):
        dataclasses.replace(fm, how=("rule",))


def test_values_of_another_width_are_refused() -> None:
    fm = FeatureMap.identity(["a", "b"])
    for values in (np.ones((2, 3)), sp.csr_matrix(np.ones((2, 3))), 1.0):
        with pytest.raises(InputError, match="last axis must be the 2 engineered features"):
            fm.fold(values)


def test_the_support_keeps_parents_that_have_no_weight() -> None:
    fm = FeatureMap.from_matrix([[1, 0], [0, 1]], support=[[0, 0], [1, 0]])
    assert fm.support.toarray().tolist() == [[True, False], [True, True]]
    assert np.asarray(fm).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_composing_keeps_support_and_the_loosest_way_a_parent_was_found() -> None:
    exact = FeatureMap.from_matrix(np.eye(3), raw_names="abc", how=["rule", "probe", "rule"])
    mixing = FeatureMap.from_matrix(
        [[1, 0, 0], [0, 1, 0], [0, 0, 0]], support=[[1, 0, 0], [0, 1, 0], [1, 0, 0]], how=["rule", "rule", "rule"]
    )
    both = exact.compose(mixing)
    assert both.how == ("rule", "probe", "none")
    assert both.support.toarray().tolist() == [[True, False, False], [False, True, False], [True, False, False]]
    assert both.raw_names == ("a", "b", "c")


def test_a_chain_keeps_the_first_raw_names_the_last_engineered_names_and_the_schema() -> None:
    schema = TableSchema.of(pd.DataFrame({"a": [1.0], "b": ["x"]}))
    first = dataclasses.replace(FeatureMap.identity(["a", "b"]), raw_schema=schema)
    later = FeatureMap.from_matrix(np.ones((2, 1)), engineered_names=["a+b"])
    for maps in ([first, later], [first, np.eye(2), later]):
        chained = FeatureMap.chain(maps)
        assert chained.raw_names == ("a", "b")
        assert chained.engineered_names == ("a+b",)
        assert chained.raw_schema is schema


def test_groups_join_features_that_share_a_raw_parent_even_through_a_third() -> None:
    fm = FeatureMap.from_parents(
        [[0], [0, 1], [1], [2], []], raw_names=list("abc"), engineered_names=["a", "ab", "b", "c", "bias"]
    )
    groups = fm.groups().tolist()
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 3
    assert set(groups) == {0, 1, 2}


def test_any_number_of_leading_axes_is_folded() -> None:
    fm = FeatureMap.from_matrix([[1, 1, 0], [0, 0, 1]])
    values = np.arange(24.0).reshape(2, 4, 3)
    raw, unmapped = fm.fold(values)
    assert raw.shape == (2, 4, 2)
    assert unmapped.shape == (2, 4)
    np.testing.assert_array_equal(raw[..., 0], values[..., 0] + values[..., 1])
    assert fm.fold(values[0, 0])[0].tolist() == [1.0, 2.0]


def test_sparse_values_fold_to_the_same_numbers_and_stay_sparse_only_when_wide() -> None:
    """Sparse folding equals the dense reference, and stays csr where a dense table would be large."""
    rng = np.random.default_rng(0)
    for n_raw, sparse in ((MAX_DENSE_RAW_COLUMNS, False), (MAX_DENSE_RAW_COLUMNS + 1, True)):
        weights = sp.random(n_raw, 40, density=0.002, random_state=1, format="csr")
        fm = FeatureMap.from_matrix(weights)
        values = rng.normal(size=(5, 40)) * (rng.random((5, 40)) < 0.3)
        raw, unmapped = fm.fold(sp.csr_array(values))
        assert sp.issparse(raw) is sparse
        dense_raw, dense_unmapped = fm.fold(values)
        np.testing.assert_allclose(raw.toarray() if sparse else raw, dense_raw, atol=ROUNDING)
        np.testing.assert_allclose(unmapped, dense_unmapped, atol=ROUNDING)
        assert fm.unmapped


def test_the_map_is_frozen_and_the_matrix_given_stays_writable_and_unchanged() -> None:
    given = sp.csr_matrix(np.array([[2.0, 0.0], [2.0, 4.0]]))
    before = given.toarray()
    fm = FeatureMap.from_matrix(given, raw_names=["a", "b"])
    given.data[:] = 7.0
    np.testing.assert_array_equal(np.asarray(fm), [[0.5, 0.0], [0.5, 1.0]])
    np.testing.assert_array_equal(before, [[2.0, 0.0], [2.0, 4.0]])
    with pytest.raises(dataclasses.FrozenInstanceError):
        fm.raw_names = ("x", "y")  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        fm.matrix.data[0] = 1.0


def test_with_names_changes_names_only() -> None:
    fm = FeatureMap.from_matrix([[1, 1], [0, 1]], raw_names=["a", "b"])
    named = fm.with_names(raw_names=["x", "y"], engineered_names=["e", "e"])
    assert named.raw_names == ("x", "y")
    assert named.engineered_names == ("e", "e#2")
    np.testing.assert_array_equal(np.asarray(named), np.asarray(fm))
    assert fm.raw_names == ("a", "b")


def test_names_without_names_are_positions_and_numpy_names_become_plain() -> None:
    assert FeatureMap.from_matrix(np.eye(2)).raw_names == (0, 1)
    names = FeatureMap.identity(np.array([3, 5])).raw_names
    assert names == (3, 5)
    assert {type(name) for name in names} == {int}


def test_repeated_engineered_names_are_numbered_around_names_that_are_taken() -> None:
    assert unique_names(["a", "a", "b", "a"]) == ("a", "a#2", "b", "a#3")
    assert unique_names(["a", "a", "a#2"]) == ("a", "a#3", "a#2")
    assert unique_names([1, "1"]) == (1, "1#2")


def test_weights_of_any_size_are_scaled_without_overflow() -> None:
    """1 / 5e-324 is infinite, and 1e308 + 1e308 too: scaling by the sum alone loses both columns."""
    fm = FeatureMap.from_matrix([[5e-324, 1e308, 1.0], [0.0, 1e308, 3.0]])
    assert np.asarray(fm).tolist() == [[1.0, 0.5, 0.25], [0.0, 0.5, 0.75]]
    assert fm.unmapped == ()


# --- properties ------------------------------------------------------------------------------


@st.composite
def weights(draw: st.DrawFn, n_raw: int | None = None, n_engineered: int | None = None) -> np.ndarray:
    shape = (n_raw or draw(st.integers(1, 5)), n_engineered or draw(st.integers(1, 6)))
    cells = st.one_of(st.just(0.0), st.floats(1e-3, 1e3))
    return draw(hnp.arrays(np.float64, shape, elements=cells))


@st.composite
def maps_and_values(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    matrix = draw(weights())
    shape = (draw(st.integers(1, 4)), matrix.shape[1])
    return matrix, draw(hnp.arrays(np.float64, shape, elements=st.floats(-1e6, 1e6)))


@QUIET
@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(0, 1e308)))
def test_every_column_sums_to_one_or_to_zero(matrix: np.ndarray) -> None:
    sums = np.asarray(FeatureMap.from_matrix(matrix)).sum(axis=0)
    filled = matrix.any(axis=0)
    np.testing.assert_allclose(sums[filled], 1.0, rtol=1e-14)  # three roundings
    assert (sums[~filled] == 0.0).all()


@QUIET
@given(maps_and_values())
def test_folding_keeps_the_sum_of_each_row_with_the_unmapped_remainder(case: tuple[np.ndarray, np.ndarray]) -> None:
    """Sums are kept for any map; what has no parent is in the remainder."""
    matrix, values = case
    fm = FeatureMap.from_matrix(matrix)
    scale = np.abs(values).sum(axis=1) + 1.0
    for given_values in (values, sp.csr_matrix(values)):
        raw, unmapped = fm.fold(given_values)
        assert (np.abs(raw.sum(axis=1) + unmapped - values.sum(axis=1)) <= 1e-14 * scale).all()


@QUIET
@given(maps_and_values(), st.randoms(use_true_random=False))
def test_permuting_the_raw_columns_permutes_the_fold(case: tuple[np.ndarray, np.ndarray], random: Any) -> None:
    matrix, values = case
    order = list(range(matrix.shape[0]))
    random.shuffle(order)
    raw, unmapped = FeatureMap.from_matrix(matrix).fold(values)
    moved, moved_unmapped = FeatureMap.from_matrix(matrix[order]).fold(values)
    # The sum of a column is taken in another order, which moves the last bits of the weights.
    np.testing.assert_allclose(moved, raw[:, order], atol=ROUNDING)
    np.testing.assert_array_equal(moved_unmapped, unmapped)


@QUIET
@given(maps_and_values(), st.randoms(use_true_random=False))
def test_permuting_the_engineered_columns_leaves_the_fold(case: tuple[np.ndarray, np.ndarray], random: Any) -> None:
    matrix, values = case
    order = list(range(matrix.shape[1]))
    random.shuffle(order)
    raw, _ = FeatureMap.from_matrix(matrix).fold(values)
    np.testing.assert_allclose(FeatureMap.from_matrix(matrix[:, order]).fold(values[:, order])[0], raw, atol=ROUNDING)


@st.composite
def chains(draw: st.DrawFn) -> list[np.ndarray]:
    widths = draw(st.lists(st.integers(1, 5), min_size=3, max_size=5))
    return [draw(weights(a, b)) for a, b in itertools.pairwise(widths)]


@QUIET
@given(chains())
def test_a_composed_chain_equals_the_product_of_its_maps(matrices: list[np.ndarray]) -> None:
    """Columns of a chain sum to 1, for bare matrices of any length and for maps."""

    def scaled(matrix: np.ndarray) -> np.ndarray:
        total = matrix.sum(axis=0)
        return np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)

    product = matrices[0]
    for later in matrices[1:]:
        product = product @ later
    np.testing.assert_allclose(np.asarray(FeatureMap.chain(matrices)), scaled(product), rtol=1e-12)

    maps = [FeatureMap.from_matrix(matrix) for matrix in matrices]
    product = np.asarray(maps[0])
    for later in maps[1:]:
        product = scaled(product @ np.asarray(later))
    np.testing.assert_allclose(np.asarray(FeatureMap.chain(maps)), product, rtol=1e-12)


@QUIET
@given(chains())
def test_the_support_of_a_chain_covers_its_weights(matrices: list[np.ndarray]) -> None:
    fm = FeatureMap.chain([FeatureMap.from_matrix(matrix) for matrix in matrices])
    assert not ((np.asarray(fm) > 0) & ~fm.support.toarray()).any()


@QUIET
@given(weights(), st.lists(st.one_of(st.text(max_size=4), st.integers(-3, 99)), min_size=6, max_size=6))
def test_a_map_comes_back_from_json_to_the_last_bit(matrix: np.ndarray, names: list[str | int]) -> None:
    fm = FeatureMap.from_matrix(
        matrix,
        raw_names=names[: matrix.shape[0]],
        engineered_names=names[: matrix.shape[1]],
        support=np.eye(*matrix.shape),
        raw_schema=TableSchema.of(np.ones((1, matrix.shape[0]))),
    )
    back = FeatureMap.from_json(json.loads(json.dumps(fm.to_json())))
    assert np.asarray(back).tobytes() == np.asarray(fm).tobytes()
    assert (back.support != fm.support).nnz == 0
    assert back.support.dtype == bool
    assert (back.how, back.raw_schema) == (fm.how, fm.raw_schema)
    for mine, theirs in ((back.raw_names, fm.raw_names), (back.engineered_names, fm.engineered_names)):
        assert mine == theirs
        assert [type(name) for name in mine] == [type(name) for name in theirs]


@QUIET
@given(st.lists(st.one_of(st.sampled_from(["a", "a#2", "a#3", "b", "1"]), st.integers(0, 2)), max_size=12))
def test_numbered_names_are_unique_as_text_and_first_ones_stay(names: list[str | int]) -> None:
    unique = unique_names(names)
    assert len({str(name) for name in unique}) == len(names)
    seen: set[str] = set()
    for before, after in zip(names, unique, strict=True):
        if str(before) not in seen:
            assert after == before
        seen.add(str(before))


# --- memory ----------------------------------------------------------------------------------


def _peak_megabytes(work: Any) -> tuple[Any, float]:
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_a_sparse_20000_x_2000_map_is_never_densified() -> None:
    """200,000 weights of 12 bytes are 2.4 MB, in a handful of copies; dense they are 320 MB."""
    given = sp.random(20_000, 2_000, density=0.005, random_state=0, format="csr")
    fm, peak = _peak_megabytes(lambda: FeatureMap.from_matrix(given))
    assert sp.issparse(fm.matrix)
    assert fm.matrix.nnz == given.nnz
    # At most ten copies of values and positions (24 MB), and the two lists of names (2 MB).
    assert peak < 32


def test_folding_sparse_20000_x_2000_values_is_never_dense() -> None:
    """A dense table of raw values would be 320 MB; the sparse one is 2.4 MB in a few copies."""
    values = sp.random(20_000, 2_000, density=0.005, random_state=0, format="csr")
    fm = FeatureMap.from_parents(
        [[j, (j + 1) % 2_000] if j % 10 else [] for j in range(2_000)],
        raw_names=range(2_000),
        engineered_names=range(2_000),
    )
    (raw, unmapped), peak = _peak_megabytes(lambda: fm.fold(values))
    assert sp.issparse(raw)
    assert raw.shape == values.shape
    # Two parents each double the entries: 4.8 MB, held at most four times (product, sorted, csr, slice).
    assert peak < 24
    np.testing.assert_allclose(
        np.asarray(raw.sum(axis=1)).ravel() + unmapped, np.asarray(values.sum(axis=1)).ravel(), atol=ROUNDING
    )
