"""Cells of a new file -> predictions and contributions, by what a run of ``explain`` wrote."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl_explain.adapters import adapter_for
from automl_explain.cli._model_file import SCORING, load_model
from automl_explain.cli._quiet import quiet
from automl_explain.exceptions import InputError
from automl_explain.explainer_setup._rows import floating
from automl_explain.explanation import Explanation
from automl_explain.explanation._residuals import stated_bound
from automl_explain.explanation._units import PROBABILITY_LINKS, output_probabilities
from automl_explain.protocols import PipelineAdapter, estimator_name
from automl_explain.reading import TableRecipe, TextTable
from automl_explain.reading._forms import Misfits
from automl_explain.scoring import load
from automl_explain.scoring._base import ScoringExplainer

Space = Literal["raw", "engineered"]


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Rows, predicted and explained.

    Parameters
    ----------
    lines : ndarray of int64 of shape (n_rows,)
        Where the rows stand in the file.
    prediction : ndarray of shape (n_rows,)
        Classes or numbers, of the model.
    probabilities : ndarray of shape (n_rows, n_classes) or None
        Of the model.
    explanations : dict of str to Explanation
        By space.
    residuals : ndarray of shape (n_rows, n_outputs)
        The model's probability or number, less that of the output explained.
    misfits : dict of str to list of (int, str)
        Lines and texts of values that do not fit their column, and are missing.
    """

    lines: np.ndarray
    prediction: np.ndarray
    probabilities: np.ndarray | None
    explanations: dict[Space, Explanation]
    residuals: np.ndarray
    misfits: dict[str, Misfits]

    @property
    def explained(self) -> np.ndarray:
        """Output explained, shape (n_rows, n_outputs)."""
        return next(iter(self.explanations.values())).output


@dataclasses.dataclass(frozen=True, eq=False)
class Scorer:
    """A model with its scoring explainer and the recipe of its table.

    Parameters
    ----------
    scoring : ScoringExplainer
    adapter : PipelineAdapter
        Of the model: makes engineered rows, and predicts from them.
    recipe : TableRecipe
        Of the features alone.
    target : str or None
    """

    scoring: ScoringExplainer
    adapter: PipelineAdapter
    recipe: TableRecipe
    target: str | None

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """What ``automl-explain explain --save-model`` wrote to a folder.

        Raises
        ------
        NotFoundError, CorruptFileError
            If the files are not there, or are others than those written.
        InputError
            If the model was not fitted on a file.
        UnsupportedModelError
            If it was explained as a black box.
        """
        with quiet():
            model = load_model(folder)
            scoring = load(folder / SCORING)
            adapter = adapter_for(model, "regression" if scoring.classes is None else "classification")
        recipe = scoring.table_recipe
        if recipe is None:
            raise InputError(
                f"The model in {str(folder)!r} was not fitted on a file, so nothing says how one is read. Explain a "
                "file of your own, with automl-explain explain DATA --target COLUMN --save-model."
            )
        own = {} if recipe.target is None else {recipe.target: "the target"}
        return cls(scoring, adapter, dataclasses.replace(recipe, left_out={**recipe.left_out, **own}), recipe.target)

    def written(self, *, decimal: str | None, day_first: bool | None, na: tuple[str, ...]) -> Scorer:
        """For a file whose values are written in another way than those of training; None for the same way."""
        recipe = self.recipe.written(decimal=decimal, day_first=day_first, na=na)
        return dataclasses.replace(self, recipe=recipe)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a file must have."""
        return tuple(form.name for form in self.recipe.columns if form.name not in self.recipe.left_out)

    @property
    def model_name(self) -> str:
        """The estimator, for people."""
        return estimator_name(self.adapter)

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the probabilities."""
        return self.scoring.classes

    @property
    def explained_classes(self) -> list[Any] | None:
        """Labels of the outputs explained: of two classes the second alone."""
        classes = self.classes
        return classes[1:] if classes is not None and len(classes) == 2 else classes

    @property
    def prediction_unit(self) -> str:
        """Unit of the residuals."""
        return "probability" if self.classes is not None else str(self.scoring.output_unit)

    def far_bound(self, scored: Scored) -> float | None:
        """From which residual on a row is far from the model; None if that is not known."""
        return stated_bound(next(iter(scored.explanations.values())))

    def score(self, table: TextTable, spaces: Sequence[Space]) -> Scored:
        """Rows of a file, predicted and explained.

        Raises
        ------
        DataError
            If columns are absent, or rows cannot be predicted.
        """
        frame, misfits = self.recipe.read_with_misfits(table)
        with quiet():
            engineered = self._engineered(frame)
            soft = np.asarray(self.adapter.predict_engineered(engineered))
            explanations = {s: self.scoring.explanation(engineered, get_raw=s == "raw") for s in spaces}
            prediction = soft if self.classes is None else self._labels(engineered, soft)
        explained = next(iter(explanations.values()))
        return Scored(
            table.lines,
            prediction,
            soft if soft.ndim == 2 else None,
            explanations,
            soft.reshape(len(soft), -1)[:, -explained.output.shape[1] :] - _as_predictions(explained),
            misfits,
        )

    def _engineered(self, frame: pd.DataFrame) -> Any:
        schema = self.scoring.input_schema
        assert schema is not None  # a recipe is only kept with one
        rows = schema.conform(frame, "the file")
        conform = getattr(self.adapter, "conform", None)
        return floating(self.adapter.transform(rows if conform is None else conform(rows, "the file")))

    def _labels(self, engineered: Any, soft: np.ndarray) -> np.ndarray:
        classes = self.classes or []
        if soft.ndim == 1:  # decision values
            return np.asarray(self.adapter.estimator.predict(engineered))
        return np.asarray(class_labels(classes)[soft.argmax(axis=1)])


def class_labels(classes: Sequence[Any]) -> np.ndarray:
    """Labels as a column of one type: numbers, booleans or texts."""
    kinds = {type(c) for c in classes}
    plain = len(kinds) == 1 and kinds <= {int, bool, float}
    return np.array(classes if plain else [str(c) for c in classes], dtype=None if plain else object)


def _as_predictions(explanation: Explanation) -> np.ndarray:
    """Output explained as probabilities, or in its own unit where that is no log-odds."""
    if explanation.output_unit == "log-odds" and explanation.link in PROBABILITY_LINKS:
        return output_probabilities(explanation.output, explanation.link)
    return explanation.output
