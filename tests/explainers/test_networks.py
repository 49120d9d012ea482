"""Networks of PyTorch and Keras in the explainers that only ask for predictions: as `DeepExplainer` reads them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit, softmax

from automl_explain import (
    DeepExplainer,
    KernelExplainer,
    KernelScoringExplainer,
    LGBMExplainableModel,
    LIMEExplainer,
    MimicExplainer,
    PFIExplainer,
    load,
    save,
)
from automl_explain.exceptions import DataError, InputError, UnsupportedModelError

torch = pytest.importorskip("torch")
nn = torch.nn

X = np.random.default_rng(0).normal(size=(60, 3))
#: Modules compute in double precision; what remains is rounding of sums.
CLOSE = 1e-9


class Noisy(nn.Module):
    """Weights 2, -1, 0 and a dropout that must be switched off."""

    def __init__(self, n_outputs: int, last: Any = None) -> None:
        super().__init__()
        self.linear, self.dropout, self.last = nn.Linear(3, n_outputs), nn.Dropout(0.5), last
        weights = torch.tensor([[2.0, -1.0, 0.0], [-2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        with torch.no_grad():
            self.linear.weight.copy_(weights[:n_outputs])
            self.linear.bias.zero_()

    def forward(self, rows: Any) -> Any:
        made = self.dropout(self.linear(rows))
        return made if self.last is None else self.last(made)


MARGINS = np.column_stack([2 * X[:, 0] - X[:, 1], X[:, 1] - 2 * X[:, 0], X[:, 2]])


def mimic(model: Any, rows: Any = X, **more: Any) -> MimicExplainer:
    quick = {"n_jobs": 1, "n_estimators": 30}
    return MimicExplainer(model, rows, LGBMExplainableModel, explainable_model_args=quick, **more)


def test_a_regression_is_explained_by_its_number() -> None:
    """A linear model's values are its weights times what a row differs from the mean."""
    module = Noisy(1)
    explanation = KernelExplainer(module, X).explain_local(X[:5])
    expected = np.array([2.0, -1.0, 0.0]) * (X[:5] - X.mean(axis=0))
    np.testing.assert_allclose(explanation.local_importance_values, expected, atol=CLOSE)
    np.testing.assert_allclose(explanation.eval_y_predicted, MARGINS[:5, 0], atol=1e-6)
    assert explanation.output_unit == "target"
    assert module.training  # the module given is left as it was


@pytest.mark.parametrize(
    ("module", "classes", "wanted"),
    [
        (Noisy(1), ["no", "yes"], lambda m: np.column_stack([1 - expit(m[:, 0]), expit(m[:, 0])])),
        (Noisy(1, nn.Sigmoid()), ["no", "yes"], lambda m: np.column_stack([1 - expit(m[:, 0]), expit(m[:, 0])])),
        (Noisy(2), None, lambda m: softmax(m[:, :2], axis=1)),
        (Noisy(3), ["a", "b", "c"], lambda m: softmax(m, axis=1)),
        (Noisy(3, nn.Softmax(dim=1)), None, lambda m: softmax(m, axis=1)),
    ],
    ids=["one logit", "one probability", "two logits", "three logits", "three probabilities"],
)
def test_logits_and_probabilities_are_read_as_the_deep_explainer_reads_them(
    module: Any, classes: Any, wanted: Any
) -> None:
    expected = wanted(MARGINS)
    deep = DeepExplainer(module, X, classes=classes).explain_local(X[:4])
    np.testing.assert_allclose(deep.eval_y_predicted_proba, expected[:4], atol=1e-6)
    for explainer in (KernelExplainer(module, X, classes=classes, nclusters=5), mimic(module, classes=classes)):
        explanation = explainer.explain_local(X[:4])
        np.testing.assert_allclose(explanation.eval_y_predicted_proba, expected[:4], atol=1e-6)
        assert explanation.classes == deep.classes
        assert explanation.eval_y_predicted.tolist() == deep.eval_y_predicted.tolist()


