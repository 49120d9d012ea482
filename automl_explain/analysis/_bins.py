"""Bins of a column: quantiles of numbers and dates, categories of the rest, missing values apart."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

MISSING, OTHER = "(missing)", "(other)"
_MOST_CATEGORIES = 20
_DIGITS = (4, 6, 9, 17)


@dataclasses.dataclass(frozen=True, eq=False)
class Bins:
    """Which bin each row is in.

    Parameters
    ----------
    labels : tuple of str
        One per bin: numbers in their order, categories by how often they come (ordered ones in their
        order), then those that are rare, then missing. No bin is empty.
    codes : ndarray of shape (n_rows,), int
        Position of each row's bin.
    """

    labels: tuple[str, ...]
    codes: np.ndarray

    @classmethod
    def of(cls, column: pd.Series, n_bins: int) -> Bins:
        """Bins of a column.

        Parameters
        ----------
        column : Series of shape (n_rows,)
        n_bins : int
            Quantile bins of numbers and dates at most; fewer distinct ones are a bin each. Of categories
            the 20 most frequent are kept apart.
        """
        missing = column.isna().to_numpy()
        present = column[~missing]
        labels, codes = _numbers(present, n_bins) if _is_ordered(column.dtype) else _categories(present)
        every = np.full(len(column), len(labels), dtype=np.intp)
        every[~missing] = codes
        if missing.any():
            labels = [*labels, MISSING]
        return cls(tuple(labels), every)


def column_of(table: Any, position: int) -> pd.Series:
    """One column of a DataFrame, ndarray or sparse matrix."""
    if isinstance(table, pd.DataFrame):
        return table.iloc[:, position]
    if sp.issparse(table):
        return pd.Series(table[:, [position]].toarray().ravel())
    return pd.Series(table[:, position])


def _is_ordered(dtype: Any) -> bool:
    number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    return number or pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype)


def _numbers(present: pd.Series, n_bins: int) -> tuple[list[str], np.ndarray]:
    cells = present.to_numpy(dtype=np.float64) if pd.api.types.is_numeric_dtype(present.dtype) else present.to_numpy()
    distinct = np.unique(cells)
    if len(distinct) <= n_bins:
        return _texts(list(distinct)), np.searchsorted(distinct, cells)
    # Values that exist, never a number between two of them: dates have quantiles too, and infinity is one.
    at = np.ceil(len(cells) * np.arange(1, n_bins) / n_bins).astype(int) - 1
    edges = np.unique(np.sort(cells)[at])
    # Where most values are the largest one, the rest are a bin nevertheless.
    edges = edges[edges < distinct[-1]] if edges[0] < distinct[-1] else distinct[-2:-1]
    text = _texts(list(edges))
    labels = [f"<= {text[0]}", *(f"{a} to {b}" for a, b in itertools.pairwise(text)), f"> {text[-1]}"]
    return labels, np.searchsorted(edges, cells, side="left")


def _categories(present: pd.Series) -> tuple[list[str], np.ndarray]:
    if isinstance(present.dtype, pd.CategoricalDtype):
        codes, kinds = present.cat.codes.to_numpy().astype(np.intp), list(present.cat.categories)
        ordered = bool(present.cat.ordered)
    else:
        try:
            codes, found = pd.factorize(present)
        except TypeError:  # values that cannot be hashed, such as lists
            codes, found = pd.factorize(present.map(repr))
        kinds, ordered = list(found), False
    counts = np.bincount(codes, minlength=len(kinds))
    by_count = np.argsort(-counts, kind="stable")
    kept = by_count[: min(_MOST_CATEGORIES, int((counts > 0).sum()))]
    kept = np.sort(kept) if ordered else kept
    place = np.full(len(kinds), len(kept), dtype=np.intp)
    place[kept] = np.arange(len(kept))
    rest = int((counts > 0).sum()) > len(kept)
    return [str(kinds[k]) for k in kept] + [OTHER] * rest, place[codes]


def _texts(edges: list[Any]) -> list[str]:
    """Short texts of sorted values that differ where the values do."""
    if not edges or not isinstance(edges[0], (int, float, np.number)):
        return [str(pd.Timestamp(e)) if isinstance(e, np.datetime64) else str(e) for e in edges]
    for digits in _DIGITS:
        texts = [f"{e:.{digits}g}" for e in edges]
        if len(set(texts)) == len(texts):
            break
    return texts
