"""LinearExplainer: exact values of a linear model, without a surrogate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain.adapters import is_linear
from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers.direct._base import DirectExplainer
from automl_explain.feature_map import MAX_DENSE_RAW_COLUMNS
from automl_explain.sources import LinearSource


class LinearExplainer(DirectExplainer):
    """Explains scikit-learn's linear models by themselves.

    The value of a column is its weight times the difference between the row and the mean of the background data:
    interventional Shapley values (Lundberg & Lee 2017,
    doi:10.48550/arXiv.1705.07874). They are in log-odds for models with probabilities, in decision
    values for classifiers without (labels are never taken for numbers), in the
    target for regression, and in its logarithm for generalised linear models with a log link.

    Parameters
    ----------
    model : object
        A fitted model with ``coef_`` and ``intercept_``: LinearRegression, Ridge, Lasso, ElasticNet,
        LogisticRegression, SGD*, LinearSVC, LinearSVR, Poisson-, Gamma- and TweedieRegressor, ...
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        Background. Sparse rows of more than 1,000 columns are compared with their median row, which is
        mostly 0, so that values stay sparse.
    explain_subset : sequence of int, optional
        Positions of the features to show; the others are summed up as unmapped.
    features, classes : sequence, optional
        Names; labels in the order of the model's outputs.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization, such as the scaler before the model. Rows are raw then, and so are
        explanations.
    allow_all_transformations : bool, default False
        Accepted for compatibility.
    shap_values_output : {"default", "probability", "teacher_probability"}, default "default"
        Unit of explanations where none is asked for; ``default`` is the model's own.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    predictor : object, optional
        Model around ``model``, such as a FLAML AutoML's estimator; it is asked for predictions and labels.
    missing_code : float, optional
        Where the model reads codes of pandas categories: that of a missing one.
    random_state : int, default 0
    show_progress : bool, optional
    categorical_features : sequence of str or int, optional
        Columns whose values are categories that the model reads as codes, with ``missing_code``; pandas ``category``
        columns are anyway. A linear model without codes reads numbers alone.

    Raises
    ------
    UnsupportedModelError
        If the model is not linear.
    SelfCheckError
        If the sums are not what the model predicts.
    InputError, DataError
        If an argument or a value cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from automl_explain import LinearExplainer
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> explanation = LinearExplainer(Ridge().fit(X, y), X).explain_local(X[:5])
    >>> explanation.get_ranked_global_names(top_k=1)
    ['bmi']
    """

    def __init__(
        self,
        model: Any,
        initialization_examples: Any,
        explain_subset: Sequence[int] | None = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        shap_values_output: str = "default",
        *,
        model_task: str = "unknown",
        predictor: Any = None,
        missing_code: float | None = None,
        random_state: int = 0,
        show_progress: bool | None = None,
        categorical_features: Sequence[str | int] | None = None,
    ) -> None:
        weights, intercepts = _weights(model)
        rows = self._read_rows(
            initialization_examples,
            features=features,
            transformations=transformations,
            explain_subset=explain_subset,
            categorical_features=categorical_features,
        )
        if self.encoder.n_features != weights.shape[1]:
            raise InputError(
                f"The rows have {self.encoder.n_features} columns, the model was fitted on {weights.shape[1]}. Pass "
                "rows as the model reads them; raw rows with `transformations`."
            )
        coded = {} if missing_code is None else self.encoder.categories
        self.inputs = self.inputs.with_encoder(categories=coded, missing_code=missing_code)
        asked = model if predictor is None else predictor
        teacher = Predictions.of(asked, rows, task=model_task, classes=classes, is_function=False)
        unit, link = _unit(model, teacher)
        background, sparse = _background(self.encoder.encode(rows))
        source = LinearSource(weights, intercepts, background, model=model, sparse=sparse)
        self._direct(
            rows,
            asked,
            teacher,
            source,
            unit=unit,
            link=link,
            shap_values_output=shap_values_output,
            random_state=random_state,
            show_progress=show_progress,
        )


def _weights(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_outputs, n_features) and intercepts (n_outputs,)."""
    if not is_linear(model):
        raise UnsupportedModelError(
            f"{type(model).__name__} is no fitted linear model of scikit-learn (`coef_` and `intercept_`). Pass the "
            "model at the end of a pipeline, with the steps before it as `transformations`; or use TabularExplainer."
        )
    coef = model.coef_.toarray() if sp.issparse(model.coef_) else np.asarray(model.coef_)  # `sparsify` keeps csr
    weights = np.array(np.atleast_2d(coef), dtype=np.float64)
    return weights, np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(weights),)).copy()


def _unit(model: Any, teacher: Predictions) -> tuple[str, str]:
    """Output unit and link of the weighted sums."""
    if teacher.classes is None:
        link = getattr(model, "_base_loss", None)
        logs = type(getattr(link, "link", None)).__name__ == "LogLink"
        return ("log of target", "log") if logs else (teacher.unit, "identity")
    if teacher.decides:
        return "decision value", "identity"
    # One against the rest: sigmoids divided by their sum.
    by_class = hasattr(model, "loss") or getattr(model, "solver", None) == "liblinear"
    by_class = by_class or getattr(model, "multi_class", None) == "ovr"
    return "log-odds", "logit" if teacher.n_outputs == 1 or by_class else "softmax"


def _background(encoded: Any) -> tuple[np.ndarray, bool]:
    """Row to compare with, and whether values of sparse rows stay sparse."""
    if not sp.issparse(encoded):
        return np.asarray(encoded.mean(axis=0)), False
    if encoded.shape[1] <= MAX_DENSE_RAW_COLUMNS:
        return np.asarray(encoded.mean(axis=0)).ravel(), False
    return sparse_median(encoded), True


def sparse_median(X: sp.csr_matrix) -> np.ndarray:
    """Median of every column, of which only those that are mostly stored are looked at."""
    columns, result = X.tocsc(), np.zeros(X.shape[1])
    for j in np.flatnonzero(2 * np.diff(columns.indptr) >= X.shape[0]):
        result[j] = np.median(columns[:, [int(j)]].toarray())
    return result
