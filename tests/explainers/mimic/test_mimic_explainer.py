"""MimicExplainer: values add up, streaming agrees and nothing leaks."""

from __future__ import annotations

import copy
import json
import pickle
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import (
    CLASSES,
    KINDS,
    NAMES,
    QUICK,
    SMALL,
    TASKS,
    Formula,
    dense,
    make_wrapper,
    numbers,
    rows,
    shared_wrapper,
    teacher,
)

from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, TreeScoringExplainer
from automl_explain.exceptions import (
    InputError,
    LowFidelityWarning,
)

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

each_task = pytest.mark.parametrize("task", TASKS)
each_kind = pytest.mark.parametrize("kind", KINDS)


def n_classes(task: str) -> int:
    return len(CLASSES[task] or [])


def explainer_of(task: str, kind: str) -> MimicExplainer:
    return shared_wrapper(task, kind).explainer


# Sums and shapes


@each_task
@each_kind
def test_values_and_expected_values_add_up_to_the_surrogates_output(task: str, kind: str) -> None:
    """sum(local) + expected equals the surrogate's margin within 1e-6, for every task and container."""
    explainer, X = explainer_of(task, kind), rows(kind, 50, seed=1)
    explanation = explainer.explain_local(X)
    margins = explainer.surrogate_model.predict_output(explainer.encoder.encode(X))
    values = dense(explanation.local_importance_values)
    if task == "binary":
        margins = np.hstack([-margins, margins])
    sums = values.sum(-1).reshape(max(1, n_classes(task)), -1).T + explanation.expected_values
    np.testing.assert_allclose(sums, margins, atol=1e-6)


@each_kind
def test_binary_values_are_mirrored(kind: str) -> None:
    """Binary local values have shape (2, n, d), and the first class is minus the second."""
    explanation = explainer_of("binary", kind).explain_local(rows(kind, 50, seed=1))
    values = dense(explanation.local_importance_values)
    assert values.shape == (2, 50, 4)
    np.testing.assert_array_equal(values[0], -values[1])
    np.testing.assert_array_equal(explanation.expected_values[0], -explanation.expected_values[1])


@each_kind
def test_several_classes_have_a_block_and_an_expected_value_each(kind: str) -> None:
    """Multiclass local values have shape (K, n, d) and K expected values, from dense and sparse rows alike."""
    explanation = explainer_of("four classes", kind).explain_local(rows(kind, 50, seed=1))
    assert dense(explanation.local_importance_values).shape == (4, 50, 4)
    assert explanation.expected_values.shape == (4,)
    assert not explanation.is_local_sparse


@each_task
def test_the_same_rows_give_the_same_values_in_every_container(task: str) -> None:
    X = rows("sparse", 50, seed=1)
    explainer = explainer_of(task, "sparse")
    wanted = dense(explainer.explain_local(X).local_importance_values)
    for other in (X.toarray(), sp.coo_matrix(X), sp.csr_array(X), pd.DataFrame(X.toarray(), columns=NAMES)):
        np.testing.assert_array_equal(dense(explainer.explain_local(other).local_importance_values), wanted)


def test_columns_of_a_frame_may_come_in_another_order() -> None:
    explainer, X = explainer_of("binary", "frame"), rows("frame", 50, seed=1)
    first = explainer.explain_local(X)
    second = explainer.explain_local(X[["x3", "x1", "x0", "x2"]])
    np.testing.assert_array_equal(first.values, second.values)
    assert second.features == NAMES


@pytest.mark.parametrize("form", ["array", "series", "one-row frame"])
def test_a_single_row_may_come_as_a_vector(form: str) -> None:
    kind = "array" if form == "array" else "frame"
    explainer, X = explainer_of("regression", kind), rows(kind, 50, seed=1)
    row = {"array": lambda: X[3], "series": lambda: X.iloc[3], "one-row frame": lambda: X.iloc[[3]]}[form]()
    explanation = explainer.explain_local(row)
    assert explanation.local_importance_values.shape == (1, 4)
    np.testing.assert_array_equal(explanation.values[:, 0], explainer.explain_local(X).values[:, 3])
    assert explanation.data(0)["names"] == NAMES


def test_a_class_that_never_wins_keeps_its_block() -> None:
    """A class that never wins argmax still has its block of values."""

    def proba(Z: np.ndarray) -> np.ndarray:
        never = 0.1 + 0.05 * np.tanh(Z[:, 2])
        rest = 1 / (1 + np.exp(-Z[:, 0]))
        return np.column_stack([(1 - never) * rest, (1 - never) * (1 - rest), never])

    X = np.random.default_rng(0).normal(size=(400, 4))
    explanation = MimicExplainer(proba, X, LGBMExplainableModel, is_function=True, **QUICK).explain_global(X)
    assert not (explanation.eval_y_predicted == 2).any()
    assert explanation.per_class_values.shape == (3, 4)
    assert explanation.per_class_rank[2][0] == 2


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_constant_teacher_is_explained_by_zeros(task: str) -> None:
    outputs = {
        "regression": lambda Z: np.full(len(Z), 7.0),
        "classification": lambda Z: np.tile([0.2, 0.8], (len(Z), 1)),
    }
    explainer = MimicExplainer(
        outputs[task], rows("array"), LGBMExplainableModel, is_function=True, model_task=task, **QUICK
    )
    explanation = explainer.explain_global(rows("array", 20, seed=1))
    assert (explanation.values == 0).all()
    wanted = 7.0 if task == "regression" else np.log(4)
    # LightGBM starts from a float32 mean of the labels.
    np.testing.assert_allclose(explanation.output, wanted, atol=1e-6)


