"""Every explainer of rows keeps the contract; one that is exported cannot be forgotten here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

import automl_explain
from automl_explain import (
    KernelExplainer,
    LGBMExplainableModel,
    LinearExplainer,
    MimicExplainer,
    TabularExplainer,
    TreeExplainer,
)
from automl_explain.exceptions import ContractError
from automl_explain.testing import check_explainer

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
#: Checked elsewhere, and why.
ELSEWHERE = {
    "PFIExplainer": "global only; test_pfi.py",
    "LIMEExplainer": "needs an extra, and fits local models; its own file",
    "DeepExplainer": "needs an extra; its own file",
}


@functools.cache
def rows() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])


def target(kind: str) -> Any:
    signal = rows()["a"] * rows()["b"] + rows()["c"]
    if kind == "regression":
        return signal
    return (
        np.where(signal > 0, "yes", "no")
        if kind == "binary"
        else np.select([signal < -0.5, signal < 0.5], list("pq"), "r")
    )


def mimic(kind: str) -> Any:
    teacher = Ridge() if kind == "regression" else LogisticRegression()
    size = {"n_estimators": 10, "n_jobs": 1}
    return MimicExplainer(teacher.fit(rows(), target(kind)), rows(), LGBMExplainableModel, size, augment_data=False)


def tree(kind: str) -> Any:
    model = DecisionTreeRegressor(max_depth=4) if kind == "regression" else RandomForestClassifier(5, random_state=0)
    return TreeExplainer(model.fit(rows(), target(kind)))


def linear(kind: str) -> Any:
    model = Ridge() if kind == "regression" else LogisticRegression()
    return LinearExplainer(model.fit(rows(), target(kind)), rows())


def kernel(kind: str) -> Any:
    model = KNeighborsRegressor() if kind == "regression" else KNeighborsClassifier()
    return KernelExplainer(model.fit(rows(), target(kind)), rows())


def tabular(kind: str) -> Any:
    model = Ridge() if kind == "regression" else GradientBoostingClassifier(n_estimators=3)
    return TabularExplainer(model.fit(rows(), target(kind)), rows())


EXPLAINERS: dict[str, Callable[[str], Any]] = {
    "MimicExplainer": mimic,
    "TreeExplainer": tree,
    "LinearExplainer": linear,
    "KernelExplainer": kernel,
    "TabularExplainer": tabular,
}


def test_no_exported_explainer_is_forgotten() -> None:
    exported = {n for n in automl_explain.__all__ if n.endswith("Explainer") and not n.endswith("ScoringExplainer")}
    assert exported == {*EXPLAINERS, *(ELSEWHERE.keys() & exported)}


@pytest.mark.parametrize("kind", ["regression", "binary", "three classes"])
@pytest.mark.parametrize("name", EXPLAINERS)
def test_every_explainer_keeps_the_contract(name: str, kind: str) -> None:
    check_explainer(EXPLAINERS[name](kind), rows(), adds_up=name != "MimicExplainer")


def test_sparse_rows_are_explained_alike() -> None:
    X = sp.random(200, 30, density=0.2, format="csr", random_state=0)
    y = np.asarray(X[:, :5].sum(axis=1)).ravel()
    check_explainer(LinearExplainer(Ridge().fit(X, y), X), X)
    check_explainer(TreeExplainer(DecisionTreeRegressor(max_depth=4).fit(X, y)), X)


class Broken:
    """An explainer whose answers are changed on the way."""

    def __init__(self, change: Callable[[Any, Any], Any], whole: Callable[[Any], Any] = lambda e: e) -> None:
        self._inner, self._change, self._whole = linear("binary"), change, whole
        self.features, self.classes = self._inner.features, self._inner.classes

    def explain_local(self, X: Any) -> Any:
        return self._change(self._inner.explain_local(X), X)

    def explain_global(self, X: Any, include_local: bool = True) -> Any:
        return self._whole(self._inner.explain_global(X, include_local))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e, X: e.values, "expected an Explanation"),
        (lambda e, X: e[:-1], "explains 11 rows of 12"),
        (lambda e, X: e._changed(features=["c", "b", "a"]), "`features` is"),
        (lambda e, X: e._changed(classes=["yes", "no"]), "`classes` is"),
        (lambda e, X: e._changed(base=e.base + 1), "not the model's prediction"),
        (lambda e, X: e._changed(values=e.values * len(X), base=e.base), "of a single row gives values"),
        (lambda e, X: e._changed(eval_y_predicted=["no"] * len(e) if len(e) < 12 else ["yes"] * 12), "predictions of"),
    ],
)
def test_a_broken_explainer_is_found_out(change: Any, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        check_explainer(Broken(change), rows())


def test_global_values_that_are_not_those_of_the_rows_are_found_out() -> None:
    broken = Broken(lambda e, X: e, lambda e: e._changed(global_values=e.global_values + 1))
    with pytest.raises(ContractError, match="from the mean magnitudes"):
        check_explainer(broken, rows())


def test_something_else_is_refused() -> None:
    with pytest.raises(ContractError, match="lacks 'explain_local'"):
        check_explainer(Ridge(), rows())
