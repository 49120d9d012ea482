"""What every adapter of an AutoML library must do, on a model that was really fitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_explain import MimicWrapper, automl_setup_model_explanations, load, save
from automl_explain.adapters import adapter_for
from automl_explain.testing import check_adapter

SMALL = {"explainable_model_args": {"n_estimators": 60, "num_leaves": 15, "n_jobs": 1}, "random_state": 1}


def warnings_of(*modules: str) -> list[pytest.MarkDecorator]:
    """Marks that let the libraries warn in their own modules; ours stay errors, but for the few rows of a test."""
    few_rows = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
    return [few_rows, *(pytest.mark.filterwarnings(f"ignore:::{module}") for module in modules)]


class Asked:
    """A library's model asked in its own way, with what it answers as arrays.

    Parameters
    ----------
    predict : callable
        Original labels or target values of raw rows.
    predict_proba : callable, optional
        Probabilities of raw rows, in the order of the labels that the adapter tells.
    """

    def __init__(self, predict: Callable[[Any], Any], predict_proba: Callable[[Any], Any] | None = None) -> None:
        self.predict = predict
        if predict_proba is not None:
            self.predict_proba = predict_proba


def flow(
    model: Any, asked: Asked, X: pd.DataFrame, y: pd.Series, folder: Path, *, exact: bool = True, n_train: int = 300
) -> Any:
    """Setup, wrapper, both explanations, scoring explainer and its file; gives the setup.

    ``exact``: whether the predictions shown must be the library's own to the last bit.
    """
    regression = pd.api.types.is_float_dtype(y.dtype)
    check_adapter(adapter_for(model), X[:n_train], y[:n_train], model=asked)

    X_test, kept = X[n_train:], X[n_train:].copy(deep=True)
    setup = automl_setup_model_explanations(
        model, "regression" if regression else "classification", X=X[:n_train], X_test=X_test, y=y[:n_train]
    )
    assert setup.raw_feature_names == list(X.columns)
    assert setup.feature_map.unmapped == ()

    wrapper = MimicWrapper.from_setup(setup, **SMALL)
    engineered = wrapper.explain(["local", "global"], eval_dataset=setup.X_test_transform)
    raw = wrapper.explain(
        ["local", "global"],
        eval_dataset=setup.X_test_transform,
        get_raw=True,
        raw_feature_names=setup.raw_feature_names,
        raw_eval_dataset=setup.X_test_raw,
    )
    assert engineered.features == setup.engineered_feature_names
    assert raw.features == list(X.columns)
    np.testing.assert_allclose(raw.values.sum(-1), engineered.values.sum(-1), atol=1e-9)

    same = np.testing.assert_array_equal if exact else np.testing.assert_allclose
    compare = same if regression else np.testing.assert_array_equal  # labels are never nearly right
    compare(np.asarray(raw.eval_y_predicted), np.asarray(asked.predict(X_test)))
    if not regression:
        assert setup.classes is not None
        assert set(setup.classes) == set(y)
        assert {type(c) for c in setup.classes} == {str}
        same(setup.automl_estimator.predict_proba(setup.X_test_transform), np.asarray(asked.predict_proba(X_test)))
    pd.testing.assert_frame_equal(X_test, kept)

    scoring = wrapper.create_scoring_explainer()
    save(scoring, directory=str(folder / "scoring"), exist_ok=True)
    loaded = load(str(folder / "scoring"))
    values = np.asarray(loaded.explain(setup.X_test_transform, get_raw=True))
    np.testing.assert_allclose(values, np.asarray(raw.local_importance_values), atol=1e-9)
    return setup


def strongest(setup: Any, effects: Any, n: int = 4) -> bool:
    """Whether the raw column with the strongest true effect is among the ``n`` that the explanation ranks first."""
    wrapper = MimicWrapper.from_setup(setup, **SMALL)
    raw = wrapper.explain(["global"], eval_dataset=setup.X_test_transform, get_raw=True)
    return max(effects, key=effects.get) in raw.get_ranked_global_names()[:n]
