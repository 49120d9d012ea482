"""Probing: what it finds, and what it must not pretend to know."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from truth import dependence, frame, positive

from automl_explain.exceptions import UnknownTransformerError, UnmappedFeaturesWarning
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage import collected, trace

ROWS = positive(300, 4)
GAPS = np.where(ROWS > 6, np.nan, ROWS)
SPARSE = sp.random(300, 4, density=0.4, format="csr", random_state=0)
DATES = frame()[["day"]].assign(until=frame(seed=1)["day"])
NORMAL = np.random.default_rng(0).normal(size=(2000, 3)) * [1.0, 2.0, 3.0]


def step(function: Any) -> FunctionTransformer:
    """A step that no rule knows."""
    return FunctionTransformer(function)


class Fitted(TransformerMixin, BaseEstimator):
    """A transformer of another package, fitted from the start."""

    def fit(self, X: Any, y: Any = None) -> Fitted:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


def quiet(transformer: Any, X: Any, **options: Any) -> FeatureMap:
    """Its map; what stays unknown is looked at in the map itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmappedFeaturesWarning)
        return trace(transformer, X, **options)


FOUND = {
    "swapped columns": (lambda X: X[:, ::-1], ROWS),
    "sums and products": (
        lambda X: np.column_stack([X[:, 0] + X[:, 1], X[:, 1] * X[:, 2], X[:, 3], X.sum(axis=1)]),
        ROWS,
    ),
    "sparse output": (lambda X: sp.csr_matrix(np.column_stack([X[:, 0] > 1, X[:, 1] * (X[:, 2] > 2)]) * 1.0), ROWS),
    "ratios of a frame": (lambda X: pd.DataFrame({"r": X["a"] / X["c"], "k": X["k"]}), frame()[["a", "c", "k"]]),
    "categories joined": (
        lambda X: pd.DataFrame({"j": X["city"] + X["size"], "s": X["size"]}).astype("category"),
        frame()[["city", "size", "a"]],
    ),
    "one-hot of several": (lambda X: pd.get_dummies(X, columns=["city", "size"]), frame()[["city", "size", "a"]]),
    "length of the text and month": (
        lambda X: np.column_stack([X["review"].str.len(), X["day"].dt.month, X["day"].dt.dayofweek]),
        frame()[["review", "day"]],
    ),
    "texts side by side": (lambda X: [" ".join(row) for row in X.to_numpy()], frame()[["review", "city"]]),
    "threshold on another column": (lambda X: np.where(X[:, [0]] > 2, X[:, [1]], X[:, [2]]), ROWS),
    "gaps told": (lambda X: np.column_stack([np.isnan(X).any(axis=1), np.nan_to_num(X)]), GAPS),
    "small numbers": (lambda X: X[:, ::-1] * 1e-300, ROWS),
    "large numbers": (lambda X: X[:, ::-1] * 1e150, ROWS),
    "single precision": (lambda X: (X @ np.eye(4)[::-1]).astype(np.float32), ROWS),
    "sparse rows": (lambda X: sp.csr_matrix(X)[:, [2, 0]] * 2, SPARSE),
    "dates to days": (lambda X: (X["day"] - X["until"]).dt.days.to_frame(), DATES),
}


@pytest.mark.parametrize("name", sorted(FOUND))
def test_probing_finds_the_parents_of_what_no_rule_knows(name: str) -> None:
    function, rows = FOUND[name]
    chain = [step(function), *([CountVectorizer()] if name.startswith("texts") else [])]
    transformer = make_pipeline(*chain).fit(rows.copy())
    fm = trace(transformer, rows)
    truth = dependence(transformer.transform, rows, allow_missing=name == "gaps told")
    np.testing.assert_array_equal(fm.support.toarray(), truth)
    np.testing.assert_allclose(np.asarray(fm.matrix.sum(axis=0)).ravel(), 1.0, atol=1e-12)  # a few sums
    assert set(fm.how) == {"probe"}


def test_a_transformer_that_writes_into_its_input_changes_no_row_of_the_user() -> None:
    def doubled(X: np.ndarray) -> np.ndarray:
        X *= 2
        return X[:, ::-1]

    rows = ROWS.copy()
    np.testing.assert_array_equal(np.asarray(trace(step(doubled), rows)), np.identity(4)[::-1])
    np.testing.assert_array_equal(rows, ROWS)


