"""LimeSource: a linear model around every row, fitted by the lime package."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import StandardScaler

from automl_explain._validation import check_raw_method, listed
from automl_explain.exceptions import DataError, MissingExtraError
from automl_explain.explanation._values import fold
from automl_explain.feature_map import FeatureMap


@dataclasses.dataclass(frozen=True)
class LimeFits:
    """Local models of some rows; a `ValueSource` of these rows alone.

    Parameters
    ----------
    values : ndarray of shape (n_outputs, n_rows, n_features), or tuple of csr_matrix
        Weight of every feature times its scaled value.
    intercepts, r2 : ndarray of shape (n_outputs, n_rows)
        Of the local models.
    """

    values: Any
    intercepts: np.ndarray
    r2: np.ndarray

    def shapley_values(self, X: Any) -> Any:
        """The values, whatever the rows."""
        return self.values

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """The values folded to raw columns, and the share without a raw parent."""
        check_raw_method(raw_method)
        return fold(self.values, feature_map)


class LimeSource:
    """Local linear models; a `ValueSource` whose outputs are what these models predict.

    Parameters
    ----------
    call : callable
        Encoded rows -> outputs of shape (n_rows, n_outputs).
    init : ndarray or csr_matrix of shape (n_init, n_features)
        Encoded init rows; LIME takes means, spreads and frequencies from them.
    categorical : sequence of int
        Positions of columns that are codes; -1 is the code of missing values.
    n_samples, n_features : int; n_features may be None for all
    seed : int
        The same for every row, so that values do not depend on other rows.
    names : sequence of str or int
    model : object, optional
    verbose : bool, default False
    """

    method = "lime"

    def __init__(
        self,
        call: Callable[[Any], np.ndarray],
        init: Any,
        categorical: Sequence[int],
        *,
        n_samples: int,
        n_features: int | None,
        seed: int,
        names: Sequence[str | int],
        model: Any = None,
        verbose: bool = False,
    ) -> None:
        try:
            from lime.lime_tabular import LimeTabularExplainer
        except ImportError as error:
            raise MissingExtraError(
                f"LIMEExplainer needs the lime package, which is not here ({error}): pip install automl-explain[lime]."
            ) from error
        self.call, self.names, self.model = call, names, model
        self.n_samples, self.n_chosen, self.seed = n_samples, n_features, seed
        self._categorical = list(categorical)
        # LIME multiplies sparse values by the spread of their column, where it divides dense ones by it: columns of
        # spread 1 get the same from both.
        self._spread = StandardScaler(with_mean=False).fit(init).scale_ if sp.issparse(init) else None
        coded = self._coded(init)
        self._lime = LimeTabularExplainer(
            coded,
            mode="regression",  # every output by itself: LIME's way with classes has no place for one output of two
            categorical_features=self._categorical,
            feature_selection="none" if n_features is None else "auto",
            discretize_continuous=False,
            verbose=verbose,
            random_state=seed,
        )
        self.expected_values = np.asarray(call(init).mean(axis=0))
        self.expected_values.flags.writeable = False
        self.n_features, self.n_outputs = init.shape[1], len(self.expected_values)

    @staticmethod
    def explainable_model_type() -> str:
        """``"lime"``."""
        return "lime"

    def predict_output(self, X: Any) -> np.ndarray:
        """What the local models predict of their rows, (n_rows, n_outputs)."""
        fits = self.fits(X)
        sums = [np.asarray(v.sum(axis=-1)).ravel() for v in fits.values]
        return np.asarray((np.array(sums) + fits.intercepts).T)

    def shapley_values(self, X: Any) -> Any:
        """Contributions in the local models; no Shapley values, in spite of the name of the contract."""
        return self.fits(X).values

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of raw columns, sums of their features in both methods."""
        return self.fits(X).raw_values(X, feature_map, raw_method)

    def fits(self, X: Any, over: Callable[[range], Iterable[int]] = iter) -> LimeFits:
        """Local models of encoded rows.

        Raises
        ------
        DataError
            If a value is missing: LIME cannot place a row without it.
        """
        cells = self._coded(X)
        self._refuse_missing(cells)
        found = [self._fit(cells[i]) for i in over(range(cells.shape[0]))]
        n_outputs = len(self.expected_values)
        intercepts = np.array([f[1] for f in found]).reshape(-1, n_outputs).T
        r2 = np.array([f[2] for f in found]).reshape(-1, n_outputs).T
        if sp.issparse(cells):
            stacked = [sp.csr_matrix(sp.vstack([f[0][k] for f in found])) for k in range(n_outputs)]
            return LimeFits(tuple(stacked), intercepts, r2)
        values = np.array([f[0] for f in found]).reshape(-1, n_outputs, cells.shape[1]).transpose(1, 0, 2)
        return LimeFits(np.ascontiguousarray(values), intercepts, r2)

    def _fit(self, row: Any) -> tuple[Any, list[float], list[float]]:
        """Values, intercepts and R2 of one row, of every output."""
        shared = self._lime
        local = copy.copy(shared)  # LIME draws from its own generator; every row, and every thread, gets a new one
        local.random_state = np.random.RandomState(self.seed)
        local.base = _EveryOutput(shared.base, local.random_state, self._outputs)
        local.explain_instance(row, local.base.predict, num_features=self.n_chosen, num_samples=self.n_samples)
        scaled, results = local.base.scaled, local.base.results
        values = [self._values(scaled, weights) for _, weights, _, _ in results]
        return values, [float(r[0]) for r in results], [float(r[2]) for r in results]

    def _values(self, scaled: Any, weights: list[tuple[int, float]]) -> Any:
        """Weight times scaled value of every feature that the local model reads."""
        at = np.array([j for j, _ in weights], dtype=int)
        by = np.zeros(scaled.shape[-1])
        by[at] = [w for _, w in weights]
        return sp.csr_matrix(scaled.multiply(by)) if sp.issparse(scaled) else by * scaled

    def _outputs(self, coded: Any) -> np.ndarray:
        if self._spread is not None:
            return self.call(sp.csr_matrix(coded @ sp.diags(self._spread)))
        if not self._categorical:
            return self.call(coded)
        encoded = coded.astype(np.float64)
        part = encoded[:, self._categorical]
        encoded[:, self._categorical] = np.where(part < 0, np.nan, part)
        return self.call(encoded)

    def _coded(self, encoded: Any) -> Any:
        if self._spread is not None:
            return sp.csr_matrix(encoded @ sp.diags(1.0 / self._spread))
        if not self._categorical:
            return encoded
        coded = encoded.copy()
        coded[:, self._categorical] = np.nan_to_num(coded[:, self._categorical], nan=-1.0)
        return coded

    def _refuse_missing(self, cells: Any) -> None:
        wrong = ~np.isfinite(cells.data if sp.issparse(cells) else cells)
        if wrong.any():
            columns = np.unique(cells.indices[wrong]) if sp.issparse(cells) else np.flatnonzero(wrong.any(axis=0))
            names = listed([self.names[int(j)] for j in columns])
            raise DataError(
                f"LIME cannot explain rows with missing or infinite values (columns {names}). Impute them first, or "
                "use KernelExplainer or MimicExplainer, which can."
            )


class _EveryOutput:
    """Stands where LIME fits one output, and fits all of them to the same neighbours."""

    def __init__(self, base: Any, random_state: Any, outputs: Callable[[Any], np.ndarray]) -> None:
        self._base, self._outputs = copy.copy(base), outputs
        self._base.random_state = random_state
        self._found: Any = None
        self.scaled: Any = None
        self.results: list[Any] = []

    def predict(self, rows: Any) -> np.ndarray:
        """First output of LIME's neighbours; all are kept."""
        self._found = self._outputs(rows)
        return np.asarray(self._found[:, 0])

    def explain_instance_with_data(
        self, neighbours: Any, labels: Any, distances: Any, label: int, *a: Any, **k: Any
    ) -> Any:
        """LIME's own fit, once for each output."""
        self.scaled = neighbours[0]
        outputs = range(self._found.shape[1])
        fit = self._base.explain_instance_with_data
        self.results = [fit(neighbours, self._found, distances, each, *a, **k) for each in outputs]
        return self.results[0]
