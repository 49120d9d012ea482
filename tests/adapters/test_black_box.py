"""Black boxes: functions and objects that predict from raw rows, explained on our own features of the columns."""

from __future__ import annotations

import datetime
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from flaml import AutoML
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import BlackBox, MimicWrapper, automl_check_model_if_explainable, automl_setup_model_explanations
from automl_explain.adapters import BlackBoxAdapter, adapter_for
from automl_explain.adapters._raw_features import RawFeatures
from automl_explain.exceptions import DataError, InputError, UnsupportedModelError
from automl_explain.testing import check_adapter

N = 300
WORDS = np.array(["good", "bad", "room", "clean", "slow", "near", "sea", "old"])


@pytest.fixture(scope="module", name="X")
def raw_rows() -> pd.DataFrame:
    """A column of every kind, with gaps and an index that repeats."""
    rng = np.random.default_rng(0)
    seconds = pd.to_timedelta(rng.integers(0, 60_000_000, N), unit="s")
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 9, N),
            "count": rng.integers(0, 9, N),
            "nullable": pd.array(rng.integers(0, 5, N), dtype="Int64"),
            "flag": rng.random(N) < 0.4,
            "city": rng.choice(np.array(["Oslo", "Rome", None], dtype=object), N),
            "grade": pd.Categorical(rng.choice(["lo", "hi"], N), ["lo", "hi"], ordered=True),
            "signup": pd.Timestamp("2020-01-01 10:00:00.123456") + seconds,
            "zoned": pd.Timestamp("2020-01-01", tz="Europe/Oslo") + seconds[::-1],
            "born": [datetime.date(1980, 1, 1) + datetime.timedelta(days=int(d)) for d in rng.integers(0, 9000, N)],
            "length": pd.to_timedelta(rng.integers(0, 10**6, N), unit="s"),
            "review": [" ".join(rng.choice(WORDS, 4)) for _ in range(N)],
            "id": [f"u{i}" for i in range(N)],
        },
        index=rng.integers(0, 99, N),
    )
    X.iloc[::7, 0] = np.nan
    X.iloc[::11, 6] = pd.NaT
    X.iloc[::13, 8] = None
    X.iloc[::9, 10] = None
    return X


def chance(rows: pd.DataFrame) -> np.ndarray:
    """Probability of the second class; only pandas could make it from these columns."""
    late = rows["signup"].dt.month.fillna(6).to_numpy() - 6
    good = rows["review"].fillna("").str.contains("good").to_numpy()
    score = (rows["city"] == "Rome").to_numpy() * 2.0 + good * 1.5 + late * 0.3 - 1.2
    return np.asarray(1 / (1 + np.exp(-score)))


@pytest.fixture(scope="module")
def y(X: pd.DataFrame) -> np.ndarray:
    return np.where(chance(X) > 0.5, "yes", "no").astype(object)


# --- our own features ------------------------------------------------------------------------


def test_every_raw_cell_can_be_made_again_from_the_engineered_rows(X: pd.DataFrame, keep: Any) -> None:
    """So the model answers for any engineered row, with its own types, time zones, gaps and index."""
    untouched = keep(X)
    features = RawFeatures.of(X, list(X.columns))
    assert features is not None
    Z = features.transform(X)
    assert untouched()
    pd.testing.assert_frame_equal(features.restore(Z), X)
    pd.testing.assert_frame_equal(features.restore(Z.iloc[[5]]), X.iloc[[5]])
    cut = Z.iloc[::-3]
    pd.testing.assert_frame_equal(features.restore(cut), X.iloc[::-3])


