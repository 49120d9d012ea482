"""Scoring explainers beside trees: the same shapes and the same file, for weights and for any model."""

from __future__ import annotations

import functools
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from automl_explain import (
    KernelExplainer,
    KernelScoringExplainer,
    LinearExplainer,
    LinearScoringExplainer,
    MimicExplainer,
    TabularExplainer,
    TreeExplainer,
    TreeScoringExplainer,
    load,
    save,
)
from automl_explain.exceptions import CorruptFileError, DataError, InputError, UnsupportedModelError
from automl_explain.surrogates import LinearExplainableModel

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
X = pd.DataFrame(np.random.default_rng(0).normal(size=(150, 3)), columns=["a", "b", "c"])
X["colour"] = pd.Categorical(np.resize(["red", "green", "blue"], 150))
PLAIN = X[["a", "b", "c"]]
SIGNAL = PLAIN["a"] + PLAIN["b"] * PLAIN["c"]
TARGETS: dict[str, Any] = {
    "regression": SIGNAL,
    "binary": np.where(SIGNAL > 0, "yes", "no"),
    "three": np.select([SIGNAL < -0.5, SIGNAL < 0.5], list("pq"), "r"),
}
SHAPES = {"regression": (5, 3), "binary": (2, 5, 3), "three": (3, 5, 3)}
MAP = [[1, 1, 0], [0, 0, 1]]


@functools.cache
def model_of(kind: str, task: str) -> Any:
    regression, classifier = {
        "tree": (DecisionTreeRegressor(max_depth=4), GradientBoostingClassifier(n_estimators=3)),
        "linear": (Ridge(), LogisticRegression()),
        "kernel": (KNeighborsRegressor(), KNeighborsClassifier()),
    }[kind]
    return (regression if task == "regression" else classifier).fit(PLAIN, TARGETS[task])


SCORING = {"tree": TreeScoringExplainer, "linear": LinearScoringExplainer, "kernel": KernelScoringExplainer}


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("kind", SCORING)
def test_every_sibling_gives_the_explainers_values_before_and_after_a_file(
    kind: str, task: str, tmp_path: Path
) -> None:
    model = model_of(kind, task)
    explainer = TabularExplainer(model, PLAIN, nclusters=3)
    scoring = SCORING[kind](explainer, feature_maps=[MAP], raw_features=["r", "s"])
    save(scoring, tmp_path / "model")
    again = load(tmp_path / "model", **({"model": model} if kind == "kernel" else {}))
    explanation, rows = explainer.explain_local(PLAIN[:5]), PLAIN[:5]
    for made in (scoring, again, pickle.loads(pickle.dumps(scoring))):
        assert type(made) is SCORING[kind]
        values = made.explain(rows)
        assert values.shape == SHAPES[task]
        np.testing.assert_array_equal(values, np.asarray(explanation.local_importance_values))
        np.testing.assert_array_equal(made.expected_values, explanation.expected_values)
        raw = made.explain(rows, get_raw=True)
        np.testing.assert_allclose(raw.sum(axis=-1), values.sum(axis=-1), atol=1e-9)
        assert (made.classes, made.output_unit, made.link) == (
            explanation.classes,
            explanation.output_unit,
            explanation.link,
        )
        assert made.fidelity is None
        assert "the model itself" in repr(made)
        # An output of 0 is met to rounding of the contributions, which are below 1e3.
        np.testing.assert_allclose(made.predict_output(rows), made.explanation(rows).output, atol=1e-12)
        assert made.warm_up() is made


@pytest.mark.parametrize("kind", SCORING)
def test_files_hold_no_pickle_and_name_their_kind(kind: str, tmp_path: Path) -> None:
    scoring = SCORING[kind](TabularExplainer(model_of(kind, "binary"), PLAIN, nclusters=3))
    with zipfile.ZipFile(save(scoring, tmp_path / "model")) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert {Path(name).suffix for name in archive.namelist()} == {".json", ".npy"}
    assert (manifest["kind"], manifest["format_version"]) == (kind, 3)


@pytest.mark.parametrize("task", TARGETS)
def test_a_linear_surrogate_with_categories_and_gaps_comes_back(task: str, tmp_path: Path) -> None:
    class Teacher:
        if task != "regression":
            classes_ = np.unique(TARGETS[task])

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            return rows["a"].fillna(0).to_numpy() + (rows["colour"] == "red").to_numpy()

        if task != "regression":

            def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
                first = 1 / (1 + np.exp(-self.predict(rows)))
                rest = [(1 - first) / (len(self.classes_) - 1)] * (len(self.classes_) - 1)
                return np.column_stack([first, *rest])

    rows = X.assign(a=X["a"].where(X.index % 7 > 0))
    explainer = MimicExplainer(Teacher(), rows, LinearExplainableModel, augment_data=False)
    scoring = LinearScoringExplainer(explainer)
    save(scoring, tmp_path / "model")
    values = np.asarray(explainer.explain_local(rows[:9]).local_importance_values)
    for made in (scoring, load(tmp_path / "model")):
        np.testing.assert_allclose(made.explain(rows[:9]), values, atol=1e-12)
        assert str(made.fidelity) == str(explainer.fidelity)


