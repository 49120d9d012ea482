"""PFIExplainer: what a model's score loses when one raw column is shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from tqdm import tqdm

from automl_explain._tables._rows import take
from automl_explain._validation import check_count, labels, listed, raw_names, raw_table, seed_of, warn
from automl_explain.adapters import SAMPLE_ROWS, check_model
from automl_explain.exceptions import AutoMLExplainError, DataError, ExplanationWarning, InputError
from automl_explain.explainers._inputs import check_subset
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers._scoring import Scored
from automl_explain.explainers.importance._estimators import as_estimator, probabilities
from automl_explain.explainers.importance._metrics import Metric
from automl_explain.explanation import Explanation
from automl_explain.lineage import TransformationsFeaturizer


class PFIExplainer(Scored):
    """Importance of a column as the loss of the model's score when its values are shuffled.

    The only explainer that looks at the true labels: it says what the model needs to be right, not
    what it uses. It gives global values alone.

    Parameters
    ----------
    model : object or callable
        Fitted model with ``predict`` (and ``predict_proba`` for metrics of probabilities), or a
        function with ``is_function=True``. An outlier detector is scored by the labels that its ``predict``
        gives; ``true_labels`` must be coded like them.
    is_function : bool, default False
        Whether ``model`` is a function of rows: to target values (n_rows,), to labels (n_rows,), or
        to probabilities (n_rows, n_classes).
    metric : str, callable or scorer, optional
        ``"accuracy"``, ``"f1"``, ``"roc_auc"``, ``"log_loss"``, ``"mae"``, ``"rmse"``, ``"r2"`` and
        the like, any scorer name of scikit-learn (``"neg_log_loss"``), a function
        ``metric(y_true, y_pred, **metric_args)``, or a scorer. Accuracy (the micro-averaged F1 of the
        reference) for classification and the mean absolute error for regression where left out.
        F1, precision, recall and Jaccard are those of the second of two classes, and averaged over
        more classes without weights unless ``metric_args`` holds ``average``.
    metric_args : dict, optional
        Further arguments of the metric.
    is_error_metric : bool, optional
        Whether small values are good. Known metrics and scorers say so themselves; of a function of
        yours it is found by comparing perfect with shuffled predictions, where left out.
    explain_subset : sequence of int, optional
        Positions of the columns to measure; all where left out. The numbers of a column do not
        depend on it.
    features : sequence of str, optional
        Names of the columns; those of the table where left out.
    classes : sequence, optional
        Labels in the order of the model's probability columns. Where the model itself speaks of
        codes, ``true_labels`` may hold either.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization. Rows are raw then, raw columns are shuffled, and the model reads the
        transformed rows: the explanation is raw without any folding.
    allow_all_transformations : bool, default False
        Accepted for compatibility: any fitted featurization will do.
    seed : int, optional
        Another name of ``random_state``.
    random_state : int, default 0
        Each column has shuffles of its own.
    for_classifier_use_predict_proba : bool, default False
        Whether a function of yours gets probabilities of shape (n_rows, n_classes) instead of
        labels; without a ``metric`` it is the log loss.
    show_progress : bool, optional
        Progress bar over the columns; on a terminal only where left out.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    n_repeats : int, default 5
        Shuffles of each column.

    Raises
    ------
    InputError
        If the metric is not known, or ``is_error_metric`` contradicts a known one.

    Notes
    -----
    Importance is the score of the rows as they are minus the mean score of the shuffled ones; for
    errors it is the rise of the error. So the column that matters most comes first for both,
    and columns whose shuffling happens to help are negative. Two columns that
    say the same hide each other: shuffling one leaves the other.

    References
    ----------
    .. [1] L. Breiman, "Random Forests", Machine Learning 45, 2001, https://doi.org/10.1023/A:1010933404324.
    .. [2] A. Fisher, C. Rudin and F. Dominici, "All Models are Wrong, but Many are Useful", Journal of
       Machine Learning Research 20(177), 2019, https://doi.org/10.48550/arXiv.1801.01489.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import PFIExplainer
    >>> X = np.arange(12.0).reshape(6, 2)
    >>> explainer = PFIExplainer(lambda rows: 10 * rows[:, 1], is_function=True, features=["a", "b"])
    >>> explanation = explainer.explain_global(X, 10 * X[:, 1])
    >>> explanation.get_ranked_global_names()
    ['b', 'a']
    >>> explanation.expected_values.tolist(), explanation.global_importance_values[0].tolist()
    ([0.0], 0.0)
    """

    method = "pfi"

    explainer_type: ClassVar[str] = "blackbox"
    available_explanations: ClassVar[tuple[str, ...]] = ("global",)

    def __init__(
        self,
        model: Any,
        is_function: bool = False,
        metric: Any = None,
        metric_args: Mapping[str, Any] | None = None,
        is_error_metric: bool | None = None,
        explain_subset: Sequence[int] | None = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        seed: int | None = None,
        for_classifier_use_predict_proba: bool = False,
        show_progress: bool | None = None,
        model_task: str = "unknown",
        *,
        n_repeats: int = 5,
        random_state: int | None = None,
    ) -> None:
        check_count(n_repeats, "n_repeats")
        seed = seed_of(random_state, seed)
        self.model, self.seed, self.n_repeats, self.show_progress = model, seed, n_repeats, show_progress
        self._metric = None if metric is None else Metric.of(metric, metric_args, is_error_metric)
        self._args, self._is_error = metric_args, is_error_metric
        self._names, self._subset = features, explain_subset
        self._featurizer = None if transformations is None else TransformationsFeaturizer(transformations)
        check_model(model, model_task, is_function)
        self.classes = None if classes is None else list(classes)
        self._is_function, self._task = is_function, model_task
        self._probabilities = for_classifier_use_predict_proba
        if (
            self._metric is not None
            and for_classifier_use_predict_proba
            and self._metric.reads in ("labels", "targets")
        ):
            raise InputError(
                f"The metric {self._metric.name!r} reads {self._metric.reads}, and `for_classifier_use_predict_proba` "
                "gives it probabilities. Leave one of them out, or pass a metric such as 'log_loss' or 'roc_auc'."
            )

    def explain_global(self, evaluation_examples: Any, true_labels: Any = None) -> Explanation:
        """Measure every column.

        Parameters
        ----------
        evaluation_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
            Rows that the model was not trained on, best; raw ones with ``transformations``. Sparse
            rows stay sparse.
        true_labels : array-like of shape (n_rows,)
            Labels or target values. Rows whose label is missing, or is none of the model's classes,
            are left out with a warning.

        Returns
        -------
        Explanation
            ``method="pfi"`` and ``output_unit="score"``: ``global_importance_values`` are the mean
            losses, ``global_spread`` their standard deviation over the repeats, ``expected_values``
            the metric on the rows as they are. There are no local values.

        Raises
        ------
        InputError
            If the labels are left out, or are not one per row.
        DataError
            If no label can be used, or the metric is not a number or cannot be worked out.
        """
        rows = raw_table(evaluation_examples, "evaluation_examples")
        truth = _truth(true_labels, rows.shape[0])
        names = raw_names(self._names, [rows]) or tuple(range(rows.shape[1]))
        columns = check_subset(self._subset, len(names)) or tuple(range(len(names)))
        predictions = Predictions.of(
            self.model,
            self._engineered(take(rows, slice(0, SAMPLE_ROWS))),
            task=self._task,
            classes=self.classes,
            is_function=self._is_function,
            labels_suffice=True,
        ).beside(truth)
        coded = predictions.coded(truth)
        kept = np.isfinite(coded) if predictions.classes is None else coded >= 0
        if not kept.all():
            _warn_left_out(kept, truth)
            rows, coded = take(rows, np.flatnonzero(kept)), coded[kept]
        score = self._score(predictions, coded)
        reading = self._checked(score.of(self._engineered(rows)))
        losses = self._losses_of(columns, rows, score, reading)
        return Explanation(
            values=None,
            global_values=losses.mean(axis=1)[None],
            global_spread=losses.std(axis=1)[None],
            base=np.array([-reading if score.metric.is_error else reading]),
            features=tuple(names[j] for j in columns),
            task=predictions.task,
            classes=predictions.classes,
            space="engineered" if self._featurizer is None else "raw",
            output_unit="score",
            method=self.method,
            model_type=predictions.model_type,
            n_explained_rows=rows.shape[0],
        )

    @property
    def is_error_metric(self) -> bool | None:
        """Whether small values of the metric are good; None where it depends on the rows."""
        return self._is_error if self._metric is None else self._metric.is_error

    def _engineered(self, rows: Any) -> Any:
        return rows if self._featurizer is None else self._featurizer.transform(rows)

    def _score(self, predictions: Predictions, coded: np.ndarray) -> _Score:
        """The metric made ready for these labels."""
        metric, task = self._metric, predictions.task
        if metric is None:
            default = "mae" if predictions.classes is None else "log_loss" if self._probabilities else "accuracy"
            metric = Metric.of(default, self._args, self._is_error)
        wrong = ("labels", "probabilities") if predictions.classes is None else ("targets",)
        if metric.reads in wrong:
            raise InputError(
                f"The metric {metric.name!r} reads {metric.reads}, and the model is a {task}. Pass a metric "
                f"for {task}, or say `model_task` if the model is something else."
            )
        metric = metric.for_classes(predictions.classes)
        truth = coded if metric.known or predictions.classes is None else predictions.named(coded)
        if metric.reads == "any":
            perfect = np.eye(len(predictions.classes))[coded] if predictions.classes and self._probabilities else truth
            metric = metric.oriented(truth, perfect, np.random.default_rng(self.seed))
        return _Score(metric, predictions, truth, self._probabilities)

    def _losses_of(self, columns: Sequence[int], rows: Any, score: Any, reading: float) -> np.ndarray:
        """What the score loses without each column, (n_columns, n_repeats)."""
        losses = np.zeros((len(columns), self.n_repeats))
        bar = tqdm(columns, desc="shuffling", disable=None if self.show_progress is None else not self.show_progress)
        shuffled = _Shuffled(rows)
        for at, j in enumerate(bar):
            if not shuffled.is_empty(j):
                losses[at] = self._losses(score, reading, shuffled, j)
        return losses

    def _losses(self, score: _Score, reading: float, shuffled: _Shuffled, j: int) -> np.ndarray:
        """Losses of the score by ``n_repeats`` shuffles of one column, from scikit-learn.

        It is handed the positions of the rows as the only column, so that rows of any kind are shuffled without
        a copy as an array, and each column by itself.
        """
        from sklearn.inspection import permutation_importance

        positions = np.arange(len(score.truth)).reshape(-1, 1)

        def scorer(estimator: Any, at: Any, truth: Any) -> float:
            if np.array_equal(at, positions):
                return reading
            return self._checked(score.of(self._engineered(shuffled.rows(j, at[:, 0]))))

        result = permutation_importance(
            as_estimator(score.predictions, coded=True),
            positions,
            score.truth,
            scoring=scorer,
            n_repeats=self.n_repeats,
            random_state=int(np.random.SeedSequence([self.seed, j]).generate_state(1)[0]),
        )
        losses: np.ndarray = result.importances[0]
        return losses

    def _checked(self, value: float) -> float:
        if not np.isfinite(value):
            raise DataError(
                f"The metric gives {value} on these rows, so nothing can be compared. Pass more rows (every class "
                "should be there), or another metric."
            )
        return value


class _Score:
    """How good predictions are: larger is better, whatever the metric."""

    def __init__(self, metric: Metric, predictions: Predictions, truth: np.ndarray, probabilities: bool) -> None:
        self.metric, self.predictions, self.truth, self._probabilities = metric, predictions, truth, probabilities

    def of(self, rows: Any) -> float:
        """Score on engineered rows, in the order of the labels."""
        predictions, metric = self.predictions, self.metric
        predicted = None if metric.reads == "model" else self._predicted(rows)
        try:
            if predicted is None:
                return float(
                    metric.call(as_estimator(predictions, coded=metric.known), rows, self.truth, **metric.args)
                )
            value = metric.value(self.truth, predicted)
        except AutoMLExplainError:
            raise
        except ValueError as error:  # such as logarithms of negative targets, or a metric of two classes for three
            raise DataError(
                f"The metric {metric.name!r} cannot be worked out on these rows: {error} Pass another metric."
            ) from error
        return -value if metric.is_error else value

    def _predicted(self, rows: Any) -> np.ndarray:
        if self.predictions.classes is None:
            return self.predictions.soft_output(rows)
        if self.metric.reads == "probabilities" or (self.metric.reads == "any" and self._probabilities):
            return probabilities(self.predictions, rows)
        codes = self.predictions.codes(rows)
        return codes if self.metric.known else self.predictions.named(codes)


class _Shuffled:
    """Rows with one column taken from other rows; sparse ones stay sparse."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows.tocsc() if sp.issparse(rows) else rows

    def is_empty(self, j: int) -> bool:
        """Whether a sparse column has no entry, so that shuffling changes nothing."""
        return sp.issparse(self._rows) and bool(self._rows.indptr[j] == self._rows.indptr[j + 1])

    def rows(self, j: int, positions: np.ndarray) -> Any:
        """Rows whose column ``j`` is that of the rows at ``positions``."""
        rows = self._rows
        if isinstance(rows, pd.DataFrame):
            column = rows.iloc[:, j].take(positions)
            column.index = rows.index
            made = rows.copy(deep=False)
            made.isetitem(j, column)
            return made
        if not sp.issparse(rows):
            made = rows.copy()
            made[:, j] = rows[positions, j]
            return made
        entries = slice(rows.indptr[j], rows.indptr[j + 1])
        indices = rows.indices.copy()
        indices[entries] = np.argsort(positions)[indices[entries]]
        return sp.csc_matrix((rows.data, indices, rows.indptr), shape=rows.shape).tocsr()


def _truth(true_labels: Any, n_rows: int) -> np.ndarray:
    """The labels, one per row."""
    if true_labels is None:
        raise InputError(
            "`true_labels` is missing: permutation importance compares the model's predictions with the truth. "
            "Pass the labels of these rows; MimicExplainer and TabularExplainer explain without them."
        )
    truth = labels(true_labels, "true_labels")
    if len(truth) != n_rows:
        raise InputError(f"`true_labels` has {len(truth)} values for {n_rows} rows; pass one per row, in their order.")
    return truth


def _warn_left_out(kept: np.ndarray, truth: np.ndarray) -> None:
    n = int((~kept).sum())
    shown = listed(list(dict.fromkeys(truth[~kept].tolist())))
    warn(
        f"{n} of {len(kept)} rows are left out: their true label is missing or none of the model's classes ({shown}).",
        ExplanationWarning,
    )
