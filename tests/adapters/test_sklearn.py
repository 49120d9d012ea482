"""Pipelines of scikit-learn taken apart, against their own predictions and what moves with each raw column."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC

from automl_explain import automl_setup_model_explanations
from automl_explain.adapters import adapter_for
from automl_explain.exceptions import SelfCheckError
from automl_explain.explainer_setup import AutoMLExplainerSetup

WORDS = np.array(["good", "bad", "slow", "fast", "cheap", "clean"])


@pytest.fixture(scope="module")
def table(mixed: pd.DataFrame) -> pd.DataFrame:
    """The mixed table with a text, and without what scikit-learn cannot read."""
    rng = np.random.default_rng(3)
    text = [" ".join(rng.choice(WORDS, 3)) for _ in range(len(mixed))]
    return mixed.drop(columns=["id", "signup"]).assign(review=pd.Series(text, index=mixed.index, dtype=object))


def _numeric(*steps: Any) -> Pipeline:
    return make_pipeline(SimpleImputer(add_indicator=True), *steps)


FEATURIZATIONS: dict[str, Callable[[], Any]] = {
    "one-hot": lambda: ColumnTransformer(
        [("hot", OneHotEncoder(), ["city", "grade", "kind"]), ("num", _numeric(StandardScaler()), ["age", "visits"])]
    ),
    "one-hot drop": lambda: ColumnTransformer(
        [
            ("hot", OneHotEncoder(drop="first"), ["city", "grade"]),
            ("two", OneHotEncoder(drop="if_binary"), ["kind", "city"]),
            ("num", _numeric(), ["age", "visits"]),
        ]
    ),
    "one-hot infrequent": lambda: ColumnTransformer(
        [
            ("hot", OneHotEncoder(min_frequency=45, handle_unknown="infrequent_if_exist"), ["visits", "city"]),
            ("num", _numeric(MinMaxScaler()), ["age"]),
        ]
    ),
    "sparse with text": lambda: ColumnTransformer(
        [
            ("text", TfidfVectorizer(), "review"),
            ("hot", OneHotEncoder(), ["city"]),
            ("num", _numeric(StandardScaler(with_mean=False)), ["age"]),
        ],
        sparse_threshold=1.0,
    ),
    "passthrough rest": lambda: ColumnTransformer(
        [("code", OrdinalEncoder(), ["city", "grade", "kind"]), ("gone", "drop", ["review"])],
        remainder="passthrough",
    ),
    "transformed rest": lambda: ColumnTransformer(
        [("city", OneHotEncoder(sparse_output=False), [2]), ("same", "passthrough", ["visits"])],
        remainder=make_pipeline(OrdinalEncoder(), SimpleImputer()),
        verbose_feature_names_out=False,
    ),
    "by type": lambda: ColumnTransformer(
        [
            ("num", _numeric(), make_column_selector(dtype_include="number")),
            ("cat", OneHotEncoder(), make_column_selector(dtype_include="category")),
        ]
    ),
    "union": lambda: FeatureUnion(
        [
            ("a", ColumnTransformer([("age", _numeric(), ["age"]), ("flag", "passthrough", ["member"])])),
            ("b", ColumnTransformer([("city", OneHotEncoder(), ["city"])])),
        ]
    ),
    "products": lambda: ColumnTransformer(
        [("num", make_pipeline(SimpleImputer(), PolynomialFeatures(2)), ["age", "visits", "member"])]
    ),
    "linear mix": lambda: ColumnTransformer(
        [
            ("pca", make_pipeline(SimpleImputer(), StandardScaler(), PCA(2)), ["age", "visits"]),
            ("same", "passthrough", [6]),
        ]
    ),
}
MODELS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(max_iter=3000),
    "forest": lambda: RandomForestClassifier(15, random_state=0),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=10, random_state=0),
}


def fit(model: Any, X: Any, y: Any) -> Any:
    """Fitted model; what solvers say of their steps is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def set_up(model: Any, X: Any, y: Any, task: str = "classification", **options: Any) -> AutoMLExplainerSetup:
    """Setup with the first rows explained."""
    X_test = X.iloc[:70] if isinstance(X, pd.DataFrame) else X[:70]
    return automl_setup_model_explanations(model, task, X=X, X_test=X_test, y=y, **options)


