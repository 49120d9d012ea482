"""RowEngine: what explains rows with all that is prepared natively, spread over threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np

from automl_explain._threads import threads_for
from automl_explain.exceptions import UnsupportedModelError
from automl_explain.treeshap import _native
from automl_explain.treeshap._columns import Columns
from automl_explain.treeshap._ensemble import TreeEnsemble
from automl_explain.treeshap._players import Players

_MOST_RANKS = np.iinfo(np.uint16).max  # what a rank has room for in the kernels
T = TypeVar("T")


class RowEngine:
    """Lets native code fill the results of whole blocks of them on several threads."""

    #: Rows of a thread at least: with fewer, another one costs more than it saves.
    _thread_rows: ClassVar[int] = 1024

    prepared: _native.Prepared | _native.Interactions
    n_features: int
    n_jobs: int | None

    def _fill(self, X: Any, result: np.ndarray, *options: Any, n_jobs: int | None = None) -> None:
        """Fill ``result``, which has a place for every row; the kernels get the options after the rows."""
        explain: Callable[..., None]
        if isinstance(X, np.ndarray):
            explain = partial(self.prepared.explain_dense, X, result)
        else:
            explain = partial(self.prepared.explain_sparse, X.data, X.indices, X.indptr, result)
        self._over_threads(X.shape[0], lambda first, last: explain(first, last, *options), n_jobs)

    def _over_threads(self, n_rows: int, call: Callable[[int, int], T], n_jobs: int | None) -> list[T]:
        """What a call gives for the rows of each thread, from first to last."""
        most = n_rows // self._thread_rows
        threads = min(most, threads_for(self.n_jobs if n_jobs is None else n_jobs)) if most > 1 else 1
        each = max(1, -(-n_rows // threads))
        spans = [(first, min(n_rows, first + each)) for first in range(0, n_rows, each)]
        if len(spans) <= 1:
            return [call(*span) for span in spans]
        from concurrent.futures import ThreadPoolExecutor  # one row needs none of it

        # The kernels let go of the interpreter's lock; a pool that ends with the call survives no fork.
        with ThreadPoolExecutor(len(spans)) as pool:
            return list(pool.map(lambda span: call(*span), spans))


def native_arguments(trees: TreeEnsemble, players: Players) -> tuple[Any, Any, Any]:
    """Trees, columns and players as native code prepares them.

    Raises
    ------
    InputError
        If the players are those of other columns.
    UnsupportedModelError
        If the trees cut one column at more places than ranks have room for.
    """
    Players.of(players, trees.n_features)  # refuses those of other columns
    columns = Columns.of(trees)
    if columns.n_ranks.max(initial=0) > _MOST_RANKS:
        raise UnsupportedModelError(
            f"The trees cut one column at {columns.n_ranks.max():,} places; at most {_MOST_RANKS:,} are supported. "
            "Fit the surrogate with a smaller `max_bin`."
        )
    return trees.native, columns.native, (players.n_targets, players.of_feature, *players.shares)
