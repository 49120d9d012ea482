"""Interaction values of a scoring explainer's rows, checked against the output of its trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain.exceptions import InputError, SelfCheckError, UnsupportedModelError
from automl_explain.explanation import InteractionExplanation
from automl_explain.explanation._values import method_name
from automl_explain.scoring._parts import ScoringParts
from automl_explain.sources import TreeSource
from automl_explain.treeshap import MAX_VALUES

_MOST_BYTES = 2**32  # of the matrices of all rows
_CLOSE = 1e-9  # of what is added up for a row: sums of thousands of doubles lose 1e-13


def explain_interactions(
    parts: ScoringParts, rows: Any, raw: bool, output_unit: str | None, *, include_local: bool, n_jobs: int | None
) -> InteractionExplanation:
    """Interactions of encoded rows; see `TreeScoringExplainer.explain_interactions`.

    Parameters
    ----------
    parts : ScoringParts
        Of trees; with a feature map where raw columns are wanted.
    rows : ndarray or csr_matrix of shape (n_rows, n_engineered)
    raw : bool
    output_unit : str or None
        Asked for by the caller.
    include_local : bool
    n_jobs : int or None
    """
    _check_own_unit(parts, output_unit)
    source, feature_map = parts.source, parts.feature_map if raw else None
    if not isinstance(source, TreeSource):
        raise UnsupportedModelError(
            f"{type(source).__name__} gives no interaction values; only trees that this package reads have exact ones. "
            "Explain the model with `TreeExplainer`, or with a tree surrogate of this package."
        )
    _refuse_wide(source.n_outputs, source.n_features if feature_map is None else feature_map.n_raw, raw)
    engine = source.interactions(feature_map, parts.raw_method)
    found: dict[str, Any]
    if include_local:
        _refuse_large(rows.shape[0] * engine.n_outputs * engine.n_targets**2)
        values, unmapped = engine.values_and_remainder(rows, n_jobs=n_jobs)
        found = {"values": values, "unmapped": None if feature_map is None else unmapped}
    else:
        means, _ = engine.mean_absolute(rows, n_jobs=n_jobs)
        found = {"values": None, "global_values": means, "n_explained_rows": rows.shape[0]}
    made = InteractionExplanation(
        **found,
        base=source.expected_values,
        features=tuple(parts.encoder.names if feature_map is None else feature_map.raw_names),
        task="regression" if parts.classes is None else "classification",
        classes=parts.classes,
        space="engineered" if feature_map is None else "raw",
        output_unit=parts.own_unit,  # type: ignore[arg-type] # checked when the parts were made
        link=parts.link,
        fidelity=parts.fidelity,
        method=parts.method if feature_map is None else method_name(parts.method, parts.raw_method),
        unmapped_features=() if feature_map is None else tuple(parts.encoder.names[j] for j in feature_map.unmapped),
    )
    if include_local and rows.shape[0]:
        _check_sums(made, source.predict_output(rows))
    return made


def _check_own_unit(parts: ScoringParts, asked: str | None) -> None:
    """Refuse units in which interactions are not exact."""
    if parts.conversion(asked) is None:
        return
    seen = f"This explainer gives values in {parts.output_unit}" if asked is None else f"`output_unit` is {asked!r}"
    raise InputError(
        f"{seen}, but interaction values are exact only in {parts.own_unit}, in which the trees add up. Pass "
        f"`output_unit={parts.own_unit!r}`."
    )


def _refuse_wide(n_outputs: int, n_features: int, raw: bool) -> None:
    numbers = n_outputs * (n_features + 1) ** 2
    if numbers > MAX_VALUES:
        fix = "explain a model of fewer columns" if raw else "pass `get_raw=True` if there are fewer raw columns"
        raise InputError(
            f"Interaction values of {n_features:,} {'raw columns' if raw else 'features'} take "
            f"{8 * numbers / 2**30:,.1f} GiB for one row; at most 1 is supported. To go on, {fix}."
        )


def _refuse_large(numbers: int) -> None:
    if 8 * numbers > _MOST_BYTES:
        raise InputError(
            f"The interaction values of all rows of `X` would take {8 * numbers / 2**30:,.1f} GiB; at most 4 are made. "
            "Pass fewer rows at a time, or `include_local=False` for their mean magnitudes."
        )


def _check_sums(found: InteractionExplanation, output: np.ndarray) -> None:
    """Refuse rows that do not add up to the output of the trees."""
    size = np.abs(output) + np.abs(found.base)
    assert found.values is not None
    for k, matrices in enumerate(found.values):
        size[:, k] += [np.abs(matrix).sum() for matrix in matrices]  # no second copy of all
    apart = np.abs(found.output - output)
    if (apart > _CLOSE * size).any():
        row = int((apart - _CLOSE * size).max(axis=1).argmax())
        raise SelfCheckError(
            f"The interaction values of row {row} add up to {found.output[row].tolist()}, where the trees give "
            f"{output[row].tolist()}. The trees may be damaged; load or read the model again."
        )