@pytest.fixture(scope="module")
def labels(score: np.ndarray) -> np.ndarray:
    """Three texts, whose sorted order is not the order of the score."""
    return np.array(["low", "high", "mid"], dtype=object)[np.digitize(score, [-8, 8])]


@pytest.mark.parametrize("featurization", FEATURIZATIONS)
def test_every_featurization_is_mapped_and_predicts_what_the_pipeline_predicts(
    table: pd.DataFrame, labels: np.ndarray, check: Any, moved: Any, keep: Any, featurization: str
) -> None:
    # Only boosting reads the gaps that pass through.
    end = MODELS["boosting" if featurization == "passthrough rest" else "logistic"]()
    model = fit(make_pipeline(FEATURIZATIONS[featurization](), end), table, labels)
    untouched = keep(table)
    setup = set_up(model, table, labels)
    check(setup, model)
    assert untouched()
    found = moved(model[:-1].transform, table)
    support = setup.feature_map.support.toarray()
    assert not (found & ~support).any()
    # Every parent that the rules name really moves its column, so none is made up; a constant moves nothing.
    varies = (table.nunique() > 1).to_numpy()
    np.testing.assert_array_equal(support[varies], found[varies])
    assert setup.raw_feature_names == list(table.columns)
    assert setup.automl_estimator is model[-1]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("featurization", ["one-hot", "transformed rest"])
def test_every_estimator_keeps_its_labels(
    table: pd.DataFrame, labels: np.ndarray, check: Any, featurization: str, model: str
) -> None:
    """Classes in the order of the estimator's own, here not the order of the score."""
    made = make_pipeline(FEATURIZATIONS[featurization](), MODELS[model]())
    if featurization == "one-hot" and model == "boosting":
        made[0].set_params(sparse_threshold=0.0)  # scikit-learn's own boosting reads no sparse rows
    fit(made, table, labels)
    setup = set_up(made, table, labels)
    check(setup, made)
    assert setup.classes == ["high", "low", "mid"]


def test_indicators_and_frequent_categories_go_to_their_own_columns(table: pd.DataFrame, labels: np.ndarray) -> None:
    model = fit(make_pipeline(FEATURIZATIONS["one-hot drop"](), LogisticRegression(max_iter=3000)), table, labels)
    weights = pd.DataFrame(
        np.asarray(adapter_for(model).feature_map(table, list(table.columns))),
        list(table.columns),
        set_up(model, table, labels).engineered_feature_names,
    )
    assert weights["num__missingindicator_age"].idxmax() == "age"
    assert weights["num__visits"].idxmax() == "visits"
    assert "hot__grade_hi" not in weights  # the first of the sorted categories is dropped
    assert weights["hot__grade_lo"].idxmax() == "grade"
    assert weights["two__kind_q"].idxmax() == "kind"


def test_words_belong_to_their_text_column_and_say_so(table: pd.DataFrame, labels: np.ndarray) -> None:
    model = fit(make_pipeline(FEATURIZATIONS["sparse with text"](), LogisticRegression(max_iter=3000)), table, labels)
    setup = set_up(model, table, labels)
    assert isinstance(setup.X_transform, sp.csr_matrix)
    words = [j for j, n in enumerate(setup.engineered_feature_names) if str(n).startswith("text__")]
    assert len(words) == len(WORDS)
    row = np.asarray(setup.feature_map)[setup.raw_feature_names.index("review")]
    assert np.flatnonzero(row).tolist() == words


def test_a_feature_built_from_two_raw_columns_has_both_as_parents(table: pd.DataFrame, labels: np.ndarray) -> None:
    """Both parents have weight, shared equally; the bias has no parent and is listed as unmapped."""
    model = fit(make_pipeline(FEATURIZATIONS["products"](), LogisticRegression(max_iter=3000)), table, labels)
    setup = set_up(model, table, labels)
    column = np.asarray(setup.feature_map)[:, setup.engineered_feature_names.index("num__age visits")]
    assert column[[table.columns.get_loc("age"), table.columns.get_loc("visits")]].tolist() == [0.5, 0.5]
    assert column.sum() == 1.0
    assert [setup.engineered_feature_names[j] for j in setup.feature_map.unmapped] == ["num__1"]
    assert "num__1" in repr(setup)


