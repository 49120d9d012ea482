"""LIMEExplainer: a linear model around every row."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from tqdm import tqdm

from automl_explain._tables._decoding import RowDecoder
from automl_explain._tables._rows import spread, take
from automl_explain._validation import check_count, either, seed_of
from automl_explain.analysis import GlobalAccumulator, GlobalSummary
from automl_explain.explainers._base import RowExplainer
from automl_explain.explainers._fidelity import difference_of_columns
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers._request import View
from automl_explain.explainers._streaming import encoded_pieces
from automl_explain.explanation import Explanation
from automl_explain.explanation._values import dense_if_small
from automl_explain.explanation._values import raw_rows as raw_rows_of
from automl_explain.feature_map import FeatureMap
from automl_explain.sources._lime import LimeFits, LimeSource

_COMPARED_ROWS = 1000


class LIMEExplainer(RowExplainer):
    """Explains each row by a linear model of the rows around it, through the lime package.

    Parameters
    ----------
    model : object or callable
        ``predict_proba``, ``decision_function`` or ``predict``, or a function with ``is_function=True``.
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        LIME takes means, spreads and frequencies of the columns from these rows.
    is_function : bool, default False
        Whether ``model`` is a function from rows to outputs.
    explain_subset : sequence of int, optional
        Positions of the features to show; the others are summed up as unmapped.
    nclusters : int, default 10
        Accepted for compatibility: all init rows are used, as only statistics of their columns are kept.
    features, classes : sequence, optional
        Names; labels in the order of the model's outputs.
    verbose : bool, default False
        Whether LIME prints each local model.
    categorical_features : sequence of str or int, default ()
        Columns whose values are categories; pandas ``category`` and ``bool`` columns are anyway. The
        model sees their own values, LIME whether a neighbour has the same.
    show_progress : bool, optional
        Progress bar over the rows; on a terminal only where left out.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization. Rows are raw then, and explanations are folded to raw columns.
    allow_all_transformations : bool, default False
        Accepted for compatibility.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    n_features : int, optional
        Features in a local model, chosen by LIME; all where left out.
    n_samples : int, default 5000
        Neighbours made, and predicted by the model, for every row.
    num_samples, seed : int, optional
        Other names of ``n_samples`` and ``random_state``.
    random_state : int, default 0
        Every row gets the same draws, so that its values do not depend on the others.

    Raises
    ------
    MissingExtraError
        If lime is not installed: ``pip install automl-explain[lime]``.
    DataError
        If a number is missing in a row to explain.

    Notes
    -----
    The value of a feature is the weight of the local model [1]_ times the value as LIME scales it (how
    many standard deviations from the mean; 1 for the category of the row), so that values and intercept
    add up to what the *local model* predicts of the row. That is not the model's own prediction:
    ``explanation.local_fit`` holds the R2 of every local model on its neighbours, weighted by their
    nearness, for every output and row; values of a poor fit mean little.

    ``expected_values`` are the mean intercepts over the rows explained; how far the intercept of a row
    lies from them is in ``unmapped_values``. Classes come in the order of the model's outputs. The unit
    is the probability (target, or decision value).

    References
    ----------
    .. [1] M. T. Ribeiro, S. Singh and C. Guestrin, "Why Should I Trust You? Explaining the Predictions of
       Any Classifier", KDD 2016, https://doi.org/10.1145/2939672.2939778.

    Examples
    --------
    >>> from sklearn.datasets import load_iris  # doctest: +SKIP
    >>> from sklearn.linear_model import LogisticRegression  # doctest: +SKIP
    >>> from automl_explain import LIMEExplainer
    >>> X, y = load_iris(return_X_y=True)  # doctest: +SKIP
    >>> explainer = LIMEExplainer(LogisticRegression(max_iter=1000).fit(X, y), X)  # doctest: +SKIP
    >>> explainer.explain_local(X[:5]).local_importance_values.shape  # doctest: +SKIP
    (3, 5, 4)
    """

    def __init__(
        self,
        model: Any,
        initialization_examples: Any,
        is_function: bool = False,
        explain_subset: Sequence[int] | None = None,
        nclusters: int = 10,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        verbose: bool = False,
        categorical_features: Sequence[str | int] = (),
        show_progress: bool | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        model_task: str = "unknown",
        *,
        n_features: int | None = None,
        n_samples: int | None = None,
        num_samples: int | None = None,
        random_state: int | None = None,
        seed: int | None = None,
    ) -> None:
        check_count(nclusters, "nclusters")
        n_made = either("n_samples", n_samples, "num_samples", num_samples, 5000)
        check_count(n_made, "num_samples" if n_samples is None else "n_samples", least=10)
        seed = seed_of(random_state, seed)
        if n_features is not None:
            check_count(n_features, "n_features")
        rows = self._read_rows(
            initialization_examples,
            features=features,
            transformations=transformations,
            explain_subset=explain_subset,
            categorical_features=[*categorical_features, *_flags(initialization_examples, transformations)],
            text="verbatim",
        )
        teacher = Predictions.of(model, rows, task=model_task, classes=classes, is_function=is_function)
        sample = take(rows, spread(rows.shape[0], _COMPARED_ROWS))
        teacher = teacher.settled(sample, teacher.soft_output(sample))
        decoder = RowDecoder.of(rows, self.encoder)
        encoded = self.encoder.encode(rows)
        source = LimeSource(
            functools.partial(_columns, teacher, decoder),
            encoded,
            sorted(self.encoder.categories),
            n_samples=n_made,
            n_features=n_features,
            seed=seed,
            names=self.encoder.names,
            model=model,
            verbose=verbose,
        )
        self._shap_values_output = "default"
        self._keep(rows, model, teacher, source, random_state=seed, show_progress=show_progress)

    source: LimeSource
    _default_rows = 100

    @property
    def source_unit(self) -> str:
        """``"probability"``, ``"decision value"``, ``"target"``, or the score of an outlier detector."""
        return self.teacher.prediction_unit

    @property
    def source_link(self) -> str:
        """``"identity"``: outputs are predictions as they are."""
        return "identity"

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
        """As `RowExplainer.explain_rows`; without rows, a seeded sample of 100 init rows is explained."""
        view = self._request(
            include_local=include_local,
            batch_size=batch_size,
            feature_map=feature_map,
            raw_method=raw_method,
            output_unit=output_unit,
        ).view
        described: dict[str, Any] = {}
        shown, encoded, output = None, self._init_sample, None
        if rows is not None:
            shown, made = self.inputs.engineered(rows, argument)
            encoded, output = self.encoder.encode(made, argument), self.teacher.soft_output(made)
            described = self._predictions(made, output)
        values, unmapped, fits = self._fitted(encoded, view)
        base = fits.intercepts.mean(axis=1)
        unmapped = unmapped + fits.intercepts - base[:, None]
        if view.fold is not None:
            raw = raw_rows if self.feature_map is None else shown
            shown, described["row_labels"] = raw_rows_of(raw, view.fold, described.get("row_labels"))
        common = {**self._common(view, None), **described, "base": base}
        whole = Explanation(values=values, unmapped=unmapped, eval_data=shown, local_fit=fits.r2, **common)
        if output is not None:
            whole = dataclasses.replace(whole, residuals=difference_of_columns(whole.output, output))
        if include_local and rows is not None:
            return whole
        return Explanation(
            values=None,
            eval_data=shown,
            residuals=whole.residuals,
            global_values=whole.global_values,
            unmapped_global=whole.unmapped_global,
            n_explained_rows=len(whole),
            local_fit=fits.r2,
            **common,
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
        """As `RowExplainer.explain_global_stream`; two numbers are kept for every row and output."""
        view = self._request(
            include_local=False, feature_map=feature_map, raw_method=raw_method, output_unit=output_unit
        ).view
        total = GlobalAccumulator(quantiles=quantiles)
        rests, intercepts, r2 = [], [], []
        for _, encoded in encoded_pieces(self, chunks):
            values, unmapped, fits = self._fitted(encoded, view)
            total.add(values)
            rests.append(unmapped + fits.intercepts)
            intercepts.append(fits.intercepts)
            r2.append(fits.r2)
        base = np.concatenate(intercepts, axis=1).mean(axis=1)
        explanation = Explanation(
            values=None,
            global_values=total.global_values,
            unmapped_global=np.abs(np.concatenate(rests, axis=1) - base[:, None]).mean(axis=1),
            n_explained_rows=total.n_rows,
            local_fit=np.concatenate(r2, axis=1),
            **{**self._common(view, None), "base": base},
        )
        return GlobalSummary(explanation, total)

    def _fitted(self, encoded: Any, view: View) -> tuple[Any, np.ndarray, LimeFits]:
        """Values of encoded rows, what belongs to no feature shown, and the local models."""
        hidden = True if encoded.shape[0] == 1 else None if self.show_progress is None else not self.show_progress
        bar = functools.partial(tqdm, desc="explaining", unit="row", disable=hidden, leave=False)
        fits = self.source.fits(encoded, bar)
        asked = View.of(fits, self.encoder.names, self.explain_subset, view.fold, view.raw_method)
        values, unmapped = asked.values(encoded)
        rest = np.zeros_like(fits.intercepts) if unmapped is None else unmapped
        return dense_if_small(values), rest, fits

    def _predictions(self, rows: Any, output: np.ndarray) -> dict[str, Any]:
        """The model's own predictions; how far the local models are from them is in ``residuals``."""
        return {
            "eval_y_predicted": self.teacher.predictions(rows, output),
            "eval_y_predicted_proba": output if self.source_unit == "probability" else None,
            "row_labels": rows.index if isinstance(rows, pd.DataFrame) else None,
        }


def _flags(rows: Any, transformations: Any) -> list[Any]:
    """Columns of true and false, of which there is no mean."""
    if transformations is not None or not isinstance(rows, pd.DataFrame):
        return []
    return [label for label, dtype in rows.dtypes.items() if str(dtype) in ("bool", "boolean")]


def _columns(teacher: Predictions, decoder: RowDecoder, encoded: Any) -> np.ndarray:
    """The model's output on encoded rows, one column per output, of two classes the second alone."""
    whole = [j for j, name in enumerate(decoder.types) if name.startswith(("int", "uint"))]
    if whole and decoder.container == "frame" and not sp.issparse(encoded):
        encoded = encoded.copy()
        encoded[:, whole] = np.rint(encoded[:, whole])  # LIME's neighbours lie between whole numbers
    output = teacher.soft_output(decoder.rows(encoded))
    return output.reshape(len(output), -1)[:, -teacher.n_outputs :]