def test_dates_spans_and_texts_get_columns_that_can_be_read(X: pd.DataFrame) -> None:
    """By hand: one row of each."""
    rows = pd.DataFrame(
        {"d": [pd.Timestamp("1970-01-03 12:00"), pd.NaT], "s": [pd.Timedelta(hours=36), pd.NaT], "n": [1.5, 2.5]}
    )
    features = RawFeatures.of(rows, ["d", "s", "n"])
    assert features is not None
    Z = features.transform(rows)
    assert Z.columns.tolist() == [
        "d (days since 1970)",
        "d (month)",
        "d (day of the month)",
        "d (weekday)",
        "d (hour)",
        "s (days)",
        "n",
    ]
    assert Z.iloc[0].tolist() == [2.5, 1.0, 3.0, 5.0, 12.0, 1.5, 1.5]
    assert Z.iloc[1, :6].isna().all()
    assert features.feature_map.matrix.toarray().tolist() == [
        [1, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]
    texts = RawFeatures.of(X[["review"]], ["review"])
    assert texts is not None
    assert texts.get_feature_names_out().tolist()[:2] == ["review", "review (characters)"]
    assert {f"review: {w}" for w in WORDS} == set(texts.get_feature_names_out().tolist()[2:])
    holds = texts.transform(X)["review: good"]
    assert holds.tolist() == X["review"].fillna("").str.contains("good").astype(float).tolist()


def test_columns_that_can_be_read_need_no_features_of_our_own(X: pd.DataFrame) -> None:
    plain = X[["age", "count", "nullable", "flag", "city", "grade", "id"]]
    assert RawFeatures.of(plain, list(plain.columns)) is None
    assert RawFeatures.of(plain[["age", "count"]].to_numpy(), ["age", "count"]) is None
    assert RawFeatures.of(sp.csr_matrix((3, 2)), ["a", "b"]) is None


def test_an_array_of_objects_is_given_back_as_an_array(X: pd.DataFrame) -> None:
    rows = X[["age", "signup", "city"]].astype(object).to_numpy()
    features = RawFeatures.of(rows, ["a", "d", "c"])
    assert features is not None
    back = features.restore(features.transform(rows))
    assert back.dtype == object
    same = [
        [a == b or (pd.isna(a) and pd.isna(b)) for a, b in zip(*r, strict=True)] for r in zip(rows, back, strict=True)
    ]
    assert np.all(same)


@pytest.mark.parametrize(
    ("cells", "shown"),
    [([[1], [2]], r"\[1\]"), (pd.period_range("2024", periods=2, freq="D"), "Period"), ([1j, 2j], "1j")],
    ids=["lists", "periods", "complex"],
)
def test_cells_that_nothing_can_read_are_refused_by_column(cells: Any, shown: str) -> None:
    """A clear error before the library's."""
    rows = pd.DataFrame({"fine": [1.0, 2.0], "odd": cells})
    with pytest.raises(DataError, match=rf"Column 'odd' holds .*{shown}.*neither number, category, date nor text"):
        RawFeatures.of(rows, ["fine", "odd"])


def test_names_that_are_taken_are_told_apart(X: pd.DataFrame) -> None:
    """Positions are the keys."""
    rows = X[["signup"]].assign(**{"signup (month)": 1.0})
    features = RawFeatures.of(rows, list(rows.columns))
    assert features is not None
    names = features.transform(rows).columns.tolist()
    assert names[1] == "signup (month)"
    assert names[-1] == "signup (month)#2"
    assert features.feature_map.matrix.toarray()[1].tolist() == [0, 0, 0, 0, 0, 1]


# --- black boxes -----------------------------------------------------------------------------


def test_a_function_of_raw_rows_is_explained_exactly_on_its_columns(X: pd.DataFrame, y: np.ndarray) -> None:
    """Dates, texts and categories; the predictions shown are the function's own, bit for bit."""
    setup = automl_setup_model_explanations(chance, "classification", X=X, X_test=X[:60], y=y)
    assert setup.classes == ["no", "yes"]
    assert setup.raw_feature_names == list(X.columns)
    assert set(setup.feature_map.how) == {"rule"}
    assert setup.feature_map.unmapped == ()
    assert "our own, of the raw columns that the model reads" in repr(setup)
    wrapper = MimicWrapper.from_setup(setup, explainable_model_args={"n_estimators": 100, "n_jobs": 1})
    raw = wrapper.explain(
        ["local", "global"], eval_dataset=setup.X_test_transform, get_raw=True, raw_eval_dataset=setup.X_test_raw
    )
    np.testing.assert_array_equal(raw.eval_y_predicted_proba[:, 1], chance(X[:60]))
    assert set(raw.get_ranked_global_names(top_k=3)) == {"city", "signup", "review"}
    assert raw.fidelity.r2_probability > 0.95
    # What the function does not read gets next to nothing.
    importances = raw.get_feature_importance_dict()
    assert importances["id"] < 0.02 * importances["city"]


def test_black_boxes_keep_the_contract_of_adapters(X: pd.DataFrame, y: np.ndarray) -> None:
    check_adapter(BlackBox(chance, task="classification", classes=["no", "yes"]), X, y)
    check_adapter(lambda rows: chance(rows) * 7, X, task="regression")


def test_probabilities_of_every_class_are_taken_as_they_are(X: pd.DataFrame) -> None:
    """Columns in the order of `classes`, whatever the sorted order of the labels is."""

    def three(rows: pd.DataFrame) -> pd.DataFrame:
        p = chance(rows)
        return pd.DataFrame({"z": p * 0.5, "m": p * 0.5, "a": 1 - p})

    box = BlackBox(three, task="classification", classes=["z", "m", "a"])
    setup = automl_setup_model_explanations(box, "classification", X=X)
    assert setup.classes == ["z", "m", "a"]
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_transform), three(X).to_numpy())
    labels = setup.automl_estimator.predict(setup.X_transform)
    assert set(labels) == {"z", "a"}
    assert (labels == np.where(chance(X) * 0.5 >= 1 - chance(X), "z", "a")).all()


