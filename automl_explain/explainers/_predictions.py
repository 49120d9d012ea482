"""Predictions: what a model says of rows, as explainers need it: its soft output, its labels, their unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl_explain._tables._rows import spread, take
from automl_explain._validation import listed
from automl_explain.adapters import SAMPLE_ROWS, ModelOutput, check_probabilities, label_array, output_of
from automl_explain.exceptions import DataError, InputError, UnsupportedModelError
from automl_explain.surrogates import least_distance, log_odds, soft_targets


@dataclasses.dataclass(frozen=True)
class Predictions:
    """A model asked for the output that is explained, and for its labels.

    Parameters
    ----------
    model_output : ModelOutput
        Which output that is, and how the model is asked.
    least : float or None, default None
        How near to 0 and 1 soft targets may come; settled by the training rows.
    own_labels : callable or None, default None
        Rows -> labels, for a model that predicts another class than the most probable one.
    """

    model_output: ModelOutput
    least: float | None = None
    own_labels: Callable[[Any], Any] | None = None

    @classmethod
    def of(
        cls,
        model: Any,
        rows: Any,
        *,
        task: str,
        classes: Sequence[Any] | None,
        is_function: bool,
        labels_suffice: bool = False,
    ) -> Predictions:
        """Predictions of a model or function, which is shown rows from everywhere in the table; see `output_of`."""
        found = output_of(
            model,
            take(rows, spread(rows.shape[0], SAMPLE_ROWS)),
            task=task,
            classes=classes,
            is_function=is_function,
            labels_suffice=labels_suffice,
        )
        return cls(found)

    @property
    def task(self) -> Literal["classification", "regression"]:
        """``"classification"`` or ``"regression"``; scores of outlier detectors are those of a regression."""
        return self.model_output.task

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the outputs; None for numbers."""
        return self.model_output.classes

    @property
    def model_type(self) -> str:
        """Type of the model, for the reader."""
        return self.model_output.model_type

    @property
    def unit(self) -> str:
        """Output unit of a surrogate: ``"log-odds"``, ``"decision value"``, ``"target"``, or a detector's score."""
        return self.model_output.unit

    @property
    def prediction_unit(self) -> str:
        """Unit of the soft output itself: ``"probability"`` where a surrogate is in log-odds."""
        return "probability" if self.unit == "log-odds" else self.unit

    @property
    def decides(self) -> bool:
        """Whether a classifier's soft output is decision values, for want of probabilities."""
        return self.unit == "decision value"

    @property
    def n_outputs(self) -> int:
        """One for regression and two classes, else one per class."""
        return 1 if self.classes is None or len(self.classes) == 2 else len(self.classes)

    def soft_output(self, rows: Any) -> np.ndarray:
        """Probabilities (n_rows, n_classes), decision values (n_rows, n_outputs) or numbers (n_rows,).

        Raises
        ------
        UnsupportedModelError
            If the model gives NaN or infinite outputs, or a classifier's are no probabilities.
        """
        output = self.model_output.ask(rows)
        if len(output) != rows.shape[0]:
            raise UnsupportedModelError(
                f"The model gives {len(output)} predictions for {rows.shape[0]} rows; expected one per row."
            )
        if np.count_nonzero(np.isfinite(output)) < output.size:  # half the time of `all` for a single row
            n = int((~np.isfinite(output)).reshape(len(output), -1).any(axis=1).sum())
            raise UnsupportedModelError(
                f"The model gives NaN or infinite predictions on {n} of {len(output)} rows, which nothing can learn "
                "from. Look at `model.predict` on these rows."
            )
        if self.unit == "log-odds":
            check_probabilities(output, sums=self.model_output.sums)
        return output

    def targets(self, output: np.ndarray) -> np.ndarray:
        """What the surrogate learns: (n_rows, n_outputs) soft labels, decision values or numbers."""
        if self.decides:
            return output
        return output.reshape(-1, 1) if self.task == "regression" else soft_targets(output, self.least)

    def in_unit(self, targets: np.ndarray) -> np.ndarray:
        """Targets in the output unit: log-odds, or the decision value or number itself."""
        return log_odds(targets) if self.unit == "log-odds" else targets

    def chosen(self, output: np.ndarray) -> np.ndarray:
        """Positions of the classes that a classifier's soft output speaks for, shape (n_rows,)."""
        if self.decides and output.shape[1] == 1:
            return (output[:, 0] > 0).astype(int)
        return np.asarray(output.argmax(axis=1))

    def settled(self, rows: Any, outputs: np.ndarray) -> Predictions:
        """The same with a bound for soft targets, and the model's own labels where they are not the most probable.

        Parameters
        ----------
        rows : DataFrame, ndarray or csr_matrix
            A few rows to compare labels on.
        outputs : ndarray of shape (n_rows, n_classes) or (n_rows,)
            All outputs the surrogate learns from, those of ``rows`` first.
        """
        if self.classes is None:
            return self
        own = self.model_output.labels
        if own is not None:
            theirs = [str(c) for c in np.asarray(own(rows)).reshape(-1)]
            likeliest = [str(c) for c in self.predictions(rows, outputs[: rows.shape[0]])]
            if theirs == likeliest or not set(theirs) <= set(map(str, self.classes)):
                own = None
        return dataclasses.replace(self, least=None if self.decides else least_distance(outputs), own_labels=own)

    def predictions(self, rows: Any, output: np.ndarray) -> np.ndarray:
        """Labels that the model predicts, or numbers, of shape (n_rows,)."""
        if self.classes is None:
            return output.copy()
        if self.own_labels is not None:
            return np.asarray(self.own_labels(rows)).reshape(-1)
        return np.asarray(label_array(self.classes)[self.chosen(output)])

    # Beside true labels

    def beside(self, truth: np.ndarray) -> Predictions:
        """The same with its classes known, from true labels where nothing else tells them.

        Raises
        ------
        InputError
            If the labels of an outlier detector are coded otherwise than by the detector, or one of two classes
            cannot be told from the other.
        """
        told = self.model_output
        if self.task == "regression":
            return self
        there = set(_plain(truth[~np.asarray(pd.isna(truth))]))
        if told.unit == "outlier label" and not there <= {*(told.own or ()), *(told.classes or ())}:
            raise InputError(
                f"`true_labels` holds {listed(sorted(there, key=str))}, and the detector answers {told.own}: code them "
                "as its `predict` does, or give their names as `classes`, in this order."
            )
        untold = told.one_column and told.own is None and told.classes == [0, 1] and not there <= {0, 1}
        if told.classes is not None and not untold:
            return self
        found = sorted(there, key=lambda c: (str(type(c)), c))
        if untold and len(found) != 2:
            raise InputError(
                f"`true_labels` holds {listed(found)}, and the model gives the probability of the second of two "
                "classes. Pass both labels as `classes`, that one last."
            )
        return dataclasses.replace(self, model_output=dataclasses.replace(told, classes=found))

    def coded(self, truth: np.ndarray) -> np.ndarray:
        """True labels as positions of classes, -1 for missing and unknown ones; numbers as they are, or NaN.

        Labels are those that the model tells, the names given for them, or 0, 1, ... in their order.

        Raises
        ------
        DataError
            If the model knows none of the labels, or targets are no numbers.
        """
        if self.classes is None:
            try:
                return np.asarray(pd.to_numeric(pd.Series(truth)), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"`true_labels` of a regression must be numbers: {error}. Pass target values, or "
                    "`model_task='classification'`."
                ) from error
        own = self.model_output.own
        numbers = list(range(len(self.classes))) if own is None else []
        for known in (own or [], self.classes, numbers):
            positions = {label: k for k, label in enumerate(known)}
            codes = np.array([positions.get(label, -1) for label in _plain(truth)])
            if (codes >= 0).any():
                return codes
        there = [label for label in dict.fromkeys(_plain(truth)) if not pd.isna(label)]
        raise DataError(
            f"`true_labels` holds {listed(there) or 'no label at all'}, and the model knows "
            f"{listed(own or self.classes)}. Pass the labels that the model was fitted on, coded in the same way."
        )

    def codes(self, rows: Any) -> np.ndarray:
        """Positions of the classes that the model predicts, shape (n_rows,)."""
        own = self.model_output.labels
        if own is None:
            return self.chosen(self.soft_output(rows))
        codes = self.coded(np.asarray(own(rows)).reshape(-1))
        if len(codes) != rows.shape[0]:
            raise UnsupportedModelError(
                f"The model gives {len(codes)} predictions for {rows.shape[0]} rows; expected one per row."
            )
        return codes

    def named(self, codes: np.ndarray) -> np.ndarray:
        """Labels at these positions, as the model predicts them."""
        return np.asarray(label_array(self.model_output.own or self.classes or [])[np.asarray(codes, dtype=int)])


def _plain(labels: Any) -> list[Any]:
    return [v.item() if isinstance(v, np.generic) else v for v in np.asarray(labels).tolist()]
