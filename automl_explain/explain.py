"""explain_automl: from a fitted AutoML model to both explanations in one call."""

from __future__ import annotations

import dataclasses
from typing import Any

from automl_explain._validation import check_raw_method
from automl_explain.adapters import adapter_for
from automl_explain.adapters._candidates import fitted_candidate
from automl_explain.explainer_setup import AutoMLExplainerSetup, automl_setup_model_explanations
from automl_explain.explainers import MimicWrapper
from automl_explain.explanation import Explanation


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AutoMLExplanations:
    """What `explain_automl` gives.

    Attributes
    ----------
    setup : AutoMLExplainerSetup
    explainer : MimicWrapper
        Explains more rows.
    engineered, raw : Explanation
        Of the rows to explain, in both spaces.
    """

    setup: AutoMLExplainerSetup
    explainer: MimicWrapper
    engineered: Explanation
    raw: Explanation

    def __repr__(self) -> str:
        return f"AutoMLExplanations of {type(self.setup.automl_pipeline).__name__}\n{self.raw!r}"


def explain_automl(
    automl: Any,
    X_train: Any,
    X_test: Any,
    y_train: Any = None,
    *,
    task: str | None = None,
    raw_method: str = "folded",
    **setup_options: Any,
) -> AutoMLExplanations:
    """Explain a fitted AutoML model, engineered and raw, local and global.

    Parameters
    ----------
    automl : flaml.AutoML, sklearn Pipeline or estimator
        Fitted, or a `candidate`.
    X_train, X_test : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Raw rows to train the surrogate on, and raw rows to explain.
    y_train : array-like of shape (n_rows,), optional
        Targets of the training rows.
    task : {"classification", "regression"}, optional
        Taken from the model where left out.
    raw_method : {"folded", "grouped"}, default "folded"
        How raw values are made; see `MimicWrapper.explain`.
    **setup_options
        More arguments of `automl_setup_model_explanations`.

    Returns
    -------
    AutoMLExplanations
        With ``setup``, ``explainer``, ``engineered`` and ``raw``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from automl_explain import explain_automl
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> result = explain_automl(LogisticRegression(max_iter=1000).fit(X, y), X, X, y)
    >>> result.raw.get_ranked_global_names(top_k=1)
    ['petal length (cm)']
    """
    check_raw_method(raw_method)
    automl = fitted_candidate(automl, X_train, y_train)  # one that waits for rows does not tell its task
    setup = automl_setup_model_explanations(
        automl, task=task or adapter_for(automl).task, X=X_train, X_test=X_test, y=y_train, **setup_options
    )
    explainer = MimicWrapper.from_setup(setup)
    both = ["local", "global"]
    engineered = explainer.explain(both, eval_dataset=setup.X_test_transform)
    raw = explainer.explain(
        both,
        eval_dataset=setup.X_test_transform,
        get_raw=True,
        raw_eval_dataset=setup.X_test_raw,
        raw_method=raw_method,
    )
    return AutoMLExplanations(setup, explainer, engineered, raw)