def test_rows_of_any_kind_are_turned_into_numbers() -> None:
    frame = pd.DataFrame(X.astype(np.float32), columns=["a", "b", "c"])
    for rows in (frame, X.astype(np.float32), sp.csr_matrix(X)):
        explanation = mimic(Noisy(1), rows).explain_local(rows[:4])
        np.testing.assert_allclose(explanation.eval_y_predicted, MARGINS[:4, 0], atol=1e-5)


def test_shuffled_columns_cost_what_the_network_needs_them_for() -> None:
    labels = np.where(MARGINS[:, 0] > 0, "yes", "no")
    explanation = PFIExplainer(Noisy(1), classes=["no", "yes"]).explain_global(X, labels)
    assert explanation.task == "classification"
    assert explanation.expected_values.tolist() == [1.0]
    assert explanation.get_ranked_global_names() == [0, 1, 2]
    assert explanation.global_values[0, 2] == 0.0
    codes = PFIExplainer(Noisy(1), classes=["no", "yes"]).explain_global(X, (labels == "yes").astype(int))
    assert codes.global_values.tolist() == explanation.global_values.tolist()
    regression = PFIExplainer(Noisy(1)).explain_global(X, MARGINS[:, 0])
    assert regression.expected_values[0] == pytest.approx(0.0, abs=1e-6)


def test_lime_asks_networks_too() -> None:
    pytest.importorskip("lime")
    explanation = LIMEExplainer(Noisy(1), X, num_samples=200).explain_local(X[:2])
    np.testing.assert_allclose(explanation.eval_y_predicted, MARGINS[:2, 0], atol=1e-6)


def test_a_network_without_gradients_is_explained_by_its_predictions() -> None:
    class Detached(Noisy):
        def forward(self, rows: Any) -> Any:
            return super().forward(rows).detach()

    expected = np.array([2.0, -1.0, 0.0]) * (X[:2] - X.mean(axis=0))
    found = KernelExplainer(Detached(1), X).explain_local(X[:2])
    np.testing.assert_allclose(found.local_importance_values, expected, atol=CLOSE)


def test_an_explainer_of_a_network_can_be_pickled() -> None:
    explainer = mimic(Noisy(1))
    back = pickle.loads(pickle.dumps(explainer))
    np.testing.assert_array_equal(
        back.explain_local(X[:3]).local_importance_values, explainer.explain_local(X[:3]).local_importance_values
    )


def test_what_a_network_cannot_be_asked_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="The network gives 3 numbers for one row"):
        mimic(Noisy(3), model_task="regression")
    with pytest.raises(InputError, match="`classes` has 2 labels for a network with 3 outputs"):
        KernelExplainer(Noisy(3), X, classes=["a", "b"])
    with pytest.raises(InputError, match="`classes` is .*, and the model is explained as a regression"):
        KernelExplainer(Noisy(1), X, classes=["a", "b"], model_task="regression")
    words = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": pd.Categorical(np.where(X[:, 2] > 0, "u", "v"))})
    with pytest.raises(DataError, match="A network reads numbers, and the rows hold something else"):
        mimic(Noisy(1), words)


def test_keras_models_are_read_alike() -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    model.layers[0].set_weights([np.array([[2.0, -2.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), np.zeros(3)])
    explanation = mimic(model, classes=["a", "b", "c"]).explain_local(X[:4])
    np.testing.assert_allclose(explanation.eval_y_predicted_proba, softmax(MARGINS[:4], axis=1), atol=1e-5)
    labels = np.array(["a", "b", "c"])[MARGINS.argmax(axis=1)]
    assert PFIExplainer(model, classes=["a", "b", "c"]).explain_global(X, labels).expected_values.tolist() == [1.0]


def test_a_kernel_explainer_of_a_network_is_scored_from_its_file(tmp_path: Path) -> None:
    module = Noisy(2)
    explainer = KernelExplainer(module, X, nclusters=3, classes=["no", "yes"])
    save(KernelScoringExplainer(explainer), directory=tmp_path / "model")
    back = load(tmp_path / "model", model=module)
    expected = explainer.explain_local(X[:3]).local_importance_values
    np.testing.assert_array_equal(back.explain(X[:3]), expected)
