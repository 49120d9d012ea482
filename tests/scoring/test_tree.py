"""TreeScoringExplainer: what was said in training is said in production, to the last bit and in every form."""

from __future__ import annotations

import io
import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import (
    CLASSES,
    KINDS,
    MAP,
    NAMES,
    QUICK,
    RAW_NAMES,
    TASKS,
    dense,
    make_wrapper,
    rows,
    shared_wrapper,
    teacher,
)
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, TreeScoringExplainer, load, save, treeshap
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    DataError,
    InputError,
    LowFidelityWarning,
    MissingRawTransformationsError,
    UnmappedFeaturesWarning,
    UnsupportedModelError,
)

# Twenty trees on 400 rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

each_task = pytest.mark.parametrize("task", TASKS)
each_kind = pytest.mark.parametrize("kind", KINDS)


def scoring_of(task: str, kind: str, **more: Any) -> TreeScoringExplainer:
    return TreeScoringExplainer(shared_wrapper(task, kind), **more)


@pytest.fixture(params=["made", "loaded"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A scoring explainer as it was made, or after a trip through its file."""

    def live(scoring: TreeScoringExplainer) -> TreeScoringExplainer:
        if request.param == "made":
            return scoring
        save(scoring, tmp_path / "model", exist_ok=True)
        return load(tmp_path / "model")

    return live


def shape(task: str, n_rows: int, n_features: int) -> tuple[int, ...]:
    return (n_rows, n_features) if task == "regression" else (len(CLASSES[task] or ()), n_rows, n_features)


# The same as in training


@each_task
@each_kind
def test_scoring_gives_the_local_values_of_training(task: str, kind: str, life: Any) -> None:
    """`explain` equals the training-time local values bit for bit, in one shape convention, always JSON-ready."""
    X, scoring = rows(kind, 40, seed=1), life(scoring_of(task, kind))
    wrapper = shared_wrapper(task, kind)
    for get_raw, names in ((False, NAMES), (True, RAW_NAMES)):
        wanted = wrapper.explain(["local"], X, get_raw=get_raw)
        found = scoring.explain(X, get_raw=get_raw)
        assert dense(found).shape == shape(task, 40, len(names))
        np.testing.assert_array_equal(dense(found), dense(wanted.local_importance_values))
        listed = scoring.explain(X, get_raw=get_raw, as_list=True)
        np.testing.assert_array_equal(json.loads(json.dumps(listed)), dense(found))
        np.testing.assert_array_equal(scoring.expected_values, wanted.expected_values)
    assert scoring.classes == CLASSES[task]
    assert scoring.output_unit == wrapper.explainer.output_unit
    assert scoring.fidelity == wrapper.explainer.fidelity


@each_task
def test_columns_of_a_frame_may_come_in_another_order(task: str, life: Any) -> None:
    X, scoring = rows("frame", 40, seed=1), life(scoring_of(task, "frame"))
    wanted = dense(scoring.explain(X))
    np.testing.assert_array_equal(dense(scoring.explain(X[["x3", "x0", "x2", "x1"]])), wanted)
    words = X.astype({"x3": object})
    np.testing.assert_array_equal(dense(scoring.explain(words)), wanted)
    recoded = X.assign(x3=X["x3"].cat.reorder_categories(["blue", "red", "green"]))
    np.testing.assert_array_equal(dense(scoring.explain(recoded)), wanted)


@each_task
@each_kind
def test_values_and_expected_values_add_up_to_the_output(task: str, kind: str, life: Any) -> None:
    """Contributions and expected value add up to the margin within 1e-6 in scoring too."""
    X, scoring = rows(kind, 40, seed=1), life(scoring_of(task, kind))
    outputs = scoring.predict_output(X)
    if task == "binary":
        outputs = np.hstack([-outputs, outputs])
    for get_raw in (False, True):
        sums = dense(scoring.explain(X, get_raw=get_raw)).sum(-1).reshape(-1, 40).T
        np.testing.assert_allclose(sums + scoring.expected_values, outputs, atol=1e-6)


@each_kind
def test_several_classes_have_raw_values_of_one_shape(kind: str, life: Any) -> None:
    """Sparse multiclass with get_raw=True gives (K, n, r)."""
    raw = life(scoring_of("four classes", kind)).explain(rows(kind, 40, seed=1), get_raw=True)
    assert isinstance(raw, np.ndarray)
    assert raw.shape == (4, 40, 3)


@each_task
def test_values_of_sparse_rows_are_arrays_until_they_are_large(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bound for all outputs together, here and in explanations; the numbers are the same on both sides of it."""
    X, scoring = rows("sparse", 40, seed=1), scoring_of(task, "sparse")
    found = scoring.explain(X)
    held = scoring.explanation(X).values
    assert isinstance(found, np.ndarray)
    assert isinstance(held, np.ndarray)
    monkeypatch.setattr("automl_explain.explanation._values.MAX_DENSE_BYTES", held.nbytes)
    assert isinstance(scoring.explain(X), np.ndarray)
    monkeypatch.setattr("automl_explain.explanation._values.MAX_DENSE_BYTES", held.nbytes - 1)
    large = scoring.explain(X)
    assert sp.issparse(large) if task == "regression" else all(sp.issparse(block) for block in large)
    np.testing.assert_array_equal(dense(large), found)


@each_task
@each_kind
def test_it_stands_where_a_model_is_expected(task: str, kind: str, life: Any) -> None:
    """`fit(None)` returns the explainer itself, and `predict` is `explain`."""
    X, scoring = rows(kind, 20, seed=1), life(scoring_of(task, kind))
    assert scoring.fit(None) is scoring
    np.testing.assert_array_equal(dense(scoring.predict(X)), dense(scoring.explain(X)))


@each_task
@pytest.mark.parametrize("form", ["one-row frame", "series", "vector", "one-row array", "one-row sparse"])
def test_a_single_row_gives_one_row_of_raw_values(task: str, form: str, life: Any) -> None:
    """A single-row frame gives (1, r); so do a vector and the other forms of a row."""
    kind = "frame" if form in ("one-row frame", "series") else "sparse" if "sparse" in form else "array"
    X, scoring = rows(kind, 20, seed=1), life(scoring_of(task, kind))
    row = {
        "one-row frame": lambda: X.iloc[[3]],
        "series": lambda: X.iloc[3],
        "vector": lambda: X[3],
        "one-row array": lambda: X[3:4],
        "one-row sparse": lambda: X[3],
    }[form]()
    found = dense(scoring.explain(row, get_raw=True))
    assert found.shape == shape(task, 1, 3)
    np.testing.assert_array_equal(found[..., 0, :], dense(scoring.explain(X, get_raw=True))[..., 3, :])


@each_task
@each_kind
def test_an_explanation_of_scoring_is_that_of_training(task: str, kind: str, life: Any) -> None:
    X, scoring = rows(kind, 20, seed=1), life(scoring_of(task, kind))
    for get_raw in (False, True):
        wanted = shared_wrapper(task, kind).explain(["local"], X, get_raw=get_raw)
        found = scoring.explanation(X, get_raw=get_raw)
        np.testing.assert_array_equal(dense(found.values), dense(wanted.values))
        assert found.features == wanted.features
        assert (found.space, found.output_unit, found.method) == (wanted.space, wanted.output_unit, wanted.method)
        np.testing.assert_array_equal(found.output, wanted.output)


def test_the_unmapped_share_is_in_the_explanation(life: Any) -> None:
    partial = [np.array([[1.0, 1, 0.5, 0], [0, 0, 0.5, 0]])]
    with pytest.warns(UnmappedFeaturesWarning, match="No raw column stands behind the engineered features 'x3'"):
        scoring = TreeScoringExplainer(make_wrapper("regression", "array", feature_maps=partial))
    scoring = life(scoring)
    X = rows("array", 20, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explanation = scoring.explanation(X, get_raw=True)
    assert explanation.unmapped_features == ("x3",)
    np.testing.assert_allclose(explanation.unmapped_values[0], scoring.explain(X)[:, 3], rtol=1e-12)
    np.testing.assert_allclose(explanation.output, scoring.predict_output(X), atol=1e-6)


def test_rows_are_not_changed() -> None:
    for kind in KINDS:
        X = rows(kind, 20, seed=1)
        before = X.copy()
        scoring_of("binary", kind).explain(X, get_raw=True)
        assert (dense(X) != dense(before)).sum() == pd.isna(dense(X)).sum()


# Tables


class Prepared:
    """Counts the tables made; refuses more where told so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made, self.refused, own = 0, False, treeshap.Engine

        def counted(*args: Any, **kwargs: Any) -> Any:
            assert not self.refused, "tables were prepared"
            self.made += 1
            return own(*args, **kwargs)

        monkeypatch.setattr("automl_explain.treeshap._engine.Engine", counted)


@each_kind
@pytest.mark.parametrize("raw_method", ["folded", "grouped"])
def test_tables_are_prepared_at_the_first_rows_and_once(
    kind: str, raw_method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, prepared = rows(kind, 5, seed=1), Prepared(monkeypatch)
    made = scoring_of("binary", kind, raw_method=raw_method)
    save(made, tmp_path / "model")
    scoring = load(tmp_path / "model")
    assert prepared.made == 0
    for calls, get_raw in ((1, True), (1, True), (2, False), (2, False)):
        scoring.explain(X, get_raw=get_raw)
        scoring.explain(X[:1], get_raw=get_raw)
        assert prepared.made == calls
    assert scoring.explanation(X, get_raw=True).is_raw
    assert (scoring.expected_values.shape, prepared.made) == ((2,), 2)


@each_kind
def test_after_warming_up_no_row_waits_for_tables(kind: str, life: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, X = Prepared(monkeypatch), rows(kind, 5, seed=1)
    scoring = life(scoring_of("four classes", kind))
    wanted = dense(scoring_of("four classes", kind).explain(X, get_raw=True))
    assert scoring.warm_up() is scoring
    prepared.refused = True
    scoring.explain(X)
    np.testing.assert_array_equal(dense(scoring.explain(X, get_raw=True)), wanted)
    scoring.explanation(X[:1], get_raw=True)
    assert scoring.expected_values.shape == (4,)


def test_warming_up_without_a_map_prepares_engineered_values(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = Prepared(monkeypatch)
    scoring = TreeScoringExplainer(shared_wrapper("binary", "array").explainer).warm_up()
    prepared.refused = True
    assert scoring.explain(rows("array", 5)).shape == (2, 5, 4)


def test_tables_do_not_travel_with_a_pickle() -> None:
    scoring = scoring_of("binary", "array")
    before = len(pickle.dumps(scoring))
    scoring.warm_up()
    assert len(pickle.dumps(scoring)) == before


# Names and maps


def test_names_follow_the_output(life: Any) -> None:
    scoring = life(scoring_of("binary", "frame"))
    assert scoring.features == scoring.engineered_features == NAMES
    assert scoring.raw_features == RAW_NAMES
    bare = life(TreeScoringExplainer(make_wrapper("binary", "frame", feature_maps=None).explainer))
    assert (bare.features, bare.raw_features) == (NAMES, None)


def test_names_and_maps_may_be_given(life: Any) -> None:
    explainer = shared_wrapper("binary", "array").explainer
    scoring = TreeScoringExplainer(
        explainer, feature_maps=[np.eye(4)], raw_features=list("abcd"), engineered_features=list("wxyz")
    )
    scoring = life(scoring)
    assert (scoring.features, scoring.raw_features) == (list("wxyz"), list("abcd"))
    X = rows("array", 20, seed=1)
    np.testing.assert_array_equal(scoring.explain(X, get_raw=True), scoring.explain(X))


def test_a_wrapper_brings_its_map_and_its_explainer_alone_none() -> None:
    wrapper = shared_wrapper("binary", "array")
    assert TreeScoringExplainer(wrapper).raw_features == RAW_NAMES
    alone = TreeScoringExplainer(wrapper.explainer)
    with pytest.raises(MissingRawTransformationsError, match="`get_raw=True` needs a feature map"):
        alone.explain(rows("array", 20), get_raw=True)
    with pytest.raises(MissingRawTransformationsError, match="The raw columns are not known"):
        alone.read_records([{"a": 1}])


# Transformations


def raw_rows(n_rows: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"age": rng.normal(40, 10, n_rows), "pay": rng.normal(0, 1, n_rows), "city": rng.choice(list("ABC"), n_rows)}
    )


@pytest.fixture(params=["ColumnTransformer", "list of tuples"])
def transformed(request: pytest.FixtureRequest) -> MimicExplainer:
    X, numeric, words = raw_rows(), ["age", "pay"], ["city"]
    made: Any = ColumnTransformer([("n", StandardScaler(), numeric), ("c", OneHotEncoder(), words)], sparse_threshold=0)
    Z = made.fit_transform(X)
    if request.param != "ColumnTransformer":
        made = [(numeric, StandardScaler().fit(X[numeric])), (words, OneHotEncoder(sparse_output=False).fit(X[words]))]
    model = LinearRegression().fit(Z, Z @ [1.0, 2.0, 3.0, 0.0, -3.0])
    return MimicExplainer(model, X, LGBMExplainableModel, transformations=made, **QUICK)


def test_transformations_make_raw_the_default(transformed: MimicExplainer) -> None:
    """With transformations the default is raw, and get_raw=False is engineered."""
    scoring, X = TreeScoringExplainer(transformed), raw_rows(30, seed=1)
    wanted = transformed.explain_local(X).local_importance_values
    np.testing.assert_array_equal(scoring.explain(X), wanted)
    np.testing.assert_array_equal(scoring.explain(X, get_raw=True), wanted)
    assert scoring.features == ["age", "pay", "city"]
    engineered = scoring.explain(X, get_raw=False)
    assert engineered.shape == (30, 5)
    np.testing.assert_allclose(engineered.sum(-1), wanted.sum(-1), atol=1e-9)
    assert len(scoring.engineered_features) == 5
    assert scoring.explain(X.iloc[[0]]).shape == (1, 3)


def test_transformations_survive_joblib(transformed: MimicExplainer) -> None:
    scoring, X = TreeScoringExplainer(transformed), raw_rows(30, seed=1)
    buffer = io.BytesIO()
    joblib.dump(scoring, buffer)
    buffer.seek(0)
    np.testing.assert_array_equal(joblib.load(buffer).explain(X), scoring.explain(X))


def test_a_file_keeps_the_engineered_half_and_takes_the_transformations_back(
    transformed: MimicExplainer, tmp_path: Path
) -> None:
    scoring, X = TreeScoringExplainer(transformed), raw_rows(30, seed=1)
    save(scoring, tmp_path / "model")
    Z = transformed.featurizer.transform(X)
    engineered = load(tmp_path / "model")
    np.testing.assert_array_equal(engineered.explain(Z), scoring.explain(X, get_raw=False))
    np.testing.assert_array_equal(engineered.explain(Z, get_raw=True), scoring.explain(X))
    assert engineered.features == scoring.engineered_features
    with pytest.raises(InputError, match="`X` holds raw rows"):
        engineered.explain(X)
    fitted = transformed.featurizer.transformations
    whole = load(tmp_path / "model", transformations=fitted)
    np.testing.assert_array_equal(whole.explain(X), scoring.explain(X))
    assert whole.features == ["age", "pay", "city"]
    save(whole, tmp_path / "again")
    np.testing.assert_array_equal(load(tmp_path / "again", transformations=fitted).explain(X), scoring.explain(X))
    assert pickle.loads(pickle.dumps(engineered)).explain(Z).shape == (30, 5)


def test_raw_rows_for_a_file_without_its_transformations_are_told_how_to_load_it(tmp_path: Path) -> None:
    X = pd.DataFrame({"c": ["a", "b", "c", "a"] * 25, "x": np.random.default_rng(0).normal(size=100)})
    encode = ColumnTransformer([("c", OneHotEncoder(), ["c"])], remainder="passthrough").fit(X)
    model = LinearRegression().fit(encode.transform(X), X["x"])
    explainer = MimicExplainer(model, X, LGBMExplainableModel, transformations=encode, **QUICK)
    scoring = explainer.create_scoring_explainer()
    save(scoring, tmp_path / "model")
    for raw in (X, X.to_numpy()):
        with pytest.raises(
            InputError, match=r"`X` holds raw rows. Load it with load\(directory, transformations=\.\.\."
        ):
            load(tmp_path / "model").explain(raw)
    whole = load(tmp_path / "model", transformations=encode)
    np.testing.assert_array_equal(whole.explain(X), scoring.explain(X))


def test_rows_that_may_be_raw_or_engineered_are_refused_until_it_is_said(tmp_path: Path) -> None:
    """Scaling keeps names and width, so raw rows would be taken for scaled ones without a word."""
    X = np.random.default_rng(0).normal(5, 3, (100, 2))
    scaler = ColumnTransformer([("n", StandardScaler(), [0, 1])]).fit(X)
    model = LinearRegression().fit(scaler.transform(X), X[:, 0])
    explainer = MimicExplainer(model, X, LGBMExplainableModel, transformations=scaler, **QUICK)
    save(explainer.create_scoring_explainer(), tmp_path / "model")
    with pytest.raises(InputError, match="may be raw or engineered.*transformations='applied'"):
        load(tmp_path / "model").explain(X)
    wanted = TreeScoringExplainer(explainer).explain(X)
    applied = load(tmp_path / "model", transformations="applied")
    np.testing.assert_array_equal(applied.explain(scaler.transform(X), get_raw=True), wanted)
    np.testing.assert_array_equal(load(tmp_path / "model", transformations=scaler).explain(X), wanted)
    with pytest.raises(InputError, match="`transformations` is 'yes'; expected fitted ones, or 'applied'"):
        load(tmp_path / "model", transformations="yes")
    save(TreeScoringExplainer(shared_wrapper("binary", "array")), tmp_path / "none")
    with pytest.raises(InputError, match="made without `transformations`; leave them out"):
        load(tmp_path / "none", transformations=scaler)


def test_transformations_and_maps_together_are_refused(transformed: MimicExplainer) -> None:
    with pytest.raises(ConflictingTransformationsError, match="has `transformations`, so its rows are raw; leave out"):
        TreeScoringExplainer(transformed, feature_maps=[np.eye(5)])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[40.0, 0.0, "A"]], "`X` must be a pandas DataFrame.*got list"),
        (None, "`X` must be a pandas DataFrame.*got NoneType"),
        (raw_rows(3).iloc[:0, :2], "`X` has no rows, and other columns than the raw ones"),
        (raw_rows(3).drop(columns="pay"), "missing: .pay.*Pass the same raw columns"),
        (raw_rows(3).assign(age="old"), "Column .age. of `X`, row 0: .old. .* numbers there"),
    ],
    ids=["list", "None", "empty", "missing column", "text in a number"],
)
def test_raw_rows_that_cannot_be_transformed_are_refused(transformed: MimicExplainer, wrong: Any, message: str) -> None:
    with pytest.raises((InputError, DataError), match=message):
        TreeScoringExplainer(transformed).explain(wrong)


def test_a_series_is_one_raw_row(transformed: MimicExplainer) -> None:
    scoring, X = TreeScoringExplainer(transformed), raw_rows(3)
    np.testing.assert_array_equal(scoring.explain(X.iloc[0]), scoring.explain(X.iloc[[0]]))


@each_task
@each_kind
def test_joblib_keeps_every_bit(task: str, kind: str) -> None:
    scoring, X = scoring_of(task, kind), rows(kind, 20, seed=1)
    buffer = io.BytesIO()
    joblib.dump(scoring, buffer)
    buffer.seek(0)
    again = joblib.load(buffer)
    np.testing.assert_array_equal(dense(again.explain(X, get_raw=True)), dense(scoring.explain(X, get_raw=True)))


# Types


@pytest.mark.parametrize("labels", [["b", "a"], [3, 1], [True, False], [1.5, 0.5], [1, "1", True]])
def test_classes_keep_their_types_in_the_file(labels: list[Any], tmp_path: Path) -> None:
    weights = np.eye(4)[:, : len(labels)]
    explainer = MimicExplainer(
        lambda Z: np.exp(np.nan_to_num(Z) @ weights) / np.exp(np.nan_to_num(Z) @ weights).sum(axis=1, keepdims=True),
        rows("array"),
        LGBMExplainableModel,
        is_function=True,
        classes=labels,
        **QUICK,
    )
    save(TreeScoringExplainer(explainer), tmp_path / "m")
    found = load(tmp_path / "m").classes
    assert [(type(c), c) for c in found] == [(type(c), c) for c in labels]


def test_names_that_are_numbers_stay_numbers(tmp_path: Path) -> None:
    wrapper = make_wrapper("regression", "array", features=list(np.arange(4)), feature_maps=[np.asarray(MAP)])
    save(TreeScoringExplainer(wrapper), tmp_path / "m")
    found = load(tmp_path / "m")
    assert (found.engineered_features, found.raw_features) == ([0, 1, 2, 3], [0, 1, 2])
    assert {type(n) for n in found.engineered_features} == {int}


@pytest.mark.parametrize("categories", ["dates", "intervals", "whole numbers", "flags"])
def test_categories_of_every_type_are_known_again(categories: str, tmp_path: Path) -> None:
    X = rows("frame")[["x0", "x1"]]
    bins = pd.cut(X["x1"], 4)
    codes = bins.cat.codes
    made = {
        "dates": lambda: pd.Categorical(pd.Timestamp("2024-01-01") + pd.to_timedelta(codes, "D")),
        "intervals": lambda: bins,
        "whole numbers": lambda: pd.Categorical(codes * 10),
        "flags": lambda: pd.Categorical(codes > 1),
    }
    X["x1"] = made[categories]()
    explainer = MimicExplainer(
        lambda Z: Z["x1"].cat.codes.to_numpy(float), X, LGBMExplainableModel, is_function=True, **QUICK
    )
    save(TreeScoringExplainer(explainer), tmp_path / "m")
    found = load(tmp_path / "m").explain(X)
    np.testing.assert_array_equal(found, explainer.explain_local(X).local_importance_values)
    assert np.abs(found).mean(axis=0).argmax() == 1


# Refusals


@pytest.mark.parametrize("wrong", [LinearRegression(), None, "model"])
def test_something_without_a_tree_surrogate_is_refused(wrong: Any) -> None:
    with pytest.raises(UnsupportedModelError, match="needs an explainer with a tree surrogate.*got "):
        TreeScoringExplainer(wrong)


def test_a_subset_of_the_features_is_refused() -> None:
    wrapper = make_wrapper("regression", "array", feature_maps=None, explain_subset=[0, 2])
    with pytest.raises(InputError, match="make one without `explain_subset` for scoring"):
        TreeScoringExplainer(wrapper)


def test_a_map_of_another_width_is_refused() -> None:
    with pytest.raises(InputError, match="map has 5 engineered features; the explainer was trained on 4"):
        TreeScoringExplainer(shared_wrapper("binary", "array").explainer, feature_maps=[np.eye(5)])


@pytest.mark.parametrize(("argument", "n"), [("raw_features", 3), ("engineered_features", 4)])
def test_names_of_another_number_are_refused(argument: str, n: int) -> None:
    with pytest.raises(InputError, match=f"`{argument}` has 2 names for {n} features; pass one name per feature"):
        scoring_of("binary", "array", **{argument: ["p", "q"]})


def test_names_in_another_order_than_those_of_training_are_refused() -> None:
    explainer = shared_wrapper("binary", "frame").explainer
    turned = FeatureMap.from_matrix(np.eye(4), raw_names=list("abcd"), engineered_names=NAMES[::-1])
    with pytest.raises(InputError, match="The feature map makes 'x3'.*in another order"):
        TreeScoringExplainer(explainer, feature_maps=[turned])
    with pytest.raises(InputError, match="`engineered_features`.*in another order"):
        TreeScoringExplainer(explainer, engineered_features=NAMES[::-1])
    with pytest.raises(InputError, match="in another order"):
        scoring_of("binary", "frame", raw_features=RAW_NAMES[::-1])
    other = FeatureMap.from_matrix(np.eye(4), raw_names=list("abcd"), engineered_names=list("wxyz"))
    assert TreeScoringExplainer(explainer, feature_maps=[other]).raw_features == list("abcd")


@pytest.mark.parametrize(
    "name", ["classes", "output_unit", "link", "fidelity", "method", "feature_map", "expected_values"]
)
def test_what_it_was_made_with_cannot_be_changed(name: str, life: Any) -> None:
    scoring = life(scoring_of("binary", "array"))
    with pytest.raises(AttributeError):
        setattr(scoring, name, None)
    scoring.classes.append("another")
    assert len(scoring.classes) == 2


@pytest.mark.parametrize("wrong", ["no", 1, [True]])
def test_get_raw_is_yes_or_no(wrong: Any) -> None:
    scoring, X = scoring_of("binary", "array"), rows("array", 5)
    for use in (scoring.explain, scoring.explanation):
        with pytest.raises(InputError, match="`get_raw` is .*; expected True, False or None"):
            use(X, get_raw=wrong)
    np.testing.assert_array_equal(scoring.explain(X, np.True_), scoring.explain(X, get_raw=True))


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="`X` has 3 columns; the explainer was made for 4 engineered features"):
        scoring_of("binary", "array").explain(rows("array", 20)[:, :3])


def test_a_misspelt_column_is_named_with_the_one_meant() -> None:
    with pytest.raises(InputError, match=r"missing: 'x1', did you mean 'x1_'\?"):
        scoring_of("binary", "frame").explain(rows("frame", 20).rename(columns={"x1": "x1_"}))


def test_raw_values_without_a_map_are_refused() -> None:
    """Raw values without a map are a typed error in scoring too."""
    bare = TreeScoringExplainer(shared_wrapper("binary", "array").explainer)
    with pytest.raises(MissingRawTransformationsError, match=r"`feature_maps=\[setup.feature_map\]`"):
        bare.explanation(rows("array", 20), get_raw=True)


def test_the_repr_says_what_it_explains() -> None:
    text = repr(scoring_of("four classes", "frame"))
    assert text.startswith("TreeScoringExplainer(3 raw, 4 engineered features, 4 classes, log-odds; R2 0.")
    assert "held-out" in text


def test_neither_teacher_nor_training_rows_are_in_the_file(tmp_path: Path) -> None:
    save(scoring_of("binary", "frame"), tmp_path / "m")
    content = (tmp_path / "m" / "scoring_explainer.aex").read_bytes()
    assert b"FormulaClassifier" not in content
    assert len(content) < 60_000
    with warnings.catch_warnings():
        warnings.simplefilter("error", LowFidelityWarning)
        assert "FormulaClassifier" not in str(vars(load(tmp_path / "m")))
    assert type(teacher("binary")).__name__ == "FormulaClassifier"