# Functions


@pytest.mark.parametrize("task", TASKS)
def test_functions_are_explained_like_their_models(task: str) -> None:
    """The reference crashes on functions of several classes."""
    model = teacher(task)
    function = {"regression": model.predict, "binary": lambda Z: model.predict_proba(Z)[:, 1]}.get(task) or (
        lambda Z: model.predict_proba(Z)
    )
    kind = "regression" if task == "regression" else "classification"
    made = MimicExplainer(
        function, rows("frame"), LGBMExplainableModel, is_function=True, model_task=kind, classes=CLASSES[task], **QUICK
    )
    wanted = MimicExplainer(model, rows("frame"), LGBMExplainableModel, **QUICK)
    found, expected = (e.explain_local(rows("frame", 20, seed=1)) for e in (made, wanted))
    np.testing.assert_allclose(dense(found.values), dense(expected.values), atol=1e-9)
    assert found.classes == (CLASSES[task] if task != "regression" else expected.classes)
    assert list(found.eval_y_predicted) == list(expected.eval_y_predicted)


# Global, in memory and in blocks


@each_task
@each_kind
@pytest.mark.parametrize("space", ["engineered", "raw"])
def test_streaming_gives_the_global_values_of_all_rows_at_once(task: str, kind: str, space: str) -> None:
    """Batched global equals global in memory within 1e-9, dense and sparse, all tasks, both spaces."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 333, seed=1)
    fold = {"feature_map": wrapper.feature_map} if space == "raw" else {}
    whole = wrapper.explainer.explain_rows(X, include_local=True, **fold)
    streamed = wrapper.explainer.explain_rows(X, include_local=False, batch_size=50, **fold)
    assert streamed.values is None
    np.testing.assert_allclose(streamed.global_values, whole.global_values, atol=1e-9)
    np.testing.assert_allclose(streamed.global_importance_values, whole.global_importance_values, atol=1e-9)
    assert (streamed.features, streamed.num_examples, streamed.space) == (whole.features, 333, space)
    np.testing.assert_array_equal(streamed.expected_values, whole.expected_values)
    assert list(streamed.eval_y_predicted) == list(whole.eval_y_predicted)


def test_global_values_without_rows_are_those_of_the_init_rows() -> None:
    explainer = explainer_of("binary", "frame")
    found = explainer.explain_global()
    wanted = explainer.explain_global(rows("frame"))
    np.testing.assert_allclose(found.global_values, wanted.global_values, atol=1e-9)
    assert (found.values, found.num_examples) == (None, 400)


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="`batch_size` must be a whole number of at least 1; got 0"):
        explainer_of("binary", "frame").explain_global(rows("frame", 20), batch_size=0)


# Nothing leaks


@each_task
@each_kind
def test_a_second_explanation_shows_its_own_rows(task: str, kind: str) -> None:
    """A second explain on other rows gives that call's predictions and rows."""
    explainer = make_wrapper(task, kind).explainer
    first, second = rows(kind, 60, seed=1), rows(kind, 25, seed=2)
    before = explainer.explain_global(first)
    kept = dense(before.values).copy()
    after = explainer.explain_global(second)
    assert (len(before), len(after)) == (60, 25)
    np.testing.assert_array_equal(numbers(after.eval_data), numbers(second))
    assert list(after.eval_y_predicted) == list(teacher(task).predict(second))
    assert list(before.eval_y_predicted) == list(teacher(task).predict(first))
    np.testing.assert_array_equal(dense(before.values), kept)
    np.testing.assert_array_equal(
        dense(after.values), dense(make_wrapper(task, kind).explainer.explain_local(second).values)
    )


@each_kind
def test_rows_changed_after_a_call_are_explained_anew(kind: str) -> None:
    explainer, X = make_wrapper("regression", kind).explainer, rows(kind, 30, seed=1)
    before = dense(explainer.explain_local(X).values).copy()
    if kind == "frame":
        X.loc[X.index[0], "x1"] = 9.0
    elif kind == "array":
        X[0, 1] = 9.0
    else:
        X.data[: X.indptr[1]] *= -9.0
    after = explainer.explain_local(X)
    values = dense(after.values)
    assert not np.array_equal(values[:, 0], before[:, 0])
    np.testing.assert_array_equal(values[:, 1:], before[:, 1:])
    assert after.eval_y_predicted[0] == teacher("regression").predict(X)[0]


