"""The list of pairs, the stand-in of a DataFrameMapper, and the door of the featurizer."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, LabelBinarizer, OneHotEncoder, StandardScaler
from truth import dense, dependence, frame

from automl_explain.exceptions import DataError, InputError, UnknownTransformerError
from automl_explain.lineage import TransformationsFeaturizer, trace

X = frame()


def pairs() -> list[tuple[Any, Any]]:
    """Every form of an entry."""
    return [
        ("k", None),
        (["a", "b"], [SimpleImputer(add_indicator=True).fit(X[["a", "b"]]), StandardScaler().fit(np.eye(3))]),
        (["city", "size"], OneHotEncoder().fit(X[["city", "size"]])),
        ("review", CountVectorizer().fit(X["review"])),
        (["c"], []),
        ("c", StandardScaler().fit(X[["c"]])),
        ("a", StandardScaler().fit(X[["a"]].to_numpy())),
    ]


def test_pairs_make_the_columns_in_their_order_and_the_map_is_true() -> None:
    featurizer = TransformationsFeaturizer(pairs())
    Z = featurizer.transform(X)
    assert isinstance(Z, sp.csr_matrix)
    fm = featurizer.feature_map(X)
    truth = dependence(featurizer.transform, X)
    np.testing.assert_array_equal(fm.support.toarray(), truth)
    np.testing.assert_allclose(dense(Z)[:, [0, -3]], X[["k", "c"]])
    assert fm.engineered_names[:5] == ("k", "a", "b", "missingindicator_b", "city_Bern")
    assert "review_good" in fm.engineered_names
    assert fm.unused_raw == ("day",)


def test_pairs_may_have_the_options_of_sklearn_pandas() -> None:
    """The same values with and without; names follow ``alias``, ``prefix`` and ``suffix``."""
    options = [
        {"alias": "key"},
        {"prefix": "filled_"},
        {"alias": "place"},
        None,
        {},
        {"suffix": "_z"},
        {"input_df": False},
    ]
    given = [(*pair, one) for pair, one in zip(pairs(), options, strict=True)]
    plain, named = TransformationsFeaturizer(pairs()), TransformationsFeaturizer(given)
    np.testing.assert_array_equal(dense(named.transform(X)), dense(plain.transform(X)))
    fm = named.feature_map(X)
    np.testing.assert_array_equal(np.asarray(fm), np.asarray(plain.feature_map(X)))
    assert fm.engineered_names[:5] == ("key", "filled_a", "filled_b", "filled_missingindicator_b", "place_city_Bern")
    assert "c_z" in fm.engineered_names


def test_a_transformer_gets_what_input_df_says() -> None:
    class Seen:
        def transform(self, value: Any) -> Any:
            seen.append(type(value).__name__)
            return np.asarray(value)

    seen: list[str] = []
    for wanted, kind in ((True, "DataFrame"), (False, "ndarray"), (None, "DataFrame")):
        TransformationsFeaturizer([(["a"], Seen(), {"input_df": wanted})]).transform(X)
        assert seen.pop() == kind
        assert not seen


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (("k", None, "alias"), r"`transformations\[0\]` has the options 'alias'. Expected a dict with any of alias"),
        (("k", None, {"alais": "a"}), r"has the options 'alais'. Expected any of alias, prefix, suffix, input_df"),
        (("k", None, {}, 1), "Expected a pair"),
    ],
)
def test_options_that_sklearn_pandas_does_not_know_are_refused(entry: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransformationsFeaturizer([entry])


def test_pairs_of_positions_work_on_arrays() -> None:
    rows = X[["a", "c", "k"]].to_numpy()
    scaler = StandardScaler().fit(rows[:, [2, 0]])
    featurizer = TransformationsFeaturizer([([2, 0], scaler), (-2, None)])
    np.testing.assert_allclose(
        featurizer.transform(rows), np.column_stack([scaler.transform(rows[:, [2, 0]]), rows[:, 1]])
    )
    fm = featurizer.feature_map(rows, ["a", "c", "k"])
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert fm.engineered_names == ("k", "a", "c")


def test_integer_labels_of_a_frame_are_labels() -> None:
    table = pd.DataFrame({5: [1.0, 2.0], 0: [3.0, 5.0]})
    fm = trace([([0], StandardScaler().fit(table[[0]])), (5, None)], table)
    np.testing.assert_array_equal(np.asarray(fm), [[0, 1], [1, 0]])


def test_the_same_featurization_in_three_ways_has_the_same_map(fake_sklearn_pandas: Any) -> None:
    imputer, encoder = SimpleImputer(add_indicator=True), OneHotEncoder(sparse_output=False)
    ct = make_column_transformer((imputer, ["a", "b"]), (encoder, ["city"])).fit(X)
    listed = [(["a", "b"], imputer.fit(X[["a", "b"]])), (["city"], encoder.fit(X[["city"]]))]
    mapper = fake_sklearn_pandas([(c, t, {"input_df": True}) for c, t in listed])
    maps = [TransformationsFeaturizer(t).feature_map(X) for t in (ct, listed, mapper)]
    for fm in maps[1:]:
        np.testing.assert_array_equal(np.asarray(fm), np.asarray(maps[0]))
    assert maps[1].engineered_names == maps[2].engineered_names


def test_a_featurizer_may_be_a_step_of_a_pipeline() -> None:
    step = TransformationsFeaturizer([(["c", "a"], StandardScaler().fit(X[["c", "a"]]))])
    fm = TransformationsFeaturizer(make_pipeline(step, "passthrough")).feature_map(X)
    np.testing.assert_array_equal(fm.matrix.toarray()[:3], [[0, 1], [0, 0], [1, 0]])


def test_without_probing_an_unknown_pair_is_refused_by_its_place() -> None:
    class Sum:
        def transform(self, table: Any) -> Any:
            return np.asarray(table).sum(axis=1)

    with pytest.raises(UnknownTransformerError, match=r"Sum \(step 'transformations\[1\] -> Sum'\).*'a', 'c'"):
        trace([("a", None), (["a", "c"], Sum())], X, probe=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "is None"),
        ("scale", "is 'scale'"),
        ({"a": None}, "is {'a': None}"),
        ([], "empty list"),
        (["a"], r"transformations\[0\]` is 'a'"),
        ([("a",)], "Expected a pair"),
        ([(1.5, None)], "has the columns 1.5"),
        ([([], None)], "has the columns"),
        ([("a", "scale")], "has no `transform`"),
        ([("a", StandardScaler)], "has no `transform`"),
        ([(["a"], LinearRegression())], "has no `transform`"),
        ([(["a"], [SimpleImputer()])], "SimpleImputer that is not fitted"),
        (ColumnTransformer([("a", StandardScaler(), ["a"])]), "ColumnTransformer that is not fitted"),
        (LinearRegression(), "has no `transform`"),
    ],
)
def test_other_forms_are_refused_at_the_door(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransformationsFeaturizer(wrong)


def test_a_missing_column_and_text_beside_a_sparse_block_are_refused() -> None:
    with pytest.raises(InputError, match="Column 'z' is not in the table"):
        TransformationsFeaturizer([("z", None)]).transform(X)
    both = TransformationsFeaturizer([("city", None), (["size"], OneHotEncoder().fit(X[["size"]]))])
    with pytest.raises(InputError, match="Block 0"):
        both.transform(X)


@pytest.mark.parametrize("form", ["ColumnTransformer", "list of tuples"])
def test_rows_the_transformers_refuse_are_a_data_error_with_its_cause(form: str) -> None:
    scaler = StandardScaler()
    made: Any = make_column_transformer((scaler, ["a", "c"])).fit(X[["a", "c"]])
    if form != "ColumnTransformer":
        made = [(["a", "c"], scaler.fit(X[["a", "c"]]))]
    with pytest.raises(DataError, match="cannot transform the rows.*Expected.*Pass") as caught:
        TransformationsFeaturizer(made).transform(X[["a", "c"]].astype(object).assign(c="word"))
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.fixture
def fake_sklearn_pandas(monkeypatch: pytest.MonkeyPatch) -> Any:
    """DataFrameMapper of a module called ``sklearn_pandas`` with the attributes of the real one."""
    module = types.ModuleType("sklearn_pandas")
    module.DataFrameMapper = DataFrameMapper  # type: ignore[attr-defined]
    monkeypatch.setattr(DataFrameMapper, "__module__", "sklearn_pandas.dataframe_mapper")
    monkeypatch.setitem(sys.modules, "sklearn_pandas", module)
    return DataFrameMapper


class DataFrameMapper:
    """Fitted stand-in: `built_features`, `built_default`, and a transform that overwrites its names."""

    def __init__(self, built: list[Any], default: Any = False, *, input_df: bool = False, df_out: bool = False) -> None:
        self.features = [b[:2] for b in built]
        self.built_features = [(*b, {})[:3] for b in built]
        self.default = self.built_default = default
        self.input_df, self.df_out, self.sparse = input_df, df_out, False
        self.transformed_names_: list[str] = []

    def _unselected_columns(self, table: pd.DataFrame) -> list[str]:
        used = {c for columns, _ in self.features for c in ([columns] if isinstance(columns, str) else columns)}
        return [c for c in table.columns if c not in used]

    def __getstate__(self) -> dict[str, Any]:
        return {"features": self.features}  # as the real one, it loses what it has built

    def transform(self, table: pd.DataFrame) -> Any:
        names, out = [], []
        blocks = list(self.built_features)
        if self.built_default is not False:
            blocks.append((self._unselected_columns(table), self.built_default, {}))
        for columns, transformer, options in blocks:
            value = table[columns] if options.get("input_df", self.input_df) else table[columns].to_numpy()
            block = dense(value if transformer is None else transformer.transform(value))
            name = options.get("alias") or (columns if isinstance(columns, str) else "_".join(columns))
            names += [name] if block.shape[1] == 1 else [f"{name}_{i}" for i in range(block.shape[1])]
            out.append(block)
        self.transformed_names_ = names
        Z = np.hstack(out)
        return pd.DataFrame(Z, columns=names, index=table.index) if self.df_out else Z


def test_a_mapper_is_read_block_by_block(fake_sklearn_pandas: Any) -> None:
    mapper = fake_sklearn_pandas(
        [
            ("city", LabelBinarizer().fit(X["city"])),
            (["c", "a"], StandardScaler().fit(X[["c", "a"]].to_numpy())),
            (
                ["a"],
                KBinsDiscretizer(2, strategy="kmeans").fit(X[["a"]].to_numpy()),
                {"alias": "bin"},
            ),
            ("k", None),
        ]
    )
    fm = trace(mapper, X)
    assert fm.engineered_names == ("city_0", "city_1", "city_2", "city_3", "c", "a", "bin_0", "bin_1", "k")
    np.testing.assert_array_equal(fm.support.toarray(), dependence(mapper.transform, X))
    assert mapper.transformed_names_ != []  # written by the call of this test alone
    fresh = fake_sklearn_pandas([("k", None)])
    trace(fresh, X)
    assert fresh.transformed_names_ == []


@pytest.mark.parametrize("default", [False, None, "scaler"])
def test_the_rest_of_a_mapper_is_dropped_passed_or_transformed(fake_sklearn_pandas: Any, default: Any) -> None:
    table = X[["a", "c", "k"]]
    rest = StandardScaler().fit(table[["a", "k"]].to_numpy()) if default == "scaler" else default
    fm = trace(fake_sklearn_pandas([(["c"], None)], default=rest), table)
    expected = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(np.asarray(fm), expected[:, :1] if default is False else expected)


def test_a_mapper_that_gives_a_frame_keeps_the_names_of_the_frame(fake_sklearn_pandas: Any) -> None:
    mapper = fake_sklearn_pandas([("city", LabelBinarizer().fit(X["city"])), (["a", "c"], None)], df_out=True)
    fm = trace(
        make_pipeline(mapper, ColumnTransformer([("s", "passthrough", ["a_c_1", "city_0"])]).fit(mapper.transform(X))),
        X,
    )
    assert fm.engineered_names == ("s__a_c_1", "s__city_0")
    assert [fm.raw_names[i] for i in fm.matrix.tocsc().indices] == ["c", "city"]


def test_a_mapper_needs_a_frame_and_to_be_fitted(fake_sklearn_pandas: Any) -> None:
    mapper = fake_sklearn_pandas([("a", None)])
    with pytest.raises(DataError, match=r"DataFrameMapper selects columns by name; got ndarray"):
        trace(mapper, X.to_numpy())
    del mapper.built_features
    with pytest.raises(InputError, match="DataFrameMapper that is not fitted"):
        TransformationsFeaturizer(mapper)
