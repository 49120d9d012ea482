"""Explanations as tables and for shap."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain.exceptions import MissingExtraError
from automl_explain.explanation._accessors import ImportanceAccessors
from automl_explain.explanation._fields import label_index
from automl_explain.explanation._units import first_class

UNMAPPED, EXPECTED, OUTPUT = "(unmapped)", "(expected value)", "(output)"
MODEL_OUTPUT, RESIDUAL = "(model output)", "(residual)"


def global_frame(explanation: ImportanceAccessors, label: Any) -> pd.DataFrame:
    """Features by importance."""
    multiclass = explanation.num_classes > 2
    per_output, lost = explanation._global, explanation.unmapped_global
    if label is not None:
        position = explanation.class_position(label)
        k = position if multiclass else 0  # both of two classes share one magnitude
        per_output, lost = per_output[[k]], None if lost is None else lost[[k]]
    importance = per_output.mean(axis=0)
    order = np.argsort(-importance, kind="stable")
    names: list[Any] = [explanation.features[j] for j in order]
    importance, per_output = importance[order], per_output[:, order]
    if lost is not None:
        names, importance = [*names, UNMAPPED], np.append(importance, lost.mean())
        per_output = np.column_stack([per_output, lost])
    total = importance.sum()
    share = importance / total if total else np.zeros_like(importance)
    frame = pd.DataFrame(
        {"feature": pd.Series(names, dtype=object if not names else None), "importance": importance, "share": share}
    )
    if multiclass and label is None:
        columns = pd.Index([*frame.columns, *_class_columns(explanation.classes, set(frame.columns))], dtype=object)
        frame = pd.concat([frame, pd.DataFrame(per_output.T)], axis=1)
        frame.columns = columns
    return frame


def _class_columns(classes: list[Any], taken: set[str]) -> list[Any]:
    """Labels of the classes as they are, unless pandas would take two of them, or another column, for the same."""
    if len(set(classes)) < len(classes) or taken & set(classes):
        return [f"class {c!r}" for c in classes]
    return classes


def local_frame(explanation: ImportanceAccessors, label: Any) -> pd.DataFrame:
    """Rows by feature."""
    values = explanation._local
    lost = [] if explanation.unmapped is None else [UNMAPPED]
    asked = [] if explanation.residuals is None else [MODEL_OUTPUT, RESIDUAL]
    columns = [*explanation.features, *lost, EXPECTED, OUTPUT, *asked]
    rows = pd.RangeIndex(explanation.num_examples) if explanation.row_labels is None else explanation.row_labels
    n_outputs = len(explanation.base)
    if label is not None or n_outputs == 1:
        k = None if label is None else explanation.class_position(label)
        output, first = (0, k == 0) if n_outputs == 1 else (k or 0, False)
        block = _block(explanation, values, output, first=first)
        return pd.DataFrame(block, index=rows, columns=pd.Index(columns, dtype=object))
    blocks = np.stack([_block(explanation, values, k) for k in range(n_outputs)], axis=1)
    at = np.repeat(np.arange(len(rows)), n_outputs)
    labels = np.tile(np.arange(n_outputs), len(rows))
    index = pd.MultiIndex.from_arrays(
        [rows.to_flat_index()[at], label_index(_class_columns(explanation.classes, set()))[labels]],
        names=[rows.name or "row", "class"],
    )
    return pd.DataFrame(blocks.reshape(-1, len(columns)), index=index, columns=pd.Index(columns, dtype=object))


def _block(explanation: ImportanceAccessors, values: Any, k: int, *, first: bool = False) -> np.ndarray:
    """Contributions to one output with all that stands beside them; of the first of two classes if ``first``."""
    part = values[k].toarray() if is_sparse(values[k]) else values[k]
    lost = [] if explanation.unmapped is None else [explanation.unmapped[k]]
    contributions = np.column_stack([part, *lost])
    output = explanation.output[:, k]
    outputs = [np.full(len(output), explanation.base[k]), output]
    residual = np.empty((len(output), 0))
    if explanation.residuals is not None:
        residual = explanation.residuals[k][:, None]
        outputs.append(output + explanation.residuals[k])
    levels = np.column_stack(outputs)
    if first:
        # Contributions of the first of two classes are mirrored, and so is what they start from and end at.
        contributions, residual = -contributions, -residual
        levels = first_class(levels, explanation.output_unit)
    return np.column_stack([contributions, levels, residual])


def to_shap(explanation: ImportanceAccessors) -> Any:
    """A `shap.Explanation`."""
    try:
        import shap
    except ImportError as error:
        raise MissingExtraError(
            f"`to_shap` needs the shap package, which is not here ({error}): pip install automl-explain[shap]."
        ) from error

    parts = [v.toarray() if is_sparse(v) else np.array(v) for v in explanation._local]
    base = np.broadcast_to(explanation.base, (explanation.num_examples, len(parts)))
    if explanation.unmapped is not None:
        base = base + explanation.unmapped.T
    multiclass = len(parts) > 1
    names = [str(c) for c in explanation.classes or []]
    shown = _display_cells(explanation)
    return shap.Explanation(
        values=np.stack(parts, axis=-1) if multiclass else parts[0],
        base_values=np.array(base if multiclass else base[:, 0]),
        data=None if shown is None else _numbers(shown),
        display_data=None if shown is None else shown.to_numpy(),
        feature_names=[str(n) for n in explanation.features],
        output_names=names if multiclass else (names[1] if names else None),
    )


def _display_cells(explanation: ImportanceAccessors) -> pd.DataFrame | None:
    """The rows explained, if they are rows of the features explained."""
    table = explanation.eval_data
    if table is None or table.shape[1] != explanation.num_features:
        return None
    if is_frame(table):
        return table
    return pd.DataFrame(table.toarray() if is_sparse(table) else table)


def _numbers(table: pd.DataFrame) -> np.ndarray:
    """Cells as numbers, categories by their order: shap colours its points by them."""
    columns = []
    for j in range(table.shape[1]):
        cells = table.iloc[:, j]
        if pd.api.types.is_numeric_dtype(cells.dtype):
            columns.append(cells.to_numpy(dtype=np.float64, na_value=np.nan))
            continue
        if isinstance(cells.dtype, pd.CategoricalDtype):
            codes = cells.cat.codes.to_numpy()
        elif pd.api.types.is_datetime64_any_dtype(cells.dtype):
            codes = cells.rank(method="dense").fillna(-1).to_numpy()
        else:
            codes = pd.factorize(cells.map(lambda c: c if pd.isna(c) else str(c)), sort=True)[0]
        columns.append(np.where(codes < 0, np.nan, codes).astype(np.float64))
    return np.column_stack(columns) if columns else np.zeros((len(table), 0))
