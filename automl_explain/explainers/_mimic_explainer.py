"""MimicExplainer: explains a model through a surrogate trained on its soft output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from automl_explain._encoding import EngineeredEncoder
from automl_explain._raw_values import method_name
from automl_explain._validation import as_table, check_count, check_raw_method
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    InitDatasetMissingError,
)
from automl_explain.explainers._mimic_parts import (
    category_types,
    check_groups,
    check_only,
    check_subset,
    make_surrogate,
    with_categories,
)
from automl_explain.explainers._rows import chunks, take
from automl_explain.explainers._teacher import Teacher
from automl_explain.explainers._training import measure, train
from automl_explain.explainers._views import View, join_blocks
from automl_explain.explanation import Explanation, Fidelity, GlobalAccumulator
from automl_explain.explanation._folding import raw_rows as raw_rows_of
from automl_explain.explanation._folding import warn_unmapped
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import TransformationsFeaturizer

_BLOCK_BYTES = 32 * 2**20
_LEAST_ROWS = 8192  # of a block, where they fit: smaller ones give the tree engine no work for its threads
_DEFAULT_EVAL_ROWS = 5000


class MimicExplainer:
    """Explains a teacher through a surrogate that learnt its soft output.

    Parameters
    ----------
    model : object or callable
        Teacher: ``predict_proba`` or ``predict`` on rows like ``initialization_examples``, or a
        function with ``is_function=True``.
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        Init dataset; the surrogate learns from these rows.
    explainable_model : type
        Surrogate class, such as `LGBMExplainableModel`.
    explainable_model_args : dict, optional
        Arguments of the surrogate. It is not changed.
    is_function : bool, default False
        Whether ``model`` is a function from rows to outputs.
    augment_data : bool, default True
        Whether the teacher may label mixed rows where rows are few or fidelity is short.
    max_num_of_augmentations : int, default 10
        Mixed rows at most, per init row.
    explain_subset : sequence of int, optional
        Positions of the features to show; the others are summed up as unmapped.
    features : sequence of str, optional
        Engineered names; the column labels where left out.
    classes : sequence, optional
        Labels in the order of the model's probability columns.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization. The rows given are raw then, the model reads the transformed rows, and
        explanations are raw.
    allow_all_transformations : bool, default False
        Accepted for compatibility; lineage is exact or an error either way.
    shap_values_output : {"default"}, default "default"
        Output unit: log-odds for classification, target for regression.
    categorical_features : sequence of str or int, optional
        Columns whose cells are categories; pandas ``category`` columns are anyway.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    reset_index : {"ignore"}, default "ignore"
        The index of the rows is no feature.
    feature_groups : ndarray of shape (n_features,), optional
        Number of the group of each feature; features of one group stay together when rows are
        mixed. Every feature by itself where left out.
    fidelity_examples : DataFrame, ndarray or scipy sparse of shape (n_fresh, n_features), optional
        Rows to measure the fidelity on, best such that the teacher was not trained on either. Those
        that are init rows as well do not count; a fifth of the init rows is held out where fewer
        than 100 remain.
    random_state : int, default 0
    show_progress : bool, optional
        Progress bar on long work; on a terminal only where left out.

    Attributes
    ----------
    surrogate_model : SurrogateModel
        The fitted surrogate; its ``.model`` is the native learner.
    fidelity : Fidelity
        On held-out rows.
    features : list
        Names of the features explained.
    classes : list or None
        Labels in the order of the outputs.

    Raises
    ------
    InitDatasetMissingError
        If there are no init rows.
    InputError, DataError, UnsupportedModelError
        If an argument, a cell or the model cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import LGBMExplainableModel, MimicExplainer
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = LogisticRegression(max_iter=1000).fit(X, y)
    >>> explainer = MimicExplainer(teacher, X, LGBMExplainableModel)
    >>> explainer.explain_local(X[:5]).local_importance_values.shape
    (3, 5, 4)
    """

    def __init__(
        self,
        model: Any,
        initialization_examples: Any,
        explainable_model: Any,
        explainable_model_args: Mapping[str, Any] | None = None,
        is_function: bool = False,
        augment_data: bool = True,
        max_num_of_augmentations: int = 10,
        explain_subset: Sequence[int] | None = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        shap_values_output: str = "default",
        categorical_features: Sequence[str | int] | None = None,
        model_task: str = "unknown",
        reset_index: str = "ignore",
        *,
        feature_groups: np.ndarray | None = None,
        fidelity_examples: Any = None,
        random_state: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        if initialization_examples is None:
            raise InitDatasetMissingError("`initialization_examples` is None; pass the rows to train the surrogate on.")
        check_only("shap_values_output", shap_values_output, "default")
        check_only("reset_index", reset_index, "ignore")
        check_count(max_num_of_augmentations, "max_num_of_augmentations", least=0)
        self.show_progress = show_progress
        self._featurizer, self._map = None, None
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
        teacher = Teacher.of(model, take(rows, slice(0, 1)), task=model_task, classes=classes, is_function=is_function)
        self.classes = teacher.classes
        self.model = model
        self.surrogate_model = make_surrogate(explainable_model, explainable_model_args)
        fresh = None if fidelity_examples is None else self._engineered(fidelity_examples, "fidelity_examples")[1]
        self.fidelity: Fidelity
        self.fidelity, self.teacher = train(
            self.surrogate_model,
            teacher,
            rows,
            self.encoder,
            groups=check_groups(feature_groups if self._map is None else self._map.groups(), self.encoder.n_features),
            augment=augment_data,
            max_augmentations=max_num_of_augmentations,
            random_state=random_state,
            model=None if is_function else model,
            fresh=fresh,
        )
        rng = np.random.default_rng(random_state)
        chosen = np.sort(rng.permutation(rows.shape[0])[:_DEFAULT_EVAL_ROWS])
        self._init_sample = self.encoder.encode(take(rows, chosen))

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
        return str(getattr(self.surrogate_model, "method", "mimic"))

    @property
    def output_unit(self) -> str:
        """``"log-odds"``, ``"target"``, or ``"decision value"`` for a classifier without probabilities."""
        return self.teacher.unit

    @property
    def link(self) -> str:
        """How a summed output becomes a prediction: ``"identity"`` or ``"logit"``."""
        return "logit" if self.output_unit == "log-odds" else "identity"

    def explain_local(self, evaluation_examples: Any, *, raw_method: str = "folded") -> Explanation:
        """Explain every row.

        Parameters
        ----------
        evaluation_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        raw_method : {"folded", "grouped"}, default "folded"
            With ``transformations``: see `explain_rows`.

        Returns
        -------
        Explanation
        """
        return self.explain_rows(evaluation_examples, include_local=True, raw_method=raw_method)

    def explain_global(
        self,
        evaluation_examples: Any = None,
        include_local: bool = True,
        batch_size: int | None = None,
        *,
        raw_method: str = "folded",
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

        Returns
        -------
        Explanation
        """
        return self.explain_rows(
            evaluation_examples, include_local=include_local, batch_size=batch_size, raw_method=raw_method
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
        fold = self._map if feature_map is None else feature_map
        view = View.of(self.surrogate_model, self.encoder.names, self._subset, fold, check_raw_method(raw_method))
        if view.fold is not None and view.unmapped_features:
            warn_unmapped(view.unmapped_features)
        if rows is None:
            return self._stream(self._init_sample, view, batch_size, {})
        shown, rows = self._engineered(rows, "eval_dataset")
        encoded = self.encoder.encode(rows)
        described = self._describe(rows, encoded)
        if not include_local:
            return self._stream(encoded, view, batch_size, described)
        values, unmapped = join_blocks(encoded.shape[0], self._blocks(encoded, view, batch_size))
        if view.fold is not None:
            raw = raw_rows if self._map is None else shown
            shown, described["row_labels"] = raw_rows_of(raw, view.fold, described["row_labels"])
        return Explanation(values=values, unmapped=unmapped, eval_data=shown, **self._common(view), **described)

    def _common(self, view: View) -> dict[str, Any]:
        return {
            "features": view.names,
            "unmapped_features": view.unmapped_features,
            "base": self.surrogate_model.expected_values,
            "task": self.teacher.task,
            "classes": self.classes,
            "space": "engineered" if view.fold is None else "raw",
            "output_unit": self.output_unit,
            "link": self.link,
            "fidelity": self.fidelity,
            "method": method_name(self.method, view.raw_method),
            "model_type": self.teacher.model_type,
        }

    def _describe(self, rows: Any, encoded: Any) -> dict[str, Any]:
        """The teacher's own predictions on the rows, and how well the surrogate meets them."""
        output = self.teacher.soft_output(rows)
        return {
            "eval_y_predicted": self.teacher.predictions(rows, output),
            "eval_y_predicted_proba": output if self.output_unit == "log-odds" else None,
            "eval_fidelity": measure(self.surrogate_model, self.teacher, encoded, output, rows="eval"),
            "row_labels": list(rows.index) if isinstance(rows, pd.DataFrame) else None,
        }

    def _stream(self, encoded: Any, view: View, batch_size: int | None, described: dict[str, Any]) -> Explanation:
        """Global values of rows worked through in blocks."""
        total = GlobalAccumulator()
        for _, values, unmapped in self._blocks(encoded, view, batch_size):
            total.add(values, unmapped)
        described.pop("row_labels", None)
        return Explanation(
            values=None,
            global_values=total.global_values,
            unmapped_global=total.unmapped_global,
            n_explained_rows=total.n_rows,
            **self._common(view),
            **described,
        )

    def _blocks(
        self, encoded: Any, view: View, batch_size: int | None
    ) -> Iterator[tuple[slice, Any, np.ndarray | None]]:
        """Blocks of rows with their values and their unmapped share."""
        n_rows, n_features = encoded.shape
        fitting = max(100, _BLOCK_BYTES // (8 * n_features * self.teacher.n_outputs))
        blocks = list(chunks(n_rows, batch_size or min(fitting, max(_LEAST_ROWS, n_rows // 20))))
        hidden = True if len(blocks) == 1 else None if self.show_progress is None else not self.show_progress
        for rows in tqdm(blocks, desc="explaining", unit="block", disable=hidden, leave=False):
            yield rows, *view.values(encoded[rows])
