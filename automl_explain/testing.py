"""Contracts that parts of other packages can be checked against.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from sklearn.linear_model import LogisticRegression
>>> from automl_explain.testing import check_adapter
>>> X, y = load_iris(return_X_y=True, as_frame=True)
>>> check_adapter(LogisticRegression(max_iter=1000).fit(X, y), X, y)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._rows import take
from automl_explain._validation import listed, raw_names, raw_table
from automl_explain.adapters import adapter_for, as_array, explained_method
from automl_explain.adapters._self_check import checked_rows, difference
from automl_explain.exceptions import ContractError, UnsupportedModelError
from automl_explain.explainers._contract import check_explainer as check_explainer
from automl_explain.explanation._closeness import differing_rows
from automl_explain.feature_map import FeatureMap
from automl_explain.scoring._contract import wrong_scoring
from automl_explain.surrogates._contract import broken_clauses

_PARTS = ("task", "classes", "estimator", "featurizer", "transform", "predict_raw", "predict_engineered", "feature_map")
_MOST_SHUFFLED = 50  # raw columns, so that slow libraries are not asked for hours

_FEWEST_WORDS = 6  # of a refusal that says what is wrong and how to fix it


def check_surrogate(surrogate: type, *, tolerance: float = 1e-6, **arguments: Any) -> None:
    """Check that a surrogate class keeps the contract of `automl_explain.protocols.SurrogateModel`.

    Fits it to small tables: a regression, two classes and three; dense rows, sparse ones, rows with missing
    values and rows with categories. Each time shapes fit; values and expected values add up to the output;
    probabilities follow from it; raw values (folded and grouped) and their unmapped share add up too, and a
    raw column holds what it should; sparse rows are answered as dense ones; a single row as among
    others; a copy through pickle, one through its members and a second fit give the same bits; a scoring explainer
    of it gives its values before and after a file; nothing given is changed, and more is learnt than a constant.

    Parameters
    ----------
    surrogate : type
        The class.
    tolerance : float, default 1e-6
        Difference allowed where numbers must agree, relative to the spread of the output.
    **arguments
        Its arguments, best such that a fit is quick.

    Raises
    ------
    ContractError
        If a clause is broken; the message lists all that are.

    Examples
    --------
    >>> from automl_explain import LinearExplainableModel
    >>> check_surrogate(LinearExplainableModel)
    """
    broken = broken_clauses(surrogate, tolerance, arguments) or list(wrong_scoring(surrogate, arguments))
    if broken:
        clauses = "\n".join(f"- {clause}" for clause in broken)
        raise ContractError(f"{surrogate.__name__} does not keep the contract of a SurrogateModel:\n{clauses}")


def check_adapter(
    adapter_or_model: Any,
    X: Any,
    y: Any = None,
    *,
    model: Any = None,
    task: str | None = None,
    refused: Sequence[Any] = (),
) -> None:
    """Check that an adapter keeps the contract of `automl_explain.protocols.PipelineAdapter`.

    On up to 256 of the rows: names are unique and those of the columns; shapes fit; engineered rows do not
    depend on the other rows; the estimator predicts on engineered rows what the library predicts on raw
    ones; classes stand in the order of the probabilities, with the types of the labels; columns of the
    feature map sum to 1 or are unmapped, and a raw column moves no engineered column that the map denies it;
    nothing given is changed.

    Parameters
    ----------
    adapter_or_model : PipelineAdapter or fitted model
        The adapter of a model is found as the setup finds it.
    X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Raw rows, best with numbers, categories, dates and gaps.
    y : array-like of shape (n_rows,), optional
        Their targets; for classification best texts.
    model : object, optional
        The model behind an adapter, to compare predictions with; the model itself where one is given.
    task : {"classification", "regression"}, optional
        What a function does.
    refused : sequence of object, default ()
        Models that must be refused (an unfitted one), in words that say why.

    Raises
    ------
    ContractError
        If a clause is broken; the message lists all that are.
    """
    X = raw_table(X, "X")
    given_adapter = hasattr(adapter_or_model, "predict_raw") or hasattr(adapter_or_model, "feature_map")
    model = model if given_adapter else adapter_or_model
    adapter = adapter_or_model if given_adapter else adapter_for(adapter_or_model, task)
    lacking = [part for part in _PARTS if not hasattr(adapter, part)]
    if lacking:
        raise ContractError(f"{_of(adapter)} lacks {listed(lacking)}; a PipelineAdapter has all of {listed(_PARTS)}.")
    broken = [*_broken(adapter, X, y, model), *_not_refused(refused)]
    if broken:
        clauses = "\n".join(f"- {clause}" for clause in broken)
        raise ContractError(f"{_of(adapter)} does not keep the contract of a PipelineAdapter:\n{clauses}")


def _broken(adapter: Any, X: Any, y: Any, model: Any) -> Iterator[str]:
    if adapter.task not in ("classification", "regression"):
        yield f"`task` is {adapter.task!r}; expected 'classification' or 'regression'."
        return
    rows = take(X, checked_rows(X))
    kept, n_rows = rows.copy(), rows.shape[0]
    names = raw_names(None, [X]) or tuple(f"x{i}" for i in range(X.shape[1]))
    feature_map = adapter.feature_map(X, names)
    Z = _plain_rows(adapter.transform(rows))
    yield from _wrong_map(feature_map, names, Z, rows)
    if Z.shape[0] != n_rows:
        yield f"`transform` makes {Z.shape[0]} rows of {n_rows}; expected one for each."
        return
    yield from _wrong_rows(adapter, rows, Z)
    own = np.asarray(adapter.predict_raw(rows))
    if own.dtype.kind not in "fiu" or own.shape[:1] != (n_rows,) or not np.isfinite(own).all():
        yield f"`predict_raw` gives {own.dtype} of shape {own.shape}; expected finite numbers for {n_rows} rows."
        return
    yield from _wrong_output(adapter, rows, Z, own)
    if model is not None:
        yield from _wrong_answers(adapter, model, rows, own)
    if adapter.task == "classification":
        yield from _wrong_classes(adapter, model, rows, Z, own, y)
    elif adapter.classes is not None:
        yield f"`classes` is {adapter.classes!r} for a regression; expected None."
    if Z.shape[1] == feature_map.n_engineered:
        yield from _wrong_parents(adapter, feature_map, rows, Z)
    if _moved(_plain_rows(kept), _plain_rows(rows)).any():
        yield "The raw rows were changed; an adapter works on copies."


def _wrong_map(feature_map: FeatureMap, names: Sequence[Any], Z: Any, rows: Any) -> Iterator[str]:
    if tuple(feature_map.raw_names) != tuple(names):
        yield f"The map's raw names are {listed(feature_map.raw_names)}; expected those given: {listed(names)}."
    if feature_map.n_engineered != Z.shape[1]:
        yield f"The map has {feature_map.n_engineered} engineered features, `transform` makes {Z.shape[1]} columns."
    texts = [str(n) for n in feature_map.engineered_names]
    if len(set(texts)) < len(texts):
        twice = sorted({t for t in texts if texts.count(t) > 1})
        yield f"Engineered names are there twice: {listed(twice)}; expected each once."
    sums = np.asarray(feature_map.matrix.sum(axis=0)).ravel()
    off = np.flatnonzero((np.abs(sums - 1) > 1e-9) & (np.abs(sums) > 1e-9))
    if off.size or (feature_map.matrix.data < 0).any():
        yield (
            f"Weights of {listed([texts[j] for j in off])} sum to {listed(sums[off].round(6).tolist())}; expected "
            "weights >= 0 that sum to 1, or to 0 where no raw column is behind."
        )


def _wrong_rows(adapter: Any, rows: Any, Z: Any) -> Iterator[str]:
    """Engineered rows that change with the rows beside them."""
    half = np.arange(rows.shape[0])[::-2]
    for at, told in ((half, "every second row, backwards"), (np.array([0]), "a single row")):
        made = _plain_rows(adapter.transform(take(rows, at)))
        if made.shape != (len(at), Z.shape[1]):
            yield f"`transform` of {told} gives shape {made.shape}; expected {(len(at), Z.shape[1])}."
        elif _moved(take(Z, at), made).any():
            yield f"`transform` of {told} gives other values than among all rows; expected row by row."


def _wrong_output(adapter: Any, rows: Any, Z: Any, own: np.ndarray) -> Iterator[str]:
    decides = adapter.task == "classification" and not hasattr(adapter.estimator, "predict_proba")
    if adapter.task == "regression" and own.ndim != 1:
        yield f"`predict_raw` gives shape {own.shape} for a regression; expected ({len(own)},)."
    if adapter.task == "classification" and not decides:
        if own.ndim != 2 or own.shape[1] < 2:
            yield f"`predict_raw` gives shape {own.shape}; expected one column for each of the classes."
        elif own.min() < -1e-6 or own.max() > 1 + 1e-6 or np.abs(own.sum(axis=1) - 1).max() > 1e-3:
            yield "`predict_raw` of a classifier gives no probabilities: they lie in [0, 1] and sum to 1."
    apart = difference(own, np.asarray(adapter.predict_engineered(adapter.transform(rows))))
    if apart is not None:
        yield f"`predict_engineered(transform(X))` is not `predict_raw(X)`: {apart}."
    apart = difference(own[[0]], np.asarray(adapter.predict_raw(take(rows, np.array([0])))))
    if apart is not None:
        yield f"`predict_raw` of a single row differs from the same row among others: {apart}."


def _wrong_answers(adapter: Any, model: Any, rows: Any, own: np.ndarray) -> Iterator[str]:
    """Soft output that is not what the library itself says."""
    soft = explained_method(model, adapter.task)
    if not hasattr(model, soft):
        return
    theirs = as_array(getattr(model, soft)(rows))
    if theirs.dtype.kind not in "fiub":
        return
    apart = difference(own, theirs.astype(np.float64))
    if apart is not None:
        yield f"`predict_raw` is not the model's own `{soft}`: {apart}."


def _wrong_classes(adapter: Any, model: Any, rows: Any, Z: Any, own: np.ndarray, y: Any) -> Iterator[str]:
    classes = adapter.classes
    if classes is None:
        return
    n_outputs = 2 if own.ndim == 1 else own.shape[-1]
    if len(classes) != n_outputs:
        yield f"`classes` has {len(classes)} labels for {n_outputs} outputs."
        return
    known = np.asarray(getattr(adapter.estimator, "classes_", classes), dtype=object).tolist()
    if [str(c) for c in known] != [str(c) for c in classes]:
        yield f"`estimator.classes_` is {known}, `classes` is {list(classes)}; expected the same labels in one order."
    for told, labels in (("`y`", y), *_own_labels(adapter, model, rows)):
        found = [] if labels is None else pd.unique(pd.Series(as_array(labels).tolist()).dropna()).tolist()
        unknown = [c for c in found if not any(c == k and isinstance(c, str) == isinstance(k, str) for k in classes)]
        if unknown:
            yield f"{told} holds {listed(unknown)}, `classes` is {list(classes)}; expected the original labels."
        elif labels is not None and told != "`y`":
            yield from _wrong_order(told, as_array(labels), classes, own)


def _own_labels(adapter: Any, model: Any, rows: Any) -> Iterator[tuple[str, Any]]:
    if model is not None and hasattr(model, "predict"):
        yield "`model.predict`", model.predict(rows)
    if hasattr(adapter.estimator, "predict"):
        yield "`estimator.predict`", adapter.estimator.predict(adapter.transform(rows))


def _wrong_order(told: str, labels: np.ndarray, classes: Sequence[Any], own: np.ndarray) -> Iterator[str]:
    """Where a label is predicted its score must be higher than elsewhere, whatever the threshold is."""
    scores = np.column_stack([-own, own]) if own.ndim == 1 else own
    for k, label in enumerate(classes):
        chosen = np.array([given == label for given in labels.tolist()])
        if 0 < chosen.sum() < len(chosen) and scores[chosen, k].mean() <= scores[~chosen, k].mean():
            yield f"Where {told} is {label!r}, column {k} is no higher than elsewhere; `classes` is in another order."
            return


def _wrong_parents(adapter: Any, feature_map: FeatureMap, rows: Any, Z: Any) -> Iterator[str]:
    """Engineered columns that move with a raw column which the map says they do not depend on."""
    order = np.random.default_rng(0).permutation(rows.shape[0])
    allowed = feature_map.support.toarray().astype(bool) if feature_map.n_engineered < 10_000 else None
    if allowed is None:
        return
    mapped = np.ones(feature_map.n_engineered, dtype=bool)
    mapped[list(feature_map.unmapped)] = False
    for i in range(min(rows.shape[1], _MOST_SHUFFLED)):
        moved = _moved(Z, _plain_rows(adapter.transform(_shuffled(rows, i, order))))
        wrong = np.flatnonzero(moved & mapped & ~allowed[i])
        if wrong.size:
            names = [feature_map.engineered_names[j] for j in wrong]
            yield (
                f"Raw column {feature_map.raw_names[i]!r} moves {listed(names)}, but the map gives it no share; "
                "expected a support that holds every dependence."
            )


def _not_refused(refused: Sequence[Any]) -> Iterator[str]:
    for wrong in refused:
        name = wrong.__name__ if isinstance(wrong, type) else type(wrong).__name__
        try:
            adapter_for(wrong)
        except UnsupportedModelError as error:
            if len(str(error).split()) < _FEWEST_WORDS:
                yield f"The refusal of {name} is {str(error)!r}; expected what is wrong and how to fix it."
        except Exception as error:  # whatever else it raises is no refusal
            yield f"{name} raises {type(error).__name__}; expected UnsupportedModelError, which says why."
        else:
            yield f"{name} is taken; expected UnsupportedModelError, which says why it cannot be explained."


def _shuffled(rows: Any, i: int, order: np.ndarray) -> Any:
    if isinstance(rows, pd.DataFrame):
        changed = rows.copy()
        changed.isetitem(i, rows.iloc[order, i].set_axis(rows.index))
        return changed
    changed = sp.lil_matrix(rows) if sp.issparse(rows) else rows.copy()
    changed[:, [i]] = rows[order][:, [i]]
    return sp.csr_matrix(changed) if sp.issparse(rows) else changed


def _plain_rows(rows: Any) -> Any:
    if hasattr(rows, "to_pandas") and not isinstance(rows, pd.DataFrame):
        return rows.to_pandas()
    return sp.csr_matrix(rows) if sp.issparse(rows) else rows if isinstance(rows, pd.DataFrame) else np.asarray(rows)


def _moved(before: Any, after: Any) -> np.ndarray:
    """Which columns differ by more than rounding, shape (n_columns,)."""
    if before.shape != after.shape:
        return np.ones(before.shape[1], dtype=bool)
    if sp.issparse(before):
        sizes = np.asarray(abs(before).max(axis=0).todense()).ravel()
        return np.asarray(np.asarray(abs(before - after).max(axis=0).todense()).ravel() > 1e-9 * sizes)
    column: Callable[[Any, int], pd.Series] = (
        (lambda rows, j: rows.iloc[:, j])
        if isinstance(before, pd.DataFrame)
        else (lambda rows, j: pd.Series(rows[:, j]))
    )
    return np.array([_differ(column(before, j), column(after, j)) for j in range(before.shape[1])], dtype=bool)


def _differ(one: pd.Series, other: pd.Series) -> bool:
    if pd.api.types.is_float_dtype(one.dtype) and pd.api.types.is_float_dtype(other.dtype):
        first, second = (c.to_numpy(dtype=np.float64, na_value=np.nan) for c in (one, other))
        return bool(differing_rows(second, first, relative=1e-9, of_typical=1e-9).any())
    pairs = zip(one.astype(object), other.astype(object), strict=True)
    return not all(a is b or (_missing(a) and _missing(b)) or bool(np.all(a == b)) for a, b in pairs)


def _missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell)


def _of(adapter: Any) -> str:
    return type(adapter).__name__
