"""TreeExplainer: exact values of a model that is trees, without a surrogate."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from automl_explain._tables._decoding import RowDecoder
from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._validation import listed
from automl_explain.analysis import GlobalSummary
from automl_explain.exceptions import ConflictingTransformationsError, InitDatasetMissingError, InputError
from automl_explain.explainers._inputs import Inputs, check_subset
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers._streaming import pieces
from automl_explain.explainers.direct._base import DirectExplainer
from automl_explain.explainers.direct._tree_links import explained_trees
from automl_explain.explanation import Explanation
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import TransformationsFeaturizer
from automl_explain.sources import TreeSource
from automl_explain.treeshap import TreeEnsemble, TreeModel, read_trees

# Their trees split on the codes of pandas categories; those of others on the numbers in the values.
_CODED = ("lightgbm", "xgboost", "catboost")


class TreeExplainer(DirectExplainer):
    """Explains LightGBM, XGBoost, CatBoost and scikit-learn trees by themselves.

    Values are exact path-dependent Shapley values of the model's margin (Lundberg et al. 2020,
    doi:10.1038/s42256-019-0138-9): log-odds for boosting, probabilities for trees and forests of
    scikit-learn, the target for regression. They need no background rows.

    Parameters
    ----------
    model : object
        A fitted model that `treeshap.read_trees` can read.
    explain_subset : sequence of int, optional
        Positions of the features to show; the others are summed up as unmapped.
    features : sequence of str, optional
        Names; those the model knows where left out.
    classes : sequence, optional
        Labels in the order of the model's probability columns.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization; rows are raw then, and so are explanations. Without init rows the first
        rows explained tell the columns.
    allow_all_transformations : bool, default False
        Accepted for compatibility.
    shap_values_output : {"default", "probability", "teacher_probability"}, default "default"
        Unit of explanations where none is asked for; ``default`` is the model's own.
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features), optional
        Rows that tell names and categories, and that global values without rows are of.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    predictor : object, optional
        Model around ``model``, such as a FLAML AutoML's estimator; it is asked for predictions and labels.
    missing_code : float, optional
        Code that the model knows missing categories by.
    random_state : int, default 0
    show_progress : bool, optional
    categorical_features : sequence of str or int, optional
        Columns of the init rows whose values are categories that the model reads as codes, in sorted order;
        pandas ``category`` columns are anyway.

    Attributes
    ----------
    classes : list or None
        Labels in the order of the outputs.
    output_unit : {"log-odds", "probability", "target", "log of target", "logit of target"}
        ``log of target`` for Poisson, gamma, Tweedie and survival objectives, whose predictions are exponentials of
        the sums; ``logit of target`` for logistic regressions of a share (``reg:logistic``, ``cross_entropy``).

    Raises
    ------
    UnsupportedModelError
        If the model is no tree model, or one whose trees cannot be read (categories of CatBoost).
    SelfCheckError
        If sums and expected values are not what the model predicts: an objective with a link of its own
        (``cross_entropy_lambda``), or absent values of sparse rows that are missing to the model.
    InitDatasetMissingError
        If categories can be known from rows only, or what ``transformations`` read is asked before there are rows.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> from automl_explain import TreeExplainer
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = GradientBoostingClassifier(n_estimators=5).fit(X, y)
    >>> TreeExplainer(model, classes=[0, 1]).explain_local(X[:3]).local_importance_values.shape
    (2, 3, 30)
    """

    _transformations: TransformationsFeaturizer | None = None  # that wait for rows
    _raw_names: Sequence[str | int] | None = None

    def __init__(
        self,
        model: Any,
        explain_subset: Sequence[int] | None = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        shap_values_output: str = "default",
        *,
        initialization_examples: Any = None,
        model_task: str = "unknown",
        predictor: Any = None,
        missing_code: float | None = None,
        random_state: int = 0,
        show_progress: bool | None = None,
        categorical_features: Sequence[str | int] | None = None,
    ) -> None:
        ensemble = read_trees(model)
        rows = None
        if initialization_examples is not None:
            rows = self._read_rows(
                initialization_examples,
                features=features,
                transformations=transformations,
                explain_subset=explain_subset,
                categorical_features=categorical_features,
            )
            self._check_width(ensemble)
            coded = any(kind.__module__.split(".")[0] in _CODED for kind in type(model).__mro__)
            categories = self.encoder.categories if coded or missing_code is not None else {}
            categories = {**categories, **(_kept_categories(model) or {})}
            self.inputs = self.inputs.with_encoder(categories=categories, missing_code=missing_code)
        else:
            self._do_without_rows(model, ensemble, features, transformations, explain_subset)
        sample = self._made_up_row() if rows is None else rows
        asked = model if predictor is None else predictor
        teacher = Predictions.of(asked, sample, task=model_task, classes=classes, is_function=False)
        n_classes = None if teacher.classes is None else len(teacher.classes)
        ensemble, link, unit = explained_trees(model, ensemble, n_classes)
        if link == "sigmoid":  # which the rows at hand need not show
            teacher = dataclasses.replace(teacher, model_output=dataclasses.replace(teacher.model_output, sums=False))
        self._direct(
            rows,
            asked,
            teacher,
            TreeSource(TreeModel.of(ensemble), model),
            unit=unit or teacher.unit,
            link=link,
            shap_values_output=shap_values_output,
            random_state=random_state,
            show_progress=show_progress,
        )
        if rows is None:  # one row is enough to see another link
            self._check(self.encoder.encode(sample), teacher.soft_output(sample))

    def _check_width(self, ensemble: TreeEnsemble) -> None:
        if self.encoder.n_features != ensemble.n_features:
            raise InputError(
                f"The rows have {self.encoder.n_features} columns, the model was fitted on {ensemble.n_features}. Pass "
                "rows as the model reads them; raw rows with `transformations`."
            )

    def _do_without_rows(
        self, model: Any, ensemble: TreeEnsemble, features: Any, transformations: Any, explain_subset: Any
    ) -> None:
        """Names and categories as far as the model tells them."""
        labels = _own_names(model, ensemble.n_features)
        names = labels if features is None or transformations is not None else tuple(features)
        encoder = EngineeredEncoder(
            names, labels if isinstance(labels[0], str) else names, _own_categories(model, ensemble)
        )
        subset = check_subset(explain_subset, ensemble.n_features)
        self.inputs = Inputs(encoder, ensemble.n_features, {}, subset=subset)
        self._check_width(ensemble)
        if transformations is not None:
            if explain_subset is not None:
                raise ConflictingTransformationsError("`explain_subset` and `transformations` cannot be combined.")
            self._transformations, self._raw_names = TransformationsFeaturizer(transformations), features

    def _settle_inputs(self, rows: Any) -> None:
        """Let the first rows tell what the transformations make of their columns, if no rows have yet."""
        if self._transformations is None or rows is None:
            return
        engineered = self.encoder
        given = self._transformations.transformations
        made, _ = Inputs.read(rows, features=self._raw_names, transformations=given, argument="eval_dataset")
        if made.encoder.n_features != engineered.n_features:
            raise InputError(
                f"`transformations` make {made.encoder.n_features} columns of the rows, the model was fitted on "
                f"{engineered.n_features}. Pass those that the model was fitted behind."
            )
        self.inputs = made.with_encoder(categories=engineered.categories)
        self._transformations = None

    def explain_rows(self, rows: Any, **how: Any) -> Explanation:
        """As `DirectExplainer.explain_rows`."""
        self._settle_inputs(rows)
        return super().explain_rows(rows, **how)

    def explain_global_stream(self, chunks: Iterable[Any], **how: Any) -> GlobalSummary:
        """As `DirectExplainer.explain_global_stream`."""
        if self._transformations is not None:
            tables = pieces(chunks)
            seen = []
            for table in tables:
                seen.append(table)
                if np.shape(table)[:1] != (0,):
                    self._settle_inputs(table)
                    break
            chunks = itertools.chain(seen, tables)
        return super().explain_global_stream(chunks, **how)

    @property
    def features(self) -> list[str | int]:
        """Names of the features in explanations."""
        self._check_settled()
        return super().features

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map of the ``transformations``, if any."""
        self._check_settled()
        return super().feature_map

    @property
    def featurizer(self) -> TransformationsFeaturizer | None:
        """The ``transformations``, if any."""
        self._check_settled()
        return super().featurizer

    def _check_settled(self) -> None:
        if self._transformations is not None:
            raise InitDatasetMissingError(
                "No rows have told yet which columns `transformations` read. Explain some, or pass raw rows as "
                "`initialization_examples`."
            )

    def _made_up_row(self) -> Any:
        """A row for a first call: zeros, and the first of the categories."""
        encoder = self.encoder
        types = tuple("category" if j in encoder.categories else "float64" for j in range(encoder.n_features))
        container = "frame" if isinstance(encoder.labels[0], str) else "array"
        decoder = RowDecoder(container, encoder.labels, types, encoder.categories)
        return decoder.rows(np.zeros((1, encoder.n_features)))


