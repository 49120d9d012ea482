"""LGBMExplainableModel: what it learns, how large it grows, and that its values add up."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from automl_explain import LGBMExplainableModel
from automl_explain.exceptions import InputError, SurrogateNotFittedError
from automl_explain.explanation._units import class_probabilities
from automl_explain.protocols import SurrogateModel
from automl_explain.surrogates import _lightgbm, log_odds

SMALL: dict[str, Any] = {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1}


def rows(n_rows: int = 400, *, missing: bool = False, codes: bool = False) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4)) * (rng.random((n_rows, 4)) < 0.7)
    if codes:
        X[:, 3] = rng.integers(0, 5, n_rows)
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    return X


def targets(X: np.ndarray, task: str) -> np.ndarray:
    filled = np.nan_to_num(X)
    if task == "regression":
        return filled[:, :1] + filled[:, 1:2] ** 2
    margins = filled[:, : 1 if task == "binary" else 4] * 2 + filled[:, 3:] % 2
    return np.clip(class_probabilities(margins)[:, -margins.shape[1] :], 1e-6, 1 - 1e-6)


# By hand


def test_a_stump_surrogate_gives_the_numbers_on_paper() -> None:
    """30 rows at 2 and 10 rows at 6: the mean is 3; a row on the right gets 3, one on the left -1."""
    x = np.repeat([0.0, 1.0], [30, 10])[:, None]
    stump = LGBMExplainableModel(n_estimators=1, num_leaves=2, learning_rate=1.0, n_jobs=1).fit(x, 2 + 4 * x)
    np.testing.assert_allclose(stump.expected_values, [3.0], atol=1e-12)
    np.testing.assert_allclose(stump.shapley_values(x[[0, -1]]), [[[-1.0], [3.0]]], atol=1e-12)
    np.testing.assert_allclose(stump.predict_output(x[[0, -1]]), [[2.0], [6.0]], atol=1e-12)


# What it learns


def test_it_meets_the_contract_of_a_surrogate() -> None:
    fitted = LGBMExplainableModel(**SMALL).fit(rows(), targets(rows(), "regression"))
    assert isinstance(fitted, SurrogateModel)
    assert LGBMExplainableModel.explainable_model_type() == "tree"


@pytest.mark.parametrize("task", ["regression", "binary", "four classes"])
@pytest.mark.parametrize("kind", ["dense", "sparse", "missing", "categories"])
def test_values_and_expected_values_add_up_to_the_output(task: str, kind: str) -> None:
    X = rows(missing=kind == "missing", codes=kind == "categories")
    y = targets(X, task)
    given = sp.csr_matrix(X) if kind == "sparse" else X
    categories = {3: tuple("abcde")} if kind == "categories" else None
    name = "regression" if task == "regression" else "classification"
    surrogate = LGBMExplainableModel(**SMALL).fit(given, y, task=name, categories=categories)
    values = surrogate.shapley_values(given)
    if kind == "sparse":
        assert all(sp.issparse(v) for v in values)
        values = np.stack([v.toarray() for v in values])
    assert values.shape == (y.shape[1], *X.shape)
    found = values.sum(-1).T + surrogate.expected_values
    np.testing.assert_allclose(found, surrogate.predict_output(given), atol=1e-6)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_constant_target_is_learnt_as_a_constant(task: str) -> None:
    X = rows(100)
    surrogate = LGBMExplainableModel(**SMALL).fit(X, np.full((100, 2), 0.25), task=task)
    assert (surrogate.shapley_values(X) == 0).all()
    wanted = 0.25 if task == "regression" else log_odds(np.array(0.25))
    # LightGBM starts from a float32 mean of the labels.
    np.testing.assert_allclose(surrogate.predict_output(X), wanted, atol=1e-6)


def test_binary_log_odds_are_learnt_beyond_five() -> None:
    """The reference clips them at 5; here a teacher sure to 1 in 20,000 is learnt as sure as that."""
    X = np.random.default_rng(0).uniform(-10, 10, (3000, 1))
    surrogate = LGBMExplainableModel(n_estimators=200, num_leaves=15, n_jobs=1)
    surrogate.fit(X, class_probabilities(X)[:, 1:], task="classification")
    found = surrogate.predict_output(np.array([[-9.5], [9.5]])).ravel()
    assert found[0] < -7
    assert found[1] > 7


def test_a_class_that_never_wins_keeps_its_own_values() -> None:
    """A class that never wins argmax still has its block, and it is not zero."""
    X = rows()
    never = 0.1 + 0.05 * np.tanh(X[:, 2])
    rest = 1 / (1 + np.exp(-4 * X[:, 0]))
    proba = np.column_stack([(1 - never) * rest, (1 - never) * (1 - rest), never])
    assert 2 not in proba.argmax(axis=1)
    surrogate = LGBMExplainableModel(**SMALL).fit(X, np.clip(proba, 1e-6, 1 - 1e-6), task="classification")
    values = surrogate.shapley_values(X)
    assert values.shape == (3, 400, 4)
    assert np.abs(values[2]).mean(axis=0).argmax() == 2
    assert not np.isin(2, class_probabilities(surrogate.predict_output(X)).argmax(axis=1))


@pytest.mark.parametrize("size", [{}, {"n_estimators": 130}])
def test_the_worse_way_to_split_categories_grows_no_more_than_a_hundred_trees(
    size: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve codes in no order: native splits are better. A size of the caller's is grown in full both ways."""
    grown: dict[int, int] = {}
    plain = lgb.Booster.update

    def watched(self: lgb.Booster, *args: Any, **kwargs: Any) -> bool:
        grown[id(self)] = grown.get(id(self), 0) + 1
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(lgb.Booster, "update", watched)
    monkeypatch.setattr(_lightgbm, "_LADDER", ((31, 300, 1.0),))
    monkeypatch.setattr(_lightgbm, "_PLATEAU", (3, -1.0))
    rng = np.random.default_rng(0)
    X = rng.integers(0, 12, (300, 2)).astype(float)
    y = rng.permutation(12)[X[:, :1].astype(int)] * 1.0 + X[:, 1:]
    surrogate = LGBMExplainableModel(n_jobs=1, learning_rate=0.01, **size).fit(X, y, categories={0: tuple(range(12))})
    assert sorted(grown.values()) == ([130, 130] if size else [100, 300])
    assert surrogate.size_["n_estimators"] <= 300


