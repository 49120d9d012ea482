"""Request: what a caller asks of the rows, checked once and handed on whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypedDict

import numpy as np
from tqdm import tqdm

from automl_explain._tables._rows import chunks
from automl_explain._validation import check_count, check_raw_method
from automl_explain.explainers._inputs import Inputs
from automl_explain.explainers._views import View
from automl_explain.explanation._units import ToProbability, check_output_unit
from automl_explain.explanation._values import warn_unmapped
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import ValueSource

_BLOCK_BYTES = 32 * 2**20
_LEAST_ROWS = 8192  # of a block, where they fit: smaller ones give the tree engine no work for its threads


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
