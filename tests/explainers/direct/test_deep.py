"""DeepExplainer on PyTorch modules; skipped where PyTorch is not installed."""

import concurrent.futures

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit, softmax
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder

from automl_explain import DeepExplainer, TabularExplainer
from automl_explain.exceptions import InputError, SelfCheckError, UnsupportedModelError

torch = pytest.importorskip("torch")
nn = torch.nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4))


def network(n_outputs, *last, activation=nn.ReLU, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(4, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, n_outputs), *last
    )


def asked(module, rows):
    with torch.no_grad():
        return module.eval()(torch.tensor(np.asarray(rows), dtype=torch.float32)).numpy().astype(float)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU, nn.LeakyReLU])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_values_add_up_to_the_network(activation, n_outputs):
    module = network(n_outputs, activation=activation)
    explanation = DeepExplainer(module, X).explain_local(X[:20])
    # float32 against our double precision; the goal is 1e-3.
    assert explanation.output == pytest.approx(asked(module, X[:20]), abs=1e-5)
    assert explanation.method == "deep"


def test_a_linear_module_by_hand():
    module = nn.Linear(2, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[2.0, -1.0]]))
        module.bias.fill_(5.0)
    background = np.array([[1.0, 1.0], [3.0, 5.0]])
    explanation = DeepExplainer(module, background, features=["a", "b"]).explain_local(np.array([[4.0, 4.0]]))
    assert explanation.expected_values == pytest.approx([2 * 2 - 3 + 5])
    assert explanation.local_importance_values == pytest.approx(np.array([[2 * (4 - 2), -(4 - 3)]]))


@pytest.mark.parametrize(
    ("module", "unit", "probabilities"),
    [
        (network(1), "log-odds", lambda z: np.hstack([1 - expit(z), expit(z)])),
        (network(1, nn.Sigmoid()), "probability", lambda p: np.hstack([1 - p, p])),
        (network(2), "log-odds", lambda z: softmax(z, axis=1)),
        (network(2, nn.Softmax(dim=1)), "probability", lambda p: p),
    ],
)
def test_two_classes_have_one_output_for_the_second(module, unit, probabilities):
    explanation = DeepExplainer(module, X, classes=["no", "yes"]).explain_local(X[:10])
    p = probabilities(asked(module, X[:10]))
    assert explanation.output_unit == unit
    assert explanation.local_importance_values.shape == (2, 10, 4)
    second = expit(explanation.output) if unit == "log-odds" else explanation.output
    assert second[:, 0] == pytest.approx(p[:, 1], abs=1e-5)
    assert explanation.eval_y_predicted_proba == pytest.approx(p, abs=1e-5)
    assert list(explanation.eval_y_predicted) == [["no", "yes"][k] for k in p.argmax(axis=1)]


def test_more_classes_have_their_labels_in_the_order_of_the_outputs():
    module = network(3)
    explanation = DeepExplainer(module, X, classes=["z", "a", "m"]).explain_local(X[:10])
    assert explanation.classes == ["z", "a", "m"]
    assert (explanation.output_unit, explanation.link) == ("log-odds", "softmax")
    assert softmax(explanation.output, axis=1) == pytest.approx(softmax(asked(module, X[:10]), axis=1), abs=1e-5)


