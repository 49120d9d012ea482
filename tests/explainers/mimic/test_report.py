"""Where the surrogate errs: numbers by hand, then reports of explainers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import CLASSES, KINDS, NAMES, QUICK, SMALL, TASKS, rows, shared_wrapper, teacher
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score

from automl_explain import LGBMExplainableModel, MimicExplainer
from automl_explain.exceptions import InputError
from automl_explain.explainers.mimic._report import errors_by_bin, worst_rows

pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")

TABLE = pd.DataFrame({"age": [1.0, 2.0, 3.0, np.nan], "town": ["x", "x", "y", "x"]}, index=list("pqrs"))
WANTED = np.array([[0.0], [2.0], [5.0], [1.0]])
GOT = np.array([[1.0], [2.0], [2.0], [1.5]])


# Numbers by hand


def test_errors_by_bin_by_hand() -> None:
    """Errors are 1, 0, -3 and 0.5; of the rows 0 and 2 the mean is 1, the spread 2, the residual 1."""
    table = errors_by_bin(TABLE, ["age", "town"], WANTED, GOT, n_bins=2)
    assert list(table) == ["feature", "bin", "rows", "mean error", "mean |error|", "R2"]
    expected = [
        ("age", "<= 2", 2, 0.5, 0.5, 0.5),
        ("age", "> 2", 1, -3.0, 3.0, np.nan),
        ("age", "(missing)", 1, 0.5, 0.5, np.nan),
        ("town", "x", 3, 0.5, 0.5, 1 - 1.25 / 2),
        ("town", "y", 1, -3.0, 3.0, np.nan),
    ]
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected, columns=list(table)))


def test_errors_of_each_class_by_hand() -> None:
    wanted, got = np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([[0.3, 0.7], [0.4, 0.6]])
    table = errors_by_bin(TABLE[:2], ["age"], wanted, got, n_bins=2, labels=["a", "b"])
    assert table[["bin", "class", "rows"]].values.tolist() == [
        ["1", "a", 1],
        ["1", "b", 1],
        ["2", "a", 1],
        ["2", "b", 1],
    ]
    np.testing.assert_allclose(table["mean error"], [0.1, -0.1, 0, 0], atol=1e-12)


def test_the_worst_rows_by_hand() -> None:
    table = worst_rows(TABLE, ["age", "town"], WANTED, GOT, n_worst=2)
    assert table.index.tolist() == ["r", "p"]
    assert table.to_dict("list") == {
        "(teacher)": [5.0, 0.0],
        "(surrogate)": [2.0, 1.0],
        "(error)": [-3.0, 1.0],
        "age": [3.0, 1.0],
        "town": ["y", "x"],
    }
    assert worst_rows(TABLE, ["age", "town"], WANTED, GOT, n_worst=0).empty


def test_the_worst_rows_name_the_class_that_is_missed_most() -> None:
    wanted, got = np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([[0.3, 0.6], [0.4, 0.6]])
    for cells in (np.array([[7.0], [8.0]]), sp.csr_matrix([[7.0], [8.0]])):
        table = worst_rows(cells, ["n"], wanted, got, n_worst=1, labels=["a", "b"])
        assert table.to_dict("index") == {
            0: {"(class)": "b", "(teacher)": 0.8, "(surrogate)": 0.6, "(error)": pytest.approx(-0.2), "n": 7.0}
        }


# Reports of explainers


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_bins_of_a_feature_hold_every_row_once_and_their_errors_are_those_of_the_rows(task: str, kind: str) -> None:
    wrapper, X = shared_wrapper(task, kind), rows(kind, 120, seed=3)
    report = wrapper.surrogate_report(X)
    n_outputs = 4 if task == "four classes" else 1
    table = report.frame()
    assert list(dict.fromkeys(table["feature"])) == NAMES
    assert (table.groupby("feature")["rows"].sum() == 120 * n_outputs).all()
    assert report.unit == ("target" if task == "regression" else "probability")
    # All bins of a feature together are the whole.
    whole = (table["rows"] * table["mean |error|"]).groupby(table["feature"]).sum() / (120 * n_outputs)
    np.testing.assert_allclose(whole, whole.iloc[0], rtol=1e-9)
    if task == "regression":
        np.testing.assert_allclose(whole, report.fidelity.mean_absolute_error, rtol=1e-9)
    explained = wrapper.explain(["local"], eval_dataset=X)
    assert report.fidelity == explained.eval_fidelity
    worst = report.worst()
    assert len(worst) == 10
    assert np.abs(worst["(error)"]).is_monotonic_decreasing
    np.testing.assert_allclose(worst["(surrogate)"] - worst["(teacher)"], worst["(error)"], atol=1e-12)


def test_a_region_the_surrogate_has_not_seen_is_where_the_report_points() -> None:
    """The teacher jumps where x0 > 2, and the init rows end below."""
    rng = np.random.default_rng(0)
    seen = rng.uniform(0, 2, size=(300, 3))
    explainer = MimicExplainer(
        lambda X: X[:, 0] + 50 * (X[:, 0] > 2), seen, LGBMExplainableModel, is_function=True, **QUICK
    )
    new = rng.uniform(0, 2.5, size=(200, 3))
    table = explainer.surrogate_report(new, n_bins=5).frame().sort_values("mean |error|", ascending=False)
    assert table.iloc[0]["feature"] == 0
    assert table.iloc[0]["bin"].startswith("> ")
    assert table.iloc[0]["mean error"] < -40  # the surrogate is too low there


def test_raw_columns_make_the_bins_where_they_are_given() -> None:
    wrapper, X = shared_wrapper("regression", "frame"), rows("frame", 30, seed=3)
    raw = pd.DataFrame({"a": range(30), "b": ["u", "v"] * 15, "c": 1.0}, index=X.index)
    report = wrapper.surrogate_report(X, raw, n_bins=3)
    assert report.frame()["bin"].tolist() == ["<= 9", "9 to 19", "> 19", "u", "v", "1"]
    assert list(report.worst())[3:] == ["a", "b", "c"]
    as_array = wrapper.surrogate_report(X, raw[["a", "c", "c"]].to_numpy())
    assert list(dict.fromkeys(as_array.frame()["feature"])) == ["a", "b", "c"]  # names of the map
    with pytest.raises(InputError, match="`raw_eval_dataset` has 29 rows, `eval_dataset` has 30"):
        wrapper.surrogate_report(X, raw[1:])
    with pytest.raises(InputError, match="another order"):
        wrapper.surrogate_report(X, raw[::-1])


def test_one_class_can_be_asked_for() -> None:
    report = shared_wrapper("four classes", "frame").surrogate_report(rows("frame", 40))
    table = report.frame("r")
    every = report.frame()
    assert "class" not in table
    assert table["mean error"].tolist() == every.loc[every["class"] == "r", "mean error"].tolist()
    with pytest.raises(InputError, match="`label` must be one of the classes .*; got 'z'"):
        report.frame("z")
    with pytest.raises(InputError, match="tells no classes apart"):
        shared_wrapper("binary", "frame").surrogate_report(rows("frame", 40)).frame("yes")


@pytest.mark.parametrize(("argument", "value"), [("n_worst", -1), ("n_bins", 1), ("n_bins", 2.5)])
def test_counts_out_of_range_are_refused(argument: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"`{argument}` must be a whole number"):
        shared_wrapper("binary", "frame").surrogate_report(rows("frame", 40), **{argument: value})


def test_a_report_shows_the_worst_bins_and_rows_and_stays_as_it_is() -> None:
    report = shared_wrapper("binary", "frame").surrogate_report(rows("frame", 40))
    assert repr(report).startswith("R2 0.")
    assert "with the largest errors, in probability" in repr(report)
    assert "Rows with the largest errors" in repr(report)
    assert report._repr_html_().count("<table") == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.unit = "target"  # type: ignore[misc]
    mine = report.frame()
    mine["rows"] = 0
    assert (report.frame()["rows"] > 0).all()


def test_a_report_of_two_classes_says_whose_probability_it_tells() -> None:
    report = shared_wrapper("binary", "frame").surrogate_report(rows("frame", 40))
    second = report.classes[1]
    assert f"in probability of {second!r}" in repr(report)
    with pytest.raises(InputError, match=f"its errors are those of {second!r}. Leave it out"):
        report.frame(second)


def test_the_title_of_a_report_on_one_row_promises_no_larger_bins() -> None:
    assert "Bins of 1 row and more" in repr(shared_wrapper("regression", "frame").surrogate_report(rows("frame", 1)))


def test_a_report_on_many_columns_shows_some_of_them() -> None:
    wrapper, X = shared_wrapper("regression", "frame"), rows("frame", 30, seed=3)
    raw = pd.DataFrame({f"c{j}": range(30) for j in range(12)}, index=X.index)
    report = wrapper.surrogate_report(X, raw)
    assert "Rows with the largest errors (and 4 more columns, see worst())" in repr(report)
    assert list(report.worst())[3:] == list(raw)


# The measure of the reference


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_the_replication_measure_is_the_share_of_equal_classes_or_r2(task: str, kind: str) -> None:
    wrapper, X = shared_wrapper(task, kind), rows(kind, 80, seed=5)
    found = wrapper.get_surrogate_model_replication_measure(X)
    output = wrapper.explainer.explain_local(X).output
    if task == "regression":
        assert found == pytest.approx(r2_score(teacher(task).predict(X), output[:, 0]), rel=1e-9)
    else:
        mine = (output[:, 0] > 0).astype(int) if task == "binary" else output.argmax(axis=1)
        labels = np.array(CLASSES[task])[mine]
        assert found == np.mean(labels == teacher(task).predict(X))
    assert wrapper.explainer.get_surrogate_model_replication_measure(X) == found


@pytest.mark.parametrize("labels", [["b", "a", "c"], [10, 2, 1], [True, False]], ids=str)
def test_the_replication_measure_is_right_for_any_labels(labels: list[Any]) -> None:
    """A surrogate that is as good as exact agrees; compared by position in another order it would not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.array(labels)[(X[:, 0] > 0).astype(int) + (X[:, 0] > 1) * (len(labels) > 2)]
    model = LogisticRegression(C=100.0, max_iter=500).fit(X, y)
    explainer = MimicExplainer(model, X, LGBMExplainableModel, explainable_model_args=SMALL)
    assert explainer.get_surrogate_model_replication_measure(X) > 0.95


def test_one_row_is_enough_for_classes_and_too_few_for_r2() -> None:
    assert shared_wrapper("binary", "frame").get_surrogate_model_replication_measure(rows("frame", 1)) in (0.0, 1.0)
    with pytest.raises(InputError, match="`training_data` has 1 row; R2 .* needs at least 2"):
        shared_wrapper("regression", "frame").get_surrogate_model_replication_measure(rows("frame", 1))


def test_transformations_let_raw_rows_make_the_bins() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    raw = pd.DataFrame({"n": rng.normal(size=200), "town": rng.choice(["x", "y"], 200)})
    steps = ColumnTransformer([("n", "passthrough", ["n"]), ("town", OneHotEncoder(), ["town"])]).fit(raw)
    explainer = MimicExplainer(
        lambda Z: Z[:, 0] + Z[:, 1], raw, LGBMExplainableModel, is_function=True, transformations=steps, **QUICK
    )
    report = explainer.surrogate_report(raw)
    assert list(dict.fromkeys(report.frame()["feature"])) == ["n", "town"]
    assert explainer.get_surrogate_model_replication_measure(raw) > 0.5