def test_a_larger_size_that_will_not_be_worth_it_is_not_grown_to_its_end() -> None:
    """Scores that grow by 0.001 in 25 trees: the 12 steps left would add 0.012, and half of it is expected."""
    y = np.zeros((1, 1))
    trial = _lightgbm._Trial(y, y, "regression", (y, y), {}, None)
    growth = _lightgbm._Growth(trial, [], (), 25)
    growth.counts, growth.scores = [25, 50, 75], [0.90, 0.91, 0.92]
    assert growth._expected(400) == np.inf  # too early to tell
    growth.counts, growth.scores = [25, 50, 75, 100], [0.947, 0.948, 0.949, 0.95]
    assert growth._expected(400) == pytest.approx(0.956)
    growth.to(400, least=0.957)
    assert growth.counts[-1] == 100
    growth.to(125, least=0.9)
    assert growth.counts[-1] == 125


def test_trees_of_a_size_that_adds_too_little_are_not_all_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    grown: list[int] = []
    plain = lgb.Booster.update
    monkeypatch.setattr(lgb.Booster, "update", lambda self: grown.append(1) or plain(self))
    monkeypatch.setattr(_lightgbm, "_LADDER", ((31, 200, 2.0), (63, 400, 2.0)))
    monkeypatch.setattr(_lightgbm, "_PLATEAU", (3, -1.0))
    X = np.random.default_rng(0).normal(size=(300, 2))
    surrogate = LGBMExplainableModel(n_jobs=1).fit(X, X[:, :1] * X[:, 1:])
    assert surrogate.size_["num_leaves"] == 31
    assert 200 + 100 <= len(grown) <= 200 + 300  # of 400


def test_categories_the_codes_do_not_order_are_split_natively() -> None:
    X = np.random.default_rng(0).integers(0, 12, (600, 1)).astype(float)
    y = (X * 7919 % 5 > 2).astype(float)
    surrogate = LGBMExplainableModel(n_estimators=30, num_leaves=2, n_jobs=1, cat_smooth=1.0)
    surrogate.fit(X, y, categories={0: tuple(range(12))})
    assert "'=='" in str(surrogate.model.dump_model())
    assert surrogate.stopping_score_ > 0.95