def test_any_container_of_predictions_is_read(X: pd.DataFrame) -> None:
    """Columns, frames, tables of a library's own, lists, booleans."""
    numbers = X["count"].to_numpy(dtype=float)

    class Held:  # as LightAutoML's NumpyDataset
        data = numbers[:, None]

    class Frame:  # as H2O's H2OFrame
        def as_data_frame(self) -> pd.DataFrame:
            return pd.DataFrame({"predict": numbers})

    for made in (numbers[:, None], pd.Series(numbers), pd.DataFrame({"p": numbers}), Held(), Frame(), numbers.tolist()):
        adapter = BlackBoxAdapter(lambda rows, made=made: made, task="regression")
        np.testing.assert_array_equal(adapter.predict_raw(X), numbers)
    flags = BlackBoxAdapter(lambda rows: rows["flag"], task="regression")
    assert flags.predict_raw(X).dtype == np.float64


def test_an_object_may_have_labels_of_its_own(X: pd.DataFrame, y: np.ndarray) -> None:
    """A threshold other than a half; scores are explained, labels are the model's."""

    class Cautious:
        classes_ = ("no", "yes")

        def predict_proba(self, rows: Any) -> np.ndarray:
            return np.column_stack([1 - chance(rows), chance(rows)])

        def predict(self, rows: Any) -> np.ndarray:
            return np.where(chance(rows) > 0.8, "yes", "no")

    setup = automl_setup_model_explanations(Cautious(), "classification", X=X, y=y)
    assert setup.automl_estimator.predict(setup.X_transform).tolist() == Cautious().predict(X).tolist()
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_transform)[:, 1], chance(X))


def test_a_model_can_be_made_a_black_box_by_choice(X: pd.DataFrame, y: np.ndarray) -> None:
    """Its own featurization is not looked at then."""
    prepare = ColumnTransformer([("z", StandardScaler(), ["count"]), ("same", "passthrough", ["flag"])])
    model = make_pipeline(prepare, LogisticRegression()).fit(X, y)
    rows = X[["count", "flag", "city"]]
    setup = automl_setup_model_explanations(BlackBox(model), "classification", X=rows, y=y)
    assert setup.engineered_feature_names == ["count", "flag", "city"]
    assert setup.classes == ["no", "yes"]
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_transform), model.predict_proba(rows))


def test_the_same_features_can_be_made_of_new_rows(X: pd.DataFrame) -> None:
    """Scoring: `setup.automl_featurizer` keeps the words and dates of training."""
    setup = automl_setup_model_explanations(chance, "regression", X=X)
    made = setup.automl_featurizer.transform(X.iloc[[3]][list(X.columns[::-1])])
    pd.testing.assert_frame_equal(made, setup.X_transform.iloc[[3]])
    kept = pickle.loads(pickle.dumps(setup.automl_estimator))
    np.testing.assert_array_equal(kept.predict(made), chance(X.iloc[[3]]))


