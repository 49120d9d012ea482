"""DeepScoringExplainer: the values of the explainer, files without the network, and other networks refused."""

import json
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from automl_explain import DeepExplainer, DeepScoringExplainer, FeatureMap, LinearExplainer, load, save
from automl_explain.exceptions import CorruptFileError, InputError, UnsupportedModelError
from automl_explain.explainers.direct import _deep

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))


class Written:
    """A network of our own, so that no deep learning library is needed: two layers with a tanh between."""

    def __init__(self, n_outputs=1, seed=0):
        rng = np.random.default_rng(seed)
        self.hidden, self.out = rng.normal(size=(3, 5)), rng.normal(size=(5, n_outputs))

    def outputs(self, rows):
        return np.tanh(rows @ self.hidden) @ self.out

    def gradients(self, rows):
        slope = 1 - np.tanh(rows @ self.hidden) ** 2
        return np.stack([(slope * column) @ self.hidden.T for column in self.out.T])


@pytest.fixture(autouse=True)
def own_networks(monkeypatch):
    from automl_explain.scoring import _deep as scoring_deep
    from automl_explain.sources import _networks

    def network_of(model):
        return model if isinstance(model, Written) else _networks.network_of(model)

    monkeypatch.setattr(_deep, "network_of", network_of)
    monkeypatch.setattr(scoring_deep, "network_of", network_of)


@pytest.mark.parametrize(
    ("n_outputs", "classes", "shape"),
    [(1, None, (4, 3)), (1, ["no", "yes"], (2, 4, 3)), (2, ["no", "yes"], (2, 4, 3)), (3, list("zab"), (3, 4, 3))],
)
def test_values_survive_a_file_to_the_bit(tmp_path, n_outputs, classes, shape):
    network = Written(n_outputs)
    explainer = DeepExplainer(network, X, classes=classes)
    scoring = DeepScoringExplainer(explainer)
    values = scoring.explain(X[:4])
    assert values.shape == shape
    assert np.array_equal(values, explainer.explain_local(X[:4]).local_importance_values)
    path = save(scoring, tmp_path / "model")
    loaded = load(tmp_path / "model", model=network)
    assert isinstance(loaded, DeepScoringExplainer)
    assert np.array_equal(loaded.explain(X[:4]), values)
    assert loaded.explain(X[:4], as_list=True) == values.tolist()
    assert (loaded.classes, loaded.output_unit, loaded.link) == (classes, explainer.output_unit, explainer.link)
    total = loaded.explanation(X[:4]).output
    assert total == pytest.approx(explainer.source.predict_output(X[:4]))
    with zipfile.ZipFile(path) as archive:
        assert all(name.endswith((".json", ".npy")) for name in archive.namelist())


def test_raw_values_are_the_sums_of_their_features(tmp_path):
    network = Written()
    feature_map = FeatureMap.from_matrix([[1, 1, 0], [0, 0, 1]], raw_names=["a", "b"])
    scoring = DeepScoringExplainer(DeepExplainer(network, X), feature_maps=[feature_map])
    save(scoring, tmp_path / "model")
    raw = load(tmp_path / "model", model=network).explain(X[:4], get_raw=True)
    values = scoring.explain(X[:4])
    assert raw == pytest.approx(np.column_stack([values[:, :2].sum(axis=1), values[:, 2]]))


def test_a_file_asks_for_its_network_and_refuses_another(tmp_path):
    save(DeepScoringExplainer(DeepExplainer(Written(), X)), tmp_path / "model")
    with pytest.raises(InputError, match="a deep explainer without its network, a .*Written. Pass the network: load"):
        load(tmp_path / "model")
    with pytest.raises(InputError, match="`model` gives .* on a background row, where the network explained"):
        load(tmp_path / "model", model=Written(seed=1))
    with pytest.raises(InputError, match="`model` has 3 outputs"):
        load(tmp_path / "model", model=Written(n_outputs=3))
    with pytest.raises(InputError, match="explains PyTorch modules and Keras models"):
        load(tmp_path / "model", model=object())


def test_a_changed_file_is_refused(tmp_path):
    path = save(DeepScoringExplainer(DeepExplainer(Written(), X)), tmp_path / "model")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["deep_weights.npy"] = members["deep_weights.npy"][:-8]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert json.loads(members["manifest.json"])["kind"] == "deep"
    with pytest.raises(CorruptFileError):
        load(tmp_path / "model", model=Written())


def test_other_explainers_are_refused():
    explainer = LinearExplainer(LinearRegression().fit(X, X[:, 0]), X)
    with pytest.raises(UnsupportedModelError, match="DeepScoringExplainer needs a DeepExplainer; got LinearExplainer"):
        DeepScoringExplainer(explainer)


def test_a_pytorch_module_is_brought_together_with_its_file(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)

    def made():
        return torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))

    module = made()
    scoring = DeepScoringExplainer(DeepExplainer(module, X))
    save(scoring, tmp_path / "model")
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    again = made()
    with pytest.raises(InputError, match="Pass that network, with its trained weights"):
        load(tmp_path / "model", model=again)
    again.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert load(tmp_path / "model", model=again).explain(X[:5]) == pytest.approx(scoring.explain(X[:5]))
