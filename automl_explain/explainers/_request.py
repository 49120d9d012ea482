"""What a caller asks of the rows, checked once, and the features that an explanation of them shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypedDict

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from automl_explain._tables._rows import chunks
from automl_explain._validation import check_count, check_raw_method
from automl_explain.exceptions import ConflictingTransformationsError, InputError, MissingRawTransformationsError
from automl_explain.explainers._inputs import Inputs
from automl_explain.explanation._units import ToProbability, check_output_unit
from automl_explain.explanation._values import dense_if_small, select_features, warn_unmapped
from automl_explain.feature_map import FeatureMap, FeatureName
from automl_explain.protocols import ValueSource

_BLOCK_BYTES = 32 * 2**20
_LEAST_ROWS = 8192  # of a block, where they fit: smaller ones give the tree engine no work for its threads


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


class AskingArguments(TypedDict, total=False):
    """What may be asked of rows; `RowExplainer.explain_rows` says what each means."""

    batch_size: int | None
    feature_map: FeatureMap | None
    raw_rows: Any
    raw_method: str
    output_unit: str | None
    argument: str


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of the rows.

    Parameters
    ----------
    view : View
        The features shown: raw columns with a feature map.
    unit : str
        Output unit of the values.
    include_local : bool
        Whether the values of every row are kept.
    batch_size : int, optional
        Rows in a block.
    raw_rows : DataFrame, ndarray or scipy sparse, optional
        Raw rows to show with a raw explanation.
    argument : str
        What the caller calls the rows; errors name it.
    """

    view: View
    unit: str
    include_local: bool
    batch_size: int | None = None
    raw_rows: Any = None
    argument: str = "rows"

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        source: ValueSource,
        *,
        own_unit: str,
        default_unit: str,
        include_local: bool,
        batch_size: int | None = None,
        feature_map: FeatureMap | None = None,
        raw_rows: Any = None,
        raw_method: str = "folded",
        output_unit: str | None = None,
        argument: str = "rows",
    ) -> Request:
        """Request in the words of `RowExplainer.explain_rows`, of a source with outputs in ``own_unit``."""
        if batch_size is not None:
            check_count(batch_size, "batch_size")
        unit = default_unit if output_unit is None else check_output_unit(output_unit, own_unit)
        fold = inputs.feature_map if feature_map is None else feature_map
        view = View.of(source, inputs.names, inputs.subset, fold, check_raw_method(raw_method))
        if view.fold is not None and view.unmapped_features:
            warn_unmapped(view.unmapped_features)
        return cls(view, unit, include_local, batch_size, raw_rows, argument)

    def blocks(
        self, encoded: Any, n_outputs: int, conversion: ToProbability | None, show_progress: bool | None
    ) -> Iterator[tuple[slice, Any, np.ndarray | None]]:
        """Blocks of encoded rows with their values and their unmapped share."""
        n_rows, n_features = encoded.shape
        fitting = max(100, _BLOCK_BYTES // (8 * n_features * n_outputs))
        blocks = list(chunks(n_rows, self.batch_size or min(fitting, max(_LEAST_ROWS, n_rows // 20))))
        hidden = None if show_progress is None else not show_progress
        # A bar that is never shown still costs a single row more than its values do.
        shown = blocks
        if len(blocks) > 1:
            shown = tqdm(blocks, desc="explaining", unit="block", disable=hidden, leave=False)
        for rows in shown:
            values, unmapped = self.view.values(encoded[rows])
            yield rows, *((values, unmapped) if conversion is None else conversion(values, unmapped, rows))
