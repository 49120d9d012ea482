"""MimicExplainer: explains a model through a surrogate trained on its soft output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from automl_explain._validation import check_arguments, check_count
from automl_explain.exceptions import InputError
from automl_explain.explainers._base import RowExplainer
from automl_explain.explainers._fidelity import measure
from automl_explain.explainers._predictions import Predictions
from automl_explain.explainers.mimic._training import train
from automl_explain.lineage._texts import text_parts

if TYPE_CHECKING:
    from automl_explain.explainers.mimic._report import SurrogateReport


class MimicExplainer(RowExplainer):
    """Explains a teacher through a surrogate that learnt its soft output.

    Parameters
    ----------
    model : object or callable
        Teacher: ``predict_proba`` or ``predict`` on rows like ``initialization_examples``, or a
        function with ``is_function=True``.
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        Training data; the surrogate learns from these rows.
    explainable_model : type
        Surrogate class, such as `LGBMExplainableModel`.
    explainable_model_args : dict, optional
        Arguments of the surrogate. It is not changed.
    is_function : bool, default False
        Whether ``model`` is a function from rows to outputs.
    augment_data : bool, default True
        Whether the teacher may label augmented rows where rows are few or fidelity is short.
    max_num_of_augmentations : int, default 10
        Augmented rows at most, per training row; eight times as many again for three and more classes that the
        surrogate reproduces with less than R2 0.95.
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
    shap_values_output : {"default", "probability", "teacher_probability"}, default "default"
        What values add up to where a call asks for no unit. ``default``: log-odds for classification,
        the target for regression. ``probability``: the surrogate's probability of the row.
        ``teacher_probability``: the teacher's own; what the surrogate lacks to it is spread over the
        values in proportion to their magnitude, and is unmapped in rows where all are 0.
    categorical_features : sequence of str or int, optional
        Columns whose values are categories; pandas ``category`` columns are anyway, and so are columns of text,
        which the model gets as they are. The surrogate reads dates as seconds, the model as they are.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    reset_index : {"ignore"}, default "ignore"
        The index of the rows is no feature.
    feature_groups : ndarray of shape (n_features,), optional
        Number of the group of each feature; features of one group stay together when rows are
        mixed. Every feature by itself where left out.
    fidelity_examples : DataFrame, ndarray or scipy sparse of shape (n_fresh, n_features), optional
        Rows to measure the fidelity on, best such that the teacher was not trained on either. Those
        that are training rows as well do not count; a fifth of the training rows is held out where fewer
        than 100 remain.
    alternative_models : sequence of type, default ()
        Surrogate classes tried where ``explainable_model`` reaches less than R2 0.98 on stopping rows; one
        is taken in its place if it is better by 0.01. In tables of more than 500 columns they come first.
    forecasts : bool, optional
        Whether the rows to explain come after the training rows, as steps ahead do. Held-out rows lie in the past
        then, which the fidelity on them says, and the one on the rows explained is shown first. Where left out it
        is so for the forecasts of `automl_setup_model_explanations`.
    random_state : int, default 0
    show_progress : bool, optional
        Progress bar on long work; on a terminal only where left out.

    Attributes
    ----------
    surrogate_model : SurrogateModel
        The fitted surrogate; its ``.model`` is the native learner.
    fidelity : Fidelity
        On held-out rows.
    trials : dict of str to float
        Method of every surrogate tried -> its R2 (of probabilities) on the rows that stopped the fit. A
        second surrogate of the same method is listed as ``"mimic.lightgbm #2"``, and so on.
    teacher_memorizes : bool
        Whether the model answers its training rows otherwise than rows beside them, as nearest neighbours
        do; the surrogate has learnt from augmented rows alone then.
    features : list
        Names of the features explained.
    classes : list or None
        Labels in the order of the outputs.

    Raises
    ------
    InitDatasetMissingError
        If there are no training rows.
    InputError, DataError, UnsupportedModelError
        If an argument, a value or the model cannot be used.

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
        alternative_models: Sequence[Any] = (),
        forecasts: bool | None = None,
        random_state: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        if reset_index != "ignore":
            raise InputError(f"`reset_index` must be 'ignore'; got {reset_index!r}. Other values are not supported.")
        check_count(max_num_of_augmentations, "max_num_of_augmentations", least=0)
        model, transformations = text_parts(model, transformations)
        rows = self._read_rows(
            initialization_examples,
            features=features,
            transformations=transformations,
            explain_subset=explain_subset,
            categorical_features=categorical_features,
            text="categories",
        )
        teacher = Predictions.of(model, rows, task=model_task, classes=classes, is_function=is_function)
        self._answer_in(shap_values_output, teacher.unit)
        fresh = fidelity_examples
        fresh = None if fresh is None else self.inputs.engineered(fresh, "fidelity_examples")[1]
        groups = feature_groups if self.feature_map is None else self.feature_map.groups()
        trained = train(
            make_surrogate(explainable_model, explainable_model_args),
            teacher,
            rows,
            self.encoder,
            groups=check_groups(groups, self.encoder.n_features),
            augment=augment_data,
            max_augmentations=max_num_of_augmentations,
            random_state=random_state,
            fresh=fresh,
            alternatives=[make_surrogate(each, None) for each in alternative_models],
            forecasts=bool(getattr(model, "forecasts", False) if forecasts is None else forecasts),
        )
        self.surrogate_model, self.trials = trained.surrogate, dict(trained.trials)
        self.teacher_memorizes, self._far = trained.teacher_memorizes, trained.far
        how: dict[str, Any] = {"random_state": random_state, "show_progress": show_progress}
        self._keep(rows, model, trained.teacher, trained.surrogate, fidelity=trained.fidelity, **how)

    @property
    def teacher_remembers(self) -> bool:
        """Older name of `teacher_memorizes`."""
        return self.teacher_memorizes

    def surrogate_report(
        self,
        eval_dataset: Any,
        raw_eval_dataset: Any = None,
        n_worst: int = 10,
        n_bins: int = 5,
        *,
        raw_feature_names: Sequence[str | int] | None = None,
    ) -> SurrogateReport:
        """Where the surrogate errs, by bins of the features and in single rows.

        Parameters
        ----------
        eval_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
            Rows as for `explain_local`, best such that the surrogate has not learnt from.
        raw_eval_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
            The same rows with their raw columns, which make the bins then.
        n_worst : int, default 10
            Rows to show.
        n_bins : int, default 5
            Quantile bins of a numeric column.
        raw_feature_names : sequence of str or int, optional
            Names of raw columns that come as an array.

        Returns
        -------
        SurrogateReport
            With ``to_frame()``, ``worst()`` and the fidelity on these rows.

        Raises
        ------
        InputError
            If an argument is wrong, or the tables hold different rows.
        """
        shown, rows = self.inputs.engineered(eval_dataset, "eval_dataset")
        encoded = self.encoder.encode(rows, "eval_dataset")
        if not isinstance(shown, pd.DataFrame) and raw_eval_dataset is None:
            raw_feature_names = self.encoder.names if self.feature_map is None else self.feature_map.raw_names
        from automl_explain.explainers.mimic._report import surrogate_report

        return surrogate_report(
            self.surrogate_model,
            self.teacher,
            rows,
            encoded,
            shown,
            raw=raw_eval_dataset,
            raw_names=raw_feature_names,
            n_worst=n_worst,
            n_bins=n_bins,
        )

    def get_surrogate_model_replication_measure(self, training_data: Any) -> float:
        """How well the surrogate replicates the model on rows, in one number.

        Parameters
        ----------
        training_data : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
            Rows as for `explain_local`. On those that the surrogate learnt from it looks better than on
            others; ``fidelity`` is measured on held-out rows.

        Returns
        -------
        float
            Classification: share of the rows, from 0 to 1, for which the most probable class of both is the same.
            Regression: R2 of the surrogate's outputs to the model's.

        Raises
        ------
        InputError
            If a regression is measured on a single row, which has no spread to compare with.
        """
        rows = self.inputs.engineered(training_data, "training_data")[1]
        encoded = self.encoder.encode(rows, "training_data")
        fidelity = measure(self.surrogate_model, self.teacher, encoded, self.teacher.soft_output(rows), rows="eval")
        score = fidelity.r2 if self.teacher.classes is None else fidelity.agreement
        if score is None:
            raise InputError(
                "`training_data` has 1 row; R2 compares errors with the spread over the rows and needs at least 2. "
                "Pass more rows."
            )
        return score


def make_surrogate(explainable_model: Any, arguments: Mapping[str, Any] | None) -> Any:
    """A surrogate of this class with these arguments.

    Raises
    ------
    InputError
        If the class is no surrogate, or the arguments do not fit it.
    """
    if not isinstance(explainable_model, type) or not hasattr(explainable_model, "shapley_values"):
        raise InputError(
            f"`explainable_model` must be a surrogate class such as LGBMExplainableModel; got {explainable_model!r}."
        )
    given = dict(arguments or {})
    check_arguments(explainable_model, "explainable_model_args", **given)
    return explainable_model(**given)


def check_groups(groups: Any, n_features: int) -> np.ndarray:
    """Group numbers of the features, each by itself where left out."""
    if groups is None:
        return np.arange(n_features)
    result = np.asarray(groups)
    if result.shape != (n_features,) or result.dtype.kind not in "iu" or (result < 0).any():
        raise InputError(
            f"`feature_groups` must be {n_features} whole numbers from 0, one per feature; got {groups!r}."
        )
    return result
