"""Explanations as plain dicts, in the form that interpret's dashboards read."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._tables._positions import one_position
from automl_explain.explanation._accessors import ImportanceAccessors
from automl_explain.explanation._residuals import row_outputs
from automl_explain.explanation._units import first_class


def overall_data(explanation: ImportanceAccessors) -> dict[str, Any]:
    """All rows together."""
    scores, intercept = explanation.global_importance_values.tolist(), explanation.expected_values.tolist()
    mli = {
        "explanation_type": "global_feature_importance",
        "value": {"scores": list(scores), "intercept": list(intercept)},
    }
    return {"names": explanation.features, "scores": scores, "intercept": intercept, "mli": [mli]}


def row_data(explanation: ImportanceAccessors, row: int) -> dict[str, Any]:
    """One row."""
    at = one_position(row, explanation.num_examples)
    intercept = explanation.expected_values.tolist()
    return {
        "type": "univariate",
        "names": explanation.features,
        "scores": _scores(explanation, at),
        "values": _cells(explanation.eval_data, at),
        "perf": _performance(explanation, at),
        "intercept": intercept,
        "extra": {"names": ["Intercept"], "scores": list(intercept), "values": [1]},
        **_beside_the_model(explanation, at),
    }


def rows_data(explanation: ImportanceAccessors) -> list[dict[str, Any]] | None:
    """Every row, each in a dict of its own; None without local values."""
    if explanation.values is None:
        return None
    return [row_data(explanation, i) for i in range(explanation.num_examples)]


def selector(explanation: ImportanceAccessors) -> pd.DataFrame | None:
    """Rows to choose from, with their predictions."""
    if explanation.values is None:
        return None
    predicted = explanation.eval_y_predicted
    columns = {} if predicted is None else {"Predicted": predicted}
    index = pd.RangeIndex(explanation.num_examples) if explanation.row_labels is None else explanation.row_labels
    return pd.DataFrame(columns, index=index)


def _scores(explanation: ImportanceAccessors, row: int) -> list[Any]:
    values = explanation.local_importance_values
    if explanation.task == "regression":
        values = [values]
    dense = [np.asarray(v[[row]].todense()).ravel() if is_sparse(v) else v[row] for v in values]
    scores = [d.tolist() for d in dense]
    return list(scores[0]) if explanation.task == "regression" else scores


def _beside_the_model(explanation: ImportanceAccessors, row: int) -> dict[str, Any]:
    """The output explained, the model's own, and what the former lacks to the latter, in the order of the classes."""
    outputs = row_outputs(explanation, row)
    binary, unit = explanation.num_classes == 2, explanation.output_unit

    def shown(output: np.ndarray | None, first: Any) -> list[float] | None:
        return None if output is None else [*([float(first(output[0]))] if binary else []), *output.tolist()]

    return {
        "output": shown(outputs.explained, lambda o: first_class(o, unit)),
        "model_output": shown(outputs.model, lambda o: first_class(o, unit)),
        "residual": shown(outputs.residual, np.negative),
        "is_far": outputs.is_far,
    }


def _cells(table: Any, row: int) -> list[Any] | None:
    if table is None:
        return None
    if is_frame(table):
        return [_plain(table.iat[row, j]) for j in range(table.shape[1])]
    cells = np.asarray(table[[row]].todense()).ravel() if is_sparse(table) else table[row]
    return list(cells.tolist())


def _performance(explanation: ImportanceAccessors, row: int) -> dict[str, Any] | None:
    """What the teacher predicted; what was true is not known to an explanation."""
    predicted, proba = explanation.eval_y_predicted, explanation.eval_y_predicted_proba
    if predicted is None:
        return None
    return {
        "is_classification": explanation.task == "classification",
        "predicted": _plain(predicted[row]),
        "predicted_score": None if proba is None else proba[row].tolist(),
        "actual": None,
    }


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) and cell.dtype.kind in "biufUS" else cell
