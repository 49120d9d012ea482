"""Shapley values of trees; the only module that knows trees.

Path-dependent Shapley values (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9), exact, from tables
that are computed once per model. The data flow: a reader (`_lightgbm`, ...) makes a `TreeEnsemble`;
`_columns` turns its splits into ranks; `_engine` hands both to the extension module `_native`, which puts the
leaves into tables and looks rows up in them (``native/``: `leaves.h`, `grouping.h`, `tables.h`, `explaining.h`).
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_explain._lazy import attach, is_sparse
from automl_explain._lazy import sparse as sp
from automl_explain._threads import check_n_jobs
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._lightgbm import read_lightgbm
from automl_explain.treeshap._players import Players
from automl_explain.treeshap._validity import MAX_VALUES

if TYPE_CHECKING:
    from automl_explain.treeshap._engine import Engine
    from automl_explain.treeshap._interactions import Interactions
    from automl_explain.treeshap._readers import averages_probabilities, has_trees, read_trees

__all__ = [
    "MAX_VALUES",
    "Engine",
    "Interactions",
    "Players",
    "TreeEnsemble",
    "TreeModel",
    "averages_probabilities",
    "has_trees",
    "read_lightgbm",
    "read_trees",
    "warm_up",
]

# What reads models of other libraries is not needed by a process that explains.
__getattr__, __dir__ = attach(
    __name__,
    {
        "Engine": "._engine",
        "Interactions": "._interactions",
        "averages_probabilities": "._readers",
        "has_trees": "._readers",
        "read_trees": "._readers",
    },
)

_KEPT = 4  # choices of players whose tables are kept


class TreeModel:
    """One tree ensemble per output, read from LightGBM's text format, or any ensemble with `of`.

    The texts (or the arrays of the ensemble) are all there is: a model made from those of another gives
    the same bits.

    Parameters
    ----------
    texts : sequence of str
        LightGBM models as text, one per output, over the same columns.
    n_jobs : int or None, default None
        Threads for a call; None for the cores that the process may use then. Pickles leave it out: the process that
        loads one may use others.

    Raises
    ------
    UnsupportedModelError
        If a text is damaged, or its trees have linear models in their leaves.
    """

    def __init__(self, texts: Sequence[str], *, n_jobs: int | None = None) -> None:
        self._set(tuple(texts), TreeEnsemble.join([read_lightgbm(text) for text in texts]), n_jobs)

    @classmethod
    def of(cls, ensemble: TreeEnsemble, *, n_jobs: int | None = None) -> TreeModel:
        """Model of an ensemble that `read_trees` made, with its outputs.

        Parameters
        ----------
        ensemble : TreeEnsemble
        n_jobs : int or None, default None
            Threads for a call; None for the cores that the process may use then. Pickles leave it out: the process that
            loads one may use others.

        Raises
        ------
        UnsupportedModelError
            If the arrays hold no trees.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> trees = TreeModel.of(read_trees(DecisionTreeClassifier(max_depth=2).fit(X, y)))
        >>> trees.shapley_values(X[:5]).shape
        (3, 5, 4)
        """
        made = cls.__new__(cls)
        made._set((), ensemble, n_jobs)
        return made

    def _set(self, texts: tuple[str, ...], ensemble: TreeEnsemble, n_jobs: int | None) -> None:
        check_n_jobs(n_jobs)
        self.texts, self.ensemble, self.n_jobs = texts, ensemble, n_jobs
        self.n_features: int = ensemble.n_features
        self.n_outputs: int = ensemble.n_outputs
        self._prepared: dict[Any, Engine] = {}
        self._interactions: dict[Any, Interactions] = {}
        self._own: Engine | None = None
        self._lock = threading.Lock()
        _LIVING.add(self)

    @functools.cached_property
    def boosters(self) -> tuple[Any, ...]:
        """The texts as ``lightgbm.Booster`` objects; none for a model made with `of`."""
        import lightgbm as lgb  # explaining needs none

        return tuple(lgb.Booster(model_str=text) for text in self.texts)

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,), read-only."""
        engine = next(iter(self._prepared.values()), None) or self._engineered  # the same for all players
        return engine.expected_values

    @property
    def _engineered(self) -> Engine:
        if self._own is None:
            self._own = self.prepared()
        return self._own

    def prepared(self, players: Any = None) -> Engine:
        """Tables for one choice of players, made on first use and kept.

        Parameters
        ----------
        players : csr_matrix or FeatureMap of shape (n_raw, n_engineered), int array (n_features,) or Players
            Weights fold the values of features to raw columns; groups make all features of one number a
            single player; `Players.raw` does both. Every feature for itself where left out.
        """
        chosen = Players.of(players, self.n_features)
        key = chosen.key
        engine = self._prepared.get(key)
        if engine is not None:
            return engine
        with self._lock:  # threads that come at the same time wait for one of them
            if key not in self._prepared:
                from automl_explain.treeshap._engine import Engine

                engine = Engine(self.ensemble, chosen, n_jobs=self.n_jobs)
                self._prepared = dict([*self._prepared.items(), (key, engine)][-_KEPT:])
            return self._prepared[key]

    def predict_output(self, X: Any) -> np.ndarray:
        """Margins of shape (n_rows, n_outputs) for rows of shape (n_rows, n_features)."""
        return self.ensemble.predict(X)

    def shapley_values(
        self, X: Any, players: Any = None, *, n_jobs: int | None = None
    ) -> np.ndarray | tuple[sp.csr_matrix, ...]:
        """Contributions of every column (or raw column, or group) to every output.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64 or float32
        players : optional
            See `prepared`.
        n_jobs : int or None, default None
            Threads of this call; those of the model where left out.

        Returns
        -------
        ndarray of shape (n_outputs, n_rows, n_features), or tuple of n_outputs csr_matrix
            In the unit of the margins. Without ``players`` sparse rows give sparse values; with them
            values are dense, of shape (n_outputs, n_rows, n_raw or n_groups). What features without a
            raw parent contribute is left out: `Engine.values_and_remainder` gives it.

        Raises
        ------
        InputError
            If the rows have another number of columns, or ``n_jobs`` is no whole number.
        """
        if n_jobs is not None or self.n_jobs is not None:
            n_jobs = self.threads(n_jobs)
        if players is None:
            engine = self._own or self._engineered
            sparse = type(X) is not np.ndarray and is_sparse(X)
            return engine.sparse_values(X, n_jobs) if sparse else engine.values(X, n_jobs)
        return self.prepared(players).values(X, n_jobs)

    def threads(self, n_jobs: int | None) -> int | None:
        """The ``n_jobs`` of a call, checked; that of the model where it is None."""
        if n_jobs is None:
            return self.n_jobs
        check_n_jobs(n_jobs)
        return n_jobs

    def interactions(self, players: Any = None) -> Interactions:
        """What gives interaction values for one choice of players, made on first use and kept; see `Interactions`.

        Parameters
        ----------
        players : optional
            See `prepared`. Weights W fold the matrix M of a row to W M W^T; groups have interactions of their own.
        """
        chosen = Players.of(players, self.n_features)
        key = chosen.key
        with self._lock:
            if key not in self._interactions:
                from automl_explain.treeshap._interactions import Interactions

                made = Interactions(self.ensemble, chosen, n_jobs=self.n_jobs)
                self._interactions = dict([*self._interactions.items(), (key, made)][-_KEPT:])
            return self._interactions[key]

    def interaction_values(self, X: Any, players: Any = None, n_jobs: int | None = None) -> np.ndarray:
        """Exact pairwise interaction values of the columns (or raw columns, or groups), in the unit of the margins.

        Parameters
        ----------
        X : ndarray or csr_matrix of shape (n_rows, n_features), float64 or float32
        players : optional
            See `interactions`.
        n_jobs : int or None, default None
            Threads of this call; those of the model where left out.

        Returns
        -------
        ndarray of shape (n_outputs, n_rows, n_targets, n_targets)
            Symmetric. Off the diagonal half of the Shapley interaction index of a pair, on it the main effect: what
            the others leave of the Shapley value. All entries of a row add up to its output minus the expected value,
            apart from what features without a raw parent contribute, which `Interactions.values_and_remainder` gives.

        See Also
        --------
        interaction_blocks : The same, block by block.
        mean_absolute_interactions : Their mean magnitudes alone.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> trees = TreeModel.of(read_trees(DecisionTreeClassifier(max_depth=3).fit(X, y)))
        >>> values = trees.interaction_values(X[:5])
        >>> values.shape, bool(np.allclose(values.sum(axis=3), trees.shapley_values(X[:5])))
        ((3, 5, 4, 4), True)
        """
        return self.interactions(players).values(X, n_jobs=self.threads(n_jobs))

    def interaction_blocks(
        self, X: Any, players: Any = None, *, max_bytes: int = 2**26, n_jobs: int | None = None
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """`interaction_values` of one block of rows after the other: which rows, and their values.

        Parameters
        ----------
        X, players, n_jobs
            As of `interaction_values`.
        max_bytes : int, default 64 MiB
            Largest size of a block; one row where a row is larger.
        """
        blocks = self.interactions(players).blocks(X, max_bytes=max_bytes, n_jobs=self.threads(n_jobs))
        return ((rows, values) for rows, values, _ in blocks)

    def mean_absolute_interactions(self, X: Any, players: Any = None, n_jobs: int | None = None) -> np.ndarray:
        """Mean magnitudes of `interaction_values` over the rows, shape (n_outputs, n_targets, n_targets).

        The values of all rows are never held at once.

        Parameters
        ----------
        X, players, n_jobs
            As of `interaction_values`.
        """
        return self.interactions(players).mean_absolute(X, n_jobs=self.threads(n_jobs))[0]

    def __getstate__(self) -> dict[str, Any]:
        # Tables are larger than the trees they come from, and texts hold the trees.
        return {"texts": self.texts, "ensemble": None if self.texts else self.ensemble}

    def __setstate__(self, state: dict[str, Any]) -> None:
        ensemble = state.get("ensemble") or TreeEnsemble.join([read_lightgbm(text) for text in state["texts"]])
        self._set(state["texts"], ensemble, None)


_LIVING: weakref.WeakSet[TreeModel] = weakref.WeakSet()


def _unlock_all() -> None:
    """The thread that held a lock was left behind in the parent."""
    for model in list(_LIVING):
        model._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_all)


def warm_up() -> None:
    """Load the compiled engine. Nothing is compiled at run time, so there is no need to call it.

    Earlier versions compiled their kernels when they were first used.
    """
    from automl_explain.treeshap._engine import Engine as _  # noqa: F401
