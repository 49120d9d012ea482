"""RowExplainer: what all explainers of rows have in common, whatever gives the values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np

from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._tables._rows import take
from automl_explain._validation import shown
from automl_explain.exceptions import InputError, MissingEvalDataError
from automl_explain.explainers._fidelity import describe, warn_of_far_rows
from automl_explain.explainers._inputs import Inputs, ReadingArguments
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers._request import AskingArguments, Request, View, join_blocks
from automl_explain.explainers._scoring import Scored
from automl_explain.explanation import Explanation, Fidelity, Note
from automl_explain.explanation._fields import CheckedRows
from automl_explain.explanation._units import ToProbability, check_output_unit
from automl_explain.explanation._values import method_name
from automl_explain.explanation._values import raw_rows as raw_rows_of
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import ValueSource

if TYPE_CHECKING:
    from automl_explain.analysis import GlobalSummary
    from automl_explain.lineage import TransformationsFeaturizer

SHAP_VALUES_OUTPUTS = ("default", "probability", "teacher_probability")


class RowExplainer(Scored):
    """Explains rows with the values of a source: a trained surrogate, or the model itself.

    A subclass reads the init rows with `_read_rows`, makes its `Predictions` and its source, and ends with
    `_keep`.

    Attributes
    ----------
    model : object
        The model explained.
    source : ValueSource
        What gives the values of encoded rows.
    teacher : Predictions
        The model's soft output.
    inputs : Inputs
        How rows are read.
    fidelity : Fidelity or None
        Of a surrogate on held-out rows; None where the model itself is explained.
    classes : list or None
        Labels in the order of the outputs.
    explainer_type : {"blackbox", "specific"}
        Whether any model is explained, or those of one kind by what they are made of; for interpret-core.
    available_explanations : tuple of str
        Each has a method ``explain_<each>``.
    """

    model: Any
    source: ValueSource
    teacher: Predictions
    inputs: Inputs
    fidelity: Fidelity | None
    classes: list[Any] | None
    show_progress: bool | None
    explainer_type: ClassVar[str] = "blackbox"
    available_explanations: ClassVar[tuple[str, ...]] = ("global", "local")
    _shap_values_output: str = "default"
    _default_rows: int = 5000  # of global values without rows
    _far: float | None = None

    def _read_rows(self, initialization_examples: Any, **how: Unpack[ReadingArguments]) -> Any:
        """Engineered init rows; settles the `inputs`."""
        self.inputs, rows = Inputs.read(initialization_examples, **how)
        return rows

    def _keep(
        self,
        rows: Any,
        model: Any,
        teacher: Predictions,
        source: ValueSource,
        *,
        fidelity: Fidelity | None = None,
        random_state: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        """Keep the parts, and a seeded sample of the engineered init rows for global values without rows."""
        self.model, self.teacher, self.source, self.fidelity = model, teacher, source, fidelity
        self.classes, self.show_progress = teacher.classes, show_progress
        rng = np.random.default_rng(random_state)
        chosen = np.sort(rng.permutation(rows.shape[0])[: self._default_rows])
        sample = take(rows, chosen)
        self._init_sample = self.encoder.encode(sample)
        self._init_proba = teacher.soft_output(sample) if self._shap_values_output == "teacher_probability" else None

    def _answer_in(self, shap_values_output: str, source_unit: str) -> None:
        """Settle the unit that is given where none is asked for; before `_keep`."""
        if not isinstance(shap_values_output, str) or shap_values_output not in SHAP_VALUES_OUTPUTS:
            legal = ", ".join(map(repr, SHAP_VALUES_OUTPUTS))
            raise InputError(f"`shap_values_output` must be one of {legal}; got {shown(shap_values_output)}.")
        if shap_values_output != "default":
            check_output_unit("probability", source_unit, f"shap_values_output={shown(shap_values_output)}")
        self._shap_values_output = shap_values_output

    @property
    def encoder(self) -> EngineeredEncoder:
        """From rows as the model reads them to numbers."""
        return self.inputs.encoder

    @property
    def features(self) -> list[str | int]:
        """Names of the features in explanations."""
        return self.inputs.features

    @property
    def explain_subset(self) -> tuple[int, ...] | None:
        """Positions of the features shown, if not all are."""
        return self.inputs.subset

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map of the ``transformations``, if any."""
        return self.inputs.feature_map

    @property
    def featurizer(self) -> TransformationsFeaturizer | None:
        """The ``transformations``, if any."""
        return self.inputs.featurizer

    @property
    def method(self) -> str:
        """Such as ``"mimic.lightgbm"``."""
        return self.source.method

    @property
    def source_unit(self) -> str:
        """Unit of the source's outputs; a classifier without probabilities has a ``"decision value"``."""
        return self.teacher.unit

    @property
    def source_link(self) -> str:
        """How the source's outputs become predictions: ``"identity"`` or ``"logit"``."""
        return "logit" if self.source_unit == "log-odds" else "identity"

    @property
    def shap_values_output(self) -> str:
        """``"default"``, ``"probability"`` or ``"teacher_probability"``, as it was asked for."""
        return self._shap_values_output

    @property
    def output_unit(self) -> str:
        """Unit of explanations where none is asked for: the source's, or ``"probability"``."""
        return self.source_unit if self._shap_values_output == "default" else "probability"

    @property
    def link(self) -> str:
        """How a summed output in this unit becomes a prediction."""
        return self.source_link if self.output_unit == self.source_unit else "identity"

    def explain_local(
        self, evaluation_examples: Any, *, raw_method: str = "folded", output_unit: str | None = None
    ) -> Explanation:
        """Explain every row.

        Parameters
        ----------
        evaluation_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        raw_method, output_unit
            As in `explain_rows`.

        Returns
        -------
        Explanation
        """
        if evaluation_examples is None:
            raise MissingEvalDataError(
                "`evaluation_examples` is None, and local values need rows. Pass the rows to explain; "
                "`explain_global()` does without."
            )
        return self.explain_rows(
            evaluation_examples,
            include_local=True,
            raw_method=raw_method,
            output_unit=output_unit,
            argument="evaluation_examples",
        )

    def explain_global(
        self,
        evaluation_examples: Any = None,
        include_local: bool = True,
        batch_size: int | None = None,
        *,
        raw_method: str = "folded",
        output_unit: str | None = None,
    ) -> Explanation:
        """Explain the rows together: mean absolute contribution of every feature.

        Parameters
        ----------
        evaluation_examples : DataFrame, ndarray or scipy sparse, optional
            Rows; a seeded sample of init rows where left out (global values only): up to 5,000, of explainers
            that ask the model many times for each row 100 (kernel, LIME) or 200 (networks).
        include_local : bool, default True
            Whether the values of every row are kept. Without them rows are worked through in
            blocks and memory does not grow with their number.
        batch_size, raw_method, output_unit
            As in `explain_rows`.

        Returns
        -------
        Explanation
        """
        return self.explain_rows(
            evaluation_examples,
            include_local=include_local,
            batch_size=batch_size,
            raw_method=raw_method,
            output_unit=output_unit,
            argument="evaluation_examples",
        )

    def explain_rows(
        self,
        rows: Any,
        *,
        include_local: bool,
        batch_size: int | None = None,
        feature_map: FeatureMap | None = None,
        raw_rows: Any = None,
        raw_method: str = "folded",
        output_unit: str | None = None,
        argument: str = "rows",
    ) -> Explanation:
        """Explanation of rows in the engineered space, or with a feature map in the raw space.

        Parameters
        ----------
        rows : DataFrame, ndarray, scipy sparse or None
            As in `explain_global`.
        include_local : bool
            Whether the values of every row are kept.
        batch_size : int, optional
            Rows in a block.
        feature_map : FeatureMap, optional
            Raw x engineered, for values of raw columns; engineered values are not computed then.
        raw_rows : DataFrame, ndarray or scipy sparse, optional
            Raw rows to show with a raw explanation.
        raw_method : {"folded", "grouped"}, default "folded"
            ``folded`` shares engineered values among their raw columns by weight; ``grouped`` makes
            the raw columns the players of the game, each with all engineered features that it alone
            feeds.
        output_unit : {"log-odds", "probability"}, optional
            Unit of values and expected values; `output_unit` where left out. How log-odds become
            probabilities, and the sources: `explanation._units.ToProbability`.
        argument : str, default "rows"
            What the caller's caller calls the rows, for errors.

        Returns
        -------
        Explanation

        Raises
        ------
        MissingRawTransformationsError
            If ``raw_method="grouped"`` is asked for without a feature map.
        InputError, DataError
            If an argument or a value cannot be used.
        """
        request = self._request(
            include_local=include_local,
            batch_size=batch_size,
            feature_map=feature_map,
            raw_rows=raw_rows,
            raw_method=raw_method,
            output_unit=output_unit,
            argument=argument,
        )
        return self._explain_sample(request) if rows is None else self._explain(rows, request)

    def explain_global_stream(
        self,
        chunks: Iterable[Any],
        *,
        quantiles: bool = True,
        feature_map: FeatureMap | None = None,
        raw_method: str = "folded",
        output_unit: str | None = None,
    ) -> GlobalSummary:
        """Global importances of rows that arrive in pieces, as from a file too large for memory.

        Parameters
        ----------
        chunks : iterable of DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
            Such as ``pandas.read_csv(file, chunksize=10_000)``. Pieces without rows are passed over.
        quantiles : bool, default True
            Whether to keep the quantiles of the contributions too, see `QuantileSketch`.
        feature_map, raw_method, output_unit
            As in `explain_rows`.

        Returns
        -------
        GlobalSummary
            Importances and means equal to those of all rows at once. The explanation has
            neither predictions nor ``eval_fidelity``; a model with a surrogate is not even asked.

        Raises
        ------
        InputError, DataError
            If there are no rows, ``chunks`` is one table, or a piece cannot be used.
        """
        request = self._request(
            include_local=False, feature_map=feature_map, raw_method=raw_method, output_unit=output_unit
        )
        from automl_explain.explainers._streaming import stream_summary

        return stream_summary(self, chunks, request, quantiles)

    def _request(self, *, include_local: bool, **asked: Unpack[AskingArguments]) -> Request:
        units = {"own_unit": self.source_unit, "default_unit": self.output_unit}
        return Request.of(self.inputs, self.source, include_local=include_local, **units, **asked)

    def _explain_sample(self, request: Request) -> Explanation:
        """Global values of the sample of init rows."""
        conversion = self._conversion(request.unit, self._init_proba)
        n_rows = self._init_sample.shape[0]
        note = Note(
            "sample", f"No rows were given: these are values of {n_rows:,} of the rows the explainer was made with."
        )
        return Explanation(**self._global_values(self._init_sample, request, conversion), notes=(note,))

    def _explain(self, rows: Any, request: Request) -> Explanation:
        shown, made = self.inputs.engineered(rows, request.argument)
        encoded = self.encoder.encode(made, request.argument)
        output = self.teacher.soft_output(made)
        margins = self._margins(encoded, output)
        conversion = self._conversion(request.unit, output)
        described = self._describe(made, output, margins, conversion)
        view, eval_data = request.view, CheckedRows(shown)
        if view.fold is not None:
            raw = request.raw_rows if self.feature_map is None else shown
            eval_data, described["row_labels"] = raw_rows_of(raw, view.fold, described["row_labels"])
        if not request.include_local:
            return Explanation(eval_data=eval_data, **self._global_values(encoded, request, conversion), **described)
        values, unmapped = join_blocks(
            encoded.shape[0], request.blocks(encoded, self.teacher.n_outputs, conversion, self.show_progress)
        )
        return Explanation(
            values=values, unmapped=unmapped, eval_data=eval_data, **self._common(view, conversion), **described
        )

    def _conversion(self, unit: str, output: np.ndarray | None) -> ToProbability | None:
        """What makes probabilities of the source's values, where they are wanted: the teacher's if so set."""
        if unit == self.source_unit:
            return None
        wanted = None
        if self._shap_values_output == "teacher_probability" and output is not None:
            wanted = output[:, -self.teacher.n_outputs :]
        return ToProbability(self.source.expected_values, self.source_link, wanted)

    def _common(self, view: View, conversion: ToProbability | None) -> dict[str, Any]:
        return {
            "features": view.names,
            "unmapped_features": view.unmapped_features,
            "base": self.source.expected_values if conversion is None else conversion.expected_values,
            "task": self.teacher.task,
            "classes": self.classes,
            "space": "engineered" if view.fold is None else "raw",
            "output_unit": self.source_unit if conversion is None else "probability",
            "link": self.source_link if conversion is None else "identity",
            "fidelity": self.fidelity,
            "method": method_name(self.method, view.raw_method),
            "model_type": self.teacher.model_type,
        }

    def _margins(self, encoded: Any, output: np.ndarray) -> np.ndarray:
        """The outputs explained, shape (n_rows, n_outputs), beside the teacher's soft output."""
        margins = self.source.predict_output(encoded)
        if self._far is not None:
            warn_of_far_rows(self.teacher, output, margins, self._far)
        return margins

    def _describe(
        self, rows: Any, output: np.ndarray, margins: np.ndarray, conversion: ToProbability | None
    ) -> dict[str, Any]:
        """The teacher's own predictions on the rows, and how well the outputs explained meet them."""
        return describe(self.teacher, rows, output, margins, conversion) | {"residual_bound": self._far}

    def _global_values(self, encoded: Any, request: Request, conversion: ToProbability | None) -> dict[str, Any]:
        """Fields of an explanation of rows worked through in blocks."""
        from automl_explain.analysis import GlobalAccumulator

        total = GlobalAccumulator()
        for _, values, unmapped in request.blocks(encoded, self.teacher.n_outputs, conversion, self.show_progress):
            total.add(values, unmapped)
        return {
            "values": None,
            "global_values": total.global_values,
            "unmapped_global": total.unmapped_global,
            "n_explained_rows": total.n_rows,
            **self._common(request.view, conversion),
        }
