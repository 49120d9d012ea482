"""SGDExplainableModel: a linear surrogate learnt block by block, for tables too large to solve at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import SGDClassifier, SGDRegressor

from automl_explain._validation import check_count
from automl_explain.exceptions import InputError
from automl_explain.surrogates._additive import AdditiveSurrogate
from automl_explain.surrogates._base import log_odds, score

_PATIENCE = 3  # passes without a better score that end the learning
_CLOSER = 1e-4  # what counts as better


class SGDExplainableModel(AdditiveSurrogate):
    """Linear surrogate learnt by averaged stochastic gradient descent, a block of rows at a time.

    Takes the same columns as `LinearExplainableModel` (scaled, missing values marked, categories one-hot)
    and needs memory for one block of 8,192 standardised rows. Learning ends when the R2 on stopping rows
    has not grown by 0.0001 in three passes; the weights of the best pass are kept.

    See `AdditiveSurrogate` for what values are: exact Shapley values with independent columns.

    Parameters
    ----------
    alpha : float, default 1e-6
        Ridge penalty.
    max_passes : int, default 50
        Passes over the rows at most.
    random_state : int, default 0
        Seed of the order of the rows.
    n_jobs : int, optional
        Accepted as other surrogates take it; changes nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_design, n_outputs)
        Weights of the standardised columns.
    n_passes_ : int
        Passes over the rows.
    stopping_score_ : float
        R2 on the stopping rows.

    Raises
    ------
    InputError
        If ``alpha`` is negative, or another argument is not legal.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import SGDExplainableModel
    >>> X = np.random.default_rng(0).normal(50, [1, 100], size=(2000, 2))
    >>> surrogate = SGDExplainableModel().fit(X, X @ [[3.0], [0.02]])
    >>> bool(surrogate.stopping_score_ > 0.99)
    True
    """

    def __init__(
        self, *, alpha: float = 1e-6, max_passes: int = 50, random_state: int = 0, n_jobs: int | None = None
    ) -> None:
        super().__init__(random_state=random_state)
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.number)) or not 0 <= alpha < np.inf:
            raise InputError(f"`alpha` is {alpha!r}; expected a number of at least 0, such as 1e-6.")
        check_count(max_passes, "max_passes")
        self.alpha, self.max_passes, self.n_jobs = alpha, max_passes, n_jobs

    @property
    def method(self) -> str:
        """Name shown in explanations."""
        return "mimic.sgd"

    @property
    def model(self) -> Any:
        """The ``SGDRegressor`` or ``SGDClassifier`` of the last pass, or a list with one per class."""
        self._check_fitted()
        return self._learners[0] if len(self._learners) == 1 else list(self._learners)

    def _learn(
        self, train: tuple[Any, np.ndarray], judge: tuple[Any, np.ndarray], task: str
    ) -> tuple[np.ndarray, np.ndarray]:
        X, targets = train
        kind = SGDRegressor if task == "regression" else SGDClassifier
        loss = {} if task == "regression" else {"loss": "log_loss"}
        options = {"alpha": self.alpha, "average": True, "learning_rate": "constant", "random_state": self.random_state}
        options |= {"max_iter": 1, "tol": None}
        self._learners = [kind(**loss, **options, eta0=_step(self.design_.n_design, task)) for _ in targets.T]
        # Standardised targets, so that one length of step suits all.
        middle, spread = targets.mean(axis=0), targets.std(axis=0)
        spread[spread <= 1e-12 * np.maximum(np.abs(middle), 1e-300)] = 1.0
        start = np.zeros_like(middle)
        if task == "classification":
            # A rare class is far from even odds, and steps from there would take most of the passes.
            start, middle, spread = log_odds(middle), start, np.ones_like(spread)
        centre = self._centre(X)
        rng = np.random.default_rng(self.random_state)
        best, waited = (-np.inf, np.empty(0), np.empty(0)), 0
        for n_passes in range(1, self.max_passes + 1):
            order = rng.permutation(X.shape[0])
            for part, rows in self.design_.blocks(X, order):
                block = rows if sp.issparse(rows) else rows - centre
                for k, learner in enumerate(self._learners):
                    _take_block(learner, block, (targets[part, k] - middle[k]) / spread[k], start[k])
            coef = np.column_stack([np.ravel(each.coef_) for each in self._learners]) * spread
            intercept = np.array([float(np.ravel(each.intercept_)[0]) for each in self._learners]) * spread + middle
            intercept = intercept - centre @ coef
            found = score(
                judge[1], np.concatenate([r @ coef for _, r in self.design_.blocks(judge[0])]) + intercept, task
            )
            waited = 0 if found > best[0] + _CLOSER else waited + 1
            if found > best[0]:
                best = (found, coef, intercept)
            self.n_passes_ = n_passes
            if waited >= _PATIENCE:
                break
        return best[1], best[2]

    def _centre(self, X: Any) -> np.ndarray:
        """What is taken off every design row: its mean; nothing of sparse rows, which stay sparse."""
        centre = np.zeros(self.design_.n_design)
        if not sp.issparse(X):
            for _, rows in self.design_.blocks(X):
                centre += rows.sum(axis=0) / X.shape[0]
        return centre


def _step(n_design: int, task: str) -> float:
    """Short enough for rows whose squared length is the number of columns; logistic loss bends a quarter as much."""
    return min(0.01, 0.5 / max(n_design, 1)) * (1 if task == "regression" else 4)


def _take_block(learner: Any, rows: Any, target: np.ndarray, start: float) -> None:
    """One pass of a learner over a block, from ``start`` on; soft labels are both labels, weighted."""
    if isinstance(learner, SGDRegressor):
        learner.partial_fit(rows, target)
        return
    both = sp.vstack([rows, rows], format="csr") if sp.issparse(rows) else np.concatenate([rows, rows])
    labels = np.repeat([1, 0], len(target))
    weights = np.concatenate([target, 1 - target])
    if hasattr(learner, "coef_"):
        learner.partial_fit(both, labels, sample_weight=weights)
    else:
        learner.fit(both, labels, np.zeros((1, rows.shape[1])), np.array([start]), weights)
