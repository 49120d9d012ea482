"""RowExplainer: what all explainers of rows have in common, whatever gives the values."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._tables._rows import chunks, take
from automl_explain._validation import as_table, check_count, check_raw_method
from automl_explain.analysis import GlobalAccumulator, GlobalSummary
from automl_explain.exceptions import ConflictingTransformationsError, InitDatasetMissingError, InputError
from automl_explain.explainers._fidelity import measure
from automl_explain.explainers._inputs import category_types, check_subset, with_categories
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers._streaming import stream_summary
from automl_explain.explainers._views import View, join_blocks
from automl_explain.explanation import Explanation, Fidelity
from automl_explain.explanation._fields import feature_name
from automl_explain.explanation._folding import raw_rows as raw_rows_of
from automl_explain.explanation._folding import warn_unmapped
from automl_explain.explanation._units import ToProbability, check_output_unit
from automl_explain.feature_map import FeatureMap, UniqueNames, unique_names
from automl_explain.lineage import TransformationsFeaturizer
from automl_explain.protocols import ValueSource
from automl_explain.sources._raw_values import method_name

_BLOCK_BYTES = 32 * 2**20
_LEAST_ROWS = 8192  # of a block, where they fit: smaller ones give the tree engine no work for its threads
_DEFAULT_EVAL_ROWS = 5000
_FEW_ROWS = 16  # such as single ones in production
SHAP_VALUES_OUTPUTS = ("default", "probability", "teacher_probability")


class RowExplainer:
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
    encoder : EngineeredEncoder
        From rows to numbers.
    fidelity : Fidelity or None
        Of a surrogate on held-out rows; None where the model itself is explained.
    classes : list or None
        Labels in the order of the outputs.
    show_progress : bool or None
    """

    model: Any
    source: ValueSource
    teacher: Predictions
    encoder: EngineeredEncoder
    fidelity: Fidelity | None
    classes: list[Any] | None
    show_progress: bool | None
    _shap_values_output: str = "default"

    def _read_rows(
        self,
        initialization_examples: Any,
        *,
        features: Sequence[str | int] | None,
        transformations: Any,
        explain_subset: Sequence[int] | None,
        categorical_features: Sequence[str | int] | None = None,
    ) -> Any:
        """Engineered init rows; settles names, categories, transformations and the subset."""
        if initialization_examples is None:
            raise InitDatasetMissingError(
                "`initialization_examples` is None; pass the rows to train the surrogate on, or those to compare with."
            )
        self._featurizer: TransformationsFeaturizer | None = None
        self._map: FeatureMap | None = None
        rows = as_table(initialization_examples, "initialization_examples")
        self._raw_width = rows.shape[1]
        if transformations is not None:
            if explain_subset is not None:
                raise ConflictingTransformationsError("`explain_subset` and `transformations` cannot be combined.")
            self._featurizer = TransformationsFeaturizer(transformations)
            self._map = self._featurizer.feature_map(rows, None if isinstance(rows, pd.DataFrame) else features)
            features = self._map.engineered_names
            rows = self._featurizer.transform(rows)
        self.encoder = EngineeredEncoder.of(rows, features, categorical_features)
        self._dtypes = category_types(rows)
        self._subset = check_subset(explain_subset, self.encoder.n_features)
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
        chosen = np.sort(rng.permutation(rows.shape[0])[:_DEFAULT_EVAL_ROWS])
        sample = take(rows, chosen)
        self._init_sample = self.encoder.encode(sample)
        self._init_proba = teacher.soft_output(sample) if self._shap_values_output == "teacher_probability" else None

    def _answer_in(self, shap_values_output: str, source_unit: str) -> None:
        """Settle the unit that is given where none is asked for; before `_keep`."""
        if shap_values_output not in SHAP_VALUES_OUTPUTS:
            legal = ", ".join(map(repr, SHAP_VALUES_OUTPUTS))
            raise InputError(f"`shap_values_output` must be one of {legal}; got {shap_values_output!r}.")
        if shap_values_output != "default":
            check_output_unit("probability", source_unit, f"shap_values_output={shap_values_output!r}")
        self._shap_values_output = shap_values_output

    def _engineered(self, rows: Any, argument: str) -> tuple[Any, Any]:
        """Rows as given, and as the teacher read them in training: same columns, order and categories."""
        if self._featurizer is None:
            shown = made = as_table(rows, argument, width=self.encoder.n_features)
        else:
            shown = as_table(rows, argument, width=self._raw_width)
            made = self._featurizer.transform(shown)
        if isinstance(made, pd.DataFrame):
            made = with_categories(self.encoder.align(made, argument), self._dtypes)
            shown = made if self._featurizer is None else shown
        return shown, made

    @functools.cached_property
    def _names(self) -> UniqueNames:
        return unique_names(map(feature_name, self.encoder.names))

    @property
    def features(self) -> list[str | int]:
        """Names of the features in explanations."""
        if self._map is not None:
            return list(self._map.raw_names)
        return [self.encoder.names[j] for j in self._subset or range(self.encoder.n_features)]

    @property
    def explain_subset(self) -> tuple[int, ...] | None:
        """Positions of the features shown, if not all are."""
        return self._subset

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map of the ``transformations``, if any."""
        return self._map

    @property
    def featurizer(self) -> TransformationsFeaturizer | None:
        """The ``transformations``, if any."""
        return self._featurizer

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
        raw_method : {"folded", "grouped"}, default "folded"
            With ``transformations``: see `explain_rows`.
        output_unit : {"log-odds", "probability"}, optional
            See `explain_rows`.

        Returns
        -------
        Explanation
        """
        return self.explain_rows(
            evaluation_examples, include_local=True, raw_method=raw_method, output_unit=output_unit
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
            Rows; a seeded sample of up to 5,000 init rows where left out (global values only).
        include_local : bool, default True
            Whether the values of every row are kept. Without them rows are worked through in
            blocks and memory does not grow with their number.
        batch_size : int, optional
            Rows in a block.
        raw_method : {"folded", "grouped"}, default "folded"
            With ``transformations``: see `explain_rows`.
        output_unit : {"log-odds", "probability"}, optional
            See `explain_rows`.

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

        Returns
        -------
        Explanation

        Raises
        ------
        MissingRawTransformationsError
            If ``raw_method="grouped"`` is asked for without a feature map.
        InputError, DataError
            If an argument or a cell cannot be used.
        """
        if batch_size is not None:
            check_count(batch_size, "batch_size")
        unit = self._unit(output_unit)
        view = self._view(feature_map, raw_method)
        if rows is None:
            return self._stream(self._init_sample, view, batch_size, self._conversion(unit, self._init_proba), {})
        shown, rows = self._engineered(rows, "eval_dataset")
        encoded = self.encoder.encode(rows)
        described = self._describe(rows, encoded)
        conversion = self._conversion(unit, described["eval_y_predicted_proba"])
        if not include_local:
            return self._stream(encoded, view, batch_size, conversion, described)
        values, unmapped = join_blocks(encoded.shape[0], self._blocks(encoded, view, batch_size, conversion))
        if view.fold is not None:
            raw = raw_rows if self._map is None else shown
            shown, described["row_labels"] = raw_rows_of(raw, view.fold, described["row_labels"])
        return Explanation(
            values=values, unmapped=unmapped, eval_data=shown, **self._common(view, conversion), **described
        )

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
        return stream_summary(self, chunks, self._view(feature_map, raw_method), self._unit(output_unit), quantiles)

    def _unit(self, output_unit: str | None) -> str:
        return self.output_unit if output_unit is None else check_output_unit(output_unit, self.source_unit)

    def _view(self, feature_map: FeatureMap | None, raw_method: str) -> View:
        fold = self._map if feature_map is None else feature_map
        view = View.of(self.source, self._names, self._subset, fold, check_raw_method(raw_method))
        if view.fold is not None and view.unmapped_features:
            warn_unmapped(view.unmapped_features)
        return view

    def _conversion(self, unit: str, proba: np.ndarray | None) -> ToProbability | None:
        """What makes probabilities of the source's values, where they are wanted: the teacher's if so set."""
        if unit == self.source_unit:
            return None
        wanted = None
        if self._shap_values_output == "teacher_probability" and proba is not None:
            wanted = proba[:, -self.teacher.n_outputs :]
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

    def _describe(self, rows: Any, encoded: Any) -> dict[str, Any]:
        """The teacher's own predictions on the rows, and how well the surrogate meets them."""
        output = self.teacher.soft_output(rows)
        return {
            "eval_y_predicted": self.teacher.predictions(rows, output),
            "eval_y_predicted_proba": output if self.teacher.unit == "log-odds" else None,
            "eval_fidelity": self._measured(encoded, output),
            "row_labels": rows.index if isinstance(rows, pd.DataFrame) else None,
        }

    def _measured(self, encoded: Any, output: np.ndarray) -> Any:
        """The same at once, or of few rows when it is first asked for: it costs more than the values of a row."""
        late = functools.partial(self._measure, encoded, output)
        return late if encoded.shape[0] <= _FEW_ROWS else late()

    def _measure(self, encoded: Any, output: np.ndarray) -> Fidelity | None:
        """How well the source meets the teacher's output on these rows."""
        return measure(self.source, self.teacher, encoded, output, rows="eval")

    def _stream(
        self,
        encoded: Any,
        view: View,
        batch_size: int | None,
        conversion: ToProbability | None,
        described: dict[str, Any],
    ) -> Explanation:
        """Global values of rows worked through in blocks."""
        total = GlobalAccumulator()
        for _, values, unmapped in self._blocks(encoded, view, batch_size, conversion):
            total.add(values, unmapped)
        described.pop("row_labels", None)
        return Explanation(
            values=None,
            global_values=total.global_values,
            unmapped_global=total.unmapped_global,
            n_explained_rows=total.n_rows,
            **self._common(view, conversion),
            **described,
        )

    def _blocks(
        self, encoded: Any, view: View, batch_size: int | None, conversion: ToProbability | None
    ) -> Iterator[tuple[slice, Any, np.ndarray | None]]:
        """Blocks of rows with their values and their unmapped share."""
        n_rows, n_features = encoded.shape
        fitting = max(100, _BLOCK_BYTES // (8 * n_features * self.teacher.n_outputs))
        blocks = list(chunks(n_rows, batch_size or min(fitting, max(_LEAST_ROWS, n_rows // 20))))
        hidden = None if self.show_progress is None else not self.show_progress
        # A bar that is never shown still costs a single row more than its values do.
        shown = blocks
        if len(blocks) > 1:
            shown = tqdm(blocks, desc="explaining", unit="block", disable=hidden, leave=False)
        for rows in shown:
            values, unmapped = view.values(encoded[rows])
            yield rows, *((values, unmapped) if conversion is None else conversion(values, unmapped, rows))
