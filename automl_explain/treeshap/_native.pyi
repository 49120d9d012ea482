"""The compiled part of the engine; sources in ``native/``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

def level() -> str:
    """The processor level whose kernels are in use."""

def levels() -> tuple[str, ...]:
    """The processor levels that this machine can run, the least first."""

class Prepared:
    """Tables of an ensemble for one choice of players, and all else that explaining rows needs."""

    expected_values: bytes
    targets: bytes
    nbytes: int
    block: int
    leaves: int
    leaves_in_tables: int
    leaves_in_factors: int
    factors: int
    look_ups: int
    bundles: int
    comparisons: int
    def explain_row(self, X: np.ndarray, result: np.ndarray, /) -> None: ...
    def explain_dense(self, X: np.ndarray, result: np.ndarray, first: int, last: int, /) -> None: ...
    def explain_sparse(
        self,
        data: np.ndarray,
        indices: np.ndarray,
        indptr: np.ndarray,
        result: np.ndarray,
        first: int,
        last: int,
        /,
    ) -> None: ...
    def explain_to_csr(
        self,
        data: np.ndarray,
        indices: np.ndarray,
        indptr: np.ndarray,
        values: np.ndarray,
        columns: np.ndarray,
        row_ptr: np.ndarray,
        n_kept: int,
        first: int,
        last: int,
        /,
    ) -> None: ...

class Interactions:
    """What interaction values of an ensemble need, for one choice of players."""

    entries: bytes
    block: int
    nbytes: int
    def explain_dense(self, X: np.ndarray, result: np.ndarray, first: int, last: int, compact: bool, /) -> None: ...
    def explain_sparse(
        self,
        data: np.ndarray,
        indices: np.ndarray,
        indptr: np.ndarray,
        result: np.ndarray,
        first: int,
        last: int,
        compact: bool,
        /,
    ) -> None: ...

def prepare_interactions(
    trees: Sequence[Any], columns: Sequence[Any], players: Sequence[Any], /
) -> Interactions | None: ...
def prepare(trees: Sequence[Any], columns: Sequence[Any], players: Sequence[Any], max_bytes: int, /) -> Prepared: ...
def predict_dense(trees: Sequence[Any], X: np.ndarray, margins: np.ndarray, /) -> None: ...
def predict_sparse(
    trees: Sequence[Any], data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, margins: np.ndarray, /
) -> None: ...
