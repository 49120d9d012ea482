"""Global importances over an iterator of chunks."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import KINDS, QUICK, RAW_NAMES, TASKS, dense, rows, shared_wrapper, teacher

from automl_explain import LGBMExplainableModel, MimicExplainer
from automl_explain.exceptions import InputError, MissingRawTransformationsError

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")


def pieces(X: Any, *ends: int) -> Any:
    """Rows in pieces that end there, one of them empty; each is made when it is asked for."""
    for start, end in zip((0, *ends), (*ends, X.shape[0]), strict=True):
        yield X.iloc[start:end] if isinstance(X, pd.DataFrame) else X[start:end]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", ["engineered", "raw"])
def test_a_stream_of_chunks_gives_the_global_values_of_all_rows_at_once(task: str, kind: str, space: str) -> None:
    """Means over chunks agree within 1e-9; 333 rows are few enough for exact quantiles."""
    wrapper, X = shared_wrapper(task, kind), rows(kind, 333, seed=1)
    whole = wrapper.explain(["local", "global"], eval_dataset=X, get_raw=space == "raw")
    summary = wrapper.explain_global_stream(pieces(X, 1, 100, 100, 290), get_raw=space == "raw")
    found, values = summary.explanation, dense(whole.values)
    np.testing.assert_allclose(found.global_values, whole.global_values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.global_importance_values, whole.global_importance_values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(summary.mean_values, values.mean(axis=1), rtol=0, atol=1e-9)
    points = [0.05, 0.5, 0.95]
    wanted = np.quantile(values, points, axis=1, method="inverted_cdf")
    np.testing.assert_allclose(summary.quantiles(points), wanted, rtol=0, atol=1e-9)
    assert (found.features, found.num_examples, found.space) == (whole.features, 333, space)
    assert (found.values, found.eval_fidelity, summary.rank_error) == (None, None, 0.0)
    assert found.fidelity == whole.fidelity


@pytest.mark.parametrize("task", ["binary", "four classes"])
def test_a_stream_can_be_summed_up_in_probabilities(task: str) -> None:
    explainer, X = shared_wrapper(task, "frame").explainer, rows("frame", 90, seed=1)
    whole = explainer.explain_rows(X, include_local=True, output_unit="probability")
    found = explainer.explain_global_stream(pieces(X, 40), output_unit="probability").explanation
    np.testing.assert_allclose(found.global_values, whole.global_values, rtol=0, atol=1e-9)
    assert (found.output_unit, found.link) == (whole.output_unit, whole.link)
    np.testing.assert_array_equal(found.base, whole.base)


def test_quantiles_of_many_rows_are_within_the_stated_rank_error() -> None:
    wrapper, X = shared_wrapper("regression", "array"), rows("array", 20_000, seed=1)
    summary = wrapper.explain_global_stream(np.array_split(X, 9))
    values = np.sort(wrapper.explain(["local"], eval_dataset=X).values[0], axis=0)
    assert 0 < summary.rank_error < 0.005
    for q in (0.1, 0.5, 0.9):
        for j, x in enumerate(summary.quantiles(q)[0, 0]):
            # Trees give few distinct values, and blocks another last bit.
            low = np.searchsorted(values[:, j], x - 1e-9, "left") + 1
            high = np.searchsorted(values[:, j], x + 1e-9, "right")
            assert low - summary.rank_error * 20_000 <= q * 20_000 <= high + summary.rank_error * 20_000


def test_memory_does_not_grow_with_the_rows() -> None:
    """Values of 60,000 rows x 30 features are 14 MB, the rows as much; one chunk and the sketch are 5 MB at most."""
    rng = np.random.default_rng(0)
    model = MimicExplainer(
        lambda X: X[:, 0], rng.normal(size=(100, 30)), LGBMExplainableModel, is_function=True, **QUICK
    )
    model.explain_global_stream([rng.normal(size=(10, 30))])  # compiled code and tables are made once
    peaks = []
    for n_chunks in (4, 30):
        chunks = (np.random.default_rng(k).normal(size=(2000, 30)) for k in range(n_chunks))
        tracemalloc.start()
        model.explain_global_stream(chunks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Three more levels of the sketch, 30 x 1,024 numbers each, and as many while they are sorted.
    assert peaks[1] < peaks[0] + 8 * 30 * 1024 * 8


def test_the_model_is_not_asked_for_streamed_rows() -> None:
    wrapper = shared_wrapper("binary", "frame")
    asked = len(wrapper.explainer.model.asked)
    wrapper.explain_global_stream([rows("frame", 20)])
    assert len(wrapper.explainer.model.asked) == asked


def test_the_table_of_a_summary() -> None:
    wrapper, X = shared_wrapper("regression", "frame"), rows("frame", 50)
    table = wrapper.explain_global_stream([X]).frame()
    assert list(table) == ["feature", "importance", "mean", "q5", "q25", "q50", "q75", "q95"]
    assert table["importance"].is_monotonic_decreasing
    plain = wrapper.explain_global_stream([X], quantiles=False)
    assert list(plain.frame()) == ["feature", "importance", "mean"]
    assert repr(plain).startswith("Global summary of 50 rows by 4 engineered features, in target\n")
    assert plain._repr_html_().startswith("<table")
    with pytest.raises(InputError, match="ask for them with `quantiles=True`"):
        plain.quantiles(0.5)


def test_the_table_of_two_classes_is_that_of_the_second_and_minus_that_of_the_first() -> None:
    summary = shared_wrapper("binary", "frame").explain_global_stream([rows("frame", 50)])
    yes, no = summary.frame().set_index("feature"), summary.frame("no").set_index("feature")
    pd.testing.assert_frame_equal(summary.frame("yes").set_index("feature"), yes)
    assert no["importance"].tolist() == yes["importance"].tolist()
    assert no["mean"].tolist() == (-yes["mean"]).tolist()
    assert no["q5"].tolist() == (-yes["q95"]).tolist()
    with pytest.raises(InputError, match="must be one of the classes .*; got 'maybe'"):
        summary.frame("maybe")


def test_the_table_of_more_classes_has_a_row_for_each() -> None:
    summary = shared_wrapper("four classes", "frame").explain_global_stream([rows("frame", 50)])
    table = summary.frame()
    assert table["class"].tolist() == list("pqrs") * 4
    assert table["feature"].tolist()[::4] == summary.explanation.get_ranked_global_names()
    one = table[table["class"] == "r"].set_index("feature")
    np.testing.assert_allclose(summary.frame("r").set_index("feature")["mean"].loc[one.index], one["mean"])


def test_raw_values_of_a_stream_need_a_map_and_show_raw_names() -> None:
    summary = shared_wrapper("regression", "frame").explain_global_stream([rows("frame", 9)], get_raw=True)
    assert summary.explanation.features == RAW_NAMES
    plain = MimicExplainer(teacher("regression"), rows("array"), LGBMExplainableModel, **QUICK)
    with pytest.raises(MissingRawTransformationsError):
        plain.explain_global_stream([rows("array", 9)], raw_method="grouped")


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        (rows("frame", 5), r"one DataFrame; expected an iterable of tables. Pass `\[table\]`"),
        (rows("array", 5), "one ndarray"),
        ("rows.csv", "one str"),
        (None, "one NoneType"),
        ([], "`chunks` holds no rows"),
        ([rows("array", 5)[:0]], "`chunks` holds no rows"),
        ([rows("array", 5), rows("array", 5)[:, :3]], r"`chunks\[1\]` has 3 columns"),
    ],
    ids=["frame", "array", "text", "none", "empty", "no rows", "another width"],
)
def test_what_is_no_stream_of_rows_is_refused(chunks: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        shared_wrapper("regression", "array").explain_global_stream(chunks)
