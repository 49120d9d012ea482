"""MimicWrapper: engineered and raw explanations of a model, in the Azure SDK's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl_explain._validation import as_table, check_arguments
from automl_explain.adapters import inner_model
from automl_explain.exceptions import InitDatasetMissingError, InputError
from automl_explain.explainers._wrapper import ExplainerWrapper
from automl_explain.explainers.mimic._explainer import MimicExplainer
from automl_explain.surrogates import LinearExplainableModel

if TYPE_CHECKING:
    from automl_explain.explainer_setup import AutoMLExplainerSetup
    from automl_explain.explainers.mimic._report import SurrogateReport

_OWN_ARGUMENTS = {
    "model",
    "initialization_examples",
    "explainable_model",
    "features",
    "classes",
    "explain_subset",
    "transformations",
}


class MimicWrapper(ExplainerWrapper):
    """Trains a surrogate of a model and explains rows with it, engineered and raw.

    Parameters
    ----------
    workspace : ExplanationStore or None
        Where explanations are kept; None keeps them nowhere.
    model : object
        Teacher: the model to be explained, reading engineered rows.
    explainable_model : type
        Surrogate class, such as `LGBMExplainableModel`.
    explainer_kwargs : dict, optional
        More arguments of `MimicExplainer`. It is not changed.
    init_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
        Rows the surrogate learns from.
    run : ExplanationStore or None, default None
        A run that keeps explanations; goes before ``workspace``.
    features : sequence of str, optional
        Engineered names.
    classes : sequence, optional
        Labels in the order of the model's probability columns.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    explain_subset : sequence of int, optional
        Positions of the engineered features to show.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization; rows are raw then, and so are explanations.
    feature_maps : list of FeatureMap, ndarray or scipy sparse, optional
        Maps raw x engineered, raw first, to be chained; one map may come without a list.
    allow_all_transformations : bool, optional
        Accepted for compatibility.

    Attributes
    ----------
    explainer : MimicExplainer
        The explainer underneath, for `TreeScoringExplainer`.
    explainable_directly : {"tree", "linear", None}
        What kind of model it is where it could be explained without a surrogate: by `DirectWrapper`, or
        ``explain_automl(..., method="auto")``.

    Raises
    ------
    ConflictingTransformationsError
        If both ``transformations`` and ``feature_maps`` are given.
    InitDatasetMissingError
        If ``init_dataset`` is None.
    InputError
        If a map does not fit the features, or an argument is wrong.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import LGBMExplainableModel, MimicWrapper
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = LogisticRegression(max_iter=1000).fit(X, y)
    >>> wrapper = MimicWrapper(None, teacher, LGBMExplainableModel, init_dataset=X)
    >>> explanation = wrapper.explain(["local", "global"], eval_dataset=X)
    >>> explanation.get_ranked_global_names(top_k=1)
    ['petal length (cm)']
    """

    def __init__(
        self,
        workspace: Any,
        model: Any,
        explainable_model: Any,
        explainer_kwargs: Mapping[str, Any] | None = None,
        init_dataset: Any = None,
        run: Any = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        model_task: str = "unknown",
        explain_subset: Sequence[int] | None = None,
        transformations: Any = None,
        feature_maps: Any = None,
        allow_all_transformations: bool | None = None,
    ) -> None:
        features = self._settle(workspace, run, init_dataset, features, explain_subset, transformations, feature_maps)
        extra = dict(explainer_kwargs or {})
        twice = sorted(_OWN_ARGUMENTS & set(extra))
        if twice:
            raise InputError(
                f"`explainer_kwargs` holds {', '.join(map(repr, twice))}, which MimicWrapper takes itself."
            )
        if self.feature_map is not None:
            extra.setdefault("feature_groups", self.feature_map.groups())
        extra.setdefault("allow_all_transformations", bool(allow_all_transformations))
        extra = {
            "model_task": model_task,
            **extra,
            "features": features,
            "classes": classes,
            "explain_subset": explain_subset,
            "transformations": transformations,
        }
        given = (model, as_table(init_dataset, "init_dataset"), explainable_model)
        check_arguments(MimicExplainer, "explainer_kwargs", *given, **extra)
        self.explainer = MimicExplainer(*given, **extra)

    explainer: MimicExplainer

    @property
    def explainable_directly(self) -> str | None:
        """``"tree"`` or ``"linear"`` where the model itself could be explained, exactly."""
        return inner_model(self.explainer.model).kind

    @classmethod
    def from_setup(
        cls,
        setup: AutoMLExplainerSetup,
        explainable_model: Any = None,
        *,
        workspace: Any = None,
        **explainer_kwargs: Any,
    ) -> MimicWrapper:
        """Wrapper of a model that `automl_setup_model_explanations` took apart.

        Parameters
        ----------
        setup : AutoMLExplainerSetup
            Made with ``X``, so that there are rows to learn from.
        explainable_model : type, optional
            Surrogate class; where left out ``setup.surrogate_model``, or `LinearExplainableModel` where that
            follows the model markedly better: ``explainer.trials`` has the scores.
        workspace : ExplanationStore, optional
        **explainer_kwargs
            More arguments of `MimicExplainer`, over those of ``setup.surrogate_model_params``.
        """
        if setup.X_transform is None:
            raise InitDatasetMissingError(
                "The setup was made without `X`, so there are no rows to train a surrogate on. Call "
                "automl_setup_model_explanations(model, X=X_train, ...) first."
            )
        return cls(
            workspace,
            setup.automl_estimator,
            explainable_model or setup.surrogate_model,
            # Rows that the teacher has not seen either show best how the surrogate does on new ones.
            explainer_kwargs={
                "fidelity_examples": setup.X_test_transform,
                "forecasts": setup.forecasts,
                "alternative_models": () if explainable_model else (LinearExplainableModel,),
                **setup.surrogate_model_params,
                **explainer_kwargs,
            },
            init_dataset=setup.X_transform,
            run=setup.automl_run,
            features=setup.engineered_feature_names,
            classes=setup.classes,
            model_task=setup.task,
            feature_maps=[setup.feature_map],
        )

    def surrogate_report(
        self, eval_dataset: Any, raw_eval_dataset: Any = None, n_worst: int = 10, n_bins: int = 5
    ) -> SurrogateReport:
        """Where the surrogate errs, by bins of the features and in single rows.

        Parameters
        ----------
        eval_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
            Engineered rows (raw rows with ``transformations``).
        raw_eval_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
            The same rows with their raw columns, which make the bins then.
        n_worst : int, default 10
            Rows to show.
        n_bins : int, default 5
            Quantile bins of a numeric column.

        Returns
        -------
        SurrogateReport
        """
        names = None if self.feature_map is None else self.feature_map.raw_names
        return self.explainer.surrogate_report(
            eval_dataset, raw_eval_dataset, n_worst=n_worst, n_bins=n_bins, raw_feature_names=names
        )

    def get_surrogate_model_replication_measure(self, training_data: Any) -> float:
        """See `MimicExplainer.get_surrogate_model_replication_measure`."""
        return self.explainer.get_surrogate_model_replication_measure(training_data)
