"""XGBoost models read and explained as XGBoost does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tree_checks import check_predictions, check_values, classes, numbers, rows_with_categories

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap import read_trees

xgb = pytest.importorskip("xgboost", reason="xgboost is not installed")

# XGBoost adds up in float32: 24 bits over some dozen trees.
SINGLE = 1e-5


def train(X: np.ndarray, y: np.ndarray, rounds: int = 15, *, types: list[str] | None = None, **params: Any) -> Any:
    data = xgb.DMatrix(X, y, feature_types=types, enable_categorical=types is not None)
    return xgb.train({"nthread": 1, "max_depth": 4, **params}, data, rounds)


def check(model: Any, X: np.ndarray, *, types: list[str] | None = None, parts: bool = True) -> None:
    """Margins and contributions against the library's own."""

    def data(rows: np.ndarray) -> Any:
        return xgb.DMatrix(rows, feature_types=types, enable_categorical=types is not None)

    trees = check_predictions(model, X, lambda rows: model.predict(data(rows), output_margin=True), tolerance=SINGLE)
    if parts:
        given = model.predict(data(X[:60]), pred_contribs=True)
        given = given.reshape(60, trees.n_outputs, -1)[:, :, :-1]
        check_values(trees, X[:60], given.transpose(1, 0, 2), tolerance=SINGLE)


POSITIVE = ("count:poisson", "reg:gamma", "reg:tweedie", "reg:squaredlogerror", "survival:cox")
ANY = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror")
BINARY = ("binary:logistic", "binary:logitraw", "binary:hinge", "reg:logistic")


@pytest.mark.parametrize("objective", [*POSITIVE, *ANY, *BINARY])
def test_one_output(objective: str) -> None:
    X, y = numbers()
    target = {**dict.fromkeys(POSITIVE, np.abs(y) + 0.1), **dict.fromkeys(BINARY, (y > 0.5).astype(float))}
    check(train(X, target.get(objective, y), objective=objective), X)


@pytest.mark.parametrize("objective", ["binary:logistic", "reg:squarederror", "count:poisson"])
def test_a_given_base_score_passes_its_link(objective: str) -> None:
    X, y = numbers()
    check(train(X, (y > 0).astype(float), 3, objective=objective, base_score=0.2), X)


def test_survival_times() -> None:
    X, y = numbers()
    data = xgb.DMatrix(X)
    data.set_float_info("label_lower_bound", np.abs(y) + 0.1)
    data.set_float_info("label_upper_bound", np.abs(y) + 0.2)
    check(xgb.train({"objective": "survival:aft", "nthread": 1, "max_depth": 3}, data, 5), X)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_classes_are_outputs(objective: str) -> None:
    X, y = numbers()
    check(train(X, classes(y, 4), objective=objective, num_class=4), X)


def test_targets_are_outputs() -> None:
    X, y = numbers()
    check(train(X, np.column_stack([y, -2 * y, y**2]), objective="reg:squarederror"), X, parts=False)


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("one_hot", [1, 100])
def test_categories_by_partition_and_one_by_one(booster: str, one_hot: int) -> None:
    X, y = rows_with_categories()
    types = ["q"] * 5 + ["c"] * 2
    drop = {"rate_drop": 0.3} if booster == "dart" else {}
    model = train(X, y, types=types, booster=booster, max_cat_to_onehot=one_hot, max_depth=6, **drop)
    assert any(":{" in tree for tree in model.get_dump())
    check(model, X, types=types)


def test_categories_not_seen_in_training_go_where_xgboost_sends_them() -> None:
    X, y = rows_with_categories()
    types = ["q"] * 5 + ["c"] * 2
    model = train(X, y, types=types, max_cat_to_onehot=1)
    strange = X[:6].copy()
    strange[:, 6] = [41, 63, 64, 500, 39.7, 0.3]
    expected = model.predict(xgb.DMatrix(strange, feature_types=types, enable_categorical=True), output_margin=True)
    np.testing.assert_allclose(read_trees(model).predict(strange)[:, 0], expected, rtol=SINGLE, atol=SINGLE)


