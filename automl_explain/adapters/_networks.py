"""How the outputs of a network are read: which task they are for, and whether they are probabilities or logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, softmax

from automl_explain.exceptions import DataError, InputError, UnsupportedModelError
from automl_explain.sources._networks import Network

OUTPUTS = ("auto", "logits", "probability")


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the outputs of a network are read.

    Parameters
    ----------
    n_columns : int
        Of the network's output.
    classes : list or None
        Labels; None for regression.
    unit : {"log-odds", "probability", "target"}
    """

    n_columns: int
    classes: list[Any] | None
    unit: str

    @property
    def difference(self) -> bool:
        """Whether the output explained is the second logit minus the first."""
        return self._pair and self.unit == "log-odds"

    @property
    def second(self) -> bool:
        """Whether the output explained is the second of two probabilities."""
        return self._pair and self.unit == "probability"

    @property
    def _pair(self) -> bool:
        return self.classes is not None and self.n_columns == 2

    @property
    def link(self) -> str:
        """How the output explained becomes a prediction: ``"identity"``, ``"logit"`` or ``"softmax"``."""
        several = self.classes is not None and len(self.classes) > 2
        return "identity" if self.unit != "log-odds" else "softmax" if several else "logit"

    def soft_output(self, columns: np.ndarray) -> np.ndarray:
        """Probabilities (n_rows, n_classes) or target values (n_rows,) from the network's outputs."""
        if self.unit == "target":
            return columns[:, 0]
        if columns.shape[1] > 1:
            return columns if self.unit == "probability" else np.asarray(softmax(columns, axis=1))
        second = columns if self.unit == "probability" else expit(columns)
        return np.hstack([1.0 - second, second])

    @classmethod
    def of(
        cls, network: Network, cells: np.ndarray, task: str, classes: Sequence[Any] | None, network_output: str = "auto"
    ) -> Reading:
        """Reading settled by what the user says and by the outputs on some rows.

        Raises
        ------
        InputError
            If the number of classes does not fit, or probabilities are none.
        UnsupportedModelError
            If a regression has several outputs.
        """
        if network_output not in OUTPUTS:
            raise InputError(
                f"`network_output` must be one of {', '.join(map(repr, OUTPUTS))}; got {network_output!r}."
            )
        shown = network.outputs(cells)
        n_columns = shown.shape[1]
        classifies = task == "classification" or (task == "unknown" and (n_columns > 1 or classes is not None))
        if not classifies:
            if n_columns > 1:
                raise UnsupportedModelError(
                    f"The network gives {n_columns} numbers for one row; a regression is explained for one target. "
                    "Wrap one of them in a network of its own."
                )
            if classes is not None:
                raise classes_of_regression(classes)
            return cls(1, None, "target")
        n_classes = max(n_columns, 2)
        if classes is not None and len(classes) != n_classes:
            raise InputError(
                f"`classes` has {len(classes)} labels for a network with {n_columns} outputs; expected {n_classes}, in "
                "the order of the outputs."
            )
        unit = "probability" if _gives_probabilities(shown, network_output) else "log-odds"
        return cls(n_columns, list(range(n_classes)) if classes is None else list(classes), unit)


def classes_of_regression(classes: Sequence[Any]) -> InputError:
    """The refusal of labels for a model that predicts numbers."""
    return InputError(
        f"`classes` is {list(classes)!r}, and the model is explained as a regression, which has no classes. Leave "
        "`classes` out; or pass `model_task='classification'` with a model or function of probabilities."
    )


def cells_of(rows: Any) -> np.ndarray:
    """Rows as the numbers that a network reads.

    Raises
    ------
    DataError
        If a value is no number.
    """
    try:
        return np.asarray(rows.toarray() if sp.issparse(rows) else rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"A network reads numbers, and the rows hold something else: {error}. Pass the encoded rows, or raw ones "
            "with `transformations`."
        ) from error


def network_output(network: Network, reading: Reading, rows: Any) -> np.ndarray:
    """What the network says of rows: probabilities (n_rows, n_classes) or target values (n_rows,)."""
    return reading.soft_output(network.outputs(cells_of(rows)))


def _gives_probabilities(shown: np.ndarray, network_output: str) -> bool:
    between = bool((shown >= -1e-6).all() and (shown <= 1 + 1e-6).all())
    sums = shown.shape[1] == 1 or bool(np.allclose(shown.sum(axis=1), 1.0, atol=1e-4))
    if network_output == "probability" and not (between and sums):
        raise InputError(
            f"`network_output` is 'probability', but the outputs reach from {shown.min():.3g} to {shown.max():.3g} "
            f"{'' if sums else 'and do not sum to 1 '}on the init rows. Pass 'logits', or add the last activation."
        )
    return between and sums if network_output == "auto" else network_output == "probability"
