"""Free text made into features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl_explain.cli._data import marks
from automl_explain.cli._text_features import MAX_WORDS, TextFeatures, feature_step, words_of
from automl_explain.lineage import trace


def reviews(n: int = 200, n_words: int = 20) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.RandomState(0)
    good = random.rand(n) < 0.5
    names = [f"w{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(n_words)]
    texts = [" ".join([*random.choice(names, 12), "great" if g else "awful"]) for g in good]
    texts[3] = None
    return pd.DataFrame({"review": pd.Series(texts, dtype=object)}), good


def test_words_are_lower_case_and_scripts_without_blanks_give_pairs() -> None:
    assert words_of("It's NOT café-like, a 2nd.") == ["it", "not", "café", "like", "2nd"]
    assert words_of("料理はbest") == ["料理", "理は", "best"]


def test_few_words_are_columns_of_their_own() -> None:
    X, y = reviews()
    made = TextFeatures().fit(X, y).transform(X)
    assert {"review number of words", "review 'great'", "review 'awful'"} <= set(made.columns)
    assert made.shape[1] == 23
    assert made.iloc[3].eq(0).all()  # a missing text
    assert made["review number of words"].iloc[0] == 13


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_many_words_are_reduced_but_for_those_that_tell(task: str) -> None:
    X, y = reviews(600, 400)
    target = y if task == "classification" else y * 3.5 + np.random.RandomState(1).normal(size=600)
    made = TextFeatures(task).fit(X, target).transform(X)
    chosen = [name for name in made.columns if "'" in name]
    assert {"review 'great'", "review 'awful'"} <= set(chosen)
    assert len(chosen) <= 4  # words without effect are chosen in 5 % of the tables
    assert "review component 30" in made.columns
    assert made.shape[1] < MAX_WORDS


def test_the_same_row_gives_the_same_bits_alone_and_after_another_fit() -> None:
    X, y = reviews(600, 400)
    one, two = TextFeatures().fit(X, y), TextFeatures().fit(X, y)
    whole = one.transform(X)
    pd.testing.assert_frame_equal(whole, two.transform(X), check_exact=True)
    pd.testing.assert_frame_equal(one.transform(X.iloc[7:8]), whole.iloc[7:8], check_exact=True)


def test_texts_without_a_common_word_give_their_length() -> None:
    X = pd.DataFrame({"review": pd.Series(["one two", "three four five", ""], dtype=object)})
    made = TextFeatures().fit(X, [0, 1, 0]).transform(X)
    assert made.to_dict("list") == {"review number of words": [2.0, 3.0, 0.0]}


def test_other_columns_go_through_and_every_feature_has_its_text_as_its_only_parent() -> None:
    X, y = reviews()
    X["price"] = np.arange(200)
    X["when"] = pd.date_range("2024-01-01", periods=200)
    X["kind"] = pd.Series(["a", "b"] * 100, dtype=object)
    X["flag"] = pd.Series(["x", None] * 100, dtype=object)
    X["title"] = X["review"].str[::-1]
    step = feature_step(X, y, "classification", texts=["review", "title"], marks=marks(X))
    made = step.transform(X)
    assert made["flag"].tolist() == [1.0, 0.0] * 100
    for name in ("price", "when", "kind"):
        assert made[name].dtype == X[name].dtype
    feature_map = trace(step, X, list(X.columns))
    weights = np.asarray(feature_map)
    for j, name in enumerate(feature_map.engineered_names):
        parents = [X.columns[i] for i in np.flatnonzero(weights[:, j])]
        assert parents == [str(name).split(" ")[0]], name
