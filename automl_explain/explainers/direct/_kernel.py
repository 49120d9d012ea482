"""KernelExplainer: explains any model by its predictions alone, without a surrogate."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._decoding import RowDecoder
from automl_explain._tables._rows import take
from automl_explain._validation import as_table, check_count, either, seed_of, warn
from automl_explain.exceptions import ExplanationWarning, SelfCheckError
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers.direct._base import DirectExplainer
from automl_explain.explainers.direct._linear import sparse_median
from automl_explain.explanation import Explanation
from automl_explain.explanation._closeness import differing_rows
from automl_explain.sources import KernelSource


class KernelExplainer(DirectExplainer):
    """Explains any model by asking it about mixtures of a row and background rows.

    Kernel SHAP (Lundberg & Lee 2017, doi:10.48550/arXiv.1705.07874): exact where all coalitions are tried.
    It is slow: `evaluations_per_row` says how many rows the model predicts to explain one. Use it where
    the model is no tree or linear model and a surrogate does not come close enough.

    Parameters
    ----------
    model : object or callable
        ``predict_proba``, ``decision_function`` or ``predict``, or a function with ``is_function=True``.
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        Background. More than ``10 * nclusters`` rows are summarised: k-means, each cluster by the row
        nearest to its centre, weighted by its size; a seeded sample of ``nclusters`` rows where columns
        are categories. Sparse rows are summarised by their median row.
    is_function : bool, default False
        Whether ``model`` is a function from rows to outputs.
    explain_subset : sequence of int, optional
        Positions of the features to show; the others are summed up as unmapped.
    nsamples : int or "auto", optional
        Another name of ``n_samples``.
    n_samples : int or "auto", default "auto"
        Coalitions tried for a row; ``auto`` is all, at most 2,048 and two for each feature.
    features, classes : sequence, optional
        Names; labels in the order of the model's outputs.
    nclusters : int, default 10
    show_progress : bool, optional
        Progress bar on long work; on a terminal only where left out.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization. Rows are raw then, and so are explanations.
    allow_all_transformations : bool, default False
        Accepted for compatibility.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    seed : int, optional
        Another name of ``random_state``.
    random_state : int, default 0
        Of the background and the coalitions. The same rows get the same values.
    max_eval_rows : int, optional
        `explain_global` explains a seeded sample of so many rows where it is given more, and warns.
        Without rows it explains a seeded sample of 100 init rows.

    categorical_features : sequence of str or int, optional
        Columns whose values are categories; those of text, of dates and of pandas' ``category`` type are anyway.
        The model gets their values exactly as they are in the rows.

    Attributes
    ----------
    output_unit : {"probability", "target", "decision value", "outlier score", "anomaly score"}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from automl_explain import KernelExplainer
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> explainer = KernelExplainer(KNeighborsClassifier().fit(X, y), X)
    >>> explanation = explainer.explain_local(X[:2])
    >>> explanation.local_importance_values.shape, explainer.evaluations_per_row
    ((3, 2, 4), 140)
    """

    def __init__(
        self,
        model: Any,
        initialization_examples: Any,
        is_function: bool = False,
        explain_subset: Sequence[int] | None = None,
        nsamples: int | str | None = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        nclusters: int = 10,
        show_progress: bool | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        model_task: str = "unknown",
        seed: int | None = None,
        *,
        n_samples: int | str | None = None,
        random_state: int | None = None,
        max_eval_rows: int | None = None,
        categorical_features: Sequence[str | int] | None = None,
    ) -> None:
        n_tried = either("n_samples", n_samples, "nsamples", nsamples, "auto")
        if n_tried != "auto":
            check_count(n_tried, "nsamples" if n_samples is None else "n_samples")
        seed = seed_of(random_state, seed)
        check_count(nclusters, "nclusters")
        if max_eval_rows is not None:
            check_count(max_eval_rows, "max_eval_rows")
        rows = self._read_rows(
            initialization_examples,
            features=features,
            transformations=transformations,
            explain_subset=explain_subset,
            categorical_features=categorical_features,
            text="verbatim",
        )
        teacher = Predictions.of(model, rows, task=model_task, classes=classes, is_function=is_function)
        self.decoder = RowDecoder.of(rows, self.encoder)
        background, weights = summary(self.encoder.encode(rows), nclusters, seed, bool(self.encoder.categories))
        source = KernelSource(
            functools.partial(soft_columns, teacher, self.decoder),
            background,
            weights,
            n_samples=n_tried,
            seed=seed,
            model=model,
        )
        self._direct(
            rows,
            model,
            teacher,
            source,
            unit=teacher.prediction_unit,
            link="identity",
            random_state=seed,
            show_progress=show_progress,
        )
        self._check_batches()
        self._max_eval_rows, self._seed = max_eval_rows, seed

    explainer_type = "blackbox"
    source: KernelSource
    _default_rows = 100
    _instead = (
        "They change from call to call, with the rows beside them or with stored zeros. Make the model predict every "
        "row by itself, from its values alone."
    )

    def _check_batches(self) -> None:
        """The model is asked for mixtures in batches: a row must get the same answer in each."""
        source = self.source
        again = source.call(np.concatenate([source.background, source.background[::-1]]))
        found = np.concatenate([source.background_outputs, source.background_outputs[::-1]])
        # Batches of another size add up in another order, in float32 for some models.
        if differing_rows(again, found, relative=1e-5, of_typical=1e-6).any():
            raise SelfCheckError(f"The model's predictions of the same rows differ between calls. {self._instead}")

    @property
    def evaluations_per_row(self) -> int:
        """Rows that the model predicts to explain one, at most."""
        return self.source.evaluations_per_row()

    def explain_global(
        self,
        evaluation_examples: Any = None,
        include_local: bool = True,
        batch_size: int | None = None,
        *,
        raw_method: str = "folded",
        output_unit: str | None = None,
    ) -> Explanation:
        """As `RowExplainer.explain_global`, on a sample of the rows where there are more than ``max_eval_rows``."""
        n_rows = 0
        if self._max_eval_rows is not None and evaluation_examples is not None:
            evaluation_examples = as_table(evaluation_examples, "evaluation_examples", width=self.inputs.width)
            n_rows = evaluation_examples.shape[0]
        if self._max_eval_rows is not None and n_rows > self._max_eval_rows:
            chosen = np.random.default_rng(self._seed).permutation(n_rows)[: self._max_eval_rows]
            evaluation_examples = take(evaluation_examples, np.sort(chosen))
            warn(
                f"Explaining a sample of {self._max_eval_rows:,} of {n_rows:,} rows (`max_eval_rows`).",
                ExplanationWarning,
            )
        return super().explain_global(
            evaluation_examples, include_local, batch_size, raw_method=raw_method, output_unit=output_unit
        )


def soft_columns(teacher: Predictions, decoder: RowDecoder, encoded: Any) -> np.ndarray:
    """The model's output on encoded rows with one column per output, of two classes the second alone."""
    output = teacher.soft_output(decoder.rows(encoded))
    columns = output.reshape(len(output), -1)
    return columns[:, -teacher.n_outputs :]


