"""Damaged sparse rows, complex numbers and whole tables at every door that takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.tree import DecisionTreeRegressor

from automl_explain import (
    DirectWrapper,
    Explanation,
    FeatureMap,
    KernelExplainer,
    LinearExplainableModel,
    LinearExplainer,
    LinearScoringExplainer,
    MimicExplainer,
    PFIExplainer,
    TreeExplainer,
    automl_setup_model_explanations,
)
from automl_explain.exceptions import DataError, InputError

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
ROWS = sp.random(40, 5, density=0.5, format="csr", random_state=0)
Y = np.asarray(ROWS.sum(axis=1)).ravel()
RIDGE, TREE = Ridge().fit(ROWS, Y), DecisionTreeRegressor(max_depth=3).fit(ROWS, Y)
LINEAR = LinearExplainer(RIDGE, ROWS)
SCORING = LinearScoringExplainer(LINEAR)
MAP = FeatureMap.identity(list("abcde"))

SURROGATE = LinearExplainableModel().fit(ROWS, Y[:, None])

DOORS: dict[str, Callable[[Any], Any]] = {
    "scoring": SCORING.explain,
    "scoring, output": SCORING.predict_output,
    "scoring, raw": LinearScoringExplainer(LINEAR, feature_maps=[MAP]).explanation,
    "linear": LINEAR.explain_local,
    "linear, init": lambda rows: LinearExplainer(RIDGE, rows),
    "linear, global": lambda rows: LINEAR.explain_global(rows, include_local=False),
    "tree": TreeExplainer(TREE, initialization_examples=ROWS).explain_local,
    "kernel": KernelExplainer(RIDGE, ROWS).explain_local,
    "mimic": MimicExplainer(RIDGE, ROWS, LinearExplainableModel).explain_local,
    "mimic, init": lambda rows: MimicExplainer(RIDGE, rows, LinearExplainableModel),
    "permutation": lambda rows: PFIExplainer(RIDGE).explain_global(rows, true_labels=Y),
    "wrapper": lambda rows: DirectWrapper(None, RIDGE, init_dataset=ROWS).explain(["local"], eval_dataset=rows),
    "raw rows": lambda rows: DirectWrapper(None, RIDGE, init_dataset=ROWS, feature_maps=[MAP]).explain(
        ["local"], eval_dataset=ROWS, get_raw=True, raw_eval_dataset=rows
    ),
    "setup": lambda rows: automl_setup_model_explanations(
        make_pipeline(MaxAbsScaler(), Ridge()).fit(ROWS, Y), X=rows, y=Y, task="regression"
    ),
    "feature map": lambda rows: FeatureMap.from_matrix(abs(rows) if np.isrealobj(rows.data) else rows),
    "fold": MAP.fold,
    "eval_data": lambda rows: Explanation(
        values=np.zeros((1, 40, 5)), base=[0.0], task="regression", eval_data=rows
    ),
    "values": lambda rows: Explanation(values=(rows,), base=[0.0], task="regression"),
}  # fmt: skip


# These take encoded rows alone: float64 arrays, or sparse ones.
OF_SURROGATES: dict[str, Callable[[Any], Any]] = {
    "surrogate": SURROGATE.shapley_values,
    "surrogate, output": SURROGATE.predict_output,
    "surrogate, raw": lambda rows: SURROGATE.raw_values(rows, MAP),
    "surrogate, fit": lambda rows: LinearExplainableModel().fit(rows, Y[:, None]),
}


def outside(rows: Any) -> Any:
    rows.indices[3] = 10**8
    return rows


def negative(rows: Any) -> Any:
    rows.indices[3] = -1
    return rows


def falling(rows: Any) -> Any:
    rows.indptr[3], rows.indptr[4] = rows.indptr[4], rows.indptr[3]
    return rows


def beyond(rows: Any) -> Any:
    rows.indptr[-1] = 10**6
    return rows


def floats(rows: Any) -> Any:
    rows.indices = rows.indices.astype(float)
    return rows


DAMAGE = (outside, negative, falling, beyond, floats)


@pytest.mark.parametrize("door", [*DOORS, *OF_SURROGATES])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_sparse_rows_are_refused_at_every_door(door: str, damage: Callable[[Any], Any]) -> None:
    """Compiled code would read outside of the matrix, and the process die."""
    if door == "feature map" and damage in (outside, negative, falling, beyond, floats):
        rows = damage(abs(ROWS))
        with pytest.raises(InputError, match="damaged sparse matrix"):
            FeatureMap.from_matrix(rows)
        return
    with pytest.raises(InputError, match="damaged sparse matrix.*Make it anew"):
        (DOORS | OF_SURROGATES)[door](damage(ROWS.copy()))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "frame", "array"])
@pytest.mark.parametrize("door", [door for door in DOORS if door not in ("feature map", "fold", "values")])
def test_complex_numbers_are_refused_at_every_door(door: str, form: str) -> None:
    """Their imaginary part would be lost without a word."""
    rows: Any = (ROWS + 1j * ROWS).tocsr()
    if form in ("frame", "array"):
        rows = pd.DataFrame(rows.toarray()) if form == "frame" else rows.toarray()
    else:
        rows = rows.asformat(form)
    with pytest.raises((InputError, DataError), match="complex"):
        DOORS[door](rows)


@pytest.mark.parametrize("form", ["csc", "coo", "bsr", "lil", "dok", "dia"])
def test_other_sparse_forms_give_the_values_of_csr(form: str) -> None:
    np.testing.assert_array_equal(_dense(SCORING.explain(ROWS.asformat(form))), _dense(SCORING.explain(ROWS)))


def test_rows_out_of_order_and_with_a_cell_twice_count_as_their_dense_form() -> None:
    """The flags say that all is in order, which they do not lose when somebody changes the parts."""
    rows = sp.csr_matrix((np.array([1.0, 2.0, 3.0, 4.0]), [3, 1, 1, 0], [0, 3, 4]), shape=(2, 5))
    rows.has_sorted_indices = rows.has_canonical_format = True
    wanted = [[0.0, 5.0, 0.0, 1.0, 0.0], [4.0, 0.0, 0.0, 0.0, 0.0]]
    before = rows.indices.tolist()
    for scoring in (SCORING, TreeExplainer(TREE, initialization_examples=ROWS).create_scoring_explainer()):
        found, dense = scoring.explain(rows), scoring.explain(np.array(wanted))
        np.testing.assert_allclose(_dense(found), _dense(dense), atol=1e-12)  # sums of five numbers of size 1
    assert rows.indices.tolist() == before


def _dense(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if sp.issparse(values) else values)


@pytest.mark.parametrize(
    "values", [np.full(ROWS.nnz, "x"), np.full(ROWS.nnz, 1.0, dtype=object)], ids=["text", "object"]
)
@pytest.mark.parametrize("door", [door for door in (*DOORS, *OF_SURROGATES) if door != "feature map"])
def test_values_that_are_no_numbers_are_refused_at_every_door(door: str, values: np.ndarray) -> None:
    rows = ROWS.copy()
    rows.data = values
    with pytest.raises((InputError, DataError), match="is a sparse matrix of .*; expected numbers"):
        (DOORS | OF_SURROGATES)[door](rows)
