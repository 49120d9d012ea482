"""TabularExplainer: chooses the explainer that fits a model, and says which and why."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar

from automl_explain._validation import check_count, shown
from automl_explain.adapters import inner_model, is_network
from automl_explain.exceptions import AutoMLExplainError, InputError, SelfCheckError, UnsupportedModelError
from automl_explain.explainers._base import RowExplainer
from automl_explain.explainers._scoring import Scored
from automl_explain.explainers.direct._kernel import KernelExplainer
from automl_explain.explainers.direct._linear import LinearExplainer
from automl_explain.explainers.direct._tree import TreeExplainer
from automl_explain.explanation import Explanation, Fidelity
from automl_explain.feature_map import FeatureMap
from automl_explain.treeshap import has_trees


class TabularExplainer(Scored):
    """Explains a model in the way that fits it: as trees, linear, as a network, or by its predictions alone.

    The choice is by what the model is: `TreeExplainer` for a model whose trees can be read,
    `LinearExplainer` for a linear one of scikit-learn, `DeepExplainer` for a network of PyTorch or Keras,
    `KernelExplainer` for all others, and where the values of trees or weights would not add up to
    what the model predicts. ``kind`` and ``reason`` say what was chosen and why.

    Parameters
    ----------
    model : object
        Fitted; scikit-learn's searches are looked into.
    initialization_examples : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        Rows that tell the columns, and that values are compared with where there are no trees.
    explain_subset : sequence of int, optional
        Positions of the features to show; the others are summed up as unmapped.
    features, classes : sequence, optional
        Names; labels in the order of the model's outputs.
    transformations : ColumnTransformer or list of (columns, transformer), optional
        Fitted featurization. Rows are raw then, and so are explanations.
    allow_all_transformations : bool, default False
        Accepted for compatibility.
    model_task : {"unknown", "classification", "regression"}, default "unknown"
    use_gpu : bool, default False
        Only False: there is no GPU kernel here.
    nclusters : int, default 10
        Background rows of the kernel.
    max_eval_rows : int, optional
        Rows that the kernel explains in `explain_global` at most; see `KernelExplainer`.
    random_state : int, default 0
    show_progress : bool, optional
    categorical_features : sequence of str or int, optional
        Columns whose values are categories. A pipeline gets text, dates and categories exactly as they are in the
        rows, named here or not.

    Attributes
    ----------
    explainer : RowExplainer
        The explainer chosen.
    kind : {"tree", "linear", "deep", "kernel"}
    reason : str
        Why.
    method, output_unit : str
    classes : list or None
    features : list

    Raises
    ------
    InputError
        If ``use_gpu=True``, or an argument does not fit.
    UnsupportedModelError
        If the model cannot be explained; the message says what was tried.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import TabularExplainer
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> explainer = TabularExplainer(LogisticRegression(max_iter=1000).fit(X, y), X)
    >>> explainer.kind, explainer.reason
    ('linear', 'LogisticRegression adds up weighted columns')
    """

    explainer_type: ClassVar[str] = "blackbox"
    available_explanations: ClassVar[tuple[str, ...]] = ("global", "local")

    def __init__(
        self,
        model: Any,
        initialization_examples: Any,
        explain_subset: Sequence[int] | None = None,
        features: Sequence[str | int] | None = None,
        classes: Sequence[Any] | None = None,
        transformations: Any = None,
        allow_all_transformations: bool = False,
        model_task: str = "unknown",
        use_gpu: bool = False,
        *,
        nclusters: int = 10,
        max_eval_rows: int | None = None,
        random_state: int = 0,
        show_progress: bool | None = None,
        categorical_features: Sequence[str | int] | None = None,
    ) -> None:
        if use_gpu is not False:
            raise InputError(
                f"`use_gpu` is {shown(use_gpu)}; expected False. Leave it out: explainers here run on the processor."
            )
        check_count(nclusters, "nclusters")
        check_count(random_state, "random_state", least=0)
        if max_eval_rows is not None:
            check_count(max_eval_rows, "max_eval_rows")
        given = {
            "initialization_examples": initialization_examples,
            "explain_subset": explain_subset,
            "features": features,
            "classes": classes,
            "transformations": transformations,
            "model_task": model_task,
            "show_progress": show_progress,
            "categorical_features": categorical_features,
        }
        self.kind, self.reason, instead = _choice(model)
        missing_code = inner_model(model).missing_code_for(initialization_examples)
        exact = {**given, "random_state": random_state, "predictor": model, "missing_code": missing_code}
        by_asking = {**given, "nclusters": nclusters, "max_eval_rows": max_eval_rows, "random_state": random_state}
        self.explainer: RowExplainer
        try:
            if self.kind == "deep":
                deep = importlib.import_module("automl_explain.explainers.direct._deep").DeepExplainer
                self.explainer = deep(model, **given, random_state=random_state)
            elif self.kind == "kernel":
                self.explainer = _kernel(model, by_asking, tried=instead)
            else:
                chosen = TreeExplainer if self.kind == "tree" else LinearExplainer
                self.explainer = chosen(inner_model(model).model, **exact)
        except (SelfCheckError, UnsupportedModelError) as error:
            if self.kind in ("kernel", "deep"):
                raise
            tried = f"{self.reason}, but: {error}"
            self.kind, self.reason = "kernel", tried
            self.explainer = _kernel(model, by_asking, tried=tried)

    @property
    def method(self) -> str:
        """Name shown in explanations, such as ``"tree"``."""
        return self.explainer.method

    @property
    def output_unit(self) -> str:
        """Unit of explanations."""
        return self.explainer.output_unit

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the outputs."""
        return self.explainer.classes

    @property
    def features(self) -> list[str | int]:
        """Names of the features in explanations."""
        return self.explainer.features

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map of the ``transformations``, if any."""
        return self.explainer.feature_map

    @property
    def model(self) -> Any:
        """The model explained."""
        return self.explainer.model

    @property
    def fidelity(self) -> Fidelity | None:
        """None: the model itself is explained."""
        return self.explainer.fidelity

    def explain_local(self, evaluation_examples: Any, **how: Any) -> Explanation:
        """Explain every row; see `RowExplainer.explain_local`."""
        return self.explainer.explain_local(evaluation_examples, **how)

    def explain_global(self, evaluation_examples: Any = None, include_local: bool = True, **how: Any) -> Explanation:
        """Explain the rows together; see `RowExplainer.explain_global`."""
        return self.explainer.explain_global(evaluation_examples, include_local, **how)

    def __repr__(self) -> str:
        return f"TabularExplainer({self.kind}: {self.reason})"


def _choice(model: Any) -> tuple[str, str, str]:
    """Kind of explainer, why, and what a refusal of the kernel adds."""
    name = type(model).__name__
    inner = inner_model(model)
    shown = type(inner.model).__name__
    around = "" if inner.model is model else f" in {name}"
    if inner.kind == "tree":
        return "tree", f"{shown}{around} is made of trees", ""
    if inner.kind == "linear":
        return "linear", f"{shown}{around} adds up weighted columns", ""
    if is_network(model):
        return "deep", f"{name} is a network", ""
    if hasattr(model, "steps"):
        last = type(model.steps[-1][1]).__name__
        return (
            "kernel",
            f"{name} is explained by its predictions; pass its {last} with the steps before it as `transformations` "
            "to have that explained by itself, if it is a tree or linear model",
            "",
        )
    why = f"{name} is no tree model, no linear model of scikit-learn and no network"
    if has_trees(inner.model):
        why = inner.why_opaque
    return "kernel", f"{why}, so it is explained by its predictions", why


def _kernel(model: Any, given: dict[str, Any], *, tried: str) -> KernelExplainer:
    try:
        return KernelExplainer(model, is_function=callable(model) and not hasattr(model, "predict"), **given)
    except AutoMLExplainError as error:
        if not isinstance(error, UnsupportedModelError):
            raise
        cause: Exception = error
    except Exception as error:  # whatever a model raises that is not fitted, or reads no tables
        cause = error
    told = str(cause)
    if tried and told not in tried:
        told = f"{tried.rstrip('.')}; and by its predictions: {told}"
    raise UnsupportedModelError(told) from cause