def test_a_forest_is_scored_in_probabilities() -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(PLAIN, TARGETS["binary"])
    scoring = TreeScoringExplainer(TreeExplainer(forest))
    assert scoring.output_unit == "probability"
    np.testing.assert_allclose(scoring.expected_values.sum(), 1.0)
    np.testing.assert_allclose(scoring.predict_output(PLAIN[:5])[:, 0], forest.predict_proba(PLAIN[:5])[:, 1])


def test_the_kernel_says_its_cost_and_needs_its_model(tmp_path: Path) -> None:
    model = model_of("kernel", "binary")
    scoring = KernelScoringExplainer(KernelExplainer(model, PLAIN, nclusters=3))
    assert scoring.evaluations_per_row == 6 * 3
    assert "18 predictions for a row" in repr(scoring)
    save(scoring, tmp_path / "model")
    with pytest.raises(InputError, match="without its model, a sklearn.neighbors.*load.directory, model=model."):
        load(tmp_path / "model")
    other = KNeighborsClassifier(1).fit(PLAIN, np.where(SIGNAL > 0, "no", "yes"))
    with pytest.raises(InputError, match="Pass the model that the explainer was made for"):
        load(tmp_path / "model", model=other)


def test_models_that_the_kernels_file_cannot_be_of_are_named_as_such(tmp_path: Path) -> None:
    """Not as damage of the file: other classes, other columns, a regression, none at all."""
    scoring = KernelScoringExplainer(KernelExplainer(model_of("kernel", "binary"), PLAIN, nclusters=3))
    save(scoring, tmp_path / "model")
    others = [
        model_of("kernel", "three"),
        model_of("kernel", "regression"),
        KNeighborsClassifier().fit(PLAIN[["a", "b"]], TARGETS["binary"]),
        KNeighborsClassifier().fit(PLAIN, np.where(SIGNAL > 0, "da", "nyet")),
        KNeighborsClassifier(),
        "model.pkl",
    ]
    for other in others:
        with pytest.raises(InputError, match="(?s)`model`.*Pass the model"):
            load(tmp_path / "model", model=other)


def test_a_model_for_a_file_that_needs_none_is_refused(tmp_path: Path) -> None:
    save(LinearScoringExplainer(LinearExplainer(model_of("linear", "binary"), PLAIN)), tmp_path / "model")
    with pytest.raises(InputError, match="holds a linear explainer, which needs no model"):
        load(tmp_path / "model", model=model_of("linear", "binary"))


@pytest.mark.parametrize("kind", SCORING)
def test_explainers_of_another_kind_are_refused(kind: str) -> None:
    for other in SCORING.keys() - {kind}:
        with pytest.raises(UnsupportedModelError, match=f"{SCORING[kind].__name__} needs"):
            SCORING[kind](TabularExplainer(model_of(other, "binary"), PLAIN, nclusters=3))


@pytest.mark.parametrize("member", ["coef", "intercept", "background"])
def test_damaged_weights_are_refused(member: str, tmp_path: Path) -> None:
    from test_archive import members_of, rewrite

    from automl_explain._files._archive import from_npy, to_npy

    path = Path(save(LinearScoringExplainer(LinearExplainer(model_of("linear", "three"), PLAIN)), tmp_path / "model"))
    members = members_of(path)
    whole = from_npy(members[f"linear_{member}.npy"])
    for damaged in (whole[:-1], np.full_like(whole, np.nan), whole.astype(np.float32)):
        rewrite(path, {**members, f"linear_{member}.npy": to_npy(damaged)})
        with pytest.raises(CorruptFileError, match="does not hold what it should"):
            load(path)


def rewritten(path: Path, changes: dict[str, Any]) -> None:
    """The file with arrays or fields of its description changed, and sums that say it is whole."""
    from test_archive import members_of, rewrite

    from automl_explain._files._archive import from_npy, to_npy

    members = members_of(path)
    described = json.loads(members["explainer.json"])
    for name, change in changes.items():
        if name.endswith(".npy"):
            members[name] = to_npy(change(from_npy(members[name]).copy()))
        else:
            described[name] = change(described[name])
    rewrite(path, {**members, "explainer.json": json.dumps(described).encode()})