def test_weights_are_shares_of_total_effect() -> None:
    """Jansen's estimate for a + b + c with variances 1, 4, 9 is the share of the variance, up to 5 % by chance."""
    fm = trace(step(lambda X: X.sum(axis=1, keepdims=True)), NORMAL)
    np.testing.assert_allclose(np.asarray(fm).ravel(), np.array([1, 4, 9]) / 14, atol=0.05)


def test_total_effects_count_interactions_in_full() -> None:
    """For a b with variances 1 and 4 both total effects are 4: half each, though b varies more."""
    fm = trace(step(lambda X: X[:, [0]] * X[:, [1]]), NORMAL)
    np.testing.assert_allclose(np.asarray(fm).ravel(), [0.5, 0.5, 0.0], atol=0.05)


def test_an_unused_raw_column_has_no_share() -> None:
    fm = trace(step(lambda X: X[:, :2] + 1), ROWS)
    assert fm.unused_raw == (2, 3)


def test_the_same_seed_gives_the_same_map() -> None:
    maps = [np.asarray(trace(step(lambda X: X @ ROWS[:4].T), ROWS, random_state=seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] != maps[2]).any()


def test_only_the_step_without_a_rule_is_probed_and_the_rest_composed() -> None:
    X = frame()
    inner = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), (StandardScaler(), ["a", "c"]))
    pipeline = make_pipeline(inner, step(lambda Z: np.column_stack([Z[:, :2].sum(axis=1), Z[:, 2] + Z[:, 4]]))).fit(X)
    with collected() as steps:
        fm = trace(pipeline, X)
    (found,) = steps
    assert found.n_columns == 6
    assert found.step == "functiontransformer"
    np.testing.assert_array_equal(fm.support.toarray()[[0, 2, 4]], [[0, 1], [0, 0], [1, 1]])


def test_the_columns_of_one_raw_column_are_changed_together() -> None:
    """A row of a one-hot block has a single 1; a step that relies on it is not shown anything else."""

    def strict(Z: np.ndarray) -> np.ndarray:
        if not (Z[:, :4].sum(axis=1) == 1).all():
            raise ValueError("two cities")
        return np.column_stack([Z[:, :4].argmax(axis=1), Z[:, 4]])

    X = frame()[["city", "a"]]
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), ("passthrough", ["a"]))
    fm = trace(make_pipeline(encode, step(strict)).fit(X), X)
    np.testing.assert_array_equal(np.asarray(fm), np.identity(2))


def test_rare_values_are_found_by_rows_in_which_they_are_active() -> None:
    """Reference 2.4: rows drawn evenly see few of the columns of rare categories."""
    rng = np.random.default_rng(0)
    labels = np.array([f"v{i}" for i in range(900)])
    X = pd.DataFrame(
        {"u": rng.permutation(np.resize(labels, 6000)), "v": rng.choice(labels[:5], 6000), "x": rng.normal(size=6000)}
    )
    encoder = OneHotEncoder(handle_unknown="ignore").fit(X[["u", "v"]])
    fm = trace(step(lambda T: sp.hstack([T[["x"]].to_numpy(), encoder.transform(T[["u", "v"]])], format="csr")), X)
    expected = np.zeros((3, 906), dtype=bool)
    expected[2, 0] = expected[0, 1:901] = expected[1, 901:] = True
    np.testing.assert_array_equal(fm.support.toarray(), expected)
    assert fm.unmapped == ()


def test_a_column_that_stands_still_in_the_sample_is_given_another_value() -> None:
    """It need not stand still in production."""
    X = frame()[["a", "k"]].assign(country="NO", flag=True, when=pd.Timestamp("2024-05-01"), level=3.5)
    X["kind"] = pd.Categorical(["s"] * len(X), categories=["s", "t"])

    def features(T: pd.DataFrame) -> np.ndarray:
        parts = [T["a"], T["country"].str.len(), T["flag"], T["when"].dt.month, T["level"] + T["k"], T["kind"] == "t"]
        return np.column_stack([np.asarray(part, dtype=float) for part in parts])

    fm = trace(step(features), X)
    expected = np.zeros((7, 6), dtype=bool)
    expected[[0, 2, 3, 4, 5, 1, 6], [0, 1, 2, 3, 4, 4, 5]] = True
    np.testing.assert_array_equal(fm.support.toarray(), expected)


