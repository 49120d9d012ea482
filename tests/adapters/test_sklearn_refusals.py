"""Models of scikit-learn that are neither one regression nor one classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from automl_explain import automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.exceptions import UnsupportedModelError

ROWS = np.random.default_rng(0).normal(size=(60, 3))
ONE = (ROWS[:, 0] > 0).astype(int)
#: A row may have no label, one or both: its probabilities do not sum to 1.
TWO = np.column_stack([ONE, (ROWS[:, 1] > 0).astype(int)])

NO_TARGET = {
    "clusterer": KMeans(2, n_init=1),
    "density_estimator": GaussianMixture(2),
}
MULTI_CLASSIFIERS = {
    "one model per target": MultiOutputClassifier(LogisticRegression()),
    "chain": ClassifierChain(LogisticRegression()),
    "forest": RandomForestClassifier(5),
    "one model per label": OneVsRestClassifier(LogisticRegression()),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(5)),
}
MULTI_REGRESSORS = {
    "linear": LinearRegression(),
    "forest": RandomForestRegressor(5),
    "one model per target": MultiOutputRegressor(LinearRegression()),
    "pipeline": make_pipeline(StandardScaler(), LinearRegression()),
    "search": GridSearchCV(LinearRegression(), {"fit_intercept": [True]}, cv=2),
    "search over pipelines": GridSearchCV(
        make_pipeline(LinearRegression()), {"linearregression__fit_intercept": [True]}, cv=2
    ),
}


@pytest.mark.parametrize("name", NO_TARGET)
def test_models_that_learn_no_target_are_refused(name: str) -> None:
    """Numbers of clusters are no regression."""
    model = NO_TARGET[name].fit(ROWS)
    with pytest.raises(UnsupportedModelError, match=r"is an? .*; it predicts no target.*Pass a regressor"):
        adapter_for(model)
    assert not automl_check_model_if_explainable(model)


@pytest.mark.parametrize(
    "model", [*MULTI_CLASSIFIERS.values(), *MULTI_REGRESSORS.values()], ids=[*MULTI_CLASSIFIERS, *MULTI_REGRESSORS]
)
def test_models_of_several_targets_are_refused(model: Any) -> None:
    model.fit(ROWS, TWO)
    with pytest.raises(UnsupportedModelError, match=r"predicts several targets.*Fit one model per target"):
        adapter_for(model)
    assert not automl_check_model_if_explainable(model)


@pytest.mark.parametrize(
    ("model", "task"),
    [
        (KNeighborsRegressor(), "regression"),
        (MLPClassifier(3, solver="lbfgs", max_iter=2000, random_state=0), "classification"),
    ],
    ids=["neighbors", "network"],
)
def test_several_targets_that_only_predictions_show_are_refused_by_the_self_check(model: Any, task: str) -> None:
    model.fit(ROWS, TWO)
    with pytest.raises(UnsupportedModelError, match=r"predicts several targets.*Fit one model per target"):
        automl_setup_model_explanations(model, task, X=ROWS, features=list("abc"))


def test_one_target_in_two_dimensions_is_no_second_target() -> None:
    for model in (SVR(kernel="linear"), PLSRegression(1), LinearRegression(), RandomForestRegressor(5)):
        y = ONE[:, None].astype(float) if isinstance(model, LinearRegression) else ONE.astype(float)
        assert adapter_for(model.fit(ROWS, y)).task == "regression"
        assert automl_check_model_if_explainable(model)


def test_a_class_instead_of_an_object_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match=r"LinearRegression is a class.*fitted object"):
        adapter_for(LinearRegression)
    assert not automl_check_model_if_explainable(LinearRegression)


def test_an_object_with_only_predict_stays_a_regressor() -> None:
    class Plain:
        def predict(self, X: Any) -> np.ndarray:
            return np.asarray(X)[:, 0]

    assert adapter_for(Plain()).task == "regression"
    assert automl_check_model_if_explainable(Plain())