def _own_names(model: Any, n_features: int) -> tuple[str | int, ...]:
    """Column labels the model was fitted with; 0, 1, ... where it knows none."""
    for attribute in ("feature_names_in_", "feature_names_", "feature_name_", "feature_names", "feature_name"):
        try:
            found = getattr(model, attribute, None)
        except Exception:  # XGBoost's interface raises for models fitted on arrays
            continue
        found = found() if callable(found) else found
        if found is None or len(found) != n_features:
            continue
        names = tuple(str(name) for name in found)
        made_up = {tuple(f"{start}{j}" for j in range(n_features)) for start in ("", "Column_", "f")}
        if names not in made_up:
            return names
    return tuple(range(n_features))


def _own_categories(model: Any, ensemble: TreeEnsemble) -> dict[int, tuple[Any, ...]]:
    """Categories of pandas columns, which LightGBM keeps; other libraries know codes only."""
    kept = _kept_categories(model)
    if kept is not None:
        return kept
    booster = getattr(model, "booster_", model)
    plain = type(booster).__module__.startswith("lightgbm") and not booster.pandas_categorical
    if plain or not (ensemble.category >= 0).any():
        return {}
    split = sorted({int(j) for j in ensemble.feature[ensemble.category >= 0]})
    names = _own_names(model, ensemble.n_features)
    raise InitDatasetMissingError(
        f"The model splits on categories ({listed([names[j] for j in split])}) and does not tell which; pass "
        "`initialization_examples`, rows with the categories it was fitted on."
    )


def _kept_categories(model: Any) -> dict[int, tuple[Any, ...]] | None:
    """Categories that LightGBM keeps of pandas columns, by position; None where it does not say of which."""
    booster = getattr(model, "booster_", model)
    kept = getattr(booster, "pandas_categorical", None)
    if not kept:
        return None
    found = re.search(r"^\[categorical_feature: ([\d,]+)\]", booster.model_to_string(), flags=re.MULTILINE)
    columns = [int(j) for j in found.group(1).split(",")] if found else []
    return {j: tuple(c) for j, c in zip(columns, kept, strict=True)} if len(columns) == len(kept) else None
