"""What a run of ``score`` found, in a few lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from automl_explain.cli._score_columns import UNATTRIBUTED
from automl_explain.cli._scorer import Scored, Scorer
from automl_explain.explanation import bar_table
from automl_explain.explanation._values import absolute_sums
from automl_explain.reading import DETAIL, WARNING, Note
from automl_explain.reading._recipe import misfit_note

_TOP, _SHOWN = 10, 5


@dataclasses.dataclass
class Summary:
    """Sums over the rows scored so far.

    Parameters
    ----------
    scorer : Scorer
    n_rows, n_far : int
        All rows, and those that are far from the model.
    bound : float or None
        From which residual on a row is far.
    worst : tuple of (float, int)
        Largest residual, and its line.
    """

    scorer: Scorer
    n_rows: int = 0
    n_far: int = 0
    bound: float | None = None
    worst: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self._predictions: Any = 0.0  # sum of numbers, or of probabilities
        self._chosen: dict[Any, int] = {}
        self._magnitudes: Any = 0.0
        self._names: list[str] = []
        self._misfits: dict[str, tuple[list[tuple[int, str]], int]] = {}
        self._notes: dict[Note, None] = {}

    def note(self, notes: Iterable[Note]) -> None:
        """Take in what was decided to read the file, once each."""
        self._notes.update(dict.fromkeys(note for note in notes if note.weight > DETAIL))

    def add(self, scored: Scored) -> None:
        """Take in rows."""
        explanation = next(iter(scored.explanations.values()))
        self.n_rows += len(scored.lines)
        soft = scored.prediction if scored.probabilities is None else scored.probabilities
        if self.scorer.classes is None or scored.probabilities is not None:
            self._predictions = self._predictions + soft.sum(axis=0)
        if self.scorer.classes is not None:
            labels, counts = np.unique(scored.prediction.astype(str), return_counts=True)
            for label, n in zip(labels.tolist(), counts.tolist(), strict=True):
                self._chosen[label] = self._chosen.get(label, 0) + n
        sizes = np.abs(scored.residuals).max(axis=1)
        self.bound = self.scorer.far_bound(scored)
        if self.bound is not None:
            self.n_far += int((sizes > self.bound).sum())
        if len(sizes) and sizes.max() > self.worst[0]:
            self.worst = (float(sizes.max()), int(scored.lines[sizes.argmax()]))
        magnitudes = absolute_sums(explanation._local)
        if explanation.unmapped is not None and explanation.unmapped_features:
            magnitudes = np.column_stack([magnitudes, np.abs(explanation.unmapped).sum(axis=1)])
        self._names = [*map(str, explanation.features), UNATTRIBUTED][: magnitudes.shape[1]]
        self._magnitudes = self._magnitudes + magnitudes.mean(axis=0)
        for name, cells in scored.misfits.items():
            first, n = self._misfits.get(name, ([], 0))
            self._misfits[name] = ([*first, *cells][:_TOP], n + len(cells))

    def lines(self) -> Iterator[str]:
        """The summary as text."""
        yield self._predicted()
        for note in sorted(self._notes, key=lambda note: -note.weight):
            yield f"{'WARNING: ' if note.weight == WARNING else ''}{_told(note)}"
        yield ""
        importance = self._magnitudes / max(1, self.n_rows)
        top = np.argsort(-importance, kind="stable")[:_TOP]
        unit, outputs = str(self.scorer.scoring.output_unit), self.scorer.explained_classes
        if outputs is not None and len(outputs) == 1:
            unit = f"{unit} of {str(outputs[0])!r}"
        yield "What drives these rows: mean absolute contribution"
        yield bar_table([self._names[j] for j in top], [float(importance[j]) for j in top], unit=unit)
        yield ""
        yield self._far()
        for name, (first, n) in self._misfits.items():
            yield _told(misfit_note(self.scorer.recipe.by_name[name], first, n))

    def _predicted(self) -> str:
        rows = f"{self.n_rows:,} row{'' if self.n_rows == 1 else 's'} scored with {self.scorer.model_name}"
        if self.scorer.classes is None:
            return f"{rows}; mean prediction {self._predictions / self.n_rows:.6g}"
        often = sorted(self._chosen.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{label!r} {n / self.n_rows:.1%}" for label, n in often[:_SHOWN])
        more = ", ..." if len(often) > _SHOWN else ""
        if np.ndim(self._predictions) == 1 and len(self.scorer.classes) == 2:
            second = f"; mean probability of {str(self.scorer.classes[1])!r} {self._predictions[1] / self.n_rows:.4g}"
            return f"{rows}; predicted {shares}{second}"
        return f"{rows}; predicted {shares}{more}"

    def _far(self) -> str:
        unit, (worst, line) = self.scorer.prediction_unit, self.worst
        if self.bound is None:
            return f"Largest difference between explanation and model: {worst:.3g} ({unit}), line {line}"
        if not self.n_far:
            return (
                f"No row is far from the model: explanation and model differ by at most {worst:.3g} ({unit}), and "
                f"more than {self.bound:.3g} would be far"
            )
        noun, verb = ("row", "is") if self.n_far == 1 else ("rows", "are")
        return (
            f"{self.n_far:,} {noun} {verb} far from the model: explanation and model differ by more than "
            f"{self.bound:.3g} ({unit}), so do not trust the contributions there; the worst is line {line}, by "
            f"{worst:.3g} (column residual)"
        )


def _told(note: Note) -> str:
    details = f" ({'; '.join(note.details)})" if note.details else ""
    return f"{note.text}{details}" + (f": {note.remedy}" if note.remedy else "")
