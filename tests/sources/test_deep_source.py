"""DeepSource on networks written by hand: numbers, sums, and what it refuses; no deep learning library needed."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse as sp

from automl_explain import DeepExplainer, FeatureMap
from automl_explain.exceptions import DataError, InputError, MissingExtraError, SelfCheckError, UnsupportedModelError
from automl_explain.explainers.direct._deep import Reading, task_of
from automl_explain.sources import _networks
from automl_explain.sources._deep import DeepSource

RNG = np.random.default_rng(0)


class Written:
    """A network as a pair of functions: outputs (n, k) and gradients (k, n, d)."""

    def __init__(self, outputs, gradients):
        self.outputs, self.gradients = outputs, gradients


PRODUCT = Written(lambda X: X[:, :1] * X[:, 1:2], lambda X: np.stack([X[:, [1, 0]]]))
W = RNG.normal(size=(3, 2))
LINEAR = Written(lambda X: X @ W + 5, lambda X: np.repeat(W.T[:, None], len(X), axis=1))
HIDDEN, OUT = 2 * RNG.normal(size=(3, 12)), RNG.normal(size=(12, 2))
RELU = Written(
    lambda X: np.maximum(X @ HIDDEN, 0) @ OUT,
    lambda X: np.stack([((X @ HIDDEN > 0) * OUT[:, k]) @ HIDDEN.T for k in range(2)]),
)


def source(network, background, **more):
    background = np.asarray(background, dtype=float)
    return DeepSource(network, background, np.full(len(background), 1 / len(background)), **more)


def test_a_product_is_shared_in_halves():
    """x0 x1 on the way from (0, 0) to (3, 4): both slopes grow alike, so each gets half of 12."""
    made = source(PRODUCT, [[0, 0]])
    assert made.expected_values.tolist() == [0.0]
    assert made.shapley_values(np.array([[3.0, 4.0]])) == pytest.approx(np.array([[[6.0, 6.0]]]))


def test_a_background_of_two_rows_is_averaged_by_weight():
    """From (0, 0) 6 and 6; from (1, 2): 2 times the mean of x1 from 2 to 4, and 2 times that of x0 from 1 to 3."""
    made = DeepSource(PRODUCT, np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([0.25, 0.75]))
    assert made.expected_values == pytest.approx([0.75 * 2])
    values = made.shapley_values(np.array([[3.0, 4.0]]))[0, 0]
    assert values == pytest.approx([0.25 * 6 + 0.75 * 6, 0.25 * 6 + 0.75 * 4])


def test_linear_networks_have_exact_shapley_values():
    background, X = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3))
    expected = W.T[:, None] * (X - background.mean(axis=0))
    assert source(LINEAR, background).shapley_values(X) == pytest.approx(expected)


def shapley_by_definition(network, x, background):
    d, worth = len(x), {}
    for chosen in itertools.chain.from_iterable(itertools.combinations(range(d), r) for r in range(d + 1)):
        mixed = background.copy()
        mixed[:, chosen] = x[list(chosen)]
        worth[chosen] = network.outputs(mixed).mean(axis=0)
    values = np.zeros((d, len(worth[()])))
    for j, chosen in itertools.product(range(d), worth):
        if j not in chosen:
            share = math.factorial(len(chosen)) * math.factorial(d - len(chosen) - 1) / math.factorial(d)
            values[j] += share * (worth[tuple(sorted((*chosen, j)))] - worth[chosen])
    return values.T


def test_networks_with_kinks_add_up_and_come_near_to_shapley_values():
    background, X = RNG.normal(size=(20, 3)), RNG.normal(size=(30, 3))
    made = source(RELU, background)
    values = made.shapley_values(X)
    sums = values.sum(axis=-1).T + made.expected_values
    assert sums == pytest.approx(made.predict_output(X), abs=1e-12)
    exact = np.array([shapley_by_definition(RELU, x, background) for x in X]).transpose(1, 0, 2)
    # Integrated gradients are Aumann-Shapley, not Shapley values: near where interactions are mild.
    assert np.abs(values - exact).mean() < 0.3 * np.abs(exact).mean()
    assert np.corrcoef(values.ravel(), exact.ravel())[0, 1] > 0.97


def test_before_sharing_the_sums_lack_less_than_a_thousandth_of_the_range():
    made, X = source(RELU, RNG.normal(size=(20, 3))), RNG.normal(size=(30, 3))
    found = made._integrated(X, 256).sum(axis=-1).T + made.expected_values
    assert np.abs(found - made.predict_output(X)).max() < 1e-3 * np.ptp(made.predict_output(X))


def test_a_row_has_the_values_it_has_alone():
    made, X = source(RELU, RNG.normal(size=(20, 3))), RNG.normal(size=(10, 3))
    together = made.shapley_values(X)
    alone = np.concatenate([made.shapley_values(X[[i]]) for i in range(10)], axis=1)
    assert together == pytest.approx(alone, abs=1e-12)
    assert made.shapley_values(sp.csr_matrix(X)).tolist() == together.tolist()
    assert made.shapley_values(X[:0]).shape == (2, 0, 3)


def test_a_feature_that_equals_the_background_or_is_not_read_gets_nothing():
    made = source(RELU, [[0.0, 0.0, 0.0]])
    assert made.shapley_values(np.array([[1.0, 0.0, 2.0]]))[:, 0, 1].tolist() == [0.0, 0.0]
    assert made.shapley_values(np.zeros((1, 3))).tolist() == [[[0.0] * 3]] * 2


def test_two_logits_are_explained_by_their_difference_and_two_probabilities_by_the_second():
    X, background = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3))
    both = source(LINEAR, background).shapley_values(X)
    assert source(LINEAR, background, difference=True).shapley_values(X) == pytest.approx(both[1:] - both[:1])
    assert source(LINEAR, background, second=True).shapley_values(X) == pytest.approx(both[1:])


def test_raw_values_are_sums_of_those_of_their_features():
    made, X = source(RELU, RNG.normal(size=(5, 3))), RNG.normal(size=(4, 3))
    values = made.shapley_values(X)
    folded, lost = made.raw_values(X, FeatureMap.from_matrix([[1, 1, 0]]))
    assert folded[..., 0] == pytest.approx(values[..., :2].sum(axis=-1))
    assert lost == pytest.approx(values[..., 2])


def test_a_network_that_jumps_is_refused():
    step = Written(lambda X: (X[:, :1] > 0).astype(float), lambda X: np.zeros((1, *X.shape)))
    with pytest.raises(SelfCheckError, match="do not lead to its output: in row 0 they add up to 0 of 0.5"):
        source(step, [[-1.0, 0.0], [1.0, 0.0]]).shapley_values(np.array([[2.0, 0.0]]))


def test_missing_outputs_are_refused():
    with pytest.raises(DataError, match="gives NaN or infinite outputs on these rows"):
        source(LINEAR, [[0.0, 0.0, 0.0]]).shapley_values(np.array([[np.nan, 0.0, 0.0]]))


def constant(row):
    return Written(lambda X: np.tile(np.asarray(row, dtype=float), (len(X), 1)), None)


@pytest.mark.parametrize(
    ("row", "task", "classes", "unit", "link", "labels"),
    [
        ([3.0], "unknown", None, "target", "identity", None),
        ([0.3], "unknown", None, "target", "identity", None),
        ([0.3], "classification", None, "probability", "identity", [0, 1]),
        ([0.3], "unknown", ["no", "yes"], "probability", "identity", ["no", "yes"]),
        ([-3.0], "classification", None, "log-odds", "logit", [0, 1]),
        ([0.3, 0.7], "unknown", None, "probability", "identity", [0, 1]),
        ([0.3, 0.8], "unknown", None, "log-odds", "logit", [0, 1]),
        ([0.2, 0.3, 0.5], "unknown", list("zab"), "probability", "identity", list("zab")),
        ([2.0, 0.3, 0.5], "unknown", list("zab"), "log-odds", "softmax", list("zab")),
    ],
)
def test_the_outputs_tell_what_they_are(row, task, classes, unit, link, labels):
    reading = Reading.of(constant(row), np.zeros((4, 2)), task, classes, "auto")
    assert (reading.unit, reading.link, reading.classes) == (unit, link, labels)


def test_what_is_said_of_the_outputs_is_checked():
    cells = np.zeros((4, 2))
    assert Reading.of(constant([0.5]), cells, "classification", None, "logits").unit == "log-odds"
    with pytest.raises(InputError, match="`network_output` is 'probability', but the outputs reach from -1 to 2"):
        Reading.of(constant([-1.0, 2.0]), cells, "unknown", None, "probability")
    with pytest.raises(InputError, match="and do not sum to 1 on the init rows"):
        Reading.of(constant([0.9, 0.9]), cells, "unknown", None, "probability")
    with pytest.raises(InputError, match="`network_output` must be one of 'auto', 'logits', 'probability'"):
        Reading.of(constant([0.9]), cells, "unknown", None, "odds")
    with pytest.raises(InputError, match="`classes` has 2 labels for a network with 3 outputs; expected 3"):
        Reading.of(constant([0.2, 0.3, 0.5]), cells, "unknown", ["a", "b"], "auto")
    with pytest.raises(UnsupportedModelError, match="gives 2 numbers for one row; a regression is explained for one"):
        Reading.of(constant([0.2, 0.3]), cells, "regression", None, "auto")
    with pytest.raises(InputError, match="`is_classifier=True` contradicts `model_task='regression'`"):
        task_of("regression", True)
    assert task_of("unknown", False) == "regression"


def test_other_models_are_refused_and_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(_networks.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(UnsupportedModelError, match="explains PyTorch modules and Keras models; got dict"):
        DeepExplainer({}, np.zeros((3, 2)))
    monkeypatch.setattr(_networks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install automl-explain\\[deep\\]"):
        DeepExplainer({}, np.zeros((3, 2)))