def test_the_module_given_is_not_changed_and_dropout_is_off():
    module = network(1, nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    explainer = DeepExplainer(module, X, model_task="regression")
    first, again = (explainer.explain_local(X[:5]).local_importance_values for _ in range(2))
    assert first.tolist() == again.tolist()
    assert module.training
    assert all(p.requires_grad and p.dtype == torch.float32 and p.grad is None for p in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


class OwnLayers(nn.Module):
    """Attention over columns, by functions that no list of known layers holds; it makes single precision itself."""

    def __init__(self, holds_type):
        super().__init__()
        self.key, self.out, self.holds_type = nn.Linear(4, 4), nn.Linear(4, 1), holds_type

    def forward(self, rows):
        rows = rows.float() if self.holds_type else rows
        return self.out(torch.softmax(self.key(rows), dim=1) * rows)[:, 0]


@pytest.mark.parametrize("holds_type", [False, True])
def test_any_differentiable_layer_will_do(holds_type):
    torch.manual_seed(0)
    module = OwnLayers(holds_type)
    explanation = DeepExplainer(module, X).explain_local(X[:10])
    assert explanation.output[:, 0] == pytest.approx(asked(module, X[:10]), abs=1e-5)


def test_what_has_no_gradient_or_reads_something_else_is_refused():
    with pytest.raises(UnsupportedModelError, match="cannot compute rows of 4 numbers"):
        DeepExplainer(nn.Linear(3, 1), X)
    with pytest.raises(UnsupportedModelError, match="cannot compute rows of 4 numbers: .* embeddings of whole numbers"):
        DeepExplainer(nn.Embedding(10, 1), X)

    class Detached(nn.Module):
        def forward(self, rows):
            return rows.detach().sum(dim=1)

    with pytest.raises(UnsupportedModelError, match="The output of Detached has no gradient by its rows"):
        DeepExplainer(Detached(), X).explain_local(X[:2])

    class Deep(nn.Module):
        def forward(self, rows):
            return rows[:, :, None]

    with pytest.raises(UnsupportedModelError, match="Deep"):
        DeepExplainer(Deep(), X)
    with pytest.raises(InputError, match="`classes` has 2 labels for a network with 3 outputs"):
        DeepExplainer(network(3), X, classes=["a", "b"])


def test_the_background_is_summarised_beyond_ten_rows_a_cluster():
    assert len(DeepExplainer(network(1), X[:100]).source.background) == 100
    assert len(DeepExplainer(network(1), X[:101]).source.background) == 10
    assert len(DeepExplainer(network(1), X[:101], nclusters=3).source.background) == 3


def test_frames_arrays_and_sparse_rows_give_the_same_values():
    rows = np.where(np.abs(X) < 0.5, 0.0, X)[:60]
    module = network(1)
    expected = DeepExplainer(module, rows).explain_local(rows[:6]).local_importance_values
    frame = pd.DataFrame(rows, columns=list("abcd"))
    explanation = DeepExplainer(module, frame).explain_local(frame[:6])
    assert explanation.local_importance_values == pytest.approx(expected)
    assert explanation.features == list("abcd")
    sparse = DeepExplainer(module, sp.csr_matrix(rows)).explain_local(sp.csr_matrix(rows[:6]))
    assert sparse.output == pytest.approx(explanation.output)


def test_transformations_give_raw_columns():
    frame = pd.DataFrame({"size": X[:, 0], "town": RNG.choice(["Oslo", "Rome", "Bern"], 150)})
    made = ColumnTransformer([("one", OneHotEncoder(sparse_output=False), ["town"])], remainder="passthrough").fit(
        frame
    )
    module = network(1)
    explanation = DeepExplainer(module, frame, transformations=made).explain_local(frame[:8])
    assert explanation.features == ["size", "town"]
    assert explanation.is_raw
    engineered = DeepExplainer(module, made.transform(frame)).explain_local(made.transform(frame[:8]))
    values = engineered.local_importance_values
    assert explanation.local_importance_values == pytest.approx(
        np.column_stack([values[:, 3], values[:, :3].sum(axis=1)])
    )


def test_a_subset_shows_some_features_and_keeps_the_sum():
    module = network(1)
    explanation = DeepExplainer(module, X, explain_subset=[2]).explain_local(X[:5])
    assert explanation.features == [2]
    assert explanation.output == pytest.approx(asked(module, X[:5]), abs=1e-5)


def test_global_values_are_the_mean_of_the_local_ones():
    explainer = DeepExplainer(network(3, activation=nn.Tanh), X)
    local = np.abs(explainer.explain_local(X[:30]).local_importance_values).mean(axis=1)
    explanation = explainer.explain_global(X[:30], include_local=False)
    assert explanation.global_values == pytest.approx(local)
    assert explainer.explain_global().n_explained_rows == 150
    assert DeepExplainer(nn.Linear(4, 1), np.tile(X, (2, 1))).explain_global().n_explained_rows == 200


def test_threads_share_one_explainer():
    explainer = DeepExplainer(network(2, activation=nn.Tanh), X)
    serial = [explainer.explain_local(X[[i]]).local_importance_values[1] for i in range(24)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: explainer.explain_local(X[[i]]).local_importance_values[1], range(24)))
    assert np.array(found) == pytest.approx(np.array(serial), abs=1e-12)


class Steps(nn.Module):
    """Jumps, so that its gradients lead nowhere."""

    def forward(self, rows):
        return torch.round(rows[:, :1])


class Pair(nn.Module):
    """Gives two tensors."""

    def forward(self, rows):
        return rows, rows


def test_a_network_that_cannot_be_explained_is_refused_by_the_chooser_in_the_same_words():
    """It used to be handed on to KernelExplainer, which fed it arrays until PyTorch raised."""
    with pytest.raises(SelfCheckError, match="The gradients of Steps do not lead to its output"):
        TabularExplainer(Steps(), X).explain_local(X[:5])
    with pytest.raises(UnsupportedModelError, match="Linear cannot compute rows of 4 numbers"):
        TabularExplainer(nn.Linear(3, 1), X)


def test_refusals_of_networks_say_one_thing():
    with pytest.raises(UnsupportedModelError, match="^Pair gives tuple; expected one output"):
        DeepExplainer(Pair(), X)
    with pytest.raises(InputError, match="`is_classifier` must be True, False or None; got 'yes'"):
        DeepExplainer(network(1), X, is_classifier="yes")


def test_global_values_without_rows_are_of_a_seeded_sample():
    """Tables are often sorted: the first rows are no sample."""
    rows = RNG.normal(size=(600, 4))
    rows = rows[np.argsort(rows[:, 0])]
    module = nn.Linear(4, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, 1.0, 0.0, 0.0]]))
    made = [DeepExplainer(module, rows, seed=s).explain_global() for s in (0, 0, 1)]
    assert made[0].global_values == pytest.approx(made[1].global_values, abs=0)
    assert made[0].global_values != pytest.approx(made[2].global_values, rel=1e-3)
    assert made[0].n_explained_rows == 200
    explained = DeepExplainer(module, rows).explain_global(rows, include_local=False)
    # Means over 200 of 600 rows; the first 200 would miss the first column by half.
    assert made[0].global_values[0, :2] == pytest.approx(explained.global_values[0, :2], rel=0.2)
