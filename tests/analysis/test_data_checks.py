from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl_explain.analysis._data_checks import (
    find_class_problems,
    find_drift,
    find_leaks,
    find_shared_rows,
    find_weak_model,
)
from automl_explain.analysis._data_notes import notes_of
from automl_explain.analysis._split_checks import find_flattering_splits
from automl_explain.reading._notes import WARNING


def halves(X, y):
    n = len(y) * 3 // 4
    return X.iloc[:n], y.iloc[:n], X.iloc[n:], y.iloc[n:]


@pytest.fixture
def table():
    random = np.random.RandomState(0)
    n = 400
    X = pd.DataFrame(
        {
            "age": random.randint(18, 80, n),
            "fare": random.gamma(2, 20, n).round(2),
            "port": pd.Series(random.choice(["S", "C", None], n), dtype=object),
        }
    )
    y = pd.Series((X["fare"] + random.normal(0, 15, n) > 35).astype(int), name="survived")
    return X, y


def leaks(X, y, task="classification"):
    return find_leaks(*halves(X, y), task)


def test_honest_columns_are_no_leak(table):
    assert leaks(*table) == ()


def test_a_copy_of_the_target_is_named(table):
    X, y = table
    (found,) = leaks(X.assign(alive=y.map({0: "no", 1: "yes"}).astype(object)), y)
    assert (found.column, found.copy, found.score) == ("alive", True, 1.0)
    (note,) = notes_of([found], target="survived")
    assert "'alive' is a copy of the target 'survived'" in note.text
    assert (note.remedy, note.weight) == ("--ignore alive explains what is left", WARNING)


@pytest.mark.parametrize("kind", ["number", "missing", "date", "many categories"])
def test_a_column_that_alone_predicts_is_a_leak(table, kind):
    X, y = table
    random = np.random.RandomState(1)
    days = pd.Series(pd.to_datetime("2024-01-01") + pd.to_timedelta(random.randint(0, 300, len(y)), "D"))
    column = {
        "number": y * 100 + random.rand(len(y)),
        "missing": pd.Series(random.rand(len(y))).where(y == 1),
        "date": days.where(y == 0),
        "many categories": pd.Series([f"{'ab'[k]}{random.randint(5)}" for k in y], dtype=object),
    }[kind]
    (found,) = leaks(X.assign(closed=column), y)
    assert (found.column, found.copy) == ("closed", False)
    assert "'closed' alone gives away the target" in notes_of([found], target="survived")[0].text


def test_a_bent_copy_is_a_leak_although_its_extremes_are_missed():
    random = np.random.RandomState(0)
    wage = pd.Series(np.exp(random.normal(0, 1.5, 1000)), name="wage")
    (found,) = leaks(pd.DataFrame({"log": np.log(wage), "age": random.randint(18, 80, 1000)}), wage, "regression")
    assert (found.column, found.copy) == ("log", True)


def test_a_column_that_goes_with_the_target_is_no_copy_only_since_no_value_stands_twice():
    random = np.random.RandomState(0)
    employed = pd.Series(np.cumsum(random.rand(200)), name="employed")
    X = pd.DataFrame({"near": employed + random.normal(0, 0.5, 200)})
    X, employed = X.sample(frac=1, random_state=0), employed.sample(frac=1, random_state=0)
    assert [(found.column, found.copy) for found in leaks(X, employed, "regression")] == [("near", False)]


def test_a_strong_column_is_no_leak(table):
    X, y = table
    flipped = np.where(np.random.RandomState(3).rand(len(y)) < 0.05, 1 - y, y)
    assert leaks(X.assign(hint=flipped), y) == ()


def test_a_rare_class_does_not_make_a_leak_of_any_column(table):
    X, _ = table
    rare = pd.Series((np.random.RandomState(0).rand(len(X)) < 0.01).astype(int), name="fraud")
    assert leaks(X, rare) == ()