def test_a_standing_column_that_cannot_be_changed_may_matter_everywhere() -> None:
    def only_norway(T: pd.DataFrame) -> np.ndarray:
        if not (T["country"] == "NO").all():
            raise ValueError("unknown country")
        return T[["a", "k"]].to_numpy()

    X = frame()[["a", "k"]].assign(country="NO")
    with collected() as steps:
        fm = trace(step(only_norway), X)
    np.testing.assert_array_equal(np.asarray(fm), [[1, 0], [0, 1], [0, 0]])
    assert fm.support.toarray()[2].all()
    assert steps[0].standing == ("country",)
    assert "'country'" in str(steps[0])


def test_an_indicator_of_gaps_is_found_though_the_sample_has_none() -> None:
    X = frame(missing=False)[["a", "c"]]
    fm = trace(step(lambda T: np.column_stack([T["a"].isna(), T["c"].isna() * 1.0 + T["a"].fillna(0.0)])), X)
    np.testing.assert_array_equal(fm.support.toarray(), [[1, 1], [0, 1]])
    np.testing.assert_array_equal(np.asarray(fm), [[1, 1], [0, 0]])  # no total effect among the rows there are


def test_gaps_that_spread_over_a_matrix_product_are_no_parents() -> None:
    fm = trace(step(lambda X: X @ np.identity(4)[::-1]), ROWS)
    np.testing.assert_array_equal(fm.support.toarray(), np.identity(4)[::-1])


def test_random_outputs_are_unmapped_and_named() -> None:
    """A wrong map is worse than none: noise moves with every column."""
    rng = np.random.default_rng(0)
    noisy = step(lambda X: np.column_stack([X[:, 1], X[:, 0] + rng.normal(size=len(X))]))
    with pytest.warns(UnmappedFeaturesWarning, match=re.escape("unknown: 'functiontransformer[1]'")) as caught:
        fm = trace(noisy, ROWS)
    assert "1 of 2 outputs: differs between two calls on the same rows" in str(caught[0].message)
    assert fm.unmapped == fm.unknown == (1,)
    assert fm.how == ("probe", "none")
    np.testing.assert_array_equal(np.asarray(fm)[:, 0], [0, 1, 0, 0])
    assert fm.support.toarray()[:, 1].all()
    raw, rest = fm.fold([[2.0, 5.0]])
    assert raw.sum() == 2.0
    assert rest == [5.0]


def test_outputs_that_depend_on_the_other_rows_are_unmapped_and_named() -> None:
    centred = step(lambda X: np.column_stack([X[:, 1], X[:, 0] - X[:, 0].mean()]))
    with pytest.warns(UnmappedFeaturesWarning, match="depends on the other rows of the call"):
        fm = trace(centred, ROWS)
    assert fm.unmapped == (1,)


def test_outputs_that_move_with_nothing_are_unmapped_and_named() -> None:
    with pytest.warns(UnmappedFeaturesWarning, match="moved with none of the columns"):
        fm = trace(step(lambda X: np.column_stack([X[:, 1], X[:, 0] > 1e6])), ROWS)
    assert fm.unmapped == (1,)


def test_a_column_that_cannot_be_changed_leaves_nothing_known() -> None:
    def ordered(X: np.ndarray) -> np.ndarray:
        if (X[:, 1] < X[:, 0]).any():
            raise ValueError("ends before it starts")
        return np.column_stack([X[:, 1] - X[:, 0], X[:, 0]])

    rows = np.column_stack([ROWS[:, 0], ROWS[:, 0] + ROWS[:, 1]])
    with pytest.warns(UnmappedFeaturesWarning, match="fails when they are changed: 0, 1"):
        fm = trace(step(ordered), rows)
    assert fm.unmapped == (0, 1)


