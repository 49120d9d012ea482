"""What an explanation shows of a surrogate: all features, a subset of them, or raw columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain.exceptions import ConflictingTransformationsError, InputError, MissingRawTransformationsError
from automl_explain.explanation._values import dense_if_small, select_features
from automl_explain.feature_map import FeatureMap, FeatureName


@dataclasses.dataclass(frozen=True)
class View:
    """Names shown and how their values are made.

    Parameters
    ----------
    names : tuple of str or int
        Features or raw columns shown.
    values : callable
        Encoded rows -> values, and the unmapped share of shape (n_outputs, n_rows) or None.
    unmapped_features : tuple of str or int, default ()
        Features whose values are the unmapped share.
    fold : FeatureMap or None, default None
        To the raw columns, if those are shown.
    raw_method : {"folded", "grouped"}, default "folded"
    """

    names: tuple[FeatureName, ...]
    values: Callable[[Any], tuple[Any, np.ndarray | None]]
    unmapped_features: tuple[FeatureName, ...] = ()
    fold: FeatureMap | None = None
    raw_method: str = "folded"

    @classmethod
    def of(
        cls,
        surrogate: Any,
        names: tuple[FeatureName, ...],
        subset: Sequence[int] | None,
        fold: FeatureMap | None,
        raw_method: str,
    ) -> View:
        """View of the features ``names`` of a surrogate: of raw columns with a map, of ``subset``, or of all."""
        if fold is not None:
            return cls._raw(surrogate, names, subset, fold, raw_method)
        if raw_method == "grouped":
            raise MissingRawTransformationsError(
                "`raw_method='grouped'` needs to know which raw column feeds which engineered feature: make the "
                "explainer with `transformations`, or the wrapper with `feature_maps=[setup.feature_map]`."
            )
        if subset is None:
            return cls(names, lambda rows: (surrogate.shapley_values(rows), None))
        at = tuple(subset)
        rest = tuple(n for j, n in enumerate(names) if j not in set(at))
        return cls(tuple(names[j] for j in at), lambda rows: select_features(surrogate.shapley_values(rows), at), rest)

    @classmethod
    def _raw(
        cls,
        surrogate: Any,
        names: tuple[FeatureName, ...],
        subset: Sequence[int] | None,
        fold: FeatureMap,
        raw_method: str,
    ) -> View:
        if subset is not None:
            raise ConflictingTransformationsError("`explain_subset` and a feature map cannot be combined.")
        if fold.n_engineered != len(names):
            raise InputError(
                f"The feature map has {fold.n_engineered} engineered features; the surrogate was trained on "
                f"{len(names)}. Pass the map of the same setup."
            )
        rest = tuple(names[j] for j in fold.unmapped)

        def values(rows: Any) -> tuple[Any, np.ndarray | None]:
            found, unmapped = surrogate.raw_values(rows, fold, raw_method)
            return found, unmapped if rest else None

        return cls(fold.raw_names, values, rest, fold, raw_method)


def join_blocks(n_rows: int, blocks: Iterable[tuple[slice, Any, np.ndarray | None]]) -> tuple[Any, np.ndarray | None]:
    """Values and unmapped share of all rows, from blocks of rows with theirs; dense ones are filled in place."""
    values: Any = None
    unmapped: np.ndarray | None = None
    parts: list[tuple[sp.csr_matrix, ...]] = []
    for rows, part, lost in blocks:
        if lost is not None:
            unmapped = np.zeros((len(part), n_rows)) if unmapped is None else unmapped
            unmapped[:, rows] = lost
        if isinstance(part, tuple):
            parts.append(part)
        elif part.shape[1] == n_rows:
            values = part
        else:
            values = np.empty((len(part), n_rows, part.shape[2])) if values is None else values
            values[:, rows] = part
    if not parts:
        return values, unmapped
    return dense_if_small(tuple(sp.vstack(each, format="csr") for each in zip(*parts, strict=True))), unmapped
