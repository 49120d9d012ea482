"""Free text and marks as columns that a model can learn from, each raw column by itself.

A step of a scikit-learn Pipeline, so that lineage knows which columns were made of which one, and contributions come
back to one raw column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

# Up to so many words are columns of their own; of more, those that tell the classes apart, and components of all.
MAX_WORDS = 150
MAX_CHOSEN = 50
N_COMPONENTS = 30
_MAX_VOCABULARY = 20_000
# Words in fewer rows than this share, or in nearly all, tell nothing.
_RAREST, _COMMONEST = 0.002, 0.98
_CHANCE = 0.05

# Runs of letters; Chinese, Japanese and Thai are written without blanks, and read as pairs of characters.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]+")


def words_of(text: str) -> list[str]:
    """Words in lower case; of scripts without blanks the pairs of neighbouring characters.

    Examples
    --------
    >>> words_of("It was GREAT!")
    ['it', 'was', 'great']
    """
    words: list[str] = []
    for token in _TOKEN.findall(text.lower()):
        if _UNSPACED_RUN.fullmatch(token):
            words += [token[i : i + 2] for i in range(max(1, len(token) - 1))]
        elif len(token) > 1:
            words.append(token)
    return words


class TextFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Number of words and TF-IDF of the words of one text column; where there are many words, reduced.

    With more than 150 words there are columns for those that are associated with the target (F test, family-wise error
    below 5 %), up to 50 of them, and 30 components (latent semantic analysis) of all. The same rows give the same bits.

    Parameters
    ----------
    task : {"classification", "regression"}, default "classification"
        What the target is.
    random_state : int, default 0
        Of the components.

    Attributes
    ----------
    names_ : list of str
        Of the columns made: ``"review 'great'"``.
    """

    def __init__(self, task: str = "classification", random_state: int = 0) -> None:
        self.task = task
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TextFeatures:
        """Learn the words.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, 1)
            Texts; missing ones are empty.
        y : array of shape (n_rows,), optional
            Target, by which words are chosen where there are many.
        """
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        name = str(X.columns[0])
        texts = _texts(X)
        rarest = max(2, int(np.ceil(_RAREST * len(texts))))
        self.vectorizer_ = TfidfVectorizer(
            analyzer=words_of, min_df=rarest, max_df=_COMMONEST, max_features=_MAX_VOCABULARY, sublinear_tf=True
        )
        self.components_, self.chosen_ = None, np.zeros(0, dtype=np.int64)
        try:
            weights = self.vectorizer_.fit_transform(texts)
        except ValueError:  # no word stands in two texts
            self.vectorizer_ = None
            self.names_ = [f"{name} number of words"]
            return self
        n_words = weights.shape[1]
        self.chosen_ = np.arange(n_words) if n_words <= MAX_WORDS else _telling(weights, y, self.task)
        if n_words > MAX_WORDS:
            n_components = min(N_COMPONENTS, len(texts) - 1)
            self.components_ = TruncatedSVD(n_components, random_state=self.random_state).fit(weights)
        words = self.vectorizer_.get_feature_names_out()[self.chosen_]
        self.names_ = [f"{name} number of words", *(f"{name} '{word}'" for word in words)]
        if self.components_ is not None:
            self.names_ += [f"{name} component {k + 1}" for k in range(n_components)]
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """Columns of shape (n_rows, n_made), float64."""
        texts = _texts(X)
        blocks = [np.array([[len(words_of(text))] for text in texts], dtype=np.float64).reshape(-1, 1)]
        if self.vectorizer_ is not None:
            weights = self.vectorizer_.transform(texts)
            blocks.append(weights[:, self.chosen_].toarray())
            if self.components_ is not None:
                blocks.append(weights @ self.components_.components_.T)
        return pd.DataFrame(np.hstack(blocks), index=getattr(X, "index", None), columns=self.names_)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns made."""
        return np.asarray(self.names_, dtype=object)


def _texts(X: Any) -> list[str]:
    column = X.iloc[:, 0]
    return ["" if missing else str(text) for text, missing in zip(column, column.isna(), strict=True)]


def _telling(weights: Any, y: Any, task: str) -> np.ndarray:
    """Words associated with the target beyond chance, however many were tried; in the order of the vocabulary."""
    from sklearn.feature_selection import f_classif, f_regression

    if y is None:
        return np.zeros(0, dtype=np.int64)
    with np.errstate(all="ignore"):
        chance = (f_regression if task == "regression" else f_classif)(weights, np.asarray(y))[1]
    chance = np.nan_to_num(chance, nan=1.0)
    best = np.argsort(chance, kind="stable")[:MAX_CHOSEN]
    return np.sort(best[chance[best] * len(chance) < _CHANCE])


class Presence(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Whether a column holds a value: 1 or 0, under the name of the column."""

    def fit(self, X: Any, y: Any = None) -> Presence:
        """Learn the name."""
        self.names_ = [X.columns[0]]
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """Column of shape (n_rows, 1), float64."""
        return pd.DataFrame(X.notna().to_numpy(dtype=np.float64), index=X.index, columns=self.names_)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name of the column."""
        return np.asarray(self.names_, dtype=object)


def feature_step(X: pd.DataFrame, y: Any, task: str, *, texts: Sequence[str], marks: Sequence[str] = ()) -> Any:
    """Fitted step that makes features of columns of text and of marks, and hands on the others."""
    from sklearn.compose import ColumnTransformer

    step = ColumnTransformer(
        [(name, TextFeatures(task), [name]) for name in texts] + [(name, Presence(), [name]) for name in marks],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return step.set_output(transform="pandas").fit(X, y)


def with_step(step: Any, model: Any) -> Any:
    """A model of raw rows: the step, then the model."""
    from sklearn.pipeline import Pipeline

    return Pipeline([("features", step), ("model", model)])
