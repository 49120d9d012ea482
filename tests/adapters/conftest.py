"""What the checks of the adapters share: a mixed table, and truth found by changing one raw column at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from automl_explain.explainer_setup import AutoMLExplainerSetup


def _mixed(n_rows: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n_rows),
            "visits": rng.integers(0, 9, n_rows),
            "city": rng.choice(np.array(["Oslo", "Rome", "Lima"], dtype=object), n_rows),
            "grade": pd.Categorical(rng.choice(["lo", "mid", "hi"], n_rows), ["lo", "mid", "hi"], ordered=True),
            "kind": pd.Categorical(rng.choice(["p", "q"], n_rows)),
            "member": rng.random(n_rows) < 0.4,
            "signup": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90_000_000, n_rows), unit="s"),
            "constant": 1.0,
            "id": [f"u{i}" for i in range(n_rows)],
        }
    )
    X.loc[::7, "age"] = np.nan
    X.loc[::9, "city"] = None
    X.loc[::11, "signup"] = pd.NaT
    # Neither sorted nor a range nor unique: what works by index label goes wrong here.
    X.index = pd.Index(rng.integers(0, n_rows // 2, n_rows))
    return X


def _score(X: pd.DataFrame, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 3, len(X))
    late = X["signup"].dt.year.fillna(2020).to_numpy() - 2020
    age = X["age"].fillna(30).to_numpy()
    return age + 6.0 * (X["city"] == "Rome").to_numpy() + 4.0 * late + 5.0 * X["member"].to_numpy() - 45 + noise


@pytest.fixture(scope="session")
def mixed() -> pd.DataFrame:
    """Numbers, text, categories, booleans and dates, with gaps, a constant and an id; index repeats."""
    return _mixed()


@pytest.fixture(scope="session")
def score(mixed: pd.DataFrame) -> np.ndarray:
    """Number for each row of `mixed` that depends on age, city, member and signup."""
    return _score(mixed)


def _changed(before: Any, after: Any) -> np.ndarray:
    """Which columns of a table differ, shape (n_columns,)."""
    if sp.issparse(before):
        return np.asarray(abs(before - after).max(axis=0).todense()).ravel() > 0
    if isinstance(before, pd.DataFrame):
        columns = [(before.iloc[:, j], after.iloc[:, j]) for j in range(before.shape[1])]
    else:
        columns = [(pd.Series(before[:, j]), pd.Series(after[:, j])) for j in range(before.shape[1])]
    result = []
    for left, right in columns:
        left, right = left.astype(object).to_numpy(), right.astype(object).to_numpy()
        same = np.array([a is b or bool(a == b) for a, b in zip(left, right, strict=True)])
        result.append(not (same | (pd.isna(left) & pd.isna(right))).all())
    return np.array(result)


def _moved(transform: Callable[[Any], Any], X: Any, seed: int = 0) -> np.ndarray:
    before = transform(X)
    rng = np.random.default_rng(seed)
    result = np.zeros((X.shape[1], before.shape[1]), dtype=bool)
    for i in range(X.shape[1]):
        order = rng.permutation(X.shape[0])
        if isinstance(X, pd.DataFrame):
            changed = X.copy()
            changed.isetitem(i, X.iloc[order, i].set_axis(X.index))
        else:
            changed = sp.lil_matrix(X) if sp.issparse(X) else X.copy()
            changed[:, [i]] = X[order][:, [i]]
            changed = sp.csr_matrix(changed) if sp.issparse(X) else changed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result[i] = _changed(before, transform(changed))
    return result


@pytest.fixture(scope="session")
def moved() -> Callable[..., np.ndarray]:
    """Which engineered columns move when the cells of one raw column are shuffled, shape (n_raw, n_engineered)."""
    return _moved


def _copied(rows: Any) -> Any:
    return rows.copy(deep=True) if isinstance(rows, pd.DataFrame) else rows.copy()


def _unchanged(rows: Any, before: Any) -> bool:
    if isinstance(rows, pd.DataFrame):
        pd.testing.assert_frame_equal(rows, before)
        return True
    if sp.issparse(rows):
        return type(rows) is type(before) and rows.dtype == before.dtype and abs(rows - before).nnz == 0
    return rows.dtype == before.dtype and bool(np.array_equal(rows, before, equal_nan=rows.dtype != object))


@pytest.fixture(scope="session")
def keep() -> Callable[[Any], Callable[[], bool]]:
    """Copy of a table; calling what comes back says whether the table is still as it was."""

    def kept(rows: Any) -> Callable[[], bool]:
        before = _copied(rows)
        return lambda: _unchanged(rows, before)

    return kept


def _check(setup: AutoMLExplainerSetup, model: Any, *, rtol: float = 1e-9) -> None:
    Z, raw, estimator = setup.X_test_transform, setup.X_test_raw, setup.automl_estimator
    names = setup.engineered_feature_names
    assert Z.shape == (raw.shape[0], setup.feature_map.n_engineered)
    assert len(names) == len(set(map(str, names))) == Z.shape[1]
    assert setup.feature_map.engineered_names == tuple(names)
    assert setup.feature_map.raw_names == tuple(setup.raw_feature_names)
    sums = np.asarray(setup.feature_map).sum(axis=0)
    np.testing.assert_allclose(sums[sums > 0], 1.0, rtol=1e-12)
    if setup.task == "regression":
        assert setup.classes is None
        # Regressors of scikit-learn may sum their trees in another order from call to call.
        np.testing.assert_allclose(estimator.predict(Z), model.predict(raw), rtol=rtol)
        return
    own = model.predict(raw)
    labels = estimator.predict(Z)
    np.testing.assert_array_equal(labels, own)
    assert {type(label) for label in labels.tolist()} == {type(label) for label in own.tolist()}
    proba = model.predict_proba(raw)
    np.testing.assert_allclose(estimator.predict_proba(Z), proba, rtol=rtol, atol=1e-12)
    # The largest probability stands in the column of the label that is predicted.
    assert [setup.classes[k] for k in proba.argmax(axis=1)] == own.tolist()
    assert setup.classes == np.asarray(estimator.classes_).tolist()
    assert {type(c) for c in setup.classes} == {type(label) for label in own.tolist()}


@pytest.fixture(scope="session")
def check() -> Callable[..., None]:
    """Names, map and classes fit together, and the estimator on engineered rows predicts what the model does."""
    return _check
