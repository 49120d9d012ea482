"""What every explainer of rows keeps, checked on rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._rows import dense, take
from automl_explain._validation import as_table, listed
from automl_explain.exceptions import AutoMLExplainError, ContractError, MissingEvalDataError
from automl_explain.explainers.direct._sums import magnitudes, why_outputs_differ
from automl_explain.explanation import Explanation
from automl_explain.explanation._closeness import differing_rows

_ROWS = 12  # some explainers ask the model thousands of times for each


def check_explainer(explainer: Any, X: Any, *, tolerance: float = 1e-6, adds_up: bool = True) -> None:
    """Check that an explainer keeps the contract of `automl_explain.protocols.Explainer`.

    On up to 12 of the rows: one explanation per row, with names, classes and predictions of these rows;
    values of a row do not depend on the other rows and not on earlier calls; two classes have mirrored
    values; values, expected value and unmapped share add up to what the model predicts, through the
    link; global values are the mean magnitudes, with and without local values and in pieces; those without rows are
    the same when asked again, or refused in words; an explanation survives a file; rows of another width are
    refused in words; nothing given is changed.

    Parameters
    ----------
    explainer : Explainer
    X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_features)
        Rows like those it was made with; best with several values in each column.
    tolerance : float, default 1e-6
        Of values, in relation to what is added up for their row: magnitudes of contributions and expected value.
    adds_up : bool, default True
        Whether sums are the model's predictions; not so for surrogates, and for methods that fit a local model.

    Raises
    ------
    ContractError
        If a clause is broken; the message lists all that are.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from automl_explain import LinearExplainer
    >>> from automl_explain.testing import check_explainer
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> check_explainer(LinearExplainer(Ridge().fit(X, y), X), X)
    """
    lacking = [
        part for part in ("explain_local", "explain_global", "features", "classes") if not hasattr(explainer, part)
    ]
    name = type(explainer).__name__
    if lacking:
        raise ContractError(f"{name} lacks {listed(lacking)}; an Explainer has all of them.")
    broken = list(_broken(explainer, as_table(X, "X"), tolerance, adds_up))
    if broken:
        clauses = "\n".join(f"- {clause}" for clause in broken)
        raise ContractError(f"{name} does not keep the contract of an Explainer:\n{clauses}")


def _broken(explainer: Any, X: Any, tolerance: float, adds_up: bool) -> Iterator[str]:
    rows = take(X, slice(0, _ROWS))
    kept, n_rows = rows.copy(), rows.shape[0]
    found = explainer.explain_local(rows)
    if not isinstance(found, Explanation):
        yield f"`explain_local` gives a {type(found).__name__}; expected an Explanation."
        return
    if len(found) != n_rows:
        yield f"`explain_local` explains {len(found)} rows of {n_rows}."
        return
    values, close = dense(found.values), tolerance * _sizes(found).T[..., None]
    yield from _wrong_names(explainer, found, values)
    yield from _wrong_rows(explainer, rows, values, found, close)
    if adds_up:
        yield from _wrong_sums(found)
    yield from _wrong_globals(explainer, rows, values, close)
    yield from _wrong_without_rows(explainer, values)
    yield from _wrong_streams(explainer, rows, values, close)
    yield from _wrong_files(found)
    yield from _not_refused(explainer, rows)
    if not _same(kept, rows):
        yield "The rows were changed; an explainer works on copies."


def _wrong_names(explainer: Any, found: Explanation, values: np.ndarray) -> Iterator[str]:
    if list(found.features) != list(explainer.features):
        yield f"`features` is {listed(explainer.features)}, the explanation's are {listed(found.features)}."
    if explainer.classes is not None and list(found.classes or ()) != list(explainer.classes):
        yield f"`classes` is {explainer.classes}, the explanation's are {found.classes}."
    if not np.isfinite(values).all():
        yield "Some values are missing or infinite."
    if found.classes is not None and len(found.classes) == 2:
        both = dense(found.local_importance_values)
        if both.shape[0] != 2 or not np.array_equal(both[0], -both[1]):
            yield f"Values of two classes have shape {both.shape}; expected (2, n_rows, n_features), mirrored."


def _wrong_rows(explainer: Any, rows: Any, values: np.ndarray, found: Explanation, close: np.ndarray) -> Iterator[str]:
    """Values that change with the rows beside them, or with what was explained before."""
    for at, told in ((np.arange(len(found))[::-2], "every second row, backwards"), (np.array([0]), "a single row")):
        again = explainer.explain_local(take(rows, at))
        if len(again) != len(at):
            yield f"`explain_local` of {told} explains {len(again)} rows of {len(at)}."
            continue
        apart = np.abs(dense(again.values) - values[:, at])
        if (apart > close[:, at]).any():
            yield f"`explain_local` of {told} gives values up to {apart.max():.3g} from those among all rows."
        theirs, own = np.asarray(again.eval_y_predicted), np.asarray(found.eval_y_predicted)[at]
        if found.eval_y_predicted is not None and not _close(theirs, own):
            yield f"`eval_y_predicted` of {told} are not the predictions of these rows."


def _wrong_sums(found: Explanation) -> Iterator[str]:
    truth = found.eval_y_predicted_proba
    if found.task == "regression":
        truth = found.eval_y_predicted
    if truth is None:
        return
    truth = np.asarray(truth, dtype=np.float64)
    wrong = why_outputs_differ(found.output, truth, found.link, lambda at: _sizes(found)[at])
    if wrong:
        yield f"Values and expected value are not the model's prediction: {wrong}."


def _wrong_globals(explainer: Any, rows: Any, values: np.ndarray, close: np.ndarray) -> Iterator[str]:
    expected, close = np.abs(values).mean(axis=1), close.mean(axis=1)
    for include_local in (True, False):
        whole = explainer.explain_global(rows, include_local=include_local)
        apart = np.abs(np.asarray(whole.global_values) - expected)
        if (apart > close).any():
            far = float(apart.max())
            yield f"`explain_global(include_local={include_local})` is up to {far:.3g} from the mean magnitudes."
        if (whole.values is None) == include_local:
            yield f"`explain_global(include_local={include_local})` does not keep to it."


def _wrong_without_rows(explainer: Any, values: np.ndarray) -> Iterator[str]:
    """Global values of the init rows, or a refusal in words where there are none."""
    try:
        whole = explainer.explain_global()
    except MissingEvalDataError:
        return
    except Exception as error:  # whatever a library below raises
        yield f"`explain_global()` without rows raises {type(error).__name__} ({error})."
        return
    found, again = np.asarray(whole.global_values), np.asarray(explainer.explain_global().global_values)
    if found.shape != (values.shape[0], values.shape[2]) or not np.isfinite(found).all():
        yield f"`explain_global()` without rows gives shape {found.shape}, or missing values."
    elif not np.array_equal(found, again):
        yield "`explain_global()` without rows gives other values when it is asked again."


def _wrong_streams(explainer: Any, rows: Any, values: np.ndarray, close: np.ndarray) -> Iterator[str]:
    """Rows in two pieces, where the explainer takes them so."""
    if not hasattr(explainer, "explain_global_stream"):
        return
    half = values.shape[1] // 2
    pieces = [take(rows, slice(0, half)), take(rows, slice(half, None))]
    found = explainer.explain_global_stream(pieces).explanation
    apart = np.abs(np.asarray(found.global_values) - np.abs(values).mean(axis=1))
    if (apart > close.mean(axis=1)).any() or found.n_explained_rows != values.shape[1]:
        yield f"`explain_global_stream` is up to {float(apart.max()):.3g} from the mean magnitudes of its rows."


def _wrong_files(found: Explanation) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found.save(folder, exist_ok=True)
            read = Explanation.load(folder)
        except Exception as error:  # whatever a foreign part raises
            yield f"its explanation cannot be saved and read: {type(error).__name__} ({error})."
            return
    if read.to_members() != found.to_members():
        yield "its explanation is another one after a file."


def _not_refused(explainer: Any, rows: Any) -> Iterator[str]:
    wide = sp.hstack([rows, rows]).tocsr() if sp.issparse(rows) else np.hstack([np.asarray(rows), np.asarray(rows)])
    try:
        explainer.explain_local(wide)
    except AutoMLExplainError:
        return
    except Exception as error:  # whatever a library below raises
        yield f"Rows of twice the width raise {type(error).__name__} ({error}); expected an AutoMLExplainError."
        return
    yield "Rows of twice the width are explained; expected an error that says so."


def _sizes(found: Explanation) -> np.ndarray:
    """What is added up for each row and output, (n_rows, n_outputs)."""
    sizes = magnitudes(found.values, found.base)
    return sizes if found.unmapped is None else sizes + np.abs(found.unmapped).T


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind == "f":  # batches of another size add up in another order, in float32 for some models
        return not differing_rows(one, other, relative=1e-5, of_typical=1e-6).any()
    return bool((one == other).all())


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, pd.DataFrame):
        return bool(one.equals(other))
    if sp.issparse(one):
        return bool((one != other).nnz == 0)
    return bool(pd.DataFrame(one).equals(pd.DataFrame(other)))
