"""The teacher, the surrogate and the reader all see the same cells under the same names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

from automl_explain import FeatureMap, LGBMExplainableModel, MimicExplainer, MimicWrapper, TreeScoringExplainer
from automl_explain.exceptions import InputError, LowFidelityWarning, UnmappedFeaturesWarning

SMALL = {"explainable_model_args": {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1}, "augment_data": False}

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")


class ByPosition:
    """A classifier that reads the first column, whatever it is called, and the codes of the last."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        codes = X.iloc[:, -1].cat.codes.to_numpy()
        p = 1 / (1 + np.exp(-3 * X.iloc[:, 0].to_numpy(dtype=float) - codes))
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.predict_proba(X).argmax(axis=1)


def frame(n_rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kinds = pd.Categorical(rng.choice(["u", "v", "w"], n_rows), categories=["u", "v", "w"])
    return pd.DataFrame({"a": rng.normal(size=n_rows), "b": rng.normal(size=n_rows), "k": kinds})


@pytest.fixture(scope="module")
def explainer() -> MimicExplainer:
    return MimicExplainer(ByPosition(), frame(), LGBMExplainableModel, **SMALL)


def test_columns_in_another_order_reach_the_teacher_in_its_own(explainer: MimicExplainer) -> None:
    X = frame(50)
    straight, turned = explainer.explain_local(X), explainer.explain_local(X[["k", "b", "a"]])
    np.testing.assert_array_equal(turned.eval_y_predicted_proba, straight.eval_y_predicted_proba)
    assert turned.eval_fidelity == straight.eval_fidelity
    assert list(turned.eval_data.columns) == turned.features == ["a", "b", "k"]


def test_categories_lost_in_a_filter_keep_their_codes(explainer: MimicExplainer) -> None:
    X = frame(80)
    X = X[X["k"] != "u"]
    trimmed = X.assign(k=X["k"].cat.remove_unused_categories())
    wanted, found = explainer.explain_local(X), explainer.explain_local(trimmed)
    np.testing.assert_array_equal(found.eval_y_predicted_proba, wanted.eval_y_predicted_proba)
    np.testing.assert_array_equal(found.values, wanted.values)


def test_a_row_given_as_a_series_is_read_like_a_row_of_the_frame(explainer: MimicExplainer) -> None:
    X = frame(5)
    wanted, found = explainer.explain_local(X.iloc[[2]]), explainer.explain_local(X.iloc[2])
    np.testing.assert_array_equal(found.eval_y_predicted_proba, wanted.eval_y_predicted_proba)
    np.testing.assert_array_equal(found.values, wanted.values)


def test_names_in_another_order_are_no_renaming() -> None:
    with pytest.raises(InputError, match="the same names in another order"):
        MimicExplainer(ByPosition(), frame(), LGBMExplainableModel, features=["k", "b", "a"], **SMALL)
    identity = FeatureMap.identity(["a", "b", "k"])
    with pytest.raises(InputError, match="engineered names of the feature map in another order"):
        MimicWrapper(
            None,
            ByPosition(),
            LGBMExplainableModel,
            SMALL,
            init_dataset=frame(),
            features=["k", "b", "a"],
            feature_maps=[identity],
        )


def test_raw_rows_are_shown_under_their_own_names_and_refused_in_another_order() -> None:
    X = frame()
    identity = FeatureMap.identity(["a", "b", "k"])
    wrapper = MimicWrapper(None, ByPosition(), LGBMExplainableModel, SMALL, init_dataset=X, feature_maps=[identity])
    raw = wrapper.explain(["local"], X, get_raw=True, raw_eval_dataset=X[["k", "a", "b"]])
    assert list(raw.eval_data.columns) == raw.features
    with pytest.raises(InputError, match="`raw_eval_dataset` has the rows of `eval_dataset` in another order"):
        wrapper.explain(["local"], X, get_raw=True, raw_eval_dataset=X.iloc[::-1])


def test_a_model_with_its_own_threshold_keeps_its_own_labels() -> None:
    X = frame()[["a", "b"]]
    y = (X["a"] > 0).astype(int)
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.9, response_method="predict_proba").fit(X, y)
    explanation = MimicExplainer(model, X, LGBMExplainableModel, **SMALL).explain_local(X)
    np.testing.assert_array_equal(explanation.eval_y_predicted, model.predict(X))


