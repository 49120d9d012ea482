"""DecisionTreeExplainableModel: a single tree per output, which people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

from automl_explain._threads import threads_for
from automl_explain._validation import check_count
from automl_explain.surrogates._base import check_training, least_distance, log_odds, score
from automl_explain.surrogates._trees import TreeSurrogate, booster_text
from automl_explain.treeshap import TreeModel

_LEAVES = (4, 8, 16, 32, 64, 128, 256)  # tried in turn
_CLOSE = 5e-3  # the fewest leaves this close to the best are kept


class DecisionTreeExplainableModel(TreeSurrogate):
    """Decision tree surrogate of a teacher's soft output: one tree, or one per class.

    Splits are those that leave the least squared error of the target, or of the probability; a leaf
    of a classification gives the log-odds of its mean probability. Trees are grown by LightGBM (best leaf first),
    so missing values have a side of their own and categories are split as sets. Unless a size is given, 4
    to 256 leaves are tried and the fewest within 0.005 of the best R2 on stopping rows kept.

    Parameters
    ----------
    max_leaves : int, optional
        Leaves per tree at most; chosen where left out.
    max_depth : int, optional
        Splits between root and leaf at most; unlimited where left out.
    min_rows : int, default 20
        Rows of a leaf at least.
    n_jobs : int, optional
        Threads; None or -1 uses all cores that the process may use.
    random_state : int, default 0
        Seed.

    Attributes
    ----------
    size_ : dict
        ``num_leaves`` of the largest tree.
    stopping_score_ : float
        R2 on the stopping rows.

    Raises
    ------
    InputError
        If an argument is no whole number or too small.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import DecisionTreeExplainableModel
    >>> X = np.arange(100.0)[:, None]
    >>> surrogate = DecisionTreeExplainableModel(max_leaves=2).fit(X, np.where(X < 50, 1.0, 3.0))
    >>> surrogate.expected_values, surrogate.shapley_values(X[:1])
    (array([2.]), array([[[-1.]]]))
    """

    def __init__(
        self,
        *,
        max_leaves: int | None = None,
        max_depth: int | None = None,
        min_rows: int = 20,
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        if max_leaves is not None:
            check_count(max_leaves, "max_leaves", least=2)
        if max_depth is not None:
            check_count(max_depth, "max_depth")
        check_count(min_rows, "min_rows")
        check_count(random_state, "random_state", least=0)
        self.n_jobs = n_jobs
        self.max_leaves, self.max_depth, self.min_rows = max_leaves, max_depth, min_rows
        self.random_state = random_state

    @property
    def method(self) -> str:
        """Name shown in explanations."""
        return "mimic.tree"

    def fit(
        self,
        X: Any,
        targets: np.ndarray,
        *,
        task: str = "regression",
        stopping: tuple[Any, np.ndarray] | None = None,
        categories: Mapping[int, Sequence[Any]] | None = None,
        **_: Any,
    ) -> DecisionTreeExplainableModel:
        """Learn soft targets; see `LGBMExplainableModel.fit`.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64
        targets : ndarray of shape (n_rows, n_outputs)
        task : {"regression", "classification"}, default "regression"
        stopping : tuple of rows and targets, optional
            Rows that choose the number of leaves; the training rows where left out.
        categories : mapping of int to sequence, optional

        Returns
        -------
        DecisionTreeExplainableModel
            Itself.
        """
        check_training(X, targets, task, categories)
        levels = dict(categories or {})
        rows, wanted = stopping or (X, targets)
        data = lgb.Dataset(
            X, targets[:, 0], categorical_feature=sorted(levels), params=self._params(X), free_raw_data=False
        )
        tried: list[tuple[float, TreeModel]] = []
        for leaves in _LEAVES if self.max_leaves is None else (self.max_leaves,):
            texts = [self._grown(data, X, target, task, leaves, levels) for target in targets.T]
            trees = TreeModel(texts, n_jobs=self.n_jobs)
            tried.append((score(wanted, trees.predict_output(rows), task), trees))
            if trees.ensemble.n_leaves < leaves * targets.shape[1] * 0.5:
                break  # the rows allow no more
        best = max(each[0] for each in tried)
        self.stopping_score_, self._trees = next(each for each in tried if each[0] >= best - _CLOSE)
        self.size_ = {"num_leaves": int(np.diff(self._trees.ensemble.offsets).max() + 1) // 2}
        self.task_ = task
        return self

    def _params(self, X: Any) -> dict[str, Any]:
        return {
            "verbosity": -1,
            "verbose": -1,
            "deterministic": True,
            "seed": self.random_state,
            "num_threads": threads_for(self.n_jobs),
            "min_data_in_leaf": min(self.min_rows, max(1, X.shape[0] // 4)),
            "min_sum_hessian_in_leaf": 0.0,
            "max_depth": self.max_depth or -1,
            # A tree is as it is: no steps, no shrinking, sets of categories of any size.
            "learning_rate": 1.0,
            "cat_smooth": 0.0,
            "cat_l2": 0.0,
            "objective": "regression",
            "force_col_wise" if sp.issparse(X) else "force_row_wise": True,
        }

    def _grown(
        self, data: lgb.Dataset, X: Any, target: np.ndarray, task: str, leaves: int, levels: Mapping[int, Sequence[Any]]
    ) -> str:
        data.set_label(target)
        booster = lgb.train({**self._params(X), "num_leaves": leaves}, data, 1)
        leaf = booster.predict(X, pred_leaf=True, num_threads=threads_for(self.n_jobs)).ravel().astype(np.int64)
        count = np.bincount(leaf)
        means = np.bincount(leaf, target) / np.maximum(count, 1)
        if task == "classification":
            least = least_distance(target[:, None])
            means = log_odds(np.clip(means, least, 1 - least))
        for number in np.flatnonzero(count):
            booster.set_leaf_output(0, int(number), float(means[number]))
        return booster_text(booster, 1, levels)
