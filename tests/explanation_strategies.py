"""Explanations for tests: by kind, and drawn by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import strategies as st

from automl_explain.explanation import Explanation, Fidelity

CLASSES = {"regression": None, "binary": ["no", "yes"], "multiclass": ["a", "b", "c"]}
OUTPUTS = {"regression": 1, "binary": 1, "multiclass": 3}


def make(
    kind: str = "regression",
    n_rows: int = 4,
    n_features: int = 3,
    *,
    sparse: bool = False,
    seed: int = 0,
    **fields: Any,
) -> Explanation:
    rng = np.random.default_rng(seed)
    values: Any = rng.normal(size=(OUTPUTS[kind], n_rows, n_features)) * (
        rng.random((OUTPUTS[kind], n_rows, n_features)) < 0.7
    )
    if sparse:
        values = tuple(sp.csr_matrix(v) for v in values)
    given: dict[str, Any] = {
        "values": values,
        "base": rng.normal(size=OUTPUTS[kind]),
        "task": "regression" if kind == "regression" else "classification",
        "classes": CLASSES[kind],
        "features": [f"f{j}" for j in range(n_features)],
        "output_unit": "target" if kind == "regression" else "log-odds",
        "link": "identity" if kind == "regression" else "logit",
        "method": "mimic.lightgbm",
        **fields,
    }
    return Explanation(**given)


def global_only(kind: str = "regression") -> Explanation:
    full = make(kind)
    return make(kind, values=None, global_values=full.global_values, n_explained_rows=full.num_examples)


finite = st.floats(-1e6, 1e6, allow_nan=False)
# Sums of the largest floats overflow, which is no matter of storage.
any_float = st.one_of(st.floats(-1e300, 1e300), st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 5e-324]))
labels = st.one_of(st.integers(-5, 5), st.booleans(), st.sampled_from([0.5, 1.0, 2.0]), st.text(max_size=4))


def _distinct(items: list[Any]) -> bool:
    return len({(type(i), i) for i in items}) == len(items)


@st.composite
def explanations(draw: st.DrawFn, *, min_rows: int = 1, cells: st.SearchStrategy[float] = finite) -> Explanation:
    kind = draw(st.sampled_from(sorted(OUTPUTS)))
    n_rows, n_features = draw(st.integers(min_rows, 6)), draw(st.integers(1, 5))
    shape = (OUTPUTS[kind], n_rows, n_features)
    n_cells = int(np.prod(shape))
    values: Any = np.array(draw(st.lists(cells, min_size=n_cells, max_size=n_cells)), dtype=np.float64).reshape(shape)
    if draw(st.booleans()):
        values = tuple(sp.csr_matrix(v) for v in values)
    n_classes = {"regression": 0, "binary": 2, "multiclass": 3}[kind]
    classes = draw(st.lists(labels, min_size=n_classes, max_size=n_classes).filter(_distinct)) if n_classes else None
    unmapped = None
    if draw(st.booleans()):
        flat = draw(st.lists(finite, min_size=shape[0] * n_rows, max_size=shape[0] * n_rows))
        unmapped = np.array(flat).reshape(shape[0], n_rows)
    rows = draw(st.sampled_from(["none", "int", "text", "date", "frame"]))
    index = {
        "int": pd.Index(range(10, 10 + n_rows)),
        "text": pd.Index([f"r{i}" for i in range(n_rows)]),
        "date": pd.date_range("2024-01-01", periods=n_rows, tz="Europe/Berlin"),
    }.get(rows)
    frame = (
        pd.DataFrame({"x": np.arange(n_rows) / 3, "y": [None, "b", "c", None, "e", "f"][:n_rows]})
        if rows == "frame"
        else None
    )
    return make(
        kind,
        values=values,
        base=np.array(draw(st.lists(finite, min_size=shape[0], max_size=shape[0]))),
        features=draw(
            st.lists(st.one_of(st.text(max_size=5), st.integers(0, 9)), min_size=n_features, max_size=n_features)
        ),
        classes=classes,
        unmapped=unmapped,
        row_labels=index,
        eval_data=frame,
        eval_y_predicted=np.arange(n_rows),
        fidelity=Fidelity.measure(np.arange(5.0), np.arange(5.0) + 0.1, rows="held-out"),
    )