def test_what_is_made_of_an_unknown_feature_is_unknown() -> None:
    """The known parents do not get the share of the others, in a walk or in a chain of maps."""
    rng = np.random.default_rng(0)
    noisy = step(lambda X: np.column_stack([X[:, 0], X[:, 1] + rng.normal(size=len(X)), X[:, 2]]))
    mix = PCA(1).fit(ROWS[:, :2])
    prepare = make_pipeline(noisy, ColumnTransformer([("mix", mix, [0, 1]), ("own", "passthrough", [2])])).fit(ROWS)
    fm = quiet(prepare, ROWS)
    assert fm.unknown == (0,)
    np.testing.assert_array_equal(np.asarray(fm), [[0, 0], [0, 0], [0, 1], [0, 0]])
    first = quiet(noisy, ROWS)
    chained = first.compose(FeatureMap.from_matrix([[1, 0], [1, 0], [0, 1]], engineered_names=["mix", "own"]))
    np.testing.assert_array_equal(np.asarray(chained), np.asarray(fm))
    assert chained.unknown == (0,)
    assert FeatureMap.from_json(fm.to_json()).unknown == (0,)


def test_few_rows_are_no_evidence() -> None:
    with pytest.warns(UnmappedFeaturesWarning, match="cannot be probed with 4 rows; it takes 10"):
        fm = trace(step(lambda X: X[:, ::-1]), ROWS[:4])
    assert len(fm.unknown) == 4


def test_transformers_that_fail_on_single_rows_are_probed_in_blocks() -> None:
    def many(X: np.ndarray) -> np.ndarray:
        if len(X) < 50:
            raise ValueError("too few rows")
        return X[:, ::-1]

    np.testing.assert_array_equal(np.asarray(trace(step(many), ROWS)), np.identity(4)[::-1])


def test_a_transformer_that_refuses_gaps_is_probed_without() -> None:
    class NoGaps(Fitted):
        def transform(self, X: Any) -> Any:
            if pd.isna(X).any(axis=None):
                raise ValueError("gaps")
            return X[:, ::-1]

    np.testing.assert_array_equal(np.asarray(trace(NoGaps(), ROWS)), np.identity(4)[::-1])


def test_a_transformer_whose_width_follows_the_rows_is_not_given_a_wrong_map() -> None:
    """Some encoders make the columns of the categories they happen to see."""
    X = pd.DataFrame({"u": [f"v{i}" for i in range(400)], "v": ["p", "q"] * 200})
    with pytest.raises(UnknownTransformerError, match="probing it failed"):
        quiet(step(lambda T: pd.get_dummies(T)), X)


def test_the_cost_and_the_confidence_are_stated() -> None:
    with collected() as steps:
        trace(step(lambda X: X[:, ::-1]), ROWS)
    (found,) = steps
    assert (found.n_rows, found.n_columns, found.n_outputs) == (300, 4, 4)
    assert found.n_calls == 6  # twice the same rows, half of them, two shuffles, gaps
    # 600 changed cells: a link in 0.76 % of the rows escapes with a chance of (1 - 0.0076)^600 = 1 %.
    assert found.rarest == pytest.approx(1 - 0.01 ** (1 / 600))
    assert "6 calls" in str(found)
    assert found.seconds >= 0


def test_categories_of_the_third_party_kind_keep_their_type_when_shuffled() -> None:
    X = frame()[["city", "size"]].astype("category")

    class Codes(Fitted):
        def transform(self, T: pd.DataFrame) -> np.ndarray:
            return np.column_stack([T["size"].cat.codes, T["city"].cat.codes])

    np.testing.assert_array_equal(np.asarray(trace(Codes(), X)), [[0, 1], [1, 0]])


def test_polars_tables_are_probed() -> None:
    pl = pytest.importorskip("polars")
    inner = make_column_transformer((StandardScaler(), ["a", "c"])).set_output(transform="polars")
    X = frame()[["a", "c"]]
    swap = step(lambda T: T.select(pl.col("standardscaler__c"), pl.col("standardscaler__a")))
    np.testing.assert_array_equal(np.asarray(trace(make_pipeline(inner, swap).fit(X), X)), [[0, 1], [1, 0]])
