"""LinearExplainableModel: a linear surrogate, penalised as much as held-out rows ask for."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, lsqr
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from automl_explain._tables._rows import chunks
from automl_explain._validation import check_count
from automl_explain.exceptions import InputError
from automl_explain.surrogates._additive import AdditiveSurrogate
from automl_explain.surrogates._base import score

_BLOCK_ROWS = 4096
_ALPHAS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-7)  # penalties, of mean losses of standardised columns
_WORSE = 0.01  # a score so far below the best one ends the search among weaker penalties
_L1_SHARES = (0.3, 0.1, 0.03, 0.01)  # of the least L1 penalty that leaves no weight
_GOOD = 0.995  # a ridge so good needs no elastic net
_GAIN = 0.002  # what the elastic net must add to be taken
_MOST_CELLS = 20_000_000  # stored values of rows beyond which no elastic net is tried
_DIRECT = 1000  # design columns up to which normal equations are solved directly


class LinearExplainableModel(AdditiveSurrogate):
    """Linear surrogate of a teacher's soft output.

    Columns are divided by their spread and measured from their mean, without a copy of sparse rows:
    numbers as they are, missing values as the mean with a term of their own, categories one-hot.
    Regression is a ridge. Classification fits the log-odds of each class by cross-entropy with the
    probabilities themselves as soft labels, one output for two classes, one per class for more. The
    penalty is the one with the best R2 (of probabilities) on stopping rows; where that is below
    0.995, elastic nets are tried, which drop columns, and kept if they add 0.002.

    See `AdditiveSurrogate` for what values are: exact Shapley values with independent columns.

    Parameters
    ----------
    alpha : float, optional
        Ridge penalty on standardised columns, in units of the mean loss per row; chosen where left out.
    max_iter : int, default 500
        Steps at most, of the solvers that go step by step.
    random_state : int, default 0
        Seed of the rows that choose the penalty, where `fit` gets none.
    n_jobs : int, optional
        Accepted as other surrogates take it; changes nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_design, n_outputs)
        Weights of the standardised columns.
    alpha_ : float
        Penalty taken.
    l1_ratio_ : float
        0 for a ridge, 0.5 for an elastic net.
    stopping_score_ : float
        R2 on the stopping rows.

    Raises
    ------
    InputError
        If ``alpha`` is no positive number, or another argument is not legal.

    References
    ----------
    Lundberg and Lee (2017), "A unified approach to interpreting model predictions", Corollary 1,
    arXiv:1705.07874; Strumbelj and Kononenko (2014), doi:10.1007/s10115-013-0679-x.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import LinearExplainableModel
    >>> X = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 4.0], [3.0, 2.0]] * 5)
    >>> surrogate = LinearExplainableModel(alpha=1e-9).fit(X, 2 * X[:, :1] + 1)
    >>> surrogate.expected_values.round(3), surrogate.shapley_values(X[:1]).round(3) + 0.0
    (array([4.]), array([[[-3.,  0.]]]))
    """

    def __init__(
        self, *, alpha: float | None = None, max_iter: int = 500, random_state: int = 0, n_jobs: int | None = None
    ) -> None:
        super().__init__(random_state=random_state)
        number = isinstance(alpha, (int, float, np.number)) and not isinstance(alpha, bool)
        if alpha is not None and not (number and 0 < alpha < np.inf):
            raise InputError(f"`alpha` is {alpha!r}; expected a positive number. Leave it out and it is chosen.")
        check_count(max_iter, "max_iter")
        self.alpha, self.max_iter, self.n_jobs = alpha, max_iter, n_jobs

    @property
    def method(self) -> str:
        """Name shown in explanations."""
        return "mimic.linear"

    @property
    def model(self) -> Any:
        """Itself: the weights are ``coef_`` and ``intercept_``."""
        self._check_fitted()
        return self

    def _learn(
        self, train: tuple[Any, np.ndarray], judge: tuple[Any, np.ndarray], task: str
    ) -> tuple[np.ndarray, np.ndarray]:
        problem = _Problem.of(self._design_rows(train[0]), train[1], task, self.max_iter)
        judged = self._design_rows(judge[0])
        best: tuple[float, float, float, np.ndarray] | None = None
        for alpha, weights in problem.ridges(_ALPHAS if self.alpha is None else (self.alpha,)):
            found = score(judge[1], problem.margins(judged, weights), task)
            if best is None or found > best[0]:
                best = (found, alpha, 0.0, weights)
            elif found < best[0] - _WORSE:
                break
        assert best is not None
        if self.alpha is None and best[0] < _GOOD and problem.stored <= _MOST_CELLS:
            for alpha, weights in problem.elastic_nets(best[3]):
                found = score(judge[1], problem.margins(judged, weights), task)
                if found > best[0] + (0.0 if best[2] else _GAIN):
                    best = (found, alpha, 0.5, weights)
        self.alpha_, self.l1_ratio_ = best[1], best[2]
        return best[3][:-1], best[3][-1] - problem.mean @ best[3][:-1]

    def _design_rows(self, X: Any) -> Any:
        """The whole design; sparse where categories make it wide."""
        if not self.design_.levels:
            return self.design_.rows(X)
        return sp.vstack([sp.csr_matrix(rows) for _, rows in self.design_.blocks(X)], format="csr")


@dataclasses.dataclass(frozen=True, eq=False)
class _Problem:
    """Penalised fits on one design, whose columns are centred without being changed.

    Weights are of shape (n_design + 1, n_outputs), the last row for the output at the mean row.
    """

    rows: Any
    targets: np.ndarray
    task: str
    mean: np.ndarray
    max_iter: int

    @classmethod
    def of(cls, rows: Any, targets: np.ndarray, task: str, max_iter: int) -> _Problem:
        return cls(rows, targets, task, np.asarray(rows.mean(axis=0)).ravel(), max_iter)

    @property
    def stored(self) -> int:
        return int(self.rows.nnz if sp.issparse(self.rows) else self.rows.size)

    def margins(self, rows: Any, weights: np.ndarray) -> np.ndarray:
        return np.asarray(rows @ weights[:-1] - self.mean @ weights[:-1] + weights[-1])

    def ridges(self, alphas: tuple[float, ...]) -> Iterator[tuple[float, np.ndarray]]:
        """Weights for each penalty, each found from the one before."""
        if self.task == "classification":
            yield from self._logistic(alphas)
        elif self.rows.shape[1] <= _DIRECT:
            yield from self._normal_equations(alphas)
        else:
            yield from self._steps(alphas)

    def _normal_equations(self, alphas: tuple[float, ...]) -> Iterator[tuple[float, np.ndarray]]:
        middle = self.targets.mean(axis=0)
        gram, right = self._moments(self.targets - middle)
        for alpha in alphas:
            yield alpha, np.vstack([_ridge(gram, right, alpha), middle])

    def _moments(self, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean products of the centred columns with each other and with centred targets."""
        n_rows, n_design = self.rows.shape
        if sp.issparse(self.rows):
            gram = (self.rows.T @ self.rows).toarray() / n_rows - np.outer(self.mean, self.mean)
            return gram, np.asarray(self.rows.T @ off) / n_rows
        gram, right = np.zeros((n_design, n_design)), np.zeros((n_design, off.shape[1]))
        for some in chunks(n_rows, _BLOCK_ROWS):
            # Taken off before they are multiplied: of a date the mean is all, and the difference would be rounding.
            block = self.rows[some] - self.mean
            gram += block.T @ block
            right += block.T @ off[some]
        return gram / n_rows, right / n_rows

    def _steps(self, alphas: tuple[float, ...]) -> Iterator[tuple[float, np.ndarray]]:
        n_rows, middle = self.rows.shape[0], self.targets.mean(axis=0)
        centred = LinearOperator(
            self.rows.shape,
            matvec=lambda w: self.rows @ w.ravel() - self.mean @ w.ravel(),
            rmatvec=lambda r: self.rows.T @ r.ravel() - self.mean * r.sum(),
            dtype=np.float64,
        )
        for alpha in alphas:
            found = [
                lsqr(centred, t, damp=np.sqrt(alpha * n_rows), atol=1e-9, btol=1e-9, iter_lim=self.max_iter)[0]
                for t in (self.targets - middle).T
            ]
            yield alpha, np.vstack([np.column_stack(found), middle])

    def _logistic(self, alphas: tuple[float, ...]) -> Iterator[tuple[float, np.ndarray]]:
        middle = self.targets.mean(axis=0)
        weights = np.vstack([np.zeros((self.rows.shape[1], len(middle))), np.log(middle) - np.log1p(-middle)])
        for alpha in alphas:
            each = [self._cross_entropy(t, alpha, w) for t, w in zip(self.targets.T, weights.T, strict=True)]
            weights = np.column_stack(each)
            yield alpha, weights

    def _cross_entropy(self, target: np.ndarray, alpha: float, start: np.ndarray) -> np.ndarray:
        """Weights of one output that make the cross-entropy with soft labels least."""
        n_rows = len(target)

        def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
            margin = np.asarray(self.rows @ w[:-1]) + (w[-1] - self.mean @ w[:-1])
            value = float(np.mean(np.logaddexp(0.0, margin) - target * margin)) + alpha / 2 * float(w[:-1] @ w[:-1])
            off = (expit(margin) - target) / n_rows
            slope = np.asarray(self.rows.T @ off) - self.mean * off.sum() + alpha * w[:-1]
            return value, np.append(slope, off.sum())

        limits = {"maxiter": self.max_iter, "gtol": 1e-7, "ftol": 1e-11, "maxcor": 20}
        return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options=limits).x)

    def elastic_nets(self, ridge: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Weights for a few L1 penalties; classification takes the step of least squares from the ridge's log-odds."""
        margins = self.margins(self.rows, ridge)
        for share in _L1_SHARES:
            each, alphas = [], []
            for target, margin in zip(self.targets.T, margins.T, strict=True):
                found, alpha = self._elastic_net(target, margin, share)
                each.append(found)
                alphas.append(alpha)
            yield float(np.mean(alphas)), np.column_stack(each)

    def _elastic_net(self, target: np.ndarray, margin: np.ndarray, share: float) -> tuple[np.ndarray, float]:
        weight = None
        if self.task == "classification":
            proba = expit(margin)
            weight = np.maximum(proba * (1 - proba), 1e-4)
            target = margin + (target - proba) / weight
            weight = weight / weight.mean()
        off = target - np.average(target, weights=weight)
        off = off if weight is None else off * weight
        slope = np.asarray(self.rows.T @ off) - self.mean * off.sum()
        alpha = max(2 * share * float(np.abs(slope).max()) / len(target), 1e-12)
        learner = ElasticNet(alpha=alpha, l1_ratio=0.5, max_iter=self.max_iter, tol=1e-3)
        with warnings.catch_warnings():
            # What it reached is judged by its score; nobody needs to know how near it came.
            warnings.simplefilter("ignore", ConvergenceWarning)
            learner.fit(self.rows, target, sample_weight=weight)
        return np.append(learner.coef_, learner.intercept_ + self.mean @ learner.coef_), alpha


def _ridge(gram: np.ndarray, right: np.ndarray, alpha: float) -> np.ndarray:
    """Solution of ``(gram + alpha) x = right``, also where rounding leaves collinear columns no root."""
    try:
        return np.asarray(scipy.linalg.cho_solve(scipy.linalg.cho_factor(gram + alpha * np.eye(len(gram))), right))
    except np.linalg.LinAlgError:
        spread, directions = scipy.linalg.eigh(gram)
        kept = np.maximum(spread, np.finfo(float).eps * max(float(spread[-1]), 0.0)) + alpha
        return np.asarray(directions @ ((directions.T @ right) / kept[:, None]))