def test_an_estimator_that_reads_dates_gets_features_of_our_own(X: pd.DataFrame) -> None:
    """A search or an ensemble of pipelines that read the raw columns needs them as much as a function."""

    class Monthly(LinearRegression):
        def fit(self, rows: pd.DataFrame, y: Any) -> Monthly:  # type: ignore[override]
            super().fit(self._months(rows), y)
            return self

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            return np.asarray(super().predict(self._months(rows)))

        @staticmethod
        def _months(rows: pd.DataFrame) -> np.ndarray:
            return rows[["signup"]].apply(lambda c: c.dt.month.fillna(0)).to_numpy(dtype=float)

    model = Monthly().fit(X, X["count"])
    setup = automl_setup_model_explanations(model, "regression", X=X[["signup", "age"]])
    assert setup.engineered_feature_names[1] == "signup (month)"
    np.testing.assert_array_equal(setup.automl_estimator.predict(setup.X_transform), model.predict(X))


def test_a_model_of_a_known_library_is_asked_as_that_library_is_asked(X: pd.DataFrame, y: np.ndarray) -> None:
    """BlackBox(FLAML model): its labels and probabilities, on features of our own."""
    rows = X[["age", "city", "signup"]]
    automl = AutoML()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML on pandas 3
        automl.fit(rows, y, task="classification", estimator_list=["lgbm"], max_iter=2, n_jobs=1, verbose=0)
        setup = automl_setup_model_explanations(BlackBox(automl), "classification", X=rows, y=y)
        own = automl.predict_proba(rows), automl.predict(rows)
        shown = [
            ask(setup.X_transform) for ask in (setup.automl_estimator.predict_proba, setup.automl_estimator.predict)
        ]
    assert "signup (month)" in setup.engineered_feature_names
    assert setup.classes == ["no", "yes"]
    for one, other in zip(own, shown, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_network_gives_probabilities_by_predict(X: pd.DataFrame, y: np.ndarray) -> None:
    """An object with `predict` alone: probabilities are taken, labels are refused, never taken for a regression."""

    class Network:
        def __init__(self, answer: Any) -> None:
            self.predict = answer

    for answer in (lambda rows: chance(rows)[:, None], lambda rows: np.column_stack([1 - chance(rows), chance(rows)])):
        for model in (Network(answer), BlackBox(Network(answer), task="classification")):
            setup = automl_setup_model_explanations(model, "classification", X=X, y=y)
            np.testing.assert_array_equal(setup.automl_estimator.predict_proba(setup.X_transform)[:, 1], chance(X))
    with pytest.raises(UnsupportedModelError, match="which are labels"):
        automl_setup_model_explanations(Network(lambda rows: (chance(rows) > 0.5) * 1), "classification", X=X, y=y)


# --- refusals --------------------------------------------------------------------------------


def test_a_function_does_not_tell_its_task() -> None:
    with pytest.raises(UnsupportedModelError, match="chance is a function, which does not tell its task"):
        adapter_for(chance)
    assert automl_check_model_if_explainable(chance)
    assert automl_check_model_if_explainable(BlackBox(chance))


@pytest.mark.parametrize(
    ("box", "error", "message"),
    [
        (BlackBox(3), UnsupportedModelError, "3 has no `predict` and is no function"),
        (BlackBox(LinearRegression), UnsupportedModelError, "has no `predict` and is no function. Pass a fitted model"),
        (BlackBox(LinearRegression()), UnsupportedModelError, "LinearRegression is not fitted"),
        (BlackBox(KMeans()), UnsupportedModelError, "KMeans is not fitted"),
        (BlackBox(chance, task="ranking"), InputError, "`task` is 'ranking'; a black box does 'classification'"),
    ],
    ids=["number", "class", "unfitted", "clusterer", "task"],
)
def test_what_is_no_black_box_is_refused(box: BlackBox, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        adapter_for(box, "regression")
    assert not automl_check_model_if_explainable(box)


def test_a_forecaster_is_refused_inside_a_black_box_too() -> None:
    """A black box is no way round the refusals by name."""
    rows = np.arange(6.0)[:, None]
    model = type("Prophet", (LinearRegression,), {})().fit(rows, rows[:, 0])
    with pytest.raises(UnsupportedModelError, match="Prophet forecasts"):
        adapter_for(BlackBox(model))


def test_labels_given_for_probabilities_are_refused(X: pd.DataFrame, y: np.ndarray) -> None:
    for labels in (lambda rows: np.where(chance(rows) > 0.5, "yes", "no"), lambda rows: (chance(rows) > 0.5) * 1):
        with pytest.raises(UnsupportedModelError, match="which are labels; probabilities are explained"):
            automl_setup_model_explanations(labels, "classification", X=X, y=y)


def test_more_labels_than_probabilities_are_refused(X: pd.DataFrame) -> None:
    """Classes come from the model."""
    setup = automl_setup_model_explanations(chance, "classification", X=X, y=np.arange(N) % 3)
    with pytest.raises(InputError, match="`classes` has 3 labels; the model gives probabilities of 2 classes"):
        MimicWrapper.from_setup(setup)


def three_classes() -> tuple[pd.DataFrame, np.ndarray, Any]:
    X = pd.DataFrame({"a": np.linspace(-3, 3, 60), "b": np.cos(np.arange(60.0))})
    y = np.array(["hi", "lo", "mid"])[np.repeat([1, 2, 0], 20)]
    return X, y, LogisticRegression().fit(X, y)


class Untold:
    """Gives probabilities in an order of its own, which labels alone tell."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict_proba(self, rows: Any) -> np.ndarray:
        return self.model.predict_proba(rows)[:, [1, 2, 0]]

    def predict(self, rows: Any) -> np.ndarray:
        return self.model.predict(rows)


def test_an_order_of_classes_that_labels_deny_is_refused() -> None:
    """Sorted labels of `y` are a guess; without the check every class would get another one's explanation."""
    X, y, model = three_classes()
    for untold in (Untold(model), Untold(model).predict_proba):
        with pytest.raises(
            InputError, match=r"in the order \['lo', 'mid', 'hi'\] it would in (9\d|100)%. Pass BlackBox"
        ):
            automl_setup_model_explanations(untold, "classification", X=X, y=y)
        box = BlackBox(untold, classes=["lo", "mid", "hi"])
        assert automl_setup_model_explanations(box, "classification", X=X, y=y).classes == ["lo", "mid", "hi"]
    assert automl_setup_model_explanations(model.predict_proba, "classification", X=X, y=y).classes == [
        "hi",
        "lo",
        "mid",
    ]


def test_named_columns_of_the_answer_tell_the_order_of_classes() -> None:
    X, y, model = three_classes()

    def answer(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(model.predict_proba(rows), columns=model.classes_)[["lo", "mid", "hi"]]

    setup = automl_setup_model_explanations(answer, "classification", X=X, y=y)
    assert setup.classes == ["lo", "mid", "hi"]
    np.testing.assert_array_equal(setup.automl_estimator.predict_proba(X), answer(X))
    with pytest.raises(InputError, match="answers with the columns .*Give the classes in the order of the columns"):
        automl_setup_model_explanations(BlackBox(answer, classes=["hi", "lo", "mid"]), "classification", X=X, y=y)


@pytest.mark.parametrize(
    ("answer", "told"), [(None, "None"), (0.5, "0.5"), (np.ones(60) * 1j, "complex numbers")], ids=str
)
def test_answers_that_are_no_array_of_numbers_are_refused(answer: Any, told: str) -> None:
    X, y, _ = three_classes()
    for task in ("regression", "classification"):
        labels = task == "classification" and told == "complex numbers"
        with pytest.raises(UnsupportedModelError if labels else DataError, match="labels" if labels else told):
            automl_setup_model_explanations(lambda _: answer, task, X=X, y=y if task == "classification" else None)


def test_scores_that_do_not_add_up_to_one_are_no_probabilities() -> None:
    """Rounded ones are."""
    X, y, model = three_classes()
    with pytest.raises(UnsupportedModelError, match="add up to 0.5 to 0.5; probabilities of classes add up to 1"):
        automl_setup_model_explanations(lambda rows: model.predict_proba(rows) / 2, "classification", X=X, y=y)
    rounded = automl_setup_model_explanations(
        lambda rows: model.predict_proba(rows).round(2), "classification", X=X, y=y
    )
    assert rounded.classes == ["hi", "lo", "mid"]


@pytest.mark.parametrize("classes", ["abc", ["no", "no"]])
def test_classes_are_labels_that_are_there_once(classes: Any) -> None:
    with pytest.raises(InputError, match="expected every label once"):
        adapter_for(BlackBox(len, task="classification", classes=classes))
