"""DirectExplainer: what explainers of the model itself have in common; there is no surrogate to trust."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from automl_explain._tables._rows import spread, take
from automl_explain._validation import check_count
from automl_explain.exceptions import MissingEvalDataError, SelfCheckError
from automl_explain.explainers._base import RowExplainer
from automl_explain.explainers._fidelity import difference_of_columns, probability_residuals
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers._streaming import pieces
from automl_explain.explainers.direct._sums import magnitudes, predictions_of, why_outputs_differ
from automl_explain.explanation import Explanation
from automl_explain.explanation._units import ToProbability
from automl_explain.protocols import ValueSource
from automl_explain.surrogates import log_odds

if TYPE_CHECKING:
    from automl_explain.analysis import GlobalSummary

_CHECKED_ROWS = 256
_LEAST = 1e-6  # of a probability from 0 and 1, as in the targets of surrogates


class DirectExplainer(RowExplainer):
    """Explains a model with values of its own output.

    On every row explained the output behind the values is compared with what the model predicts; where
    they differ there is an error, never a wrong number.
    """

    explainer_type: ClassVar[str] = "specific"
    _instead = "Explain it with MimicExplainer or KernelExplainer, which ask the model only for predictions."
    _source_unit: str
    _source_link: str

    def _direct(
        self,
        rows: Any,
        model: Any,
        teacher: Predictions,
        source: ValueSource,
        *,
        unit: str,
        link: str,
        shap_values_output: str = "default",
        random_state: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        """Keep the parts and check them on some of the init rows, if there are any."""
        check_count(random_state, "random_state", least=0)
        self._source_unit, self._source_link = unit, link
        self._answer_in(shap_values_output, unit)
        if rows is None:
            self.model, self.teacher, self.source, self.fidelity = model, teacher, source, None
            self.classes, self.show_progress = teacher.classes, show_progress
            self._init_sample = self._init_proba = None
            return
        some = take(rows, spread(rows.shape[0], _CHECKED_ROWS))
        output = teacher.soft_output(some)
        settled = teacher.settled(some, output)
        self._keep(rows, model, settled, source, random_state=random_state, show_progress=show_progress)
        self._check(self.encoder.encode(some), output)

    @property
    def source_unit(self) -> str:
        """Such as ``"log-odds"``, ``"probability"``, ``"target"`` or ``"log of target"``, see `Explanation`."""
        return self._source_unit

    @property
    def source_link(self) -> str:
        """How a summed output becomes a prediction, such as ``"identity"`` or ``"logit"``, see `Explanation`."""
        return self._source_link

    def explain_rows(self, rows: Any, *, argument: str = "rows", **how: Any) -> Explanation:
        """As `RowExplainer.explain_rows`.

        Raises
        ------
        MissingEvalDataError
            If there are neither rows nor init rows.
        SelfCheckError
            If the values do not add up to what the model predicts.
        """
        if rows is None and self._init_sample is None:
            raise MissingEvalDataError(
                f"There are no rows to explain: pass `{argument}`, or make the explainer with "
                "`initialization_examples`."
            )
        return super().explain_rows(rows, argument=argument, **how)

    def explain_global_stream(self, chunks: Iterable[Any], **how: Any) -> GlobalSummary:
        """As `RowExplainer.explain_global_stream`; the model is asked for every row, to be compared with.

        Raises
        ------
        SelfCheckError
            If the values do not add up to what the model predicts.
        """
        return super().explain_global_stream(self._checked(pieces(chunks)), **how)

    def _checked(self, tables: Iterator[Any]) -> Iterator[Any]:
        for number, rows in enumerate(tables):
            if np.shape(rows)[:1] != (0,):
                made = self.inputs.engineered(rows, f"chunks[{number}]")[1]
                self._check(self.encoder.encode(made, f"chunks[{number}]"), self.teacher.soft_output(made))
            yield rows

    def _margins(self, encoded: Any, output: np.ndarray) -> np.ndarray:
        """The outputs explained, which must be what the model predicts."""
        return self._check(encoded, output)

    def _describe(
        self, rows: Any, output: np.ndarray, margins: np.ndarray, conversion: ToProbability | None
    ) -> dict[str, Any]:
        """The model's own predictions, which the values add up to."""
        gives_probabilities = self.teacher.unit == "log-odds"
        return {
            "eval_y_predicted": self.teacher.predictions(rows, output),
            "eval_y_predicted_proba": output if gives_probabilities else None,
            "residuals": residuals(margins, output, self.source_link)
            if conversion is None
            else probability_residuals(output, margins, conversion),
            "row_labels": rows.index if isinstance(rows, pd.DataFrame) else None,
        }

    def _check(self, encoded: Any, output: np.ndarray) -> np.ndarray:
        """Compare the model's prediction with the one that the values add up to, and give the latter as margins."""
        found = self.source.predict_output(encoded)

        def added(at: np.ndarray) -> np.ndarray:
            return magnitudes(self.source.shapley_values(encoded[at]), self.source.expected_values)

        wrong = why_outputs_differ(found, output, self.source_link, added)
        if wrong:
            raise SelfCheckError(
                f"{self.method}: {wrong}. The values would not be those of {self.teacher.model_type}. {self._instead}"
            )
        return found


def residuals(margins: np.ndarray, output: np.ndarray, link: str) -> np.ndarray:
    """The model's own output less the one explained, in the unit of the margins: (n_outputs, n_rows), nearly 0.

    Parameters
    ----------
    margins : ndarray of shape (n_rows, n_outputs)
    output : ndarray of shape (n_rows, n_columns) or (n_rows,)
        What the model predicts.
    link : {"identity", "logit", "softmax", "sigmoid", "log"}

    Notes
    -----
    Log-odds and logarithms are compared where predictions tell them: probabilities nearer to 0 and 1 than 1e-6, as
    in the targets of surrogates, and targets nearer to 0 than the smallest float are taken to lie there. A softmax
    tells margins up to a constant of the row; the one that makes its residuals sum to 0 is taken.
    """
    if link == "identity":
        return difference_of_columns(margins, output)
    wanted = output.reshape(len(output), -1)
    shown = predictions_of(margins, link, wanted.shape[1])
    if link == "log":
        tiny = np.finfo(np.float64).tiny
        return np.ascontiguousarray((np.log(np.maximum(wanted, tiny)) - np.log(np.maximum(shown, tiny))).T)
    wanted, shown = (np.clip(p[:, -margins.shape[1] :], _LEAST, 1 - _LEAST) for p in (wanted, shown))
    if link == "softmax":
        apart = np.log(wanted) - np.log(shown)
        return np.ascontiguousarray((apart - apart.mean(axis=1, keepdims=True)).T)
    return np.ascontiguousarray((log_odds(wanted) - log_odds(shown)).T)
