"""LGBMExplainableModel: the default surrogate, gradient boosted trees on soft targets."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import scipy.sparse as sp

from automl_explain._threads import threads_for
from automl_explain.exceptions import InputError
from automl_explain.surrogates._base import check_training, score
from automl_explain.surrogates._trees import TreeSurrogate, booster_text
from automl_explain.treeshap import TreeModel

# Sizes tried in turn, cheap to score first: (leaves, trees, R2 of the size before that calls for it). More small
# trees come before larger ones: for the same fidelity their tables are half as large.
_LADDER = ((31, 500, 1.0), (63, 400, 0.98), (127, 600, 0.95))
_TARGETED = ((8, 100), (15, 200), (31, 500), (63, 400), (127, 600))  # with a target of the caller's
_MAX_CLIMB = 20_000_000  # values times outputs beyond which only the first size is tried, with few trees
_LARGE_TREES = 200
_DEEPER = 3  # splits that a leaf may lie below those of a balanced tree
_RACE = 100  # trees after which only the better way to split categories goes on
_STEP = 25  # trees between two looks at the fidelity
_CLOSE = 2e-3  # the fewest trees this close to the best are kept
_PLATEAU = (3, 1e-3)  # looks in which the score must have grown by so much, or no more trees are grown
_WORTH = 5e-3  # what the next, several times dearer size must add to be taken
# For a LightGBM that does not tell its names.
_USEFUL = {
    "num_iterations": ("n_iter", "num_trees", "num_rounds", "num_boost_round", "n_estimators"),
    "num_leaves": ("num_leaf", "max_leaves", "max_leaf_nodes"),
    "boosting": ("boost", "boosting_type"),
    "objective": ("loss", "application"),
    "num_class": ("num_classes",),
    "linear_tree": ("linear_trees",),
    "min_data_in_leaf": ("min_child_samples",),
    "min_sum_hessian_in_leaf": ("min_child_weight",),
    "lambda_l1": ("reg_alpha",),
    "lambda_l2": ("reg_lambda",),
    "feature_fraction": ("colsample_bytree",),
    "bagging_fraction": ("subsample",),
    "bagging_freq": ("subsample_freq",),
    "verbosity": ("verbose",),
    **dict.fromkeys(("max_depth", "learning_rate", "max_bin", "cat_smooth", "monotone_constraints", "seed"), ()),
}
_OWN_NAMES = {"num_iterations": "n_estimators"}  # LightGBM's main name -> the name here
# Main names -> why they are not the caller's to choose.
_FIXED = {
    "objective": "it follows from the task",
    "num_class": "there is one ensemble for each class",
    "linear_tree": "Shapley values need leaves that are constant",
}


class LGBMExplainableModel(TreeSurrogate):
    """LightGBM surrogate of a teacher's soft output.

    Regression learns the target by squared error. Classification learns the log-odds of each
    probability by cross-entropy with the probability itself as a soft label: one ensemble for two
    classes, one per class for more, so a class that never wins still has its own values.

    Unless a size is given, the ensemble sizes itself: more trees and then larger ones are tried until the
    R2 on stopping rows reaches 0.98 (0.95 for the largest size) or a size adds less than 0.005, and the
    smallest number of trees within 0.002 of the best is kept. Growing ends when 75 more trees add less than
    0.001, and no leaf lies deeper than three splits below that of a balanced tree: the tables of deep leaves
    are what scoring costs. Tables over 20 million values times outputs get at most 200 trees of 31 leaves.
    Categories are split both natively and by their codes; the better way after 100 trees is kept.

    Parameters
    ----------
    n_estimators : int, optional
        Trees per output. Giving it, ``num_leaves`` or ``max_depth`` fixes the size.
    num_leaves : int, optional
        Leaves per tree.
    n_jobs : int, optional
        Threads; None or -1 uses all cores that the process may use.
    random_state : int, default 0
        Seed.
    fidelity_target : float, optional
        R2 on the stopping rows that is enough: the smallest of five sizes (from 8 leaves x 100 trees on)
        that reaches it is taken, with the fewest trees that do. Not with a size.
    **params
        More LightGBM parameters (``learning_rate``, ``min_child_samples``, ...), under any name that
        LightGBM knows.

    Raises
    ------
    InputError
        If LightGBM knows no such parameter, one is given twice, the size is too small, or the
        parameter would change what is learnt: the objective, boosting other than ``"gbdt"``, linear trees.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import LGBMExplainableModel
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> surrogate = LGBMExplainableModel(n_estimators=20).fit(X, 2 * X[:, :1])
    >>> values = surrogate.shapley_values(X)
    >>> bool(np.allclose(values.sum(-1).T + surrogate.expected_values, surrogate.predict_output(X)))
    True
    """

    def __init__(
        self,
        *,
        n_estimators: int | None = None,
        num_leaves: int | None = None,
        n_jobs: int | None = None,
        random_state: int = 0,
        fidelity_target: float | None = None,
        **params: Any,
    ) -> None:
        self.n_jobs = n_jobs
        self.params = {"verbosity": -1, "seed": random_state, "learning_rate": 0.1}
        self.params["deterministic"] = True
        chosen = _by_main_name({"n_estimators": n_estimators, "num_leaves": num_leaves}, params)
        trees = _at_least(1, chosen.pop("n_estimators", None), "n_estimators")
        leaves = _at_least(2, chosen.pop("num_leaves", None), "num_leaves")
        self.params |= chosen
        fixed = trees is not None or leaves is not None or "max_depth" in chosen
        self._ladder: tuple[tuple[int, int, float], ...] = ((leaves or 31, trees or 100, 1.0),) if fixed else _LADDER
        if fidelity_target is not None:
            _check_target(fidelity_target, fixed)
            self._ladder = tuple((leaves, trees, fidelity_target) for leaves, trees in _TARGETED)
        self.fidelity_target = fidelity_target
        self._fixed = fixed

    def __getstate__(self) -> dict[str, Any]:
        params = {name: value for name, value in self.params.items() if name != "num_threads"}
        return {**super().__getstate__(), "params": params}

    @property
    def method(self) -> str:
        """Name shown in explanations."""
        return "mimic.lightgbm"

    @property
    def sizes_itself(self) -> bool:
        """Whether the size was left to `fit`."""
        return not self._fixed

    def fit(
        self,
        X: Any,
        targets: np.ndarray,
        *,
        task: str = "regression",
        stopping: tuple[Any, np.ndarray] | None = None,
        categories: Mapping[int, Sequence[Any]] | None = None,
        **_: Any,
    ) -> LGBMExplainableModel:
        """Learn soft targets.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64
            Encoded engineered rows; NaN is missing.
        targets : ndarray of shape (n_rows, n_outputs)
            Target values, or for ``task="classification"`` probabilities strictly between 0 and 1:
            of the second class (n_outputs = 1), or of each class.
        task : {"regression", "classification"}, default "regression"
        stopping : tuple of rows and targets, optional
            Rows that choose the size; the training rows where left out.
        categories : mapping of int to sequence, optional
            Categories of the categorical columns, whose values are their codes.

        Returns
        -------
        LGBMExplainableModel
            Itself.
        """
        check_training(X, targets, task, categories)
        levels = dict(categories or {})
        params = {"num_threads": threads_for(self.n_jobs), **self.params}
        trial = _Trial(X, targets, task, stopping or (X, targets), params, self.fidelity_target)
        ways = [tuple(sorted(levels)), ()] if levels else [()]
        best: _Fit | None = None
        large = X.shape[0] * X.shape[1] * targets.shape[1] > _MAX_CLIMB
        ladder = self._ladder
        if large and not self._fixed:
            ladder = ((31, _LARGE_TREES, 1.0),)
        for leaves, trees, needed_below in ladder:
            if best is not None and best.score >= needed_below:
                break
            worth = _WORTH if self.fidelity_target is None else 0.0
            least = -np.inf if best is None else best.score + worth
            top = trial.fit(leaves, trees, ways, least, size=self._fixed)
            if top.score < least:
                break
            best = top
            ways = [top.categorical]
        assert best is not None
        self.task_ = task
        self.stopping_score_ = best.score
        self.size_ = {"n_estimators": best.n_trees, "num_leaves": best.leaves}
        self._trees = TreeModel([booster_text(b, best.n_trees, levels) for b in best.boosters], n_jobs=self.n_jobs)
        return self


@dataclasses.dataclass(frozen=True)
class _Fit:
    boosters: list[lgb.Booster]
    n_trees: int
    leaves: int
    categorical: tuple[int, ...]
    score: float


@dataclasses.dataclass(frozen=True)
class _Trial:
    """Fits of different size on the same rows."""

    X: Any
    targets: np.ndarray
    task: str
    stopping: tuple[Any, np.ndarray]
    params: dict[str, Any]
    target: float | None

    def fit(self, leaves: int, trees: int, ways: Sequence[tuple[int, ...]], least: float, *, size: bool) -> _Fit:
        """One ensemble per output, cut to the number of trees that does best on the stopping rows.

        ``ways`` are the columns to split as categories; the best of them after 100 trees goes on alone. What
        will not reach a score of ``least`` is not grown to its end.
        """
        growths = [_Growth(self, self._boosters(leaves, way, size), way, trees if size else _STEP) for way in ways]
        best = growths[0]
        if len(growths) > 1:
            for growth in growths:
                growth.to(trees if size else min(trees, _RACE))
            best = max(growths, key=lambda g: max(g.scores))
        best.to(trees, least)
        enough = max(best.scores) - _CLOSE if self.target is None else min(max(best.scores), self.target)
        chosen = next(i for i, found in enumerate(best.scores) if found >= enough)
        for booster in best.boosters:
            booster.free_dataset()
        return _Fit(best.boosters, best.counts[chosen], leaves, best.categorical, best.scores[chosen])

    def _boosters(self, leaves: int, categorical: tuple[int, ...], size: bool) -> list[lgb.Booster]:
        params = {"min_data_in_leaf": 5 if self.X.shape[0] < 2000 else 20, **self.params, "num_leaves": leaves}
        if not size:
            params["max_depth"] = _DEEPER + int(np.ceil(np.log2(leaves)))
        # LightGBM's own choice between the two is timed, so it may change the bits from run to run.
        params["force_col_wise" if sp.issparse(self.X) else "force_row_wise"] = True
        params["objective"] = "regression" if self.task == "regression" else "cross_entropy"
        boosters = []
        for target in self.targets.T:
            data = lgb.Dataset(self.X, target, categorical_feature=list(categorical), params=params)
            boosters.append(lgb.Booster(params, data))
        return boosters


class _Growth:
    """Ensembles that grow ``step`` trees at a time, with the R2 on the stopping rows after every step."""

    def __init__(self, trial: _Trial, boosters: list[lgb.Booster], categorical: tuple[int, ...], step: int) -> None:
        self.trial, self.boosters, self.categorical, self.step = trial, boosters, categorical, step
        self.output = np.zeros(trial.stopping[1].shape)
        self.counts: list[int] = []
        self.scores: list[float] = []

    def to(self, trees: int, least: float = -np.inf) -> None:
        """Grow to so many trees, or until the score grows no more, or will not come to ``least``."""
        rows, targets = self.trial.stopping
        for count in range((self.counts[-1] if self.counts else 0) + self.step, trees + 1, self.step):
            if self._is_done() or self._expected(trees) < least:
                return
            for k, booster in enumerate(self.boosters):
                for _ in range(self.step):
                    if booster.update():  # no split is left
                        break
                self.output[:, k] += booster.predict(
                    rows,
                    raw_score=True,
                    start_iteration=count - self.step,
                    num_iteration=self.step,
                    num_threads=self.trial.params["num_threads"],
                )
            self.counts.append(count)
            self.scores.append(score(targets, self.output, self.trial.task))

    def _expected(self, trees: int) -> float:
        """Score at so many trees: later steps add half of what the last three did, on average."""
        looks = _PLATEAU[0]
        if len(self.scores) <= looks:
            return np.inf
        a_step = max(0.0, self.scores[-1] - self.scores[-1 - looks]) / looks
        return self.scores[-1] + a_step * (trees - self.counts[-1]) / self.step / 2

    def _is_done(self) -> bool:
        looks, gain = _PLATEAU
        if self.scores and self.trial.target is not None and self.scores[-1] >= self.trial.target:
            return True
        return len(self.scores) > looks and max(self.scores[-looks:]) < max(self.scores[:-looks]) + gain


@functools.cache
def _main_names() -> dict[str, str]:
    """Every name of a parameter -> its main name, as the installed LightGBM has them."""
    aliases = getattr(lgb.basic, "_ConfigAliases", None)
    tell = getattr(aliases, "_get_all_param_aliases", None)
    table = _USEFUL if tell is None else tell()
    return {name: _OWN_NAMES.get(main, main) for main, names in table.items() for name in (main, *names)}


def _by_main_name(size: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters under LightGBM's main names, checked."""
    known, chosen = _main_names(), {name: value for name, value in size.items() if value is not None}
    said = {name: name for name in chosen}
    for name, value in params.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "leave it out."
            raise InputError(f"`{name}` is no parameter of LightGBM; expected one of the known ones: {hint}")
        main = known[name]
        if main in said:
            raise InputError(f"Got both `{said[main]}` and `{name}`, which are one parameter; pass one of them.")
        if main in _FIXED and value is not False:
            raise InputError(f"`{name}` is {value!r}, but the surrogate sets it: {_FIXED[main]}. So leave it out.")
        if main == "boosting" and value not in ("gbdt", "gbrt"):
            raise InputError(
                f"`{name}` is {value!r}; expected 'gbdt', the boosting whose trees add up to the output. Leave it out."
            )
        said[main], chosen[main] = name, value
    return chosen


def _at_least(least: int, value: Any, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(
            f"`{name}` is {value!r}; expected a whole number of at least {least}. "
            "Leave it out and the surrogate sizes itself."
        )
    return int(value)


def _check_target(target: Any, fixed: bool) -> None:
    number = isinstance(target, (int, float)) and not isinstance(target, bool)
    if not number or not 0 < target <= 1:
        raise InputError(f"`fidelity_target` is {target!r}; expected an R2 above 0, at most 1, such as 0.95.")
    if fixed:
        raise InputError("Got both `fidelity_target` and a size; leave out one of them: the target finds a size.")
