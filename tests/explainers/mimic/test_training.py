"""Training a surrogate: which rows it sees, which rows judge it, and what a low fidelity does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from models import QUICK, SMALL, Formula, rows, teacher
from sklearn.datasets import load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import LGBMExplainableModel, MimicExplainer, MimicWrapper, automl_setup_model_explanations
from automl_explain.exceptions import LowFidelityWarning
from automl_explain.explainers.mimic._training import Split
from automl_explain.explanation._units import class_probabilities


class Recorder:
    """A surrogate that keeps what it was shown, and predicts a line."""

    method = "mimic.recorder"
    stopping_score_ = 1.0

    def __init__(self) -> None:
        self.judged: list[Any] = []

    def fit(self, X: Any, targets: np.ndarray, *, task: str, stopping: Any, categories: Any) -> Recorder:
        self.trained, self.sized, self.targets, self.task = X, stopping[0], targets, task
        self.coef_ = np.linalg.lstsq(np.nan_to_num(X), targets, rcond=None)[0]
        return self

    def predict_output(self, X: Any) -> np.ndarray:
        self.judged.append(X)
        return np.nan_to_num(X) @ self.coef_

    def shapley_values(self, X: Any) -> np.ndarray:
        return np.stack([np.nan_to_num(X) * c for c in self.coef_.T])

    @property
    def expected_values(self) -> np.ndarray:
        return np.zeros(self.coef_.shape[1])


def recorded(init: np.ndarray, **more: Any) -> tuple[Recorder, MimicExplainer]:
    explainer = MimicExplainer(Formula(), init, Recorder, model_task="regression", **more)
    return explainer.surrogate_model, explainer


def keys(X: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(X)}


# Which rows


@given(st.integers(10, 500))
def test_a_split_shares_every_row_out_once(n_rows: int) -> None:
    split = Split.of(n_rows, np.random.default_rng(0))
    parts = (split.train, split.stopping, split.held_out)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n_rows))
    assert len(split.held_out) == max(2, n_rows // 5)
    assert len(split.train) >= n_rows // 2


def test_a_split_of_many_rows_holds_out_five_thousand() -> None:
    split = Split.of(100_000, np.random.default_rng(0))
    assert (len(split.held_out), len(split.stopping)) == (5000, 5000)


@pytest.mark.parametrize("augment", [False, True])
def test_fidelity_is_measured_on_rows_the_surrogate_was_not_trained_on(augment: bool) -> None:
    init = np.random.default_rng(0).normal(size=(300, 4))
    surrogate, explainer = recorded(init, augment_data=augment, max_num_of_augmentations=1)
    (judged,) = surrogate.judged
    assert keys(judged) <= keys(init)
    assert not keys(judged) & (keys(surrogate.trained) | keys(surrogate.sized))
    assert (explainer.fidelity.n_rows, explainer.fidelity.rows) == (60, "held-out")
    if augment:
        assert len(surrogate.trained) == 210 + 1000
        for j in range(4):
            assert set(surrogate.trained[:, j]) <= set(init[:, j])
    else:
        assert keys(surrogate.trained) | keys(surrogate.sized) | keys(judged) == keys(init)


@pytest.mark.parametrize(("most", "n_mixed"), [(10, 10_000), (1, 1000), (0, 0)])
def test_a_table_wider_than_long_grows_by_rows_whose_cells_stay_in_their_columns(most: int, n_mixed: int) -> None:
    """10 x 65 rows. The bound of the Azure SDK, 60 rows, is one for augmented rows whose columns are permuted."""
    init = np.random.default_rng(0).normal(size=(10, 65))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)  # two rows are held out
        explainer = MimicExplainer(
            lambda X: X[:, 0] - X[:, 64], init, Recorder, is_function=True, max_num_of_augmentations=most
        )
    surrogate = explainer.surrogate_model
    assert len(surrogate.trained) == 6 + n_mixed  # two rows stop the fit, two are held out
    for j in range(65):
        assert set(surrogate.trained[:, j]) <= set(init[:, j])


def test_cells_of_held_out_rows_never_enter_mixed_rows() -> None:
    init = np.random.default_rng(0).normal(size=(300, 4))
    surrogate, _ = recorded(init)
    (judged,) = surrogate.judged
    assert not set(judged.ravel()) & set(surrogate.trained.ravel())


def test_fresh_rows_judge_and_change_nothing_else() -> None:
    rng = np.random.default_rng(0)
    init, fresh = rng.normal(size=(300, 4)), rng.normal(size=(150, 4))
    surrogate, explainer = recorded(init, augment_data=False, fidelity_examples=fresh)
    (judged,) = surrogate.judged
    assert keys(judged) == keys(fresh)
    without, _ = recorded(init, augment_data=False)
    assert keys(surrogate.trained) == keys(without.trained)
    assert explainer.fidelity.n_rows == 150


def test_fresh_rows_that_are_init_rows_do_not_count() -> None:
    rng = np.random.default_rng(0)
    init, fresh = rng.normal(size=(300, 4)), rng.normal(size=(120, 4))
    surrogate, _ = recorded(init, augment_data=False, fidelity_examples=np.vstack([init[:100], fresh]))
    assert keys(surrogate.judged[0]) == keys(fresh)


@pytest.mark.parametrize("n_fresh", [0, 99])
def test_too_few_fresh_rows_fall_back_to_held_out_ones(n_fresh: int) -> None:
    rng = np.random.default_rng(0)
    init = rng.normal(size=(300, 4))
    fresh = np.vstack([init[:150], rng.normal(size=(n_fresh, 4))])
    surrogate, _ = recorded(init, augment_data=False, fidelity_examples=fresh)
    (judged,) = surrogate.judged
    assert len(judged) == 60
    assert not keys(judged) & (keys(surrogate.trained) | keys(surrogate.sized))


def test_sparse_fresh_rows_are_told_from_init_rows_and_neither_is_changed() -> None:
    init, fresh = rows("sparse", 300), rows("sparse", 150, seed=1)
    shuffled = init.copy()
    for i in range(300):  # the same rows with their cells in another order
        at = slice(*shuffled.indptr[i : i + 2])
        shuffled.indices[at], shuffled.data[at] = shuffled.indices[at][::-1].copy(), shuffled.data[at][::-1].copy()
    shuffled.has_sorted_indices = False
    both = sp.vstack([shuffled, fresh], format="csr")
    both.has_sorted_indices = False
    before = both.indices.copy(), both.data.copy()
    empty = int((np.diff(fresh.indptr) == 0).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        explainer = MimicExplainer(teacher("regression"), init, LGBMExplainableModel, fidelity_examples=both, **QUICK)
    # Rows without any cell are the same in both.
    assert 150 - empty <= explainer.fidelity.n_rows <= 150
    np.testing.assert_array_equal(both.indices, before[0])
    np.testing.assert_array_equal(both.data, before[1])


def test_training_twice_gives_the_same_bits() -> None:
    made = [MimicExplainer(teacher("binary"), rows("frame"), LGBMExplainableModel, SMALL) for _ in range(2)]
    assert made[0].surrogate_model.trees.texts == made[1].surrogate_model.trees.texts
    assert made[0].fidelity == made[1].fidelity


# Teachers that memorize


def noisy(n_rows: int = 700) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 5))
    return X, X[:, 0] + rng.normal(size=n_rows)


def test_a_teacher_that_memorizes_its_rows_is_learnt_from_augmented_rows() -> None:
    """Nearest neighbours by distance give a training row its own noisy label, any other row a mean."""
    X, y = noisy(900)
    model = KNeighborsRegressor(15, weights="distance").fit(X[:700], y[:700])
    surrogate, explainer = recorded_of(model, X[:700], fidelity_examples=X[700:])
    assert explainer.teacher_memorizes
    assert explainer.teacher_remembers  # the older name
    assert not keys(X[:700]) & (keys(surrogate.trained) | keys(surrogate.sized))
    assert {cell for row in surrogate.sized for cell in row} <= set(X[:700].ravel())


def test_a_teacher_that_does_not_memorize_is_learnt_from_its_rows_too() -> None:
    X, _ = noisy()
    surrogate, explainer = recorded_of(Formula(), X[:, :4])
    assert not explainer.teacher_memorizes
    assert keys(surrogate.trained) & keys(X[:, :4])


def recorded_of(model: Any, init: np.ndarray, **more: Any) -> tuple[Recorder, MimicExplainer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        explainer = MimicExplainer(model, init, Recorder, model_task="regression", **more)
    return explainer.surrogate_model, explainer


def test_a_low_fidelity_on_memorized_rows_says_what_measures_better() -> None:
    X, y = noisy()
    model = KNeighborsRegressor(15, weights="distance").fit(X, y)
    with pytest.warns(LowFidelityWarning, match=r"`fidelity_examples` .*memorizes its training rows"):
        MimicExplainer(model, X, LGBMExplainableModel, SMALL)


# Which surrogate


class Poor(Recorder):
    method, stopping_score_ = "mimic.poor", 0.5


class Good(Recorder):
    method, stopping_score_ = "mimic.good", 0.97


class Best(Recorder):
    method, stopping_score_ = "mimic.best", 0.975


@pytest.mark.parametrize(
    ("first", "others", "wanted", "tried"),
    [
        (Recorder, (Good,), Recorder, 1),  # enough: nothing else is tried
        (Poor, (Good,), Good, 2),
        (Good, (Best,), Good, 2),  # not better by 0.01
        (Poor, (Good, Best), Best, 3),
        (Poor, (), Poor, 1),
    ],
)
def test_another_surrogate_is_taken_where_it_is_markedly_better(
    first: type, others: tuple[type, ...], wanted: type, tried: int
) -> None:
    init = np.random.default_rng(0).normal(size=(60, 4))
    explainer = MimicExplainer(Formula(), init, first, alternative_models=others, augment_data=False)
    assert type(explainer.surrogate_model) is wanted
    assert explainer.method == wanted.method
    assert len(explainer.trials) == tried


def test_surrogates_of_the_same_method_keep_an_entry_each() -> None:
    class Weak(Poor):
        stopping_score_ = 0.1

    class Fair(Poor):
        stopping_score_ = 0.7

    init = np.random.default_rng(0).normal(size=(60, 4))
    explainer = MimicExplainer(Formula(), init, Poor, alternative_models=(Weak, Good, Fair), augment_data=False)
    names = ["mimic.poor", "mimic.poor #2", "mimic.good", "mimic.poor #3"]
    assert explainer.trials == dict(zip(names, (m.stopping_score_ for m in (Poor, Weak, Good, Fair)), strict=True))


def test_a_wide_sparse_linear_model_is_followed_by_a_linear_surrogate() -> None:
    """R2 of probabilities of at least 0.95 where trees stay far below; said in method and trials."""
    rng = np.random.default_rng(0)
    X = sp.random(1500, 600, density=0.02, format="csr", random_state=0)
    y = (X @ rng.normal(size=600) * 5 + rng.logistic(size=1500) > 0).astype(int)
    model = LogisticRegression(max_iter=300).fit(X[:1200], y[:1200])
    setup = automl_setup_model_explanations(
        model, "classification", X=X[:1200], X_test=X[1200:], y=y[:1200], features=[f"w{j}" for j in range(600)]
    )
    wrapper = MimicWrapper.from_setup(setup)
    assert wrapper.explainer.fidelity.r2_probability >= 0.95
    assert wrapper.explainer.trials.keys() == {"mimic.linear"}
    assert wrapper.explain("global", eval_dataset=setup.X_test_transform).method == "mimic.linear"


# How good


def test_low_fidelity_warns_with_what_helps() -> None:
    noise = np.random.default_rng(0)
    with pytest.warns(LowFidelityWarning, match=r"R2 -?0\.\d+ on 80 held-out rows, below 0.95.*: more rows"):
        MimicExplainer(
            lambda Z: noise.normal(size=len(Z)), rows("array"), LGBMExplainableModel, is_function=True, **QUICK
        )


def test_good_fidelity_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explainer = MimicExplainer(lambda Z: Z[:, 0], np.ones((100, 4)), LGBMExplainableModel, SMALL, is_function=True)
    assert explainer.fidelity.r2 == 1.0


def wine() -> tuple[Any, ...]:
    X, y = load_wine(return_X_y=True)
    return train_test_split(X, y, random_state=0, stratify=y)


def four_classes() -> tuple[Any, ...]:
    X, y = make_classification(1200, 8, n_informative=5, n_redundant=1, n_classes=4, random_state=0)
    return train_test_split(X, y, random_state=0)


@pytest.mark.parametrize("data", [wine, four_classes])
def test_probabilities_of_several_classes_are_met_on_test_rows(data: Any) -> None:
    """Where hard labels reach 0.87 (wine) and -0.12 (four classes) in the reference, soft ones reach 0.95."""
    X_train, X_test, y_train, _ = data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    explainer = MimicExplainer(model, X_train, LGBMExplainableModel, {"n_jobs": 1, "n_estimators": 150})
    found = class_probabilities(explainer.surrogate_model.predict_output(X_test))
    assert r2_score(model.predict_proba(X_test), found) >= 0.95


def test_binary_fidelity_is_that_of_probabilities() -> None:
    explainer = MimicExplainer(teacher("binary"), rows("frame"), LGBMExplainableModel, {"n_jobs": 1})
    fidelity = explainer.fidelity
    assert fidelity.r2_probability is not None
    assert fidelity.r2_probability >= 0.95
    assert fidelity.r2_probability_per_class == pytest.approx((fidelity.r2_probability,) * 2)
    assert 0.9 <= (fidelity.agreement or 0) <= 1


class Loose(Recorder):
    """Follows nothing well, and could grow."""

    sizes_itself = True
    stopping_score_ = 0.9


class Close(Loose):
    """Follows well enough."""

    stopping_score_ = 0.96


class Fixed(Loose):
    """Was told its size."""

    sizes_itself = False


@pytest.mark.parametrize(
    ("surrogate", "n_classes", "times"), [(Loose, 3, 9), (Close, 3, 1), (Fixed, 3, 1), (Loose, 2, 1)]
)
@pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")
def test_several_classes_that_are_followed_loosely_get_more_rows(surrogate: Any, n_classes: int, times: int) -> None:
    """Only where more rows can help, and never beside what the caller asked for."""
    X, y = make_classification(400, 4, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0)
    model = LogisticRegression().fit(X, y)
    explainer = MimicExplainer(model, X, surrogate, max_num_of_augmentations=1)
    n_train = len(Split.of(400, np.random.default_rng(0)).train)
    trained = explainer.surrogate_model.trained
    assert len(trained) == n_train + 1000 * times
    assert explainer.surrogate_model.targets.shape == (len(trained), 1 if n_classes == 2 else n_classes)
    for j in range(4):  # on the data still
        assert set(trained[:, j]) <= set(X[:, j])