@pytest.mark.parametrize(
    "more",
    [
        {"num_parallel_tree": 4, "subsample": 0.5},
        {"booster": "dart", "rate_drop": 0.5, "normalize_type": "forest"},
        {"tree_method": "exact", "gamma": 3.0, "max_depth": 8},
        {"tree_method": "approx", "max_depth": 0, "grow_policy": "lossguide", "max_leaves": 60},
        {"max_depth": 16, "min_child_weight": 0},
    ],
    ids=["parallel", "dart", "pruned", "lossguide", "deep"],
)
def test_ways_to_grow(more: dict[str, Any]) -> None:
    X, y = numbers()
    check(train(X, y, **more), X)


def test_a_constant_target_gives_trees_of_one_leaf() -> None:
    X, _ = numbers()
    model = train(X, np.full(len(X), 3.5), 3, base_score=1.0)
    trees = check_predictions(model, X, lambda rows: model.predict(xgb.DMatrix(rows)), tolerance=SINGLE)
    assert (trees.feature == -1).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_model_stopped_early_ends_at_its_best_iteration(n_classes: int) -> None:
    X, y = numbers(500)
    y = classes(y + np.random.default_rng(1).normal(size=len(y)), n_classes)
    model = xgb.XGBClassifier(n_estimators=60, max_depth=5, learning_rate=0.6, early_stopping_rounds=4, n_jobs=1)
    model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    check_predictions(model, X, lambda rows: model.predict(rows, output_margin=True), tolerance=SINGLE)
    booster = model.get_booster()
    check_predictions(booster, X, lambda rows: booster.predict(xgb.DMatrix(rows), output_margin=True), tolerance=SINGLE)


def test_zero_for_missing() -> None:
    X, y = numbers()
    X[:, 1] = np.where(np.isnan(X[:, 1]), 0.0, X[:, 1])
    model = xgb.XGBRegressor(n_estimators=5, max_depth=4, missing=0.0, n_jobs=1).fit(X, y)
    check_predictions(model, X, model.predict, tolerance=SINGLE)


def test_a_frame_with_categories_is_read_by_codes() -> None:
    pd = pytest.importorskip("pandas")
    X, y = rows_with_categories()
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    frame["g"] = pd.Categorical(np.where(np.isnan(X[:, 6]), None, np.char.add("c", X[:, 6].astype(str))))
    model = xgb.XGBRegressor(n_estimators=8, max_depth=4, max_cat_to_onehot=1, enable_categorical=True, n_jobs=1)
    model.fit(frame, y)
    codes = frame["g"].cat.codes.to_numpy().astype(float)
    rows = np.column_stack([X[:, :6], np.where(codes < 0, np.nan, codes)])
    np.testing.assert_allclose(read_trees(model).predict(rows)[:, 0], model.predict(frame), rtol=SINGLE, atol=SINGLE)


@pytest.mark.parametrize(
    ("params", "target", "message"),
    [
        ({"booster": "gblinear"}, "y", "'gblinear' booster, which has no trees"),
        ({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, "two", "vector in each leaf"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:xgboost")  # gblinear is deprecated there
def test_refused_models(params: dict[str, Any], target: str, message: str) -> None:
    X, y = numbers(missing=0)
    with pytest.raises(UnsupportedModelError, match=message):
        read_trees(train(X, y if target == "y" else np.column_stack([y, -y]), 2, **params))


def test_other_markers_of_missing_are_refused() -> None:
    X, y = numbers(missing=0)
    with pytest.raises(UnsupportedModelError, match="takes -9.0 for missing"):
        read_trees(xgb.XGBRegressor(n_estimators=2, missing=-9.0, n_jobs=1).fit(X, y))


@pytest.mark.parametrize("make", [xgb.XGBClassifier, xgb.Booster])
def test_an_unfitted_model_is_named(make: Any) -> None:
    with pytest.raises(InputError, match=f"The {make.__name__} is not fitted"):
        read_trees(make())
