"""The importance accessors of `Explanation`, named as in interpret-community, and the ranks they give.

Ties keep the order of the columns, NaN comes last.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain.exceptions import InputError, MissingPartError
from automl_explain.explanation._fields import ExplanationFields
from automl_explain.explanation._residuals import differences, stated_bound
from automl_explain.explanation._values import MirroredValues, row_sums
from automl_explain.feature_map import FeatureName

BY = ("signed", "magnitude")


def check_top_k(top_k: Any, argument: str = "top_k") -> int | None:
    """How many to list, or None for all.

    Raises
    ------
    InputError
        If it is negative or not a whole number.
    """
    if top_k is None:
        return None
    if isinstance(top_k, (bool, np.bool_)) or not isinstance(top_k, (int, np.integer)) or top_k < 0:
        raise InputError(f"`{argument}` must be a whole number >= 0, or None for all; got {top_k!r}.")
    return int(top_k)


def check_by(by: Any) -> None:
    """Refuse an order that is not known."""
    if by not in BY:
        raise InputError(
            f"`by` must be 'signed' (largest value first) or 'magnitude' (largest |value| first); got {by!r}."
        )


def rank(values: np.ndarray, by: str = "signed") -> np.ndarray:
    """Positions of the features along the last axis, largest first, same shape as ``values``."""
    return np.argsort(-(np.abs(values) if by == "magnitude" else values), axis=-1, kind="stable")


def rank_sparse(matrix: sp.csr_matrix, by: str = "signed") -> list[list[int]]:
    """Positions of the entries other than 0 of each row, largest first; rows differ in length."""
    result = []
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        data = matrix.data[start:end]
        kept = np.flatnonzero(data != 0)
        result.append(matrix.indices[start:end][kept[rank(data[kept], by)]].tolist())
    return result


def ranked_rows(array: np.ndarray, top_k: int | None, by: str) -> tuple[list[Any], list[Any]]:
    """Ranked positions and values of an ndarray of shape (..., n_features), as nested lists."""
    order = rank(array, by)[..., slice(None, top_k)]
    return order.tolist(), np.take_along_axis(array, order, axis=-1).tolist()


def ranked_rows_sparse(matrix: sp.csr_matrix, top_k: int | None, by: str) -> tuple[list[Any], list[Any]]:
    """Ranked positions and values of the entries of each row, as lists of lists."""
    order = [row[:top_k] for row in rank_sparse(matrix, by)]
    values = []
    for i, row in enumerate(order):
        start, end = matrix.indptr[i], matrix.indptr[i + 1]
        at = np.searchsorted(matrix.indices[start:end], row)
        values.append(matrix.data[start:end][at].tolist() if row else [])
    return order, values


def names_at(positions: Any, names: Sequence[str | int]) -> Any:
    """Nested lists of positions with each position replaced by its name."""
    if isinstance(positions, list):
        return [names_at(p, names) for p in positions]
    return names[positions]


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ImportanceAccessors(ExplanationFields):
    """Local, global and per-class importance, in the shapes and orders of the Azure SDK."""

    @property
    def num_features(self) -> int:
        """Number of features."""
        return int(self._global.shape[1])

    @property
    def num_examples(self) -> int:
        """Number of rows explained."""
        assert self.n_explained_rows is not None
        return self.n_explained_rows

    @property
    def is_raw(self) -> bool:
        """Whether the features are the raw columns."""
        return self.space == "raw"

    @property
    def is_engineered(self) -> bool:
        """Whether the features are those the model sees."""
        return self.space == "engineered"

    @property
    def is_local_sparse(self) -> bool:
        """Whether the local values are sparse matrices."""
        return isinstance(self.values, tuple)

    @property
    def init_data(self) -> None:
        """None: training rows never travel with an explanation."""
        return None

    @property
    def local_importance_values(self) -> Any:
        """Contribution of each feature to the output of each row, in the output unit.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Regression.
        MirroredValues of shape (2, n_rows, n_features)
            Two classes: ``[-v, v]``, of which one half is held.
        ndarray of shape (K, n_rows, n_features)
            More classes.
        csr_matrix or list of csr_matrix of shape (n_rows, n_features)
            Sparse values: one matrix for regression, else one per class.
            All but sparse values become nested lists by ``.tolist()``, as for ``json.dumps``; `to_json` has
            everything.

        Raises
        ------
        MissingLocalValuesError
            If the explanation holds global values only.
        """
        values = self._local
        if isinstance(values, tuple):
            if self.task == "regression":
                return values[0]
            return [-values[0], values[0]] if len(values) == 1 else list(values)
        if self.task == "regression":
            return values[0]
        return MirroredValues(values[0]) if len(values) == 1 else values

    def get_local_importance_rank(self, by: str = "signed") -> list[Any]:
        """Positions of the features in each row, largest first; ties in the order of the columns.

        Parameters
        ----------
        by : {"signed", "magnitude"}, default "signed"
            Order by the value, most negative last, or by its absolute value.

        Returns
        -------
        nested list of shape (n_rows, n_features), or (K, n_rows, n_features) for classification
            Of sparse values only the entries other than 0, so that rows differ in length.
        """
        check_by(by)
        return self._each_output(lambda v: rank(v, by).tolist(), lambda v: rank_sparse(v, by))

    def get_ranked_local_names(self, top_k: int | None = None, by: str = "signed") -> list[Any]:
        """Names of the features in each row, largest first.

        Parameters
        ----------
        top_k : int or None, default None
            How many; None for all, 0 for none.
        by : {"signed", "magnitude"}, default "signed"
            See `get_local_importance_rank`.

        Returns
        -------
        nested list of shape (n_rows, top_k), or (K, n_rows, top_k) for classification
        """
        k = check_top_k(top_k)
        check_by(by)
        names = self.features
        ranked = self._each_output(lambda v: ranked_rows(v, k, by)[0], lambda v: ranked_rows_sparse(v, k, by)[0])
        return list(names_at(ranked, names))

    def get_ranked_local_values(self, top_k: int | None = None, by: str = "signed") -> list[Any]:
        """Values that go with `get_ranked_local_names`, in the output unit."""
        k = check_top_k(top_k)
        check_by(by)
        return self._each_output(lambda v: ranked_rows(v, k, by)[1], lambda v: ranked_rows_sparse(v, k, by)[1])

    @property
    def global_importance_values(self) -> np.ndarray:
        """Mean |contribution| of each feature over the rows, and over the classes where there are several.

        Returns
        -------
        ndarray of shape (n_features,)
            In the order of ``features``, in the output unit; 0 if no rows were explained.
        """
        importance: np.ndarray = self._global.mean(axis=0)
        return importance

    @property
    def global_importance_rank(self) -> list[int]:
        """Positions of the features, most important first; ties in the order of the columns."""
        positions: list[int] = rank(self.global_importance_values).tolist()
        return positions

    def get_ranked_global_names(self, top_k: int | None = None) -> list[FeatureName]:
        """Names of the features, most important first; ``top_k`` of them, or all."""
        names = self.features
        return [names[j] for j in self.global_importance_rank[slice(None, check_top_k(top_k))]]

    def get_ranked_global_values(self, top_k: int | None = None) -> list[float]:
        """Global importance values, largest first, that go with `get_ranked_global_names`."""
        values: list[float] = ranked_rows(self.global_importance_values, check_top_k(top_k), "signed")[1]
        return values

    def get_feature_importance_dict(self, top_k: int | None = None) -> dict[FeatureName, float]:
        """Global importance by name, most important first.

        Parameters
        ----------
        top_k : int or None, default None
            How many; None for all, 0 for none.

        Returns
        -------
        dict of name to float
            In the output unit.
        """
        return dict(zip(self.get_ranked_global_names(top_k), self.get_ranked_global_values(top_k), strict=True))

    @property
    def per_class_values(self) -> np.ndarray:
        """Mean |contribution| to each class, shape (n_classes, n_features).

        Raises
        ------
        MissingPartError
            For regression and for scores, which have no values per class; also an AttributeError, so that
            ``hasattr`` says no.
        """
        if self.num_classes == 0:
            kind = "A regression explanation" if self.task == "regression" else "An explanation of a score"
            raise MissingPartError(f"{kind} has no classes; use `global_importance_values`.")
        both: np.ndarray = np.concatenate([self._global, self._global])
        return both if self.num_classes == 2 else self._global

    @property
    def per_class_rank(self) -> list[list[int]]:
        """Positions of the features for each class, most important first."""
        positions: list[list[int]] = rank(self.per_class_values).tolist()
        return positions

    def get_ranked_per_class_names(self, top_k: int | None = None) -> list[list[FeatureName]]:
        """Names of the features for each class, most important first; ``top_k`` of them, or all."""
        names, k = self.features, check_top_k(top_k)
        return [[names[j] for j in row[:k]] for row in self.per_class_rank]

    def get_ranked_per_class_values(self, top_k: int | None = None) -> list[list[float]]:
        """Values that go with `get_ranked_per_class_names`."""
        values: list[list[float]] = ranked_rows(self.per_class_values, check_top_k(top_k), "signed")[1]
        return values

    @property
    def output(self) -> np.ndarray:
        """The output explained, shape (n_rows, n_outputs): expected value and all contributions, unattributed too."""
        total: np.ndarray = row_sums(self._local).T + self.base
        return total if self.unmapped is None else total + self.unmapped.T

    @property
    def model_output(self) -> np.ndarray | None:
        """The model's own output, shape (n_rows, n_outputs): `output` plus residuals; None where it was not asked."""
        return None if self.residuals is None else self.output + self.residuals.T

    @property
    def far_rows(self) -> np.ndarray:
        """Whether each row's output explained is far from the model's own, bool of shape (n_rows,).

        Far is more than ``residual_bound``: in a probability where outputs are log-odds or probabilities,
        else in the output unit. Without a stated bound it is 0.2 in a probability, or five times the mean
        error on held-out rows; False where neither is known or the model was not asked.
        """
        bound = stated_bound(self)
        if self.residuals is None or bound is None:
            return np.zeros(self.num_examples, dtype=bool)
        return differences(self, self.output, self.residuals.T) > bound

    @property
    def unmapped_values(self) -> np.ndarray:
        """Unattributed contribution: what belongs to no listed feature, shape (n_outputs, n_rows); mostly 0."""
        if self.unmapped is None:
            self._local  # noqa: B018 - refuses where there are no rows to have a share
            return np.zeros((len(self.base), self.num_examples))
        return self.unmapped

    @property
    def unmapped_importance(self) -> float:
        """Mean |unattributed contribution| over rows and outputs; 0 where every feature is mapped."""
        return 0.0 if self.unmapped_global is None else float(self.unmapped_global.mean())

    @property
    def _global(self) -> np.ndarray:
        values: np.ndarray = self.global_values
        return values

    def _each_output(self, dense: Any, sparse: Any) -> list[Any]:
        """Apply to every outward matrix; regression gives its only result bare."""
        values = self.local_importance_values
        if self.task == "regression":
            values = [values]
        results = [sparse(sp.csr_matrix(v)) if self.is_local_sparse else dense(v) for v in values]
        return list(results[0]) if self.task == "regression" else results
