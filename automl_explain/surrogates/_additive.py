"""AdditiveSurrogate: what surrogates share whose output is a sum of one term for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from automl_explain._files._archive import finite, flat, from_npy
from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._tables._csr import Csr
from automl_explain._validation import check_raw_method, sound_sparse
from automl_explain.exceptions import DataError, InputError
from automl_explain.feature_map import MAX_DENSE_RAW_COLUMNS, FeatureMap
from automl_explain.surrogates._base import Surrogate, check_training, score
from automl_explain.surrogates._design import DESIGN_ARRAYS, Design

# Columns of sparse training rows from which on values stay sparse: 5,000 rows of them are 200 MB as dense values.
MAX_DENSE_COLUMNS = 5000
_FEW_ROWS = 8  # up to which terms are added up row by row, which takes less than importing SciPy


class AdditiveSurrogate(Surrogate):
    """Linear in standardised columns; a subclass finds the weights in ``_learn``.

    The Shapley value of column j with the features independent is what its term differs from its mean
    over the training rows: ``weight * (x - mean)`` for a number. Then the expected values are the mean
    output, and values of sparse rows are dense, for a value at 0 differs from the mean too. Sparse training
    rows of more than 5,000 columns are compared with 0 instead, in columns that are mostly 0, and
    their values are sparse.
    """

    coef_: np.ndarray
    intercept_: np.ndarray

    def __init__(self, *, random_state: int = 0) -> None:
        if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)) or random_state < 0:
            raise InputError(f"`random_state` is {random_state!r}; expected a whole number of at least 0.")
        self.random_state = int(random_state)

    @staticmethod
    def explainable_model_type() -> str:
        """``"linear"``: the kind of scoring explainer that fits."""
        return "linear"

    def fit(
        self,
        X: Any,
        targets: np.ndarray,
        *,
        task: str = "regression",
        stopping: tuple[Any, np.ndarray] | None = None,
        categories: Mapping[int, Sequence[Any]] | None = None,
        **_: Any,
    ) -> Any:
        """Learn soft targets.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64
            Encoded engineered rows; NaN is missing. Sparse rows are never made dense.
        targets : ndarray of shape (n_rows, n_outputs)
            Target values, or for ``task="classification"`` probabilities strictly between 0 and 1:
            of the second class (n_outputs = 1), or of each class.
        task : {"regression", "classification"}, default "regression"
        stopping : tuple of rows and targets, optional
            Rows that choose how much to shrink or how long to learn; a seeded fifth of the training
            rows where left out.
        categories : mapping of int to sequence, optional
            Categories of the categorical columns, whose values are their codes.

        Returns
        -------
        Surrogate
            Itself.
        """
        check_training(X, targets, task, categories)
        X = sp.csr_matrix(X) if is_sparse(X) else X
        self.design_ = Design.of(X, categories)
        if stopping is None:
            order = np.random.default_rng(self.random_state).permutation(X.shape[0])
            held, kept = np.sort(order[: max(1, X.shape[0] // 5)]), np.sort(order[max(1, X.shape[0] // 5) :])
            train, judge = (X[kept], targets[kept]), (X[held], targets[held])
        else:
            train, judge = (X, targets), stopping
        weights, self.intercept_ = self._learn(train, judge, task)
        self.coef_ = np.ascontiguousarray(weights)  # BLAS adds in another order where the layout is another
        self._base = self._baseline(X)
        self.task_ = task
        self.stopping_score_ = score(judge[1], self.predict_output(judge[0]), task)
        return self

    def _learn(
        self, train: tuple[Any, np.ndarray], judge: tuple[Any, np.ndarray], task: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights (n_design, n_outputs) and intercepts (n_outputs,), from rows and targets to learn and to judge."""
        raise NotImplementedError

    def _baseline(self, X: Any) -> np.ndarray:
        """Design row that contributions are measured from."""
        total, stored = np.zeros(self.design_.n_design), np.zeros(self.design_.n_design)
        for _, rows in self.design_.blocks(X):
            total += np.asarray(rows.sum(axis=0)).ravel()
            if is_sparse(rows):
                stored += np.bincount(rows.indices, minlength=self.design_.n_design)
        mean: np.ndarray = total / X.shape[0]
        if is_sparse(X) and X.shape[1] > MAX_DENSE_COLUMNS:
            mean[2 * stored <= X.shape[0]] = 0.0
        return mean

    @property
    def keeps_sparse(self) -> bool:
        """Whether values of sparse rows are sparse: the training rows were, with more than 5,000 columns."""
        self._check_fitted()
        return self.design_.n_features > MAX_DENSE_COLUMNS and int(np.count_nonzero(self._base)) < len(self._base) / 2

    @property
    def n_features(self) -> int:
        """Columns of the rows."""
        self._check_fitted()
        return self.design_.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        self._check_fitted()
        return len(self.intercept_)

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,)."""
        self._check_fitted()
        found: np.ndarray = self._base @ self.coef_ + self.intercept_
        return found

    def predict_output(self, X: Any) -> np.ndarray:
        """Margins of shape (n_rows, n_outputs): target, or log-odds."""
        if not hasattr(self, "coef_"):
            self._check_fitted()
        self._check_width(X)
        result = np.empty((X.shape[0], len(self.intercept_)))
        for part, rows in self.design_.blocks(X):
            result[part] = rows @ self.coef_ + self.intercept_
        return result

    def shapley_values(self, X: Any) -> np.ndarray | tuple[sp.csr_matrix, ...]:
        """Contributions of every column to every output.

        Returns
        -------
        ndarray of shape (n_outputs, n_rows, n_features), or tuple of n_outputs csr_matrix
            In the unit of the margins; sparse where the rows are and `keeps_sparse` holds.
        """
        self._check_fitted()
        values: np.ndarray | tuple[sp.csr_matrix, ...] = self._values(X, self.design_.sums(), wide=True)
        return values

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent.

        Terms of one raw column add up whether they are players or not, so both methods give the same.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64
            Encoded engineered rows.
        feature_map : FeatureMap
            Raw x engineered.
        raw_method : {"folded", "grouped"}, default "folded"

        Returns
        -------
        values : ndarray of shape (n_outputs, n_rows, n_raw), or tuple of n_outputs csr_matrix
            Sparse where the rows are, `keeps_sparse` holds and there are more than 1,000 raw columns.
        unmapped : ndarray of shape (n_outputs, n_rows)
        """
        self._check_fitted()
        check_raw_method(raw_method)
        shares = Csr(*feature_map.arrays, feature_map.shape)
        rest = 1.0 - np.bincount(shares.indices, shares.data, minlength=feature_map.n_engineered)
        lost = Csr.from_entries(np.zeros(len(rest), dtype=int), np.arange(len(rest)), rest, (1, len(rest)))
        wide = feature_map.n_raw > MAX_DENSE_RAW_COLUMNS
        values = self._values(X, self.design_.sums(shares), wide=wide)
        unmapped = self._values(X, self.design_.sums(lost), wide=False)
        return values, np.asarray(unmapped)[:, :, 0]

    def for_scoring(self) -> Self:
        """Itself: it keeps no training row."""
        self._check_fitted()
        return self

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Weights, intercepts, the baseline, and the design of the columns."""
        self._check_fitted()
        arrays = {"coef": self.coef_.T, "intercept": self.intercept_, "background": self._base}
        arrays |= {name: getattr(self.design_, name) for name in DESIGN_ARRAYS}
        fields = {"levels": [list(level) for level in self.design_.levels], "task": self.task_}
        return fields, {f"linear_{name}.npy": flat(array) for name, array in arrays.items()}

    @classmethod
    def from_members(cls, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """A fitted surrogate of these weights; how it was fitted is not known."""
        intercept, base = (finite(files[f"linear_{n}.npy"], n) for n in ("intercept", "background"))
        weights = finite(files["linear_coef.npy"], "coef").reshape(len(intercept), len(base))
        columns = {name: from_npy(files[f"linear_{name}.npy"]) for name in DESIGN_ARRAYS}
        made = cls()
        made.design_ = Design.of_arrays(columns, [(int(j), int(n)) for j, n in fields["levels"]], len(base))
        made.coef_, made.intercept_ = np.ascontiguousarray(weights.T), intercept
        made.task_ = str(fields["task"])
        made._base = base
        return made

    def _values(self, X: Any, sums: Csr, *, wide: bool) -> Any:
        """Terms of the design columns less those of the baseline, added up by ``sums`` (n_targets, n_design)."""
        self._check_width(X)
        weighted = [sums._replace(data=weights[sums.indices] * sums.data) for weights in self.coef_.T]
        bases = [each.times(self._base[None])[0] for each in weighted]
        result = np.empty((len(bases), X.shape[0], sums.shape[0]))
        if not is_sparse(X) and X.shape[0] <= _FEW_ROWS:
            rows = self.design_.rows(X)
            for k, (few, base) in enumerate(zip(weighted, bases, strict=True)):
                result[k] = few.times(rows) - base
            return result
        terms = [sp.csr_matrix(each.to_scipy().T) for each in weighted]
        if wide and is_sparse(X) and self.keeps_sparse:
            return tuple(self._sparse(X, each, base) for each, base in zip(terms, bases, strict=True))
        for part, rows in self.design_.blocks(X):
            for k, (each, base) in enumerate(zip(terms, bases, strict=True)):
                made = rows @ each
                result[k, part] = made.toarray() if is_sparse(made) else made
                result[k, part] -= base
        return result

    def _sparse(self, X: Any, terms: sp.csr_matrix, base: np.ndarray) -> sp.csr_matrix:
        constant = sp.csr_matrix(np.ones((X.shape[0], 1))) @ sp.csr_matrix(base[None])
        return sp.csr_matrix(self.design_.rows(X) @ terms - constant)

    def _check_width(self, X: Any) -> None:
        if is_sparse(X):
            sound_sparse(X, "X")
        if X.ndim != 2 or X.shape[1] != self.design_.n_features:
            raise InputError(
                f"`X` has shape {X.shape}; expected (n_rows, {self.design_.n_features}), the columns of the training."
            )
        if np.isinf(X.data if is_sparse(X) else X).any():
            raise DataError(
                "The rows hold infinite values, which a linear surrogate cannot add up. Replace them by large numbers, "
                "or by NaN where they stand for a missing value; a tree surrogate takes them as they are."
            )
