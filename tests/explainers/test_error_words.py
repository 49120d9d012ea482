"""Errors name the argument of the call that raises them, and advise what was not tried."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from automl_explain import (
    DirectWrapper,
    KernelExplainer,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    MimicExplainer,
    MimicWrapper,
    TreeExplainer,
)
from automl_explain.exceptions import (
    DataError,
    InputError,
    LowFidelityWarning,
    MissingEvalDataError,
    MissingRawTransformationsError,
    SelfCheckError,
)

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
Y = X["a"] * 2 + X["b"]
LINEAR, TREE = LinearRegression().fit(X, Y), DecisionTreeRegressor(max_depth=3).fit(X, Y)


def explainers() -> dict[str, Any]:
    return {
        "kernel": KernelExplainer(LINEAR, X[:10]),
        "kernel, few rows": KernelExplainer(LINEAR, X[:10], max_eval_rows=5),
        "linear": LinearExplainer(LINEAR, X),
        "tree": TreeExplainer(TREE, initialization_examples=X),
        "mimic": MimicExplainer(LINEAR, X, LinearExplainableModel),
    }


WRONG = {"a list": [[1.0, 2.0, 3.0]], "too narrow": np.zeros((2, 2)), "other names": X[:4].rename(columns={"a": "z"})}


@pytest.mark.parametrize("wrong", WRONG)
def test_rows_are_called_as_the_caller_called_them(wrong: str) -> None:
    rows = WRONG[wrong]
    for explainer in explainers().values():
        for call in (explainer.explain_local, explainer.explain_global):
            with pytest.raises(InputError, match="`evaluation_examples`"):
                call(rows)
    wrappers = [
        MimicWrapper(None, LINEAR, LinearExplainableModel, init_dataset=X),
        DirectWrapper(None, LINEAR, X),
    ]
    for wrapper in wrappers:
        for kinds in (["local"], ["global"]):
            with pytest.raises(InputError, match="`eval_dataset`"):
                wrapper.explain(kinds, eval_dataset=rows)
    with pytest.raises(InputError, match="`eval_dataset`"):
        wrappers[0].explainer.surrogate_report(rows)


def test_local_values_without_rows_are_refused() -> None:
    for explainer in explainers().values():
        with pytest.raises(MissingEvalDataError, match="`evaluation_examples` is None"):
            explainer.explain_local(None)
    bare = TreeExplainer(TREE)
    with pytest.raises(MissingEvalDataError, match="pass `evaluation_examples`, or make the explainer with"):
        bare.explain_global()


def test_training_rows_are_called_as_the_caller_called_them() -> None:
    rows = X.to_numpy().tolist()
    with pytest.raises(InputError, match="`init_dataset` must be"):
        MimicWrapper(None, LINEAR, LinearExplainableModel, init_dataset=rows)
    with pytest.raises(InputError, match="`init_dataset` must be"):
        DirectWrapper(None, LINEAR, rows)
    with pytest.raises(InputError, match="`initialization_examples` must be"):
        MimicExplainer(LINEAR, rows, LinearExplainableModel)


def test_a_wrapper_names_itself_and_an_explainer_what_it_has() -> None:
    with pytest.raises(MissingRawTransformationsError, match=r"\(or `transformations`\) to DirectWrapper"):
        DirectWrapper(None, LINEAR, X).explain(["global"], eval_dataset=X, get_raw=True)
    with pytest.raises(MissingRawTransformationsError, match="make the explainer with `transformations`"):
        KernelExplainer(LINEAR, X[:10]).explain_local(X[:2], raw_method="grouped")


def test_the_kernel_does_not_advise_itself() -> None:
    def moody(rows: pd.DataFrame) -> np.ndarray:
        return rows["a"].to_numpy() + len(rows)

    with pytest.raises(SelfCheckError, match="predict every row by itself") as caught:
        KernelExplainer(moody, X[:10], is_function=True)
    assert "KernelExplainer" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said", "unsaid"),
    [
        ({}, "'n_estimators': 800", "augment_data"),
        ({"augment_data": False}, "`augment_data=True`", "leave `explainable_model_args`"),
        ({"explainable_model_args": {"num_leaves": 2}}, "leave `explainable_model_args` out", "800"),
        ({"explainable_model": LinearExplainableModel}, "more rows to train on.$", "explainable_model_args"),
    ],
)
@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.ResidualWarning")
def test_a_low_fidelity_advises_what_was_not_tried(more: dict[str, Any], said: str, unsaid: str) -> None:
    model = DecisionTreeRegressor().fit(X, np.random.default_rng(1).normal(size=60))
    given = {"explainable_model": LGBMExplainableModel, **more}
    with pytest.warns(LowFidelityWarning, match=said) as caught:
        MimicExplainer(model, X, **given)
    low = next(str(w.message) for w in caught if w.category is LowFidelityWarning)
    assert unsaid not in low


class Tripping(LinearRegression):
    """A model with a fault of its own."""

    def predict(self, rows: Any) -> np.ndarray:
        return sorted(rows, colour="red")  # type: ignore[call-overload]


class TrippingSurrogate(LinearExplainableModel):
    def __init__(self, size: int = 1) -> None:
        super().__init__()
        int(size, width=2)  # type: ignore[call-overload]


def test_a_fault_of_the_model_is_not_blamed_on_the_arguments() -> None:
    for extra in ({}, {"random_state": 1}):
        with pytest.raises((TypeError, DataError), match="colour") as caught:
            MimicWrapper(None, Tripping().fit(X, Y), LinearExplainableModel, extra, init_dataset=X)
        assert "explainer_kwargs" not in str(caught.value)
    with pytest.raises(TypeError, match="width"):
        MimicExplainer(LINEAR, X, TrippingSurrogate, {"size": 2})
    with pytest.raises(InputError, match="`explainable_model_args` do not fit TrippingSurrogate: .*'breadth'"):
        MimicExplainer(LINEAR, X, TrippingSurrogate, {"breadth": 2})
    with pytest.raises(InputError, match="`explainer_kwargs` do not fit MimicExplainer: .*'augment_dat'"):
        MimicWrapper(None, Tripping().fit(X, Y), LinearExplainableModel, {"augment_dat": True}, init_dataset=X)
    with pytest.raises(InputError, match="holds 'explain_subset', which MimicWrapper takes itself"):
        MimicWrapper(None, LINEAR, LinearExplainableModel, {"explain_subset": [0]}, init_dataset=X)