def test_the_booster_reads_a_frame_with_the_same_categories() -> None:
    codes = np.random.default_rng(0).integers(0, 3, (300, 1)).astype(float)
    surrogate = LGBMExplainableModel(**SMALL).fit(codes, codes == 1, categories={0: ("x", "y", "z")})
    frame = pd.DataFrame({"c": pd.Categorical.from_codes(codes[:, 0].astype(int), ["x", "y", "z"])})
    np.testing.assert_array_equal(surrogate.model.predict(frame), surrogate.predict_output(codes)[:, 0])


# How large it grows


def test_a_size_that_is_given_is_kept() -> None:
    surrogate = LGBMExplainableModel(**SMALL).fit(rows(), targets(rows(), "regression"))
    assert not surrogate.sizes_itself
    assert surrogate.size_ == {"n_estimators": 20, "num_leaves": 7}
    assert surrogate.model.num_trees() == 20


@pytest.mark.parametrize("size", [{"n_estimators": 3}, {"num_leaves": 4}, {"max_depth": 2}])
def test_any_part_of_a_size_switches_automatic_sizing_off(size: dict[str, int]) -> None:
    assert not LGBMExplainableModel(**size).sizes_itself
    assert LGBMExplainableModel().sizes_itself


def test_an_easy_target_gets_a_small_ensemble() -> None:
    X = rows(1000)
    surrogate = LGBMExplainableModel(n_jobs=1).fit(X, np.sign(X[:, :1]))
    assert surrogate.size_["num_leaves"] == 31
    assert surrogate.size_["n_estimators"] <= 100
    assert surrogate.stopping_score_ > 0.98


def test_a_fidelity_target_takes_the_smallest_size_that_reaches_it() -> None:
    X = rows(2000)
    y = X[:, :1] + np.sin(3 * X[:, 1:2])
    low, high = (LGBMExplainableModel(n_jobs=1, fidelity_target=t).fit(X, y) for t in (0.8, 0.99))
    assert low.size_["num_leaves"] == 8
    assert 0.8 <= low.stopping_score_ < high.stopping_score_
    assert low.trees.ensemble.n_leaves < high.trees.ensemble.n_leaves


def test_growing_ends_where_more_trees_add_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    grown: list[int] = []
    monkeypatch.setattr(lgb.Booster, "update", _counted(grown, lgb.Booster.update))
    X = rows(1000)
    LGBMExplainableModel(n_jobs=1).fit(X, np.sign(X[:, :1]))
    assert len(grown) <= 200


def _counted(calls: list[int], method: Any) -> Any:
    def counting(*args: Any, **more: Any) -> Any:
        calls.append(1)
        return method(*args, **more)

    return counting


def test_no_leaf_lies_far_below_those_of_a_balanced_tree() -> None:
    x = np.random.default_rng(0).exponential(size=(3000, 1))
    surrogate = LGBMExplainableModel(n_jobs=1).fit(np.hstack([x, rows(3000)]), np.exp(2 * x))
    depth = surrogate.model.trees_to_dataframe()["node_depth"].max() - 1
    assert depth <= 8


@pytest.mark.parametrize("target", [0, 1.5, True, "high"])
def test_a_fidelity_target_out_of_range_is_refused(target: Any) -> None:
    with pytest.raises(InputError, match="`fidelity_target` is .*expected an R2 above 0"):
        LGBMExplainableModel(fidelity_target=target)


def test_a_fidelity_target_beside_a_size_is_refused() -> None:
    with pytest.raises(InputError, match="both `fidelity_target` and a size"):
        LGBMExplainableModel(fidelity_target=0.9, num_leaves=8)


def test_there_is_one_learner_for_each_class_beyond_two() -> None:
    one = LGBMExplainableModel(**SMALL).fit(rows(), targets(rows(), "binary"), task="classification")
    assert isinstance(one.model, lgb.Booster)
    four = LGBMExplainableModel(**SMALL).fit(rows(), targets(rows(), "four classes"), task="classification")
    assert [type(b) for b in four.model] == [lgb.Booster] * 4


