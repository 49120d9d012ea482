"""LinearSource: the values of a weighted sum of columns, compared with a background row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from automl_explain._files._archive import finite, flat
from automl_explain._lazy import is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._validation import check_raw_method, sound_sparse
from automl_explain.exceptions import DataError, InputError
from automl_explain.explanation._values import fold
from automl_explain.feature_map import FeatureMap


class LinearSource:
    """Values ``weight * (value - background value)``; a `SavableSource`.

    Where the background is the mean of rows these are the interventional Shapley values with that
    background (Lundberg & Lee 2017, doi:10.48550/arXiv.1705.07874), without any assumption for a linear
    output.

    Parameters
    ----------
    weights : ndarray of shape (n_outputs, n_features)
    intercepts : ndarray of shape (n_outputs,)
    background : ndarray of shape (n_features,)
    model : object, optional
        The model that they were read from.
    method : str, default "linear"
        Name shown in explanations.
    sparse : bool, default False
        Whether values of sparse rows are sparse; worth it where the background is mostly 0.

    Examples
    --------
    >>> import numpy as np
    >>> source = LinearSource(np.array([[2.0, -1.0]]), np.array([5.0]), np.array([1.0, 0.0]))
    >>> source.expected_values, source.shapley_values(np.array([[3.0, 4.0]]))
    (array([7.]), array([[[ 4., -4.]]]))
    """

    def __init__(
        self,
        weights: np.ndarray,
        intercepts: np.ndarray,
        background: np.ndarray,
        *,
        model: Any = None,
        method: str = "linear",
        sparse: bool = False,
    ) -> None:
        # BLAS adds in another order where the layout is another: files know one.
        self.weights, self.intercepts, self.background = np.ascontiguousarray(weights), intercepts, background
        self.model, self.method, self.sparse = model, method, sparse
        self.n_outputs, self.n_features = weights.shape
        self.expected_values = self.weights @ background + intercepts
        self.expected_values.flags.writeable = False

    @staticmethod
    def explainable_model_type() -> str:
        """``"linear"``: the kind of scoring explainer that fits."""
        return "linear"

    def predict_output(self, X: Any) -> np.ndarray:
        """Weighted sums of shape (n_rows, n_outputs)."""
        self._check(X)
        return np.asarray(X @ self.weights.T + self.intercepts)

    def shapley_values(self, X: Any) -> Any:
        """Contributions: ndarray of shape (n_outputs, n_rows, n_features), or a tuple of csr_matrix if ``sparse``."""
        self._check(X)
        if is_sparse(X) and self.sparse:
            difference = sp.csr_matrix(X) - self._background_rows(X.shape[0])
            return tuple(sp.csr_matrix(difference @ sp.diags(each)) for each in self.weights)
        difference = (X.toarray() if is_sparse(X) else X) - self.background
        return difference[None] * self.weights[:, None]

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent.

        Nothing interacts in a sum, so raw columns as players get the sums of their features: both
        methods give the same.
        """
        check_raw_method(raw_method)
        return fold(self.shapley_values(X), feature_map)

    def for_scoring(self) -> LinearSource:
        """The weights without their model."""
        return LinearSource(self.weights, self.intercepts, self.background, sparse=self.sparse)

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Weights, intercepts and the background row."""
        arrays = {"coef": self.weights, "intercept": self.intercepts, "background": self.background}
        return {"sparse": self.sparse, "levels": None}, {f"linear_{n}.npy": flat(a) for n, a in arrays.items()}

    @classmethod
    def from_members(cls, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Weights as `to_members` gave them."""
        intercept, background = (finite(files[f"linear_{n}.npy"], n) for n in ("intercept", "background"))
        weights = finite(files["linear_coef.npy"], "coef").reshape(len(intercept), len(background))
        return cls(weights, intercept, background, sparse=bool(fields["sparse"]))

    def _background_rows(self, n_rows: int) -> sp.csr_matrix:
        at = np.flatnonzero(self.background)
        parts = (np.tile(self.background[at], n_rows), np.tile(at, n_rows), len(at) * np.arange(n_rows + 1))
        return sp.csr_matrix(parts, shape=(n_rows, len(self.background)))

    def _check(self, X: Any) -> None:
        if is_sparse(X):
            sound_sparse(X, "X")
        if X.ndim != 2 or X.shape[1] != len(self.background):
            raise InputError(
                f"`X` has shape {X.shape}; expected (n_rows, {len(self.background)}), the columns of the linear model."
            )
        cells = X.data if is_sparse(X) else X
        if not np.isfinite(cells).all():
            raise DataError(
                "The rows hold missing or infinite values, which a linear model cannot add up. Impute them before the "
                "model, best with a step of its pipeline."
            )
