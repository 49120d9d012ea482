"""Predictions and contributions as tables: a column for every contribution, or a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl_explain.cli._scorer import Scored, class_labels
from automl_explain.explanation import Explanation

Shape = Literal["wide", "long"]
UNATTRIBUTED, OTHERS, EXPECTED = "(unattributed)", "(others)", "(expected value)"
_OF_CONTRIBUTIONS = ("class", "probability", "explained", "residual", "space", "column", "contribution")
_MOST_ROWS = 500_000  # of a long table at once


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which columns a table of scored rows has.

    Parameters
    ----------
    shape : {"wide", "long"}
    outputs : tuple or None
        Labels of the classes explained; None for a regression.
    classes : tuple or None
        All labels.
    ids : tuple of str
        Columns of the file that are carried over.
    top_k : int or None
        Contributions that are told for every row, the largest first; all where it is None.
    """

    shape: Shape
    outputs: tuple[Any, ...] | None
    classes: tuple[Any, ...] | None
    ids: tuple[str, ...] = ()
    top_k: int | None = None

    def tables(self, scored: Scored, ids: Sequence[np.ndarray]) -> Iterator[pd.DataFrame]:
        """Scored rows as tables of the same columns, few enough rows at a time."""
        if self.shape == "wide":
            yield self._wide(scored, ids)
            return
        per_row = sum(len(_names(e)) + 1 for e in scored.explanations.values()) * len(scored.explained[0:1].T)
        step = max(1, _MOST_ROWS // per_row)
        for start in range(0, len(scored.lines), step):
            yield self._long(scored, ids, slice(start, start + step))

    def _wide(self, scored: Scored, ids: Sequence[np.ndarray]) -> pd.DataFrame:
        named = self._rows(scored, ids)
        if scored.probabilities is not None:
            named += [(f"probability.{c}", scored.probabilities[:, k]) for k, c in enumerate(self.classes or ())]
        first = next(iter(scored.explanations.values()))
        for k, suffix in enumerate(self._suffixes()):
            named.append((f"explained{suffix}", scored.explained[:, k]))
            named.append((f"residual{suffix}", scored.residuals[:, k]))
            named.append((f"expected{suffix}", np.full(len(scored.lines), first.base[k])))
        for space, explanation in scored.explanations.items():
            for k, suffix in enumerate(self._suffixes()):
                named += self._contributions(f"{space}{suffix}", _names(explanation), _values(explanation, k))
        return pd.DataFrame(dict(zip(_unique([name for name, _ in named]), (v for _, v in named), strict=True)))

    def _contributions(self, prefix: str, names: np.ndarray, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
        if self.top_k is None:
            return [(f"{prefix}.{name}", values[:, j]) for j, name in enumerate(names)]
        order, others = _largest(values, self.top_k)
        named: list[tuple[str, np.ndarray]] = []
        for place in range(order.shape[1]):
            at = order[:, place]
            named.append((f"{prefix}.{place + 1}.column", names[at]))
            named.append((f"{prefix}.{place + 1}.contribution", values[np.arange(len(values)), at]))
        return [*named, (f"{prefix}.{OTHERS}", others)]

    def _long(self, scored: Scored, ids: Sequence[np.ndarray], rows: slice) -> pd.DataFrame:
        told = self._rows(scored, ids)
        n_rows = len(scored.lines[rows])
        blocks = []  # each of shape (n_rows, n_told): rows stay together
        for space, explanation in scored.explanations.items():
            names = _names(explanation)
            for k in range(len(explanation.base)):
                values, columns = _values(explanation, k)[rows], np.broadcast_to(names, (n_rows, len(names)))
                if self.top_k is not None:
                    order, others = _largest(values, self.top_k)
                    values = np.column_stack([np.take_along_axis(values, order, axis=1), others])
                    columns = np.column_stack([names[order], np.full(n_rows, OTHERS, dtype=object)])
                values = np.column_stack([values, np.full(n_rows, explanation.base[k])])
                columns = np.column_stack([columns, np.full(n_rows, EXPECTED, dtype=object)])
                blocks.append((space, k, columns, values))
        widths = [values.shape[1] for _, _, _, values in blocks]
        at = np.repeat(np.arange(rows.start, rows.start + n_rows), sum(widths))
        titles = _unique([*_OF_CONTRIBUTIONS, *(name for name, _ in told)])[len(_OF_CONTRIBUTIONS) :]
        made = {title: values[at] for title, (_, values) in zip(titles, told, strict=True)}
        output = np.tile(np.repeat([k for _, k, _, _ in blocks], widths), n_rows)
        if self.outputs is not None:
            made["class"] = class_labels(self.outputs)[output]
            if scored.probabilities is not None:
                first = scored.probabilities.shape[1] - len(self.outputs)
                made["probability"] = scored.probabilities[at, output + first]
        made["explained"], made["residual"] = scored.explained[at, output], scored.residuals[at, output]
        spaces = np.array([space for space, _, _, _ in blocks], dtype=object)
        made["space"] = np.tile(np.repeat(spaces, widths), n_rows)
        made["column"] = np.concatenate([c for _, _, c, _ in blocks], axis=1).ravel()
        made["contribution"] = np.concatenate([v for _, _, _, v in blocks], axis=1).ravel()
        return pd.DataFrame(made)

    def _rows(self, scored: Scored, ids: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        return [("line", scored.lines), ("prediction", scored.prediction), *zip(self.ids, ids, strict=True)]

    def _suffixes(self) -> list[str]:
        """Behind names that every output has: its class."""
        return [""] if self.outputs is None else [f".{c}" for c in self.outputs]


def _names(explanation: Explanation) -> np.ndarray:
    """Titles of the contributions, as text."""
    rest = [UNATTRIBUTED] if explanation.unmapped is not None and explanation.unmapped_features else []
    return np.array([*map(str, explanation.features), *rest], dtype=object)


def _values(explanation: Explanation, k: int) -> np.ndarray:
    """Contributions to one output, shape (n_rows, n_titles)."""
    values: Any = explanation._local[k]
    values = values.toarray() if hasattr(values, "toarray") else values
    if explanation.unmapped is None or not explanation.unmapped_features:
        return np.asarray(values)
    return np.column_stack([values, explanation.unmapped[k]])


def _largest(values: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the largest contributions of every row, and the sum of the others."""
    order = np.argsort(-np.abs(values), axis=1, kind="stable")
    rest = np.take_along_axis(values, order[:, top_k:], axis=1)
    return order[:, :top_k], rest.sum(axis=1)


def _unique(names: Sequence[str]) -> list[str]:
    """Names, those that are there already with a number behind them."""
    made: dict[str, None] = {}
    for name in names:
        unique, n = name, 2
        while unique in made:
            unique, n = f"{name} ({n})", n + 1
        made[unique] = None
    return list(made)