@functools.cache
def surrogate() -> LinearScoringExplainer:
    rows = X.assign(a=X["a"].where(X.index % 7 > 0))
    model = Ridge().fit(PLAIN, SIGNAL)

    class Teacher:
        def predict(self, asked: pd.DataFrame) -> np.ndarray:
            return np.asarray(model.predict(asked[["a", "b", "c"]].fillna(0)))

    return LinearScoringExplainer(MimicExplainer(Teacher(), rows, LinearExplainableModel, augment_data=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"linear_numbers.npy": lambda a: a + 2},  # columns that are not there
        {"linear_numbers.npy": lambda a: a * 0},
        {"linear_marked.npy": lambda a: a - 5},
        {"linear_marked.npy": lambda a: a[:0]},
        {"linear_marked.npy": lambda a: a.astype(np.float64)},
        {"linear_parent.npy": lambda a: a[::-1]},
        {"linear_parent.npy": lambda a: a + 2**40},
        {"linear_scale.npy": lambda a: a[:-1]},
        {"linear_scale.npy": lambda a: a * 0},
        {"linear_scale.npy": lambda a: a * np.nan},
        {"linear_fill.npy": lambda a: a * np.nan},
        {"levels": lambda levels: [[9, 3]]},
        {"levels": lambda levels: []},
        {"levels": lambda levels: [[3, 10**12]]},
    ],
)
def test_a_changed_linear_surrogate_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    path = Path(save(surrogate(), tmp_path / "model"))
    rewritten(path, changes)
    with pytest.raises(CorruptFileError, match="does not hold what it should"):
        load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"kernel_weights.npy": lambda a: a * np.nan},
        {"kernel_weights.npy": lambda a: a * 2},
        {"kernel_weights.npy": lambda a: a.astype(np.float32)},
        {"kernel_weights.npy": lambda a: a - a.max()},
        {"seed": lambda seed: -1},
        {"n_samples": lambda n: -1},
        {"n_samples": lambda n: 1.5},
        {"n_columns": lambda n: 1},
        {"encoder": lambda encoder: {**encoder, "categories": [[0, ["a"]]]}},
    ],
)
def test_a_changed_background_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    model = model_of("kernel", "binary")
    path = Path(save(KernelScoringExplainer(KernelExplainer(model, PLAIN, nclusters=3)), tmp_path / "model"))
    rewritten(path, changes)
    with pytest.raises(CorruptFileError, match="does not hold what it should"):
        load(path, model=model)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights_2.npy": lambda a: a * np.nan},
        {"weights_2.npy": lambda a: a * 2},
        {"weights_2.npy": lambda a: -a},
        {"classes": lambda classes: None},
        {"link": lambda link: "x"},
        {"method": lambda method: 7},
        {"encoder": lambda encoder: {**encoder, "categories": [[99, ["a"]]]}},
        {"encoder": lambda encoder: {**encoder, "names": ["\ud800", *encoder["names"][1:]]}},
    ],
)
def test_changed_parts_of_any_scoring_explainer_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    scoring = LinearScoringExplainer(LinearExplainer(model_of("linear", "binary"), PLAIN), feature_maps=[MAP])
    path = Path(save(scoring, tmp_path / "model"))
    rewritten(path, changes)
    with pytest.raises(CorruptFileError, match="does not hold what it should"):
        load(path)


@pytest.mark.parametrize("surrogate", [None, LinearExplainableModel])
def test_contributions_that_overflow_are_refused(surrogate: Any) -> None:
    """10 times 1e308 is infinite, and infinite values add up to no output."""
    model = Ridge(alpha=1e-9).fit(PLAIN, 10 * PLAIN["a"])
    explainer = LinearExplainer(model, PLAIN) if surrogate is None else MimicExplainer(model, PLAIN, surrogate)
    scoring = explainer.create_scoring_explainer(feature_maps=[[[1, 1, 0], [0, 0, 1]]])
    rows = PLAIN[:2].assign(a=[1.0, 1e308])
    for get_raw in (False, True):
        with pytest.raises(DataError, match="contributions are too large for float64. Check the unit"):
            scoring.explain(rows, get_raw=get_raw)
    assert np.isfinite(scoring.explain(rows[:1])).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_linear_surrogate_of_several_classes_adds_up_to_the_same_bits_after_a_file(seed: int, tmp_path: Path) -> None:
    rows = np.random.default_rng(seed).normal(size=(300, 4))
    model = LogisticRegression().fit(rows, np.digitize(rows[:, 0] - 2 * rows[:, 1] + rows[:, 2], [-1, 1]))
    scoring = LinearScoringExplainer(MimicExplainer(model, rows, LinearExplainableModel, augment_data=False))
    save(scoring, tmp_path / "scorer")
    loaded = load(tmp_path / "scorer")
    assert loaded.expected_values.tobytes() == scoring.expected_values.tobytes()
    assert loaded.predict_output(rows).tobytes() == scoring.predict_output(rows).tobytes()
    one, other = (each.explain(rows[:1], output_unit="probability") for each in (scoring, loaded))
    assert one.tobytes() == other.tobytes()
