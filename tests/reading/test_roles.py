from __future__ import annotations

import uuid

import numpy as np
import pandas as pd
import pytest

from automl_explain.reading._role_forms import name_words, names_identifier
from automl_explain.reading._roles import column_roles


def role_of(values, name="column", **options):
    frame = pd.DataFrame({"first": [1, 2] * (len(values) // 2), name: values})
    return column_roles(frame, **options)[name]


def texts(values):
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize("n", [50, 300, 5000])
@pytest.mark.parametrize("step", [1, 10])
@pytest.mark.parametrize("shuffled", [False, True])
def test_running_numbers_are_identifiers_in_any_order(n, step, shuffled):
    values = 100_000 + step * np.arange(n)
    if shuffled:
        values = np.random.RandomState(0).permutation(values)
    found = role_of(values)
    assert (found.role, found.used) == ("identifier", False)


def test_one_gap_does_not_undo_running_numbers():
    values = np.concatenate([np.arange(150), 10**6 + np.arange(150)])
    assert role_of(values).role == "identifier"
    with_outlier = np.arange(300)
    with_outlier[-1] = 10**12
    assert role_of(with_outlier).role == "identifier"


def test_one_missing_value_does_not_undo_running_numbers():
    values = np.arange(300.0)
    values[7] = np.nan
    assert role_of(values).role == "identifier"


def test_numbers_drawn_without_repeats_from_a_range_are_identifiers():
    values = np.random.RandomState(1).choice(30_000, 1000, replace=False)
    assert role_of(values).role == "identifier"


def test_numbers_of_which_a_few_stand_twice_are_identifiers():
    values = np.random.RandomState(1).choice(2_000, 1000, replace=False)
    values[:20] = values[20:40]
    assert role_of(values).role == "identifier"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [60, 400, 3000])
def test_whole_measurements_are_features(seed, n):
    random = np.random.RandomState(seed)
    frame = pd.DataFrame(
        {
            "income": np.exp(random.normal(10.5, 0.6, n)).astype(int),
            "income rounded": 100 * np.exp(random.normal(6, 0.6, n)).astype(int),
            "area": random.gamma(3, 40, n).astype(int),
            "salary": random.randint(20_000, 90_000, n),
            "population": np.exp(random.normal(9, 2, n)).astype(int),
            "sorted income": np.sort(np.exp(random.normal(10.5, 0.6, n)).astype(int)),
            "seconds": random.randint(0, 10**9, n),
        }
    )
    assert {found.role for found in column_roles(frame).values()} == {"feature"}


def test_few_values_are_a_feature_whatever_the_name():
    values = np.random.RandomState(0).randint(1, 15, 300)
    assert role_of(values, "store_id").role == "feature"
    assert role_of(texts(f"S{v}" for v in values), "store_id").role == "feature"


def test_a_name_tells_an_identifier_whose_numbers_do_not():
    values = np.random.RandomState(0).randint(10**8, 10**9, 300)
    for name in (
        "customer_id",
        "CustomerID",
        "invoice no",
        "Kundennummer",
        "Kd.-Nr.",
        "key",
        "uid",
        "id",
        "PASSENGERID",
        "#",
    ):
        assert role_of(values, name).role == "identifier", name
    for name in (
        "amount",
        "number of inhabitants",
        "no_of_people",
        "humid",
        "paid",
        "PREPAID",
        "index_of_wealth",
        "2012",
    ):
        assert role_of(values, name).role == "feature", name


@pytest.mark.parametrize("letter", ["", "C"])
def test_an_identifier_by_name_may_stand_twice_now_and_then(letter):
    random = np.random.RandomState(0)
    numbers = random.choice(2_000_000, 600, replace=False)
    numbers[:50] = numbers[50:100]
    values = texts(f"{letter}{n}" for n in numbers) if letter else numbers
    assert role_of(values, "ID").role == "identifier"
    assert role_of(values, "income").role == "feature"


def test_texts_of_which_few_recur_are_told():
    codes = texts(f"{k * k % 977:03d}\u00b0N" for k in range(300))
    found = role_of(codes.where(codes.index % 3 != 0, codes.shift(1, fill_value="1\u00b0N")))
    assert found.used
    assert "as categories: it holds" in found.note.text
    assert "few of them recur" in found.note.text


def test_names_are_split_into_words():
    assert name_words("CustomerID") == ["customer", "id"]
    assert name_words("user-e-mail") == ["user", "email"]
    assert names_identifier("E-Mail")
    assert not names_identifier("valid")


def test_fractions_are_never_identifiers():
    assert role_of(np.arange(300) + 0.5, "id").role == "feature"


def test_ranks_are_features():
    random = np.random.RandomState(0)
    frame = pd.DataFrame({name: random.permutation(86) for name in ("wealth", "commerce", "crime")})
    assert {found.role for found in column_roles(frame).values()} == {"feature"}
    assert role_of(random.permutation(86), "rank by wealth").role == "feature"


def test_single_words_that_all_differ_are_identifiers():
    random = np.random.RandomState(0)
    assert role_of(texts(str(uuid.UUID(bytes=random.bytes(16))) for _ in range(100))).role == "identifier"
    assert role_of(texts(f"user{i}@example.com" for i in range(100))).reason.startswith("it is an identifier (e-mail")
    names = [
        f"{''.join(random.choice(list('abcdefgh'), 6))} {''.join(random.choice(list('abcdefgh'), 6))}"
        for _ in range(100)
    ]
    assert role_of(texts(names)).role == "identifier"


@pytest.mark.parametrize("missing", [0, 30])
def test_texts_of_several_words_are_free_text_though_all_differ(missing):
    random = np.random.RandomState(0)
    words = ("the", "place", "was", "near", "our", "hotel", "where", "we", "went", "twice", "with", "friends")
    rows = [" ".join(random.choice(words, 12)) for _ in range(200)]
    rows[:missing] = [None] * missing
    found = role_of(texts(rows), "review_id")
    assert (found.role, found.used) == ("free text", True)
    assert "identifier" not in found.note.text


def test_texts_of_two_words_that_recur_are_free_text():
    random = np.random.RandomState(0)
    left, right = [f"quality{i}" for i in range(15)], [f"product{i}" for i in range(30)]
    made = {f"{random.choice(left)}x {random.choice(right)}y" for _ in range(3000)}
    rows = [text.translate(str.maketrans("0123456789", "abcdefghij")) for text in sorted(made)[:300]]
    assert role_of(texts(rows)).role == "free text"


def test_japanese_is_free_text():
    random = np.random.RandomState(0)
    rows = ["".join(random.choice(list("料理はとても美味しかったです店員が冷たい"), 20)) for _ in range(100)]
    assert role_of(texts(rows)).role == "free text"


def test_categories_of_several_words_are_features():
    values = ["paid by electronic check", "paid by mailed check each month", "credit card (automatic, each month)"]
    assert role_of(texts(values[i % 3] for i in range(300))).role == "feature"


def test_constant_and_empty_columns_are_left_out():
    assert role_of([7] * 60).role == "constant"
    assert role_of(texts(["EUR"] * 60)).role == "constant"
    assert role_of([np.nan] * 60).role == "empty"
    assert role_of(texts(["", None] * 30)).role == "empty"
    assert role_of(texts(["x", None] * 30)).role == "feature"


def test_dates_that_only_count_up_are_no_feature():
    days = pd.date_range("2024-01-01", periods=120, freq="D")
    assert role_of(days).role == "counting date"
    assert role_of(pd.Series(days).sample(frac=1, random_state=0).to_numpy()).role == "counting date"
    sorted_times = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.sort(np.random.RandomState(0).rand(120)) * 9, "D")
    assert role_of(sorted_times).role == "counting date"
    assert role_of(np.arange(1900, 2020), "year").role == "counting date"


def test_dates_of_things_are_features():
    random = np.random.RandomState(0)
    days = pd.Series(pd.to_datetime("2020-01-01") + pd.to_timedelta(random.randint(0, 1500, 300), "D"))
    days[5] = pd.NaT
    assert role_of(days).role == "feature"
    assert role_of(np.repeat(pd.date_range("2024-01-01", periods=30), 10)).role == "feature"


def test_the_target_has_no_role():
    frame = pd.DataFrame({"price": np.arange(300), "size": [1, 2, 3] * 100})
    assert set(column_roles(frame, target="price")) == {"size"}


def test_what_is_kept_is_used_and_said():
    found = role_of(np.arange(300), "customer id", keep=["customer id"])
    assert (found.role, found.used) == ("identifier", True)
    assert "kept 'customer id' as asked" in found.note.text
    assert role_of(np.arange(300), "customer id").note.remedy == "--keep 'customer id' uses it all the same"


def test_booleans_and_few_rows_are_features():
    assert role_of([True, False] * 30).role == "feature"
    assert role_of(texts(["a", "b", "c", "d"])).role == "feature"
