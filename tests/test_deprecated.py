"""The six-tuples of older Azure code."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import SMALL
from sklearn.linear_model import LinearRegression, LogisticRegression

from automl_explain import Explanation, MimicWrapper, deprecated, explain_model, retrieve_model_explanation
from automl_explain.exceptions import InputError

pytestmark = [
    pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning"),
    pytest.mark.filterwarnings("ignore:.* is deprecated and goes in:FutureWarning"),
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(150, 3)), columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def models(table: pd.DataFrame) -> dict[int, Any]:
    """Fitted models by their number of classes; b matters most."""
    size = table["a"] + 3 * table["b"]
    classifier = LogisticRegression(max_iter=500)
    return {
        0: LinearRegression().fit(table, size),
        2: LogisticRegression().fit(table, np.where(size > 0, "yes", "no")),
        3: classifier.fit(table, np.digitize(size, [-1, 1])),
    }


@pytest.fixture(autouse=True)
def small_surrogates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty trees, where a surrogate sizes itself: shapes are tested here, not fidelity."""

    def small(*args: Any, explainer_kwargs: dict[str, Any], **more: Any) -> MimicWrapper:
        own = explainer_kwargs.get("explainable_model_args") or {}
        kwargs = {**explainer_kwargs, "explainable_model_args": {**own, **SMALL}}
        return MimicWrapper(*args, explainer_kwargs=kwargs, **more)

    monkeypatch.setattr(deprecated, "MimicWrapper", small)


class Run:
    """Keeps the explanations it is given."""

    def __init__(self) -> None:
        self.kept: list[tuple[Explanation, dict[str, Any]]] = []

    def upload_model_explanation(self, explanation: Explanation, **how: Any) -> None:
        self.kept.append((explanation, how))

    def download_model_explanation(self, raw: bool | None = None) -> Explanation:
        assert raw is False
        return self.kept[-1][0]


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_the_six_tuple_has_the_shapes_of_the_reference(
    table: pd.DataFrame, models: dict[int, Any], n_classes: int
) -> None:
    """Slots 5 and 6 are None for regression and (K, d) for classification."""
    local, expected, values, names, class_values, class_names = explain_model(models[n_classes], table, table[:20])
    if n_classes == 0:
        assert np.shape(local) == (20, 3)
        assert len(expected) == 1
        assert (class_values, class_names) == (None, None)
    else:
        assert np.shape(local) == (n_classes, 20, 3)
        assert len(expected) == n_classes
        assert np.shape(class_values) == np.shape(class_names) == (n_classes, 3)
        assert all(row == sorted(row, reverse=True) for row in class_values)
    assert isinstance(local, list)
    assert values == sorted(values, reverse=True)
    assert names[0] == "b"
    assert sorted(names) == ["a", "b", "c"]
    magnitude = np.abs(np.array(local).reshape(-1, 20, 3)).mean(axis=1).mean(axis=0)
    np.testing.assert_allclose(values, np.sort(magnitude)[::-1], rtol=1e-9)


def test_local_values_can_be_left_out(table: pd.DataFrame, models: dict[int, Any]) -> None:
    whole = explain_model(models[0], table, table[:20])
    local, *rest = explain_model(models[0], table, table[:20], include_local_importance=False)
    assert local is None
    np.testing.assert_allclose(rest[1], whole[2], rtol=1e-9)
    assert rest[2] == whole[3]


def test_all_rows_are_explained_beyond_the_five_thousand_of_the_setup(
    table: pd.DataFrame, models: dict[int, Any]
) -> None:
    many = pd.DataFrame(np.random.default_rng(1).normal(size=(5100, 3)), columns=["a", "b", "c"])
    assert np.shape(explain_model(models[0], table, many)[0]) == (5100, 3)


def test_it_warns_with_the_replacement_and_the_version(table: pd.DataFrame, models: dict[int, Any]) -> None:
    with pytest.warns(FutureWarning, match=r"explain_model is deprecated and goes in automl_explain 0\.3\.0; use expl"):
        explain_model(models[0], table, table[:5])
    with pytest.warns(FutureWarning, match="use child_run.download_model_explanation"), pytest.raises(InputError):
        retrieve_model_explanation(None)


def test_no_network_is_touched(table: pd.DataFrame, models: dict[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    explain_model(models[0], table, table[:5])


@pytest.mark.parametrize("kind", ["array", "sparse"])
def test_rows_without_names_are_explained_by_number(kind: str) -> None:
    X = np.random.default_rng(0).normal(size=(120, 3)) * (np.arange(360).reshape(120, 3) % 4 > 0)
    model = LogisticRegression().fit(X, X[:, 1] > 0)
    rows = sp.csr_matrix(X) if kind == "sparse" else X
    local, _, _, names, _, _ = explain_model(model, rows, rows[:7])
    assert np.shape(local) == (2, 7, 3)
    assert names[0] == "1"


def test_classes_may_be_named(table: pd.DataFrame, models: dict[int, Any]) -> None:
    assert len(explain_model(models[3], table, table[:5], classes=[0, 1, 2])[4]) == 3
    with pytest.raises(InputError, match="`classes` has 2 labels"):
        explain_model(models[3], table, table[:5], classes=[0, 1])


def test_a_run_keeps_the_explanation_and_gives_it_back(table: pd.DataFrame, models: dict[int, Any]) -> None:
    run = Run()
    found = explain_model(models[2], table, table[:20], best_run=run)
    assert [how["top_k"] for _, how in run.kept] == [100]
    assert run.kept[0][0].is_engineered
    assert retrieve_model_explanation(run) == found


def test_what_cannot_be_used_is_refused(table: pd.DataFrame, models: dict[int, Any]) -> None:
    with pytest.raises(InputError, match=r"unknown arguments \['top'\]; expected classes"):
        explain_model(models[0], table, table[:5], top=3)
    with pytest.raises(InputError, match="`best_run` is a int, which keeps no explanations"):
        explain_model(models[0], table, table[:5], best_run=7)
    with pytest.raises(InputError, match="`child_run` is a int, which keeps no explanations"):
        retrieve_model_explanation(7)

    class Other:
        def download_model_explanation(self, raw: bool) -> str:
            return "text"

    with pytest.raises(InputError, match="gave a str; expected an Explanation"):
        retrieve_model_explanation(Other())