def test_parameters_reach_lightgbm_under_either_name() -> None:
    surrogate = LGBMExplainableModel(**SMALL, min_child_samples=150, reg_lambda=2.0, learning_rate=0.3)
    text = surrogate.fit(rows(), targets(rows(), "regression")).trees.texts[0]
    assert "[min_data_in_leaf: 150]" in text
    assert "[lambda_l2: 2]" in text
    assert "[learning_rate: 0.3]" in text


@pytest.mark.parametrize("trees", ["num_iterations", "num_boost_round", "n_iter", "num_trees"])
@pytest.mark.parametrize("leaves", ["max_leaves", "num_leaf", "max_leaf_nodes"])
def test_a_size_may_have_the_names_lightgbm_knows(trees: str, leaves: str) -> None:
    surrogate = LGBMExplainableModel(**{trees: 3, leaves: 5}, n_jobs=1)
    assert not surrogate.sizes_itself
    assert surrogate.fit(rows(), targets(rows(), "regression")).size_ == {"n_estimators": 3, "num_leaves": 5}


def test_fitting_twice_gives_the_same_bits() -> None:
    X = rows(missing=True)
    first, second = (LGBMExplainableModel(**SMALL).fit(X, targets(X, "regression")) for _ in range(2))
    np.testing.assert_array_equal(first.shapley_values(X), second.shapley_values(X))


# Refusals


@pytest.mark.parametrize("wrong", [np.zeros(400), np.zeros((3, 1))])
def test_targets_of_another_shape_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"`targets` has shape .*; expected \(400, n_outputs\), one row per row"):
        LGBMExplainableModel(**SMALL).fit(rows(), wrong)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_estimaters": 5}, "no parameter of LightGBM.*known ones.*did you mean `n_estimators`"),
        ({"objective": "poisson"}, "`objective`.*leave it out"),
        ({"loss": "poisson"}, "`loss`.*leave it out"),
        ({"num_class": 3}, "`num_class`.*leave it out"),
        ({"linear_tree": True}, "`linear_tree`.*leave it out"),
        ({"boosting": "rf"}, "`boosting` is 'rf'; expected 'gbdt'"),
        ({"boosting_type": "dart"}, "`boosting_type` is 'dart'; expected 'gbdt'"),
        ({"n_estimators": 0}, "`n_estimators` is 0; expected a whole number of at least 1"),
        ({"n_iter": -1}, "`n_estimators` is -1"),
        ({"n_estimators": 2.5}, "`n_estimators` is 2.5"),
        ({"num_leaves": 1}, "`num_leaves` is 1; expected a whole number of at least 2"),
        ({"n_estimators": 5, "n_iter": 6}, "both `n_estimators` and `n_iter`.*pass one"),
        ({"reg_lambda": 1.0, "lambda_l2": 2.0}, "both `reg_lambda` and `lambda_l2`.*pass one"),
    ],
)
def test_parameters_it_cannot_follow_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LGBMExplainableModel(**params)


def test_a_lightgbm_that_does_not_tell_its_names_has_the_useful_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lightgbm, "_main_names", _lightgbm._main_names.__wrapped__)
    monkeypatch.delattr(lgb.basic, "_ConfigAliases")
    assert not LGBMExplainableModel(n_iter=3, min_child_samples=5).sizes_itself
    with pytest.raises(InputError, match="`n_iters` is no parameter"):
        LGBMExplainableModel(n_iters=3)


def test_parameters_that_say_what_it_does_anyway_are_taken() -> None:
    surrogate = LGBMExplainableModel(**SMALL, boosting="gbdt", linear_tree=False, seed=3)
    assert "[seed: 3]" in surrogate.fit(rows(), targets(rows(), "regression")).trees.texts[0]


@pytest.mark.parametrize(
    "use", ["model", "expected_values", "predict_output", "shapley_values", "predict", "predict_proba"]
)
def test_a_surrogate_not_fitted_says_so(use: str) -> None:
    surrogate = LGBMExplainableModel()
    with pytest.raises(SurrogateNotFittedError, match="not fitted yet; call `fit` first"):
        getattr(surrogate, use)(rows()) if use[:7] in ("predict", "shapley") else getattr(surrogate, use)


def test_rows_and_targets_are_not_changed() -> None:
    X, y = rows(missing=True), targets(rows(missing=True), "four classes")
    X.flags.writeable = y.flags.writeable = False
    LGBMExplainableModel(**SMALL).fit(X, y, task="classification")