def test_a_column_dropped_by_the_featurization_has_a_zero_row(table: pd.DataFrame, labels: np.ndarray) -> None:
    """An unused column has importance 0 and is listed as unused."""
    model = fit(make_pipeline(FEATURIZATIONS["passthrough rest"](), MODELS["boosting"]()), table, labels)
    setup = set_up(model, table, labels)
    assert setup.feature_map.unused_raw == ("review",)
    assert (np.asarray(setup.feature_map)[table.columns.get_loc("review")] == 0).all()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_featurizations_that_give_frames_are_read_as_pandas(
    table: pd.DataFrame, labels: np.ndarray, check: Any, output: str
) -> None:
    """Containers are made one at the boundary."""
    pytest.importorskip(output)
    prepare = FEATURIZATIONS["one-hot"]()
    prepare.set_params(hot=OneHotEncoder(sparse_output=False)).set_output(transform=output)
    model = fit(make_pipeline(prepare, LogisticRegression(max_iter=3000)), table, labels)
    setup = set_up(model, table, labels)
    assert isinstance(setup.X_transform, pd.DataFrame)
    check(setup, model)


def test_a_pipeline_at_the_end_of_a_pipeline_is_opened(
    table: pd.DataFrame, labels: np.ndarray, check: Any, moved: Any
) -> None:
    """Featurization is everything before the innermost estimator, whatever the steps are called."""
    end = Pipeline(
        [("prepare", StandardScaler(with_mean=False)), ("model", make_pipeline(LogisticRegression(max_iter=3000)))]
    )
    model = fit(
        Pipeline([("prepare", FEATURIZATIONS["one-hot"]()), ("nothing", "passthrough"), ("end", end)]), table, labels
    )
    setup = set_up(model, table, labels)
    check(setup, model)
    assert isinstance(setup.automl_estimator, LogisticRegression)
    np.testing.assert_array_equal(setup.feature_map.support.toarray(), moved(setup.automl_featurizer.transform, table))


def test_a_transformed_target_is_explained_in_the_unit_of_the_target(
    table: pd.DataFrame, score: np.ndarray, check: Any
) -> None:
    """The model to mimic gives the target, not its logarithm."""
    y = np.exp(score / 20)
    target = TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp)
    model = fit(make_pipeline(FEATURIZATIONS["one-hot"](), target), table, y)
    setup = set_up(model, table, y, "regression")
    check(setup, model)
    assert (setup.automl_estimator.predict(setup.X_test_transform) > 0).all()
    whole = fit(
        TransformedTargetRegressor(make_pipeline(Ridge()), func=np.log, inverse_func=np.exp), table[["visits"]], y
    )
    check(set_up(whole, table[["visits"]], y, "regression"), whole)


def test_regressors_have_no_classes(table: pd.DataFrame, score: np.ndarray, check: Any) -> None:
    model = fit(make_pipeline(FEATURIZATIONS["one-hot"](), RandomForestRegressor(10, random_state=0)), table, score)
    check(set_up(model, table, score, "regression"), model)


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(200, 4)), columns=list("abcd"))


def test_an_estimator_without_featurization_has_the_identity_map(numbers: pd.DataFrame, check: Any) -> None:
    """Engineered names equal the columns, where Azure gives none."""
    y = numbers["a"] + numbers["b"] > 0
    model = LogisticRegression().fit(numbers, y)
    setup = set_up(model, numbers, y)
    check(setup, model)
    assert setup.engineered_feature_names == setup.raw_feature_names == list("abcd")
    np.testing.assert_array_equal(np.asarray(setup.feature_map), np.eye(4))
    assert setup.automl_featurizer is None
    assert setup.classes == [False, True]
    assert setup.automl_pipeline is setup.automl_estimator is model