def summary(encoded: Any, n_clusters: int, seed: int, categorical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Background rows and their weights, which sum to 1.

    Parameters
    ----------
    encoded : ndarray or csr_matrix of shape (n_rows, n_features)
    n_clusters : int
        Tables of up to ten times as many rows are their own background.
    seed : int
    categorical : bool
        Whether some columns are codes, of which there is no mean.

    Returns
    -------
    background : ndarray of shape (n_background, n_features)
    weights : ndarray of shape (n_background,)
    """
    n_rows = encoded.shape[0]
    if sp.issparse(encoded):
        return sparse_median(encoded)[None], np.ones(1)
    if n_rows <= 10 * n_clusters:
        return encoded, np.full(n_rows, 1.0 / n_rows)
    if categorical:
        chosen = np.sort(np.random.default_rng(seed).permutation(n_rows)[:n_clusters])
        return encoded[chosen], np.full(n_clusters, 1.0 / n_clusters)
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    scaled = np.nan_to_num(StandardScaler().fit_transform(encoded))
    n_clusters = min(n_clusters, len(np.unique(scaled, axis=0)))
    fitted = KMeans(n_clusters, n_init=1, random_state=seed).fit(scaled)
    # A row that exists: means of counts, flags and gaps would be rows the model never saw.
    nearest = fitted.transform(scaled).argmin(axis=0)
    return encoded[nearest], np.bincount(fitted.labels_, minlength=n_clusters) / n_rows
