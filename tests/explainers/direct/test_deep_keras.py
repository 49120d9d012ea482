"""DeepExplainer on Keras models; skipped where Keras is not installed."""

import importlib
import importlib.util

import numpy as np
import pytest
from scipy.special import softmax

from automl_explain import DeepExplainer
from automl_explain.exceptions import UnsupportedModelError

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

X = np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def network(keras, n_outputs, last=None, activation="relu"):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((4,)), *(layers.Dense(16, activation=activation) for _ in range(2)), layers.Dense(n_outputs, last)]
    )


def asked(keras, model, rows):
    output = model(keras.ops.convert_to_tensor(rows.astype(np.float32)), training=False)
    return (output.detach().cpu() if hasattr(output, "detach") else output).numpy().astype(float)


@pytest.mark.parametrize(
    ("n_outputs", "last", "activation", "unit"),
    [
        (1, None, "relu", "target"),
        (1, None, "tanh", "target"),
        (3, "softmax", "relu", "probability"),
        (3, None, "gelu", "log-odds"),
    ],
)
def test_values_add_up_to_the_network(keras, n_outputs, last, activation, unit):
    model = network(keras, n_outputs, last, activation)
    explanation = DeepExplainer(model, X).explain_local(X[:10])
    # Single precision of two ways to compute; the goal is 1e-3.
    assert explanation.output == pytest.approx(asked(keras, model, X[:10]), abs=1e-5)
    assert explanation.output_unit == unit


def test_classes_keep_the_order_of_the_outputs(keras):
    model = network(keras, 3)
    explanation = DeepExplainer(model, X, classes=["z", "a", "m"]).explain_local(X[:10])
    p = softmax(asked(keras, model, X[:10]), axis=1)
    assert explanation.eval_y_predicted_proba == pytest.approx(p, abs=1e-5)
    assert list(explanation.eval_y_predicted) == [["z", "a", "m"][k] for k in p.argmax(axis=1)]


def test_a_sigmoid_is_the_probability_of_the_second_class(keras):
    model = network(keras, 1, "sigmoid")
    explanation = DeepExplainer(model, X, is_classifier=True).explain_local(X[:10])
    assert explanation.output == pytest.approx(asked(keras, model, X[:10]), abs=1e-5)
    assert explanation.classes == [0, 1]


def test_a_dense_layer_by_hand(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[2.0], [-1.0]]), np.array([5.0])])
    explanation = DeepExplainer(model, np.array([[1.0, 1.0], [3.0, 5.0]])).explain_local(np.array([[4.0, 4.0]]))
    assert explanation.expected_values == pytest.approx([6.0])
    assert explanation.local_importance_values == pytest.approx(np.array([[4.0, -1.0]]))


def test_another_number_of_columns_is_refused(keras):
    with pytest.raises(UnsupportedModelError, match="cannot compute rows of 3 numbers"):
        DeepExplainer(network(keras, 1), X[:, :3])
