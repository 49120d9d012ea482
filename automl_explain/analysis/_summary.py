"""What a stream of rows leaves behind: global importances, means and quantiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.analysis._accumulator import GlobalAccumulator
from automl_explain.explanation._explanation import Explanation

_SHOWN = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GlobalSummary:
    """What `explain_global_stream` gives.

    Attributes
    ----------
    explanation : Explanation
        Global values only: mean |contribution| of every feature, equal to those of all rows at once.
    total : GlobalAccumulator
        What the rows added up to.
    """

    explanation: Explanation
    total: GlobalAccumulator

    @property
    def mean_values(self) -> np.ndarray:
        """Mean contribution with its sign, in the output unit, shape (n_outputs, n_features)."""
        return self.total.mean_values

    @property
    def rank_error(self) -> float:
        """How far the rank of a quantile may be off at most, as a share of the rows; 0 for few rows."""
        return self.total.rank_error if self.total.has_quantiles else 0.0

    def quantiles(self, q: float | Sequence[float]) -> np.ndarray:
        """Quantiles of the contributions with their signs, shape (n_quantiles, n_outputs, n_features).

        Raises
        ------
        InputError
            If they were not kept, or ``q`` is not between 0 and 1.
        """
        return self.total.quantiles(q)

    def to_frame(self, label: Any = None, quantiles: Sequence[float] = QUANTILES) -> pd.DataFrame:
        """Importance, mean and quantiles of every feature.

        Parameters
        ----------
        label : object, optional
            One class. Without it the second of two classes, and a row per class of more, told apart by a column
            ``class``.
        quantiles : sequence of float, default (0.05, 0.25, 0.5, 0.75, 0.95)
            Which ones to show, where they were kept.

        Returns
        -------
        DataFrame
            Columns ``feature``, ``importance`` (mean |contribution|), ``mean``, and ``q5``, ``q25``, ... in
            the output unit; most important feature first.

        Raises
        ------
        InputError
            If there is no such class.
        """
        explanation = self.explanation
        classes = explanation.classes
        position = None if label is None else explanation.class_position(label)
        n_outputs = len(self.mean_values)
        points = np.asarray(quantiles if self.total.has_quantiles else (), dtype=np.float64)
        if n_outputs == 1:
            return self._mirrored(points) if position == 0 else self._table(0, points)
        shown = range(n_outputs) if position is None else [position]
        tables = [self._table(k, points) for k in shown]
        if label is not None:
            return tables[0]
        for table, name in zip(tables, classes, strict=True):
            table.insert(1, "class", [name] * len(table))
        # All classes of a feature together, in the order of the features' importance.
        place = {j: i for i, j in enumerate(explanation.global_importance_rank)}
        order = [(place[j], k) for k, table in enumerate(tables) for j in table.index]
        every = pd.concat(tables, ignore_index=True)
        return every.iloc[sorted(range(len(every)), key=order.__getitem__)].reset_index(drop=True)

    frame = to_frame  # its former name

    def _table(self, output: int, points: np.ndarray) -> pd.DataFrame:
        assert self.explanation.global_values is not None
        found = self.quantiles(points.tolist())[:, output] if len(points) else points
        columns: dict[str, Any] = {
            "feature": self.explanation.features,
            "importance": self.explanation.global_values[output],
            "mean": self.mean_values[output],
            **{f"q{100 * q:g}": row for q, row in zip(points, found, strict=True)},
        }
        table = pd.DataFrame(columns)
        return table.iloc[np.argsort(-table["importance"].to_numpy(), kind="stable")]

    def _mirrored(self, points: np.ndarray) -> pd.DataFrame:
        """Of the first of two classes, whose values are minus those of the second."""
        table = self._table(0, 1 - points)
        table = table.set_axis(["feature", "importance", "mean", *(f"q{100 * q:g}" for q in points)], axis=1)
        table.iloc[:, 2:] *= -1
        return table

    def __repr__(self) -> str:
        n = self.explanation.num_examples
        head = f"Global summary of {n:,} rows by {self.explanation.num_features:,} {self.explanation.space} features"
        sure = f", ranks of quantiles within {100 * self.rank_error:.2g} %" if self.rank_error else ""
        table = self.to_frame().head(_SHOWN).to_string(index=False, float_format=lambda v: f"{v:.4g}")
        return f"{head}, in {self.explanation.output_unit}{sure}\n\n{table}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().head(_SHOWN).to_html(index=False, float_format=lambda v: f"{v:.4g}"))
