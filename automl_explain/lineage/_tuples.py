"""Transformations written as a list of ``(columns, transformer[, options])``, as in sklearn-pandas."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from automl_explain.exceptions import InputError
from automl_explain.lineage._names import with_source
from automl_explain.lineage._tables import as_blocks, labels_of, positions_of, take_columns

FORM = "[(columns, fitted transformer, list of them, or None), ...]"
OPTIONS = ("alias", "prefix", "suffix", "input_df")


@dataclasses.dataclass(frozen=True)
class Block:
    """Columns and the fitted transformers that they pass through, one after the other."""

    selector: Any
    chain: tuple[Any, ...]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def names(self, made: Sequence[str | int], sources: Sequence[str | int]) -> list[str | int]:
        """Names of the block's columns of the result: their alias, prefix and suffix are those of the options."""
        alias, prefix, suffix = (self.options.get(key) or "" for key in ("alias", "prefix", "suffix"))
        if alias:
            named: list[str | int] = [alias] if len(made) == 1 else [f"{alias}_{name}" for name in made]
        else:
            named = with_source(made, sources)
        return [f"{prefix}{name}{suffix}" for name in named] if prefix or suffix else named

    def positions(self, X: Any) -> tuple[list[int], bool]:
        """Positions of the columns in ``X``, and whether a single one was named without a list."""
        return positions_of(self.selector, X, labels_of(X), labels_first=True)

    def input(self, X: Any) -> Any:
        """What the first transformer gets: 2-D, or 1-D for a single name if it takes that."""
        at, scalar = self.positions(X)
        if not scalar:
            return self._plain(take_columns(X, at))
        flat = self._plain(take_columns(X, at, scalar=True))
        if not self.chain or sp.issparse(flat):
            return flat
        takes_frames = hasattr(self.chain[0], "feature_names_in_")
        return self._plain(take_columns(X, at)) if takes_frames or not self._takes_1d(flat) else flat

    def transform(self, X: Any) -> Any:
        """The block's columns of the result, 2-D ndarray or sparse."""
        value = self.input(X)
        for transformer in self.chain:
            value = transformer.transform(value)
        return as_blocks(value)

    def _takes_1d(self, flat: Any) -> bool:
        try:
            self.chain[0].transform(flat[:2])
        except ValueError:  # scikit-learn: "Expected 2D array, got 1D array instead"
            return False
        return True

    def _plain(self, value: Any) -> Any:
        """Values without names for a transformer that was fitted without names; it would warn otherwise."""
        wanted = self.options.get("input_df")
        if wanted is not None:
            return value if wanted or not hasattr(value, "to_numpy") else value.to_numpy()
        first = self.chain[0] if self.chain else None
        nameless = hasattr(first, "n_features_in_") and not hasattr(first, "feature_names_in_")
        return value.to_numpy() if nameless and hasattr(value, "to_numpy") else value


def is_pairs(transformations: Any) -> bool:
    """Whether this is the list form."""
    return isinstance(transformations, (list, tuple))


def read_pairs(transformations: Sequence[Any]) -> list[Block]:
    """Blocks of the list form.

    Raises
    ------
    InputError
        If an entry is no pair, has unknown options, or its transformer cannot transform or is not fitted.
    """
    if not transformations:
        raise InputError(f"`transformations` is an empty list. Expected {FORM}. Pass at least one pair.")
    return [_read_pair(i, pair) for i, pair in enumerate(transformations)]


def _read_pair(i: int, pair: Any) -> Block:
    if not isinstance(pair, tuple) or len(pair) not in (2, 3):
        raise InputError(
            f"`transformations[{i}]` is {_short(pair)}. Expected a pair, as in {FORM}. Write `(columns, transformer)`, "
            "or `(columns, transformer, options)` as in sklearn-pandas."
        )
    selector, given, options = pair if len(pair) == 3 else (*pair, None)
    if isinstance(selector, (tuple, np.ndarray, pd.Index)):
        selector = np.flatnonzero(selector).tolist() if _is_mask(selector) else list(selector)
    names = selector if isinstance(selector, list) else [selector]
    if not names or not all(isinstance(n, (str, int, np.integer)) for n in names):
        raise InputError(
            f"`transformations[{i}]` has the columns {_short(selector)}. Expected a name, a position or a list "
            f"of them. Write {FORM}."
        )
    chain = given if isinstance(given, (list, tuple)) else [given]
    chain = tuple(t for t in chain if t is not None and t != "passthrough")
    for transformer in chain:
        require_fitted(transformer, f"transformations[{i}]")
    return Block(selector, chain, _read_options(i, options))


def _read_options(i: int, options: Any) -> dict[str, Any]:
    if options is not None and not isinstance(options, Mapping):
        raise InputError(
            f"`transformations[{i}]` has the options {_short(options)}. Expected a dict with any of "
            f"{', '.join(OPTIONS)}. "
            "Write `(columns, transformer, {'alias': 'name'})`."
        )
    unknown = [key for key in options or {} if key not in OPTIONS]
    if unknown:
        raise InputError(
            f"`transformations[{i}]` has the options {', '.join(map(repr, unknown))}. Expected any of "
            f"{', '.join(OPTIONS)}, as in sklearn-pandas. Leave the others out."
        )
    return dict(options or {})


def _is_mask(selector: Any) -> bool:
    return isinstance(selector, np.ndarray) and selector.dtype.kind == "b"


def require_fitted(transformer: Any, where: str) -> None:
    """Refuse what cannot transform, or cannot yet."""
    if isinstance(transformer, type) or not callable(getattr(transformer, "transform", None)):
        raise InputError(
            f"`{where}` holds {_short(transformer)}, which has no `transform`. Expected a fitted ColumnTransformer, a "
            f"fitted DataFrameMapper or {FORM}. Pass the fitted transformers themselves."
        )
    kind = type(transformer)
    if kind.__name__ == "DataFrameMapper":
        fitted = hasattr(transformer, "built_features")
    elif kind.__module__.startswith("sklearn."):
        fitted = _is_fitted(transformer)
    else:  # others need not follow scikit-learn's convention for fitted attributes
        fitted = True
    if not fitted:
        raise InputError(
            f"`{where}` holds a {kind.__name__} that is not fitted. Expected transformers fitted on the training rows. "
            "Call its `fit` first, or take it from the fitted pipeline."
        )


def _is_fitted(transformer: Any) -> bool:
    try:
        check_is_fitted(transformer)
    except NotFittedError:
        return False
    return True


def side_by_side(blocks: Sequence[Any]) -> Any:
    """Blocks side by side: csr_matrix if any is sparse, else ndarray."""
    if not any(sp.issparse(b) for b in blocks):
        return np.hstack(blocks)
    return sp.csr_matrix(sp.hstack([_numeric(i, b) for i, b in enumerate(blocks)], format="csr"))


def _numeric(i: int, block: Any) -> Any:
    if sp.issparse(block):
        return block
    try:
        return sp.csr_matrix(block.astype(np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Block {i} of `transformations` holds {block.dtype} values and cannot stand beside a sparse block "
            f"({error}). Expected numbers. Encode its columns as numbers, or make the encoders dense."
        ) from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
