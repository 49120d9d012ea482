"""DeepSource: values of a network by its gradients on the way from background rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._tables._rows import dense
from automl_explain._validation import check_raw_method
from automl_explain.exceptions import DataError, SelfCheckError
from automl_explain.explanation._values import fold
from automl_explain.feature_map import FeatureMap
from automl_explain.sources._networks import Network

_POINTS = 4  # of Gauss-Legendre in each piece of a path
_PIECES = (4, 16, 64, 256)  # tried one after the other; kinks (ReLU) need many, smooth networks few
_CLOSE = 1e-3  # of an output's range: what the sum may lack before more pieces are tried
_BROKEN = 0.05  # of the range: what is no error of the sum any more
_CELLS_AT_ONCE = 4_000_000


class DeepSource:
    """Integrated gradients from every background row, averaged; a `ScorableSource`.

    The value of a feature is the mean over background rows of its difference from the background value
    times the mean gradient on the straight way between the rows (Sundararajan, Taly & Yan 2017,
    doi:10.48550/arXiv.1703.01365; averaged over a background as in Erion et al. 2021,
    doi:10.1038/s42256-021-00343-w). The way is cut into more and more pieces until the values add up
    within a thousandth of the output's range; what is lacking then is shared by size, so that they add up.

    Parameters
    ----------
    network : Network
    background : ndarray of shape (n_background, n_features)
    weights : ndarray of shape (n_background,)
        They sum to 1.
    difference : bool, default False
        Whether two columns are logits of two classes, of which the second minus the first is explained.
    second : bool, default False
        Whether two columns are probabilities of two classes, of which the second is explained.
    model : object, optional
    method : str, default "deep"
        Name shown in explanations.
    """

    def __init__(
        self,
        network: Network,
        background: np.ndarray,
        weights: np.ndarray,
        *,
        difference: bool = False,
        second: bool = False,
        model: Any = None,
        method: str = "deep",
    ) -> None:
        self.network, self.background, self.weights = network, background, weights
        self.difference, self.second, self.model, self.method = difference, second, model, method
        outputs = self.predict_output(background)
        self.expected_values = weights @ outputs
        self.expected_values.flags.writeable = False
        self.n_features, self.n_outputs = background.shape[1], outputs.shape[1]
        self._range = np.maximum(np.ptp(outputs, axis=0), 1e-12)

    @staticmethod
    def explainable_model_type() -> str:
        """``"deep"``: the kind of scoring explainer that fits."""
        return "deep"

    def for_scoring(self) -> DeepSource:
        """Itself: it asks the model in production too."""
        return self

    def predict_output(self, X: Any) -> np.ndarray:
        """The network's output, shape (n_rows, n_outputs)."""
        columns = self.network.outputs(dense(X, np.float64))
        if not np.isfinite(columns).all():
            raise DataError(
                "The network gives NaN or infinite outputs on these rows. Look for missing values, and impute and "
                "scale the rows as in training."
            )
        return np.asarray(self._picked(columns.T).T)

    def shapley_values(self, X: Any) -> np.ndarray:
        """Contributions of shape (n_outputs, n_rows, n_features)."""
        cells = dense(X, np.float64)
        total = self.predict_output(cells) - self.expected_values
        values = np.zeros((total.shape[1], *cells.shape))
        left = np.arange(len(cells))
        for pieces in _PIECES:
            values[:, left] = self._integrated(cells[left], pieces)
            lacking = total.T - values.sum(axis=-1)
            allowed = _CLOSE * np.maximum(self._range[:, None], np.abs(total.T))
            left = np.flatnonzero((np.abs(lacking) > allowed).any(axis=0))
            if not len(left):
                break
        self._check(lacking, total.T)
        return np.asarray(values + self._shared(lacking, values, cells))

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of the raw columns, and the share of features without a raw parent.

        All features move together on the way, so a raw column's value is the sum of its features': both
        methods give the same.
        """
        check_raw_method(raw_method)
        return fold(self.shapley_values(X), feature_map)

    def _picked(self, columns: np.ndarray) -> np.ndarray:
        """Outputs explained, along the first axis."""
        if self.difference:
            return np.asarray(columns[1:] - columns[:1])
        return columns[1:] if self.second else columns

    def _integrated(self, X: np.ndarray, pieces: int) -> np.ndarray:
        """Values by so many pieces of every path, (n_outputs, n_rows, n_features)."""
        points, shares = _nodes(pieces)
        rows_each = max(1, _CELLS_AT_ONCE // (len(points) * max(X.shape[1], 1)))
        parts = []
        for start in range(0, max(len(X), 1), rows_each):
            some = X[start : start + rows_each]
            total: Any = 0.0
            for origin, weight in zip(self.background, self.weights, strict=True):
                way = some - origin
                on_the_way = (origin + points[:, None, None] * way).reshape(-1, X.shape[1])
                found = self._picked(self.network.gradients(on_the_way))
                slopes = np.tensordot(found.reshape(len(found), len(points), *way.shape), shares, (1, 0))
                total = total + weight * slopes * way
            parts.append(total)
        return np.concatenate(parts, axis=1)

    def _check(self, lacking: np.ndarray, total: np.ndarray) -> None:
        apart = np.abs(lacking) / np.maximum(self._range[:, None], np.abs(total))
        if apart.size and apart.max() > _BROKEN:
            k, i = np.unravel_index(apart.argmax(), apart.shape)
            raise SelfCheckError(
                f"The gradients of {type(self.model).__name__} do not lead to its output: in row {i} they add up to "
                f"{total[k, i] - lacking[k, i]:.4g} of {total[k, i]:.4g}. A layer jumps (rounding, a step, a hard "
                "choice), or hides its gradient (detach). Use KernelExplainer, which needs predictions only."
            )

    def _shared(self, lacking: np.ndarray, values: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """What the sums lack, shared by the size of the values (of the ways, where all values are 0)."""
        way = self.weights @ np.abs(cells[:, None] - self.background[None]).transpose(1, 0, 2).reshape(
            len(self.background), -1
        )
        sizes = np.abs(values)
        idle = sizes.sum(axis=-1) == 0
        sizes[idle] = np.broadcast_to(way.reshape(cells.shape), values.shape)[idle]
        whole = sizes.sum(axis=-1, keepdims=True)
        return np.asarray(lacking[..., None] * np.divide(sizes, whole, out=np.zeros_like(sizes), where=whole > 0))


def _nodes(pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Points from 0 to 1 and their weights: Gauss-Legendre in equal pieces."""
    at, weights = np.polynomial.legendre.leggauss(_POINTS)
    points = (np.arange(pieces)[:, None] + (at + 1) / 2) / pieces
    return points.ravel(), np.tile(weights / 2, pieces) / pieces
