"""AutoMLExplainerSetup: what an explanation needs of a model and its rows."""

from __future__ import annotations

import dataclasses
import html
from typing import Any

import numpy as np

from automl_explain._tables._schema import TableSchema
from automl_explain._validation import listed
from automl_explain.adapters import inner_model
from automl_explain.adapters._raw_features import RawFeatures
from automl_explain.adapters._self_check import asked
from automl_explain.exceptions import InputError
from automl_explain.explainer_setup._rows import floating, read_rows, shape
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import PipelineAdapter


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AutoMLExplainerSetup:
    """A fitted model taken apart, with the rows to train a surrogate on and the rows to explain.

    Attributes
    ----------
    automl_pipeline : object
        The fitted model as given; reads raw rows.
    automl_estimator : object
        Its estimator; reads engineered rows, gives original labels.
    automl_featurizer : object or None
        Its featurization.
    X_transform : DataFrame, ndarray or csr_matrix of shape (n_rows, n_engineered), or None
        Engineered training rows; None without ``X``. To save memory, rows are not copied: where the
        model reads the raw columns these are the rows as given, so leave them unchanged.
    X_test_transform : DataFrame, ndarray or csr_matrix of shape (n_eval, n_engineered), or None
        Engineered rows to explain.
    X_test_raw : DataFrame, ndarray or csr_matrix of shape (n_eval, n_raw), or None
        The same rows before featurization; not copied either.
    y, y_test : ndarray of shape (n_rows,) or (n_eval,), or None
        Targets of those rows; read-only copies.
    engineered_feature_names, raw_feature_names : list
        Names, in the order of the columns; a fresh list each time, like ``classes``.
    feature_map : FeatureMap of shape (n_raw, n_engineered)
        Which raw column feeds which engineered feature.
    classes : list or None
        Original labels in the order of the estimator's outputs; None for regression and without
        ``X`` and ``y``.
    surrogate_model : type
        Surrogate class to use.
    surrogate_model_params : dict
        Its arguments, for ``explainer_kwargs`` of `MimicWrapper`.
    automl_run : object or None
        As given.
    direct_explainer : {"tree", "linear", None}
        What kind of model the estimator is where it could be explained without a surrogate: with
        ``explain_automl(..., method="auto")`` or `DirectWrapper`.
    task : {"classification", "regression"}
        What the model does.
    forecasts : bool
        Whether it was set up with ``task="forecasting"``: the rows to explain come after the training rows.
    schema : TableSchema
        Names and types of the raw training columns; those of the rows to explain where there are no others. Pass it
        to the next setup (``schema=setup.schema``) to give new rows the same types.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from automl_explain import automl_setup_model_explanations
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> setup = automl_setup_model_explanations(model, "classification", X=X, X_test=X, y=y)
    >>> setup.feature_map.shape, setup.classes
    ((4, 4), [0, 1, 2])
    """

    automl_pipeline: Any
    automl_estimator: Any
    automl_featurizer: Any
    X_transform: Any
    X_test_transform: Any
    X_test_raw: Any
    y: np.ndarray | None
    y_test: np.ndarray | None
    feature_map: FeatureMap
    surrogate_model: type
    surrogate_model_params: dict[str, Any]
    automl_run: Any
    task: str
    schema: TableSchema
    _classes: tuple[Any, ...] | None
    _estimator_name: str
    _adapter: PipelineAdapter
    forecasts: bool = False

    def __getstate__(self) -> dict[str, Any]:
        # The process that loads a pickle may use other threads than this one.
        params = dict(self.surrogate_model_params)
        if "explainable_model_args" in params:
            params["explainable_model_args"] = {**params["explainable_model_args"], "n_jobs": None}
        return {**self.__dict__, "surrogate_model_params": params}

    @property
    def engineered_feature_names(self) -> list[str | int]:
        """Names of the engineered features, in the order of the columns."""
        return list(self.feature_map.engineered_names)

    @property
    def raw_feature_names(self) -> list[str | int]:
        """Names of the raw columns, in their order."""
        return list(self.feature_map.raw_names)

    @property
    def classes(self) -> list[Any] | None:
        """Original labels in the order of the estimator's outputs."""
        return None if self._classes is None else list(self._classes)

    @property
    def direct_explainer(self) -> str | None:
        """``"tree"`` or ``"linear"`` where the estimator itself could be explained, exactly; else None."""
        return inner_model(self.automl_estimator).kind

    def transform(self, X: Any) -> Any:
        """Engineered rows of new raw rows, made as ``X_test_transform`` was made.

        Parameters
        ----------
        X : table of shape (n_rows, n_raw)
            As for `automl_setup_model_explanations`; columns of a DataFrame in any order.

        Returns
        -------
        DataFrame, ndarray or csr_matrix of shape (n_rows, n_engineered)

        Raises
        ------
        InputError
            If columns are missing, or the setup is that of a forecast, whose rows need their past.
        DataError
            If the rows are of other types than in training, or the library cannot read them.
        """
        if self.forecasts:
            raise InputError(
                "The setup is that of a forecast, whose rows need the past before them. Make a setup with the new rows "
                "as `X_test`."
            )
        rows = read_rows(None, X, None, None, None, self.schema).typed(getattr(self._adapter, "conform", None))
        return asked(lambda: floating(self._adapter.transform(rows.X_test)), "transform", "X")

    def _lines(self) -> list[tuple[str, str]]:
        model = type(self.automl_pipeline).__name__
        lines = [
            ("model", f"{model} ({self.task}), estimator {self._estimator_name}"),
            ("features", f"{len(self.raw_feature_names)} raw -> {len(self.engineered_feature_names)} engineered"),
            ("featurization", self._origin()),
            ("training rows", shape(self.X_transform)),
            ("rows to explain", shape(self.X_test_transform)),
        ]
        if self.direct_explainer is not None:
            what = "trees" if self.direct_explainer == "tree" else "a linear model"
            lines.append(("direct explanation", f"possible: it is {what}; method='auto' or DirectWrapper"))
        if self.classes is not None:
            lines.append(("classes", listed(self.classes)))
        if self.feature_map.unused_raw:
            lines.append(("unused raw columns", listed(self.feature_map.unused_raw)))
        if self.feature_map.unmapped:
            names = [self.engineered_feature_names[j] for j in self.feature_map.unmapped]
            lines.append(("unmapped engineered", listed(names)))
        return lines

    def _origin(self) -> str:
        if self.automl_featurizer is None:
            return "none seen: the model reads the raw columns"
        if isinstance(self.automl_featurizer, RawFeatures):
            return "our own, of the raw columns that the model reads"
        return "the model's own"

    def __repr__(self) -> str:
        width = max(len(k) for k, _ in self._lines())
        return "AutoMLExplainerSetup\n" + "\n".join(f"  {k:<{width}}  {v}" for k, v in self._lines())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(k)}</th><td "
            f"style='text-align:left'>{html.escape(v)}</td></tr>"
            for k, v in self._lines()
        )
        return f"<table><caption style='text-align:left'><b>AutoMLExplainerSetup</b></caption>{rows}</table>"