def test_errors_of_sure_predictions_do_not_depend_on_the_batch() -> None:
    def sure(X: np.ndarray) -> np.ndarray:
        p = np.select([X[:, 0] < -0.5, X[:, 0] < 0.5], [0.0, 0.1], 1.0)
        return np.column_stack([1 - p, p])

    X = frame()[["a", "b"]].to_numpy()
    explainer = MimicExplainer(sure, X, LGBMExplainableModel, is_function=True, **SMALL)
    together = explainer.explain_local(X[:40]).eval_fidelity
    singly = [explainer.explain_local(X[i : i + 1]).eval_fidelity for i in range(40)]
    assert together.mean_absolute_error == pytest.approx(np.mean([f.mean_absolute_error for f in singly]))


def test_streaming_warns_once_and_at_the_callers_line() -> None:
    partial = np.array([[1.0, 0, 0], [0, 1, 0]])
    X = frame()
    wrapper = MimicWrapper(None, ByPosition(), LGBMExplainableModel, SMALL, init_dataset=X, feature_maps=[partial])
    with pytest.warns(UnmappedFeaturesWarning) as caught:
        wrapper.explain(["global"], X, get_raw=True)
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.filterwarnings("default::automl_explain.exceptions.LowFidelityWarning")
def test_a_low_fidelity_points_to_the_callers_line() -> None:
    with pytest.warns(LowFidelityWarning) as caught:
        MimicExplainer(ByPosition(), frame(), LGBMExplainableModel, {"n_estimators": 1, "num_leaves": 2})
    assert [w.filename for w in caught] == [__file__]


def test_masked_cells_are_missing_and_dates_are_refused() -> None:
    X = frame()[["a", "b"]].to_numpy()
    explainer = MimicExplainer(lambda Z: np.nan_to_num(Z[:, 0]), X, LGBMExplainableModel, is_function=True, **SMALL)
    masked = np.ma.masked_array(X[:3], mask=[[True, False]] * 3)
    gaps = X[:3].copy()
    gaps[:, 0] = np.nan
    np.testing.assert_array_equal(explainer.explain_local(masked).values, explainer.explain_local(gaps).values)
    with pytest.raises(ValueError, match=r"array of datetime64\[D\], which is no number"):
        TreeScoringExplainer(explainer).explain(np.zeros((2, 2), dtype="datetime64[D]"))


def test_raw_names_rename_the_columns_of_transformations() -> None:
    X = frame()[["a", "b"]]
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import StandardScaler

    scaler = ColumnTransformer([("s", StandardScaler(), ["a", "b"])]).fit(X)
    wrapper = MimicWrapper(
        None,
        LogisticRegression().fit(scaler.transform(X), X["a"] > 0),
        LGBMExplainableModel,
        SMALL,
        X,
        transformations=scaler,
    )
    assert wrapper.explain(["local"], X, get_raw=True, raw_feature_names=["p", "q"]).features == ["p", "q"]
    with pytest.raises(InputError, match="has 1 names"):
        wrapper.explain(["local"], X, get_raw=True, raw_feature_names=["p"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"explain_subset": ["a"]}, "`explain_subset` must hold different positions"),
        ({"max_num_of_augmentations": -1}, "`max_num_of_augmentations` must be a whole number of at least 0"),
        ({"feature_groups": [0, 1]}, "`feature_groups` must be 3 whole numbers"),
    ],
)
def test_wrong_arguments_are_refused_at_the_door(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MimicExplainer(ByPosition(), frame(), LGBMExplainableModel, **{**SMALL, **change})


def test_repeated_columns_are_refused(explainer: MimicExplainer) -> None:
    X = frame(5)
    X.columns = ["a", "a", "k"]
    with pytest.raises(InputError, match=r"missing: 'b'"):
        explainer.explain_local(X)