@each_kind
def test_arguments_and_rows_are_not_changed(kind: str) -> None:
    arguments, X = copy.deepcopy(SMALL), rows(kind)
    before = X.copy()
    explainer = MimicExplainer(teacher("binary"), X, LGBMExplainableModel, arguments, augment_data=False)
    explainer.explain_global(X)
    explainer.explain_global(X, include_local=False)
    assert arguments == SMALL
    if kind == "frame":
        pd.testing.assert_frame_equal(X, before)
    else:
        np.testing.assert_array_equal(dense(X), dense(before))


def test_read_only_rows_can_be_explained() -> None:
    X = rows("array")
    X.flags.writeable = False
    MimicExplainer(teacher("regression"), X, LGBMExplainableModel, **QUICK).explain_global(X)


@each_kind
def test_two_threads_that_share_an_explainer_get_the_serial_answers(kind: str) -> None:
    explainer = make_wrapper("binary", kind).explainer
    tables = [rows(kind, 20 + i, seed=10 + i) for i in range(5)]
    wanted = [dense(explainer.explain_local(t).values) for t in tables]

    def many(thread: int) -> list[tuple[int, np.ndarray, int]]:
        turns = [(k * (thread + 1) + thread) % 5 for k in range(50)]
        made = [(i, explainer.explain_local(tables[i])) for i in turns]
        return [(i, dense(e.values), len(e.eval_y_predicted)) for i, e in made]

    with ThreadPoolExecutor(2) as pool:
        for i, values, n in [answer for answers in pool.map(many, range(2)) for answer in answers]:
            np.testing.assert_array_equal(values, wanted[i])
            assert n == 20 + i


def test_a_pickled_explainer_gives_the_same_bits() -> None:
    explainer, X = explainer_of("four classes", "frame"), rows("frame", 20, seed=1)
    again = pickle.loads(pickle.dumps(explainer))
    np.testing.assert_array_equal(again.explain_local(X).values, explainer.explain_local(X).values)


def test_the_teacher_is_asked_once_for_the_rows_explained() -> None:
    model = Formula()
    explainer = MimicExplainer(model, rows("array"), LGBMExplainableModel, **QUICK)
    model.asked.clear()
    explainer.explain_global(rows("array", 20, seed=1))
    assert [len(asked) for asked in model.asked] == [20]


# What an explanation says of itself


@each_task
def test_explanations_carry_fidelity_unit_method_and_classes(task: str) -> None:
    explanation = explainer_of(task, "frame").explain_local(rows("frame", 20, seed=1))
    assert explanation.classes == (CLASSES[task] if task != "regression" else explanation.classes)
    assert explanation.output_unit == ("target" if task == "regression" else "log-odds")
    assert explanation.method == "mimic.lightgbm"
    assert (explanation.fidelity.rows, explanation.fidelity.n_rows) == ("held-out", 80)
    assert (explanation.eval_fidelity.rows, explanation.eval_fidelity.n_rows) == ("eval", 20)
    assert list(explanation.row_labels) == list(range(1000, 1020))
    assert "Formula" in explanation.model_type


@each_task
def test_a_row_of_data_holds_that_row_only(task: str) -> None:
    """`data(i)["scores"]` is row i only."""
    explanation = explainer_of(task, "frame").explain_local(rows("frame", 20, seed=1))
    values = dense(explanation.local_importance_values)
    for i in (0, 7, 19):
        np.testing.assert_array_equal(explanation.data(i)["scores"], values[..., i, :])
        json.dumps(explanation.data(i)["scores"])


# Memory


@pytest.mark.parametrize("n_rows", [500, 20_000])
def test_wide_sparse_values_fold_to_raw_columns_without_becoming_dense(n_rows: int, rng: np.random.Generator) -> None:
    """20,000 x 2,000 values would take 320 MB dense; the map has 2,000 raw columns."""
    width, each = 2_000, 5
    cells = (np.repeat(np.arange(n_rows), each), rng.integers(0, width, n_rows * each))
    X = sp.csr_matrix((np.ones(n_rows * each), cells), shape=(n_rows, width))
    order = sp.csr_matrix((np.ones(width), (rng.permutation(width), np.arange(width))), shape=(width, width))
    feature_map = FeatureMap.from_matrix(order)
    explainer = MimicExplainer(
        lambda Z: np.asarray(Z[:, :20].sum(axis=1)).ravel(), X[:500], LGBMExplainableModel, is_function=True, **QUICK
    )
    scoring = TreeScoringExplainer(explainer, feature_maps=[feature_map])
    tracemalloc.start()
    raw = explainer.explain_rows(X, include_local=True, feature_map=feature_map)
    scored = scoring.explain(X, get_raw=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    large = 8 * n_rows * width > 100e6
    assert raw.is_local_sparse == sp.issparse(scored) == large
    assert peak < 60e6
    apart = scored - raw.local_importance_values
    np.testing.assert_array_equal(apart.data if large else apart, 0)


# Calls of the surrogate


def test_low_fidelity_is_stated_in_the_explanation() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        noise = np.random.default_rng(0)
        explainer = MimicExplainer(
            lambda Z: noise.normal(size=len(Z)), rows("array"), LGBMExplainableModel, is_function=True, **QUICK
        )
    assert LowFidelityWarning in {w.category for w in seen}
    assert explainer.explain_local(rows("array", 20)).fidelity.r2 < 0.95