def test_an_array_goes_by_position(numbers: pd.DataFrame, check: Any, moved: Any) -> None:
    rows = numbers.to_numpy()
    prepare = ColumnTransformer(
        [("z", StandardScaler(), [2, 0]), ("p", PolynomialFeatures(2, include_bias=False), [1, 3])]
    )
    model = make_pipeline(prepare, LinearRegression()).fit(rows, rows @ [1.0, 2.0, 3.0, 4.0])
    setup = set_up(model, rows, rows[:, 0], "regression", features=["p", "q", "r", "s"])
    check(setup, model)
    np.testing.assert_array_equal(setup.feature_map.support.toarray(), moved(prepare.transform, rows))
    assert setup.raw_feature_names == ["p", "q", "r", "s"]
    unnamed = set_up(model, rows, rows[:, 0], "regression")
    assert unnamed.raw_feature_names == ["x0", "x1", "x2", "x3"]


class Mixer(TransformerMixin, BaseEstimator):
    """Sums its columns in a way that no rule knows."""

    def fit(self, X: Any, y: Any = None) -> Mixer:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        rows = np.asarray(X, dtype=float)
        return np.column_stack([rows.sum(axis=1), rows[:, 0]])


@pytest.mark.parametrize("place", ["alone", "in a ColumnTransformer", "as a function"])
def test_an_unknown_transformer_of_several_columns_is_probed(numbers: pd.DataFrame, place: str) -> None:
    """What moves when one column is changed depends on it."""
    mixer: Any = {
        "alone": Mixer(),
        "in a ColumnTransformer": ColumnTransformer([("mix", Mixer(), ["a", "b"]), ("z", StandardScaler(), ["c"])]),
        "as a function": FunctionTransformer(lambda X: np.asarray(X)[:, ::-1] * 2),
    }[place]
    y = numbers["a"] > 0
    model = make_pipeline(mixer, LogisticRegression()).fit(numbers, y)
    setup = set_up(model, numbers, y)
    wanted = {
        "alone": [[1, 1], [1, 0], [1, 0]],
        "in a ColumnTransformer": [[1, 1, 0], [1, 0, 0], [0, 0, 1]],
        "as a function": np.identity(len(numbers.columns))[::-1],
    }[place]
    found = setup.feature_map.support.toarray()
    np.testing.assert_array_equal(found[: len(wanted)], wanted)
    assert "probe" in setup.feature_map.how


def test_an_unknown_transformer_of_one_column_feeds_all_its_outputs(numbers: pd.DataFrame, check: Any) -> None:
    prepare = ColumnTransformer([("mix", Mixer(), ["b"]), ("z", StandardScaler(), ["c"])])
    y = numbers["b"] > 0
    model = make_pipeline(prepare, LogisticRegression()).fit(numbers, y)
    setup = set_up(model, numbers, y)
    check(setup, model)
    assert np.asarray(setup.feature_map)[1].tolist() == [1.0, 1.0, 0.0]


def test_a_featurization_that_depends_on_the_batch_is_refused(numbers: pd.DataFrame) -> None:
    """The self-check: rows centred by the batch they come in predict something else in a part of the rows."""
    prepare = ColumnTransformer([("z", FunctionTransformer(lambda X: X - X.mean()), ["a"])])
    y = numbers["a"] + numbers["b"]
    longer = pd.concat([numbers, numbers.iloc[:150] + 3.0], ignore_index=True)
    model = make_pipeline(prepare, LinearRegression()).fit(numbers, y)
    with pytest.raises(SelfCheckError, match="in another batch are others.*depends on the batch or is random"):
        set_up(model, longer, None, "regression")


def test_probabilities_that_are_not_those_of_the_labels_stay_the_models_own(numbers: pd.DataFrame) -> None:
    """A support vector machine may predict another label than its largest probability; both are kept as they are."""
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn will drop `probability`
        model = make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)).fit(numbers, y)
    setup = set_up(model, numbers, y)
    np.testing.assert_array_equal(
        setup.automl_estimator.predict(setup.X_test_transform), model.predict(setup.X_test_raw)
    )
    np.testing.assert_allclose(
        setup.automl_estimator.predict_proba(setup.X_test_transform), model.predict_proba(setup.X_test_raw), rtol=1e-9
    )