@pytest.mark.parametrize("kind", ["scaled", "bent", "text"])
def test_copies_of_a_regression_target_are_leaks(table, kind):
    X, _ = table
    y = pd.Series(np.random.RandomState(2).gamma(3, 100, len(X)), name="price")
    column = {"scaled": y * 1.19 + 3, "bent": np.log(y), "text": (y // 100).map(lambda v: f"class {v:.0f}")}[kind]
    found = leaks(X.assign(gross=column), y, "regression")
    if kind == "text":  # classes of 100 are not the target itself
        assert found == ()
    else:
        assert [(leak.column, leak.copy) for leak in found] == [("gross", True)]


def test_rows_on_both_sides_are_counted(table):
    X, y = table
    X_train, y_train, X_test, y_test = halves(X, y)
    assert find_shared_rows(X_train, y_train, X_test, y_test) == ()
    again = pd.concat([X_test, X_train.iloc[:10]]), pd.concat([y_test, y_train.iloc[:10]])
    (found,) = find_shared_rows(X_train, y_train, *again)
    assert (found.n_shared, found.n_rows) == (10, 110)
    assert "10 of 110 test rows also stand in the training rows" in notes_of([found], target="y")[0].text


def test_rows_of_few_values_are_the_same_by_chance():
    X = pd.DataFrame({"a": [0, 1] * 100, "b": [0, 0, 1, 1] * 50})
    assert find_shared_rows(*halves(X, X["a"])) == ()
    random = np.random.RandomState(0)
    calls = random.randint(0, 30, 400)
    whole = pd.DataFrame({"age": random.randint(18, 80, 400), "calls": calls})
    X_train, y_train, X_test, y_test = halves(whole, pd.Series(calls > 15))
    rows = {(*row, label) for row, label in zip(X_train.to_numpy().tolist(), y_train, strict=True)}
    assert sum((*row, label) in rows for row, label in zip(X_test.to_numpy().tolist(), y_test, strict=True)) > 5
    assert find_shared_rows(X_train, y_train, X_test, y_test) == ()


def test_rare_and_many_classes_are_named():
    y = pd.Series([*"abcdefghijklmnopqrstuvwxyz"] * 20 + ["rare", "rarer", "rare"], dtype=object)
    many, rare = find_class_problems(y, "classification")
    assert many.n_classes == 28
    assert rare.counts == (("rarer", 1), ("rare", 2))
    assert "rarer (1 row), rare (2 rows)" in notes_of([rare], target="y")[0].text
    assert find_class_problems(y, "regression") == ()


def test_drift_of_numbers_categories_and_gaps_is_found(table):
    X, y = table
    X_train, _, X_test, _ = halves(X, y)
    assert find_drift(X_train, X_test) == ()
    moved = X_test.assign(age=X_test["age"] + 60, port="Q", fare=X_test["fare"].where(np.arange(len(X_test)) % 2 == 0))
    found = {(drift.column, drift.kind): drift for drift in find_drift(X_train, moved)}
    assert set(found) == {("age", "numbers"), ("port", "categories"), ("fare", "gaps"), ("port", "gaps")}
    assert found["port", "categories"].unseen == 1.0
    assert "100% of the test rows lie outside" in notes_of([found["port", "categories"]], target="y")[0].text


def test_categories_with_few_rows_each_do_not_drift_by_chance():
    random = np.random.RandomState(0)
    X = pd.DataFrame({"town": pd.Series([f"t{k}" for k in random.randint(0, 300, 1000)], dtype=object)})
    X["text"] = [f"text {k}" for k in range(1000)]
    assert find_drift(X.iloc[:750], X.iloc[750:]) == ()


def test_a_model_below_the_majority_or_the_mean_knows_little():
    (found,) = find_weak_model({"accuracy": 0.48, "accuracy of the majority class": 0.52, "AUC": 0.5}, 100)
    assert "the explanation tells little, since the model knows little" in notes_of([found], target="y")[0].text
    assert find_weak_model({"R2": -0.02}, 100)
    assert not find_weak_model({"R2": 0.3}, 100)
    assert not find_weak_model({"accuracy": 0.9, "accuracy of the majority class": 0.5, "AUC": 0.95}, 100)
    # Of a rare class none may be predicted, and the order of the rows is good all the same.
    assert not find_weak_model({"accuracy": 0.95, "accuracy of the majority class": 0.95, "AUC": 0.9}, 100)


def test_groups_whose_rows_share_the_target_are_found():
    random = np.random.RandomState(0)
    patient = np.repeat(np.arange(100), 5)
    y = pd.Series((random.rand(100)[patient] > 0.5).astype(int))
    columns = pd.DataFrame({"patient id": patient, "ward": pd.Series(random.choice(["a", "b"], 500), dtype=object)})
    (found,) = find_flattering_splits(columns, y, "classification", groups=["patient id"])
    assert (found.column, found.kind, found.n_groups) == ("patient id", "group", 100)
    assert notes_of([found], target="ill")[0].remedy.startswith("--split 'group:patient id'")
    shuffled = pd.Series(random.permutation(y))
    assert find_flattering_splits(columns, shuffled, "classification", groups=["patient id"]) == ()


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_times_whose_neighbours_share_the_target_are_found(task):
    random = np.random.RandomState(0)
    walk = np.cumsum(random.normal(size=500))
    order = random.permutation(500)
    days = pd.Series(pd.date_range("2023-01-01", periods=500))[order].reset_index(drop=True)
    y = pd.Series(walk[order] if task == "regression" else (walk[order] > np.median(walk)).astype(int))
    (found,) = find_flattering_splits(pd.DataFrame({"day": days}), y, task)
    assert (found.column, found.kind) == ("day", "time")
    assert found.in_common > 0.8
    mixed = pd.Series(random.permutation(y))
    assert find_flattering_splits(pd.DataFrame({"day": days}), mixed, task) == ()


def test_many_findings_of_one_kind_are_named_together(table):
    X, y = table
    copies = X.assign(**{f"copy {k}": y for k in range(8)})
    notes = notes_of(leaks(copies, y), target="survived")
    assert len(notes) == 6
    assert notes[-1].text == "the same holds for 'copy 5', 'copy 6', 'copy 7'"
