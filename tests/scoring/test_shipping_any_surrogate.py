"""Every explainer gives the scoring explainer that fits, whatever surrogate was found better."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from automl_explain import (
    DirectWrapper,
    KernelExplainer,
    KernelScoringExplainer,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    LinearScoringExplainer,
    MimicExplainer,
    MimicWrapper,
    PFIExplainer,
    ScoringExplainer,
    TabularExplainer,
    TreeExplainer,
    TreeScoringExplainer,
    load,
    save,
)
from automl_explain.exceptions import DataError, ExplanationWarning, InputError, StorageError, UnsupportedModelError
from automl_explain.protocols import SavableSource, ScorableExplainer, ScorableSource

X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
Y = X["a"] - 2 * X["b"]
MODEL = Ridge().fit(X, Y)
SIZE = {"n_estimators": 10, "num_leaves": 7, "n_jobs": 1}
TREES: dict[str, Any] = {"explainable_model_args": SIZE, "augment_data": False}
MAP: dict[str, Any] = {"feature_maps": [[[1, 1, 0], [0, 0, 1]]], "raw_features": ["p", "q"]}
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")


def knn() -> KernelExplainer:
    return KernelExplainer(KNeighborsRegressor().fit(X, Y), X, nclusters=2)


EXPLAINERS = {
    "mimic, linear": (lambda: MimicExplainer(MODEL, X, LinearExplainableModel), LinearScoringExplainer),
    "mimic, trees": (lambda: MimicExplainer(MODEL, X, LGBMExplainableModel, **TREES), TreeScoringExplainer),
    "mimic wrapper": (
        lambda: MimicWrapper(None, MODEL, LinearExplainableModel, init_dataset=X),
        LinearScoringExplainer,
    ),
    "direct wrapper": (lambda: DirectWrapper(None, MODEL, init_dataset=X), LinearScoringExplainer),
    "linear": (lambda: LinearExplainer(MODEL, X), LinearScoringExplainer),
    "tree": (
        lambda: TreeExplainer(DecisionTreeRegressor(max_depth=3).fit(X, Y), initialization_examples=X),
        TreeScoringExplainer,
    ),
    "tabular": (lambda: TabularExplainer(MODEL, X), LinearScoringExplainer),
    "kernel": (knn, KernelScoringExplainer),
}


@pytest.mark.parametrize("name", EXPLAINERS)
def test_every_explainer_gives_the_class_that_fits(name: str, tmp_path: Path) -> None:
    make, fitting = EXPLAINERS[name]
    explainer, rows = make(), X[:4]
    scoring, any_kind = explainer.create_scoring_explainer(**MAP), ScoringExplainer(explainer, **MAP)
    assert (type(scoring), type(any_kind)) == (fitting, ScoringExplainer)
    assert isinstance(getattr(explainer, "explainer", explainer), (ScorableExplainer, TabularExplainer))
    assert isinstance(scoring.source, ScorableSource)
    assert scoring.kind == any_kind.kind
    assert scoring.raw_features == any_kind.raw_features == ["p", "q"]
    np.testing.assert_array_equal(any_kind.explain(rows), scoring.explain(rows))
    np.testing.assert_array_equal(any_kind.explain(rows, get_raw=True), scoring.explain(rows, get_raw=True))
    assert any_kind.warm_up() is any_kind
    more = {"model": KNeighborsRegressor().fit(X, Y)} if scoring.kind == "kernel" else {}
    for number, made in enumerate((scoring, any_kind)):
        again = load(save(made, tmp_path / str(number)), **more)
        assert type(again) is fitting
        np.testing.assert_array_equal(again.explain(rows, get_raw=True), scoring.explain(rows, get_raw=True))
        assert isinstance(pickle.loads(pickle.dumps(made)), type(made))


def test_a_class_of_one_kind_is_strict_and_names_the_right_one() -> None:
    explainer = MimicExplainer(MODEL, X, LinearExplainableModel)
    with pytest.raises(UnsupportedModelError, match="TreeScoringExplainer needs .*got MimicExplainer. Use Linear"):
        TreeScoringExplainer(explainer)
    with pytest.raises(UnsupportedModelError, match="LinearScoringExplainer needs .*Use TreeScoringExplainer, or expl"):
        LinearScoringExplainer(MimicExplainer(MODEL, X, LGBMExplainableModel, **TREES))


def test_explainers_without_values_of_rows_are_refused() -> None:
    explainer = PFIExplainer(MODEL)
    for make in (explainer.create_scoring_explainer, lambda: ScoringExplainer(explainer)):
        with pytest.raises(UnsupportedModelError, match="PFIExplainer has nothing that gives the values of new rows"):
            make()
    with pytest.raises(UnsupportedModelError, match="Ridge has nothing that gives"):
        ScoringExplainer(MODEL)


def test_what_the_teachers_probability_becomes_is_said() -> None:
    model = LogisticRegression().fit(X, X["a"] > 0)
    explainer = MimicExplainer(model, X, LinearExplainableModel, shap_values_output="teacher_probability")
    with pytest.warns(ExplanationWarning, match="does not ask the model: its values add up to the probability of"):
        scoring = explainer.create_scoring_explainer()
    total = scoring.explain(X[:5])[1].sum(axis=1) + scoring.expected_values[1]
    np.testing.assert_allclose(total, explainer.surrogate_model.predict_proba(X[:5].to_numpy())[:, 1], atol=1e-9)


# No rows


@pytest.mark.parametrize("name", EXPLAINERS)
@pytest.mark.parametrize("form", ["frame", "array", "sparse"])
def test_an_empty_batch_has_empty_values(name: str, form: str) -> None:
    """Empty partitions and requests are normal in production."""
    scoring = EXPLAINERS[name][0]().create_scoring_explainer(**MAP)
    rows: Any = {"frame": X[:0], "array": np.zeros((0, 3)), "sparse": sp.csr_matrix((0, 3))}[form]
    assert scoring.explain(rows).shape == (0, 3)
    assert scoring.explain(rows, get_raw=True).shape == (0, 2)
    assert scoring.explain(rows, as_list=True) == []
    assert scoring.predict(rows).shape == (0, 3)
    assert scoring.predict_output(rows).shape == (0, 1)
    for raw in (False, True):
        explanation = scoring.explanation(rows, get_raw=raw)
        assert (len(explanation), len(explanation.to_frame())) == (0, 0)
    with pytest.raises(InputError, match="columns"):
        scoring.explain(np.zeros((0, 7)))


def test_an_empty_batch_of_classes_has_their_shape_in_every_unit() -> None:
    for labels, n_classes in ((X["a"] > 0, 2), (pd.cut(X["a"], 3, labels=list("xyz")).astype(str), 3)):
        explainer = MimicExplainer(LogisticRegression().fit(X, labels), X, LGBMExplainableModel, **TREES)
        scoring = explainer.create_scoring_explainer()
        for unit in ("log-odds", "probability"):
            assert scoring.explain(X[:0], output_unit=unit).shape == (n_classes, 0, 3)
            assert scoring.explain(X[:0], output_unit=unit, as_list=True) == [[]] * n_classes
            assert len(scoring.explanation(X[:0], output_unit=unit)) == 0


def test_training_still_refuses_no_rows() -> None:
    with pytest.raises(InputError, match="has no rows"):
        MimicExplainer(MODEL, X[:0], LinearExplainableModel)


# Infinite cells


def test_infinite_cells_are_refused_where_they_cannot_be_added_up() -> None:
    for make in (lambda: MimicExplainer(MODEL, X, LinearExplainableModel), lambda: LinearExplainer(MODEL, X)):
        scoring = make().create_scoring_explainer()
        for wrong in (np.array([[np.inf, 0, 0]]), sp.csr_matrix([[0, -np.inf, 0]])):
            for ask in (scoring.explain, scoring.predict_output, scoring.explanation):
                with pytest.raises(DataError, match="infinite"):
                    ask(wrong)


# Surrogates of others


class Theirs:
    """A surrogate of another package: the mean, and a weight for the first column."""

    method = "mimic.theirs"

    def __init__(self, weight: float = 2.0, n_features: int = 3) -> None:
        self.weight, self.n_features, self.n_outputs = weight, n_features, 1
        self.model, self.expected_values = self, np.array([1.0])

    @staticmethod
    def explainable_model_type() -> str:
        return "linear"

    def fit(self, rows: Any, targets: np.ndarray, **_: Any) -> Theirs:
        return self

    def predict_output(self, rows: Any) -> np.ndarray:
        return 1.0 + self.weight * rows[:, :1]

    def predict(self, rows: Any) -> np.ndarray:
        return self.predict_output(rows)[:, 0]

    def shapley_values(self, rows: Any) -> np.ndarray:
        values = np.zeros((1, *rows.shape))
        values[0, :, 0] = self.weight * rows[:, 0]
        return values

    def raw_values(self, rows: Any, feature_map: Any, raw_method: str = "folded") -> Any:
        return feature_map.fold(self.shapley_values(rows))

    def for_scoring(self) -> Theirs:
        return self

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        return {"n_features": self.n_features}, {"theirs.txt": repr(self.weight).encode()}

    @classmethod
    def from_members(cls, fields: Any, files: Any) -> Theirs:
        return cls(float(files["theirs.txt"]), fields["n_features"])


class Unsaved(Theirs):
    to_members = None


del Unsaved.to_members


def test_a_surrogate_of_others_is_saved_and_scored_by_its_own_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = MimicExplainer(MODEL, X, Theirs)
    assert isinstance(explainer.source, SavableSource)
    scoring = explainer.create_scoring_explainer(**MAP)
    assert type(scoring) is LinearScoringExplainer
    path = save(scoring, tmp_path / "model")
    again = load(path)
    assert (type(again), type(again.source)) == (LinearScoringExplainer, Theirs)
    np.testing.assert_array_equal(again.explain(X[:4], get_raw=True), scoring.explain(X[:4], get_raw=True))
    assert again.method == "mimic.theirs"
    monkeypatch.delattr(f"{__name__}.Theirs")
    with pytest.raises(StorageError, match="class '.*Theirs', which is not known here. Import it first"):
        load(path)


def test_a_surrogate_that_cannot_be_found_again_is_not_saved(tmp_path: Path) -> None:
    class Local(Theirs):
        pass

    with pytest.raises(StorageError, match="cannot be found again.*define the class"):
        save(MimicExplainer(MODEL, X, Local).create_scoring_explainer(), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_rows_in_place_of_a_subset_are_named_without_being_printed() -> None:
    with pytest.raises(
        InputError, match="explain_subset.*DataFrame of shape .200, 3.*initialization_examples=X"
    ) as caught:
        TreeExplainer(DecisionTreeRegressor(max_depth=3).fit(X, Y), X)
    assert len(str(caught.value)) < 300


def test_a_table_in_place_of_an_option_is_named_without_being_printed() -> None:
    explainer = MimicExplainer(MODEL, X, LinearExplainableModel)
    scoring = explainer.create_scoring_explainer()
    wrong: list[Any] = [
        lambda: scoring.explain(X, X),
        lambda: scoring.explain(X, output_unit=X),
        lambda: explainer.explain_local(X, output_unit=X),
        lambda: explainer.explain_local(X, raw_method=X),
        lambda: MimicExplainer(MODEL, X, LinearExplainableModel, shap_values_output=X),
        lambda: explainer.explain_global(X, batch_size=X),
    ]
    for call in wrong:
        with pytest.raises(InputError, match="a DataFrame of shape .200, 3.") as caught:
            call()
        assert len(str(caught.value)) < 300
