"""DirectWrapper: engineered and raw explanations of a model by itself, with the methods of MimicWrapper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from automl_explain._validation import as_table
from automl_explain.adapters import InnerModel, inner_model
from automl_explain.exceptions import InitDatasetMissingError, UnsupportedModelError
from automl_explain.explainers._wrapper import ExplainerWrapper
from automl_explain.explainers.direct._linear import LinearExplainer
from automl_explain.explainers.direct._tree import TreeExplainer

if TYPE_CHECKING:
    from automl_explain.explainer_setup import AutoMLExplainerSetup


class DirectWrapper(ExplainerWrapper):
    """Explains a tree or linear model without a surrogate, engineered and raw.

    Parameters
    ----------
    workspace : ExplanationStore or None
        Where explanations are kept; None keeps them nowhere.
    model : object
        The model to be explained, reading engineered rows; FLAML's estimators and scikit-learn's searches
        are looked into.
    init_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
        Rows that tell the columns, and that a linear model's values are compared with.
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
        Maps raw x engineered, raw first, to be chained.
    shap_values_output : {"default", "probability", "teacher_probability"}, default "default"
    random_state : int, default 0
    show_progress : bool, optional

    Attributes
    ----------
    explainer : TreeExplainer or LinearExplainer
        The explainer underneath, for scoring explainers.

    Raises
    ------
    UnsupportedModelError
        If the model is no tree or linear model.
    SelfCheckError
        If its values do not add up to what it predicts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from automl_explain import DirectWrapper
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> wrapper = DirectWrapper(None, RandomForestClassifier(20, random_state=0).fit(X, y), X)
    >>> wrapper.explain(["local", "global"], eval_dataset=X).output_unit
    'probability'
    """

    def __init__(
        self,
        workspace: Any,
        model: Any,
        init_dataset: Any,
        run: Any = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        model_task: str = "unknown",
        explain_subset: Sequence[int] | None = None,
        transformations: Any = None,
        feature_maps: Any = None,
        *,
        shap_values_output: str = "default",
        random_state: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        features = self._settle(workspace, run, init_dataset, features, explain_subset, transformations, feature_maps)
        inner = inner_model(model)
        if inner.kind is None:
            raise UnsupportedModelError(
                f"{inner.why_opaque}, so it cannot be explained without a surrogate. Explain it with MimicWrapper "
                "(`method='mimic'`)."
            )
        self.explainer = _make(inner)(
            inner.model,
            initialization_examples=as_table(init_dataset, "init_dataset"),
            explain_subset=explain_subset,
            features=features,
            classes=classes,
            transformations=transformations,
            shap_values_output=shap_values_output,
            model_task=model_task,
            predictor=model,
            missing_code=inner.missing_code_for(init_dataset),
            random_state=random_state,
            show_progress=show_progress,
        )

    @classmethod
    def from_setup(cls, setup: AutoMLExplainerSetup, *, workspace: Any = None, **more: Any) -> DirectWrapper:
        """Wrapper of a model that `automl_setup_model_explanations` took apart.

        Parameters
        ----------
        setup : AutoMLExplainerSetup
            Made with ``X``.
        workspace : ExplanationStore, optional
        **more
            More arguments of `DirectWrapper`.
        """
        if setup.X_transform is None:
            raise InitDatasetMissingError(
                "The setup was made without `X`, so there are no rows that tell the columns. Call "
                "automl_setup_model_explanations(model, X=X_train, ...) first."
            )
        return cls(
            workspace,
            setup.automl_estimator,
            setup.X_transform,
            run=setup.automl_run,
            features=setup.engineered_feature_names,
            classes=setup.classes,
            model_task=setup.task,
            feature_maps=[setup.feature_map],
            **more,
        )


def _make(inner: InnerModel) -> Any:
    return TreeExplainer if inner.kind == "tree" else LinearExplainer
