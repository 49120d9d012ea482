"""Shapley values of tree surrogates; the only module that knows trees.

Path-dependent Shapley values (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9) of LightGBM
ensembles, one ensemble per output. The values come from LightGBM's own contributions; everything
else in the package goes through `TreeModel`, so that another engine can take their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

__all__ = ["TreeModel"]


class TreeModel:
    """One tree ensemble per output, read from LightGBM's text format.

    The text is all there is: a model made from the texts of another gives the same bits.

    Parameters
    ----------
    texts : sequence of str
        LightGBM models as text, one per output, over the same columns.
    n_jobs : int or None, default None
        Threads for a call; None leaves the number to LightGBM.
    """

    def __init__(self, texts: Sequence[str], *, n_jobs: int | None = None) -> None:
        self.texts = tuple(texts)
        self.boosters = tuple(lgb.Booster(model_str=text) for text in self.texts)
        self.n_features: int = self.boosters[0].num_feature()
        self._threads = {} if n_jobs is None else {"num_threads": n_jobs}
        zero = np.zeros((1, self.n_features))
        self.expected_values = np.array([float(self._contributions(b, zero)[0, -1]) for b in self.boosters])
        self.expected_values.flags.writeable = False

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.boosters)

    def predict_output(self, X: Any) -> np.ndarray:
        """Margins of shape (n_rows, n_outputs) for rows of shape (n_rows, n_features)."""
        columns = [b.predict(X, raw_score=True, **self._threads) for b in self.boosters]
        return np.column_stack([np.asarray(c, dtype=np.float64) for c in columns])

    def shapley_values(self, X: Any) -> np.ndarray | tuple[sp.csr_matrix, ...]:
        """Contributions of every column to every output.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64

        Returns
        -------
        ndarray of shape (n_outputs, n_rows, n_features), or tuple of n_outputs csr_matrix
            In the unit of the margins. Sparse rows give sparse values.
        """
        if sp.issparse(X):
            return tuple(self._sparse_contributions(b, X) for b in self.boosters)
        values = np.empty((self.n_outputs, X.shape[0], self.n_features))
        for k, booster in enumerate(self.boosters):
            values[k] = self._contributions(booster, X)[:, :-1]
        return values

    def _contributions(self, booster: lgb.Booster, X: Any) -> Any:
        return booster.predict(X, pred_contrib=True, **self._threads)

    def _sparse_contributions(self, booster: lgb.Booster, X: Any) -> sp.csr_matrix:
        values = sp.csr_matrix(self._contributions(booster, X)[:, :-1])
        values.sort_indices()  # sums over a row then have one order, and so the same bits, everywhere
        return values

    def __getstate__(self) -> dict[str, Any]:
        return {"texts": self.texts, "threads": self._threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["texts"], n_jobs=state["threads"].get("num_threads"))  # type: ignore[misc]
